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

use crate::pause::Pause;
use crate::turns::Turns;
use crate::{ApiKey, ApiKeys, Error};
use userd_core::{ApiKeyId, ApiKeyToken, Timestamp};
use userd_store::StoreError;

/// How long a node goes by what it has read.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// How long it does so while the store does not answer: the night until somebody has mended a shard, and not for ever.
const GOES_ON_FOR: Duration = Duration::from_secs(3600);

/// How long a node goes by it that there are no keys, while the store does not answer: a failover fits. Much shorter,
/// because with that everybody may do everything.
const NONE_GOES_ON_FOR: Duration = Duration::from_secs(10);

/// How often at most the last use of a key is written, in milliseconds.
const USED_EVERY_MS: u64 = 60_000;

/// What a node knows of the API keys.
pub struct Keyring {
    keys: ApiKeys,
    known: ArcSwapOption<Known>,
    reading: Turns,
    /// Held by the one who writes that a key was used.
    noting: tokio::sync::Mutex<()>,
    pause: Pause,
}

/// What was read, and when.
#[derive(Clone)]
struct Known {
    keys: Arc<[ApiKey]>,
    /// Whether there are none, not even such that can't be read: damage must not open the door.
    none: bool,
    read_at: Instant,
    /// When the store was last asked; `None` if it has to be asked again.
    asked_at: Option<Instant>,
    /// Whether it answered then.
    answered: bool,
}

impl Known {
    fn is_fresh(&self) -> bool {
        self.asked_at.is_some_and(|asked_at| asked_at.elapsed() < FRESH_FOR)
    }

    fn can_go_on(&self) -> bool {
        self.read_at.elapsed() < GOES_ON_FOR
    }
}

impl Keyring {
    /// What `keys` has, known from the first use on.
    #[must_use]
    pub fn new(keys: ApiKeys) -> Self {
        let (reading, noting) = (Turns::default(), tokio::sync::Mutex::default());
        Self { keys, known: ArcSwapOption::empty(), reading, noting, pause: Pause::default() }
    }

    /// Whether no key was ever made. Once there was one that stays so, and nobody is asked any more.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn is_empty(&self) -> Result<bool, Error> {
        if self.known.load().as_ref().is_some_and(|known| !known.none) {
            return Ok(false);
        }
        let known = self.known().await?;
        if known.none && !known.answered && known.read_at.elapsed() > NONE_GOES_ON_FOR {
            // What a node knows goes on to open what it opens; that everybody may do everything has to be known.
            return Err(StoreError::unavailable("whether there are API keys can't be read now").into());
        }
        Ok(known.none)
    }

    /// The key that `token` shows, if it is one and was not revoked.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn find(&self, token: &ApiKeyToken) -> Result<Option<ApiKey>, Error> {
        let known = self.known().await?;
        let found = known.keys.iter().find(|key| key.is_shown_by(token));
        let Some(key) = found.filter(|key| key.revoked_at.is_none()) else { return Ok(None) };
        let now = self.keys.now();
        if known.answered && key.used_at.is_none_or(|used_at| now >= used_at.plus_millis(USED_EVERY_MS)) {
            self.note_use(&key.id, now).await;
        }
        Ok(Some(key.clone()))
    }

    /// Writes that a key was used; where that fails, or somebody is just doing it, it is written later. Many requests
    /// at once would otherwise all write, and repeat for one another, and all wait for a store that takes no writes.
    async fn note_use(&self, id: &ApiKeyId, now: Timestamp) {
        let Ok(_noting) = self.noting.try_lock() else { return };
        if self.pause.lasts() {
            return;
        }
        if let Err(error) = self.keys.note_use(id, now).await {
            tracing::debug!(%error, "the use of an API key was not written");
            self.pause.begin();
            return;
        }
        // To be read again, unless somebody has just done so: what they have read must not be put back.
        if let Some(known) = self.known.load_full() {
            let again = Arc::new(Known { asked_at: None, ..Known::clone(&known) });
            self.known.compare_and_swap(&Some(known), Some(again));
        }
    }

    async fn known(&self) -> Result<Arc<Known>, Error> {
        let known = self.known.load_full();
        if let Some(known) = known.clone().filter(|known| known.is_fresh()) {
            return Ok(known);
        }
        // While the store is away one asks again, and nobody else waits for that.
        let bridging = known.filter(|known| !known.answered && known.can_go_on());
        let turn = match (self.reading.free(), bridging) {
            (Some(turn), _) => turn,
            (None, Some(known)) => return Ok(known),
            (None, None) => self.reading.next().await?,
        };
        if let Some(known) = self.known.load_full().filter(|known| known.is_fresh()) {
            return Ok(known);
        }
        let known = turn.end(self.read().await.map(Arc::new).map_err(Error::from))?;
        self.known.store(Some(Arc::clone(&known)));
        Ok(known)
    }

    /// What the store says; where it says nothing, what it said last.
    async fn read(&self) -> Result<Known, StoreError> {
        let asked_at = Instant::now();
        let error = match self.keys.read().await {
            Ok((keys, all)) => {
                let (read_at, keys) = (asked_at, keys.into());
                return Ok(Known { keys, none: all == 0, read_at, asked_at: Some(asked_at), answered: true });
            }
            Err(error) => error,
        };
        let last = self.known.load_full().filter(|known| known.can_go_on());
        let (StoreError::Unavailable(_), Some(last)) = (&error, last) else { return Err(error) };
        if last.answered {
            tracing::warn!(%error, "the API keys can't be read; userd goes on with those that it knows");
        }
        // The pause before the next asking begins when this one has ended.
        Ok(Known { asked_at: Some(Instant::now()), answered: false, ..Known::clone(&last) })
    }
}
