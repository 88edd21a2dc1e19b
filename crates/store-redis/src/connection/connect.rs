//! Makes the connections to a server: log in, inspect the server, load the scripts, test the permissions.
//!
//! Takes a [`ServerContext`] and returns parts. When to connect, and what becomes of the parts, is up to `node`.

use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Pipeline, RedisError, Value};

use super::acknowledge::{AckMode, AckWaiter};
use super::connect_error::{
    ConnectError, ConnectFailure, command_error, is_forbidden_text, is_unable, missing_permissions, within,
};
use super::context::ServerContext;
use super::dial::{dial, dial_same_process};
use super::fsync_check;
use super::inspect::inspect;
use super::store_id;
use super::versions::{check_versions, mark_versions, read_versions};
use crate::nonce::nonce;
use crate::script::{SCRIPT_COUNT, Script};
use crate::settings::{AckRequirement, NodeAddress, RedisDurability};
use crate::startup_checks;

/// How long the answer about the store's id may take.
const STORE_ID_TIMEOUT: Duration = Duration::from_secs(1);

/// Connections to a server, and what was found out when they were made.
pub(super) struct LiveConnections {
    /// For reads; cheap to clone, all clones share one socket.
    pub(super) reads: MultiplexedConnection,
    /// For scripts.
    pub(super) writes: MultiplexedConnection,
    /// Waits for replicas or disks, if `redis.acknowledge` requires it.
    pub(super) ack_waiter: Option<AckWaiter>,
    /// The digests of the scripts, as the server computed them.
    pub(super) digests: [String; SCRIPT_COUNT],
    /// Why userd is not ready with this server, if so; moved into the server's state when they go into service.
    pub(super) not_ready: Option<String>,
    /// What the server keeps through a power loss, if known.
    pub(super) durability: Option<RedisDurability>,
    /// The server process whose permissions and versions were verified; moved like `not_ready`. `None` if a server
    /// without memory or disk kept them from being tested; the next connection tests them again.
    pub(super) verified_run_id: Option<String>,
}

/// Makes the connections. Permissions and versions are verified once for each process of the server: after a failover,
/// or after an upgrade at the same address, it is another process than `verified_run_id`.
///
/// # Errors
/// The server cannot be reached, or is refused.
pub(super) async fn connect(
    server: &Arc<ServerContext>,
    address: &NodeAddress,
    verified_run_id: Option<&str>,
) -> Result<LiveConnections, ConnectFailure> {
    // The time-out bounds each connection; twice the time-out bounds all of them and the checks.
    let limit = server.settings().timeout * 2;
    let late = format!("no answer within {} ms", limit.as_millis());
    within(limit, &late, make_connections(server, address, verified_run_id)).await
}

/// Checks again that accounts are safe with a server that is in service. Returns why userd is not ready with it, if so.
///
/// # Errors
/// The connections must be taken out of service.
pub(super) async fn recheck(
    server: &ServerContext,
    address: &NodeAddress,
    mut connection: MultiplexedConnection,
    durability: Option<RedisDurability>,
) -> Result<Option<String>, ConnectFailure> {
    let settings = server.settings();
    let check = async {
        let inspection = inspect(server, address, &mut connection, false).await?;
        // A newer userd may have migrated the accounts to a format that this one would damage.
        check_versions(server.keys(), read_versions(server.keys(), &mut connection).await?)?;
        Ok(inspection)
    };
    let inspection = within(settings.timeout, "it stopped answering", check).await?;
    // How the disk is waited for was decided by what the server said when it was connected to.
    if settings.acknowledge == AckRequirement::Disk
        && startup_checks::durability(&inspection.facts, settings) != durability
    {
        return Err(ConnectFailure::Unavailable("its persistence settings have changed".to_owned()));
    }
    Ok(inspection.not_ready)
}

/// Checks that a server in service still holds the store that is served.
///
/// # Errors
/// The connections must be taken out of service (`Refused`), or the server does not answer in time.
pub(super) async fn verify_store_id(
    server: &ServerContext,
    address: &NodeAddress,
    mut connection: MultiplexedConnection,
) -> Result<(), ConnectFailure> {
    let check = async {
        store_id::compare(server, address, &mut connection).await?;
        store_id::establish(server, address, &mut connection).await
    };
    within(server.settings().timeout.min(STORE_ID_TIMEOUT), "it stopped answering", check).await
}

async fn make_connections(
    server: &Arc<ServerContext>,
    address: &NodeAddress,
    verified_run_id: Option<&str>,
) -> Result<LiveConnections, ConnectError> {
    let settings = server.settings();
    let mut writes = dial(settings, address, &settings.login, settings.db).await?;
    let inspection = inspect(server, address, &mut writes, true).await?;
    let run_id = inspection.facts.run_id();
    // A server that hides its run id counts as one process.
    let is_new_process = verified_run_id != Some(run_id.unwrap_or_default());
    check_versions(server.keys(), read_versions(server.keys(), &mut writes).await?)?;
    // Before anything is written.
    store_id::compare(server, address, &mut writes).await?;
    let digests = load_scripts(&mut writes).await?;
    let mut is_verified = true;
    if is_new_process {
        is_verified &= self_test(server, &mut writes, &digests).await?;
    }
    store_id::establish(server, address, &mut writes).await?;
    // Another connection may have established it meanwhile, while this server did not answer it.
    store_id::compare(server, address, &mut writes).await?;
    if is_new_process {
        is_verified &= mark_versions(server.keys(), &mut writes, &digests).await?;
    }
    let reads = dial_same_process(settings, address, run_id).await?;
    let mode = match settings.acknowledge {
        AckRequirement::Primary => None,
        AckRequirement::Replicas => Some(AckMode::Replicas),
        AckRequirement::Disk => {
            Some(fsync_check::ack_mode(server, &inspection.facts, &mut writes, is_new_process).await?)
        }
    };
    let ack_waiter = match mode {
        None => None,
        Some(mode) => {
            let mut connection = dial_same_process(settings, address, run_id).await?;
            check_wait(&mut connection).await?;
            Some(AckWaiter::start(connection, server, mode))
        }
    };
    let durability = startup_checks::durability(&inspection.facts, settings);
    let verified_run_id = is_verified.then(|| run_id.unwrap_or_default().to_owned());
    let not_ready = inspection.not_ready;
    Ok(LiveConnections { reads, writes, ack_waiter, digests, not_ready, durability, verified_run_id })
}

/// Loads all scripts in one round trip: one for each would exceed the time limit with a distant server.
async fn load_scripts(connection: &mut MultiplexedConnection) -> Result<[String; SCRIPT_COUNT], ConnectError> {
    let mut loads = Pipeline::with_capacity(SCRIPT_COUNT);
    for script in Script::ALL {
        loads.cmd("SCRIPT").arg("LOAD").arg(script.text());
    }
    let answers = connection.send_packed_commands(&loads, 0, SCRIPT_COUNT).await?;
    let mut digests: [String; SCRIPT_COUNT] = Default::default();
    for (digest, answer) in digests.iter_mut().zip(answers) {
        let answer = answer.extract_error().map_err(|error| command_error(error, "SCRIPT LOAD"))?;
        *digest = ::redis::from_redis_value(answer).map_err(RedisError::from)?;
    }
    Ok(digests)
}

/// Runs each command that the scripts use, on keys of its own. False if the server could not run the test.
async fn self_test(
    server: &ServerContext,
    connection: &mut MultiplexedConnection,
    digests: &[String; SCRIPT_COUNT],
) -> Result<bool, ConnectError> {
    let keys = server.keys().self_test(server.replicas.home_shard(), &nonce(&*server.shared.random));
    match Script::SelfTest.evalsha(digests, &keys).query_async::<Vec<String>>(connection).await {
        Ok(refused) => {
            let forbidden: Vec<String> = refused.into_iter().filter(|one| is_forbidden_text(one)).collect();
            if forbidden.is_empty() { Ok(true) } else { Err(missing_permissions(&forbidden.join("; "))) }
        }
        // A server without memory or disk is not refused: it still answers look-ups, and another check reports it.
        // Nor is a server whose slots have just moved.
        Err(error) if is_unable(&error) => Ok(false),
        Err(error) => Err(command_error(error, &format!("EVALSHA on the keys {}*", server.keys().prefix()))),
    }
}

/// Tests the permission for `WAIT`; waits for no replica.
async fn check_wait(connection: &mut MultiplexedConnection) -> Result<(), ConnectError> {
    let answer = ::redis::cmd("WAIT").arg(0).arg(1).query_async::<Value>(connection).await;
    answer.map(drop).map_err(|error| command_error(error, "WAIT"))
}
