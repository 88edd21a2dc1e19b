//! Where spans go: in batches to a collector, as OTLP over HTTP. Only in a userd that was built with the feature `otlp`.
//!
//! Not what a span says: that is with the code that it spans, under the target `userd::trace`.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::level_filters::LevelFilter;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::{Layer, Registry};

use crate::config::OtlpConfig;
use userd_http::JoinTrace;

/// How long the collector may take for a batch; nobody waits for it but the thread that sends.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the last batch may take at the end.
const LAST_BATCH_TIME_MAX: Duration = Duration::from_secs(3);

/// The way to the collector.
pub(super) struct TraceExporter(SdkTracerProvider);

impl TraceExporter {
    /// To the collector of the configuration, if it names one. Has to be called outside of any runtime: the client
    /// brings one of its own.
    ///
    /// # Errors
    /// If the address can't be used.
    pub(super) fn from_config(config: &OtlpConfig) -> Result<Option<Self>, ExporterBuildError> {
        let Some(endpoint) = &config.endpoint else { return Ok(None) };
        let exporter =
            SpanExporter::builder().with_http().with_endpoint(endpoint).with_timeout(EXPORT_TIMEOUT).build()?;
        // Who is in a trace already decides whether it is kept; of those that begin here a share is.
        let sampler =
            Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(f64::from(config.sample_percent) / 100.0)));
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(sampler)
            .with_resource(Resource::builder().with_service_name("userd").build())
            .build();
        Ok(Some(Self(provider)))
    }

    /// What makes spans of what the program says.
    pub(super) fn layer(&self) -> Box<dyn Layer<Registry> + Send + Sync> {
        let layer = tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("userd"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false);
        layer.with_filter(Targets::new().with_target("userd::trace", LevelFilter::INFO)).boxed()
    }

    /// Sends what is left.
    pub(super) fn close(self) {
        if let Err(error) = self.0.shutdown_with_timeout(LAST_BATCH_TIME_MAX) {
            tracing::warn!(%error, "the last spans did not reach the collector");
        }
    }
}

/// How a request's span becomes part of the trace that it came with.
pub(super) fn join() -> JoinTrace {
    let propagator = TraceContextPropagator::new();
    Arc::new(move |span, parent| {
        if let Some(parent) = parent {
            // A span that is not recorded has no parent to set.
            let _ = span.set_parent(propagator.extract(&TraceparentHeader(parent)));
        }
        let context = span.context();
        let found = context.span().span_context().clone();
        found.is_valid().then(|| found.trace_id().to_string())
    })
}

/// The one header that says it.
struct TraceparentHeader<'a>(&'a str);

impl Extractor for TraceparentHeader<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == "traceparent").then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}
