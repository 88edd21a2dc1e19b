//! Many steps at once: one pipeline for each server, sent once. There are no retries: the caller continues step by step
//! where an answer is missing; see `protocol::import`.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::redis::{Cmd, Pipeline, Value};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::fan_out::send_pipeline;
use super::node::ServerNode;
use super::request_error::RequestError;
use super::router::ShardRouter;
use crate::layout::Shard;
use crate::script::Script;
use crate::settings::NodeAddress;

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

/// The steps for one server.
struct NodePipeline {
    node: Arc<ServerNode>,
    places: Vec<usize>,
    steps: Vec<PipelineStep>,
}

impl ShardRouter {
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
        let mut groups: BTreeMap<NodeAddress, NodePipeline> = BTreeMap::new();
        for (place, (shard, step)) in steps.into_iter().enumerate() {
            let node = self.node(shard, deadline).await?;
            let address = NodeAddress::clone(&node.state.address());
            let group =
                groups.entry(address).or_insert_with(|| NodePipeline { node, places: Vec::new(), steps: Vec::new() });
            group.places.push(place);
            group.steps.push(step);
        }
        let mut pipelines: JoinSet<_> = groups
            .into_values()
            .map(|NodePipeline { node, places, steps }| async move { (places, send(&node, deadline, &steps).await) })
            .collect();
        while let Some(done) = pipelines.join_next().await {
            let Ok((places, Some(values))) = done else { continue };
            for (place, value) in places.into_iter().zip(values) {
                answers[place] = Some(value).filter(|value| !matches!(value, Value::ServerError(_)));
            }
        }
        Ok(answers)
    }
}

/// Sends steps once; `None` if the answers were lost or are not acknowledged.
async fn send(node: &ServerNode, deadline: Instant, steps: &[PipelineStep]) -> Option<Vec<Value>> {
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
