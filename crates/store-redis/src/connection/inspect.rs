//! Asks a server what it is, and applies the start-up checks to its answers. Runs for each new connection and at each
//! recheck.

use std::collections::HashMap;

use ::redis::Value;
use ::redis::aio::MultiplexedConnection;
use tokio::time::Instant;

use super::connect_error::{ConnectError, is_forbidden};
use super::context::ServerContext;
use super::sentinel;
use crate::settings::{AckRequirement, NodeAddress, ServerTopology};
use crate::startup_checks::{self, ServerFacts, StartupReport};

/// What an inspection found out.
pub(super) struct ServerInspection {
    /// What the server says about itself.
    pub(super) facts: ServerFacts,
    /// Why userd is not ready with this server, if so.
    pub(super) not_ready: Option<String>,
}

/// Inspects the server at `address`. `log_warnings` also logs what the operator should know.
///
/// # Errors
/// The server must not keep accounts, or cannot at the moment.
pub(super) async fn inspect(
    server: &ServerContext,
    address: &NodeAddress,
    connection: &mut MultiplexedConnection,
    log_warnings: bool,
) -> Result<ServerInspection, ConnectError> {
    let facts = read_facts(connection).await?;
    if facts.is_loading() {
        return Err(ConnectError::Unavailable("it is still loading its data".to_owned()));
    }
    match ::redis::cmd("TIME").query_async::<Value>(connection).await {
        Ok(answer) => server.clock.set(&answer),
        Err(error) if is_forbidden(&error) => {}
        Err(error) => return Err(error.into()),
    }
    let StartupReport { refusals, unavailable, not_ready, warnings } =
        startup_checks::evaluate(&facts, address, server.settings());
    if log_warnings {
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
    count_replicas(server, &facts).await;
    Ok(ServerInspection { facts, not_ready: (!not_ready.is_empty()).then(|| not_ready.join("; ")) })
}

async fn count_replicas(server: &ServerContext, facts: &ServerFacts) {
    let settings = server.settings();
    if let ServerTopology::Sentinel(sentinels) = &settings.servers
        && settings.acknowledge != AckRequirement::Primary
        && let Some(healthy) = sentinel::count_replicas(settings, sentinels).await
    {
        server.replicas.note_sentinel_count(healthy);
    }
    // In a cluster the majority's count is better than that of one primary.
    if let (false, Some(connected)) = (settings.is_cluster(), facts.replicas()) {
        server.replicas.note_connected(connected, Instant::now());
    }
}

/// What the server says about itself, as far as the Redis user may ask.
async fn read_facts(connection: &mut MultiplexedConnection) -> Result<ServerFacts, ConnectError> {
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
            // Forbidden, renamed, or not offered by a managed service: the value stays unknown.
            Err(_) => break,
        }
    }
    Ok(ServerFacts::parse(info.as_deref(), config))
}
