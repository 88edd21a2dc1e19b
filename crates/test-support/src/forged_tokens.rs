//! Tokens that no service may accept: made by hand, some with the true signing key.
//!
//! # How to add a forgery
//! A row in [`forge_tokens`]: what is wrong with it, and the token.

use std::path::Path;
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64URL};
use serde_json::Value;
use userd_store::{KeyKind, KeyStore};
use userd_store_sqlite::OfflineKeyStore;

use super::program_tokens::token_parts;

/// A private key that a test signs with.
pub enum TestSigner {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl TestSigner {
    fn of(alg: &str, pkcs8: &[u8]) -> Self {
        match alg {
            "ES256" => Self::Es256(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).expect("a key")),
            _ => Self::EdDsa(Ed25519KeyPair::from_pkcs8(pkcs8).expect("a key")),
        }
    }

    /// A key that userd does not know.
    fn unknown(alg: &str) -> Self {
        match alg {
            "ES256" => Self::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key")),
            _ => Self::EdDsa(Ed25519KeyPair::generate().expect("a key")),
        }
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Es256(key) => key.sign(&SystemRandom::new(), message).expect("a signature").as_ref().to_vec(),
            Self::EdDsa(key) => key.sign(message).as_ref().to_vec(),
        }
    }
}

/// The signing key in the SQLite file `path`, read around the service.
pub async fn read_signing_key(path: &Path, alg: &str) -> TestSigner {
    let file = OfflineKeyStore::open(path, Duration::from_secs(10)).expect("the file can be opened");
    let keys = file.keys(KeyKind::Signing).await.expect("keys");
    let kept: Value = serde_json::from_str(&keys[0].text).expect("JSON");
    let plain =
        kept["sealed"].as_str().and_then(|text| text.strip_prefix("plain:")).expect("no encryption key is configured");
    TestSigner::of(alg, &BASE64URL.decode(plain).expect("base64url"))
}

fn part(value: &Value) -> String {
    BASE64URL.encode(value.to_string())
}

/// The token with these parts.
pub fn build_token(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    let signature = BASE64URL.encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

/// `value` with one member changed.
fn with(value: &Value, name: &str, member: impl Into<Value>) -> Value {
    let mut value = value.clone();
    value[name] = member.into();
    value
}

/// The public key as bytes, as a PEM file (RFC 5480, RFC 8410) and as JWK: what a careless library would use as the
/// secret of an HMAC.
fn public_texts(jwk: &Value) -> [Vec<u8>; 3] {
    let coordinate = |name: &str| BASE64URL.decode(jwk[name].as_str().unwrap_or_default()).expect("base64url");
    let (head, raw): (&[u8], _) = match jwk["kty"].as_str() {
        Some("EC") => (
            b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00",
            [vec![4], coordinate("x"), coordinate("y")].concat(),
        ),
        _ => (b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", coordinate("x")),
    };
    let der = BASE64.encode([head, &raw].concat());
    let lines: Vec<&str> = der.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
    [raw, pem.into_bytes(), jwk.to_string().into_bytes()]
}

/// The forgeries, each with what is wrong with it. `good` is a valid token, `key` the key that signed it, and `jwk` its
/// public half.
pub fn forge_tokens(alg: &str, good: &str, key: &TestSigner, jwk: &Value) -> Vec<(String, String)> {
    let (header, claims) = token_parts(good);
    let signature = good.rsplit('.').next().expect("a signature");
    let (own, unknown) = (|message: &[u8]| key.sign(message), TestSigner::unknown(alg));
    let other_key = |message: &[u8]| unknown.sign(message);
    let nothing = |_: &[u8]| Vec::new();
    let now = claims["iat"].as_u64().expect("a moment");
    let other_alg = if alg == "ES256" { "EdDSA" } else { "ES256" };
    let elsewhere = with(&header, "kid", "../../../../dev/null");
    let past = with(&with(&claims, "iat", now - 600), "exp", now - 120);
    let mut forged = vec![
        ("no algorithm", build_token(&with(&header, "alg", "none"), &claims, nothing)),
        ("no algorithm, spelled oddly", build_token(&with(&header, "alg", "nOnE"), &claims, nothing)),
        ("no algorithm, signature kept", build_token(&with(&header, "alg", "none"), &claims, own)),
        ("RS256", build_token(&with(&header, "alg", "RS256"), &claims, own)),
        ("the other algorithm", build_token(&with(&header, "alg", other_alg), &claims, own)),
        ("another key under the true name", build_token(&header, &claims, other_key)),
        ("another key under its own name", build_token(&with(&header, "kid", "mine"), &claims, other_key)),
        ("a kid that is a path", build_token(&elsewhere, &claims, other_key)),
        ("the true key under a name that leads elsewhere", build_token(&elsewhere, &claims, own)),
        (
            "keys to be fetched elsewhere",
            build_token(&with(&header, "jku", "http://127.0.0.1:1/jwks"), &claims, other_key),
        ),
        ("for another audience", build_token(&header, &with(&claims, "aud", "billing"), own)),
        ("of another issuer", build_token(&header, &with(&claims, "iss", "http://127.0.0.1:1"), own)),
        ("expired", build_token(&header, &past, own)),
        ("about another user", format!("{}.{}.{signature}", part(&header), part(&with(&claims, "sub", "eve")))),
        (
            "valid for a year",
            format!("{}.{}.{signature}", part(&header), part(&with(&claims, "exp", now + 86_400 * 365))),
        ),
        ("a signature of zeros", build_token(&header, &claims, |_| vec![0; 64])),
        ("a signature that is cut", good[..good.len() - 4].to_owned()),
        ("no signature", good[..good.len() - signature.len()].to_owned()),
        ("one part more", format!("{good}.{signature}")),
        ("one part less", good.rsplit_once('.').expect("parts").0.to_owned()),
        ("no token at all", "eyJ".to_owned()),
    ]
    .into_iter()
    .map(|(name, token)| (name.to_owned(), token))
    .collect::<Vec<_>>();
    let hs256 = with(&header, "alg", "HS256");
    for (how, secret) in ["as bytes", "as PEM", "as JWK"].into_iter().zip(public_texts(jwk)) {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let made = build_token(&hs256, &claims, |message| hmac::sign(&key, message).as_ref().to_vec());
        forged.push((format!("HS256 with the public key {how}"), made));
    }
    forged
}
