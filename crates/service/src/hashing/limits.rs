//! What a stored hash may cost, whichever scheme it has.
//!
//! One attempt may take about two seconds of a busy core and 128 MiB. A request waits one second in the queue by default,
//! so more expensive hashes would starve all other requests.

/// The most memory that a kept hash may ask for, unless more is configured: 128 MiB. Django makes hashes of 100 MiB, and
/// the first scrypt option of OWASP takes 128; the second recommended option of RFC 9106 (section 4) takes 64.
pub(super) const MEMORY_KIB_MAX: u32 = 128 * 1024;

/// The most passes that a kept hash may ask for, unless more are configured.
pub(super) const ITERATIONS_MAX: u32 = 16;

/// The most lanes that a kept hash may ask for, unless more are configured.
pub(super) const PARALLELISM_MAX: u32 = 16;

/// The most memory times passes, in KiB: 64 MiB four times over. RFC 9106's option (64 MiB, 3 passes) fits, and Django's
/// (100 MiB, 2 passes); it is about seven times the default cost, which bounds what one try can take of a worker.
pub(super) const WORK_KIB_MAX: u64 = 4 * 64 * 1024;

/// The shortest output that is believed: less than 128 bits can be hit by chance or search.
pub(super) const OUTPUT_BYTES_MIN: usize = 16;

/// The costs of bcrypt that are computed. 4 is the least there is. Programs make 10 to 13 by default, tutorials for Go
/// 14, which took 1.8 s of a busy core where 12 took 0.45.
pub(super) const BCRYPT_COST_MIN: u32 = 4;
/// See [`BCRYPT_COST_MIN`].
pub(super) const BCRYPT_COST_MAX: u32 = 14;

/// The most iterations of PBKDF2 with SHA-1 and SHA-256: twice Django 5.2's million; 1 to 1.3 s of a busy core.
pub(super) const PBKDF2_ITERATIONS_MAX: u32 = 2_000_000;

/// The same with SHA-512, which takes twice as long; OWASP wants 210,000, passlib makes 25,000.
pub(super) const PBKDF2_SHA512_ITERATIONS_MAX: u32 = 1_000_000;

/// The most that scrypt may write, in KiB, which is memory times parallelism: every option of OWASP's fits (128 MiB
/// once, 64 twice, 16 five times); 1 s of a busy core.
pub(super) const SCRYPT_WORK_KIB_MAX: u64 = MEMORY_KIB_MAX as u64;

/// The largest block size and parallelism of scrypt; everybody uses 8, and 1 to 10.
pub(super) const SCRYPT_R_MAX: u32 = 32;
/// See [`SCRYPT_R_MAX`].
pub(super) const SCRYPT_P_MAX: u32 = 16;
