//! The description has every route and every kind of problem, and nothing else.

use std::collections::BTreeSet;

use serde_json::Value;
use userd_http::ProblemKind;

use super::{description, operations};
use crate::http::test_app::TestApp;

/// The first rank of the routes that answer 405 for the methods that a path does not have.
const OTHER_METHODS_RANK: isize = 1000;

/// A path without the names of its parameters: Rocket's `<id>` and the description's `{id}` become equal.
fn shape(path: &str) -> String {
    let segments = path
        .split('/')
        .map(|segment| if segment.starts_with(['<', '{']) { "{}".to_owned() } else { segment.to_owned() });
    segments.collect::<Vec<_>>().join("/")
}

#[rocket::async_test]
async fn every_route_is_described_and_nothing_else() {
    let app = TestApp::with_api_key().await;
    let own = app.api.0.rocket().routes().filter(|route| route.rank < OTHER_METHODS_RANK);
    let mounted: BTreeSet<_> = own.map(|route| format!("{} {}", route.method, shape(route.uri.path()))).collect();
    let document = description(&app).await;
    let described: BTreeSet<_> =
        operations(&document).iter().map(|(method, path, _)| format!("{method} {}", shape(path))).collect();
    let missing: Vec<_> = mounted.difference(&described).collect();
    assert!(
        missing.is_empty(),
        "not described: {missing:?}. Mount the route in `endpoints!` (mod.rs of its area in \
         crates/http/src/api)"
    );
    let made_up: Vec<_> = described.difference(&mounted).collect();
    assert!(made_up.is_empty(), "described and not mounted: {made_up:?}");
}

#[rocket::async_test]
async fn every_kind_of_problem_is_described_and_can_be_given_somewhere() {
    let document = description(&TestApp::without_api_keys().await).await;
    let kinds: BTreeSet<_> = ProblemKind::ALL.map(|kind| format!("urn:userd:problem:{}", kind.slug())).into();
    let described = &document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"];
    assert_eq!(words(described), kinds);
    let mut given = BTreeSet::from(["urn:userd:problem:method-not-allowed".to_owned()]);
    for (name, answer) in document["components"]["responses"].as_object().expect("answers") {
        let schema = &answer["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"];
        given.extend(words(&schema["type"]["enum"]));
        for (slug, _) in answer["content"]["application/problem+json"]["examples"].as_object().expect("examples") {
            let example = &document["components"]["examples"][slug]["value"];
            assert_eq!(schema["status"]["enum"][0], example["status"], "{name}: {slug}");
        }
    }
    assert_eq!(given, kinds, "a kind that no endpoint gives: see `problems` in the files of crates/http/src/api/");
}

fn words(list: &Value) -> BTreeSet<String> {
    list.as_array().expect("a list").iter().map(|one| one.as_str().expect("a text").to_owned()).collect()
}
