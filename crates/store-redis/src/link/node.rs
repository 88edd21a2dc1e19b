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

use super::LinkError;
use super::confirm::Confirmer;
use super::connect::{self, Attempt, Connected};
use super::replicas::Replicas;
use super::sentinel::SentinelWatch;
use crate::keys::Shard;
use crate::script::SCRIPTS;
use crate::{Acknowledge, Address, Durability, RedisSettings};
use userd_core::random::Random;

/// First and longest pause between two attempts to connect: quick enough to be back within a second.
const RECONNECT_PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// Pause before a server that was refused is asked again.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);

/// How long a connection that left a request unanswered has to answer a `PING`.
const SUSPECT_PING: Duration = Duration::from_millis(250);

/// How soon a primary whose replicas did not confirm is asked how many it has.
pub(super) const REPLICAS_RECHECK: Duration = Duration::from_secs(1);

/// How long a node that serves no shard yet is kept after it was asked for keys that are on their way to it.
const ASKED_LATELY: Duration = Duration::from_secs(10);

/// What all servers of one store share.
pub(super) struct Common {
    /// What the operator asked for.
    pub(super) settings: RedisSettings,
    /// Where nonces come from.
    pub(super) random: Arc<dyn Random>,
    /// Told when servers may not be where they were.
    pub(super) servers_doubted: Notify,
}

/// What a server is to us.
#[derive(Clone)]
pub(super) enum Kind {
    /// The only one.
    Single,
    /// The primary that Sentinels name.
    Watched(Arc<SentinelWatch>),
    /// A primary of a cluster.
    ClusterNode,
}

/// Connections in service, with what was learnt when they were made.
pub(super) struct Live {
    /// For reads; cheap to clone, all clones share one socket.
    pub(super) reads: MultiplexedConnection,
    /// For scripts.
    pub(super) writes: MultiplexedConnection,
    /// What waits for replicas and disks on a connection of its own, where that is asked for.
    pub(super) confirmer: Option<Confirmer>,
    /// What the server keeps through a loss of power, as far as is known.
    pub(super) durability: Option<Durability>,
    /// The scripts' digests as the server gave them.
    pub(super) digests: [String; SCRIPTS],
    /// Tells these connections from those before them.
    number: u64,
}

/// One server. Dropped, its keeper ends.
pub(super) struct Node {
    /// What requests and the keeper share.
    pub(super) state: Arc<NodeState>,
    keeper: JoinHandle<()>,
}

/// What requests and the keeper of a server share.
pub(super) struct NodeState {
    /// What all servers of the store share.
    pub(super) common: Arc<Common>,
    /// What the server is to us.
    pub(super) kind: Kind,
    /// How many replicas have to confirm.
    pub(super) replicas: Replicas,
    /// The shards whose keys the server holds, and the one that is taken for keys of our own.
    homes: ArcSwap<Vec<Shard>>,
    home: AtomicU64,
    /// The life of the server (`run_id`) whose permissions and versions are known to be right.
    proven: Mutex<Option<String>>,
    /// When another node sent us here for keys that are on their way.
    asked_at: Mutex<Option<Instant>>,
    closed: AtomicBool,
    address: ArcSwap<Address>,
    live: ArcSwapOption<Live>,
    connected: watch::Sender<u64>,
    suspected: Notify,
    replicas_doubted: Notify,
    trouble: Mutex<Option<String>>,
    /// The server's clock less ours since `started`, in milliseconds.
    server_epoch_ms: AtomicU64,
    started: Instant,
}

impl Node {
    /// Connects once, and from then on keeps connections. A server that is away is no error.
    ///
    /// # Errors
    /// The sentence with which the server was refused.
    pub(super) async fn start(common: Arc<Common>, address: Address, kind: Kind, home: Shard) -> Result<Self, String> {
        let state = Arc::new(NodeState::new(common, address, kind, home));
        match connect::attempt(&state).await {
            Attempt::Connected(connected) => state.put_in_service(*connected),
            Attempt::Away(why) => state.report_away(&why),
            Attempt::Refused(why) => return Err(why),
        }
        Ok(Self::kept(state))
    }

    /// The same without waiting for the first connection.
    pub(super) fn begin(common: Arc<Common>, address: Address, kind: Kind, home: Shard) -> Self {
        Self::kept(Arc::new(NodeState::new(common, address, kind, home)))
    }

    fn kept(state: Arc<NodeState>) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the handle is kept and aborted when the node is dropped")]
        let keeper = tokio::spawn(keep(Arc::clone(&state)));
        Self { state, keeper }
    }

    /// Ends the keeper and lets go of the connections.
    pub(super) fn close(&self) {
        self.state.closed.store(true, Ordering::SeqCst);
        self.keeper.abort();
        self.state.live.store(None);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.close();
    }
}

impl NodeState {
    fn new(common: Arc<Common>, address: Address, kind: Kind, home: Shard) -> Self {
        Self {
            replicas: Replicas::at_least(common.settings.replicas_min),
            common,
            kind,
            homes: ArcSwap::default(),
            home: AtomicU64::new(u64::from(home.number())),
            proven: Mutex::new(None),
            asked_at: Mutex::new(None),
            closed: AtomicBool::new(false),
            address: ArcSwap::from_pointee(address),
            live: ArcSwapOption::empty(),
            connected: watch::Sender::new(0),
            suspected: Notify::new(),
            replicas_doubted: Notify::new(),
            trouble: Mutex::new(None),
            server_epoch_ms: AtomicU64::new(0),
            started: Instant::now(),
        }
    }

    /// Where the server is, as far as we know.
    pub(super) fn address(&self) -> Arc<Address> {
        self.address.load_full()
    }

    /// Where the server is, asked of those who know.
    ///
    /// # Errors
    /// Why nobody knows.
    pub(super) async fn find(&self) -> Result<Arc<Address>, Attempt> {
        if let Kind::Watched(sentinels) = &self.kind {
            let found = sentinels.primary(&self.common.settings, &self.address()).await?;
            if found != **self.address.load() {
                tracing::info!(address = %found, "Sentinel names the primary");
                self.address.store(Arc::new(found));
            }
        }
        Ok(self.address())
    }

    /// A shard whose keys the server holds.
    pub(super) fn home(&self) -> Shard {
        Shard::from_number(self.home.load(Ordering::Relaxed))
    }

    /// Notes the shards whose keys the server holds.
    pub(super) fn set_homes(&self, homes: Vec<Shard>) {
        if let Some(first) = homes.first().filter(|_| !homes.contains(&self.home())) {
            self.home.store(u64::from(first.number()), Ordering::Relaxed);
        }
        self.homes.store(Arc::new(homes));
    }

    /// Takes another shard of the server for keys of our own: the slot of this one may be on the move.
    pub(super) fn next_home(&self) {
        let (homes, home) = (self.homes.load(), self.home());
        let after = homes.iter().position(|shard| *shard == home).map_or(0, |place| place + 1);
        if let Some(next) = homes.get(after).or_else(|| homes.first()) {
            self.home.store(u64::from(next.number()), Ordering::Relaxed);
        }
    }

    /// Notes that another node sent us here for keys that are on their way.
    pub(super) fn note_asked(&self) {
        *lock(&self.asked_at) = Some(Instant::now());
    }

    /// Whether that was a moment ago.
    pub(super) fn was_asked_lately(&self) -> bool {
        lock(&self.asked_at).is_some_and(|at| at.elapsed() < ASKED_LATELY)
    }

    /// Whether permissions and versions have still to be tried on this life of the server; `None`: it does not say
    /// which it is.
    pub(super) fn is_unproven(&self, run: Option<&str>) -> bool {
        lock(&self.proven).as_deref() != Some(run.unwrap_or_default())
    }

    /// The connections in service, if there are any.
    pub(super) fn live(&self) -> Option<Arc<Live>> {
        self.live.load_full()
    }

    /// The connections in service, if there are any before the deadline.
    pub(super) async fn live_before(&self, deadline: Instant) -> Result<Arc<Live>, LinkError> {
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
                Ok(Err(_)) | Err(_) => return Err(LinkError::Late(self.trouble())),
            }
        }
    }

    /// Takes connections out of service, unless others have taken their place already.
    pub(super) fn lose(&self, live: &Live, why: &str) {
        if self.live.load().as_ref().is_some_and(|current| current.number == live.number) {
            self.live.store(None);
            self.set_trouble(Some(format!("the connection was lost: {why}")));
            tracing::warn!(address = %self.address(), reason = why, "the connection to Redis was lost; connecting again");
        }
        self.common.servers_doubted.notify_one();
        self.suspected.notify_one();
    }

    /// Takes the connections out of service, whichever they are.
    pub(super) fn lose_any(&self, why: &str) {
        if let Some(live) = self.live() {
            self.lose(&live, why);
        }
    }

    /// Somebody says that the primary is at `primary`: if that is not where we are, we leave.
    pub(super) fn doubt(&self, primary: &Address) {
        if **self.address.load() != *primary {
            self.lose_any("Sentinel names another primary");
        }
    }

    /// Has the keeper look whether the connections still answer.
    pub(super) fn suspect(&self) {
        self.suspected.notify_one();
    }

    /// Has the keeper look how many replicas there are.
    pub(super) fn doubt_replicas(&self) {
        self.replicas_doubted.notify_one();
    }

    /// Why the server can't be relied on at the moment; `None` if it can.
    pub(super) fn trouble(&self) -> Option<String> {
        let trouble = lock(&self.trouble).clone();
        trouble.or_else(|| self.live.load().is_none().then(|| "it is being connected to".to_owned()))
    }

    /// The server's clock, in milliseconds; estimated from its answer at the last check.
    pub(super) fn server_now_ms(&self) -> u64 {
        self.server_epoch_ms.load(Ordering::Relaxed) + elapsed_ms(self.started)
    }

    /// Takes over the server's clock from an answer to `TIME`.
    pub(super) fn note_server_clock(&self, answer: &Value) {
        if let Ok((seconds, micros)) = ::redis::from_redis_value_ref::<(u64, u64)>(answer) {
            let server_ms = seconds * 1000 + micros / 1000;
            self.server_epoch_ms.store(server_ms.saturating_sub(elapsed_ms(self.started)), Ordering::Relaxed);
        }
    }

    fn put_in_service(&self, connected: Connected) {
        let Connected { reads, writes, confirmer, durability, digests, not_ready, proven } = connected;
        *lock(&self.proven) = proven;
        let number = *self.connected.borrow() + 1;
        self.live.store(Some(Arc::new(Live { reads, writes, confirmer, durability, digests, number })));
        if self.closed.load(Ordering::SeqCst) {
            self.live.store(None);
        }
        self.set_trouble(not_ready);
        self.connected.send_replace(number);
    }

    fn report_away(&self, why: &str) {
        self.common.servers_doubted.notify_one();
        if self.set_trouble(Some(why.to_owned())) {
            let address = self.address();
            tracing::warn!(%address, reason = why, "Redis is away; userd goes on trying, and is not ready until then");
        }
    }

    fn report_refused(&self, why: &str) {
        if self.set_trouble(Some(why.to_owned())) {
            tracing::error!(reason = why, "Redis is refused; userd serves nothing from it until this is mended");
        }
    }

    /// Notes the state of affairs; true if it is news.
    fn set_trouble(&self, trouble: Option<String>) -> bool {
        let mut current = lock(&self.trouble);
        let news = *current != trouble;
        *current = trouble;
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
async fn keep(state: Arc<NodeState>) {
    let mut pause = RECONNECT_PAUSE.0;
    let mut recheck_at = Instant::now() + state.common.settings.recheck_every;
    loop {
        if let Some(live) = state.live() {
            pause = RECONNECT_PAUSE.0;
            watch_over(&state, &live, &mut recheck_at).await;
            continue;
        }
        match connect::attempt(&state).await {
            Attempt::Connected(connected) => {
                state.put_in_service(*connected);
                recheck_at = Instant::now() + state.common.settings.recheck_every;
                tracing::info!(address = %state.address(), "connected to Redis");
                continue;
            }
            Attempt::Away(why) => state.report_away(&why),
            Attempt::Refused(why) => {
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
async fn watch_over(state: &NodeState, live: &Live, recheck_at: &mut Instant) {
    let current = || state.live.load().as_ref().is_some_and(|current| current.number == live.number);
    tokio::select! {
        () = state.suspected.notified() => {
            if current() && !(answers(&live.reads).await && answers(&live.writes).await) {
                state.lose(live, "it stopped answering");
            }
        }
        () = state.replicas_doubted.notified() => {
            let soon = Instant::now() + REPLICAS_RECHECK;
            *recheck_at = soon.min(*recheck_at);
        }
        () = tokio::time::sleep_until(*recheck_at) => {
            *recheck_at = Instant::now() + state.common.settings.recheck_every;
            recheck(state, live).await;
            if state.common.settings.acknowledge != Acknowledge::Primary && state.replicas.are_fewer() {
                *recheck_at = Instant::now() + REPLICAS_RECHECK;
            }
        }
    }
}

async fn answers(connection: &MultiplexedConnection) -> bool {
    let (mut connection, ping) = (connection.clone(), ::redis::cmd("PING"));
    let answer = tokio::time::timeout(SUSPECT_PING, connection.send_packed_command(&ping)).await;
    matches!(answer, Ok(Ok(_)))
}

/// Asks the server again, and takes the connections out of service if accounts are not safe there any more.
async fn recheck(state: &NodeState, live: &Live) {
    match connect::recheck(state, live).await {
        Ok(not_ready) => {
            if let (true, Some(why)) = (state.set_trouble(not_ready.clone()), not_ready) {
                tracing::error!(reason = why, "Redis is not ready");
            }
        }
        Err(Attempt::Refused(why)) => {
            state.lose(live, &why);
            state.report_refused(&why);
        }
        Err(Attempt::Away(why)) => state.lose(live, &why),
        Err(Attempt::Connected(_)) => {}
    }
}
