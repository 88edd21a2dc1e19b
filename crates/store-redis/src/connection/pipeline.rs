//! Many requests at once, in one pipeline for each server. Reads that a pipeline did not answer are retried one by one.
//! Steps are sent once: the caller continues step by step where an answer is missing; see `protocol::import`.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Cmd, Pipeline, ServerError, Value};
use futures_util::{StreamExt as _, stream};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::connect::LiveConnections;
use super::node::ServerNode;
use super::request::ServerRequest;
use super::request_error::RequestError;
use super::router::ShardRouter;
use crate::layout::Shard;
use crate::script::Script;
use crate::settings::NodeAddress;
use userd_metrics::RedisRoundTrip;

/// How many reads are retried at once.
const RETRY_CONCURRENCY: usize = 64;

/// One of many steps that are sent together.
pub(crate) enum PipelineStep {
    /// A command.
    Command(Cmd),
    /// A script.
    Script {
        /// The script.
        script: Script,
        /// Its keys, all in one shard.
        keys: Vec<String>,
        /// Its arguments.
        args: Vec<Vec<u8>>,
    },
}

impl ShardRouter {
    /// Sends commands on keys of any shards, in one pipeline for each server. The answers are in the order of the
    /// commands. A key that holds another type does not fail the others: its error is returned as a value. Reads that
    /// were redirected, lost or rejected are retried like any other request.
    pub(crate) async fn fan_out(
        &self,
        deadline: Instant,
        commands: Vec<(Shard, Cmd)>,
    ) -> Result<Vec<Value>, RequestError> {
        let _permit = self.permit()?;
        let shards = commands.iter().map(|(shard, _)| *shard).collect();
        let mut pipelines: Vec<_> = self
            .group_by_node(deadline, shards)
            .await?
            .into_values()
            .map(|(node, places)| {
                let mut pipeline = Pipeline::with_capacity(places.len());
                for place in &places {
                    pipeline.add_command(commands[*place].1.clone());
                }
                async move {
                    let values = send_reads(&node, deadline, &pipeline, places.len()).await;
                    (places, values)
                }
            })
            .collect();
        // With one server, as for the reads of one user, a task of its own would only cost time.
        let here = if pipelines.len() == 1 { pipelines.pop() } else { None };
        let mut values = match here {
            Some(pipeline) => vec![pipeline.await],
            None => Vec::new(),
        };
        values.extend(pipelines.into_iter().collect::<JoinSet<_>>().join_all().await);
        let mut answers = vec![Value::Nil; commands.len()];
        let mut open = Vec::new();
        for (places, values) in values {
            let Some(values) = values else {
                open.extend(places);
                continue;
            };
            for (place, value) in places.into_iter().zip(values) {
                match value {
                    Value::ServerError(error) if error.code() != "WRONGTYPE" => open.push(place),
                    value => answers[place] = value,
                }
            }
        }
        let again = open.into_iter().map(|place| {
            let (shard, command) = &commands[place];
            async move { (place, self.send_with_retries(deadline, *shard, &ServerRequest::Read(command)).await) }
        });
        let mut again = stream::iter(again).buffer_unordered(RETRY_CONCURRENCY);
        while let Some((place, reply)) = again.next().await {
            answers[place] = match reply {
                Ok(reply) => reply.value,
                Err(RequestError::Server(error)) if error.code() == Some("WRONGTYPE") => {
                    ServerError::try_from(error).map_or(Value::Nil, Value::ServerError)
                }
                Err(error) => return Err(error),
            };
        }
        Ok(answers)
    }

    /// Sends steps on keys of any shards, in one pipeline for each server, and waits for replicas or disks if
    /// `redis.acknowledge` requires that. The answers are in the order of the steps; `None` where the outcome is
    /// unknown: redirected, rejected, lost or not acknowledged.
    pub(crate) async fn pipeline(
        &self,
        deadline: Instant,
        steps: Vec<(Shard, PipelineStep)>,
    ) -> Result<Vec<Option<Value>>, RequestError> {
        let _permit = self.permit()?;
        let mut answers: Vec<Option<Value>> = std::iter::repeat_with(|| None).take(steps.len()).collect();
        let (shards, mut steps): (_, Vec<_>) = steps.into_iter().map(|(shard, step)| (shard, Some(step))).unzip();
        let mut pipelines = JoinSet::new();
        for (node, places) in self.group_by_node(deadline, shards).await?.into_values() {
            let steps: Vec<PipelineStep> = places.iter().filter_map(|place| steps[*place].take()).collect();
            pipelines.spawn(async move { (places, send_steps(&node, deadline, &steps).await) });
        }
        while let Some(done) = pipelines.join_next().await {
            let Ok((places, Some(values))) = done else { continue };
            for (place, value) in places.into_iter().zip(values) {
                answers[place] = Some(value).filter(|value| !matches!(value, Value::ServerError(_)));
            }
        }
        Ok(answers)
    }

    /// The places of `shards` by the server that holds each.
    async fn group_by_node(
        &self,
        deadline: Instant,
        shards: Vec<Shard>,
    ) -> Result<BTreeMap<NodeAddress, (Arc<ServerNode>, Vec<usize>)>, RequestError> {
        let mut groups = BTreeMap::new();
        for (place, shard) in shards.into_iter().enumerate() {
            let node = self.node(shard, deadline).await?;
            let address = NodeAddress::clone(&node.state.address());
            groups.entry(address).or_insert_with(|| (node, Vec::new())).1.push(place);
        }
        Ok(groups)
    }
}

/// Sends a pipeline of `count` reads once; `None` if it was not answered.
async fn send_reads(node: &ServerNode, deadline: Instant, pipeline: &Pipeline, count: usize) -> Option<Vec<Value>> {
    let live = node.state.live_by(deadline).await.ok()?;
    send_pipeline(node, &live, live.reads.clone(), deadline, (pipeline, count)).await
}

/// Sends a pipeline of `count` commands once, on one connection of `live`; `None` if it was not answered.
async fn send_pipeline(
    node: &ServerNode,
    live: &LiveConnections,
    mut connection: MultiplexedConnection,
    deadline: Instant,
    (pipeline, count): (&Pipeline, usize),
) -> Option<Vec<Value>> {
    let began = Instant::now();
    let answer = tokio::time::timeout_at(deadline, connection.send_packed_commands(pipeline, 0, count)).await;
    node.state.context.settings().metrics.stores.record_round_trip(RedisRoundTrip::Pipeline, began.elapsed());
    match answer {
        Ok(Ok(answers)) => Some(answers),
        Ok(Err(error)) => {
            node.state.mark_lost(live, &error.to_string());
            None
        }
        Err(_) => {
            node.state.probe_requested.notify_one();
            None
        }
    }
}

/// Sends steps once; `None` if the answers were lost or are not acknowledged.
async fn send_steps(node: &ServerNode, deadline: Instant, steps: &[PipelineStep]) -> Option<Vec<Value>> {
    let live = node.state.live_by(deadline).await.ok()?;
    let mut pipeline = Pipeline::with_capacity(steps.len());
    for step in steps {
        match step {
            PipelineStep::Command(command) => pipeline.add_command(command.clone()),
            PipelineStep::Script { script, keys, args } => {
                let mut command = script.evalsha(&live.digests, keys);
                command.arg(args);
                pipeline.add_command(command)
            }
        };
    }
    let answers = send_pipeline(node, &live, live.writes.clone(), deadline, (&pipeline, steps.len())).await?;
    if let Some(ack_waiter) = &live.ack_waiter {
        ack_waiter.wait(deadline).await.ok()?;
    }
    Some(answers)
}
