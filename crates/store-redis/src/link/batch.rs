//! Many steps at once: one pipeline for each server, each sent once. What that leaves open is for the caller, who goes
//! on step by step: see `importing`.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::redis::{Cmd, Pipeline, Value};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::many::send_on;
use super::node::Node;
use super::{Link, LinkError};
use crate::Address;
use crate::keys::Shard;
use crate::script::Script;

/// One of many that are sent together.
pub(crate) enum Batched {
    /// A command.
    Command(Cmd),
    /// A step.
    Script {
        /// Which.
        script: Script,
        /// Its keys, all in one shard.
        keys: Vec<String>,
        /// Its arguments.
        args: Vec<Vec<u8>>,
    },
}

/// What goes to one server.
struct Group {
    node: Arc<Node>,
    places: Vec<usize>,
    steps: Vec<Batched>,
}

impl Link {
    /// Sends steps on keys of any shards, in one pipeline for each server, and waits until replicas and disks confirm
    /// them where the operator asks for that. The answers are in the steps' order; `None` where nothing is known:
    /// redirected, refused, lost or unconfirmed.
    pub(crate) async fn batch(
        &self,
        deadline: Instant,
        steps: Vec<(Shard, Batched)>,
    ) -> Result<Vec<Option<Value>>, LinkError> {
        let _permit = self.permit()?;
        let mut answers: Vec<Option<Value>> = std::iter::repeat_with(|| None).take(steps.len()).collect();
        let mut groups: BTreeMap<Address, Group> = BTreeMap::new();
        for (place, (shard, step)) in steps.into_iter().enumerate() {
            let node = self.node(shard, deadline).await?;
            let address = Address::clone(&node.state.address());
            let group = groups.entry(address).or_insert_with(|| Group { node, places: Vec::new(), steps: Vec::new() });
            group.places.push(place);
            group.steps.push(step);
        }
        let mut pipelines: JoinSet<_> = groups
            .into_values()
            .map(|Group { node, places, steps }| async move { (places, send(&node, deadline, &steps).await) })
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

/// Sends them once; `None` if the answers were lost or are not confirmed.
async fn send(node: &Node, deadline: Instant, steps: &[Batched]) -> Option<Vec<Value>> {
    let live = node.state.live_before(deadline).await.ok()?;
    let mut pipeline = Pipeline::with_capacity(steps.len());
    for step in steps {
        match step {
            Batched::Command(command) => pipeline.add_command(command.clone()),
            Batched::Script { script, keys, args } => {
                let mut command = script.evalsha(&live.digests, keys);
                command.arg(args);
                pipeline.add_command(command)
            }
        };
    }
    let answers = send_on(node, &live, live.writes.clone(), deadline, (&pipeline, steps.len())).await?;
    if let Some(confirmer) = &live.confirmer {
        confirmer.confirm(deadline, &node.state).await.ok()?;
    }
    Some(answers)
}
