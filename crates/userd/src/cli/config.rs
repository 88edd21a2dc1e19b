//! `userd config`: `show`, `check`, `default`, `schema`.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::command_error::{CommandError, CommandResult};
use super::console::{note, print};
use crate::config::{Config, DEFAULTS, json_schema};

/// Prints every key with its effective value, as TOML.
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

/// Reports that the configuration, which has been loaded, is valid.
pub(super) fn check(config: &Config) -> ExitCode {
    print("ok\n");
    warn(config);
    ExitCode::SUCCESS
}

/// Prints `userd.default.toml`.
pub(super) fn default() -> ExitCode {
    print(DEFAULTS);
    ExitCode::SUCCESS
}

/// Prints the JSON schema of `userd.toml`.
pub(super) fn schema() -> CommandResult {
    let schema = json_schema().map_err(CommandError::failed)?;
    print(&format!("{schema:#}\n"));
    Ok(())
}

fn warn(config: &Config) {
    for warning in &config.warnings {
        note(&format!("warning: {warning}"));
    }
}
