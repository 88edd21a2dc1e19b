//! The two halves of a session token's digest: the id, which is public, and the proof, which is not.

use std::fmt;

use super::encoding::{decode, encode};
use super::token_secret::SecretBytes;

/// A session's id: half a digest. Not a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub(super) [u8; 16]);

impl SessionId {
    /// Parses an id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        decode(text).map(Self)
    }

    /// The id with these bytes; `None` unless there are sixteen.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The sixteen bytes of the id.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for SessionId {
    /// 22 characters of base64url.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(&self.0))
    }
}

/// The half of a token's digest that is never returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionProof(pub(super) SecretBytes<16>);

impl SessionProof {
    /// The stored proof; `None` unless there are sixteen bytes.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(SecretBytes(bytes)))
    }

    /// The stored form.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0.0
    }
}
