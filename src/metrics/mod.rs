//! Records → [`Summary`]: distributions, rates, spikes. Pure.
//!
//! The records are read twice: once for the accounts and the windows, once for the numbers inside the windows. What
//! is kept per request is one float per series, with the time at which it was due; everything else is counted as it passes.

mod account;
mod alerts;
mod batches;
mod cell;
mod distribution;
mod energy;
mod instrument;
mod ladder;
#[cfg(test)]
pub(crate) mod fixture;
mod gpu_memory;
mod notes;
mod objectives;
mod pending;
mod pressure;
mod reading;
mod recovery;
mod scopes;
mod server_counts;
mod slices;
mod stability;
mod stop;
mod summarize;
mod survey;
mod telemetry;
#[cfg(test)]
mod tests;
mod timeline;
mod transit;
mod watched;
mod window;

use std::{collections::BTreeMap, io};

pub use account::{Account, Ending};
pub use alerts::Fired;
pub use batches::{BatchCurve, batch_curves};
pub use distribution::{Dependence, Distribution, Values};
pub use energy::{Energy, EnergyUse};
pub use gpu_memory::{GpuMemory, GpuMemoryAround};
pub use ladder::{Ladder, Level, ladders};
pub use objectives::objectives_met;
pub use pending::certain;
pub use pressure::PressureUse;
pub use reading::{Reading, reading};
pub use recovery::{Recovery, Spike, Stretch};
pub use scopes::scope_key;
pub use server_counts::{Counted, ServerCounts};
pub use stop::Stop;
pub use summarize::summarize;
pub use telemetry::{
    COVERED, Cost, Curve, JudgedOn, Observation, Observed, Trend, Unread, adds_up, observed,
};

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    catalog::{Direction, Metric, Quantity, Statistic},
    plan::ScopeKey,
    record::{Abort, ChunkTimes, Diary, Outcome, Record, Saturated, ServiceEnded, Telemetry},
    stats,
};

/// Where a run can be read from: a folder on disk, or what is still in memory.
pub trait Source {
    /// The run's diary, in the order of writing.
    fn diary(&self) -> &[Diary];

    /// Shows every record in the order of writing, with the arrivals of its chunks in nanoseconds, ascending; it may
    /// be called several times and shows the same each time. The error is that of reading.
    fn scan(&self, visit: &mut dyn FnMut(&Record, &ChunkTimes)) -> io::Result<()>;

    /// Shows every line of telemetry in the order of writing, likewise. Those of one moment stand together, in no order of
    /// their own. Nothing was read where this is not given.
    fn telemetry(&self, _visit: &mut dyn FnMut(&Telemetry)) -> io::Result<()> {
        Ok(())
    }
}

/// All numbers of a run.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Per phase, per step of a phase with several, and per endpoint of each; in the order of the plan, the whole
    /// before its parts. Warm-up phases are here too, marked.
    pub scopes: Vec<Scope>,
    /// The same for each model of every endpoint that has several: per phase, and per step of a phase with several.
    pub models: Vec<ModelScope>,
    /// The run in slices of equal length, for charts over time.
    pub timeline: Timeline,
    /// Measured requests in the order of their numbers, thinned evenly to at most [`MAX_POINTS`].
    pub points: Vec<Point>,
    /// The first failure of each outcome, most frequent first.
    pub failures: Vec<Failure>,
    /// What the reader of the records noticed: a disagreement of token counts, a missing `usage`.
    pub notes: Vec<String>,
    /// How the run ended.
    pub ending: Ending,
    /// The target that ended it before its time, if one did.
    pub abort: Option<Abort>,
    /// The trials of searches that ended before their time.
    pub saturated: Vec<Saturated>,
    /// How the programs ended that the run had started, in the order in which they did; one that a killed run could not see is not
    /// here.
    pub services: Vec<ServiceEnded>,
    /// The alerts that fired.
    pub alerts: Vec<Fired>,
    /// What loaded the machine beside each step that was put under pressure, in the order of the plan.
    pub pressures: Vec<PressureUse>,
    /// What became of every request, per load step in the order of the plan.
    pub accounts: Vec<Account>,
    /// What there is to say of the measuring itself.
    pub instrument: Instrument,
    /// What was read of the machine and of the servers, beside the windows.
    pub observed: Observed,
    /// What servers counted by their own pages, beside the records: each over the whole run, and over the steps that it had alone.
    pub server_counts: Vec<ServerCounts>,
    /// What the run cost from the start of its first step to its last answer, with warm-up, pauses and drains; `None`
    /// without a price, or where tokens that have one are not known.
    pub cost: Option<f64>,
}

impl Summary {
    /// The numbers of a scope, by the key that [`scope_key`] gives.
    pub fn scope(&self, key: &ScopeKey) -> Option<&Scope> {
        self.scopes.iter().find(|scope| scope.key == *key)
    }
}

/// What the records and the diary say of the measuring itself, over the measured steps.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Instrument {
    /// What the tool used of the machine; `None` where the diary does not say.
    pub usage: Option<Usage>,
    /// Output events whose arrival the kernel told exactly.
    pub exact: u64,
    /// Output events whose arrival is known to lie within bounds, by the kernel's stamps.
    pub bounded: u64,
    /// Those of them whose bounds are wide because the client was late to read.
    pub late: u64,
    /// Output events whose arrival was taken behind the read, for want of a kernel that tells.
    pub user: u64,
    /// The 99th percentile of the widths of the bounds over all events with kernel stamps, exact ones as 0; in seconds.
    pub width_p99_s: Option<f64>,
    /// Each measured step that has a window, in the order of the plan.
    pub steps: Vec<StepQuality>,
}

/// What the tool itself used of the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// Share of the processors that it may use, over the busiest five seconds of the windows.
    pub cpu_share: Option<f64>,
    /// Processors that it may use.
    pub cores: u32,
    /// The nice value of the threads that measure.
    pub nice: Option<i32>,
    /// Most bytes of it that were swapped out.
    pub swapped_bytes: Option<u64>,
    /// Connections that the machine had no local port or file descriptor for.
    pub refused: u64,
    /// Jumps of the wall clock while it ran.
    pub wall_steps: u32,
}

/// How good a measured step is as a measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct StepQuality {
    /// Which.
    pub key: ScopeKey,
    /// The account of what was in flight; `None` where nobody looked.
    pub in_flight: Option<Look>,
    /// Whether it settled; `None` where its load changes by plan.
    pub settled: Option<Settled>,
    /// How it went over its window; `None` where its load changes by plan, or it is too short for the question.
    pub stability: Option<Stability>,
}

/// How a long step went from the end of its transient on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stability {
    /// Where that is, in seconds from the beginning of the window.
    pub from_s: f64,
    /// The length of the window, in seconds.
    pub length_s: f64,
    /// Mean `e2e` of the first tenth of the successes, in seconds.
    pub first_tenth_s: f64,
    /// The same of the last tenth.
    pub last_tenth_s: f64,
    /// The drift of `e2e`.
    pub drift: Option<stats::Drift>,
    /// Where the level of `e2e` is most likely to change, in seconds.
    pub latency: Option<Shift>,
    /// The same of the share of requests that failed.
    pub errors: Option<Shift>,
}

/// A change of level at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// When, in seconds from the beginning of the window; known to a fortieth of its requests.
    pub at_s: f64,
    /// The mean before.
    pub before: f64,
    /// The mean from then on.
    pub after: f64,
    /// How probable so clear a change is where there is none, at most.
    pub p_value: f64,
    /// Whether it is a leap rather than a slope.
    pub sudden: bool,
}

/// How many requests were in flight at the moments at which the engine counted them. By Little's law the mean is the rate
/// of arrivals times the mean time that a request takes; requests that reach over the edges of the window count for the
/// part inside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Moments.
    pub looks: u32,
    /// The mean by the engine's counter.
    pub counted: f64,
    /// The mean by the times in the records.
    pub recorded: f64,
}

/// Whether the latency of a step settled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settled {
    /// Successes due in the window.
    pub requests: u64,
    /// How many of them belong to the transient at its beginning; `None` where it takes more than half of them, or they are
    /// too few to tell.
    pub transient: Option<u64>,
    /// The end of the transient, in seconds from the beginning of the window.
    pub transient_s: Option<f64>,
    /// The drift of `e2e` in the second half; `None` where that is too short to tell.
    pub drift: Option<stats::Drift>,
}

/// Points kept for scatter charts.
pub const MAX_POINTS: usize = 4000;

/// The numbers of one scope.
#[derive(Debug, Clone)]
pub struct Scope {
    /// What they are about.
    pub key: ScopeKey,
    /// Whether it counts.
    pub measured: bool,
    /// Whether it is one level of several, or a phase of several levels.
    pub explores: bool,
    /// The users of a closed step; `None` for open loops and phases of several steps.
    pub users: Option<u32>,
    /// Prompts per request of a step; `None` for phases of several steps.
    pub batch: Option<u32>,
    /// The planned mean arrival rate of an open step, per second; of an endpoint its share of it.
    pub offered_rate: Option<f64>,
    /// From and to, in seconds since the start of the run; `None` when nothing was sent. Phases of several steps
    /// have the sum of their steps' windows as length, and the hull here.
    pub window: Option<Window>,
    /// Requests due in the window, by how they ended, and the rest.
    pub counts: Counts,
    /// Tokens of the requests due in the window.
    pub tokens: Tokens,
    /// What their answers spent between client and server.
    pub transit: Transit,
    /// The spikes of its load, in their order.
    pub spikes: Vec<Spike>,
    /// One distribution per series that has at least one value or failure.
    pub series: BTreeMap<Metric, Distribution>,
    /// Rates and shares; absent is "no data".
    pub rates: BTreeMap<Metric, f64>,
    /// The rates of one window with their errors; those that are absent have none.
    pub estimates: BTreeMap<Metric, stats::Estimate>,
    /// What was read in its windows: of the whole the machines and the servers that it loads, of an endpoint what is of its server.
    pub observations: Vec<Observation>,
    /// What its windows took of energy; of the whole only, since no part of a machine is one endpoint's.
    pub energy: EnergyUse,
}

impl Scope {
    /// The value of a metric, as targets see it: failures count as infinite in percentiles, and of what is read on several subjects
    /// the worst counts or their sum. `None` is "no data".
    pub fn value(&self, metric: Metric, statistic: Option<Statistic>) -> Option<f64> {
        if metric == Metric::Reading(Quantity::Energy) {
            return self.energy.judged().map(|(_, joules)| joules);
        }
        if let Metric::Reading(quantity) = metric {
            let at_least = metric.direction() == Direction::Higher;
            return observed(&self.observations, quantity, statistic, at_least).map(|judged| judged.value);
        }
        match statistic {
            None => self.rates.get(&metric).copied(),
            Some(statistic) => self.series.get(&metric)?.judged(statistic),
        }
    }
}

/// The numbers of the requests that name one of several models of an endpoint.
#[derive(Debug, Clone)]
pub struct ModelScope {
    /// The model.
    pub model: String,
    /// The numbers. Their key names the endpoint, also where it is the only one.
    pub scope: Scope,
}

/// The part of a step that counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Window {
    /// Seconds since the start of the run.
    pub from_s: f64,
    /// Seconds since the start of the run.
    pub to_s: f64,
    /// Seconds that were measured; less than `to_s − from_s` for a phase of several steps.
    pub length_s: f64,
}

/// How many requests, and how they ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests issued in the scope, inside the window or not.
    pub issued: u64,
    /// Requests due inside the window, without those that were cut off.
    pub due: u64,
    /// Requests that the tool itself cut off: in flight when it was killed, or cancelled or never sent after somebody
    /// stopped the run. How they would have ended is not known, so they are in no share and no percentile.
    pub cut_off: u64,
    /// Those by outcome; every outcome that occurred.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Requests that ended well inside the window, whenever they were due.
    pub completed_in_window: u64,
    /// Requests whose pooled connection was replaced.
    pub replaced_connections: u64,
    /// Successes among the due whose answers could not be checked, although the plan asks for it.
    pub unchecked: u64,
    /// Requests that met every objective of their endpoint; `None` where the plan has none.
    pub met: Option<Met>,
}

/// How many requests met every objective of their endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Met {
    /// Of those due inside the window.
    pub due: u64,
    /// Of those that ended inside the window, whenever they were due.
    pub completed_in_window: u64,
}

impl Counts {
    /// How many of the requests due in the window a share of them counts; `None` for other metrics.
    pub fn counted(&self, metric: Metric) -> Option<u64> {
        if metric == Metric::ObjectivesMetRate {
            return self.met.map(|met| met.due);
        }
        let counts = counts_in(metric)?;
        Some(self.outcomes.iter().filter(|(outcome, _)| counts(**outcome)).map(|(_, count)| count).sum())
    }

    /// Successes among the due.
    pub fn ok(&self) -> u64 {
        self.outcomes.get(&Outcome::Ok).copied().unwrap_or(0)
    }

    /// Failures among the due.
    pub fn failed(&self) -> u64 {
        self.outcomes.iter().filter(|(outcome, _)| outcome.failed()).map(|(_, n)| n).sum()
    }
}

/// The outcomes that a share of the requests due counts; `None` for metrics that do not go by the outcome.
pub fn counts_in(metric: Metric) -> Option<fn(Outcome) -> bool> {
    match metric {
        Metric::ErrorRate => Some(Outcome::failed),
        Metric::TimeoutRate => Some(|outcome| outcome == Outcome::Timeout),
        Metric::ContentionErrorRate => Some(Outcome::contention),
        _ => None,
    }
}

/// Token totals of the successes due in the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Prompt tokens.
    pub input: u64,
    /// Output tokens.
    pub output: u64,
    /// Output tokens asked for, in requests whose output tokens are known.
    pub requested: u64,
    /// Output tokens spent on reasoning.
    pub reasoning: u64,
    /// Prompt tokens found in the server's cache.
    pub cached: u64,
    /// Requests whose counts are the number of chunks, for want of `usage`.
    pub from_chunks: u64,
}

/// What the successes due in the window spent between client and server, in sums of seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Transit {
    /// Successes that opened a connection first.
    pub opened: u64,
    /// What that took, TLS included; it is in no latency.
    pub connecting_s: f64,
    /// `e2e` of all successes.
    pub e2e_s: f64,
    /// Successes whose server told how long it had them, with all their waiting.
    pub told: u64,
    /// What it told of those.
    pub told_s: f64,
    /// `service.e2e` of those.
    pub service_s: f64,
}

/// The run in slices.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// The length of a slice, in seconds.
    pub slice_s: f64,
    /// The slices, from time 0, without holes.
    pub slices: Vec<Slice>,
}

/// One slice of the run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Slice {
    /// The phases that were running at its start, in the order of the plan; none between phases.
    pub phases: Vec<String>,
    /// Output tokens that arrived, by endpoint.
    pub output_tokens: BTreeMap<String, f64>,
    /// Requests that became due.
    pub due: u64,
    /// Requests that ended well.
    pub completed: u64,
    /// Requests that failed, without those that the tool itself cut off.
    pub failed: u64,
    /// Mean number in flight.
    pub in_flight: f64,
}

/// One measured request, for scatter charts.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Its place among all measured requests in the order of their numbers, from 0. Numbers themselves leap from one step
    /// to the next.
    pub place: u64,
    /// Its phase.
    pub phase: String,
    /// Its step.
    pub step: String,
    /// Its endpoint.
    pub endpoint: String,
    /// When it was due, in seconds since the start of the run.
    pub due_s: f64,
    /// Seconds; `None` for failures and answers without a stream.
    pub ttft_s: Option<f64>,
    /// Seconds; `None` for failures.
    pub e2e_s: Option<f64>,
    /// Output tokens.
    pub output_tokens: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
}

/// Failures of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The kind.
    pub outcome: Outcome,
    /// How often, among measured requests.
    pub count: u64,
    /// How many of them count: due inside the window of their step, and not cut off by the tool itself.
    pub counted: u64,
    /// The endpoint of the first.
    pub endpoint: String,
    /// The HTTP status of the first.
    pub status: Option<u16>,
    /// What the first said.
    pub first_error: String,
}
