//! Promises under races in which e-mails change hands.

use std::sync::Arc;

use userd_core::{Client, User};
use userd_store::{Insert, Profile, Remove, Store, Update};

use userd_test_support::stores::{TestStore, at_once};

/// How often each race is run.
const ROUNDS: usize = 10;

/// How many run at once.
const RUNNERS: usize = 12;

/// What a runner did.
#[derive(Debug, PartialEq)]
enum Done {
    SignUp(Insert),
    Change(Update),
    Removal(Remove),
}

impl Done {
    fn succeeded(&self) -> bool {
        matches!(
            self,
            Self::SignUp(Insert::Inserted) | Self::Change(Update::Updated(_)) | Self::Removal(Remove::Removed)
        )
    }
}

/// What a runner is to do.
#[derive(Clone)]
enum Act {
    SignUp(User),
    Change(User, Profile),
    Removal(User),
}

async fn act(store: Arc<dyn Store>, act: Act) -> Done {
    match act {
        Act::SignUp(user) => Done::SignUp(store.insert_user(&user, Client::nobody()).await.expect("the store works")),
        Act::Change(user, profile) => {
            let now = user.updated_at;
            Done::Change(
                store
                    .replace_profile(user.id, user.version, &profile, Client::nobody(), now)
                    .await
                    .expect("the store works"),
            )
        }
        Act::Removal(user) => {
            let now = user.updated_at;
            Done::Removal(
                store.remove_user(user.id, user.version, Client::nobody(), now).await.expect("the store works"),
            )
        }
    }
}

async fn race(test: &TestStore, acts: Vec<Act>) -> Vec<Done> {
    at_once(acts.into_iter().map(|one| act(Arc::clone(&test.store), one))).await
}

pub(crate) async fn of_many_changes_to_one_email_exactly_one_wins(test: &TestStore) {
    for round in 0..ROUNDS {
        let wanted = format!("wanted{round}@x.org");
        let mut acts = Vec::new();
        for number in 0..RUNNERS {
            let user = test.signed_up("Runner", &format!("r{round}n{number}@x.org")).await;
            acts.push(Act::Change(user, test.profile("Winner", &wanted)));
        }
        let done = race(test, acts).await;
        assert_eq!(done.iter().filter(|done| done.succeeded()).count(), 1, "round {round}: {done:?}");
        assert_eq!(done.iter().filter(|done| **done == Done::Change(Update::Taken)).count(), RUNNERS - 1);
        assert_eq!(test.by_email(&wanted).await.map(|user| user.name.to_string()), Some("Winner".to_owned()));
        test.assert_sound().await;
    }
}

pub(crate) async fn of_two_changes_of_one_user_exactly_one_wins(test: &TestStore) {
    for round in 0..ROUNDS {
        let user = test.signed_up("Ann", &format!("from{round}@x.org")).await;
        let goals = [format!("left{round}@x.org"), format!("right{round}@x.org")];
        let done =
            race(test, goals.iter().map(|goal| Act::Change(user.clone(), test.profile("Ann", goal))).collect()).await;
        assert_eq!(done.iter().filter(|done| done.succeeded()).count(), 1, "round {round}: {done:?}");
        assert!(done.contains(&Done::Change(Update::Stale)), "round {round}: {done:?}");
        let lost = if done[0].succeeded() { &goals[1] } else { &goals[0] };
        assert_eq!(test.by_email(lost).await, None);
        test.signed_up("Next", lost).await;
        test.signed_up("Next", &format!("from{round}@x.org")).await;
        test.assert_sound().await;
    }
}

pub(crate) async fn of_many_changes_of_one_user_exactly_one_wins(test: &TestStore) {
    for round in 0..ROUNDS {
        let user = test.signed_up("Ann", &format!("from{round}@x.org")).await;
        let acts = (0..8).map(|n| Act::Change(user.clone(), test.profile("Ann", &format!("to{n}of{round}@x.org"))));
        let done = race(test, acts.collect()).await;
        assert_eq!(done.iter().filter(|done| done.succeeded()).count(), 1, "round {round}: {done:?}");
        let stale = done.iter().filter(|&done| *done == Done::Change(Update::Stale)).count();
        assert_eq!(stale, 7, "round {round}: {done:?}");
        test.assert_sound().await;
    }
}

pub(crate) async fn two_users_who_swap_emails_both_keep_their_own(test: &TestStore) {
    for round in 0..ROUNDS {
        let (left, right) = (format!("left{round}@x.org"), format!("right{round}@x.org"));
        let ann = test.signed_up("Ann", &left).await;
        let bob = test.signed_up("Bob", &right).await;
        let acts = vec![
            Act::Change(ann.clone(), test.profile("Ann", &right)),
            Act::Change(bob.clone(), test.profile("Bob", &left)),
        ];
        let done = race(test, acts).await;
        assert!(done.iter().all(|done| *done == Done::Change(Update::Taken)), "round {round}: {done:?}");
        assert_eq!(test.by_email(&left).await, Some(ann));
        assert_eq!(test.by_email(&right).await, Some(bob));
        test.assert_sound().await;
    }
}

pub(crate) async fn a_change_a_sign_up_and_a_removal_leave_no_contradiction(test: &TestStore) {
    for round in 0..ROUNDS {
        let (old, new) = (format!("old{round}@x.org"), format!("new{round}@x.org"));
        let ann = test.signed_up("Ann", &old).await;
        let acts = vec![
            Act::Change(ann.clone(), test.profile("Ann", &new)),
            Act::Removal(ann.clone()),
            Act::SignUp(test.somebody("New", &new)),
            Act::SignUp(test.somebody("Old", &old)),
            Act::SignUp(test.somebody("New", &new)),
        ];
        let done = race(test, acts).await;
        let won: Vec<bool> = done.iter().map(Done::succeeded).collect();
        assert!(!(won[0] && won[1]), "round {round}: changed and removed at one version: {done:?}");
        assert!(
            [won[0], won[2], won[4]].iter().filter(|won| **won).count() <= 1,
            "round {round}: the new e-mail went to several: {done:?}"
        );
        assert!(!won[3] || won[0] || won[1], "round {round}: the old e-mail was given away: {done:?}");
        let owner = test.by_email(&new).await.map(|user| user.name.to_string());
        let expected = if won[0] {
            Some("Ann")
        } else if won[2] || won[4] {
            Some("New")
        } else {
            None
        };
        assert_eq!(owner.as_deref(), expected, "round {round}: {done:?}");
        test.assert_sound().await;
    }
}

pub(crate) async fn a_freed_email_goes_to_exactly_one(test: &TestStore) {
    for round in 0..ROUNDS {
        let (freed, away) = (format!("freed{round}@x.org"), format!("away{round}@x.org"));
        let ann = test.signed_up("Ann", &freed).await;
        let done = race(test, vec![Act::Change(ann, test.profile("Ann", &away))]).await;
        assert!(done[0].succeeded(), "round {round}: {done:?}");
        let mut acts: Vec<Act> = (0..RUNNERS).map(|_| Act::SignUp(test.somebody("New", &freed))).collect();
        let bob = test.signed_up("Bob", &format!("bob{round}@x.org")).await;
        acts.push(Act::Change(bob, test.profile("Bob", &freed)));
        let done = race(test, acts).await;
        assert_eq!(done.iter().filter(|done| done.succeeded()).count(), 1, "round {round}: {done:?}");
        test.assert_sound().await;
    }
}

pub(crate) async fn removals_and_sign_ups_of_one_email_leave_at_most_one(test: &TestStore) {
    let mut holder = test.signed_up("First", "hot@x.org").await;
    for round in 0..ROUNDS {
        let runners: Vec<User> = (0..RUNNERS).map(|_| test.somebody("Next", "hot@x.org")).collect();
        let mut acts = vec![Act::Removal(holder.clone())];
        acts.extend(runners.iter().cloned().map(Act::SignUp));
        let done = race(test, acts).await;
        assert!(done[0].succeeded(), "round {round}: nobody else changed the holder: {done:?}");
        let winners: Vec<&User> =
            runners.iter().zip(&done[1..]).filter(|(_, done)| done.succeeded()).map(|(user, _)| user).collect();
        assert!(winners.len() <= 1, "round {round}: {done:?}");
        assert_eq!(test.by_email("hot@x.org").await.as_ref(), winners.first().copied());
        test.assert_sound().await;
        holder = match winners.first() {
            Some(winner) => (*winner).clone(),
            None => test.signed_up("Next", "hot@x.org").await,
        };
    }
}
