//! What endpoints do to each other: a mixed phase against the phases that offer its endpoints their share alone.

use std::collections::BTreeSet;

use crate::{
    catalog::{Metric, Statistic},
    metrics::{Scope, Summary, scope_key},
    plan::{LoadStep, Plan, Rounding, ScopeKey, rounding},
    units::{show_count, show_number, show_seconds, show_share},
    verdict::{Finding, Level},
};

/// A median first token that takes so many times as long as alone is worth a warning.
const INFLATION_LIMIT: f64 = 1.5;

/// So is a throughput together that is less than this share of the sum alone.
const THROUGHPUT_LIMIT: f64 = 0.8;

/// A phase that takes its load from a mixed one by `same_as`, both of one step and measured.
struct Solo<'a> {
    phase: &'a str,
    mixed: &'a str,
    load: &'a LoadStep,
    mixed_load: &'a LoadStep,
    /// What rounding made of its load, where that is no share of the mixed one any more.
    uneven: Option<Rounding>,
}

/// The lines of every pair of phases that can be compared, in the order of the plan.
pub(super) fn findings(plan: &Plan, summary: &Summary) -> Vec<Finding> {
    let solos = solos(plan);
    let mut findings: Vec<Finding> = solos
        .iter()
        .filter(|solo| solo.uneven.is_none())
        .flat_map(|solo| solo.load.traffic.iter().map(move |traffic| (solo, traffic.endpoint)))
        .filter_map(|(solo, endpoint)| inflation(plan, summary, solo, endpoint))
        .collect();
    let mut mixed: Vec<&str> = Vec::new();
    for solo in &solos {
        if !mixed.contains(&solo.mixed) {
            mixed.push(solo.mixed);
            findings.extend(throughput(summary, &solos, solo));
        }
    }
    findings.extend(solos.iter().filter_map(not_compared));
    findings
}

fn solos(plan: &Plan) -> Vec<Solo<'_>> {
    let single = |load: &LoadStep| load.measure && !load.explores;
    let pairs = plan.loads().filter_map(|(step, load)| {
        let mixed = load.same_as.as_ref()?.phase.as_str();
        let (_, mixed_load) = plan.loads().find(|(other, _)| other.phase == mixed)?;
        let both = single(load) && single(mixed_load);
        both.then(|| Solo { phase: &step.phase, mixed, load, mixed_load, uneven: rounding(plan, load) })
    });
    pairs.collect()
}

/// Why a pair of phases is not compared.
fn not_compared(solo: &Solo<'_>) -> Option<Finding> {
    let rounded = solo.uneven.as_ref()?;
    Some(Finding {
        level: Level::Info,
        text: format!(
            "`{}` is not compared with `{}`: its share of the {} there would be {}, and it had {}",
            solo.phase,
            solo.mixed,
            rounded.noun(),
            show_number(rounded.fair()),
            rounded.number,
        ),
    })
}

/// The numbers of an endpoint in a phase.
fn scope<'a>(plan: &Plan, summary: &'a Summary, phase: &str, endpoint: usize) -> Option<&'a Scope> {
    let endpoint = Some(plan.endpoints[endpoint].name.clone());
    summary.scope(&scope_key(plan, &ScopeKey { phase: phase.to_owned(), step: None, endpoint }))
}

/// How much longer an endpoint takes to its first token beside others than alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inflation<'a> {
    pub(super) endpoint: &'a str,
    /// The mixed phase.
    pub(super) mixed: &'a str,
    /// The medians alone and together, in seconds.
    alone_s: f64,
    together_s: f64,
}

impl Inflation<'_> {
    /// How many times as long.
    pub(super) fn times(&self) -> f64 {
        self.together_s / self.alone_s
    }
}

/// Those of all pairs that can be compared, by their mixed phase.
pub(super) fn inflations<'a>(plan: &'a Plan, summary: &Summary) -> Vec<Inflation<'a>> {
    let mut all: Vec<Inflation> = solos(plan)
        .iter()
        .filter(|solo| solo.uneven.is_none())
        .flat_map(|solo| solo.load.traffic.iter().map(move |traffic| (solo, traffic.endpoint)))
        .filter_map(|(solo, endpoint)| {
            Some(Inflation {
                endpoint: &plan.endpoints[endpoint].name,
                mixed: solo.mixed,
                alone_s: median(scope(plan, summary, solo.phase, endpoint)?)?,
                together_s: median(scope(plan, summary, solo.mixed, endpoint)?)?,
            })
        })
        .collect();
    all.sort_by_key(|inflation| inflation.mixed);
    all
}

/// The median first token, where there is one.
fn median(scope: &Scope) -> Option<f64> {
    let median = scope.value(Metric::Ttft, Some(Statistic::P50));
    median.filter(|median| median.is_finite() && *median > 0.0)
}

/// The median first token together against that alone, and what failed under contention.
fn inflation(plan: &Plan, summary: &Summary, solo: &Solo<'_>, endpoint: usize) -> Option<Finding> {
    let name = &plan.endpoints[endpoint].name;
    let alone = scope(plan, summary, solo.phase, endpoint)?;
    let together = scope(plan, summary, solo.mixed, endpoint)?;
    let (before, after) = (median(alone)?, median(together)?);
    let errors = |scope: &Scope| scope.counts.counted(Metric::ContentionErrorRate).unwrap_or(0);
    let (errors_alone, errors_together) = (errors(alone), errors(together));
    let failed = if errors_alone + errors_together == 0 {
        String::new()
    } else {
        let (there, before) = (show_count(errors_together), show_count(errors_alone));
        format!("; failed under contention: {there} there, {before} alone")
    };
    let level = if after / before > INFLATION_LIMIT || errors_together > errors_alone {
        Level::Warning
    } else {
        Level::Info
    };
    Some(Finding {
        level,
        text: format!(
            "`{name}`: `ttft.p50` is {} in `{}` and {} in `{}`, {} times as long{failed}",
            show_seconds(after),
            solo.mixed,
            show_seconds(before),
            solo.phase,
            show_number(after / before),
        ),
    })
}

/// Output tokens per second together against the sum alone, where each endpoint of the mixed phase was measured alone
/// once.
fn throughput(summary: &Summary, solos: &[Solo<'_>], of: &Solo<'_>) -> Option<Finding> {
    let parts: Vec<&Solo<'_>> = solos.iter().filter(|solo| solo.mixed == of.mixed).collect();
    let mut alone: Vec<usize> =
        parts.iter().flat_map(|solo| solo.load.traffic.iter().map(|traffic| traffic.endpoint)).collect();
    alone.sort_unstable();
    let mixed: BTreeSet<usize> = of.mixed_load.traffic.iter().map(|traffic| traffic.endpoint).collect();
    let even = parts.iter().all(|solo| solo.uneven.is_none());
    if !even || mixed.len() < 2 || !alone.into_iter().eq(mixed) {
        return None;
    }
    let speed = |phase: &str| {
        let key = ScopeKey { phase: phase.to_owned(), step: None, endpoint: None };
        summary.scope(&key)?.rates.get(&Metric::OutputTokensPerSecond).copied()
    };
    let sum = parts.iter().map(|solo| speed(solo.phase)).sum::<Option<f64>>().filter(|sum| *sum > 0.0)?;
    let together = speed(of.mixed)?;
    let level = if together < sum * THROUGHPUT_LIMIT { Level::Warning } else { Level::Info };
    let unit = Metric::OutputTokensPerSecond.unit();
    Some(Finding {
        level,
        text: format!(
            "`{}`: {} together, {} of the {} that its endpoints brought alone",
            of.mixed,
            unit.show(together),
            show_share(together / sum),
            unit.show(sum),
        ),
    })
}
