//! Runs made up by hand, so that every renderer can be tested and looked at without sending anything.

mod plan;
mod requests;
mod verdict;

use self::{plan::*, requests::*, verdict::*};

use std::{collections::BTreeMap, time::Duration};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, LogNormal};
use time::macros::datetime;

use super::Report;
use crate::{
    catalog::{Metric, MetricName, Protocol},
    compare::{Comparison, MARGIN, RunFigures, Side, compare},
    config::{
        Address, Arrivals, Bound, Ceiling, Faults, HttpVersion, Layer, Lengths, MetricsPages, Model,
        Monitoring, Objective, OnBottleneck, OnInconclusive, Origin, Output, Platform, Price, PromptLength,
        Severity, Sim, Stage, Synthetic, Threads, Tls, Workload,
    },
    machine::{Gpu, Machine, Server, SystemInfo},
    metrics::{
        Counts, Dependence, Distribution, Ending, EnergyUse, Failure, Instrument, Met, Observed, Point,
        Recovery, Scope, Slice, Spike, Stretch, Summary, Timeline, Tokens, Transit, Values, Window,
        fixture::ask,
    },
    plan::{
        Expected, Limits, LoadStep, Pattern, Plan, PlannedEndpoint, PlannedTarget, ScopeKey, Step, Traffic,
        Work,
    },
    record::{ClockSource, Outcome, Record, TokenSource},
    verdict::{
        Beside, Cause, Check, Conclusion, Contention, Errors, Factor, Finding, Grade, Inflation, Judged,
        Level, Mark, NotCompared, Recommendation, Share, Verdict, optima,
    },
};

/// Everything that a [`Report`] borrows.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) plan: Plan,
    pub(crate) system: SystemInfo,
    pub(crate) summary: Summary,
    pub(crate) verdict: Verdict,
}

impl Run {
    pub(crate) fn report(&self) -> Report<'_> {
        Report {
            plan: &self.plan,
            system: &self.system,
            summary: &self.summary,
            verdict: &self.verdict,
            started: datetime!(2026-11-21 14:03:22 UTC),
            elapsed_s: 184.2,
            folder: "results/runs/2026-11-21T14-03-22Z_mixed-traffic_rtx_4090",
        }
    }
}

/// Two simulated endpoints, a warm-up, an open phase, a ladder of five levels; failures, an infinite percentile and
/// missing values.
pub(crate) fn mixed() -> Run {
    let (plan, summary) = (plan(), summary());
    let verdict = Verdict { optima: optima(&plan, &summary, &[]), ..verdict() };
    Run { plan, system: system(), summary, verdict }
}

/// The same with three spikes in the open phase: one that was recovered from, one that was not and lost requests, and one of which too few
/// requests tell.
pub(crate) fn spiky() -> Run {
    let mut run = mixed();
    let stretch = |due: u64, lost: u64, p50: f64, p95: f64| Stretch {
        due,
        lost,
        latencies: [(Metric::Ttft, (p50, p95)), (Metric::E2e, (p50 + 0.5, p95 + 1.0))].into(),
    };
    let spike = |from_s: f64, during: Stretch, recovery: Option<Recovery>| Spike {
        from_s,
        to_s: from_s + 3.0,
        watched_s: 12.0,
        before: stretch(40, 0, 0.08, 0.12),
        during,
        after: stretch(48, 0, 0.3, 1.9),
        latency: Metric::Ttft,
        recovery,
    };
    let back = Recovery { least_s: 4.25, most_s: 4.5 };
    let lasting = Recovery { least_s: 12.0, most_s: f64::INFINITY };
    let spikes = vec![
        spike(17.0, stretch(120, 0, 1.1, 2.4), Some(back)),
        Spike {
            before: Stretch::default(),
            ..spike(32.0, stretch(118, 9, 1.6, f64::INFINITY), Some(lasting))
        },
        Spike {
            after: Stretch { due: 1, ..Stretch::default() },
            ..spike(47.0, stretch(121, 0, 1.2, 2.6), None)
        },
    ];
    let open = run.summary.scopes.iter_mut().find(|scope| scope.key == at("mixed", None, None));
    open.expect("the open phase").spikes = spikes;
    run
}

/// One real endpoint, one phase, no ladder, everything well; no GPU and no label.
pub(crate) fn quiet() -> Run {
    let mut run = mixed();
    run.plan.name = "quick".to_owned();
    run.plan.label.clear();
    run.plan.warnings.clear();
    run.plan.endpoints = vec![endpoint("flash", None)];
    run.plan.steps.retain(|step| step.phase == "mixed" || step.phase == "ready");
    for (id, step) in run.plan.steps.iter_mut().enumerate() {
        step.id = id;
        step.after = (0..id).collect();
    }
    run.system.machine.gpus.clear();
    run.system.servers.retain(|server| server.endpoint == "flash");
    run.system.servers[0].simulated = false;
    "llama-server b4321".clone_into(&mut run.system.servers[0].version);
    run.summary.points.retain(|point| point.endpoint == "flash" && point.phase == "mixed");
    run.summary.scopes.retain(|scope| {
        scope.key.phase == "mixed"
            && scope.key.endpoint.as_deref().is_some_and(|endpoint| endpoint == "flash")
    });
    run.summary.scopes.insert(0, Scope { key: at("mixed", None, None), ..run.summary.scopes[0].clone() });
    for slice in &mut run.summary.timeline.slices {
        slice.output_tokens.remove("thinker");
    }
    run.summary.timeline.slices.truncate(75);
    run.summary.failures.clear();
    run.summary.notes.clear();
    run.verdict.targets.retain(|target| target.mark == Mark::Pass && target.severity == Severity::Fail);
    run.verdict.skipped.clear();
    run.verdict.validity.retain(|check| check.ok);
    run.verdict.analysis.remove(0);
    run.verdict.optima.clear();
    run.verdict.recommendations.clear();
    run.verdict.conclusion = Conclusion::Pass;
    "every judged target passed".clone_into(&mut run.verdict.reason);
    run.verdict.grade = Grade::Excellent;
    run.verdict.targets_met = 2;
    run.verdict.total_targets = 2;
    run
}

/// The quiet run with an objective that nine in ten requests met, and a price.
pub(crate) fn with_objectives() -> Run {
    let mut run = quiet();
    ask(&mut run.plan, &[Objective { metric: Metric::Ttft, at_most: Duration::from_millis(500) }]);
    run.plan.price = Some(Price::PerHour(0.69));
    run.summary.cost = Some(0.0115);
    for step in &mut run.plan.steps {
        step.expected = Expected {
            requests: Some(120.0),
            input_tokens: Some(48_000.0),
            output_tokens: Some(7_680.0),
            duration_s: Some(58.0),
            cost: None,
            assumed: true,
        };
    }
    for scope in &mut run.summary.scopes {
        let met = scope.counts.due * 9 / 10;
        scope.counts.met = Some(Met { due: met, completed_in_window: met });
        scope.rates.insert(Metric::Goodput, met as f64 / 60.0);
        scope.rates.insert(Metric::ObjectivesMetRate, 0.9);
        scope.rates.insert(Metric::CostPerMillionTokens, 0.137);
    }
    run
}

/// The same, where `flash` is asked for something else.
pub(crate) fn with_objectives_of_an_endpoint() -> Run {
    let mut run = with_objectives();
    let other = PlannedEndpoint { name: "thinker".to_owned(), ..run.plan.endpoints[0].clone() };
    run.plan.endpoints.push(other);
    let own = [
        Objective { metric: Metric::Ttft, at_most: Duration::from_millis(200) },
        Objective { metric: Metric::E2e, at_most: Duration::from_secs(5) },
    ];
    let flash = run.plan.endpoints.iter_mut().find(|endpoint| endpoint.name == "flash");
    flash.expect("an endpoint").objectives = own.to_vec();
    run
}

/// A run in which nothing was answered: no series, no rates, no points.
pub(crate) fn dead() -> Run {
    let mut run = quiet();
    for scope in &mut run.summary.scopes {
        scope.series.clear();
        scope.rates = BTreeMap::from([(Metric::ErrorRate, 1.0)]);
        scope.counts.outcomes = BTreeMap::from([(Outcome::ConnectFailed, scope.counts.due)]);
        scope.counts.completed_in_window = 0;
        scope.tokens = Tokens::default();
    }
    run.summary.timeline = Timeline::default();
    for point in &mut run.summary.points {
        (point.ttft_s, point.e2e_s, point.output_tokens) = (None, None, None);
        point.outcome = Outcome::ConnectFailed;
    }
    run.summary.failures = vec![Failure {
        outcome: Outcome::ConnectFailed,
        count: run.summary.points.len() as u64,
        counted: run.summary.points.len() as u64,
        endpoint: "flash".to_owned(),
        status: None,
        first_error: "connection refused".to_owned(),
    }];
    run.verdict.targets.clear();
    run.verdict.analysis.clear();
    run.verdict.conclusion = Conclusion::Fail;
    "every measured request failed".clone_into(&mut run.verdict.reason);
    run.verdict.grade = Grade::Ungraded;
    (run.verdict.targets_met, run.verdict.total_targets) = (0, 0);
    run
}

/// A request that went well.
pub(crate) fn record() -> Record {
    Record {
        seq: 7,
        request_id: "a1-7".to_owned(),
        phase: "mixed".to_owned(),
        step: "mixed".to_owned(),
        step_id: 2,
        endpoint: "flash".to_owned(),
        model: "flash-model".to_owned(),
        measured: true,
        user: None,
        conversation: None,
        turn: None,
        batch: 1,
        due_ns: 12_000_000_000,
        queue_wait_ns: 0,
        sent_ns: Some(12_000_050_000),
        connect_ns: None,
        tls_ns: None,
        connection_reused: true,
        attempts: 1,
        http_version: Some("1.1".to_owned()),
        first_byte_ns: Some(12_080_000_000),
        first_token_ns: Some(12_085_000_000),
        first_content_ns: Some(12_085_000_000),
        last_token_ns: Some(12_500_000_000),
        decode_ns: None,
        end_ns: 12_500_100_000,
        chunks: 64,
        reads: 60,
        stamps_exact: 61,
        stamps_late: 0,
        clock: ClockSource::Kernel,
        input_tokens: Some(400),
        output_tokens: Some(64),
        reasoning_tokens: None,
        cached_tokens: None,
        requested_output_tokens: 64,
        token_source: TokenSource::Usage,
        finish_reason: Some("stop".to_owned()),
        status: Some(200),
        outcome: Outcome::Ok,
        error: None,
        unchecked: None,
        server_timings: None,
    }
}

/// Five runs of the fixture's main phase, each with its noise; times to first token by a factor.
pub(crate) fn runs(factor: f64) -> Vec<RunFigures> {
    let run = mixed();
    let noises = [1.0, 1.01, 0.99, 1.004, 0.996].into_iter().enumerate();
    let each = noises.map(|(i, noise)| {
        let mut figures = RunFigures::of(&format!("run-{i}"), &run.summary, &run.verdict);
        figures.scopes.retain(|scope| scope.scope.phase == "mixed");
        for scope in &mut figures.scopes {
            for (name, value) in &mut scope.values {
                let by = if name.starts_with("ttft") { noise * factor } else { noise };
                *value = value.map(|value| value * by);
            }
        }
        figures
    });
    each.collect()
}

/// Five runs against five on other hardware and of another experiment, whose times to first token differ by a factor.
pub(crate) fn compared(factor: f64) -> Comparison {
    let (before, mut after) = (mixed(), mixed());
    after.plan.experiment = "f".repeat(64);
    after.system.machine.cores += 4;
    let (old, new) = (runs(1.0), runs(factor));
    compare(
        &Side { name: "main", plan: &before.plan, system: &before.system, runs: &old },
        &Side { name: "candidate", plan: &after.plan, system: &after.system, runs: &new },
        MARGIN,
        true,
    )
}
