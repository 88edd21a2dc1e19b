//! A proxy between userd and Redis that understands single commands, and can cut, hold or repeat them.
//!
//! It forwards one request at a time and waits for the answer, so that "before the third step" and "after the third
//! step ran, before its answer arrived" are exact moments.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use userd_store_redis::RedisSettings;

use super::redis_settings;

/// What the proxy does with a step of the protocol.
#[derive(Clone)]
pub enum ProxyAction {
    /// Forwards it.
    Forward,
    /// Never reaches the server; the connection is cut.
    CutBefore,
    /// Runs on the server, but its answer is lost with the connection.
    CutAfter,
    /// Never reaches the server, and the sender waits forever; notifies on arrival.
    StopBefore(Arc<Notify>),
    /// Runs on the server, and the sender waits forever; notifies once it has run.
    StopAfter(Arc<Notify>),
    /// Notifies on arrival (the first), and waits for the second.
    Hold(Arc<Notify>, Arc<Notify>),
    /// Reaches the server twice; the second answer is dropped.
    Twice,
    /// Is forwarded, and reaches the server a second time after this delay.
    Again(Duration),
    /// The connection is cut, and the step reaches the server after this delay.
    Late(Duration),
}

/// A running proxy. It counts `EVALSHA` and `EVAL`, the steps of the protocol; everything else is forwarded.
pub struct FaultProxy {
    port: u16,
    steps: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl FaultProxy {
    /// A proxy to the server at `port`; `action` decides about the n-th step, counted from 0.
    pub async fn start(port: u16, action: impl Fn(usize) -> ProxyAction + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let own_port = listener.local_addr().expect("its address").port();
        let (action, steps) = (Arc::new(action), Arc::new(AtomicUsize::new(0)));
        let counter = Arc::clone(&steps);
        #[expect(clippy::disallowed_methods, reason = "the handle is kept and aborted when the proxy is dropped")]
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            let delayed = Arc::new(DelayedRequests { port, tasks: Mutex::new(JoinSet::new()) });
            while let Ok((client, _)) = listener.accept().await {
                let (action, counter, delayed) = (Arc::clone(&action), Arc::clone(&counter), Arc::clone(&delayed));
                connections.spawn(async move {
                    let server = TcpStream::connect(("127.0.0.1", port)).await?;
                    relay(client, server, &*action, &counter, &delayed).await
                });
            }
        });
        Self { port: own_port, steps, task }
    }

    /// Settings that reach the server through this proxy.
    pub fn settings(&self) -> RedisSettings {
        redis_settings::at(self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many steps have arrived.
    pub fn steps(&self) -> usize {
        self.steps.load(Ordering::SeqCst)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Requests that are delivered late. Each has its own connection, and its answer is dropped.
struct DelayedRequests {
    port: u16,
    tasks: Mutex<JoinSet<std::io::Result<()>>>,
}

impl DelayedRequests {
    fn deliver_after(&self, request: Vec<u8>, after: Duration) {
        let port = self.port;
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            tokio::time::sleep(after).await;
            let (read, mut write) = TcpStream::connect(("127.0.0.1", port)).await?.into_split();
            round_trip(&mut write, &mut BufReader::new(read), &request).await.map(drop)
        });
    }
}

async fn relay(
    client: TcpStream,
    server: TcpStream,
    action: &(dyn Fn(usize) -> ProxyAction + Send + Sync),
    steps: &AtomicUsize,
    delayed: &DelayedRequests,
) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (client_read, mut client_write) = client.into_split();
    let (server_read, mut server_write) = server.into_split();
    let (mut from_client, mut from_server) = (BufReader::new(client_read), BufReader::new(server_read));
    loop {
        let request = read_frame(&mut from_client).await?;
        let is_step = request.windows(7).take(32).any(|part| part.eq_ignore_ascii_case(b"EVALSHA"));
        let action_here = if is_step { action(steps.fetch_add(1, Ordering::SeqCst)) } else { ProxyAction::Forward };
        match action_here {
            ProxyAction::Forward => {}
            ProxyAction::CutBefore => return Ok(()),
            ProxyAction::CutAfter => return round_trip(&mut server_write, &mut from_server, &request).await.map(drop),
            ProxyAction::StopBefore(arrived) => {
                arrived.notify_one();
                std::future::pending::<()>().await;
            }
            ProxyAction::StopAfter(arrived) => {
                round_trip(&mut server_write, &mut from_server, &request).await?;
                arrived.notify_one();
                std::future::pending::<()>().await;
            }
            ProxyAction::Hold(arrived, go_on) => {
                arrived.notify_one();
                go_on.notified().await;
            }
            ProxyAction::Twice => {
                let first = round_trip(&mut server_write, &mut from_server, &request).await?;
                round_trip(&mut server_write, &mut from_server, &request).await?;
                client_write.write_all(&first).await?;
                continue;
            }
            ProxyAction::Again(after) => delayed.deliver_after(request.clone(), after),
            ProxyAction::Late(after) => {
                delayed.deliver_after(request, after);
                return Ok(());
            }
        }
        let answer = round_trip(&mut server_write, &mut from_server, &request).await?;
        client_write.write_all(&answer).await?;
    }
}

/// Sends a request and waits for its answer.
pub(super) async fn round_trip(
    to: &mut OwnedWriteHalf,
    from: &mut BufReader<OwnedReadHalf>,
    request: &[u8],
) -> std::io::Result<Vec<u8>> {
    to.write_all(request).await?;
    read_frame(from).await
}

/// Reads one value of the Redis protocol (RESP2), whole.
pub(super) async fn read_frame(from: &mut BufReader<OwnedReadHalf>) -> std::io::Result<Vec<u8>> {
    let mut whole = Vec::new();
    let mut wanted = 1_i64;
    while wanted > 0 {
        wanted -= 1;
        let start = whole.len();
        if from.read_until(b'\n', &mut whole).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let number = || {
            std::str::from_utf8(&whole[start + 1..])
                .ok()
                .and_then(|text| text.trim_end().parse::<i64>().ok())
                .unwrap_or(-1)
        };
        match whole[start] {
            b'*' => wanted += number().max(0),
            b'$' => {
                let length = number();
                if length >= 0 {
                    let body = whole.len();
                    whole.resize(body + usize::try_from(length).unwrap_or(0) + 2, 0);
                    from.read_exact(&mut whole[body..]).await?;
                }
            }
            _ => {}
        }
    }
    Ok(whole)
}
