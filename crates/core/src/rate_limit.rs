//! How often something may be tried: the generic cell rate algorithm (GCRA, ITU-T I.371) on one number a bucket.
//!
//! The number is the *theoretical arrival time*: when the bucket will be full again if nothing more is taken. One
//! comparison decides, one addition takes. The same rule is written in Lua for Redis; both are held to the vectors in
//! `crates/store/fixtures/gcra_vectors.json`.
//!
//! Not a count of failures: who takes before the password is checked and gives back after a success can't be raced.

use std::net::{IpAddr, Ipv6Addr};

use sha2::{Digest, Sha256};

use super::CanonicalEmail;
use super::token_secret::first_half;

/// How fast a bucket fills, and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How long it takes until one more may be taken, in milliseconds; at least 1.
    pub interval_ms: u64,
    /// How many may be taken at once from a full bucket; at least 1.
    pub burst: u64,
}

/// What came of taking one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketDecision {
    /// Whether there was one.
    pub allowed: bool,
    /// What has to be kept of the bucket: when it is full again, in milliseconds. At most `now`: nothing.
    pub full_at: u64,
    /// How many are left.
    pub remaining: u64,
    /// How long until there is one to take, in milliseconds; 0 if there is.
    pub retry_after_ms: u64,
}

impl RateLimit {
    /// Takes one at `now` from a bucket that is full again at `full_at` (both in milliseconds; 0 for a fresh one).
    ///
    /// A bucket can't be emptier than empty: a `full_at` further ahead than that comes from a clock that was set
    /// back, and is cut.
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

    /// What has to be kept of the bucket when one that was taken is given back; 0 is nothing.
    #[must_use]
    pub fn refund(self, full_at: u64, now: u64) -> u64 {
        let after = full_at.saturating_sub(self.interval_ms);
        if after <= now { 0 } else { after }
    }
}

/// A bucket, and how fast it fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitBucket {
    /// Which.
    pub key: BucketKey,
    /// How fast it fills.
    pub rate: RateLimit,
}

/// What is counted. An address or an e-mail is kept as a digest: there is nothing to read in a bucket's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BucketKey {
    /// Tries at one account, from anywhere. Whether there is such an account does not matter.
    Account(AccountKey),
    /// Tries at one account from one network.
    AccountAndNetwork(AccountKey, NetworkKey),
    /// Tries at one account from one known device.
    Device(AccountKey, [u8; 16]),
    /// Tries from one network, at any account.
    Network(NetworkKey),
    /// Tries from anywhere at any account.
    Global,
}

impl BucketKey {
    /// Of which account the bucket is; `None` if others share it.
    #[must_use]
    pub fn account(self) -> Option<AccountKey> {
        match self {
            Self::Account(account) | Self::AccountAndNetwork(account, _) | Self::Device(account, _) => Some(account),
            Self::Network(_) | Self::Global => None,
        }
    }

    /// The name of the limit that the bucket is one of.
    #[must_use]
    pub fn limit(self) -> &'static str {
        match self {
            Self::Account(_) => "account",
            Self::AccountAndNetwork(..) => "account-and-address",
            Self::Device(..) => "device",
            Self::Network(_) => "address",
            Self::Global => "global",
        }
    }
}

/// An e-mail, existing or not, as a bucket's name has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountKey([u8; 16]);

impl AccountKey {
    /// The key of whoever has this e-mail.
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

/// Where somebody asks from: an IPv4 address, or the /64 of an IPv6 address, which is what one subscriber has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkKey([u8; 16]);

impl NetworkKey {
    /// The key of the network of `address`. An IPv4 address written as IPv6 is the IPv4 address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => digest(&address.octets()),
            IpAddr::V6(address) => digest(&network(address)),
        })
    }

    /// The sixteen bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

fn network(address: Ipv6Addr) -> [u8; 8] {
    let mut first = [0; 8];
    first.copy_from_slice(&address.octets()[..8]);
    first
}

fn digest(bytes: &[u8]) -> [u8; 16] {
    first_half(Sha256::digest(bytes).into())
}

/// What came of taking one from each of several buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimitDecision {
    /// There was one in each.
    Allow,
    /// There was none in this one; nothing was taken from those after it.
    Deny {
        /// Which: its place in the list.
        place: usize,
        /// How long until there is one, in milliseconds.
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
        fn a_clock_that_is_set_back_shuts_nobody_out_for_longer_than_an_empty_bucket(back in 0..u64::from(u32::MAX)) {
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
