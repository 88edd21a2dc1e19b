//! The server on a real socket: what Rocket's local client does not cover.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rocket::{get, routes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use userd_http::{HttpLimits, HttpSettings, ServeError, rocket, serve_until};

use super::{services, settings};
use userd_store::memory::MemoryStore;

/// A call that takes longer hangs. Shorter than the grace period for requests in flight.
const HANGS_AFTER: Duration = Duration::from_secs(20);

/// A service on a free port, until it is stopped.
struct RunningServer {
    address: SocketAddr,
    stop: Arc<Notify>,
    abort: Arc<Notify>,
    ended: tokio::task::JoinHandle<Result<(), ServeError>>,
}

/// Signals between a test and a slow handler.
#[derive(Default)]
struct SlowHandler {
    /// The handler has started.
    arrived: Notify,
    /// The handler may return.
    go_on: Notify,
}

/// Signals that it has started, and waits until the test lets it return.
#[get("/slow")]
async fn slow_handler(slow_handler: &rocket::State<Arc<SlowHandler>>) -> &'static str {
    slow_handler.arrived.notify_one();
    slow_handler.go_on.notified().await;
    "slow but done"
}

impl RunningServer {
    /// Sends a request that does not end by itself, and returns once its handler has started.
    async fn start_slow_request(&self, slow_handler: &SlowHandler) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("it listens");
        stream.write_all(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("it reads");
        tokio::time::timeout(HANGS_AFTER, slow_handler.arrived.notified()).await.expect("the handler begins");
        stream
    }

    /// The server's result; it must not take the whole grace period.
    async fn ended(self) -> Result<(), ServeError> {
        tokio::time::timeout(HANGS_AFTER, self.ended).await.expect("it ends").expect("no panic")
    }
}

async fn serve(settings: HttpSettings, slow_request: Arc<SlowHandler>) -> RunningServer {
    let (sender, receiver) = oneshot::channel();
    let sender = Mutex::new(Some(sender));
    let on_listening = Arc::new(move |address| {
        let sender = sender.lock().expect("not poisoned").take().expect("called once");
        sender.send(address).expect("the receiver exists");
    });
    let settings = HttpSettings { on_listening: Some(on_listening), ..settings };
    let rocket = rocket(&settings, services(Arc::new(MemoryStore::default())))
        .manage(slow_request)
        .mount("/", routes![slow_handler]);
    let (stop, abort) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (stopped, aborted) = (Arc::clone(&stop), Arc::clone(&abort));
    #[expect(clippy::disallowed_methods, reason = "its handle is kept and awaited")]
    let ended = tokio::spawn(async move {
        serve_until(rocket, async move { stopped.notified().await }, async move { aborted.notified().await }).await
    });
    RunningServer { address: receiver.await.expect("it listens"), stop, abort, ended }
}

/// Sends `request` and reads until the other end closes.
async fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(request).await.expect("it reads");
    read_to_end(stream).await
}

async fn read_to_end(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(HANGS_AFTER, stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the connection stays open: {}", String::from_utf8_lossy(&answer));
    String::from_utf8_lossy(&answer).into_owned()
}

async fn until_answered(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("it reads");
    let mut buffer = [0; 1024];
    assert!(stream.read(&mut buffer).await.expect("it answers") > 0);
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_under_way_is_finished_and_idle_connections_do_not_hold_the_exit() {
    let slow_handler = Arc::new(SlowHandler::default());
    let served = serve(settings(), Arc::clone(&slow_handler)).await;
    let idle = until_answered(served.address).await;
    let mut stalled = TcpStream::connect(served.address).await.expect("it listens");
    stalled.write_all(b"GET /ping HT").await.expect("it reads");
    let silent = TcpStream::connect(served.address).await.expect("it listens");
    let under_way = served.start_slow_request(&slow_handler).await;
    served.stop.notify_one();
    while !is_refused(served.address).await {}
    slow_handler.go_on.notify_one();
    let answer = read_to_end(under_way).await;
    assert!(answer.ends_with("slow but done"), "{answer}");
    served.ended().await.expect("a clean end");
    drop((idle, stalled, silent));
}

/// A connection that was only in the backlog is closed without an answer.
async fn is_refused(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address).await else { return true };
    let _ = stream.write_all(b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let mut buffer = [0; 16];
    !matches!(tokio::time::timeout(Duration::from_millis(300), stream.read(&mut buffer)).await, Ok(Ok(1..)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_never_ends_is_cut_off_after_the_grace() {
    let settings = HttpSettings { shutdown_grace: Duration::from_millis(300), ..settings() };
    let slow_handler = Arc::new(SlowHandler::default());
    let served = serve(settings, Arc::clone(&slow_handler)).await;
    let _under_way = served.start_slow_request(&slow_handler).await;
    served.stop.notify_one();
    served.ended().await.expect("a clean end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_at_once_and_says_what_it_cut() {
    let slow_handler = Arc::new(SlowHandler::default());
    let served = serve(settings(), Arc::clone(&slow_handler)).await;
    let _under_way = served.start_slow_request(&slow_handler).await;
    served.stop.notify_one();
    served.abort.notify_one();
    let error = served.ended().await.expect_err("it was forced");
    assert_eq!(error.to_string(), "stopped at once by a second signal; 1 requests were cut off");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listen_address_in_use_is_an_error_with_a_reason() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it has an address");
    let settings = HttpSettings { listen: address, ..settings() };
    let rocket = rocket(&settings, services(Arc::new(MemoryStore::default())));
    let error = serve_until(rocket, pending(), pending()).await.expect_err("the port is taken");
    assert!(error.to_string().starts_with(&format!("can't listen on {address}: address already in use")), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_method_that_rocket_does_not_know_is_a_problem_with_all_headers() {
    let served = serve(settings(), Arc::default()).await;
    let answer = exchange(served.address, b"BREW /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    for part in
        ["urn:userd:problem:method-not-allowed", "X-Request-Id: ", "X-Content-Type-Options: nosniff", "no-store"]
    {
        assert!(answer.to_lowercase().contains(&part.to_lowercase()), "{part}: {answer}");
    }
    assert!(!answer.to_lowercase().contains("\r\nserver:"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_does_not_come_is_waited_for_no_longer_than_set() {
    let limits = HttpLimits { body_timeout: Duration::from_millis(100), ..settings().limits };
    let settings = HttpSettings { limits, ..settings() };
    let served = serve(settings, Arc::default()).await;
    let head =
        "POST /api/users HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n";
    let answer = exchange(served.address, format!("{head}{{\"name\": \"some name\"").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("body-timeout"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_without_end_is_refused_while_it_comes() {
    let served = serve(settings(), Arc::default()).await;
    let mut stream = TcpStream::connect(served.address).await.expect("it listens");
    let head = "POST /api/users HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("it reads");
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    for _ in 0..5 {
        stream.write_all(chunk.as_bytes()).await.expect("it reads");
    }
    let mut answer = [0; 1024];
    let length = stream.read(&mut answer).await.expect("it answers");
    let answer = String::from_utf8_lossy(&answer[..length]);
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

/// The only test here that sends signals, because all tests of the binary may share this process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_ends_it_cleanly() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let on_listening = Arc::new(move |address| sender.send(address).expect("the test waits for it"));
    let settings = HttpSettings { on_listening: Some(on_listening), ..settings() };
    let rocket = rocket(&settings, services(Arc::new(MemoryStore::default())));
    let terminate = async {
        let address =
            tokio::task::spawn_blocking(move || receiver.recv()).await.expect("no panic").expect("it listens");
        let answered = until_answered(address).await;
        let pid = std::process::id().to_string();
        let sent = std::process::Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.is_ok_and(|status| status.success()));
        answered
    };
    let (outcome, _connection) = tokio::join!(userd_http::serve(rocket), terminate);
    outcome.expect("a clean end");
}
