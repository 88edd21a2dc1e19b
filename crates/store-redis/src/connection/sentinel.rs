//! Asks the Sentinels which server is the primary and how many replicas it has. Does not connect to the primary.
//!
//! The Sentinels are asked before each connection and at each check, and the majority counts: a single Sentinel may be
//! isolated together with an old primary. Announcements between the checks are the subject of `sentinel_watch`.

use std::collections::{BTreeMap, HashMap};

use ::redis::{RedisError, Value};
use tokio::task::JoinSet;

use super::connect_error::{ConnectError, ConnectFailure, is_forbidden, within};
use super::dial::dial;
use crate::settings::{NodeAddress, RedisSettings, SentinelSettings};

/// Fewer Sentinels cannot agree on a failover while one of them is unavailable.
const SENTINELS_ADVISED: usize = 3;

/// Queries the Sentinels.
pub(super) struct SentinelClient {
    sentinels: SentinelSettings,
}

impl SentinelClient {
    /// Queries these Sentinels.
    pub(super) fn new(sentinels: SentinelSettings) -> Self {
        Self { sentinels }
    }

    /// The address of the primary, by the most votes of the Sentinels that answer. In a tie `present` wins, if it is
    /// one of the candidates.
    ///
    /// # Errors
    /// No Sentinel answers, or none knows the service.
    pub(super) async fn primary(
        &self,
        settings: &RedisSettings,
        present: &NodeAddress,
    ) -> Result<NodeAddress, ConnectFailure> {
        let mut asked = JoinSet::new();
        for sentinel in &self.sentinels.addresses {
            let (settings, sentinel) = (settings.clone(), sentinel.clone());
            let sentinels = self.sentinels.clone();
            asked.spawn(async move {
                let query = query_primary(&settings, &sentinel, &sentinels);
                let answer = within(settings.timeout * 2, "no answer in time", query).await;
                (sentinel, answer)
            });
        }
        let (mut votes, mut reasons, mut unaware) = (BTreeMap::new(), Vec::new(), 0);
        while let Some(Ok((sentinel, answer))) = asked.join_next().await {
            match answer {
                Ok(Some(primary)) => {
                    let count = votes.entry(primary.clone()).or_insert(0);
                    *count += 1;
                    // This is a majority: the Sentinels that have not answered cannot change it.
                    if *count > self.sentinels.addresses.len() / 2 {
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
                self.sentinels.service
            ))),
            None => Err(ConnectFailure::Unavailable(format!("no Sentinel names the primary ({})", reasons.join("; ")))),
        }
    }

    /// How many replicas of the primary are healthy: the highest number that a Sentinel reports; `None` if none
    /// answers. A replica that is being promoted counts until it is the primary.
    pub(super) async fn count_replicas(&self, settings: &RedisSettings) -> Option<usize> {
        let mut asked = JoinSet::new();
        for sentinel in &self.sentinels.addresses {
            let (settings, sentinel) = (settings.clone(), sentinel.clone());
            let sentinels = self.sentinels.clone();
            asked.spawn(async move {
                let counted = count_replicas(&settings, &sentinel, &sentinels);
                tokio::time::timeout(settings.timeout / 2, counted).await.ok()?.ok()
            });
        }
        asked.join_all().await.into_iter().flatten().max()
    }
}

/// How many replicas are healthy by the count of one Sentinel.
async fn count_replicas(
    settings: &RedisSettings,
    sentinel: &NodeAddress,
    sentinels: &SentinelSettings,
) -> Result<usize, ConnectError> {
    let mut connection = dial(settings, sentinel, &sentinels.login, 0).await?;
    let mut command = ::redis::cmd("SENTINEL");
    command.arg("replicas").arg(&sentinels.service);
    let replicas: Vec<HashMap<String, String>> = command.query_async(&mut connection).await?;
    let is_healthy = |replica: &&HashMap<String, String>| {
        let flags = replica.get("flags").map(String::as_str).unwrap_or_default();
        !flags.split(',').any(|flag| matches!(flag, "s_down" | "o_down" | "disconnected"))
    };
    Ok(replicas.iter().filter(is_healthy).count())
}

/// The primary that one Sentinel names; `None` if it does not know the service.
pub(super) async fn query_primary(
    settings: &RedisSettings,
    sentinel: &NodeAddress,
    sentinels: &SentinelSettings,
) -> Result<Option<NodeAddress>, ConnectError> {
    let dialled = dial(settings, sentinel, &sentinels.login, 0).await;
    let mut connection = dialled.map_err(|connect_error| match connect_error {
        ConnectError::Redis(error) => as_sentinel_error(error),
        other => other,
    })?;
    let mut command = ::redis::cmd("SENTINEL");
    command.arg("get-master-addr-by-name").arg(&sentinels.service);
    match command.query_async::<Option<(String, u16)>>(&mut connection).await {
        Ok(found) => Ok(found.map(|(host, port)| NodeAddress { host, port })),
        Err(error) if error.to_string().contains("unknown command") => Err(ConnectError::refused(
            "it is not a Sentinel; give the addresses of Sentinels (port 26379 by default), or write redis://",
        )),
        Err(error) if is_forbidden(&error) => Err(ConnectError::refused(
            "the Sentinel user lacks +sentinel|get-master-addr-by-name; see docs/operations/redis.md",
        )),
        Err(error) => Err(as_sentinel_error(error)),
    }
}

/// An authentication error is about the login to the Sentinel, which has users of its own.
fn as_sentinel_error(error: RedisError) -> ConnectError {
    if matches!(error.code(), Some("WRONGPASS" | "NOAUTH")) || error.kind() == ::redis::ErrorKind::AuthenticationFailed
    {
        return ConnectError::refused(
            "it refused the user name or password; set redis.sentinel_username and redis.sentinel_password",
        );
    }
    ConnectError::Redis(error)
}

/// Warns if there are too few Sentinels to agree on a failover. Says nothing if that cannot be found out.
pub(super) async fn warn_if_few(settings: &RedisSettings, sentinels: &SentinelSettings) {
    for sentinel in &sentinels.addresses {
        let asked = async {
            let mut connection = dial(settings, sentinel, &sentinels.login, 0).await?;
            let mut command = ::redis::cmd("SENTINEL");
            let others = command.arg("sentinels").arg(&sentinels.service).query_async::<Vec<Value>>(&mut connection);
            others.await.map_err(ConnectError::from)
        };
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
