//! Encryption of secret keys in the store: AES-256-GCM with a key from the configuration, or plain text without one.
//!
//! With encryption, a backup of the store has nothing that can sign. The ciphertext is bound to the key's kind and id,
//! so that write access to the store is not enough to swap keys. Not for digests, which are not secret.

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64URL};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use userd_core::SecretString;
use userd_core::random::Random;
use userd_store::KeyKind;

/// Bytes of the encryption key.
const ENCRYPTION_KEY_BYTES: usize = 32;

/// How signing keys are written to the store: part of the section `[token]`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyEncryptionSettings {
    /// Encrypts the signing keys in the store: 32 random bytes in base64. Empty: they are stored in plain text.
    #[serde(rename = "encryption_key", deserialize_with = "encryption")]
    #[schemars(with = "SecretString")]
    pub encryption: Arc<KeyEncryption>,
}

fn encryption<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<KeyEncryption>, D::Error> {
    let secret = SecretString::deserialize(deserializer)?;
    if secret.expose().is_empty() {
        return Ok(Arc::new(KeyEncryption::new(None)));
    }
    let bytes = BASE64.decode(secret.expose().trim()).map(Zeroizing::new).ok();
    let key = bytes.as_ref().and_then(|bytes| bytes.as_slice().try_into().ok());
    let wrong = "is not 32 bytes in base64: write what `openssl rand -base64 32` prints";
    key.map(|key| Arc::new(KeyEncryption::new(Some(key)))).ok_or_else(|| serde::de::Error::custom(wrong))
}

/// Why a key can't be decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyDecryptError {
    /// It is encrypted, and no encryption key is configured.
    #[error("it is encrypted, and no key is configured; set token.encryption_key")]
    MissingKey,
    /// It is encrypted with another encryption key.
    #[error("it is encrypted with another key than token.encryption_key")]
    WrongKey,
    /// It is damaged, or belongs to another key.
    #[error("it is damaged, or belongs to another key")]
    Corrupt,
}

/// Encrypts and decrypts keys. `Debug` shows the name of the encryption key, and nothing of the key itself.
#[derive(Debug)]
pub struct KeyEncryption {
    key: Option<(String, LessSafeKey)>,
}

impl KeyEncryption {
    /// Encrypts with `key`, or writes plain text without one.
    #[must_use]
    pub fn new(key: Option<&[u8; ENCRYPTION_KEY_BYTES]>) -> Self {
        let key = key.and_then(|bytes| {
            let name = BASE64URL.encode(&Sha256::digest(bytes)[..6]);
            // The algorithm takes exactly 32 bytes, so this always succeeds.
            UnboundKey::new(&AES_256_GCM, bytes).ok().map(|key| (name, LessSafeKey::new(key)))
        });
        Self { key }
    }

    /// The text to store of `secret`, the key `id` of this kind: `plain:…`, or `sealed:<key>:<nonce>:…`.
    #[must_use]
    pub fn encrypt(&self, kind: KeyKind, id: &str, secret: &[u8], random: &dyn Random) -> String {
        let Some((name, key)) = &self.key else { return format!("plain:{}", BASE64URL.encode(secret)) };
        let nonce: [u8; NONCE_LEN] = random.bytes();
        let mut sealed = secret.to_vec();
        let aad = Aad::from(associated_data(kind, id));
        match key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed) {
            Ok(()) => format!("sealed:{name}:{}:{}", BASE64URL.encode(nonce), BASE64URL.encode(sealed)),
            // Fails only beyond 64 GiB. Never falls back to plain text.
            Err(_) => String::new(),
        }
    }

    /// The secret in `text`.
    ///
    /// # Errors
    /// [`KeyDecryptError`].
    pub fn decrypt(&self, kind: KeyKind, id: &str, text: &str) -> Result<Zeroizing<Vec<u8>>, KeyDecryptError> {
        let decode = |text: &str| BASE64URL.decode(text).map_err(|_| KeyDecryptError::Corrupt);
        if let Some(plain) = text.strip_prefix("plain:") {
            return Ok(Zeroizing::new(decode(plain)?));
        }
        let mut parts = text.strip_prefix("sealed:").ok_or(KeyDecryptError::Corrupt)?.splitn(3, ':');
        let (Some(sealed_by), Some(nonce), Some(sealed)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyDecryptError::Corrupt);
        };
        let (name, key) = self.key.as_ref().ok_or(KeyDecryptError::MissingKey)?;
        if name != sealed_by {
            return Err(KeyDecryptError::WrongKey);
        }
        let nonce = Nonce::try_assume_unique_for_key(&decode(nonce)?).map_err(|_| KeyDecryptError::Corrupt)?;
        let mut secret = Zeroizing::new(decode(sealed)?);
        let opened = key.open_in_place(nonce, Aad::from(associated_data(kind, id)), &mut secret);
        let length = opened.map_err(|_| KeyDecryptError::Corrupt)?.len();
        secret.truncate(length);
        Ok(secret)
    }
}

fn associated_data(kind: KeyKind, id: &str) -> String {
    format!("{}:{id}", kind.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use userd_core::random::SeededRandom;

    const KIND: KeyKind = KeyKind::Signing;

    #[test]
    fn a_key_is_decrypted_with_the_same_encryption_key_only() {
        let random = SeededRandom::from_seed(1);
        let (key_encryption, other, none) =
            (KeyEncryption::new(Some(&[1; 32])), KeyEncryption::new(Some(&[2; 32])), KeyEncryption::new(None));
        let text = key_encryption.encrypt(KIND, "1", b"secret", &random);
        assert!(text.starts_with("sealed:") && !text.contains(&BASE64URL.encode(b"secret")), "{text}");
        assert_eq!(key_encryption.decrypt(KIND, "1", &text).expect("the same key").as_slice(), b"secret");
        assert_eq!(other.decrypt(KIND, "1", &text), Err(KeyDecryptError::WrongKey));
        assert_eq!(none.decrypt(KIND, "1", &text), Err(KeyDecryptError::MissingKey));
        assert_eq!(key_encryption.decrypt(KIND, "2", &text), Err(KeyDecryptError::Corrupt), "another id");
        assert_eq!(key_encryption.decrypt(KeyKind::Device, "1", &text), Err(KeyDecryptError::Corrupt), "another kind");
    }

    #[test]
    fn what_was_written_plain_is_still_read_when_a_key_is_given_later() {
        let text = KeyEncryption::new(None).encrypt(KIND, "1", b"secret", &SeededRandom::from_seed(1));
        assert_eq!(KeyEncryption::new(Some(&[1; 32])).decrypt(KIND, "1", &text).expect("plain").as_slice(), b"secret");
    }

    #[test]
    fn a_damaged_text_is_refused() {
        let key_encryption = KeyEncryption::new(Some(&[1; 32]));
        let text = key_encryption.encrypt(KIND, "1", b"secret", &SeededRandom::from_seed(1));
        for end in 0..text.len() {
            assert!(key_encryption.decrypt(KIND, "1", &text[..end]).is_err(), "cut at {end}");
        }
    }
}
