//! One server and its supervisor: the task that finds the server, connects, puts the connections into service, rechecks
//! the server every 30 seconds (`recheck_every`) and the store's id every 2 seconds (`store_id_every`), and replaces
//! connections that are reported lost.
//!
//! Does not know which keys the server holds. A request waits for connections no longer than its own deadline.
//!
//! Reads and scripts have one connection each, shared by all tasks: a server that takes no writes for a while
//! (`CLIENT PAUSE WRITE`, a failover in preparation) blocks the scripts and not the look-ups.

use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::connect::{self, LiveConnections};
use super::connect_error::ConnectFailure;
use super::context::SharedContext;
use super::sentinel;
use super::state::NodeState;
use crate::layout::Shard;
use crate::settings::{AckRequirement, NodeAddress, RedisSettings, ServerTopology};

/// First and longest pause between two attempts to connect: short enough to be back within a second.
const RECONNECT_PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// Pause before a refused server is tried again.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);

/// How long a connection that left a request unanswered has to answer a `PING`.
const PROBE_TIMEOUT: Duration = Duration::from_millis(250);

/// How soon the replicas are counted again after they did not acknowledge.
pub(super) const REPLICAS_RECHECK: Duration = Duration::from_secs(1);

/// One server. Its supervisor ends when it is dropped.
pub(super) struct ServerNode {
    /// What requests and the supervisor share.
    pub(super) state: Arc<NodeState>,
    supervisor: JoinHandle<()>,
}

impl ServerNode {
    /// Connects once, then supervises the connections. A server that is unavailable is no error.
    ///
    /// # Errors
    /// Why the server is refused.
    pub(super) async fn start(
        shared: Arc<SharedContext>,
        address: NodeAddress,
        home_shard: Shard,
    ) -> Result<Self, String> {
        let state = Arc::new(NodeState::new(shared, address, home_shard));
        match attempt(&state).await {
            Ok(connections) => state.put_in_service(connections),
            Err(ConnectFailure::Unavailable(why)) => report_unavailable(&state, &why),
            Err(ConnectFailure::Refused(why)) => return Err(why),
        }
        Ok(Self::supervised(state))
    }

    /// The same without waiting for the first connection.
    pub(super) fn start_in_background(shared: Arc<SharedContext>, address: NodeAddress, home_shard: Shard) -> Self {
        Self::supervised(Arc::new(NodeState::new(shared, address, home_shard)))
    }

    fn supervised(state: Arc<NodeState>) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the handle is kept and aborted when the node is dropped")]
        let supervisor = tokio::spawn(supervise(Arc::clone(&state)));
        Self { state, supervisor }
    }

    /// Ends the supervisor and drops the connections.
    pub(super) fn close(&self) {
        self.supervisor.abort();
        self.state.close();
    }
}

impl Drop for ServerNode {
    fn drop(&mut self) {
        self.close();
    }
}

/// When a server in service is checked next. It outlives a probe: requests that are late again and again do not
/// postpone the checks.
struct DueTimes {
    recheck_at: Instant,
    store_id_at: Instant,
}

impl DueTimes {
    fn after_connecting(settings: &RedisSettings) -> Self {
        let now = Instant::now();
        Self { recheck_at: now + settings.recheck_every, store_id_at: now + settings.store_id_every }
    }
}

/// Connects, and reconnects whenever the connections are lost.
async fn supervise(state: Arc<NodeState>) {
    let settings = state.context.settings();
    let mut pause = RECONNECT_PAUSE.0;
    let mut due = DueTimes::after_connecting(settings);
    loop {
        if let Some(live) = state.live() {
            pause = RECONNECT_PAUSE.0;
            monitor(&state, &live, &mut due).await;
            continue;
        }
        match attempt(&state).await {
            Ok(connections) => {
                state.put_in_service(connections);
                due = DueTimes::after_connecting(settings);
                tracing::info!(address = %state.address(), "connected to Redis");
                continue;
            }
            Err(ConnectFailure::Unavailable(why)) => report_unavailable(&state, &why),
            Err(ConnectFailure::Refused(why)) => {
                report_refused(&state, &why);
                pause = REFUSED_PAUSE;
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(RECONNECT_PAUSE.1);
    }
}

/// Finds the server and connects to it.
async fn attempt(state: &NodeState) -> Result<LiveConnections, ConnectFailure> {
    let address = find(state).await?;
    connect::connect(&state.context, &address, state.verified_run_id().as_deref()).await
}

/// Where the server is: at a fixed address, or where the Sentinels say.
async fn find(state: &NodeState) -> Result<Arc<NodeAddress>, ConnectFailure> {
    let settings = state.context.settings();
    if let ServerTopology::Sentinel(sentinels) = &settings.servers {
        let present = state.address();
        let found = sentinel::primary(settings, sentinels, &present).await?;
        if found != *present {
            tracing::info!(address = %found, "Sentinel names the primary");
            state.set_address(found);
        }
    }
    Ok(state.address())
}

/// Waits until the connections have to be tested or the server rechecked, and takes unusable connections out of
/// service.
async fn monitor(state: &NodeState, live: &LiveConnections, due: &mut DueTimes) {
    let (settings, replicas) = (state.context.settings(), &state.context.replicas);
    tokio::select! {
        () = state.probe_requested.notified() => {
            if state.is_current(live) && !(responds(&live.reads).await && responds(&live.writes).await) {
                state.mark_lost(live, "it stopped answering");
            }
        }
        () = replicas.recheck.notified() => {
            let soon = Instant::now() + REPLICAS_RECHECK;
            due.recheck_at = soon.min(due.recheck_at);
        }
        () = tokio::time::sleep_until(due.store_id_at) => {
            due.store_id_at = Instant::now() + settings.store_id_every;
            verify_store_id(state, live).await;
        }
        () = tokio::time::sleep_until(due.recheck_at) => {
            due.recheck_at = Instant::now() + settings.recheck_every;
            recheck(state, live).await;
            if settings.acknowledge != AckRequirement::Primary && replicas.is_degraded() {
                due.recheck_at = Instant::now() + REPLICAS_RECHECK;
            }
        }
    }
}

async fn responds(connection: &MultiplexedConnection) -> bool {
    let (mut connection, ping) = (connection.clone(), ::redis::cmd("PING"));
    let answer = tokio::time::timeout(PROBE_TIMEOUT, connection.send_packed_command(&ping)).await;
    matches!(answer, Ok(Ok(_)))
}

/// Takes the connections out of service if the server no longer holds the store that is served.
async fn verify_store_id(state: &NodeState, live: &LiveConnections) {
    match connect::verify_store_id(&state.context, &state.address(), live.reads.clone()).await {
        Ok(()) => {}
        Err(ConnectFailure::Refused(why)) => {
            state.mark_lost(live, &why);
            report_refused(state, &why);
        }
        // Whether it is lost is decided as for any other late answer.
        Err(ConnectFailure::Unavailable(_)) => state.probe_requested.notify_one(),
    }
}

/// Checks the server again, and takes its connections out of service if accounts are no longer safe there.
async fn recheck(state: &NodeState, live: &LiveConnections) {
    let address = state.address();
    let result = if find(state).await.is_ok_and(|found| found != address) {
        Err(ConnectFailure::Unavailable("Sentinel names another primary".to_owned()))
    } else {
        connect::recheck(&state.context, &address, live.reads.clone(), live.durability).await
    };
    match result {
        Ok(not_ready) => {
            if let (true, Some(why)) = (state.set_unavailable_reason(not_ready.clone()), not_ready) {
                tracing::error!(reason = why, "Redis is not ready");
            }
        }
        Err(ConnectFailure::Refused(why)) => {
            state.mark_lost(live, &why);
            report_refused(state, &why);
        }
        Err(ConnectFailure::Unavailable(why)) => state.mark_lost(live, &why),
    }
}

fn report_unavailable(state: &NodeState, why: &str) {
    state.context.shared.refresh_topology.notify_one();
    if state.set_unavailable_reason(Some(why.to_owned())) {
        let address = state.address();
        tracing::warn!(
            %address,
            reason = why,
            "Redis is unavailable; userd keeps retrying, and is not ready until then"
        );
    }
}

fn report_refused(state: &NodeState, why: &str) {
    if state.set_unavailable_reason(Some(why.to_owned())) {
        tracing::error!(reason = why, "Redis is refused; userd serves nothing from it until the cause is fixed");
    }
}
