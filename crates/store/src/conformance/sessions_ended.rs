//! Promises about what ends sessions, and that an ended session never comes back.

use crate::{DeleteUserOutcome, NewSession, OpenSessionOutcome, UpdateUserOutcome};
use userd_core::{EventKind, Session, SessionId, User};

use super::session_fixtures::{actor_at, new_session, refresh_state};
use super::test_store::{TestStore, password_hash};

/// Opens sessions `0..count`; returns their ids, newest first.
async fn open_sessions(test: &TestStore, user: &User, count: u16) -> Vec<Session> {
    let mut sessions = Vec::new();
    for number in 0..count {
        sessions.insert(0, test.opened(user, number).await);
        test.wait_a_moment(user.id).await;
    }
    sessions
}

async fn change_password(test: &TestStore, user: &User, keep: Option<SessionId>) -> UpdateUserOutcome {
    test.store
        .update_password(user.id, user.version, &password_hash(9), keep, &actor_at(2), test.now())
        .await
        .expect("the store works")
}

async fn revoke_session(test: &TestStore, user: &User, session: SessionId) -> bool {
    test.store
        .revoke_session(user.id, session, EventKind::SignedOut, &actor_at(2), test.now())
        .await
        .expect("the store works")
}

async fn revoke_other_sessions(test: &TestStore, user: &User, keep: Option<SessionId>) -> bool {
    test.store.revoke_other_sessions(user.id, keep, &actor_at(2), test.now()).await.expect("the store works")
}

pub async fn a_new_password_revokes_all_sessions_but_the_kept_one(test: &TestStore) {
    let mut ann = test.signed_up("Ann", "ann@x.org").await;
    let bob = test.signed_up("Bob", "bob@x.org").await;
    let of_bob = test.opened(&bob, 1).await;
    for keep in [Some(1), Some(2), None] {
        let sessions = open_sessions(test, &ann, 4).await;
        let kept = keep.map(|place: usize| sessions[place].clone());
        let update = change_password(test, &ann, kept.as_ref().map(|session| session.id)).await;
        let UpdateUserOutcome::Updated(after) = update else { panic!("{update:?}") };
        assert_eq!(test.sessions_of(ann.id).await, kept.clone().into_iter().collect::<Vec<_>>());
        for session in &sessions {
            let found = test.signed_in(ann.id, session.id).await;
            assert_eq!(found.as_ref().map(|found| &found.session), kept.as_ref().filter(|kept| kept.id == session.id));
            assert!(found.is_none_or(|found| found.user == *after));
        }
        // The kept session can be ended like any other.
        assert!(revoke_other_sessions(test, &after, None).await, "Ann is there");
        assert_eq!(test.sessions_of(ann.id).await, []);
        ann = *after;
    }
    assert_eq!(test.sessions_of(bob.id).await, [of_bob]);
}

pub async fn a_rejected_password_change_ends_no_session(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let sessions = open_sessions(test, &ann, 2).await;
    let stale = User { version: ann.version.next(), ..ann.clone() };
    assert_eq!(change_password(test, &stale, None).await, UpdateUserOutcome::VersionConflict);
    assert_eq!(test.sessions_of(ann.id).await, sessions);
}

/// Another user's session, or one that never existed, can't be kept.
pub async fn a_kept_session_that_does_not_exist_keeps_none(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let bob = test.signed_up("Bob", "bob@x.org").await;
    let of_bob = test.opened(&bob, 7).await;
    open_sessions(test, &ann, 2).await;
    let update = change_password(test, &ann, Some(of_bob.id)).await;
    let UpdateUserOutcome::Updated(ann) = update else { panic!("{update:?}") };
    assert_eq!(test.sessions_of(ann.id).await, []);
    assert_eq!(test.signed_in(ann.id, of_bob.id).await, None);
    open_sessions(test, &ann, 2).await;
    assert!(revoke_other_sessions(test, &ann, Some(new_session(&ann, 9).id)).await);
    assert_eq!(test.sessions_of(ann.id).await, []);
    assert_eq!(test.sessions_of(bob.id).await, [of_bob]);
}

pub async fn a_deleted_user_has_no_sessions(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let bob = test.signed_up("Bob", "bob@x.org").await;
    let (of_bob, sessions) = (test.opened(&bob, 1).await, open_sessions(test, &ann, 3).await);
    let stale = test.store.delete_user(ann.id, ann.version.next(), &actor_at(2), test.now()).await;
    assert_eq!(stale.expect("the store works"), DeleteUserOutcome::VersionConflict);
    assert_eq!(test.sessions_of(ann.id).await, sessions);
    let removed = test.store.delete_user(ann.id, ann.version, &actor_at(2), test.now()).await;
    assert_eq!(removed.expect("the store works"), DeleteUserOutcome::Deleted);
    for session in &sessions {
        assert_eq!(test.signed_in(ann.id, session.id).await, None);
        assert!(!revoke_session(test, &ann, session.id).await);
    }
    assert_eq!(test.sessions_of(ann.id).await, []);
    assert_eq!(test.open_session(&ann, &new_session(&ann, 4)).await, OpenSessionOutcome::NotFound);
    assert!(!revoke_other_sessions(test, &ann, None).await);
    assert_eq!(test.sessions_of(bob.id).await, [of_bob]);
}

pub async fn one_session_is_revoked_once_and_the_others_stay(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let bob = test.signed_up("Bob", "bob@x.org").await;
    let sessions = open_sessions(test, &ann, 3).await;
    assert!(!revoke_session(test, &bob, sessions[1].id).await, "it is not Bob's");
    assert!(revoke_session(test, &ann, sessions[1].id).await);
    assert!(!revoke_session(test, &ann, sessions[1].id).await);
    assert_eq!(test.signed_in(ann.id, sessions[1].id).await, None);
    assert_eq!(test.session_ids(ann.id).await, [sessions[0].id, sessions[2].id]);
}

pub async fn all_sessions_but_one_are_revoked(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let sessions = open_sessions(test, &ann, 4).await;
    assert!(revoke_other_sessions(test, &ann, Some(sessions[2].id)).await);
    assert_eq!(test.sessions_of(ann.id).await, sessions[2..3]);
    assert_eq!(test.user(ann.id).await.as_ref(), Some(&ann), "the user is not changed");
    let new = test.opened(&ann, 9).await;
    assert_eq!(test.session_ids(ann.id).await, [new.id, sessions[2].id]);
    assert!(revoke_other_sessions(test, &ann, None).await);
    assert_eq!(test.sessions_of(ann.id).await, []);
    assert!(revoke_other_sessions(test, &ann, None).await, "the user is there, though nothing was to be ended");
}

/// However it ended: neither a use nor a refresh in flight brings it back.
pub async fn a_session_that_has_ended_never_comes_back(test: &TestStore) {
    for way in 0..5 {
        let mut ann = test.signed_up("Ann", &format!("ann{way}@x.org")).await;
        let new = NewSession { refresh: Some(refresh_state(&ann, &new_session(&ann, 1), 1)), ..new_session(&ann, 1) };
        let OpenSessionOutcome::Opened(session) = test.open_session(&ann, &new).await else { panic!("Ann is there") };
        match way {
            0 => assert!(revoke_session(test, &ann, session.id).await),
            1 => assert!(revoke_other_sessions(test, &ann, None).await),
            2 => {
                let UpdateUserOutcome::Updated(after) = change_password(test, &ann, None).await else {
                    panic!("she is there")
                };
                ann = *after;
            }
            3 => {
                let limits = userd_core::SessionLimits { sessions_max: 1, ..super::session_fixtures::LIMITS };
                test.wait_a_moment(ann.id).await;
                test.open_session_within(&ann, 2, &limits).await;
            }
            _ => {
                let removed = test.store.delete_user(ann.id, ann.version, &actor_at(2), test.now()).await;
                assert_eq!(removed.expect("the store works"), DeleteUserOutcome::Deleted);
            }
        }
        let at = session.created_at.plus_millis(60_000);
        test.store.touch_session(ann.id, &session, at).await.expect("the store works");
        let next = refresh_state(&ann, &new, 2);
        assert!(!test.store.replace_refresh(ann.id, &session, &next, at).await.expect("the store works"), "way {way}");
        // Not even with the state that is stored already.
        let same = refresh_state(&ann, &new, 1);
        assert!(!test.store.replace_refresh(ann.id, &session, &same, at).await.expect("the store works"), "way {way}");
        assert!(!revoke_session(test, &ann, session.id).await, "way {way}");
        assert_eq!(test.signed_in(ann.id, session.id).await, None, "way {way}");
        assert!(test.sessions_of(ann.id).await.iter().all(|other| other.id != session.id), "way {way}");
    }
}

pub async fn a_refresh_state_is_replaced_only_if_it_is_still_what_was_read(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let new = NewSession { refresh: Some(refresh_state(&ann, &new_session(&ann, 1), 1)), ..new_session(&ann, 1) };
    let OpenSessionOutcome::Opened(first) = test.open_session(&ann, &new).await else { panic!("Ann is there") };
    let (second, third) = (refresh_state(&ann, &new, 2), refresh_state(&ann, &new, 3));
    let at = first.created_at.plus_millis(5);
    let replace = async |session: &Session, next, at| {
        test.store.replace_refresh(ann.id, session, next, at).await.expect("the store works")
    };
    assert!(replace(&first, &second, at).await);
    assert!(replace(&first, &second, at).await, "a repeat");
    let now = test.signed_in(ann.id, new.id).await.expect("it is open").session;
    assert_eq!(now, Session { refresh: Some(second.clone()), last_used_at: at, ..(*first).clone() });
    assert!(!replace(&first, &third, at).await, "it is another one by now");
    assert_eq!(test.signed_in(ann.id, new.id).await.expect("it is open").session, now);
    assert!(replace(&now, &third, first.created_at).await);
    let last = test.signed_in(ann.id, new.id).await.expect("it is open").session;
    assert_eq!(last, Session { refresh: Some(third), ..now }, "the last use does not move back");
}

/// Another request with the same token records its use between the read and the exchange.
pub async fn a_refresh_succeeds_though_the_session_was_used_meanwhile(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let new = NewSession { refresh: Some(refresh_state(&ann, &new_session(&ann, 1), 1)), ..new_session(&ann, 1) };
    let OpenSessionOutcome::Opened(read) = test.open_session(&ann, &new).await else { panic!("Ann is there") };
    let (soon, late) = (read.created_at.plus_millis(60_000), read.created_at.plus_millis(120_000));
    test.store.touch_session(ann.id, &read, late).await.expect("the store works");
    let next = refresh_state(&ann, &new, 2);
    assert!(test.store.replace_refresh(ann.id, &read, &next, soon).await.expect("the store works"));
    let found = test.signed_in(ann.id, new.id).await.expect("it is open").session;
    assert_eq!(found, Session { refresh: Some(next), last_used_at: late, ..*read });
}
