//! Cells → scopes: every phase as a whole, then its steps, then its endpoints; and, apart from them, the models of endpoints
//! with several.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    catalog::Metric,
    config::Price,
    metrics::{
        EnergyUse, ModelScope, Observation, Scope, Spike, Window,
        cell::Cell,
        recovery::{Sight, SpikeTimes, distribution},
        slices::changes_by_plan,
        survey::{StepSurvey, Survey},
        telemetry::Collecting,
        window::Span,
    },
    plan::{Pattern, Plan, ScopeKey, Stretch, Work, paid_seconds, schedule::offered_rate},
    record::{Record, Subject},
};

/// What the second reading leaves: by step, its window and the cells of its parts.
pub(super) type Cells = BTreeMap<usize, (Option<Span>, BTreeMap<Part, Cell>)>;

/// Whose requests a cell is about: an endpoint's, or those of them that name one of its models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part {
    /// Index in the plan.
    pub(super) endpoint: usize,
    /// Which of its models, in their order; `None` is all of them, or the only one.
    pub(super) model: Option<usize>,
}

impl Part {
    /// The part of a record that goes to an endpoint of the plan.
    pub(super) fn of(plan: &Plan, endpoint: usize, record: &Record) -> Self {
        let model = plan.endpoints[endpoint].model.several().position(|name| name == record.model);
        Self { endpoint, model }
    }

    /// Whether a cell of this part counts for another; everything counts for the whole.
    fn is_within(self, whole: Option<Self>) -> bool {
        whole.is_none_or(|whole| {
            self.endpoint == whole.endpoint && (whole.model.is_none() || self.model == whole.model)
        })
    }
}

/// The key under which a summary has these numbers: the only step of a phase is the phase, and the only endpoint of
/// a step or phase is all of it.
pub fn scope_key(plan: &Plan, key: &ScopeKey) -> ScopeKey {
    let loads: Vec<_> = plan
        .steps
        .iter()
        .filter(|step| step.phase == key.phase)
        .filter_map(|step| match &step.work {
            Work::Load(load) => Some((step, load)),
            Work::Ready { .. } | Work::Pause { .. } | Work::Watch { .. } | Work::Spared => None,
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
    // what is only watched is every endpoint's
    if plan.steps.iter().any(|step| step.phase == key.phase && step.watches()) {
        traffic.extend(0..plan.endpoints.len());
    }
    let only = match traffic[..] {
        [only] => plan.endpoints.get(only).map(|endpoint| endpoint.name.as_str()),
        _ => None,
    };
    let endpoint = key.endpoint.clone().filter(|endpoint| only != Some(endpoint.as_str()));
    ScopeKey { phase: key.phase.clone(), step, endpoint }
}

/// Builds all scopes, in the order of the plan, the whole before its parts, and those of models.
pub(super) fn assemble(
    plan: &Plan,
    survey: &Survey<'_>,
    cells: &Cells,
    spikes: &BTreeMap<usize, SpikeTimes>,
    telemetry: &Collecting,
) -> (Vec<Scope>, Vec<ModelScope>) {
    let mut phases: Vec<(&str, Vec<&StepSurvey<'_>>)> = Vec::new();
    for step in survey.steps.values() {
        match phases.iter_mut().find(|(phase, _)| *phase == step.step.phase) {
            Some((_, steps)) => steps.push(step),
            None => phases.push((&step.step.phase, vec![step])),
        }
    }
    let costs = Costs { price: plan.price, paid_s: paid(cells) };
    let meters = Meters { plan, survey, telemetry };
    let (mut scopes, mut models) = (Vec::new(), Vec::new());
    for (phase, steps) in phases {
        let key = |step: Option<&StepSurvey<'_>>, endpoint: Option<usize>| ScopeKey {
            phase: phase.to_owned(),
            step: step.map(|step| step.step.name.clone()),
            endpoint: endpoint.map(|index| plan.endpoints[index].name.clone()),
        };
        let scope = |step: Option<&StepSurvey<'_>>, of: &[&StepSurvey<'_>], endpoint: Option<usize>| {
            let part = endpoint.map(|endpoint| Part { endpoint, model: None });
            let mut scope = gather(key(step, endpoint), of, part, cells, (&costs, &meters));
            scope.spikes =
                of.iter().flat_map(|step| spikes_of(step.step.id, spikes, cells, endpoint)).collect();
            let recoveries = distribution(&scope.spikes);
            scope.series.extend(recoveries.map(|recoveries| (Metric::SpikeRecovery, recoveries)));
            scope
        };
        let of_models = |step: Option<&StepSurvey<'_>>, of: &[&StepSurvey<'_>]| {
            let each = endpoints_of(of).into_iter().flat_map(|endpoint| {
                let names = plan.endpoints[endpoint].model.several().enumerate();
                names.map(move |(index, name)| (Part { endpoint, model: Some(index) }, name))
            });
            let each = each.map(|(part, name)| ModelScope {
                model: name.to_owned(),
                scope: gather(key(step, Some(part.endpoint)), of, Some(part), cells, (&costs, &meters)),
            });
            each.collect::<Vec<_>>()
        };
        let ladder = if steps.len() > 1 { &steps[..] } else { &[] };
        scopes.push(scope(None, &steps, None));
        scopes.extend(ladder.iter().map(|step| scope(Some(step), &[step], None)));
        scopes.extend(parts(&steps).into_iter().map(|endpoint| scope(None, &steps, Some(endpoint))));
        for step in ladder {
            let endpoints = parts(&[step]);
            scopes.extend(endpoints.into_iter().map(|endpoint| scope(Some(step), &[step], Some(endpoint))));
        }
        models.extend(of_models(None, &steps));
        models.extend(ladder.iter().flat_map(|step| of_models(Some(step), &[step])));
    }
    (scopes, models)
}

/// The spikes of a step by the requests of an endpoint, or of all.
fn spikes_of(
    step: usize,
    spikes: &BTreeMap<usize, SpikeTimes>,
    cells: &Cells,
    endpoint: Option<usize>,
) -> Vec<Spike> {
    let (Some(spikes), Some((_, parts))) = (spikes.get(&step), cells.get(&step)) else { return Vec::new() };
    let last_due_ns = parts.values().flat_map(|cell| &cell.sights).map(|sight| sight.due_ns).max();
    let mut endpoints: BTreeMap<usize, Vec<Sight>> = BTreeMap::new();
    for (part, cell) in parts.iter().filter(|(part, _)| endpoint.is_none_or(|own| own == part.endpoint)) {
        endpoints.entry(part.endpoint).or_default().extend_from_slice(&cell.sights);
    }
    last_due_ns.map_or_else(Vec::new, |last| spikes.seen_by(endpoints.into_values().collect(), last))
}

/// The endpoints of these steps in the order of the plan, where they are several.
fn parts(steps: &[&StepSurvey<'_>]) -> Vec<usize> {
    let endpoints = endpoints_of(steps);
    if endpoints.len() > 1 { endpoints } else { Vec::new() }
}

/// The endpoints of these steps in the order of the plan.
fn endpoints_of(steps: &[&StepSurvey<'_>]) -> Vec<usize> {
    let mut endpoints: Vec<usize> =
        steps.iter().flat_map(|step| step.load.traffic.iter().map(|traffic| traffic.endpoint)).collect();
    endpoints.sort_unstable();
    endpoints.dedup();
    endpoints
}

/// What the numbers of a scope cost.
struct Costs {
    price: Option<Price>,
    /// The seconds of the platform that each step pays for.
    paid_s: BTreeMap<usize, Option<f64>>,
}

impl Costs {
    /// The price, with the seconds that these steps pay for; `None` where there is none, or the seconds are not known.
    fn of(&self, steps: &[&StepSurvey<'_>], part: Option<Part>) -> Option<(Price, f64)> {
        let price = self.price?;
        if let Price::PerMillionTokens { .. } = price {
            return Some((price, 0.0));
        }
        let paid_s = steps.iter().map(|step| self.paid_s.get(&step.step.id).copied().unwrap_or(Some(0.0)));
        // an hour of the platform is not one endpoint's
        Some((price, paid_s.sum::<Option<f64>>().filter(|_| part.is_none())?))
    }
}

/// What was read of machines and servers.
struct Meters<'a> {
    plan: &'a Plan,
    survey: &'a Survey<'a>,
    telemetry: &'a Collecting,
}

impl Meters<'_> {
    /// What was read in the windows of these steps: of the server of one endpoint, or of the machines and of all servers that the
    /// steps have requests for.
    fn read(&self, steps: &[&StepSurvey<'_>], endpoint: Option<&str>) -> Vec<Observation> {
        let ids: Vec<usize> = steps.iter().map(|step| step.step.id).collect();
        let traffic = steps.iter().flat_map(|step| &step.load.traffic);
        let names = traffic.map(|traffic| self.plan.endpoints[traffic.endpoint].name.as_str());
        let loaded: BTreeSet<&str> = names.filter(|name| endpoint.is_none_or(|one| one == *name)).collect();
        self.telemetry.observations(&ids, &|subject| match subject {
            Subject::Server(_) => loaded.iter().any(|name| subject.serves(name)),
            _ => endpoint.is_none(),
        })
    }

    /// The energy of these steps, by what was read in their windows.
    fn energy(
        &self,
        readings: &[Observation],
        steps: &[&StepSurvey<'_>],
        cells: &Cells,
        length_s: f64,
    ) -> EnergyUse {
        let is_own = |id: usize| steps.iter().any(|step| step.step.id == id);
        let mut own = cells.iter().filter(|(id, _)| is_own(**id)).filter_map(|(_, (window, _))| *window);
        // what others use while they settle and drain is used as well
        let others: Vec<Span> = self
            .survey
            .steps
            .iter()
            .filter(|(id, _)| !is_own(**id))
            .filter_map(|(_, step)| step.lasted())
            .collect();
        let shared = own.any(|own| others.iter().any(|other| own.overlaps(*other)));
        EnergyUse {
            shared,
            net: self.plan.monitoring.subtract_idle,
            ..EnergyUse::of(readings, self.telemetry.at_rest(), length_s)
        }
    }
}

/// The seconds of the platform that each step with a window pays for: those of its window, shared with what was
/// measured beside it.
fn paid(cells: &Cells) -> BTreeMap<usize, Option<f64>> {
    let (steps, stretches): (Vec<usize>, Vec<Stretch>) = cells
        .iter()
        .filter_map(|(step, (window, of_step))| {
            let window = window.as_ref()?;
            let tokens = of_step.values().map(Cell::tokens_in_window).sum();
            let (from_s, to_s) = (window.from_ns as f64 / 1e9, window.to_ns as f64 / 1e9);
            Some((*step, Stretch { from_s, to_s, tokens }))
        })
        .unzip();
    steps.into_iter().zip(paid_seconds(&stretches)).collect()
}

fn gather(
    key: ScopeKey,
    steps: &[&StepSurvey<'_>],
    part: Option<Part>,
    cells: &Cells,
    (costs, meters): (&Costs, &Meters<'_>),
) -> Scope {
    let mut sum = Cell::default();
    let mut spans = Vec::new();
    for step in steps {
        let Some((window, of_step)) = cells.get(&step.step.id) else { continue };
        spans.extend(*window);
        for (of, cell) in of_step {
            if of.is_within(part) {
                sum.merge(cell);
            }
        }
        // nobody knows any more which endpoint they went to
        if part.is_none() {
            sum.add_unknown(step.account.unknown);
        }
    }
    let window = hull(&spans);
    let series = sum.distributions();
    let mut rates = sum.rates(window.map_or(0.0, |window| window.length_s), &series);
    let cost = costs.of(steps, part).and_then(|(price, paid_s)| sum.cost_per_million_tokens(price, paid_s));
    rates.extend(cost.map(|cost| (Metric::CostPerMillionTokens, cost)));
    // a model is named by requests that come for all
    let observations = match part {
        Some(Part { model: Some(_), .. }) => Vec::new(),
        _ => meters.read(steps, key.endpoint.as_deref()),
    };
    let energy = match (part, window) {
        (None, Some(window)) => meters.energy(&observations, steps, cells, window.length_s),
        _ => EnergyUse::default(),
    };
    rates.extend(energy.rates(sum.counts.completed_in_window, sum.output_in_window()));
    let (users, offered_rate) = match steps {
        [step] => load_of(step, part),
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
        estimates: sum.estimates(steps.iter().any(|step| changes_by_plan(step.load))),
        observations,
        energy,
        counts: sum.counts,
        tokens: sum.tokens,
        transit: sum.transit,
        spikes: Vec::new(),
        series,
        rates,
    }
}

/// The users or the rate of a step; an endpoint has its share of the rate, and all users in turn. A model is named by
/// requests that come for all.
fn load_of(step: &StepSurvey<'_>, part: Option<Part>) -> (Option<u32>, Option<f64>) {
    if part.is_some_and(|part| part.model.is_some()) {
        return (None, None);
    }
    match &step.load.pattern {
        Pattern::Closed { users, .. } => (Some(*users), None),
        open @ (Pattern::Open { .. } | Pattern::Trace { .. }) => {
            let traffic = step.load.traffic.iter();
            let mine = traffic.filter(|traffic| part.is_none_or(|part| part.endpoint == traffic.endpoint));
            let share: f64 = mine.map(|traffic| traffic.share).sum();
            (None, offered_rate(open).map(|rate| rate * share))
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
