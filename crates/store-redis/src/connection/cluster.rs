//! Which node of a cluster serves which shard, kept up to date. Sends none of the store's requests.
//!
//! Every node that answers is asked for the map (`CLUSTER SLOTS`), and the majority counts. It is asked again every 30
//! seconds, and whenever the map is in doubt: after a redirection, a lost connection or `CLUSTERDOWN`. A redirection
//! corrects one shard at once. Each primary is a [`ServerNode`] with its own connections and checks, so an unavailable
//! shard does not delay the others.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::redis::Value;
use arc_swap::ArcSwap;
use futures_util::future;
use tokio::sync::watch;
use tokio::time::Instant;

use super::connect_error::{ConnectError, ConnectFailure, command_error, within};
use super::context::SharedContext;
use super::dial::dial;
use super::node::{REPLICAS_RECHECK, ServerNode};
use super::request_error::RequestError;
use super::slots::{self, SLOTS, SlotRange, slot_of};
use super::versions::{check_versions, read_versions};
use crate::layout::Shard;
use crate::settings::{AckRequirement, NodeAddress};

/// The pause between two requests for the map, however often it is in doubt.
const REFRESH_PAUSE: Duration = Duration::from_millis(100);

/// Which node serves which shard.
pub(super) struct ClusterMap {
    shared: Arc<SharedContext>,
    seeds: Vec<NodeAddress>,
    slots: Vec<u16>,
    by_shard: ArcSwap<Vec<Option<Arc<ServerNode>>>>,
    nodes: Mutex<BTreeMap<NodeAddress, Arc<ServerNode>>>,
    /// Notified when the map has changed.
    pub(super) changed: watch::Sender<()>,
}

impl ClusterMap {
    /// Finds the cluster and checks each primary; [`supervise`] then keeps the map up to date. An unavailable cluster
    /// is no error.
    ///
    /// # Errors
    /// Why the cluster is refused. Nothing has been written then.
    pub(super) async fn start(shared: Arc<SharedContext>, seeds: Vec<NodeAddress>) -> Result<Self, String> {
        let map = Self {
            shared,
            seeds,
            slots: Shard::all().map(slot_of).collect(),
            by_shard: ArcSwap::from_pointee(vec![None; Shard::all().count()]),
            nodes: Mutex::default(),
            changed: watch::Sender::new(()),
        };
        match map.discover().await {
            Ok(ranges) => {
                map.check_versions_everywhere(&ranges).await?;
                let views = [ranges];
                map.start_nodes(&views).await?;
                map.apply_views(&views);
            }
            Err(ConnectFailure::Refused(why)) => return Err(why),
            Err(ConnectFailure::Unavailable(why)) => {
                tracing::warn!(
                    reason = why,
                    "the Redis cluster is unavailable; userd keeps retrying, and is not ready until then"
                );
            }
        }
        Ok(map)
    }

    /// The node that serves `shard`; waits until it is known, or until the deadline.
    pub(super) async fn node(&self, shard: Shard, deadline: Instant) -> Result<Arc<ServerNode>, RequestError> {
        let mut changed = self.changed.subscribe();
        loop {
            if let Some(node) = &self.by_shard.load()[usize::from(shard.number())] {
                return Ok(Arc::clone(node));
            }
            self.shared.refresh_topology.notify_one();
            if tokio::time::timeout_at(deadline, changed.changed()).await.is_err() {
                return Err(RequestError::TimedOut(Some("no node of the cluster serves this shard".to_owned())));
            }
        }
    }

    /// All known primaries.
    pub(super) fn nodes(&self) -> Vec<Arc<ServerNode>> {
        self.lock().values().map(Arc::clone).collect()
    }

    /// A hash of the map: it changes whenever a shard is served by another node.
    pub(super) fn topology_hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for node in self.by_shard.load().iter() {
            node.as_ref().map(|node| node.state.address()).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// The node at `address`, created if it is unknown: a redirection may name a node before the map does.
    fn node_at(&self, address: &NodeAddress, shard: Shard) -> Arc<ServerNode> {
        let begin = || ServerNode::start_in_background(Arc::clone(&self.shared), address.clone(), shard);
        Arc::clone(self.lock().entry(address.clone()).or_insert_with(|| Arc::new(begin())))
    }

    /// The same for a node that another node redirected to because keys are moving there: it may have no shard yet.
    pub(super) fn node_for_redirect(&self, address: &NodeAddress, shard: Shard) -> Arc<ServerNode> {
        let node = self.node_at(address, shard);
        node.state.note_redirect();
        node
    }

    /// Records that `shard` is now served at `address`, as a node said.
    pub(super) fn moved(&self, shard: Shard, address: &NodeAddress) {
        let node = self.node_at(address, shard);
        self.by_shard.rcu(|by_shard| {
            let mut by_shard = Vec::clone(by_shard);
            by_shard[usize::from(shard.number())] = Some(Arc::clone(&node));
            by_shard
        });
        self.changed.send_replace(());
        self.shared.refresh_topology.notify_one();
    }

    /// Why no node can be used; `None` if at least one can. An unavailable shard affects only its own users: if all of
    /// userd were reported as not ready, the other users would lose the service, too.
    pub(super) fn unavailable_reason(&self) -> Option<String> {
        let nodes = self.nodes();
        let mut reasons = Vec::new();
        // Lost data is another matter: the operator has to act before more is lost.
        let lost = nodes.iter().find(|node| node.state.context.is_wrong_store());
        if let Some(why) = lost.and_then(|node| node.state.unavailable_reason()) {
            return Some(why);
        }
        for node in &nodes {
            match node.state.unavailable_reason() {
                None => return None,
                Some(why) => reasons.push(format!("{}: {why}", node.state.address())),
            }
        }
        if nodes.is_empty() { Some("no node of the cluster answers".to_owned()) } else { Some(reasons.join("; ")) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<NodeAddress, Arc<ServerNode>>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the map by the majority of `views`, starts new nodes, and drops nodes that no longer serve any shard.
    fn apply_views(&self, views: &[Vec<SlotRange>]) {
        let mut by_shard = vec![None; self.slots.len()];
        let mut shards = self.shards_by_primary(views);
        for (primary, shards) in &shards {
            for shard in shards {
                by_shard[usize::from(shard.number())] = Some(self.node_at(primary, *shard));
            }
        }
        let mut nodes = self.lock();
        nodes.retain(|address, node| shards.contains_key(address) || node.state.was_recently_redirected());
        for (address, node) in nodes.iter() {
            node.state.context.replicas.set_shards(shards.remove(address).unwrap_or_default());
            node.state.context.replicas.note_cluster_count(slots::replicas(views, address));
        }
        drop(nodes);
        self.by_shard.store(Arc::new(by_shard));
        self.changed.send_replace(());
    }

    /// The shards that each primary serves, by the majority of `views`. A primary that serves none is left out.
    fn shards_by_primary<'a>(&self, views: &'a [Vec<SlotRange>]) -> BTreeMap<&'a NodeAddress, Vec<Shard>> {
        let mut shards: BTreeMap<_, Vec<Shard>> = BTreeMap::new();
        for (shard, slot) in Shard::all().zip(&self.slots) {
            if let Some(primary) = slots::majority_primary(views, *slot) {
                shards.entry(primary).or_default().push(shard);
            }
        }
        shards
    }

    /// The map as each node in service sees it, or, if none answers, as the first of the known addresses sees it. A
    /// single node may be isolated from the others without knowing.
    async fn query_all_nodes(&self) -> Vec<Vec<SlotRange>> {
        let limit = self.shared.settings.timeout / 2;
        let asked = self.nodes().into_iter().map(|node| async move {
            let mut connection = node.state.live()?.reads.clone();
            let (command, address) = (slots::slots_command(), node.state.address());
            let answer = tokio::time::timeout(limit, connection.send_packed_command(&command)).await;
            slots::parse_slots(answer.ok()?.ok()?, &address).filter(|ranges| !ranges.is_empty())
        });
        let views: Vec<Vec<SlotRange>> = future::join_all(asked).await.into_iter().flatten().collect();
        if !views.is_empty() {
            return views;
        }
        for seed in self.known_addresses() {
            if let Ok(Ok(ranges)) = tokio::time::timeout(limit, self.query_slots(&seed)).await {
                return vec![ranges];
            }
        }
        Vec::new()
    }

    fn known_addresses(&self) -> BTreeSet<NodeAddress> {
        self.seeds.iter().cloned().chain(self.lock().keys().cloned()).collect()
    }

    /// The map as the node at `address` sees it, over a new connection.
    async fn query_slots(&self, address: &NodeAddress) -> Result<Vec<SlotRange>, ConnectError> {
        let settings = &self.shared.settings;
        let mut connection = dial(settings, address, &settings.login, 0).await?;
        let answer = match slots::slots_command().query_async::<Value>(&mut connection).await {
            Ok(answer) => answer,
            Err(error) if error.to_string().contains("cluster support disabled") => {
                return Err(ConnectError::Refused(format!(
                    "{address} is not a node of a Redis Cluster; name nodes of one, or write redis:// for a single \
                     server"
                )));
            }
            Err(error) => return Err(command_error(error, &format!("CLUSTER SLOTS at {address}"))),
        };
        let ranges = slots::parse_slots(answer, address)
            .ok_or_else(|| ConnectError::Unavailable(format!("{address} returned no list of slots")))?;
        let served: usize = ranges.iter().map(|range| usize::from(range.slots.1 - range.slots.0) + 1).sum();
        if served < usize::from(SLOTS) {
            return Err(ConnectError::Refused(format!(
                "the cluster of {address} serves only {served} of {SLOTS} slots; assign all slots (redis-cli --cluster \
                 fix)"
            )));
        }
        Ok(ranges)
    }

    /// Asks each configured node for the map, and checks that they belong to one cluster.
    async fn discover(&self) -> Result<Vec<SlotRange>, ConnectFailure> {
        let (mut answers, mut reasons) = (Vec::new(), Vec::new());
        for seed in &self.seeds {
            match within(self.shared.settings.timeout * 2, "no answer in time", self.query_slots(seed)).await {
                Ok(ranges) => answers.push((seed, ranges)),
                Err(ConnectFailure::Unavailable(why)) => reasons.push(format!("{seed}: {why}")),
                Err(refused) => return Err(refused),
            }
        }
        for why in reasons.iter().filter(|_| !answers.is_empty()) {
            tracing::warn!(reason = why, "a node of the cluster is unavailable; the others are enough");
        }
        let ids = |ranges: &[SlotRange]| ranges.iter().map(|range| range.id.clone()).collect::<BTreeSet<_>>();
        let mut answers = answers.into_iter();
        let Some((seed, ranges)) = answers.next() else { return Err(ConnectFailure::Unavailable(reasons.join("; "))) };
        for (other, others) in answers {
            // A failover may be in progress; no common primary at all means two clusters.
            if ids(&ranges).is_disjoint(&ids(&others)) {
                return Err(ConnectFailure::Refused(format!(
                    "{seed} and {other} belong to two different clusters; name nodes of one"
                )));
            }
        }
        Ok(ranges)
    }

    /// Refuses a key space that this version cannot read, before anything is written to any node.
    async fn check_versions_everywhere(&self, ranges: &[SlotRange]) -> Result<(), String> {
        let (settings, keys) = (&self.shared.settings, &self.shared.keys);
        for address in ranges.iter().map(|range| &range.primary).collect::<BTreeSet<_>>() {
            let check = async {
                let mut connection = dial(settings, address, &settings.login, 0).await?;
                check_versions(keys, read_versions(keys, &mut connection).await?)
            };
            let checked = within(settings.timeout * 2, "no answer in time", check).await;
            if let Err(ConnectFailure::Refused(why)) = checked {
                return Err(why);
            }
        }
        Ok(())
    }

    /// Connects to every primary at once.
    async fn start_nodes(&self, views: &[Vec<SlotRange>]) -> Result<(), String> {
        let starting = self.shards_by_primary(views).into_iter().map(|(address, shards)| async move {
            let node = ServerNode::start(Arc::clone(&self.shared), address.clone(), shards[0]).await?;
            self.lock().insert(address.clone(), Arc::new(node));
            Ok(())
        });
        future::try_join_all(starting).await.map(drop)
    }
}

/// Keeps the map up to date.
pub(super) async fn supervise(map: Arc<ClusterMap>) {
    let settings = &map.shared.settings;
    // The map also says how many replicas have to acknowledge.
    let every = match settings.acknowledge {
        AckRequirement::Primary => settings.recheck_every,
        AckRequirement::Replicas | AckRequirement::Disk => settings.recheck_every.min(REPLICAS_RECHECK),
    };
    loop {
        let recheck_at = Instant::now() + every;
        tokio::select! {
            () = map.shared.refresh_topology.notified() => {}
            () = tokio::time::sleep_until(recheck_at) => {}
        }
        match map.query_all_nodes().await {
            // No node answers: without this notification the next attempt would be at the next recheck.
            views if views.is_empty() => map.shared.refresh_topology.notify_one(),
            views => map.apply_views(&views),
        }
        tokio::time::sleep(REFRESH_PAUSE).await;
    }
}
