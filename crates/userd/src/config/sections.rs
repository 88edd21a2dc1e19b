//! The sections and keys that no other layer owns: where to listen, how to log, how to reach the store, the doctor, the
//! events, traces.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use userd_core::{SecretString, settings};

/// Whether this userd can send traces.
const TRACES_BUILT_IN: bool = cfg!(feature = "otlp");

/// The keys without a section.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProcessConfig {
    /// The store: `sqlite:PATH`, `redis://[user:password@]host[:port][/db]`,
    /// `redis+sentinel://host[:port],…/service[/db]` or `redis+cluster://host[:port],…`; `rediss` in place of `redis`
    /// for TLS.
    pub(super) store: SecretString,
    /// The address and port to listen on, such as `127.0.0.1:8000`, `0.0.0.0:8000` or `[::1]:8000`.
    #[serde(deserialize_with = "listen")]
    #[schemars(with = "String")]
    pub(super) listen: SocketAddr,
    /// A directory whose files are served below /files/. Empty: no files are served.
    #[serde(deserialize_with = "settings::optional")]
    pub(super) static_dir: Option<PathBuf>,
    /// Log format on standard error.
    pub(super) log: LogFormat,
    /// Threads that serve requests. 0: one per core.
    #[schemars(range(min = 0, max = 1024))]
    pub(super) workers: usize,
    /// Graceful shutdown after SIGTERM: how long requests in flight can take to finish, in seconds.
    #[serde(rename = "shutdown_grace_s", deserialize_with = "settings::seconds")]
    #[schemars(with = "u32", range(min = 1, max = 600))]
    pub(super) shutdown_grace: Duration,
}

fn listen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    let right = "write both, such as 127.0.0.1:8000, 0.0.0.0:8000 or [::1]:8000";
    text.trim().parse().map_err(|_| D::Error::custom(format!("{text:?} is not an address with a port: {right}")))
}

/// Log format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one object a line.
    Json,
}

/// How to reach Redis and what to require of it: section `[redis]`. User, password and CA complete the `store`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RedisLogin {
    /// The user, unless it is in `store`. A user name requires a password.
    #[serde(deserialize_with = "settings::optional")]
    pub(super) username: Option<String>,
    /// The password, unless it is in `store`.
    #[serde(deserialize_with = "settings::optional")]
    #[schemars(with = "SecretString")]
    pub(super) password: Option<SecretString>,
    /// The user of the Sentinels, which have users of their own.
    #[serde(deserialize_with = "settings::optional")]
    pub(super) sentinel_username: Option<String>,
    /// The password of the Sentinels.
    #[serde(deserialize_with = "settings::optional")]
    #[schemars(with = "SecretString")]
    pub(super) sentinel_password: Option<SecretString>,
    /// A PEM file with the CA certificates to trust for TLS. Empty: the web's root certificates.
    #[serde(deserialize_with = "settings::optional")]
    pub(super) tls_ca_file: Option<PathBuf>,
}

/// The consistency check in the background: section `[doctor]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DoctorConfig {
    /// Run the consistency check in the background.
    pub background: bool,
    /// Maximum number of users checked per second.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub rate_per_s: u32,
    /// Pause between two checks, in seconds.
    #[serde(rename = "pause_s", deserialize_with = "settings::seconds")]
    #[schemars(with = "u32", range(min = 1, max = 2_592_000))]
    pub pause: Duration,
    /// Fix what has an unambiguous fix.
    pub repair: bool,
}

/// Account events: section `[events]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventsConfig {
    /// Maximum number of account events that are stored in total; the oldest are dropped.
    #[schemars(range(min = 102_400, max = 1_000_000_000))]
    pub retention_max: u64,
}

/// Traces (OpenTelemetry): section `[otlp]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OtlpConfig {
    /// Endpoint for traces (OTLP over HTTP) with its whole path: `http://127.0.0.1:4318/v1/traces`. Empty: no traces.
    #[serde(deserialize_with = "endpoint")]
    pub endpoint: Option<String>,
    /// Percentage of the traces started here that are kept.
    #[schemars(range(min = 1, max = 100))]
    pub sample_percent: u32,
}

fn endpoint<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?.trim().to_owned();
    if text.is_empty() {
        return Ok(None);
    }
    if !TRACES_BUILT_IN {
        let right = "build it with `cargo build --profile dist --features otlp`, or leave otlp.endpoint empty";
        return Err(D::Error::custom(format!("this userd was built without traces: {right}")));
    }
    if !text.strip_prefix("http://").is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace)) {
        let right = "write it with http, such as http://127.0.0.1:4318/v1/traces";
        return Err(D::Error::custom(format!("{text:?} is not the URL of a collector: {right}")));
    }
    Ok(Some(text))
}
