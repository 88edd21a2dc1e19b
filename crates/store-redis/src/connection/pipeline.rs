//! Many requests at once, in one pipeline for each server. Reads that a pipeline did not answer are retried one by one.
//! Steps are sent once: the caller continues step by step where an answer is missing; see `protocol::import`.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Cmd, Pipeline, ServerError, Value};
use futures_util::{StreamExt as _, future, stream};
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
        let mut answers = self
            .scatter(deadline, shards, |node, places| {
                let mut pipeline = Pipeline::with_capacity(places.len());
                for place in places {
                    pipeline.add_command(commands[*place].1.clone());
                }
                async move {
                    let live = node.state.live_by(deadline).await.ok()?;
                    send_pipeline(&node, &live, live.reads.clone(), deadline, &pipeline).await
                }
            })
            .await?;
        let open = (0..answers.len()).filter(|place| match &answers[*place] {
            Some(Value::ServerError(error)) => error.code() != "WRONGTYPE",
            answer => answer.is_none(),
        });
        let open: Vec<usize> = open.collect();
        let again = open.into_iter().map(|place| {
            let (shard, command) = &commands[place];
            async move { (place, self.send_with_retries(deadline, *shard, &ServerRequest::Read(command)).await) }
        });
        let mut again = stream::iter(again).buffer_unordered(RETRY_CONCURRENCY);
        while let Some((place, reply)) = again.next().await {
            answers[place] = match reply {
                Ok(reply) => Some(reply.value),
                Err(RequestError::Server(error)) if error.code() == Some("WRONGTYPE") => {
                    ServerError::try_from(error).ok().map(Value::ServerError)
                }
                Err(error) => return Err(error),
            };
        }
        Ok(answers.into_iter().map(|answer| answer.unwrap_or(Value::Nil)).collect())
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
        let (shards, mut steps): (Vec<_>, Vec<_>) = steps.into_iter().map(|(shard, step)| (shard, Some(step))).unzip();
        let answers = self.scatter(deadline, shards, |node, places| {
            let steps: Vec<PipelineStep> = places.iter().filter_map(|place| steps[*place].take()).collect();
            async move { send_steps(&node, deadline, steps).await }
        });
        let is_answer = |value: &Value| !matches!(value, Value::ServerError(_));
        Ok(answers.await?.into_iter().map(|answer| answer.filter(is_answer)).collect())
    }

    /// Calls `send` for each server, with the places of those `shards` that it holds. The answers are in the order of
    /// the shards; `None` where a server did not answer.
    async fn scatter<F: Future<Output = Option<Vec<Value>>>>(
        &self,
        deadline: Instant,
        shards: Vec<Shard>,
        mut send: impl FnMut(Arc<ServerNode>, &[usize]) -> F,
    ) -> Result<Vec<Option<Value>>, RequestError> {
        let mut groups: BTreeMap<NodeAddress, (Arc<ServerNode>, Vec<usize>)> = BTreeMap::new();
        let mut answers = vec![None; shards.len()];
        for (place, shard) in shards.into_iter().enumerate() {
            let node = self.node(shard, deadline).await?;
            let address = NodeAddress::clone(&node.state.address());
            groups.entry(address).or_insert_with(|| (node, Vec::new())).1.push(place);
        }
        let pipelines = groups.into_values().map(|(node, places)| {
            let values = send(node, &places);
            async move { (places, values.await) }
        });
        for (places, values) in future::join_all(pipelines).await {
            for (place, value) in places.into_iter().zip(values.unwrap_or_default()) {
                answers[place] = Some(value);
            }
        }
        Ok(answers)
    }
}

/// Sends a pipeline once, on one connection of `live`; `None` if it was not answered.
async fn send_pipeline(
    node: &ServerNode,
    live: &LiveConnections,
    mut connection: MultiplexedConnection,
    deadline: Instant,
    pipeline: &Pipeline,
) -> Option<Vec<Value>> {
    let sent = connection.send_packed_commands(pipeline, 0, pipeline.len());
    match node.state.context.shared.timed(RedisRoundTrip::Pipeline, deadline, sent).await {
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
async fn send_steps(node: &ServerNode, deadline: Instant, steps: Vec<PipelineStep>) -> Option<Vec<Value>> {
    let live = node.state.live_by(deadline).await.ok()?;
    let mut pipeline = Pipeline::with_capacity(steps.len());
    for step in steps {
        match step {
            PipelineStep::Command(command) => pipeline.add_command(command),
            PipelineStep::Script { script, keys, args } => {
                let mut command = script.evalsha(&live.digests, &keys);
                command.arg(args);
                pipeline.add_command(command)
            }
        };
    }
    let answers = send_pipeline(node, &live, live.writes.clone(), deadline, &pipeline).await?;
    if let Some(ack_waiter) = &live.ack_waiter {
        ack_waiter.wait(deadline).await.ok()?;
    }
    Some(answers)
}
