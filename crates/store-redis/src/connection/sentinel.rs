//! Asks Sentinels which server is the primary, and hears of it when that changes. Does not connect to the primary:
//! that is the node's business.
//!
//! A client that stays with a demoted primary loses what it writes (19,882 to 40,149 acknowledged writes in a planned
//! failover, measured), so a change is heard in two ways: each Sentinel is subscribed to, and asked again at each
//! check and each reconnection. Most votes win, because one Sentinel alone may be cut off together with an old
//! primary.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use ::redis::{RedisError, Value};
use futures_util::StreamExt as _;
use tokio::task::JoinSet;

use super::connect::{ConnectAttempt, ConnectError, client, describe, dial, is_forbidden};
use super::node::{NodeState, SharedContext};
use crate::{NodeAddress, RedisSettings, SentinelSettings};

/// What Sentinels announce a new primary with.
const SWITCH_CHANNEL: &str = "+switch-master";

/// Pause before a Sentinel that went away is subscribed to again.
const SUBSCRIBE_PAUSE: Duration = Duration::from_millis(500);

/// Fewer Sentinels can't agree on a failover while one of them is away.
const SENTINELS_ADVISED: usize = 3;

/// Knows whom to ask for the primary.
pub(super) struct SentinelWatch {
    sentinels: SentinelSettings,
}

impl SentinelWatch {
    /// Asks these.
    pub(super) fn new(sentinels: SentinelSettings) -> Self {
        Self { sentinels }
    }

    /// Where the primary is, by the most votes of those Sentinels that answer; with as many for two, where it is at
    /// `present`, if that is one of them.
    ///
    /// # Errors
    /// None answered, or none knows the service.
    pub(super) async fn primary(
        &self,
        settings: &RedisSettings,
        present: &NodeAddress,
    ) -> Result<NodeAddress, ConnectAttempt> {
        let mut asked = JoinSet::new();
        for sentinel in &self.sentinels.addresses {
            let (settings, sentinel) = (settings.clone(), sentinel.clone());
            let sentinels = self.sentinels.clone();
            asked.spawn(async move {
                let answer =
                    tokio::time::timeout(settings.timeout * 2, query_primary(&settings, &sentinel, &sentinels)).await;
                (sentinel, answer.unwrap_or_else(|_| Err(ConnectError::Unavailable("no answer in time".to_owned()))))
            });
        }
        let (mut votes, mut reasons, mut unaware) = (BTreeMap::new(), Vec::new(), 0);
        while let Some(Ok((sentinel, answer))) = asked.join_next().await {
            match answer.map_err(describe) {
                Ok(Some(primary)) => {
                    let count = votes.entry(primary.clone()).or_insert(0);
                    *count += 1;
                    // Those that are slow, or gone, can't change it any more.
                    if *count > self.sentinels.addresses.len() / 2 {
                        return Ok(primary);
                    }
                }
                Ok(None) => unaware += 1,
                Err(ConnectAttempt::Refused(why)) => {
                    return Err(ConnectAttempt::Refused(format!("Sentinel {sentinel}: {why}")));
                }
                Err(ConnectAttempt::Unavailable(why)) => reasons.push(format!("{sentinel}: {why}")),
                Err(ConnectAttempt::Connected(_)) => {}
            }
        }
        if votes.len() > 1 {
            tracing::warn!(?votes, "the Sentinels do not agree on the primary; the most votes count");
        }
        match votes.into_iter().max_by_key(|(primary, count)| (*count, primary == present)) {
            Some((primary, _)) => Ok(primary),
            None if unaware > 0 && reasons.is_empty() => Err(ConnectAttempt::Refused(format!(
                "the Sentinels know no service {:?}; name the one that stands in their `sentinel monitor` line after the \
                 slash: redis+sentinel://HOST:PORT/SERVICE",
                self.sentinels.service
            ))),
            None => Err(ConnectAttempt::Unavailable(format!("no Sentinel names the primary ({})", reasons.join("; ")))),
        }
    }

    /// How many replicas of the primary are well, by the word of the Sentinel that knows of most; `None` if none of
    /// them tells. One that is just being made primary is among them until it is.
    pub(super) async fn replicas(&self, settings: &RedisSettings) -> Option<usize> {
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

/// How many replicas one Sentinel knows to be well.
async fn count_replicas(
    settings: &RedisSettings,
    sentinel: &NodeAddress,
    sentinels: &SentinelSettings,
) -> Result<usize, ConnectError> {
    let mut connection = dial(settings, sentinel, &sentinels.login, 0).await?;
    let mut command = ::redis::cmd("SENTINEL");
    command.arg("replicas").arg(&sentinels.service);
    let replicas: Vec<HashMap<String, String>> = command.query_async(&mut connection).await?;
    let is_well = |replica: &&HashMap<String, String>| {
        let flags = replica.get("flags").map(String::as_str).unwrap_or_default();
        !flags.split(',').any(|flag| matches!(flag, "s_down" | "o_down" | "disconnected"))
    };
    Ok(replicas.iter().filter(is_well).count())
}

/// The primary that one Sentinel knows; `None` if it does not know the service.
async fn query_primary(
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
        Err(error) if error.to_string().contains("unknown command") => Err(ConnectError::Refused(
            "it is no Sentinel; give the addresses of Sentinels (port 26379 by default), or write redis://".to_owned(),
        )),
        Err(error) if is_forbidden(&error) => Err(ConnectError::Refused(
            "the Sentinel user lacks +sentinel|get-master-addr-by-name; see docs/operations/redis.md".to_owned(),
        )),
        Err(error) => Err(as_sentinel_error(error)),
    }
}

/// A refused login is one to the Sentinel, which has users of its own.
fn as_sentinel_error(error: RedisError) -> ConnectError {
    if matches!(error.code(), Some("WRONGPASS" | "NOAUTH")) || error.kind() == ::redis::ErrorKind::AuthenticationFailed
    {
        return ConnectError::Refused(
            "it refused the user name or password; set redis.sentinel_username and redis.sentinel_password".to_owned(),
        );
    }
    ConnectError::Redis(error)
}

/// Subscribes to each Sentinel, and takes the connections of `node` out of service when one announces another
/// primary. The tasks end when the set is dropped.
pub(super) fn watch(common: &Arc<SharedContext>, sentinels: &SentinelSettings, node: &Arc<NodeState>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for sentinel in sentinels.addresses.clone() {
        let (common, sentinels, node) = (Arc::clone(common), sentinels.clone(), Arc::clone(node));
        tasks.spawn(async move {
            loop {
                if let Err(error) = subscribe(&common.settings, &sentinel, &sentinels, &node).await {
                    tracing::debug!(%sentinel, %error, "can't subscribe to a Sentinel");
                }
                tokio::time::sleep(SUBSCRIBE_PAUSE).await;
            }
        });
    }
    tasks
}

/// Listens to one Sentinel for as long as it talks.
async fn subscribe(
    settings: &RedisSettings,
    sentinel: &NodeAddress,
    sentinels: &SentinelSettings,
    node: &NodeState,
) -> Result<(), RedisError> {
    let mut subscription = client(settings, sentinel, &sentinels.login, 0)?.get_async_pubsub().await?;
    subscription.subscribe(SWITCH_CHANNEL).await?;
    // What was announced before is asked for.
    if let Ok(Some(primary)) = query_primary(settings, sentinel, sentinels).await
        && primary != *node.address()
    {
        node.primary_announced(&primary);
    }
    let mut announcements = subscription.on_message();
    // An idle connection that was dropped on the way says nothing for ever: after a while it is made anew.
    while let Ok(Some(announcement)) = tokio::time::timeout(settings.recheck_every, announcements.next()).await {
        let text: String = announcement.get_payload()?;
        if let Some(primary) = parse_announcement(&text, &sentinels.service) {
            tracing::warn!(%primary, "Sentinel announces another primary");
            node.primary_announced(&primary);
        }
    }
    Ok(())
}

/// The new primary in `<service> <old host> <old port> <new host> <new port>`.
fn parse_announcement(text: &str, service: &str) -> Option<NodeAddress> {
    let mut words = text.split(' ');
    if words.next()? != service {
        return None;
    }
    let host = words.nth(2)?.to_owned();
    Some(NodeAddress { host, port: words.next()?.parse().ok()? })
}

/// Warns where so few Sentinels watch that they can't agree; says nothing where it can't be asked.
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
                "only {count} Sentinels watch the primary: they can't agree on a failover when one of them is away; run \
                 {SENTINELS_ADVISED} or more"
            );
        }
        return;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_of_our_service_names_the_new_primary() {
        let text = "accounts 10.0.0.1 6379 10.0.0.2 6380";
        assert_eq!(parse_announcement(text, "accounts"), Some(NodeAddress::new("10.0.0.2", 6380)));
        assert_eq!(parse_announcement(text, "others"), None);
        assert_eq!(parse_announcement("accounts 10.0.0.1", "accounts"), None);
        assert_eq!(parse_announcement("accounts a 1 b many", "accounts"), None);
    }
}
