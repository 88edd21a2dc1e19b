//! The sections about who may call, how long sessions live, how often passwords may be tried and what tokens say:
//! `[access]`, `[session]`, `[token]`, `[browser]`, `[proxy]`, `[throttle]`, `[events]`.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use super::read::Reader;
use super::read_choice;

/// A month, in seconds: NIST SP 800-63B-4 (2.1.3) lets no session live longer.
const SESSION_S_MAX: u32 = 30 * 24 * 3600;
/// A day in milliseconds: a limit that refills more slowly shuts people out.
const REFILL_MS_MAX: u32 = 24 * 3600 * 1000;
/// More tries at once than this are no limit.
const BURST_MAX: u32 = 1_000_000;

/// `[access]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignUpBy {
    /// Anybody.
    Anybody,
    /// A service with an API key.
    Services,
}

/// `[session]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionConfig {
    /// Life without use.
    pub idle: Duration,
    /// Life with use.
    pub absolute: Duration,
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
    pub life: Duration,
    /// What the keys are sealed with.
    pub seal_key: Option<Zeroizing<[u8; 32]>>,
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
    pub trusted: Vec<(IpAddr, u8)>,
    /// How many places from its end the client is.
    pub depth: usize,
}

/// `[throttle]`: how many at once, and how long until one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThrottleConfig {
    /// For one account.
    pub account: Refill,
    /// For one account from one address.
    pub account_address: Refill,
    /// For one account from one known device.
    pub device: Refill,
    /// From one address.
    pub address: Refill,
    /// From everybody.
    pub everybody: Refill,
}

/// One limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refill {
    /// How many at once.
    pub burst: u64,
    /// How long until one more, in milliseconds.
    pub refill_ms: u64,
}

pub(super) fn read_sign_up(read: &mut Reader<'_>) -> SignUpBy {
    let choices = [("open", SignUpBy::Anybody), ("keyed", SignUpBy::Services)];
    read_choice(read, "access.sign_up", &choices).unwrap_or(SignUpBy::Services)
}

pub(super) fn read_session(read: &mut Reader<'_>) -> SessionConfig {
    let mut seconds = |key| Duration::from_secs(read.whole(key, 1..=SESSION_S_MAX));
    let (idle, absolute) = (seconds("session.idle_s"), seconds("session.absolute_s"));
    SessionConfig {
        idle,
        absolute,
        // Each session has up to three fields, and Redis keeps a hash of up to 128 compact.
        per_user_max: read.whole("session.per_user_max", 1..=40),
        refresh_grace: Duration::from_secs(read.whole("session.refresh_grace_s", 0..=60)),
    }
}

pub(super) fn read_token(read: &mut Reader<'_>) -> TokenConfig {
    let issuer = read.text("token.issuer").trim().trim_end_matches('/').to_owned();
    let named = issuer.starts_with("https://") || issuer.starts_with("http://");
    if !issuer.is_empty() && !named {
        let right = "write where other services reach userd, such as https://accounts.example.org";
        read.refuse("token.issuer", format!("{issuer:?} is no address of a site: {right}"));
    }
    let audiences = list(&read.text("token.audience"));
    if audiences.is_empty() {
        read.refuse("token.audience", "names nobody: write whom tokens are for, such as \"userd\"");
    }
    let algorithms = [("ES256", TokenAlgorithm::Es256), ("EdDSA", TokenAlgorithm::EdDsa)];
    TokenConfig {
        issuer: (!issuer.is_empty()).then_some(issuer),
        audiences,
        algorithm: read_choice(read, "token.algorithm", &algorithms).unwrap_or(TokenAlgorithm::Es256),
        life: Duration::from_secs(read.whole("token.life_s", 60..=900)),
        seal_key: read_seal_key(read),
    }
}

fn read_seal_key(read: &mut Reader<'_>) -> Option<Zeroizing<[u8; 32]>> {
    let (secret, _) = read.secret("token.seal_key")?;
    let bytes = BASE64.decode(secret.expose().trim()).map(Zeroizing::new).ok();
    let key = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok()).map(Zeroizing::new);
    if key.is_none() {
        read.refuse("token.seal_key", "is not 32 bytes in base64: write what `openssl rand -base64 32` prints");
    }
    key
}

pub(super) fn read_origins(read: &mut Reader<'_>) -> Vec<String> {
    let origins = list(&read.text("browser.origins"));
    for origin in &origins {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        if host.is_none_or(|host| {
            host.is_empty() || host.contains(['/', '*', '@', '?', '#']) || host != host.to_ascii_lowercase()
        }) {
            let right = "write scheme, host and port as browsers do, such as https://app.example.org";
            read.refuse("browser.origins", format!("{origin:?} is no origin: {right}"));
        }
    }
    origins
}

pub(super) fn read_proxy(read: &mut Reader<'_>) -> ProxyConfig {
    let mut trusted = Vec::new();
    for text in list(&read.text("proxy.trusted")) {
        if let Some(network) = network(&text) {
            trusted.push(network);
        } else {
            let right = "write an address such as 10.0.0.7, or a network such as 10.0.0.0/8";
            read.refuse("proxy.trusted", format!("{text:?} is no address: {right}"));
        }
    }
    ProxyConfig { trusted, depth: read.whole("proxy.depth", 1..=8) }
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

pub(super) fn read_throttle(read: &mut Reader<'_>) -> ThrottleConfig {
    let mut refill = |name: &str| Refill {
        burst: read.whole(&format!("throttle.{name}_burst"), 1..=BURST_MAX),
        refill_ms: read.whole(&format!("throttle.{name}_refill_ms"), 1..=REFILL_MS_MAX),
    };
    ThrottleConfig {
        account: refill("account"),
        account_address: refill("account_address"),
        device: refill("device"),
        address: refill("address"),
        everybody: refill("everybody"),
    }
}

/// The parts of a text between commas.
fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(ToOwned::to_owned).collect()
}
