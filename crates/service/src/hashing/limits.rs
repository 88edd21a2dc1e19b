//! What a stored hash may cost, whichever scheme it has.
//!
//! One attempt may take about two seconds of a busy core and 128 MiB. A request waits one second in the queue by
//! default, so more expensive hashes would starve all other requests.

/// The most memory of a stored hash, unless more is configured: 128 MiB. Django uses 100 MiB, OWASP's first scrypt
/// option 128; the second recommended option of RFC 9106 (section 4) uses 64.
pub(super) const MEMORY_KIB_MAX: u32 = 128 * 1024;

/// The most passes of a stored hash, unless more are configured.
pub(super) const ITERATIONS_MAX: u32 = 16;

/// The most lanes of a stored hash, unless more are configured.
pub(super) const PARALLELISM_MAX: u32 = 16;

/// The most memory times passes, in KiB: 4 times 64 MiB. RFC 9106's option (64 MiB, 3 passes) and Django's (100 MiB, 2
/// passes) fit; it is about seven times the default cost, which bounds the work of one attempt.
pub(super) const WORK_KIB_MAX: u64 = 4 * 64 * 1024;

/// The shortest accepted output: fewer than 128 bits can be found by chance or search.
pub(super) const OUTPUT_BYTES_MIN: usize = 16;

/// The accepted costs of bcrypt. 4 is the minimum of bcrypt. Programs use 10 to 13 by default, tutorials for Go 14,
/// which took 1.8 s of a busy core; 12 took 0.45 s.
pub(super) const BCRYPT_COST_MIN: u32 = 4;
/// See [`BCRYPT_COST_MIN`].
pub(super) const BCRYPT_COST_MAX: u32 = 14;

/// The most iterations of PBKDF2 with SHA-1 and SHA-256: twice Django 5.2's million; 1 to 1.3 s of a busy core.
pub(super) const PBKDF2_ITERATIONS_MAX: u32 = 2_000_000;

/// The same with SHA-512, which takes twice as long. OWASP recommends 210,000, passlib uses 25,000.
pub(super) const PBKDF2_SHA512_ITERATIONS_MAX: u32 = 1_000_000;

/// The most that scrypt may write, in KiB: memory times parallelism. Every option of OWASP fits (128 MiB once, 64
/// twice, 16 five times); 1 s of a busy core.
pub(super) const SCRYPT_WORK_KIB_MAX: u64 = MEMORY_KIB_MAX as u64;

/// The largest block size and parallelism of scrypt. Common values are 8, and 1 to 10.
pub(super) const SCRYPT_R_MAX: u32 = 32;
/// See [`SCRYPT_R_MAX`].
pub(super) const SCRYPT_P_MAX: u32 = 16;
