//! The spikes of a load one by one: latency before, during and after each, and how long it was felt.
//!
//! A spike is *over* when its requests stop; it is *recovered from* when latency is back where it was before. The band of before ends at
//! the 95th percentile of the successes due before the spike, from the end of the recovery from the one before it on, or from the start of
//! the step. A request due after the spike is still above it where its latency lies above the band, or it was lost, which no band holds:
//! so failures never make a recovery look faster. The recovery ends behind the last request of the most likely [`excess`] of requests
//! above the band. That is no running median: it has no width that would blur the end, and a busy moment long after the spike does not
//! belong to it. It is known to the gap between two requests. Where what follows does not show that it is over, the spike was not
//! recovered from within the time to the next one.
//!
//! Latency is `ttft` where answers are streamed, since it shows the wait at once, else `e2e`. Endpoints have queues and latencies of
//! their own, so several have recovered when the last of them has.

use std::collections::BTreeMap;

use super::survey::StepSurvey;
use crate::{
    catalog::{Metric, Statistic},
    metrics::Distribution,
    record::Record,
    stats::{excess, nearest_rank, sample_floor},
};

/// The percentile at which the band of before ends.
const BAND: f64 = 0.95;

/// One spike of a load, by the requests of one scope.
#[derive(Debug, Clone, PartialEq)]
pub struct Spike {
    /// Its start, in seconds since the start of the run.
    pub from_s: f64,
    /// Its end, likewise.
    pub to_s: f64,
    /// How long it was watched from its end on, in seconds: to the next one, or to the last request of the step.
    pub watched_s: f64,
    /// What was due before it since the recovery from the one before; nothing where that one was not recovered from.
    pub before: Stretch,
    /// What was due in it.
    pub during: Stretch,
    /// What was due after it.
    pub after: Stretch,
    /// The latency by which recovery is told.
    pub latency: Metric,
    /// `None` where there were too few requests to tell.
    pub recovery: Option<Recovery>,
}

impl Spike {
    /// The time to recover in seconds: infinite where it did not come to that, `None` where nothing tells.
    pub fn recovery_s(&self) -> Option<f64> {
        self.recovery.map(|recovery| if recovery.happened() { recovery.least_s } else { f64::INFINITY })
    }
}

/// What is known of the time to recover from a spike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recovery {
    /// Seconds from the spike's end to the last request that still felt it; 0 where none did. Where latency did not come back, how
    /// long it was watched.
    pub least_s: f64,
    /// Seconds to the first request that did not; infinite where latency did not come back.
    pub most_s: f64,
}

impl Recovery {
    /// Whether latency came back.
    pub fn happened(self) -> bool {
        self.most_s.is_finite()
    }

    /// That of both together.
    fn with(self, other: Self) -> Self {
        Self { least_s: self.least_s.max(other.least_s), most_s: self.most_s.max(other.most_s) }
    }
}

/// The requests due in a stretch of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stretch {
    /// Requests due in it, without those that the tool itself cut off.
    pub due: u64,
    /// Those of them that failed, whether they were sent or not.
    pub lost: u64,
    /// Median and 95th percentile of `ttft` and `e2e` in seconds, with lost requests as infinite; of each only where it was measured.
    pub latencies: BTreeMap<Metric, (f64, f64)>,
}

impl Stretch {
    fn of(requests: &[Sight]) -> Self {
        let lost = requests.iter().filter(|request| request.lost).count();
        let latencies = [Metric::Ttft, Metric::E2e].into_iter().filter_map(|metric| {
            let mut values: Vec<f64> =
                requests.iter().filter_map(|request| request.success(metric)).collect();
            if values.is_empty() {
                return None;
            }
            let has = |request: &&Sight| request.lost && (request.streams || metric == Metric::E2e);
            values.extend(requests.iter().filter(has).map(|_| f64::INFINITY));
            values.sort_unstable_by(f64::total_cmp);
            let at = |quantile| values[nearest_rank(quantile, values.len() as u64) as usize - 1];
            Some((metric, (at(0.5), at(0.95))))
        });
        Self { due: requests.len() as u64, lost: lost as u64, latencies: latencies.collect() }
    }

    /// A percentile of a latency; `None` where it was not measured.
    pub fn latency(&self, metric: Metric, statistic: Statistic) -> Option<f64> {
        let (p50, p95) = *self.latencies.get(&metric)?;
        match statistic {
            Statistic::P50 => Some(p50),
            Statistic::P95 => Some(p95),
            _ => None,
        }
    }
}

/// When the spikes of a step were.
#[derive(Debug, Clone, Default)]
pub(super) struct SpikeTimes {
    /// From and to of each in nanoseconds of the run, ascending; those that the step lasted for.
    spans: Vec<(u64, u64)>,
    /// How the first request of the step ended that nobody saw end, or that the tool cut off, is not known; nor is what came after
    /// it.
    first_unseen: u64,
    /// Whether the step went on for less long than planned, so that what was not over at its end might have been soon.
    cut_short: bool,
}

impl SpikeTimes {
    /// Those of a step; none where its load has none.
    pub(super) fn of(step: &StepSurvey<'_>) -> Self {
        let Some(started_ns) = step.started_ns else { return Self::default() };
        let ns = |since: std::time::Duration| {
            started_ns.saturating_add(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
        };
        let spans = step.load.spikes().map(|(from, to)| (ns(from), ns(to)));
        // what is due while the step settles does not count
        let counts_ns = ns(step.load.settle);
        let spans = spans
            .skip_while(|(from_ns, _)| *from_ns < counts_ns)
            .take_while(|(_, to_ns)| *to_ns <= step.last_due_ns);
        Self {
            spans: spans.collect(),
            first_unseen: step.first_unseen,
            cut_short: step.account.cut_short || step.first_unseen < u64::MAX,
        }
    }

    /// Whether a request due at a moment is due in a spike.
    pub(super) fn contain(&self, due_ns: u64) -> bool {
        let begun = self.spans.partition_point(|(from_ns, _)| *from_ns <= due_ns);
        begun.checked_sub(1).is_some_and(|last| due_ns < self.spans[last].1)
    }

    /// What a request tells of them, of an endpoint that streams its answers or does not; `None` where there are none, or what came of the requests around it is not known.
    pub(super) fn sight(&self, record: &Record, streams: bool) -> Option<Sight> {
        let tells = !self.spans.is_empty() && record.seq < self.first_unseen;
        tells.then(|| Sight {
            due_ns: record.due_ns,
            lost: record.outcome.failed(),
            streams,
            ttft: record.ttft(),
            e2e: record.e2e(),
        })
    }

    /// The recovery from each spike by the requests of one endpoint, ascending by when they were due; `ends` are when the next one
    /// began, or nothing was known any more.
    fn recoveries(&self, requests: &[Sight], ends: &[u64]) -> Vec<Option<Recovery>> {
        let metric = latency_of(requests);
        let mut limit = None;
        let mut calm = Some(0);
        let each = self.spans.iter().zip(ends).enumerate().map(|(place, (&(from_ns, to_ns), &end_ns))| {
            let before = calm.map_or(&[][..], |calm_ns| due_in(requests, calm_ns, from_ns));
            // where there was no time between two spikes to be calm in, what was calm before them still says what that is
            limit = band(before, metric).or(limit);
            let after = due_in(requests, to_ns, end_ns);
            let recovery = limit.and_then(|limit| recovery(after, metric, limit, to_ns, end_ns));
            // how the last one would have gone on is not known of a step that was stopped
            let whole = !self.cut_short || place + 1 < ends.len();
            let recovery = recovery.filter(|recovery| whole || recovery.happened());
            calm = calm_after(to_ns, recovery);
            recovery
        });
        each.collect()
    }

    /// The spikes by the requests of a scope, those of each of its endpoints apart; `last_due_ns` is when the last was due that the step
    /// tells of.
    pub(super) fn seen_by(&self, endpoints: Vec<Vec<Sight>>, last_due_ns: u64) -> Vec<Spike> {
        let ends: Vec<u64> = (1..self.spans.len())
            .map(|next| self.spans[next].0)
            .chain([u64::MAX])
            .map(|next_ns| next_ns.min(last_due_ns.saturating_add(1)))
            .collect();
        let mut endpoints: Vec<_> = endpoints.into_iter().filter(|requests| !requests.is_empty()).collect();
        for requests in &mut endpoints {
            requests.sort_by_key(|request| request.due_ns);
        }
        let of_each: Vec<Vec<Option<Recovery>>> =
            endpoints.iter().map(|requests| self.recoveries(requests, &ends)).collect();
        let mut all: Vec<Sight> = endpoints.into_iter().flatten().collect();
        all.sort_by_key(|request| request.due_ns);
        let latency = latency_of(&all);
        let mut calm = Some(0);
        let each = self.spans.iter().zip(&ends).enumerate();
        let spikes = each.map(|(place, (&(from_ns, to_ns), &end_ns))| {
            let recovery = of_each
                .iter()
                .map(|recoveries| recoveries[place])
                .reduce(|one, other| one.zip(other).map(|(one, other)| one.with(other)))
                .flatten();
            let before = calm.map_or(&[][..], |calm_ns| due_in(&all, calm_ns, from_ns));
            calm = calm_after(to_ns, recovery);
            Spike {
                from_s: from_ns as f64 / 1e9,
                to_s: to_ns as f64 / 1e9,
                watched_s: end_ns.saturating_sub(to_ns) as f64 / 1e9,
                before: Stretch::of(before),
                during: Stretch::of(due_in(&all, from_ns, to_ns)),
                after: Stretch::of(due_in(&all, to_ns, end_ns)),
                latency,
                recovery,
            }
        });
        // what was cut off before it was over is no spike
        spikes.filter(|spike| spike.watched_s > 0.0).collect()
    }
}

/// What a request tells of the spikes around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight {
    pub(super) due_ns: u64,
    lost: bool,
    streams: bool,
    ttft: Option<f64>,
    e2e: Option<f64>,
}

impl Sight {
    /// Its latency; `None` where it was lost.
    fn success(&self, metric: Metric) -> Option<f64> {
        let value = if metric == Metric::Ttft { self.ttft } else { self.e2e };
        value.filter(|_| !self.lost)
    }
}

/// The latency that these requests have.
fn latency_of(requests: &[Sight]) -> Metric {
    let streamed = requests.iter().any(|request| request.success(Metric::Ttft).is_some());
    if streamed { Metric::Ttft } else { Metric::E2e }
}

/// Those of ascending requests that were due from one moment on and before another.
fn due_in(requests: &[Sight], from_ns: u64, to_ns: u64) -> &[Sight] {
    let first = requests.partition_point(|request| request.due_ns < from_ns);
    let behind = requests.partition_point(|request| request.due_ns < to_ns);
    &requests[first..behind.max(first)]
}

/// From when on all was as before a spike that ended at a moment; `None` where it never was, or nothing tells.
fn calm_after(to_ns: u64, recovery: Option<Recovery>) -> Option<u64> {
    let recovery = recovery.filter(|recovery| recovery.happened())?;
    Some(to_ns.saturating_add((recovery.most_s * 1e9).round() as u64))
}

/// The upper end of the band of these requests: lost ones, which no band holds, left aside. `None` of fewer than it takes to show at 95 %
/// that their median lies below their largest, since up to half of what comes then may well lie above.
fn band(requests: &[Sight], metric: Metric) -> Option<f64> {
    let mut values: Vec<f64> = requests.iter().filter_map(|request| request.success(metric)).collect();
    let count = values.len() as u64;
    if count < sample_floor(0.5, BAND) {
        return None;
    }
    values.sort_unstable_by(f64::total_cmp);
    values.get(nearest_rank(BAND, count) as usize - 1).copied()
}

/// What the requests behind a spike that ended at a moment tell of the recovery from it; `None` of too few.
fn recovery(after: &[Sight], metric: Metric, limit: f64, to_ns: u64, end_ns: u64) -> Option<Recovery> {
    let above = |request: &Sight| request.success(metric).is_none_or(|latency| latency > limit);
    let felt = excess(after.iter().map(above));
    let since = |at_ns: u64| at_ns.saturating_sub(to_ns) as f64 / 1e9;
    if felt.is_over() {
        let last = felt.length.checked_sub(1).map_or(0.0, |last| since(after[last].due_ns));
        let next = after.get(felt.length)?;
        return Some(Recovery { least_s: last, most_s: since(next.due_ns) });
    }
    // one request shows neither
    (felt.length > 0).then_some(Recovery { least_s: since(end_ns), most_s: f64::INFINITY })
}

/// The times to recover as a series, with those spikes as failed that were not recovered from; `None` where there are none.
pub(super) fn distribution(spikes: &[Spike]) -> Option<Distribution> {
    let told = spikes.iter().filter_map(|spike| Some(((spike.from_s * 1e9) as u64, spike.recovery?)));
    let (back, not): (Vec<_>, Vec<_>) = told.partition(|(_, recovery)| recovery.happened());
    let values: Vec<_> = back.into_iter().map(|(at_ns, recovery)| (at_ns, recovery.least_s)).collect();
    let failed: Vec<_> = not.into_iter().map(|(at_ns, _)| at_ns).collect();
    let any = !values.is_empty() || !failed.is_empty();
    any.then(|| Distribution::of(values, &failed, Metric::SpikeRecovery))
}
