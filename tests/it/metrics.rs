//! The words of metric labels and the reference page are those of the program. That Prometheus can read them is in
//! `tests/deploy-checks/metrics.rs`.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use userd_core::{AccountKey, BucketKey, Email, EventKind, NetworkKey};
use userd_metrics::{METRICS, Metrics, StoreCall, StoreCallOutcome};
use userd_store::{FindingKind, FindingState};

/// Every kind of finding in every state.
fn findings() -> impl Iterator<Item = (FindingKind, FindingState)> {
    let states = [FindingState::Repaired, FindingState::Repairable, FindingState::Manual];
    FindingKind::ALL.into_iter().flat_map(move |kind| states.map(|state| (kind, state)))
}

#[test]
fn every_label_value_is_known_to_its_metric() {
    let metrics = Arc::new(Metrics::default());
    // The store's answer does not distinguish another e-mail address from another name.
    for kind in EventKind::ALL.into_iter().filter(|kind| *kind != EventKind::EmailChanged) {
        metrics.events.inc(kind);
        assert_eq!(metrics.events.get(kind).get(), 1, "{kind}");
    }
    let account = AccountKey::of(Email::parse("ada@example.com").expect("an e-mail").canonical());
    let network = NetworkKey::of(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let buckets = [
        BucketKey::Account(account),
        BucketKey::AccountAndNetwork(account, network),
        BucketKey::Device(account, [1; 16]),
        BucketKey::Network(network),
        BucketKey::Global,
    ];
    for bucket in buckets {
        metrics.rate_limited.inc(bucket.limit());
        assert_eq!(metrics.rate_limited.get(bucket.limit()).get(), 1, "{}", bucket.limit());
    }
    for (kind, state) in findings() {
        metrics.findings.get(state).inc(kind);
    }
    let text = metrics.text();
    for (kind, state) in findings() {
        let line = format!("userd_doctor_findings_total{{kind=\"{}\",state=\"{}\"}} 1", kind.as_str(), state.as_str());
        assert!(text.contains(&line), "{line} is not in {text}");
    }
    let others = text.lines().filter(|line| line.contains("\"other\"") && !line.ends_with(" 0"));
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&str>::new());
}

fn page(path: &str) -> String {
    let path = userd_test_support::paths::workspace_root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_page_of_metrics_has_the_rows_of_the_table() {
    let rows = METRICS.iter().map(|row| {
        let labels: Vec<String> = row.labels.iter().map(|label| format!("`{label}`")).collect();
        let (kind, labels) = (row.kind.as_str(), labels.join(", "));
        format!("| `{}` | {kind} | {} | {labels} | {} |", row.name, row.unit, row.help).replace("|  |", "| |")
    });
    let page = page("docs/METRICS.md");
    let shown: Vec<&str> =
        page.lines().filter(|line| line.starts_with("| `userd_") || line.starts_with("| `process_")).collect();
    assert_eq!(shown, rows.collect::<Vec<_>>());
    for word in StoreCall::NAMES.iter().chain(&StoreCallOutcome::NAMES) {
        assert!(page.contains(&format!("`{word}`")), "{word} is not on the page");
    }
}
