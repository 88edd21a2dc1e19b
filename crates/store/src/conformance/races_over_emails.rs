//! Promises under races in which e-mail addresses change owners.

use std::sync::Arc;

use crate::{CreateUserOutcome, DeleteUserOutcome, Store, UpdateUserOutcome, UserProfile};
use userd_core::{Actor, User};

use super::concurrency::run_concurrently;
use super::test_store::TestStore;

/// How often each race is run.
const ROUNDS: usize = 10;

/// How many calls race.
const TASKS: usize = 12;

/// The outcome of a call.
#[derive(Debug, PartialEq)]
enum RaceOutcome {
    SignUp(CreateUserOutcome),
    Change(UpdateUserOutcome),
    Deletion(DeleteUserOutcome),
}

impl RaceOutcome {
    fn succeeded(&self) -> bool {
        matches!(
            self,
            Self::SignUp(CreateUserOutcome::Created)
                | Self::Change(UpdateUserOutcome::Updated(_))
                | Self::Deletion(DeleteUserOutcome::Deleted)
        )
    }
}

/// A call to make.
#[derive(Clone)]
enum RaceOperation {
    SignUp(User),
    Change(User, UserProfile),
    Deletion(User),
}

async fn perform(store: Arc<dyn Store>, act: RaceOperation) -> RaceOutcome {
    match act {
        RaceOperation::SignUp(user) => {
            RaceOutcome::SignUp(store.create_user(&user, Actor::anonymous()).await.expect("the store works"))
        }
        RaceOperation::Change(user, profile) => {
            let now = user.updated_at;
            RaceOutcome::Change(
                store
                    .update_profile(user.id, user.version, &profile, Actor::anonymous(), now)
                    .await
                    .expect("the store works"),
            )
        }
        RaceOperation::Deletion(user) => {
            let now = user.updated_at;
            RaceOutcome::Deletion(
                store.delete_user(user.id, user.version, Actor::anonymous(), now).await.expect("the store works"),
            )
        }
    }
}

async fn race(test: &TestStore, acts: Vec<RaceOperation>) -> Vec<RaceOutcome> {
    run_concurrently(acts.into_iter().map(|one| perform(Arc::clone(&test.store), one))).await
}

pub async fn of_many_changes_to_one_email_exactly_one_wins(test: &TestStore) {
    for round in 0..ROUNDS {
        let wanted = format!("wanted{round}@x.org");
        let mut acts = Vec::new();
        for number in 0..TASKS {
            let user = test.signed_up("Runner", &format!("r{round}n{number}@x.org")).await;
            acts.push(RaceOperation::Change(user, test.profile("Winner", &wanted)));
        }
        let done = race(test, acts).await;
        assert_eq!(done.iter().filter(|done| done.succeeded()).count(), 1, "round {round}: {done:?}");
        assert_eq!(
            done.iter().filter(|done| **done == RaceOutcome::Change(UpdateUserOutcome::EmailTaken)).count(),
            TASKS - 1
        );
        assert_eq!(test.by_email(&wanted).await.map(|user| user.name.as_str().to_owned()), Some("Winner".to_owned()));
        test.assert_consistent().await;
    }
}

pub async fn of_two_changes_of_one_user_exactly_one_wins(test: &TestStore) {
    for round in 0..ROUNDS {
        let user = test.signed_up("Ann", &format!("from{round}@x.org")).await;
        let goals = [format!("left{round}@x.org"), format!("right{round}@x.org")];
        let done = race(
            test,
            goals.iter().map(|goal| RaceOperation::Change(user.clone(), test.profile("Ann", goal))).collect(),
        )
        .await;
        assert_eq!(done.iter().filter(|done| done.succeeded()).count(), 1, "round {round}: {done:?}");
        assert!(done.contains(&RaceOutcome::Change(UpdateUserOutcome::VersionConflict)), "round {round}: {done:?}");
        let lost = if done[0].succeeded() { &goals[1] } else { &goals[0] };
        assert_eq!(test.by_email(lost).await, None);
        test.signed_up("Next", lost).await;
        test.signed_up("Next", &format!("from{round}@x.org")).await;
        test.assert_consistent().await;
    }
}

pub async fn of_many_changes_of_one_user_exactly_one_wins(test: &TestStore) {
    for round in 0..ROUNDS {
        let user = test.signed_up("Ann", &format!("from{round}@x.org")).await;
        let acts =
            (0..8).map(|n| RaceOperation::Change(user.clone(), test.profile("Ann", &format!("to{n}of{round}@x.org"))));
        let done = race(test, acts.collect()).await;
        assert_eq!(done.iter().filter(|done| done.succeeded()).count(), 1, "round {round}: {done:?}");
        let stale =
            done.iter().filter(|&done| *done == RaceOutcome::Change(UpdateUserOutcome::VersionConflict)).count();
        assert_eq!(stale, 7, "round {round}: {done:?}");
        test.assert_consistent().await;
    }
}

pub async fn of_two_users_who_swap_emails_both_keep_their_own(test: &TestStore) {
    for round in 0..ROUNDS {
        let (left, right) = (format!("left{round}@x.org"), format!("right{round}@x.org"));
        let ann = test.signed_up("Ann", &left).await;
        let bob = test.signed_up("Bob", &right).await;
        let acts = vec![
            RaceOperation::Change(ann.clone(), test.profile("Ann", &right)),
            RaceOperation::Change(bob.clone(), test.profile("Bob", &left)),
        ];
        let done = race(test, acts).await;
        assert!(
            done.iter().all(|done| *done == RaceOutcome::Change(UpdateUserOutcome::EmailTaken)),
            "round {round}: {done:?}"
        );
        assert_eq!(test.by_email(&left).await, Some(ann));
        assert_eq!(test.by_email(&right).await, Some(bob));
        test.assert_consistent().await;
    }
}

pub async fn a_change_a_sign_up_and_a_deletion_leave_no_contradiction(test: &TestStore) {
    for round in 0..ROUNDS {
        let (old, new) = (format!("old{round}@x.org"), format!("new{round}@x.org"));
        let ann = test.signed_up("Ann", &old).await;
        let acts = vec![
            RaceOperation::Change(ann.clone(), test.profile("Ann", &new)),
            RaceOperation::Deletion(ann.clone()),
            RaceOperation::SignUp(test.new_user("New", &new)),
            RaceOperation::SignUp(test.new_user("Old", &old)),
            RaceOperation::SignUp(test.new_user("New", &new)),
        ];
        let done = race(test, acts).await;
        let won: Vec<bool> = done.iter().map(RaceOutcome::succeeded).collect();
        assert!(!(won[0] && won[1]), "round {round}: changed and removed at one version: {done:?}");
        assert!(
            [won[0], won[2], won[4]].iter().filter(|won| **won).count() <= 1,
            "round {round}: the new e-mail went to several: {done:?}"
        );
        assert!(!won[3] || won[0] || won[1], "round {round}: the old e-mail was given away: {done:?}");
        let owner = test.by_email(&new).await.map(|user| user.name.as_str().to_owned());
        let expected = if won[0] {
            Some("Ann")
        } else if won[2] || won[4] {
            Some("New")
        } else {
            None
        };
        assert_eq!(owner.as_deref(), expected, "round {round}: {done:?}");
        test.assert_consistent().await;
    }
}

pub async fn a_freed_email_goes_to_exactly_one_user(test: &TestStore) {
    for round in 0..ROUNDS {
        let (freed, away) = (format!("freed{round}@x.org"), format!("away{round}@x.org"));
        let ann = test.signed_up("Ann", &freed).await;
        let done = race(test, vec![RaceOperation::Change(ann, test.profile("Ann", &away))]).await;
        assert!(done[0].succeeded(), "round {round}: {done:?}");
        let mut acts: Vec<RaceOperation> =
            (0..TASKS).map(|_| RaceOperation::SignUp(test.new_user("New", &freed))).collect();
        let bob = test.signed_up("Bob", &format!("bob{round}@x.org")).await;
        acts.push(RaceOperation::Change(bob, test.profile("Bob", &freed)));
        let done = race(test, acts).await;
        assert_eq!(done.iter().filter(|done| done.succeeded()).count(), 1, "round {round}: {done:?}");
        test.assert_consistent().await;
    }
}

pub async fn deletions_and_sign_ups_of_one_email_leave_at_most_one_user(test: &TestStore) {
    let mut holder = test.signed_up("First", "hot@x.org").await;
    for round in 0..ROUNDS {
        let runners: Vec<User> = (0..TASKS).map(|_| test.new_user("Next", "hot@x.org")).collect();
        let mut acts = vec![RaceOperation::Deletion(holder.clone())];
        acts.extend(runners.iter().cloned().map(RaceOperation::SignUp));
        let done = race(test, acts).await;
        assert!(done[0].succeeded(), "round {round}: no other change of the holder: {done:?}");
        let winners: Vec<&User> =
            runners.iter().zip(&done[1..]).filter(|(_, done)| done.succeeded()).map(|(user, _)| user).collect();
        assert!(winners.len() <= 1, "round {round}: {done:?}");
        assert_eq!(test.by_email("hot@x.org").await.as_ref(), winners.first().copied());
        test.assert_consistent().await;
        holder = match winners.first() {
            Some(winner) => (*winner).clone(),
            None => test.signed_up("Next", "hot@x.org").await,
        };
    }
}
