//! The result of each imported user: one line of JSON in a file, or the first failures on standard error.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde_json::{Value, json};

use crate::cli::console;
use crate::cli::sanitize::{sanitize, sanitize_json};
use userd_service::import_export::{ImportResult, SourcePosition};

/// How many skipped users are reported if no file of results is written.
const REPORTED_MAX: u64 = 20;

/// Where the results go.
#[derive(Default)]
pub(super) struct ResultsWriter {
    out: Option<BufWriter<Box<dyn Write + Send>>>,
    skipped: u64,
}

/// Whether there is a file at the place for results.
pub(super) fn results_exist(path: &Path) -> bool {
    path != Path::new("-") && path.symlink_metadata().is_ok()
}

/// The message for an existing file.
pub(super) fn results_exist_message(path: &Path) -> String {
    format!("{} exists already; choose another file for --results, or remove it", path.display())
}

impl ResultsWriter {
    /// Creates the file, and never overwrites one. Call it when everything else is open, so that an earlier failure
    /// leaves no empty file.
    pub(super) fn open(&mut self, path: Option<&Path>) -> Result<(), String> {
        let Some(path) = path else { return Ok(()) };
        let out: Box<dyn Write + Send> = if path == Path::new("-") {
            Box::new(io::stdout())
        } else {
            Box::new(File::create_new(path).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => results_exist_message(path),
                _ => format!("can't write the results: {error}"),
            })?)
        };
        self.out = Some(BufWriter::new(out));
        Ok(())
    }

    /// Writes one result.
    pub(super) fn write(&mut self, result: &ImportResult) -> io::Result<()> {
        if let Some(out) = &mut self.out {
            return writeln!(out, "{}", sanitize_json(&as_json(result).to_string()));
        }
        if !result.kind.is_success() {
            self.skipped += 1;
            if self.skipped <= REPORTED_MAX {
                let reason = result.reason.as_deref().unwrap_or_default();
                console::report("import", &format!("{}: {}: {reason}", position(result), result.kind.as_str()));
            }
        }
        Ok(())
    }

    /// Writes what is still buffered.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.out.as_mut().map_or(Ok(()), Write::flush)
    }

    /// Reports how many skipped users were not reported one by one.
    pub(super) fn report_omitted(&self) {
        if self.skipped > REPORTED_MAX {
            let more = self.skipped - REPORTED_MAX;
            console::report("import", &format!("{more} more were skipped: --results FILE writes the result of each"));
        }
    }
}

fn position(result: &ImportResult) -> String {
    match &result.position {
        SourcePosition::Line(line) => format!("line {line}"),
        SourcePosition::Key(key) => format!("key {}", sanitize(key)),
    }
}

fn as_json(result: &ImportResult) -> Value {
    let mut line = json!({ "outcome": result.kind.as_str(), "id": result.id, "reason": result.reason });
    match &result.position {
        SourcePosition::Line(number) => line["line"] = (*number).into(),
        SourcePosition::Key(key) => line["key"] = key.as_str().into(),
    }
    line
}
