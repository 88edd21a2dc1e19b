//! The API's description says what the service does: the committed file is the program's own, it has every route and every
//! kind of problem, and its examples work.

mod committed;
mod coverage;
mod examples;
mod page;
mod shape;

use serde_json::Value;

use crate::http::test_app::TestApp;

/// The description that the service gives.
async fn description(app: &TestApp) -> Value {
    let answer = app.api.get("/openapi.json").await;
    assert_eq!(answer.status, 200, "{answer}");
    answer.value()
}

/// Every endpoint of the description: method, path, what is said of it.
fn operations(description: &Value) -> Vec<(String, String, &Value)> {
    let paths = description["paths"].as_object().expect("paths");
    let all = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().expect("methods").iter();
        methods.map(move |(method, told)| (method.to_uppercase(), path.clone(), told))
    });
    all.collect()
}
