//! Which store was chosen, by whom, and with which user and password.
//!
//! `store` wins when anybody above the defaults sets it; else the plain `REDIS_…` variables; else the default.

use std::path::PathBuf;

use super::error::ConfigOrigin;
use super::legacy_env;
use super::reader::ConfigReader;
use super::redis_target::RedisTarget;
use super::store_target::StoreTarget;

/// The chosen store.
pub(super) struct StoreChoice {
    pub(super) target: StoreTarget,
    /// Who chose it, in words; `None` for the default.
    pub(super) chosen_by: Option<String>,
    pub(super) warning: Option<String>,
}

pub(super) fn read(read: &mut ConfigReader<'_>) -> StoreChoice {
    let given = read.secret("store");
    let origin = given.as_ref().map_or(ConfigOrigin::Default, |(_, origin)| origin.clone());
    let warning = legacy_env::warning(&read.layers.legacy_env, &origin);
    if origin == ConfigOrigin::Default
        && let Some((target, plain_origin)) = legacy_env::target(&read.layers.legacy_env, &mut read.issues)
    {
        let chosen_by = Some(format!("{} in {plain_origin}", legacy_env::ADDRESS));
        return StoreChoice { target: with_credentials(read, StoreTarget::Redis(target)), chosen_by, warning };
    }
    let parsed = given.as_ref().map(|(text, _)| StoreTarget::parse(text.expose()));
    let target = match parsed {
        Some(Ok(target)) => target,
        Some(Err(error)) => {
            read.reject(source_key(read), error.to_string());
            placeholder_target()
        }
        // A mistake about the two ways to give it has been noted.
        None => placeholder_target(),
    };
    let chosen_by = (origin != ConfigOrigin::Default).then(|| origin.to_string());
    StoreChoice { target: with_credentials(read, target), chosen_by, warning }
}

/// Stands in for a store after a mistake, which keeps the configuration from being used.
fn placeholder_target() -> StoreTarget {
    StoreTarget::Sqlite { path: PathBuf::new() }
}

/// The key that gave the text: `store` or its twin.
fn source_key(read: &ConfigReader<'_>) -> &'static str {
    let level = |key| read.layers.find(key).filter(|found| !found.raw.is_empty()).map(|found| found.level);
    if level("store_file") > level("store") { "store_file" } else { "store" }
}

/// Adds `redis.username` and `redis.password` to a target that does not hold them itself.
fn with_credentials(read: &mut ConfigReader<'_>, target: StoreTarget) -> StoreTarget {
    // Read in any case, so that mistakes in them are found.
    let username = Some(read.text("redis.username")).filter(|text| !text.is_empty());
    let password = read.secret("redis.password").map(|(secret, _)| secret);
    let StoreTarget::Redis(target) = target else { return target };
    if username.is_some() && target.username.is_some() {
        read.reject("redis.username", "is given twice, here and in `store`: keep one of them");
    }
    if password.is_some() && target.password.is_some() {
        let elsewhere = "in `store` or REDIS_PASSWORD";
        read.reject(password_key(read), format!("is given twice, here and {elsewhere}: keep one of them"));
    }
    let username = target.username.or(username);
    let password = target.password.or(password);
    if username.is_some() && password.is_none() {
        read.reject("redis.username", "needs a password beside it: set redis.password or redis.password_file");
    }
    StoreTarget::Redis(RedisTarget { username, password, ..target })
}

fn password_key(read: &ConfigReader<'_>) -> &'static str {
    let given = |key| read.layers.find(key).is_some_and(|found| !found.raw.is_empty());
    if given("redis.password") { "redis.password" } else { "redis.password_file" }
}
