//! Runs against runs → [`Comparison`]: how far each metric moved, and whether that is noise or change. Pure.
//!
//! The unit is a run: requests of one run share its machine, its caches and its bad luck, so what lies between runs is
//! only seen in several of them. A metric has *regressed* where its one-sided test rejects "no change" after Holm's correction **and**
//! the whole interval of the change lies beyond the margin; *improved* is the mirror image; *equivalent* is an interval
//! within the margin.

mod baseline;
mod differing;
mod effect;
mod figures;
mod judge;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

pub use self::{
    baseline::{Baseline, BaselineError},
    differing::{Differing, obstacles},
    effect::Basis,
    figures::{RunFigures, ScopeFigures},
};
use self::{effect::PREDICTS, judge::Pair};
use crate::{
    catalog::{Metric, MetricName, Statistic, Unit},
    config::Severity,
    machine::SystemInfo,
    metrics::scope_key,
    plan::{Plan, PlannedEndpoint, ScopeKey},
    stats::{rank_sum_floor, runs_to_reject},
    units::show_count_of,
};

/// The version of `comparison.json`, and of the files of baselines.
pub const FORMAT: u32 = 1;

/// The change that matters in practice, where nobody says otherwise: 5 % up, or as far down on a logarithmic scale.
pub const MARGIN: f64 = 0.05;

/// The confidence of each one-sided bound, as for targets.
const CONFIDENCE: f64 = 0.95;

/// That of the bound of a single run against several, where it is to lie beyond the margin: there is no second run to disagree with it.
const SINGLE: f64 = 0.975;

/// What is shown of every phase and step, whether it has a target or not.
const HEADLINES: [(Metric, Option<Statistic>); 7] = [
    (Metric::Ttft, Some(Statistic::P50)),
    (Metric::Ttft, Some(Statistic::P95)),
    (Metric::Tpot, Some(Statistic::P50)),
    (Metric::E2e, Some(Statistic::P95)),
    (Metric::OutputTokensPerSecond, None),
    (Metric::RequestsPerSecond, None),
    (Metric::ErrorRate, None),
];

/// One side of a comparison: runs of one plan.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// What it is called.
    pub name: &'a str,
    /// What was run; of several runs that of the first.
    pub plan: &'a Plan,
    /// Where, and what answered; of several runs that of the first.
    pub system: &'a SystemInfo,
    /// The numbers of each run.
    pub runs: &'a [RunFigures],
}

/// Two sides, and what became of each metric between them.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Comparison {
    /// The version of this format.
    #[schemars(extend("const" = FORMAT))]
    pub format: u32,
    /// What is compared with.
    pub before: Compared,
    /// What is compared.
    pub after: Compared,
    /// Whether both sent the same requests in the same way.
    pub same_experiment: bool,
    /// Whether both ran on the same hardware.
    pub same_hardware: bool,
    /// Whether the comparison was asked for although experiment or hardware differ.
    pub forced: bool,
    /// What else differs: values of the scenario by address, hardware, system and servers.
    pub differing: Vec<Differing>,
    /// The change that matters in practice: 0.05 is 5 % up, or as far down on a logarithmic scale.
    pub margin: f64,
    /// The confidence of each one-sided bound; both together are the ends of a 90 % interval.
    pub confidence: f64,
    /// Rows that decide, over which Holm's correction goes.
    pub tests: u64,
    /// The fewest runs on each side at which so many tests can reject at all.
    pub runs_needed: u64,
    /// What it comes to: the worst of the rows that decide.
    pub call: Call,
    /// One row per metric and scope: those with a target first, the worst of them on top.
    pub rows: Vec<Row>,
    /// What a reader should know besides.
    pub notes: Vec<String>,
}

/// One side, described.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Compared {
    /// What it is called.
    pub name: String,
    /// The names of its runs.
    pub runs: Vec<String>,
    /// The hash of its experiment.
    pub experiment: String,
    /// Its platform.
    pub platform: String,
    /// What it was measured on, in one line.
    pub hardware: String,
    /// Whether a server was simulated: such numbers describe no hardware.
    pub simulated: bool,
}

/// What became of something, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Call {
    /// It got worse, beyond noise and beyond the margin.
    Regressed,
    /// The evidence allows more than one of the others.
    Inconclusive,
    /// It got better, beyond noise and beyond the margin.
    Improved,
    /// Whatever change there is lies within the margin.
    Equivalent,
}

/// A metric in a scope, on both sides.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Row {
    /// The metric.
    pub metric: MetricName,
    /// Where.
    pub scope: ScopeKey,
    /// Whether a target of severity `fail` is on it, so that it counts for the whole.
    pub decides: bool,
    /// The unit of both values.
    pub unit: Unit,
    /// The middle of the runs before: their geometric mean, or the median where one is 0 or infinite; null is infinite, as so many
    /// requests failed.
    #[schemars(with = "Option<f64>")]
    pub before: f64,
    /// The same of the runs after.
    #[schemars(with = "Option<f64>")]
    pub after: f64,
    /// Runs before that have it.
    pub runs_before: u64,
    /// Runs after that have it.
    pub runs_after: u64,
    /// After ÷ before; null is infinite.
    #[schemars(with = "Option<f64>")]
    pub change: f64,
    /// The lower end of the 90 % interval of the change; null where there is none, or it is infinite.
    pub change_low: Option<f64>,
    /// Its upper end.
    pub change_high: Option<f64>,
    /// The chance of so much worse runs, if nothing had changed; null where runs are too few for a test.
    pub p_worse: Option<f64>,
    /// The chance of so much better runs, if nothing had changed.
    pub p_better: Option<f64>,
    /// What interval and test rest on.
    pub basis: Basis,
    /// What became of it.
    pub call: Call,
    /// Runs on each side that would settle it, as far as these runs tell; null where it is settled or lies too near the
    /// margin.
    pub runs_needed: Option<u64>,
    /// The call in words: what it rests on, what is missing.
    pub note: String,
}

/// Compares two sides; what has a target in the plan of the second decides. `margin` is the change that matters in
/// practice, above 0; `forced`, that obstacles were known and nobody minded.
pub fn compare(before: &Side, after: &Side, margin: f64, forced: bool) -> Comparison {
    let (pairs, notes, vanished) = pairs(before, after);
    let tests = pairs.iter().filter(|pair| pair.decides).count() as u64;
    let rows = judge::judge(pairs, margin);
    // what only one side has is no evidence of anything
    let gone = vanished.then_some(Call::Inconclusive);
    let call = rows.iter().filter(|row| row.decides).map(|row| row.call).chain(gone).min();
    let same_experiment = before.plan.experiment == after.plan.experiment;
    let same_hardware = differing::same_hardware(&before.system.machine, &after.system.machine);
    Comparison {
        format: FORMAT,
        before: Compared::of(before),
        after: Compared::of(after),
        same_experiment,
        same_hardware,
        forced: forced && !(same_experiment && same_hardware),
        differing: differing::differing(before, after),
        margin,
        confidence: CONFIDENCE,
        tests,
        runs_needed: runs_to_reject(tests, 1.0 - CONFIDENCE),
        call: call.unwrap_or(Call::Inconclusive),
        rows,
        notes,
    }
}

/// How many rows decide where runs of this plan are the new side: metrics with a target of severity `fail`, in each of its
/// scopes.
pub fn tests_of(plan: &Plan) -> u64 {
    targets(plan).len() as u64
}

/// Why so many runs can call nothing a regression, whatever they show, and what would; `None` where they can.
pub fn too_few(before: u64, after: u64, tests: u64) -> Option<String> {
    if tests == 0 {
        return Some("no target of severity `fail` is declared, so no metric decides".to_owned());
    }
    let (few, many) = (before.min(after), before.max(after));
    if few == 1 && many >= PREDICTS
        || few > 1 && rank_sum_floor(before, after) <= (1.0 - CONFIDENCE) / tests as f64
    {
        return None;
    }
    let each = runs_to_reject(tests, 1.0 - CONFIDENCE);
    Some(format!(
        "{} against {before} can show no regression in {}: that takes {each} on each side, or one against {PREDICTS} or more",
        show_count_of(after, "run"),
        show_count_of(tests, "metric"),
    ))
}

impl Compared {
    fn of(side: &Side) -> Self {
        Self {
            name: side.name.to_owned(),
            runs: side.runs.iter().map(|run| run.name.clone()).collect(),
            experiment: side.plan.experiment.clone(),
            platform: side.plan.platform.name.clone(),
            hardware: side.system.machine.line(&side.plan.label),
            simulated: side.plan.endpoints.iter().any(PlannedEndpoint::simulated),
        }
    }
}

/// What the targets of a plan that count are on.
fn targets(plan: &Plan) -> BTreeSet<(ScopeKey, MetricName)> {
    let counting = plan.targets.iter().filter(|target| target.severity == Severity::Fail);
    let each = counting
        .flat_map(|target| target.scopes.iter().map(move |scope| (scope_key(plan, scope), target.metric)));
    each.collect()
}

/// The values of every metric that both sides have, what is said of those that only one has, and whether one of those would decide.
fn pairs(before: &Side, after: &Side) -> (Vec<Pair>, Vec<String>, bool) {
    let deciding = targets(after.plan);
    let scopes = after.runs.iter().flat_map(|run| &run.scopes).map(|figures| &figures.scope);
    let whole: BTreeSet<&ScopeKey> = scopes.filter(|scope| scope.endpoint.is_none()).collect();
    let headlines = whole.into_iter().flat_map(|scope| {
        HEADLINES.map(|(metric, statistic)| (scope.clone(), MetricName { metric, statistic }))
    });
    let shown: Vec<_> = headlines.filter(|key| !deciding.contains(key)).collect();
    let (mut pairs, mut notes, mut vanished) = (Vec::new(), Vec::new(), false);
    if deciding.is_empty() {
        notes.push("no target of severity `fail` is declared, so no metric decides".to_owned());
    }
    let all = deciding.iter().map(|key| (key, true)).chain(shown.iter().map(|key| (key, false)));
    for ((scope, metric), decides) in all {
        let values = |side: &Side| -> Vec<f64> {
            side.runs.iter().filter_map(|run| run.value(scope, *metric)).collect()
        };
        let (old, new) = (values(before), values(after));
        if !old.is_empty() && !new.is_empty() {
            pairs.push(Pair { metric: *metric, scope: scope.clone(), decides, before: old, after: new });
        } else if decides {
            let without = if old.is_empty() { before.name } else { after.name };
            notes.push(format!("`{metric}` in `{scope}` has a target and no value in {without}"));
            vanished = true;
        }
    }
    (pairs, notes, vanished)
}
