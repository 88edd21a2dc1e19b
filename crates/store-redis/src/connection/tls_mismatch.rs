//! Whether a server that does not answer speaks TLS where we do not, or the reverse. Not part of any connection: a
//! look at the port after one has failed.
//!
//! Neither side says so by itself. A Redis waits for the end of a line in our TLS greeting, and a server with TLS
//! hangs up on a plain command; to us the one looks frozen and the other away, and userd would go on trying for ever.

use std::time::Duration;

use ::redis::{AsyncConnectionConfig, RedisError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::connect::client;
use crate::{NodeAddress, RedisSettings, ServerCredentials};

/// How long the look may take: a server that is there answers at once.
const DETECT_TIMEOUT: Duration = Duration::from_millis(300);

/// The sentence for the operator, if that is why the server could not be reached.
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
            "the server does not speak TLS at this port; write redis:// instead of rediss://, or give its TLS port",
        );
    }
    if !settings.tls && error.is_connection_dropped() {
        return tokio::time::timeout(DETECT_TIMEOUT, answers_tls(settings, address)).await.unwrap_or(false).then_some(
            "the server speaks TLS at this port; write rediss:// instead of redis://, or give its port without TLS",
        );
    }
    None
}

/// Whether a plain `PING` is answered, be it with a refusal.
async fn answers_plaintext(address: &NodeAddress) -> bool {
    let asked = async {
        let mut stream = TcpStream::connect((address.host.as_str(), address.port)).await?;
        stream.write_all(b"PING\r\n").await?;
        stream.read_u8().await
    };
    matches!(asked.await, Ok(b'+' | b'-'))
}

/// Whether a greeting with TLS gets as far as the certificate. No password is sent.
async fn answers_tls(settings: &RedisSettings, address: &NodeAddress) -> bool {
    let with_tls = RedisSettings { tls: true, ..settings.clone() };
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(DETECT_TIMEOUT));
    let Ok(client) = client(&with_tls, address, &ServerCredentials::default(), 0) else { return false };
    match client.get_multiplexed_async_connection_with_config(&config).await {
        Ok(_) => true,
        Err(error) => error.to_string().contains("invalid peer certificate"),
    }
}
