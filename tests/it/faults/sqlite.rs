//! The embedded store on files that are damaged, of another program, newer, in use or locked.
//!
//! Full and read-only disks are tested in `sqlite_disk`.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use userd_core::{Actor, Email, User, error_chain};
use userd_store::{CreateUserOutcome, SessionStore, Store, StoreError};
use userd_store_sqlite::{OpenError, SqliteSettings, SqliteStore};

use userd_test_support::stores::{TestBackend, TestStore, database_path, sqlite_settings};

/// An error text for the operator: what happened and, after a semicolon, what to change.
fn assert_says_what_to_do(error: &OpenError) {
    let text = error.to_string();
    assert!(text.contains(';'), "{text}");
}

fn refused(path: &Path) -> OpenError {
    let error = SqliteStore::open(&sqlite_settings(path)).expect_err("the file is not to be served");
    assert_says_what_to_do(&error);
    error
}

async fn closed_with_users(names: &[&str]) -> (TestStore, Vec<User>) {
    let test = TestBackend::Embedded.open().await;
    let mut users = Vec::new();
    for name in names {
        users.push(test.signed_up(name, &format!("{name}@x.org")).await);
    }
    test.store.close().await;
    (test, users)
}

#[tokio::test]
async fn a_row_that_is_no_user_is_named_and_the_others_are_served() {
    let (mut test, users) = closed_with_users(&["ann", "bob", "eve", "joe", "kim"]).await;
    let raw = Connection::open(test.path()).expect("the file");
    raw.execute_batch("PRAGMA ignore_check_constraints = ON").expect("a shell can do that");
    for (place, damage) in [
        (1, "id = x'0102'"),
        (2, "name = char(7)"),
        (3, "password_hash = 'plain text'"),
        (4, "created_at = -1, name = CAST(x'ff' AS TEXT)"),
    ] {
        let sql = format!("UPDATE users SET {damage} WHERE id = ?1");
        assert_eq!(raw.execute(&sql, [&users[place].id.as_bytes()[..]]).expect("damage"), 1);
    }
    drop(raw);
    test = test.reopen().await;
    assert_eq!(test.user(users[0].id).await.as_ref(), Some(&users[0]));
    for user in &users[2..] {
        let key = format!("users/{}", user.id);
        match test.store.user(user.id).await {
            Err(StoreError::Corrupt { key: found, .. }) => assert_eq!(found, key),
            other => panic!("{other:?}"),
        }
        let changed = test.store.update_password_hash(user.id, user.version, &user.password_hash).await;
        assert!(matches!(changed, Err(StoreError::Corrupt { .. })), "{changed:?}");
    }
    match test.store.user_by_email(users[1].email.canonical()).await {
        Err(error @ StoreError::Corrupt { .. }) => assert!(error_chain(&error).contains("users/rowid 2"), "{error:?}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(test.user(users[0].id).await.as_ref(), Some(&users[0]));
    test.store.check_health().await.expect("the store works");
    test.signed_up("Next", "next@x.org").await;
}

#[tokio::test]
async fn a_change_of_a_row_that_is_no_user_changes_nothing() {
    let (mut test, users) = closed_with_users(&["ann"]).await;
    let raw = Connection::open(test.path()).expect("the file");
    raw.execute("UPDATE users SET name = char(7)", []).expect("damage");
    test = test.reopen().await;
    let changed = test.store.update_password_hash(users[0].id, users[0].version, &users[0].password_hash).await;
    assert!(matches!(changed, Err(StoreError::Corrupt { .. })), "{changed:?}");
    let version: i64 = raw.query_row("SELECT version FROM users", [], |row| row.get(0)).expect("a row");
    assert_eq!(version, 1);
}

#[tokio::test]
async fn a_destroyed_page_is_reported_and_other_pages_are_served() {
    let test = TestBackend::Embedded.open().await;
    let mut users = Vec::new();
    for number in 0..200 {
        users.push(test.signed_up("Somebody", &format!("n{number}@x.org")).await);
    }
    test.store.close().await;
    let raw = Connection::open(test.path()).expect("the file");
    let (root, size): (u32, u32) = raw
        .query_row(
            "SELECT (SELECT rootpage FROM sqlite_schema WHERE name = 'users'), (SELECT page_size FROM pragma_page_size)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .expect("the tables");
    drop(raw);
    let (root, size) = (root as usize, size as usize);
    let mut bytes = fs::read(test.path()).expect("the file");
    // The root of the table is an inner page: its first cell, at the end of the page, points to the page of the first
    // users, which is destroyed.
    let root = &bytes[(root - 1) * size..][..size];
    assert_eq!(root[0], 5, "an inner page");
    let cell = usize::from(u16::from_be_bytes([root[12], root[13]]));
    let leaf = u32::from_be_bytes(root[cell..cell + 4].try_into().expect("four bytes")) as usize;
    bytes[(leaf - 1) * size..][..size].fill(0xff);
    fs::write(test.path(), bytes).expect("the file can be written");
    let test = test.reopen().await;
    let last = users.last().expect("200 users");
    match test.store.user(users[0].id).await {
        Err(error @ StoreError::Corrupt { .. }) => {
            assert!(error_chain(&error).contains("integrity_check"), "{error:?}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(test.user(last.id).await.as_ref(), Some(last));
}

#[tokio::test]
async fn a_damaged_beginning_is_refused_with_a_reason() {
    let (test, _) = closed_with_users(&["ann"]).await;
    let good = fs::read(test.path()).expect("the file");
    let mut headless = good.clone();
    headless[..16].fill(0);
    let mut shredded = good.clone();
    shredded[..4096].fill(0xa5);
    for (bytes, what) in [(&headless[..], "headless"), (&shredded, "shredded"), (b"hello", "text")] {
        fs::write(test.path(), bytes).expect("the file can be written");
        let error = refused(&test.path());
        assert!(matches!(error, OpenError::NotADatabase { .. }), "{what}: {error:?}");
        assert_eq!(fs::read(test.path()).expect("the file"), bytes, "{what}: left as it was");
    }
    // Half of the file: it is either refused at once, or the missing rows are reported, and never read as absent.
    fs::write(test.path(), &good[..good.len() / 2]).expect("the file can be written");
    assert!(matches!(refused(&test.path()), OpenError::Damaged { .. }));
}

#[test]
fn a_database_of_another_program_is_refused_and_left_alone() {
    for sql in [
        "CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('mine');",
        "PRAGMA application_id = 42; CREATE TABLE users (id BLOB);",
        "PRAGMA application_id = 42;",
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("other.db");
        Connection::open(&path).and_then(|other| other.execute_batch(sql)).expect("another program's database");
        let before = fs::read(&path).expect("the file");
        let error = refused(&path);
        assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
        assert_eq!(fs::read(&path).expect("the file"), before);
    }
}

#[tokio::test]
async fn a_newer_schema_and_another_email_canonicalisation_are_refused() {
    let (test, _) = closed_with_users(&["ann"]).await;
    let raw = Connection::open(test.path()).expect("the file");
    raw.pragma_update(None, "user_version", 99).expect("a number");
    let error = refused(&test.path());
    assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error:?}");
    raw.pragma_update(None, "user_version", 3).expect("a number");
    raw.execute("UPDATE meta SET value = 77 WHERE key = 'canonical_version'", []).expect("a number");
    let error = refused(&test.path());
    assert!(matches!(error, OpenError::CanonicalisationMismatch { found: 77, .. }), "{error:?}");
}

#[tokio::test]
async fn a_second_store_is_refused_while_the_first_is_open() {
    let test = TestBackend::Embedded.open().await;
    test.signed_up("Ann", "ann@x.org").await;
    let error = refused(&test.path());
    assert!(matches!(&error, OpenError::InUse { .. }), "{error:?}");
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    #[cfg(unix)]
    {
        let link = test.path().with_file_name("link.db");
        std::os::unix::fs::symlink(test.path(), &link).expect("a link");
        assert!(matches!(refused(&link), OpenError::InUse { .. }));
    }
    // The refused attempts had no effect, and SQLite's own tools may read the file.
    test.signed_up("Bob", "bob@x.org").await;
    test.assert_consistent().await;
    let test = test.reopen().await;
    assert_eq!(test.store.users_count().await.expect("the store works"), 2);
}

#[tokio::test]
async fn dropping_without_closing_loses_nothing_and_frees_the_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let maker = TestBackend::Embedded.open().await;
    for round in 0..5_u64 {
        let store = SqliteStore::open(&sqlite_settings(&database_path(&folder))).expect("free again");
        assert_eq!(store.users_count().await.expect("the store works"), round);
        let user = maker.new_user("Ann", &format!("n{round}@x.org"));
        assert_eq!(
            store.create_user(&user, Actor::anonymous()).await.expect("the store works"),
            CreateUserOutcome::Created
        );
    }
}

/// A copy of the files at any moment is what a `kill -9` leaves.
#[tokio::test]
async fn a_copy_of_the_open_files_has_everything_acknowledged() {
    let test = TestBackend::Embedded.open().await;
    for number in 0..20 {
        let user = test.signed_up("Somebody", &format!("n{number}@x.org")).await;
        let session = test.opened(&user, 1).await;
        let copy = tempfile::tempdir().expect("a temporary folder");
        let path = database_path(&copy);
        fs::create_dir(path.parent().expect("a folder")).expect("a folder");
        for suffix in ["", "-wal"] {
            let from = format!("{}{suffix}", test.path().display());
            fs::copy(from, format!("{}{suffix}", path.display())).expect("a copy");
        }
        let crashed = SqliteStore::open(&sqlite_settings(&path)).expect("opens after a crash");
        let signed_in = crashed.session(user.id, session.id, test.now()).await.expect("the store works");
        assert_eq!(signed_in.map(|found| found.session), Some(session));
        assert_eq!(crashed.user(user.id).await.expect("the store works"), Some(user));
        assert_eq!(crashed.users_count().await.expect("the store works"), number + 1);
    }
}

#[tokio::test]
async fn while_another_program_holds_the_write_lock_writes_are_refused_in_time_and_reads_go_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let settings = SqliteSettings { timeout: Duration::from_millis(50), ..sqlite_settings(&database_path(&folder)) };
    let store = SqliteStore::open(&settings).expect("a fresh database");
    let maker = TestBackend::Embedded.open().await;
    let ann = maker.new_user("Ann", "ann@x.org");
    // On a busy machine the first write may exceed the short time limit, and may then have succeeded all the same.
    while store.user(ann.id).await.expect("reads go on").is_none() {
        let _ = store.create_user(&ann, Actor::anonymous()).await;
    }
    let shell = Connection::open(&settings.path).expect("the file");
    shell.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
    let bob = maker.new_user("Bob", "bob@x.org");
    let refused = store.create_user(&bob, Actor::anonymous()).await.expect_err("locked");
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    assert!(store.check_health().await.is_err());
    assert_eq!(store.user(ann.id).await.expect("reads go on"), Some(ann));
    shell.execute_batch("ROLLBACK").expect("the lock is given back");
    while store.user(bob.id).await.expect("reads go on").is_none() {
        let _ = store.create_user(&bob, Actor::anonymous()).await;
    }
    while store.check_health().await.is_err() {}
}

#[tokio::test]
async fn closing_leaves_one_file_and_its_lock() {
    let (test, _) = closed_with_users(&["ann"]).await;
    let mut left: Vec<_> = fs::read_dir(test.path().parent().expect("a folder"))
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
        .collect();
    left.sort();
    assert_eq!(left, ["userd.db", "userd.db.lock"]);
}

#[cfg(unix)]
#[tokio::test]
async fn other_users_of_the_machine_can_not_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let test = TestBackend::Embedded.open().await;
    test.signed_up("Ann", "ann@x.org").await;
    let folder = test.path().parent().expect("a folder").to_owned();
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for entry in fs::read_dir(&folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn a_folder_that_can_not_be_made_is_an_error_with_a_reason() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("file");
    fs::write(&file, "in the way").expect("a file");
    let error = refused(&file.join("data").join("userd.db"));
    assert!(matches!(error, OpenError::Folder { .. }), "{error:?}");
    let error = SqliteStore::open(&sqlite_settings(folder.path())).expect_err("a folder is no database");
    assert!(!error.to_string().is_empty());
}

#[tokio::test]
async fn many_readers_and_a_writer_do_not_disturb_one_another() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let settings = SqliteSettings { readers: 0, ..sqlite_settings(&database_path(&folder)) };
    let store = Arc::new(SqliteStore::open(&settings).expect("no reader means one"));
    let maker = TestBackend::Embedded.open().await;
    let users: Vec<User> = (0..20).map(|number| maker.new_user("N", &format!("n{number}@x.org"))).collect();
    let done = userd_test_support::stores::run_concurrently(users.into_iter().map(|user| {
        let store = Arc::clone(&store);
        async move {
            store.create_user(&user, Actor::anonymous()).await.expect("the store works");
            let same: Email = user.email.clone();
            store.user_by_email(same.canonical()).await.expect("the store works") == Some(user)
        }
    }))
    .await;
    assert!(done.into_iter().all(|found| found));
}
