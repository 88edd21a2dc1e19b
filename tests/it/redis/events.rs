//! How many events Redis keeps, and how they are read.

use userd_core::clock::ManualClock;
use userd_core::{Actor, EventKind, Timestamp, User};
use userd_store::{SessionStore, Store, StoreError};
use userd_store_redis::RedisStore;
use userd_store_redis::layout::Shard;

use super::{browser_actor, keys, kinds, setup_with_events_kept};
use userd_test_support::fixtures::{NOW, new_user};

async fn fail(store: &RedisStore, user: &User, actor: &Actor, at: Timestamp) {
    store.record_failed_sign_in(user.email.canonical(), Some(user.id), actor, at).await.expect("served");
}

/// Redis drops whole nodes of a stream, of a hundred events each.
#[tokio::test]
async fn a_shard_keeps_about_as_many_events_as_configured_and_the_newest_of_them() {
    for (events_retention_max, least, most) in [(0, 100, 200), (300 * 1024, 300, 400)] {
        let (server, store, user) = setup_with_events_kept(events_retention_max).await;
        for number in 0..600 {
            fail(&store, &user, Actor::anonymous(), NOW.plus_millis(number)).await;
        }
        let length = server.command(&["XLEN", &keys().events(Shard::of_user(user.id))]);
        let length: usize = redis::from_redis_value(length).expect("a length");
        assert!((least..=most).contains(&length), "{length}");
        let kept = store.events(user.id, usize::MAX).await.expect("served");
        assert_eq!(kept.len(), length);
        assert_eq!(kept.last().map(|event| event.at), Some(NOW.plus_millis(599)));
    }
}

/// A shard's first event takes a whole node, 4 KiB; what counts is a full shard.
#[tokio::test]
async fn an_event_takes_at_most_120_bytes() {
    let (server, store, user) = setup_with_events_kept(1_000_000).await;
    let key = keys().events(Shard::of_user(user.id));
    let bytes = || -> usize {
        redis::from_redis_value(server.command(&["MEMORY", "USAGE", &key, "SAMPLES", "0"])).expect("bytes")
    };
    let first = bytes();
    for number in 1..900 {
        super::opened(&store, &user, number).await;
    }
    let each = bytes() / 900;
    eprintln!("the first event: {first} bytes; each of 900: {each} bytes");
    assert!(each <= 120, "{each} bytes each");
}

/// More than one page is read, and events of another user in the same shard are skipped.
#[tokio::test]
async fn many_events_among_those_of_other_users_are_read_in_order() {
    let (_server, store, user) = setup_with_events_kept(1_000_000).await;
    let mut neighbour = new_user(&ManualClock::at(NOW), "bob@example.org");
    let (own, same) = (neighbour.id.to_string(), user.id.to_string());
    let id = format!("{}{}", &own[..own.len() - 4], &same[same.len() - 4..]);
    neighbour.id = userd_core::UserId::parse(&id).expect("an id");
    assert_eq!(Shard::of_user(neighbour.id), Shard::of_user(user.id));
    for number in 0..400 {
        fail(&store, &user, &browser_actor(), NOW.plus_millis(number)).await;
        fail(&store, &neighbour, &browser_actor(), NOW).await;
    }
    let all = store.events(user.id, usize::MAX).await.expect("served");
    assert_eq!(all.len(), 401);
    assert!(all.iter().all(|event| event.user == user.id) && all.is_sorted_by_key(|event| event.at));
    let last = store.events(user.id, 300).await.expect("served");
    assert_eq!(last, all[101..]);
    assert_eq!(store.events(user.id, 0).await.expect("served"), []);
}

#[tokio::test]
async fn an_unreadable_event_is_reported_and_changes_go_on() {
    let (server, store, user) = setup_with_events_kept(1_000_000).await;
    let key = keys().events(Shard::of_user(user.id));
    let id = String::from_utf8_lossy(user.id.as_bytes()).into_owned();
    server.command(&["XADD", &key, "*", "user", &id]);
    assert_eq!(kinds(&store, &user).await, [EventKind::SignedUp], "an event without a user displaces none");
    server.command(&[
        "EVAL",
        "redis.call('XADD', KEYS[1], '*', unpack(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1][2], 1, 2))",
        "1",
        &key,
    ]);
    let answer = store.events(user.id, 10).await;
    assert!(matches!(&answer, Err(StoreError::Corrupt { key: named, .. }) if *named == key), "{answer:?}");
    fail(&store, &user, Actor::anonymous(), NOW).await;
}

/// A key of another type is detected before anything is written.
#[tokio::test]
async fn where_an_event_can_not_be_written_nothing_changes() {
    let (server, store, user) = setup_with_events_kept(1_000_000).await;
    let session = super::opened(&store, &user, 1).await;
    let key = keys().events(Shard::of_user(user.id));
    server.command(&["DEL", &key]);
    server.command(&["SET", &key, "history"]);
    let everything = || {
        let mut all = server.texts(&["KEYS", "*"]);
        all.sort();
        all.into_iter().map(|key| server.command(&["DUMP", &key])).collect::<Vec<_>>()
    };
    let before = everything();
    let (hash, anonymous) = (user.password_hash.clone(), Actor::anonymous());
    let new = userd_test_support::session_fixtures::new_session(&user, 2);
    let limits = userd_test_support::session_fixtures::LIMITS;
    let errors = [
        store.open_session(user.id, user.version, &new, &limits, anonymous, NOW).await.err(),
        store.revoke_session(user.id, session.id, EventKind::SignedOut, anonymous, NOW).await.err(),
        store.revoke_other_sessions(user.id, None, anonymous, NOW).await.err(),
        store.update_password(user.id, user.version, &hash, Some(session.id), anonymous, NOW).await.err(),
        store.delete_user(user.id, user.version, anonymous, NOW).await.err(),
        store.record_failed_sign_in(user.email.canonical(), Some(user.id), anonymous, NOW).await.err(),
    ];
    for (place, error) in errors.into_iter().enumerate() {
        assert!(error.is_some(), "act {place}");
    }
    assert_eq!(everything(), before);
}
