//! The settings of the layers below, from the configuration.

use std::sync::Arc;
use std::time::Duration;

use crate::config::{
    AcknowledgeMode, AssumedDurability, BucketConfig, Config, HostPort, RedisConfig, RedisServers, RedisTarget,
    SecretString, TokenAlgorithm,
};
use userd_core::{PasswordPolicy, RateLimit, SessionLimits};
use userd_service::hashing::HashSettings;
use userd_service::{ServiceSettings, SessionSettings, SignInLimits, SigningAlgorithm, TokenSettings};
use userd_store_redis::{
    AckRequirement, BUSY_PAUSE, NodeAddress, RECHECK_EVERY, RedisDurability, RedisSettings, SentinelSettings,
    ServerCredentials, ServerTopology,
};

/// The settings of the use cases.
pub(crate) fn service_settings(config: &Config) -> ServiceSettings {
    let (session, rate_limit) = (&config.session, &config.rate_limit);
    let rate = |refill: BucketConfig| RateLimit { interval_ms: refill.refill_ms, burst: refill.burst };
    ServiceSettings {
        policy: PasswordPolicy { chars_min: config.password.chars_min, chars_max: config.password.chars_max },
        sessions: SessionSettings {
            limits: SessionLimits {
                idle_ms: millis(session.idle_timeout),
                absolute_ms: millis(session.absolute_timeout),
                sessions_max: session.per_user_max,
            },
            refresh_grace_ms: millis(session.refresh_grace),
        },
        tokens: token_settings(config),
        sign_in_limits: SignInLimits {
            account: rate(rate_limit.account),
            account_and_network: rate(rate_limit.account_address),
            device: rate(rate_limit.device),
            network: rate(rate_limit.address),
            global: rate(rate_limit.global),
        },
    }
}

fn token_settings(config: &Config) -> TokenSettings {
    let token = &config.token;
    TokenSettings {
        issuer: token.issuer.clone(),
        listen: config.listen,
        audiences: token.audiences.clone(),
        algorithm: signing_algorithm(token.algorithm),
        ttl_ms: millis(token.ttl),
    }
}

/// The algorithm of new signing keys.
pub(crate) fn signing_algorithm(algorithm: TokenAlgorithm) -> SigningAlgorithm {
    match algorithm {
        TokenAlgorithm::Es256 => SigningAlgorithm::Es256,
        TokenAlgorithm::EdDsa => SigningAlgorithm::EdDsa,
    }
}

/// A duration in milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The settings of the hash pool.
pub(crate) fn hash_settings(config: &Config) -> HashSettings {
    let hash = &config.hash;
    HashSettings {
        memory_kib: hash.memory_kib,
        iterations: hash.iterations,
        parallelism: hash.parallelism,
        workers: hash.workers,
        queue: hash.queue,
        wait: hash.wait,
    }
}

/// `[redis]` for the servers of `target`.
pub(crate) fn redis_settings(config: &Config, target: &RedisTarget) -> RedisSettings {
    let redis = &config.redis;
    RedisSettings {
        servers: servers(target, redis),
        db: target.db,
        login: login(target.username.as_ref(), target.password.as_ref()),
        tls: target.tls,
        tls_ca: redis.tls_ca.clone(),
        prefix: redis.prefix.clone(),
        acknowledge: match redis.acknowledge {
            AcknowledgeMode::Primary => AckRequirement::Primary,
            AcknowledgeMode::Replicas => AckRequirement::Replicas,
            AcknowledgeMode::Disk => AckRequirement::Disk,
        },
        replicas_min: redis.replicas_min,
        timeout: redis.timeout,
        in_flight_max: redis.in_flight_max,
        recheck_every: RECHECK_EVERY,
        busy_pause: BUSY_PAUSE,
        events_retention_max: config.events_retention_max,
        allow_volatile_store: redis.allow_volatile_store,
        allow_eviction: redis.allow_eviction,
        assume_noeviction: redis.assume_noeviction,
        assume_durability: redis.assume_durability.map(|declared| match declared {
            AssumedDurability::Always => RedisDurability::Always,
            AssumedDurability::EverySec => RedisDurability::EverySec,
            AssumedDurability::Rdb => RedisDurability::Rdb,
            AssumedDurability::Nothing => RedisDurability::Nothing,
        }),
        metrics: Arc::default(),
    }
}

fn servers(target: &RedisTarget, redis: &RedisConfig) -> ServerTopology {
    let address = |server: &HostPort| NodeAddress::new(&server.host, server.port);
    match &target.servers {
        RedisServers::Standalone(server) => ServerTopology::Standalone(address(server)),
        RedisServers::Sentinels { sentinels, service } => ServerTopology::Sentinel(SentinelSettings {
            addresses: sentinels.iter().map(address).collect(),
            service: service.clone(),
            login: login(redis.sentinel_username.as_ref(), redis.sentinel_password.as_ref()),
        }),
        RedisServers::Cluster(nodes) => ServerTopology::Cluster(nodes.iter().map(address).collect()),
    }
}

fn login(username: Option<&String>, password: Option<&SecretString>) -> ServerCredentials {
    ServerCredentials { username: username.cloned(), password: password.map(|password| password.expose().to_owned()) }
}
