//! Where a request goes: a seeded choice by the shares of its step.

use rand::RngExt;

use super::LoadStep;
use crate::workload::rng;

/// The endpoint of request `seq`, as an index into [`Plan::endpoints`](super::Plan::endpoints).
///
/// The choice depends on the seed and `seq` alone, and each is independent of the others, so that the traffic of
/// one endpoint under Poisson arrivals is Poisson too.
pub fn endpoint_of(step: &LoadStep, seed: u64, seq: u64) -> usize {
    if let [only] = step.traffic.as_slice() {
        return only.endpoint;
    }
    let drawn: f64 = rng(seed, "route", seq).random();
    let mut reached = 0.0;
    let chosen = step.traffic.iter().find(|traffic| {
        reached += traffic.share;
        drawn < reached
    });
    // shares may sum to a hair below 1
    let chosen = chosen.or(step.traffic.last());
    chosen.expect("a step has at least one endpoint").endpoint
}
