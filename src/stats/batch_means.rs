//! The interval of a mean whose values depend on their neighbours.
//!
//! Waiting times of a queue hang together, so the deviation of single values says too little of how far their mean may
//! be off. Means over long stretches are nearly independent and nearly normal: the series is cut into batches of equal length,
//! and the interval is Student's over the means of the batches. A. M. Law, *Simulation Modeling and Analysis* (5th ed.,
//! 2015), section 9.5.3; that 10 to 30 batches are enough whatever the length, B. Schmeiser, *Batch size effects in the
//! analysis of simulation output* (1982).

use super::{Moments, mean, parts, student_quantile, student_tail};

/// Batches that the error of a mean comes from: as many as are enough whatever the length, so that a mean of fewer values has none.
pub const BATCHES: usize = 20;

/// A mean, and how far it may be off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Its standard error.
    pub error: f64,
    /// The degrees of freedom of the error.
    pub degrees: u64,
}

impl Estimate {
    /// The distance from the mean to either bound, each of which holds with this confidence.
    pub fn half_width(self, confidence: f64) -> f64 {
        student_quantile(self.degrees, confidence) * self.error
    }

    /// Whether a value lies within both bounds.
    pub fn holds(self, value: f64, confidence: f64) -> bool {
        (value - self.mean).abs() <= self.half_width(confidence)
    }

    /// The chance of a mean so far above a limit, or farther, if the truth were the limit.
    pub fn chance_above(self, limit: f64) -> f64 {
        let apart = self.mean - limit;
        if self.error > 0.0 {
            student_tail(self.degrees, apart / self.error)
        } else if apart > 0.0 {
            0.0
        } else {
            1.0
        }
    }
}

/// The mean of a stationary series and its error, by so many batches, of which [`BATCHES`] are enough. They are as equal in
/// length as can be, and every value is in one. `None` where there are fewer than two batches, or not a value for each.
pub fn batch_means(series: &[f64], batches: usize) -> Option<Estimate> {
    if batches < 2 || series.len() < batches {
        return None;
    }
    let means: Moments = parts(series.len(), batches).map(|batch| mean(&series[batch])).collect();
    let error = means.stddev() / (batches as f64).sqrt();
    Some(Estimate { mean: means.mean(), error, degrees: batches as u64 - 1 })
}

/// The mean of batches that follow a plan which changes from one to the next, and its error by what lies between neighbours: a change
/// that the plan makes over many of them is no noise. By the mean square successive difference, J. von Neumann, R. H. Kent,
/// H. R. Bellinson and B. I. Hart, *The mean square successive difference* (1941), whose variance gives the degrees of freedom.
/// `None` of fewer than three.
pub fn changing_means(batches: &[f64]) -> Option<Estimate> {
    let n = batches.len() as f64;
    if batches.len() < 3 {
        return None;
    }
    let squares: f64 = batches.windows(2).map(|pair| (pair[1] - pair[0]).powi(2)).sum();
    let variance = squares / (n - 1.0) / 2.0;
    let degrees = 2.0 * (n - 1.0).powi(2) / 3.0_f64.mul_add(n, -4.0);
    let mean = mean(batches);
    Some(Estimate { mean, error: (variance / n).sqrt(), degrees: (degrees as u64).max(1) })
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::StandardNormal;

    use super::*;
    use crate::stats::fixture::normal;

    #[test]
    fn a_few_values_by_hand() {
        // means of batches 2, 4, 6, 8; the last of them has a value more than the others
        let estimate = batch_means(&[1.0, 3.0, 4.0, 4.0, 6.0, 6.0, 7.0, 9.0, 8.0], 4).expect("batches");
        assert_eq!((estimate.mean, estimate.degrees), (5.0, 3));
        let error = (20.0_f64 / 3.0).sqrt() / 2.0;
        assert!((estimate.half_width(0.975) - 3.182_446 * error).abs() < 1e-5, "{estimate:?}");
        assert!(estimate.holds(5.0 + 4.0, 0.975) && !estimate.holds(5.0 - 4.2, 0.975));
        // at its own bound the chance is what the confidence leaves
        let chance = estimate.chance_above(5.0 - estimate.half_width(0.975));
        assert!((chance - 0.025).abs() < 1e-9, "{chance}");
        assert!((estimate.chance_above(5.0) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_cut_has_no_interval() {
        assert_eq!(batch_means(&[1.0, 2.0, 3.0], 4), None);
        assert_eq!(batch_means(&[1.0, 2.0, 3.0], 1), None);
        assert_eq!(batch_means(&[1.0, 2.0, 3.0], 0), None);
        let still = Estimate { mean: 2.0, error: 0.0, degrees: 19 };
        assert_eq!(batch_means(&[2.0; 40], 20), Some(still));
        assert_eq!((still.chance_above(1.9), still.chance_above(2.0)), (0.0, 1.0));
        assert_eq!(changing_means(&[1.0, 2.0]), None);
        // nineteen slow values and twenty fast ones: none of them may be left out
        let mut series = vec![10.0; 19];
        series.extend([1.0; 20]);
        assert!(batch_means(&series, 20).expect("batches").half_width(0.95) > 1.0);
    }

    #[test]
    fn what_a_plan_changes_is_no_noise() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut covered = [0; 2];
        for _ in 0..2000 {
            // a ramp from 0 to 20 with a noise of 1
            let slices: Vec<f64> =
                (0..20).map(|i| f64::from(i) + rng.sample::<f64, _>(StandardNormal)).collect();
            let changing = changing_means(&slices).expect("slices");
            assert_eq!(changing.degrees, 12);
            covered[0] += u32::from(changing.mean - changing.half_width(0.95) <= 9.5);
            covered[1] += u32::from(changing.mean + changing.half_width(0.95) >= 9.5);
            assert!(batch_means(&slices, 20).expect("slices").error > 3.0 * changing.error);
        }
        // the steps of the ramp count as noise, so that the bounds are a little wide
        for covered in covered {
            assert!((1900..=1990).contains(&covered), "{covered}");
        }
    }

    #[test]
    fn values_that_hang_together_are_covered_and_taken_for_independent_they_are_not() {
        const TRIALS: u64 = 400;
        let mut covered = [0; 2];
        for seed in 0..TRIALS {
            let series = normal(seed, 4_000, 0.9);
            // as many batches as values: what a textbook says of independent ones
            for (covered, batches) in covered.iter_mut().zip([20, series.len()]) {
                let estimate = batch_means(&series, batches).expect("enough values");
                *covered += u64::from(estimate.holds(0.0, 0.95));
            }
        }
        let [batches, single] = covered.map(|covered| covered as f64 / TRIALS as f64);
        // 90 % on both sides together, with a standard deviation of 1.5 %
        assert!((0.85..0.95).contains(&batches), "{batches}");
        assert!(single < 0.45, "{single}");
    }
}
