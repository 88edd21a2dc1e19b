//! Nonces: they distinguish a repeat of a request from another request.

use userd_core::random::Random;

/// A fresh nonce: eight random bytes in hexadecimal.
pub(crate) fn nonce(random: &dyn Random) -> String {
    format!("{:016x}", u64::from_be_bytes(random.bytes()))
}
