//! Detects that TLS is enabled on one side only. Runs after a connection has failed, on a connection of its own.
//!
//! Neither side reports this by itself: Redis waits for the end of a line in the client's TLS greeting, and a server
//! with TLS hangs up on a plain command. The one looks frozen and the other unavailable, and userd would retry for
//! ever.

use std::time::Duration;

use ::redis::{AsyncConnectionConfig, RedisError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::client::client;
use crate::settings::{NodeAddress, RedisSettings, ServerCredentials};

/// The time limit of the test: a server that is up answers at once.
const DETECT_TIMEOUT: Duration = Duration::from_millis(300);

/// The message for the operator, if a TLS mismatch explains `error`.
pub(super) async fn detect(
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
