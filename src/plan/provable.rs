//! Targets that no outcome can prove, because the plan has too few requests for any.

use super::{
    LoadStep, Pattern, Plan, PlannedTarget, Step,
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
        let most = most_requests(supply.step, supply.load).filter(|most| *most < floor)?;
        let needed = show_count(floor);
        let metric = format!("targets.{}.metric", target.name);
        let asked = (metric, format!("no fewer than {needed} can show it at 95 %"));
        let given = ends(supply.step, supply.load)
            .map(|key| (format!("phases.{}.{key}", scope.phase), show_count_of(most, "request")));
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
