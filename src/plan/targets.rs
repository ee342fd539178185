//! Where each target is judged.

use super::{LoadStep, Plan, PlannedTarget, ScopeKey, Step, watch};
use crate::{
    catalog::{Kind, Metric},
    config::{OPTIMUM, Scenario, Severity, Target},
};

/// The targets of a scenario with their scopes.
pub(super) fn place(scenario: &Scenario, plan: &Plan) -> Vec<PlannedTarget> {
    let placed = scenario.targets.iter().map(|(name, target)| {
        let named = target.phase.is_some() || target.step.is_some();
        let places =
            plan.loads().filter_map(|(step, load)| Some((load.explores, scope(target, step, load, plan)?)));
        let (bounds, mut scopes): (Vec<_>, Vec<_>) = places.partition(|(explores, _)| *explores && !named);
        // the optimum of a phase is one place, whichever of its levels it is
        scopes.dedup();
        scopes.extend(watch::place(target, plan).into_iter().map(|key| (false, key)));
        let keys = |places: Vec<(bool, ScopeKey)>| places.into_iter().map(|(_, key)| key).collect();
        let mut placed = PlannedTarget {
            name: name.clone(),
            metric: target.metric,
            bound: target.bound,
            severity: severity(target, plan),
            abort: target.abort.filter(|_| severity(target, plan) == Severity::Fail),
            from_preset: target.from_preset,
            scopes: keys(scopes),
            bounds: keys(bounds),
        };
        if placed.latency_limit().is_none() {
            placed.bounds.clear();
        }
        placed
    });
    placed.collect()
}

/// A preset that nobody named describes a machine like this one; it does not judge.
fn severity(target: &Target, plan: &Plan) -> Severity {
    if target.from_preset && !plan.platform.named { Severity::Info } else { target.severity }
}

/// The place of a target in one step, if it has one there.
///
/// A target holds in every measured step that carries its metric; `phase`, `step` and `endpoint` narrow it. The
/// levels of a phase with several explore, and are judged only where `phase` or `step` names them, or `step` says that the
/// best of them is meant.
fn scope(target: &Target, step: &Step, load: &LoadStep, plan: &Plan) -> Option<ScopeKey> {
    let named = target.step.as_deref() == Some(OPTIMUM);
    // of the levels of a search only the one that it finds is judged
    let sought = load.trial.is_some() && target.phase.is_some() && target.step.is_none();
    let optimum = load.explores && (named || sought);
    let name = if optimum { OPTIMUM } else { step.name.as_str() };
    let here = load.measure
        && known(target.metric.metric, target.endpoint.as_deref(), load, plan)
        && target.phase.as_ref().is_none_or(|phase| *phase == step.phase)
        && target.step.as_ref().is_none_or(|wanted| wanted == name)
        && share_that_carries(target.metric.metric, target.endpoint.as_deref(), load, plan) > 0.0;
    here.then(|| ScopeKey {
        phase: step.phase.clone(),
        step: load.explores.then(|| name.to_owned()),
        endpoint: target.endpoint.clone(),
    })
}

/// Whether the plan has what a metric is about beside requests, for those of a step to one endpoint or to all.
pub(super) fn known(metric: Metric, endpoint: Option<&str>, load: &LoadStep, plan: &Plan) -> bool {
    match metric {
        Metric::CostPerMillionTokens => return plan.price.is_some(),
        _ if metric.kind() == Kind::Reading => return plan.monitoring.enabled,
        _ => {}
    }
    let mut asked = load.traffic.iter().map(|traffic| &plan.endpoints[traffic.endpoint]);
    !metric.needs_objectives()
        || asked.any(|of| endpoint.is_none_or(|name| name == of.name) && !of.objectives.is_empty())
}

/// Whether levels that explore carry a metric and no other measured step does: a target on it that names neither phase
/// nor step is then judged nowhere, though the metric is measured.
pub fn explored_only(plan: &Plan, metric: Metric) -> bool {
    let mut carriers = plan
        .loads()
        .filter(|(_, load)| load.measure && share_that_carries(metric, None, load, plan) > 0.0)
        .filter(|(_, load)| known(metric, None, load, plan))
        .peekable();
    carriers.peek().is_some() && carriers.all(|(_, load)| load.explores)
}

/// The share of a step's requests that have a metric, of one endpoint or of all.
pub(super) fn share_that_carries(
    metric: Metric,
    endpoint: Option<&str>,
    load: &LoadStep,
    plan: &Plan,
) -> f64 {
    let shares = load.traffic.iter().filter_map(|traffic| {
        let of = &plan.endpoints[traffic.endpoint];
        let carries = metric.is_carried_by(plan.carrier(of, load));
        (endpoint.is_none_or(|name| name == of.name) && carries).then_some(traffic.share)
    });
    shares.sum()
}
