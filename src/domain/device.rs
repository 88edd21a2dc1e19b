//! The token of a known device: shows that its user has signed in from there before, and nothing else.
//!
//! It opens nothing. Whoever shows it at sign-in is not held up by what strangers have tried meanwhile, but counted
//! for themselves. Signed, not kept: `d1.<user id>.<16 random bytes>.<seconds>.<signature>`.

use std::fmt;

use aws_lc_rs::hmac;

use super::encoding::{decode, encode};
use super::{Timestamp, UserId};

/// What a token of this format begins with.
const PREFIX: &str = "d1";

/// How long a device is known after it has signed in: 180 days, in milliseconds.
pub const DEVICE_MS: u64 = 180 * 24 * 3600 * 1000;

/// The key that signs device tokens: 32 random bytes, the same on every node.
#[derive(Clone)]
pub struct DeviceKey(hmac::Key);

impl DeviceKey {
    /// The key of these bytes.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceKey(***)")
    }
}

/// A device from which a user has signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    /// Whose.
    pub user: UserId,
    /// Which.
    pub id: [u8; 16],
    /// When it last signed in, in seconds since the epoch.
    signed_in_s: u64,
}

impl Device {
    /// The device `id` of `user`, who signs in at `now`.
    #[must_use]
    pub fn new(user: UserId, id: [u8; 16], now: Timestamp) -> Self {
        Self { user, id, signed_in_s: now.as_millis() / 1000 }
    }

    /// The device that `text` names, if `key` has signed it and it is still known at `now`.
    #[must_use]
    pub fn read(text: &str, key: &DeviceKey, now: Timestamp) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let signature: [u8; 32] = decode(signature)?;
        hmac::verify(&key.0, signed.as_bytes(), &signature).ok()?;
        let mut parts = signed.strip_prefix(PREFIX)?.strip_prefix('.')?.splitn(3, '.');
        let (user, id, seconds) = (parts.next()?, parts.next()?, parts.next()?);
        let device = Self { user: UserId::parse(user)?, id: decode(id)?, signed_in_s: seconds.parse().ok()? };
        (now.as_millis() < device.signed_in_s.saturating_mul(1000).saturating_add(DEVICE_MS)).then_some(device)
    }

    /// The token that names it.
    #[must_use]
    pub fn sign(&self, key: &DeviceKey) -> String {
        let signed = format!("{PREFIX}.{}.{}.{}", self.user, encode(&self.id), self.signed_in_s);
        let signature = hmac::sign(&key.0, signed.as_bytes());
        format!("{signed}.{}", encode(signature.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 24 * 3600 * 1000;

    fn device() -> Device {
        let user = UserId::parse("0192f0c1-2b3d-7e4f-8a5b-6c7d8e9fa0b1").expect("an id");
        Device::new(user, [5; 16], Timestamp::from_millis(DAY_MS))
    }

    #[test]
    fn a_device_is_known_for_its_time_by_who_has_the_key() {
        let key = DeviceKey::new(&[1; 32]);
        let token = device().sign(&key);
        let read = |token: &str, key: &DeviceKey, at| Device::read(token, key, Timestamp::from_millis(at));
        assert_eq!(read(&token, &key, 2 * DAY_MS), Some(device()));
        assert_eq!(read(&token, &key, 181 * DAY_MS), None, "too long ago");
        assert_eq!(read(&token, &DeviceKey::new(&[2; 32]), 2 * DAY_MS), None, "signed by somebody else");
        let longer = token.replace(&format!(".{}.", DAY_MS / 1000), &format!(".{}.", 99 * DAY_MS / 1000));
        assert_ne!(longer, token);
        assert_eq!(read(&longer, &key, 2 * DAY_MS), None, "a changed token");
        for end in 0..token.len() {
            assert_eq!(read(&token[..end], &key, 2 * DAY_MS), None, "cut at {end}");
        }
    }
}
