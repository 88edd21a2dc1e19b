//! Settings of password hashing, validated before a thread is started.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use userd_core::{check_rules, settings};

/// The most memory a hash may be set to take, in KiB: 1 GiB. More is a slip of the unit.
pub(super) const MEMORY_KIB_SETTING_MAX: u32 = 1024 * 1024;

/// The most passes and lanes that can be set. RFC 9106 recommends 1 to 3 passes and 4 lanes.
pub(super) const ITERATIONS_SETTING_MAX: u32 = 64;
/// See [`ITERATIONS_SETTING_MAX`].
pub(super) const PARALLELISM_SETTING_MAX: u32 = 64;

/// The most lanes that the configuration accepts.
const PARALLELISM_CONFIGURED_MAX: u32 = 16;

/// The most worker threads and waiting requests that may be set: past any machine, before any harm.
const WORKERS_MAX: usize = 1024;
/// See [`WORKERS_MAX`].
const QUEUE_MAX: usize = 1_000_000;

/// The password hash and its threads: section `[hash]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HashSettings {
    /// Argon2id memory in KiB: at least 8 for each lane, at most 1,048,576 (1 GiB).
    #[schemars(range(min = 8, max = MEMORY_KIB_SETTING_MAX))]
    pub memory_kib: u32,
    /// Argon2id iterations.
    #[schemars(range(min = 1, max = ITERATIONS_SETTING_MAX))]
    pub iterations: u32,
    /// Argon2id lanes. They are computed one after the other, so more of them cost the same time.
    #[schemars(range(min = 1, max = PARALLELISM_CONFIGURED_MAX))]
    pub parallelism: u32,
    /// Hash threads; each keeps `memory_kib` after its first hash. In the configuration, 0 is one per core.
    #[schemars(range(min = 0, max = WORKERS_MAX))]
    pub workers: usize,
    /// Requests that can wait for a hash thread. In the configuration, 0 is four per thread.
    #[schemars(range(min = 0, max = QUEUE_MAX))]
    pub queue: usize,
    /// How long a request can wait for a hash thread, in milliseconds.
    #[serde(rename = "wait_ms", deserialize_with = "settings::millis")]
    #[schemars(with = "u32", range(min = 1, max = 60_000))]
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
        let Self { memory_kib, iterations, parallelism, workers, queue, .. } = *self;
        let (least, most) = (parallelism.saturating_mul(8), MEMORY_KIB_SETTING_MAX);
        let memory = HashSettingsError::Memory { given: memory_kib, least, most };
        check_rules([
            (!(1..=PARALLELISM_SETTING_MAX).contains(&parallelism), HashSettingsError::Parallelism(parallelism)),
            (!(least..=most).contains(&memory_kib), memory),
            (!(1..=ITERATIONS_SETTING_MAX).contains(&iterations), HashSettingsError::Iterations(iterations)),
            (!(1..=WORKERS_MAX).contains(&workers), HashSettingsError::Workers(workers)),
            (!(1..=QUEUE_MAX).contains(&queue), HashSettingsError::Queue(queue)),
        ])
    }
}
