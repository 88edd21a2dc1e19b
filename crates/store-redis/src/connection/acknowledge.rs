//! Waits until replicas (`WAIT`) or disks (`WAITAOF`) have what was written: one wait for all requests of the same
//! moment, on a connection of its own, because both commands block the connection on which they are sent.
//!
//! Both commands count only what their *own* connection wrote. So each round first writes a small key, the barrier.
//! Replication and the append-only file are ordered streams: what acknowledges the barrier acknowledges everything that
//! was done on this server before it, by any connection, and so also everything that was *read* before it. That is why
//! one acknowledgement after a step covers both the step's write and the state that its answer is based on.
//!
//! The connection is made together with the connections that it acknowledges for, and is closed with them: a server
//! that was restarted in between may have lost data, and counts as another server.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Pipeline, Value};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::context::{ServerContext, TRY_AGAIN_PAUSE};
use crate::startup_checks::ServerFacts;

/// How long the barrier key outlives the last round. It has no content; the expiry only tidies up.
const BARRIER_TTL_MS: u64 = 3_600_000;

/// Writes the barrier. A script, because a plain `SET` is rejected when memory is full, and what is acknowledged here
/// (signing in and out, deleting) has to work then, too.
pub(super) const BARRIER_SCRIPT: &str = "#!lua flags=allow-oom\nreturn redis.call('SET', KEYS[1], 1, 'PX', ARGV[1])";

/// How much longer than the wait itself its answer may take.
const REPLY_SLACK: Duration = Duration::from_millis(250);

/// How long a round that takes a second waits for more requests. The requests that the last round answered take their
/// next step at once, and would otherwise just miss this round: each of their steps would take two seconds.
const BATCH_WINDOW: Duration = Duration::from_millis(25);

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AckMode {
    /// The memory of the replicas.
    Replicas,
    /// The disks of the primary and the replicas, which flush before each answer.
    Disks,
    /// The same disks, which flush once a second.
    DisksEverySecond,
}

/// Why something is not acknowledged.
#[derive(Debug)]
pub(super) enum AckError {
    /// Too few replicas answered in time: a failover may undo the change.
    TooFew(String),
    /// The connection was lost. The request can be retried.
    Lost(String),
}

/// The result of one round.
#[derive(Debug, Clone)]
enum AckOutcome {
    Acknowledged,
    /// Too few replicas answered in time.
    TooFew(String),
    /// The barrier key has moved to another server.
    Moved,
    /// The connection is unusable.
    Broken(String),
}

/// A connection whose writes are acknowledged, and how.
struct AckConnection {
    connection: MultiplexedConnection,
    server: Arc<ServerContext>,
    mode: AckMode,
}

/// The handle to the waiting task, which ends when the handle is dropped.
pub(super) struct AckWaiter {
    queue: mpsc::Sender<oneshot::Sender<AckOutcome>>,
    server: Arc<ServerContext>,
    _task: JoinSet<()>,
}

impl AckWaiter {
    /// Waits on `connection`, on which nothing else may be sent.
    pub(super) fn start(connection: MultiplexedConnection, server: &Arc<ServerContext>, mode: AckMode) -> Self {
        let (queue, waiting) = mpsc::channel(server.settings().in_flight_max);
        let mut task = JoinSet::new();
        task.spawn(run(AckConnection { connection, server: Arc::clone(server), mode }, waiting));
        Self { queue, server: Arc::clone(server), _task: task }
    }

    /// Returns when everything that this server did before the call is acknowledged.
    ///
    /// # Errors
    /// It is not acknowledged, or not in time: a failover may undo it.
    pub(super) async fn wait(&self, deadline: Instant) -> Result<(), AckError> {
        loop {
            let (reply, answer) = oneshot::channel();
            let round = async {
                self.queue.send(reply).await.ok()?;
                answer.await.ok()
            };
            match tokio::time::timeout_at(deadline, round).await {
                Ok(Some(AckOutcome::Acknowledged)) => return Ok(()),
                Ok(Some(AckOutcome::Moved)) => {
                    self.server.replicas.next_home_shard();
                    self.server.shared.refresh_topology.notify_one();
                    tokio::time::sleep_until(deadline.min(Instant::now() + TRY_AGAIN_PAUSE)).await;
                }
                Ok(Some(AckOutcome::TooFew(why))) => {
                    self.server.replicas.recheck.notify_one();
                    return Err(AckError::TooFew(why));
                }
                Ok(Some(AckOutcome::Broken(why))) => return Err(AckError::Lost(why)),
                Ok(None) => return Err(AckError::Lost("it ended while replicas were waited for".to_owned())),
                Err(_) => {
                    self.server.replicas.recheck.notify_one();
                    return Err(AckError::TooFew("no answer in time".to_owned()));
                }
            }
        }
    }
}

async fn run(mut connection: AckConnection, mut queue: mpsc::Receiver<oneshot::Sender<AckOutcome>>) {
    let mut waiting = Vec::new();
    while queue.recv_many(&mut waiting, usize::MAX).await > 0 {
        if connection.mode == AckMode::DisksEverySecond {
            tokio::time::sleep(BATCH_WINDOW).await;
            waiting.extend(std::iter::from_fn(|| queue.try_recv().ok()));
        }
        let outcome = connection.acknowledge_round().await;
        for reply in waiting.drain(..) {
            // The request may have timed out meanwhile.
            let _ = reply.send(outcome.clone());
        }
    }
}

impl AckConnection {
    /// Waits until as many replicas have acknowledged as the server had when the barrier was written: a replica that
    /// connected after the last check may be promoted like any other.
    async fn acknowledge_round(&mut self) -> AckOutcome {
        let until = Instant::now() + self.server.settings().timeout;
        loop {
            let wanted = self.server.replicas.required();
            let outcome = self.barrier(wanted).await;
            if !matches!(outcome, AckOutcome::Acknowledged) || self.server.replicas.required() <= wanted {
                return outcome;
            }
            if Instant::now() >= until {
                return AckOutcome::TooFew("more replicas connected meanwhile".to_owned());
            }
        }
    }

    /// Writes the barrier, reads how many replicas there are, and waits for `wanted` of them, in one round trip.
    async fn barrier(&mut self, wanted: usize) -> AckOutcome {
        let (settings, replicas) = (self.server.settings(), &self.server.replicas);
        let in_cluster = settings.is_cluster();
        let barrier = self.server.keys().ack(replicas.home_shard());
        let limit_ms = u64::try_from(settings.timeout.as_millis()).unwrap_or(u64::MAX);
        let mut pipeline = Pipeline::new();
        if in_cluster {
            // For a node that a slot is being moved to and that has no other slot; harmless everywhere else.
            pipeline.cmd("ASKING");
        }
        pipeline.cmd("EVAL").arg(BARRIER_SCRIPT).arg(1).arg(barrier).arg(BARRIER_TTL_MS);
        pipeline.cmd("INFO").arg("replication");
        let answers = if self.mode == AckMode::Replicas {
            pipeline.cmd("WAIT").arg(wanted).arg(limit_ms);
            3
        } else {
            // A replica that receives the request together with the write answers before it has flushed, and then
            // reports nothing for up to a second. So it is asked again once it has the write; the result of the first
            // wait does not matter.
            pipeline.cmd("WAIT").arg(wanted).arg(limit_ms / 4);
            pipeline.cmd("WAITAOF").arg(1).arg(wanted).arg(limit_ms - limit_ms / 4);
            4
        };
        let sent = self.connection.send_packed_commands(&pipeline, usize::from(in_cluster), answers);
        let mut answers = match tokio::time::timeout(settings.timeout + REPLY_SLACK, sent).await {
            // The server ends the wait by itself: without an answer after that, the server or the connection is gone.
            Err(_) => return AckOutcome::Broken(format!("no answer within {} ms", settings.timeout.as_millis())),
            Ok(Err(error)) => return AckOutcome::Broken(error.to_string()),
            Ok(Ok(answers)) => answers,
        };
        // In a cluster the majority's count is better than that of one primary, which lists a dead replica for a
        // minute.
        if answers.len() > 1
            && let info = answers.remove(1)
            && !in_cluster
            && let Ok(info) = ::redis::from_redis_value::<String>(info)
            && let Some(connected) = ServerFacts::parse(Some(&info), HashMap::new()).replicas()
        {
            replicas.note_increase(connected);
        }
        evaluate(answers, wanted)
    }
}

/// What the answers to the write and to the last wait mean.
fn evaluate(answers: Vec<Value>, wanted: usize) -> AckOutcome {
    let mut answers = answers.into_iter().map(Value::extract_error);
    match answers.next() {
        Some(Ok(_)) => {}
        Some(Err(error)) if matches!(error.code(), Some("MOVED" | "ASK" | "TRYAGAIN")) => return AckOutcome::Moved,
        Some(Err(error)) if matches!(error.code(), Some("READONLY")) => return AckOutcome::Broken(error.to_string()),
        Some(Err(error)) => return AckOutcome::TooFew(error.to_string()),
        None => return AckOutcome::Broken("no answer".to_owned()),
    }
    let count = |value: &Value| match value {
        Value::Int(count) => usize::try_from(*count).unwrap_or(0),
        _ => 0,
    };
    let (on_own_disk, acknowledged, more) = match answers.next_back() {
        Some(Ok(Value::Array(counts))) => {
            let on_own_disk = counts.first().is_some_and(|own| count(own) > 0);
            (on_own_disk, counts.get(1).map_or(0, count), " (a replica without an append-only file never does)")
        }
        Some(Ok(value @ Value::Int(_))) => (true, count(&value), ""),
        Some(Err(error)) => return AckOutcome::TooFew(error.to_string()),
        _ => return AckOutcome::Broken("no answer".to_owned()),
    };
    if !on_own_disk {
        return AckOutcome::TooFew("the primary did not flush its file in time".to_owned());
    }
    if acknowledged < wanted {
        return AckOutcome::TooFew(format!("{acknowledged} of {wanted} replicas acknowledged in time{more}"));
    }
    AckOutcome::Acknowledged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(answer: Value, wanted: usize) -> bool {
        matches!(evaluate(vec![Value::Okay, answer], wanted), AckOutcome::Acknowledged)
    }

    #[test]
    fn too_few_replicas_do_not_acknowledge() {
        assert!(outcome(Value::Int(2), 2));
        assert!(!outcome(Value::Int(1), 2));
    }

    #[test]
    fn the_disk_of_the_primary_counts_beside_those_of_replicas() {
        let answer = |own, others| Value::Array(vec![Value::Int(own), Value::Int(others)]);
        assert!(outcome(answer(1, 0), 0));
        assert!(!outcome(answer(0, 0), 0));
        assert!(!outcome(answer(1, 1), 2));
    }
}
