//! Targets that no outcome can prove, because the plan has too few requests for any.

use super::{
    LoadStep, Pattern, Plan, PlannedTarget, Step, endpoint_of,
    warnings::{Supply, fix, floor, supply},
};
use crate::{
    catalog::Metric,
    config::{Finding, OnInconclusive, Severity},
    units::{show_count, show_count_of},
};

/// What makes it impossible that a run passes: each target that needs more requests than it will have, whatever the
/// server does. Where the server decides how many there are, where a miss or what could not be decided only warns, and
/// where a preset asks for more than the scenario sends, a warning of the plan says so instead.
pub(super) fn findings(plan: &Plan) -> impl Iterator<Item = Finding> {
    let deciding = plan.targets.iter().filter(|target| {
        plan.on_inconclusive == OnInconclusive::Fail
            && target.severity == Severity::Fail
            && !target.from_preset
    });
    deciding.filter_map(|target| unprovable(plan, target))
}

fn unprovable(plan: &Plan, target: &PlannedTarget) -> Option<Finding> {
    // how many gaps a request has is for the server to say
    let (floor, _) = floor(target).filter(|_| target.metric.counts())?;
    target.scopes.iter().find_map(|scope| {
        let supply = supply(plan, target.metric.metric, scope)?;
        let all = most_requests(supply.step, supply.load)?;
        let most = most_values(plan, &supply, floor).filter(|most| *most < floor)?;
        let inside = supply.spikes.is_some() && target.metric.metric != Metric::SpikeRecovery;
        let needed = show_count(floor);
        let metric = format!("targets.{}.metric", target.name);
        let asked = (metric, format!("no fewer than {needed} can show it at 95 %"));
        let there = match &scope.endpoint {
            Some(name) if most < all && supply.spikes.is_none() => {
                format!("{}, {} of them to `{name}`", show_count_of(all, "request"), show_count(most))
            }
            _ if supply.spikes.is_some() => show_count_of(supply.load.spikes().count() as u64, "spike"),
            _ => show_count_of(all, "request"),
        };
        let given = ends(supply.step, supply.load)
            .map(|key| (format!("phases.{}.{key}", scope.phase), there.clone()));
        Some(Finding {
            message: format!(
                "`targets.{}` cannot be proved: `{}` in `{scope}` needs {needed} {noun}s{place}, and there are {}",
                target.name,
                target.metric,
                show_count(most),
                noun = target.metric.metric.noun(),
                place = if inside { " due in spikes" } else { "" },
            ),
            labels: std::iter::once(asked).chain(given).collect(),
            help: format!(
                "{}, or let it only warn by `targets.{}.severity = \"warn\"` or `run.on_inconclusive = \"warn\"`",
                fix(plan, &supply, floor),
                target.name,
            ),
        })
    })
}

/// The most requests that a target can have, counted no further than `enough`; `None` where that depends on the server.
pub(super) fn most_values(plan: &Plan, supply: &Supply<'_>, enough: u64) -> Option<u64> {
    if let Some(spikes) = supply.spikes {
        return spikes.counted.then_some(spikes.values as u64);
    }
    let all = most_requests(supply.step, supply.load)?;
    let Some(endpoint) = supply.endpoint.filter(|_| all <= MANY) else { return Some(all) };
    let enough = usize::try_from(enough).unwrap_or(usize::MAX);
    Some(routed(plan, supply.load, endpoint, all).take(enough).count() as u64)
}

/// How many requests of a step it takes until so many have gone to an endpoint; `None` where that are more than twice
/// `about`.
pub(super) fn requests_until(
    plan: &Plan,
    load: &LoadStep,
    endpoint: &str,
    enough: u64,
    about: u64,
) -> Option<u64> {
    let before = usize::try_from(enough.checked_sub(1)?).ok()?;
    let within = about.saturating_mul(2).min(MANY);
    routed(plan, load, endpoint, within).nth(before).map(|place| place + 1)
}

/// Requests of which any share that is worth a target has enough.
const MANY: u64 = 1_000_000;

/// Of the first `within` requests of a step those that go to an endpoint, which follows from the seed, by their places.
fn routed(plan: &Plan, load: &LoadStep, endpoint: &str, within: u64) -> impl Iterator<Item = u64> {
    let goes_there = move |place: &u64| {
        plan.endpoints[endpoint_of(load, plan.seed, load.first_seq.saturating_add(*place))].name == endpoint
    };
    (0..within).filter(goes_there)
}

/// The most requests that a step can have; `None` where that depends on the server.
fn most_requests(step: &Step, load: &LoadStep) -> Option<u64> {
    match load.pattern {
        // counted one by one, since the schedule follows from the seed
        Pattern::Open { .. } | Pattern::Trace { .. } if !step.expected.assumed => {
            step.expected.requests.map(|requests| requests as u64)
        }
        _ => load.requests,
    }
}

/// The keys of a phase that may say when a step ends.
fn ends(step: &Step, load: &LoadStep) -> impl Iterator<Item = &'static str> {
    let by_count = load.requests.is_some() && load.requests == most_requests(step, load);
    let keys: &[&str] = match load.pattern {
        _ if by_count => &["requests"],
        Pattern::Trace { .. } => &["duration", "load.trace"],
        Pattern::Open { .. } | Pattern::Closed { .. } => &["duration", "load.open.stages"],
    };
    keys.iter().copied()
}
