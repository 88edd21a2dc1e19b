//! A database file that is moved away, replaced, emptied or loses its log while it is served: nothing is answered from
//! it, and it is served again when it is back.

use std::fs;
use std::path::{Path, PathBuf};

use userd_core::{Email, error_chain};
use userd_store::StoreError;

use userd_test_support::http_client::{HANGS_AFTER, fetch, get, sign_up, wait_for_status, wait_until_signed_up};
use userd_test_support::stores::{TestBackend, TestStore};
use userd_test_support::userd_process::UserdCommand;

fn log_of(database: &Path) -> PathBuf {
    database.with_extension("db-wal")
}

/// What a health check says, and that look-ups say it too.
async fn refusal(test: &TestStore) -> String {
    let refused = test.store.check_health().await.expect_err("the file is lost");
    let email = Email::parse("ada@x.org").expect("an address");
    let found = test.store.user_by_email(email.canonical()).await;
    assert!(matches!(&found, Err(StoreError::Unavailable(_))), "{found:?}");
    error_chain(&refused)
}

#[tokio::test]
async fn a_lost_database_file_is_named_and_served_again_when_it_is_back() {
    let test = TestBackend::Embedded.open().await;
    let ada = test.signed_up("ada", "ada@x.org").await;
    let database = test.path();
    let aside = database.with_extension("aside");
    for path in [database.clone(), log_of(&database)] {
        fs::rename(&path, &aside).expect("moved");
        let sentence = refusal(&test).await;
        assert!(sentence.contains("was deleted or moved") && sentence.contains("restart userd"), "{sentence}");
        fs::copy(&aside, &path).expect("another file with the same content");
        assert!(refusal(&test).await.contains("was replaced by another file"));
        fs::rename(&aside, &path).expect("moved back");
        test.store.check_health().await.expect("it is the same file");
        assert_eq!(test.user(ada.id).await.as_ref(), Some(&ada));
    }
    test.signed_up("eve", "eve@x.org").await;
    assert_eq!(test.audit(), Vec::<String>::new());
}

/// Without a health check, too: the first request after a second looks.
#[tokio::test]
async fn requests_notice_a_lost_file_by_themselves() {
    let test = TestBackend::Embedded.open().await;
    let ada = test.signed_up("ada", "ada@x.org").await;
    fs::remove_file(test.path()).expect("deleted");
    for is_write in [false, true] {
        let noticed = async {
            loop {
                let failed = if is_write {
                    test.store.update_password_hash(ada.id, ada.version, &ada.password_hash).await.err()
                } else {
                    test.store.user(ada.id).await.err()
                };
                match failed {
                    Some(error) => return error_chain(&error),
                    None => tokio::task::yield_now().await,
                }
            }
        };
        let sentence = tokio::time::timeout(HANGS_AFTER, noticed).await.expect("it is noticed");
        assert!(sentence.contains("was deleted or moved"), "{sentence}");
    }
}

#[tokio::test]
async fn an_emptied_database_file_is_named() {
    let test = TestBackend::Embedded.open().await;
    fs::File::options().write(true).open(test.path()).and_then(|file| file.set_len(0)).expect("emptied");
    assert!(refusal(&test).await.contains("was emptied"));
}

/// SQLite itself sees that the names lead elsewhere.
#[tokio::test]
async fn closing_leaves_the_files_alone_that_took_the_place_of_the_lost_ones() {
    let test = TestBackend::Embedded.open().await;
    test.signed_up("ada", "ada@x.org").await;
    let (database, log) = (test.path(), log_of(&test.path()));
    for path in [&database, &log] {
        fs::remove_file(path).expect("deleted");
        fs::write(path, "of another program").expect("written");
    }
    test.store.close().await;
    for path in [&database, &log] {
        assert_eq!(fs::read_to_string(path).expect("still there"), "of another program", "{}", path.display());
    }
}

/// The open log still has them: closing moves them into the database.
#[tokio::test]
async fn changes_in_a_deleted_log_are_kept_when_userd_stops() {
    let mut test = TestBackend::Embedded.open().await;
    let ada = test.signed_up("ada", "ada@x.org").await;
    fs::remove_file(log_of(&test.path())).expect("deleted");
    assert!(refusal(&test).await.contains("was deleted or moved"));
    test.store.close().await;
    test = test.reopen().await;
    assert_eq!(test.user(ada.id).await.as_ref(), Some(&ada));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_on_a_lost_file_is_not_ready_and_refuses_every_request() {
    let folder = tempfile::tempdir().expect("a folder");
    let launch = UserdCommand::in_folder(folder.path()).cheap_hashes().store("sqlite:accounts.db");
    let serving = launch.start();
    let address = serving.address();
    let ada = wait_until_signed_up(address, "ada@example.org").await.id();
    let (database, aside) = (folder.path().join("accounts.db"), folder.path().join("aside.db"));
    fs::rename(&database, &aside).expect("moved");
    wait_for_status(address, "/health/ready", 503).await;
    for request in [get(&format!("/api/users/{ada}")), sign_up("eve@example.org"), get("/health/ready")] {
        let answer = fetch(address, &request).await;
        assert!(answer.is_retryable_503() && answer.is_problem(503, "store-unavailable"), "{answer:?}");
    }
    let metrics = fetch(address, &get("/metrics")).await.text();
    assert!(metrics.contains("\nuserd_store_up 0\n"), "{metrics}");
    assert_eq!(serving.log().matches("the database file is lost").count(), 1, "{}", serving.log());
    fs::rename(&aside, &database).expect("moved back");
    wait_for_status(address, "/health/ready", 200).await;
    assert_eq!(fetch(address, &get(&format!("/api/users/{ada}"))).await.status, 200);
    assert_eq!(serving.stop().0, Some(0));
}
