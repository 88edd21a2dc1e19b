//! The whole configuration: every section, in one struct.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use userd_core::PasswordPolicy;
use userd_http::{AccessSettings, CorsSettings, HttpLimits, TrustedProxies};
use userd_service::hashing::HashSettings;
use userd_service::{KeyEncryptionSettings, SessionSettings, SignInLimits, TokenSettings};
use userd_store_redis::RedisSettings;
use userd_store_sqlite::SqliteSettings;

use super::error::ConfigError;
use super::layers::ConfigLayers;
use super::reader::ConfigReader;
use super::sections::{DoctorConfig, EventsConfig, LogFormat, OtlpConfig, ProcessConfig, RedisLogin};
use super::show::{self, ConfigEntry};
use super::sources::ConfigSources;
use super::store_target::StoreTarget;
use super::{rules, store_choice};

/// Waiting hashes for each hash thread, unless `hash.queue` is set: about 100 ms of work.
const HASH_QUEUE_PER_WORKER: usize = 4;

/// Every setting, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address and port to listen on.
    pub listen: SocketAddr,
    /// The store.
    pub store: StoreTarget,
    /// The directory served below `/files/`.
    pub static_dir: Option<PathBuf>,
    /// How to log.
    pub log: LogFormat,
    /// Threads that serve requests.
    pub workers: usize,
    /// How long requests in flight can take to finish after SIGTERM.
    pub shutdown_grace: Duration,
    /// `[http]`
    pub http: HttpLimits,
    /// `[password]`
    pub password: PasswordPolicy,
    /// `[hash]`
    pub hash: HashSettings,
    /// `[sqlite]`; the path is in `store`.
    pub sqlite: SqliteSettings,
    /// `[redis]`; the servers are in `store`.
    pub redis: RedisSettings,
    /// `[doctor]`
    pub doctor: DoctorConfig,
    /// `[access]`, `[cors]` and `[proxy]`.
    pub access: AccessSettings,
    /// `[session]`
    pub session: SessionSettings,
    /// `[token]`
    pub token: TokenSettings,
    /// `[token]`, as far as it is about the keys in the store.
    pub key_encryption: KeyEncryptionSettings,
    /// `[rate_limit]`
    pub rate_limit: SignInLimits,
    /// `[events]`
    pub events: EventsConfig,
    /// `[otlp]`
    pub otlp: OtlpConfig,
    /// Settings that are accepted but not recommended, a sentence each.
    pub warnings: Vec<String>,
    /// Every key with its effective value, for `userd config show`; secrets hidden.
    pub entries: Vec<ConfigEntry>,
}

impl Config {
    /// The configuration in `sources`.
    ///
    /// # Errors
    /// Every mistake that was found.
    pub fn load(sources: &ConfigSources) -> Result<Self, ConfigError> {
        let layers = ConfigLayers::read(sources);
        let mut read = ConfigReader::new(&layers, &sources.working_dir);
        let config = read_sections(&mut read, sources.cores);
        let mut issues = read.issues();
        let config = config.map_err(|issue| issues.push(issue)).ok();
        config.filter(|_| issues.is_empty()).ok_or(ConfigError { issues })
    }
}

/// The JSON schema of `userd.toml`.
///
/// # Errors
/// If the defaults can't be read, which a test excludes.
pub fn json_schema() -> Result<serde_json::Value, ConfigError> {
    let layers = ConfigLayers::defaults();
    let mut read = ConfigReader::new(&layers, Path::new(""));
    read_sections(&mut read, 1).map_err(|issue| ConfigError { issues: vec![issue] })?;
    Ok(read.schema.document())
}

/// Each section, by the type that its layer uses.
fn read_sections(read: &mut ConfigReader<'_>, cores: usize) -> Result<Config, String> {
    let process: ProcessConfig = read.section("")?;
    let login: RedisLogin = read.section("redis")?;
    let store = store_choice::choose(read, &process.store, &login);
    let proxies: TrustedProxies = read.section("proxy")?;
    let CorsSettings { allowed_origins } = read.section("cors")?;
    let mut config = Config {
        listen: process.listen,
        store: store.target.clone(),
        static_dir: process.static_dir,
        log: process.log,
        workers: process.workers,
        shutdown_grace: process.shutdown_grace,
        http: read.section("http")?,
        password: read.section("password")?,
        hash: read.section("hash")?,
        sqlite: read.section("sqlite")?,
        redis: read.section("redis")?,
        doctor: read.section("doctor")?,
        access: AccessSettings { allowed_origins, proxies, ..read.section("access")? },
        session: read.section("session")?,
        token: read.section("token")?,
        key_encryption: read.section("token")?,
        rate_limit: read.section("rate_limit")?,
        events: read.section("events")?,
        otlp: read.section("otlp")?,
        warnings: Vec::new(),
        entries: Vec::new(),
    };
    rules::check_password(read, &config.password);
    rules::check_hash(read, &config.hash);
    rules::check_static_dir(read, config.static_dir.as_ref());
    rules::check_sentinel_login(read, &login);
    config.redis.tls_ca = rules::read_tls_ca(read, login.tls_ca_file.as_deref());
    let warnings = [store.warning.clone(), rules::hash_warning(&config.hash), issuer_warning(&config)];
    config.warnings = warnings.into_iter().flatten().collect();
    let auto = resolve_automatic(&mut config, cores);
    config.entries = show::entries(read.layers, &store, &read.schema.secrets, &auto);
    Ok(config)
}

/// Puts numbers in place of each 0 that stands for "as this machine has it", and returns them.
fn resolve_automatic(config: &mut Config, cores: usize) -> [(&'static str, usize); 4] {
    let or = |number: usize, automatic: usize| if number == 0 { automatic } else { number };
    config.workers = or(config.workers, cores);
    config.hash.workers = or(config.hash.workers, cores);
    config.hash.queue = or(config.hash.queue, HASH_QUEUE_PER_WORKER * config.hash.workers);
    config.sqlite.readers = or(config.sqlite.readers, config.workers);
    [
        ("workers", config.workers),
        ("hash.workers", config.hash.workers),
        ("hash.queue", config.hash.queue),
        ("sqlite.readers", config.sqlite.readers),
    ]
}

/// Services that check tokens fetch the keys from the token's issuer.
fn issuer_warning(config: &Config) -> Option<String> {
    let unknown = config.token.issuer.is_none() && !config.listen.ip().is_loopback();
    unknown.then(|| {
        format!(
            "token.issuer is empty, so tokens say that they come from http://{}: write where other services reach \
             userd, such as https://accounts.example.org",
            config.listen
        )
    })
}
