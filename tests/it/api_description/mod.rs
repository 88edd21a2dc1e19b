//! The OpenAPI description matches the service: the committed file is up to date, it has every route and every kind of
//! problem, and its examples work.

mod committed;
mod coverage;
mod examples;
mod page;
mod shape;

use serde_json::Value;

use crate::http::test_app::TestApp;

/// The description that the service serves.
async fn description(app: &TestApp) -> Value {
    let answer = app.api.get("/openapi.json").await;
    assert_eq!(answer.status, 200, "{answer}");
    answer.value()
}

/// Every operation of the description: method, path, operation object.
pub(crate) fn operations(description: &Value) -> Vec<(String, String, &Value)> {
    let paths = description["paths"].as_object().expect("paths");
    let all = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().expect("methods").iter();
        methods.map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation))
    });
    all.collect()
}
