//! Simulated users who sign up, change their e-mail address and delete their account, several at once. Each step is
//! recorded when it begins and when it is answered, so that a test knows what must be stored after a crash at any
//! moment between.
//!
//! Each client works on its own users only: at most one step of a user is in flight.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use userd_core::UserId;
use userd_store::Store;

use super::fixtures::parse_email;
use super::http_client::{HANGS_AFTER, HttpConnection, change_email, delete, sign_up};

/// A step of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ChurnStep {
    /// The user it belongs to.
    person: String,
    /// The e-mail address after the step; none after a deletion.
    email: Option<String>,
    began: u64,
    answered: Option<u64>,
    answered_at: Option<Instant>,
    /// The status, if it was neither success nor 503: then a change before it is lost.
    failed: Option<u16>,
    id: Option<String>,
}

/// Every step that was begun, with its answer.
#[derive(Debug, Default)]
pub struct ChurnHistory {
    steps: Vec<ChurnStep>,
}

/// The pause after a rejected step.
const AFTER_REFUSAL: Duration = Duration::from_millis(10);

/// How far the recorded process was: any number that grows, such as a position in a journal.
pub type JournalPosition = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Running clients.
pub struct ChurnWorkload {
    history: Arc<Mutex<ChurnHistory>>,
    stop: Arc<AtomicBool>,
    clients: JoinSet<()>,
}

impl ChurnWorkload {
    /// Starts `clients` clients at `address`; they end when the server is gone.
    pub fn start(address: SocketAddr, clients: usize, position: &JournalPosition) -> Self {
        Self::start_with(address, clients, usize::MAX, position)
    }

    /// The same, with `mark` in all names, to tell several workloads apart.
    pub fn start_named(address: SocketAddr, clients: usize, mark: &str, position: &JournalPosition) -> Self {
        Self::start_as(address, clients, usize::MAX, mark, position)
    }

    /// The same, with at most `people_each` users for each client.
    pub fn start_with(address: SocketAddr, clients: usize, people_each: usize, position: &JournalPosition) -> Self {
        Self::start_as(address, clients, people_each, "client", position)
    }

    fn start_as(
        address: SocketAddr,
        clients: usize,
        people_each: usize,
        mark: &str,
        position: &JournalPosition,
    ) -> Self {
        let (history, stop) = (Arc::new(Mutex::default()), Arc::new(AtomicBool::new(false)));
        let mut tasks = JoinSet::new();
        for client in 0..clients {
            let client = ChurnClient {
                address,
                mark: format!("{mark}-{client}"),
                people: people_each,
                history: Arc::clone(&history),
                position: Arc::clone(position),
                stop: Arc::clone(&stop),
            };
            tasks.spawn(client.run());
        }
        Self { history, stop, clients: tasks }
    }

    /// Waits until this many steps have succeeded.
    pub async fn wait_until_answered(&self, acts: usize) {
        let enough = async {
            while self.answered() < acts {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(HANGS_AFTER, enough).await.expect("acts are answered");
    }

    /// How many steps have succeeded.
    pub fn answered(&self) -> usize {
        self.history.lock().expect("no client panics").steps.iter().filter(|step| step.answered.is_some()).count()
    }

    /// Lets every client finish its step or give up; returns the history.
    pub async fn end(self) -> ChurnHistory {
        self.stop.store(true, Ordering::Relaxed);
        self.join().await
    }

    /// Waits until every client has gone through its users, or the server is gone; returns the history.
    pub async fn join(self) -> ChurnHistory {
        tokio::time::timeout(HANGS_AFTER, self.clients.join_all()).await.expect("no client hangs");
        std::mem::take(&mut self.history.lock().expect("no client panics"))
    }
}

struct ChurnClient {
    address: SocketAddr,
    mark: String,
    people: usize,
    history: Arc<Mutex<ChurnHistory>>,
    position: JournalPosition,
    stop: Arc<AtomicBool>,
}

impl ChurnClient {
    async fn run(self) {
        let Ok(mut connection) = HttpConnection::open(self.address).await else { return };
        for number in 0..self.people {
            match self.run_lifecycle(&mut connection, number).await {
                Ok(()) => {}
                Err(StepFailure::Refused) => tokio::time::sleep(AFTER_REFUSAL).await,
                Err(StepFailure::NoAnswer) => return,
            }
        }
    }

    /// The lifecycle of one user.
    async fn run_lifecycle(&self, connection: &mut HttpConnection, number: usize) -> Result<(), StepFailure> {
        let person = format!("{}-{number}", self.mark);
        let (first, second) = (format!("{person}@example.org"), format!("{person}-moved@example.org"));
        let id = self.send_step(connection, &person, Some(&first), &sign_up(&first)).await?;
        if number % 3 == 1 {
            self.send_step(connection, &person, Some(&second), &change_email(&id, &second)).await?;
        }
        if number % 4 >= 2 {
            self.send_step(connection, &person, None, &delete(&id)).await?;
        }
        Ok(())
    }

    /// Sends a step once; returns the user's id.
    async fn send_step(
        &self,
        connection: &mut HttpConnection,
        person: &str,
        email: Option<&str>,
        raw: &[u8],
    ) -> Result<String, StepFailure> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(StepFailure::NoAnswer);
        }
        let began = (self.position)();
        let step = ChurnStep {
            person: person.to_owned(),
            email: email.map(str::to_owned),
            began,
            answered: None,
            answered_at: None,
            failed: None,
            id: None,
        };
        let place = {
            let mut history = self.history.lock().expect("no client panics");
            history.steps.push(step);
            history.steps.len() - 1
        };
        let answer = connection.fetch(raw).await.map_err(|_| StepFailure::NoAnswer)?;
        if answer.status == 503 {
            assert!(answer.is_retryable_503(), "{answer:?}");
            return Err(StepFailure::Refused);
        }
        if answer.status != 200 {
            self.history.lock().expect("no client panics").steps[place].failed = Some(answer.status);
            return Err(StepFailure::Refused);
        }
        let id = answer.id();
        let step = &mut self.history.lock().expect("no client panics").steps[place];
        (step.answered, step.answered_at) = (Some((self.position)()), Some(Instant::now()));
        step.id = Some(id.clone());
        Ok(id)
    }
}

/// Why a step was not acknowledged; it may have been carried out all the same.
enum StepFailure {
    /// Rejected with 503; the client goes on with its next user.
    Refused,
    /// The connection ended, or the client was stopped.
    NoAnswer,
}

/// What a store may hold of one user.
#[derive(Debug, Clone, Default)]
struct ExpectedUser {
    id: Option<String>,
    /// The e-mail address after each answered step, and when it was answered.
    settled: Vec<(Option<String>, u64)>,
    /// The e-mail address if the unanswered step was carried out.
    open: Vec<Option<String>>,
    emails: Vec<String>,
}

/// Which acknowledged steps are missing in a store.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ChurnVerdict {
    /// How many steps were answered before the cut.
    pub answered: usize,
    /// The positions at which the lost steps were answered.
    pub lost: Vec<u64>,
    /// When the oldest lost step was answered.
    pub lost_since: Option<Instant>,
    /// What no crash excuses: a user stored twice, in part, or never signed up.
    pub wrong: Vec<String>,
}

impl ChurnHistory {
    fn expected(&self, cut: u64) -> BTreeMap<&str, ExpectedUser> {
        let mut people: BTreeMap<&str, ExpectedUser> = BTreeMap::new();
        for step in self.steps.iter().filter(|step| step.began <= cut && step.failed.is_none()) {
            let person = people.entry(&step.person).or_default();
            person.emails.extend(step.email.clone());
            match step.answered.filter(|&answered| answered <= cut) {
                Some(answered) => {
                    person.settled.push((step.email.clone(), answered));
                    person.id.clone_from(&step.id);
                }
                None => person.open.push(step.email.clone()),
            }
        }
        people
    }

    /// The number of steps that were answered by then.
    pub fn answered_before(&self, cut: u64) -> usize {
        self.steps.iter().filter(|step| step.answered.is_some_and(|answered| answered <= cut)).count()
    }

    /// Compares a store with the history until `cut`.
    pub async fn check(&self, store: &dyn Store, cut: u64) -> ChurnVerdict {
        self.check_among(store, cut, 0).await
    }

    /// The same, for a store that held this many other users before.
    pub async fn check_among(&self, store: &dyn Store, cut: u64, others: u64) -> ChurnVerdict {
        let mut verdict = ChurnVerdict { answered: self.answered_before(cut), ..ChurnVerdict::default() };
        let mut found = others;
        let failed = self.steps.iter().filter(|step| step.failed.is_some());
        verdict.wrong.extend(failed.map(|step| format!("an act was answered otherwise: {step:?}")));
        for (name, person) in self.expected(cut) {
            let at = find_user(store, &person, name, &mut verdict.wrong).await;
            found += u64::from(at.is_some());
            if person.open.contains(&at) {
                continue;
            }
            let kept = person.settled.iter().rposition(|(email, _)| *email == at).map_or(0, |last| last + 1);
            verdict.lost.extend(person.settled[kept..].iter().map(|(_, answered)| answered));
            if kept == 0 && at.is_some() {
                verdict.wrong.push(format!("{name} is at {at:?} and never was"));
            }
        }
        let lost = |step: &&ChurnStep| step.answered.is_some_and(|answered| verdict.lost.contains(&answered));
        verdict.lost_since = self.steps.iter().filter(lost).filter_map(|step| step.answered_at).min();
        let counted = store.users_count().await.expect("the store works");
        if counted != found {
            verdict.wrong.push(format!("{counted} users are counted and {found} found"));
        }
        verdict
    }
}

/// The e-mail address at which a user is found; the look-up by id has to agree.
async fn find_user(store: &dyn Store, person: &ExpectedUser, name: &str, wrong: &mut Vec<String>) -> Option<String> {
    let mut at = None;
    for email in &person.emails {
        let Some(user) = store.user_by_email(parse_email(email).canonical()).await.expect("the store works") else {
            continue;
        };
        let same = store.user(user.id).await.expect("the store works");
        if same.as_ref() != Some(&user) {
            wrong.push(format!("{name} is {user:?} by e-mail and {same:?} by id"));
        }
        if person.id.as_ref().is_some_and(|id| *id != user.id.to_string()) {
            wrong.push(format!("{email} is {}'s, not {name}'s", user.id));
        }
        if let Some(other) = at.replace(email.clone()) {
            wrong.push(format!("{name} is at {other} and at {email}"));
        }
    }
    if let (None, Some(id)) = (&at, person.id.as_ref().and_then(|id| UserId::parse(id)))
        && let Some(user) = store.user(id).await.expect("the store works")
    {
        wrong.push(format!("{name} is found by id only: {user:?}"));
    }
    at
}
