//! Where the users are kept, as the setting `store` says it. Parsing only: nothing is opened here.
//!
//! No mistake quotes the text it is about beyond its scheme: the rest can hold a password, and a wrongly
//! encoded one ends up in the host or the port.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;

use super::secret::{HIDDEN, Secret};

/// The port of Redis where none is given.
pub const REDIS_PORT_DEFAULT: u16 = 6379;
/// The longest DNS name (RFC 1035, section 2.3.4), rounded to its usual text form.
const HOST_BYTES_MAX: usize = 253;
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
    /// On a Redis or Valkey server.
    Redis(RedisTarget),
}

/// How to reach a Redis or Valkey server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisTarget {
    /// Name or address; an IPv6 address without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The number of the database.
    pub db: u32,
    /// The ACL user; `None` is Redis's user `default`.
    pub username: Option<String>,
    /// The password, if the server wants one.
    pub password: Option<Secret>,
    /// Whether to speak TLS.
    pub tls: bool,
}

/// The rule that a `store` text breaks; none of them quotes a part that may be secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreTargetError {
    /// There is no scheme.
    #[error("has no scheme: write {KNOWN}")]
    NoScheme,
    /// A scheme that userd does not know.
    #[error("has the unknown scheme {0:?}: write {KNOWN}")]
    UnknownScheme(String),
    /// A scheme that a later version will know.
    #[error("has the scheme {0:?}, which this version does not support yet: write {KNOWN}")]
    NotYet(&'static str),
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
    /// A database that is no number.
    #[error("has no proper database: write its number after the slash, such as redis://localhost:6379/0")]
    Database,
    /// A percent sign that is not followed by two hex digits, or bytes that are no UTF-8.
    #[error("has a broken percent-encoding in user or password: write % itself as %25")]
    Encoding,
}

/// What a `store` may look like, for messages.
const KNOWN: &str = "sqlite:PATH, redis://[user:password@]host[:port][/db] or rediss://… for TLS";
/// Schemes of the design that this version does not serve.
const NOT_YET: [&str; 4] = ["redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"];

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
            "redis" => parse_redis(rest, false),
            "rediss" => parse_redis(rest, true),
            _ => Err(refuse_scheme(&lower, rest)),
        }
    }
}

fn refuse_scheme(scheme: &str, rest: &str) -> StoreTargetError {
    if let Some(known) = NOT_YET.into_iter().find(|known| *known == scheme) {
        return StoreTargetError::NotYet(known);
    }
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

fn parse_redis(rest: &str, tls: bool) -> Result<StoreTarget, StoreTargetError> {
    let rest = rest.strip_prefix("//").ok_or(StoreTargetError::Host)?;
    if rest.contains(['?', '#']) {
        return Err(StoreTargetError::Options);
    }
    let (authority, db) = rest.split_once('/').unwrap_or((rest, ""));
    // The last @ is the border, so that one in a password does no harm.
    let (user_info, address) =
        authority.rsplit_once('@').map_or((None, authority), |(user_info, address)| (Some(user_info), address));
    let (username, password) = user_info.map_or(Ok((None, None)), parse_user_info)?;
    let (host, port) = parse_address(address)?;
    let db = if db.is_empty() { 0 } else { parse_number(db).ok_or(StoreTargetError::Database)? };
    Ok(StoreTarget::Redis(RedisTarget { host, port, db, username, password, tls }))
}

fn parse_user_info(text: &str) -> Result<(Option<String>, Option<Secret>), StoreTargetError> {
    let (username, password) = text.split_once(':').unwrap_or((text, ""));
    let present = |part: &str| percent_decode(part).map(|decoded| (!decoded.is_empty()).then_some(decoded));
    Ok((present(username)?, present(password)?.map(Secret::new)))
}

fn parse_address(text: &str) -> Result<(String, u16), StoreTargetError> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or(StoreTargetError::Host)?;
        let host: Ipv6Addr = host.parse().map_err(|_| StoreTargetError::Host)?;
        let port = match after {
            "" => None,
            _ => Some(after.strip_prefix(':').ok_or(StoreTargetError::Port)?),
        };
        (host.to_string(), port)
    } else {
        let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
        if !is_host_name(host) {
            return Err(StoreTargetError::Host);
        }
        (host.to_owned(), port)
    };
    let port = port.map_or(Ok(REDIS_PORT_DEFAULT), |port| parse_port(port).ok_or(StoreTargetError::Port))?;
    Ok((host, port))
}

/// Whether `text` can be a host name or an IPv4 address.
pub(super) fn is_host_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= HOST_BYTES_MAX
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}

/// A port other than 0.
pub(super) fn parse_port(text: &str) -> Option<u16> {
    parse_number(text).and_then(|number| u16::try_from(number).ok()).filter(|port| *port > 0)
}

/// A number in decimal digits alone; `str::parse` would let a `+` pass.
pub(super) fn parse_number(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// Undoes RFC 3986's percent-encoding.
fn percent_decode(text: &str) -> Result<String, StoreTargetError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
        let (high, low) = (digit(), digit());
        let value = high.zip(low).map(|(high, low)| high * 16 + low).and_then(|value| u8::try_from(value).ok());
        decoded.push(value.ok_or(StoreTargetError::Encoding)?);
    }
    String::from_utf8(decoded).map_err(|_| StoreTargetError::Encoding)
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

impl fmt::Display for RedisTarget {
    /// The target as one would write it, the password hidden.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tls { "rediss://" } else { "redis://" })?;
        match (&self.username, &self.password) {
            (None, None) => {}
            (Some(username), None) => write!(f, "{username}@")?,
            (username, Some(_)) => write!(f, "{}:{HIDDEN}@", username.as_deref().unwrap_or_default())?,
        }
        let host = if self.host.contains(':') { &format!("[{}]", self.host) } else { &self.host };
        write!(f, "{host}:{}/{}", self.port, self.db)
    }
}
