//! The user: who somebody is to us, and the two values that name a user and one state of them.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::{AccountStatus, DisplayName, Email, PasswordHash, Timestamp};

/// A user's id: a UUIDv7 (RFC 9562, section 5.7), so that text order is sign-up order.
///
/// Not a secret: it shows when the user signed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(Uuid);

impl UserId {
    /// A fresh id for someone who signs up at `now`; `random` are ten random bytes.
    #[must_use]
    pub fn generate(now: Timestamp, random: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(now.as_millis(), &random).into_uuid())
    }

    /// The id in any spelling that RFC 9562 knows; `None` if `text` is no UUID.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::from_str(text).ok().map(Self)
    }

    /// The id in its one spelling, that of `Display`; `None` if `text` is another, or none.
    #[must_use]
    pub fn parse_exact(text: &str) -> Option<Self> {
        Self::parse(text).filter(|id| id.to_string() == text)
    }

    /// The id that these sixteen bytes are; `None` if there are not sixteen.
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

/// One state of a user. Grows with every change; says nothing about how many changes there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserVersion(u64);

impl UserVersion {
    /// The version of a user who has just signed up.
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

/// A user as the store keeps them. What of it may leave the service is decided in `http`, by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// What the person wants to be called.
    pub name: DisplayName,
    /// The address, as written and canonical.
    pub email: Email,
    /// What is kept of the password.
    pub password_hash: PasswordHash,
    /// What an administrator has ruled.
    pub status: AccountStatus,
    /// When the user signed up.
    pub created_at: Timestamp,
    /// When name, e-mail, password or standing last changed; a mere upgrade of the hash is no change.
    pub updated_at: Timestamp,
    /// The state that this is.
    pub version: UserVersion,
}
