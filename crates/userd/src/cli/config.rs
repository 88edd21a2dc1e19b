//! `userd config show` and `userd config check`.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::config::Config;

/// Prints every key with the value in force, as TOML.
pub(super) fn show(config: &Config) -> ExitCode {
    let mut text =
        String::from("# The configuration in force. Secrets are hidden, so this is no file to start from.\n");
    let mut section = "";
    for entry in &config.entries {
        let (own_section, key) = entry.key.rsplit_once('.').unwrap_or(("", &entry.key));
        if own_section != section {
            section = own_section;
            // Writing to a String never fails.
            let _ = writeln!(text, "\n[{section}]");
        }
        let note = entry.note.as_ref().map(|note| format!("  # {note}")).unwrap_or_default();
        let _ = writeln!(text, "{key} = {}{note}", entry.value);
    }
    print(&text);
    warn(config);
    ExitCode::SUCCESS
}

/// Says that the configuration, which has been loaded, is in order.
pub(super) fn check(config: &Config) -> ExitCode {
    print("ok\n");
    warn(config);
    ExitCode::SUCCESS
}

/// To standard output. A reader that went away (`| head`) is no mistake.
fn print(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

fn warn(config: &Config) {
    for warning in &config.warnings {
        let _ = writeln!(io::stderr().lock(), "warning: {warning}");
    }
}
