//! Waits until replicas (`WAIT`) or disks (`WAITAOF`) have what was written, for all who ask at the same moment
//! together, on a connection of its own: both commands block the connection that they are sent on.
//!
//! Both also count only what their *own* connection wrote. So each round first writes a small key, the barrier.
//! Replication and the append-only file are one stream in order: what confirms the barrier confirms everything
//! that was done on this server before it, by whatever connection, and so also everything that was *read* before
//! it. That is why one confirmation after a step covers the step's write and the state that its answer rests on.
//!
//! The connection is made together with those that it confirms for and lives no longer than they do: a server that
//! was restarted in between, and may have forgotten, is another server.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Pipeline, Value};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::TRY_AGAIN_PAUSE;
use super::node::{NodeKind, NodeState};
use crate::layout::KeyLayout;
use crate::startup_checks::ServerFacts;

/// How long the barrier's key stays after the last round: it is of no use to anybody, and tidies itself away.
const BARRIER_TTL_MS: u64 = 3_600_000;

/// Writes the barrier. A script, because a plain `SET` is refused where memory is gone, and what is confirmed (signing
/// in and out, deleting) has to work there, too.
pub(super) const BARRIER_SCRIPT: &str = "#!lua flags=allow-oom\nreturn redis.call('SET', KEYS[1], 1, 'PX', ARGV[1])";

/// How much longer than the wait itself its answer may take.
const REPLY_SLACK: Duration = Duration::from_millis(250);

/// How long a round that takes a second waits for more who ask. Those whom the last round answered take their next
/// step at once, and would otherwise come just too late for this one: each of their steps would take two seconds.
const BATCH_WINDOW: Duration = Duration::from_millis(25);

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AckMode {
    /// The memory of replicas.
    Replicas,
    /// The disks of the primary and of replicas, which flush before each answer.
    Disks,
    /// The same, where they flush once a second.
    DisksEverySecond,
}

/// Why something is not confirmed.
#[derive(Debug)]
pub(super) enum AckError {
    /// Too few confirmed in time: a failover may undo it, or may not.
    TooFew(String),
    /// The connection went away: whoever did it may do it again.
    Lost(String),
}

/// What a round came to.
#[derive(Debug, Clone)]
enum AckOutcome {
    Acknowledged,
    /// Too few confirmed in time.
    TooFew(String),
    /// The barrier's key lies on another server by now.
    Moved,
    /// The connection is no good.
    Broken(String),
}

/// The way to the task that waits. Dropped, the task ends.
pub(super) struct AckWaiter {
    queue: mpsc::Sender<oneshot::Sender<AckOutcome>>,
    task: JoinHandle<()>,
}

impl AckWaiter {
    /// Waits on `connection`, on which nothing else is ever sent.
    pub(super) fn start(connection: MultiplexedConnection, node: Arc<NodeState>, mode: AckMode) -> Self {
        let (queue, waiting) = mpsc::channel(node.common.settings.in_flight_max);
        #[expect(clippy::disallowed_methods, reason = "the handle is kept and aborted when the confirmer is dropped")]
        let task = tokio::spawn(run(connection, node, mode, waiting));
        Self { queue, task }
    }

    /// Returns when all that this server has done before is confirmed.
    ///
    /// # Errors
    /// It was not, or not in time: it may still be lost in a failover, or may not.
    pub(super) async fn wait(&self, deadline: Instant, node: &NodeState) -> Result<(), AckError> {
        loop {
            let (reply, answer) = oneshot::channel();
            let asked = async {
                self.queue.send(reply).await.ok()?;
                answer.await.ok()
            };
            match tokio::time::timeout_at(deadline, asked).await {
                Ok(Some(AckOutcome::Acknowledged)) => return Ok(()),
                Ok(Some(AckOutcome::Moved)) => {
                    node.next_home_shard();
                    node.common.refresh_topology.notify_one();
                    tokio::time::sleep_until(deadline.min(Instant::now() + TRY_AGAIN_PAUSE)).await;
                }
                Ok(Some(AckOutcome::TooFew(why))) => {
                    node.recheck_replicas();
                    return Err(AckError::TooFew(why));
                }
                Ok(Some(AckOutcome::Broken(why))) => return Err(AckError::Lost(why)),
                Ok(None) => return Err(AckError::Lost("it ended while replicas were waited for".to_owned())),
                Err(_) => {
                    node.recheck_replicas();
                    return Err(AckError::TooFew("no answer in time".to_owned()));
                }
            }
        }
    }
}

impl Drop for AckWaiter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(
    mut connection: MultiplexedConnection,
    node: Arc<NodeState>,
    mode: AckMode,
    mut queue: mpsc::Receiver<oneshot::Sender<AckOutcome>>,
) {
    let mut waiting = Vec::new();
    while queue.recv_many(&mut waiting, usize::MAX).await > 0 {
        if mode == AckMode::DisksEverySecond {
            tokio::time::sleep(BATCH_WINDOW).await;
            waiting.extend(std::iter::from_fn(|| queue.try_recv().ok()));
        }
        let outcome = acknowledge_round(&mut connection, &node, mode).await;
        for one in waiting.drain(..) {
            // Whoever asked may have gone meanwhile.
            let _ = one.send(outcome.clone());
        }
    }
}

/// Until as many have confirmed as the server had replicas when the barrier was written: one that has come since the
/// last check may be made primary like any other.
async fn acknowledge_round(connection: &mut MultiplexedConnection, node: &NodeState, mode: AckMode) -> AckOutcome {
    let until = Instant::now() + node.common.settings.timeout;
    loop {
        let wanted = node.replicas.required();
        let outcome = barrier(connection, node, mode, wanted).await;
        if !matches!(outcome, AckOutcome::Acknowledged) || node.replicas.required() <= wanted {
            return outcome;
        }
        if Instant::now() >= until {
            return AckOutcome::TooFew("more replicas came meanwhile".to_owned());
        }
    }
}

async fn barrier(connection: &mut MultiplexedConnection, node: &NodeState, mode: AckMode, wanted: usize) -> AckOutcome {
    let settings = &node.common.settings;
    let barrier = KeyLayout::with_prefix(settings.prefix.clone()).ack(node.home_shard());
    let limit_ms = u64::try_from(settings.timeout.as_millis()).unwrap_or(u64::MAX);
    let mut pipeline = Pipeline::new();
    if matches!(node.kind, NodeKind::ClusterNode) {
        // To a node that a slot is being moved to, and that holds no other; no harm anywhere else.
        pipeline.cmd("ASKING");
    }
    pipeline.cmd("EVAL").arg(BARRIER_SCRIPT).arg(1).arg(barrier).arg(BARRIER_TTL_MS);
    pipeline.cmd("INFO").arg("replication");
    let answers = if mode == AckMode::Replicas {
        pipeline.cmd("WAIT").arg(wanted).arg(limit_ms);
        3
    } else {
        // A replica that is asked together with the write answers before it has flushed it, and then says nothing
        // more for up to a second. So it is asked again once it has the write; what the first answer is does not
        // matter.
        pipeline.cmd("WAIT").arg(wanted).arg(limit_ms / 4);
        pipeline.cmd("WAITAOF").arg(1).arg(wanted).arg(limit_ms - limit_ms / 4);
        4
    };
    let asking = usize::from(matches!(node.kind, NodeKind::ClusterNode));
    let asked = connection.send_packed_commands(&pipeline, asking, answers);
    let mut answers = match tokio::time::timeout(settings.timeout + REPLY_SLACK, asked).await {
        // The server itself ends the wait: whoever says nothing after that is gone, or the connection is.
        Err(_) => return AckOutcome::Broken(format!("no answer within {} ms", settings.timeout.as_millis())),
        Ok(Err(error)) => return AckOutcome::Broken(error.to_string()),
        Ok(Ok(answers)) => answers,
    };
    // A cluster's word on its replicas counts more than one primary's, which names a dead one for a minute.
    if answers.len() > 1
        && let info = answers.remove(1)
        && !matches!(node.kind, NodeKind::ClusterNode)
        && let Ok(info) = ::redis::from_redis_value::<String>(info)
        && let Some(connected) = ServerFacts::parse(Some(&info), HashMap::new()).replicas()
    {
        node.replicas.note_increase(connected);
    }
    evaluate(answers, wanted)
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
    let (on_own_disk, confirmed, more) = match answers.next_back() {
        Some(Ok(Value::Array(counts))) => {
            let on_own_disk = counts.first().is_some_and(|own| count(own) > 0);
            (on_own_disk, counts.get(1).map_or(0, count), " (a replica without an append-only file never does)")
        }
        Some(Ok(value @ Value::Int(_))) => (true, count(&value), ""),
        Some(Err(error)) => return AckOutcome::TooFew(error.to_string()),
        _ => return AckOutcome::Broken("no answer".to_owned()),
    };
    if !on_own_disk {
        return AckOutcome::TooFew("the primary has not flushed its file in time".to_owned());
    }
    if confirmed < wanted {
        return AckOutcome::TooFew(format!("{confirmed} of {wanted} replicas confirmed in time{more}"));
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
    fn only_as_many_replicas_as_wanted_confirm() {
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
