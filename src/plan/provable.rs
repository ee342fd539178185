//! Targets that no outcome can prove, because the plan has too few requests for any.

use super::{
    LoadStep, Pattern, Plan, PlannedTarget, Step, endpoint_of,
    warnings::{fix, floor, supply},
};
use crate::{
    config::{Finding, Severity},
    units::{show_count, show_count_of},
};

/// What makes it impossible that a run passes: each target that needs more requests than it will have, whatever the
/// server does. Where the server decides how many there are, where a miss only warns, and where a preset asks for more
/// than the scenario sends, a warning of the plan says so instead.
pub(super) fn findings(plan: &Plan) -> impl Iterator<Item = Finding> {
    let deciding =
        plan.targets.iter().filter(|target| target.severity == Severity::Fail && !target.from_preset);
    deciding.filter_map(|target| unprovable(plan, target))
}

fn unprovable(plan: &Plan, target: &PlannedTarget) -> Option<Finding> {
    // how many gaps a request has is for the server to say
    let (floor, _) = floor(target).filter(|_| target.metric.counts_requests())?;
    target.scopes.iter().find_map(|scope| {
        let supply = supply(plan, target.metric.metric, scope)?;
        let all = most_requests(supply.step, supply.load)?;
        let most = scope.endpoint.as_ref().map_or(all, |name| routed(plan, supply.load, name, all, floor));
        if most >= floor {
            return None;
        }
        let needed = show_count(floor);
        let metric = format!("targets.{}.metric", target.name);
        let asked = (metric, format!("no fewer than {needed} can show it at 95 %"));
        let there = match &scope.endpoint {
            Some(name) if most < all => {
                format!("{}, {} of them to `{name}`", show_count_of(all, "request"), show_count(most))
            }
            _ => show_count_of(all, "request"),
        };
        let given = ends(supply.step, supply.load)
            .map(|key| (format!("phases.{}.{key}", scope.phase), there.clone()));
        Some(Finding {
            message: format!(
                "`targets.{}` cannot be proved: `{}` in `{scope}` needs {needed} requests, and there are {}",
                target.name,
                target.metric,
                show_count(most),
            ),
            labels: std::iter::once(asked).chain(given).collect(),
            help: format!("{}, or set `severity = \"warn\"`", fix(plan, &supply, floor)),
        })
    })
}

/// How many of the first `all` requests of a step go to an endpoint, which follows from the seed; counts no further than
/// `enough`.
fn routed(plan: &Plan, load: &LoadStep, endpoint: &str, all: u64, enough: u64) -> u64 {
    /// Requests of which any share that is worth a target has enough.
    const MANY: u64 = 1_000_000;
    if all > MANY {
        return all;
    }
    let goes_there = |seq| plan.endpoints[endpoint_of(load, plan.seed, seq)].name == endpoint;
    let there = (load.first_seq..load.first_seq.saturating_add(all)).filter(|seq| goes_there(*seq));
    there.take(usize::try_from(enough).unwrap_or(usize::MAX)).count() as u64
}

/// The most requests that a step can have; `None` where that depends on the server.
fn most_requests(step: &Step, load: &LoadStep) -> Option<u64> {
    match load.pattern {
        // counted one by one, since the schedule follows from the seed
        Pattern::Open { .. } if !step.expected.assumed => {
            step.expected.requests.map(|requests| requests as u64)
        }
        _ => load.requests,
    }
}

/// The keys of a phase that may say when a step ends.
fn ends(step: &Step, load: &LoadStep) -> impl Iterator<Item = &'static str> {
    let by_count = load.requests.is_some() && load.requests == most_requests(step, load);
    let keys: &[&str] = if by_count { &["requests"] } else { &["duration", "load.open.stages"] };
    keys.iter().copied()
}
