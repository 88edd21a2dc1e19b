//! The one multiplexed connection to the server: bounded waits, repeats of what may be repeated, recovery.
//!
//! Requests of all tasks share the connection and pipeline by themselves. A keeper task owns its life: it
//! connects, checks the server (see [`super::connect`]), puts the connection in service, asks again every
//! 30 seconds (`recheck_every`), and replaces it when somebody reports it lost. A request waits for a connection no longer
//! than its own deadline, so a lost Redis is a bounded wait and never a queue that grows.
//!
//! Everything sent through here may be sent twice: reads, and the protocol's idempotent steps. That is why
//! a lost answer is simply asked for again. No blocking command ever goes on this connection.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind, Value};
use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, Semaphore, TryAcquireError, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::RedisSettings;
use super::connect::{self, Attempt, Connected};
use super::keys::Shard;
use super::script::{SCRIPTS, Script};
use crate::random::Random;
use crate::store::StoreError;

/// First and longest pause between two attempts to connect: quick enough to be back within a second.
const RECONNECT_PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// Pause before a server that was refused is asked again.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);

/// How long a connection that left a request unanswered has to answer a `PING`.
const SUSPECT_PING: Duration = Duration::from_millis(250);

/// Pause before a request is repeated that the server asked to repeat (`TRYAGAIN`, `BUSY`).
const TRY_AGAIN_PAUSE: Duration = Duration::from_millis(20);

/// A connection in service, with what was learnt when it was made.
pub(super) struct Live {
    /// The connection; cheap to clone, all clones share one socket.
    pub(super) connection: MultiplexedConnection,
    /// The scripts' digests as the server gave them.
    pub(super) digests: [String; SCRIPTS],
    /// Tells this connection from those before it.
    number: u64,
}

/// What tasks and the keeper share.
pub(super) struct Shared {
    /// What the operator asked for.
    pub(super) settings: RedisSettings,
    /// Where nonces come from.
    pub(super) random: Arc<dyn Random>,
    live: ArcSwapOption<Live>,
    connected: watch::Sender<u64>,
    suspected: Notify,
    trouble: Mutex<Option<String>>,
    permits: Semaphore,
    /// The server's clock less ours since `started`, in milliseconds.
    server_epoch_ms: AtomicU64,
    started: Instant,
}

/// The way to the server. See the module's text.
pub(super) struct Link {
    shared: Arc<Shared>,
    keeper: JoinHandle<()>,
}

/// A server that holds keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerId(String);

impl std::fmt::Display for ServerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
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
    /// Connects once, and from then on keeps a connection. A server that is away is no error.
    ///
    /// # Errors
    /// The sentence with which the server was refused.
    pub(super) async fn start(settings: RedisSettings, random: Arc<dyn Random>) -> Result<Self, String> {
        let permits = Semaphore::new(settings.in_flight_max);
        let shared = Arc::new(Shared {
            settings,
            random,
            live: ArcSwapOption::empty(),
            connected: watch::Sender::new(0),
            suspected: Notify::new(),
            trouble: Mutex::new(None),
            permits,
            server_epoch_ms: AtomicU64::new(0),
            started: Instant::now(),
        });
        let mut first = true;
        match connect::attempt(&shared, first).await {
            Attempt::Connected(connected) => {
                first = !connected.proven;
                shared.put_in_service(*connected);
            }
            Attempt::Away(why) => shared.report_away(&why),
            Attempt::Refused(why) => return Err(why),
        }
        #[expect(clippy::disallowed_methods, reason = "the handle is kept and aborted when the link is dropped")]
        let keeper = tokio::spawn(keep(Arc::clone(&shared), first));
        Ok(Self { shared, keeper })
    }

    /// When a call that begins now has to be over.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.shared.settings.timeout
    }

    /// The server's clock, in milliseconds; estimated from its answer at the last check.
    pub(super) fn server_now_ms(&self) -> u64 {
        self.shared.server_epoch_ms.load(Ordering::Relaxed) + elapsed_ms(self.shared.started)
    }

    /// Asks the server for its clock again; for when it said that our estimate is off.
    pub(super) async fn ask_server_clock(&self, deadline: Instant) -> Result<(), LinkError> {
        let answer = self.command(deadline, &::redis::cmd("TIME")).await?;
        self.shared.note_server_clock(&answer);
        Ok(())
    }

    /// Why the server can't be relied on at the moment; `None` if it can.
    pub(super) fn trouble(&self) -> Option<String> {
        self.shared.trouble()
    }

    /// Sends one command and waits for its answer.
    pub(super) async fn command(&self, deadline: Instant, command: &Cmd) -> Result<Value, LinkError> {
        self.ask(deadline, &Request::Command(command)).await.map(|reply| reply.value)
    }

    /// Sends a pipeline of `count` commands and waits for the list of its answers.
    pub(super) async fn pipeline(
        &self,
        deadline: Instant,
        pipeline: &Pipeline,
        count: usize,
    ) -> Result<Value, LinkError> {
        self.ask(deadline, &Request::Pipeline(pipeline, count)).await.map(|reply| reply.value)
    }

    /// Runs a script on the keys of one shard. Sends it whole where the server has forgotten it.
    pub(super) async fn script(
        &self,
        deadline: Instant,
        script: Script,
        keys: &[&str],
        args: &[&str],
    ) -> Result<Reply, LinkError> {
        self.ask(deadline, &Request::Script { script, keys, args }).await
    }

    /// Sends commands on keys of any shards, pipelined, and gives the answers in their order. A key of a wrong
    /// type is an answer. Takes no place of a request's.
    pub(super) async fn many(&self, deadline: Instant, commands: Vec<(Shard, Cmd)>) -> Result<Vec<Value>, LinkError> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = Pipeline::with_capacity(commands.len());
        let count = commands.len();
        for (_, command) in commands {
            pipeline.add_command(command);
        }
        match self.ask_beside(deadline, &Request::Pipeline(&pipeline, count)).await?.value {
            Value::Array(answers) => Ok(answers),
            one => Ok(vec![one]),
        }
    }

    /// The servers that hold keys now.
    pub(super) fn servers(&self) -> Vec<ServerId> {
        let settings = &self.shared.settings;
        vec![ServerId(format!("{}:{}", settings.host, settings.port))]
    }

    /// Sends one command to that server. Takes no place of a request's.
    pub(super) async fn on_server(
        &self,
        deadline: Instant,
        _server: &ServerId,
        command: &Cmd,
    ) -> Result<Value, LinkError> {
        self.ask_beside(deadline, &Request::Command(command)).await.map(|reply| reply.value)
    }

    async fn ask(&self, deadline: Instant, request: &Request<'_>) -> Result<Reply, LinkError> {
        let shared = &*self.shared;
        let _permit = shared.permits.try_acquire().map_err(|refusal| match refusal {
            TryAcquireError::NoPermits => LinkError::Overloaded(shared.settings.in_flight_max),
            TryAcquireError::Closed => LinkError::Late(Some("the store is closed".to_owned())),
        })?;
        self.ask_beside(deadline, request).await
    }

    async fn ask_beside(&self, deadline: Instant, request: &Request<'_>) -> Result<Reply, LinkError> {
        let shared = &*self.shared;
        if shared.permits.is_closed() {
            return Err(LinkError::Late(Some("the store is closed".to_owned())));
        }
        let mut repeated = false;
        loop {
            let live = shared.live_before(deadline).await?;
            match tokio::time::timeout_at(deadline, send(&live, request)).await {
                Ok(Ok(value)) => return Ok(Reply { value, repeated }),
                Ok(Err(error)) => match cure(&error) {
                    Cure::Reconnect => {
                        // What the server refused did not run; of what was lost on the way nobody knows.
                        repeated |= !matches!(error.kind(), ErrorKind::Server(_));
                        shared.lose(&live, &error.to_string());
                    }
                    Cure::Wait => tokio::time::sleep(TRY_AGAIN_PAUSE).await,
                    Cure::None => return Err(LinkError::Server(error)),
                },
                Err(_) => {
                    shared.suspected.notify_one();
                    return Err(LinkError::Late(shared.trouble()));
                }
            }
        }
    }

    /// Ends the keeper and lets go of the connection.
    pub(super) fn close(&self) {
        self.shared.permits.close();
        self.keeper.abort();
        self.shared.live.store(None);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    /// A connection in service, if there is one before the deadline.
    async fn live_before(&self, deadline: Instant) -> Result<Arc<Live>, LinkError> {
        if let Some(live) = self.live.load_full() {
            return Ok(live);
        }
        let mut connected = self.connected.subscribe();
        loop {
            if let Some(live) = self.live.load_full() {
                return Ok(live);
            }
            match tokio::time::timeout_at(deadline, connected.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Err(LinkError::Late(self.trouble())),
            }
        }
    }

    fn put_in_service(&self, connected: Connected) {
        let Connected { connection, digests, not_ready, .. } = connected;
        let number = *self.connected.borrow() + 1;
        self.live.store(Some(Arc::new(Live { connection, digests, number })));
        self.set_trouble(not_ready);
        self.connected.send_replace(number);
    }

    /// Takes a connection out of service, unless another has taken its place already.
    fn lose(&self, live: &Live, why: &str) {
        if self.live.load().as_ref().is_some_and(|current| current.number == live.number) {
            self.live.store(None);
            self.set_trouble(Some(format!("the connection was lost: {why}")));
            tracing::warn!(reason = why, "the connection to Redis was lost; connecting again");
        }
        self.suspected.notify_one();
    }

    fn report_away(&self, why: &str) {
        if self.set_trouble(Some(why.to_owned())) {
            let address = format!("{}:{}", self.settings.host, self.settings.port);
            tracing::warn!(%address, reason = why, "Redis is away; userd goes on trying, and is not ready until then");
        }
    }

    fn report_refused(&self, why: &str) {
        if self.set_trouble(Some(why.to_owned())) {
            tracing::error!(reason = why, "Redis is refused; userd serves nothing from it until this is mended");
        }
    }

    fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes the state of affairs; true if it is news.
    fn set_trouble(&self, trouble: Option<String>) -> bool {
        let mut current = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let news = *current != trouble;
        *current = trouble;
        news
    }

    /// Takes over the server's clock from an answer to `TIME`.
    pub(super) fn note_server_clock(&self, answer: &Value) {
        if let Ok((seconds, micros)) = ::redis::from_redis_value_ref::<(u64, u64)>(answer) {
            let server_ms = seconds * 1000 + micros / 1000;
            self.server_epoch_ms.store(server_ms.saturating_sub(elapsed_ms(self.started)), Ordering::Relaxed);
        }
    }
}

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The life of connections, one after the other.
async fn keep(shared: Arc<Shared>, mut first: bool) {
    let mut pause = RECONNECT_PAUSE.0;
    let mut recheck_at = Instant::now() + shared.settings.recheck_every;
    loop {
        if let Some(live) = shared.live.load_full() {
            pause = RECONNECT_PAUSE.0;
            watch_over(&shared, &live, &mut recheck_at).await;
            continue;
        }
        match connect::attempt(&shared, first).await {
            Attempt::Connected(connected) => {
                first = !connected.proven;
                shared.put_in_service(*connected);
                recheck_at = Instant::now() + shared.settings.recheck_every;
                tracing::info!("connected to Redis");
                continue;
            }
            Attempt::Away(why) => shared.report_away(&why),
            Attempt::Refused(why) => {
                shared.report_refused(&why);
                pause = REFUSED_PAUSE;
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(RECONNECT_PAUSE.1);
    }
}

/// Waits until the connection has to be looked at, and takes it out of service if it is no good any more. The
/// moment of the next recheck outlives a suspicion: requests that are late again and again don't put it off.
async fn watch_over(shared: &Shared, live: &Live, recheck_at: &mut Instant) {
    tokio::select! {
        () = shared.suspected.notified() => {
            if shared.live.load().as_ref().is_some_and(|current| current.number == live.number) {
                let mut connection = live.connection.clone();
                let ping = ::redis::cmd("PING");
                let answer = tokio::time::timeout(SUSPECT_PING, connection.send_packed_command(&ping)).await;
                if !matches!(answer, Ok(Ok(_))) {
                    shared.lose(live, "it stopped answering");
                }
            }
        }
        () = tokio::time::sleep_until(*recheck_at) => {
            *recheck_at = Instant::now() + shared.settings.recheck_every;
            recheck(shared, live).await;
        }
    }
}

/// Asks the server again, and takes the connection out of service if accounts are not safe there any more.
async fn recheck(shared: &Shared, live: &Live) {
    match connect::recheck(shared, &live.connection).await {
        Ok(not_ready) => {
            if let (true, Some(why)) = (shared.set_trouble(not_ready.clone()), not_ready) {
                tracing::error!(reason = why, "Redis is not ready");
            }
        }
        Err(Attempt::Refused(why)) => {
            shared.lose(live, &why);
            shared.report_refused(&why);
        }
        Err(Attempt::Away(why)) => shared.lose(live, &why),
        Err(Attempt::Connected(_)) => {}
    }
}

/// What is sent to the server, as often as it takes.
enum Request<'a> {
    Command(&'a Cmd),
    Pipeline(&'a Pipeline, usize),
    Script { script: Script, keys: &'a [&'a str], args: &'a [&'a str] },
}

/// Sends it once. The connection hands a server's error over as a value; here it becomes one.
async fn send(live: &Live, request: &Request<'_>) -> RedisResult<Value> {
    let mut connection = live.connection.clone();
    match *request {
        Request::Command(command) => connection.send_packed_command(command).await?.extract_error(),
        Request::Pipeline(pipeline, count) => {
            let answers = connection.send_packed_commands(pipeline, 0, count).await?;
            // A key of a wrong type concerns that key, and whoever asked knows which; all else the whole server.
            let concerns_all = |answer: &Value| match answer {
                Value::ServerError(error) if error.code() != "WRONGTYPE" => Some(error.clone().into()),
                _ => None,
            };
            answers.iter().find_map(concerns_all).map_or(Ok(Value::Array(answers)), Err)
        }
        Request::Script { script, keys, args } => {
            let mut command = script.evalsha(&live.digests, keys);
            command.arg(args);
            match connection.send_packed_command(&command).await?.extract_error() {
                Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                    let mut whole = Cmd::new();
                    whole.arg("EVAL").arg(script.text()).arg(keys.len()).arg(keys).arg(args);
                    connection.send_packed_command(&whole).await?.extract_error()
                }
                answer => answer,
            }
        }
    }
}

/// What helps against an error.
enum Cure {
    /// Another connection, then the same again.
    Reconnect,
    /// A little time, then the same again.
    Wait,
    /// Nothing that we could do.
    None,
}

fn cure(error: &RedisError) -> Cure {
    match error.kind() {
        // A demoted primary answers READONLY for ever, and a client that stays with it loses what it writes.
        ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown | ServerErrorKind::BusyLoading) => {
            Cure::Reconnect
        }
        ErrorKind::Server(ServerErrorKind::TryAgain) => Cure::Wait,
        _ if error.code() == Some("BUSY") => Cure::Wait,
        ErrorKind::Io | ErrorKind::Parse => Cure::Reconnect,
        _ if error.is_connection_dropped() || error.is_unrecoverable_error() => Cure::Reconnect,
        _ => Cure::None,
    }
}
