//! A metric of requests over a sliding window.

use hdrhistogram::Histogram;

use super::ring::Ring;
use crate::{
    catalog::{Direction, Kind, Metric, MetricName, Statistic},
    config::Beyond,
    plan::alert_floor,
    stats::{nearest_rank, wilson},
};

/// Parts of a unit that are told apart: microseconds of a second.
const PARTS: f64 = 1e6;

/// The confidence with which a share has to lie beyond a limit, for one side of its interval.
const CONFIDENCE: f64 = 0.95;

/// The fewest requests that make a share: one that failed, or two, are no rate, however few others there were.
const FEWEST_OF_SHARE: u64 = 3;

/// What one request adds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Adds {
    /// A value of a series.
    Value(f64),
    /// No value for its failure, which counts as the worst.
    Failed,
    /// Whether it counts for a share.
    Counts(bool),
    /// So much of what is counted per second.
    Amount(f64),
}

/// What ended in the window. Its size does not depend on how many requests that were.
#[derive(Debug)]
pub(super) struct Requests {
    metric: MetricName,
    /// From when on what is due counts.
    from_ns: u64,
    /// The first end, from which on there are rates.
    first_end_ns: Option<u64>,
    tally: Tally,
}

#[derive(Debug)]
enum Tally {
    /// Values with how many failed, by slots and in all.
    Series { slots: Ring<Part>, all: Part },
    /// Requests, and those that count.
    Share(Ring<(u64, u64)>),
    /// What is counted per second.
    Rate(Ring<f64>),
}

#[derive(Debug)]
struct Part {
    values: Histogram<u32>,
    failed: u64,
}

impl Part {
    /// 1 µs to 1 h with three significant digits for times, and up to a million for other values.
    fn new(metric: Metric) -> Self {
        let most =
            if metric.unit() == crate::catalog::Unit::Seconds { 3_600_000_000 } else { 1_000_000_000_000 };
        let mut values = Histogram::new_with_bounds(1, most, 3).expect("the bounds are in order");
        values.auto(false);
        Self { values, failed: 0 }
    }

    fn add(&mut self, value: Option<u64>) {
        match value {
            Some(value) => self.values.saturating_record(value),
            None => self.failed += 1,
        }
    }
}

impl Requests {
    pub(super) fn new(metric: MetricName, window_ns: u64, from_ns: u64) -> Self {
        let tally = match metric.metric.kind() {
            Kind::Rate => Tally::Rate(Ring::new(window_ns)),
            Kind::Share if metric.metric.is_share_of_due() => Tally::Share(Ring::new(window_ns)),
            _ => Tally::Series { slots: Ring::new(window_ns), all: Part::new(metric.metric) },
        };
        Self { metric, from_ns, first_end_ns: None, tally }
    }

    /// Takes in what a request adds that was due and ended at these moments.
    pub(super) fn add(&mut self, due_ns: u64, end_ns: u64, adds: Adds) {
        if due_ns < self.from_ns {
            return;
        }
        self.first_end_ns.get_or_insert(end_ns);
        match (&mut self.tally, adds) {
            (Tally::Series { slots, all }, Adds::Value(_) | Adds::Failed) => {
                let value = match adds {
                    Adds::Value(value) => Some((value * PARTS).round() as u64),
                    _ => None,
                };
                if let Some(part) = slots.at(end_ns, || Part::new(self.metric.metric)) {
                    part.add(value);
                    all.add(value);
                }
            }
            (Tally::Share(slots), Adds::Counts(counts)) => {
                if let Some((requests, counted)) = slots.at(end_ns, || (0, 0)) {
                    *requests += 1;
                    *counted += u64::from(counts);
                }
            }
            (Tally::Rate(slots), Adds::Amount(amount)) => {
                if let Some(sum) = slots.at(end_ns, || 0.0) {
                    *sum += amount;
                }
            }
            // a metric has one kind
            _ => {}
        }
    }

    /// The value over the window that ends now; `None` where too little is in it.
    pub(super) fn value(&mut self, now_ns: u64, is: Beyond) -> Option<f64> {
        let floor = alert_floor(self.metric).unwrap_or(0);
        match &mut self.tally {
            Tally::Series { slots, all } => {
                while let Some(old) = slots.expire(now_ns) {
                    // every value of a slot is among all
                    let _ = all.values.subtract(&old.values);
                    all.failed -= old.failed;
                }
                if all.values.len() + all.failed < floor {
                    return None;
                }
                all.value(self.metric)
            }
            Tally::Share(slots) => {
                while slots.expire(now_ns).is_some() {}
                let (requests, counted) =
                    slots.iter().fold((0, 0), |sum, slot| (sum.0 + slot.0, sum.1 + slot.1));
                let share = (requests > 0).then(|| counted as f64 / requests as f64)?;
                // a server that hangs ends few requests, all of them badly; that a share is fine again takes as many as any value
                let told = if is.holds(share) { is_surely(is, requests, counted) } else { requests >= floor };
                told.then_some(share)
            }
            Tally::Rate(slots) => {
                while slots.expire(now_ns).is_some() {}
                let begins_ns = slots.begins_ns(now_ns);
                // what was on its way when the window began has to be as much as what is now
                let whole = slots.is_behind(self.from_ns, now_ns)
                    && self.first_end_ns.is_some_and(|end| end <= begins_ns);
                let seconds = now_ns.saturating_sub(begins_ns) as f64 / 1e9;
                whole.then(|| slots.iter().sum::<f64>() / seconds)
            }
        }
    }
}

/// Whether a share lies beyond a limit with all of its interval (Wilson's), and by more than a few requests: those that count where it
/// is too high, the others where it is too low.
fn is_surely(is: Beyond, requests: u64, counted: u64) -> bool {
    let share = counted as f64 / requests as f64;
    let speaking = if share > is.limit(share) { counted } else { requests - counted };
    let interval = wilson(requests, counted, CONFIDENCE);
    speaking >= FEWEST_OF_SHARE && interval.is_some_and(|(low, high)| is.holds(low) && is.holds(high))
}

impl Part {
    fn value(&self, metric: MetricName) -> Option<f64> {
        let values = &self.values;
        match metric.metric {
            Metric::SpikeRate => return self.share_above(values.mean() + 3.0 * values.stdev()),
            Metric::SpikeRateMad => return self.share_above(self.median_and_spread()?),
            _ => {}
        }
        let statistic = metric.statistic?;
        let Some(quantile) = statistic.quantile() else {
            if values.is_empty() {
                return None;
            }
            return Some(
                match statistic {
                    Statistic::Mean => values.mean(),
                    Statistic::Min => values.min() as f64,
                    Statistic::Max => values.max() as f64,
                    _ => values.stdev(),
                } / PARTS,
            );
        };
        let rank = nearest_rank(quantile, values.len() + self.failed);
        let below = if metric.metric.direction() == Direction::Higher { self.failed } else { 0 };
        match rank.checked_sub(below).filter(|rank| (1..=values.len()).contains(rank)) {
            // the middle of a count avoids rounding up into the next bucket
            Some(rank) => {
                Some(values.value_at_quantile((rank as f64 - 0.5) / values.len() as f64) as f64 / PARTS)
            }
            None => Some(metric.metric.worst()),
        }
    }

    /// The share of the values above a limit.
    fn share_above(&self, limit: f64) -> Option<f64> {
        let above: u64 = self
            .values
            .iter_recorded()
            .filter(|step| step.value_iterated_to() as f64 > limit)
            .map(|step| u64::from(step.count_at_value()))
            .sum();
        (!self.values.is_empty()).then(|| above as f64 / self.values.len() as f64)
    }

    /// Median + 3 × 1.4826 × the median absolute deviation.
    fn median_and_spread(&self) -> Option<f64> {
        let median = self.values.value_at_quantile(0.5) as f64;
        let mut deviations: Vec<(f64, u64)> = self
            .values
            .iter_recorded()
            .map(|step| ((step.value_iterated_to() as f64 - median).abs(), u64::from(step.count_at_value())))
            .collect();
        deviations.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut left = self.values.len().div_ceil(2);
        let mad = deviations.into_iter().find_map(|(deviation, count)| {
            let here = left <= count;
            left = left.saturating_sub(count);
            here.then_some(deviation)
        });
        Some(median + 3.0 * 1.4826 * mad?)
    }
}
