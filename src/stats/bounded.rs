//! Bounds of what is made of two independent numbers, each of which has bounds of its own.
//!
//! By the method of variance estimates recovery: the distance of each number from its bound stands for its error, in the
//! direction in which it moves the result, so that bounds may be as lopsided as they are. G. Y. Zou and A. Donner,
//! *Construction of confidence limits about effect measures: a general approach* (2008); of two shares with Wilson's bounds
//! it is the tenth method of R. G. Newcombe, *Interval estimation for the difference between independent proportions*
//! (1998).

use super::Estimate;

/// A number with a bound on each side; all that are put together hold with one confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounded {
    /// The number, finite.
    pub value: f64,
    /// Not above it; may be minus infinity.
    pub low: f64,
    /// Not below it; may be infinite.
    pub high: f64,
}

impl Bounded {
    /// A mean within the bounds that its error gives.
    pub fn of(estimate: Estimate, confidence: f64) -> Self {
        let half = estimate.half_width(confidence);
        Self { value: estimate.mean, low: estimate.mean - half, high: estimate.mean + half }
    }

    /// The sum of two.
    pub fn plus(self, other: Self) -> Self {
        self.minus(Self { value: -other.value, low: -other.high, high: -other.low })
    }

    /// The difference of two.
    pub fn minus(self, other: Self) -> Self {
        let value = self.value - other.value;
        Self {
            value,
            low: value - (self.value - self.low).hypot(other.high - other.value),
            high: value + (self.high - self.value).hypot(other.value - other.low),
        }
    }

    /// The ratio of two numbers above 0, as the difference of their logarithms.
    pub fn over(self, other: Self) -> Self {
        self.map(ln).minus(other.map(ln)).map(f64::exp)
    }

    /// What a function that grows everywhere makes of it.
    fn map(self, grows: impl Fn(f64) -> f64) -> Self {
        Self { value: grows(self.value), low: grows(self.low), high: grows(self.high) }
    }
}

/// The logarithm, of a bound that fell below 0 as well.
fn ln(value: f64) -> f64 {
    value.max(0.0).ln()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::stats::wilson;

    fn bounded(value: f64, low: f64, high: f64) -> Bounded {
        Bounded { value, low, high }
    }

    fn near(found: Bounded, expected: [f64; 3]) -> bool {
        [found.value, found.low, found.high].iter().zip(expected).all(|(a, b)| (a - b).abs() < 5e-5)
    }

    #[test]
    fn differences_of_shares_are_those_of_newcombes_table() {
        // R. G. Newcombe (1998), table II, method 10: two-sided 95 %
        for (seen, expected) in [
            ([(56, 70), (48, 80)], [0.2, 0.0524, 0.3339]),
            ([(9, 10), (3, 10)], [0.6, 0.1705, 0.8090]),
            ([(5, 56), (0, 29)], [0.0893, -0.0381, 0.1926]),
            ([(0, 10), (0, 10)], [0.0, -0.2775, 0.2775]),
        ] {
            let [one, other] = seen.map(|(hits, trials)| {
                let (low, high) = wilson(trials, hits, 0.975).expect("trials");
                bounded(hits as f64 / trials as f64, low, high)
            });
            let found = one.minus(other);
            assert!(near(found, expected), "{seen:?} {found:?}");
        }
    }

    #[test]
    fn sums_and_ratios_by_hand() {
        let sum = bounded(3.0, 0.0, 4.0).plus(bounded(5.0, 1.0, 8.0));
        assert!(near(sum, [8.0, 3.0, 8.0 + 10.0_f64.sqrt()]), "{sum:?}");
        // one side without error leaves the other's
        let ratio = bounded(6.0, 3.0, 12.0).over(bounded(2.0, 2.0, 2.0));
        assert!(near(ratio, [3.0, 1.5, 6.0]), "{ratio:?}");
        let ratio = bounded(2.0, 1.0, 4.0).over(bounded(2.0, 1.0, 4.0));
        let apart = (2.0_f64.sqrt() * 2.0_f64.ln()).exp();
        assert!(near(ratio, [1.0, 1.0 / apart, apart]), "{ratio:?}");
    }

    #[test]
    fn a_side_of_which_nothing_is_known_leaves_its_bound_open() {
        let open = bounded(1.0, -0.5, f64::INFINITY);
        let over = open.over(bounded(2.0, 1.0, 3.0));
        assert_eq!((over.value, over.low, over.high), (0.5, 0.0, f64::INFINITY));
        let under = bounded(2.0, 1.0, 3.0).over(open);
        assert_eq!((under.value, under.low, under.high), (2.0, 0.0, f64::INFINITY));
    }

    #[test]
    fn ratios_of_noisy_means_lie_within_their_bounds() {
        const TRIALS: u64 = 1000;
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut missed = [0; 2];
        for _ in 0..TRIALS {
            let mut mean = |truth: f64, error: f64| {
                let noise: f64 = rng.sample(rand_distr::StandardNormal);
                Bounded::of(Estimate { mean: truth + noise * error, error, degrees: 200 }, 0.95)
            };
            let ratio = mean(10.0, 1.0).over(mean(5.0, 0.2).plus(mean(15.0, 1.0)));
            missed[0] += u64::from(ratio.low > 0.5);
            missed[1] += u64::from(ratio.high < 0.5);
        }
        // 5 % on each side, with a standard deviation of 0.7 %
        for missed in missed {
            assert!((30..=75).contains(&missed), "{missed}");
        }
    }
}
