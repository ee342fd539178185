//! A series of one scope, and the ranks by which it is read.

use crate::{catalog::Statistic, stats::nearest_rank};

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

/// The values of a series.
#[derive(Debug, Clone)]
pub enum Values {
    /// Each of them, ascending.
    Sorted(Vec<f64>),
    /// Pooled gaps in microseconds, 3 significant digits.
    Histogram(Box<hdrhistogram::Histogram<u64>>),
}
