//! `userd doctor`: one pass over the store, its findings as a table or as JSON, and an exit code that says what is
//! to be done.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::process::ExitCode;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::app::{self, ExamineError};
use crate::config::Config;
use userd_service::doctor::{Course, Report};
use userd_store::{FindingState, Treatment};

/// The store could not be opened, or stayed away.
const EXIT_BROKE_OFF: u8 = 1;
/// Something was found that `--repair` would mend.
const EXIT_MENDABLE: u8 = 3;
/// Something was found that a person has to look at.
const EXIT_NEEDS_PERSON: u8 = 4;

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
    let treatment = if options.repair { Treatment::Repair } else { Treatment::Report };
    let course = Course { treatment, rate_per_s: options.rate };
    let bar = progress();
    let watch = |_: &[_], report: &Report| {
        if let Some(expected) = report.expected {
            bar.set_length(expected.max(report.users));
        }
        bar.set_position(report.users);
        bar.set_message(match report.counts.values().sum::<u64>() {
            0 => String::new(),
            found => format!("{found} found"),
        });
    };
    let examined = super::block_on(config, app::examine(config, course, &watch));
    bar.finish_and_clear();
    let examined = match examined {
        Ok(examined) => examined,
        Err(sentence) => return broke_off(&sentence),
    };
    let (report, error) = match examined {
        Ok(report) => (report, None),
        Err(ExamineError::BrokeOff(broke)) => {
            let sentence = app::chain(&broke);
            (broke.report, Some(sentence))
        }
        Err(error) => return broke_off(&app::chain(&error)),
    };
    let store = config.store.to_string();
    if options.json {
        print(&format!("{:#}\n", as_json(&store, &report, error.as_deref())));
    } else {
        print(&as_text(&store, &report));
    }
    match error {
        Some(sentence) => broke_off(&sentence),
        None => ExitCode::from(code(&report)),
    }
}

fn code(report: &Report) -> u8 {
    if report.count(FindingState::NeedsPerson) > 0 {
        EXIT_NEEDS_PERSON
    } else if report.count(FindingState::Mendable) > 0 {
        EXIT_MENDABLE
    } else if report.disturbed {
        // Nothing was found, but not everything was looked at.
        EXIT_BROKE_OFF
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

fn as_json(store: &str, report: &Report, error: Option<&str>) -> Value {
    let findings = report.findings.iter().map(|finding| {
        json!({
            "kind": finding.kind.word(),
            "state": finding.state.word(),
            "user": finding.user.map(|id| id.to_string()),
            "place": finding.place,
            "detail": finding.detail,
        })
    });
    json!({
        "store": store,
        "complete": error.is_none() && !report.disturbed,
        "error": error,
        "users": report.users,
        "mended": report.count(FindingState::Mended),
        "mendable": report.count(FindingState::Mendable),
        "needs_person": report.count(FindingState::NeedsPerson),
        "findings": findings.collect::<Vec<_>>(),
        "findings_left_out": report.left_out(),
    })
}

fn as_text(store: &str, report: &Report) -> String {
    let mut text = String::new();
    // Writing to a String never fails.
    if !report.findings.is_empty() {
        let _ = writeln!(text, "{:<13} {:<16} WHERE AND WHAT", "STATE", "KIND");
        for finding in &report.findings {
            let (state, kind) = (finding.state.word(), finding.kind.word());
            let _ = writeln!(text, "{state:<13} {kind:<16} {}", finding.place);
            let whose = finding.user.map(|id| format!(" (user {id})")).unwrap_or_default();
            let _ = writeln!(text, "{:<30} {}{whose}", "", finding.detail);
        }
        text.push('\n');
    }
    if report.left_out() > 0 {
        let _ = writeln!(text, "{} more are not listed.", report.left_out());
    }
    let counted = |state, words: &str| match report.count(state) {
        0 => None,
        count => Some(format!("{count} {words}")),
    };
    let parts: Vec<String> = [
        counted(FindingState::Mended, "mended"),
        counted(FindingState::Mendable, "that `userd doctor --repair` mends"),
        counted(FindingState::NeedsPerson, "that a person has to look at (docs/operations/doctor.md)"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let found = if parts.is_empty() { "nothing found".to_owned() } else { parts.join(", ") };
    let _ = writeln!(text, "{store}: {} users looked at, {found}", report.users);
    if report.disturbed {
        text.push_str("keys moved during the pass: run again\n");
    }
    text
}

fn broke_off(sentence: &str) -> ExitCode {
    // Nobody is left to be told that standard error is closed.
    let _ = writeln!(io::stderr().lock(), "userd doctor: {sentence}");
    ExitCode::from(EXIT_BROKE_OFF)
}

/// To standard output. A reader that went away (`| head`) is no mistake.
fn print(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}
