//! The numbers of phases, steps and endpoints as a table.

use super::{DIM, Grid, Style, indented};
use crate::{
    catalog::{Metric, Statistic},
    metrics::{self, Scope},
    report::{Report, words},
    units,
    verdict::level_of,
};

/// Rows of the table of scopes beyond which the endpoints of ladders are left to the other formats.
const MANY_ROWS: usize = 12;

/// The table of phases, steps and endpoints; warm-up does not count and is not shown.
pub(super) fn scopes(report: &Report, style: Style) -> Vec<String> {
    let mut rows: Vec<_> =
        words::outline(report).into_iter().filter(|(_, _, scope)| scope.measured).collect();
    // whose numbers stand below, but for what only this table has
    let ladders = if !report.plan.has_objectives() && report.plan.price.is_none() {
        metrics::ladders(report.summary)
    } else {
        Vec::new()
    };
    let below = |scope: &Scope| {
        let levels = ladders.iter().filter(|ladder| ladder.phase == scope.key.phase);
        // further trials of a level stand with the search
        let step = scope.key.step.as_deref().map(level_of);
        levels.flat_map(|ladder| &ladder.levels).any(|level| step == Some(level.step))
    };
    let failed = rows.iter().any(|(_, _, scope)| infinite(scope));
    rows.retain(|(_, _, scope)| scope.key.endpoint.is_some() || !below(scope));
    let all = rows.len();
    rows.retain(|(_, _, scope)| !below(scope));
    if rows.len() > MANY_ROWS {
        rows.retain(|(_, _, scope)| !(scope.explores && scope.key.endpoint.is_some()));
    }
    if rows.is_empty() {
        return Vec::new();
    }
    let mut grid = Grid::new(&[&[""], &FIGURES[..]].concat());
    for (depth, name, scope) in &rows {
        let load = words::load(scope);
        let name = format!("{}{name}", "  ".repeat(*depth));
        let name = if load.is_empty() { name } else { format!("{name} · {load}") };
        grid.row([vec![name], figures(report, scope).to_vec()].concat());
    }
    grid.right(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    grid.drop_empty();
    // what follows from other columns goes first
    grid.fit(style.width.saturating_sub(2), &[2, 9, 4, 8, 6, 1]);
    let mut lines = Vec::new();
    for (i, line) in grid.lines_with_header().enumerate() {
        lines.push(if i == 0 { style.paint(DIM, &format!("  {line}")) } else { format!("  {line}") });
    }
    let mut notes = Vec::from_iter(words::uncounted(report));
    notes.extend(words::met(report).map(|met| format!("met: {met}")));
    notes.extend(words::price(report).map(|price| format!("cost/M: of a million tokens at {price}")));
    notes.extend(words::cost(report).map(|cost| format!("the whole run cost {cost}")));
    if failed {
        notes.push("∞: percentiles count failed requests as infinite".to_owned());
    }
    if rows.len() < all {
        notes.push("endpoints of ladders are in the full report".to_owned());
    }
    lines.extend(indented(&notes.join("; "), 2, style).iter().map(|line| style.paint(DIM, line)));
    lines
}

/// The columns of [`figures`].
pub(super) const FIGURES: [&str; 13] = [
    "requests", "ok", "errors", "req/s", "tok/s", "TTFT p50", "TTFT p95", "TPOT p50", "e2e p50", "e2e p95",
    "goodput", "met", "cost/M",
];

/// The main numbers of a scope; what the plan does not ask about is left empty.
pub(super) fn figures(report: &Report, scope: &Scope) -> [String; 13] {
    let (judges, priced) = (report.plan.has_objectives(), report.plan.price.is_some());
    let plain = |metric| scope.rates.get(&metric).map_or(words::MISSING.into(), |n| units::show_number(*n));
    let latency = |metric, statistic| words::of_scope(scope, metric, Some(statistic));
    [
        units::show_count(scope.counts.due),
        units::show_count(scope.counts.ok()),
        words::of_scope(scope, Metric::ErrorRate, None),
        plain(Metric::RequestsPerSecond),
        plain(Metric::OutputTokensPerSecond),
        latency(Metric::Ttft, Statistic::P50),
        latency(Metric::Ttft, Statistic::P95),
        latency(Metric::Tpot, Statistic::P50),
        latency(Metric::E2e, Statistic::P50),
        latency(Metric::E2e, Statistic::P95),
        if judges { plain(Metric::Goodput) } else { String::new() },
        if judges { words::of_scope(scope, Metric::ObjectivesMetRate, None) } else { String::new() },
        if priced { words::of_scope(scope, Metric::CostPerMillionTokens, None) } else { String::new() },
    ]
}

fn infinite(scope: &Scope) -> bool {
    [Metric::Ttft, Metric::Tpot, Metric::E2e].into_iter().any(|metric| {
        [Statistic::P50, Statistic::P95]
            .into_iter()
            .any(|statistic| scope.value(metric, Some(statistic)).is_some_and(f64::is_infinite))
    })
}
