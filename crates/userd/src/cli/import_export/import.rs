//! `userd import`: creates the users of a file, or of a legacy database, in a store.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::results::{ResultsWriter, results_exist, results_exist_message};
use super::shutdown_signal::shutdown_signal;
use super::summary::{summary_as_json, summary_as_text};
use crate::cli::block_on::block_on;
use crate::cli::command_error::{CommandError, CommandResult, EXIT_INCOMPLETE};
use crate::cli::console::{self, progress_bar};
use crate::cli::sanitize::sanitize_json;
use crate::config::Config;
use crate::open::{open_legacy_database, open_store_for_command};
use userd_core::clock::SystemClock;
use userd_core::error_chain;
use userd_service::import_export::{
    FooterStatus, ImportError, ImportResult, ImportResultKind, ImportSummary, ProgressSink, UserImporter,
};
use userd_store::LegacySource;

/// The least time limit of a batch of users: some 50 times what it takes on an idle machine.
const BATCH_TIMEOUT_MIN: Duration = Duration::from_secs(15);

/// The progress bar for a file, and for input of unknown length.
const BAR: &str = "{wide_bar} {bytes} of {total_bytes}, {elapsed} {msg}";
const COUNT: &str = "{spinner} {pos} read, {elapsed} {msg}";

/// What to import, and how.
#[derive(Debug, Args)]
pub(crate) struct ImportOptions {
    /// A file that `userd export` wrote, or another one of the same format; - is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// Import from the database of the Rocket + Redis tutorial's service instead, which is only read
    #[arg(long, value_name = "redis://…", conflicts_with_all = ["file", "from_line", "from_legacy_file"])]
    from_legacy: Option<String>,
    /// The same with the URL in this file: other users of the machine can see flags, and so a password in them
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "from_line"])]
    from_legacy_file: Option<PathBuf>,
    /// Write the result of each user into this new file, as lines of JSON; - is standard output
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
    /// Print the summary as one JSON object
    #[arg(long)]
    json: bool,
    /// Report the result of each user without importing
    #[arg(long)]
    dry_run: bool,
    /// Start at this line and skip those before it
    #[arg(long, value_name = "N", default_value_t = 1)]
    from_line: u64,
}

impl ImportOptions {
    /// Imports the users and reports the result.
    pub(crate) fn run(&self, config: &Config) -> CommandResult<ExitCode> {
        if let Some(path) = self.results.as_deref().filter(|path| results_exist(path)) {
            return Err(CommandError::Failed(results_exist_message(path)));
        }
        let mut results = ResultsWriter::default();
        let (summary, error) = match block_on(config, import(config, self, &mut results))? {
            Ok(summary) => (summary, None),
            Err(ImportError { summary, source }) => (*summary, Some(error_chain(&*source))),
        };
        let error = error.or_else(|| results.finish().err().map(|error| format!("can't write the results: {error}")));
        results.report_omitted();
        report(self, &summary, error.as_deref())
    }
}

/// Where the users come from.
enum ImportSource {
    Legacy(Arc<dyn LegacySource>),
    File(Box<dyn BufRead + Send>),
}

async fn import(
    config: &Config,
    options: &ImportOptions,
    results: &mut ResultsWriter,
) -> CommandResult<Result<ImportSummary, ImportError>> {
    let (source, length) = match legacy_url(options).map_err(CommandError::Failed)? {
        Some(url) => (ImportSource::Legacy(open_legacy_database(config, &url).await?), None),
        None => open_input(&options.file).map_err(CommandError::Failed)?,
    };
    let importer = open_importer(config, options.dry_run).await?;
    if let Err(message) = results.open(options.results.as_deref()) {
        importer.store.close().await;
        return Err(CommandError::Failed(message));
    }
    let bar = progress_bar(length, if length.is_some() { BAR } else { COUNT });
    let (stop, stopped) = watch::channel(false);
    let mut skipped = 0_u64;
    let mut on_result = |result: &ImportResult| {
        if !result.kind.is_success() {
            skipped += 1;
            bar.set_message(format!("{skipped} skipped"));
        }
        results.write(result)
    };
    let sink = ProgressSink { outcome: &mut on_result, progress: &|bytes| bar.set_position(bytes) };
    // After the signal, what has begun is finished.
    let signal = shutdown_signal();
    let mut waiting = JoinSet::new();
    waiting.spawn(async move {
        signal.await;
        let _ = stop.send(true);
    });
    let result = match source {
        ImportSource::Legacy(source) => importer.import_legacy(source, stopped, sink).await,
        ImportSource::File(input) => importer.import_file(input, options.from_line, stopped, sink).await,
    };
    bar.finish_and_clear();
    importer.store.close().await;
    Ok(result)
}

/// Opens the store for the import. A SQLite file must not be open in a server.
async fn open_importer(config: &Config, dry_run: bool) -> CommandResult<UserImporter> {
    // A call creates thousands of users, and no user waits for it.
    let mut patient = config.clone();
    patient.redis.timeout = patient.redis.timeout.max(BATCH_TIMEOUT_MIN);
    patient.sqlite.timeout = patient.sqlite.timeout.max(BATCH_TIMEOUT_MIN);
    let store = open_store_for_command(&patient).await?;
    let (limits, hashes) = (config.session.limits(), config.hash);
    Ok(UserImporter { store, limits, hashes, clock: Arc::new(SystemClock), dry_run })
}

/// The URL of the legacy database, if the import is from one.
fn legacy_url(options: &ImportOptions) -> Result<Option<String>, String> {
    let Some(file) = &options.from_legacy_file else { return Ok(options.from_legacy.clone()) };
    let url = std::fs::read_to_string(file)
        .map_err(|error| format!("--from-legacy-file: can't read {}: {error}", file.display()))?;
    Ok(Some(url.trim().to_owned()))
}

/// The input, and its length if that is known.
fn open_input(path: &Path) -> Result<(ImportSource, Option<u64>), String> {
    if path == Path::new("-") {
        return Ok((ImportSource::File(Box::new(BufReader::new(io::stdin()))), None));
    }
    let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
    let (metadata, file) = opened.map_err(|error| format!("can't read {}: {error}", path.display()))?;
    let input = Box::new(BufReader::with_capacity(256 * 1024, file));
    Ok((ImportSource::File(input), metadata.is_file().then_some(metadata.len())))
}

/// Prints the summary; returns the exit code.
fn report(options: &ImportOptions, summary: &ImportSummary, error: Option<&str>) -> CommandResult<ExitCode> {
    let text = if options.json {
        format!("{}\n", sanitize_json(&format!("{:#}", summary_as_json(summary, error))))
    } else {
        summary_as_text(summary, options.dry_run)
    };
    // With `--results -` standard output has the results.
    if options.results.as_deref() == Some(Path::new("-")) {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    } else {
        console::print(&text);
    }
    if let Some(why) = error.or(summary.interrupted.then_some("interrupted")) {
        return Err(CommandError::Failed(format!("{why}; {}", resume_hint(options, summary))));
    }
    match summary.footer {
        FooterStatus::Missing => {
            console::report("import", "the file is truncated: its last line is missing, and users may be missing too");
        }
        FooterStatus::Mismatch { promised, found } => {
            console::report("import", &format!("the file's last line says {promised} users, but there are {found}"));
        }
        FooterStatus::Complete | FooterStatus::NotExpected => {}
    }
    Ok(if summary.is_success() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_INCOMPLETE) })
}

fn resume_hint(options: &ImportOptions, summary: &ImportSummary) -> String {
    let results = options.results.as_deref().is_some_and(|path| path != Path::new("-"));
    let again = if results { "run it again, with another file of results" } else { "run it again" };
    match summary.last_line {
        // A user that the store refused may succeed the next time; --from-line would skip it.
        line if line > 0 && summary.count(ImportResultKind::Refused) == 0 => {
            format!("{again}: existing users are skipped, or --from-line {} starts after them", line + 1)
        }
        _ => format!("{again}: existing users are skipped"),
    }
}
