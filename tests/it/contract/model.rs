//! Random sequences of calls, one after the other, against a map: what the store answers and holds is what
//! the map answers and holds. A sequence that fails is shrunk to a short one.
//!
//! Not races: those are in `races` and `races_over_emails`.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tokio::runtime::Builder;
use userd_core::{Client, User, UserId, Version};
use userd_store::{Insert, Remove, Update};

use userd_test_support::stores::{Backend, TestStore, password_hash};

/// How many sequences: some seconds with an fsync for each change.
const SEQUENCES: u32 = 40;

/// The longest sequence.
const CALLS_MAX: usize = 30;

/// Few users and few e-mails, so that they meet.
const PEOPLE: usize = 4;

/// E-mails in pairs of two spellings of one address.
const EMAILS: [&str; 8] = ["a@x.org", "A@x.org", "b@x.org", "B@X.org", "c@x.org", "C@x.org", "d@x.org", "D@x.org"];

/// Which version a call names.
#[derive(Debug, Clone, Copy)]
enum Named {
    Current,
    Behind,
    Ahead,
}

#[derive(Debug, Clone, Copy)]
enum Call {
    SignUp { person: usize, email: usize },
    Profile { person: usize, named: Named, email: usize },
    Password { person: usize, named: Named },
    Rehash { person: usize, named: Named },
    Remove { person: usize, named: Named },
}

fn any_named() -> impl Strategy<Value = Named> {
    prop_oneof![6 => Just(Named::Current), 1 => Just(Named::Behind), 1 => Just(Named::Ahead)]
}

fn any_call() -> impl Strategy<Value = Call> {
    let person = 0..PEOPLE;
    let email = 0..EMAILS.len();
    prop_oneof![
        4 => (person.clone(), email.clone()).prop_map(|(person, email)| Call::SignUp { person, email }),
        4 => (person.clone(), any_named(), email)
            .prop_map(|(person, named, email)| Call::Profile { person, named, email }),
        1 => (person.clone(), any_named()).prop_map(|(person, named)| Call::Password { person, named }),
        1 => (person.clone(), any_named()).prop_map(|(person, named)| Call::Rehash { person, named }),
        2 => (person, any_named()).prop_map(|(person, named)| Call::Remove { person, named }),
    ]
}

pub(crate) fn any_sequence_of_calls_does_what_a_map_does(backend: Backend) {
    let config = Config { cases: SEQUENCES, failure_persistence: None, ..Config::default() };
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let ground = runtime.block_on(TestStore::open(backend));
    let outcome = TestRunner::new(config)
        .run(&prop::collection::vec(any_call(), 1..=CALLS_MAX), |calls| runtime.block_on(agree(&ground, &calls)));
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

async fn agree(ground: &TestStore, calls: &[Call]) -> Result<(), TestCaseError> {
    let test = ground.another().await;
    let mut model = Model { users: BTreeMap::new(), people: [None; PEOPLE] };
    for (number, call) in calls.iter().enumerate() {
        test.clock.advance_ms(1);
        model.call(&test, *call, number as u64).await?;
        model.compare(&test).await?;
    }
    test.assert_sound().await;
    test.store.close().await;
    Ok(())
}

struct Model {
    users: BTreeMap<UserId, User>,
    /// The last id under which each person signed up.
    people: [Option<UserId>; PEOPLE],
}

/// What the map says about a change.
enum Verdict {
    Missing,
    Stale,
    Taken,
    /// The user after it, but for the version, which only has to be greater.
    Updated(User),
}

impl Model {
    async fn call(&mut self, test: &TestStore, call: Call, number: u64) -> Result<(), TestCaseError> {
        let hash = password_hash(number);
        let now = test.now();
        match call {
            Call::SignUp { person, email } => return self.sign_up(test, person, EMAILS[email]).await,
            Call::Remove { person, named } => return self.remove(test, person, named).await,
            Call::Profile { person, named, email } => {
                let (id, version) = self.named(test, person, named);
                let profile = test.profile(&format!("Name {number}"), EMAILS[email]);
                let taken = self
                    .users
                    .values()
                    .any(|user| user.id != id && user.email.canonical() == profile.email.canonical());
                let verdict = self.verdict(id, version, taken, |user| User {
                    name: profile.name.clone(),
                    email: profile.email.clone(),
                    updated_at: now,
                    ..user
                });
                self.judge(
                    id,
                    verdict,
                    fine(test.store.replace_profile(id, version, &profile, Client::nobody(), now).await)?,
                )
            }
            Call::Password { person, named } => {
                let (id, version) = self.named(test, person, named);
                let verdict = self.verdict(id, version, false, |user| User {
                    password_hash: hash.clone(),
                    updated_at: now,
                    ..user
                });
                self.judge(
                    id,
                    verdict,
                    fine(test.store.replace_password(id, version, &hash, None, Client::nobody(), now).await)?,
                )
            }
            Call::Rehash { person, named } => {
                let (id, version) = self.named(test, person, named);
                let verdict = self.verdict(id, version, false, |user| User { password_hash: hash.clone(), ..user });
                self.judge(id, verdict, fine(test.store.replace_password_hash(id, version, &hash).await)?)
            }
        }
    }

    async fn sign_up(&mut self, test: &TestStore, person: usize, email: &str) -> Result<(), TestCaseError> {
        let user = test.somebody("Somebody", email);
        let taken = self.users.values().any(|other| other.email.canonical() == user.email.canonical());
        let expected = if taken { Insert::Taken } else { Insert::Inserted };
        prop_assert_eq!(fine(test.store.insert_user(&user, Client::nobody()).await)?, expected);
        if !taken {
            self.people[person] = Some(user.id);
            self.users.insert(user.id, user);
        }
        Ok(())
    }

    async fn remove(&mut self, test: &TestStore, person: usize, named: Named) -> Result<(), TestCaseError> {
        let (id, version) = self.named(test, person, named);
        let expected = match self.users.get(&id) {
            None => Remove::Missing,
            Some(user) if user.version != version => Remove::Stale,
            Some(_) => Remove::Removed,
        };
        prop_assert_eq!(fine(test.store.remove_user(id, version, Client::nobody(), test.now()).await)?, expected);
        if expected == Remove::Removed {
            self.users.remove(&id);
        }
        Ok(())
    }

    /// Who and which version a call means; somebody who never signed up has an id of their own.
    fn named(&self, test: &TestStore, person: usize, named: Named) -> (UserId, Version) {
        let id = self.people[person].unwrap_or_else(|| test.somebody("Nobody", "nobody@x.org").id);
        let current = self.users.get(&id).map_or(Version::FIRST, |user| user.version);
        let version = match named {
            Named::Current => current,
            Named::Behind => Version::from_number(current.number() - 1),
            Named::Ahead => current.next(),
        };
        (id, version)
    }

    fn verdict(&self, id: UserId, version: Version, taken: bool, change: impl FnOnce(User) -> User) -> Verdict {
        match self.users.get(&id) {
            None => Verdict::Missing,
            Some(user) if user.version != version => Verdict::Stale,
            Some(_) if taken => Verdict::Taken,
            Some(user) => Verdict::Updated(change(user.clone())),
        }
    }

    fn judge(&mut self, id: UserId, verdict: Verdict, answer: Update) -> Result<(), TestCaseError> {
        match (verdict, answer) {
            (Verdict::Missing, Update::Missing) | (Verdict::Stale, Update::Stale) | (Verdict::Taken, Update::Taken) => {
            }
            (Verdict::Updated(expected), Update::Updated(user)) => {
                prop_assert!(user.version > expected.version, "{} after {}", user.version, expected.version);
                prop_assert_eq!(&*user, &User { version: user.version, ..expected });
                self.users.insert(id, *user);
            }
            (Verdict::Missing, other) => prop_assert_eq!(other, Update::Missing),
            (Verdict::Stale, other) => prop_assert_eq!(other, Update::Stale),
            (Verdict::Taken, other) => prop_assert_eq!(other, Update::Taken),
            (Verdict::Updated(expected), other) => prop_assert!(false, "{:?} instead of {:?}", other, expected),
        }
        Ok(())
    }

    async fn compare(&self, test: &TestStore) -> Result<(), TestCaseError> {
        prop_assert_eq!(fine(test.store.users_count().await)?, self.users.len() as u64);
        for id in self.people.iter().flatten() {
            let found = test.user(*id).await;
            prop_assert_eq!(found.as_ref(), self.users.get(id));
        }
        for email in EMAILS {
            let found = test.by_email(email).await;
            let expected = self.users.values().find(|user| user.email.canonical().as_str() == email.to_lowercase());
            prop_assert_eq!(found.as_ref(), expected);
        }
        Ok(())
    }
}

fn fine<T>(answer: Result<T, userd_store::StoreError>) -> Result<T, TestCaseError> {
    answer.map_err(|error| TestCaseError::fail(format!("{error:?}")))
}
