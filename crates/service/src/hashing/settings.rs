//! Settings of password hashing, validated before a thread is started.

use std::time::Duration;

/// The most memory that can be set for a hash, in KiB: 1 GiB. More is a wrong unit.
pub(super) const MEMORY_KIB_SETTING_MAX: u32 = 1024 * 1024;

/// The most passes and lanes that can be set. RFC 9106 recommends 1 to 3 passes and 4 lanes.
pub(super) const ITERATIONS_SETTING_MAX: u32 = 64;
/// See [`ITERATIONS_SETTING_MAX`].
pub(super) const PARALLELISM_SETTING_MAX: u32 = 64;

/// The most threads and waiting requests that can be set: beyond any machine, and still harmless.
const WORKERS_MAX: usize = 1024;
/// See [`WORKERS_MAX`].
const QUEUE_MAX: usize = 1_000_000;

/// The cost of a hash, and how many may run and wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashSettings {
    /// Argon2 memory in KiB: at least 8 for each lane, at most 1,048,576 (1 GiB).
    pub memory_kib: u32,
    /// Argon2 passes: 1 to 64.
    pub iterations: u32,
    /// Argon2 lanes: 1 to 64. They are computed one after another, so more lanes cost the same time.
    pub parallelism: u32,
    /// Hash threads: 1 to 1024. Each keeps `memory_kib` after its first hash.
    pub workers: usize,
    /// Requests that may wait for a thread: 1 to 1,000,000.
    pub queue: usize,
    /// How long a request may wait for a thread.
    pub wait: Duration,
}

/// A setting that is out of bounds, and the bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashSettingsError {
    /// [`HashSettings::memory_kib`] is out of bounds.
    #[error("the memory of a hash is {given} KiB; set it between {least} (8 KiB for each lane) and {most} KiB")]
    Memory {
        /// The setting.
        given: u32,
        /// The minimum for this number of lanes.
        least: u32,
        /// The maximum.
        most: u32,
    },
    /// [`HashSettings::iterations`] is out of bounds.
    #[error("a hash makes {0} passes; set between 1 and {ITERATIONS_SETTING_MAX}")]
    Iterations(u32),
    /// [`HashSettings::parallelism`] is out of bounds.
    #[error("a hash has {0} lanes; set between 1 and {PARALLELISM_SETTING_MAX}")]
    Parallelism(u32),
    /// [`HashSettings::workers`] is out of bounds.
    #[error("there are {0} hash workers; set between 1 and {WORKERS_MAX}, best the number of cores")]
    Workers(usize),
    /// [`HashSettings::queue`] is out of bounds.
    #[error("{0} requests may wait for a hash worker; set between 1 and {QUEUE_MAX}, best four for each worker")]
    Queue(usize),
}

impl HashSettings {
    /// Checks the bounds of all settings.
    ///
    /// # Errors
    /// The first setting that is out of bounds.
    pub fn check(&self) -> Result<(), HashSettingsError> {
        if !(1..=PARALLELISM_SETTING_MAX).contains(&self.parallelism) {
            return Err(HashSettingsError::Parallelism(self.parallelism));
        }
        let least = 8 * self.parallelism;
        if !(least..=MEMORY_KIB_SETTING_MAX).contains(&self.memory_kib) {
            return Err(HashSettingsError::Memory { given: self.memory_kib, least, most: MEMORY_KIB_SETTING_MAX });
        }
        if !(1..=ITERATIONS_SETTING_MAX).contains(&self.iterations) {
            return Err(HashSettingsError::Iterations(self.iterations));
        }
        if !(1..=WORKERS_MAX).contains(&self.workers) {
            return Err(HashSettingsError::Workers(self.workers));
        }
        if !(1..=QUEUE_MAX).contains(&self.queue) {
            return Err(HashSettingsError::Queue(self.queue));
        }
        Ok(())
    }
}
