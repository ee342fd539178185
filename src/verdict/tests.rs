//! Verdicts over hand-made runs; a fault for every rule and a healthy neighbour beside it.

mod abort;
mod analysis;
mod conclusion;
mod contention;
mod counts;
mod energy;
mod pressure;
mod instrument;
mod ladder;
mod recommend;
mod search;
mod spikes;
mod stability;
mod targets;
mod telemetry;
mod validity;

use rand::{SeedableRng as _, seq::SliceRandom as _};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::{
    metrics::fixture::{
        MS, Run, SEC, answer, closed, closed_for, failure, level, load, open, phase, plan, target,
    },
    plan::PlannedTarget,
    record::{Diary, Outcome},
};

/// One user whose answers take these milliseconds, one token each; 0 is a failure.
fn run_of(latencies_ms: &[u64]) -> Run {
    let mut run = Run::new(plan(&["chat"], vec![closed("load", 1, latencies_ms.len() as u64)]));
    run.start(1, 0);
    for (i, ms) in latencies_ms.iter().enumerate() {
        let due_ns = i as u64 * SEC;
        let request = if *ms == 0 {
            failure(due_ns, 10 * MS, Outcome::HttpError)
        } else {
            answer(due_ns, ms * MS, &[])
        };
        run.push_user(1, 0, request);
    }
    run.end()
}

/// `count` values of each size, in no order: those of independent requests.
fn mix(parts: &[(usize, u64)]) -> Vec<u64> {
    shuffled(parts.iter().flat_map(|(count, ms)| std::iter::repeat_n(*ms, *count)).collect())
}

fn shuffled(mut values: Vec<u64>) -> Vec<u64> {
    values.shuffle(&mut ChaCha8Rng::seed_from_u64(1));
    values
}

fn judge_with(run: &mut Run, targets: Vec<PlannedTarget>) -> Verdict {
    run.plan.targets = targets;
    judge(&run.plan, &run.summary())
}

fn judge_one(run: &mut Run, metric: &str, bound: Bound) -> Judged {
    judge_with(run, vec![target("t", metric, bound, "load")]).targets.remove(0)
}

fn check<'a>(verdict: &'a Verdict, id: &str) -> &'a Check {
    verdict.validity.iter().find(|check| check.id == id).expect("a check of every run")
}
