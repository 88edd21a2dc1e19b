//! How connections to a server are made: reach it, prove who we are, ask what it is, load the scripts.
//!
//! Does not decide when to connect; that is the node's keeper.

use std::collections::HashMap;
use std::sync::Arc;

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, ConnectionAddr, ErrorKind, IntoConnectionInfo, Pipeline, RedisError, RedisResult,
    TlsCertificates, Value,
};
use tokio::time::Instant;

use super::acknowledge::{AckMode, AckWaiter};
use super::fsync_check;
use super::node::{LiveConnections, NodeKind, NodeState};
use super::tls_mismatch;
use crate::layout::KeyLayout;
use crate::script::{SCRIPT_COUNT, Script};
use crate::startup_checks::{self, ServerFacts, ServerRole, StartupReport};
use crate::user_record::FORMAT_VERSION;
use crate::{AckRequirement, NodeAddress, RedisDurability, RedisSettings, ServerCredentials};
use userd_core::CANONICAL_VERSION;

/// How an attempt to connect ended.
pub(super) enum ConnectAttempt {
    /// The connections can be put in service.
    Connected(Box<NewConnections>),
    /// The server can't be reached or can't answer yet; worth another try.
    Unavailable(String),
    /// Accounts must not be entrusted to this server, or it does not let us in; somebody has to act.
    Refused(String),
}

/// Connections, and what was learnt when they were made.
pub(super) struct NewConnections {
    /// For reads.
    pub(super) reads: MultiplexedConnection,
    /// For scripts.
    pub(super) writes: MultiplexedConnection,
    /// What waits for replicas and disks, where that is asked for.
    pub(super) ack_waiter: Option<AckWaiter>,
    /// The scripts' digests.
    pub(super) digests: [String; SCRIPT_COUNT],
    /// Why the server can't be relied on right now, if so.
    pub(super) not_ready: Option<String>,
    /// What the server keeps through a loss of power, as far as is known.
    pub(super) durability: Option<RedisDurability>,
    /// The life of the server whose permissions and versions are known to be right; otherwise a server without memory
    /// or disk kept them from being tried, and the next connection tries again.
    pub(super) verified_run_id: Option<String>,
}

/// Why an attempt failed, before it is known what that means.
pub(super) enum ConnectError {
    /// The client's or the server's own error.
    Redis(RedisError),
    /// Somebody has to act.
    Refused(String),
    /// Worth another try.
    Unavailable(String),
}

impl From<RedisError> for ConnectError {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

/// Makes the connections. What needs to be found out only once, permissions and versions, is for each life of each
/// server: after a failover, or an upgrade at the same address, it is another.
pub(super) async fn attempt(node: &Arc<NodeState>) -> ConnectAttempt {
    let limit = node.common.settings.timeout * 2;
    let address = match node.find().await {
        Ok(address) => address,
        Err(attempt) => return attempt,
    };
    // Reaching the server is bounded by the time-out; twice that bounds it and all that is asked then.
    match tokio::time::timeout(limit, connect(node, &address)).await {
        Ok(Ok(connected)) => ConnectAttempt::Connected(Box::new(connected)),
        Ok(Err(connect_error)) => describe(connect_error),
        Err(_) => ConnectAttempt::Unavailable(format!("no answer within {} ms", limit.as_millis())),
    }
}

/// Asks a server that is in service again whether accounts are still safe with it.
///
/// # Errors
/// As an attempt that is not [`ConnectAttempt::Connected`]; otherwise why it can't be relied on right now, if so.
pub(super) async fn recheck(node: &NodeState, live: &LiveConnections) -> Result<Option<String>, ConnectAttempt> {
    let address = node.address();
    if node.find().await.is_ok_and(|found| found != address) {
        return Err(ConnectAttempt::Unavailable("Sentinel names another primary".to_owned()));
    }
    let mut connection = live.reads.clone();
    let ask = async {
        let seen = inspect(node, &address, &mut connection, false).await?;
        // A newer userd may have brought the accounts into a form that this one would damage.
        check_versions(&node.common.settings, read_versions(&node.common.settings, &mut connection).await?)?;
        Ok(seen)
    };
    match tokio::time::timeout(node.common.settings.timeout, ask).await {
        // What the disk is waited for with was decided by what the server said then.
        Ok(Ok(seen))
            if node.common.settings.acknowledge == AckRequirement::Disk
                && startup_checks::durability(&seen.facts, &node.common.settings) != live.durability =>
        {
            Err(ConnectAttempt::Unavailable("it keeps its data in another way than before".to_owned()))
        }
        Ok(Ok(seen)) => Ok(seen.not_ready),
        Ok(Err(connect_error)) => Err(describe(connect_error)),
        Err(_) => Err(ConnectAttempt::Unavailable("it stopped answering".to_owned())),
    }
}

/// What an error means, in words for the operator.
pub(super) fn describe(connect_error: ConnectError) -> ConnectAttempt {
    let error = match connect_error {
        ConnectError::Unavailable(why) => return ConnectAttempt::Unavailable(why),
        ConnectError::Refused(why) => return ConnectAttempt::Refused(why),
        ConnectError::Redis(error) => error,
    };
    let text = error.to_string();
    match (error.kind(), error.code()) {
        (ErrorKind::AuthenticationFailed, _) | (_, Some("WRONGPASS" | "NOAUTH")) => ConnectAttempt::Refused(
            "Redis refused the user name or password; set redis.username and redis.password (or REDIS_PASSWORD, or \
             both in the URL)"
                .to_owned(),
        ),
        (ErrorKind::InvalidClientConfig, _) => ConnectAttempt::Refused(format!("the Redis settings can't be used: {text}")),
        _ if text.contains("DB index is out of range") => ConnectAttempt::Refused(
            "Redis has no database of that number; set REDIS_DB, or the number at the end of the URL, to one below its \
             own setting `databases` (16 unless changed)"
                .to_owned(),
        ),
        // rustls's own words; the client hands them on as text alone.
        _ if text.contains("invalid peer certificate") => ConnectAttempt::Refused(format!(
            "the server's certificate is refused ({text}); set redis.tls_ca_file to the certificate of the authority \
             that signed it, and name the server as the certificate does"
        )),
        _ => ConnectAttempt::Unavailable(text),
    }
}

async fn connect(node: &Arc<NodeState>, address: &NodeAddress) -> Result<NewConnections, ConnectError> {
    let settings = &node.common.settings;
    let mut writes = dial(settings, address, &settings.login, settings.db).await?;
    let seen = inspect(node, address, &mut writes, true).await?;
    let run = seen.facts.run_id();
    let first = node.needs_verification(run);
    check_versions(settings, read_versions(settings, &mut writes).await?)?;
    let digests = load_scripts(&mut writes).await?;
    let mut is_verified = true;
    if first {
        is_verified &= self_test(node, &mut writes, &digests).await?;
        is_verified &= mark_versions(settings, &mut writes, &digests).await?;
    }
    let reads = dial_again(settings, address, run).await?;
    let mode = match settings.acknowledge {
        AckRequirement::Primary => None,
        AckRequirement::Replicas => Some(AckMode::Replicas),
        AckRequirement::Disk => Some(fsync_check::ack_mode(node, &seen.facts, &mut writes, first).await?),
    };
    let ack_waiter = match mode {
        None => None,
        Some(mode) => {
            let mut own = dial_again(settings, address, run).await?;
            check_wait(&mut own).await?;
            Some(AckWaiter::start(own, Arc::clone(node), mode))
        }
    };
    let (durability, not_ready) = (startup_checks::durability(&seen.facts, settings), seen.not_ready);
    let verified_run_id = is_verified.then(|| run.unwrap_or_default().to_owned());
    Ok(NewConnections { reads, writes, ack_waiter, digests, not_ready, durability, verified_run_id })
}

/// Makes one more connection to the same life of the same server: behind a name or a balancer, the next connection
/// may lead to another one, and what that one confirms says nothing.
async fn dial_again(
    settings: &RedisSettings,
    address: &NodeAddress,
    run: Option<&str>,
) -> Result<MultiplexedConnection, ConnectError> {
    let mut connection = dial(settings, address, &settings.login, settings.db).await?;
    let Some(run) = run else { return Ok(connection) };
    let info: String = ::redis::cmd("INFO").arg("server").query_async(&mut connection).await?;
    if ServerFacts::parse(Some(&info), HashMap::new()).run_id() == Some(run) {
        return Ok(connection);
    }
    Err(ConnectError::Unavailable("its address leads to another server than a moment ago".to_owned()))
}

/// A connection to a server that is only read, and by nobody else.
///
/// # Errors
/// The sentence that says why there is none.
pub(crate) async fn dial_for_reading(
    settings: &RedisSettings,
    address: &NodeAddress,
) -> Result<MultiplexedConnection, String> {
    match dial(settings, address, &settings.login, settings.db).await {
        Ok(connection) => Ok(connection),
        Err(ConnectError::Refused(why) | ConnectError::Unavailable(why)) => Err(why),
        Err(ConnectError::Redis(error)) => Err(format!("{address}: {error}")),
    }
}

/// Makes one connection.
pub(super) async fn dial(
    settings: &RedisSettings,
    address: &NodeAddress,
    login: &ServerCredentials,
    db: u32,
) -> Result<MultiplexedConnection, ConnectError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(settings.timeout))
        // Our own deadline goes around every call; a second one inside would only hide it.
        .set_response_timeout(None);
    let client = client(settings, address, login, db)?;
    let connected = async {
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        // Without login and database nothing has been sent, and a server with TLS has not hung up yet.
        match ::redis::cmd("PING").query_async::<Value>(&mut connection).await {
            Err(error) if error.is_connection_dropped() => Err(error),
            _ => Ok(connection),
        }
    };
    match connected.await {
        Ok(connection) => Ok(connection),
        Err(error) => match tls_mismatch::detect(settings, address, &error).await {
            Some(why) => Err(ConnectError::Refused(format!("{address}: {why}"))),
            None => Err(error.into()),
        },
    }
}

/// What makes connections to a server.
pub(super) fn client(
    settings: &RedisSettings,
    address: &NodeAddress,
    login: &ServerCredentials,
    db: u32,
) -> RedisResult<::redis::Client> {
    let (host, port) = (address.host.clone(), address.port);
    let place = if settings.tls {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    };
    let mut us = ::redis::RedisConnectionInfo::default().set_db(i64::from(db)).set_skip_set_lib_name();
    if let Some(username) = &login.username {
        us = us.set_username(username);
    }
    if let Some(password) = &login.password {
        us = us.set_password(password.expose());
    }
    // Without nodelay, a pipelined request waits for the acknowledgement of the one before it.
    let tcp = ::redis::io::tcp::TcpSettings::default().set_nodelay(true);
    let info = place.into_connection_info()?.set_redis_settings(us).set_tcp_settings(tcp);
    match (settings.tls, &settings.tls_ca) {
        (true, Some(authority)) => {
            let certificates = TlsCertificates { client_tls: None, root_cert: Some(authority.clone()) };
            ::redis::Client::build_with_tls(info, certificates)
        }
        _ => ::redis::Client::open(info),
    }
}

/// What a look at a server showed.
struct ServerInspection {
    facts: ServerFacts,
    not_ready: Option<String>,
}

/// Asks the server what it is. `aloud` logs what the operator should know.
async fn inspect(
    node: &NodeState,
    address: &NodeAddress,
    connection: &mut MultiplexedConnection,
    aloud: bool,
) -> Result<ServerInspection, ConnectError> {
    let facts = ask_facts(connection).await?;
    if facts.is_loading() {
        return Err(ConnectError::Unavailable("it is still loading its data".to_owned()));
    }
    match ::redis::cmd("TIME").query_async::<Value>(connection).await {
        Ok(answer) => node.set_server_clock(&answer),
        Err(error) if is_forbidden(&error) => {}
        Err(error) => return Err(error.into()),
    }
    let place = match node.kind {
        NodeKind::Single => ServerRole::Standalone,
        NodeKind::SentinelPrimary(_) => ServerRole::SentinelPrimary,
        NodeKind::ClusterNode => ServerRole::ClusterPrimary,
    };
    let StartupReport { refusals, unavailable, not_ready, warnings } =
        startup_checks::evaluate(&facts, address, place, &node.common.settings);
    if aloud {
        tracing::info!(%address, server = facts.version_name(), "Redis answers");
        for warning in warnings {
            tracing::warn!(%address, "{warning}");
        }
    }
    if !refusals.is_empty() {
        return Err(ConnectError::Refused(refusals.join("; ")));
    }
    if !unavailable.is_empty() {
        return Err(ConnectError::Unavailable(unavailable.join("; ")));
    }
    if let (NodeKind::SentinelPrimary(sentinels), true) =
        (&node.kind, node.common.settings.acknowledge != AckRequirement::Primary)
        && let Some(well) = sentinels.replicas(&node.common.settings).await
    {
        node.replicas.note_sentinel_count(well);
    }
    // A cluster's word on its replicas counts more than one primary's.
    if let (false, Some(connected)) = (matches!(node.kind, NodeKind::ClusterNode), facts.replicas()) {
        node.replicas.note_connected(connected, Instant::now());
    }
    Ok(ServerInspection { facts, not_ready: (!not_ready.is_empty()).then(|| not_ready.join("; ")) })
}

/// What the server says of itself, as far as we may ask.
async fn ask_facts(connection: &mut MultiplexedConnection) -> Result<ServerFacts, ConnectError> {
    let info = match ::redis::cmd("INFO").query_async::<String>(connection).await {
        Ok(answer) => Some(answer),
        Err(error) if is_forbidden(&error) => None,
        Err(error) => return Err(error.into()),
    };
    let mut config = HashMap::new();
    for key in ["appendfsync", "save", "maxmemory-policy", "min-replicas-to-write", "cluster-require-full-coverage"] {
        match ::redis::cmd("CONFIG").arg("GET").arg(key).query_async::<HashMap<String, String>>(connection).await {
            Ok(answer) => config.extend(answer),
            Err(error) if error.is_io_error() => return Err(error.into()),
            // Forbidden, renamed away, or unknown to a managed service: unknown is what it is.
            Err(_) => break,
        }
    }
    Ok(ServerFacts::parse(info.as_deref(), config))
}

/// Loads all scripts in one round trip: one each would take a server far away past the time for connecting.
async fn load_scripts(connection: &mut MultiplexedConnection) -> Result<[String; SCRIPT_COUNT], ConnectError> {
    let mut loads = Pipeline::with_capacity(SCRIPT_COUNT);
    for script in Script::ALL {
        loads.cmd("SCRIPT").arg("LOAD").arg(script.text());
    }
    let answers = connection.send_packed_commands(&loads, 0, SCRIPT_COUNT).await?;
    let mut digests: [String; SCRIPT_COUNT] = Default::default();
    for (digest, answer) in digests.iter_mut().zip(answers) {
        match answer.extract_error() {
            Ok(answer) => *digest = ::redis::from_redis_value(answer).map_err(RedisError::from)?,
            Err(error) if is_forbidden(&error) => {
                return Err(ConnectError::Refused(forbidden(&["SCRIPT LOAD".to_owned()])));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(digests)
}

/// Runs every command that the scripts use, on keys of its own. False if the server could not try.
async fn self_test(
    node: &NodeState,
    connection: &mut MultiplexedConnection,
    digests: &[String; SCRIPT_COUNT],
) -> Result<bool, ConnectError> {
    let common = &node.common;
    let nonce = crate::nonce(&*common.random);
    let keys = KeyLayout::with_prefix(common.settings.prefix.clone()).self_test(node.home_shard(), &nonce);
    match Script::SelfTest.evalsha(digests, &keys).query_async::<Vec<String>>(connection).await {
        Ok(refused) => {
            let forbidden_ones: Vec<String> = refused.into_iter().filter(|one| is_forbidden_text(one)).collect();
            if forbidden_ones.is_empty() { Ok(true) } else { Err(ConnectError::Refused(forbidden(&forbidden_ones))) }
        }
        // A server without memory or disk is not refused: it can still look up, and says so elsewhere. Nor is one
        // whose slots have just moved.
        Err(error) if is_unable(&error) => Ok(false),
        Err(error) if is_forbidden(&error) => {
            let what = format!("EVALSHA on the keys {}*", common.settings.prefix);
            Err(ConnectError::Refused(forbidden(&[what])))
        }
        Err(error) => Err(error.into()),
    }
}

/// Finds out whether we may wait for replicas; waits for none.
async fn check_wait(connection: &mut MultiplexedConnection) -> Result<(), ConnectError> {
    match ::redis::cmd("WAIT").arg(0).arg(1).query_async::<Value>(connection).await {
        Ok(_) => Ok(()),
        Err(error) if is_forbidden(&error) => Err(ConnectError::Refused(forbidden(&["WAIT".to_owned()]))),
        Err(error) => Err(error.into()),
    }
}

/// The versions of format and canonicalisation that the key space is marked with; empty where it is not, and
/// `None` where the mark lies on another server of the cluster.
pub(super) async fn read_versions(
    settings: &RedisSettings,
    connection: &mut MultiplexedConnection,
) -> Result<Option<(String, String)>, ConnectError> {
    let meta = KeyLayout::with_prefix(settings.prefix.clone()).meta();
    let asked = ::redis::cmd("HMGET").arg(&meta).arg("format").arg("canonical").query_async(connection).await;
    match asked {
        Ok((format, canonical)) => {
            let (format, canonical): (Option<String>, Option<String>) = (format, canonical);
            Ok(Some((format.unwrap_or_default(), canonical.unwrap_or_default())))
        }
        Err(error) if matches!(error.code(), Some("MOVED" | "ASK" | "CLUSTERDOWN" | "TRYAGAIN")) => Ok(None),
        Err(error) if error.code() == Some("WRONGTYPE") => Err(ConnectError::Refused(format!(
            "{meta} holds something that is not userd's; set redis.prefix to a free one"
        ))),
        Err(error) if is_forbidden(&error) => {
            Err(ConnectError::Refused(forbidden(&[format!("HMGET on the keys {}*", settings.prefix)])))
        }
        Err(error) => Err(error.into()),
    }
}

/// Refuses a key space that another version of userd wrote and this one can't read.
pub(super) fn check_versions(settings: &RedisSettings, versions: Option<(String, String)>) -> Result<(), ConnectError> {
    let ours = own_versions();
    match versions {
        None => Ok(()),
        Some(versions) if versions == ours || (versions.0.is_empty() && versions.1.is_empty()) => Ok(()),
        Some(theirs) => Err(ConnectError::Refused(format!(
            "the accounts below {} were written in format {} with e-mail canonicalisation {}; this userd knows format \
             {} and canonicalisation {}: run the userd that wrote them, or a newer one",
            settings.prefix, theirs.0, theirs.1, ours.0, ours.1,
        ))),
    }
}

/// Marks a fresh key space as ours, where its mark lies on this server. False if the server could not.
async fn mark_versions(
    settings: &RedisSettings,
    connection: &mut MultiplexedConnection,
    digests: &[String; SCRIPT_COUNT],
) -> Result<bool, ConnectError> {
    let meta = KeyLayout::with_prefix(settings.prefix.clone()).meta();
    let ours = own_versions();
    let mut command = Script::Namespace.evalsha(digests, std::slice::from_ref(&meta));
    command.arg(&ours.0).arg(&ours.1);
    match command.query_async::<(String, String)>(connection).await {
        Ok(versions) => check_versions(settings, Some(versions)).map(|()| true),
        Err(error) if error.code() == Some("MOVED") => Ok(true),
        // Unable to mark it; whether that matters depends on what is there.
        Err(error) if is_unable(&error) => {
            let versions = read_versions(settings, connection).await?;
            let marked = versions.as_ref().is_some_and(|versions| *versions == ours);
            check_versions(settings, versions).map(|()| marked)
        }
        Err(error) => Err(error.into()),
    }
}

fn own_versions() -> (String, String) {
    (FORMAT_VERSION.to_string(), CANONICAL_VERSION.to_string())
}

fn forbidden(what: &[String]) -> String {
    format!("the Redis user lacks permissions ({}); see the ACL line in docs/operations/redis.md", what.join("; "))
}

/// The server is out of memory or disk, or the key's slot is on the move: it says nothing about our rights.
fn is_unable(error: &RedisError) -> bool {
    matches!(error.code(), Some("OOM" | "MISCONF" | "MOVED" | "ASK" | "TRYAGAIN" | "CLUSTERDOWN" | "NOREPLICAS"))
}

pub(super) fn is_forbidden(error: &RedisError) -> bool {
    error.code() == Some("NOPERM") || is_forbidden_text(&error.to_string())
}

/// Inside scripts and behind renamed commands only the text tells. Redis 7.0 says "can't run this command
/// or subcommand" and "can't access at least one of the keys"; newer ones say "has no permissions".
fn is_forbidden_text(text: &str) -> bool {
    [
        "NOPERM",
        "no permissions",
        "can't run this command",
        "can't access at least one",
        "ACL failure",
        "unknown command",
    ]
    .iter()
    .any(|words| text.contains(words))
}
