//! Opens one connection. What the connection is used for, and whether the server is fit for it, is decided elsewhere.

use std::collections::HashMap;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, RedisError, RedisResult,
    TlsCertificates, Value,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::connect_error::ConnectError;
use crate::settings::{NodeAddress, RedisSettings, ServerCredentials};
use crate::startup_checks::ServerFacts;

/// The time limit of the test for a TLS mismatch: a server that is up answers at once.
const DETECT_TIMEOUT: Duration = Duration::from_millis(300);

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
        Err(error) => match detect_tls_mismatch(settings, address, &error).await {
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

/// The client that opens connections to the server at `address`.
pub(super) fn client(
    settings: &RedisSettings,
    address: &NodeAddress,
    login: &ServerCredentials,
    db: u32,
) -> RedisResult<Client> {
    let (host, port) = (address.host.clone(), address.port);
    let endpoint = if settings.tls {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    };
    let mut redis = RedisConnectionInfo::default().set_db(i64::from(db)).set_skip_set_lib_name();
    if let Some(username) = &login.username {
        redis = redis.set_username(username);
    }
    if let Some(password) = &login.password {
        redis = redis.set_password(password.expose());
    }
    // Without nodelay, a pipelined request waits for the TCP acknowledgement of the one before it.
    let tcp = ::redis::io::tcp::TcpSettings::default().set_nodelay(true);
    let info = endpoint.into_connection_info()?.set_redis_settings(redis).set_tcp_settings(tcp);
    match (settings.tls, &settings.tls_ca) {
        (true, Some(authority)) => {
            let certificates = TlsCertificates { client_tls: None, root_cert: Some(authority.clone()) };
            Client::build_with_tls(info, certificates)
        }
        _ => Client::open(info),
    }
}

/// Detects that TLS is enabled on one side only. Runs after a connection has failed, on a connection of its own.
///
/// Neither side reports this by itself: Redis waits for the end of a line in the client's TLS greeting, and a server
/// with TLS hangs up on a plain command. The one looks frozen and the other unavailable, and userd would retry for
/// ever.
///
/// Returns the message for the operator, if a TLS mismatch explains `error`.
async fn detect_tls_mismatch(
    settings: &RedisSettings,
    address: &NodeAddress,
    error: &RedisError,
) -> Option<&'static str> {
    if error.is_connection_refusal() {
        return None;
    }
    if settings.tls && error.is_timeout() {
        return tokio::time::timeout(DETECT_TIMEOUT, answers_plaintext(address)).await.unwrap_or(false).then_some(
            "the server does not speak TLS at this port; write redis:// instead of rediss://, or use its TLS port",
        );
    }
    if !settings.tls && error.is_connection_dropped() {
        return tokio::time::timeout(DETECT_TIMEOUT, answers_tls(settings, address)).await.unwrap_or(false).then_some(
            "the server speaks TLS at this port; write rediss:// instead of redis://, or use its port without TLS",
        );
    }
    None
}

/// Whether a plain `PING` gets a Redis reply; an error reply counts.
async fn answers_plaintext(address: &NodeAddress) -> bool {
    let ping = async {
        let mut stream = TcpStream::connect((address.host.as_str(), address.port)).await?;
        stream.write_all(b"PING\r\n").await?;
        stream.read_u8().await
    };
    matches!(ping.await, Ok(b'+' | b'-'))
}

/// Whether a TLS handshake gets as far as the certificate. Sends no password.
async fn answers_tls(settings: &RedisSettings, address: &NodeAddress) -> bool {
    let with_tls = RedisSettings { tls: true, ..settings.clone() };
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(DETECT_TIMEOUT));
    let Ok(client) = client(&with_tls, address, &ServerCredentials::default(), 0) else { return false };
    match client.get_multiplexed_async_connection_with_config(&config).await {
        Ok(_) => true,
        Err(error) => error.to_string().contains("invalid peer certificate"),
    }
}
