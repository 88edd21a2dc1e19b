//! Users, their ids and their versions.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::{AccountStatus, DisplayName, Email, PasswordHash, Timestamp};

/// A user's id: a UUIDv7 (RFC 9562, section 5.7), so text order is sign-up order.
///
/// Not a secret: it reveals when the user signed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(Uuid);

impl UserId {
    /// Makes an id for a sign-up at `now` from ten random bytes.
    #[must_use]
    pub fn generate(now: Timestamp, random: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(now.as_millis(), &random).into_uuid())
    }

    /// Parses any spelling of RFC 9562.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::from_str(text).ok().map(Self)
    }

    /// Parses the canonical spelling only, that of `Display`.
    #[must_use]
    pub fn parse_exact(text: &str) -> Option<Self> {
        Self::parse(text).filter(|id| id.to_string() == text)
    }

    /// The id with these bytes; `None` unless there are sixteen.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        Uuid::from_slice(bytes).ok().map(Self)
    }

    /// The sixteen bytes of the id.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for UserId {
    /// Lower case with hyphens: `0192f0c1-2b3d-7e4f-8a5b-6c7d8e9fa0b1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The version of a user record. It grows with every change, not necessarily by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserVersion(u64);

impl UserVersion {
    /// The version of a new user.
    pub const FIRST: Self = Self(1);

    /// The version with this number.
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number of this version.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }

    /// The version after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for UserVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A user as stored. `http` decides field by field what responses contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The id.
    pub id: UserId,
    /// The display name.
    pub name: DisplayName,
    /// The address, as written and canonical.
    pub email: Email,
    /// The password hash.
    pub password_hash: PasswordHash,
    /// The account status.
    pub status: AccountStatus,
    /// When the user signed up.
    pub created_at: Timestamp,
    /// When name, e-mail, password or status last changed; an upgrade of the hash does not count.
    pub updated_at: Timestamp,
    /// The version of this record.
    pub version: UserVersion,
}
