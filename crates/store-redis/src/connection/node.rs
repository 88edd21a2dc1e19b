//! One server and the connections to it: made, checked, replaced. Does not know which keys the server holds.
//!
//! A keeper task owns their life: it finds the server, connects, checks it (see [`super::connect`]), puts the
//! connections in service, asks again every 30 seconds (`recheck_every`), and replaces them when somebody reports
//! them lost. A request waits for them no longer than its own deadline.
//!
//! Reads and scripts have a connection each, shared by all tasks: a server that takes no writes for a while
//! (`CLIENT PAUSE WRITE`, a failover that is being prepared) holds up the scripts and not the look-ups.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::redis::Value;
use ::redis::aio::MultiplexedConnection;
use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::RequestError;
use super::acknowledge::AckWaiter;
use super::connect::{self, ConnectAttempt, NewConnections};
use super::replicas::RequiredReplicas;
use super::sentinel::SentinelWatch;
use crate::layout::Shard;
use crate::script::SCRIPT_COUNT;
use crate::{AckRequirement, NodeAddress, RedisDurability, RedisSettings};
use userd_core::random::Random;

/// First and longest pause between two attempts to connect: quick enough to be back within a second.
const RECONNECT_PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// Pause before a server that was refused is asked again.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);

/// How long a connection that left a request unanswered has to answer a `PING`.
const PROBE_TIMEOUT: Duration = Duration::from_millis(250);

/// How soon a primary whose replicas did not confirm is asked how many it has.
pub(super) const REPLICAS_RECHECK: Duration = Duration::from_secs(1);

/// How long a node that serves no shard yet is kept after it was asked for keys that are on their way to it.
const REDIRECT_GRACE: Duration = Duration::from_secs(10);

/// What all servers of one store share.
pub(super) struct SharedContext {
    /// What the operator asked for.
    pub(super) settings: RedisSettings,
    /// Where nonces come from.
    pub(super) random: Arc<dyn Random>,
    /// Told when servers may not be where they were.
    pub(super) refresh_topology: Notify,
}

/// What a server is to us.
#[derive(Clone)]
pub(super) enum NodeKind {
    /// The only one.
    Single,
    /// The primary that Sentinels name.
    SentinelPrimary(Arc<SentinelWatch>),
    /// A primary of a cluster.
    ClusterNode,
}

/// Connections in service, with what was learnt when they were made.
pub(super) struct LiveConnections {
    /// For reads; cheap to clone, all clones share one socket.
    pub(super) reads: MultiplexedConnection,
    /// For scripts.
    pub(super) writes: MultiplexedConnection,
    /// What waits for replicas and disks on a connection of its own, where that is asked for.
    pub(super) ack_waiter: Option<AckWaiter>,
    /// What the server keeps through a loss of power, as far as is known.
    pub(super) durability: Option<RedisDurability>,
    /// The scripts' digests as the server gave them.
    pub(super) digests: [String; SCRIPT_COUNT],
    /// Tells these connections from those before them.
    number: u64,
}

/// One server. Dropped, its keeper ends.
pub(super) struct ServerNode {
    /// What requests and the keeper share.
    pub(super) state: Arc<NodeState>,
    supervisor: JoinHandle<()>,
}

/// What requests and the keeper of a server share.
pub(super) struct NodeState {
    /// What all servers of the store share.
    pub(super) common: Arc<SharedContext>,
    /// What the server is to us.
    pub(super) kind: NodeKind,
    /// How many replicas have to confirm.
    pub(super) replicas: RequiredReplicas,
    /// The shards whose keys the server holds, and the one that is taken for keys of our own.
    shards: ArcSwap<Vec<Shard>>,
    home_shard: AtomicU64,
    /// The life of the server (`run_id`) whose permissions and versions are known to be right.
    verified_run_id: Mutex<Option<String>>,
    /// When another node sent us here for keys that are on their way.
    redirected_at: Mutex<Option<Instant>>,
    closed: AtomicBool,
    address: ArcSwap<NodeAddress>,
    live: ArcSwapOption<LiveConnections>,
    connected: watch::Sender<u64>,
    probe_requested: Notify,
    replica_recheck: Notify,
    unavailable_reason: Mutex<Option<String>>,
    /// The server's clock less ours since `started`, in milliseconds.
    server_epoch_ms: AtomicU64,
    started: Instant,
}

impl ServerNode {
    /// Connects once, and from then on keeps connections. A server that is away is no error.
    ///
    /// # Errors
    /// The sentence with which the server was refused.
    pub(super) async fn start(
        common: Arc<SharedContext>,
        address: NodeAddress,
        kind: NodeKind,
        home_shard: Shard,
    ) -> Result<Self, String> {
        let state = Arc::new(NodeState::new(common, address, kind, home_shard));
        match connect::attempt(&state).await {
            ConnectAttempt::Connected(connected) => state.put_in_service(*connected),
            ConnectAttempt::Unavailable(why) => state.report_unavailable(&why),
            ConnectAttempt::Refused(why) => return Err(why),
        }
        Ok(Self::supervised(state))
    }

    /// The same without waiting for the first connection.
    pub(super) fn start_in_background(
        common: Arc<SharedContext>,
        address: NodeAddress,
        kind: NodeKind,
        home_shard: Shard,
    ) -> Self {
        Self::supervised(Arc::new(NodeState::new(common, address, kind, home_shard)))
    }

    fn supervised(state: Arc<NodeState>) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the handle is kept and aborted when the node is dropped")]
        let supervisor = tokio::spawn(supervise(Arc::clone(&state)));
        Self { state, supervisor }
    }

    /// Ends the keeper and lets go of the connections.
    pub(super) fn close(&self) {
        self.state.closed.store(true, Ordering::SeqCst);
        self.supervisor.abort();
        self.state.live.store(None);
    }
}

impl Drop for ServerNode {
    fn drop(&mut self) {
        self.close();
    }
}

impl NodeState {
    fn new(common: Arc<SharedContext>, address: NodeAddress, kind: NodeKind, home_shard: Shard) -> Self {
        Self {
            replicas: RequiredReplicas::at_least(common.settings.replicas_min),
            common,
            kind,
            shards: ArcSwap::default(),
            home_shard: AtomicU64::new(u64::from(home_shard.number())),
            verified_run_id: Mutex::new(None),
            redirected_at: Mutex::new(None),
            closed: AtomicBool::new(false),
            address: ArcSwap::from_pointee(address),
            live: ArcSwapOption::empty(),
            connected: watch::Sender::new(0),
            probe_requested: Notify::new(),
            replica_recheck: Notify::new(),
            unavailable_reason: Mutex::new(None),
            server_epoch_ms: AtomicU64::new(0),
            started: Instant::now(),
        }
    }

    /// Where the server is, as far as we know.
    pub(super) fn address(&self) -> Arc<NodeAddress> {
        self.address.load_full()
    }

    /// Where the server is, asked of those who know.
    ///
    /// # Errors
    /// Why nobody knows.
    pub(super) async fn find(&self) -> Result<Arc<NodeAddress>, ConnectAttempt> {
        if let NodeKind::SentinelPrimary(sentinels) = &self.kind {
            let found = sentinels.primary(&self.common.settings, &self.address()).await?;
            if found != **self.address.load() {
                tracing::info!(address = %found, "Sentinel names the primary");
                self.address.store(Arc::new(found));
            }
        }
        Ok(self.address())
    }

    /// A shard whose keys the server holds.
    pub(super) fn home_shard(&self) -> Shard {
        Shard::from_number(self.home_shard.load(Ordering::Relaxed))
    }

    /// Notes the shards whose keys the server holds.
    pub(super) fn set_shards(&self, shards: Vec<Shard>) {
        if let Some(first) = shards.first().filter(|_| !shards.contains(&self.home_shard())) {
            self.home_shard.store(u64::from(first.number()), Ordering::Relaxed);
        }
        self.shards.store(Arc::new(shards));
    }

    /// Takes another shard of the server for keys of our own: the slot of this one may be on the move.
    pub(super) fn next_home_shard(&self) {
        let (shards, home_shard) = (self.shards.load(), self.home_shard());
        let after = shards.iter().position(|shard| *shard == home_shard).map_or(0, |place| place + 1);
        if let Some(next) = shards.get(after).or_else(|| shards.first()) {
            self.home_shard.store(u64::from(next.number()), Ordering::Relaxed);
        }
    }

    /// Notes that another node sent us here for keys that are on their way.
    pub(super) fn note_redirect(&self) {
        *lock(&self.redirected_at) = Some(Instant::now());
    }

    /// Whether that was a moment ago.
    pub(super) fn was_recently_redirected(&self) -> bool {
        lock(&self.redirected_at).is_some_and(|at| at.elapsed() < REDIRECT_GRACE)
    }

    /// Whether permissions and versions have still to be tried on this life of the server; `None`: it does not say
    /// which it is.
    pub(super) fn needs_verification(&self, run: Option<&str>) -> bool {
        lock(&self.verified_run_id).as_deref() != Some(run.unwrap_or_default())
    }

    /// The connections in service, if there are any.
    pub(super) fn live(&self) -> Option<Arc<LiveConnections>> {
        self.live.load_full()
    }

    /// The connections in service, if there are any before the deadline.
    pub(super) async fn live_by(&self, deadline: Instant) -> Result<Arc<LiveConnections>, RequestError> {
        if let Some(live) = self.live() {
            return Ok(live);
        }
        let mut connected = self.connected.subscribe();
        loop {
            if let Some(live) = self.live() {
                return Ok(live);
            }
            match tokio::time::timeout_at(deadline, connected.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Err(RequestError::TimedOut(self.unavailable_reason())),
            }
        }
    }

    /// Takes connections out of service, unless others have taken their place already.
    pub(super) fn mark_lost(&self, live: &LiveConnections, why: &str) {
        if self.live.load().as_ref().is_some_and(|current| current.number == live.number) {
            self.live.store(None);
            self.set_unavailable_reason(Some(format!("the connection was lost: {why}")));
            tracing::warn!(address = %self.address(), reason = why, "the connection to Redis was lost; connecting again");
        }
        self.common.refresh_topology.notify_one();
        self.probe_requested.notify_one();
    }

    /// Takes the connections out of service, whichever they are.
    pub(super) fn mark_any_lost(&self, why: &str) {
        if let Some(live) = self.live() {
            self.mark_lost(&live, why);
        }
    }

    /// Somebody says that the primary is at `primary`: if that is not where we are, we leave.
    pub(super) fn primary_announced(&self, primary: &NodeAddress) {
        if **self.address.load() != *primary {
            self.mark_any_lost("Sentinel names another primary");
        }
    }

    /// Has the keeper look whether the connections still answer.
    pub(super) fn probe(&self) {
        self.probe_requested.notify_one();
    }

    /// Has the keeper look how many replicas there are.
    pub(super) fn recheck_replicas(&self) {
        self.replica_recheck.notify_one();
    }

    /// Why the server can't be relied on at the moment; `None` if it can.
    pub(super) fn unavailable_reason(&self) -> Option<String> {
        let unavailable_reason = lock(&self.unavailable_reason).clone();
        unavailable_reason.or_else(|| self.live.load().is_none().then(|| "it is being connected to".to_owned()))
    }

    /// The server's clock, in milliseconds; estimated from its answer at the last check.
    pub(super) fn server_now_ms(&self) -> u64 {
        self.server_epoch_ms.load(Ordering::Relaxed) + elapsed_ms(self.started)
    }

    /// Takes over the server's clock from an answer to `TIME`.
    pub(super) fn set_server_clock(&self, answer: &Value) {
        if let Ok((seconds, micros)) = ::redis::from_redis_value_ref::<(u64, u64)>(answer) {
            let server_ms = seconds * 1000 + micros / 1000;
            self.server_epoch_ms.store(server_ms.saturating_sub(elapsed_ms(self.started)), Ordering::Relaxed);
        }
    }

    fn put_in_service(&self, connected: NewConnections) {
        let NewConnections { reads, writes, ack_waiter, durability, digests, not_ready, verified_run_id } = connected;
        *lock(&self.verified_run_id) = verified_run_id;
        let number = *self.connected.borrow() + 1;
        self.live.store(Some(Arc::new(LiveConnections { reads, writes, ack_waiter, durability, digests, number })));
        if self.closed.load(Ordering::SeqCst) {
            self.live.store(None);
        }
        self.set_unavailable_reason(not_ready);
        self.connected.send_replace(number);
    }

    fn report_unavailable(&self, why: &str) {
        self.common.refresh_topology.notify_one();
        if self.set_unavailable_reason(Some(why.to_owned())) {
            let address = self.address();
            tracing::warn!(%address, reason = why, "Redis is away; userd goes on trying, and is not ready until then");
        }
    }

    fn report_refused(&self, why: &str) {
        if self.set_unavailable_reason(Some(why.to_owned())) {
            tracing::error!(reason = why, "Redis is refused; userd serves nothing from it until this is mended");
        }
    }

    /// Notes the state of affairs; true if it is news.
    fn set_unavailable_reason(&self, unavailable_reason: Option<String>) -> bool {
        let mut current = lock(&self.unavailable_reason);
        let news = *current != unavailable_reason;
        *current = unavailable_reason;
        news
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The life of connections, one after the other.
async fn supervise(state: Arc<NodeState>) {
    let mut pause = RECONNECT_PAUSE.0;
    let mut recheck_at = Instant::now() + state.common.settings.recheck_every;
    loop {
        if let Some(live) = state.live() {
            pause = RECONNECT_PAUSE.0;
            monitor(&state, &live, &mut recheck_at).await;
            continue;
        }
        match connect::attempt(&state).await {
            ConnectAttempt::Connected(connected) => {
                state.put_in_service(*connected);
                recheck_at = Instant::now() + state.common.settings.recheck_every;
                tracing::info!(address = %state.address(), "connected to Redis");
                continue;
            }
            ConnectAttempt::Unavailable(why) => state.report_unavailable(&why),
            ConnectAttempt::Refused(why) => {
                state.report_refused(&why);
                pause = REFUSED_PAUSE;
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(RECONNECT_PAUSE.1);
    }
}

/// Waits until the connections have to be looked at, and takes them out of service if they are no good any more.
/// The moment of the next recheck outlives a suspicion: requests that are late again and again don't put it off.
async fn monitor(state: &NodeState, live: &LiveConnections, recheck_at: &mut Instant) {
    let current = || state.live.load().as_ref().is_some_and(|current| current.number == live.number);
    tokio::select! {
        () = state.probe_requested.notified() => {
            if current() && !(responds(&live.reads).await && responds(&live.writes).await) {
                state.mark_lost(live, "it stopped answering");
            }
        }
        () = state.replica_recheck.notified() => {
            let soon = Instant::now() + REPLICAS_RECHECK;
            *recheck_at = soon.min(*recheck_at);
        }
        () = tokio::time::sleep_until(*recheck_at) => {
            *recheck_at = Instant::now() + state.common.settings.recheck_every;
            recheck(state, live).await;
            if state.common.settings.acknowledge != AckRequirement::Primary && state.replicas.is_degraded() {
                *recheck_at = Instant::now() + REPLICAS_RECHECK;
            }
        }
    }
}

async fn responds(connection: &MultiplexedConnection) -> bool {
    let (mut connection, ping) = (connection.clone(), ::redis::cmd("PING"));
    let answer = tokio::time::timeout(PROBE_TIMEOUT, connection.send_packed_command(&ping)).await;
    matches!(answer, Ok(Ok(_)))
}

/// Asks the server again, and takes the connections out of service if accounts are not safe there any more.
async fn recheck(state: &NodeState, live: &LiveConnections) {
    match connect::recheck(state, live).await {
        Ok(not_ready) => {
            if let (true, Some(why)) = (state.set_unavailable_reason(not_ready.clone()), not_ready) {
                tracing::error!(reason = why, "Redis is not ready");
            }
        }
        Err(ConnectAttempt::Refused(why)) => {
            state.mark_lost(live, &why);
            state.report_refused(&why);
        }
        Err(ConnectAttempt::Unavailable(why)) => state.mark_lost(live, &why),
        Err(ConnectAttempt::Connected(_)) => {}
    }
}
