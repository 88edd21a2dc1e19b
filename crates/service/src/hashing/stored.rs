//! Parses a stored hash and rejects what would cost too much, before any memory is allocated.
//!
//! A record can come from an import, or from an attacker with write access to the store: a hash with `m=4194304` would
//! take 4 GiB for every attempt. So each cost has a named limit.

use argon2::{Algorithm, Params, Version};
use password_hash::phc;

use userd_core::{ImportedHash, ImportedHashError, PasswordHash, check_rules};

use super::imported;
use super::limits::{ITERATIONS_MAX, MEMORY_KIB_MAX, OUTPUT_BYTES_MIN, PARALLELISM_MAX, WORK_KIB_MAX};
use super::outcome::HashError;
use super::settings::HashSettings;

/// Bytes of salt and output of a new hash (RFC 9106, section 3.1: 16 bytes of salt are recommended; 32 bytes
/// of output are the crate's default).
pub(super) const SALT_BYTES: usize = 16;
/// See [`SALT_BYTES`].
pub(super) const OUTPUT_BYTES: usize = 32;

/// The cost of a hash: everything but the password, the salt and the output. A hash is outdated if its cost is not the
/// current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HashCost {
    pub(super) algorithm: Algorithm,
    pub(super) version: Version,
    pub(super) memory_kib: u32,
    pub(super) iterations: u32,
    pub(super) parallelism: u32,
    pub(super) salt_bytes: usize,
    pub(super) output_bytes: usize,
}

/// A stored hash that may be computed.
#[derive(Debug, Clone)]
pub(super) enum StoredHash {
    /// Argon2, of userd or of other programs.
    Argon2(StoredArgon2),
    /// An imported hash of another scheme.
    Imported(ImportedHash),
}

/// A stored Argon2 hash that may be computed.
#[derive(Debug, Clone)]
pub(super) struct StoredArgon2 {
    pub(super) cost: HashCost,
    pub(super) salt: phc::Salt,
    /// Compared in constant time by its `PartialEq` (`ctutils`).
    pub(super) output: phc::Output,
}

impl HashCost {
    /// The cost of new hashes.
    pub(super) fn current(settings: &HashSettings) -> Self {
        Self {
            algorithm: Algorithm::Argon2id,
            version: Version::V0x13,
            memory_kib: settings.memory_kib,
            iterations: settings.iterations,
            parallelism: settings.parallelism,
            salt_bytes: SALT_BYTES,
            output_bytes: OUTPUT_BYTES,
        }
    }

    /// The parameters for the crate `argon2`.
    pub(super) fn params(&self) -> Result<Params, HashError> {
        Params::new(self.memory_kib, self.iterations, self.parallelism, Some(self.output_bytes))
            .map_err(|_| HashError::Unreadable("its Argon2 parameters contradict each other"))
    }

    fn work_kib(&self) -> u64 {
        u64::from(self.memory_kib) * u64::from(self.iterations)
    }
}

/// Parses a hash, if its scheme is supported and within the limits.
pub(super) fn parse_stored(hash: &PasswordHash, current: &HashCost) -> Result<StoredHash, HashError> {
    match ImportedHash::parse(hash.as_str()) {
        Ok(imported) => {
            imported::check_limits(&imported)?;
            Ok(StoredHash::Imported(imported))
        }
        // Argon2, or an unknown scheme.
        Err(ImportedHashError::Scheme) => read(hash, current).map(StoredHash::Argon2),
        Err(_) => Err(HashError::Unreadable("it does not have the format of its scheme")),
    }
}

/// Parses an Argon2 hash within the limits, or within `current` where that is more.
pub(super) fn read(hash: &PasswordHash, current: &HashCost) -> Result<StoredArgon2, HashError> {
    let phc = phc::PasswordHash::new(hash.as_str())
        .map_err(|_| HashError::Unreadable("it is not a PHC string with 8 to 48 bytes of salt and up to 64 of hash"))?;
    let algorithm = Algorithm::new(phc.algorithm).map_err(|_| HashError::Unreadable("its scheme is unknown"))?;
    // Before version 1.3 the reference implementation wrote no version; it means 1.0 (16).
    let version = Version::try_from(phc.version.unwrap_or(Version::V0x10.into()))
        .map_err(|_| HashError::Unreadable("its Argon2 version is neither 16 nor 19"))?;
    let number = |name: &str| phc.params.get_decimal(name);
    let (Some(memory_kib), Some(iterations), Some(parallelism), 3) =
        (number("m"), number("t"), number("p"), phc.params.iter().count())
    else {
        return Err(HashError::Unreadable("its parameters are not m, t and p"));
    };
    let (Some(salt), Some(output)) = (phc.salt, phc.hash) else {
        return Err(HashError::Unreadable("it has no salt or no hash"));
    };
    let cost = HashCost {
        algorithm,
        version,
        memory_kib,
        iterations,
        parallelism,
        salt_bytes: salt.len(),
        output_bytes: output.len(),
    };
    check_limits(&cost, current)?;
    cost.params()?;
    Ok(StoredArgon2 { cost, salt, output })
}

fn check_limits(cost: &HashCost, current: &HashCost) -> Result<(), HashError> {
    check_rules([
        (cost.memory_kib > MEMORY_KIB_MAX.max(current.memory_kib), "it needs more memory than is allowed"),
        (cost.iterations > ITERATIONS_MAX.max(current.iterations), "it needs more passes than are allowed"),
        (cost.parallelism > PARALLELISM_MAX.max(current.parallelism), "it needs more lanes than are allowed"),
        (cost.work_kib() > WORK_KIB_MAX.max(current.work_kib()), "it needs more memory times passes than is allowed"),
        (cost.output_bytes < OUTPUT_BYTES_MIN, "it is shorter than 16 bytes"),
    ])
    .map_err(HashError::Unreadable)
}
