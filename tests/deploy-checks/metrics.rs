//! The metrics of the real program, read with Prometheus's own library. The dashboard and the alerts name only metrics
//! that exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};
use userd_metrics::{METRICS, MetricKind};
use userd_test_support::http_client::{PASSWORD, fetch, get, json_request, sign_up};
use userd_test_support::redis_server::RedisServer;
use userd_test_support::userd_process::UserdCommand;
use userd_test_support::verifiers::run_reader;

/// A metric as Prometheus reads it.
struct MetricFamily {
    kind: String,
    help: String,
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

/// The text as Prometheus reads it.
fn families(text: &str) -> BTreeMap<String, MetricFamily> {
    let read = run_reader("metrics.py", text);
    let families = read.as_array().expect("a list").iter().map(|family| {
        let word = |name: &str| family[name].as_str().expect("a text").to_owned();
        // Prometheus's libraries take the suffix of a counter for its type.
        let name = if word("type") == "counter" { word("name") + "_total" } else { word("name") };
        let samples = family["samples"].as_array().expect("a list").iter().map(|sample| {
            let labels = serde_json::from_value(sample[1].clone()).expect("labels are texts");
            (sample[0].as_str().expect("a name").to_owned(), labels, sample[2].as_f64().expect("a number"))
        });
        (name, MetricFamily { kind: word("type"), help: word("help"), samples: samples.collect() })
    });
    families.collect()
}

/// The value of the one sample with these labels, rounded down.
fn value(families: &BTreeMap<String, MetricFamily>, name: &str, labels: &[(&str, &str)]) -> u64 {
    let family = name.trim_end_matches("_count");
    let samples = &families.get(family).unwrap_or_else(|| panic!("there is no {family}")).samples;
    let labels: BTreeMap<String, String> =
        labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    let found = samples.iter().find(|(of, with, _)| of == name && *with == labels);
    let value = found.unwrap_or_else(|| panic!("{name} has no sample with {labels:?}")).2;
    format!("{:.0}", value.floor()).parse().expect("a number that is not below zero")
}

#[tokio::test]
async fn prometheus_reads_every_metric_of_the_table_and_no_personal_data() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let serving = UserdCommand::in_folder(folder.path()).cheap_hashes().start();
    let address = serving.address();
    assert_eq!(fetch(address, &sign_up("ada@example.com")).await.status, 200);
    let login =
        |password: &str| json_request("POST", "/api/login", &json!({"email": "ada@example.com", "password": password}));
    assert_eq!(fetch(address, &login(PASSWORD)).await.status, 200);
    assert_eq!(fetch(address, &login("a wrong password")).await.status, 401);
    assert_eq!(fetch(address, &get("/api/users/ada@example.com")).await.status, 200);
    assert_eq!(fetch(address, &get("/ada@example.com")).await.status, 404);
    let answer = fetch(address, &get("/metrics")).await;
    assert_eq!(answer.status, 200);
    let text = String::from_utf8(answer.body).expect("the format is UTF-8");
    let found = families(&text);

    let rows: BTreeSet<&str> = METRICS.iter().map(|row| row.name).collect();
    assert_eq!(found.keys().map(String::as_str).collect::<BTreeSet<_>>(), rows);
    for row in &METRICS {
        let family = &found[row.name];
        assert_eq!((family.kind.as_str(), family.help.as_str()), (row.kind.as_str(), row.help), "{}", row.name);
        for (_, labels, _) in &family.samples {
            let names: BTreeSet<&str> = labels.keys().map(String::as_str).filter(|name| *name != "le").collect();
            assert_eq!(names, row.labels.iter().copied().collect(), "{}", row.name);
        }
    }
    let at = |name: &str, labels: &[(&str, &str)]| value(&found, name, labels);
    let route = ("route", "/api/users/<_>");
    assert_eq!(at("userd_http_requests_total", &[route, ("method", "GET"), ("status", "200")]), 1);
    assert_eq!(at("userd_http_requests_total", &[("route", "-"), ("method", "GET"), ("status", "404")]), 1);
    assert_eq!(at("userd_http_request_duration_seconds_count", &[route, ("method", "GET")]), 1);
    assert_eq!(at("userd_http_requests_in_flight", &[]), 1);
    assert_eq!(at("userd_hashes_done_total", &[]), 3);
    assert_eq!(at("userd_store_up", &[]), 1);
    assert_eq!(at("userd_store_calls_total", &[("call", "create-user"), ("outcome", "answered")]), 1);
    assert!(at("userd_sqlite_reads_total", &[]) >= 3 && at("userd_sqlite_commit_changes_count", &[]) >= 2);
    assert_eq!((at("userd_sessions_opened_total", &[]), at("userd_sign_ins_failed_total", &[])), (1, 1));
    assert_eq!(at("userd_account_events_total", &[("kind", "signed-up")]), 1);
    assert!(at("process_start_time_seconds", &[]) > 1_700_000_000);
    for personal in ["ada@", "Ada ", "example.com"] {
        assert!(!text.contains(personal), "{personal} is in {text}");
    }
}

#[tokio::test]
async fn an_unreachable_redis_is_reported_and_its_round_trips_are_counted() {
    let mut server = RedisServer::start();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let serving = UserdCommand::in_folder(folder.path()).cheap_hashes().redis(&server).start();
    assert_eq!(fetch(serving.address(), &sign_up("ada@example.com")).await.status, 200);
    let look = async || families(&String::from_utf8_lossy(&fetch(serving.address(), &get("/metrics")).await.body));
    let before = look().await;
    assert_eq!(value(&before, "userd_store_up", &[]), 1);
    let trips = |kind| value(&before, "userd_redis_round_trip_duration_seconds_count", &[("kind", kind)]);
    assert!(trips("script") >= 3 && trips("acknowledged-read") >= 1 && trips("server") >= 1);
    server.kill();
    let after = look().await;
    assert_eq!(value(&after, "userd_store_up", &[]), 0);
}

fn page(path: &str) -> String {
    let path = userd_test_support::paths::workspace_root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Names of metrics in a text, without Prometheus's suffixes for the parts of a histogram.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|char: char| !char.is_ascii_alphanumeric() && char != '_');
    let names = words.filter(|word| word.starts_with("userd_") || word.starts_with("process_"));
    let whole = |name: &str| {
        let histogram = |row: &&userd_metrics::MetricDefinition| {
            row.kind == MetricKind::Histogram
                && ["_bucket", "_sum", "_count"].into_iter().any(|end| name.strip_suffix(end) == Some(row.name))
        };
        METRICS.iter().find(histogram).map_or(name, |row| row.name).to_owned()
    };
    names.map(whole).collect()
}

/// Every text below one of the keys, at any depth.
fn texts(value: &Value, key: &str) -> Vec<String> {
    match value {
        Value::Object(fields) => {
            let here = fields.get(key).and_then(Value::as_str).map(str::to_owned);
            here.into_iter().chain(fields.values().flat_map(|value| texts(value, key))).collect()
        }
        Value::Array(values) => values.iter().flat_map(|value| texts(value, key)).collect(),
        _ => Vec::new(),
    }
}

fn assert_all_are_metrics(place: &str, expressions: &[String], least: usize) {
    assert!(expressions.len() >= least, "only {} expressions in {place}", expressions.len());
    let known: BTreeSet<&str> = METRICS.iter().map(|row| row.name).collect();
    for expression in expressions {
        let names = named(expression);
        assert!(!names.is_empty() || expression.contains("up{"), "{place}: {expression} is about nothing of userd");
        for name in names {
            assert!(known.contains(name.as_str()), "{place}: {expression} names {name}, which is no metric");
        }
    }
}

#[test]
fn the_dashboard_shows_only_existing_metrics() {
    let dashboard: Value = serde_json::from_str(&page("deploy/grafana/userd.json")).expect("the dashboard is JSON");
    assert_all_are_metrics("the dashboard", &texts(&dashboard, "expr"), 15);
}

#[test]
fn each_alert_uses_existing_metrics_and_says_what_to_do() {
    let alerts = run_reader("yaml_to_json.py", &page("deploy/prometheus/alerts.yaml"));
    assert_all_are_metrics("the alerts", &texts(&alerts, "expr"), 8);
    let groups = alerts["groups"].as_array().expect("groups");
    for rule in groups.iter().flat_map(|group| group["rules"].as_array().expect("rules")) {
        let name = rule["alert"].as_str().expect("each rule is an alert");
        let text = |key: &str| rule["annotations"][key].as_str().unwrap_or_default();
        assert!(text("summary").len() > 20 && text("runbook").len() > 100, "{name} does not say what to do");
        assert!(["page", "ticket"].contains(&rule["labels"]["severity"].as_str().unwrap_or_default()), "{name}");
    }
}
