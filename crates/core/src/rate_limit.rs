//! Rate limits: the generic cell rate algorithm (GCRA, ITU-T I.371) with one number for each bucket.
//!
//! The number is the *theoretical arrival time*: when the bucket is full again. One comparison decides, one addition
//! takes. Redis runs the same algorithm in Lua; both pass the vectors in
//! `crates/store/fixtures/gcra_vectors.json`.
//!
//! Attempts are charged before the password is verified and refunded on success, so concurrent attempts can't exceed a
//! limit. A count of failures could be raced.

use std::net::IpAddr;

use sha2::{Digest, Sha256};

use super::CanonicalEmail;
use super::token_secret::halves;

/// How fast a bucket refills, and its capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// The time in which one token is refilled, in milliseconds; at least 1.
    pub interval_ms: u64,
    /// The capacity: how many can be taken at once from a full bucket; at least 1.
    pub burst: u64,
}

/// The result of taking from one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketDecision {
    /// Whether the bucket was not empty.
    pub allowed: bool,
    /// The new state: when the bucket is full again, in milliseconds. If that is not after `now`, nothing needs to be
    /// stored.
    pub full_at: u64,
    /// How many remain.
    pub remaining: u64,
    /// How long until the next one, in milliseconds; 0 if any remain.
    pub retry_after_ms: u64,
}

impl RateLimit {
    /// Takes one at `now` from a bucket that is full at `full_at` (both in milliseconds; 0 for a new bucket).
    ///
    /// A bucket can't be emptier than empty: a `full_at` beyond that comes from a clock that was set back, and is
    /// clamped.
    #[must_use]
    pub fn take(self, full_at: u64, now: u64) -> BucketDecision {
        let capacity = self.interval_ms.saturating_mul(self.burst);
        let full_at = full_at.clamp(now, now.saturating_add(capacity));
        let after = full_at.saturating_add(self.interval_ms);
        let empty_at = now.saturating_add(capacity);
        let allowed = after <= empty_at;
        let full_at = if allowed { after } else { full_at };
        let room = empty_at - full_at;
        let remaining = room / self.interval_ms;
        let retry_after_ms = if remaining > 0 { 0 } else { self.interval_ms - room };
        BucketDecision { allowed, full_at, remaining, retry_after_ms }
    }

    /// The new state after a refund; 0 if nothing needs to be stored.
    #[must_use]
    pub fn refund(self, full_at: u64, now: u64) -> u64 {
        let after = full_at.saturating_sub(self.interval_ms);
        if after <= now { 0 } else { after }
    }
}

crate::string_enum! {
    /// The limits on password attempts, as headers, logs and metrics name them.
    pub enum RateLimitName {
        /// Attempts at one account, from anywhere.
        Account = "account",
        /// Attempts at one account from one network.
        AccountAndNetwork = "account-and-address",
        /// Attempts at one account from one trusted device or session.
        Device = "device",
        /// Attempts from one network, at any account.
        Network = "address",
        /// All attempts.
        Global = "global",
    }
}

/// A bucket with its rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitBucket {
    /// The key.
    pub key: BucketKey,
    /// The rate.
    pub rate: RateLimit,
}

/// What a bucket counts. Addresses and e-mails are digests, so a bucket's key reveals neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BucketKey {
    /// Attempts at one account, from anywhere. It does not matter whether the account exists.
    Account(AccountKey),
    /// Attempts at one account from one network.
    AccountAndNetwork(AccountKey, NetworkKey),
    /// Attempts at one account from one trusted device.
    Device(AccountKey, [u8; 16]),
    /// Attempts from one network, at any account.
    Network(NetworkKey),
    /// All attempts.
    Global,
}

impl BucketKey {
    /// The account of the bucket; `None` if accounts share it.
    #[must_use]
    pub fn account(self) -> Option<AccountKey> {
        match self {
            Self::Account(account) | Self::AccountAndNetwork(account, _) | Self::Device(account, _) => Some(account),
            Self::Network(_) | Self::Global => None,
        }
    }

    /// The limit to which the bucket belongs.
    #[must_use]
    pub fn limit(self) -> RateLimitName {
        match self {
            Self::Account(_) => RateLimitName::Account,
            Self::AccountAndNetwork(..) => RateLimitName::AccountAndNetwork,
            Self::Device(..) => RateLimitName::Device,
            Self::Network(_) => RateLimitName::Network,
            Self::Global => RateLimitName::Global,
        }
    }
}

/// The digest of an e-mail, whether it has an account or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountKey([u8; 16]);

impl AccountKey {
    /// The key of this e-mail.
    #[must_use]
    pub fn of(email: &CanonicalEmail) -> Self {
        Self(digest(email.as_str().as_bytes()))
    }

    /// The sixteen bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// The digest of a client's network: an IPv4 address, or the /64 of an IPv6 address, which is what one subscriber has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkKey([u8; 16]);

impl NetworkKey {
    /// The key of the network of `address`. An IPv4-mapped IPv6 address counts as IPv4.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => digest(&address.octets()),
            IpAddr::V6(address) => digest(&address.octets()[..8]),
        })
    }

    /// The sixteen bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

fn digest(bytes: &[u8]) -> [u8; 16] {
    halves(Sha256::digest(bytes).into())[0]
}

/// The result of taking from several buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimitDecision {
    /// No bucket was empty.
    Allow,
    /// A bucket was empty; nothing was taken from those after it.
    Deny {
        /// Its index in the list.
        place: usize,
        /// How long until it has one, in milliseconds.
        retry_after_ms: u64,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_full_bucket_gives_its_burst_and_then_one_an_interval() {
        let rate = RateLimit { interval_ms: 1_000, burst: 3 };
        let mut full_at = 0;
        for left in [2, 1, 0] {
            let decision = rate.take(full_at, 50_000);
            assert!(decision.allowed && decision.remaining == left);
            full_at = decision.full_at;
        }
        let refused = rate.take(full_at, 50_000);
        assert_eq!((refused.allowed, refused.full_at, refused.retry_after_ms), (false, full_at, 1_000));
        assert_eq!(rate.take(full_at, 50_999).retry_after_ms, 1);
        assert!(rate.take(full_at, 51_000).allowed);
    }

    #[test]
    fn one_network_of_ipv6_is_one_key_and_mapped_ipv4_is_ipv4() {
        let key = |text: &str| NetworkKey::of(text.parse().expect("an address"));
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }

    proptest! {
        #[test]
        fn no_more_than_the_burst_and_one_an_interval_are_ever_taken(
            burst in 1..20_u64, interval_ms in 1..5_000_u64, steps in prop::collection::vec(0..3_000_u64, 1..200)
        ) {
            let rate = RateLimit { interval_ms, burst };
            let (start, mut now, mut full_at, mut allowed) = (1_000_000, 1_000_000, 0, 0);
            for step in steps {
                now += step;
                let decision = rate.take(full_at, now);
                full_at = decision.full_at;
                allowed += u64::from(decision.allowed);
                prop_assert!(allowed <= burst + (now - start) / interval_ms);
                prop_assert!(decision.allowed || decision.retry_after_ms > 0);
                prop_assert!(decision.allowed || rate.take(full_at, now + decision.retry_after_ms).allowed);
            }
        }

        #[test]
        fn a_clock_that_is_set_back_blocks_no_longer_than_an_empty_bucket(back in 0..u64::from(u32::MAX)) {
            let rate = RateLimit { interval_ms: 1_000, burst: 2 };
            let now = u64::from(u32::MAX);
            let mut full_at = 0;
            for _ in 0..2 { full_at = rate.take(full_at, now + back).full_at; }
            prop_assert!(rate.take(full_at, now).retry_after_ms <= 1_000);
        }

        #[test]
        fn what_is_given_back_can_be_taken_again(burst in 1..20_u64, interval_ms in 1..5_000_u64, now in 1..u64::from(u32::MAX)) {
            let rate = RateLimit { interval_ms, burst };
            let mut full_at = 0;
            for _ in 0..burst { full_at = rate.take(full_at, now).full_at; }
            prop_assert!(!rate.take(full_at, now).allowed);
            prop_assert!(rate.take(rate.refund(full_at, now), now).allowed);
        }
    }
}
