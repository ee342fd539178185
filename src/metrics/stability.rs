//! Whether what a long step measures stays what it was.

use super::{Shift, Stability, window::Span};
use crate::stats::{self, STEADY_FLOOR, mean};

/// The shortest window of which stability is a question, in seconds: what drifts in less is a transient.
const LONG_S: f64 = 180.0;

/// How a step went over its window from the end of its transient at `from_ns` on: of its successes when they were due and the seconds
/// that they took, both in the order of `due`, and of its failures when those were due. `None` where it is too short, or has too few
/// answers.
pub(super) fn stability(
    window: Span,
    from_ns: u64,
    took: &[(u64, f64)],
    failed_ns: &[u64],
) -> Option<Stability> {
    let took = &took[took.partition_point(|(due_ns, _)| *due_ns < from_ns)..];
    if window.length_s() < LONG_S || (took.len() as u64) < STEADY_FLOOR {
        return None;
    }
    let since_s = |due_ns: u64| due_ns.saturating_sub(window.from_ns) as f64 / 1e9;
    let series: Vec<f64> = took.iter().map(|(_, seconds)| *seconds).collect();
    let tenth = series.len() / 10;
    let mut all: Vec<(u64, f64)> = took.iter().map(|(due_ns, _)| (*due_ns, 0.0)).collect();
    // those of the transient are left out as its successes are
    all.extend(failed_ns.iter().filter(|due_ns| **due_ns >= from_ns).map(|due_ns| (*due_ns, 1.0)));
    all.sort_by_key(|(due_ns, _)| *due_ns);
    let failures: Vec<f64> = all.iter().map(|(_, failed)| *failed).collect();
    let shift = |series: &[f64], of: &[(u64, f64)]| {
        let change = stats::change_point(series)?;
        let (at_ns, _) = of.get(change.at)?;
        let stats::Change { before, after, p_value, sudden, .. } = change;
        Some(Shift { at_s: since_s(*at_ns), before, after, p_value, sudden })
    };
    Some(Stability {
        from_s: since_s(from_ns),
        length_s: window.length_s(),
        first_tenth_s: mean(&series[..tenth]),
        last_tenth_s: mean(&series[series.len() - tenth..]),
        drift: stats::drift(&series),
        latency: shift(&series, took),
        errors: shift(&failures, &all),
    })
}
