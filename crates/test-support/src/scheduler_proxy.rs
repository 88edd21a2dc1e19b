//! A proxy in front of one store that holds every step of its calls until the test decides its fate.
//!
//! A step is a message about accounts: a script of the protocol, or a plain read of a claim or a record. What a store
//! sends while it connects is forwarded to the server. The proxy never forwards a step itself: it hands the step out,
//! and returns the answer that it gets.

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use super::fault_proxy::{read_frame, round_trip};

/// The server's time as clients of this proxy see it: far in the future, so that no message of a long search is late.
const FAR_AHEAD: &[u8] = b"*2\r\n$10\r\n4102444800\r\n$1\r\n0\r\n";

/// A step that waits.
pub struct HeldStep {
    /// The message, as it is on the wire.
    pub request: Vec<u8>,
    reply: oneshot::Sender<Vec<u8>>,
}

impl HeldStep {
    /// Returns this answer to the store.
    pub fn answer(self, answer: Vec<u8>) {
        let _ = self.reply.send(answer);
    }

    /// Cuts the connection: the store never learns the outcome of the step.
    pub fn cut(self) {
        drop(self.reply);
    }
}

/// See the module's documentation.
pub struct SchedulerProxy {
    port: u16,
    steps: mpsc::UnboundedReceiver<HeldStep>,
    task: JoinHandle<()>,
}

impl SchedulerProxy {
    /// A proxy to the server at `port`.
    pub async fn in_front_of(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let own_port = listener.local_addr().expect("its address").port();
        let (arrived, steps) = mpsc::unbounded_channel();
        #[expect(clippy::disallowed_methods, reason = "the handle is kept and aborted when the proxy is dropped")]
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(relay(client, port, arrived.clone()));
            }
        });
        Self { port: own_port, steps, task }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The next step that arrives.
    pub async fn next(&mut self) -> HeldStep {
        self.steps.recv().await.expect("the proxy runs")
    }
}

impl Drop for SchedulerProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay(client: TcpStream, port: u16, steps: mpsc::UnboundedSender<HeldStep>) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", port)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (client_read, mut client_write) = client.into_split();
    let (server_read, mut server_write) = server.into_split();
    let (mut from_client, mut from_server) = (BufReader::new(client_read), BufReader::new(server_read));
    loop {
        let request = read_frame(&mut from_client).await?;
        let answer = if is_step(&request) {
            let (reply, reply_received) = oneshot::channel();
            let _ = steps.send(HeldStep { request, reply });
            let Ok(answer) = reply_received.await else { return Ok(()) };
            answer
        } else if message_words(&request).nth(1) == Some(b"TIME") {
            FAR_AHEAD.to_vec()
        } else {
            round_trip(&mut server_write, &mut from_server, &request).await?
        };
        client_write.write_all(&answer).await?;
    }
}

fn is_step(request: &[u8]) -> bool {
    let about = |part: &[u8]| request.windows(part.len()).any(|found| found == part);
    is_script(request) || is_read(request) && (about(b":user:") || about(b":claim:"))
}

/// Whether the message is a script of the protocol; connecting runs other scripts.
pub fn is_script(request: &[u8]) -> bool {
    let mut message_words = message_words(request);
    let about = |key: &[u8]| {
        [&b":user:"[..], b":claim:", b":sessions:"].iter().any(|part| key.windows(part.len()).any(|at| at == *part))
    };
    matches!(message_words.nth(1), Some(b"EVALSHA" | b"EVAL")) && message_words.nth(5).is_some_and(about)
}

fn is_read(request: &[u8]) -> bool {
    matches!(message_words(request).nth(1), Some(b"GET" | b"HMGET"))
}

/// The words of a message, without the lengths between them.
pub fn message_words(request: &[u8]) -> impl Iterator<Item = &[u8]> {
    request.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)).skip(1)
}
