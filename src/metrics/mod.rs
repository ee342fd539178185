//! Records → [`Summary`]: distributions, rates, spikes. Pure.

use std::collections::BTreeMap;

use crate::{
    catalog::{Metric, Statistic},
    plan::ScopeKey,
    record::Outcome,
};

/// All numbers of a run.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Per phase, per step of a phase with several, and per endpoint of each; in the order of the plan, the whole
    /// before its parts. Warm-up phases are here too, marked.
    pub scopes: Vec<Scope>,
    /// The run in slices of equal length, for charts over time.
    pub timeline: Timeline,
    /// Measured requests in the order of `seq`, thinned evenly to at most [`MAX_POINTS`].
    pub points: Vec<Point>,
    /// The first failure of each outcome, most frequent first.
    pub failures: Vec<Failure>,
    /// What the reader of the records noticed: a disagreement of token counts, a missing `usage`.
    pub notes: Vec<String>,
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
    /// The planned mean arrival rate of an open step, per second.
    pub offered_rate: Option<f64>,
    /// From and to, in seconds since the start of the run; `None` when nothing was sent. Phases of several steps
    /// have the sum of their steps' windows as length, and the hull here.
    pub window: Option<Window>,
    /// Requests due in the window, by how they ended, and the rest.
    pub counts: Counts,
    /// Tokens of the requests due in the window.
    pub tokens: Tokens,
    /// One distribution per series that has at least one value or failure.
    pub series: BTreeMap<Metric, Distribution>,
    /// Rates and shares; absent is "no data".
    pub rates: BTreeMap<Metric, f64>,
}

impl Scope {
    /// The value of a metric, as targets see it: failures count as infinite in percentiles. `None` is "no data".
    pub fn value(&self, metric: Metric, statistic: Option<Statistic>) -> Option<f64> {
        match statistic {
            None => self.rates.get(&metric).copied(),
            Some(statistic) => self.series.get(&metric)?.judged(statistic),
        }
    }
}

/// The part of a step that counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// Seconds since the start of the run.
    pub from_s: f64,
    /// Likewise.
    pub to_s: f64,
    /// Seconds that were measured; less than `to_s − from_s` for a phase of several steps.
    pub length_s: f64,
}

/// How many requests, and how they ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests issued in the scope, inside the window or not.
    pub issued: u64,
    /// Requests due inside the window.
    pub due: u64,
    /// Those by outcome; every outcome that occurred.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Requests completed inside the window, whenever they were due.
    pub completed_in_window: u64,
    /// Requests whose pooled connection was replaced.
    pub replaced_connections: u64,
}

impl Counts {
    /// Successes among the due.
    pub fn ok(&self) -> u64 {
        self.outcomes.get(&Outcome::Ok).copied().unwrap_or(0)
    }

    /// Failures among the due.
    pub fn failed(&self) -> u64 {
        self.outcomes.iter().filter(|(outcome, _)| outcome.failed()).map(|(_, n)| n).sum()
    }
}

/// Token totals of the successes due in the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Prompt tokens.
    pub input: u64,
    /// Output tokens.
    pub output: u64,
    /// Output tokens asked for.
    pub requested: u64,
    /// Output tokens spent on reasoning.
    pub reasoning: u64,
    /// Prompt tokens found in the server's cache.
    pub cached: u64,
    /// Requests whose counts are the number of chunks, for want of `usage`.
    pub from_chunks: u64,
}

/// A series of one scope: values of successes, and how many requests failed and so have none.
#[derive(Debug, Clone)]
pub struct Distribution {
    /// Values of successes, ascending.
    pub values: Values,
    /// Failed requests, which have no value.
    pub failed: u64,
    /// What a failed request counts as in the percentiles that targets judge: infinity, or 0 where higher is better.
    pub worst: f64,
    /// Mean of the values.
    pub mean: f64,
    /// Sample standard deviation of the values; 0 for a single one.
    pub stddev: f64,
}

impl Distribution {
    /// Successes.
    pub fn count(&self) -> u64 {
        match &self.values {
            Values::Sorted(values) => values.len() as u64,
            Values::Histogram(histogram) => histogram.len(),
        }
    }

    /// The value at a rank from 1 among the successes, ascending; `None` outside `1..=count`.
    pub fn at_rank(&self, rank: u64) -> Option<f64> {
        if rank == 0 || rank > self.count() {
            return None;
        }
        match &self.values {
            Values::Sorted(values) => values.get(rank as usize - 1).copied(),
            // the middle of a count avoids rounding up into the next bucket
            Values::Histogram(histogram) => {
                let quantile = (rank as f64 - 0.5) / histogram.len() as f64;
                Some(histogram.value_at_quantile(quantile) as f64 / 1e6)
            }
        }
    }

    /// The value at a rank among successes and failures together, failures at the bad end.
    pub fn judged_at_rank(&self, rank: u64) -> Option<f64> {
        if rank == 0 || rank > self.count() + self.failed {
            return None;
        }
        let (below, successes) =
            if self.worst == 0.0 { (self.failed, self.count()) } else { (0, self.count()) };
        if rank <= below || rank > below + successes {
            return Some(self.worst);
        }
        self.at_rank(rank - below)
    }

    /// The nearest-rank percentile of the successes alone.
    pub fn quantile(&self, quantile: f64) -> Option<f64> {
        self.at_rank(nearest_rank(quantile, self.count()))
    }

    /// A statistic of the successes alone.
    pub fn of_successes(&self, statistic: Statistic) -> Option<f64> {
        if self.count() == 0 {
            return None;
        }
        match statistic {
            Statistic::Mean => Some(self.mean),
            Statistic::Stddev => Some(self.stddev),
            Statistic::Min => self.at_rank(1),
            Statistic::Max => self.at_rank(self.count()),
            _ => self.quantile(statistic.quantile()?),
        }
    }

    /// A statistic as targets judge it: percentiles rank failed requests at the bad end, the rest is of successes.
    pub fn judged(&self, statistic: Statistic) -> Option<f64> {
        match statistic.quantile() {
            Some(quantile) => self.judged_at_rank(nearest_rank(quantile, self.count() + self.failed)),
            None => self.of_successes(statistic),
        }
    }
}

/// `⌈q·n⌉`, at least 1: the rank whose value at least a share `q` of the sample does not exceed.
fn nearest_rank(quantile: f64, count: u64) -> u64 {
    ((quantile * count as f64 - 1e-9).ceil() as u64).max(1)
}

/// The values of a series.
#[derive(Debug, Clone)]
pub enum Values {
    /// Each of them, ascending.
    Sorted(Vec<f64>),
    /// Pooled gaps in microseconds, 3 significant digits.
    Histogram(Box<hdrhistogram::Histogram<u64>>),
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
    /// The phase that was running at its start; empty between phases.
    pub phase: String,
    /// Output tokens that arrived, by endpoint.
    pub output_tokens: BTreeMap<String, f64>,
    /// Requests that became due.
    pub due: u64,
    /// Requests that ended well.
    pub completed: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Mean number in flight.
    pub in_flight: f64,
}

/// One measured request, for scatter charts.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Its number.
    pub seq: u64,
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
    /// The endpoint of the first.
    pub endpoint: String,
    /// The HTTP status of the first.
    pub status: Option<u16>,
    /// What the first said.
    pub first_error: String,
}
