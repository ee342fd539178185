//! What the records and the diary say of the measuring itself: what it cost, how well arrivals are known, whether each step
//! was steady and its accounts of what was in flight agree.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::{
    config::Arrivals,
    metrics::{
        Instrument, Look, Settled, StepQuality, Usage, slices::changes_by_plan, stability::stability,
        survey::StepSurvey, window::Span,
    },
    plan::{LoadStep, Pattern, ScopeKey},
    record::{ChunkTimes, ClockSource, Diary, Generator, Outcome, Record},
    stats,
};

/// Processor time is averaged over stretches of this length: a shorter one tells more of the clock's grain than of load.
const STRETCH_NS: u64 = 5_000_000_000;

/// Widest bound that is told apart, in nanoseconds.
const WIDEST_NS: u64 = u32::MAX as u64;

/// The second reading's part of an [`Instrument`].
pub(super) struct Watching {
    widths: Histogram<u64>,
    exact: u64,
    late: u64,
    user: u64,
    /// By index in the plan; measured load steps with a window.
    steps: BTreeMap<usize, StepWatch>,
}

/// What is kept of each request of a step.
struct StepWatch {
    window: Span,
    /// When requests were in flight: the beginnings and the ends.
    began_ns: Vec<u64>,
    ended_ns: Vec<u64>,
    /// When successes were due inside the window, and the seconds that they took; empty where load changes by plan.
    took: Option<Vec<(u64, f64)>>,
    /// When failures of the server were due inside the window.
    failed_ns: Vec<u64>,
}

impl Watching {
    /// `windows` are those of measured steps.
    pub(super) fn new<'a>(windows: impl Iterator<Item = (&'a StepSurvey<'a>, Span)>) -> Self {
        let widths =
            Histogram::new_with_bounds(1, WIDEST_NS, 3).expect("constant bounds that the crate allows");
        let steps = windows.map(|(step, window)| {
            let took = is_steady(step.load).then(Vec::new);
            let (began_ns, ended_ns, failed_ns) = (Vec::new(), Vec::new(), Vec::new());
            let watch = StepWatch { window, began_ns, ended_ns, took, failed_ns };
            (step.step.id, watch)
        });
        Self { widths, exact: 0, late: 0, user: 0, steps: steps.collect() }
    }

    /// Takes in a request. Those of other steps are left out.
    pub(super) fn add(&mut self, record: &Record, chunks: &ChunkTimes) {
        let Some(step) = self.steps.get_mut(&record.step_id) else { return };
        self.late += u64::from(record.stamps_late);
        if record.clock == ClockSource::User {
            self.user += chunks.len() as u64;
        } else {
            for width_ns in &chunks.width_ns {
                if *width_ns == 0 {
                    self.exact += 1;
                } else {
                    self.widths.saturating_record(u64::from(*width_ns));
                }
            }
        }
        // also what never got a connection was in flight
        if record.outcome != Outcome::NotSent {
            step.began_ns.push(record.due_ns + record.queue_wait_ns);
            step.ended_ns.push(record.end_ns);
        }
        if let Some(took) = &mut step.took
            && step.window.contains(record.due_ns)
        {
            match record.e2e() {
                Some(seconds) => took.push((record.due_ns, seconds)),
                None if matches!(record.outcome, Outcome::Cancelled | Outcome::NotSent) => {}
                None => step.failed_ns.push(record.due_ns),
            }
        }
    }

    pub(super) fn finish(self, diary: &[Diary], keys: &BTreeMap<usize, ScopeKey>) -> Instrument {
        let bounded = self.widths.len();
        let events = self.exact + bounded;
        // the exact ones have a width of 0 and stand at the front
        let rank = (events as f64 * 0.99).ceil() as u64;
        let width_p99_s = (events > 0).then(|| match rank.checked_sub(self.exact) {
            None | Some(0) => 0.0,
            Some(rank) => {
                let quantile = (rank as f64 - 0.5) / bounded as f64;
                self.widths.value_at_quantile(quantile) as f64 / 1e9
            }
        });
        let windows: Vec<Span> = self.steps.values().map(|step| step.window).collect();
        let steps = self
            .steps
            .into_iter()
            .filter_map(|(id, step)| Some(step.finish(keys.get(&id)?.clone(), id, diary)))
            .collect();
        Instrument {
            usage: usage(diary, &windows),
            exact: self.exact,
            bounded,
            late: self.late,
            user: self.user,
            width_p99_s,
            steps,
        }
    }
}

impl StepWatch {
    fn finish(mut self, key: ScopeKey, step: usize, diary: &[Diary]) -> StepQuality {
        let in_flight = self.in_flight(step, diary);
        let mut stable = None;
        let settled = self.took.map(|mut took| {
            took.sort_by_key(|(due_ns, _)| *due_ns);
            let series: Vec<f64> = took.iter().map(|(_, seconds)| *seconds).collect();
            let transient = stats::transient(&series);
            let transient_s = transient.and_then(|end| {
                let (due_ns, _) = took.get(end)?;
                Some((due_ns - self.window.from_ns.min(*due_ns)) as f64 / 1e9)
            });
            let settled = transient.filter(|end| *end > 0).and_then(|end| took.get(end));
            let settled_ns = settled.map_or(self.window.from_ns, |(due_ns, _)| *due_ns);
            stable = stability(self.window, settled_ns, &took, &self.failed_ns);
            Settled {
                requests: series.len() as u64,
                transient: transient.map(|end| end as u64),
                transient_s,
                drift: stats::drift(&series[series.len() / 2..]),
            }
        });
        StepQuality { key, in_flight, settled, stability: stable }
    }

    /// The mean number in flight at the moments at which the engine counted, by its counter and by the records.
    fn in_flight(&mut self, step: usize, diary: &[Diary]) -> Option<Look> {
        self.began_ns.sort_unstable();
        self.ended_ns.sort_unstable();
        let (mut looks, mut counted, mut recorded) = (0, 0, 0);
        for line in diary {
            let Diary::Issued { step: of, at_ns, in_flight, .. } = line else { continue };
            if *of != step || !self.window.contains(*at_ns) {
                continue;
            }
            looks += 1;
            counted += in_flight;
            let began = self.began_ns.partition_point(|began_ns| began_ns <= at_ns);
            let ended = self.ended_ns.partition_point(|ended_ns| ended_ns < at_ns);
            recorded += (began - ended.min(began)) as u64;
        }
        let mean = |sum: u64| sum as f64 / f64::from(looks);
        (looks > 0).then(|| Look { looks, counted: mean(counted), recorded: mean(recorded) })
    }
}

/// Whether nothing in the plan changes the load of a step while it runs.
fn is_steady(load: &LoadStep) -> bool {
    // bursts are what the plan asks for, and come and go
    let bursts = matches!(&load.pattern, Pattern::Open { arrivals: Arrivals::Gamma { .. }, .. });
    !bursts && !changes_by_plan(load)
}

/// What the tool used: its processor time in the busiest stretch of the windows, and the worst of everything else.
fn usage(diary: &[Diary], windows: &[Span]) -> Option<Usage> {
    let looks: Vec<&Generator> = diary
        .iter()
        .filter_map(|line| if let Diary::Generator(generator) = line { Some(generator) } else { None })
        .collect();
    let last = looks.last()?;
    let busiest = windows.iter().filter_map(|window| busiest(&looks, *window)).max_by(f64::total_cmp);
    Some(Usage {
        cpu_share: busiest,
        cores: last.cores,
        nice: looks.iter().filter_map(|look| look.nice).max(),
        swapped_bytes: looks.iter().filter_map(|look| look.swapped_bytes).max(),
        refused: last.refused,
        wall_steps: last.wall_steps - looks[0].wall_steps.min(last.wall_steps),
    })
}

/// The highest share of the cores' time that was used over any stretch of a window, from look to look; a window that is
/// shorter than a stretch is one.
fn busiest(looks: &[&Generator], window: Span) -> Option<f64> {
    let first = looks.iter().rposition(|look| look.at_ns <= window.from_ns).unwrap_or(0);
    let last = looks.iter().position(|look| look.at_ns >= window.to_ns).unwrap_or(looks.len() - 1);
    let looks = looks.get(first..=last)?;
    let share = |from: &Generator, to: &Generator| {
        let used = to.cpu_ns?.saturating_sub(from.cpu_ns?) as f64;
        let had = to.at_ns.saturating_sub(from.at_ns) as f64 * f64::from(to.cores);
        (had > 0.0).then(|| used / had)
    };
    let whole = share(looks.first()?, looks.last()?);
    let stretches = looks.iter().enumerate().filter_map(|(index, from)| {
        let to = looks[index..].iter().find(|to| to.at_ns >= from.at_ns + STRETCH_NS)?;
        share(from, to)
    });
    stretches.chain(whole).max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests;
