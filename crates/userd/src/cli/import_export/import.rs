//! `userd import`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{EXIT_INCOMPLETE, aborted, print_error, progress, shutdown_signal};
use crate::app;
use crate::cli::block_on;
use crate::cli::sanitize::{sanitize, sanitize_json};
use crate::config::Config;
use userd_service::import_export::{
    FooterStatus, ImportError, ImportResult, ImportResultKind, ImportSummary, ProgressSink, SourcePosition,
};

/// How many lines that were left out are shown where no file of results is written.
const SHOWN_MAX: u64 = 20;

const BAR: &str = "{wide_bar} {bytes} of {total_bytes}, {elapsed} {msg}";
const COUNT: &str = "{spinner} {pos} read, {elapsed} {msg}";

/// What is to come in.
#[derive(Debug, Args)]
pub(in crate::cli) struct ImportOptions {
    /// The file that `userd export` has written, or another one of the same form; - is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// Take the users of the older design's database instead, which is only read
    #[arg(long, value_name = "redis://…", conflicts_with_all = ["file", "from_line", "from_legacy_file"])]
    from_legacy: Option<String>,
    /// The same with the URL in this file: other users of the machine see flags, and so a password in them
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "from_line"])]
    from_legacy_file: Option<PathBuf>,
    /// Write what became of each user into this new file, a line of JSON each; - is standard output
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
    /// Print the sum as one JSON object
    #[arg(long)]
    json: bool,
    /// Only look what would become of each user
    #[arg(long)]
    dry_run: bool,
    /// Begin at this line; those before it are not looked at
    #[arg(long, value_name = "N", default_value_t = 1)]
    from_line: u64,
}

/// Takes the users in, and tells what came of it.
pub(in crate::cli) fn run(config: &Config, options: &ImportOptions) -> ExitCode {
    if let Some(path) = options.results.as_deref().filter(|path| file_exists(path)) {
        return aborted("import", &results_file_exists(path));
    }
    let mut results = ResultsWriter::default();
    let (summary, error) = match block_on(config, import(config, options, &mut results)).flatten() {
        Ok(Ok(summary)) => (summary, None),
        Ok(Err(ImportError { summary, source })) => (*summary, Some(app::chain(&*source))),
        Err(sentence) => return aborted("import", &sentence),
    };
    let error = error.or_else(|| results.finish().err().map(|error| format!("can't write the results: {error}")));
    results.report_omitted();
    report(options, &summary, error.as_deref())
}

async fn import(
    config: &Config,
    options: &ImportOptions,
    results: &mut ResultsWriter,
) -> Result<Result<ImportSummary, ImportError>, String> {
    let source = match legacy_url(options)? {
        Some(url) => Some(app::open_legacy(config, &url).await.map_err(|error| app::chain(&error))?),
        None => None,
    };
    let (input, length) = if source.is_some() {
        (None, None)
    } else {
        open(&options.file).map(|(input, length)| (Some(input), length))?
    };
    let import = app::open_import(config, options.dry_run).await.map_err(|error| app::chain(&error))?;
    if let Err(sentence) = results.open(options.results.as_deref()) {
        import.store.close().await;
        return Err(sentence);
    }
    let bar = progress(length, if length.is_some() { BAR } else { COUNT });
    let (stop, stopped) = watch::channel(false);
    let mut left_out = 0_u64;
    let mut outcome = |outcome: &ImportResult| {
        if !outcome.kind.is_success() {
            left_out += 1;
            bar.set_message(format!("{left_out} left out"));
        }
        results.note(outcome)
    };
    let sink = ProgressSink { outcome: &mut outcome, progress: &|bytes| bar.set_position(bytes) };
    let done = {
        let work = async {
            match (source, input) {
                (Some(source), _) => import.import_legacy(source, stopped, sink).await,
                (None, Some(input)) => import.import_file(input, options.from_line, stopped, sink).await,
                (None, None) => Ok(ImportSummary::default()),
            }
        };
        until_shutdown_signal(work, &stop).await
    };
    bar.finish_and_clear();
    import.store.close().await;
    Ok(done)
}

/// Does the work; SIGINT and SIGTERM let what is under way come to its end.
async fn until_shutdown_signal<T>(work: impl Future<Output = T>, stop: &watch::Sender<bool>) -> T {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        done = &mut work => return done,
        () = shutdown_signal() => {
            let _ = stop.send(true);
        }
    }
    work.await
}

/// The older design's database, if it is what is read.
fn legacy_url(options: &ImportOptions) -> Result<Option<String>, String> {
    let Some(file) = &options.from_legacy_file else { return Ok(options.from_legacy.clone()) };
    let url = std::fs::read_to_string(file)
        .map_err(|error| format!("--from-legacy-file: can't read {}: {error}", file.display()))?;
    Ok(Some(url.trim().to_owned()))
}

/// Whether something is where results are to go.
fn file_exists(path: &Path) -> bool {
    path != Path::new("-") && path.symlink_metadata().is_ok()
}

fn results_file_exists(path: &Path) -> String {
    format!("{} is there already; choose another file for --results, or remove it", path.display())
}

/// The input, and how long it is, if that is known.
fn open(path: &Path) -> Result<(Box<dyn BufRead + Send>, Option<u64>), String> {
    if path == Path::new("-") {
        return Ok((Box::new(BufReader::new(io::stdin())), None));
    }
    let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
    let (about, file) = opened.map_err(|error| format!("can't read {}: {error}", path.display()))?;
    Ok((Box::new(BufReader::with_capacity(256 * 1024, file)), about.is_file().then_some(about.len())))
}

/// Where what became of each user is written.
#[derive(Default)]
struct ResultsWriter {
    out: Option<BufWriter<Box<dyn Write + Send>>>,
    shown: u64,
}

impl ResultsWriter {
    /// Begins them; what is there stays as it is. Called when all else is open, so that whatever was wrong leaves no
    /// empty file behind.
    fn open(&mut self, path: Option<&Path>) -> Result<(), String> {
        let Some(path) = path else { return Ok(()) };
        let out: Box<dyn Write + Send> = if path == Path::new("-") {
            Box::new(io::stdout())
        } else {
            Box::new(File::create_new(path).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => results_file_exists(path),
                _ => format!("can't write the results: {error}"),
            })?)
        };
        self.out = Some(BufWriter::new(out));
        Ok(())
    }

    fn note(&mut self, outcome: &ImportResult) -> io::Result<()> {
        if let Some(out) = &mut self.out {
            return writeln!(out, "{}", sanitize_json(&as_json(outcome).to_string()));
        }
        if !outcome.kind.is_success() {
            self.shown += 1;
            if self.shown <= SHOWN_MAX {
                let reason = outcome.reason.as_deref().unwrap_or_default();
                print_error("import", &format!("{}: {}: {reason}", position(outcome), outcome.kind.as_str()));
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.as_mut().map_or(Ok(()), Write::flush)
    }

    fn report_omitted(&self) {
        if self.shown > SHOWN_MAX {
            let more = self.shown - SHOWN_MAX;
            print_error("import", &format!("{more} more were left out: --results FILE writes what became of each"));
        }
    }
}

fn position(outcome: &ImportResult) -> String {
    match &outcome.position {
        SourcePosition::Line(line) => format!("line {line}"),
        SourcePosition::Key(key) => format!("key {}", sanitize(key)),
    }
}

fn as_json(outcome: &ImportResult) -> Value {
    let mut line = json!({ "outcome": outcome.kind.as_str(), "id": outcome.id, "reason": outcome.reason });
    match &outcome.position {
        SourcePosition::Line(number) => line["line"] = (*number).into(),
        SourcePosition::Key(key) => line["key"] = key.as_str().into(),
    }
    line
}

/// Prints the sum; gives the exit code.
fn report(options: &ImportOptions, summary: &ImportSummary, error: Option<&str>) -> ExitCode {
    let text = if options.json {
        format!("{}\n", sanitize_json(&format!("{:#}", summary_as_json(summary, error))))
    } else {
        summary_as_text(options, summary)
    };
    // Standard output may be the results'.
    if options.results.as_deref() == Some(Path::new("-")) {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    } else {
        let _ = io::stdout().lock().write_all(text.as_bytes());
    }
    if let Some(error) = error {
        return aborted("import", &format!("{error}; {}", resume_hint(options, summary)));
    }
    if summary.interrupted {
        return aborted("import", &format!("interrupted; {}", resume_hint(options, summary)));
    }
    match summary.footer {
        FooterStatus::Missing => {
            print_error("import", "the file was cut off: its last line is missing, and users may be")
        }
        FooterStatus::Mismatch { promised, found } => {
            print_error("import", &format!("the file's last line speaks of {promised} users, but there are {found}"));
        }
        FooterStatus::Complete | FooterStatus::NotExpected => {}
    }
    if summary.is_success() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_INCOMPLETE) }
}

fn resume_hint(options: &ImportOptions, summary: &ImportSummary) -> String {
    let results = options.results.as_deref().is_some_and(|path| path != Path::new("-"));
    let again = if results { "run it again, with another file of results" } else { "run it again" };
    match summary.last_line {
        // Whom the store refused may be taken the next time, and would be passed over.
        line if line > 0 && summary.count(ImportResultKind::Refused) == 0 => {
            format!("{again}: who is there already is passed over, or --from-line {} begins there", line + 1)
        }
        _ => format!("{again}: who is there already is passed over"),
    }
}

fn summary_as_json(summary: &ImportSummary, error: Option<&str>) -> Value {
    let mut sum = json!({
        "complete": error.is_none() && !summary.interrupted,
        "error": error,
        "last_line": summary.last_line,
        "file": match summary.footer {
            FooterStatus::NotExpected => "no-footer",
            FooterStatus::Complete => "complete",
            FooterStatus::Missing => "truncated",
            FooterStatus::Mismatch { .. } => "count-mismatch",
        },
        "other_keys": summary.others,
    });
    for kind in ImportResultKind::ALL {
        sum[kind.as_str().replace('-', "_")] = summary.count(kind).into();
    }
    sum
}

fn summary_as_text(options: &ImportOptions, summary: &ImportSummary) -> String {
    let words = |kind| match kind {
        ImportResultKind::Imported if options.dry_run => "would be imported",
        ImportResultKind::Imported => "imported",
        ImportResultKind::Same => "there already",
        ImportResultKind::Differs => "there already with other values",
        ImportResultKind::EmailTaken => "whose e-mail is taken",
        ImportResultKind::Gone => "deleted here before",
        ImportResultKind::Refused => "refused by the store",
        ImportResultKind::Invalid => "not readable",
    };
    let counted = ImportResultKind::ALL
        .into_iter()
        .filter(|kind| *kind == ImportResultKind::Imported || summary.count(*kind) > 0);
    let parts: Vec<_> = counted.map(|kind| format!("{} {}", summary.count(kind), words(kind))).collect();
    let others = if summary.others > 0 { format!("; {} other hashes ignored", summary.others) } else { String::new() };
    format!("{}{others}\n", parts.join(", "))
}
