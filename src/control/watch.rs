//! Early abort: targets that end the run once there is no hope for them.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    catalog::Metric,
    metrics::{Reading, certain, counts_in, objectives_met, reading},
    plan::{LoadStep, Pattern, Plan, PlannedTarget, ScopeKey},
    record::{Abort, Diary, Event, Pending, Record},
    verdict::Evidence,
};

/// Shortest time between two looks at the evidence.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What has arrived may have to wait so long until it is read, in nanoseconds. The age of a request counts from then on,
/// so that a client that is busy takes no answer for late.
const UNREAD_NS: u64 = 1_000_000_000;

/// The targets of a plan that may end its run, with the evidence so far. Its size does not grow with the run.
///
/// A target is hopeless where it has failed in one of its scopes, even if everything in flight turns out as well as its
/// age allows, and beyond the doubt that looking again and again brings. Once it has been so for as long as its `abort` says, and a step that
/// it is about is running, it ends the run.
#[derive(Debug)]
pub(super) struct Watch {
    plan: Plan,
    targets: Vec<Watched>,
    running: BTreeMap<usize, Running>,
    /// The time of the next look.
    next_ns: u64,
    /// Whether the run is ending already.
    over: bool,
}

/// A step that is running.
#[derive(Debug)]
struct Running {
    /// The first due time that counts.
    from_ns: u64,
    first_seq: u64,
    /// Requests issued, as far as is known: the diary says it now and then, and each number proves those before it.
    issued: u64,
    finished: u64,
    /// When somebody last looked at what is in flight.
    seen_ns: u64,
    /// What was in flight then and has not ended since, by number.
    pending: BTreeMap<u64, Pending>,
}

impl Running {
    fn finished(&mut self, seq: u64) {
        self.finished += 1;
        self.pending.remove(&seq);
        self.was_issued(seq);
    }

    fn was_issued(&mut self, seq: u64) {
        self.issued = self.issued.max((seq + 1).saturating_sub(self.first_seq));
    }

    fn see(&mut self, at_ns: u64, requests: &[Pending]) {
        self.seen_ns = at_ns;
        self.pending = requests.iter().map(|pending| (pending.seq, *pending)).collect();
        if let Some(last) = self.pending.last_key_value().map(|(seq, _)| *seq) {
            self.was_issued(last);
        }
    }

    fn in_flight(&self) -> u64 {
        self.issued.saturating_sub(self.finished)
    }
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

impl Watching {
    /// The evidence with what the age of requests adds to it, and how many others are in flight: they may still turn out
    /// well. What waits for a place under the plan's `concurrency_limit` is neither, unless it has waited too long.
    fn weigh(
        &self,
        plan: &Plan,
        target: &PlannedTarget,
        running: &BTreeMap<usize, Running>,
    ) -> (Evidence, u64) {
        let mut evidence = self.evidence.clone();
        let mut unfinished = 0;
        for (step, running) in self.steps.iter().filter_map(|step| Some((*step, running.get(step)?))) {
            let mut in_flight = running.in_flight();
            for pending in running.pending.values() {
                let at_ns = running.seen_ns.saturating_sub(UNREAD_NS);
                let value = || least(plan, target.metric.metric, step, pending, at_ns);
                let counts = pending.due_ns >= running.from_ns && self.is_about(plan, pending.endpoint);
                let value = if counts { value() } else { None };
                if let Some(value) = value {
                    evidence.add_at_least(value);
                }
                if value.is_some() || !counts || pending.begun_ns.is_none() {
                    in_flight = in_flight.saturating_sub(1);
                }
            }
            unfinished += in_flight;
        }
        (evidence, unfinished)
    }

    fn is_about(&self, plan: &Plan, endpoint: usize) -> bool {
        let name = plan.endpoints.get(endpoint).map(|endpoint| endpoint.name.as_str());
        self.key.endpoint.as_deref().is_none_or(|own| Some(own) == name)
    }
}

impl Watch {
    /// `None` where no target of the plan may end its run.
    pub(super) fn new(plan: &Plan) -> Option<Self> {
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
    pub(super) fn observe(&mut self, event: &Event) {
        match event {
            Event::Diary(Diary::StepStarted { step, at_ns }) => {
                let Some(load) = self.plan.steps.get(*step).and_then(|step| step.load()) else { return };
                let (from_ns, first_seq) = (counts_from(load, *at_ns), load.first_seq);
                let running = Running {
                    from_ns,
                    first_seq,
                    issued: 0,
                    finished: 0,
                    seen_ns: 0,
                    pending: BTreeMap::new(),
                };
                self.running.insert(*step, running);
            }
            Event::Diary(Diary::Issued { step, issued, .. }) => {
                if let Some(running) = self.running.get_mut(step) {
                    running.issued = running.issued.max(*issued);
                }
            }
            Event::Diary(Diary::StepEnded { step, .. }) => {
                self.running.remove(step);
            }
            Event::Diary(Diary::Stopping { .. }) => self.over = true,
            Event::Diary(_) | Event::Telemetry(_) => {}
            Event::Finished { record, chunks, .. } => self.count(record, &chunks.at_ns),
            Event::Pending { step, at_ns, requests } => {
                if let Some(running) = self.running.get_mut(step) {
                    running.see(*at_ns, requests);
                }
            }
        }
    }

    fn count(&mut self, record: &Record, chunks: &[u64]) {
        let Some(running) = self.running.get_mut(&record.step_id) else { return };
        running.finished(record.seq);
        if record.due_ns < running.from_ns || self.over {
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
    pub(super) fn look(&mut self, now_ns: u64) -> Option<Abort> {
        if self.over || now_ns < self.next_ns {
            return None;
        }
        self.next_ns = now_ns + LOOK_EVERY.as_nanos() as u64;
        let ended =
            self.targets.iter_mut().find_map(|watched| watched.look(now_ns, &self.plan, &self.running));
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

    fn look(&mut self, now_ns: u64, plan: &Plan, running: &BTreeMap<usize, Running>) -> Option<Abort> {
        let failing = self.scopes.iter().find_map(|watching| {
            let (evidence, unfinished) = watching.weigh(plan, &self.target, running);
            evidence.is_hopeless(unfinished).then(|| (&watching.key, evidence.counts(unfinished)))
        });
        let Some((scope, (requests, beyond))) = failing else {
            self.hopeless_ns = None;
            return None;
        };
        let since_ns = *self.hopeless_ns.get_or_insert(now_ns);
        let concerned =
            self.scopes.iter().any(|watching| watching.steps.iter().any(|step| running.contains_key(step)));
        if !concerned || now_ns.saturating_sub(since_ns) < self.after_ns {
            return None;
        }
        Some(Abort {
            at_ns: now_ns,
            target: self.target.name.clone(),
            scope: scope.clone(),
            since_ns,
            requests,
            beyond,
        })
    }
}

/// The first due time that counts: what settles does not, and the window of a closed loop by count opens with its last user.
pub(super) fn counts_from(load: &LoadStep, started_ns: u64) -> u64 {
    let settled_ns = started_ns + load.settle.as_nanos() as u64;
    settled_ns.max(match load.pattern {
        Pattern::Closed { users, ramp_up, .. } if load.requests.is_some() && users > 0 => {
            started_ns + ramp_up.mul_f64(f64::from(users - 1) / f64::from(users)).as_nanos() as u64
        }
        _ => started_ns,
    })
}

/// What a request that has not ended will add at least; `None` where that is not certain yet.
fn least(plan: &Plan, metric: Metric, step: usize, pending: &Pending, at_ns: u64) -> Option<f64> {
    let endpoint = plan.endpoints.get(pending.endpoint)?;
    let load = plan.steps.get(step)?.load()?;
    certain(metric, pending, at_ns, plan.carrier(endpoint, load), &endpoint.objectives)
}

/// What a request adds to the evidence on a target; `None` where it has no part in it.
fn value(plan: &Plan, target: &PlannedTarget, record: &Record, chunks: &[u64]) -> Option<f64> {
    let metric = target.metric.metric;
    let share = |counts: bool| if counts { 1.0 } else { 0.0 };
    if let Some(counts) = counts_in(metric) {
        return Some(share(counts(record.outcome)));
    }
    let endpoint = plan.endpoints.iter().find(|endpoint| endpoint.name == record.endpoint)?;
    if metric.needs_objectives() {
        return objectives_met(plan.objectives_of(endpoint), record, chunks).map(share);
    }
    let load = plan.steps.get(record.step_id)?.load()?;
    match reading(metric, record, plan.carrier(endpoint, load))? {
        Reading::Value(value) => Some(value),
        Reading::Failed => Some(metric.worst()),
    }
}

#[cfg(test)]
mod tests;
