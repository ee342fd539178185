//! Trials of a search: steps whose level is told while the run goes on, and the plan as it turned out.
//!
//! A search is planned as so many steps as it may take, each at the level that it has if every level before it holds, and expected to send
//! the most and to last the longest that it can. What it really was is told by [`as_run`], so that everything behind the engine
//! knows loads alone.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Expected, LoadStep, Pattern, Plan, PlannedTarget, ScopeKey, Step, Work,
    targets::share_that_carries,
    warnings::{CONFIDENCE, floor},
};
use crate::{
    config::{BROKEN, OPTIMUM, Scenario, Search, Sought, Stage, Until},
    stats::share_settles_at,
    units::seconds_to_duration,
};

/// The part of a step that settles where a search tries it and the phase says nothing.
pub(super) const SETTLES: f64 = 0.1;

/// How many more requests a trial gets than its targets need at least: arrivals vary, and some answers are bad.
const ROOM: f64 = 1.25;

/// What makes a step one of the trials of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trial {
    /// What is looked for.
    pub search: Search,
    /// What has to hold in it.
    pub criteria: Vec<Criterion>,
}

/// A target that decides whether a level holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Criterion {
    /// Index into [`Plan::targets`].
    pub target: usize,
    /// The endpoint that it is about; `None` for all of them together.
    pub endpoint: Option<String>,
}

/// A trial as it was run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tried {
    /// Index into [`Plan::steps`].
    pub step: usize,
    /// Its level.
    pub level: f64,
    /// How long requests were due in it.
    pub duration: Duration,
}

/// The load of every trial, and how long it lasts at least.
pub(super) fn loads(search: &Search) -> Vec<(Pattern, Option<Duration>)> {
    let growing = search.growing();
    let levels = growing.iter().copied().chain(std::iter::repeat(search.to));
    let trials = levels.take(search.trials() as usize);
    trials.map(|level| (pattern(search.over, level, search.step), Some(search.step))).collect()
}

fn pattern(over: Sought, level: f64, duration: Duration) -> Pattern {
    match over {
        Sought::Rate { arrivals } => Pattern::Open {
            arrivals,
            stages: vec![Stage { from: level, to: level, over: duration }],
            spikes: None,
            concurrency_limit: None,
        },
        Sought::Users => {
            Pattern::Closed { users: level as u32, ramp_up: Duration::ZERO, think_time: Duration::ZERO }
        }
    }
}

/// Tells every trial the targets that it goes by, and gives it the time that these need where its rate is known.
pub(super) fn aim(scenario: &Scenario, plan: &mut Plan) {
    for index in 0..plan.steps.len() {
        let phase = plan.steps[index].phase.clone();
        let Some(trial) = plan.steps[index].load().and_then(|load| load.trial.as_ref()) else { continue };
        let until = trial.search.until.clone();
        let goes_by = |(target, planned): &(usize, &PlannedTarget)| match &until {
            Until::Broken => false,
            Until::Named(names) => names.contains(&planned.name),
            Until::Targets => scenario.targets[*target].is_criterion(&phase, plan.platform.named),
        };
        let Some(load) = plan.steps[index].load() else { continue };
        let criteria = plan.targets.iter().enumerate().filter(goes_by).filter_map(|(target, planned)| {
            let endpoint = scenario.targets[target].endpoint.clone();
            // what no trial measures could never hold
            let carried = share_that_carries(planned.metric.metric, endpoint.as_deref(), load, plan) > 0.0;
            carried.then_some(Criterion { target, endpoint })
        });
        let criteria: Vec<Criterion> = criteria.collect();
        let Work::Load(load) = &mut plan.steps[index].work else { continue };
        if let Some(trial) = &mut load.trial {
            trial.criteria = criteria;
        }
        let load = load.clone();
        let level = load.level().unwrap_or_default();
        let rate = matches!(load.pattern, Pattern::Open { .. }).then_some(level);
        let duration = trial_length(plan, &load, rate, 1);
        plan.steps[index].work = Work::Load(load.at(level, duration));
    }
}

/// How long a trial lasts: so many times the step of its search, or what its targets need where more requests than come in a step at the
/// rate at which they come or are answered, where that is known.
pub fn trial_length(plan: &Plan, load: &LoadStep, rate: Option<f64>, times: u32) -> Duration {
    let Some(trial) = &load.trial else { return load.duration.unwrap_or_default() };
    let step = trial.search.step;
    let needs = trial.criteria.iter().filter_map(|criterion| {
        let target = plan.targets.get(criterion.target)?;
        let (least, _) = floor(target)?;
        let share = share_that_carries(target.metric.metric, criterion.endpoint.as_deref(), load, plan);
        (share > 0.0).then(|| least as f64 * ROOM / share)
    });
    let broken = (trial.search.until == Until::Broken).then(|| share_settles_at(0, 0, BROKEN, CONFIDENCE));
    let needs = needs.chain(broken.flatten().map(|least| least as f64 * ROOM)).fold(0.0, f64::max);
    let long = rate.filter(|rate| *rate > 0.0).and_then(|rate| seconds_to_duration(needs / rate));
    long.map_or(step, |long| step.max(long.saturating_add(load.settle))).saturating_mul(times)
}

impl LoadStep {
    /// Its level, where it is a trial: requests per second, or users.
    pub fn level(&self) -> Option<f64> {
        self.trial.as_ref()?;
        match &self.pattern {
            Pattern::Open { stages, .. } => stages.first().map(|stage| stage.from),
            Pattern::Closed { users, .. } => Some(f64::from(*users)),
            Pattern::Trace { .. } => None,
        }
    }

    /// A trial at a level, for so long.
    #[must_use]
    pub fn at(&self, level: f64, duration: Duration) -> Self {
        let over = self.trial.as_ref().map_or(Sought::Users, |trial| trial.search.over);
        Self { pattern: pattern(over, level, duration), duration: Some(duration), ..self.clone() }
    }
}

/// A step of a plan as the trial that it turned out to be, under the name of its level: `rate=8`, and `rate=8 #2` where that was tried
/// before.
pub fn tried(plan: &Plan, earlier: &[Tried], trial: Tried) -> Option<Step> {
    let step = plan.steps.get(trial.step)?;
    let load = step.load()?;
    let over = load.trial.as_ref()?.search.over;
    let same = |other: &&Tried| {
        plan.steps.get(other.step).is_some_and(|of| of.phase == step.phase)
            && other.level.total_cmp(&trial.level).is_eq()
    };
    let before = earlier.iter().filter(same).count();
    let mut name = format!("{}={}", over.name(), trial.level);
    if before > 0 {
        name = format!("{name} #{}", before + 1);
    }
    let expected = Expected {
        requests: match over {
            Sought::Rate { .. } => Some(trial.level * trial.duration.as_secs_f64()),
            Sought::Users => None,
        },
        duration_s: Some(trial.duration.as_secs_f64()),
        assumed: true,
        ..Expected::default()
    };
    Some(Step { name, work: Work::Load(load.at(trial.level, trial.duration)), expected, ..step.clone() })
}

/// A plan as it was run: its trials at the levels that they had, and none that the search did not need. Targets that name the
/// levels of a phase go by the new names.
pub fn as_run(plan: &Plan, trials: &[Tried]) -> Plan {
    let mut as_run = plan.clone();
    let mut names: BTreeMap<(String, String), Option<String>> = BTreeMap::new();
    for step in &mut as_run.steps {
        if step.load().is_none_or(|load| load.trial.is_none()) {
            continue;
        }
        let place = trials.iter().position(|trial| trial.step == step.id);
        let run = place.and_then(|place| tried(plan, &trials[..place], trials[place]));
        let old = (step.phase.clone(), step.name.clone());
        names.insert(old, run.as_ref().map(|run| run.name.clone()));
        match run {
            Some(run) => *step = run,
            None => step.work = Work::Spared,
        }
    }
    let renamed = |key: &ScopeKey| {
        let Some(step) = key.step.as_ref().filter(|step| *step != OPTIMUM) else { return Some(key.clone()) };
        match names.get(&(key.phase.clone(), step.clone())) {
            Some(name) => name.clone().map(|name| ScopeKey { step: Some(name), ..key.clone() }),
            None => Some(key.clone()),
        }
    };
    for target in &mut as_run.targets {
        target.scopes = target.scopes.iter().filter_map(renamed).collect();
        target.bounds = target.bounds.iter().filter_map(renamed).collect();
    }
    as_run
}
