//! The state of a run in one line.

use std::time::Duration;

use super::{readings::Readings, window::Window};
use crate::{
    metrics::Stop,
    plan::{LoadStep, Pattern, Plan, ScopeKey, Step, Tried, Work, tried},
    record::{Alert, AlertState, Diary, Event, Record, Telemetry},
    units,
};

/// Follows the events of a run and says how it goes.
#[derive(Debug)]
pub struct Progress {
    steps: Vec<Planned>,
    /// The plan, where it has steps whose level is told on the way, and those that were told.
    plan: Option<Plan>,
    tried: Vec<Tried>,
    /// The steps under way that send or pause, in the order in which they started.
    running: Vec<Running>,
    window: Window,
    /// Alerts that fire, each with its place.
    firing: Vec<(String, Option<ScopeKey>)>,
    stop: Option<Stop>,
    /// What was read last, where nothing is sent and that is all there is.
    readings: Option<Readings>,
}

/// What the plan says of a step.
#[derive(Debug)]
struct Planned {
    phase: String,
    name: String,
    /// The steps that must end first.
    after: Vec<usize>,
    /// Whether it ends with a step beside it.
    guest: bool,
    does: Does,
    users: Option<u32>,
    requests: Option<u64>,
    duration: Option<Duration>,
    /// How long the step should take, where the plan knows.
    expected_s: Option<f64>,
    started: bool,
    ended: bool,
}

/// What a step does, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    /// It waits for servers, for who knows how long, before the run's time begins.
    Wait,
    Send,
    Pause,
    Watch,
}

/// A step under way.
#[derive(Debug)]
struct Running {
    step: usize,
    since_ns: u64,
    issued: u64,
    in_flight: u64,
    users: u32,
    finished: u64,
    failed: u64,
}

impl Planned {
    fn of(step: &Step) -> Self {
        let (does, users, requests, duration) = match &step.work {
            Work::Ready { .. } | Work::Spared => (Does::Wait, None, None, None),
            Work::Load(load) => (Does::Send, users(load), load.requests, length(load)),
            Work::Pause { duration } => (Does::Pause, None, None, Some(*duration)),
            Work::Watch { duration } => (Does::Watch, None, None, *duration),
        };
        Self {
            phase: step.phase.clone(),
            name: step.name.clone(),
            after: step.after.clone(),
            guest: step.load().is_some_and(|load| load.until.is_some()),
            does,
            users,
            requests,
            duration,
            expected_s: step.expected.duration_s,
            started: false,
            ended: false,
        }
    }
}

impl Progress {
    /// The state before anything happened.
    pub fn new(plan: &Plan) -> Self {
        let steps = plan.steps.iter().map(Planned::of).collect();
        let readings = plan.watches().then(|| Readings::new(plan.monitoring.interval));
        let searches = plan.loads().any(|(_, load)| load.trial.is_some());
        let plan = searches.then(|| plan.clone());
        let (tried, running, window) = (Vec::new(), Vec::new(), Window::new(0));
        Self { steps, plan, tried, running, window, firing: Vec::new(), stop: None, readings }
    }

    /// Takes an event.
    pub fn observe(&mut self, event: &Event) {
        match event {
            Event::Finished { record, .. } => self.finished(record),
            Event::Diary(Diary::StepStarted { step, at_ns }) => self.started(*step, *at_ns),
            Event::Diary(Diary::Issued { step, issued, in_flight, users, .. }) => {
                if let Some(running) = self.running.iter_mut().find(|running| running.step == *step) {
                    (running.issued, running.in_flight, running.users) = (*issued, *in_flight, *users);
                }
            }
            Event::Diary(Diary::StepEnded { step, .. }) => {
                self.running.retain(|running| running.step != *step);
                if let Some(planned) = self.steps.get_mut(*step) {
                    planned.ended = true;
                }
            }
            Event::Diary(Diary::Trial { step, level, duration_ns, .. }) => {
                let trial =
                    Tried { step: *step, level: *level, duration: Duration::from_nanos(*duration_ns) };
                let named = self.plan.as_ref().and_then(|plan| tried(plan, &self.tried, trial));
                self.tried.push(trial);
                if let (Some(planned), Some(named)) = (self.steps.get_mut(*step), named) {
                    *planned = Planned::of(&named);
                }
            }
            Event::Diary(Diary::Spared { step, .. }) => {
                if let Some(planned) = self.steps.get_mut(*step) {
                    planned.ended = true;
                    planned.started = true;
                    planned.expected_s = Some(0.0);
                }
            }
            Event::Diary(Diary::Alert(alert)) => self.alerted(alert),
            Event::Diary(Diary::Stopping { at_ns, cause }) => {
                self.stop.get_or_insert(Stop { at_ns: *at_ns, cause: *cause });
            }
            Event::Telemetry(Telemetry::Sample(sample)) => {
                if let Some(readings) = &mut self.readings {
                    readings.take(sample);
                }
            }
            Event::Pending { .. }
            | Event::Telemetry(_)
            | Event::Diary(
                Diary::RunStarted { .. }
                | Diary::Saturated(_)
                | Diary::Generator(_)
                | Diary::Pressed(_)
                | Diary::Aborted(_)
                | Diary::ServiceEnded(_)
                | Diary::RunEnded { .. },
            ) => {}
        }
    }

    fn started(&mut self, step: usize, at_ns: u64) {
        let Some(planned) = self.steps.get_mut(step) else { return };
        planned.started = true;
        if planned.does == Does::Wait {
            return;
        }
        // numbers of different loads must not mix; steps side by side are one load
        if self.running.is_empty() {
            self.window = Window::new(at_ns);
        }
        self.running.push(Running {
            step,
            since_ns: at_ns,
            issued: 0,
            in_flight: 0,
            users: 0,
            finished: 0,
            failed: 0,
        });
    }

    /// A crash is told once and never over, and is nothing to count.
    fn alerted(&mut self, alert: &Alert) {
        let of = (alert.alert.clone(), alert.scope.clone());
        self.firing.retain(|firing| *firing != of);
        if alert.state == AlertState::Firing && alert.metric.is_some() {
            self.firing.push(of);
        }
    }

    fn finished(&mut self, record: &Record) {
        if self.stop.is_some_and(|stop| stop.cut_off(record)) {
            return;
        }
        self.window.add(record.end_ns, record.output_tokens.unwrap_or(0), record.e2e());
        if let Some(running) = self.running.iter_mut().find(|running| running.step == record.step_id) {
            running.finished += 1;
            running.failed += u64::from(record.outcome.failed());
        }
    }

    /// The state at a moment of the run, such as `[30s] phase ramp · users 20 · 145 requests · 4.80 req/s · 58.3 tok/s
    /// · e2e p90 2.45 s · errors 0.0 % · 90 s left`. Counts and errors are of the steps under way, rates and the
    /// percentile of the last ten seconds; what is not known yet is left out. Where nothing is sent, what was read last:
    /// `[30s] CPU 12.3 %, memory 40.1 % · main 2 running, 1 waiting, KV cache 31.0 % · 90 s left`.
    pub fn line(&self, now_ns: u64) -> String {
        let mut parts = vec![self.place()];
        if let Some(readings) = self.readings.as_ref().filter(|_| self.stop.is_none()) {
            parts = readings.parts(now_ns);
            parts.extend(self.left(now_ns).filter(|_| !self.running.is_empty()));
            return format!("{} {}", clock(now_ns), parts.join(" · "));
        }
        if self.running.is_empty() {
            return format!("{} {}", clock(now_ns), parts.remove(0));
        }
        parts.extend(self.load());
        let finished: u64 = self.running.iter().map(|running| running.finished).sum();
        let failed: u64 = self.running.iter().map(|running| running.failed).sum();
        if finished > 0 {
            let noun = if finished == 1 { "request" } else { "requests" };
            parts.push(format!("{} {noun}", units::show_count(finished)));
        }
        if let Some(recent) = self.window.recent(now_ns) {
            parts.push(format!("{} req/s", units::show_number(recent.requests_per_second)));
            if recent.tokens_per_second > 0.0 {
                parts.push(format!("{} tok/s", units::show_number(recent.tokens_per_second)));
            }
            if let Some(p90) = recent.p90_s {
                parts.push(format!("e2e p90 {}", units::show_seconds(p90)));
            }
        }
        if finished > 0 {
            parts.push(format!("errors {}", units::show_share(failed as f64 / finished as f64)));
        }
        if !self.firing.is_empty() {
            parts.push(units::show_count_of(self.firing.len() as u64, "alert"));
        }
        if self.stop.is_some() {
            parts.push("stopping".to_owned());
        } else if let Some(left) = self.left(now_ns) {
            parts.push(left);
        }
        format!("{} {}", clock(now_ns), parts.join(" · "))
    }

    /// Whether nothing is sent, and readings are all that it tells of.
    pub fn watches(&self) -> bool {
        self.readings.is_some()
    }

    /// How much of the run is done, `0..=1`; `None` where the plan cannot know how long it takes.
    pub fn done(&self, now_ns: u64) -> Option<f64> {
        let left = self.left_of_run(now_ns)?;
        let past = now_ns as f64 / 1e9;
        (past + left > 0.0).then(|| past / (past + left))
    }

    /// Where the run is: the steps under way, in the order in which they started.
    fn place(&self) -> String {
        let names: Vec<String> =
            self.running.iter().map(|running| self.steps[running.step].title()).collect();
        match names.as_slice() {
            [] => match self.steps.iter().all(|step| step.ended) {
                _ if self.stop.is_some() => "stopping".to_owned(),
                true => "done".to_owned(),
                false if self.steps.iter().any(|step| step.does != Does::Wait && step.started) => {
                    "between phases".to_owned()
                }
                false => "opening connections".to_owned(),
            },
            [only] => format!("phase {only}"),
            several => format!("phases {}", several.join(" + ")),
        }
    }

    /// Users of closed loops at work; requests in flight of open ones. Of steps side by side the sums.
    fn load(&self) -> Vec<String> {
        let planned = |running: &&Running| &self.steps[running.step];
        let closed = || self.running.iter().filter(|running| planned(running).users.is_some());
        let users: u32 = closed().map(|running| running.users).sum();
        // the step's name says how many there are
        let named = match self.running.as_slice() {
            [only] => {
                let step = &self.steps[only.step];
                step.users == Some(users) && step.name == format!("users={users}")
            }
            _ => false,
        };
        let open = || self.running.iter().filter(|running| planned(running).is_open());
        let in_flight: u64 = open().map(|running| running.in_flight).sum();
        let mut parts = Vec::new();
        if users > 0 && !named {
            parts.push(format!("users {users}"));
        }
        if open().any(|running| running.issued > 0) {
            parts.push(format!("in flight {in_flight}"));
        }
        parts
    }

    /// Time left, of the run where that is known, else of the steps under way.
    fn left(&self, now_ns: u64) -> Option<String> {
        let whole = |seconds: f64| match seconds.ceil() {
            seconds if seconds < 100.0 => format!("{seconds:.0} s"),
            seconds => units::show_seconds(seconds),
        };
        if let Some(left) = self.left_of_run(now_ns) {
            return Some(format!("{} left", whole(left)));
        }
        let now = self
            .running
            .iter()
            .filter(|running| !self.steps[running.step].guest)
            .map(|running| self.left_of(running, now_ns))
            .try_fold(0.0, |longest: f64, left| left.map(|left| longest.max(left)))?;
        let steps = if self.running.len() == 1 { "this step" } else { "these steps" };
        Some(format!("{} left in {steps}", whole(now)))
    }

    /// Seconds until the last step stops sending: the longest way through the graph from here on.
    fn left_of_run(&self, now_ns: u64) -> Option<f64> {
        let mut ends: Vec<f64> = Vec::with_capacity(self.steps.len());
        for (index, step) in self.steps.iter().enumerate() {
            let begin = step.after.iter().map(|before| ends[*before]).fold(0.0, f64::max);
            let under_way = self.running.iter().find(|running| running.step == index);
            ends.push(match under_way {
                // the step that it ends with says when
                _ if step.guest || step.ended || step.does == Does::Wait => begin,
                Some(running) => self.left_of(running, now_ns)?,
                None if step.started => begin,
                None => begin + step.duration.map(|duration| duration.as_secs_f64()).or(step.expected_s)?,
            });
        }
        Some(ends.into_iter().fold(0.0, f64::max))
    }

    /// Seconds until a step under way stops sending: what ends first of its duration and, at the pace so far, its count.
    fn left_of(&self, running: &Running, now_ns: u64) -> Option<f64> {
        let planned = &self.steps[running.step];
        let past = now_ns.saturating_sub(running.since_ns) as f64 / 1e9;
        let by_time = planned.duration.map(|duration| (duration.as_secs_f64() - past).max(0.0));
        let by_count = planned.requests.and_then(|requests| {
            // the first few say little about the pace
            let known = running.finished >= 5 && past >= 1.0;
            known.then(|| requests.saturating_sub(running.finished) as f64 * past / running.finished as f64)
        });
        match (by_time, by_count) {
            (Some(time), Some(count)) => Some(time.min(count)),
            (time, count) => time.or(count),
        }
    }
}

impl Planned {
    /// Its name for people: `ramp`, `ladder · users=16`, `rest · pause`.
    fn title(&self) -> String {
        if self.does == Does::Pause {
            format!("{} · pause", self.phase)
        } else if self.name == self.phase {
            self.phase.clone()
        } else {
            format!("{} · {}", self.phase, self.name)
        }
    }

    /// Whether its requests come on a schedule.
    fn is_open(&self) -> bool {
        self.does == Does::Send && self.users.is_none()
    }
}

/// `[30s]`, `[2m05s]`.
fn clock(now_ns: u64) -> String {
    format!("[{}]", units::write_duration(Duration::from_secs(now_ns / 1_000_000_000)))
}

fn users(load: &LoadStep) -> Option<u32> {
    match load.pattern {
        Pattern::Closed { users, .. } => Some(users),
        Pattern::Open { .. } | Pattern::Trace { .. } => None,
    }
}

/// How long a step sends: its duration, or the length of its stages where it has several.
fn length(load: &LoadStep) -> Option<Duration> {
    load.duration.or_else(|| match &load.pattern {
        Pattern::Open { stages, .. } if load.requests.is_none() => {
            Some(stages.iter().map(|stage| stage.over).sum())
        }
        Pattern::Trace { part, .. } if load.requests.is_none() => {
            part.map(|part| Duration::from_nanos(part.last_ns))
        }
        _ => None,
    })
}
