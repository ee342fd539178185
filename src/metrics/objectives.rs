//! Which requests met every objective.

use crate::{catalog::Metric, config::Objective, record::Record};

/// Whether a request met every objective of its endpoint, as [`Plan::objectives_of`](crate::plan::Plan::objectives_of) has
/// them; `None` where the plan has none. A failed request did not, even where nothing else is asked. An objective on
/// something that an answer does not have is met: one token has no time per output token, and an answer without a stream
/// no first one.
pub fn objectives_met(objectives: Option<&[Objective]>, record: &Record, chunks: &[u64]) -> Option<bool> {
    let met = |objective: &Objective| {
        let limit = objective.at_most.as_secs_f64();
        taken(objective.metric, record, chunks).is_none_or(|seconds| seconds <= limit)
    };
    objectives.map(|objectives| !record.outcome.failed() && objectives.iter().all(met))
}

/// The seconds that a part of an answer took; `None` where it has no such part, infinite where the part never came.
fn taken(metric: Metric, record: &Record, chunks: &[u64]) -> Option<f64> {
    match metric {
        Metric::Ttft => record.ttft(),
        // an answer that is all reasoning kept its reader waiting to the end
        Metric::Ttfc => record.ttfc().or(record.first_token_ns.map(|_| f64::INFINITY)),
        Metric::Tpot => record.tpot(),
        // chunks of several answers at once are no stream of one
        Metric::Itl if record.batch > 1 => None,
        // nothing shows that gaps whose times a crash took were short
        Metric::Itl if chunks.is_empty() && record.chunks > 1 => Some(f64::INFINITY),
        Metric::Itl => {
            let gaps = chunks.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
            gaps.max().map(|gap_ns| gap_ns as f64 / 1e9)
        }
        _ => record.e2e(),
    }
}
