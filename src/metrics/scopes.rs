//! Cells → scopes: every phase as a whole, then its steps, then its endpoints.

use std::collections::BTreeMap;

use crate::{
    config::Price,
    metrics::{
        Scope, Window,
        cell::Cell,
        survey::{StepSurvey, Survey},
        window::Span,
    },
    plan::{Pattern, Plan, ScopeKey, Work, schedule::mean_rate},
};

/// What the second reading leaves: by step, its window and the cells of its endpoints by index.
pub(super) type Cells = BTreeMap<usize, (Option<Span>, BTreeMap<usize, Cell>)>;

/// The key under which a summary has these numbers: the only step of a phase is the phase, and the only endpoint of
/// a step or phase is all of it.
pub fn scope_key(plan: &Plan, key: &ScopeKey) -> ScopeKey {
    let loads: Vec<_> = plan
        .steps
        .iter()
        .filter(|step| step.phase == key.phase)
        .filter_map(|step| match &step.work {
            Work::Load(load) => Some((step, load)),
            Work::Ready { .. } | Work::Pause { .. } => None,
        })
        .collect();
    let step = key.step.clone().filter(|step| loads.len() > 1 || loads.iter().all(|(s, _)| s.name != *step));
    let mut traffic: Vec<usize> = loads
        .iter()
        .filter(|(s, _)| step.as_ref().is_none_or(|step| s.name == *step))
        .flat_map(|(_, load)| load.traffic.iter().map(|traffic| traffic.endpoint))
        .collect();
    traffic.sort_unstable();
    traffic.dedup();
    let only = match traffic[..] {
        [only] => plan.endpoints.get(only).map(|endpoint| endpoint.name.as_str()),
        _ => None,
    };
    let endpoint = key.endpoint.clone().filter(|endpoint| only != Some(endpoint.as_str()));
    ScopeKey { phase: key.phase.clone(), step, endpoint }
}

/// Builds all scopes, in the order of the plan, the whole before its parts.
pub(super) fn assemble(plan: &Plan, survey: &Survey<'_>, cells: &Cells) -> Vec<Scope> {
    let mut phases: Vec<(&str, Vec<&StepSurvey<'_>>)> = Vec::new();
    for step in survey.steps.values() {
        match phases.iter_mut().find(|(phase, _)| *phase == step.step.phase) {
            Some((_, steps)) => steps.push(step),
            None => phases.push((&step.step.phase, vec![step])),
        }
    }
    let mut scopes = Vec::new();
    for (phase, steps) in phases {
        let key = |step: Option<&StepSurvey<'_>>, endpoint: Option<usize>| ScopeKey {
            phase: phase.to_owned(),
            step: step.map(|step| step.step.name.clone()),
            endpoint: endpoint.map(|index| plan.endpoints[index].name.clone()),
        };
        let scope = |step: Option<&StepSurvey<'_>>, of: &[&StepSurvey<'_>], endpoint: Option<usize>| {
            gather(key(step, endpoint), of, endpoint, cells, plan.price)
        };
        let ladder = if steps.len() > 1 { &steps[..] } else { &[] };
        scopes.push(scope(None, &steps, None));
        scopes.extend(ladder.iter().map(|step| scope(Some(step), &[step], None)));
        scopes.extend(parts(&steps).into_iter().map(|endpoint| scope(None, &steps, Some(endpoint))));
        for step in ladder {
            let endpoints = parts(&[step]);
            scopes.extend(endpoints.into_iter().map(|endpoint| scope(Some(step), &[step], Some(endpoint))));
        }
    }
    scopes
}

/// The endpoints of these steps in the order of the plan, where they are several.
fn parts(steps: &[&StepSurvey<'_>]) -> Vec<usize> {
    let mut endpoints: Vec<usize> =
        steps.iter().flat_map(|step| step.load.traffic.iter().map(|traffic| traffic.endpoint)).collect();
    endpoints.sort_unstable();
    endpoints.dedup();
    if endpoints.len() > 1 { endpoints } else { Vec::new() }
}

fn gather(
    key: ScopeKey,
    steps: &[&StepSurvey<'_>],
    endpoint: Option<usize>,
    cells: &Cells,
    price: Option<Price>,
) -> Scope {
    let mut sum = Cell::default();
    let mut spans = Vec::new();
    for step in steps {
        let Some((window, of_step)) = cells.get(&step.step.id) else { continue };
        spans.extend(*window);
        for (index, cell) in of_step {
            if endpoint.is_none_or(|endpoint| endpoint == *index) {
                sum.merge(cell);
            }
        }
        // nobody knows any more which endpoint they went to
        if endpoint.is_none() {
            sum.add_unknown(step.account.unknown);
        }
    }
    let window = hull(&spans);
    let series = sum.distributions();
    // an hour of the platform is not one endpoint's
    let price = price.filter(|price| endpoint.is_none() || !matches!(price, Price::PerHour(_)));
    let rates = sum.rates(window.map_or(0.0, |window| window.length_s), price, &series);
    let (users, offered_rate) = match steps {
        [step] => load_of(step, endpoint),
        _ => (None, None),
    };
    let batch = match steps {
        [step] => Some(step.load.batch),
        _ => None,
    };
    Scope {
        key,
        measured: steps.iter().all(|step| step.load.measure),
        explores: steps.iter().any(|step| step.load.explores),
        users,
        batch,
        offered_rate,
        window,
        counts: sum.counts,
        tokens: sum.tokens,
        series,
        rates,
    }
}

/// The users or the rate of a step; an endpoint has its share of the rate, and all users in turn.
fn load_of(step: &StepSurvey<'_>, endpoint: Option<usize>) -> (Option<u32>, Option<f64>) {
    match &step.load.pattern {
        Pattern::Closed { users, .. } => (Some(*users), None),
        Pattern::Open { stages, .. } => {
            let mine = step.load.traffic.iter().filter(|part| endpoint.is_none_or(|e| e == part.endpoint));
            let share: f64 = mine.map(|part| part.share).sum();
            (None, mean_rate(stages).map(|rate| rate * share))
        }
    }
}

fn hull(spans: &[Span]) -> Option<Window> {
    let from_ns = spans.iter().map(|span| span.from_ns).min()?;
    let to_ns = spans.iter().map(|span| span.to_ns).max()?;
    Some(Window {
        from_s: from_ns as f64 / 1e9,
        to_s: to_ns as f64 / 1e9,
        length_s: spans.iter().map(|span| span.length_s()).sum(),
    })
}
