//! `docs/openapi.json` is what the program serves.

use crate::http::test_app::TestApp;

/// If this variable is set, the test writes the file.
const WRITE: &str = "USERD_TEST_WRITE_OPENAPI";

#[rocket::async_test]
async fn the_committed_description_is_the_programs_own() {
    let app = TestApp::without_api_keys().await;
    let answer = app.api.get("/openapi.json").await;
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
    assert_eq!(answer.header("Cache-Control"), Some("public, max-age=300"));
    let path = userd_test_support::paths::workspace_root().join("docs/openapi.json");
    #[expect(clippy::disallowed_methods, reason = "a test's own switch")]
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, answer.text()).expect("the file can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == answer.text(),
        "docs/openapi.json is not what the program serves: run `make openapi`, review the changes, and commit them"
    );
}
