//! Spikes laid over the stages of an open loop.

use std::time::Duration;

use crate::config::{Spikes, Stage};

/// The stages of a load of some length with spikes in place of what they cover.
pub(super) fn lay_over(base: &[Stage], spikes: &Spikes, length: Duration) -> Vec<Stage> {
    let mut stages = Vec::new();
    let mut at = Duration::ZERO;
    for k in 1..=spikes.count(length) {
        let start = spikes.every.saturating_mul(k);
        stages.extend(between(base, at, start));
        stages.push(Stage { from: spikes.rate, to: spikes.rate, over: spikes.lasting });
        at = start.saturating_add(spikes.lasting);
    }
    stages.extend(between(base, at, length));
    stages
}

/// What the stages do between two moments.
fn between(base: &[Stage], begin: Duration, end: Duration) -> impl Iterator<Item = Stage> {
    let starts = base.iter().scan(Duration::ZERO, |next, stage| {
        let start = *next;
        *next = next.saturating_add(stage.over);
        Some((start, stage))
    });
    starts.filter_map(move |(start, stage)| {
        let from = begin.saturating_sub(start);
        let to = end.saturating_sub(start).min(stage.over);
        let over = to.checked_sub(from).filter(|over| !over.is_zero())?;
        Some(Stage { from: rate_at(stage, from), to: rate_at(stage, to), over })
    })
}

/// The rate of a stage some time after its start.
fn rate_at(stage: &Stage, at: Duration) -> f64 {
    if at == stage.over {
        // to the last digit, where the line below may miss it
        return stage.to;
    }
    stage.from + (stage.to - stage.from) * at.div_duration_f64(stage.over)
}
