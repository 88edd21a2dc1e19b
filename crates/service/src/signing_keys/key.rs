//! A signing key: how it is generated and stored, and its public half as a JWK.
//!
//! **Invariant:** the private half is decrypted only here, and leaves only into `jsonwebtoken`'s own wiped memory.
//! `key_set` decides when a key signs.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{KeyDecryptError, KeyEncryption};
use userd_core::random::Random;
use userd_core::{Timestamp, string_enum};
use userd_store::{KeyKind, StoredKey};

/// Bytes of a coordinate on P-256.
const COORDINATE: usize = 32;

string_enum! {
    /// How tokens are signed. The text is API, as `alg` of a token has it (RFC 7518, RFC 8037): variants are added,
    /// never renamed.
    #[derive(Deserialize, JsonSchema)]
    pub enum SigningAlgorithm {
        /// ECDSA on P-256 with SHA-256.
        #[serde(rename = "ES256")]
        Es256 = "ES256",
        /// Ed25519.
        #[serde(rename = "EdDSA")]
        EdDsa = "EdDSA",
    }
}

/// The public half of a key (RFC 7517), as published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwk {
    kty: &'static str,
    crv: &'static str,
    x: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(rename = "use")]
    purpose: &'static str,
    alg: &'static str,
    /// The key id in tokens: the thumbprint (RFC 7638).
    pub kid: String,
}

impl Jwk {
    /// The JWK of a key pair; `public` is in the format of `aws-lc-rs`.
    fn of(algorithm: SigningAlgorithm, public: &[u8]) -> Option<Self> {
        let (kty, crv, x, y) = match algorithm {
            // SEC 1, uncompressed: the byte 4, then both coordinates.
            SigningAlgorithm::Es256 => {
                let (x, y) = public.strip_prefix(&[4])?.split_at_checked(COORDINATE)?;
                ("EC", "P-256", BASE64URL.encode(x), Some(BASE64URL.encode(y)))
            }
            SigningAlgorithm::EdDsa => ("OKP", "Ed25519", BASE64URL.encode(public), None),
        };
        // RFC 7638: the required members in lexicographic order, without white space.
        let y_member = y.as_ref().map(|y| format!(",\"y\":\"{y}\"")).unwrap_or_default();
        let members = format!("{{\"crv\":\"{crv}\",\"kty\":\"{kty}\",\"x\":\"{x}\"{y_member}}}");
        let kid = BASE64URL.encode(Sha256::digest(members));
        Some(Self { kty, crv, x, y, purpose: "sig", alg: algorithm.as_str(), kid })
    }
}

/// The properties of a key that are not encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKeyInfo {
    /// Its position in the order of creation, and its id in the store.
    pub number: u64,
    /// The key id in tokens.
    pub kid: String,
    /// The algorithm.
    pub algorithm: SigningAlgorithm,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it starts to sign, until a later key does.
    pub signs_from: Timestamp,
}

/// A key as JSON in the store.
#[derive(Serialize, Deserialize)]
struct SigningKeyRecord {
    kid: String,
    alg: String,
    made_ms: u64,
    signs_from_ms: u64,
    /// The private half as PKCS#8, in the format of [`KeyEncryption`].
    sealed: String,
}

impl SigningKeyInfo {
    /// Parses a stored key; its private half stays encrypted. `None` if it is invalid.
    pub(super) fn read(stored: &StoredKey) -> Option<(Self, String)> {
        let kept: SigningKeyRecord = serde_json::from_str(&stored.text).ok()?;
        let record = Self {
            number: stored.id.parse().ok()?,
            kid: kept.kid,
            algorithm: SigningAlgorithm::parse(&kept.alg)?,
            created_at: Timestamp::from_millis(kept.made_ms),
            signs_from: Timestamp::from_millis(kept.signs_from_ms),
        };
        Some((record, kept.sealed))
    }

    fn write(&self, sealed: String) -> String {
        let kept = SigningKeyRecord {
            kid: self.kid.clone(),
            alg: self.algorithm.as_str().to_owned(),
            made_ms: self.created_at.as_millis(),
            signs_from_ms: self.signs_from.as_millis(),
            sealed,
        };
        serde_json::to_string(&kept).unwrap_or_default()
    }
}

/// A key that can sign.
#[derive(Debug)]
pub(super) struct SigningKey {
    pub(super) record: SigningKeyInfo,
    pub(super) jwk: Jwk,
    /// Wiped when dropped, and hidden in `Debug`.
    private: EncodingKey,
}

impl SigningKey {
    /// Generates a key, and the text to store.
    ///
    /// `aws-lc-rs` uses its own randomness: it can neither generate a P-256 key nor sign with one otherwise.
    pub(super) fn generate(
        record: SigningKeyInfo,
        key_encryption: &KeyEncryption,
        random: &dyn Random,
    ) -> Result<(Self, String), KeyGenerationError> {
        let rng = SystemRandom::new();
        let pkcs8 = match record.algorithm {
            SigningAlgorithm::Es256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng),
            SigningAlgorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(&rng),
        };
        let pkcs8 = pkcs8.map_err(|_| KeyGenerationError)?;
        let sealed = key_encryption.encrypt(KeyKind::Signing, &record.number.to_string(), pkcs8.as_ref(), random);
        let mut key = Self::from_pkcs8(record, pkcs8.as_ref()).ok_or(KeyGenerationError)?;
        key.record.kid.clone_from(&key.jwk.kid);
        let text = key.record.write(sealed);
        Ok((key, text))
    }

    /// Decrypts a stored key.
    pub(super) fn decrypt(stored: &StoredKey, key_encryption: &KeyEncryption) -> Result<Self, KeyDecryptError> {
        let (record, sealed) = SigningKeyInfo::read(stored).ok_or(KeyDecryptError::Corrupt)?;
        let pkcs8: Zeroizing<Vec<u8>> = key_encryption.decrypt(KeyKind::Signing, &stored.id, &sealed)?;
        let key = Self::from_pkcs8(record, &pkcs8).filter(|key| key.jwk.kid == key.record.kid);
        key.ok_or(KeyDecryptError::Corrupt)
    }

    /// The key with this private half.
    fn from_pkcs8(record: SigningKeyInfo, pkcs8: &[u8]) -> Option<Self> {
        let (jwk, private) = match record.algorithm {
            SigningAlgorithm::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).ok()?;
                (Jwk::of(record.algorithm, pair.public_key().as_ref())?, EncodingKey::from_ec_der(pkcs8))
            }
            SigningAlgorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8(pkcs8).ok()?;
                (Jwk::of(record.algorithm, pair.public_key().as_ref())?, EncodingKey::from_ed_der(pkcs8))
            }
        };
        Some(Self { record, jwk, private })
    }

    /// Signs a token with `claims`.
    pub(super) fn sign(&self, claims: &impl Serialize) -> Result<String, jsonwebtoken::errors::Error> {
        let algorithm = match self.record.algorithm {
            SigningAlgorithm::Es256 => Algorithm::ES256,
            SigningAlgorithm::EdDsa => Algorithm::EdDSA,
        };
        // `typ` is "JWT": RFC 9068's "at+jwt" requires a `client_id`, which userd does not have, and some verifiers
        // reject it by default (docs/decisions/0016-tokens-and-keys.md).
        let header = Header { kid: Some(self.record.kid.clone()), ..Header::new(algorithm) };
        jsonwebtoken::encode(&header, claims, &self.private)
    }
}

/// A key could not be generated: the system has no randomness.
#[derive(Debug, thiserror::Error)]
#[error("a signing key could not be generated")]
pub struct KeyGenerationError;

#[cfg(test)]
mod tests {
    use super::*;
    use userd_core::random::SeededRandom;

    fn make(algorithm: SigningAlgorithm, key_encryption: &KeyEncryption) -> (SigningKey, String) {
        let at = Timestamp::from_millis(1_000);
        let record = SigningKeyInfo { number: 7, kid: String::new(), algorithm, created_at: at, signs_from: at };
        SigningKey::generate(record, key_encryption, &SeededRandom::from_seed(1)).expect("a key can be made")
    }

    #[test]
    fn a_key_is_read_back_and_signs_under_its_name() {
        for algorithm in SigningAlgorithm::ALL {
            let key_encryption = KeyEncryption::new(Some(&[1; 32]));
            let (fresh, text) = make(algorithm, &key_encryption);
            let stored = StoredKey { id: "7".to_owned(), text };
            let read = SigningKey::decrypt(&stored, &key_encryption).expect("our own key");
            assert_eq!((&read.record, &read.jwk), (&fresh.record, &fresh.jwk));
            let token = read.sign(&serde_json::json!({"sub": "ada"})).expect("it signs");
            let header = BASE64URL.decode(token.split('.').next().expect("a header")).expect("base64url");
            let header: serde_json::Value = serde_json::from_slice(&header).expect("JSON");
            assert_eq!(header, serde_json::json!({"typ": "JWT", "alg": algorithm.as_str(), "kid": read.jwk.kid}));
        }
    }

    #[test]
    fn nothing_that_is_shown_holds_the_private_half() {
        for algorithm in SigningAlgorithm::ALL {
            let (plain, text) = make(algorithm, &KeyEncryption::new(None));
            let (_, sealed) = SigningKeyInfo::read(&StoredKey { id: "7".to_owned(), text }).expect("our own key");
            let pkcs8 = BASE64URL.decode(sealed.trim_start_matches("plain:")).expect("base64url");
            let public = serde_json::to_string(&plain.jwk).expect("JSON");
            assert!(!public.contains("\"d\""), "{public}");
            let shown = format!("{plain:?}");
            assert!(shown.contains("redacted") && !shown.contains(&format!("{:?}", &pkcs8[40..60])), "{shown}");
            assert!(make(algorithm, &KeyEncryption::new(Some(&[1; 32]))).1.contains("\"sealed:"));
        }
    }

    #[test]
    fn a_key_in_anothers_place_or_under_anothers_name_is_damage() {
        let key_encryption = KeyEncryption::new(Some(&[1; 32]));
        let (fresh, text) = make(SigningAlgorithm::Es256, &key_encryption);
        let moved = StoredKey { id: "8".to_owned(), text: text.clone() };
        assert_eq!(SigningKey::decrypt(&moved, &key_encryption).map(|_| ()), Err(KeyDecryptError::Corrupt));
        let renamed = text.replace(&fresh.record.kid, &"A".repeat(43));
        let renamed = StoredKey { id: "7".to_owned(), text: renamed };
        assert_eq!(SigningKey::decrypt(&renamed, &key_encryption).map(|_| ()), Err(KeyDecryptError::Corrupt));
        let changed = StoredKey { id: "7".to_owned(), text: text.replace("ES256", "EdDSA") };
        assert_eq!(SigningKey::decrypt(&changed, &key_encryption).map(|_| ()), Err(KeyDecryptError::Corrupt));
    }

    /// The example of RFC 8037, appendix A.3.
    #[test]
    fn a_thumbprint_is_that_of_the_rfc() {
        let x = BASE64URL.decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").expect("base64url");
        let jwk = Jwk::of(SigningAlgorithm::EdDsa, &x).expect("a key");
        assert_eq!(jwk.kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }
}
