//! The token of a trusted device: proves that its user has signed in from there before, and nothing else.
//!
//! It authenticates nothing. A sign-in with it has a rate limit of its own, so attacks on the account do not block it.
//! Signed, not stored: `d1.<user id>.<16 random bytes>.<seconds>.<signature>`.
//!
//! The signature covers the user's password hash too: a password change invalidates the tokens of all devices.

use aws_lc_rs::hmac;

use super::encoding::{decode, encode};
use super::{PasswordHash, Timestamp, UserId};

/// The prefix of this token format.
const PREFIX: &str = "d1";

/// How long a device is trusted after its last sign-in: 180 days, in milliseconds.
pub const TRUSTED_DEVICE_TTL_MS: u64 = 180 * 24 * 3600 * 1000;

/// The key that signs device tokens: 32 random bytes, the same on every node.
#[derive(Debug, Clone)]
pub struct DeviceKey(hmac::Key);

impl DeviceKey {
    /// The key of these bytes.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }
}

/// A device from which a user has signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedDevice {
    /// Its user.
    pub user: UserId,
    /// Its id.
    pub id: [u8; 16],
    /// The last sign-in, in seconds since the epoch.
    signed_in_s: u64,
}

impl TrustedDevice {
    /// The device `id` of `user`, which signs in at `now`.
    #[must_use]
    pub fn new(user: UserId, id: [u8; 16], now: Timestamp) -> Self {
        Self { user, id, signed_in_s: now.as_millis() / 1000 }
    }

    /// Verifies a token: signed with `key` for this password hash, and not expired at `now`.
    #[must_use]
    pub fn verify(text: &str, key: &DeviceKey, password: &PasswordHash, now: Timestamp) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let signature: [u8; 32] = decode(signature)?;
        hmac::verify(&key.0, &message(signed, password), &signature).ok()?;
        let mut parts = signed.strip_prefix(PREFIX)?.strip_prefix('.')?.splitn(3, '.');
        let (user, id, seconds) = (parts.next()?, parts.next()?, parts.next()?);
        let device = Self { user: UserId::parse(user)?, id: decode(id)?, signed_in_s: seconds.parse().ok()? };
        (now.as_millis() < device.signed_in_s.saturating_mul(1000).saturating_add(TRUSTED_DEVICE_TTL_MS))
            .then_some(device)
    }

    /// The token, valid while the user has this password.
    #[must_use]
    pub fn sign(&self, key: &DeviceKey, password: &PasswordHash) -> String {
        let signed = format!("{PREFIX}.{}.{}.{}", self.user, encode(&self.id), self.signed_in_s);
        let signature = hmac::sign(&key.0, &message(&signed, password));
        format!("{signed}.{}", encode(signature.as_ref()))
    }
}

/// The signed message. A token has no line break, so its boundary is unambiguous.
fn message(token: &str, password: &PasswordHash) -> Vec<u8> {
    [token.as_bytes(), b"\n", password.as_str().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME_HASH: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b5dWRWJTmaaJObGRdescudvJC";
    const DAY_MS: u64 = 24 * 3600 * 1000;

    fn device() -> TrustedDevice {
        let user = UserId::parse("0192f0c1-2b3d-7e4f-8a5b-6c7d8e9fa0b1").expect("an id");
        TrustedDevice::new(user, [5; 16], Timestamp::from_millis(DAY_MS))
    }

    #[test]
    fn a_device_is_known_for_its_time_by_who_has_the_key() {
        let key = DeviceKey::new(&[1; 32]);
        let password = |end| PasswordHash::parse(&format!("{SOME_HASH}{end}")).expect("a hash");
        let token = device().sign(&key, &password("A"));
        let read = |token: &str, key: &DeviceKey, at| {
            TrustedDevice::verify(token, key, &password("A"), Timestamp::from_millis(at))
        };
        let now = Timestamp::from_millis(2 * DAY_MS);
        assert_eq!(TrustedDevice::verify(&token, &key, &password("B"), now), None, "another password");
        assert_eq!(read(&token, &key, 2 * DAY_MS), Some(device()));
        assert_eq!(read(&token, &key, 181 * DAY_MS), None, "too long ago");
        assert_eq!(read(&token, &DeviceKey::new(&[2; 32]), 2 * DAY_MS), None, "signed with another key");
        let longer = token.replace(&format!(".{}.", DAY_MS / 1000), &format!(".{}.", 99 * DAY_MS / 1000));
        assert_ne!(longer, token);
        assert_eq!(read(&longer, &key, 2 * DAY_MS), None, "a changed token");
        for end in 0..token.len() {
            assert_eq!(read(&token[..end], &key, 2 * DAY_MS), None, "cut at {end}");
        }
    }
}
