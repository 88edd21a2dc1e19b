//! The clients of a storm: each makes one call after another, at any userd, and records the outcomes.
//!
//! A client does not wait long. A call without an answer by then continues in the background, and its answer is
//! recorded when it comes: only then is it known that the call can have no further effect.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use userd_core::random::SeededRandom;

use super::fleet::FleetAddresses;
use super::known_accounts::{KnownAccounts, sign_up_name};
use super::wire;
use crate::http_client::HttpConnection;
use crate::linearizability::recorder::HistoryRecorder;
use crate::linearizability::{CallOutcome, HistoryCall};
use crate::random_numbers::{random_below, random_index};

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_millis(1500);

/// The longest pause between two calls of one client, in milliseconds; sixteen clients then leave the machine time for
/// other work.
const PAUSE_MS_MAX: u64 = 8;

/// The pause of a rejected client.
const AFTER_REFUSAL: Duration = Duration::from_millis(20);

/// What the clients share.
pub struct ChaosContext {
    pub recorder: HistoryRecorder,
    pub known: Mutex<KnownAccounts>,
    pub addresses: Arc<FleetAddresses>,
    /// The e-mail addresses that all clients contend for.
    pub emails: Vec<String>,
    pub stop: AtomicBool,
    /// Answers that must not occur.
    pub wrong: Mutex<Vec<String>>,
    /// The number of 503s.
    pub refused: AtomicUsize,
    /// Connections that ended before an answer.
    pub broken: AtomicUsize,
    numbers: AtomicU64,
}

impl ChaosContext {
    pub(crate) fn new(addresses: Arc<FleetAddresses>, emails: Vec<String>) -> Self {
        Self {
            recorder: HistoryRecorder::start(),
            known: Mutex::default(),
            addresses,
            emails,
            stop: AtomicBool::new(false),
            wrong: Mutex::default(),
            refused: AtomicUsize::new(0),
            broken: AtomicUsize::new(0),
            numbers: AtomicU64::new(1),
        }
    }

    /// A number that is given once.
    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn known<T>(&self, look: impl FnOnce(&KnownAccounts) -> T) -> T {
        look(&self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes one call on the connection, and records and learns the outcome. `None`: the connection can't be used
    /// again.
    pub(crate) async fn fetch(
        &self,
        client: usize,
        mut connection: HttpConnection,
        call: HistoryCall,
    ) -> (CallOutcome, Option<HttpConnection>) {
        let called = self.recorder.now();
        let answer = connection.fetch(&wire::request(&call)).await;
        let (outcome, connection) = match answer {
            Err(_) => {
                self.broken.fetch_add(1, Ordering::Relaxed);
                (CallOutcome::Unknown, None)
            }
            Ok(answer) => {
                let goes_on = answer.header("Connection").is_none_or(|value| !value.eq_ignore_ascii_case("close"));
                let outcome = wire::outcome(&call, &answer).unwrap_or_else(|wrong| {
                    self.wrong.lock().unwrap_or_else(PoisonError::into_inner).push(wrong);
                    CallOutcome::Unknown
                });
                if answer.status == 503 {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                }
                (outcome, goes_on.then_some(connection))
            }
        };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).learn(&call, &outcome);
        self.recorder.note(client, call, called, outcome.clone());
        (outcome, connection)
    }
}

/// How long the same e-mail addresses are contended for, in seconds.
const TURN_S: u64 = 30;

/// A client's connection to one userd.
#[derive(Default)]
struct MemberConnection {
    idle: Option<(SocketAddr, HttpConnection)>,
    /// A call that the client no longer waits for.
    waiting: Option<JoinHandle<(CallOutcome, Option<HttpConnection>)>>,
}

/// One client.
pub(crate) struct ChaosClient {
    number: usize,
    shared: Arc<ChaosContext>,
    random: SeededRandom,
    connections: Vec<MemberConnection>,
}

impl ChaosClient {
    pub(crate) fn new(number: usize, shared: Arc<ChaosContext>, members: usize, seed: u64) -> Self {
        let random = SeededRandom::from_seed(seed.wrapping_mul(1000).wrapping_add(number as u64));
        Self { number, shared, random, connections: (0..members).map(|_| MemberConnection::default()).collect() }
    }

    /// Makes calls until the storm stops, and then waits for those in flight.
    pub(crate) async fn run(mut self) {
        while !self.shared.stop.load(Ordering::Relaxed) {
            for call in self.next_calls() {
                let outcome = self.perform(call).await;
                let pause = Duration::from_millis(random_below(&self.random, PAUSE_MS_MAX));
                tokio::time::sleep(if outcome == Some(CallOutcome::Unknown) { AFTER_REFUSAL } else { pause }).await;
            }
        }
        for connection_slot in self.connections {
            if let Some(waiting) = connection_slot.waiting {
                waiting.await.expect("every request has an answer or an end");
            }
        }
    }

    /// One of the presently contended addresses.
    fn email(&self) -> String {
        let emails = &self.shared.emails;
        self.current_email(&emails[random_index(&self.random, emails.len())])
    }

    /// Others every half minute, so that the history of one address stays short in a long storm.
    fn current_email(&self, email: &str) -> String {
        let turn = self.shared.recorder.now().as_secs() / TURN_S;
        email.replacen("contested-", &format!("contested-{turn}-"), 1)
    }

    /// The next calls: mostly one, for a swap three.
    fn next_calls(&self) -> Vec<HistoryCall> {
        let random = &self.random;
        let account = || self.shared.known(|known| known.random_account(random).cloned());
        let change = |account: &super::known_accounts::KnownAccount, email: String| HistoryCall::Change {
            id: account.id.clone(),
            name: format!("c{}", self.shared.number()),
            email,
            password: account.password(),
        };
        let call = match random_below(random, 100) {
            0..22 => None,
            22..25 => {
                let number = self.shared.number();
                let email = format!("settled-{number}@example.org");
                Some(HistoryCall::SignUp { email, name: sign_up_name(number), password: number })
            }
            25..45 => Some(HistoryCall::ByEmail { email: self.email() }),
            45..48 => {
                let email = self.shared.known(|known| known.uncontested_email(random).map(str::to_owned));
                email.map(|email| HistoryCall::ByEmail { email })
            }
            48..62 => {
                self.shared.known(|known| known.any_id(random).map(str::to_owned)).map(|id| HistoryCall::ById { id })
            }
            62..77 => account().map(|account| change(&account, self.email())),
            77..81 => {
                if let (Some(one), Some(other)) = (account(), account()) {
                    let between = self.current_email(&format!("contested-between-{}@example.org", self.number));
                    let swap = [change(&one, between), change(&other, one.email.clone()), change(&one, other.email)];
                    return swap.into();
                }
                None
            }
            81..88 => account().map(|account| HistoryCall::Password {
                id: account.id.clone(),
                password: account.password(),
                new: self.shared.number(),
            }),
            _ => account().map(|account| HistoryCall::Remove { id: account.id.clone(), password: account.password() }),
        };
        let number = self.shared.number();
        let sign_up = || HistoryCall::SignUp { email: self.email(), name: sign_up_name(number), password: number };
        vec![call.unwrap_or_else(sign_up)]
    }

    /// Makes the call at some userd. `None`: the userd is down, or has not answered yet.
    async fn perform(&mut self, call: HistoryCall) -> Option<CallOutcome> {
        let (member, address) = self.free_member().await;
        let idle = self.connections[member].idle.take().filter(|(known, _)| *known == address);
        let connection = match idle {
            Some((_, connection)) => connection,
            None => HttpConnection::open(address).await.ok()?,
        };
        let (shared, number) = (Arc::clone(&self.shared), self.number);
        #[expect(clippy::disallowed_methods, reason = "the handle is kept, and waited for at the end")]
        let mut asked = tokio::spawn(async move { shared.fetch(number, connection, call).await });
        if let Ok(answered) = tokio::time::timeout(PATIENCE, &mut asked).await {
            let (outcome, connection) = answered.expect("every request has an answer or an end");
            self.connections[member].idle = connection.map(|connection| (address, connection));
            return Some(outcome);
        }
        self.connections[member].waiting = Some(asked);
        None
    }

    /// A userd that has no call of this client in flight.
    async fn free_member(&mut self) -> (usize, SocketAddr) {
        loop {
            let mut free = Vec::new();
            for (member, connection_slot) in self.connections.iter_mut().enumerate() {
                if connection_slot.waiting.as_ref().is_some_and(JoinHandle::is_finished) {
                    connection_slot.waiting = None;
                }
                let address = self.shared.addresses.of(member);
                free.extend(address.filter(|_| connection_slot.waiting.is_none()).map(|address| (member, address)));
            }
            if !free.is_empty() {
                return free[random_index(&self.random, free.len())];
            }
            tokio::time::sleep(AFTER_REFUSAL).await;
        }
    }
}
