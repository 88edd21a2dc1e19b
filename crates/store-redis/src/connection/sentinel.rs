//! Asks the Sentinels which server is the primary and how many replicas it has. Does not connect to the primary.
//!
//! The Sentinels are asked before each connection and at each check, and the majority counts: a single Sentinel may be
//! isolated together with an old primary. Announcements between the checks are the subject of `sentinel_watch`.

use std::collections::{BTreeMap, HashMap};

use ::redis::{ErrorKind, FromRedisValue, Value};
use futures_util::future;
use futures_util::stream::{FuturesUnordered, StreamExt as _};

use super::connect_error::{ConnectError, ConnectFailure, is_forbidden, within};
use super::dial::dial;
use crate::settings::{NodeAddress, RedisSettings, SentinelSettings};

/// Fewer Sentinels cannot agree on a failover while one of them is unavailable.
const SENTINELS_ADVISED: usize = 3;

/// The address of the primary, by the most votes of the Sentinels that answer. In a tie `present` wins, if it is one of
/// the candidates.
///
/// # Errors
/// No Sentinel answers, or none knows the service.
pub(super) async fn primary(
    settings: &RedisSettings,
    sentinels: &SentinelSettings,
    present: &NodeAddress,
) -> Result<NodeAddress, ConnectFailure> {
    let mut asked = FuturesUnordered::new();
    for sentinel in &sentinels.addresses {
        let query = query_primary(settings, sentinel, sentinels);
        asked.push(async move { (sentinel, within(settings.timeout * 2, "no answer in time", query).await) });
    }
    let (mut votes, mut reasons, mut unaware) = (BTreeMap::new(), Vec::new(), 0);
    while let Some((sentinel, answer)) = asked.next().await {
        match answer {
            Ok(Some(primary)) => {
                let count = votes.entry(primary.clone()).or_insert(0);
                *count += 1;
                // This is a majority: the Sentinels that have not answered cannot change it.
                if *count > sentinels.addresses.len() / 2 {
                    return Ok(primary);
                }
            }
            Ok(None) => unaware += 1,
            Err(ConnectFailure::Refused(why)) => {
                return Err(ConnectFailure::Refused(format!("Sentinel {sentinel}: {why}")));
            }
            Err(ConnectFailure::Unavailable(why)) => reasons.push(format!("{sentinel}: {why}")),
        }
    }
    if votes.len() > 1 {
        tracing::warn!(?votes, "the Sentinels do not agree on the primary; the most votes count");
    }
    match votes.into_iter().max_by_key(|(primary, count)| (*count, primary == present)) {
        Some((primary, _)) => Ok(primary),
        None if unaware > 0 && reasons.is_empty() => Err(ConnectFailure::Refused(format!(
            "the Sentinels know no service {:?}; write the name in their `sentinel monitor` line after the slash: \
             redis+sentinel://HOST:PORT/SERVICE",
            sentinels.service
        ))),
        None => Err(ConnectFailure::Unavailable(format!("no Sentinel names the primary ({})", reasons.join("; ")))),
    }
}

/// How many replicas of the primary are healthy: the highest number that a Sentinel reports; `None` if none answers. A
/// replica that is being promoted counts until it is the primary.
pub(super) async fn count_replicas(settings: &RedisSettings, sentinels: &SentinelSettings) -> Option<usize> {
    let asked = sentinels.addresses.iter().map(|sentinel| async move {
        let replicas = query::<Vec<HashMap<String, String>>>(settings, sentinel, sentinels, "replicas");
        let replicas = tokio::time::timeout(settings.timeout / 2, replicas).await.ok()?.ok()?;
        Some(replicas.iter().filter(|replica| is_healthy(replica)).count())
    });
    future::join_all(asked).await.into_iter().flatten().max()
}

fn is_healthy(replica: &HashMap<String, String>) -> bool {
    let flags = replica.get("flags").map(String::as_str).unwrap_or_default();
    !flags.split(',').any(|flag| matches!(flag, "s_down" | "o_down" | "disconnected"))
}

/// Sends `SENTINEL <subcommand> <service>` to one Sentinel.
async fn query<T: FromRedisValue>(
    settings: &RedisSettings,
    sentinel: &NodeAddress,
    sentinels: &SentinelSettings,
    subcommand: &str,
) -> Result<T, ConnectError> {
    let mut connection = dial(settings, sentinel, &sentinels.login, 0).await?;
    let mut command = ::redis::cmd("SENTINEL");
    command.arg(subcommand).arg(&sentinels.service);
    command.query_async(&mut connection).await.map_err(ConnectError::from)
}

/// The primary that one Sentinel names; `None` if it does not know the service.
pub(super) async fn query_primary(
    settings: &RedisSettings,
    sentinel: &NodeAddress,
    sentinels: &SentinelSettings,
) -> Result<Option<NodeAddress>, ConnectError> {
    let answer = query::<Option<(String, u16)>>(settings, sentinel, sentinels, "get-master-addr-by-name").await;
    answer.map(|found| found.map(|(host, port)| NodeAddress { host, port })).map_err(explain)
}

/// What an error means that a Sentinel answers; its users are not those of the servers.
fn explain(connect_error: ConnectError) -> ConnectError {
    let ConnectError::Redis(error) = connect_error else { return connect_error };
    if error.to_string().contains("unknown command") {
        return ConnectError::refused(
            "it is not a Sentinel; give the addresses of Sentinels (port 26379 by default), or write redis://",
        );
    }
    if is_forbidden(&error) {
        return ConnectError::refused(
            "the Sentinel user lacks +sentinel|get-master-addr-by-name; see docs/operations/redis.md",
        );
    }
    if matches!(error.code(), Some("WRONGPASS" | "NOAUTH")) || error.kind() == ErrorKind::AuthenticationFailed {
        return ConnectError::refused(
            "it refused the user name or password; set redis.sentinel_username and redis.sentinel_password",
        );
    }
    ConnectError::Redis(error)
}

/// Warns if there are too few Sentinels to agree on a failover. Says nothing if that cannot be found out.
pub(super) async fn warn_if_few(settings: &RedisSettings, sentinels: &SentinelSettings) {
    for sentinel in &sentinels.addresses {
        let asked = query::<Vec<Value>>(settings, sentinel, sentinels, "sentinels");
        let Ok(Ok(others)) = tokio::time::timeout(settings.timeout, asked).await else { continue };
        let count = others.len() + 1;
        if count < SENTINELS_ADVISED {
            tracing::warn!(
                "only {count} Sentinels watch the primary: they cannot agree on a failover when one of them is \
                 unavailable; run {SENTINELS_ADVISED} or more"
            );
        }
        return;
    }
}
