//! The secret part of a token: 32 random bytes, encoded in 43 characters and stored only as a digest.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::encoding::{decode, encode};
use super::secret::REDACTED;

/// Random bytes in a token. OWASP ASVS 5.0 (7.2.3) requires 16.
pub const SECRET_BYTES: usize = 32;

/// The secret part of a token; wiped when dropped.
#[derive(Clone)]
pub(super) struct TokenSecret(Zeroizing<[u8; SECRET_BYTES]>);

impl TokenSecret {
    /// Wraps these bytes.
    pub(super) fn new(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Parses the encoded form.
    pub(super) fn parse(text: &str) -> Option<Self> {
        decode(text).map(Self::new)
    }

    /// The encoded form.
    pub(super) fn encode(&self) -> String {
        encode(&*self.0)
    }

    /// The bytes, as the key of an HMAC.
    pub(super) fn as_bytes(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }

    /// The digest to store. Plain SHA-256: a secret of 256 random bits can't be guessed.
    pub(super) fn digest(&self) -> [u8; 32] {
        Sha256::digest(*self.0).into()
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// A stored digest or salt: compared in constant time, and redacted in `Debug`.
#[derive(Clone, Copy, Eq)]
pub(super) struct SecretBytes<const N: usize>(pub(super) [u8; N]);

impl<const N: usize> PartialEq for SecretBytes<N> {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl<const N: usize> fmt::Debug for SecretBytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// Both halves of a digest; each is long enough to identify.
pub(super) fn halves(digest: [u8; 32]) -> [[u8; 16]; 2] {
    let mut halves = [[0; 16]; 2];
    halves.as_flattened_mut().copy_from_slice(&digest);
    halves
}
