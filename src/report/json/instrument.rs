//! How good the measuring itself was.

use schemars::JsonSchema;
use serde::Serialize;

use super::figures::finite;
use crate::metrics::{self, Look, Settled, StepQuality, Usage};

/// How good the measuring itself was, over the measured phases.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Instrument {
    /// Share of its processors' time that the tool used in its busiest five seconds; null where that is not known.
    cpu_share: Option<f64>,
    /// Processors that it could use; null where that is not known.
    processors: Option<u32>,
    /// The nice value of the threads that measured, below 0 where the system let them go before others; null where that is
    /// not known.
    nice: Option<i32>,
    /// Most bytes of the tool that were swapped out; null where that is not known.
    swapped_bytes: Option<u64>,
    /// Connections that this machine had no local port or file descriptor for; null where that is not known.
    refused_connections: Option<u64>,
    /// Jumps of the wall clock; null where that is not known.
    wall_clock_jumps: Option<u32>,
    /// Output events whose arrival the kernel told exactly.
    events_exact: u64,
    /// Output events whose arrival lies within bounds by the kernel's stamps.
    events_bounded: u64,
    /// Those of them whose bounds are wide because the tool was late to read.
    events_late: u64,
    /// Output events whose arrival was taken behind the read, for want of a kernel that tells.
    events_user: u64,
    /// The 99th percentile of the widths of the bounds over all events with kernel stamps, exact ones as 0, in
    /// milliseconds; null without such events.
    bound_width_p99_ms: Option<f64>,
    /// Each measured step.
    steps: Vec<Quality>,
}

/// How good a step is as a measurement.
#[derive(Debug, Serialize, JsonSchema)]
struct Quality {
    /// The phase.
    phase: String,
    /// The step; null where it is the only one of its phase.
    step: Option<String>,
    /// Mean requests in flight by the engine's counter; null where nobody looked.
    in_flight_counted: Option<f64>,
    /// The same at the same moments by the times in the records.
    in_flight_recorded: Option<f64>,
    /// How often the engine counted.
    in_flight_looks: Option<u32>,
    /// Answers of the transient at its beginning, by MSER-5; null where its load changes by plan, it is too short, or it had
    /// not settled by its half.
    transient_answers: Option<u64>,
    /// The end of the transient, in seconds from the beginning of the window; null likewise.
    transient_s: Option<f64>,
    /// How much `e2e` drifts in the second half, as a share of its median; null where that is not known.
    drift_share: Option<f64>,
    /// How probable so clear a drift is where there is none; null likewise.
    drift_p_value: Option<f64>,
    /// How it went from the end of the transient on; null where its load changes by plan, below three minutes and below 200
    /// answers.
    stability: Option<Stability>,
}

/// How a long step went.
#[derive(Debug, Serialize, JsonSchema)]
struct Stability {
    /// Mean `e2e` of its first tenth.
    e2e_first_tenth_ms: Option<f64>,
    /// Mean `e2e` of its last tenth.
    e2e_last_tenth_ms: Option<f64>,
    /// How much `e2e` drifts, as a share of its median; null where that is not known.
    drift_share: Option<f64>,
    /// How probable so clear a drift is where there is none; null likewise.
    drift_p_value: Option<f64>,
    /// Where the level of `e2e` is most likely to change, by Pettitt's test: in seconds from the beginning of the window.
    change_s: Option<f64>,
    /// How probable so clear a change is where there is none, at most; null likewise.
    change_p_value: Option<f64>,
    /// Whether that is a leap rather than a slope; null likewise.
    change_is_sudden: Option<bool>,
    /// Where the share of failures is most likely to change, in seconds from the beginning of the window.
    errors_change_s: Option<f64>,
    /// How probable so clear a change is where there is none, at most; null likewise.
    errors_change_p_value: Option<f64>,
}

impl Stability {
    fn of(stability: &metrics::Stability) -> Self {
        let metrics::Stability { first_tenth_s, last_tenth_s, drift, latency, errors, .. } = stability;
        Self {
            e2e_first_tenth_ms: finite(first_tenth_s * 1e3),
            e2e_last_tenth_ms: finite(last_tenth_s * 1e3),
            drift_share: drift.and_then(|drift| finite(drift.share)),
            drift_p_value: drift.map(|drift| drift.p_value),
            change_s: latency.map(|shift| shift.at_s),
            change_p_value: latency.map(|shift| shift.p_value),
            change_is_sudden: latency.map(|shift| shift.sudden),
            errors_change_s: errors.map(|shift| shift.at_s),
            errors_change_p_value: errors.map(|shift| shift.p_value),
        }
    }
}

impl Instrument {
    pub(super) fn of(instrument: &metrics::Instrument) -> Self {
        let metrics::Instrument { usage, exact, bounded, late, user, width_p99_s, steps } = instrument;
        let told = usage.as_ref();
        Self {
            cpu_share: told.and_then(|usage| usage.cpu_share),
            processors: told.map(|usage| usage.cores),
            nice: told.and_then(|usage| usage.nice),
            swapped_bytes: told.and_then(|usage| usage.swapped_bytes),
            refused_connections: told.map(|usage: &Usage| usage.refused),
            wall_clock_jumps: told.map(|usage| usage.wall_steps),
            events_exact: *exact,
            events_bounded: *bounded,
            events_late: *late,
            events_user: *user,
            bound_width_p99_ms: width_p99_s.map(|width_s| width_s * 1e3),
            steps: steps.iter().map(Quality::of).collect(),
        }
    }
}

impl Quality {
    fn of(quality: &StepQuality) -> Self {
        let StepQuality { key, in_flight, settled, stability } = quality;
        let drift = settled.and_then(|settled: Settled| settled.drift);
        Self {
            phase: key.phase.clone(),
            step: key.step.clone(),
            in_flight_counted: in_flight.map(|look: Look| look.counted),
            in_flight_recorded: in_flight.map(|look| look.recorded),
            in_flight_looks: in_flight.map(|look| look.looks),
            transient_answers: settled.and_then(|settled| settled.transient),
            transient_s: settled.and_then(|settled| settled.transient_s),
            drift_share: drift.and_then(|drift| finite(drift.share)),
            drift_p_value: drift.map(|drift| drift.p_value),
            stability: stability.as_ref().map(Stability::of),
        }
    }
}
