//! What can only be provoked from inside: the order of changes in the queue, a failing commit, a full file.
//! Everything else is tested from outside, in `crates/store/src/conformance` and `tests/it/faults/sqlite.rs`.

use std::error::Error as _;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;

use userd_core::{AccountStatus, Actor, DisplayName, Email, PasswordHash, Timestamp, User, UserId, UserVersion};
use userd_store::{CreateUserOutcome, Store as _, StoreError};

use super::errors::DatabaseError;
use super::events::EventWriter;
use super::{SqliteSettings, SqliteStore, writes};

fn opened(queue: usize) -> (TempDir, SqliteStore) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("userd.db");
    let timeout = Duration::from_secs(20);
    let store = SqliteStore::open(&SqliteSettings {
        path,
        readers: 1,
        timeout,
        queue,
        events_retention_max: userd_store::EVENTS_RETENTION_DEFAULT,
    });
    (folder, store.expect("a fresh database"))
}

fn user(number: u8) -> User {
    User {
        id: UserId::from_slice(&[number; 16]).expect("sixteen bytes"),
        name: DisplayName::parse("Ada").expect("a name"),
        email: Email::parse(&format!("n{number}@x.org")).expect("an e-mail"),
        password_hash: PasswordHash::parse(
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        )
        .expect("a PHC string"),
        status: AccountStatus::default(),
        created_at: Timestamp::from_millis(1),
        updated_at: Timestamp::from_millis(1),
        version: UserVersion::FIRST,
    }
}

/// Records events of an anonymous actor.
fn event_writer() -> EventWriter {
    EventWriter {
        actor: Actor::default(),
        now: Timestamp::from_millis(1),
        retention_max: userd_store::EVENTS_RETENTION_DEFAULT,
    }
}

fn reason(error: &StoreError) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}

type BlockedWrite<'s> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + 's>>;

type WriteFn<T> = fn(&Connection) -> Result<T, DatabaseError>;

/// Keeps the writer busy with a group of one, until the returned sender is used.
async fn held(store: &SqliteStore) -> (mpsc::Sender<()>, BlockedWrite<'_>) {
    let (go, gate) = mpsc::channel();
    let (start, started) = mpsc::channel();
    let mut held = Box::pin(store.write(move |_| {
        // An error in either means that the test has ended.
        let _ = start.send(());
        let _ = gate.recv();
        Ok(())
    }));
    assert!(polled(held.as_mut()).await.is_none());
    started.recv().expect("the writer has begun");
    (go, held)
}

/// Runs the changes so that the writer finds them waiting together.
async fn together<T: Send + 'static>(store: &SqliteStore, writes: Vec<WriteFn<T>>) -> Vec<Result<T, StoreError>> {
    let (go, held) = held(store).await;
    let mut waiting: Vec<_> = writes.into_iter().map(|change| Box::pin(store.write(change))).collect();
    for change in &mut waiting {
        assert!(polled(change.as_mut()).await.is_none(), "polled once it is in the queue");
    }
    go.send(()).expect("the writer waits");
    held.await.expect("the store works");
    let mut results = Vec::new();
    for change in waiting {
        results.push(change.await);
    }
    results
}

/// The result if one poll is enough for it.
async fn polled<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    poll_fn(|context| {
        Poll::Ready(match Pin::new(&mut future).poll(context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn a_change_whose_caller_has_gone_is_skipped() {
    let (_folder, store) = opened(8);
    let (go, held) = held(&store).await;
    let mut abandoned = Box::pin(store.write(|connection| writes::create_user(connection, &user(1), &event_writer())));
    assert!(polled(abandoned.as_mut()).await.is_none());
    drop(abandoned);
    go.send(()).expect("the writer waits");
    held.await.expect("the store works");
    store.check_health().await.expect("the store works");
    assert_eq!(store.users_count().await.expect("the store works"), 0);
}

#[tokio::test]
async fn a_full_queue_rejects_at_once() {
    let (_folder, store) = opened(1);
    let (go, held) = held(&store).await;
    let one = user(1);
    let mut waiting = store.create_user(&one, Actor::anonymous());
    assert!(polled(waiting.as_mut()).await.is_none());
    let refused = store.create_user(&user(2), Actor::anonymous()).await.expect_err("there is no room");
    assert!(reason(&refused).contains("too many changes"), "{refused:?}");
    go.send(()).expect("the writer waits");
    held.await.expect("the store works");
    assert_eq!(waiting.await.expect("the store works"), CreateUserOutcome::Created);
    assert_eq!(
        store.create_user(&user(2), Actor::anonymous()).await.expect("the store works"),
        CreateUserOutcome::Created
    );
}

#[tokio::test]
async fn a_change_that_fails_leaves_no_trace_and_its_neighbours_are_kept() {
    let (_folder, store) = opened(8);
    let results = together(
        &store,
        vec![
            |connection| writes::create_user(connection, &user(1), &event_writer()),
            |connection| {
                writes::create_user(connection, &user(2), &event_writer())?;
                Err(DatabaseError::IdInUse(user(2).id))
            },
            |connection| writes::create_user(connection, &user(3), &event_writer()),
        ],
    )
    .await;
    assert!(
        matches!(results[..], [Ok(CreateUserOutcome::Created), Err(_), Ok(CreateUserOutcome::Created)]),
        "{results:?}"
    );
    assert_eq!(store.user(user(2).id).await.expect("the store works"), None);
    assert_eq!(store.users_count().await.expect("the store works"), 2);
}

#[tokio::test]
async fn a_failed_commit_fails_the_whole_group_and_the_next_one_succeeds() {
    let (_folder, store) = opened(8);
    let results = together(
        &store,
        vec![
            |connection| writes::create_user(connection, &user(1), &event_writer()),
            // A broken reference that only COMMIT checks.
            |connection| {
                connection.execute_batch(
                    "CREATE TABLE parent (id INTEGER PRIMARY KEY);
                     CREATE TABLE child (parent INTEGER REFERENCES parent(id) DEFERRABLE INITIALLY DEFERRED);
                     INSERT INTO child VALUES (1);",
                )?;
                Ok(CreateUserOutcome::Created)
            },
        ],
    )
    .await;
    assert!(results.iter().all(|result| matches!(result, Err(StoreError::Unavailable(_)))), "{results:?}");
    assert!(store.writer.last_write_failed());
    assert_eq!(store.users_count().await.expect("the store works"), 0);
    assert_eq!(
        store.create_user(&user(1), Actor::anonymous()).await.expect("the store works"),
        CreateUserOutcome::Created
    );
    assert!(!store.writer.last_write_failed());
}

#[tokio::test]
async fn when_sqlite_rolls_back_the_transaction_the_whole_group_fails() {
    let (_folder, store) = opened(8);
    let results = together(
        &store,
        vec![
            |connection| writes::create_user(connection, &user(1), &event_writer()),
            |connection| {
                connection.execute_batch("ROLLBACK")?;
                Ok(CreateUserOutcome::Created)
            },
            |connection| writes::create_user(connection, &user(3), &event_writer()),
        ],
    )
    .await;
    assert!(results.iter().all(|result| matches!(result, Err(StoreError::Unavailable(_)))), "{results:?}");
    assert_eq!(store.users_count().await.expect("the store works"), 0);
    assert_eq!(
        store.create_user(&user(1), Actor::anonymous()).await.expect("the store works"),
        CreateUserOutcome::Created
    );
}

#[tokio::test]
async fn a_full_file_rejects_writes_until_there_is_room_and_reads_go_on() {
    let (_folder, store) = opened(8);
    let set = |pages: u32| {
        store
            .write(move |connection| Ok(connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?))
    };
    set(40).await.expect("a limit");
    let mut acknowledged = Vec::new();
    let refused = loop {
        let user = user(u8::try_from(acknowledged.len()).expect("so few pages hold less than 256 users"));
        match store.create_user(&user, Actor::anonymous()).await {
            Ok(_) => acknowledged.push(user),
            Err(error) => break error,
        }
    };
    assert!(reason(&refused).contains("full"), "{refused:?}");
    assert!(!acknowledged.is_empty(), "there was room for one");
    assert!(store.writer.last_write_failed());
    for user in &acknowledged {
        assert_eq!(store.user(user.id).await.expect("reads go on").as_ref(), Some(user));
    }
    set(1_000).await.expect("more room");
    store.check_health().await.expect("the check finds out by itself");
    assert!(!store.writer.last_write_failed());
    assert_eq!(
        store.create_user(&user(255), Actor::anonymous()).await.expect("there is room"),
        CreateUserOutcome::Created
    );
    assert_eq!(store.users_count().await.expect("the store works"), acknowledged.len() as u64 + 1);
}

#[tokio::test]
async fn a_panic_in_a_change_ends_writing_with_a_reason_and_not_reading() {
    let (_folder, store) = opened(8);
    store.create_user(&user(1), Actor::anonymous()).await.expect("the store works");
    let dead = store.write::<(), _>(|_| panic!("on purpose")).await.expect_err("the writer died");
    assert!(reason(&dead).contains("restart userd"), "{dead:?}");
    assert!(store.create_user(&user(2), Actor::anonymous()).await.is_err());
    assert!(store.check_health().await.is_err());
    assert!(store.user(user(1).id).await.expect("reads go on").is_some());
    store.close().await;
}
