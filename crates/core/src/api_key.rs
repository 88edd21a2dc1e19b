//! API keys of services: the token, its digest and its scopes.

use std::fmt;

use super::encoding::{decode, encode};
use super::token_secret::{SECRET_BYTES, SecretBytes, TokenSecret};

/// The prefix of this token format.
const PREFIX: &str = "k1";

/// The id of an API key: eight random bytes as sixteen hexadecimal digits. Not a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiKeyId(String);

impl ApiKeyId {
    /// Makes an id from eight random bytes.
    #[must_use]
    pub fn generate(random: [u8; 8]) -> Self {
        Self(format!("{:016x}", u64::from_be_bytes(random)))
    }

    /// Parses an id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hexadecimal = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (text.len() == 16 && hexadecimal).then(|| Self(text.to_owned()))
    }

    /// The sixteen digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The token that a service sends: `k1.<id>.<43 characters>`.
#[derive(Debug)]
pub struct ApiKeyToken {
    /// The id of the key. Not verified yet.
    pub id: ApiKeyId,
    secret: TokenSecret,
}

impl ApiKeyToken {
    /// Makes a token from 32 random bytes.
    #[must_use]
    pub fn generate(id: ApiKeyId, random: [u8; SECRET_BYTES]) -> Self {
        Self { id, secret: TokenSecret::new(random) }
    }

    /// Parses a token; `None` unless it is in its one canonical spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.strip_prefix('.')?.split_once('.')?;
        Some(Self { id: ApiKeyId::parse(id)?, secret: TokenSecret::parse(secret)? })
    }

    /// Exposes the secret, to return it once.
    #[must_use]
    pub fn expose(&self) -> String {
        format!("{PREFIX}.{}.{}", self.id, self.secret.encode())
    }

    /// The digest to store.
    #[must_use]
    pub fn digest(&self) -> ApiKeyDigest {
        ApiKeyDigest(SecretBytes(self.secret.digest()))
    }
}

/// The stored digest of an API key's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiKeyDigest(SecretBytes<32>);

impl ApiKeyDigest {
    /// Parses the stored form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        decode(text).map(|bytes| Self(SecretBytes(bytes)))
    }

    /// The stored form: 43 characters of base64url.
    #[must_use]
    pub fn encode(&self) -> String {
        encode(&self.0.0)
    }
}

crate::string_enum! {
    /// What a service may do. The text is API: variants are added, never renamed.
    pub enum Scope {
        /// Look users up by id or e-mail, and count them.
        UsersRead = "users:read",
        /// Create users, and change or delete them with the user's password.
        UsersWrite = "users:write",
        /// List users' sessions.
        SessionsRead = "sessions:read",
        /// End users' sessions.
        SessionsWrite = "sessions:write",
        /// Everything below `/admin`, without the user's password, and the metrics; nothing else.
        Admin = "admin",
        /// Read the metrics, and nothing else: a monitoring system's key can't touch an account.
        Metrics = "metrics",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_is_read_back_and_gives_the_same_digest(id: [u8; 8], secret: [u8; SECRET_BYTES]) {
            let key = ApiKeyToken::generate(ApiKeyId::generate(id), secret);
            let read = ApiKeyToken::parse(&key.expose()).expect("our own key");
            prop_assert_eq!(read.digest(), key.digest());
            prop_assert_eq!(ApiKeyDigest::parse(&key.digest().encode()), Some(key.digest()));
        }

        #[test]
        fn any_text_is_a_key_in_its_one_spelling_or_none(text in any::<String>()) {
            if let Some(key) = ApiKeyToken::parse(&text) {
                prop_assert_eq!(key.expose(), text);
            }
        }
    }

    #[test]
    fn every_scope_has_a_word_of_its_own() {
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.as_str()), Some(scope));
        }
    }
}
