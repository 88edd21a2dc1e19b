//! `userd doctor`: one pass over the store, its findings as a table or as JSON, and an exit code that says what is
//! to be done.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::process::ExitCode;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::app::{self, DoctorError};
use crate::config::Config;
use userd_service::doctor::{CheckOptions, DoctorReport};
use userd_store::{CheckMode, FindingState};

/// The store could not be opened, or stayed away.
const EXIT_ABORTED: u8 = 1;
/// Something was found that `--repair` would mend.
const EXIT_REPAIRABLE: u8 = 3;
/// Something was found that a person has to look at.
const EXIT_MANUAL: u8 = 4;

/// What the doctor is to do.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct DoctorOptions {
    /// Mend what can be mended without guessing
    #[arg(long)]
    repair: bool,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    /// Look at no more than so many users a second; 0 is as many as it can
    #[arg(long, value_name = "USERS", default_value_t = 10_000)]
    rate: u32,
}

/// Makes the pass and tells what came of it.
pub(super) fn run(config: &Config, options: DoctorOptions) -> ExitCode {
    let mode = if options.repair { CheckMode::Repair } else { CheckMode::Report };
    let check_options = CheckOptions { mode, rate_per_s: options.rate };
    let bar = progress();
    let watch = |_: &[_], report: &DoctorReport| {
        if let Some(expected) = report.expected {
            bar.set_length(expected.max(report.users));
        }
        bar.set_position(report.users);
        bar.set_message(match report.counts.values().sum::<u64>() {
            0 => String::new(),
            found => format!("{found} found"),
        });
    };
    let outcome = super::block_on(config, app::check_store(config, check_options, &watch));
    bar.finish_and_clear();
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(sentence) => return aborted(&sentence),
    };
    let (report, error) = match outcome {
        Ok(report) => (report, None),
        Err(DoctorError::CheckAborted(stopped)) => {
            let sentence = app::chain(&stopped);
            (stopped.report, Some(sentence))
        }
        Err(error) => return aborted(&app::chain(&error)),
    };
    let store = config.store.to_string();
    if options.json {
        print(&format!("{:#}\n", as_json(&store, &report, error.as_deref())));
    } else {
        print(&as_text(&store, &report));
    }
    match error {
        Some(sentence) => aborted(&sentence),
        None => ExitCode::from(exit_code(&report)),
    }
}

fn exit_code(report: &DoctorReport) -> u8 {
    if report.count(FindingState::Manual) > 0 {
        EXIT_MANUAL
    } else if report.count(FindingState::Repairable) > 0 {
        EXIT_REPAIRABLE
    } else if report.topology_changed {
        // Nothing was found, but not everything was looked at.
        EXIT_ABORTED
    } else {
        0
    }
}

/// A bar, on a terminal only. How many users there are is what the store says before it was looked at.
fn progress() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{wide_bar} {pos} of {len} users, {per_sec} {msg}");
    ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

fn as_json(store: &str, report: &DoctorReport, error: Option<&str>) -> Value {
    let findings = report.findings.iter().map(|finding| {
        json!({
            "kind": finding.kind.as_str(),
            "state": finding.state.as_str(),
            "user": finding.user.map(|id| id.to_string()),
            "location": finding.place,
            "detail": finding.detail,
        })
    });
    json!({
        "store": store,
        "complete": error.is_none() && !report.topology_changed,
        "error": error,
        "users": report.users,
        "repaired": report.count(FindingState::Repaired),
        "repairable": report.count(FindingState::Repairable),
        "manual": report.count(FindingState::Manual),
        "findings": findings.collect::<Vec<_>>(),
        "findings_omitted": report.omitted_findings(),
    })
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
    let counted = |state, words: &str| match report.count(state) {
        0 => None,
        count => Some(format!("{count} {words}")),
    };
    let parts: Vec<String> = [
        counted(FindingState::Repaired, "repaired"),
        counted(FindingState::Repairable, "that `userd doctor --repair` mends"),
        counted(FindingState::Manual, "that a person has to look at (docs/operations/doctor.md)"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let found = if parts.is_empty() { "nothing found".to_owned() } else { parts.join(", ") };
    let _ = writeln!(text, "{store}: {} users looked at, {found}", report.users);
    if report.topology_changed {
        text.push_str("keys moved during the pass: run again\n");
    }
    text
}

fn aborted(sentence: &str) -> ExitCode {
    // Nobody is left to be told that standard error is closed.
    let _ = writeln!(io::stderr().lock(), "userd doctor: {sentence}");
    ExitCode::from(EXIT_ABORTED)
}

/// To standard output. A reader that went away (`| head`) is no mistake.
fn print(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}
