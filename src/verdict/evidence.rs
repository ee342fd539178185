//! What speaks against a target while its requests still come.

use super::side::{End, Side};
use crate::{catalog::MetricName, config::Bound, verdict::Mark};

/// The chance of a look at evidence that would call a sound target hopeless. Whoever looks again and again finds any
/// level once: of a sample that grows a thousandfold under steady looks, a bound of z standard errors is crossed with a
/// chance of about z φ(z) ln(1000) / 2, which is 3.6 % at this level. So the looks together stay within the 5 % of one
/// verdict.
const EVERY_LOOK: f64 = 0.001;

/// Requests counted against the limits of a target, one after the other. Its size does not grow with them.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    metric: MetricName,
    requests: u64,
    /// The ends of the target, each with the requests beyond it.
    ends: Vec<(End, u64)>,
}

impl Evidence {
    /// No evidence yet; `None` where the metric is not judged by counting requests.
    pub fn new(metric: MetricName, bound: Bound) -> Option<Self> {
        let ends = End::of(bound).map(|end| (end, 0)).collect();
        metric.counts_requests().then_some(Self { metric, requests: 0, ends })
    }

    /// Takes in a request with its value, infinite or 0 where it failed; of a share, 1 for what it counts and 0 for the
    /// rest.
    pub fn add(&mut self, value: f64) {
        self.requests += 1;
        let share = self.metric.statistic.is_none();
        for (end, beyond) in &mut self.ends {
            *beyond += u64::from(match end {
                End::Low(_) if share => value < 0.5,
                End::High(_) if share => value > 0.5,
                End::Low(limit) => value < *limit,
                End::High(limit) => value > *limit,
            });
        }
    }

    /// Takes in a request that has not ended: of a share its value, which is certain, of a series what its value will be
    /// at least.
    pub fn add_at_least(&mut self, value: f64) {
        if self.metric.statistic.is_none() {
            return self.add(value);
        }
        self.requests += 1;
        for (end, beyond) in &mut self.ends {
            *beyond += u64::from(matches!(end, End::High(limit) if value > *limit));
        }
    }

    /// The requests so far with those that have not ended, and how many lie beyond the end that most are beyond.
    pub fn counts(&self, unfinished: u64) -> (u64, u64) {
        let beyond = self.ends.iter().map(|(_, beyond)| *beyond).max().unwrap_or(0);
        (self.requests + unfinished, beyond)
    }

    /// Whether the target has failed by what is there, so that one may say so however often one has looked, and even if
    /// so many requests that have not ended all turn out well. Failures come fast and good answers take their time, so
    /// what has ended is worse than what was issued.
    pub fn is_hopeless(&self, unfinished: u64) -> bool {
        let requests = self.requests + unfinished;
        let mut sides = self.ends.iter().map(|(end, beyond)| Side::new(self.metric, *end, requests, *beyond));
        self.requests > 0 && sides.any(|side| side.mark() == Mark::Fail && side.exact_p_value() <= EVERY_LOOK)
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn evidence(metric: &str, bound: Bound) -> Evidence {
        Evidence::new(metric.parse().expect("a metric"), bound).expect("a metric that counts requests")
    }

    /// After how many requests, each with this value, there is no hope any more.
    fn hopeless_after(metric: &str, bound: Bound, value: f64) -> Option<u64> {
        let mut evidence = evidence(metric, bound);
        (1..=20_000).find(|_| {
            evidence.add(value);
            evidence.is_hopeless(0)
        })
    }

    #[test]
    fn what_is_as_bad_as_can_be_is_hopeless_soon() {
        let (failed, missed) = (1.0, f64::INFINITY);
        for (metric, bound, value, requests) in [
            // 0.05³ ≤ 0.001
            ("error_rate", Bound::AtMost(0.05), failed, Some(3)),
            ("error_rate", Bound::AtMost(0.0), failed, Some(1)),
            ("error_rate", Bound::AtMost(0.5), failed, Some(10)),
            ("error_rate", Bound::AtMost(0.05), 0.0, None),
            ("error_rate", Bound::AtMost(1.0), failed, None),
            ("objectives_met_rate", Bound::AtLeast(0.9), 0.0, Some(3)),
            ("objectives_met_rate", Bound::AtLeast(0.9), 1.0, None),
            ("ttft.p95", Bound::AtMost(0.2), missed, Some(3)),
            ("ttft.p95", Bound::AtMost(0.2), 0.3, Some(3)),
            ("ttft.p50", Bound::AtMost(0.2), 0.3, Some(10)),
            ("ttft.p95", Bound::AtMost(0.2), 0.2, None),
            ("ttft.p50", Bound::Between(0.1, 0.2), 0.05, Some(10)),
            ("ttft.p50", Bound::Between(0.1, 0.2), 0.15, None),
            ("decode_tokens_per_second.p50", Bound::AtLeast(30.0), 0.0, Some(10)),
        ] {
            assert_eq!(hopeless_after(metric, bound, value), requests, "{metric} {bound:?} {value}");
        }
    }

    #[test]
    fn what_has_not_ended_may_still_turn_out_well() {
        for (metric, bound, value) in [
            ("error_rate", Bound::AtMost(0.1), 1.0),
            ("objectives_met_rate", Bound::AtLeast(0.9), 0.0),
            ("ttft.p90", Bound::AtMost(0.2), f64::INFINITY),
        ] {
            let mut evidence = evidence(metric, bound);
            (0..4).for_each(|_| evidence.add(value));
            assert!(evidence.is_hopeless(0), "{metric}");
            assert!(!evidence.is_hopeless(36), "{metric}: no more than the target allows");
            assert_eq!((evidence.counts(0), evidence.counts(36)), ((4, 4), (40, 4)), "{metric}");
            (0..36).for_each(|_| evidence.add(value));
            assert!(evidence.is_hopeless(36), "{metric}: half of all that was issued");
        }
    }

    #[test]
    fn what_a_request_will_be_at_least_speaks_against_upper_limits_alone() {
        for (metric, bound, value, hopeless) in [
            ("ttft.p95", Bound::AtMost(5.0), 6.0, true),
            ("ttft.p95", Bound::AtMost(5.0), 5.0, false),
            // it may still become more
            ("ttft.p95", Bound::AtLeast(5.0), 1.0, false),
            ("ttft.p95", Bound::Between(2.0, 5.0), 1.0, false),
            ("ttft.p95", Bound::Between(2.0, 5.0), 6.0, true),
            ("objectives_met_rate", Bound::AtLeast(0.9), 0.0, true),
        ] {
            let mut evidence = evidence(metric, bound);
            (0..10).for_each(|_| evidence.add_at_least(value));
            assert_eq!(evidence.is_hopeless(0), hopeless, "{metric} {bound:?} {value}");
            assert_eq!(evidence.counts(5).0, 15);
        }
    }

    #[test]
    fn a_sound_target_outlives_thousands_of_looks() {
        const RUNS: u64 = 300;
        let abandoned = (0..RUNS).filter(|seed| {
            let mut rng = ChaCha8Rng::seed_from_u64(*seed);
            let mut evidence = evidence("error_rate", Bound::AtMost(0.05));
            // as near the limit as a sound server can be, with a look after every tenth request
            (1..=5_000).any(|request| {
                evidence.add(f64::from(u8::from(rng.random::<f64>() < 0.05)));
                request % 10 == 0 && evidence.is_hopeless(0)
            })
        });
        assert!(abandoned.count() <= RUNS as usize / 20);
    }

    #[test]
    fn what_is_known_only_at_the_end_has_no_evidence_on_the_way() {
        for metric in ["itl.p95", "e2e.mean", "e2e.max", "goodput", "spike_rate", "cost_per_million_tokens"] {
            let metric = metric.parse().expect("a metric");
            assert_eq!(Evidence::new(metric, Bound::AtMost(1.0)), None, "{metric}");
        }
    }
}
