//! The levels of a ladder beside each other.

use schemars::JsonSchema;
use serde::Serialize;

use super::figures::finite;
use crate::{
    catalog::{Metric, Statistic},
    metrics,
    report::ladders::Table,
};

/// What the levels of a phase gain over the smallest, and which is the best.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Ladder<'a> {
    /// The phase.
    phase: &'a str,
    /// The metric that is the throughput: output tokens per second, or requests per second where there are no tokens.
    throughput: &'static str,
    /// The step that is the optimum: of the levels with errors under 5 % and latency within the targets, the smallest
    /// whose throughput lies within 5 % of the best; null where none is.
    optimum: Option<String>,
    /// Why, in one sentence.
    reason: String,
    /// The step behind which throughput bends, by Kneedle; null where it does not.
    knee: Option<&'a str>,
    /// From the smallest load on; their numbers are those of the steps in `scopes`.
    levels: Vec<Level<'a>>,
}

/// A level of a ladder.
#[derive(Debug, Serialize, JsonSchema)]
struct Level<'a> {
    /// The step.
    step: &'a str,
    /// In the unit of the metric; null where nothing was answered.
    throughput: Option<f64>,
    /// Throughput ÷ that of the smallest level.
    speedup: Option<f64>,
    /// Speed-up ÷ how many times the load of the smallest level it is.
    efficiency: Option<f64>,
    /// Whether errors and latency are within their limits.
    within_limits: bool,
    /// The tail of the whole answer.
    e2e: Tail,
    /// The tail of the first token.
    ttft: Tail,
}

/// Percentiles as multiples of the median; null where one of them is infinite or missing.
#[derive(Debug, Serialize, JsonSchema)]
struct Tail {
    /// The 95th.
    p95_to_p50: Option<f64>,
    /// The 99th.
    p99_to_p50: Option<f64>,
}

impl<'a> Ladder<'a> {
    pub(super) fn of(table: Table<'a>) -> Self {
        let Table { ladder, optimum, rows, .. } = table;
        let levels = ladder.levels.iter().zip(rows).map(|(level, row)| Level {
            step: level.step,
            throughput: level.throughput.and_then(finite),
            speedup: level.speedup.and_then(finite),
            efficiency: level.efficiency.and_then(finite),
            within_limits: row.stable,
            e2e: Tail::of(level, Metric::E2e),
            ttft: Tail::of(level, Metric::Ttft),
        });
        Self {
            phase: ladder.phase,
            throughput: ladder.throughput.name(),
            optimum: optimum.and_then(|optimum| optimum.step.clone()),
            reason: optimum.map(|optimum| optimum.reason.clone()).unwrap_or_default(),
            knee: ladder.knee.and_then(|knee| ladder.levels.get(knee)).map(|level| level.step),
            levels: levels.collect(),
        }
    }
}

impl Tail {
    fn of(level: &metrics::Level<'_>, metric: Metric) -> Self {
        let tail = |statistic| level.tail(metric, statistic).and_then(finite);
        Self { p95_to_p50: tail(Statistic::P95), p99_to_p50: tail(Statistic::P99) }
    }
}
