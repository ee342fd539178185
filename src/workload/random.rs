//! Randomness by address: seed, purpose, index.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// The one way to get randomness: a generator that is a function of the seed, a named purpose and an index.
///
/// Its key is the SHA-256 of the three, so generators of different purposes or indices are independent, and any of
/// them can be had without the others. `ChaCha8` and SHA-256 give the same bytes on every platform.
pub fn rng(seed: u64, domain: &str, index: u64) -> ChaCha8Rng {
    let key = Sha256::new()
        // the two of fixed length come first, so that no two triples run together into the same bytes
        .chain_update(seed.to_le_bytes())
        .chain_update(index.to_le_bytes())
        .chain_update(domain)
        .finalize();
    ChaCha8Rng::from_seed(key.into())
}
