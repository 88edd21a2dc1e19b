//! Seeded random numbers.

use userd_core::random::{Random, SeededRandom};

/// A number below `end`, which is not 0.
pub fn random_below(random: &SeededRandom, end: u64) -> u64 {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    u64::from_le_bytes(bytes) % end
}

/// An index below `length`, which is not 0.
pub fn random_index(random: &SeededRandom, length: usize) -> usize {
    usize::try_from(random_below(random, length as u64)).expect("it is below a usize")
}
