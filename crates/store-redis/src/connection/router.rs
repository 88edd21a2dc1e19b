//! The entry point of the connection layer: routes each request to the server of its shard, waits within the request's
//! deadline, and retries what may be retried.
//!
//! Every call has a deadline, every retry is within it, and at most `redis.in_flight_max` calls are in flight.

use std::sync::Arc;
use std::time::Duration;

use ::redis::{Cmd, Value};
use futures_util::future;
use tokio::sync::{Semaphore, SemaphorePermit, TryAcquireError};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use super::acknowledge::AckError;
use super::cluster::{self, ClusterMap};
use super::connect::LiveConnections;
use super::context::{SharedContext, TRY_AGAIN_PAUSE};
use super::node::ServerNode;
use super::request::{ErrorAction, ServerRequest, action_for, send};
use super::request_error::RequestError;
use super::sentinel;
use super::sentinel_watch;
use crate::layout::Shard;
use crate::script::Script;
use crate::settings::{NodeAddress, RedisSettings, ServerTopology};
use userd_core::random::Random;
use userd_metrics::{Counter, EnumFamily, RedisRetry, RedisRoundTrip};

/// Routes requests to the servers.
pub(crate) struct ShardRouter {
    shared: Arc<SharedContext>,
    route: ServerRoute,
    permits: Semaphore,
    /// The subscriptions to the Sentinels and the supervisor of the cluster, which end with the router.
    _background: JoinSet<()>,
}

/// Which server holds which shard.
enum ServerRoute {
    /// One server holds all shards.
    Standalone(Arc<ServerNode>),
    /// The nodes of a cluster, and the task that keeps the map up to date.
    Cluster(Arc<ClusterMap>, AbortHandle),
}

/// The server's answer to a script.
pub(crate) struct ScriptReply {
    /// The answer.
    pub(crate) value: Value,
    /// An earlier copy of the same message may have run, and its answer was lost. A step recognises its own repeat,
    /// unless another request has changed the same record in between.
    pub(crate) repeated: bool,
}

impl ShardRouter {
    /// Connects once, then keeps the connections up. Unavailable servers are no error.
    ///
    /// # Errors
    /// Why a server is refused.
    pub(crate) async fn start(settings: RedisSettings, random: Arc<dyn Random>) -> Result<Self, String> {
        let permits = Semaphore::new(settings.in_flight_max);
        let shared = Arc::new(SharedContext::new(settings, random));
        let mut background = JoinSet::new();
        let route = match &shared.settings.servers {
            ServerTopology::Standalone(address) => {
                let node = ServerNode::start(Arc::clone(&shared), address.clone(), Shard::FIRST).await?;
                ServerRoute::Standalone(Arc::new(node))
            }
            ServerTopology::Sentinel(sentinels) => {
                let unknown = NodeAddress::new("", 0);
                let node = Arc::new(ServerNode::start(Arc::clone(&shared), unknown, Shard::FIRST).await?);
                sentinel_watch::subscribe_all(&mut background, &shared, sentinels, &node.state);
                sentinel::warn_if_few(&shared.settings, sentinels).await;
                ServerRoute::Standalone(node)
            }
            ServerTopology::Cluster(seeds) => {
                let map = Arc::new(ClusterMap::start(Arc::clone(&shared), seeds.clone()).await?);
                let supervisor = background.spawn(cluster::supervise(Arc::clone(&map)));
                ServerRoute::Cluster(map, supervisor)
            }
        };
        Ok(Self { shared, route, permits, _background: background })
    }

    /// The deadline of a call that begins now.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.shared.settings.timeout
    }

    /// The clock of the server that holds `shard`, in milliseconds, estimated from the last check.
    pub(crate) async fn server_now_ms(&self, deadline: Instant, shard: Shard) -> Result<u64, RequestError> {
        Ok(self.node(shard, deadline).await?.state.context.clock.now_ms())
    }

    /// Reads the clock of that server again, after it rejected a message because the estimate was wrong.
    pub(crate) async fn refresh_server_clock(&self, deadline: Instant, shard: Shard) -> Result<(), RequestError> {
        let node = self.node(shard, deadline).await?;
        let answer = send_once(&node, deadline, &::redis::cmd("TIME")).await?;
        node.state.context.clock.set(&answer);
        Ok(())
    }

    /// Why the servers cannot be used at the moment; `None` if they can.
    pub(crate) fn unavailable_reason(&self) -> Option<String> {
        match &self.route {
            ServerRoute::Standalone(node) => node.state.unavailable_reason(),
            ServerRoute::Cluster(map, _) => map.unavailable_reason(),
        }
    }

    /// The servers that hold keys.
    pub(crate) fn servers(&self) -> Vec<NodeAddress> {
        self.nodes().iter().map(|node| NodeAddress::clone(&node.state.address())).collect()
    }

    /// The operator's settings.
    pub(crate) fn settings(&self) -> &RedisSettings {
        &self.shared.settings
    }

    /// A hash of the map from shards to servers: it changes whenever the map does.
    pub(crate) fn topology_hash(&self) -> u64 {
        match &self.route {
            ServerRoute::Standalone(_) => 0,
            ServerRoute::Cluster(map, _) => map.topology_hash(),
        }
    }

    /// Sends one command to one of [`Self::servers`].
    pub(crate) async fn run_on_server(
        &self,
        deadline: Instant,
        server: &NodeAddress,
        command: &Cmd,
    ) -> Result<Value, RequestError> {
        let _permit = self.permit()?;
        let node = self.nodes().into_iter().find(|node| *node.state.address() == *server);
        let node = node.ok_or_else(|| RequestError::TimedOut(Some(format!("{server} no longer holds any keys"))))?;
        send_once(&node, deadline, command).await
    }

    /// Succeeds if one of the servers answers.
    pub(crate) async fn ping(&self, deadline: Instant) -> Result<(), RequestError> {
        let _permit = self.permit()?;
        let (nodes, ping) = (self.nodes(), ::redis::cmd("PING"));
        if nodes.is_empty() {
            return Err(RequestError::TimedOut(self.unavailable_reason()));
        }
        let pings = nodes.iter().map(|node| Box::pin(send_once(node, deadline, &ping)));
        future::select_ok(pings).await.map(drop)
    }

    /// Sends one command on a key of `shard`.
    pub(crate) async fn command(&self, deadline: Instant, shard: Shard, command: &Cmd) -> Result<Value, RequestError> {
        self.dispatch(deadline, shard, &ServerRequest::Read(command)).await.map(|reply| reply.value)
    }

    /// The same for a read that the answer to a change depends on: it is acknowledged as a change is.
    pub(crate) async fn acknowledged_read(
        &self,
        deadline: Instant,
        shard: Shard,
        command: &Cmd,
    ) -> Result<Value, RequestError> {
        self.dispatch(deadline, shard, &ServerRequest::AcknowledgedRead(command)).await.map(|reply| reply.value)
    }

    /// Runs a script on keys of `shard`.
    pub(crate) async fn script(
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

    /// The same, but waits at most `resharding_timeout` for a slot that is being moved. Then it fails with
    /// [`RequestError::Resharding`].
    pub(crate) async fn script_unless_resharding(
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

    /// Sends a request, and sends it again as its errors require, until the deadline.
    pub(super) async fn send_with_retries(
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
            let sent = self.shared.timed(request.trip(), deadline, send(&live, request, asking));
            let error = match sent.await {
                Ok(Ok(value)) => match acknowledge(&live, deadline, request).await {
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
                    node.state.probe_requested.notify_one();
                    return Err(RequestError::TimedOut(node.state.unavailable_reason()));
                }
            };
            match action_for(&error, &node.state.address()) {
                ErrorAction::Reconnect => {
                    // A request that the server rejected did not run. One whose answer was lost may have run.
                    let lost = !matches!(error.kind(), ::redis::ErrorKind::Server(_));
                    repeated |= lost;
                    node.state.mark_lost(&live, &error.to_string());
                    if lost && !request.is_repeatable() {
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
                    if request.resharding_timeout().is_some_and(|limit| since.elapsed() >= limit) {
                        return Err(RequestError::Resharding);
                    }
                    pause_before(deadline).await.map_err(|()| RequestError::Resharding)?;
                }
                ErrorAction::Wait => {
                    self.retries().inc(RedisRetry::Busy);
                    self.shared.refresh_topology.notify_one();
                    pause_before(deadline).await.map_err(|()| RequestError::Server(error))?;
                }
                ErrorAction::Fail => return Err(RequestError::Server(error)),
            }
        }
    }

    /// Counts retries by cause.
    fn retries(&self) -> &EnumFamily<RedisRetry, Counter> {
        &self.shared.settings.metrics.stores.retries
    }

    pub(super) fn permit(&self) -> Result<SemaphorePermit<'_>, RequestError> {
        self.permits.try_acquire().map_err(|refusal| match refusal {
            TryAcquireError::NoPermits => RequestError::Overloaded(self.shared.settings.in_flight_max),
            TryAcquireError::Closed => RequestError::TimedOut(Some("the store is closed".to_owned())),
        })
    }

    fn nodes(&self) -> Vec<Arc<ServerNode>> {
        match &self.route {
            ServerRoute::Standalone(node) => vec![Arc::clone(node)],
            ServerRoute::Cluster(map, _) => map.nodes(),
        }
    }

    pub(super) async fn node(&self, shard: Shard, deadline: Instant) -> Result<Arc<ServerNode>, RequestError> {
        match &self.route {
            ServerRoute::Standalone(node) => Ok(Arc::clone(node)),
            ServerRoute::Cluster(map, _) => map.node(shard, deadline).await,
        }
    }

    fn moved(&self, shard: Shard, address: &NodeAddress) {
        if let ServerRoute::Cluster(map, _) = &self.route {
            map.moved(shard, address);
        }
    }

    fn node_at(&self, address: &NodeAddress, shard: Shard) -> Option<Arc<ServerNode>> {
        match &self.route {
            ServerRoute::Standalone(_) => None,
            ServerRoute::Cluster(map, _) => Some(map.node_for_redirect(address, shard)),
        }
    }

    /// The connections to the node; `None` if another node may serve the shard meanwhile.
    async fn live(&self, node: &ServerNode, deadline: Instant) -> Result<Option<Arc<LiveConnections>>, RequestError> {
        if let Some(live) = node.state.live() {
            return Ok(Some(live));
        }
        match &self.route {
            ServerRoute::Standalone(_) => node.state.live_by(deadline).await.map(Some),
            ServerRoute::Cluster(map, _) => {
                let mut changes = map.changed.subscribe();
                tokio::select! {
                    live = node.state.live_by(deadline) => live.map(Some),
                    _ = changes.changed() => Ok(None),
                }
            }
        }
    }

    /// Ends the supervisors and drops the connections.
    pub(crate) fn close(&self) {
        self.permits.close();
        if let ServerRoute::Cluster(_, supervisor) = &self.route {
            supervisor.abort();
        }
        for node in self.nodes() {
            node.close();
        }
    }
}

/// Sends a command once.
async fn send_once(node: &ServerNode, deadline: Instant, command: &Cmd) -> Result<Value, RequestError> {
    let live = node.state.live_by(deadline).await?;
    let request = ServerRequest::Read(command);
    match node.state.context.shared.timed(RedisRoundTrip::Server, deadline, send(&live, &request, false)).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            if matches!(action_for(&error, &node.state.address()), ErrorAction::Reconnect) {
                node.state.mark_lost(&live, &error.to_string());
            }
            Err(RequestError::Server(error))
        }
        Err(_) => {
            node.state.probe_requested.notify_one();
            Err(RequestError::TimedOut(node.state.unavailable_reason()))
        }
    }
}

/// Waits for replicas or disks, if `redis.acknowledge` requires it and the answer depends on them.
async fn acknowledge(live: &LiveConnections, deadline: Instant, request: &ServerRequest<'_>) -> Result<(), AckError> {
    match &live.ack_waiter {
        Some(ack_waiter) if request.needs_acknowledgement() => ack_waiter.wait(deadline).await,
        _ => Ok(()),
    }
}

/// Pauses; an error if the pause would end after the deadline.
async fn pause_before(deadline: Instant) -> Result<(), ()> {
    if Instant::now() + TRY_AGAIN_PAUSE >= deadline {
        return Err(());
    }
    tokio::time::sleep(TRY_AGAIN_PAUSE).await;
    Ok(())
}
