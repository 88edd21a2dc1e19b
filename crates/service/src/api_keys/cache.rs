//! A serving node's cache of the API keys.
//!
//! A node caches the keys for a second, so that a request costs no round trip. A revoked key is rejected everywhere
//! within a second.
//!
//! While the store is unavailable, a node serves stale keys: in a cluster the keys are in one shard, and its loss must
//! not affect the users of the others. Without that shard no key can be revoked either. Only a node that alone is
//! partitioned from it would accept a revoked key for longer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;

use super::service::{ApiKey, ApiKeyService};
use crate::Error;
use crate::cooldown::WriteCooldown;
use crate::single_flight::SingleFlight;
use userd_core::{ApiKeyId, ApiKeyToken, Timestamp};
use userd_store::StoreError;

/// How long a cached read is fresh.
const CACHE_TTL: Duration = Duration::from_secs(1);

/// How long stale keys are used while the store is unavailable: long enough to repair a shard at night, but bounded.
const STALE_TTL: Duration = Duration::from_secs(3600);

/// How long "there are no keys" is used while the store is unavailable: as long as a failover. Much shorter, because
/// without keys every caller is an administrator.
const STALE_EMPTY_TTL: Duration = Duration::from_secs(10);

/// The last use of a key is written at most this often, in milliseconds.
const TOUCH_INTERVAL_MS: u64 = 60_000;

/// A cache in front of [`ApiKeyService`].
pub struct ApiKeyCache {
    keys: ApiKeyService,
    cached: ArcSwapOption<CachedApiKeys>,
    read_flight: SingleFlight,
    /// Held while the last use of a key is written.
    touching: tokio::sync::Mutex<()>,
    cooldown: WriteCooldown,
}

/// The result of a read.
#[derive(Clone)]
struct CachedApiKeys {
    keys: Arc<[ApiKey]>,
    /// Whether there are none at all: an unreadable key counts, so that damage does not disable authentication.
    has_no_keys: bool,
    read_at: Instant,
    /// The time of the last read, successful or not; `None` forces another one.
    asked_at: Option<Instant>,
    /// Whether the store answered it.
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
    /// Reads from `keys` at the first use.
    #[must_use]
    pub fn new(keys: ApiKeyService) -> Self {
        let (read_flight, touching) = (SingleFlight::default(), tokio::sync::Mutex::default());
        Self { keys, cached: ArcSwapOption::empty(), read_flight, touching, cooldown: WriteCooldown::default() }
    }

    /// Whether no key was ever created. Once there is a key, the result stays `false` without further reads.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn is_empty(&self) -> Result<bool, Error> {
        if self.cached.load().as_ref().is_some_and(|cached| !cached.has_no_keys) {
            return Ok(false);
        }
        let cached = self.cached().await?;
        if cached.has_no_keys && !cached.store_answered && cached.read_at.elapsed() > STALE_EMPTY_TTL {
            // Stale keys may authenticate; that no key is required must be confirmed by the store.
            return Err(StoreError::unavailable("whether there are API keys can't be read now").into());
        }
        Ok(cached.has_no_keys)
    }

    /// The key of `token`, unless it is unknown or revoked.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn find(&self, token: &ApiKeyToken) -> Result<Option<ApiKey>, Error> {
        let cached = self.cached().await?;
        let found = cached.keys.iter().find(|key| key.matches(token));
        let Some(key) = found.filter(|key| key.revoked_at.is_none()) else { return Ok(None) };
        let now = self.keys.clock.now();
        if cached.store_answered
            && key.last_used_at.is_none_or(|last_used_at| now >= last_used_at.plus_millis(TOUCH_INTERVAL_MS))
        {
            self.touch(&key.id, now).await;
        }
        Ok(Some(key.clone()))
    }

    /// Writes the last use of a key. Skipped if another request is writing it or a write failed recently; a later
    /// request writes it. Otherwise concurrent requests would all write, conflict and wait for a store that accepts no
    /// writes.
    async fn touch(&self, id: &ApiKeyId, now: Timestamp) {
        let Ok(_touching) = self.touching.try_lock() else { return };
        if self.cooldown.is_active() {
            return;
        }
        if let Err(error) = self.keys.touch(id, now).await {
            tracing::debug!(%error, "the last use of an API key could not be written");
            self.cooldown.start();
            return;
        }
        // Forces another read, unless one has just replaced this cache entry.
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
        // While the store is unavailable, one request reads and the others do not wait.
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

    /// Reads the store; falls back to the last read if the store is unavailable.
    async fn read(&self) -> Result<CachedApiKeys, StoreError> {
        let asked_at = Instant::now();
        let error = match self.keys.read().await {
            Ok((keys, all)) => {
                let (keys, has_no_keys, read_at) = (keys.into(), all == 0, asked_at);
                let asked_at = Some(asked_at);
                return Ok(CachedApiKeys { keys, has_no_keys, read_at, asked_at, store_answered: true });
            }
            Err(error) => error,
        };
        let last = self.cached.load_full().filter(|cached| cached.is_usable());
        let (StoreError::Unavailable(_), Some(last)) = (&error, last) else { return Err(error) };
        if last.store_answered {
            tracing::warn!(%error, "the API keys can't be read; userd continues with the cached ones");
        }
        // The pause before the next read starts now, at the end of this one.
        Ok(CachedApiKeys { asked_at: Some(Instant::now()), store_answered: false, ..CachedApiKeys::clone(&last) })
    }
}
