//! What `redis.acknowledge = "disk"` needs of a server, and how it is found out.
//!
//! A server that flushes its file before each answer (`appendfsync always`) has done its part when it answers; its
//! replicas are waited for with `WAIT`. One that flushes each second has to be asked with `WAITAOF`, and has to be
//! honest about it: Valkey 8.0, 8.1 and 9.1.2 answered in under a millisecond, and acknowledged writes were lost
//! (docs/decisions/0014). So the server is tested, not its version trusted.

use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{RedisError, Value};
use tokio::time::Instant;

use super::acknowledge::{AckMode, BARRIER_SCRIPT};
use super::connect::{ConnectError, is_forbidden};
use super::node::NodeState;
use crate::RedisDurability;
use crate::layout::KeyLayout;
use crate::startup_checks::{self, ServerFacts};

/// A server that flushes once a second can't flush two writes, one after the other's flush, within this time.
const FSYNC_LATENCY_MIN: Duration = Duration::from_millis(100);

/// A call takes three flushes, one after the other, of a second each; it may have to wait for one under way first.
const EVERYSEC_TIMEOUT_MIN: Duration = Duration::from_secs(5);

/// How long a flush is waited for in the test, in milliseconds.
const FLUSH_TIMEOUT_MS: u64 = 5_000;

/// How a change gets to the disks of this server and its replicas. `first`: the server has not been tested yet.
///
/// # Errors
/// It can't be known to get there.
pub(super) async fn ack_mode(
    node: &NodeState,
    facts: &ServerFacts,
    connection: &mut MultiplexedConnection,
    first: bool,
) -> Result<AckMode, ConnectError> {
    let settings = &node.common.settings;
    let has_waitaof = match request_flush(node, connection, 0).await {
        Ok(_) => true,
        Err(error) if is_forbidden(&error) || error.to_string().contains("WAITAOF cannot be used") => false,
        Err(error) => return Err(error.into()),
    };
    match startup_checks::durability(facts, settings) {
        Some(RedisDurability::Always) if has_waitaof => Ok(AckMode::Disks),
        Some(RedisDurability::Always) => {
            if first && node.replicas.required() > 0 {
                tracing::warn!(
                    "this server has no WAITAOF (Redis 7.2 or newer has): userd waits until replicas have a change, and \
                     can't see whether it is on their disks; set appendonly yes and appendfsync always on each of them"
                );
            }
            Ok(AckMode::Replicas)
        }
        Some(RedisDurability::EverySec) if !has_waitaof => Err(ConnectError::Refused(
            "redis.acknowledge = \"disk\" needs appendfsync always, or a server with WAITAOF (Redis 7.2 or newer) that \
             lets userd use it"
                .to_owned(),
        )),
        Some(RedisDurability::EverySec) if settings.timeout < EVERYSEC_TIMEOUT_MIN => Err(ConnectError::Refused(format!(
            "redis.acknowledge = \"disk\" with appendfsync everysec makes each change wait for several flushes of a \
             second; set appendfsync always, or redis.timeout_ms to {} or more",
            EVERYSEC_TIMEOUT_MIN.as_millis()
        ))),
        Some(RedisDurability::EverySec) => {
            if first && !waits_for_fsync(node, connection).await? {
                return Err(ConnectError::Refused(
                    "this server answers WAITAOF before its file is flushed, so that redis.acknowledge = \"disk\" would \
                     promise what is not so; set appendfsync always"
                        .to_owned(),
                ));
            }
            Ok(AckMode::DisksEverySecond)
        }
        Some(RedisDurability::Rdb | RedisDurability::Nothing) | None => Err(ConnectError::Refused(
            "redis.acknowledge = \"disk\" needs an append-only file: set appendonly yes and appendfsync always (or \
             declare with redis.assume_durability what userd may not ask)"
                .to_owned(),
        )),
    }
}

/// Writes twice, each time until the flush is reported: one who flushes once a second can't be quick twice.
async fn waits_for_fsync(node: &NodeState, connection: &mut MultiplexedConnection) -> Result<bool, RedisError> {
    request_flush(node, connection, FLUSH_TIMEOUT_MS).await?;
    let begun = Instant::now();
    request_flush(node, connection, FLUSH_TIMEOUT_MS).await?;
    Ok(begun.elapsed() >= FSYNC_LATENCY_MIN)
}

/// Writes the barrier and waits for its flush, for `limit_ms` or not at all with 0.
async fn request_flush(
    node: &NodeState,
    connection: &mut MultiplexedConnection,
    limit_ms: u64,
) -> Result<Value, RedisError> {
    if limit_ms == 0 {
        return ::redis::cmd("WAITAOF").arg(0).arg(0).arg(1).query_async(connection).await;
    }
    let barrier = KeyLayout::with_prefix(node.common.settings.prefix.clone()).ack(node.home_shard());
    ::redis::cmd("EVAL")
        .arg(BARRIER_SCRIPT)
        .arg(1)
        .arg(barrier)
        .arg(FLUSH_TIMEOUT_MS)
        .query_async::<()>(connection)
        .await?;
    ::redis::cmd("WAITAOF").arg(1).arg(0).arg(limit_ms).query_async(connection).await
}
