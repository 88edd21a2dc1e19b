//! Continuous sign-ups from several keep-alive clients, with their outcomes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::http_client::{HANGS_AFTER, HttpConnection, HttpResponse, ResponseError, get, sign_up};

/// The pause of a rejected client: `Retry-After` says a second, which a test does not wait.
const AFTER_REFUSAL: Duration = Duration::from_millis(10);

/// The outcomes so far.
#[derive(Debug, Clone, Default)]
pub struct LoadTally {
    /// E-mail address and id of every sign-up that was answered 200.
    pub acknowledged: Vec<(String, String)>,
    /// The number of answers by status.
    pub statuses: BTreeMap<u16, usize>,
    /// E-mail addresses whose sign-up was sent, where the connection ended before the first byte of an answer.
    pub unanswered: Vec<String>,
    /// The beginnings of truncated answers.
    pub cut: Vec<String>,
    /// Unexpected answers: 5xx without `Retry-After`, and statuses that a sign-up never has.
    pub wrong: Vec<String>,
}

impl LoadTally {
    /// How many sign-ups were rejected with 503.
    pub fn refused(&self) -> usize {
        self.statuses.get(&503).copied().unwrap_or_default()
    }

    /// Every answer was 200, 409 or a 503 with `Retry-After`, and none was truncated.
    pub fn assert_only_expected_responses(&self) {
        assert_eq!(self.wrong, Vec::<String>::new(), "{:?}", self.statuses);
        assert_eq!(self.cut, Vec::<String>::new(), "{:?}", self.statuses);
    }

    fn note(&mut self, email: &str, answer: &HttpResponse) {
        *self.statuses.entry(answer.status).or_default() += 1;
        match answer.status {
            200 => self.acknowledged.push((email.to_owned(), answer.id())),
            409 => {}
            _ if answer.is_retryable_503() => {}
            _ => self.wrong.push(format!("{answer:?}")),
        }
    }
}

/// Running clients. They stop when this is dropped.
pub struct LoadGenerator {
    tally: Arc<watch::Sender<LoadTally>>,
    stop: Arc<AtomicBool>,
    clients: JoinSet<()>,
}

impl LoadGenerator {
    /// Starts `clients` clients that sign up `<mark>-<client>-<n>@example.org` at `address`, one after another. A
    /// client whose connection breaks opens another; it ends when the server is gone.
    pub fn start(address: SocketAddr, clients: usize, mark: &str) -> Self {
        let (tally, stop) = (Arc::new(watch::Sender::new(LoadTally::default())), Arc::new(AtomicBool::new(false)));
        let mut tasks = JoinSet::new();
        for client in 0..clients {
            let mark = format!("{mark}-{client}");
            tasks.spawn(sign_ups(address, mark, Arc::clone(&tally), Arc::clone(&stop)));
        }
        Self { tally, stop, clients: tasks }
    }

    /// The tally now.
    pub fn now(&self) -> LoadTally {
        self.tally.borrow().clone()
    }

    /// Waits until the tally fulfils the condition.
    pub async fn until(&self, what: &str, enough: impl Fn(&LoadTally) -> bool) {
        let mut seen = self.tally.subscribe();
        let reached = tokio::time::timeout(HANGS_AFTER, seen.wait_for(enough)).await.is_ok();
        assert!(reached, "never {what}: {:?}", self.now().statuses);
    }

    /// Waits until this many more sign-ups are acknowledged.
    pub async fn wait_until_more_acknowledged(&self, more: usize) {
        let enough = self.now().acknowledged.len() + more;
        self.until("acknowledged", |tally| tally.acknowledged.len() >= enough).await;
    }

    /// Waits until this many more sign-ups are rejected.
    pub async fn wait_until_more_refused(&self, more: usize) {
        let enough = self.now().refused() + more;
        self.until("refused", |tally| tally.refused() >= enough).await;
    }

    /// Lets every client finish its request.
    pub async fn stop(mut self) -> LoadTally {
        self.stop.store(true, Ordering::Relaxed);
        self.join_clients().await
    }

    /// Waits until the server is gone and the last client has given up.
    pub async fn wait_until_server_is_gone(mut self) -> LoadTally {
        self.join_clients().await
    }

    async fn join_clients(&mut self) -> LoadTally {
        let clients = std::mem::take(&mut self.clients);
        tokio::time::timeout(HANGS_AFTER, clients.join_all()).await.expect("no client hangs");
        self.now()
    }
}

async fn sign_ups(address: SocketAddr, mark: String, tally: Arc<watch::Sender<LoadTally>>, stop: Arc<AtomicBool>) {
    let mut number = 0;
    'connections: while let Ok(mut connection) = HttpConnection::open(address).await {
        loop {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let email = format!("{mark}-{number}@example.org");
            number += 1;
            match connection.fetch(&sign_up(&email)).await {
                Ok(answer) => {
                    tally.send_modify(|tally| tally.note(&email, &answer));
                    if answer.status == 503 {
                        tokio::time::sleep(AFTER_REFUSAL).await;
                    }
                    if answer.header("Connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
                        continue 'connections;
                    }
                }
                Err(broken) => {
                    tally.send_modify(|tally| match broken {
                        ResponseError::NoResponse => tally.unanswered.push(email),
                        ResponseError::TruncatedResponse(raw) => {
                            tally.cut.push(String::from_utf8_lossy(&raw).into_owned());
                        }
                    });
                    continue 'connections;
                }
            }
        }
    }
}

/// Every acknowledged user is found by id and by e-mail address, with the same answer.
pub async fn assert_all_present(address: SocketAddr, acknowledged: &[(String, String)]) {
    let mut connection = HttpConnection::to(address).await;
    for (email, id) in acknowledged {
        let by_id = connection.fetch(&get(&format!("/api/users/{id}"))).await.expect("an answer");
        assert_eq!(by_id.status, 200, "{email} was acknowledged: {}", by_id.text());
        let by_email = connection.fetch(&get(&format!("/api/users/{email}"))).await.expect("an answer");
        assert_eq!(by_email.text(), by_id.text(), "{email}");
        assert_eq!(by_id.json()["email"], email.as_str());
    }
}

/// Users without an answer are stored completely or not at all; returns how many are stored.
pub async fn count_complete(address: SocketAddr, emails: &[String]) -> usize {
    let mut connection = HttpConnection::to(address).await;
    let mut there = 0;
    for email in emails {
        let by_email = connection.fetch(&get(&format!("/api/users/{email}"))).await.expect("an answer");
        if by_email.status == 200 {
            let path = format!("/api/users/{}", by_email.id());
            let by_id = connection.fetch(&get(&path)).await.expect("an answer");
            assert_eq!(by_id.text(), by_email.text(), "{email}");
            there += 1;
        } else {
            assert_eq!(by_email.status, 404, "{email}: {}", by_email.text());
        }
    }
    there
}

/// The number of users that the server counts.
pub async fn users_count(address: SocketAddr) -> usize {
    let count = super::http_client::fetch(address, &get("/api/users")).await.json();
    count[0].as_u64().and_then(|count| usize::try_from(count).ok()).expect("a number")
}
