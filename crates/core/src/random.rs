//! Randomness as an argument: the system's generator, and with the feature `test-doubles` a seeded one.

#[cfg(feature = "test-doubles")]
pub use crate::test_doubles::SeededRandom;

/// A source of random bytes.
pub trait Random: Send + Sync + 'static {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn Random {
    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// The operating system's cryptographically secure generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    /// # Panics
    /// If the operating system has no randomness: there is no safe way to continue.
    fn fill(&self, bytes: &mut [u8]) {
        #[expect(clippy::expect_used, reason = "an account service can't run without randomness")]
        getrandom::fill(bytes).expect("the operating system provides random bytes");
    }
}
