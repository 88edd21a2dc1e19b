//! The way to the servers: finds the one that holds a shard, waits within bounds, repeats what may be repeated.
//!
//! | module | what it is |
//! |---|---|
//! | `node` | one server, its connections and the keeper that makes them anew |
//! | `connect` | how a connection is made and a server checked |
//! | `cluster`, `slots` | which node of a cluster serves which shard |
//! | `tls_mismatch` | why a server that does not answer may be spoken to in the wrong way |
//! | `sentinel` | which server Sentinels name as the primary |
//! | `acknowledge`, `replicas`, `fsync_check` | waiting for replicas and disks |
//! | `request`, `fan_out`, `pipeline` | what is sent, and what an error calls for; many reads at once, and many steps |
//!
//! Everything sent through here may be sent twice: reads, and scripts that know their own repeat. That is why a lost
//! answer is simply asked for again. The few scripts that don't (`Script::is_non_idempotent`) are late then. Requests of all tasks share connections and pipeline by themselves; no blocking
//! command ever goes on a shared one.

mod acknowledge;
mod cluster;
mod connect;
mod fan_out;
mod fsync_check;
mod node;
mod pipeline;
mod replicas;
mod request;
mod sentinel;
mod slots;
mod tls_mismatch;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ::redis::{Cmd, RedisError, Value};
use tokio::sync::{Notify, Semaphore, SemaphorePermit, TryAcquireError};
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::acknowledge::AckError;
use self::cluster::ClusterTopology;
pub(super) use self::connect::dial_for_reading;
use self::node::{LiveConnections, NodeKind, ServerNode, SharedContext};
pub(super) use self::pipeline::PipelineStep;
use self::request::{ErrorAction, ServerRequest, action_for, send};
use self::sentinel::SentinelWatch;
use super::layout::Shard;
use super::script::Script;
use super::{NodeAddress, RedisSettings, ServerTopology};
use userd_core::random::Random;
use userd_metrics::{Counter, EnumFamily, RedisRetry, RedisRoundTrip};
use userd_store::StoreError;

/// Pause before a request is repeated that the server asked to repeat (`TRYAGAIN`, `BUSY`, `CLUSTERDOWN`).
const TRY_AGAIN_PAUSE: Duration = Duration::from_millis(20);

/// The way to the servers. See the module's text.
pub(super) struct ShardRouter {
    common: Arc<SharedContext>,
    route: ServerRoute,
    permits: Semaphore,
    /// Ends with the link.
    _subscriptions: JoinSet<()>,
}

/// Who holds which shard.
enum ServerRoute {
    /// One server holds all.
    Standalone(Arc<ServerNode>),
    /// The nodes of a cluster.
    Cluster(ClusterTopology),
}

/// The server's answer to a script.
pub(super) struct ScriptReply {
    /// What it said.
    pub(super) value: Value,
    /// An earlier copy of the same message may have run, and its answer was lost. A step recognises its own
    /// repeat, unless somebody else has changed the same record in between: then it can't tell.
    pub(super) repeated: bool,
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequestError {
    /// More requests are under way than `redis.in_flight_max`.
    #[error("more than {0} requests to Redis are under way")]
    Overloaded(usize),
    /// No answer within the deadline, or no connection.
    #[error("Redis gave no answer in time{}", .0.as_deref().map(|why| format!(": {why}")).unwrap_or_default())]
    TimedOut(Option<String>),
    /// The keys that the request concerns are being moved to another node, one by one.
    #[error("the slot of the keys is being moved to another node of the cluster")]
    Resharding,
    /// It was done, but replicas or disks did not confirm it: a failover may undo it, or may not.
    #[error("the change is not confirmed as redis.acknowledge wants it: {0}")]
    NotAcknowledged(String),
    /// The server's own word.
    #[error("Redis answered with an error")]
    Server(#[source] RedisError),
}

impl RequestError {
    /// What this means for the record at `key`.
    pub(super) fn at(self, key: &str) -> StoreError {
        match self {
            Self::Server(error) if error.code() == Some("WRONGTYPE") => {
                StoreError::corrupt(key, "the key holds another type")
            }
            other => StoreError::unavailable(other),
        }
    }
}

impl ShardRouter {
    /// Connects once, and from then on keeps connections. Servers that are away are no error.
    ///
    /// # Errors
    /// The sentence with which a server was refused.
    pub(super) async fn start(settings: RedisSettings, random: Arc<dyn Random>) -> Result<Self, String> {
        let permits = Semaphore::new(settings.in_flight_max);
        let servers = settings.servers.clone();
        let common = Arc::new(SharedContext { settings, random, refresh_topology: Notify::new() });
        let mut subscriptions = JoinSet::new();
        let route = match servers {
            ServerTopology::Standalone(address) => ServerRoute::Standalone(Arc::new(
                ServerNode::start(Arc::clone(&common), address, NodeKind::Single, Shard::FIRST).await?,
            )),
            ServerTopology::Sentinel(sentinels) => {
                let watch = NodeKind::SentinelPrimary(Arc::new(SentinelWatch::new(sentinels.clone())));
                let unknown = NodeAddress::new("", 0);
                let node = Arc::new(ServerNode::start(Arc::clone(&common), unknown, watch, Shard::FIRST).await?);
                subscriptions = sentinel::watch(&common, &sentinels, &node.state);
                sentinel::warn_if_few(&common.settings, &sentinels).await;
                ServerRoute::Standalone(node)
            }
            ServerTopology::Cluster(seeds) => {
                ServerRoute::Cluster(ClusterTopology::start(Arc::clone(&common), seeds).await?)
            }
        };
        Ok(Self { common, route, permits, _subscriptions: subscriptions })
    }

    /// When a call that begins now has to be over.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.common.settings.timeout
    }

    /// The clock of the server that holds `shard`, in milliseconds; estimated from its answer at the last check.
    pub(super) async fn server_now_ms(&self, deadline: Instant, shard: Shard) -> Result<u64, RequestError> {
        Ok(self.node(shard, deadline).await?.state.server_now_ms())
    }

    /// Asks that server for its clock again; for when it said that our estimate is off.
    pub(super) async fn refresh_server_clock(&self, deadline: Instant, shard: Shard) -> Result<(), RequestError> {
        let node = self.node(shard, deadline).await?;
        let answer = send_once(&node, deadline, &::redis::cmd("TIME")).await?;
        node.state.set_server_clock(&answer);
        Ok(())
    }

    /// Why the servers can't be relied on at the moment; `None` if they can.
    pub(super) fn unavailable_reason(&self) -> Option<String> {
        match &self.route {
            ServerRoute::Standalone(node) => node.state.unavailable_reason(),
            ServerRoute::Cluster(cluster) => cluster.map().unavailable_reason(),
        }
    }

    /// The servers that hold keys now.
    pub(super) fn servers(&self) -> Vec<NodeAddress> {
        self.nodes().iter().map(|node| NodeAddress::clone(&node.state.address())).collect()
    }

    /// What the operator asked for.
    pub(super) fn settings(&self) -> &RedisSettings {
        &self.common.settings
    }

    /// A number that changes when a shard is served by another server than before.
    pub(super) fn topology_hash(&self) -> u64 {
        match &self.route {
            ServerRoute::Standalone(_) => 0,
            ServerRoute::Cluster(cluster) => cluster.map().topology_hash(),
        }
    }

    /// Sends one command to one of [`Self::servers`].
    pub(super) async fn run_on_server(
        &self,
        deadline: Instant,
        server: &NodeAddress,
        command: &Cmd,
    ) -> Result<Value, RequestError> {
        let _permit = self.permit()?;
        let node = self.nodes().into_iter().find(|node| *node.state.address() == *server);
        let node = node.ok_or_else(|| RequestError::TimedOut(Some(format!("{server} holds no keys any more"))))?;
        send_once(&node, deadline, command).await
    }

    /// One of the servers answers.
    pub(super) async fn ping(&self, deadline: Instant) -> Result<(), RequestError> {
        let _permit = self.permit()?;
        let mut last = Err(RequestError::TimedOut(self.unavailable_reason()));
        let mut pings = JoinSet::new();
        for node in self.nodes() {
            pings.spawn(async move { send_once(&node, deadline, &::redis::cmd("PING")).await });
        }
        while let Some(answer) = pings.join_next().await {
            match answer {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) => last = Err(error),
                Err(_) => {}
            }
        }
        last
    }

    /// Sends one command on a key of `shard` and waits for its answer.
    pub(super) async fn command(&self, deadline: Instant, shard: Shard, command: &Cmd) -> Result<Value, RequestError> {
        self.dispatch(deadline, shard, &ServerRequest::Read(command)).await.map(|reply| reply.value)
    }

    /// The same for what a verdict rests on: it is confirmed as a change is.
    pub(super) async fn acknowledged_read(
        &self,
        deadline: Instant,
        shard: Shard,
        command: &Cmd,
    ) -> Result<Value, RequestError> {
        self.dispatch(deadline, shard, &ServerRequest::AcknowledgedRead(command)).await.map(|reply| reply.value)
    }

    /// Runs a script on keys of `shard`. Sends it whole where the server has forgotten it.
    pub(super) async fn script(
        &self,
        deadline: Instant,
        shard: Shard,
        script: Script,
        keys: &[&str],
        args: &[impl AsRef<[u8]> + Sync],
    ) -> Result<ScriptReply, RequestError> {
        let args: Vec<&[u8]> = args.iter().map(AsRef::as_ref).collect();
        self.dispatch(deadline, shard, &ServerRequest::Script { script, keys, args: &args, resharding_timeout: None })
            .await
    }

    /// The same, but a slot that is being moved is not waited for until the deadline: after `resharding_timeout` the
    /// answer is [`RequestError::Resharding`].
    pub(super) async fn script_unless_resharding(
        &self,
        deadline: Instant,
        shard: Shard,
        resharding_timeout: Duration,
        (script, keys, args): (Script, &[&str], &[&[u8]]),
    ) -> Result<ScriptReply, RequestError> {
        let resharding_timeout = Some(resharding_timeout);
        self.dispatch(deadline, shard, &ServerRequest::Script { script, keys, args, resharding_timeout }).await
    }

    async fn dispatch(
        &self,
        deadline: Instant,
        shard: Shard,
        request: &ServerRequest<'_>,
    ) -> Result<ScriptReply, RequestError> {
        let _permit = self.permit()?;
        self.send_with_retries(deadline, shard, request).await
    }

    /// Asks, and asks again wherever and for as long as it takes, until the deadline.
    async fn send_with_retries(
        &self,
        deadline: Instant,
        shard: Shard,
        request: &ServerRequest<'_>,
    ) -> Result<ScriptReply, RequestError> {
        let (mut repeated, mut elsewhere, mut resharding_since) = (false, None, None);
        loop {
            let (node, asking) = match elsewhere.take() {
                Some(node) => (node, true),
                None => (self.node(shard, deadline).await?, false),
            };
            let Some(live) = self.live(&node, deadline).await? else { continue };
            let sent = self.timed(request.trip(), tokio::time::timeout_at(deadline, send(&live, request, asking)));
            let error = match sent.await {
                Ok(Ok(value)) => match acknowledge(&live, &node, deadline, request).await {
                    Ok(()) => return Ok(ScriptReply { value, repeated }),
                    Err(AckError::TooFew(why)) => return Err(RequestError::NotAcknowledged(why)),
                    Err(AckError::Lost(why)) => {
                        self.retries().inc(RedisRetry::Unacknowledged);
                        repeated = true;
                        node.state.mark_lost(&live, &why);
                        continue;
                    }
                },
                Ok(Err(error)) => error,
                Err(_) => {
                    node.state.probe();
                    return Err(RequestError::TimedOut(node.state.unavailable_reason()));
                }
            };
            match action_for(&error, &node.state.address()) {
                ErrorAction::Reconnect => {
                    // What the server refused did not run; of what was lost on the way nobody knows.
                    let lost = !matches!(error.kind(), ::redis::ErrorKind::Server(_));
                    repeated |= lost;
                    node.state.mark_lost(&live, &error.to_string());
                    if lost && request.is_non_idempotent() {
                        return Err(RequestError::TimedOut(Some("its answer was lost".to_owned())));
                    }
                    self.retries().inc(if lost { RedisRetry::Lost } else { RedisRetry::Refused });
                }
                ErrorAction::Moved(address) => {
                    self.retries().inc(RedisRetry::Moved);
                    self.moved(shard, &address);
                }
                ErrorAction::AskAt(address) => {
                    self.retries().inc(RedisRetry::Ask);
                    elsewhere = self.node_at(&address, shard);
                }
                ErrorAction::Resharding => {
                    self.retries().inc(RedisRetry::Resharding);
                    let since = *resharding_since.get_or_insert_with(Instant::now);
                    if request.resharding_timeout().is_some_and(|patience| since.elapsed() >= patience) {
                        return Err(RequestError::Resharding);
                    }
                    pause_before(deadline).await.map_err(|()| RequestError::Resharding)?;
                }
                ErrorAction::Wait => {
                    self.retries().inc(RedisRetry::Busy);
                    self.common.refresh_topology.notify_one();
                    pause_before(deadline).await.map_err(|()| RequestError::Server(error))?;
                }
                ErrorAction::Fail => return Err(RequestError::Server(error)),
            }
        }
    }

    /// Counts a round trip that `sent` waits for.
    async fn timed<T>(&self, trip: RedisRoundTrip, sent: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let answer = sent.await;
        self.common.settings.metrics.stores.record_round_trip(trip, began.elapsed());
        answer
    }

    /// What is sent once more, by why.
    fn retries(&self) -> &EnumFamily<RedisRetry, Counter> {
        &self.common.settings.metrics.stores.retries
    }

    fn permit(&self) -> Result<SemaphorePermit<'_>, RequestError> {
        self.permits.try_acquire().map_err(|refusal| match refusal {
            TryAcquireError::NoPermits => RequestError::Overloaded(self.common.settings.in_flight_max),
            TryAcquireError::Closed => RequestError::TimedOut(Some("the store is closed".to_owned())),
        })
    }

    fn nodes(&self) -> Vec<Arc<ServerNode>> {
        match &self.route {
            ServerRoute::Standalone(node) => vec![Arc::clone(node)],
            ServerRoute::Cluster(cluster) => cluster.map().nodes(),
        }
    }

    async fn node(&self, shard: Shard, deadline: Instant) -> Result<Arc<ServerNode>, RequestError> {
        match &self.route {
            ServerRoute::Standalone(node) => Ok(Arc::clone(node)),
            ServerRoute::Cluster(cluster) => cluster.map().node(shard, deadline).await,
        }
    }

    fn moved(&self, shard: Shard, address: &NodeAddress) {
        if let ServerRoute::Cluster(cluster) = &self.route {
            cluster.map().moved(shard, address);
        }
    }

    fn node_at(&self, address: &NodeAddress, shard: Shard) -> Option<Arc<ServerNode>> {
        match &self.route {
            ServerRoute::Standalone(_) => None,
            ServerRoute::Cluster(cluster) => Some(cluster.map().node_for_redirect(address, shard)),
        }
    }

    /// Connections to the node; `None` if meanwhile another node may serve the shard.
    async fn live(&self, node: &ServerNode, deadline: Instant) -> Result<Option<Arc<LiveConnections>>, RequestError> {
        if let Some(live) = node.state.live() {
            return Ok(Some(live));
        }
        match &self.route {
            ServerRoute::Standalone(_) => node.state.live_by(deadline).await.map(Some),
            ServerRoute::Cluster(cluster) => {
                let mut changes = cluster.map().changes();
                tokio::select! {
                    live = node.state.live_by(deadline) => live.map(Some),
                    _ = changes.changed() => Ok(None),
                }
            }
        }
    }

    /// Ends the keepers and lets go of the connections.
    pub(super) fn close(&self) {
        self.permits.close();
        match &self.route {
            ServerRoute::Standalone(node) => node.close(),
            ServerRoute::Cluster(cluster) => cluster.close(),
        }
    }
}

impl Drop for ShardRouter {
    fn drop(&mut self) {
        self.close();
    }
}

/// Sends a command that may go to any server, once.
async fn send_once(node: &ServerNode, deadline: Instant, command: &Cmd) -> Result<Value, RequestError> {
    let live = node.state.live_by(deadline).await?;
    let began = Instant::now();
    let answer = tokio::time::timeout_at(deadline, send(&live, &ServerRequest::Read(command), false)).await;
    node.state.common.settings.metrics.stores.record_round_trip(RedisRoundTrip::Server, began.elapsed());
    match answer {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            if matches!(action_for(&error, &node.state.address()), ErrorAction::Reconnect) {
                node.state.mark_lost(&live, &error.to_string());
            }
            Err(RequestError::Server(error))
        }
        Err(_) => {
            node.state.probe();
            Err(RequestError::TimedOut(node.state.unavailable_reason()))
        }
    }
}

/// Waits for replicas or disks where the operator asks for it and the answer rests on them.
async fn acknowledge(
    live: &LiveConnections,
    node: &ServerNode,
    deadline: Instant,
    request: &ServerRequest<'_>,
) -> Result<(), AckError> {
    match &live.ack_waiter {
        Some(ack_waiter) if request.needs_acknowledgement() => ack_waiter.wait(deadline, &node.state).await,
        _ => Ok(()),
    }
}

/// A moment; an error if it would end past the deadline.
async fn pause_before(deadline: Instant) -> Result<(), ()> {
    if Instant::now() + TRY_AGAIN_PAUSE >= deadline {
        return Err(());
    }
    tokio::time::sleep(TRY_AGAIN_PAUSE).await;
    Ok(())
}
