//! Why a connection could not be made, in words for the operator. Holds no connection.

use std::time::Duration;

use ::redis::{ErrorKind, RedisError};

/// Why an attempt to connect failed, as the operator sees it.
#[derive(Debug)]
pub(super) enum ConnectFailure {
    /// The server cannot be reached or cannot answer yet. The supervisor retries.
    Unavailable(String),
    /// Accounts must not be entrusted to this server, or it rejects the login. The operator has to act.
    Refused(String),
}

/// The same before [`classify`] has interpreted the client's error.
pub(super) enum ConnectError {
    /// An error of the client or the server.
    Redis(RedisError),
    /// The operator has to act.
    Refused(String),
    /// Worth a retry.
    Unavailable(String),
}

impl From<RedisError> for ConnectError {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

impl ConnectError {
    /// The operator has to act, as `why` says.
    pub(super) fn refused(why: impl Into<String>) -> Self {
        Self::Refused(why.into())
    }
}

/// Awaits one attempt for at most `limit`; `late` is the message after that.
pub(super) async fn within<T>(
    limit: Duration,
    late: &str,
    attempt: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectFailure> {
    let result = tokio::time::timeout(limit, attempt).await;
    result.unwrap_or_else(|_| Err(ConnectError::Unavailable(late.to_owned()))).map_err(classify)
}

/// Decides what an error means.
fn classify(connect_error: ConnectError) -> ConnectFailure {
    let error = match connect_error {
        ConnectError::Unavailable(why) => return ConnectFailure::Unavailable(why),
        ConnectError::Refused(why) => return ConnectFailure::Refused(why),
        ConnectError::Redis(error) => error,
    };
    let text = error.to_string();
    match (error.kind(), error.code()) {
        (ErrorKind::AuthenticationFailed, _) | (_, Some("WRONGPASS" | "NOAUTH")) => ConnectFailure::Refused(
            "Redis refused the user name or password; set redis.username and redis.password (or REDIS_PASSWORD, or \
             both in the URL)"
                .to_owned(),
        ),
        (ErrorKind::InvalidClientConfig, _) => {
            ConnectFailure::Refused(format!("the Redis settings are invalid: {text}"))
        }
        _ if text.contains("DB index is out of range") => ConnectFailure::Refused(
            "Redis has no database with that number; set REDIS_DB, or the number at the end of the URL, to one below \
             the server's own setting `databases` (16 by default)"
                .to_owned(),
        ),
        // rustls's own words: the client passes them on as text only.
        _ if text.contains("invalid peer certificate") => ConnectFailure::Refused(format!(
            "the server's certificate is refused ({text}); set redis.tls_ca_file to the certificate of the authority \
             that signed it, and use the server name that the certificate has"
        )),
        _ => ConnectFailure::Unavailable(text),
    }
}

/// The message for missing permissions.
pub(super) fn missing_permissions(commands: &str) -> ConnectError {
    ConnectError::Refused(format!(
        "the Redis user lacks permissions ({commands}); see the ACL line in docs/operations/redis.md"
    ))
}

/// The error of `command`, which may be that the Redis user lacks the permission for it.
pub(super) fn command_error(error: RedisError, command: &str) -> ConnectError {
    if is_forbidden(&error) { missing_permissions(command) } else { error.into() }
}

/// Whether the server is out of memory or disk, or the slot of the key is being moved: it says nothing about
/// permissions.
pub(super) fn is_unable(error: &RedisError) -> bool {
    matches!(error.code(), Some("OOM" | "MISCONF" | "MOVED" | "ASK" | "TRYAGAIN" | "CLUSTERDOWN" | "NOREPLICAS"))
}

/// Whether another node of the cluster may hold the key: this one says nothing about it.
pub(super) fn is_elsewhere(error: &RedisError) -> bool {
    matches!(error.code(), Some("MOVED" | "ASK" | "TRYAGAIN" | "CLUSTERDOWN"))
}

/// Whether the Redis user lacks the permission.
pub(super) fn is_forbidden(error: &RedisError) -> bool {
    error.code() == Some("NOPERM") || is_forbidden_text(&error.to_string())
}

/// The same for an error inside a script or of a renamed command, of which only the text is known. Redis 7.0 says
/// "can't run this command or subcommand" and "can't access at least one of the keys"; newer versions say "has no
/// permissions".
pub(super) fn is_forbidden_text(text: &str) -> bool {
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
