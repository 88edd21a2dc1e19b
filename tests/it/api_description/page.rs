//! The page has everything that the description has, and loads nothing from other hosts.

use super::{description, operations};
use crate::http::test_app::TestApp;

#[rocket::async_test]
async fn the_page_has_every_endpoint_and_loads_nothing() {
    let app = TestApp::without_api_keys().await;
    let document = description(&app).await;
    let answer = app.api.get("/docs").await;
    let page = answer.text();
    for (method, path, operation) in operations(&document) {
        let name = operation["operationId"].as_str().expect("a name");
        assert!(page.contains(&format!("id=\"{name}\"")), "no {name}");
        assert!(page.contains(&format!("<code>{path}</code>")) && page.contains(&format!(">{method}</b>")), "{path}");
    }
    for name in document["components"]["schemas"].as_object().expect("schemas").keys() {
        assert!(page.contains(&format!("id=\"schema-{name}\"")), "no {name}");
    }
    for word in [" src=", "href=\"http", "<link", "@import", "url(", " style=", " onclick="] {
        assert!(!page.contains(word), "{word:?} in the page");
    }
    // Every link within the page has a target.
    for place in page.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap_or_default()) {
        assert!(page.contains(&format!("id=\"{place}\"")), "#{place} does not exist");
    }
}

#[rocket::async_test]
async fn a_browser_may_run_only_what_is_in_the_page() {
    let answer = TestApp::without_api_keys().await.api.get("/docs").await;
    assert_eq!(
        answer.header("Cross-Origin-Opener-Policy"),
        Some("same-origin"),
        "no other site gets a reference to its window"
    );
    let policy = answer.header("Content-Security-Policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    let page = answer.text();
    for (tag, directive) in [("style", "style-src"), ("script", "script-src")] {
        let inside = page.split(&format!("<{tag}>")).nth(1).and_then(|rest| rest.split(&format!("</{tag}>")).next());
        let hash = sha256_base64(inside.expect("it is in the page"));
        assert!(policy.contains(&format!("{directive} 'sha256-{hash}'")), "{directive}: {policy}");
    }
}

fn sha256_base64(text: &str) -> String {
    use base64::Engine as _;
    use sha2::Digest as _;

    base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(text.as_bytes()))
}
