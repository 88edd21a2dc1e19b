//! Promises about what an administrator rules: disabled accounts and expired passwords.

use std::sync::Arc;

use userd_core::{Client, EventKind, Standing, User, Version};
use userd_store::{Open, Ruling, Update};

use userd_test_support::signed_in::{LIMITS, client_at, new_session};
use userd_test_support::stores::{TestStore, at_once, password_hash};

/// How often each race is run.
const ROUNDS: u16 = 10;

const DISABLED: Standing = Standing { disabled: true, password_expired: false };
const EXPIRED: Standing = Standing { disabled: false, password_expired: true };
const BOTH: Standing = Standing { disabled: true, password_expired: true };

fn ruling(standing: Standing, kind: EventKind) -> Ruling {
    Ruling { standing, password_hash: None, kind }
}

async fn ruled(test: &TestStore, user: &User, ruling: &Ruling) -> Update {
    let now = test.now();
    test.store.replace_standing(user.id, user.version, ruling, &client_at(1), now).await.expect("the store works")
}

async fn rule(test: &TestStore, user: &User, standing: Standing, kind: EventKind) -> User {
    match ruled(test, user, &ruling(standing, kind)).await {
        Update::Updated(user) => *user,
        other => panic!("{other:?}"),
    }
}

async fn kinds(test: &TestStore, user: &User) -> Vec<EventKind> {
    let events = test.store.events(user.id, 100).await.expect("the store works");
    events.into_iter().map(|event| event.kind).collect()
}

pub(crate) async fn a_ruling_is_kept_with_its_event_and_touches_nothing_else(test: &TestStore) {
    let mut ann = test.signed_up("Ann", "Ann@x.org").await;
    let standings = [
        (DISABLED, EventKind::Disabled),
        (BOTH, EventKind::PasswordExpired),
        (EXPIRED, EventKind::Enabled),
        (Standing::default(), EventKind::PasswordChanged),
    ];
    for (standing, kind) in standings {
        test.clock.advance_ms(1);
        let after = rule(test, &ann, standing, kind).await;
        let expected = User { standing, updated_at: test.now(), version: after.version, ..ann.clone() };
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

pub(crate) async fn a_ruling_ends_all_sessions_of_the_user_unless_it_opens_the_account(test: &TestStore) {
    let (mut ann, bob) = (test.signed_up("Ann", "ann@x.org").await, test.signed_up("Bob", "bob@x.org").await);
    test.opened(&bob, 1).await;
    for (standing, kind) in [(DISABLED, EventKind::Disabled), (EXPIRED, EventKind::PasswordExpired)] {
        let sessions = [test.opened(&ann, 1).await, test.opened(&ann, 2).await];
        ann = rule(test, &ann, standing, kind).await;
        assert_eq!(test.sessions_of(ann.id).await, []);
        for session in sessions {
            assert_eq!(test.signed_in(ann.id, session.id).await, None, "{kind:?}");
        }
    }
    let session = test.opened(&ann, 3).await;
    ann = rule(test, &ann, Standing::default(), EventKind::Enabled).await;
    assert_eq!(test.session_ids(ann.id).await, [session.id]);
    assert_eq!(test.session_ids(bob.id).await.len(), 1, "of nobody else");
}

pub(crate) async fn a_ruling_may_bring_a_password(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let bring = Ruling { standing: EXPIRED, password_hash: Some(password_hash(7)), kind: EventKind::PasswordChanged };
    let Update::Updated(after) = ruled(test, &ann, &bring).await else { panic!("refused") };
    assert_eq!((&after.password_hash, after.standing), (&password_hash(7), EXPIRED));
    assert_eq!(test.user(ann.id).await, Some(*after));
}

pub(crate) async fn a_stale_ruling_or_one_about_nobody_changes_nothing(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let session = test.opened(&ann, 1).await;
    let disable = ruling(DISABLED, EventKind::Disabled);
    for version in [ann.version.next(), Version::from_number(u64::MAX)] {
        assert_eq!(ruled(test, &User { version, ..ann.clone() }, &disable).await, Update::Stale);
    }
    let nobody = test.somebody("Nobody", "nobody@x.org");
    assert_eq!(ruled(test, &nobody, &disable).await, Update::Missing);
    assert_eq!(test.user(ann.id).await.as_ref(), Some(&ann));
    assert_eq!(test.session_ids(ann.id).await, [session.id]);
    assert_eq!(kinds(test, &ann).await, [EventKind::SignedUp, EventKind::SignedIn]);
}

pub(crate) async fn a_new_password_is_not_expired_and_opens_no_account(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let ann = rule(test, &ann, BOTH, EventKind::Disabled).await;
    let (hash, now) = (password_hash(2), test.now());
    let update = test.store.replace_password(ann.id, ann.version, &hash, None, Client::nobody(), now);
    let Update::Updated(after) = update.await.expect("the store works") else { panic!("refused") };
    assert_eq!(after.standing, DISABLED);
    assert_eq!(test.user(ann.id).await, Some(*after));
}

/// Another hash of the same password, or another profile, is no ruling.
pub(crate) async fn a_standing_stays_through_all_other_changes(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let ann = rule(test, &ann, BOTH, EventKind::Disabled).await;
    let update = test.store.replace_password_hash(ann.id, ann.version, &password_hash(3)).await;
    let Ok(Update::Updated(ann)) = update else { panic!("{update:?}") };
    for email in ["Ann@x.org", "other@x.org"] {
        let version = test.user(ann.id).await.expect("Ann is there").version;
        let profile = test.profile("Ann", email);
        let update = test.store.replace_profile(ann.id, version, &profile, Client::nobody(), test.now()).await;
        let Ok(Update::Updated(after)) = update else { panic!("{update:?}") };
        assert_eq!(after.standing, BOTH);
        assert_eq!(test.user(ann.id).await, Some(*after));
    }
}

/// Whichever comes first, nobody is left signed in to an account that is shut.
pub(crate) async fn no_session_survives_that_its_account_is_shut(test: &TestStore) {
    let mut ann = test.signed_up("Ann", "ann@x.org").await;
    for round in 0..ROUNDS {
        let shut = {
            let (store, user, now) = (Arc::clone(&test.store), ann.clone(), test.now());
            let disable = ruling(DISABLED, EventKind::Disabled);
            async move {
                let client = client_at(1);
                let update = store.replace_standing(user.id, user.version, &disable, &client, now).await;
                assert!(matches!(update.expect("the store works"), Update::Updated(_)));
                true
            }
        };
        let open = |number: u16| {
            let (store, user, now) = (Arc::clone(&test.store), ann.clone(), test.now());
            async move {
                let session = new_session(&user, 20 * round + number);
                let client = client_at(1);
                let open = store.open_session(user.id, user.version, &session, &LIMITS, &client, now).await;
                matches!(open.expect("the store works"), Open::Opened(_))
            }
        };
        let mut acts: Vec<std::pin::Pin<Box<dyn Future<Output = bool> + Send>>> = vec![Box::pin(shut)];
        for number in 0..12 {
            acts.insert(usize::from(number % 2) * acts.len(), Box::pin(open(number)));
        }
        at_once(acts).await;
        assert_eq!(test.session_ids(ann.id).await, [], "round {round}");
        let shut = test.user(ann.id).await.expect("Ann is there");
        assert!(shut.standing.disabled);
        ann = rule(test, &shut, Standing::default(), EventKind::Enabled).await;
    }
}
