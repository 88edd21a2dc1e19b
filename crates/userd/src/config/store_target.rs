//! Where the users are kept, as the setting `store` says it. Parsing only: nothing is opened here.
//!
//! No mistake quotes the text it is about beyond its scheme: the rest can hold a password, and a wrongly
//! encoded one ends up in the host or the port.

use std::fmt;
use std::path::PathBuf;

use super::redis_target::{RedisScheme, RedisTarget};

/// Nobody's scheme is longer; a longer one may be a misplaced secret and is not quoted.
const SCHEME_BYTES_MAX: usize = 20;

/// Where the users are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreTarget {
    /// In one file on this machine.
    Sqlite {
        /// The database file.
        path: PathBuf,
    },
    /// In Redis or Valkey.
    Redis(RedisTarget),
}

/// The rule that a `store` text breaks; none of them quotes a part that may be secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreTargetError {
    /// There is no scheme.
    #[error("has no scheme: write {STORE_URL_FORMS}")]
    NoScheme,
    /// A scheme that userd does not know.
    #[error("has the unknown scheme {0:?}: write {STORE_URL_FORMS}")]
    UnknownScheme(String),
    /// `sqlite:` without a file.
    #[error("names no file: write sqlite: and the path of the database, such as sqlite:./userd-data/userd.db")]
    NoPath,
    /// SQLite's database in memory.
    #[error("names a database in memory, which forgets every account: write sqlite: and the path of a file")]
    InMemory,
    /// Something after a `?` or `#`.
    #[error(
        "has options after ? or #, and there are none (percent-encode those characters in a password as %3F and %23)"
    )]
    Options,
    /// No host, or one with impossible characters.
    #[error(
        "has no proper host: write a name or an address, IPv6 in brackets, and percent-encode : / @ % ? # in user and password"
    )]
    Host,
    /// A port that is no number from 1 to 65535.
    #[error("has no proper port: write a number from 1 to 65535, and percent-encode : / @ % ? # in user and password")]
    Port,
    /// A list of hosts where there is one server.
    #[error("names several servers: write redis+cluster:// for nodes of a cluster, redis+sentinel:// for Sentinels")]
    SeveralServers,
    /// Sentinels, and not what they are asked for.
    #[error(
        "names no service: write what the Sentinels call the primary after the slash, such as redis+sentinel://host/accounts/0"
    )]
    NoService,
    /// A database other than 0 on a cluster.
    #[error("names a database, and a cluster has only one: leave it out")]
    DatabaseOnCluster,
    /// A database that is no number.
    #[error("has no proper database: write its number after the slash, such as redis://localhost:6379/0")]
    Database,
    /// A percent sign that is not followed by two hex digits, or bytes that are no UTF-8.
    #[error("has a broken percent-encoding in user or password: write % itself as %25")]
    Encoding,
}

/// What a `store` may look like, for messages.
const STORE_URL_FORMS: &str = "sqlite:PATH, redis://[user:password@]host[:port][/db], redis+sentinel://host,…/service[/db], \
                     redis+cluster://host,…, or rediss… for TLS";

impl StoreTarget {
    /// The target in `text`.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn parse(text: &str) -> Result<Self, StoreTargetError> {
        let text = text.trim();
        let (scheme, rest) = text.split_once(':').ok_or(StoreTargetError::NoScheme)?;
        let lower = scheme.to_ascii_lowercase();
        match lower.as_str() {
            "sqlite" => parse_sqlite(rest),
            _ => match RedisScheme::parse(&lower) {
                Some(scheme) => RedisTarget::parse(scheme, rest).map(Self::Redis),
                None => Err(scheme_error(&lower, rest)),
            },
        }
    }
}

fn scheme_error(scheme: &str, rest: &str) -> StoreTargetError {
    let plausible = rest.starts_with("//")
        && scheme.len() <= SCHEME_BYTES_MAX
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte));
    if plausible { StoreTargetError::UnknownScheme(scheme.to_owned()) } else { StoreTargetError::NoScheme }
}

/// `sqlite:PATH`; the URL spelling `sqlite://PATH` means the same path.
fn parse_sqlite(rest: &str) -> Result<StoreTarget, StoreTargetError> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.trim_matches('/').is_empty() || path.contains('\0') {
        return Err(StoreTargetError::NoPath);
    }
    if path.starts_with(":memory:") {
        return Err(StoreTargetError::InMemory);
    }
    if path.contains('?') {
        return Err(StoreTargetError::Options);
    }
    // Several slashes in front are one root; kept, they would be taken for the URL spelling when read again.
    let path = if path.starts_with("//") { format!("/{}", path.trim_start_matches('/')) } else { path.to_owned() };
    Ok(StoreTarget::Sqlite { path: PathBuf::from(path) })
}

impl fmt::Display for StoreTarget {
    /// The target as one would write it, the password hidden.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path } => write!(f, "sqlite:{}", path.display()),
            Self::Redis(target) => fmt::Display::fmt(target, f),
        }
    }
}
