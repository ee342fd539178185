//! What a request is: where it goes, by a seeded choice by the shares of its step, and what it asks there.

use rand::RngExt;

use super::{LoadStep, Plan};
use crate::workload::{DatasetError, Prompt, Source, rng};

/// The endpoint of request `seq` of one of a plan's steps, as an index into [`Plan::endpoints`], and its prompts: as many
/// as the step has in a request. `source` gives the open workload of an endpoint.
pub fn request_of<'a>(
    plan: &Plan,
    step: &LoadStep,
    seq: u64,
    source: impl FnOnce(usize) -> &'a Source,
) -> (usize, Result<Vec<Prompt>, DatasetError>) {
    let endpoint = endpoint_of(step, plan.seed, seq);
    (endpoint, source(endpoint).batch(plan.seed, seq, step.batch))
}

/// The endpoint of request `seq`, as an index into [`Plan::endpoints`].
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
