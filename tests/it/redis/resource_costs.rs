//! The cost of sessions in bytes of memory and round trips. No figure here is a time.

use userd_core::clock::ManualClock;
use userd_core::{
    Actor, RefreshOutcome, RefreshState, RefreshToken, SECRET_BYTES, SessionToken, USER_AGENT_BYTES_MAX, User,
    UserAgent,
};
use userd_store::{NewSession, OpenSessionOutcome, SessionStore, Store};

use super::{AGENT, browser_actor, keys, open, opened, setup, sign_up, stat};
use userd_test_support::fixtures::{NOW, new_user};
use userd_test_support::redis_server::RedisServer;
use userd_test_support::session_fixtures::{LIMITS, new_session, refresh_state};

/// The limit for a session, its part of the key included.
const SESSION_BYTES_MAX: u64 = 300;

fn bytes(server: &RedisServer, user: &User) -> u64 {
    let answer = server.command(&["MEMORY", "USAGE", &keys().sessions(user.id), "SAMPLES", "0"]);
    redis::from_redis_value(answer).expect("a number of bytes")
}

fn encoding(server: &RedisServer, user: &User) -> String {
    server.text(&["OBJECT", "ENCODING", &keys().sessions(user.id)])
}

#[tokio::test]
async fn a_session_takes_at_most_300_bytes_alone_and_among_others() {
    assert_eq!(AGENT.len(), 46);
    for refreshed in [false, true] {
        let (server, store, user) = setup().await;
        for number in 1..=5 {
            let mut session = new_session(&user, number);
            session.refresh = refreshed.then(|| refresh_state(&user, &session, number));
            assert_eq!(open(&store, &user, &session).await.agent.as_str(), AGENT);
            let (all, each) = (bytes(&server, &user), bytes(&server, &user) / u64::from(number));
            eprintln!("{number} sessions, with refresh token: {refreshed}: {all} bytes, {each} each");
            assert!(each <= SESSION_BYTES_MAX, "{each} bytes each of {number}");
            assert_eq!(encoding(&server, &user), "listpack");
        }
    }
}

/// Including what is charged to no key: the tables of keys and expiry times. The worst case, one session for each user.
#[tokio::test]
async fn a_thousand_users_with_a_session_each_take_at_most_350_bytes_each_of_all_memory() {
    let (server, store, _) = setup().await;
    let clock = ManualClock::at(NOW);
    let mut users = Vec::new();
    for number in 0..1_000 {
        let user = new_user(&clock, &format!("{number}@example.org"));
        sign_up(&store, &user).await;
        users.push(user);
    }
    // Events are counted separately; they have a limit of their own.
    let forget = || {
        for key in server.texts(&["KEYS", "userd:*:events"]) {
            server.command(&["DEL", &key]);
        }
        stat(&server, "memory", "used_memory")
    };
    let before = forget();
    for user in &users {
        opened(&store, user, 1).await;
    }
    let each = (forget() - before) / 1_000;
    eprintln!("{each} bytes each of 1000 users with a session, of all memory");
    assert!(each <= SESSION_BYTES_MAX + 50, "{each} bytes each");
}

/// A refresh token that is used often within the grace period keeps the most.
#[tokio::test]
async fn the_largest_sessions_stay_compact_and_are_read_back() {
    let (server, store, user) = setup().await;
    let address = "2001:db8:1:2:3:4:5:6".parse().expect("an address");
    let agent = UserAgent::from_stored("a".repeat(USER_AGENT_BYTES_MAX));
    let actor = Actor { address: Some(address), agent, ..browser_actor() };
    for number in 1..=20_u8 {
        let token = SessionToken::generate(user.id, [number; SECRET_BYTES]);
        let (id, proof) = token.digest();
        let mut refresh = RefreshToken::generate(user.id, id, proof, [number; SECRET_BYTES]);
        let mut state = RefreshState::of(&refresh);
        let session = NewSession { id, proof, refresh: Some(state.clone()) };
        let opened = store.open_session(user.id, user.version, &session, &LIMITS, &actor, NOW).await;
        let Ok(OpenSessionOutcome::Opened(mut session)) = opened else { panic!("not opened: {opened:?}") };
        for salt in 0..6 {
            let RefreshOutcome::Rotate { state: next, successor } =
                state.evaluate(&refresh, proof, NOW, 10_000, [salt; 16])
            else {
                panic!("it is the current one")
            };
            assert!(store.replace_refresh(user.id, &session, &next, session.created_at).await.expect("served"));
            (state, refresh) = (next, successor);
            session.refresh = Some(state.clone());
            let found = store.session(user.id, id, NOW).await.expect("served").expect("it is open");
            assert_eq!(found.session, *session);
        }
        assert!(state.to_bytes().len() > 2 * 64, "the state takes several fields");
        store.touch_session(user.id, &session, session.created_at.plus_millis(60_000)).await.expect("served");
        assert_eq!(encoding(&server, &user), "listpack", "after {number}");
    }
    eprintln!("20 of the largest sessions: {} bytes", bytes(&server, &user));
    assert_eq!(store.sessions(user.id, NOW).await.expect("served").0.len(), 20);
}

/// The server counts reads from sockets: what is sent in one piece is read in one.
#[tokio::test]
async fn checking_a_session_is_one_round_trip_as_looking_a_user_up_is() {
    const TIMES: u64 = 50;
    let (server, store, user) = setup().await;
    let session = opened(&store, &user, 1).await;
    let reads = || stat(&server, "stats", "total_reads_processed");
    let started = reads();
    let own = reads() - started;
    assert!(store.session(user.id, session.id, NOW).await.expect("served").is_some());
    let before = reads();
    for _ in 0..TIMES {
        assert!(store.session(user.id, session.id, NOW).await.expect("served").is_some());
    }
    let for_sessions = reads() - before - own;
    let before = reads();
    for _ in 0..TIMES {
        assert!(store.user(user.id).await.expect("served").is_some());
    }
    let for_users = reads() - before - own;
    assert_eq!((for_sessions, for_users), (TIMES, TIMES));
}
