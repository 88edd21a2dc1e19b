//! The way to the servers: finds the one that holds a shard, waits within bounds, repeats what may be repeated.
//!
//! | module | what it is |
//! |---|---|
//! | `node` | one server, its connections and the keeper that makes them anew |
//! | `connect` | how a connection is made and a server checked |
//! | `cluster`, `slots` | which node of a cluster serves which shard |
//! | `speech` | why a server that does not answer may be spoken to in the wrong way |
//! | `sentinel` | which server Sentinels name as the primary |
//! | `confirm`, `replicas`, `durable` | waiting for replicas and disks |
//! | `request`, `many`, `batch` | what is sent, and what an error calls for; many reads at once, and many steps |
//!
//! Everything sent through here may be sent twice: reads, and scripts that know their own repeat. That is why a lost
//! answer is simply asked for again. The few scripts that don't (`Script::is_sent_once`) are late then. Requests of all tasks share connections and pipeline by themselves; no blocking
//! command ever goes on a shared one.

mod batch;
mod cluster;
mod confirm;
mod connect;
mod durable;
mod many;
mod node;
mod replicas;
mod request;
mod sentinel;
mod slots;
mod speech;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ::redis::{Cmd, RedisError, Value};
use tokio::sync::{Notify, Semaphore, SemaphorePermit, TryAcquireError};
use tokio::task::JoinSet;
use tokio::time::Instant;

pub(super) use self::batch::Batched;
use self::cluster::Cluster;
use self::confirm::Unconfirmed;
pub(super) use self::connect::dial_for_reading;
use self::node::{Common, Kind, Live, Node};
use self::request::{Cure, Request, cure, send};
use self::sentinel::SentinelWatch;
use super::keys::Shard;
use super::script::Script;
use super::{Address, RedisSettings, Servers};
use userd_core::random::Random;
use userd_metrics::{Counts, Trip};
use userd_store::StoreError;

/// Pause before a request is repeated that the server asked to repeat (`TRYAGAIN`, `BUSY`, `CLUSTERDOWN`).
const TRY_AGAIN_PAUSE: Duration = Duration::from_millis(20);

/// The way to the servers. See the module's text.
pub(super) struct Link {
    common: Arc<Common>,
    route: Route,
    permits: Semaphore,
    /// Ends with the link.
    _subscriptions: JoinSet<()>,
}

/// Who holds which shard.
enum Route {
    /// One server holds all.
    One(Arc<Node>),
    /// The nodes of a cluster.
    Cluster(Cluster),
}

/// The server's answer to a script.
pub(super) struct Reply {
    /// What it said.
    pub(super) value: Value,
    /// An earlier copy of the same message may have run, and its answer was lost. A step recognises its own
    /// repeat, unless somebody else has changed the same record in between: then it can't tell.
    pub(super) repeated: bool,
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    /// More requests are under way than `redis.in_flight_max`.
    #[error("more than {0} requests to Redis are under way")]
    Overloaded(usize),
    /// No answer within the deadline, or no connection.
    #[error("Redis gave no answer in time{}", .0.as_deref().map(|why| format!(": {why}")).unwrap_or_default())]
    Late(Option<String>),
    /// The keys that the request concerns are being moved to another node, one by one.
    #[error("the slot of the keys is being moved to another node of the cluster")]
    Moving,
    /// It was done, but replicas or disks did not confirm it: a failover may undo it, or may not.
    #[error("the change is not confirmed as redis.acknowledge wants it: {0}")]
    Unconfirmed(String),
    /// The server's own word.
    #[error("Redis answered with an error")]
    Server(#[source] RedisError),
}

impl LinkError {
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

impl Link {
    /// Connects once, and from then on keeps connections. Servers that are away are no error.
    ///
    /// # Errors
    /// The sentence with which a server was refused.
    pub(super) async fn start(settings: RedisSettings, random: Arc<dyn Random>) -> Result<Self, String> {
        let permits = Semaphore::new(settings.in_flight_max);
        let servers = settings.servers.clone();
        let common = Arc::new(Common { settings, random, servers_doubted: Notify::new() });
        let mut subscriptions = JoinSet::new();
        let route = match servers {
            Servers::One(address) => {
                Route::One(Arc::new(Node::start(Arc::clone(&common), address, Kind::Single, Shard::FIRST).await?))
            }
            Servers::Sentinels(sentinels) => {
                let watch = Kind::Watched(Arc::new(SentinelWatch::new(sentinels.clone())));
                let unknown = Address::new("", 0);
                let node = Arc::new(Node::start(Arc::clone(&common), unknown, watch, Shard::FIRST).await?);
                subscriptions = sentinel::watch(&common, &sentinels, &node.state);
                sentinel::warn_if_few(&common.settings, &sentinels).await;
                Route::One(node)
            }
            Servers::Cluster(seeds) => Route::Cluster(Cluster::start(Arc::clone(&common), seeds).await?),
        };
        Ok(Self { common, route, permits, _subscriptions: subscriptions })
    }

    /// When a call that begins now has to be over.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.common.settings.timeout
    }

    /// The clock of the server that holds `shard`, in milliseconds; estimated from its answer at the last check.
    pub(super) async fn server_now_ms(&self, deadline: Instant, shard: Shard) -> Result<u64, LinkError> {
        Ok(self.node(shard, deadline).await?.state.server_now_ms())
    }

    /// Asks that server for its clock again; for when it said that our estimate is off.
    pub(super) async fn ask_server_clock(&self, deadline: Instant, shard: Shard) -> Result<(), LinkError> {
        let node = self.node(shard, deadline).await?;
        let answer = ask_once(&node, deadline, &::redis::cmd("TIME")).await?;
        node.state.note_server_clock(&answer);
        Ok(())
    }

    /// Why the servers can't be relied on at the moment; `None` if they can.
    pub(super) fn trouble(&self) -> Option<String> {
        match &self.route {
            Route::One(node) => node.state.trouble(),
            Route::Cluster(cluster) => cluster.map().trouble(),
        }
    }

    /// The servers that hold keys now.
    pub(super) fn servers(&self) -> Vec<Address> {
        self.nodes().iter().map(|node| Address::clone(&node.state.address())).collect()
    }

    /// What the operator asked for.
    pub(super) fn settings(&self) -> &RedisSettings {
        &self.common.settings
    }

    /// A number that changes when a shard is served by another server than before.
    pub(super) fn layout(&self) -> u64 {
        match &self.route {
            Route::One(_) => 0,
            Route::Cluster(cluster) => cluster.map().layout(),
        }
    }

    /// Sends one command to one of [`Self::servers`].
    pub(super) async fn on_server(
        &self,
        deadline: Instant,
        server: &Address,
        command: &Cmd,
    ) -> Result<Value, LinkError> {
        let _permit = self.permit()?;
        let node = self.nodes().into_iter().find(|node| *node.state.address() == *server);
        let node = node.ok_or_else(|| LinkError::Late(Some(format!("{server} holds no keys any more"))))?;
        ask_once(&node, deadline, command).await
    }

    /// One of the servers answers.
    pub(super) async fn ping(&self, deadline: Instant) -> Result<(), LinkError> {
        let _permit = self.permit()?;
        let mut last = Err(LinkError::Late(self.trouble()));
        let mut pings = JoinSet::new();
        for node in self.nodes() {
            pings.spawn(async move { ask_once(&node, deadline, &::redis::cmd("PING")).await });
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
    pub(super) async fn command(&self, deadline: Instant, shard: Shard, command: &Cmd) -> Result<Value, LinkError> {
        self.ask(deadline, shard, &Request::Read(command)).await.map(|reply| reply.value)
    }

    /// The same for what a verdict rests on: it is confirmed as a change is.
    pub(super) async fn confirmed(&self, deadline: Instant, shard: Shard, command: &Cmd) -> Result<Value, LinkError> {
        self.ask(deadline, shard, &Request::ConfirmedRead(command)).await.map(|reply| reply.value)
    }

    /// Runs a script on keys of `shard`. Sends it whole where the server has forgotten it.
    pub(super) async fn script(
        &self,
        deadline: Instant,
        shard: Shard,
        script: Script,
        keys: &[&str],
        args: &[impl AsRef<[u8]> + Sync],
    ) -> Result<Reply, LinkError> {
        let args: Vec<&[u8]> = args.iter().map(AsRef::as_ref).collect();
        self.ask(deadline, shard, &Request::Script { script, keys, args: &args, moving_patience: None }).await
    }

    /// The same, but a slot that is being moved is not waited for until the deadline: after `moving_patience` the
    /// answer is [`LinkError::Moving`].
    pub(super) async fn script_unless_moving(
        &self,
        deadline: Instant,
        shard: Shard,
        moving_patience: Duration,
        (script, keys, args): (Script, &[&str], &[&[u8]]),
    ) -> Result<Reply, LinkError> {
        let moving_patience = Some(moving_patience);
        self.ask(deadline, shard, &Request::Script { script, keys, args, moving_patience }).await
    }

    async fn ask(&self, deadline: Instant, shard: Shard, request: &Request<'_>) -> Result<Reply, LinkError> {
        let _permit = self.permit()?;
        self.pursue(deadline, shard, request).await
    }

    /// Asks, and asks again wherever and for as long as it takes, until the deadline.
    async fn pursue(&self, deadline: Instant, shard: Shard, request: &Request<'_>) -> Result<Reply, LinkError> {
        let (mut repeated, mut elsewhere, mut moving_since) = (false, None, None);
        loop {
            let (node, asking) = match elsewhere.take() {
                Some(node) => (node, true),
                None => (self.node(shard, deadline).await?, false),
            };
            let Some(live) = self.live(&node, deadline).await? else { continue };
            let sent = self.measured(request.trip(), tokio::time::timeout_at(deadline, send(&live, request, asking)));
            let error = match sent.await {
                Ok(Ok(value)) => match confirm(&live, &node, deadline, request).await {
                    Ok(()) => return Ok(Reply { value, repeated }),
                    Err(Unconfirmed::Few(why)) => return Err(LinkError::Unconfirmed(why)),
                    Err(Unconfirmed::Lost(why)) => {
                        self.retries().add_one("unconfirmed");
                        repeated = true;
                        node.state.lose(&live, &why);
                        continue;
                    }
                },
                Ok(Err(error)) => error,
                Err(_) => {
                    node.state.suspect();
                    return Err(LinkError::Late(node.state.trouble()));
                }
            };
            match cure(&error, &node.state.address()) {
                Cure::Reconnect => {
                    // What the server refused did not run; of what was lost on the way nobody knows.
                    let lost = !matches!(error.kind(), ::redis::ErrorKind::Server(_));
                    repeated |= lost;
                    node.state.lose(&live, &error.to_string());
                    if lost && request.is_sent_once() {
                        return Err(LinkError::Late(Some("its answer was lost".to_owned())));
                    }
                    self.retries().add_one(if lost { "lost" } else { "refused" });
                }
                Cure::Moved(address) => {
                    self.retries().add_one("moved");
                    self.moved(shard, &address);
                }
                Cure::AskAt(address) => {
                    self.retries().add_one("asked");
                    elsewhere = self.node_at(&address, shard);
                }
                Cure::Moving => {
                    self.retries().add_one("moving");
                    let since = *moving_since.get_or_insert_with(Instant::now);
                    if request.moving_patience().is_some_and(|patience| since.elapsed() >= patience) {
                        return Err(LinkError::Moving);
                    }
                    pause_before(deadline).await.map_err(|()| LinkError::Moving)?;
                }
                Cure::Wait => {
                    self.retries().add_one("waited");
                    self.common.servers_doubted.notify_one();
                    pause_before(deadline).await.map_err(|()| LinkError::Server(error))?;
                }
                Cure::None => return Err(LinkError::Server(error)),
            }
        }
    }

    /// Counts a round trip that `sent` waits for.
    async fn measured<T>(&self, trip: Trip, sent: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let answer = sent.await;
        self.common.settings.metrics.stores.went(trip, began.elapsed());
        answer
    }

    /// What is sent once more, by why.
    fn retries(&self) -> &Counts {
        &self.common.settings.metrics.stores.retries
    }

    fn permit(&self) -> Result<SemaphorePermit<'_>, LinkError> {
        self.permits.try_acquire().map_err(|refusal| match refusal {
            TryAcquireError::NoPermits => LinkError::Overloaded(self.common.settings.in_flight_max),
            TryAcquireError::Closed => LinkError::Late(Some("the store is closed".to_owned())),
        })
    }

    fn nodes(&self) -> Vec<Arc<Node>> {
        match &self.route {
            Route::One(node) => vec![Arc::clone(node)],
            Route::Cluster(cluster) => cluster.map().nodes(),
        }
    }

    async fn node(&self, shard: Shard, deadline: Instant) -> Result<Arc<Node>, LinkError> {
        match &self.route {
            Route::One(node) => Ok(Arc::clone(node)),
            Route::Cluster(cluster) => cluster.map().node(shard, deadline).await,
        }
    }

    fn moved(&self, shard: Shard, address: &Address) {
        if let Route::Cluster(cluster) = &self.route {
            cluster.map().moved(shard, address);
        }
    }

    fn node_at(&self, address: &Address, shard: Shard) -> Option<Arc<Node>> {
        match &self.route {
            Route::One(_) => None,
            Route::Cluster(cluster) => Some(cluster.map().node_asked(address, shard)),
        }
    }

    /// Connections to the node; `None` if meanwhile another node may serve the shard.
    async fn live(&self, node: &Node, deadline: Instant) -> Result<Option<Arc<Live>>, LinkError> {
        if let Some(live) = node.state.live() {
            return Ok(Some(live));
        }
        match &self.route {
            Route::One(_) => node.state.live_before(deadline).await.map(Some),
            Route::Cluster(cluster) => {
                let mut changes = cluster.map().changes();
                tokio::select! {
                    live = node.state.live_before(deadline) => live.map(Some),
                    _ = changes.changed() => Ok(None),
                }
            }
        }
    }

    /// Ends the keepers and lets go of the connections.
    pub(super) fn close(&self) {
        self.permits.close();
        match &self.route {
            Route::One(node) => node.close(),
            Route::Cluster(cluster) => cluster.close(),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.close();
    }
}

/// Sends a command that may go to any server, once.
async fn ask_once(node: &Node, deadline: Instant, command: &Cmd) -> Result<Value, LinkError> {
    let live = node.state.live_before(deadline).await?;
    let began = Instant::now();
    let answer = tokio::time::timeout_at(deadline, send(&live, &Request::Read(command), false)).await;
    node.state.common.settings.metrics.stores.went(Trip::Server, began.elapsed());
    match answer {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            if matches!(cure(&error, &node.state.address()), Cure::Reconnect) {
                node.state.lose(&live, &error.to_string());
            }
            Err(LinkError::Server(error))
        }
        Err(_) => {
            node.state.suspect();
            Err(LinkError::Late(node.state.trouble()))
        }
    }
}

/// Waits for replicas or disks where the operator asks for it and the answer rests on them.
async fn confirm(live: &Live, node: &Node, deadline: Instant, request: &Request<'_>) -> Result<(), Unconfirmed> {
    match &live.confirmer {
        Some(confirmer) if request.is_confirmed() => confirmer.confirm(deadline, &node.state).await,
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
