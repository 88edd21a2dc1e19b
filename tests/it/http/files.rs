//! `GET /files/<path>`.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use insta::assert_snapshot;
use rocket::http::Method::Get;
use tempfile::TempDir;
use userd_http::HttpSettings;

use super::{TestClient, client_with_settings, client_with_store, settings};
use userd_store::memory::MemoryStore;

async fn with_files() -> (TestClient, TempDir) {
    let folder = TempDir::new().expect("a folder");
    let root = folder.path().join("static");
    fs::create_dir_all(root.join("sub/.hidden")).expect("folders");
    for (path, text) in [
        ("static/hello.txt", "hello"),
        ("static/page.html", "<p>"),
        ("static/noext", "?"),
        ("static/odd.thing", "?"),
        ("static/sub/a b.css", "p{}"),
        ("static/.env", "SECRET"),
        ("static/sub/.hidden/x.txt", "SECRET"),
        ("outside.txt", "SECRET"),
    ] {
        fs::write(folder.path().join(path), text).expect("a file");
    }
    symlink(folder.path().join("outside.txt"), root.join("out.txt")).expect("a link");
    symlink(folder.path(), root.join("up")).expect("a link");
    symlink(root.join(".env"), root.join("env.txt")).expect("a link");
    symlink(root.join("hello.txt"), root.join("alias.txt")).expect("a link");
    symlink(root.join("gone"), root.join("dangling")).expect("a link");
    symlink("loop", root.join("loop")).expect("a link");
    let settings = HttpSettings { static_dir: Some(root), ..settings() };
    (client_with_settings(&settings, Arc::new(MemoryStore::default())).await, folder)
}

#[rocket::async_test]
async fn a_file_is_served_with_its_type() {
    let (api, _folder) = with_files().await;
    assert_snapshot!(api.get("/files/hello.txt").await, @r"
    200
    Content-Type: text/plain; charset=utf-8

    hello
    ");
    for (path, kind) in [
        ("page.html", "text/html; charset=utf-8"),
        ("sub/a%20b.css", "text/css; charset=utf-8"),
        ("noext", "application/octet-stream"),
        ("odd.thing", "application/octet-stream"),
        ("alias.txt", "text/plain; charset=utf-8"),
    ] {
        let answer = api.get(&format!("/files/{path}")).await;
        assert_eq!((answer.status, answer.header("Content-Type")), (200, Some(kind)), "{path}");
        assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"));
    }
}

#[rocket::async_test]
async fn nothing_outside_no_dot_file_and_no_listing_is_served() {
    let (api, _folder) = with_files().await;
    for path in [
        "",
        "sub",
        "sub/",
        "missing.txt",
        "hello.txt/x",
        ".env",
        "%2eenv",
        "env.txt",
        "sub/.hidden/x.txt",
        "out.txt",
        "up/outside.txt",
        "up/static/hello.txt/../../outside.txt",
        "../outside.txt",
        "..%2foutside.txt",
        "%2e%2e/outside.txt",
        "sub/../../outside.txt",
        "sub%2f..%2f..%2foutside.txt",
        "..%5coutside.txt",
        "hello.txt%00.png",
        "dangling",
        "loop",
        "/etc/passwd",
        "%2fetc%2fpasswd",
    ] {
        let answer = api.get(&format!("/files/{path}")).await;
        assert_eq!((answer.status, answer.slug().as_str()), (404, "not-found"), "{path}: {answer}");
        assert!(!answer.text().contains("SECRET"), "{path}");
    }
}

#[rocket::async_test]
async fn a_pipe_is_not_waited_for() {
    let (api, folder) = with_files().await;
    let made = std::process::Command::new("mkfifo").arg(folder.path().join("static/pipe")).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo makes a pipe");
    assert_eq!(api.send(Get, "/files/pipe", &[], "").await.status, 404);
}

#[rocket::async_test]
async fn without_a_folder_there_are_no_files() {
    let (api, _) = client_with_store().await;
    assert_eq!(api.get("/files/hello.txt").await.slug(), "not-found");
}
