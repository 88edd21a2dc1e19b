//! Where every setting comes from and what it means. Plain values; knows no other layer of the crate.
//!
//! The reference is `userd.default.toml`, compiled in: its keys are the keys that exist. Above it lie
//! `userd.toml`, `.env`, the environment and the flags, see [`ConfigSources`]. [`Config::load`] finds all mistakes in
//! one pass, each with the place it was made in and what would be right; no message holds a secret.
//!
//! To add a setting: write it with its comment into `userd.default.toml`, add a field below and the line that
//! reads it. A key that is never read fails a test.

mod access_section;
mod error;
mod layers;
mod legacy_env;
mod otlp_section;
mod reader;
mod redis_section;
mod redis_target;
mod secret;
mod show;
mod sources;
mod store_choice;
mod store_target;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use access_section::{
    BucketConfig, ProxyConfig, RateLimitConfig, SessionConfig, SignUpPolicy, TokenAlgorithm, TokenConfig,
};
pub use error::{ConfigError, ConfigIssue, ConfigOrigin};
pub use layers::DEFAULTS;
pub use otlp_section::OtlpConfig;
pub use redis_section::{AcknowledgeMode, AssumedDurability, RedisConfig};
pub use redis_target::{HostPort, REDIS_PORT_DEFAULT, RedisServers, RedisTarget, SENTINEL_PORT_DEFAULT};
pub use secret::{REDACTED, SecretString};
pub use show::ConfigEntry;
pub use sources::{API_KEY_VARIABLE, CONFIG_VARIABLE, CliFlags, ConfigSources};
pub use store_target::{StoreTarget, StoreTargetError};

use layers::ConfigLayers;
use reader::ConfigReader;

/// More threads than any machine has use for; a larger number is a slip of the hand.
const WORKERS_MAX: u32 = 1024;
/// Longer than any client waits; keeps durations far from overflow.
const TIMEOUT_MS_MAX: u32 = 60_000;
/// More than fits into memory; keeps the number of waiting requests honest.
const QUEUE_MAX: u32 = 1_000_000;
/// Waiting hashes for each hash thread, where nothing else is set: about 100 ms of work.
const HASH_QUEUE_PER_WORKER: usize = 4;
/// OWASP's Password Storage Cheat Sheet: memory in KiB and passes of equal strength, Argon2id.
const OWASP: [(u32, u32); 5] = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];

/// Every setting, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address and port to serve on.
    pub listen: SocketAddr,
    /// Where the users are kept.
    pub store: StoreTarget,
    /// The folder served below `/files/`.
    pub static_dir: Option<PathBuf>,
    /// How to log.
    pub log: LogFormat,
    /// Threads that serve requests.
    pub workers: usize,
    /// How long requests under way may take to finish after SIGTERM.
    pub shutdown_grace: Duration,
    /// Limits of the HTTP server.
    pub http: HttpConfig,
    /// Lengths of a new password.
    pub password: PasswordConfig,
    /// The password hash and its gate.
    pub hash: HashConfig,
    /// The embedded store, when it is the one in use.
    pub sqlite: SqliteConfig,
    /// Redis, when it is the one in use.
    pub redis: RedisConfig,
    /// The doctor's passes while serving.
    pub doctor: DoctorConfig,
    /// Who may sign people up.
    pub sign_up: SignUpPolicy,
    /// How long sessions live.
    pub session: SessionConfig,
    /// What tokens for other services say, and how they are signed.
    pub token: TokenConfig,
    /// Other sites whose pages may call.
    pub allowed_origins: Vec<String>,
    /// Which proxies are believed.
    pub proxy: ProxyConfig,
    /// How many wrong passwords are borne.
    pub rate_limit: RateLimitConfig,
    /// How many events are kept.
    pub events_retention_max: u64,
    /// Where traces go.
    pub otlp: OtlpConfig,
    /// What is accepted although it is not advisable, a sentence each.
    pub warnings: Vec<String>,
    /// Every key with the value in force, for `userd config show`; secrets hidden.
    pub entries: Vec<ConfigEntry>,
}

/// How to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// `[http]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpConfig {
    /// The largest request body.
    pub body_bytes_max: u64,
    /// How long a client may take to send the body.
    pub body_timeout: Duration,
    /// How long an idle connection is kept; 0 keeps none.
    pub keep_alive_s: u32,
}

/// `[password]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordConfig {
    /// The fewest characters.
    pub chars_min: usize,
    /// The most characters.
    pub chars_max: usize,
}

/// `[hash]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashConfig {
    /// Argon2 memory in KiB.
    pub memory_kib: u32,
    /// Argon2 passes.
    pub iterations: u32,
    /// Argon2 lanes.
    pub parallelism: u32,
    /// Threads that hash.
    pub workers: usize,
    /// Requests that may wait for one.
    pub queue: usize,
    /// How long a request may wait.
    pub wait: Duration,
}

/// `[sqlite]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqliteConfig {
    /// Connections that read.
    pub readers: usize,
    /// How long a call may take.
    pub timeout: Duration,
    /// Changes that may wait for the writer.
    pub queue: usize,
}

/// `[doctor]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoctorConfig {
    /// Make passes while serving.
    pub background: bool,
    /// The most users a second.
    pub rate_per_s: u32,
    /// The pause between two passes.
    pub pause: Duration,
    /// Mend what can be mended without guessing.
    pub repair: bool,
}

impl Config {
    /// The configuration in `sources`.
    ///
    /// # Errors
    /// Every mistake that was found.
    pub fn load(sources: &ConfigSources) -> Result<Self, ConfigError> {
        let mut issues = Vec::new();
        let layers = ConfigLayers::read(sources, &mut issues);
        let mut read = ConfigReader { layers: &layers, working_dir: &sources.working_dir, issues };
        let choice = store_choice::read(&mut read);
        let workers = default_if_zero(read.integer("workers", 0..=WORKERS_MAX), sources.cores);
        let mut config = Self {
            listen: read_listen(&mut read),
            store: choice.target.clone(),
            static_dir: read_static_dir(&mut read),
            log: read_choice(&mut read, "log", &[("text", LogFormat::Text), ("json", LogFormat::Json)])
                .unwrap_or(LogFormat::Text),
            workers,
            shutdown_grace: Duration::from_secs(read.integer("shutdown_grace_s", 1..=600)),
            http: read_http(&mut read),
            password: read_password(&mut read),
            hash: read_hash(&mut read, sources.cores),
            sqlite: read_sqlite(&mut read, workers),
            redis: redis_section::read(&mut read),
            doctor: read_doctor(&mut read),
            sign_up: access_section::read_sign_up(&mut read),
            session: access_section::read_session(&mut read),
            token: access_section::read_token(&mut read),
            allowed_origins: access_section::read_allowed_origins(&mut read),
            proxy: access_section::read_proxy(&mut read),
            rate_limit: access_section::read_rate_limit(&mut read),
            events_retention_max: read.integer("events.retention_max", 102_400..=1_000_000_000),
            otlp: otlp_section::read(&mut read),
            warnings: choice.warning.iter().cloned().collect(),
            entries: Vec::new(),
        };
        if !read.issues.is_empty() {
            return Err(ConfigError { issues: read.issues });
        }
        config.warnings.extend(hash_warning(&config.hash));
        config.warnings.extend(issuer_warning(&config));
        config.entries = show::entries(&layers, &config, &choice);
        Ok(config)
    }
}

fn default_if_zero(number: usize, otherwise: usize) -> usize {
    if number == 0 { otherwise } else { number }
}

fn read_ms(read: &mut ConfigReader<'_>, key: &str) -> Duration {
    Duration::from_millis(read.integer(key, 1..=TIMEOUT_MS_MAX))
}

fn read_listen(read: &mut ConfigReader<'_>) -> SocketAddr {
    let text = read.text("listen");
    text.trim().parse().unwrap_or_else(|_| {
        if !text.is_empty() {
            let right = "write both, such as 127.0.0.1:8000, 0.0.0.0:8000 or [::1]:8000";
            read.reject("listen", format!("{text:?} is no address with a port: {right}"));
        }
        SocketAddr::from(([127, 0, 0, 1], 0))
    })
}

fn read_static_dir(read: &mut ConfigReader<'_>) -> Option<PathBuf> {
    let text = read.text("static_dir");
    if text.is_empty() {
        return None;
    }
    if !read.working_dir.join(&text).is_dir() {
        read.reject("static_dir", format!("there is no folder {text}: make it, or leave static_dir empty"));
    }
    Some(PathBuf::from(text))
}

/// One of a few words.
fn read_choice<T: Copy>(read: &mut ConfigReader<'_>, key: &str, choices: &[(&str, T)]) -> Option<T> {
    let text = read.text(key);
    let found = choices.iter().find(|(word, _)| *word == text.trim()).map(|(_, value)| *value);
    if found.is_none() && !text.is_empty() {
        let words: Vec<_> = choices.iter().map(|(word, _)| format!("{word:?}")).collect();
        read.reject(key, format!("{text:?} is none of the choices: write one of {}", words.join(", ")));
    }
    found
}

fn read_http(read: &mut ConfigReader<'_>) -> HttpConfig {
    HttpConfig {
        body_bytes_max: read.integer("http.body_bytes_max", 4096..=1_048_576),
        body_timeout: Duration::from_millis(read.integer("http.body_timeout_ms", 1..=600_000)),
        keep_alive_s: read.integer("http.keep_alive_s", 0..=3600),
    }
}

fn read_password(read: &mut ConfigReader<'_>) -> PasswordConfig {
    // 256 characters of four bytes each are the 1,024 bytes that are taken for a check.
    let chars_max = read.integer("password.chars_max", 64..=256);
    let chars_min: usize = read.integer("password.chars_min", 8..=256);
    if chars_min > chars_max {
        read.reject(
            "password.chars_min",
            format!("{chars_min} is more than password.chars_max: write a number from 8 to {chars_max}"),
        );
    }
    PasswordConfig { chars_min, chars_max }
}

fn read_hash(read: &mut ConfigReader<'_>, cores: usize) -> HashConfig {
    let parallelism: u32 = read.integer("hash.parallelism", 1..=16);
    let memory_kib = read.integer("hash.memory_kib", 8..=1_048_576);
    if memory_kib < 8 * parallelism {
        let right = format!("write at least {}, or fewer lanes", 8 * parallelism);
        read.reject("hash.memory_kib", format!("Argon2 needs 8 KiB for each of the {parallelism} lanes: {right}"));
    }
    let workers = default_if_zero(read.integer("hash.workers", 0..=WORKERS_MAX), cores);
    HashConfig {
        memory_kib,
        iterations: read.integer("hash.iterations", 1..=64),
        parallelism,
        workers,
        queue: default_if_zero(read.integer("hash.queue", 0..=QUEUE_MAX), HASH_QUEUE_PER_WORKER * workers),
        wait: read_ms(read, "hash.wait_ms"),
    }
}

fn hash_warning(hash: &HashConfig) -> Option<String> {
    let strong =
        OWASP.iter().any(|(memory_kib, iterations)| hash.memory_kib >= *memory_kib && hash.iterations >= *iterations);
    (!strong).then(|| {
        format!(
            "hash.memory_kib = {} with hash.iterations = {} is weaker than OWASP recommends: \
             stolen hashes would be cheaper to guess than with 19456 and 2",
            hash.memory_kib, hash.iterations
        )
    })
}

/// Who checks tokens fetches the keys from where they say that they come from.
fn issuer_warning(config: &Config) -> Option<String> {
    let unsaid = config.token.issuer.is_none() && !config.listen.ip().is_loopback();
    unsaid.then(|| {
        format!(
            "token.issuer is empty, so tokens say that they come from http://{}: write where other services reach \
             userd, such as https://accounts.example.org",
            config.listen
        )
    })
}

fn read_sqlite(read: &mut ConfigReader<'_>, workers: usize) -> SqliteConfig {
    SqliteConfig {
        readers: default_if_zero(read.integer("sqlite.readers", 0..=WORKERS_MAX), workers),
        timeout: read_ms(read, "sqlite.timeout_ms"),
        queue: read.integer("sqlite.queue", 1..=QUEUE_MAX),
    }
}

fn read_doctor(read: &mut ConfigReader<'_>) -> DoctorConfig {
    DoctorConfig {
        background: read.boolean("doctor.background"),
        rate_per_s: read.integer("doctor.rate_per_s", 1..=1_000_000),
        pause: Duration::from_secs(read.integer("doctor.pause_s", 1..=2_592_000)),
        repair: read.boolean("doctor.repair"),
    }
}
