//! Promises about account status: disabled accounts and expired passwords.

use std::sync::Arc;

use crate::{OpenSessionOutcome, StatusUpdate, UpdateUserOutcome};
use userd_core::{AccountStatus, Actor, EventKind, User, UserVersion};

use super::concurrency::run_concurrently;
use super::session_fixtures::{LIMITS, actor_at, new_session};
use super::test_store::{TestStore, password_hash};

/// How often each race is run.
const ROUNDS: u16 = 10;

const DISABLED: AccountStatus = AccountStatus { disabled: true, password_expired: false };
const EXPIRED: AccountStatus = AccountStatus { disabled: false, password_expired: true };
const BOTH: AccountStatus = AccountStatus { disabled: true, password_expired: true };

fn status_update(status: AccountStatus, kind: EventKind) -> StatusUpdate {
    StatusUpdate { status, password_hash: None, kind }
}

async fn try_update_status(test: &TestStore, user: &User, update: &StatusUpdate) -> UpdateUserOutcome {
    let now = test.now();
    test.store.update_status(user.id, user.version, update, &actor_at(1), now).await.expect("the store works")
}

async fn update_status(test: &TestStore, user: &User, status: AccountStatus, kind: EventKind) -> User {
    match try_update_status(test, user, &status_update(status, kind)).await {
        UpdateUserOutcome::Updated(user) => *user,
        other => panic!("{other:?}"),
    }
}

async fn kinds(test: &TestStore, user: &User) -> Vec<EventKind> {
    let events = test.store.events(user.id, 100).await.expect("the store works");
    events.into_iter().map(|event| event.kind).collect()
}

pub async fn a_status_update_is_stored_with_its_event_and_changes_nothing_else(test: &TestStore) {
    let mut ann = test.signed_up("Ann", "Ann@x.org").await;
    let standings = [
        (DISABLED, EventKind::Disabled),
        (BOTH, EventKind::PasswordExpired),
        (EXPIRED, EventKind::Enabled),
        (AccountStatus::default(), EventKind::PasswordChanged),
    ];
    for (status, kind) in standings {
        test.clock.advance_ms(1);
        let after = update_status(test, &ann, status, kind).await;
        let expected = User { status, updated_at: test.now(), version: after.version, ..ann.clone() };
        assert_eq!(after, expected);
        assert!(after.version > ann.version);
        assert_eq!(test.user(ann.id).await.as_ref(), Some(&after), "read back");
        assert_eq!(test.by_email("ann@x.org").await.as_ref(), Some(&after), "by e-mail");
        ann = after;
    }
    let expected = [
        EventKind::SignedUp,
        EventKind::Disabled,
        EventKind::PasswordExpired,
        EventKind::Enabled,
        EventKind::PasswordChanged,
    ];
    assert_eq!(kinds(test, &ann).await, expected);
}

pub async fn a_status_update_revokes_all_sessions_unless_it_enables_the_account(test: &TestStore) {
    let (mut ann, bob) = (test.signed_up("Ann", "ann@x.org").await, test.signed_up("Bob", "bob@x.org").await);
    test.opened(&bob, 1).await;
    for (status, kind) in [(DISABLED, EventKind::Disabled), (EXPIRED, EventKind::PasswordExpired)] {
        let sessions = [test.opened(&ann, 1).await, test.opened(&ann, 2).await];
        ann = update_status(test, &ann, status, kind).await;
        assert_eq!(test.sessions_of(ann.id).await, []);
        for session in sessions {
            assert_eq!(test.signed_in(ann.id, session.id).await, None, "{kind:?}");
        }
    }
    let session = test.opened(&ann, 3).await;
    ann = update_status(test, &ann, AccountStatus::default(), EventKind::Enabled).await;
    assert_eq!(test.session_ids(ann.id).await, [session.id]);
    assert_eq!(test.session_ids(bob.id).await.len(), 1, "of no other user");
}

pub async fn a_status_update_can_set_a_password(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let bring =
        StatusUpdate { status: EXPIRED, password_hash: Some(password_hash(7)), kind: EventKind::PasswordChanged };
    let UpdateUserOutcome::Updated(after) = try_update_status(test, &ann, &bring).await else { panic!("refused") };
    assert_eq!((&after.password_hash, after.status), (&password_hash(7), EXPIRED));
    assert_eq!(test.user(ann.id).await, Some(*after));
}

pub async fn a_status_update_for_another_version_or_an_unknown_user_changes_nothing(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let session = test.opened(&ann, 1).await;
    let disable = status_update(DISABLED, EventKind::Disabled);
    for version in [ann.version.next(), UserVersion::from_number(u64::MAX)] {
        assert_eq!(
            try_update_status(test, &User { version, ..ann.clone() }, &disable).await,
            UpdateUserOutcome::VersionConflict
        );
    }
    let absent = test.new_user("Absent", "absent@x.org");
    assert_eq!(try_update_status(test, &absent, &disable).await, UpdateUserOutcome::NotFound);
    assert_eq!(test.user(ann.id).await.as_ref(), Some(&ann));
    assert_eq!(test.session_ids(ann.id).await, [session.id]);
    assert_eq!(kinds(test, &ann).await, [EventKind::SignedUp, EventKind::SignedIn]);
}

pub async fn a_new_password_is_not_expired_and_enables_no_account(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let ann = update_status(test, &ann, BOTH, EventKind::Disabled).await;
    let (hash, now) = (password_hash(2), test.now());
    let update = test.store.update_password(ann.id, ann.version, &hash, None, Actor::anonymous(), now);
    let UpdateUserOutcome::Updated(after) = update.await.expect("the store works") else { panic!("refused") };
    assert_eq!(after.status, DISABLED);
    assert_eq!(test.user(ann.id).await, Some(*after));
}

/// Another hash of the same password, or another profile, is no status update.
pub async fn the_account_status_survives_all_other_changes(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let ann = update_status(test, &ann, BOTH, EventKind::Disabled).await;
    let update = test.store.update_password_hash(ann.id, ann.version, &password_hash(3)).await;
    let Ok(UpdateUserOutcome::Updated(ann)) = update else { panic!("{update:?}") };
    for email in ["Ann@x.org", "other@x.org"] {
        let version = test.user(ann.id).await.expect("Ann is there").version;
        let profile = test.profile("Ann", email);
        let update = test.store.update_profile(ann.id, version, &profile, Actor::anonymous(), test.now()).await;
        let Ok(UpdateUserOutcome::Updated(after)) = update else { panic!("{update:?}") };
        assert_eq!(after.status, BOTH);
        assert_eq!(test.user(ann.id).await, Some(*after));
    }
}

/// Whichever comes first, a disabled account has no session.
pub async fn no_session_survives_that_its_account_is_disabled(test: &TestStore) {
    let mut ann = test.signed_up("Ann", "ann@x.org").await;
    for round in 0..ROUNDS {
        let disabling = {
            let (store, user, now) = (Arc::clone(&test.store), ann.clone(), test.now());
            let disable = status_update(DISABLED, EventKind::Disabled);
            async move {
                let actor = actor_at(1);
                let update = store.update_status(user.id, user.version, &disable, &actor, now).await;
                assert!(matches!(update.expect("the store works"), UpdateUserOutcome::Updated(_)));
                true
            }
        };
        let open = |number: u16| {
            let (store, user, now) = (Arc::clone(&test.store), ann.clone(), test.now());
            async move {
                let session = new_session(&user, 20 * round + number);
                let actor = actor_at(1);
                let open = store.open_session(user.id, user.version, &session, &LIMITS, &actor, now).await;
                matches!(open.expect("the store works"), OpenSessionOutcome::Opened(_))
            }
        };
        let mut acts: Vec<std::pin::Pin<Box<dyn Future<Output = bool> + Send>>> = vec![Box::pin(disabling)];
        for number in 0..12 {
            acts.insert(usize::from(number % 2) * acts.len(), Box::pin(open(number)));
        }
        run_concurrently(acts).await;
        assert_eq!(test.session_ids(ann.id).await, [], "round {round}");
        let disabled = test.user(ann.id).await.expect("Ann is there");
        assert!(disabled.status.disabled);
        ann = update_status(test, &disabled, AccountStatus::default(), EventKind::Enabled).await;
    }
}
