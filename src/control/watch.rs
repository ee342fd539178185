//! Early abort: targets that end the run once there is no hope for them.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    metrics::{Carrier, Reading, counts_in, objectives_met, reading},
    plan::{LoadStep, Pattern, Plan, PlannedTarget, ScopeKey},
    record::{Abort, Diary, Event, Record},
    verdict::Evidence,
};

/// Shortest time between two looks at the evidence.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The targets of a plan that may end its run, with the evidence so far. Its size does not grow with the run.
///
/// A target is hopeless where it has failed in one of its scopes, by the counts that the verdict will use and beyond
/// the doubt that looking again and again brings. Once it has been so for as long as its `abort` says, and a step that
/// it is about is running, it ends the run.
#[derive(Debug)]
pub struct Watch {
    plan: Plan,
    targets: Vec<Watched>,
    /// The steps that are running, each with the first due time that counts.
    running: BTreeMap<usize, u64>,
    /// The time of the next look.
    next_ns: u64,
    /// Whether the run is ending already.
    over: bool,
}

/// A target that may end the run.
#[derive(Debug)]
struct Watched {
    target: PlannedTarget,
    after_ns: u64,
    scopes: Vec<Watching>,
    /// Since when there has been no hope.
    hopeless_ns: Option<u64>,
}

/// A target in one of its scopes.
#[derive(Debug)]
struct Watching {
    key: ScopeKey,
    /// The steps that it is about.
    steps: Vec<usize>,
    evidence: Evidence,
}

impl Watch {
    /// `None` where no target of the plan may end its run.
    pub fn new(plan: &Plan) -> Option<Self> {
        let targets: Vec<Watched> =
            plan.targets.iter().filter_map(|target| Watched::new(plan, target)).collect();
        (!targets.is_empty()).then(|| Self {
            plan: plan.clone(),
            targets,
            running: BTreeMap::new(),
            next_ns: 0,
            over: false,
        })
    }

    /// Takes an event; they must come in their order.
    pub fn observe(&mut self, event: &Event) {
        match event {
            Event::Diary(Diary::StepStarted { step, at_ns }) => {
                let Some(load) = self.plan.steps.get(*step).and_then(|step| step.load()) else { return };
                self.running.insert(*step, counts_from(load, *at_ns));
            }
            Event::Diary(Diary::StepEnded { step, .. }) => {
                self.running.remove(step);
            }
            Event::Diary(Diary::Stopping { .. }) => self.over = true,
            Event::Diary(_) => {}
            Event::Finished { record, chunks, .. } => self.count(record, chunks),
        }
    }

    fn count(&mut self, record: &Record, chunks: &[u64]) {
        let counts = self.running.get(&record.step_id).is_some_and(|from_ns| record.due_ns >= *from_ns);
        if !counts || self.over {
            return;
        }
        for watched in &mut self.targets {
            let value = value(&self.plan, &watched.target, record, chunks);
            let here = |watching: &&mut Watching| {
                let endpoint = watching.key.endpoint.as_ref();
                watching.steps.contains(&record.step_id)
                    && endpoint.is_none_or(|endpoint| *endpoint == record.endpoint)
            };
            for watching in watched.scopes.iter_mut().filter(here) {
                if let Some(value) = value {
                    watching.evidence.add(value);
                }
            }
        }
    }

    /// Looks at the evidence, where a look is due at this moment of the run. Gives the target that ends
    /// the run, once.
    pub fn look(&mut self, now_ns: u64) -> Option<Abort> {
        if self.over || now_ns < self.next_ns {
            return None;
        }
        self.next_ns = now_ns + LOOK_EVERY.as_nanos() as u64;
        let ended = self.targets.iter_mut().find_map(|watched| watched.look(now_ns, &self.running));
        self.over = ended.is_some();
        ended
    }
}

impl Watched {
    fn new(plan: &Plan, target: &PlannedTarget) -> Option<Self> {
        let after = target.abort?;
        let evidence = Evidence::new(target.metric, target.bound)?;
        let scopes = target.scopes.iter().map(|key| Watching {
            key: key.clone(),
            steps: plan
                .loads()
                .filter(|(step, _)| step.phase == key.phase)
                .filter(|(step, _)| key.step.as_ref().is_none_or(|name| *name == step.name))
                .map(|(step, _)| step.id)
                .collect(),
            evidence: evidence.clone(),
        });
        Some(Self {
            target: target.clone(),
            after_ns: after.as_nanos() as u64,
            scopes: scopes.collect(),
            hopeless_ns: None,
        })
    }

    fn look(&mut self, now_ns: u64, running: &BTreeMap<usize, u64>) -> Option<Abort> {
        let Some(failing) = self.scopes.iter().find(|watching| watching.evidence.is_hopeless()) else {
            self.hopeless_ns = None;
            return None;
        };
        let since_ns = *self.hopeless_ns.get_or_insert(now_ns);
        let concerned =
            self.scopes.iter().any(|watching| watching.steps.iter().any(|step| running.contains_key(step)));
        if !concerned || now_ns.saturating_sub(since_ns) < self.after_ns {
            return None;
        }
        let (requests, beyond) = failing.evidence.counts();
        Some(Abort {
            at_ns: now_ns,
            target: self.target.name.clone(),
            scope: failing.key.clone(),
            since_ns,
            requests,
            beyond,
        })
    }
}

/// The first due time that counts: the window of a closed loop by count opens with its last user.
fn counts_from(load: &LoadStep, started_ns: u64) -> u64 {
    match load.pattern {
        Pattern::Closed { users, ramp_up, .. } if load.requests.is_some() && users > 0 => {
            started_ns + ramp_up.mul_f64(f64::from(users - 1) / f64::from(users)).as_nanos() as u64
        }
        _ => started_ns,
    }
}

/// What a request adds to the evidence on a target; `None` where it has no part in it.
fn value(plan: &Plan, target: &PlannedTarget, record: &Record, chunks: &[u64]) -> Option<f64> {
    let metric = target.metric.metric;
    let share = |counts: bool| if counts { 1.0 } else { 0.0 };
    if metric.needs_objectives() {
        return objectives_met(&plan.objectives, record, chunks).map(share);
    }
    if let Some(counts) = counts_in(metric) {
        return Some(share(counts(record.outcome)));
    }
    let endpoint = plan.endpoints.iter().find(|endpoint| endpoint.name == record.endpoint)?;
    let load = plan.steps.get(record.step_id)?.load()?;
    match reading(metric, record, Carrier::of(plan, endpoint, load))? {
        Reading::Value(value) => Some(value),
        Reading::Failed => Some(metric.worst()),
    }
}

#[cfg(test)]
mod tests;
