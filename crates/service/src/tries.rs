//! How often passwords may be tried: by account, by network, by both, and by everybody together.
//!
//! One is taken from each bucket *before* the password is looked at, and given back when it was right: so any number
//! of tries at once can't be more than the buckets hold. Only wrong ones stay counted.
//!
//! Not to be used against a person: strangers can empty the buckets of an account and of everybody, but whoever signs
//! in from a known device, or asks with a session, is counted in a bucket of their own instead. A service with an
//! API key asks for many people from one address, so its network is not counted.

use std::sync::Arc;

use crate::Error;
use userd_core::clock::Clock;
use userd_core::{AccountKey, Bucket, BucketKey, CallerId, CanonicalEmail, Client, NetworkKey, Rate, Taken};
use userd_store::{StoreError, Throttle};

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
        let (shared, own) = self.buckets(email.map(AccountKey::of), device, client);
        let mut begun = Try { buckets: Vec::with_capacity(4) };
        for bucket in shared {
            match self.store.take(&[bucket], self.clock.now()).await {
                Ok(Taken::Yes) => begun.buckets.push(bucket),
                Ok(Taken::No { retry_after_ms, .. }) => return Err(self.refused(begun, bucket, retry_after_ms).await),
                // In a cluster such a bucket may lie in a shard that is gone, and its loss must not keep everybody out
                // whose account lies elsewhere. The account's own limits still hold.
                Err(error @ StoreError::Unavailable(_)) => {
                    tracing::debug!(%error, limit = bucket.key.limit(), "a try is not counted");
                }
                Err(error) => tracing::error!(%error, limit = bucket.key.limit(), "a try can't be counted"),
            }
        }
        if own.is_empty() {
            return Ok(begun);
        }
        if let Taken::No { place, retry_after_ms } = self.store.take(&own, self.clock.now()).await?
            && let Some(bucket) = own.get(place)
        {
            return Err(self.refused(begun, *bucket, retry_after_ms).await);
        }
        begun.buckets.extend(own);
        Ok(begun)
    }

    /// What is refused was no wrong password: strangers who run against a limit must not use up what all others have.
    /// The network's own count goes on.
    async fn refused(&self, begun: Try, bucket: Bucket, retry_after_ms: u64) -> Error {
        let of_all = begun.buckets.into_iter().filter(|bucket| bucket.key == BucketKey::Everybody);
        self.undone(Try { buckets: of_all.collect() }).await;
        Error::TooManyTries(LimitMet { name: bucket.key.limit(), rate: bucket.rate, retry_after_ms })
    }

    /// The buckets that a try shares with others, and those of the account. The shared ones are taken from first, so
    /// that who is stopped there does not use up what an account has.
    fn buckets(
        &self,
        account: Option<AccountKey>,
        device: Option<[u8; 16]>,
        client: &Client,
    ) -> (Vec<Bucket>, Vec<Bucket>) {
        let rates = &self.rates;
        if let (Some(account), Some(device)) = (account, device) {
            return (Vec::new(), vec![Bucket { key: BucketKey::Device(account, device), rate: rates.device }]);
        }
        let network = match client.caller {
            CallerId::ApiKey(_) => None,
            CallerId::Nobody | CallerId::Session(_) => client.address.map(NetworkKey::of),
        };
        let (mut shared, mut own) = (Vec::with_capacity(2), Vec::with_capacity(2));
        shared.extend(network.map(|network| Bucket { key: BucketKey::Network(network), rate: rates.network }));
        shared.push(Bucket { key: BucketKey::Everybody, rate: rates.everybody });
        if let Some(account) = account {
            own.extend(network.map(|network| {
                let key = BucketKey::AccountAndNetwork(account, network);
                Bucket { key, rate: rates.account_and_network }
            }));
            own.push(Bucket { key: BucketKey::Account(account), rate: rates.account });
        }
        (shared, own)
    }

    /// The password was right: the account's buckets are full again, the others get theirs back.
    ///
    /// What can't be given back stays counted; the person has signed in all the same.
    pub async fn right(&self, done: Try) {
        let (own, shared): (Vec<Bucket>, Vec<Bucket>) =
            done.buckets.into_iter().partition(|bucket| bucket.key.account().is_some());
        let now = self.clock.now();
        let give_back = async { if shared.is_empty() { Ok(()) } else { self.store.give_back(&shared, now).await } };
        let (filled, given) = tokio::join!(self.store.fill(&own), give_back);
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
