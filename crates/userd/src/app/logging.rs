//! Where log lines go: one line an event, to standard error, as text or as JSON; panics too.
//!
//! No line of Rocket's gets through: Rocket logs every request's URI, and ours hold e-mail addresses. What userd
//! says of a request is the one line with the target `userd::access`.

use std::io::{self, IsTerminal};
use std::panic::{self, PanicHookInfo};

use tracing::level_filters::LevelFilter;
use tracing::{Subscriber, subscriber};
use tracing_log::LogTracer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, registry};

use crate::config::LogFormat;

/// Rocket's targets: `rocket`, `rocket::…`, and `_` for the indented lines below them.
const ROCKET_TARGETS: [&str; 2] = ["rocket", "_"];

/// The target of spans, which are for traces and no lines.
const SPANS: &str = "userd::trace";

/// What is ignored of the crate `log`: Rocket's targets, and ours. userd itself uses `tracing` only; what comes
/// through `log` under a name of ours was written into our handlers by Rocket's macros, a line for each guard that
/// refuses a request.
const LOG_TARGETS_IGNORED: [&str; 3] = ["rocket", "_", "userd"];

/// Sends log lines and panics to standard error. To be called before Rocket is built, which otherwise installs a
/// logger of its own. A second call changes nothing.
pub fn init(format: LogFormat) {
    init_with(format, None);
}

/// What looks at spans besides.
pub(super) type SpanLayer = Option<Box<dyn Layer<Registry> + Send + Sync>>;

/// The same, and spans go to `traces`.
pub(super) fn init_with(format: LogFormat, traces: SpanLayer) {
    let subscriber = subscriber_to(format, io::stderr, io::stderr().is_terminal(), traces);
    if subscriber::set_global_default(subscriber).is_err() {
        return;
    }
    // Crates that use `log`. The level and the ignored targets are checked before a record is built. The only
    // possible error is that somebody installed a logger before, and then theirs counts.
    let _ =
        LogTracer::builder().with_max_level(tracing_log::log::LevelFilter::Warn).ignore_all(LOG_TARGETS_IGNORED).init();
    panic::set_hook(Box::new(log_panic));
}

fn subscriber_to<W>(format: LogFormat, writer: W, colours: bool, traces: SpanLayer) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'writer> fmt::MakeWriter<'writer> + Send + Sync + 'static,
{
    // The layer formats a whole line into a buffer of its thread and hands it over in one `write_all`: one system
    // call a line, and lines of several threads don't mix.
    let layer = fmt::layer().with_writer(writer).with_ansi(colours);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
    };
    match traces {
        // One filter for all costs less than one a layer.
        None => Box::new(registry().with(lines).with(targets())),
        Some(traces) => Box::new(registry().with(vec![lines.with_filter(targets()).boxed(), traces])),
    }
}

/// What gets through: userd from info up, everybody else from warn up, Rocket never.
fn targets() -> Targets {
    let ours = Targets::new().with_default(LevelFilter::WARN).with_target("userd", LevelFilter::INFO);
    let ours = ours.with_target(SPANS, LevelFilter::OFF);
    ours.with_targets(ROCKET_TARGETS.map(|target| (target, LevelFilter::OFF)))
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    let payload = info.payload();
    let message = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
    let message = message.unwrap_or("no message");
    tracing::error!(target: "userd::panic", location, panic = message, "userd has a bug: something panicked");
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Remembers each call of `write`.
    #[derive(Clone, Default)]
    struct RecordedWrites(Arc<Mutex<Vec<String>>>);

    impl RecordedWrites {
        fn lines(&self) -> Vec<String> {
            self.0.lock().expect("no test panics here").clone()
        }
    }

    impl Write for RecordedWrites {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no test panics here").push(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, act: impl FnOnce()) -> Vec<String> {
        let writes = RecordedWrites::default();
        let made = writes.clone();
        subscriber::with_default(subscriber_to(format, move || made.clone(), false, None), act);
        writes.lines()
    }

    #[test]
    fn each_line_is_one_write() {
        let lines = logged(LogFormat::Text, || {
            tracing::info!(target: "userd::access", id = "r1", status = 200, "GET /ping");
            tracing::warn!("second");
        });
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains("userd::access") && lines[0].ends_with("status=200\n"), "{lines:?}");
    }

    #[test]
    fn json_lines_are_flat_objects() {
        let lines = logged(LogFormat::Json, || tracing::info!(target: "userd::access", status = 200, "GET"));
        let line: serde_json::Value = serde_json::from_str(&lines[0]).expect("a line is JSON");
        assert_eq!((&line["status"], &line["message"], &line["level"]), (&200.into(), &"GET".into(), &"INFO".into()));
    }

    #[test]
    fn nothing_of_rockets_gets_through_and_others_only_from_warn_up() {
        let lines = logged(LogFormat::Text, || {
            tracing::error!(target: "rocket::server", "GET /api/users/ada@example.org");
            tracing::error!(target: "_", "Matched: GET /api/users/ada@example.org");
            tracing::info!(target: "redis", "chatter");
            tracing::warn!(target: "redis", "heard");
        });
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains("heard"));
    }
}
