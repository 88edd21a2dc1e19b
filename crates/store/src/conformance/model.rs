//! Random sequences of calls against a map as the model: the store has to answer and hold what the map does. A failing
//! sequence is shrunk to a short one.
//!
//! Races are in `races` and `races_over_emails`.

use std::collections::BTreeMap;

use crate::{CreateUserOutcome, DeleteUserOutcome, UpdateUserOutcome};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tokio::runtime::Builder;
use userd_core::{Actor, User, UserId, UserVersion};

use super::test_store::{TestStore, password_hash};

/// The number of sequences: some seconds with an fsync for each change.
const SEQUENCES: u32 = 40;

/// The longest sequence.
const CALLS_MAX: usize = 30;

/// Few users and few e-mail addresses, so that calls conflict.
const USERS_MAX: usize = 4;

/// E-mail addresses in pairs of two spellings.
const EMAILS: [&str; 8] = ["a@x.org", "A@x.org", "b@x.org", "B@X.org", "c@x.org", "C@x.org", "d@x.org", "D@x.org"];

/// The version that a call names.
#[derive(Debug, Clone, Copy)]
enum VersionChoice {
    Current,
    Behind,
    Ahead,
}

#[derive(Debug, Clone, Copy)]
enum ModelCall {
    SignUp { person: usize, email: usize },
    Profile { person: usize, version_choice: VersionChoice, email: usize },
    Password { person: usize, version_choice: VersionChoice },
    Rehash { person: usize, version_choice: VersionChoice },
    Remove { person: usize, version_choice: VersionChoice },
}

fn any_version_choice() -> impl Strategy<Value = VersionChoice> {
    prop_oneof![6 => Just(VersionChoice::Current), 1 => Just(VersionChoice::Behind), 1 => Just(VersionChoice::Ahead)]
}

fn any_call() -> impl Strategy<Value = ModelCall> {
    let person = 0..USERS_MAX;
    let email = 0..EMAILS.len();
    prop_oneof![
        4 => (person.clone(), email.clone()).prop_map(|(person, email)| ModelCall::SignUp { person, email }),
        4 => (person.clone(), any_version_choice(), email)
            .prop_map(|(person, version_choice, email)| ModelCall::Profile { person, version_choice, email }),
        1 => (person.clone(), any_version_choice())
            .prop_map(|(person, version_choice)| ModelCall::Password { person, version_choice }),
        1 => (person.clone(), any_version_choice())
            .prop_map(|(person, version_choice)| ModelCall::Rehash { person, version_choice }),
        2 => (person, any_version_choice())
            .prop_map(|(person, version_choice)| ModelCall::Remove { person, version_choice }),
    ]
}

pub fn any_sequence_of_calls_behaves_like_the_model(open: impl AsyncFnOnce() -> TestStore) {
    let config = Config { cases: SEQUENCES, failure_persistence: None, ..Config::default() };
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let servers = runtime.block_on(open());
    let outcome = TestRunner::new(config).run(&prop::collection::vec(any_call(), 1..=CALLS_MAX), |calls| {
        runtime.block_on(run_against_model(&servers, &calls))
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

async fn run_against_model(servers: &TestStore, calls: &[ModelCall]) -> Result<(), TestCaseError> {
    let test = servers.another().await;
    let mut model = StoreModel { users: BTreeMap::new(), people: [None; USERS_MAX] };
    for (number, call) in calls.iter().enumerate() {
        test.clock.advance_ms(1);
        model.call(&test, *call, number as u64).await?;
        model.compare(&test).await?;
    }
    test.assert_consistent().await;
    test.store.close().await;
    Ok(())
}

struct StoreModel {
    users: BTreeMap<UserId, User>,
    /// The last id under which each user signed up.
    people: [Option<UserId>; USERS_MAX],
}

/// The model's outcome of a change.
enum ExpectedUpdate {
    Missing,
    Stale,
    Taken,
    /// The user after it, except for the version, which only has to be greater.
    Updated(User),
}

impl StoreModel {
    async fn call(&mut self, test: &TestStore, call: ModelCall, number: u64) -> Result<(), TestCaseError> {
        let hash = password_hash(number);
        let now = test.now();
        match call {
            ModelCall::SignUp { person, email } => return self.sign_up(test, person, EMAILS[email]).await,
            ModelCall::Remove { person, version_choice } => return self.remove(test, person, version_choice).await,
            ModelCall::Profile { person, version_choice, email } => {
                let (id, version) = self.version_choice(test, person, version_choice);
                let profile = test.profile(&format!("Name {number}"), EMAILS[email]);
                let taken = self
                    .users
                    .values()
                    .any(|user| user.id != id && user.email.canonical() == profile.email.canonical());
                let expected_update = self.expected_update(id, version, taken, |user| User {
                    name: profile.name.clone(),
                    email: profile.email.clone(),
                    updated_at: now,
                    ..user
                });
                self.check_update(
                    id,
                    expected_update,
                    store_result(test.store.update_profile(id, version, &profile, Actor::anonymous(), now).await)?,
                )
            }
            ModelCall::Password { person, version_choice } => {
                let (id, version) = self.version_choice(test, person, version_choice);
                let expected_update = self.expected_update(id, version, false, |user| User {
                    password_hash: hash.clone(),
                    updated_at: now,
                    ..user
                });
                self.check_update(
                    id,
                    expected_update,
                    store_result(test.store.update_password(id, version, &hash, None, Actor::anonymous(), now).await)?,
                )
            }
            ModelCall::Rehash { person, version_choice } => {
                let (id, version) = self.version_choice(test, person, version_choice);
                let expected_update =
                    self.expected_update(id, version, false, |user| User { password_hash: hash.clone(), ..user });
                self.check_update(
                    id,
                    expected_update,
                    store_result(test.store.update_password_hash(id, version, &hash).await)?,
                )
            }
        }
    }

    async fn sign_up(&mut self, test: &TestStore, person: usize, email: &str) -> Result<(), TestCaseError> {
        let user = test.new_user("Grace", email);
        let taken = self.users.values().any(|other| other.email.canonical() == user.email.canonical());
        let expected = if taken { CreateUserOutcome::EmailTaken } else { CreateUserOutcome::Created };
        prop_assert_eq!(store_result(test.store.create_user(&user, Actor::anonymous()).await)?, expected);
        if !taken {
            self.people[person] = Some(user.id);
            self.users.insert(user.id, user);
        }
        Ok(())
    }

    async fn remove(
        &mut self,
        test: &TestStore,
        person: usize,
        version_choice: VersionChoice,
    ) -> Result<(), TestCaseError> {
        let (id, version) = self.version_choice(test, person, version_choice);
        let expected = match self.users.get(&id) {
            None => DeleteUserOutcome::NotFound,
            Some(user) if user.version != version => DeleteUserOutcome::VersionConflict,
            Some(_) => DeleteUserOutcome::Deleted,
        };
        prop_assert_eq!(
            store_result(test.store.delete_user(id, version, Actor::anonymous(), test.now()).await)?,
            expected
        );
        if expected == DeleteUserOutcome::Deleted {
            self.users.remove(&id);
        }
        Ok(())
    }

    /// The user and version that a call means; a user who never signed up has an unknown id.
    fn version_choice(&self, test: &TestStore, person: usize, version_choice: VersionChoice) -> (UserId, UserVersion) {
        let id = self.people[person].unwrap_or_else(|| test.new_user("Absent", "absent@x.org").id);
        let current = self.users.get(&id).map_or(UserVersion::FIRST, |user| user.version);
        let version = match version_choice {
            VersionChoice::Current => current,
            VersionChoice::Behind => UserVersion::from_number(current.number() - 1),
            VersionChoice::Ahead => current.next(),
        };
        (id, version)
    }

    fn expected_update(
        &self,
        id: UserId,
        version: UserVersion,
        taken: bool,
        change: impl FnOnce(User) -> User,
    ) -> ExpectedUpdate {
        match self.users.get(&id) {
            None => ExpectedUpdate::Missing,
            Some(user) if user.version != version => ExpectedUpdate::Stale,
            Some(_) if taken => ExpectedUpdate::Taken,
            Some(user) => ExpectedUpdate::Updated(change(user.clone())),
        }
    }

    fn check_update(
        &mut self,
        id: UserId,
        expected_update: ExpectedUpdate,
        answer: UpdateUserOutcome,
    ) -> Result<(), TestCaseError> {
        match (expected_update, answer) {
            (ExpectedUpdate::Missing, UpdateUserOutcome::NotFound)
            | (ExpectedUpdate::Stale, UpdateUserOutcome::VersionConflict)
            | (ExpectedUpdate::Taken, UpdateUserOutcome::EmailTaken) => {}
            (ExpectedUpdate::Updated(expected), UpdateUserOutcome::Updated(user)) => {
                prop_assert!(user.version > expected.version, "{} after {}", user.version, expected.version);
                prop_assert_eq!(&*user, &User { version: user.version, ..expected });
                self.users.insert(id, *user);
            }
            (ExpectedUpdate::Missing, other) => prop_assert_eq!(other, UpdateUserOutcome::NotFound),
            (ExpectedUpdate::Stale, other) => prop_assert_eq!(other, UpdateUserOutcome::VersionConflict),
            (ExpectedUpdate::Taken, other) => prop_assert_eq!(other, UpdateUserOutcome::EmailTaken),
            (ExpectedUpdate::Updated(expected), other) => prop_assert!(false, "{:?} instead of {:?}", other, expected),
        }
        Ok(())
    }

    async fn compare(&self, test: &TestStore) -> Result<(), TestCaseError> {
        prop_assert_eq!(store_result(test.store.users_count().await)?, self.users.len() as u64);
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

fn store_result<T>(answer: Result<T, crate::StoreError>) -> Result<T, TestCaseError> {
    answer.map_err(|error| TestCaseError::fail(format!("{error:?}")))
}
