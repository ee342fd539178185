//! The numbers of one scope.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    energy::Energy,
    figures::{self, Metrics, key_of},
    observed::Readings,
    spikes::Spike,
};
use crate::{
    metrics::{self, ModelScope, Scope, Values, Window},
    plan::ScopeKey,
    record::Outcome,
};

/// The numbers of a phase, of one of its steps, or of an endpoint in one of them.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Numbers<'a> {
    /// The phase.
    phase: &'a str,
    /// One step of it; null for all together.
    step: Option<&'a str>,
    /// One endpoint; null for all together.
    endpoint: Option<&'a str>,
    /// Whether it counts; warm-up does not.
    measured: bool,
    /// Whether it is one level of several, or a phase of several levels.
    explores: bool,
    /// The users of a closed step.
    users: Option<u32>,
    /// Prompts per request of a step; null for phases of several steps.
    batch: Option<u32>,
    /// The planned mean arrival rate of an open step, per second.
    offered_rate: Option<f64>,
    /// What counts of it; null where nothing was sent.
    window: Option<Window>,
    /// How many requests, and how they ended.
    counts: Counts<'a>,
    /// Tokens of the successes due in the window.
    tokens: Tokens,
    /// Every metric.
    metrics: Metrics,
    /// The spikes of its load; absent where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    spikes: Vec<Spike>,
    /// What was read of the machine and of the servers in its window: of the whole everything, of an endpoint what is of its server.
    telemetry: Vec<Readings>,
    /// What it used of energy; absent where none was read, and of endpoints.
    #[serde(skip_serializing_if = "Option::is_none")]
    energy: Option<Energy<'a>>,
    /// Pooled series, by name with their unit, as pairs of a value and its count, ascending: what merging and redrawing
    /// need.
    histograms: IndexMap<String, Vec<(u64, u64)>>,
}

/// The numbers of the requests that name one of several models of an endpoint.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct OfModel<'a> {
    /// The model.
    model: &'a str,
    #[serde(flatten)]
    numbers: Numbers<'a>,
}

impl<'a> OfModel<'a> {
    pub(super) fn of(model: &'a ModelScope) -> Self {
        Self { model: &model.model, numbers: Numbers::of(&model.scope) }
    }
}

/// How many requests, and how they ended.
#[derive(Debug, Serialize, JsonSchema)]
struct Counts<'a> {
    /// Requests issued, inside the window or not.
    issued: u64,
    /// Requests due inside the window, without those that were cut off.
    due: u64,
    /// Requests that the tool itself cut off; they are in no share and no percentile.
    cut_off: u64,
    /// Successes among the due.
    ok: u64,
    /// Failures among the due.
    failed: u64,
    /// The due by how they ended; every outcome that occurred.
    outcomes: &'a BTreeMap<Outcome, u64>,
    /// Requests that ended well inside the window, whenever they were due.
    completed_in_window: u64,
    /// Requests whose pooled connection was replaced.
    replaced_connections: u64,
    /// Successes among the due whose answers could not be checked, although the plan asks for it.
    unchecked: u64,
    /// Requests due in the window that met every objective; null without objectives.
    objectives_met: Option<u64>,
}

/// Tokens of the successes due in the window.
#[derive(Debug, Serialize, JsonSchema)]
struct Tokens {
    /// Prompt tokens.
    input: u64,
    /// Output tokens.
    output: u64,
    /// Output tokens asked for, in requests whose output tokens are known.
    requested_output: u64,
    /// Output tokens spent on reasoning.
    reasoning: u64,
    /// Prompt tokens found in the server's cache.
    cached: u64,
    /// Requests whose counts are the number of chunks, for want of `usage`.
    requests_counted_by_chunks: u64,
}

impl<'a> Numbers<'a> {
    pub(super) fn of(scope: &'a Scope) -> Self {
        let ScopeKey { phase, step, endpoint } = &scope.key;
        Self {
            phase,
            step: step.as_deref(),
            endpoint: endpoint.as_deref(),
            measured: scope.measured,
            explores: scope.explores,
            users: scope.users,
            batch: scope.batch,
            offered_rate: scope.offered_rate.and_then(figures::finite),
            window: scope.window,
            counts: Counts::of(&scope.counts),
            tokens: Tokens::of(&scope.tokens),
            metrics: Metrics::of(scope),
            spikes: scope.spikes.iter().map(Spike::of).collect(),
            telemetry: scope.observations.iter().filter(|read| read.was_read()).map(Readings::of).collect(),
            energy: Energy::of(&scope.energy),
            histograms: histograms(scope),
        }
    }
}

impl<'a> Counts<'a> {
    fn of(counts: &'a metrics::Counts) -> Self {
        Self {
            issued: counts.issued,
            due: counts.due,
            cut_off: counts.cut_off,
            ok: counts.ok(),
            failed: counts.failed(),
            outcomes: &counts.outcomes,
            completed_in_window: counts.completed_in_window,
            replaced_connections: counts.replaced_connections,
            unchecked: counts.unchecked,
            objectives_met: counts.met.map(|met| met.due),
        }
    }
}

impl Tokens {
    fn of(tokens: &metrics::Tokens) -> Self {
        let metrics::Tokens { input, output, requested, reasoning, cached, from_chunks } = *tokens;
        Self {
            input,
            output,
            requested_output: requested,
            reasoning,
            cached,
            requests_counted_by_chunks: from_chunks,
        }
    }
}

fn histograms(scope: &Scope) -> IndexMap<String, Vec<(u64, u64)>> {
    let histograms = scope.series.iter().filter_map(|(metric, series)| {
        let Values::Histogram(histogram) = &series.values else { return None };
        let buckets = histogram.iter_recorded();
        let pairs = buckets.map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value())).collect();
        Some((format!("{}_us", key_of(*metric)), pairs))
    });
    histograms.collect()
}
