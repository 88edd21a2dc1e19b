//! Tests whether a server meets `redis.acknowledge = "disk"`, and decides how its disk is waited for.
//!
//! A server that flushes its file before each answer (`appendfsync always`) has flushed when it answers; only its
//! replicas are waited for, with `WAIT`. A server that flushes once a second has to be asked with `WAITAOF`, and its
//! answer has to be true: Valkey 8.0, 8.1 and 9.1.2 answered in under a millisecond, and acknowledged writes were lost
//! (docs/decisions/0014). So userd tests the server instead of trusting its version.

use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{RedisError, Value};
use tokio::time::Instant;

use super::acknowledge::{AckMode, BARRIER_SCRIPT};
use super::connect_error::{ConnectError, is_forbidden};
use super::context::ServerContext;
use crate::settings::RedisDurability;
use crate::startup_checks::{self, ServerFacts};

/// A server that flushes once a second needs longer than this for two flushes, one after the other.
const FSYNC_LATENCY_MIN: Duration = Duration::from_millis(100);

/// A call takes three flushes of a second each, one after the other, and may have to wait for a running one first.
const EVERYSEC_TIMEOUT_MIN: Duration = Duration::from_secs(5);

/// The time limit for a flush in the test, in milliseconds.
const FLUSH_TIMEOUT_MS: u64 = 5_000;

/// How userd waits for the disks of this server and its replicas. `is_new_process`: the server is not tested yet.
///
/// # Errors
/// userd cannot find out when a change is on disk.
pub(super) async fn ack_mode(
    server: &ServerContext,
    facts: &ServerFacts,
    connection: &mut MultiplexedConnection,
    is_new_process: bool,
) -> Result<AckMode, ConnectError> {
    let settings = server.settings();
    // Waits for nothing.
    let has_waitaof = match ::redis::cmd("WAITAOF").arg(0).arg(0).arg(1).query_async::<Value>(connection).await {
        Ok(_) => true,
        Err(error) if is_forbidden(&error) || error.to_string().contains("WAITAOF cannot be used") => false,
        Err(error) => return Err(error.into()),
    };
    match startup_checks::durability(facts, settings) {
        Some(RedisDurability::Always) if has_waitaof => Ok(AckMode::Disks),
        Some(RedisDurability::Always) => {
            if is_new_process && server.replicas.required() > 0 {
                tracing::warn!(
                    "this server has no WAITAOF (Redis 7.2 or newer has it): userd waits until the replicas have a \
                     change, but cannot see whether it is on their disks; set appendonly yes and appendfsync always on \
                     each of them"
                );
            }
            Ok(AckMode::Replicas)
        }
        Some(RedisDurability::EverySec) if !has_waitaof => Err(ConnectError::refused(
            "redis.acknowledge = \"disk\" needs appendfsync always, or a server with WAITAOF (Redis 7.2 or newer) and \
             the permission to use it",
        )),
        Some(RedisDurability::EverySec) if settings.timeout < EVERYSEC_TIMEOUT_MIN => {
            Err(ConnectError::Refused(format!(
                "redis.acknowledge = \"disk\" with appendfsync everysec makes each change wait for several flushes, \
             one a second; set appendfsync always, or redis.timeout_ms to {} or more",
                EVERYSEC_TIMEOUT_MIN.as_millis()
            )))
        }
        Some(RedisDurability::EverySec) => {
            if is_new_process && !waits_for_fsync(server, connection).await? {
                return Err(ConnectError::refused(
                    "this server answers WAITAOF before its file is flushed, so it cannot keep the promise of \
                     redis.acknowledge = \"disk\"; set appendfsync always",
                ));
            }
            Ok(AckMode::DisksEverySecond)
        }
        Some(RedisDurability::Rdb | RedisDurability::Nothing) | None => Err(ConnectError::refused(
            "redis.acknowledge = \"disk\" needs an append-only file: set appendonly yes and appendfsync always (or \
             declare them with redis.assume_durability where userd may not ask)",
        )),
    }
}

/// Writes twice and waits each time for the flush: a server that flushes once a second cannot be fast twice.
async fn waits_for_fsync(server: &ServerContext, connection: &mut MultiplexedConnection) -> Result<bool, RedisError> {
    flush(server, connection).await?;
    let begun = Instant::now();
    flush(server, connection).await?;
    Ok(begun.elapsed() >= FSYNC_LATENCY_MIN)
}

/// Writes the barrier and waits for its flush.
async fn flush(server: &ServerContext, connection: &mut MultiplexedConnection) -> Result<Value, RedisError> {
    let barrier = server.keys().ack(server.replicas.home_shard());
    let mut write = ::redis::cmd("EVAL");
    write.arg(BARRIER_SCRIPT).arg(1).arg(barrier).arg(FLUSH_TIMEOUT_MS).query_async::<()>(connection).await?;
    ::redis::cmd("WAITAOF").arg(1).arg(0).arg(FLUSH_TIMEOUT_MS).query_async(connection).await
}
