//! The keys as a node that serves knows them: read again after a second, so that a rotation is known everywhere a
//! second later and a token costs no round trip of its own.
//!
//! A store that is away stops nobody from checking tokens: what was read last goes on being published.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use serde::Serialize;

use super::key::SigningKey;
use super::rules::{self, KeyState, READ_EVERY_MS};
use super::{Jwk, KeyGround, SigningAlgorithm, unusable};
use crate::turns::Turns;
use crate::{Error, UnsealError};
use userd_core::Timestamp;
use userd_store::{KeyKind, StoreError, StoredKey};

/// How often the first key is made or found before a node gives up; the second time it is there.
const ROUNDS_MAX: u32 = 3;

/// The number of the first key.
const FIRST: u64 = 1;

/// The keys as a node knows them.
pub struct SigningRing {
    ground: KeyGround,
    algorithm: SigningAlgorithm,
    known: ArcSwapOption<Known>,
    reading: Turns,
}

/// What was read, and when.
struct Known {
    stored: Vec<StoredKey>,
    ring: Arc<Ring>,
    read_at: Timestamp,
}

impl SigningRing {
    /// The keys on `ground`; the first one, where there is none, is made for `algorithm`.
    #[must_use]
    pub fn new(ground: KeyGround, algorithm: SigningAlgorithm) -> Self {
        Self { ground, algorithm, known: ArcSwapOption::empty(), reading: Turns::default() }
    }

    /// Makes the first key if there is none, and looks whether all can be used.
    ///
    /// # Errors
    /// [`Error::KeyUnusable`], [`Error::Store`], [`Error::SigningFailed`].
    pub async fn check(&self) -> Result<(), Error> {
        match self.ring().await?.unusable.first() {
            Some((id, source)) => Err(unusable(KeyKind::Signing, id, *source)),
            None => Ok(()),
        }
    }

    /// The public keys that tokens may be signed with now, soon or until a while ago.
    ///
    /// # Errors
    /// As [`SigningRing::check`].
    pub async fn published(&self) -> Result<Vec<Jwk>, Error> {
        Ok(self.ring().await?.published(self.ground.clock.now()))
    }

    /// The token that says `claims`, signed with the key that signs at `at`.
    pub(crate) async fn sign(&self, claims: &impl Serialize, at: Timestamp) -> Result<String, Error> {
        let ring = self.ring().await?;
        let key = ring.signing(at).ok_or_else(|| unusable(KeyKind::Signing, "", UnsealError::Damaged))?;
        key.sign(claims).map_err(Error::signing)
    }

    async fn ring(&self) -> Result<Arc<Ring>, Error> {
        // A clock that was set back makes what was read old, not young.
        let fresh =
            |known: &Known, now: Timestamp| known.read_at <= now && now < known.read_at.plus_millis(READ_EVERY_MS);
        let now = self.ground.clock.now();
        if let Some(known) = self.known.load_full().filter(|known| fresh(known, now)) {
            return Ok(Arc::clone(&known.ring));
        }
        // One reads, the others wait for what it finds, and for what it does not.
        let turn = self.reading.next().await?;
        let now = self.ground.clock.now();
        let before = self.known.load_full();
        if let Some(known) = before.as_ref().filter(|known| fresh(known, now)) {
            return Ok(Arc::clone(&known.ring));
        }
        let mut read_at = now;
        let (stored, ring) = match (self.read(before.as_deref()).await, before) {
            (Ok(read), _) => read,
            (Err(Error::Store(error)), Some(before)) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the keys that sign were not read again; those read before still hold");
                // For a second from now: whoever waited meanwhile need not wait as long once more.
                read_at = self.ground.clock.now();
                (before.stored.clone(), Arc::clone(&before.ring))
            }
            (Err(error), _) => {
                // Not those before: what was removed must not sign.
                self.known.store(None);
                return turn.end(Err(error));
            }
        };
        self.known.store(Some(Arc::new(Known { stored, ring: Arc::clone(&ring), read_at })));
        Ok(ring)
    }

    /// The keys in the store, the first one made if there is none.
    async fn read(&self, before: Option<&Known>) -> Result<(Vec<StoredKey>, Arc<Ring>), Error> {
        for _ in 0..ROUNDS_MAX {
            let stored = self.ground.stored().await?;
            if let Some(known) = before.filter(|known| known.stored == stored) {
                return Ok((stored, Arc::clone(&known.ring)));
            }
            if !stored.is_empty() {
                let ring = Ring::open(&stored, &self.ground)?;
                return Ok((stored, Arc::new(ring)));
            }
            let now = self.ground.clock.now();
            if let Some(fresh) = self.ground.make(FIRST, self.algorithm, now).await? {
                tracing::debug!(kid = fresh.key.record.kid, "made the first key that signs tokens");
                let stored = vec![StoredKey { id: FIRST.to_string(), text: fresh.text }];
                return Ok((stored, Arc::new(Ring { keys: vec![fresh.key], unusable: Vec::new() })));
            }
        }
        Err(Error::Store(StoreError::unavailable("the first key that signs is neither there nor can be made")))
    }
}

/// Keys in the order in which they sign.
struct Ring {
    keys: Vec<SigningKey>,
    /// Those that can't be used. Others go on: one slip with the seal must not stop every node.
    unusable: Vec<(String, UnsealError)>,
}

impl Ring {
    fn open(stored: &[StoredKey], ground: &KeyGround) -> Result<Self, Error> {
        let (mut keys, mut unusable_ones) = (Vec::new(), Vec::new());
        for one in stored {
            match SigningKey::open(one, &ground.seal) {
                Ok(key) => keys.push(key),
                Err(source) => {
                    tracing::error!(id = one.id, %source, "a key that signs can't be used, and is not published");
                    unusable_ones.push((one.id.clone(), source));
                }
            }
        }
        keys.sort_by_key(|key| (key.record.signs_from, key.record.number));
        match unusable_ones.first() {
            Some((id, source)) if keys.is_empty() => Err(unusable(KeyKind::Signing, id, *source)),
            _ => Ok(Self { keys, unusable: unusable_ones }),
        }
    }

    fn starts(&self) -> Vec<Timestamp> {
        self.keys.iter().map(|key| key.record.signs_from).collect()
    }

    fn signing(&self, at: Timestamp) -> Option<&SigningKey> {
        self.keys.get(rules::signing(&self.starts(), at)?)
    }

    fn published(&self, now: Timestamp) -> Vec<Jwk> {
        let starts = self.starts();
        let good = |(place, _): &(usize, _)| rules::state(&starts, *place, now) != KeyState::Ended;
        self.keys.iter().enumerate().filter(good).map(|(_, key)| key.jwk.clone()).collect()
    }
}
