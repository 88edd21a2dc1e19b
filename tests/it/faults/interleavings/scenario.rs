//! The scenarios, and the programs that their clients run against a real store.

use std::sync::{Arc, PoisonError};

use userd_core::random::SeededRandom;
use userd_core::{EventKind, PasswordHash, Timestamp, User, UserId};
use userd_store::{
    CreateUserOutcome, DeleteUserOutcome, NewSession, SessionStore, Store, StoreError, UpdateUserOutcome,
};
use userd_store_redis::{INTENT_MS, RedisStore};

use userd_test_support::fixtures::{NOW, new_profile, new_user_with, parse_email};
use userd_test_support::scripted_store::OutcomeLog;
use userd_test_support::session_fixtures::new_session;

pub const A: &str = "a@example.org";
pub const B: &str = "b@example.org";
pub const C: &str = "c@example.org";

/// The password that users get.
pub const NEW_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bmV3c2FsdG5ld3NhbHQ$bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmU";

/// One operation of a client. All but a sign-up read the user first, as the service does, for the version to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScenarioAct {
    /// The new user of this number signs up with the e-mail.
    SignUp(u64, &'static str),
    /// The user of this number moves to the e-mail.
    Move(u64, &'static str),
    /// The user of this number gets another password, in the first of their two sessions.
    NewPassword(u64),
    /// The user of this number signs out everywhere but in the first session.
    EndOthers(u64),
    /// The user of this number signs out of the first session.
    SignOut(u64),
    /// The user of this number is deleted.
    Remove(u64),
}

/// The outcome of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActOutcome {
    Done,
    Taken,
    Stale,
    Missing,
    /// An error: the operation has happened completely, or not at all, or may still happen.
    Unknown,
}

/// One client: its operations in order, and by how much its clock is ahead.
#[derive(Debug, Clone)]
pub struct ClientScript {
    pub acts: Vec<ScenarioAct>,
    pub ahead_ms: u64,
}

/// Some users, and clients who act on them.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Users who are there from the start, by number, with their e-mails. Each has two sessions.
    pub users: Vec<(u64, &'static str)>,
    pub clients: Vec<ClientScript>,
    /// How many late duplicates and lost answers a run may have.
    pub faults: u8,
    /// Whether lost answers are among them.
    pub lost_answers: bool,
}

impl Scenario {
    pub fn of(users: &[(u64, &'static str)], programs: &[&[ScenarioAct]]) -> Self {
        let clients = programs.iter().map(|acts| ClientScript { acts: acts.to_vec(), ahead_ms: 0 }).collect();
        Self { users: users.to_vec(), clients, faults: 1, lost_answers: true }
    }

    /// Every e-mail of the scenario.
    pub fn emails(&self) -> Vec<&'static str> {
        let wanted = self.clients.iter().flat_map(|client| &client.acts).filter_map(|act| match *act {
            ScenarioAct::SignUp(_, email) | ScenarioAct::Move(_, email) => Some(email),
            ScenarioAct::NewPassword(_)
            | ScenarioAct::EndOthers(_)
            | ScenarioAct::SignOut(_)
            | ScenarioAct::Remove(_) => None,
        });
        let mut emails: Vec<_> = self.users.iter().map(|&(_, email)| email).chain(wanted).collect();
        emails.sort_unstable();
        emails.dedup();
        emails
    }

    /// The same where the clients' clocks are ahead by so much.
    pub fn with_clocks(&self, ahead_ms: &[u64]) -> Self {
        let mut scenario = self.clone();
        for (client, &ahead_ms) in scenario.clients.iter_mut().zip(ahead_ms) {
            client.ahead_ms = ahead_ms;
        }
        scenario
    }
}

/// How far clocks are ahead, so that of two clients' intents neither is overdue to the other, the first's, the
/// second's, or both (ten times the longest intent ahead counts as overdue: a clock must have jumped). A call's
/// time is fixed when it begins, so there is nothing else that two clients could find of each other's intents.
pub const CLOCKS: [[u64; 2]; 4] = [[0, 0], [0, INTENT_MS + 1], [INTENT_MS + 1, 0], [0, 14 * INTENT_MS]];

/// The time at which every intent is overdue.
pub const AFTERWARDS_MS: u64 = 100 * INTENT_MS;

/// The number of the first new user who signs up with an e-mail once all clients have crashed.
pub const NEWCOMER: u64 = 90;

/// The id of the user of this number.
pub fn id_of(number: u64) -> UserId {
    user(number, A, NOW).id
}

/// Session `which` of the user of this number.
pub fn session_of(number: u64, which: u16) -> NewSession {
    new_session(&user(number, A, NOW), which)
}

/// The user of this number as it signs up.
pub fn user(number: u64, email: &str, now: Timestamp) -> User {
    let mut user = new_user_with("Ada Lovelace", parse_email(email), NOW, &SeededRandom::from_seed(number));
    (user.created_at, user.updated_at) = (now, now);
    user
}

/// The time of a client whose clock is ahead by so much.
pub fn now_of(ahead_ms: u64) -> Timestamp {
    NOW.plus_millis(ahead_ms)
}

/// The program of a client: runs its operations and records their outcomes.
pub async fn run(client: ClientScript, store: Arc<RedisStore>, notes: OutcomeLog<ActOutcome>) {
    for act in client.acts {
        let outcome = perform(&store, act, now_of(client.ahead_ms)).await.unwrap_or(ActOutcome::Unknown);
        notes.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
    }
}

async fn perform(store: &RedisStore, act: ScenarioAct, now: Timestamp) -> Result<ActOutcome, StoreError> {
    let number = match act {
        ScenarioAct::SignUp(number, email) => {
            return store.create_user(&user(number, email, now), userd_core::Actor::anonymous()).await.map(|answer| {
                match answer {
                    CreateUserOutcome::Created => ActOutcome::Done,
                    CreateUserOutcome::EmailTaken => ActOutcome::Taken,
                    CreateUserOutcome::Resharding => panic!("one server moves nothing"),
                }
            });
        }
        ScenarioAct::EndOthers(number) => {
            let (keep, anonymous) = (Some(session_of(number, 1).id), userd_core::Actor::anonymous());
            let ended = store.revoke_other_sessions(id_of(number), keep, anonymous, now).await?;
            return Ok(if ended { ActOutcome::Done } else { ActOutcome::Missing });
        }
        ScenarioAct::SignOut(number) => {
            let (session, anonymous) = (session_of(number, 1).id, userd_core::Actor::anonymous());
            let ended = store.revoke_session(id_of(number), session, EventKind::SignedOut, anonymous, now).await?;
            return Ok(if ended { ActOutcome::Done } else { ActOutcome::Missing });
        }
        ScenarioAct::Move(number, _) | ScenarioAct::NewPassword(number) | ScenarioAct::Remove(number) => number,
    };
    let id = id_of(number);
    let Some(found) = store.user(id).await? else { return Ok(ActOutcome::Missing) };
    let version = found.version;
    let answer = match act {
        ScenarioAct::Move(_, email) => {
            store.update_profile(id, version, &new_profile("Ada", email), userd_core::Actor::anonymous(), now).await?
        }
        ScenarioAct::NewPassword(_) => {
            let hash = PasswordHash::parse(NEW_HASH).expect("a hash");
            let keep = Some(session_of(number, 1).id);
            store.update_password(id, version, &hash, keep, userd_core::Actor::anonymous(), now).await?
        }
        ScenarioAct::Remove(_) | ScenarioAct::SignUp(..) | ScenarioAct::EndOthers(_) | ScenarioAct::SignOut(_) => {
            return store.delete_user(id, version, userd_core::Actor::anonymous(), now).await.map(
                |answer| match answer {
                    DeleteUserOutcome::Deleted => ActOutcome::Done,
                    DeleteUserOutcome::VersionConflict => ActOutcome::Stale,
                    DeleteUserOutcome::NotFound => ActOutcome::Missing,
                },
            );
        }
    };
    Ok(match answer {
        UpdateUserOutcome::Updated(_) => ActOutcome::Done,
        UpdateUserOutcome::VersionConflict => ActOutcome::Stale,
        UpdateUserOutcome::EmailTaken => ActOutcome::Taken,
        UpdateUserOutcome::NotFound => ActOutcome::Missing,
    })
}
