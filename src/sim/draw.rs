//! Randomness from the seed alone: an independent stream for each purpose and number.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What a stream of random numbers is for; streams of different purposes are independent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// The jitter of steps.
    Steps = 1,
    /// Whether a request goes wrong.
    Faults = 2,
    /// The words of an answer.
    Words = 3,
}

/// The stream for `purpose` and `number`. The three make up the key of the cipher, so no two streams overlap.
pub(super) fn stream(seed: u64, purpose: Purpose, number: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&number.to_le_bytes());
    key[16] = purpose as u8;
    ChaCha8Rng::from_seed(key)
}
