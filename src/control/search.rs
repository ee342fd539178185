//! Searches: which level the next trial has, once the one before it is over.

use std::{collections::BTreeMap, io};

use super::Decision;
use crate::{
    catalog::Metric,
    config::Until,
    metrics::{Source, summarize},
    plan::{Plan, Trial, Tried, as_run, trial_length},
    record::{ChunkTimes, Command, Diary, Event, Record, Saturated, trials},
    stats::drift,
    verdict::{Attempt, Next, attempt, next},
};

/// Time between two looks at whether a server falls behind, in nanoseconds.
const LOOK_EVERY_NS: u64 = 1_000_000_000;

/// How far requests in flight and latency rise over a trial, as a share of their medians, before a server falls behind. A queue that
/// begins to grow rises by twice its mean; batches that fill, and users who wait a little longer, by far less.
const RISE: f64 = 1.0;

/// How probable such a rise may be where there is none: a trial is looked at some thirty times, for two series that both have to show it.
const CHANCE: f64 = 1e-4;

/// The searches of a plan. What it keeps are the records of the trials that are running, with the times of their chunks only where these
/// decide: one trial of each search at a time, whose length bounds how many there are.
#[derive(Debug)]
pub(super) struct Searches {
    plan: Plan,
    /// By phase: the steps that it may take, and what its trials came to.
    phases: BTreeMap<String, Search>,
    /// Trials in their order, by what the diary says of them and of their beginnings.
    told: Vec<Diary>,
    running: BTreeMap<usize, Running>,
    decided: Vec<Decision>,
    over: bool,
}

#[derive(Debug)]
struct Search {
    /// The steps that were not used, the next one last.
    steps: Vec<usize>,
    attempts: Vec<Attempt>,
}

/// A trial under way.
#[derive(Debug, Default)]
struct Running {
    kept: Kept,
    /// Whether the times of chunks are kept.
    times: bool,
    started_ns: u64,
    settled_ns: u64,
    /// Whether its load may outrun the server.
    open: bool,
    /// Requests in flight, ten times a second.
    in_flight: Vec<f64>,
    /// Seconds to the first token, or of the whole answer, in the order in which answers ended.
    latency: Vec<f64>,
    next_look_ns: u64,
    saturated: bool,
}

/// What is known of a trial, for the metrics.
#[derive(Debug, Default)]
struct Kept {
    diary: Vec<Diary>,
    records: Vec<(Box<Record>, ChunkTimes)>,
}

impl Source for Kept {
    fn diary(&self) -> &[Diary] {
        &self.diary
    }

    fn scan(&self, visit: &mut dyn FnMut(&Record, &ChunkTimes)) -> io::Result<()> {
        self.records.iter().for_each(|(record, chunks)| visit(record, chunks));
        Ok(())
    }
}

impl Search {
    /// The rate at which so many users are answered, as far as trials tell: more are answered no slower than fewer, until they are too
    /// many. So it is the best of those with no more of them, else of all.
    fn answered_at(&self, level: f64) -> Option<f64> {
        let best = |of: &dyn Fn(&Attempt) -> bool| {
            let attempts = self.attempts.iter().filter(|attempt| of(attempt));
            attempts.filter_map(|attempt| attempt.answered).reduce(f64::max)
        };
        best(&|attempt| attempt.level <= level).or_else(|| best(&|_| true))
    }

    /// None of the steps that are left is needed.
    fn end(&mut self) -> impl Iterator<Item = Decision> {
        self.steps.drain(..).rev().map(|step| Decision::command(Command::Spare(step)))
    }
}

impl Searches {
    /// `None` where a plan looks for nothing.
    pub(super) fn new(plan: &Plan) -> Option<Self> {
        let mut phases: BTreeMap<String, Search> = BTreeMap::new();
        for (step, load) in plan.loads().collect::<Vec<_>>().into_iter().rev() {
            if load.trial.is_some() {
                let search = || Search { steps: Vec::new(), attempts: Vec::new() };
                phases.entry(step.phase.clone()).or_insert_with(search).steps.push(step.id);
            }
        }
        if phases.is_empty() {
            return None;
        }
        let mut searches = Self {
            plan: plan.clone(),
            phases,
            told: Vec::new(),
            running: BTreeMap::new(),
            decided: Vec::new(),
            over: false,
        };
        let names: Vec<String> = searches.phases.keys().cloned().collect();
        for phase in names {
            searches.go_on(&phase);
        }
        Some(searches)
    }

    /// Takes an event; they must come in their order.
    pub(super) fn observe(&mut self, event: Event) {
        match event {
            Event::Finished { record, chunks, .. } => {
                let Some(running) = self.running.get_mut(&record.step_id) else { return };
                if !record.outcome.failed() && record.due_ns >= running.settled_ns {
                    running.latency.extend(record.ttft().or(record.e2e()));
                }
                let chunks = if running.times { chunks } else { ChunkTimes::default() };
                running.kept.records.push((record, chunks));
            }
            Event::Diary(line) => self.hear(&line),
            Event::Pending { .. } | Event::Telemetry(_) => {}
        }
    }

    fn hear(&mut self, line: &Diary) {
        match line {
            Diary::Trial { step, .. } => {
                self.told.push(line.clone());
                let load = self.plan.steps.get(*step).and_then(|step| step.load());
                let open = load.is_some_and(|load| load.pattern.is_open());
                let times =
                    load.and_then(|load| load.trial.as_ref()).is_some_and(|of| by_times(&self.plan, of));
                self.running.insert(*step, Running { times, open, ..Running::default() });
            }
            Diary::StepStarted { step, at_ns } => {
                let settle = self.plan.steps.get(*step).and_then(|step| step.load()).map(|load| load.settle);
                if let Some(running) = self.running.get_mut(step) {
                    running.started_ns = *at_ns;
                    running.settled_ns = at_ns + settle.unwrap_or_default().as_nanos() as u64;
                    running.next_look_ns = running.settled_ns;
                    running.kept.diary.push(line.clone());
                    self.told.push(line.clone());
                }
            }
            Diary::Issued { step, at_ns, in_flight, .. } => {
                if let Some(running) = self.running.get_mut(step) {
                    if *at_ns >= running.settled_ns {
                        running.in_flight.push(*in_flight as f64);
                    }
                    running.kept.diary.push(line.clone());
                }
            }
            Diary::StepEnded { step, at_ns, .. } => {
                if let Some(mut running) = self.running.remove(step) {
                    running.kept.diary.push(line.clone());
                    running.kept.diary.push(Diary::RunEnded { at_ns: *at_ns });
                    self.judge(*step, &running.kept);
                }
            }
            Diary::Stopping { .. } => self.over = true,
            Diary::RunStarted { .. }
            | Diary::Spared { .. }
            | Diary::Saturated(_)
            | Diary::Generator(_)
            | Diary::Pressed(_)
            | Diary::Alert(_)
            | Diary::Aborted(_)
            | Diary::ServiceEnded(_)
            | Diary::RunEnded { .. } => {}
        }
    }

    /// Adds what a trial came to, and what follows from it.
    fn judge(&mut self, step: usize, kept: &Kept) {
        let plan = as_run(&self.plan, &trials(&self.told));
        let Some(planned) = plan.steps.get(step) else { return };
        let Some(search) = self.phases.get_mut(&planned.phase) else { return };
        // records of this trial alone: those of others stand in no number of it
        match summarize(&plan, kept) {
            Ok(summary) => search.attempts.extend(attempt(&plan, &summary, planned, &search.attempts)),
            // nothing that was read is wrong where nothing was read; the engine must not wait for a level in any case
            Err(_) => self.decided.extend(search.end()),
        }
        let phase = planned.phase.clone();
        if !self.over {
            self.go_on(&phase);
        }
    }

    /// Says what the next step of a search is, or that it needs none of those that are left.
    fn go_on(&mut self, phase: &str) {
        let Some(search) = self.phases.get_mut(phase) else { return };
        let Some(step) = search.steps.last().copied() else { return };
        let Some(load) = self.plan.steps[step].load() else { return };
        let Some(trial) = &load.trial else { return };
        let Next::Try(level, times) = next(&trial.search, &search.attempts) else {
            self.decided.extend(search.end());
            return;
        };
        search.steps.pop();
        let planned = load.at(level, trial.search.step);
        let rate = if load.pattern.is_open() { Some(level) } else { search.answered_at(level) };
        let duration = trial_length(&self.plan, &planned, rate, times);
        self.decided.push(Decision::command(Command::Try(Tried { step, level, duration })));
    }

    /// What was decided, and whether a server that is looked at falls behind.
    pub(super) fn look(&mut self, now_ns: u64) -> Vec<Decision> {
        for (step, running) in &mut self.running {
            if let Some(saturated) = running.look(*step, now_ns) {
                let line = Diary::Saturated(saturated);
                self.told.push(line.clone());
                running.kept.diary.push(line.clone());
                self.decided.push(Decision::because(line, Command::Enough(*step)));
            }
        }
        if self.over {
            self.decided.clear();
        }
        std::mem::take(&mut self.decided)
    }
}

/// Whether the times of chunks decide a trial. Latencies but gaps, requests and how they ended are told by records alone.
fn by_times(plan: &Plan, trial: &Trial) -> bool {
    let by_record = |metric: Metric| match metric {
        Metric::Itl => false,
        Metric::ErrorRate | Metric::TimeoutRate | Metric::RequestsPerSecond => true,
        other => other.is_latency(),
    };
    let mut metrics = trial.criteria.iter().filter_map(|of| Some(plan.targets.get(of.target)?.metric.metric));
    // the throughput that collapses is that of tokens, by when they came
    trial.search.until == Until::Broken || !metrics.all(by_record)
}

impl Running {
    fn look(&mut self, step: usize, now_ns: u64) -> Option<Saturated> {
        if !self.open || self.saturated || self.started_ns == 0 || now_ns < self.next_look_ns {
            return None;
        }
        self.next_look_ns = now_ns + LOOK_EVERY_NS;
        let rises = |series: &[f64]| {
            let drift = drift(series)?;
            (drift.share > RISE && drift.p_value < CHANCE).then_some(drift.share)
        };
        let (in_flight_rise, latency_rise) = (rises(&self.in_flight)?, rises(&self.latency)?);
        self.saturated = true;
        Some(Saturated { step, at_ns: now_ns, in_flight_rise, latency_rise })
    }
}

#[cfg(test)]
mod tests;
