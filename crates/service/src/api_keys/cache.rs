//! The API keys as a node that serves knows them.
//!
//! A node keeps what it has read for a second, so that a request costs no round trip: a key that was revoked is
//! refused everywhere at most a second later.
//!
//! While the store does not answer, a node goes on with what it has read last: in a cluster the keys lie in one shard,
//! and the loss of one shard must not cost the users of all others their service. Who can't reach that shard can't
//! revoke a key in it either; only a node that alone is cut off from it would take a revoked key for longer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;

use super::service::{ApiKey, ApiKeyService};
use crate::Error;
use crate::cooldown::WriteCooldown;
use crate::single_flight::SingleFlight;
use userd_core::{ApiKeyId, ApiKeyToken, Timestamp};
use userd_store::StoreError;

/// How long a node goes by what it has read.
const CACHE_TTL: Duration = Duration::from_secs(1);

/// How long it does so while the store does not answer: the night until somebody has mended a shard, and not for ever.
const STALE_TTL: Duration = Duration::from_secs(3600);

/// How long a node goes by it that there are no keys, while the store does not answer: a failover fits. Much shorter,
/// because with that everybody may do everything.
const STALE_EMPTY_TTL: Duration = Duration::from_secs(10);

/// How often at most the last use of a key is written, in milliseconds.
const TOUCH_INTERVAL_MS: u64 = 60_000;

/// What a node knows of the API keys.
pub struct ApiKeyCache {
    keys: ApiKeyService,
    cached: ArcSwapOption<CachedApiKeys>,
    read_flight: SingleFlight,
    /// Held by the one who writes that a key was used.
    touching: tokio::sync::Mutex<()>,
    cooldown: WriteCooldown,
}

/// What was read, and when.
#[derive(Clone)]
struct CachedApiKeys {
    keys: Arc<[ApiKey]>,
    /// Whether there are none, not even such that can't be read: damage must not open the door.
    has_no_keys: bool,
    read_at: Instant,
    /// When the store was last asked; `None` if it has to be asked again.
    asked_at: Option<Instant>,
    /// Whether it answered then.
    store_answered: bool,
}

impl CachedApiKeys {
    fn is_fresh(&self) -> bool {
        self.asked_at.is_some_and(|asked_at| asked_at.elapsed() < CACHE_TTL)
    }

    fn is_usable(&self) -> bool {
        self.read_at.elapsed() < STALE_TTL
    }
}

impl ApiKeyCache {
    /// What `keys` has, known from the first use on.
    #[must_use]
    pub fn new(keys: ApiKeyService) -> Self {
        let (read_flight, touching) = (SingleFlight::default(), tokio::sync::Mutex::default());
        Self { keys, cached: ArcSwapOption::empty(), read_flight, touching, cooldown: WriteCooldown::default() }
    }

    /// Whether no key was ever made. Once there was one that stays so, and nobody is asked any more.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn is_empty(&self) -> Result<bool, Error> {
        if self.cached.load().as_ref().is_some_and(|cached| !cached.has_no_keys) {
            return Ok(false);
        }
        let cached = self.cached().await?;
        if cached.has_no_keys && !cached.store_answered && cached.read_at.elapsed() > STALE_EMPTY_TTL {
            // What a node knows goes on to open what it opens; that everybody may do everything has to be known.
            return Err(StoreError::unavailable("whether there are API keys can't be read now").into());
        }
        Ok(cached.has_no_keys)
    }

    /// The key that `token` shows, if it is one and was not revoked.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn find(&self, token: &ApiKeyToken) -> Result<Option<ApiKey>, Error> {
        let cached = self.cached().await?;
        let found = cached.keys.iter().find(|key| key.matches(token));
        let Some(key) = found.filter(|key| key.revoked_at.is_none()) else { return Ok(None) };
        let now = self.keys.now();
        if cached.store_answered
            && key.last_used_at.is_none_or(|last_used_at| now >= last_used_at.plus_millis(TOUCH_INTERVAL_MS))
        {
            self.touch(&key.id, now).await;
        }
        Ok(Some(key.clone()))
    }

    /// Writes that a key was used; where that fails, or somebody is just doing it, it is written later. Many requests
    /// at once would otherwise all write, and repeat for one another, and all wait for a store that takes no writes.
    async fn touch(&self, id: &ApiKeyId, now: Timestamp) {
        let Ok(_touching) = self.touching.try_lock() else { return };
        if self.cooldown.is_active() {
            return;
        }
        if let Err(error) = self.keys.touch(id, now).await {
            tracing::debug!(%error, "the use of an API key was not written");
            self.cooldown.start();
            return;
        }
        // To be read again, unless somebody has just done so: what they have read must not be put back.
        if let Some(cached) = self.cached.load_full() {
            let again = Arc::new(CachedApiKeys { asked_at: None, ..CachedApiKeys::clone(&cached) });
            self.cached.compare_and_swap(&Some(cached), Some(again));
        }
    }

    async fn cached(&self) -> Result<Arc<CachedApiKeys>, Error> {
        let cached = self.cached.load_full();
        if let Some(cached) = cached.clone().filter(|cached| cached.is_fresh()) {
            return Ok(cached);
        }
        // While the store is away one asks again, and nobody else waits for that.
        let stale = cached.filter(|cached| !cached.store_answered && cached.is_usable());
        let guard = match (self.read_flight.try_acquire(), stale) {
            (Some(guard), _) => guard,
            (None, Some(cached)) => return Ok(cached),
            (None, None) => self.read_flight.acquire().await?,
        };
        if let Some(cached) = self.cached.load_full().filter(|cached| cached.is_fresh()) {
            return Ok(cached);
        }
        let cached = guard.finish(self.read().await.map(Arc::new).map_err(Error::from))?;
        self.cached.store(Some(Arc::clone(&cached)));
        Ok(cached)
    }

    /// What the store says; where it says nothing, what it said last.
    async fn read(&self) -> Result<CachedApiKeys, StoreError> {
        let asked_at = Instant::now();
        let error = match self.keys.read().await {
            Ok((keys, all)) => {
                let (read_at, keys) = (asked_at, keys.into());
                return Ok(CachedApiKeys {
                    keys,
                    has_no_keys: all == 0,
                    read_at,
                    asked_at: Some(asked_at),
                    store_answered: true,
                });
            }
            Err(error) => error,
        };
        let last = self.cached.load_full().filter(|cached| cached.is_usable());
        let (StoreError::Unavailable(_), Some(last)) = (&error, last) else { return Err(error) };
        if last.store_answered {
            tracing::warn!(%error, "the API keys can't be read; userd goes on with those that it knows");
        }
        // The pause before the next asking begins when this one has ended.
        Ok(CachedApiKeys { asked_at: Some(Instant::now()), store_answered: false, ..CachedApiKeys::clone(&last) })
    }
}
