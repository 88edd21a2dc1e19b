//! How often passwords may be tried: by account, by network, by both, and by everybody together.
//!
//! One is taken from each bucket *before* the password is looked at, and given back when it was right: so any number
//! of tries at once can't be more than the buckets hold. Only wrong ones stay counted.
//!
//! Not to be used against a person: strangers can empty the buckets of an account and of everybody, but whoever signs
//! in from a known device, or asks with a session, is counted in a bucket of their own instead. A service with an
//! API key asks for many people from one address, so its network is not counted.

use std::sync::Arc;

use crate::clock::Clock;
use crate::domain::{AccountKey, Bucket, BucketKey, CallerId, CanonicalEmail, Client, NetworkKey, Rate, Taken};
use crate::service::Error;
use crate::store::Throttle;

/// How many wrong passwords are borne.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TryRates {
    /// For one account, from anywhere.
    pub account: Rate,
    /// For one account from one network.
    pub account_and_network: Rate,
    /// For one account from one known device.
    pub device: Rate,
    /// From one network, at any account.
    pub network: Rate,
    /// From everybody at any account.
    pub everybody: Rate,
}

impl TryRates {
    /// What is in `userd.default.toml`.
    pub const DEFAULT: Self = Self {
        account: Rate { interval_ms: 900_000, burst: 20 },
        account_and_network: Rate { interval_ms: 60_000, burst: 10 },
        device: Rate { interval_ms: 60_000, burst: 10 },
        network: Rate { interval_ms: 12_000, burst: 300 },
        everybody: Rate { interval_ms: 50, burst: 1_000 },
    };
}

/// The limit that a try has met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitMet {
    /// Its name, as the headers have it.
    pub name: &'static str,
    /// How fast it lets tries through.
    pub rate: Rate,
    /// How long until the next one, in milliseconds.
    pub retry_after_ms: u64,
}

/// Counts tries.
pub struct Tries {
    store: Arc<dyn Throttle>,
    rates: TryRates,
    clock: Arc<dyn Clock>,
}

/// A try that was counted. Dropped as it is, it stays so: what broke off in the middle was a try.
#[must_use = "a try that is not settled counts as a wrong one"]
pub struct Try {
    buckets: Vec<Bucket>,
}

impl Tries {
    /// Counts in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Throttle>, rates: TryRates, clock: Arc<dyn Clock>) -> Self {
        Self { store, rates, clock }
    }

    /// Counts a try at the account with `email` (`None`: at one that can't be named) by `client`; `device` is a known
    /// one of that account, or a session of its user. Nobody else's: it would be a bucket that strangers fill at will.
    ///
    /// # Errors
    /// [`Error::TooManyTries`], [`Error::Store`].
    pub async fn begin(
        &self,
        email: Option<&CanonicalEmail>,
        device: Option<[u8; 16]>,
        client: &Client,
    ) -> Result<Try, Error> {
        let buckets = self.buckets(email.map(AccountKey::of), device, client);
        match self.store.take(&buckets, self.clock.now()).await? {
            Taken::Yes => Ok(Try { buckets }),
            Taken::No { place, retry_after_ms } => {
                // What is refused was no wrong password: strangers who run against a limit must not use up what all
                // others have. The network's own count goes on.
                let taken = buckets.iter().take(place).filter(|bucket| bucket.key == BucketKey::Everybody).copied();
                self.undone(Try { buckets: taken.collect() }).await;
                // A place that is not in the list would be the store's mistake; the first bucket then stands for it.
                let Some(bucket) = buckets.get(place).or(buckets.first()) else { return Ok(Try { buckets }) };
                Err(Error::TooManyTries(LimitMet { name: name(bucket.key), rate: bucket.rate, retry_after_ms }))
            }
        }
    }

    /// Tries of one network and of everybody come first, so that who is stopped there does not use up what an
    /// account has.
    fn buckets(&self, account: Option<AccountKey>, device: Option<[u8; 16]>, client: &Client) -> Vec<Bucket> {
        let rates = &self.rates;
        let network = match client.caller {
            CallerId::ApiKey(_) => None,
            CallerId::Nobody | CallerId::Session(_) => client.address.map(NetworkKey::of),
        };
        if let (Some(account), Some(device)) = (account, device) {
            return vec![Bucket { key: BucketKey::Device(account, device), rate: rates.device }];
        }
        let mut buckets = Vec::with_capacity(4);
        buckets.extend(network.map(|network| Bucket { key: BucketKey::Network(network), rate: rates.network }));
        buckets.push(Bucket { key: BucketKey::Everybody, rate: rates.everybody });
        if let Some(account) = account {
            buckets.extend(network.map(|network| {
                let key = BucketKey::AccountAndNetwork(account, network);
                Bucket { key, rate: rates.account_and_network }
            }));
            buckets.push(Bucket { key: BucketKey::Account(account), rate: rates.account });
        }
        buckets
    }

    /// The password was right: the account's buckets are full again, the others get theirs back.
    ///
    /// What can't be given back stays counted; the person has signed in all the same.
    pub async fn right(&self, done: Try) {
        let (own, shared): (Vec<Bucket>, Vec<Bucket>) = done
            .buckets
            .into_iter()
            .partition(|bucket| !matches!(bucket.key, BucketKey::Network(_) | BucketKey::Everybody));
        let now = self.clock.now();
        let (filled, given) = tokio::join!(self.store.fill(&own), self.store.give_back(&shared, now));
        for error in [filled, given].into_iter().filter_map(Result::err) {
            tracing::debug!(%error, "a right password stays counted as a try");
        }
    }

    /// The password was not looked at: everything is given back.
    pub async fn undone(&self, undone: Try) {
        if undone.buckets.is_empty() {
            return;
        }
        if let Err(error) = self.store.give_back(&undone.buckets, self.clock.now()).await {
            tracing::debug!(%error, "a try that was none stays counted");
        }
    }
}

/// The name of a limit.
fn name(key: BucketKey) -> &'static str {
    match key {
        BucketKey::Account(_) => "account",
        BucketKey::AccountAndNetwork(..) => "account-and-address",
        BucketKey::Device(..) => "device",
        BucketKey::Network(_) => "address",
        BucketKey::Everybody => "everybody",
    }
}
