//! Logging: one line per event on standard error, as text or JSON; panics too.
//!
//! Rocket's own lines are dropped: Rocket logs every request's URI, and ours contain e-mail addresses. The only line
//! about a request has the target `userd::access`.

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

/// Rocket's targets: `rocket`, `rocket::…`, and `_` for its indented lines.
const ROCKET_TARGETS: [&str; 2] = ["rocket", "_"];

/// The target of spans, which are exported as traces and write no lines.
const SPANS: &str = "userd::trace";

/// Ignored targets of the crate `log`: Rocket's, and ours. userd itself uses `tracing` only; lines that come through
/// `log` under our name are from Rocket's macros in our handlers, one for each guard that rejects a request.
const LOG_TARGETS_IGNORED: [&str; 3] = ["rocket", "_", "userd"];

/// A layer that receives spans.
pub(super) type SpanLayer = Option<Box<dyn Layer<Registry> + Send + Sync>>;

/// Sends log lines and panics to standard error, and spans to `traces`. Call it before Rocket is built, which otherwise
/// installs a logger of its own. A second call has no effect.
pub(super) fn init_logging(format: LogFormat, traces: SpanLayer) {
    let subscriber = subscriber_to(format, io::stderr, io::stderr().is_terminal(), traces);
    if subscriber::set_global_default(subscriber).is_err() {
        return;
    }
    // For crates that use `log`. The level and the ignored targets are checked before a record is built. It fails only
    // if a logger is installed already, which then stays.
    let _ =
        LogTracer::builder().with_max_level(tracing_log::log::LevelFilter::Warn).ignore_all(LOG_TARGETS_IGNORED).init();
    panic::set_hook(Box::new(log_panic));
}

fn subscriber_to<W>(format: LogFormat, writer: W, colours: bool, traces: SpanLayer) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'writer> fmt::MakeWriter<'writer> + Send + Sync + 'static,
{
    // The layer formats a whole line into a buffer of its thread and writes it with one `write_all`: one system call
    // per line, and lines of several threads do not mix.
    let layer = fmt::layer().with_writer(writer).with_ansi(colours);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
    };
    match traces {
        // One filter for all costs less than one per layer.
        None => Box::new(registry().with(lines).with(targets())),
        Some(traces) => Box::new(registry().with(vec![lines.with_filter(targets()).boxed(), traces])),
    }
}

/// The filter: userd from info up, all other crates from warn up, Rocket never.
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
    tracing::error!(target: "userd::panic", location, panic = message, "userd panicked; this is a bug");
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Records each call of `write`.
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
