//! Promises about open sessions: look-up, content, last use.
//!
//! What ends sessions is in `sessions_ended`, races over them in `sessions_races`.

use crate::{NewSession, OpenSessionOutcome};
use userd_core::{Session, SessionId, SessionLimits, UserVersion};

use super::session_fixtures::{LIMITS, actor_at, new_session, refresh_state, token};
use super::test_store::{TestStore, password_hash};

pub async fn an_opened_session_is_found_with_its_user(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let new = NewSession { refresh: Some(refresh_state(&ann, &new_session(&ann, 1), 1)), ..new_session(&ann, 1) };
    let before = test.store_time(ann.id).await;
    let OpenSessionOutcome::Opened(opened) = test.open_session(&ann, &new).await else { panic!("Ann is there") };
    let found = test.signed_in(ann.id, new.id).await.expect("it was opened");
    assert_eq!(found.user, ann);
    assert_eq!(found.session, *opened);
    let actor = actor_at(1);
    let expected = Session {
        id: new.id,
        proof: token(&ann, 1).digest().1,
        created_at: opened.created_at,
        last_used_at: opened.created_at,
        address: actor.address,
        agent: actor.agent,
        refresh: new.refresh.clone(),
    };
    assert_eq!(*opened, expected);
    assert!(opened.created_at >= before, "made at {} by a store whose time was {before}", opened.created_at);
    assert!(LIMITS.is_valid(&found.session, found.at));
}

pub async fn a_session_has_its_address_and_user_agent(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let agents = ["", "a", "(X11; Linux x86_64; rv:128.0) Firefox/128.0", "Zoë's phone", &"é".repeat(32)];
    let addresses = ["192.0.2.9", "2001:db8::7", "::ffff:192.0.2.9"].map(|text| Some(text.parse().expect("one")));
    for (number, agent) in (0..).zip(agents) {
        for (offset, address) in (0..).zip(addresses.into_iter().chain([None])) {
            let agent = userd_core::UserAgent::shorten(agent);
            let actor = userd_core::Actor { address, agent, ..actor_at(1) };
            let new = new_session(&ann, number * 10 + offset);
            let open = test.store.open_session(ann.id, ann.version, &new, &LIMITS, &actor, test.now()).await;
            assert!(matches!(open, Ok(OpenSessionOutcome::Opened(_))), "{open:?}");
            let found = test.signed_in(ann.id, new.id).await.expect("it was opened").session;
            assert_eq!((found.address, found.agent), (actor.address, actor.agent));
        }
    }
}

pub async fn a_session_of_another_user_or_of_an_unknown_id_is_not_found(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let bob = test.signed_up("Bob", "bob@x.org").await;
    let absent = test.new_user("Absent", "absent@x.org");
    let session = test.opened(&ann, 1).await;
    assert_eq!(test.signed_in(bob.id, session.id).await, None);
    assert_eq!(test.signed_in(absent.id, session.id).await, None);
    let mut near = *session.id.as_bytes();
    near[15] ^= 1;
    let unknown = [near, [0; 16], [0xff; 16]].map(|bytes| SessionId::from_slice(&bytes).expect("sixteen bytes"));
    for id in unknown.into_iter().chain([new_session(&ann, 2).id]) {
        assert_eq!(test.signed_in(ann.id, id).await, None);
    }
    assert_eq!(test.sessions_of(bob.id).await, []);
    assert_eq!(test.sessions_of(absent.id).await, []);
    assert_eq!(test.session_ids(ann.id).await, [session.id]);
}

pub async fn the_same_session_opened_again_is_the_same_session(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let first = test.opened(&ann, 1).await;
    test.wait_a_moment(ann.id).await;
    assert_eq!(test.opened(&ann, 1).await, first);
    assert_eq!(test.sessions_of(ann.id).await, [first]);
}

pub async fn a_session_is_opened_only_for_the_version_that_was_read(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let hash = password_hash(2);
    test.store.update_password_hash(ann.id, ann.version, &hash).await.expect("the store works");
    let after = test.user(ann.id).await.expect("Ann is there");
    for stale in [ann.version, after.version.next()] {
        let user = userd_core::User { version: stale, ..ann.clone() };
        assert_eq!(test.open_session(&user, &new_session(&ann, 1)).await, OpenSessionOutcome::VersionConflict);
    }
    let absent = test.new_user("Absent", "absent@x.org");
    assert_eq!(absent.version, UserVersion::FIRST);
    assert_eq!(test.open_session(&absent, &new_session(&absent, 1)).await, OpenSessionOutcome::NotFound);
    assert_eq!(test.sessions_of(ann.id).await, []);
    assert_eq!(test.sessions_of(absent.id).await, []);
    test.opened(&after, 1).await;
}

pub async fn sessions_are_listed_the_newest_first(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let mut opened = Vec::new();
    for number in 0..5 {
        opened.insert(0, test.opened(&ann, number).await.id);
        test.wait_a_moment(ann.id).await;
    }
    assert_eq!(test.session_ids(ann.id).await, opened);
}

pub async fn one_session_more_than_the_limit_ends_the_oldest(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let limits = SessionLimits { sessions_max: 3, ..LIMITS };
    let mut opened = Vec::new();
    for number in 0..6 {
        opened.insert(0, test.open_session_within(&ann, number, &limits).await.id);
        opened.truncate(3);
        assert_eq!(test.session_ids(ann.id).await, opened);
        test.wait_a_moment(ann.id).await;
    }
}

pub async fn a_lower_limit_ends_as_many_as_are_too_many(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let mut opened = Vec::new();
    for number in 0..6 {
        opened.insert(0, test.opened(&ann, number).await.id);
        test.wait_a_moment(ann.id).await;
    }
    opened.insert(0, test.open_session_within(&ann, 6, &SessionLimits { sessions_max: 2, ..LIMITS }).await.id);
    assert_eq!(test.session_ids(ann.id).await, opened[..2]);
}

/// The older one was used later than the idle time-out allows; the younger one was not.
pub async fn sessions_that_the_limits_end_go_before_the_oldest(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let used = test.opened(&ann, 1).await;
    test.wait_a_moment(ann.id).await;
    let idle = test.opened(&ann, 2).await;
    let later = test.store_time(ann.id).await.plus_millis(3_600_000);
    test.store.touch_session(ann.id, &used, later).await.expect("the store works");
    test.wait_a_moment(ann.id).await;
    let limits = SessionLimits { idle_ms: 0, sessions_max: 2, ..LIMITS };
    let new = test.open_session_within(&ann, 3, &limits).await;
    assert_eq!(test.session_ids(ann.id).await, [new.id, used.id]);
    assert_eq!(test.signed_in(ann.id, idle.id).await, None);
}

/// Used just now, and yet too old. Whether the new one outlives its very short limit is not determined.
pub async fn sessions_past_their_absolute_age_are_removed_at_the_next_opening(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let old = test.opened(&ann, 1).await;
    test.store.touch_session(ann.id, &old, old.created_at.plus_millis(3_600_000)).await.expect("the store works");
    test.wait_a_moment(ann.id).await;
    test.open_session_within(&ann, 2, &SessionLimits { absolute_ms: 5, ..LIMITS }).await;
    assert_eq!(test.signed_in(ann.id, old.id).await, None);
}

pub async fn the_last_use_moves_forward_and_never_back(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let (session, other) = (test.opened(&ann, 1).await, test.opened(&ann, 2).await);
    let (soon, late) = (session.created_at.plus_millis(60_000), session.created_at.plus_millis(120_000));
    let mut latest = session.last_used_at;
    for at in [soon, late, soon, session.created_at, late] {
        let now = test.signed_in(ann.id, session.id).await.expect("it is open").session;
        // Also with data that was read long ago.
        for read in [&now, &session] {
            test.store.touch_session(ann.id, read, at).await.expect("the store works");
            latest = latest.max(at);
            let found = test.signed_in(ann.id, session.id).await.expect("it is open").session;
            assert_eq!(found, Session { last_used_at: latest, ..session.clone() });
        }
    }
    assert_eq!(test.signed_in(ann.id, other.id).await.expect("it is open").session, other);
}

pub async fn sessions_are_there_after_a_change_that_ends_none(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let session = test.opened(&ann, 1).await;
    test.store.update_password_hash(ann.id, ann.version, &password_hash(2)).await.expect("the store works");
    let after = test.user(ann.id).await.expect("Ann is there");
    let profile = test.profile("Ann Again", "ann.again@x.org");
    let actor = actor_at(1);
    test.store.update_profile(ann.id, after.version, &profile, &actor, test.now()).await.expect("the store works");
    let found = test.signed_in(ann.id, session.id).await.expect("it is open");
    assert_eq!(found.session, session);
    assert_eq!(Some(found.user), test.user(ann.id).await);
}
