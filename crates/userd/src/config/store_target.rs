//! The store that the setting `store` names. Parsing only: nothing is opened here.
//!
//! No mistake quotes the text it is about beyond its scheme: the rest can hold a password, and a wrongly
//! encoded one ends up in the host or the port.

use std::fmt;
use std::path::PathBuf;

use super::redis_target::RedisTarget;
use super::store_target_error::StoreTargetError;

/// No scheme is longer; a longer one may be a misplaced secret and is not quoted.
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
            "redis" | "redis+sentinel" | "redis+cluster" | "rediss" | "rediss+sentinel" | "rediss+cluster" => {
                RedisTarget::parse(&lower, rest).map(Self::Redis)
            }
            _ => Err(scheme_error(&lower, rest)),
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
