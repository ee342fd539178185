//! One side of a target as a test of a hypothesis: what decides, wherever requests are counted against a limit.

use crate::{
    catalog::{MetricName, Statistic},
    config::Bound,
    stats::{
        Estimate, cumulative, dependent_lower_rank, dependent_upper_rank, effective, normal_quantile,
        normal_tail, sample_floor, score, settles_at, share_settles_at,
    },
    verdict::Mark,
};

/// The confidence of each one-sided bound.
pub(super) const CONFIDENCE: f64 = 0.95;

/// More requests than these settle nothing that anybody would wait for.
const MOST: f64 = 1e8;

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

/// One side of a target as a test, in which the good side is always the lower one: an at-least target is an at-most target on
/// the mirrored values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side {
    /// Values that it rests on: requests, or pooled gaps.
    pub(super) values: u64,
    by: Test,
}

/// How a side is decided.
#[derive(Debug, Clone, Copy)]
enum Test {
    /// A percentile, of which the limit allows this share of values beyond it: exact order statistics of as many values as those of
    /// the sample are worth, whose autocorrelation time this is.
    Order { beyond: u64, allowed: f64, time: f64 },
    /// A share of requests, likewise: the score test, whose bounds are Wilson's.
    Score { beyond: u64, allowed: f64 },
    /// A mean or a rate: Student's test on it.
    Mean { estimate: Estimate, limit: f64 },
    /// A number between two bounds: the limit lies beyond one of them or between them.
    Bounds { low: f64, value: f64, high: f64, limit: f64 },
}

impl Side {
    /// The side of a percentile or a share of independent values at one end of what is asked of it.
    pub(super) fn new(metric: MetricName, end: End, values: u64, beyond: u64) -> Self {
        let by = match (metric.statistic.and_then(Statistic::quantile), end) {
            (Some(quantile), End::High(_)) => Test::Order { beyond, allowed: 1.0 - quantile, time: 1.0 },
            (Some(quantile), End::Low(_)) => Test::Order { beyond, allowed: quantile, time: 1.0 },
            (None, End::High(limit)) => Test::Score { beyond, allowed: limit },
            (None, End::Low(limit)) => Test::Score { beyond, allowed: 1.0 - limit },
        };
        Self { values, by }
    }

    /// The same percentile of values that depend on each other.
    pub(super) fn dependent(self, time: f64) -> Self {
        match self.by {
            Test::Order { beyond, allowed, .. } => Self { by: Test::Order { beyond, allowed, time }, ..self },
            Test::Score { .. } | Test::Mean { .. } | Test::Bounds { .. } => self,
        }
    }

    /// The side of a mean or a rate at one end of what is asked of it, of so many requests.
    pub(super) fn of_mean(estimate: Estimate, end: End, requests: u64) -> Self {
        let (mean, limit) = match end {
            End::High(limit) => (estimate.mean, limit),
            End::Low(limit) => (-estimate.mean, -limit),
        };
        Self { values: requests, by: Test::Mean { estimate: Estimate { mean, ..estimate }, limit } }
    }

    /// The side of a number that has bounds, likewise.
    pub(super) fn of_bounds(value: f64, (low, high): (f64, f64), end: End, requests: u64) -> Self {
        let by = match end {
            End::High(limit) => Test::Bounds { low, value, high, limit },
            End::Low(limit) => Test::Bounds { low: -high, value: -value, high: -low, limit: -limit },
        };
        Self { values: requests, by }
    }

    /// The chance of what was seen, or worse, if the truth were within the limit: small speaks for FAIL.
    pub(super) fn p_value(self) -> f64 {
        match self.by {
            Test::Score { beyond, allowed } => normal_tail(score(self.values, beyond, allowed)),
            _ => self.exact_p_value(),
        }
    }

    /// The same, of a share by the binomial distribution itself, of which the score test is the limit in large samples.
    pub(super) fn exact_p_value(self) -> f64 {
        match self.by {
            Test::Order { beyond, allowed, time } => {
                let (values, beyond) = self.worth(beyond, time);
                cumulative(values, values - beyond, 1.0 - allowed)
            }
            Test::Score { beyond, allowed } => cumulative(self.values, self.values - beyond, 1.0 - allowed),
            Test::Mean { estimate, limit } => estimate.chance_above(limit),
            // as if the draws were normal on either side
            Test::Bounds { low, value, high, limit } => {
                let bound = if value > limit { value - low } else { high - value };
                let apart = (value - limit) * normal_quantile(CONFIDENCE);
                if bound > 0.0 { normal_tail(apart / bound) } else { f64::from(u8::from(value <= limit)) }
            }
        }
    }

    /// What the values and those beyond the limit are worth as independent ones.
    fn worth(self, beyond: u64, time: f64) -> (u64, u64) {
        let values = effective(self.values, time);
        let beyond = u128::from(beyond) * u128::from(values) / u128::from(self.values.max(1));
        (values, beyond as u64)
    }

    pub(super) fn mark(self) -> Mark {
        let (good, bad) = match self.by {
            Test::Order { beyond, allowed, time } => {
                let (values, within) = (self.values, self.values - beyond);
                let upper = dependent_upper_rank(values, time, 1.0 - allowed, CONFIDENCE);
                let lower = dependent_lower_rank(values, time, 1.0 - allowed, CONFIDENCE);
                (upper.is_some_and(|rank| rank <= within), lower.is_some_and(|rank| rank > within))
            }
            Test::Score { beyond, allowed } => {
                let (score, z) = (score(self.values, beyond, allowed), normal_quantile(CONFIDENCE));
                (score <= -z, score > z)
            }
            Test::Mean { estimate, limit } => {
                let half = estimate.half_width(CONFIDENCE);
                (estimate.mean + half <= limit, estimate.mean - half > limit)
            }
            Test::Bounds { low, high, limit, .. } => (high <= limit, low > limit),
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
            Test::Order { allowed, time, .. } => {
                Some((sample_floor(1.0 - allowed, CONFIDENCE) as f64 * time).ceil() as u64)
            }
            Test::Score { allowed, .. } => share_settles_at(0, 0, allowed, CONFIDENCE),
            Test::Mean { .. } | Test::Bounds { .. } => None,
        }
    }

    /// How many more values would settle it.
    pub(super) fn needs(self, confidence: f64) -> Option<u64> {
        let total = match self.by {
            Test::Order { beyond, allowed, time } => {
                let (values, beyond) = self.worth(beyond, time);
                let total = settles_at(values, beyond, 1.0 - allowed, confidence)?;
                (total as f64 * time).ceil() as u64
            }
            Test::Score { beyond, allowed } => share_settles_at(self.values, beyond, allowed, confidence)?,
            Test::Mean { estimate, limit } => {
                self.times(estimate.half_width(confidence) / (estimate.mean - limit))?
            }
            Test::Bounds { low, value, high, limit } => {
                let wider = normal_quantile(confidence) / normal_quantile(CONFIDENCE);
                self.times(wider * (high - value).max(value - low) / (value - limit))?
            }
        };
        Some(total.saturating_sub(self.values))
    }

    /// The requests that bring an error down to so many times less: it falls with the root of what is measured.
    fn times(self, less: f64) -> Option<u64> {
        let total = less.powi(2) * self.values as f64;
        (total.is_finite() && total < MOST).then_some(total.ceil() as u64)
    }
}
