//! Which store was chosen, by which source, and with which user and password.
//!
//! `store` wins if any source above the defaults sets it; else the plain `REDIS_…` variables; else the default.

use std::path::PathBuf;

use super::error::ConfigOrigin;
use super::legacy_env;
use super::reader::ConfigReader;
use super::redis_target::RedisTarget;
use super::sections::RedisLogin;
use super::store_target::StoreTarget;
use userd_core::SecretString;
use userd_store_redis::{ServerCredentials, ServerTopology};

/// The chosen store.
pub(super) struct StoreChoice {
    pub(super) target: StoreTarget,
    /// The source that chose it, in words; `None` for the default.
    pub(super) chosen_by: Option<String>,
    pub(super) warning: Option<String>,
}

/// The store that the sources choose: `given` is what `store` says, `login` completes it.
pub(super) fn choose(read: &mut ConfigReader<'_>, given: &SecretString, login: &RedisLogin) -> StoreChoice {
    let key = read.layers.secret_source("store");
    let origin = read.layers.origin(&key);
    let is_default = *origin == ConfigOrigin::Default;
    let (mut target, chosen_by) = match is_default.then(|| legacy_env::target(read)).flatten() {
        Some((target, origin)) => (StoreTarget::Redis(target), Some(format!("{} in {origin}", legacy_env::ADDRESS))),
        None => (parse(read, &key, given.expose()), (!is_default).then(|| origin.to_string())),
    };
    if let StoreTarget::Redis(target) = &mut target {
        add_login(read, target, login);
    }
    StoreChoice { target, chosen_by, warning: legacy_env::warning(read.layers, origin) }
}

fn parse(read: &mut ConfigReader<'_>, key: &str, text: &str) -> StoreTarget {
    StoreTarget::parse(text).unwrap_or_else(|error| {
        // An empty one follows a mistake that was noted already.
        if !text.is_empty() {
            read.reject(key, error);
        }
        StoreTarget::Sqlite { path: PathBuf::new() }
    })
}

/// Adds user and password from `[redis]` to a target that does not contain them itself.
fn add_login(read: &mut ConfigReader<'_>, target: &mut RedisTarget, login: &RedisLogin) {
    let own = &mut target.login;
    if login.username.is_some() && own.username.is_some() {
        read.reject("redis.username", "is given twice, here and in `store`: keep one of them");
    }
    if login.password.is_some() && own.password.is_some() {
        let text = "is given twice, here and in `store` or REDIS_PASSWORD: keep one of them";
        read.reject(&read.layers.secret_source("redis.password"), text);
    }
    own.username = own.username.take().or_else(|| login.username.clone());
    own.password = own.password.take().or_else(|| login.password.clone());
    if own.username.is_some() && own.password.is_none() {
        read.reject("redis.username", "needs a password beside it: set redis.password or redis.password_file");
    }
    if let ServerTopology::Sentinel(sentinels) = &mut target.servers {
        let (username, password) = (login.sentinel_username.clone(), login.sentinel_password.clone());
        sentinels.login = ServerCredentials { username, password };
    }
}
