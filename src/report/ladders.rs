//! Ladders as tables, whoever shows them.

use super::{Report, words};
use crate::{
    catalog::{Metric, Statistic},
    metrics::{Ladder, Level, ladders},
    units,
    verdict::{Optimum, level_of},
};

/// What the numbers of a level are called, behind its throughput.
pub(super) const FIGURES: [&str; 13] = [
    "errors",
    "speed-up",
    "efficiency",
    "e2e p50",
    "e2e p95",
    "e2e p99",
    "e2e p95/p50",
    "e2e p99/p50",
    "TTFT p50",
    "TTFT p95",
    "TTFT p95/p50",
    "TTFT p99/p50",
    "TPOT p50",
];

/// A ladder as a table.
pub(super) struct Table<'a> {
    pub(super) ladder: Ladder<'a>,
    /// Whether a search went through the levels, which says for itself what it found.
    pub(super) searched: bool,
    /// What the verdict says of it.
    pub(super) optimum: Option<&'a Optimum>,
    /// `tok/s` or `req/s`.
    pub(super) unit: &'static str,
    pub(super) rows: Vec<Row>,
}

/// A level as a row.
pub(super) struct Row {
    /// `8 users`.
    pub(super) name: String,
    /// Whether it is the optimum, or the limit that a search found.
    pub(super) best: bool,
    /// What the level is: `optimum`, `limit`, `knee`.
    pub(super) marks: Vec<&'static str>,
    /// Whether its errors and latency allow it to be the optimum.
    pub(super) stable: bool,
    pub(super) throughput: String,
    /// In the order of [`FIGURES`].
    pub(super) figures: [String; 13],
}

/// The tables of a run, in the order of the plan.
pub(super) fn tables<'a>(report: &Report<'a>) -> Vec<Table<'a>> {
    ladders(report.summary).into_iter().map(|ladder| table(report, ladder)).collect()
}

fn table<'a>(report: &Report<'a>, ladder: Ladder<'a>) -> Table<'a> {
    let optimum = report.verdict.optima.iter().find(|optimum| optimum.phase == ladder.phase);
    let searched = report.verdict.searches.iter().any(|found| found.phase == ladder.phase);
    let rows = ladder.levels.iter().enumerate().map(|(place, level)| {
        let best = optimum.is_some_and(|optimum| optimum.step.as_deref().map(level_of) == Some(level.step));
        let word = if searched { "limit" } else { "optimum" };
        let marks = [(word, best), ("knee", ladder.knee == Some(place))];
        Row {
            name: level.name.clone(),
            best,
            marks: marks.into_iter().filter(|(_, is)| *is).map(|(mark, _)| mark).collect(),
            stable: optimum.is_none_or(|optimum| optimum.stable.iter().any(|step| step == level.step)),
            throughput: number(level.throughput),
            figures: figures(level),
        }
    });
    let rows = rows.collect();
    let unit = if ladder.throughput == Metric::OutputTokensPerSecond { "tok/s" } else { "req/s" };
    Table { ladder, searched, optimum, unit, rows }
}

fn figures(level: &Level<'_>) -> [String; 13] {
    use Statistic::{P50, P95, P99};
    let latency = |metric, statistic| words::of_scope(level.scope, metric, Some(statistic));
    let tail = |metric, statistic| number(level.tail(metric, statistic));
    [
        words::of_scope(level.scope, Metric::ErrorRate, None),
        number(level.speedup),
        level.efficiency.map_or(words::MISSING.to_owned(), units::show_share),
        latency(Metric::E2e, P50),
        latency(Metric::E2e, P95),
        latency(Metric::E2e, P99),
        tail(Metric::E2e, P95),
        tail(Metric::E2e, P99),
        latency(Metric::Ttft, P50),
        latency(Metric::Ttft, P95),
        tail(Metric::Ttft, P95),
        tail(Metric::Ttft, P99),
        latency(Metric::Tpot, P50),
    ]
}

fn number(value: Option<f64>) -> String {
    value.map_or(words::MISSING.to_owned(), units::show_number)
}
