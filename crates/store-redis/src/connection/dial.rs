//! Opens one connection. What the connection is used for, and whether the server is fit for it, is decided elsewhere.

use std::collections::HashMap;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Value};

use super::client::client;
use super::connect_error::ConnectError;
use super::tls_mismatch;
use crate::settings::{NodeAddress, RedisSettings, ServerCredentials};
use crate::startup_checks::ServerFacts;

/// Opens a connection.
pub(super) async fn dial(
    settings: &RedisSettings,
    address: &NodeAddress,
    login: &ServerCredentials,
    db: u32,
) -> Result<MultiplexedConnection, ConnectError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(settings.timeout))
        // Each call has a deadline of its own; a second time-out inside the client would only hide it.
        .set_response_timeout(None);
    let client = client(settings, address, login, db)?;
    let connecting = async {
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        // Without a login and a database nothing has been sent yet, so a server with TLS has not hung up yet.
        match ::redis::cmd("PING").query_async::<Value>(&mut connection).await {
            Err(error) if error.is_connection_dropped() => Err(error),
            _ => Ok(connection),
        }
    };
    match connecting.await {
        Ok(connection) => Ok(connection),
        Err(error) => match tls_mismatch::detect(settings, address, &error).await {
            Some(why) => Err(ConnectError::Refused(format!("{address}: {why}"))),
            None => Err(error.into()),
        },
    }
}

/// Opens another connection to the same process, which `run_id` identifies: behind a name or a load balancer the next
/// connection may reach another server, whose acknowledgement would say nothing about the first one.
pub(super) async fn dial_same_process(
    settings: &RedisSettings,
    address: &NodeAddress,
    run_id: Option<&str>,
) -> Result<MultiplexedConnection, ConnectError> {
    let mut connection = dial(settings, address, &settings.login, settings.db).await?;
    let Some(run_id) = run_id else { return Ok(connection) };
    let info: String = ::redis::cmd("INFO").arg("server").query_async(&mut connection).await?;
    if ServerFacts::parse(Some(&info), HashMap::new()).run_id() == Some(run_id) {
        return Ok(connection);
    }
    Err(ConnectError::Unavailable("its address leads to another server than a moment ago".to_owned()))
}

/// Opens a connection that is only read from, without the checks of a server that keeps accounts.
///
/// # Errors
/// The reason in words.
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
