//! A series of one scope, and the ranks by which it is read.

use crate::{
    catalog::{Metric, Statistic},
    stats::{BATCHES, Estimate, Indicators, Moments, batch_means, nearest_rank},
};

/// A series of one scope: values of successes, and how many requests failed and so have none.
#[derive(Debug, Clone)]
pub struct Distribution {
    /// Values of successes, ascending.
    pub values: Values,
    /// Failed requests, which have no value. Of `send_lag` and `queue_wait`, which a server's failure does not
    /// touch, only the requests that were never sent.
    pub failed: u64,
    /// What a failed request counts as in the percentiles that targets judge: infinity, or 0 where higher is better.
    pub worst: f64,
    /// Whether failures are ranked in the extremes and the mean too: a spike that was not recovered from has no time, and is no less a
    /// spike.
    pub whole: bool,
    /// Mean of the values.
    pub mean: f64,
    /// Sample standard deviation of the values; 0 for a single one.
    pub stddev: f64,
    /// How much they depend on each other in the order in which their requests were due.
    pub dependence: Dependence,
    /// Of `e2e`, by which spikes are told, the values of successes in the order in which their requests were due; else nothing.
    pub in_order: Vec<f64>,
}

/// How much the values of a series depend on each other.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dependence {
    /// The autocorrelation time of lying above each percentile, failures at the bad end; empty where it is not known.
    times: Vec<(Statistic, f64)>,
    /// The mean of the successes with its error, by batches; `None` where they are fewer than batches.
    pub mean: Option<Estimate>,
}

impl Dependence {
    /// How many values say as much of a percentile as one that depends on no other would; 1 where nothing is known.
    pub fn time(&self, statistic: Statistic) -> f64 {
        self.times.iter().find(|(of, _)| *of == statistic).map_or(1.0, |(_, time)| *time)
    }
}

impl Distribution {
    /// That of values, each with the moment at which its request was due, and of the moments of failed ones.
    pub(super) fn of(values: Vec<(u64, f64)>, failed: &[u64], metric: Metric) -> Self {
        let mut by_due: Vec<(u64, Option<f64>)> =
            values.into_iter().map(|(due_ns, value)| (due_ns, Some(value))).collect();
        by_due.extend(failed.iter().map(|due_ns| (*due_ns, None)));
        by_due.sort_by_key(|(due_ns, _)| *due_ns);
        let in_order: Vec<f64> = by_due.iter().filter_map(|(_, value)| *value).collect();
        let mut ascending = in_order.clone();
        ascending.sort_unstable_by(f64::total_cmp);
        let moments: Moments = ascending.iter().copied().collect();
        let mut series = Self {
            values: Values::Sorted(ascending),
            failed: failed.len() as u64,
            worst: metric.worst(),
            whole: metric == Metric::SpikeRecovery,
            mean: moments.mean(),
            stddev: moments.stddev(),
            dependence: Dependence { times: Vec::new(), mean: batch_means(&in_order, BATCHES) },
            in_order: if metric == Metric::E2e { in_order } else { Vec::new() },
        };
        let judged: Vec<f64> = by_due.into_iter().map(|(_, value)| value.unwrap_or(series.worst)).collect();
        series.dependence.times = Statistic::ALL
            .into_iter()
            .filter_map(|statistic| Some((statistic, series.time(statistic.quantile()?, &judged)?)))
            .collect();
        series
    }

    /// The autocorrelation time of lying above a quantile, of all values in the order in which their requests were due.
    fn time(&self, quantile: f64, judged: &[f64]) -> Option<f64> {
        let rank = nearest_rank(quantile, judged.len() as u64);
        let at = self.judged_at_rank(rank)?;
        let above = |beyond: fn(&f64, &f64) -> bool| {
            judged.iter().map(|value| beyond(value, &at)).collect::<Indicators>().autocorrelation_time()
        };
        // where many values tie there, what lies above may be another part of the sample than what lies below
        let tied = [rank - 1, rank + 1].into_iter().any(|beside| self.judged_at_rank(beside) == Some(at));
        let time = above(f64::gt);
        Some(if tied { time.max(above(f64::ge)) } else { time })
    }

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

    /// A statistic as targets judge it: percentiles rank failed requests at the bad end, the rest is of successes but where failures are
    /// ranked in the whole.
    pub fn judged(&self, statistic: Statistic) -> Option<f64> {
        match statistic.quantile() {
            Some(quantile) => self.judged_at_rank(nearest_rank(quantile, self.count() + self.failed)),
            None if self.whole && self.failed > 0 => match statistic {
                Statistic::Min => self.judged_at_rank(1),
                Statistic::Max | Statistic::Mean => Some(self.worst),
                _ => None,
            },
            None => self.of_successes(statistic),
        }
    }
}

/// The values of a series.
#[derive(Debug, Clone)]
pub enum Values {
    /// Each of them, ascending.
    Sorted(Vec<f64>),
    /// Pooled gaps in microseconds, 3 significant digits.
    Histogram(Box<hdrhistogram::Histogram<u64>>),
}
