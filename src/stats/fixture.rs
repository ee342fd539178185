//! Series with known truth, for the tests of this module.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// Standard normal values of which each depends on the one before it, by the autocorrelation ρ.
pub(super) fn normal(seed: u64, count: usize, rho: f64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut value: f64 = rng.sample(StandardNormal);
    let next = |_| {
        value = rho * value + (1.0 - rho * rho).sqrt() * rng.sample::<f64, _>(StandardNormal);
        value
    };
    (0..count).map(next).collect()
}

/// Latencies that depend on the one before, around 1: ρ = 0.5, skewed.
pub(super) fn steady(seed: u64, count: usize) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut state = 0.0;
    let next = |_| {
        let u: f64 = rng.random();
        state = 0.5 * state + 0.1 * (-(1.0 - u).ln() - 1.0);
        1.0 + state
    };
    (0..count).map(next).collect()
}
