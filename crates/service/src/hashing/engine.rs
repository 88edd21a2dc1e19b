//! The state of a hash thread: Argon2 with memory that is reused; `imported` computes the other schemes.
//!
//! The memory is not wiped between hashes. It has Argon2's intermediate blocks, never the password, and wiping 19 MiB
//! would cost each hash a few per cent. The crate's own allocation is not wiped either.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::{Argon2, Block};
use password_hash::phc;
use zeroize::Zeroizing;

use userd_core::PasswordHash;
use userd_core::random::Random;

use super::imported;
use super::outcome::{HashError, VerifyOutcome};
use super::stored::{HashCost, OUTPUT_BYTES, SALT_BYTES, StoredHash};

/// A password to verify.
pub(super) struct PasswordCandidate {
    /// In NFKC, the form that is hashed today.
    pub(super) normalised: Zeroizing<String>,
    /// As typed, if that differs.
    pub(super) typed: Option<Zeroizing<String>>,
}

/// The tools of one thread.
pub(super) struct HashEngine {
    current: HashCost,
    random: Arc<dyn Random>,
    hashes: Arc<AtomicU64>,
    /// The memory, in blocks of 1 KiB. Empty before the first hash; then as many as the current parameters need.
    pub(super) blocks: Vec<Block>,
}

impl HashEngine {
    pub(super) fn new(current: HashCost, random: Arc<dyn Random>, hashes: Arc<AtomicU64>) -> Self {
        Self { current, random, hashes, blocks: Vec::new() }
    }

    /// Hashes `password` with a fresh salt, as a PHC string.
    pub(super) fn hash(&mut self, password: &[u8]) -> Result<PasswordHash, HashError> {
        let salt: [u8; SALT_BYTES] = self.random.bytes();
        let output = self.compute(self.current, password, &salt)?;
        phc_string(&self.current, &salt, &output).ok_or(HashError::Failed)
    }

    /// Verifies `candidate` against `stored`. The module `hashing` describes the cost of each outcome.
    pub(super) fn verify(
        &mut self,
        candidate: &PasswordCandidate,
        stored: Option<&StoredHash>,
    ) -> Result<VerifyOutcome, HashError> {
        let Some(stored) = stored else {
            self.dummy_hash(candidate)?;
            return Ok(VerifyOutcome::Mismatch);
        };
        let needs_rehash = !matches!(stored, StoredHash::Argon2(stored) if stored.cost == self.current);
        if self.matches(stored, &candidate.normalised)? {
            return Ok(VerifyOutcome::Match { needs_rehash });
        }
        if !needs_rehash {
            return Ok(VerifyOutcome::Mismatch);
        }
        if let Some(typed) = &candidate.typed
            && self.matches(stored, typed)?
        {
            return Ok(VerifyOutcome::Match { needs_rehash });
        }
        self.dummy_hash(candidate)?;
        Ok(VerifyOutcome::Mismatch)
    }

    /// Spends the work of one hash with the current parameters.
    fn dummy_hash(&mut self, candidate: &PasswordCandidate) -> Result<(), HashError> {
        black_box(self.hash(candidate.normalised.as_bytes())?);
        Ok(())
    }

    fn matches(&mut self, stored: &StoredHash, password: &str) -> Result<bool, HashError> {
        match stored {
            StoredHash::Argon2(stored) => {
                let output = self.compute(stored.cost, password.as_bytes(), &stored.salt)?;
                let output = phc::Output::new(&output).map_err(|_| HashError::Failed)?;
                Ok(output == stored.output)
            }
            StoredHash::Imported(imported) => {
                self.hashes.fetch_add(1, Ordering::Relaxed);
                imported::matches(imported, password.as_bytes())
            }
        }
    }

    /// One Argon2 computation. If it needs more memory than the current parameters, that replaces the thread's own
    /// memory, which the next hash allocates again: a thread never has both.
    fn compute(&mut self, cost: HashCost, password: &[u8], salt: &[u8]) -> Result<Zeroizing<Vec<u8>>, HashError> {
        let params = cost.params()?;
        let needed = params.block_count();
        if self.blocks.len() < needed {
            self.blocks = Vec::new();
            self.blocks.try_reserve_exact(needed).map_err(|_| HashError::Failed)?;
            self.blocks.resize(needed, Block::new());
        }
        self.hashes.fetch_add(1, Ordering::Relaxed);
        let mut output = Zeroizing::new(vec![0; cost.output_bytes]);
        let outcome = Argon2::new(cost.algorithm, cost.version, params).hash_password_into_with_memory(
            password,
            salt,
            &mut output,
            &mut self.blocks[..needed],
        );
        if needed > self.current.params()?.block_count() {
            self.blocks = Vec::new();
        }
        outcome.map_err(|_| HashError::Failed)?;
        Ok(output)
    }
}

/// `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.
fn phc_string(cost: &HashCost, salt: &[u8; SALT_BYTES], output: &[u8]) -> Option<PasswordHash> {
    debug_assert_eq!(output.len(), OUTPUT_BYTES);
    let mut params = phc::ParamsString::new();
    for (name, value) in [("m", cost.memory_kib), ("t", cost.iterations), ("p", cost.parallelism)] {
        params.add_decimal(name, value).ok()?;
    }
    let phc = phc::PasswordHash {
        algorithm: cost.algorithm.ident(),
        version: Some(cost.version.into()),
        params,
        salt: Some(phc::Salt::new(salt).ok()?),
        hash: Some(phc::Output::new(output).ok()?),
    };
    PasswordHash::parse(&Zeroizing::new(phc.to_string())).ok()
}
