//! The clients of a storm: each makes one call after another, at whichever userd it likes, and writes down what it was
//! told.
//!
//! A client has little patience. What is not answered by then goes on by itself, and its answer is written down when
//! it comes: only so it is known when nobody works on a call any more.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use userd_core::random::SeededRandom;

use super::fleet::Addresses;
use super::known::{Known, sign_up_name};
use super::place::below;
use super::wire;
use crate::history::recorder::Recorder;
use crate::history::{Call, Outcome};
use crate::http::Connection;

/// After this a client turns to something else.
const PATIENCE: Duration = Duration::from_millis(1500);

/// The longest pause between two calls of one client, in milliseconds; sixteen clients then leave the machine time
/// for others.
const PAUSE_MS_MAX: u64 = 8;

/// A refused client tries again after this.
const AFTER_REFUSAL: Duration = Duration::from_millis(20);

/// What the clients share.
pub struct Shared {
    pub recorder: Recorder,
    pub known: Mutex<Known>,
    pub addresses: Arc<Addresses>,
    /// The e-mails that everybody wants.
    pub emails: Vec<String>,
    pub stop: AtomicBool,
    /// Answers that should never be.
    pub wrong: Mutex<Vec<String>>,
    /// 503s.
    pub refused: AtomicUsize,
    /// Connections that ended before an answer.
    pub broken: AtomicUsize,
    numbers: AtomicU64,
}

impl Shared {
    pub(crate) fn new(addresses: Arc<Addresses>, emails: Vec<String>) -> Self {
        Self {
            recorder: Recorder::start(),
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

    /// A number that nobody else gets.
    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn known<T>(&self, look: impl FnOnce(&Known) -> T) -> T {
        look(&self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes one call on the connection, and writes down and learns what came of it. `None`: the connection is no
    /// good any more.
    pub(crate) async fn ask(
        &self,
        client: usize,
        mut connection: Connection,
        call: Call,
    ) -> (Outcome, Option<Connection>) {
        let called = self.recorder.now();
        let answer = connection.ask(&wire::request(&call)).await;
        let (outcome, connection) = match answer {
            Err(_) => {
                self.broken.fetch_add(1, Ordering::Relaxed);
                (Outcome::Unknown, None)
            }
            Ok(answer) => {
                let goes_on = answer.header("Connection").is_none_or(|value| !value.eq_ignore_ascii_case("close"));
                let outcome = wire::outcome(&call, &answer).unwrap_or_else(|wrong| {
                    self.wrong.lock().unwrap_or_else(PoisonError::into_inner).push(wrong);
                    Outcome::Unknown
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

/// For how long the same e-mails are wanted, in seconds.
const TURN_S: u64 = 30;

/// A client's way to one userd.
#[derive(Default)]
struct Line {
    idle: Option<(SocketAddr, Connection)>,
    /// A call that the client does not wait for any more.
    waiting: Option<JoinHandle<(Outcome, Option<Connection>)>>,
}

/// One client.
pub(crate) struct Client {
    number: usize,
    shared: Arc<Shared>,
    random: SeededRandom,
    lines: Vec<Line>,
}

impl Client {
    pub(crate) fn new(number: usize, shared: Arc<Shared>, members: usize, seed: u64) -> Self {
        let random = SeededRandom::from_seed(seed.wrapping_mul(1000).wrapping_add(number as u64));
        Self { number, shared, random, lines: (0..members).map(|_| Line::default()).collect() }
    }

    /// Makes calls until everybody is told to stop, and then waits for what is still unanswered.
    pub(crate) async fn run(mut self) {
        while !self.shared.stop.load(Ordering::Relaxed) {
            for call in self.next_calls() {
                let outcome = self.perform(call).await;
                let pause = Duration::from_millis(below(&self.random, PAUSE_MS_MAX));
                tokio::time::sleep(if outcome == Some(Outcome::Unknown) { AFTER_REFUSAL } else { pause }).await;
            }
        }
        for line in self.lines {
            if let Some(waiting) = line.waiting {
                waiting.await.expect("every request has an answer or an end");
            }
        }
    }

    /// One of those that everybody wants at the moment.
    fn email(&self) -> String {
        let emails = &self.shared.emails;
        self.of_now(&emails[usize::try_from(below(&self.random, emails.len() as u64)).unwrap_or_default()])
    }

    /// Others every half minute: what the judge has to decide about one e-mail stays short in a long storm, too.
    fn of_now(&self, email: &str) -> String {
        let turn = self.shared.recorder.now().as_secs() / TURN_S;
        email.replacen("contested-", &format!("contested-{turn}-"), 1)
    }

    /// What to do next: mostly one call, for a swap three.
    fn next_calls(&self) -> Vec<Call> {
        let random = &self.random;
        let person = || self.shared.known(|known| known.anybody(random).cloned());
        let change = |person: &super::known::Person, email: String| Call::Change {
            id: person.id.clone(),
            name: format!("c{}", self.shared.number()),
            email,
            password: person.password(),
        };
        let call = match below(random, 100) {
            0..22 => None,
            22..25 => {
                let number = self.shared.number();
                let email = format!("settled-{number}@example.org");
                Some(Call::SignUp { email, name: sign_up_name(number), password: number })
            }
            25..45 => Some(Call::ByEmail { email: self.email() }),
            45..48 => {
                let email = self.shared.known(|known| known.settled_email(random).map(str::to_owned));
                email.map(|email| Call::ByEmail { email })
            }
            48..62 => self.shared.known(|known| known.any_id(random).map(str::to_owned)).map(|id| Call::ById { id }),
            62..77 => person().map(|person| change(&person, self.email())),
            77..81 => {
                if let (Some(one), Some(other)) = (person(), person()) {
                    let between = self.of_now(&format!("contested-between-{}@example.org", self.number));
                    let swap = [change(&one, between), change(&other, one.email.clone()), change(&one, other.email)];
                    return swap.into();
                }
                None
            }
            81..88 => person().map(|person| Call::Password {
                id: person.id.clone(),
                password: person.password(),
                new: self.shared.number(),
            }),
            _ => person().map(|person| Call::Remove { id: person.id.clone(), password: person.password() }),
        };
        let number = self.shared.number();
        let sign_up = || Call::SignUp { email: self.email(), name: sign_up_name(number), password: number };
        vec![call.unwrap_or_else(sign_up)]
    }

    /// Makes the call somewhere. `None`: nobody was there to take it, or there is no answer yet.
    async fn perform(&mut self, call: Call) -> Option<Outcome> {
        let (member, address) = self.free_member().await;
        let idle = self.lines[member].idle.take().filter(|(known, _)| *known == address);
        let connection = match idle {
            Some((_, connection)) => connection,
            None => Connection::open(address).await.ok()?,
        };
        let (shared, number) = (Arc::clone(&self.shared), self.number);
        #[expect(clippy::disallowed_methods, reason = "the handle is kept, and waited for at the end")]
        let mut asked = tokio::spawn(async move { shared.ask(number, connection, call).await });
        if let Ok(answered) = tokio::time::timeout(PATIENCE, &mut asked).await {
            let (outcome, connection) = answered.expect("every request has an answer or an end");
            self.lines[member].idle = connection.map(|connection| (address, connection));
            return Some(outcome);
        }
        self.lines[member].waiting = Some(asked);
        None
    }

    /// A userd that owes this client no answer.
    async fn free_member(&mut self) -> (usize, SocketAddr) {
        loop {
            let mut free = Vec::new();
            for (member, line) in self.lines.iter_mut().enumerate() {
                if line.waiting.as_ref().is_some_and(JoinHandle::is_finished) {
                    line.waiting = None;
                }
                let address = self.shared.addresses.of(member);
                free.extend(address.filter(|_| line.waiting.is_none()).map(|address| (member, address)));
            }
            if !free.is_empty() {
                return free[usize::try_from(below(&self.random, free.len() as u64)).unwrap_or_default()];
            }
            tokio::time::sleep(AFTER_REFUSAL).await;
        }
    }
}
