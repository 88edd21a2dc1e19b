//! Reads a kept hash, and refuses what would cost too much before a byte of memory is taken for it.
//!
//! A record can come from an import or from someone with a hand in the database; `m=4194304` parses like any
//! other number, and one such hash would take 4 GiB at every try. So each cost has a named limit.

use argon2::{Algorithm, Params, Version};
use password_hash::phc;

use userd_core::{ForeignHash, ForeignHashError, PasswordHash};

use super::{HashError, HashSettings, foreign};

/// The most memory that a kept hash may ask for, unless more is configured: 128 MiB. Django makes hashes of 100 MiB, and
/// the first scrypt option of OWASP takes 128; the second recommended option of RFC 9106 (section 4) takes 64.
pub(super) const MEMORY_KIB_MAX: u32 = 128 * 1024;

/// The most passes that a kept hash may ask for, unless more are configured.
pub(super) const PASSES_MAX: u32 = 16;

/// The most lanes that a kept hash may ask for, unless more are configured.
pub(super) const LANES_MAX: u32 = 16;

/// The most memory times passes, in KiB: 64 MiB four times over. RFC 9106's option (64 MiB, 3 passes) fits, and Django's
/// (100 MiB, 2 passes); it is about seven times the default cost, which bounds what one try can take of a worker.
pub(super) const WORK_KIB_MAX: u64 = 4 * 64 * 1024;

/// The shortest output that is believed: less than 128 bits can be hit by chance or search.
pub(super) const OUTPUT_BYTES_MIN: usize = 16;

/// Bytes of salt and output of a new hash (RFC 9106, section 3.1: 16 bytes of salt are recommended; 32 bytes
/// of output are the crate's default).
pub(super) const SALT_BYTES: usize = 16;
/// See [`SALT_BYTES`].
pub(super) const OUTPUT_BYTES: usize = 32;

/// Everything about a hash that is not the password, the salt or the output. Two equal costs are equally
/// expensive; a hash is outdated if its cost is not today's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) algorithm: Algorithm,
    pub(super) version: Version,
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
    pub(super) salt_bytes: usize,
    pub(super) output_bytes: usize,
}

/// A kept hash that may be computed, of whichever scheme.
#[derive(Debug, Clone)]
pub(super) enum Kept {
    /// Of Argon2, ours or others'.
    Argon2(Stored),
    /// Of another scheme, which came with an import.
    Foreign(ForeignHash),
}

/// A kept hash of Argon2 that may be computed.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) cost: Cost,
    pub(super) salt: phc::Salt,
    /// Compared in constant time by its `PartialEq` (`ctutils`).
    pub(super) output: phc::Output,
}

impl Cost {
    /// The cost of a hash that is made today.
    pub(super) fn today(settings: &HashSettings) -> Self {
        Self {
            algorithm: Algorithm::Argon2id,
            version: Version::V0x13,
            memory_kib: settings.memory_kib,
            passes: settings.passes,
            lanes: settings.lanes,
            salt_bytes: SALT_BYTES,
            output_bytes: OUTPUT_BYTES,
        }
    }

    /// The same for the crate that computes.
    pub(super) fn params(&self) -> Result<Params, HashError> {
        Params::new(self.memory_kib, self.passes, self.lanes, Some(self.output_bytes))
            .map_err(|_| HashError::Unreadable("its Argon2 parameters contradict each other"))
    }

    fn work_kib(&self) -> u64 {
        u64::from(self.memory_kib) * u64::from(self.passes)
    }
}

/// The hash in `hash`, if it is of a scheme that is computed here and within the limits.
pub(super) fn read_any(hash: &PasswordHash, today: &Cost) -> Result<Kept, HashError> {
    match ForeignHash::parse(hash.as_str()) {
        Ok(foreign) => {
            foreign::check_limits(&foreign)?;
            Ok(Kept::Foreign(foreign))
        }
        // Argon2, or nothing that anybody knows.
        Err(ForeignHashError::Scheme) => read(hash, today).map(Kept::Argon2),
        Err(_) => Err(HashError::Unreadable("it is not spelled as its scheme is")),
    }
}

/// The hash in `hash`, if it is of Argon2 and no dearer than the limits, or than `today` where that is more.
pub(super) fn read(hash: &PasswordHash, today: &Cost) -> Result<Stored, HashError> {
    let phc = phc::PasswordHash::new(hash.as_str())
        .map_err(|_| HashError::Unreadable("it is no PHC string with 8 to 48 bytes of salt and up to 64 of hash"))?;
    let algorithm =
        Algorithm::new(phc.algorithm).map_err(|_| HashError::Unreadable("its scheme is none that is known here"))?;
    // The reference's encoding had no version before 1.3: without one it is 1.0 (16).
    let version = Version::try_from(phc.version.unwrap_or(Version::V0x10.into()))
        .map_err(|_| HashError::Unreadable("its Argon2 version is neither 16 nor 19"))?;
    let number = |name: &str| phc.params.get_decimal(name);
    let (Some(memory_kib), Some(passes), Some(lanes), 3) =
        (number("m"), number("t"), number("p"), phc.params.iter().count())
    else {
        return Err(HashError::Unreadable("its parameters are other than m, t and p"));
    };
    let (Some(salt), Some(output)) = (phc.salt, phc.hash) else {
        return Err(HashError::Unreadable("it has no salt or no hash"));
    };
    let cost =
        Cost { algorithm, version, memory_kib, passes, lanes, salt_bytes: salt.len(), output_bytes: output.len() };
    check_limits(&cost, today)?;
    cost.params()?;
    Ok(Stored { cost, salt, output })
}

fn check_limits(cost: &Cost, today: &Cost) -> Result<(), HashError> {
    if cost.memory_kib > MEMORY_KIB_MAX.max(today.memory_kib) {
        return Err(HashError::Unreadable("it asks for more memory than is allowed"));
    }
    if cost.passes > PASSES_MAX.max(today.passes) {
        return Err(HashError::Unreadable("it asks for more passes than are allowed"));
    }
    if cost.lanes > LANES_MAX.max(today.lanes) {
        return Err(HashError::Unreadable("it asks for more lanes than are allowed"));
    }
    if cost.work_kib() > WORK_KIB_MAX.max(today.work_kib()) {
        return Err(HashError::Unreadable("it asks for more memory times passes than is allowed"));
    }
    if cost.output_bytes < OUTPUT_BYTES_MIN {
        return Err(HashError::Unreadable("it is shorter than 16 bytes"));
    }
    Ok(())
}
