//! Which store was chosen, by which source, and with which user and password.
//!
//! `store` wins if any source above the defaults sets it; else the plain `REDIS_…` variables; else the default.

use std::path::PathBuf;

use super::error::{ConfigIssue, ConfigOrigin};
use super::legacy_env;
use super::reader::ConfigReader;
use super::redis_target::RedisTarget;
use super::sections::{RedisLogin, StoreKey};
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

/// The store that the sources choose; `login` completes it.
///
/// # Errors
/// As [`ConfigReader::section`].
pub(super) fn read(read: &mut ConfigReader<'_>, login: &RedisLogin) -> Result<StoreChoice, ConfigIssue> {
    let given: StoreKey = read.section("")?;
    let source = read.layers.secret_source("store").ok().flatten();
    let key = source.as_deref().unwrap_or("store");
    let origin = read.layers.find(key).map_or(&ConfigOrigin::Default, |found| found.origin);
    let warning = legacy_env::warning(&read.layers.legacy_env, origin);
    if *origin == ConfigOrigin::Default {
        let mut issues = Vec::new();
        let target = legacy_env::target(&read.layers.legacy_env, &mut issues);
        for issue in issues {
            read.note("store", issue);
        }
        if let Some((target, origin)) = target {
            let chosen_by = Some(format!("{} in {origin}", legacy_env::ADDRESS));
            let target = StoreTarget::Redis(with_login(read, target, login));
            return Ok(StoreChoice { target, chosen_by, warning });
        }
    }
    let chosen_by = (*origin != ConfigOrigin::Default).then(|| origin.to_string());
    let target = match StoreTarget::parse(given.store.expose()) {
        Ok(StoreTarget::Redis(target)) => StoreTarget::Redis(with_login(read, target, login)),
        Ok(target) => target,
        Err(error) => {
            // An empty one follows a mistake that was noted already.
            if !given.store.expose().is_empty() {
                read.reject(key, error.to_string());
            }
            StoreTarget::Sqlite { path: PathBuf::new() }
        }
    };
    Ok(StoreChoice { target, chosen_by, warning })
}

/// Adds user and password from `[redis]` to a target that does not contain them itself.
fn with_login(read: &mut ConfigReader<'_>, mut target: RedisTarget, login: &RedisLogin) -> RedisTarget {
    let own = &target.login;
    if login.username.is_some() && own.username.is_some() {
        read.reject("redis.username", "is given twice, here and in `store`: keep one of them");
    }
    if login.password.is_some() && own.password.is_some() {
        let key = read.layers.secret_source("redis.password").ok().flatten();
        let text = "is given twice, here and in `store` or REDIS_PASSWORD: keep one of them";
        read.reject(key.as_deref().unwrap_or("redis.password"), text);
    }
    target.login = completed(own, login.username.as_ref(), login.password.as_ref());
    if target.login.username.is_some() && target.login.password.is_none() {
        read.reject("redis.username", "needs a password beside it: set redis.password or redis.password_file");
    }
    if let ServerTopology::Sentinel(sentinels) = &mut target.servers {
        sentinels.login =
            completed(&sentinels.login, login.sentinel_username.as_ref(), login.sentinel_password.as_ref());
    }
    target
}

fn completed(own: &ServerCredentials, username: Option<&String>, password: Option<&SecretString>) -> ServerCredentials {
    ServerCredentials {
        username: own.username.as_ref().or(username).cloned(),
        password: own.password.as_ref().or(password).cloned(),
    }
}
