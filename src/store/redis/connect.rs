//! How a connection is made: reach the server, prove who we are, ask what it is, load the scripts.
//!
//! Does not decide when to connect; that is the link's keeper.

use std::collections::HashMap;

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, ConnectionAddr, ErrorKind, IntoConnectionInfo, Pipeline, RedisError, RedisResult, Value,
};

use super::RedisSettings;
use super::checks::{self, Facts, Report};
use super::keys::Keys;
use super::link::Shared;
use super::record::FORMAT_VERSION;
use super::script::{SCRIPTS, Script};
use crate::domain::CANONICAL_VERSION;

/// How an attempt to connect ended.
pub(super) enum Attempt {
    /// The connection can be put in service.
    Connected(Box<Connected>),
    /// The server can't be reached or can't answer yet; worth another try.
    Away(String),
    /// Accounts must not be entrusted to this server, or it does not let us in; somebody has to act.
    Refused(String),
}

/// A connection, and what was learnt when it was made.
pub(super) struct Connected {
    /// The connection.
    pub(super) connection: MultiplexedConnection,
    /// The scripts' digests.
    pub(super) digests: [String; SCRIPTS],
    /// Why the server can't be relied on right now, if so.
    pub(super) not_ready: Option<String>,
    /// Permissions and versions are known to be right; otherwise a server without memory or disk kept them from
    /// being tried, and the next connection tries again.
    pub(super) proven: bool,
}

/// Why an attempt failed, before it is known what that means.
enum Trouble {
    Redis(RedisError),
    Refused(String),
    Loading,
}

impl From<RedisError> for Trouble {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

/// Makes a connection. `first` adds what needs to be found out only once: permissions and versions.
pub(super) async fn attempt(shared: &Shared, first: bool) -> Attempt {
    let settings = &shared.settings;
    // Reaching the server is bounded by the time-out; twice that bounds it and all that is asked then.
    match tokio::time::timeout(settings.timeout * 2, connect(shared, first)).await {
        Ok(Ok(connected)) => Attempt::Connected(Box::new(connected)),
        Ok(Err(trouble)) => describe(trouble),
        Err(_) => Attempt::Away(format!("no answer within {} ms", settings.timeout.as_millis() * 2)),
    }
}

/// Asks a server that is in service again whether accounts are still safe with it.
///
/// # Errors
/// As an attempt that is not [`Attempt::Connected`]; otherwise why it can't be relied on right now, if so.
pub(super) async fn recheck(shared: &Shared, connection: &MultiplexedConnection) -> Result<Option<String>, Attempt> {
    let mut connection = connection.clone();
    let asked = tokio::time::timeout(shared.settings.timeout, inspect(shared, &mut connection, false)).await;
    match asked {
        Ok(Ok(not_ready)) => Ok(not_ready),
        Ok(Err(trouble)) => Err(describe(trouble)),
        Err(_) => Err(Attempt::Away("it stopped answering".to_owned())),
    }
}

fn describe(trouble: Trouble) -> Attempt {
    match trouble {
        Trouble::Loading => Attempt::Away("it is still loading its data".to_owned()),
        Trouble::Refused(why) => Attempt::Refused(why),
        Trouble::Redis(error) => match (error.kind(), error.code()) {
            (ErrorKind::AuthenticationFailed, _) | (_, Some("WRONGPASS" | "NOAUTH")) => Attempt::Refused(
                "Redis refused the user name or password; set redis.username and redis.password (or REDIS_PASSWORD, or \
                 both in the URL)"
                    .to_owned(),
            ),
            (ErrorKind::InvalidClientConfig, _) => Attempt::Refused(format!("the Redis settings can't be used: {error}")),
            _ if error.to_string().contains("DB index is out of range") => Attempt::Refused(
                "Redis has no database of that number; set REDIS_DB, or the number at the end of the URL, to one below its \
                 own setting `databases` (16 unless changed)"
                    .to_owned(),
            ),
            _ => Attempt::Away(error.to_string()),
        },
    }
}

async fn connect(shared: &Shared, first: bool) -> Result<Connected, Trouble> {
    let settings = &shared.settings;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(settings.timeout))
        // Our own deadline goes around every call; a second one inside would only hide it.
        .set_response_timeout(None);
    let client = ::redis::Client::open(address(settings)?)?;
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    let not_ready = inspect(shared, &mut connection, true).await?;
    let digests = load_scripts(&mut connection).await?;
    let mut proven = true;
    if first {
        proven &= self_test(shared, &mut connection, &digests).await?;
        proven &= check_namespace(settings, &mut connection, &digests).await?;
    }
    Ok(Connected { connection, digests, not_ready, proven })
}

fn address(settings: &RedisSettings) -> RedisResult<::redis::ConnectionInfo> {
    let (host, port) = (settings.host.clone(), settings.port);
    let address = if settings.tls {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    };
    let mut login = ::redis::RedisConnectionInfo::default().set_db(i64::from(settings.db)).set_skip_set_lib_name();
    if let Some(username) = &settings.username {
        login = login.set_username(username);
    }
    if let Some(password) = &settings.password {
        login = login.set_password(password);
    }
    // Without nodelay, a pipelined request waits for the acknowledgement of the one before it.
    let tcp = ::redis::io::tcp::TcpSettings::default().set_nodelay(true);
    Ok(address.into_connection_info()?.set_redis_settings(login).set_tcp_settings(tcp))
}

/// Asks the server what it is. `aloud` logs what the operator should know.
async fn inspect(
    shared: &Shared,
    connection: &mut MultiplexedConnection,
    aloud: bool,
) -> Result<Option<String>, Trouble> {
    let info = match ::redis::cmd("INFO").query_async::<String>(connection).await {
        Ok(answer) => Some(answer),
        Err(error) if is_forbidden(&error) => None,
        Err(error) => return Err(error.into()),
    };
    let mut config = HashMap::new();
    for key in ["appendfsync", "save", "maxmemory-policy"] {
        match ::redis::cmd("CONFIG").arg("GET").arg(key).query_async::<HashMap<String, String>>(connection).await {
            Ok(answer) => config.extend(answer),
            Err(error) if error.is_io_error() => return Err(error.into()),
            // Forbidden, renamed away, or unknown to a managed service: unknown is what it is.
            Err(_) => break,
        }
    }
    let facts = Facts::read(info.as_deref(), config);
    if facts.loading() {
        return Err(Trouble::Loading);
    }
    match ::redis::cmd("TIME").query_async::<Value>(connection).await {
        Ok(answer) => shared.note_server_clock(&answer),
        Err(error) if is_forbidden(&error) => {}
        Err(error) => return Err(error.into()),
    }
    let Report { refusals, not_ready, warnings } = checks::judge(&facts, &shared.settings);
    if aloud {
        tracing::info!(server = facts.server(), "Redis answers");
        for warning in warnings {
            tracing::warn!("{warning}");
        }
    }
    if !refusals.is_empty() {
        return Err(Trouble::Refused(refusals.join("; ")));
    }
    Ok((!not_ready.is_empty()).then(|| not_ready.join("; ")))
}

/// Loads all scripts in one round trip: one each would take a server far away past the time for connecting.
async fn load_scripts(connection: &mut MultiplexedConnection) -> Result<[String; SCRIPTS], Trouble> {
    let mut loads = Pipeline::with_capacity(SCRIPTS);
    for script in Script::ALL {
        loads.cmd("SCRIPT").arg("LOAD").arg(script.text());
    }
    let answers = connection.send_packed_commands(&loads, 0, SCRIPTS).await?;
    let mut digests: [String; SCRIPTS] = Default::default();
    for (digest, answer) in digests.iter_mut().zip(answers) {
        match answer.extract_error() {
            Ok(answer) => *digest = ::redis::from_redis_value(answer).map_err(RedisError::from)?,
            Err(error) if is_forbidden(&error) => return Err(Trouble::Refused(forbidden(&["SCRIPT LOAD".to_owned()]))),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(digests)
}

/// Runs every command that the scripts use, on keys of its own. False if the server could not try.
async fn self_test(
    shared: &Shared,
    connection: &mut MultiplexedConnection,
    digests: &[String; SCRIPTS],
) -> Result<bool, Trouble> {
    let keys = Keys::below(shared.settings.prefix.clone()).self_test(&super::nonce(&*shared.random));
    match Script::SelfTest.evalsha(digests, &keys).query_async::<Vec<String>>(connection).await {
        Ok(refused) => {
            let forbidden_ones: Vec<String> = refused.into_iter().filter(|one| is_forbidden_text(one)).collect();
            if forbidden_ones.is_empty() { Ok(true) } else { Err(Trouble::Refused(forbidden(&forbidden_ones))) }
        }
        // A server without memory or disk is not refused: it can still look up, and says so elsewhere.
        Err(error) if matches!(error.code(), Some("OOM" | "MISCONF")) => Ok(false),
        Err(error) if is_forbidden(&error) => {
            let what = format!("EVALSHA on the keys {}*", shared.settings.prefix);
            Err(Trouble::Refused(forbidden(&[what])))
        }
        Err(error) => Err(error.into()),
    }
}

/// Refuses a key space that another version of userd wrote and this one can't read. False if a fresh one could
/// not be marked as ours.
async fn check_namespace(
    settings: &RedisSettings,
    connection: &mut MultiplexedConnection,
    digests: &[String; SCRIPTS],
) -> Result<bool, Trouble> {
    let meta = Keys::below(settings.prefix.clone()).meta();
    let ours = (FORMAT_VERSION.to_string(), CANONICAL_VERSION.to_string());
    let mut command = Script::Namespace.evalsha(digests, std::slice::from_ref(&meta));
    command.arg(&ours.0).arg(&ours.1);
    let theirs = match command.query_async::<(String, String)>(connection).await {
        Ok(theirs) => theirs,
        Err(error) if matches!(error.code(), Some("OOM" | "MISCONF")) => {
            let (format, canonical): (Option<String>, Option<String>) =
                ::redis::cmd("HMGET").arg(&meta).arg("format").arg("canonical").query_async(connection).await?;
            let (Some(format), Some(canonical)) = (format, canonical) else { return Ok(false) };
            (format, canonical)
        }
        Err(error) if error.code() == Some("WRONGTYPE") => {
            return Err(Trouble::Refused(format!(
                "{meta} holds something that is not userd's; set redis.prefix to a free one"
            )));
        }
        Err(error) => return Err(error.into()),
    };
    if theirs == ours {
        return Ok(true);
    }
    Err(Trouble::Refused(format!(
        "the accounts below {} were written in format {} with e-mail canonicalisation {}; this userd knows format {} and \
         canonicalisation {}: run the userd that wrote them, or a newer one",
        settings.prefix, theirs.0, theirs.1, ours.0, ours.1,
    )))
}

fn forbidden(what: &[String]) -> String {
    format!("the Redis user lacks permissions ({}); see the ACL line in docs/OPERATIONS.md", what.join("; "))
}

fn is_forbidden(error: &RedisError) -> bool {
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
