//! `userd doctor`: one consistency check, its findings as a table or as JSON, and an exit code for scripts.
//!
//! Not the check itself, which is `userd_service::doctor`, and not the one that a server runs in the background, which
//! is `serve::doctor_task`.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use indicatif::ProgressBar;
use serde_json::json;

use super::block_on::block_on;
use super::command_error::{CommandError, CommandResult, EXIT_FAILED};
use super::console::{self, progress_bar};
use crate::config::{Config, StoreTarget};
use crate::open::{OpenStoreError, open_damaged_store_for_command};
use userd_core::clock::SystemClock;
use userd_core::error_chain;
use userd_service::doctor::{CheckAborted, CheckOptions, Doctor, DoctorReport};
use userd_store::{CheckMode, ConsistencyCheck, FindingState, Store};
use userd_store_sqlite::ReadOnlyDatabase;

/// Found something that `--repair` would fix.
const EXIT_REPAIRABLE: u8 = 3;
/// Found something that requires manual action.
const EXIT_MANUAL: u8 = 4;

/// How to check.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct DoctorOptions {
    /// Repair what has an unambiguous fix
    #[arg(long)]
    repair: bool,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    /// Check at most this many users per second; 0 is no limit
    #[arg(long, value_name = "USERS", default_value_t = 10_000)]
    rate: u32,
}

impl DoctorOptions {
    /// Runs the check and prints its report.
    pub(super) fn run(self, config: &Config) -> CommandResult<ExitCode> {
        let mode = if self.repair { CheckMode::Repair } else { CheckMode::Report };
        // Its length is the number of users that the store reports, before the check.
        let bar = progress_bar(None, "{wide_bar} {pos} of {len} users, {per_sec} {msg}");
        let result = block_on(config, check_store(config, CheckOptions { mode, rate_per_s: self.rate }, &bar));
        bar.finish_and_clear();
        let (report, error) = match result? {
            Ok(report) => (report, None),
            Err(aborted) => {
                let message = error_chain(&aborted);
                (aborted.report, Some(message))
            }
        };
        let store = config.store.to_string();
        let text = if self.json { as_json(&store, &report, error.as_deref()) } else { as_text(&store, &report) };
        console::print(&text);
        error.map_or_else(|| Ok(ExitCode::from(exit_code(&report))), |message| Err(CommandError::Failed(message)))
    }
}

/// Checks the store that the configuration names; a server may use it meanwhile.
///
/// Without repairs, a SQLite file is opened read-only. Repairs need its lock: SQLite would let a second process write,
/// but the number of users is a cached value of the one writer.
async fn check_store(
    config: &Config,
    options: CheckOptions,
    bar: &ProgressBar,
) -> CommandResult<Result<DoctorReport, CheckAborted>> {
    let observer = |_: &[_], report: &DoctorReport| {
        if let Some(expected) = report.expected {
            bar.set_length(expected.max(report.users));
        }
        bar.set_position(report.users);
        bar.set_message(match report.counts.values().sum::<u64>() {
            0 => String::new(),
            found => format!("{found} found"),
        });
    };
    let doctor = |store: Arc<dyn ConsistencyCheck>| Doctor::new(store, Arc::new(SystemClock));
    if let StoreTarget::Sqlite { path } = &config.store {
        let file = ReadOnlyDatabase::open(path, config.sqlite.timeout).map_err(OpenStoreError::from)?;
        if options.mode == CheckMode::Report {
            return Ok(doctor(Arc::new(file)).run(options, &observer).await);
        }
    }
    let store = open_damaged_store_for_command(config).await?;
    let result = doctor(Arc::<dyn Store>::clone(&store)).run(options, &observer).await;
    store.close().await;
    Ok(result)
}

fn exit_code(report: &DoctorReport) -> u8 {
    if report.count(FindingState::Manual) > 0 {
        EXIT_MANUAL
    } else if report.count(FindingState::Repairable) > 0 {
        EXIT_REPAIRABLE
    } else if report.topology_changed {
        // Nothing was found, but the check is incomplete.
        EXIT_FAILED
    } else {
        0
    }
}

fn as_json(store: &str, report: &DoctorReport, error: Option<&str>) -> String {
    let findings = report.findings.iter().map(|finding| {
        json!({
            "kind": finding.kind.as_str(),
            "state": finding.state.as_str(),
            "user": finding.user.map(|id| id.to_string()),
            "location": finding.place,
            "detail": finding.detail,
        })
    });
    let document = json!({
        "store": store,
        "complete": error.is_none() && !report.topology_changed,
        "error": error,
        "users": report.users,
        "repaired": report.count(FindingState::Repaired),
        "repairable": report.count(FindingState::Repairable),
        "manual": report.count(FindingState::Manual),
        "findings": findings.collect::<Vec<_>>(),
        "findings_omitted": report.omitted_findings(),
    });
    format!("{document:#}\n")
}

fn as_text(store: &str, report: &DoctorReport) -> String {
    let mut text = String::new();
    // Writing to a String never fails.
    if !report.findings.is_empty() {
        let _ = writeln!(text, "{:<13} {:<18} WHERE AND WHAT", "STATE", "KIND");
        for finding in &report.findings {
            let (state, kind) = (finding.state.as_str(), finding.kind.as_str());
            let _ = writeln!(text, "{state:<13} {kind:<18} {}", finding.place);
            let whose = finding.user.map(|id| format!(" (user {id})")).unwrap_or_default();
            let _ = writeln!(text, "{:<32} {}{whose}", "", finding.detail);
        }
        text.push('\n');
    }
    if report.omitted_findings() > 0 {
        let _ = writeln!(text, "{} more are not listed.", report.omitted_findings());
    }
    let counts = [
        (report.count(FindingState::Repaired), "repaired"),
        (report.count(FindingState::Repairable), "repairable with `userd doctor --repair`"),
        (report.count(FindingState::Manual), "that require manual action (docs/operations/doctor.md)"),
    ];
    let found = counts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = found.map(|(count, words)| format!("{count} {words}")).collect();
    let found = if parts.is_empty() { "nothing found".to_owned() } else { parts.join(", ") };
    let _ = writeln!(text, "{store}: {} users checked, {found}", report.users);
    if report.topology_changed {
        text.push_str("keys moved during the check: run it again\n");
    }
    text
}
