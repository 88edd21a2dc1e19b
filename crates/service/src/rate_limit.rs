//! Rate limits of password attempts: by account, by network, by both, and global.
//!
//! One token is taken from each bucket *before* the password is verified, and refunded if it was right. Concurrent
//! attempts can't exceed a limit, and only wrong passwords stay charged.
//!
//! **Invariant:** the limits can't be used to lock a user out. An attacker can empty the buckets of an account and the
//! global one, but a sign-in from a trusted device, or a request with a session, is charged to a bucket of its own. A
//! service with an API key sends the attempts of many users from one address, so its network is not charged.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::ServiceDependencies;
use crate::error::{Error, LimitExceeded};
use userd_core::clock::Clock;
use userd_core::{
    AccountKey, Actor, BucketKey, CanonicalEmail, NetworkKey, PrincipalId, RateLimit, RateLimitBucket,
    RateLimitDecision, RateLimitName,
};
use userd_store::{RateLimitStore, StoreError};

/// A larger burst limits nothing.
const BURST_MAX: u64 = 1_000_000;
/// A day: a limit that refills more slowly locks account owners out.
const REFILL_MS_MAX: u64 = 24 * 3600 * 1000;

/// Rate limits of password attempts, as token buckets: how many attempts at once (`…_burst`), and the time until one
/// more is allowed (`…_refill_ms`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInLimits {
    /// Attempts at one account at once, from anywhere.
    #[schemars(range(min = 1, max = BURST_MAX))]
    pub account_burst: u64,
    /// Milliseconds until one more attempt at one account.
    #[schemars(range(min = 1, max = REFILL_MS_MAX))]
    pub account_refill_ms: u64,
    /// Attempts at one account at once, from one address (IPv6: one /64).
    #[schemars(range(min = 1, max = BURST_MAX))]
    pub account_address_burst: u64,
    /// Milliseconds until one more attempt at one account from one address.
    #[schemars(range(min = 1, max = REFILL_MS_MAX))]
    pub account_address_refill_ms: u64,
    /// Attempts at one account at once, from one trusted device.
    #[schemars(range(min = 1, max = BURST_MAX))]
    pub device_burst: u64,
    /// Milliseconds until one more attempt from one trusted device.
    #[schemars(range(min = 1, max = REFILL_MS_MAX))]
    pub device_refill_ms: u64,
    /// Attempts from one address at once, at any account.
    #[schemars(range(min = 1, max = BURST_MAX))]
    pub address_burst: u64,
    /// Milliseconds until one more attempt from one address.
    #[schemars(range(min = 1, max = REFILL_MS_MAX))]
    pub address_refill_ms: u64,
    /// All attempts at once.
    #[schemars(range(min = 1, max = BURST_MAX))]
    pub global_burst: u64,
    /// Milliseconds until one more attempt of all.
    #[schemars(range(min = 1, max = REFILL_MS_MAX))]
    pub global_refill_ms: u64,
}

impl SignInLimits {
    /// The bucket `key` with the rate of its limit.
    fn bucket(&self, key: BucketKey) -> RateLimitBucket {
        let (burst, interval_ms) = match key.limit() {
            RateLimitName::Account => (self.account_burst, self.account_refill_ms),
            RateLimitName::AccountAndNetwork => (self.account_address_burst, self.account_address_refill_ms),
            RateLimitName::Device => (self.device_burst, self.device_refill_ms),
            RateLimitName::Network => (self.address_burst, self.address_refill_ms),
            RateLimitName::Global => (self.global_burst, self.global_refill_ms),
        };
        RateLimitBucket { key, rate: RateLimit { interval_ms, burst } }
    }
}

/// Charges attempts to rate limits.
pub(super) struct SignInLimiter {
    store: Arc<dyn RateLimitStore>,
    limits: SignInLimits,
    clock: Arc<dyn Clock>,
}

/// A charged attempt. If it is dropped unsettled, for example because the request was aborted, it stays charged.
#[must_use = "an attempt that is not settled stays charged"]
pub(super) struct ChargedAttempt {
    buckets: Vec<RateLimitBucket>,
}

impl SignInLimiter {
    /// Charges to `limits`.
    pub(super) fn new(dependencies: &ServiceDependencies, limits: SignInLimits) -> Self {
        let ServiceDependencies { store, clock, .. } = dependencies.clone();
        Self { store, limits, clock }
    }

    /// Charges an attempt of `actor` at the account with `email` (`None`: at an unknown one). `device` is a trusted
    /// device of that account, or a session of its user; any other value would be a bucket that an attacker chooses.
    ///
    /// # Errors
    /// [`Error::RateLimited`], [`Error::Store`].
    pub(super) async fn charge(
        &self,
        email: Option<&CanonicalEmail>,
        device: Option<[u8; 16]>,
        actor: &Actor,
    ) -> Result<ChargedAttempt, Error> {
        let (shared, own) = self.buckets(email.map(AccountKey::of), device, actor);
        let mut charged = ChargedAttempt { buckets: Vec::with_capacity(4) };
        for bucket in shared {
            match self.store.take(&[bucket], self.clock.now()).await {
                Ok(RateLimitDecision::Allow) => charged.buckets.push(bucket),
                Ok(RateLimitDecision::Deny { retry_after_ms, .. }) => {
                    return Err(self.deny(charged, bucket, retry_after_ms).await);
                }
                // In a cluster the bucket may be in a shard that is unavailable, and its loss must not affect accounts
                // in other shards. The account's own limits still apply.
                Err(error @ StoreError::Unavailable(_)) => {
                    tracing::debug!(%error, limit = %bucket.key.limit(), "an attempt is not charged, because the store is unavailable");
                }
                Err(error) => tracing::error!(%error, limit = %bucket.key.limit(), "an attempt can't be charged"),
            }
        }
        if own.is_empty() {
            return Ok(charged);
        }
        if let RateLimitDecision::Deny { place, retry_after_ms } = self.store.take(&own, self.clock.now()).await?
            && let Some(bucket) = own.get(place)
        {
            return Err(self.deny(charged, *bucket, retry_after_ms).await);
        }
        charged.buckets.extend(own);
        Ok(charged)
    }

    /// A rejected attempt is not a wrong password: attackers who meet a limit must not use up the global one. The
    /// network stays charged.
    async fn deny(&self, charged: ChargedAttempt, bucket: RateLimitBucket, retry_after_ms: u64) -> Error {
        let of_all = charged.buckets.into_iter().filter(|bucket| bucket.key == BucketKey::Global);
        self.cancel(ChargedAttempt { buckets: of_all.collect() }).await;
        Error::RateLimited(LimitExceeded { name: bucket.key.limit().as_str(), rate: bucket.rate, retry_after_ms })
    }

    /// The buckets that accounts share, and those of the account. The shared ones are charged first, so that an attempt
    /// rejected there does not use up the account's own.
    fn buckets(
        &self,
        account: Option<AccountKey>,
        device: Option<[u8; 16]>,
        actor: &Actor,
    ) -> (Vec<RateLimitBucket>, Vec<RateLimitBucket>) {
        let bucket = |key| self.limits.bucket(key);
        if let (Some(account), Some(device)) = (account, device) {
            return (Vec::new(), vec![bucket(BucketKey::Device(account, device))]);
        }
        let network = match actor.principal {
            PrincipalId::ApiKey(_) => None,
            PrincipalId::Anonymous | PrincipalId::Session(_) => actor.address.map(NetworkKey::of),
        };
        let shared = network.map(BucketKey::Network).into_iter().chain([BucketKey::Global]);
        let own = account.into_iter().flat_map(|account| {
            let here = network.map(|network| BucketKey::AccountAndNetwork(account, network));
            here.into_iter().chain([BucketKey::Account(account)])
        });
        (shared.map(bucket).collect(), own.map(bucket).collect())
    }

    /// The password was right: resets the account's buckets and refunds the others.
    ///
    /// If that fails the attempt stays charged; the sign-in succeeds all the same.
    pub(super) async fn succeed(&self, attempt: ChargedAttempt) {
        let (own, shared): (Vec<RateLimitBucket>, Vec<RateLimitBucket>) =
            attempt.buckets.into_iter().partition(|bucket| bucket.key.account().is_some());
        let now = self.clock.now();
        let refund = async { if shared.is_empty() { Ok(()) } else { self.store.refund(&shared, now).await } };
        let (filled, given) = tokio::join!(self.store.reset(&own), refund);
        for error in [filled, given].into_iter().filter_map(Result::err) {
            tracing::debug!(%error, "a right password stays charged");
        }
    }

    /// The password was not verified: refunds everything.
    pub(super) async fn cancel(&self, canceled: ChargedAttempt) {
        if canceled.buckets.is_empty() {
            return;
        }
        if let Err(error) = self.store.refund(&canceled.buckets, self.clock.now()).await {
            tracing::debug!(%error, "a cancelled attempt stays charged");
        }
    }
}
