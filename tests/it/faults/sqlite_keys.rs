//! Keys changed in a database file, while a process serves it and while none does.

use std::fs::{self, File, OpenOptions};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use userd_store::{KeyKind, KeyStore, Store, StoredKey};
use userd_store_sqlite::{OfflineKeyStore, OpenError, SqliteStore};

use userd_test_support::http_client::status_of;
use userd_test_support::stores::{TestBackend, audit_database, database_path, run_concurrently, sqlite_settings};
use userd_test_support::userd_process::UserdCommand;

const SCHEMA_2: &[u8] = include_bytes!("../fixtures/embedded-schema-2.db");

fn keys_of(path: &Path) -> OfflineKeyStore {
    OfflineKeyStore::open(path, Duration::from_secs(20)).expect("keys can be changed")
}

fn refused(path: &Path) -> OpenError {
    let error = OfflineKeyStore::open(path, Duration::from_secs(1)).expect_err("it is not to be changed");
    assert!(error.to_string().contains(';'), "{error}");
    error
}

async fn make(keys: &dyn KeyStore, id: &str) {
    assert!(keys.replace_key(KeyKind::Api, id, None, Some("text")).await.expect("the store works"), "{id}");
}

async fn ids(keys: &dyn KeyStore) -> Vec<String> {
    keys.keys(KeyKind::Api).await.expect("the store works").into_iter().map(|StoredKey { id, .. }| id).collect()
}

fn locked(path: &Path) -> File {
    let name = format!("{}.lock", path.display());
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(name).expect("a file");
    lock.try_lock().expect("no process has it");
    lock
}

#[tokio::test]
async fn the_serving_store_and_the_offline_key_store_see_each_others_changes() {
    let test = TestBackend::Embedded.open().await;
    let offline = keys_of(&test.path());
    for round in 0..20 {
        let (one, other) = (format!("{round:02}a"), format!("{round:02}b"));
        make(&offline, &one).await;
        assert_eq!(ids(test.store.as_ref()).await.last(), Some(&one));
        make(test.store.as_ref(), &other).await;
        assert_eq!(ids(&offline).await.last(), Some(&other));
        test.signed_up("Somebody", &format!("n{round}@x.org")).await;
    }
    drop(offline);
    assert_eq!(ids(&keys_of(&test.path())).await.len(), 40);
    test.assert_consistent().await;
    let test = test.reopen().await;
    assert_eq!(ids(test.store.as_ref()).await.len(), 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_concurrent_key_changes_online_and_offline_exactly_one_succeeds() {
    let test = TestBackend::Embedded.open().await;
    let stores: Vec<Arc<dyn KeyStore>> =
        vec![Arc::new(keys_of(&test.path())), Arc::new(keys_of(&test.path())), Arc::new(keys_of(&test.path()))];
    for round in 0..5 {
        let outcomes = run_concurrently((0..12_usize).map(|number| {
            let (store, offline) = (Arc::clone(&test.store), Arc::clone(&stores[number % 3]));
            async move {
                let (id, said) = (format!("{round}"), number.to_string());
                let done = if number % 4 == 0 {
                    store.replace_key(KeyKind::Api, &id, None, Some(&said)).await
                } else {
                    offline.replace_key(KeyKind::Api, &id, None, Some(&said)).await
                };
                done.expect("the store works")
            }
        }))
        .await;
        assert_eq!(outcomes.iter().filter(|done| **done).count(), 1, "round {round}: {outcomes:?}");
    }
    assert_eq!(ids(test.store.as_ref()).await.len(), 5);
}

/// With another process, as closing a file releases all locks that its own process has on it.
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_changed_while_the_real_program_serves() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut serving = UserdCommand::in_folder(folder.path()).cheap_hashes().start();
    let path = folder.path().join("userd-data").join("userd.db");
    for round in 0..10 {
        let offline = keys_of(&path);
        make(&offline, &format!("{round:02}")).await;
        drop(offline);
        assert_eq!(status_of(serving.address(), "/health/ready").await, 200, "it serves");
        assert!(matches!(SqliteStore::open(&sqlite_settings(&path)), Err(OpenError::InUse { .. })));
    }
    serving.terminate_if_running();
    assert_eq!(serving.wait(), Some(0));
    assert_eq!(ids(&keys_of(&path)).await.len(), 10);
    assert_eq!(audit_database(&path).expect("a database"), Vec::<String>::new());
}

#[tokio::test]
async fn a_file_that_is_not_there_is_made_and_can_be_served_afterwards() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = database_path(&folder);
    let keys = keys_of(&path);
    make(&keys, "a").await;
    // The offline key store holds no lock, so that a userd may start.
    let store = SqliteStore::open(&sqlite_settings(&path)).expect("no process serves it");
    assert_eq!(ids(&store).await, ["a"]);
    make(&keys, "b").await;
    assert_eq!(ids(&store).await, ["a", "b"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o600);
    }
    store.close().await;
}

#[tokio::test]
async fn an_older_file_is_migrated_unless_a_process_serves_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("userd.db");
    fs::write(&path, SCHEMA_2).expect("a file");
    let lock = locked(&path);
    assert!(matches!(refused(&path), OpenError::InUse { .. }));
    assert_eq!(fs::read(&path).expect("the file"), SCHEMA_2);
    drop(lock);
    make(&keys_of(&path), "a").await;
    let store = SqliteStore::open(&sqlite_settings(&path)).expect("a file of this userd");
    assert_eq!(store.users_count().await.expect("served"), 3);
    assert_eq!(ids(&store).await, ["a"]);
    store.close().await;
}

#[tokio::test]
async fn what_is_no_database_of_ours_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("other.db");
    let theirs = |sql: &str| {
        let _ = fs::remove_file(&path);
        Connection::open(&path).and_then(|other| other.execute_batch(sql)).expect("another program's database");
        fs::read(&path).expect("the file")
    };
    for sql in ["CREATE TABLE notes (text TEXT)", "PRAGMA application_id = 42; CREATE TABLE users (id BLOB)"] {
        let before = theirs(sql);
        assert!(matches!(refused(&path), OpenError::Foreign { .. }), "{sql}");
        assert_eq!(fs::read(&path).expect("the file"), before);
    }
    let before = theirs("PRAGMA application_id = 0x75737264; PRAGMA user_version = 99; CREATE TABLE users (id BLOB)");
    assert!(matches!(refused(&path), OpenError::Newer { .. }));
    assert_eq!(fs::read(&path).expect("the file"), before);
    fs::write(&path, "no database").expect("a file");
    assert!(matches!(refused(&path), OpenError::NotADatabase { .. }));
}
