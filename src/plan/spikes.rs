//! Spikes laid over the stages of an open loop.

use std::time::Duration;

use super::{
    LoadStep, Pattern, Plan, PlannedEndpoint, PlannedTarget, ScopeKey, Step, endpoint_of, schedule,
    targets::share_that_carries,
};
use crate::{
    catalog::{Metric, Statistic},
    config::{Bound, Severity, Spikes, Stage},
    stats::sample_floor,
    units::{show_count_of, write_duration},
};

impl LoadStep {
    /// From and to of every spike, since the start of the step.
    pub fn spikes(&self) -> impl Iterator<Item = (Duration, Duration)> {
        let all = match (&self.pattern, self.duration) {
            (Pattern::Open { stages, spikes: Some(spikes), .. }, Some(length)) => {
                let super::PlannedSpikes { every, lasting, rate, .. } = *spikes;
                // each is a stage, however many a file that somebody wrote says that there are
                let most = u32::try_from(stages.len()).unwrap_or(u32::MAX);
                let count = Spikes { every, lasting, rate }.count(length).min(most);
                Some((1..=count).map(move |k| {
                    let from = every.saturating_mul(k);
                    (from, from.saturating_add(lasting))
                }))
            }
            _ => None,
        };
        all.into_iter().flatten()
    }
}

/// Values that come of spikes alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfSpikes {
    /// Values in all.
    pub(super) values: f64,
    /// Whether the schedule says so, rather than the mean of the rates.
    pub(super) counted: bool,
    /// Values that a spike adds, on average.
    per_spike: f64,
    /// The period.
    every: Duration,
    /// Spikes that do not count, since the step has not settled.
    unsettled: u32,
}

impl OfSpikes {
    /// What the spikes of a step give a metric in one scope; `None` where it has none, or nothing is due in them.
    pub(super) fn of(
        plan: &Plan,
        step: &Step,
        load: &LoadStep,
        metric: Metric,
        endpoint: Option<&str>,
    ) -> Option<Self> {
        let Pattern::Open { spikes: Some(spikes), .. } = &load.pattern else { return None };
        let number = load.spikes().filter(|(from, _)| *from >= load.settle).count() as f64;
        let (each, counted) = if metric == Metric::SpikeRecovery {
            (1.0, Some(number))
        } else {
            let share = share_that_carries(metric, endpoint, load, plan);
            let counted = due_in_spikes(plan, step, load, metric, endpoint).map(|due| due as f64);
            (spikes.rate * spikes.lasting.as_secs_f64() * share, counted)
        };
        let values = counted.unwrap_or(number * each);
        let per_spike = if number > 0.0 { each.max(values / number) } else { each };
        (per_spike > 0.0).then_some(Self {
            values,
            counted: counted.is_some(),
            per_spike,
            every: spikes.every,
            unsettled: (load.spikes().count() as f64 - number) as u32,
        })
    }

    /// How to get so many values into a step.
    pub(super) fn fix(self, phase: &str, values: u64) -> String {
        let spikes = (values as f64 / self.per_spike).ceil().min(f64::from(u32::MAX)) as u32;
        // the last has a period after it
        let length = self.every.saturating_mul(spikes.saturating_add(1).saturating_add(self.unsettled));
        format!(
            "let `{phase}` last {} or longer, for {}",
            write_duration(length),
            show_count_of(spikes.into(), "spike")
        )
    }
}

/// The requests of a step that are due in its spikes, count and have a metric, of one endpoint or of all; `None` where they are too
/// many to be counted.
fn due_in_spikes(
    plan: &Plan,
    step: &Step,
    load: &LoadStep,
    metric: Metric,
    endpoint: Option<&str>,
) -> Option<u64> {
    let schedule = schedule::of_step(step, plan.seed).filter(|_| !step.expected.assumed)?;
    let counting = load.spikes().filter(|(from, _)| *from >= load.settle);
    let spans: Vec<(u128, u128)> = counting.map(|(from, to)| (from.as_nanos(), to.as_nanos())).collect();
    let inside = |at_ns: u64| {
        let begun = spans.partition_point(|(from, _)| *from <= u128::from(at_ns));
        begun.checked_sub(1).is_some_and(|last| u128::from(at_ns) < spans[last].1)
    };
    let due = schedule.zip(0..).filter(|(at_ns, place)| {
        let of = goes_to(plan, load, *place);
        let carries = || metric.is_carried_by(plan.carrier(of, load));
        inside(*at_ns) && endpoint.is_none_or(|name| of.name == name) && carries()
    });
    Some(due.count() as u64)
}

/// The endpoint that request `place` of a step goes to, which follows from the seed.
fn goes_to<'a>(plan: &'a Plan, load: &LoadStep, place: u64) -> &'a PlannedEndpoint {
    &plan.endpoints[endpoint_of(load, plan.seed, load.first_seq.saturating_add(place))]
}

/// Targets on the recovery from spikes that will say little, or nothing.
pub(super) fn warnings(plan: &Plan) -> Vec<String> {
    let judging = plan
        .targets
        .iter()
        .filter(|target| target.severity != Severity::Info && target.metric.metric == Metric::SpikeRecovery);
    let rows = judging.flat_map(|target| target.scopes.iter().map(move |scope| (target, scope)));
    rows.flat_map(|(target, scope)| {
        let step = plan.loads().find(|(step, _)| {
            step.phase == scope.phase && scope.step.as_ref().is_none_or(|name| *name == step.name)
        });
        step.map_or_else(Vec::new, |(step, load)| of_recovery(plan, target, scope, step, load))
    })
    .collect()
}

fn of_recovery(
    plan: &Plan,
    target: &PlannedTarget,
    scope: &ScopeKey,
    step: &Step,
    load: &LoadStep,
) -> Vec<String> {
    let Some(of) = OfSpikes::of(plan, step, load, Metric::SpikeRecovery, None) else { return Vec::new() };
    let Pattern::Open { spikes: Some(spikes), .. } = &load.pattern else { return Vec::new() };
    let told = |text: String| format!("target `{}`: `{}` in `{scope}` {text}", target.name, target.metric);
    let few = (of.values < 2.0 && target.metric.statistic == Some(Statistic::Max)).then(|| {
        let enough = sample_floor(0.5, 0.95);
        told(format!(
            "rests on one spike, which says little of the next\nhelp: {}, which show at 95 % how long half of all are felt",
            of.fix(&scope.phase, enough)
        ))
    });
    let calm = spikes.every.saturating_sub(spikes.lasting);
    let beyond = match target.bound {
        Bound::AtMost(limit) | Bound::Between(_, limit) => limit > calm.as_secs_f64(),
        Bound::AtLeast(_) => false,
    };
    let beyond = beyond.then(|| {
        told(format!(
            "allows more than the {} from the end of a spike to the next one, and what is not over by then counts as a miss\n\
             help: let `every` be longer",
            write_duration(calm)
        ))
    });
    let needed = sample_floor(0.5, 0.95);
    let before = before_the_first(plan, step, load, scope.endpoint.as_deref());
    let blind = before.filter(|before| *before < needed).map(|before| {
        told(format!(
            "has {} before the first spike, and it takes {needed} to know how long answers took\nhelp: let `every` be longer, or raise \
             the rate",
            show_count_of(before, "request"),
        ))
    });
    [few, beyond, blind].into_iter().flatten().collect()
}

/// Requests before the first spike beyond which nobody asks how many there are.
const ENOUGH: usize = 100;

/// The requests due before the first spike that count, of one endpoint or of the one of a step that has the fewest, counted no further
/// than it matters; `None` where there is no schedule.
fn before_the_first(plan: &Plan, step: &Step, load: &LoadStep, endpoint: Option<&str>) -> Option<u64> {
    let settled_ns = load.settle.as_nanos();
    let (first, _) = load.spikes().find(|(from, _)| *from >= load.settle)?;
    let names = load.traffic.iter().map(|traffic| plan.endpoints[traffic.endpoint].name.as_str());
    let each = names.filter(|name| endpoint.is_none_or(|endpoint| endpoint == *name)).map(|name| {
        let schedule = schedule::of_step(step, plan.seed)?;
        let before = schedule.zip(0..).take_while(|(at_ns, _)| u128::from(*at_ns) < first.as_nanos());
        let there = before.filter(|(at_ns, place)| {
            u128::from(*at_ns) >= settled_ns && goes_to(plan, load, *place).name == name
        });
        Some(there.take(ENOUGH).count() as u64)
    });
    each.collect::<Option<Vec<_>>>()?.into_iter().min()
}

/// The stages of a load of some length with spikes in place of what they cover.
pub(crate) fn lay_over(base: &[Stage], spikes: &Spikes, length: Duration) -> Vec<Stage> {
    let mut stages = Vec::new();
    let mut at = Duration::ZERO;
    for k in 1..=spikes.count(length) {
        let start = spikes.every.saturating_mul(k);
        stages.extend(between(base, at, start));
        stages.push(Stage { from: spikes.rate, to: spikes.rate, over: spikes.lasting });
        at = start.saturating_add(spikes.lasting);
    }
    stages.extend(between(base, at, length));
    stages
}

/// What the stages do between two moments.
fn between(base: &[Stage], begin: Duration, end: Duration) -> impl Iterator<Item = Stage> {
    let starts = base.iter().scan(Duration::ZERO, |next, stage| {
        let start = *next;
        *next = next.saturating_add(stage.over);
        Some((start, stage))
    });
    starts.filter_map(move |(start, stage)| {
        let from = begin.saturating_sub(start);
        let to = end.saturating_sub(start).min(stage.over);
        let over = to.checked_sub(from).filter(|over| !over.is_zero())?;
        Some(Stage { from: rate_at(stage, from), to: rate_at(stage, to), over })
    })
}

/// The rate of a stage some time after its start.
fn rate_at(stage: &Stage, at: Duration) -> f64 {
    if at == stage.over {
        // to the last digit, where the line below may miss it
        return stage.to;
    }
    stage.from + (stage.to - stage.from) * at.div_duration_f64(stage.over)
}
