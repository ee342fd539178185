//! What changes over a long steady step: latency that drifts or leaps, and failures that set in.

use super::instrument::{ALLOWED_DRIFT, SURELY};
use crate::{
    metrics::{Shift, Stability, Summary, Trend},
    plan::ScopeKey,
    units::{show_bytes, show_seconds, show_share},
    verdict::{Finding, Level},
};

/// A share of failures that moves by less is of no interest, however certain it is.
const ALLOWED_ERRORS: f64 = 0.01;

/// Memory that moves by less of itself is of no interest in the window: it would take a hundred of them to double.
const ALLOWED_GROWTH: f64 = 0.01;

/// A line for each step that does not stay what it was; none for one that does.
pub(super) fn findings(summary: &Summary) -> Vec<Finding> {
    let long = summary.instrument.steps.iter().filter_map(|step| Some((&step.key, step.stability?)));
    let of_steps =
        long.flat_map(|(key, stability)| [latency(key, &stability), errors(key, &stability)]).flatten();
    of_steps.chain(summary.observed.memory.iter().filter_map(memory)).collect()
}

/// What is worse is a warning, what is better only worth to be known.
fn level(rises: bool) -> Level {
    if rises { Level::Warning } else { Level::Info }
}

/// The latency of a step that leaps, or else drifts.
fn latency(key: &ScopeKey, stability: &Stability) -> Option<Finding> {
    let Stability { first_tenth_s, last_tenth_s, length_s, .. } = stability;
    let leap = stability.latency.filter(|shift| shift.sudden && is_certain(shift.p_value, relative(shift)));
    if let Some(shift) = leap {
        let share = relative(&shift);
        let way = if share > 0.0 { "more" } else { "less" };
        return Some(Finding {
            level: level(share > 0.0),
            text: format!(
                "`{key}`: from {} on `e2e` takes {} {way} than before, {} after {} on average (Pettitt's test)",
                show_seconds(shift.at_s),
                show_share(share.abs()),
                show_seconds(shift.after),
                show_seconds(shift.before),
            ),
        });
    }
    let drift = stability.drift.filter(|drift| is_certain(drift.p_value, drift.share))?;
    let way = if drift.share > 0.0 { "rises" } else { "falls" };
    Some(Finding {
        level: level(drift.share > 0.0),
        text: format!(
            "`{key}`: `e2e` {way} by {} over {}, {} in its first tenth and {} in its last on average (Mann and Kendall's \
             test)",
            show_share(drift.share.abs()),
            show_seconds(length_s - stability.from_s),
            show_seconds(*first_tenth_s),
            show_seconds(*last_tenth_s),
        ),
    })
}

fn is_certain(p_value: f64, share: f64) -> bool {
    p_value < SURELY && share.abs() > ALLOWED_DRIFT
}

/// A shift as a share of what was before.
fn relative(shift: &Shift) -> f64 {
    if shift.before > 0.0 { shift.after / shift.before - 1.0 } else { 0.0 }
}

/// Failures that set in, or end.
fn errors(key: &ScopeKey, stability: &Stability) -> Option<Finding> {
    let shift = stability.errors?;
    let moved = shift.after - shift.before;
    (shift.p_value < SURELY && moved.abs() > ALLOWED_ERRORS).then(|| Finding {
        level: level(moved > 0.0),
        text: format!(
            "`{key}`: from {} on {} of its requests failed, and {} before (Pettitt's test)",
            show_seconds(shift.at_s),
            show_share(shift.after),
            show_share(shift.before),
        ),
    })
}

/// The memory of a server that grows, which it cannot do for ever, or falls.
fn memory(trend: &Trend) -> Option<Finding> {
    let Trend { key, subject, drift, bytes_per_hour, length_s } = trend;
    (drift.p_value < SURELY && drift.share.abs() > ALLOWED_GROWTH).then(|| {
        let rises = drift.share > 0.0;
        let way = if rises { "grows" } else { "falls" };
        Finding {
            level: level(rises),
            text: format!(
                "`{key}`: the memory of the {subject} {way} by {} an hour, {} over {} (Mann and Kendall's test)",
                show_bytes(bytes_per_hour.abs() as u64),
                show_share(drift.share.abs()),
                show_seconds(*length_s),
            ),
        }
    })
}
