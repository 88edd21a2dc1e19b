//! What the services are built on. The binary fills these in; a test may replace the clock and the randomness.

use std::sync::Arc;

use crate::KeyEncryption;
use crate::hashing::PasswordHasher;
use userd_core::clock::Clock;
use userd_core::random::Random;
use userd_store::{KeyStore, Store};

/// What the services depend on.
#[derive(Clone)]
pub struct ServiceDependencies {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The hash pool.
    pub hasher: Arc<PasswordHasher>,
    /// Encrypts the signing keys.
    pub key_encryption: Arc<KeyEncryption>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The random source.
    pub random: Arc<dyn Random>,
}

/// What the services of keys depend on.
#[derive(Clone)]
pub struct KeyDependencies {
    /// The store of the keys.
    pub store: Arc<dyn KeyStore>,
    /// Encrypts them.
    pub key_encryption: Arc<KeyEncryption>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The random source.
    pub random: Arc<dyn Random>,
}
