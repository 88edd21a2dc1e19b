//! `[redis]`: every setting of that section but what is needed to reach the server, which is in `redis_target`.

use std::time::Duration;

use super::layers::unreadable_text;
use super::reader::ConfigReader;
use super::secret::SecretString;
use super::{QUEUE_MAX, read_choice, read_ms};

/// More than a primary is given; keeps a slip of the hand from blocking every change.
const REPLICAS_MAX: u32 = 16;

/// `[redis]`, without what is needed to reach the server: that is in [`super::RedisTarget`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisConfig {
    /// What every key begins with.
    pub prefix: String,
    /// How long a call may take.
    pub timeout: Duration,
    /// When a change counts as done.
    pub acknowledge: AcknowledgeMode,
    /// The fewest replicas that have to confirm, where replicas do.
    pub replicas_min: usize,
    /// The certificates to trust with TLS, in PEM; `None` are the web's root certificates.
    pub tls_ca: Option<Vec<u8>>,
    /// The ACL user of the Sentinels.
    pub sentinel_username: Option<String>,
    /// Its password.
    pub sentinel_password: Option<SecretString>,
    /// Calls under way at once.
    pub in_flight_max: usize,
    /// Start on a Redis without persistence.
    pub allow_volatile_store: bool,
    /// Start on a Redis that deletes keys when its memory is full.
    pub allow_eviction: bool,
    /// The operator vouches for `noeviction`, where the server does not tell.
    pub assume_noeviction: bool,
    /// The operator vouches for this persistence, where the server does not tell.
    pub assume_durability: Option<AssumedDurability>,
}

/// When a change counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcknowledgeMode {
    /// When the primary has done it.
    Primary,
    /// When every replica has it, too.
    Replicas,
    /// When it is on the disk of the primary and of every replica.
    Disk,
}

/// How the operator says that Redis persists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssumedDurability {
    /// `appendfsync always`
    Always,
    /// `appendfsync everysec`
    EverySec,
    /// Snapshots only.
    Rdb,
    /// Not at all.
    Nothing,
}

pub(super) fn read(read: &mut ConfigReader<'_>) -> RedisConfig {
    let durabilities = [
        ("always", AssumedDurability::Always),
        ("everysec", AssumedDurability::EverySec),
        ("rdb", AssumedDurability::Rdb),
        ("none", AssumedDurability::Nothing),
    ];
    let acknowledgers = [
        ("primary", AcknowledgeMode::Primary),
        ("replicas", AcknowledgeMode::Replicas),
        ("disk", AcknowledgeMode::Disk),
    ];
    let sentinel_username = Some(read.text("redis.sentinel_username")).filter(|text| !text.is_empty());
    let sentinel_password = read.secret("redis.sentinel_password").map(|(secret, _)| secret);
    if sentinel_username.is_some() && sentinel_password.is_none() {
        read.reject(
            "redis.sentinel_username",
            "needs a password beside it: set redis.sentinel_password or redis.sentinel_password_file",
        );
    }
    RedisConfig {
        prefix: read_prefix(read),
        timeout: read_ms(read, "redis.timeout_ms"),
        acknowledge: read_choice(read, "redis.acknowledge", &acknowledgers).unwrap_or(AcknowledgeMode::Primary),
        replicas_min: read.integer("redis.replicas_min", 0..=REPLICAS_MAX),
        tls_ca: read_tls_ca(read),
        sentinel_username,
        sentinel_password,
        in_flight_max: read.integer("redis.in_flight_max", 1..=QUEUE_MAX),
        allow_volatile_store: read.boolean("redis.allow_volatile_store"),
        allow_eviction: read.boolean("redis.allow_eviction"),
        assume_noeviction: read.boolean("redis.assume_noeviction"),
        assume_durability: read_choice(read, "redis.assume_durability", &durabilities),
    }
}

/// A brace would move the shard's hash tag, a space would break patterns of access rules, and without the colon
/// one service's prefix could be the beginning of another's.
fn read_prefix(read: &mut ConfigReader<'_>) -> String {
    /// Every key carries the prefix, so each byte costs a few bytes a user.
    const PREFIX_BYTES_MAX: usize = 32;
    let prefix = read.text("redis.prefix");
    let proper = prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-:".contains(&byte));
    if !proper || !prefix.ends_with(':') || prefix.len() < 2 || prefix.len() > PREFIX_BYTES_MAX {
        let right = format!("write 2 to {PREFIX_BYTES_MAX} letters, digits or . _ - : with a colon at the end");
        read.reject("redis.prefix", format!("{prefix:?} can't begin a key: {right}, such as \"userd:\""));
    }
    prefix
}

/// The certificates in the file that `redis.tls_ca_file` names.
fn read_tls_ca(read: &mut ConfigReader<'_>) -> Option<Vec<u8>> {
    let path = read.text("redis.tls_ca_file");
    if path.is_empty() {
        return None;
    }
    match std::fs::read(read.working_dir.join(&path)) {
        Ok(pem) if String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") => Some(pem),
        Ok(_) => {
            read.reject("redis.tls_ca_file", format!("the file {path} holds no certificate in PEM"));
            None
        }
        Err(error) => {
            read.reject("redis.tls_ca_file", format!("the file {path}: {}", unreadable_text(&error)));
            None
        }
    }
}
