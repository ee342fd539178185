//! Alerts: what is looked at over sliding windows while a run goes on, and told when it has been beyond its limit for long enough.
//!
//! They judge nothing: a window that is looked at again and again is beyond any limit now and then.

mod readings;
mod requests;
mod ring;
mod state;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use self::{
    readings::{Readings, Usual},
    requests::{Adds, Requests},
    state::{Change, State},
};
use super::watch::counts_from;
use crate::{
    catalog::Metric,
    config::Beyond,
    metrics::{Reading, counts_in, objectives_met, reading},
    plan::{LoadStep, Pattern, Plan, PlannedAlert, ScopeKey, Step, Trigger, Work, changes_by_plan},
    record::{Alert, AlertState, Diary, Event, Record, SensorKind, Subject, Telemetry},
};

/// Shortest time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The alerts of a plan, with what they look at. Its size does not grow with the run.
#[derive(Debug)]
pub(super) struct Alerts {
    plan: Plan,
    watched: Vec<Watched>,
    /// The loads that run.
    loads: Vec<Running>,
    /// The time of the next look.
    next_ns: u64,
    /// The end of the run, once it was told.
    ended_ns: Option<u64>,
    /// Whether that was: what is not read any more from there on has not ended by itself.
    over: bool,
    told: Vec<Alert>,
}

/// One alert, wherever it is watched.
#[derive(Debug)]
struct Watched {
    alert: PlannedAlert,
    /// When it last fired.
    fired_ns: Option<u64>,
    places: Vec<Place>,
}

/// An alert in one of its places, with a state of its own.
#[derive(Debug)]
struct Place {
    /// The phase, as it is planned; `None` for the whole run.
    scope: Option<ScopeKey>,
    /// The steps that the scope is about.
    steps: Vec<usize>,
    /// The one of them that runs.
    running: Option<Running>,
    look: Look,
    state: State,
}

/// A step that runs.
#[derive(Debug, Clone, Copy)]
struct Running {
    step: usize,
    /// When its arrivals stop, as far as is known: what leaves then says nothing of its speed.
    until_ns: u64,
}

/// What is looked at.
#[derive(Debug)]
enum Look {
    /// Requests of the step that runs.
    Requests(Option<Requests>),
    /// What is read, and for what is unusual what it usually is.
    Readings(Readings, Usual),
    /// What has been there, of which only an end is seen, and what has ended and when.
    Servers { there: BTreeSet<Subject>, gone: BTreeMap<Subject, u64> },
}

/// What a look has seen.
struct Seen {
    value: f64,
    subject: Option<Subject>,
    is: Beyond,
}

impl Alerts {
    /// `None` where nothing is watched.
    pub(super) fn new(plan: &Plan) -> Option<Self> {
        let watched: Vec<Watched> = plan.alerts.iter().map(|alert| Watched::new(plan, alert)).collect();
        (!watched.is_empty()).then(|| Self {
            plan: plan.clone(),
            watched,
            loads: Vec::new(),
            next_ns: 0,
            ended_ns: None,
            over: false,
            told: Vec::new(),
        })
    }

    /// Takes an event; they must come in their order.
    pub(super) fn observe(&mut self, event: &Event) {
        match event {
            Event::Finished { record, chunks, .. } => self.count(record, &chunks.at_ns),
            Event::Telemetry(line) => self.read(line),
            Event::Diary(Diary::StepStarted { step, at_ns }) => {
                let Some(planned) = self.plan.steps.get(*step) else { return };
                if planned.load().is_some() {
                    self.loads.push(Running::of(planned, *at_ns));
                }
                for watched in &mut self.watched {
                    watched.begin(planned, *at_ns);
                }
            }
            Event::Diary(Diary::Issued { step, at_ns, issued, .. }) => {
                let whole = self.plan.steps.get(*step).and_then(|step| step.load()?.requests);
                if whole.is_some_and(|requests| *issued >= requests) {
                    self.stop_arrivals(|running| running.step == *step, *at_ns);
                }
            }
            Event::Diary(Diary::StepEnded { step, at_ns, .. }) => {
                self.loads.retain(|running| running.step != *step);
                // what runs beside it ends its arrivals with it
                let Self { plan, watched, loads, told, .. } = self;
                let beside = |running: &Running| {
                    plan.steps.get(running.step).and_then(|step| step.load()?.until) == Some(*step)
                };
                stop_arrivals(watched, loads, beside, *at_ns);
                for watched in watched {
                    told.extend(watched.end_step(*step, *at_ns, plan));
                }
            }
            Event::Diary(Diary::Stopping { at_ns, .. }) => self.stop_arrivals(|_| true, *at_ns),
            Event::Diary(Diary::ServiceEnded(ended)) if !ended.asked => {
                let why = format!("service `{}` {}", ended.service, ended.how());
                let service = self.plan.services.iter().position(|service| service.name == ended.service);
                let served =
                    self.plan.endpoints.iter().filter(|of| service.is_some() && of.service == service);
                let endpoints: Vec<&str> = served.map(|endpoint| endpoint.name.as_str()).collect();
                for watched in &mut self.watched {
                    self.told.extend(watched.service_crashed(ended.at_ns, &endpoints, why.clone()));
                }
            }
            Event::Diary(Diary::RunEnded { at_ns }) => (self.ended_ns, self.over) = (Some(*at_ns), true),
            Event::Diary(_) | Event::Pending { .. } => {}
        }
    }

    fn stop_arrivals(&mut self, of: impl Fn(&Running) -> bool, at_ns: u64) {
        stop_arrivals(&mut self.watched, &mut self.loads, of, at_ns);
    }

    /// Whether every load that runs is and will be what it was: what is read beside one that changes by plan, or of which only the last
    /// answers come in, is always unlike before.
    fn is_even(&self, now_ns: u64) -> bool {
        self.loads.iter().all(|running| {
            let load = self.plan.steps.get(running.step).and_then(Step::load);
            now_ns < running.until_ns && !load.is_some_and(changes_by_plan)
        })
    }

    fn count(&mut self, record: &Record, chunks: &[u64]) {
        for watched in &mut self.watched {
            let Some(metric) = watched.alert.trigger.metric() else { continue };
            for place in &mut watched.places {
                let Look::Requests(Some(requests)) = &mut place.look else { continue };
                let here = place.running.is_some_and(|running| running.step == record.step_id);
                let of = place.scope.as_ref().and_then(|scope| scope.endpoint.as_ref());
                if !here || of.is_some_and(|endpoint| *endpoint != record.endpoint) {
                    continue;
                }
                add(&self.plan, metric.metric, record, chunks, &mut |adds| {
                    requests.add(record.due_ns, record.end_ns, adds);
                });
            }
        }
    }

    fn read(&mut self, line: &Telemetry) {
        match line {
            Telemetry::Sample(sample) => {
                for watched in &mut self.watched {
                    watched.read(sample);
                }
            }
            Telemetry::Missing { at_ns, sensor: SensorKind::Process, subject, why } if !self.over => {
                for watched in &mut self.watched {
                    let why = format!("the {subject} is gone: {why}");
                    self.told.extend(watched.process_crashed(*at_ns, subject, why));
                }
            }
            Telemetry::Started { .. }
            | Telemetry::Missing { .. }
            | Telemetry::Found { .. }
            | Telemetry::Cost { .. } => {}
        }
    }

    /// What there is to tell at this moment of the run.
    pub(super) fn look(&mut self, now_ns: u64) -> Vec<Alert> {
        let mut told = std::mem::take(&mut self.told);
        if let Some(ended_ns) = self.ended_ns.take() {
            // nothing is looked at any more
            self.next_ns = u64::MAX;
            for watched in &mut self.watched {
                told.extend(watched.end(ended_ns, &self.plan));
            }
        }
        if now_ns < self.next_ns {
            return told;
        }
        self.next_ns = now_ns + LOOK_EVERY.as_nanos() as u64;
        let even = self.is_even(now_ns);
        for watched in &mut self.watched {
            watched.look(now_ns, &self.plan, even, &mut told);
        }
        told
    }
}

fn stop_arrivals(alerts: &mut [Watched], loads: &mut [Running], of: impl Fn(&Running) -> bool, at_ns: u64) {
    let places = alerts.iter_mut().flat_map(|watched| &mut watched.places);
    let in_places = places.filter_map(|place| place.running.as_mut());
    for running in in_places.chain(loads).filter(|running| of(running)) {
        running.until_ns = running.until_ns.min(at_ns);
    }
}

impl Running {
    fn of(step: &Step, started_ns: u64) -> Self {
        let length_ns = step.load().and_then(|load| load.duration).map(|time| time.as_nanos() as u64);
        Self { step: step.id, until_ns: length_ns.map_or(u64::MAX, |length_ns| started_ns + length_ns) }
    }
}

impl Watched {
    fn new(plan: &Plan, alert: &PlannedAlert) -> Self {
        let window_ns = alert.window.as_nanos() as u64;
        let look = || match alert.trigger.metric() {
            None => Look::Servers { there: BTreeSet::new(), gone: BTreeMap::new() },
            Some(metric) => match metric.metric.quantity() {
                Some(quantity) => {
                    Look::Readings(Readings::new(quantity, metric.statistic, window_ns), Usual::default())
                }
                None => Look::Requests(None),
            },
        };
        let place = |scope: Option<&ScopeKey>| Place {
            scope: scope.cloned(),
            steps: scope.map(|scope| steps_of(plan, scope)).unwrap_or_default(),
            running: None,
            look: look(),
            state: State::Quiet,
        };
        let places = match alert.scopes.as_slice() {
            [] => vec![place(None)],
            scopes => scopes.iter().map(|scope| place(Some(scope))).collect(),
        };
        Self { alert: alert.clone(), fired_ns: None, places }
    }

    fn begin(&mut self, step: &Step, at_ns: u64) {
        let window_ns = self.alert.window.as_nanos() as u64;
        for place in &mut self.places {
            if let Look::Readings(_, usual) = &mut place.look {
                usual.forget();
            }
            if !place.steps.contains(&step.id) {
                continue;
            }
            place.running = Some(Running::of(step, at_ns));
            match (&mut place.look, self.alert.trigger.metric()) {
                (Look::Requests(requests), Some(metric)) => {
                    let from_ns = step.load().map_or(at_ns, |load| speed_from(load, at_ns));
                    *requests = Some(Requests::new(metric, window_ns, from_ns));
                }
                (Look::Readings(readings, _), Some(metric)) => {
                    if let Some(quantity) = metric.metric.quantity() {
                        *readings = Readings::new(quantity, metric.statistic, window_ns);
                    }
                }
                _ => {}
            }
        }
    }

    fn end_step(&mut self, step: usize, at_ns: u64, plan: &Plan) -> Vec<Alert> {
        let alert = &self.alert;
        let mut told = Vec::new();
        for place in &mut self.places {
            if let Look::Readings(_, usual) = &mut place.look {
                usual.forget();
                // what was unusual in a step is told no more behind it
                if matches!(alert.trigger, Trigger::Unusual(_)) {
                    told.extend(place.end(alert, at_ns, plan));
                }
            }
            if place.running.is_some_and(|running| running.step == step) {
                told.extend(place.end(alert, at_ns, plan));
                place.running = None;
                if let Look::Requests(requests) = &mut place.look {
                    *requests = None;
                }
            }
        }
        told
    }

    fn end(&mut self, at_ns: u64, plan: &Plan) -> Vec<Alert> {
        let alert = &self.alert;
        self.places.iter_mut().filter_map(|place| place.end(alert, at_ns, plan)).collect()
    }

    fn read(&mut self, sample: &crate::record::Sample) {
        let endpoint = self.alert.endpoint.as_deref();
        let is_of = |subject: &Subject| endpoint.is_none_or(|endpoint| subject.serves(endpoint));
        for place in &mut self.places {
            match &mut place.look {
                Look::Servers { there, gone } if sample.sensor == SensorKind::Process => {
                    // it may have come back, and end again
                    if gone.get(&sample.subject).is_some_and(|gone_ns| sample.at_ns > *gone_ns) {
                        gone.remove(&sample.subject);
                    }
                    if !there.contains(&sample.subject) {
                        there.insert(sample.subject.clone());
                    }
                }
                Look::Readings(readings, _) => {
                    let watched = place.scope.is_none() || place.running.is_some();
                    if watched && is_of(&sample.subject) {
                        readings.add(sample);
                    }
                }
                Look::Servers { .. } | Look::Requests(_) => {}
            }
        }
    }

    /// A server whose process was followed and ended; each is told once, however soon behind another.
    fn process_crashed(&mut self, at_ns: u64, subject: &Subject, why: String) -> Option<Alert> {
        let Look::Servers { there, gone } = &mut self.places.first_mut()?.look else { return None };
        let is_new = there.contains(subject) && gone.insert(subject.clone(), at_ns).is_none();
        is_new.then(|| self.crash(at_ns, Some(subject), why))
    }

    /// A service that ended, with the endpoints that it served: that its process is gone, too, is the same crash.
    fn service_crashed(&mut self, at_ns: u64, endpoints: &[&str], why: String) -> Option<Alert> {
        let Look::Servers { there, gone } = &mut self.places.first_mut()?.look else { return None };
        let of_service = |subject: &&Subject| endpoints.iter().any(|endpoint| subject.serves(endpoint));
        let is_known = gone.keys().any(|subject| of_service(&subject));
        gone.extend(there.iter().filter(of_service).map(|subject| (subject.clone(), at_ns)));
        (!is_known).then(|| self.crash(at_ns, None, why))
    }

    fn crash(&self, at_ns: u64, subject: Option<&Subject>, why: String) -> Alert {
        Alert {
            alert: self.alert.name.clone(),
            state: AlertState::Firing,
            at_ns,
            since_ns: at_ns,
            severity: self.alert.severity,
            metric: None,
            value: None,
            threshold: None,
            worst: None,
            scope: None,
            subject: subject.cloned(),
            why: Some(why),
        }
    }

    /// Looks at every place; `even` is whether every load is what it was.
    fn look(&mut self, now_ns: u64, plan: &Plan, even: bool, told: &mut Vec<Alert>) {
        let alert = &self.alert;
        let (hold_ns, cooldown_ns) = (alert.hold.as_nanos() as u64, alert.cooldown.as_nanos() as u64);
        for place in &mut self.places {
            let Some(metric) = alert.trigger.metric() else { continue };
            let seen = place.see(alert, now_ns, even);
            let rested = self.fired_ns.is_none_or(|fired_ns| now_ns >= fired_ns + cooldown_ns);
            let is = seen.as_ref().map_or(Beyond::Above(0.0), |seen| seen.is);
            let held = seen.as_ref().map(|seen| (seen.value, seen.is.holds(seen.value)));
            let Some(change) = place.state.see(now_ns, held, is, hold_ns, rested) else { continue };
            let (state, since_ns, worst) = match change {
                Change::Fires(since_ns) => {
                    self.fired_ns = Some(now_ns);
                    (AlertState::Firing, since_ns, None)
                }
                Change::Clears(since_ns, worst) => (AlertState::Cleared, since_ns, finite(worst)),
            };
            let seen = seen.as_ref();
            told.push(Alert {
                alert: alert.name.clone(),
                state,
                at_ns: now_ns,
                since_ns,
                severity: alert.severity,
                metric: Some(metric),
                value: seen.and_then(|seen| finite(seen.value)),
                threshold: seen.map(|seen| seen.is.limit(seen.value)),
                worst,
                scope: place.told_scope(plan),
                subject: seen.and_then(|seen| seen.subject.clone()),
                why: None,
            });
        }
    }
}

/// JSON knows no infinity.
fn finite(value: f64) -> Option<f64> {
    Some(value).filter(|value| value.is_finite())
}

impl Place {
    /// What is to be seen now; `None` where too little is.
    fn see(&mut self, alert: &PlannedAlert, now_ns: u64, even: bool) -> Option<Seen> {
        if self.scope.is_some() && self.running.is_none() {
            return None;
        }
        let limit = match alert.trigger {
            Trigger::Limit(condition) => condition.is,
            Trigger::Unusual(_) | Trigger::Crash => Beyond::Above(f64::INFINITY),
        };
        match &mut self.look {
            Look::Servers { .. } => None,
            Look::Requests(requests) => {
                let running = self.running?;
                // the speed of what drains is not that of the load
                let rate = alert.trigger.metric().is_some_and(|of| is_rate(of.metric));
                if rate && now_ns >= running.until_ns {
                    return None;
                }
                let value = requests.as_mut()?.value(now_ns, limit)?;
                Some(Seen { value, subject: None, is: limit })
            }
            Look::Readings(readings, usual) => {
                let (value, subject) = readings.value(now_ns, limit)?;
                if !matches!(alert.trigger, Trigger::Unusual(_)) {
                    return Some(Seen { value, subject, is: limit });
                }
                if !even {
                    return None;
                }
                let window_ns = alert.window.as_nanos() as u64;
                let range = usual.range(now_ns, window_ns);
                // what is unusual does not become usual by lasting
                if !range.is_some_and(|range| range.holds(value)) {
                    usual.add(now_ns, window_ns, value);
                }
                Some(Seen { value, subject, is: range? })
            }
        }
    }

    /// Ends it where what it is about has ended.
    fn end(&mut self, alert: &PlannedAlert, at_ns: u64, plan: &Plan) -> Option<Alert> {
        let Change::Clears(since_ns, worst) = self.state.end()? else { return None };
        Some(Alert {
            alert: alert.name.clone(),
            state: AlertState::Ended,
            at_ns,
            since_ns,
            severity: alert.severity,
            metric: alert.trigger.metric(),
            value: None,
            threshold: None,
            worst: finite(worst),
            scope: self.told_scope(plan),
            subject: None,
            why: None,
        })
    }

    /// Where it is: its phase, with the level that runs.
    fn told_scope(&self, plan: &Plan) -> Option<ScopeKey> {
        let mut scope = self.scope.clone()?;
        let step = self.running.and_then(|running| plan.steps.get(running.step));
        if let Some(step) = step
            && step.load().is_some_and(|load| load.explores)
        {
            scope.step = Some(step.name.clone());
        }
        Some(scope)
    }
}

/// The steps that a scope is about.
fn steps_of(plan: &Plan, scope: &ScopeKey) -> Vec<usize> {
    let steps = plan.steps.iter().filter(|step| {
        let is_a_level = step.load().is_some_and(|load| load.explores);
        let named = scope.step.as_ref().is_none_or(|name| !is_a_level || *name == step.name);
        step.phase == scope.phase && named && !matches!(step.work, Work::Ready { .. } | Work::Spared)
    });
    steps.map(|step| step.id).collect()
}

/// From when on what a step does counts: when all of its users are at work.
fn speed_from(load: &LoadStep, started_ns: u64) -> u64 {
    let ramp_ns = match load.pattern {
        Pattern::Closed { ramp_up, .. } => ramp_up.as_nanos() as u64,
        Pattern::Open { .. } | Pattern::Trace { .. } => 0,
    };
    counts_from(load, started_ns).max(started_ns + ramp_ns)
}

fn is_rate(metric: Metric) -> bool {
    matches!(metric, Metric::OutputTokensPerSecond | Metric::RequestsPerSecond | Metric::Goodput)
}

/// What a request adds to a metric.
fn add(plan: &Plan, metric: Metric, record: &Record, chunks: &[u64], take: &mut dyn FnMut(Adds)) {
    if let Some(counts) = counts_in(metric) {
        return take(Adds::Counts(counts(record.outcome)));
    }
    let ok = !record.outcome.failed();
    match metric {
        Metric::OutputTokensPerSecond => {
            // nothing is known of its tokens before its end
            return take(Adds::Amount(record.output_tokens.unwrap_or(0) as f64));
        }
        Metric::RequestsPerSecond => return take(Adds::Amount(if ok { 1.0 } else { 0.0 })),
        _ => {}
    }
    let Some(endpoint) = plan.endpoints.iter().find(|endpoint| endpoint.name == record.endpoint) else {
        return;
    };
    if metric.needs_objectives() {
        let Some(met) = objectives_met(plan.objectives_of(endpoint), record, chunks) else { return };
        return take(match metric {
            Metric::Goodput => Adds::Amount(if met { 1.0 } else { 0.0 }),
            _ => Adds::Counts(met),
        });
    }
    let Some(load) = plan.steps.get(record.step_id).and_then(Step::load) else { return };
    let carrier = plan.carrier(endpoint, load);
    let metric = match metric {
        // spikes of latency are told by it
        Metric::SpikeRate | Metric::SpikeRateMad if !ok => return,
        Metric::SpikeRate | Metric::SpikeRateMad => Metric::E2e,
        Metric::Itl if ok && metric.is_carried_by(carrier) => {
            let gaps = chunks.windows(2).map(|pair| pair[1].saturating_sub(pair[0]) as f64 / 1e9);
            return gaps.for_each(|gap| take(Adds::Value(gap)));
        }
        other => other,
    };
    match reading(metric, record, carrier) {
        Some(Reading::Value(value)) => take(Adds::Value(value)),
        Some(Reading::Failed) => take(Adds::Failed),
        None => {}
    }
}

#[cfg(test)]
mod tests;
