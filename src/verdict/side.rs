//! One side of a target as a test of a hypothesis: what decides, wherever requests are counted against a limit.

use crate::{
    catalog::{MetricName, Statistic},
    config::Bound,
    stats::{
        cumulative, lower_rank, normal_quantile, normal_tail, sample_floor, score, settles_at,
        share_settles_at, upper_rank,
    },
    verdict::Mark,
};

/// The confidence of each one-sided bound.
pub(super) const CONFIDENCE: f64 = 0.95;

/// An end of the range in which a target wants its metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum End {
    /// At least this.
    Low(f64),
    /// At most this.
    High(f64),
}

impl End {
    /// Those of a bound, the lower one first.
    pub(super) fn of(bound: Bound) -> impl Iterator<Item = Self> {
        let (low, high) = match bound {
            Bound::AtLeast(limit) => (Some(limit), None),
            Bound::AtMost(limit) => (None, Some(limit)),
            Bound::Between(low, high) => (Some(low), Some(high)),
        };
        low.map(Self::Low).into_iter().chain(high.map(Self::High))
    }
}

/// One side of a target as a test on the number of values beyond the limit, in which the good side is always the lower
/// one: an at-least target on a quantile or a share is an at-most target on the mirrored values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side {
    pub(super) values: u64,
    pub(super) beyond: u64,
    /// The share of values that the limit allows beyond it.
    allowed: f64,
    by: Test,
}

/// How a side is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    /// A percentile: exact order statistics.
    Order,
    /// A share of requests: the score test, whose bounds are Wilson's.
    Score,
}

impl Side {
    /// The side of a percentile or a share at one end of what is asked of it.
    pub(super) fn new(metric: MetricName, end: End, values: u64, beyond: u64) -> Self {
        let (allowed, by) = match (metric.statistic.and_then(Statistic::quantile), end) {
            (Some(quantile), End::High(_)) => (1.0 - quantile, Test::Order),
            (Some(quantile), End::Low(_)) => (quantile, Test::Order),
            (None, End::High(limit)) => (limit, Test::Score),
            (None, End::Low(limit)) => (1.0 - limit, Test::Score),
        };
        Self { values, beyond, allowed, by }
    }

    fn quantile(self) -> f64 {
        1.0 - self.allowed
    }

    /// The chance of so many values beyond the limit if the quantile or the share were within it: small speaks for
    /// FAIL.
    pub(super) fn p_value(self) -> f64 {
        match self.by {
            Test::Order => self.exact_p_value(),
            Test::Score => normal_tail(score(self.values, self.beyond, self.allowed)),
        }
    }

    /// The same by the binomial distribution itself, of which the score test is the limit in large samples.
    pub(super) fn exact_p_value(self) -> f64 {
        cumulative(self.values, self.values - self.beyond, self.quantile())
    }

    pub(super) fn mark(self) -> Mark {
        let (good, bad) = match self.by {
            Test::Order => {
                let within = self.values - self.beyond;
                (
                    upper_rank(self.values, self.quantile(), CONFIDENCE).is_some_and(|rank| rank <= within),
                    lower_rank(self.values, self.quantile(), CONFIDENCE).is_some_and(|rank| rank > within),
                )
            }
            Test::Score => {
                let (score, z) = (score(self.values, self.beyond, self.allowed), normal_quantile(CONFIDENCE));
                (score <= -z, score > z)
            }
        };
        match (good, bad) {
            (true, _) => Mark::Pass,
            (false, true) => Mark::Fail,
            (false, false) => Mark::Inconclusive,
        }
    }

    /// The fewest values that could show the good side, none of them beyond the limit.
    pub(super) fn floor(self) -> Option<u64> {
        match self.by {
            Test::Order => Some(sample_floor(self.quantile(), CONFIDENCE)),
            Test::Score => share_settles_at(0, 0, self.allowed, CONFIDENCE),
        }
    }

    /// How many more values would settle it.
    pub(super) fn needs(self, confidence: f64) -> Option<u64> {
        let total = match self.by {
            Test::Order => settles_at(self.values, self.beyond, self.quantile(), confidence),
            Test::Score => share_settles_at(self.values, self.beyond, self.allowed, confidence),
        };
        total.map(|total| total - self.values)
    }
}
