//! The sections about who may call, how long sessions live, how often passwords may be tried and what tokens say:
//! `[access]`, `[session]`, `[token]`, `[cors]`, `[proxy]`, `[rate_limit]`, `[events]`.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use super::read_choice;
use super::reader::ConfigReader;

/// A month, in seconds: NIST SP 800-63B-4 (2.1.3) lets no session live longer.
const SESSION_S_MAX: u32 = 30 * 24 * 3600;
/// A day in milliseconds: a limit that refills more slowly shuts people out.
const REFILL_MS_MAX: u32 = 24 * 3600 * 1000;
/// More tries at once than this are no limit.
const BURST_MAX: u32 = 1_000_000;

/// `[access]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignUpPolicy {
    /// Anybody.
    Open,
    /// A service with an API key.
    ApiKey,
}

/// `[session]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionConfig {
    /// Life without use.
    pub idle_timeout: Duration,
    /// Life with use.
    pub absolute_timeout: Duration,
    /// The most sessions of one user.
    pub per_user_max: usize,
    /// How long a used refresh token gets the same successor.
    pub refresh_grace: Duration,
}

/// `[token]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenConfig {
    /// `iss`; `None` is the address that userd listens on.
    pub issuer: Option<String>,
    /// The `aud` that may be asked for; the first is the usual one.
    pub audiences: Vec<String>,
    /// How they are signed.
    pub algorithm: TokenAlgorithm,
    /// How long they are good.
    pub ttl: Duration,
    /// What the keys are sealed with.
    pub encryption_key: Option<Zeroizing<[u8; 32]>>,
}

/// How tokens are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

/// `[proxy]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyConfig {
    /// Whose `X-Forwarded-For` is believed: an address and how many of its bits count.
    pub trusted_proxies: Vec<(IpAddr, u8)>,
    /// How many places from its end the client is.
    pub depth: usize,
}

/// `[rate_limit]`: how many at once, and how long until one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitConfig {
    /// For one account.
    pub account: BucketConfig,
    /// For one account from one address.
    pub account_address: BucketConfig,
    /// For one account from one known device.
    pub device: BucketConfig,
    /// From one address.
    pub address: BucketConfig,
    /// From everybody.
    pub global: BucketConfig,
}

/// One limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketConfig {
    /// How many at once.
    pub burst: u64,
    /// How long until one more, in milliseconds.
    pub refill_ms: u64,
}

pub(super) fn read_sign_up(read: &mut ConfigReader<'_>) -> SignUpPolicy {
    let choices = [("open", SignUpPolicy::Open), ("api_key", SignUpPolicy::ApiKey)];
    read_choice(read, "access.sign_up", &choices).unwrap_or(SignUpPolicy::ApiKey)
}

pub(super) fn read_session(read: &mut ConfigReader<'_>) -> SessionConfig {
    let mut seconds = |key| Duration::from_secs(read.integer(key, 1..=SESSION_S_MAX));
    let (idle_timeout, absolute_timeout) = (seconds("session.idle_timeout_s"), seconds("session.absolute_timeout_s"));
    SessionConfig {
        idle_timeout,
        absolute_timeout,
        // Each session has up to three fields, and Redis keeps a hash of up to 128 compact.
        per_user_max: read.integer("session.per_user_max", 1..=40),
        refresh_grace: Duration::from_secs(read.integer("session.refresh_grace_s", 0..=60)),
    }
}

pub(super) fn read_token(read: &mut ConfigReader<'_>) -> TokenConfig {
    let issuer = read.text("token.issuer").trim().trim_end_matches('/').to_owned();
    let named = issuer.starts_with("https://") || issuer.starts_with("http://");
    if !issuer.is_empty() && !named {
        let right = "write where other services reach userd, such as https://accounts.example.org";
        read.reject("token.issuer", format!("{issuer:?} is no address of a site: {right}"));
    }
    let audiences = list(&read.text("token.audience"));
    if audiences.is_empty() {
        read.reject("token.audience", "names nobody: write whom tokens are for, such as \"userd\"");
    }
    let algorithms = [("ES256", TokenAlgorithm::Es256), ("EdDSA", TokenAlgorithm::EdDsa)];
    TokenConfig {
        issuer: (!issuer.is_empty()).then_some(issuer),
        audiences,
        algorithm: read_choice(read, "token.algorithm", &algorithms).unwrap_or(TokenAlgorithm::Es256),
        ttl: Duration::from_secs(read.integer("token.ttl_s", 60..=900)),
        encryption_key: read_encryption_key(read),
    }
}

fn read_encryption_key(read: &mut ConfigReader<'_>) -> Option<Zeroizing<[u8; 32]>> {
    let (secret, _) = read.secret("token.encryption_key")?;
    let bytes = BASE64.decode(secret.expose().trim()).map(Zeroizing::new).ok();
    let key = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok()).map(Zeroizing::new);
    if key.is_none() {
        read.reject("token.encryption_key", "is not 32 bytes in base64: write what `openssl rand -base64 32` prints");
    }
    key
}

pub(super) fn read_allowed_origins(read: &mut ConfigReader<'_>) -> Vec<String> {
    let origins = list(&read.text("cors.allowed_origins"));
    for origin in &origins {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        if host.is_none_or(|host| {
            host.is_empty() || host.contains(['/', '*', '@', '?', '#']) || host != host.to_ascii_lowercase()
        }) {
            let right = "write scheme, host and port as browsers do, such as https://app.example.org";
            read.reject("cors.allowed_origins", format!("{origin:?} is no origin: {right}"));
        }
    }
    origins
}

pub(super) fn read_proxy(read: &mut ConfigReader<'_>) -> ProxyConfig {
    let mut trusted_proxies = Vec::new();
    for text in list(&read.text("proxy.trusted_proxies")) {
        if let Some(network) = network(&text) {
            trusted_proxies.push(network);
        } else {
            let right = "write an address such as 10.0.0.7, or a network such as 10.0.0.0/8";
            read.reject("proxy.trusted_proxies", format!("{text:?} is no address: {right}"));
        }
    }
    ProxyConfig { trusted_proxies, depth: read.integer("proxy.depth", 1..=8) }
}

/// An address, and how many of its bits count.
fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address.parse::<IpAddr>().ok()?, Some(bits.parse().ok()?)),
        None => (text.parse::<IpAddr>().ok()?, None),
    };
    let all = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(all);
    (bits <= all).then_some((address, bits))
}

pub(super) fn read_rate_limit(read: &mut ConfigReader<'_>) -> RateLimitConfig {
    let mut refill = |name: &str| BucketConfig {
        burst: read.integer(&format!("rate_limit.{name}_burst"), 1..=BURST_MAX),
        refill_ms: read.integer(&format!("rate_limit.{name}_refill_ms"), 1..=REFILL_MS_MAX),
    };
    RateLimitConfig {
        account: refill("account"),
        account_address: refill("account_address"),
        device: refill("device"),
        address: refill("address"),
        global: refill("global"),
    }
}

/// The parts of a text between commas.
fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(ToOwned::to_owned).collect()
}
