//! `userd import`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{EXIT_LEFT_OUT, broke_off, progress, say, told_to_stop};
use crate::app;
use crate::cli::block_on;
use crate::cli::strangers::{shown, shown_json};
use crate::config::Config;
use userd_service::moving::{ImportError, Listener, Outcome, OutcomeKind, Standpoint, Summary, Trailer};

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
    if let Some(path) = options.results.as_deref().filter(|path| is_taken(path)) {
        return broke_off("import", &results_are_there(path));
    }
    let mut results = Results::default();
    let (summary, error) = match block_on(config, import(config, options, &mut results)).flatten() {
        Ok(Ok(summary)) => (summary, None),
        Ok(Err(ImportError { summary, source })) => (*summary, Some(app::chain(&*source))),
        Err(sentence) => return broke_off("import", &sentence),
    };
    let error = error.or_else(|| results.finish().err().map(|error| format!("can't write the results: {error}")));
    results.tell_rest();
    tell(options, &summary, error.as_deref())
}

async fn import(
    config: &Config,
    options: &ImportOptions,
    results: &mut Results,
) -> Result<Result<Summary, ImportError>, String> {
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
    let mut outcome = |outcome: &Outcome| {
        if !outcome.kind.is_fine() {
            left_out += 1;
            bar.set_message(format!("{left_out} left out"));
        }
        results.note(outcome)
    };
    let listener = Listener { outcome: &mut outcome, progress: &|bytes| bar.set_position(bytes) };
    let done = {
        let work = async {
            match (source, input) {
                (Some(source), _) => import.legacy(source, stopped, listener).await,
                (None, Some(input)) => import.lines(input, options.from_line, stopped, listener).await,
                (None, None) => Ok(Summary::default()),
            }
        };
        until_told_to_stop(work, &stop).await
    };
    bar.finish_and_clear();
    import.store.close().await;
    Ok(done)
}

/// Does the work; SIGINT and SIGTERM let what is under way come to its end.
async fn until_told_to_stop<T>(work: impl Future<Output = T>, stop: &watch::Sender<bool>) -> T {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        done = &mut work => return done,
        () = told_to_stop() => {
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
fn is_taken(path: &Path) -> bool {
    path != Path::new("-") && path.symlink_metadata().is_ok()
}

fn results_are_there(path: &Path) -> String {
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
struct Results {
    out: Option<BufWriter<Box<dyn Write + Send>>>,
    shown: u64,
}

impl Results {
    /// Begins them; what is there stays as it is. Called when all else is open, so that whatever was wrong leaves no
    /// empty file behind.
    fn open(&mut self, path: Option<&Path>) -> Result<(), String> {
        let Some(path) = path else { return Ok(()) };
        let out: Box<dyn Write + Send> = if path == Path::new("-") {
            Box::new(io::stdout())
        } else {
            Box::new(File::create_new(path).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => results_are_there(path),
                _ => format!("can't write the results: {error}"),
            })?)
        };
        self.out = Some(BufWriter::new(out));
        Ok(())
    }

    fn note(&mut self, outcome: &Outcome) -> io::Result<()> {
        if let Some(out) = &mut self.out {
            return writeln!(out, "{}", shown_json(&as_json(outcome).to_string()));
        }
        if !outcome.kind.is_fine() {
            self.shown += 1;
            if self.shown <= SHOWN_MAX {
                let reason = outcome.reason.as_deref().unwrap_or_default();
                say("import", &format!("{}: {}: {reason}", place(outcome), outcome.kind.word()));
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.as_mut().map_or(Ok(()), Write::flush)
    }

    fn tell_rest(&self) {
        if self.shown > SHOWN_MAX {
            let more = self.shown - SHOWN_MAX;
            say("import", &format!("{more} more were left out: --results FILE writes what became of each"));
        }
    }
}

fn place(outcome: &Outcome) -> String {
    match &outcome.place {
        Standpoint::Line(line) => format!("line {line}"),
        Standpoint::Key(key) => format!("key {}", shown(key)),
    }
}

fn as_json(outcome: &Outcome) -> Value {
    let mut line = json!({ "outcome": outcome.kind.word(), "id": outcome.id, "reason": outcome.reason });
    match &outcome.place {
        Standpoint::Line(number) => line["line"] = (*number).into(),
        Standpoint::Key(key) => line["key"] = key.as_str().into(),
    }
    line
}

/// Prints the sum; gives the exit code.
fn tell(options: &ImportOptions, summary: &Summary, error: Option<&str>) -> ExitCode {
    let text = if options.json {
        format!("{}\n", shown_json(&format!("{:#}", sum_as_json(summary, error))))
    } else {
        sum_as_text(options, summary)
    };
    // Standard output may be the results'.
    if options.results.as_deref() == Some(Path::new("-")) {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    } else {
        let _ = io::stdout().lock().write_all(text.as_bytes());
    }
    if let Some(error) = error {
        return broke_off("import", &format!("{error}; {}", how_to_go_on(options, summary)));
    }
    if summary.interrupted {
        return broke_off("import", &format!("interrupted; {}", how_to_go_on(options, summary)));
    }
    match summary.trailer {
        Trailer::Missing => say("import", "the file was cut off: its last line is missing, and users may be"),
        Trailer::Other { promised, found } => {
            say("import", &format!("the file's last line speaks of {promised} users, but there are {found}"));
        }
        Trailer::Whole | Trailer::NotExpected => {}
    }
    if summary.is_fine() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_LEFT_OUT) }
}

fn how_to_go_on(options: &ImportOptions, summary: &Summary) -> String {
    let results = options.results.as_deref().is_some_and(|path| path != Path::new("-"));
    let again = if results { "run it again, with another file of results" } else { "run it again" };
    match summary.last_line {
        // Whom the store refused may be taken the next time, and would be passed over.
        line if line > 0 && summary.count(OutcomeKind::Refused) == 0 => {
            format!("{again}: who is there already is passed over, or --from-line {} begins there", line + 1)
        }
        _ => format!("{again}: who is there already is passed over"),
    }
}

fn sum_as_json(summary: &Summary, error: Option<&str>) -> Value {
    let mut sum = json!({
        "complete": error.is_none() && !summary.interrupted,
        "error": error,
        "last_line": summary.last_line,
        "file": match summary.trailer {
            Trailer::NotExpected => "no-trailer-expected",
            Trailer::Whole => "whole",
            Trailer::Missing => "cut-off",
            Trailer::Other { .. } => "other-count",
        },
        "other_keys": summary.others,
    });
    for kind in OutcomeKind::ALL {
        sum[kind.word().replace('-', "_")] = summary.count(kind).into();
    }
    sum
}

fn sum_as_text(options: &ImportOptions, summary: &Summary) -> String {
    let words = |kind| match kind {
        OutcomeKind::Imported if options.dry_run => "would be imported",
        OutcomeKind::Imported => "imported",
        OutcomeKind::Same => "there already",
        OutcomeKind::Differs => "there already with other values",
        OutcomeKind::EmailTaken => "whose e-mail is taken",
        OutcomeKind::Gone => "deleted here before",
        OutcomeKind::Refused => "refused by the store",
        OutcomeKind::Invalid => "not readable",
    };
    let counted =
        OutcomeKind::ALL.into_iter().filter(|kind| *kind == OutcomeKind::Imported || summary.count(*kind) > 0);
    let parts: Vec<_> = counted.map(|kind| format!("{} {}", summary.count(kind), words(kind))).collect();
    let others = if summary.others > 0 { format!("; {} other hashes ignored", summary.others) } else { String::new() };
    format!("{}{others}\n", parts.join(", "))
}
