//! Promises about an account's history.

use crate::{CreateUserOutcome, DeleteUserOutcome, SortOrder, UpdateUserOutcome};
use userd_core::{AccountEvent, Actor, ApiKeyId, CanonicalEmail, EventKind, PrincipalId, SessionLimits, User};

use super::session_fixtures::{LIMITS, actor_at, new_session};
use super::test_store::{TestStore, password_hash};

async fn history(test: &TestStore, user: &User) -> Vec<AccountEvent> {
    let events = test.store.events(user.id, 1_000).await.expect("the store works");
    assert!(events.iter().all(|event| event.user == user.id), "{events:?}");
    events
}

async fn kinds(test: &TestStore, user: &User) -> Vec<EventKind> {
    history(test, user).await.into_iter().map(|event| event.kind).collect()
}

fn service(number: u8) -> Actor {
    Actor { principal: PrincipalId::ApiKey(ApiKeyId::generate([number; 8])), ..actor_at(number) }
}

async fn renamed(test: &TestStore, user: &User, name: &str, email: &str, actor: &Actor) -> User {
    let profile = test.profile(name, email);
    match test.store.update_profile(user.id, user.version, &profile, actor, test.now()).await {
        Ok(UpdateUserOutcome::Updated(user)) => *user,
        other => panic!("{other:?}"),
    }
}

pub async fn each_change_is_one_event_in_order_with_actor_and_address(test: &TestStore) {
    let ann = test.new_user("Ann", "ann@x.org");
    assert_eq!(test.store.create_user(&ann, &service(1)).await.expect("the store works"), CreateUserOutcome::Created);
    let session = test.opened(&ann, 1).await.id;
    let by_ann = Actor { principal: PrincipalId::Session(session), address: "2001:db8::7".parse().ok(), ..actor_at(1) };
    let email = CanonicalEmail::parse("ann@x.org").expect("an e-mail");
    let changed = renamed(test, &ann, "Ann B", "Ann@x.org", &by_ann).await;
    let changed = renamed(test, &changed, "Ann B", "b@x.org", &by_ann).await;
    test.store.record_failed_sign_in(&email, Some(ann.id), &actor_at(4), test.now()).await.expect("the store works");
    let hash = password_hash(2);
    let update = test.store.update_password(ann.id, changed.version, &hash, Some(session), &by_ann, test.now()).await;
    let Ok(UpdateUserOutcome::Updated(changed)) = update else { panic!("{update:?}") };
    let ended = test.store.revoke_session(ann.id, session, EventKind::SignedOut, &by_ann, test.now()).await;
    assert!(ended.expect("the store works"));
    assert!(test.store.revoke_other_sessions(ann.id, None, &service(2), test.now()).await.expect("the store works"));
    let removed = test.store.delete_user(ann.id, changed.version, Actor::anonymous(), test.now()).await;
    assert_eq!(removed.expect("the store works"), DeleteUserOutcome::Deleted);
    let opened_by = Actor { principal: PrincipalId::Session(session), ..actor_at(1) };
    let expected = [
        (EventKind::SignedUp, service(1)),
        (EventKind::SignedIn, opened_by),
        (EventKind::ProfileChanged, by_ann.clone()),
        (EventKind::EmailChanged, by_ann.clone()),
        (EventKind::SignInFailed, actor_at(4)),
        (EventKind::PasswordChanged, by_ann.clone()),
        (EventKind::SignedOut, by_ann),
        (EventKind::SessionsRevoked, service(2)),
        (EventKind::Deleted, Actor::anonymous().clone()),
    ];
    let expected: Vec<_> = expected.into_iter().map(|(kind, actor)| (kind, actor.address, actor.principal)).collect();
    let history = history(test, &ann).await;
    let found: Vec<_> =
        history.iter().map(|event| (event.kind, event.actor.address, event.actor.principal.clone())).collect();
    assert_eq!(found, expected);
}

pub async fn an_event_has_the_time_of_the_callers_clock(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    test.clock.advance_ms(1_000);
    let session = test.opened(&ann, 1).await;
    test.clock.advance_ms(1_000);
    let ended =
        test.store.revoke_session(ann.id, session.id, EventKind::SessionRevoked, &actor_at(1), test.now()).await;
    assert!(ended.expect("the store works"));
    let at: Vec<_> = history(test, &ann).await.into_iter().map(|event| event.at).collect();
    let start = ann.created_at;
    assert_eq!(at, [start, start.plus_millis(1_000), start.plus_millis(2_000)]);
}

pub async fn a_rejected_or_repeated_change_is_no_event(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    test.signed_up("Bob", "bob@x.org").await;
    let actor = actor_at(1);
    assert_eq!(
        test.store.create_user(&ann, &actor).await.expect("the store works"),
        CreateUserOutcome::Created,
        "a repeat"
    );
    let taken = test.new_user("Ann", "ann@x.org");
    assert_eq!(test.store.create_user(&taken, &actor).await.expect("the store works"), CreateUserOutcome::EmailTaken);
    let refused =
        test.store.update_profile(ann.id, ann.version, &test.profile("Ann", "bob@x.org"), &actor, test.now()).await;
    assert_eq!(refused.expect("the store works"), UpdateUserOutcome::EmailTaken);
    let stale = ann.version.next();
    let profile = test.profile("Ann", "ann@x.org");
    let refused = test.store.update_profile(ann.id, stale, &profile, &actor, test.now()).await;
    assert_eq!(refused.expect("the store works"), UpdateUserOutcome::VersionConflict);
    let refused = test.store.update_password(ann.id, stale, &password_hash(2), None, &actor, test.now()).await;
    assert_eq!(refused.expect("the store works"), UpdateUserOutcome::VersionConflict);
    let refused = test.store.delete_user(ann.id, stale, &actor, test.now()).await;
    assert_eq!(refused.expect("the store works"), DeleteUserOutcome::VersionConflict);
    let refused = test.open_session(&User { version: stale, ..ann.clone() }, &new_session(&ann, 1)).await;
    assert_eq!(refused, crate::OpenSessionOutcome::VersionConflict);
    let none = new_session(&ann, 1).id;
    let refused = test.store.revoke_session(ann.id, none, EventKind::SignedOut, &actor, test.now()).await;
    assert!(!refused.expect("the store works"));
    assert_eq!(kinds(test, &ann).await, [EventKind::SignedUp]);
    assert_eq!(kinds(test, &taken).await, []);
    for _ in 0..3 {
        test.opened(&ann, 1).await;
    }
    let session = new_session(&ann, 1).id;
    for first in [true, false] {
        let ended = test.store.revoke_session(ann.id, session, EventKind::SignedOut, &actor, test.now()).await;
        assert_eq!(ended.expect("the store works"), first);
    }
    assert_eq!(kinds(test, &ann).await, [EventKind::SignedUp, EventKind::SignedIn, EventKind::SignedOut]);
}

pub async fn another_hash_of_the_same_password_and_the_use_of_a_session_are_no_events(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let session = test.opened(&ann, 1).await;
    test.store.touch_session(ann.id, &session, session.created_at.plus_millis(60_000)).await.expect("the store works");
    test.store.update_password_hash(ann.id, ann.version, &password_hash(2)).await.expect("the store works");
    assert_eq!(kinds(test, &ann).await, [EventKind::SignedUp, EventKind::SignedIn]);
}

/// A session that is ended to make room for another is no user's action.
pub async fn a_sign_in_beyond_the_limit_is_one_event(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    for number in 0..3 {
        test.open_session_within(&ann, number, &SessionLimits { sessions_max: 1, ..LIMITS }).await;
    }
    let expected = [EventKind::SignedUp, EventKind::SignedIn, EventKind::SignedIn, EventKind::SignedIn];
    assert_eq!(kinds(test, &ann).await, expected);
}

pub async fn the_newest_events_are_read_and_no_more_than_requested(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let bob = test.signed_up("Bob", "bob@x.org").await;
    let email = ann.email.canonical();
    for address in 1..=20 {
        test.store
            .record_failed_sign_in(email, Some(ann.id), &actor_at(address), test.now())
            .await
            .expect("the store works");
        let of_bob = bob.email.canonical();
        test.store
            .record_failed_sign_in(of_bob, Some(bob.id), &actor_at(99), test.now())
            .await
            .expect("the store works");
    }
    let all = history(test, &ann).await;
    assert_eq!(all.len(), 21);
    for most in [0, 1, 2, 7, 20, 21, 22, 1_000] {
        let last = test.store.events(ann.id, most).await.expect("the store works");
        assert_eq!(last, all[all.len().saturating_sub(most)..], "{most}");
    }
    let addresses: Vec<_> = all[1..].iter().map(|event| event.actor.address).collect();
    assert_eq!(addresses, (1..=20).map(|last| actor_at(last).address).collect::<Vec<_>>());
    let absent = test.new_user("Absent", "absent@x.org");
    assert_eq!(kinds(test, &absent).await, []);
}

pub async fn failed_sign_ins_at_an_email_without_a_user_belong_to_no_user(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    for number in 0..30 {
        let email = CanonicalEmail::parse(&format!("unknown{number}@x.org")).expect("an e-mail");
        test.store.record_failed_sign_in(&email, None, &actor_at(3), test.now()).await.expect("the store works");
    }
    assert_eq!(kinds(test, &ann).await, [EventKind::SignedUp]);
    let email = ann.email.canonical();
    test.store.record_failed_sign_in(email, Some(ann.id), &actor_at(3), test.now()).await.expect("the store works");
    assert_eq!(kinds(test, &ann).await, [EventKind::SignedUp, EventKind::SignInFailed]);
    assert_eq!(test.store.users_count().await.expect("the store works"), 1);
}

pub async fn events_outlive_their_user_and_do_not_belong_to_the_next_user_of_the_email(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let removed = test.store.delete_user(ann.id, ann.version, &actor_at(1), test.now()).await;
    assert_eq!(removed.expect("the store works"), DeleteUserOutcome::Deleted);
    let again = test.signed_up("Ann", "ann@x.org").await;
    assert_eq!(kinds(test, &ann).await, [EventKind::SignedUp, EventKind::Deleted]);
    assert_eq!(kinds(test, &again).await, [EventKind::SignedUp]);
}

pub async fn pages_of_events_are_complete_in_both_orders(test: &TestStore) {
    let (ann, bob) = (test.signed_up("Ann", "ann@x.org").await, test.signed_up("Bob", "bob@x.org").await);
    for address in 1..=20 {
        for user in [&ann, &bob] {
            let (email, actor) = (user.email.canonical(), actor_at(address));
            test.store.record_failed_sign_in(email, Some(user.id), &actor, test.now()).await.expect("the store works");
        }
    }
    let mut expected = history(test, &ann).await;
    for order in [SortOrder::Ascending, SortOrder::Descending] {
        for most in [1, 7, 21, 30] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = test.store.events_page(ann.id, after, order, most).await.expect("the store works");
                found.extend(page.iter().map(|(_, event)| event.clone()));
                match page.last() {
                    Some((place, _)) if page.len() == most => after = Some(*place),
                    _ => break,
                }
            }
            assert_eq!(found, expected, "{order:?} by {most}");
        }
        expected.reverse();
    }
    let none = test.store.events_page(ann.id, None, SortOrder::Ascending, 0).await;
    assert_eq!(none.expect("the store works"), []);
}
