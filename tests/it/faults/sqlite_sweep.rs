//! The sweep of the embedded store: sessions whose users never return are deleted, others are not.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::join_all;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use userd_core::clock::ManualClock;
use userd_core::{Actor, Session, Timestamp, User};
use userd_store::FindingKind::Unreadable;
use userd_store::FindingState::Repairable;
use userd_store::{CheckMode, CreateUserOutcome, FindingKind, FindingState, OpenSessionOutcome, SessionStore, Store};
use userd_store_sqlite::{SqliteStore, SweepPosition};

use userd_test_support::damage_kit::{check_store, finding_kinds};
use userd_test_support::fixtures::{NOW, new_user};
use userd_test_support::redis_server::pause;
use userd_test_support::session_fixtures::{LIMITS, actor_at, new_session};
use userd_test_support::sign_in_requests::{sign_in, sign_up_user};
use userd_test_support::stores::{audit_database, database_path, sqlite_settings};
use userd_test_support::userd_process::UserdCommand;

/// The bytes of a user's id and of the session's.
type SessionKey = (Vec<u8>, Vec<u8>);

/// More than two batches.
const USERS: usize = 300;

struct SweptStore {
    _folder: TempDir,
    path: PathBuf,
    store: Arc<SqliteStore>,
    users: Vec<User>,
}

impl SweptStore {
    async fn with_users(count: usize) -> Self {
        let (folder, clock) = (tempfile::tempdir().expect("a folder"), ManualClock::at(NOW));
        let path = database_path(&folder);
        let store = Arc::new(SqliteStore::open(&sqlite_settings(&path)).expect("a fresh database"));
        let users: Vec<User> = (0..count).map(|number| new_user(&clock, &format!("n{number}@x.org"))).collect();
        let signed_up = users.iter().map(|user| store.create_user(user, Actor::anonymous()));
        for outcome in join_all(signed_up).await {
            assert_eq!(outcome.expect("the store works"), CreateUserOutcome::Created);
        }
        Self { _folder: folder, path, store, users }
    }

    /// Opens session `number` of each of the users at `now`.
    async fn sign_in_all(&self, users: &[User], number: u16, now: Timestamp) -> Vec<Session> {
        let sessions: Vec<_> = users.iter().map(|user| new_session(user, number)).collect();
        let actor = actor_at(1);
        let opened = users
            .iter()
            .zip(&sessions)
            .map(|(user, session)| self.store.open_session(user.id, user.version, session, &LIMITS, &actor, now));
        let outcomes = join_all(opened).await.into_iter();
        let sessions = outcomes.map(|outcome| match outcome.expect("the store works") {
            OpenSessionOutcome::Opened(session) => *session,
            other => panic!("not opened: {other:?}"),
        });
        sessions.collect()
    }

    /// The sessions in the file.
    fn stored(&self) -> BTreeSet<SessionKey> {
        stored_sessions(&self.path)
    }

    fn pragma(&self, name: &str) -> i64 {
        read_only(&self.path).pragma_query_value(None, name, |row| row.get(0)).expect("a number")
    }
}

fn read_only(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the database opens")
}

fn stored_sessions(path: &Path) -> BTreeSet<SessionKey> {
    let file = read_only(path);
    let mut statement = file.prepare("SELECT user, id FROM sessions").expect("the table");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("the rows");
    rows.map(|row| row.expect("a row")).collect()
}

/// Session `number` of each of the users.
fn keys(users: &[User], number: u16) -> BTreeSet<SessionKey> {
    users.iter().map(|user| (user.id.as_bytes().to_vec(), new_session(user, number).id.as_bytes().to_vec())).collect()
}

/// Sweeps the whole store; returns how many sessions were deleted.
async fn sweep(store: &SqliteStore, now: Timestamp) -> u64 {
    let (mut deleted, mut from) = (0, Some(SweepPosition::START));
    while let Some(position) = from {
        let swept = store.sweep_batch(position, &LIMITS, now).await.expect("the store works");
        deleted += swept.sessions;
        from = swept.next;
    }
    deleted
}

async fn findings(store: &Arc<SqliteStore>) -> Vec<(FindingKind, FindingState)> {
    finding_kinds(&check_store(store, &Arc::new(ManualClock::at(NOW)), CheckMode::Report).await)
}

#[tokio::test]
async fn ended_sessions_of_users_who_never_return_are_deleted_and_live_ones_stay() {
    let test = SweptStore::with_users(USERS).await;
    let idle = test.sign_in_all(&test.users, 1, NOW).await;
    let later = NOW.plus_millis(LIMITS.idle_ms / 2);
    test.sign_in_all(&test.users[..USERS / 3], 2, later).await;
    test.sign_in_all(&test.users[..1], 3, NOW.plus_millis(10 * LIMITS.absolute_ms)).await;
    assert_eq!(sweep(&test.store, NOW.plus_millis(LIMITS.idle_ms - 1)).await, 0, "none has ended");
    let used = NOW.plus_millis(LIMITS.idle_ms / 2);
    test.store.touch_session(test.users[2].id, &idle[2], used).await.expect("the store works");
    let pages = test.pragma("page_count");
    let now = NOW.plus_millis(LIMITS.idle_ms);
    // The sign-in from far ahead has ended the two sessions of its user, and one session was used.
    assert_eq!(sweep(&test.store, now).await, USERS as u64 - 2);
    let (live, ahead) = (keys(&test.users[1..USERS / 3], 2), keys(&test.users[..1], 3));
    assert_eq!(test.stored(), &(&live | &ahead) | &keys(&test.users[2..3], 1));
    assert_eq!(sweep(&test.store, now).await, 0, "nothing is left to delete");
    assert_eq!(findings(&test.store).await, []);
    let freed = test.pragma("freelist_count");
    assert!(freed >= 5, "only {freed} pages of {pages} became free");
    test.sign_in_all(&test.users[1..], 4, now).await;
    assert!(test.pragma("freelist_count") < freed / 2, "the free pages are used again");
    assert_eq!(audit_database(&test.path).expect("a database"), Vec::<String>::new());
}

/// A copy of the files between two batches is what a `kill -9` there leaves.
#[tokio::test]
async fn a_crash_between_two_batches_leaves_the_rest_to_the_next_sweep() {
    let test = SweptStore::with_users(USERS).await;
    test.sign_in_all(&test.users, 1, NOW).await;
    let now = NOW.plus_millis(LIMITS.idle_ms);
    test.sign_in_all(&test.users[USERS - 10..], 2, now).await;
    let first = test.store.sweep_batch(SweepPosition::START, &LIMITS, now).await.expect("the store works");
    assert!(first.sessions > 0 && first.next.is_some(), "{first:?}");
    let copy = tempfile::tempdir().expect("a folder");
    let path = copy.path().join("userd.db");
    for suffix in ["", "-wal"] {
        let from = format!("{}{suffix}", test.path.display());
        fs::copy(from, format!("{}{suffix}", path.display())).expect("a copy");
    }
    let crashed = Arc::new(SqliteStore::open(&sqlite_settings(&path)).expect("opens after a crash"));
    assert_eq!(stored_sessions(&path), test.stored());
    assert!(sweep(&crashed, now).await > 0);
    assert_eq!(stored_sessions(&path), keys(&test.users[USERS - 10..], 2));
    assert_eq!(findings(&crashed).await, []);
    assert_eq!(crashed.users_count().await.expect("the store works"), USERS as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_during_a_sweep_keep_their_sessions() {
    let test = SweptStore::with_users(USERS).await;
    test.sign_in_all(&test.users, 1, NOW).await;
    let now = NOW.plus_millis(LIMITS.idle_ms);
    let (half, others) = test.users.split_at(USERS / 2);
    tokio::join!(test.sign_in_all(half, 2, now), test.sign_in_all(others, 2, now), async {
        for _ in 0..5 {
            sweep(&test.store, now).await;
            tokio::task::yield_now().await;
        }
    });
    sweep(&test.store, now).await;
    assert_eq!(test.stored(), keys(&test.users, 2));
    assert_eq!(findings(&test.store).await, []);
}

#[tokio::test]
async fn a_session_that_can_not_be_read_is_left_to_the_doctor() {
    let test = SweptStore::with_users(2).await;
    test.sign_in_all(&test.users, 1, NOW).await;
    let file = Connection::open(&test.path).expect("the database opens");
    let damage = "UPDATE sessions SET agent = 'another' WHERE user = ?1";
    assert_eq!(file.execute(damage, [&test.users[0].id.as_bytes()[..]]).expect("damage"), 1);
    assert_eq!(sweep(&test.store, NOW.plus_millis(LIMITS.idle_ms)).await, 1);
    assert_eq!(test.stored(), keys(&test.users[..1], 1));
    assert_eq!(findings(&test.store).await, [(Unreadable, Repairable)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_its_start_userd_deletes_the_sessions_of_users_who_never_return() {
    let folder = tempfile::tempdir().expect("a folder");
    let launch = UserdCommand::in_folder(folder.path()).cheap_hashes().without_rate_limits();
    let serving = launch.start();
    for number in 0..3 {
        let email = format!("n{number}@example.org");
        sign_up_user(serving.address(), &email).await;
        sign_in(serving.address(), &email).await;
    }
    assert_eq!(serving.stop().0, Some(0));
    let path = folder.path().join("userd-data").join("userd.db");
    assert_eq!(stored_sessions(&path).len(), 3);
    let launch = launch.set("session.idle_timeout_s", "1");
    let mut serving = launch.start();
    // At the start the sessions may be younger than a second: then the next start deletes them.
    while !stored_sessions(&path).is_empty() {
        pause();
        serving.kill();
        serving = launch.start();
    }
    assert_eq!(serving.stop().0, Some(0));
}
