//! The state of one server: the connections in service, where it is, and why it cannot be used. Shared by requests and
//! the supervisor; makes no connection.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::connect::LiveConnections;
use super::context::{ServerContext, SharedContext};
use super::request_error::RequestError;
use crate::layout::Shard;
use crate::settings::NodeAddress;

/// How long a node without shards is kept after a redirection to keys that are moving to it.
const REDIRECT_GRACE: Duration = Duration::from_secs(10);

/// The state of one server.
pub(super) struct NodeState {
    /// What is known about the server, whichever connections it has.
    pub(super) context: Arc<ServerContext>,
    /// Notified when the supervisor should test whether the connections still answer.
    pub(super) probe_requested: Notify,
    address: ArcSwap<NodeAddress>,
    live: ArcSwapOption<LiveConnections>,
    connected: watch::Sender<()>,
    closed: AtomicBool,
    unavailable_reason: Mutex<Option<String>>,
    /// The server process (`run_id`) whose permissions and versions were verified.
    verified_run_id: Mutex<Option<String>>,
    /// When another node last redirected a request to keys that are moving here.
    redirected_at: Mutex<Option<Instant>>,
}

impl NodeState {
    /// A server without connections that holds the keys of `home_shard`.
    pub(super) fn new(shared: Arc<SharedContext>, address: NodeAddress, home_shard: Shard) -> Self {
        Self {
            context: Arc::new(ServerContext::new(shared, home_shard)),
            probe_requested: Notify::new(),
            address: ArcSwap::from_pointee(address),
            live: ArcSwapOption::empty(),
            connected: watch::Sender::new(()),
            closed: AtomicBool::new(false),
            unavailable_reason: Mutex::new(None),
            verified_run_id: Mutex::new(None),
            redirected_at: Mutex::new(None),
        }
    }

    /// The server's last known address.
    pub(super) fn address(&self) -> Arc<NodeAddress> {
        self.address.load_full()
    }

    /// Sets the server's address.
    pub(super) fn set_address(&self, address: NodeAddress) {
        self.address.store(Arc::new(address));
    }

    /// Records that another node redirected a request to keys that are moving here.
    pub(super) fn note_redirect(&self) {
        *lock(&self.redirected_at) = Some(Instant::now());
    }

    /// Whether that was within the last seconds.
    pub(super) fn was_recently_redirected(&self) -> bool {
        lock(&self.redirected_at).is_some_and(|at| at.elapsed() < REDIRECT_GRACE)
    }

    /// The server process whose permissions and versions were verified.
    pub(super) fn verified_run_id(&self) -> Option<String> {
        lock(&self.verified_run_id).clone()
    }

    /// The connections in service, if there are any.
    pub(super) fn live(&self) -> Option<Arc<LiveConnections>> {
        self.live.load_full()
    }

    /// Whether `live` is still in service.
    pub(super) fn is_current(&self, live: &LiveConnections) -> bool {
        self.live.load().as_ref().is_some_and(|current| std::ptr::eq(Arc::as_ptr(current), live))
    }

    /// The connections in service; waits for them until the deadline.
    pub(super) async fn live_by(&self, deadline: Instant) -> Result<Arc<LiveConnections>, RequestError> {
        let mut connected = self.connected.subscribe();
        loop {
            if let Some(live) = self.live() {
                return Ok(live);
            }
            if !matches!(tokio::time::timeout_at(deadline, connected.changed()).await, Ok(Ok(()))) {
                return Err(RequestError::TimedOut(self.unavailable_reason()));
            }
        }
    }

    /// Takes connections out of service, unless they have already been replaced.
    pub(super) fn mark_lost(&self, live: &LiveConnections, why: &str) {
        if self.is_current(live) {
            self.live.store(None);
            self.set_unavailable_reason(Some(format!("the connection was lost: {why}")));
            tracing::warn!(address = %self.address(), reason = why, "the connection to Redis was lost; reconnecting");
        }
        self.context.shared.refresh_topology.notify_one();
        self.probe_requested.notify_one();
    }

    /// Takes the connections out of service if `primary`, which a Sentinel announced, is another server.
    pub(super) fn primary_announced(&self, primary: &NodeAddress) {
        if **self.address.load() != *primary
            && let Some(live) = self.live()
        {
            self.mark_lost(&live, "Sentinel names another primary");
        }
    }

    /// Why the server cannot be used at the moment; `None` if it can.
    pub(super) fn unavailable_reason(&self) -> Option<String> {
        let unavailable_reason = lock(&self.unavailable_reason).clone();
        unavailable_reason.or_else(|| self.live.load().is_none().then(|| "userd is connecting to it".to_owned()))
    }

    /// Sets why the server cannot be used; true if that is new.
    pub(super) fn set_unavailable_reason(&self, unavailable_reason: Option<String>) -> bool {
        let mut current = lock(&self.unavailable_reason);
        let is_new = *current != unavailable_reason;
        *current = unavailable_reason;
        is_new
    }

    /// Puts new connections into service, unless the store has been closed.
    pub(super) fn put_in_service(&self, mut connections: LiveConnections) {
        *lock(&self.verified_run_id) = connections.verified_run_id.take();
        let not_ready = connections.not_ready.take();
        self.live.store(Some(Arc::new(connections)));
        if self.closed.load(Ordering::SeqCst) {
            self.live.store(None);
        }
        self.set_unavailable_reason(not_ready);
        self.connected.send_replace(());
    }

    /// Drops the connections, and all that are made later.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.live.store(None);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
