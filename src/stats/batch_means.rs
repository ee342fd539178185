//! The interval of a mean whose values depend on their neighbours.
//!
//! Waiting times of a queue hang together, so the deviation of single values says too little of how far their mean may
//! be off. Means over long stretches are nearly independent and nearly normal: the series is cut into batches of equal length,
//! and the interval is Student's over the means of the batches. A. M. Law, *Simulation Modeling and Analysis* (5th ed.,
//! 2015), section 9.5.3; that 10 to 30 batches are enough whatever the length, B. Schmeiser, *Batch size effects in the
//! analysis of simulation output* (1982).

use super::{Moments, student_quantile};

/// A mean, and how far it may be off on either side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanInterval {
    /// The mean of all that was counted.
    pub mean: f64,
    /// The true mean lies at most so far away, with the confidence asked for on each side.
    pub half_width: f64,
}

impl MeanInterval {
    /// Whether a value lies within.
    pub fn holds(&self, value: f64) -> bool {
        (value - self.mean).abs() <= self.half_width
    }
}

/// The interval of the mean of a series in the order of time, with a bound of this confidence on each side. Batches
/// have equal length; what is left over is the beginning, which knows the steady state least. `None` where there are fewer than
/// two batches, or not a value for each.
pub fn batch_means(series: &[f64], batches: usize, confidence: f64) -> Option<MeanInterval> {
    let length = series.len().checked_div(batches).filter(|length| batches > 1 && *length > 0)?;
    let counted = &series[series.len() - length * batches..];
    let mean_of = |batch: &[f64]| batch.iter().copied().collect::<Moments>().mean();
    let means: Moments = counted.chunks_exact(length).map(mean_of).collect();
    let error = means.stddev() / (batches as f64).sqrt();
    Some(MeanInterval {
        mean: means.mean(),
        half_width: student_quantile(batches as u64 - 1, confidence) * error,
    })
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::StandardNormal;

    use super::*;

    #[test]
    fn a_few_values_by_hand() {
        // means of batches 2, 4, 6, 8; the first value is left over
        let interval =
            batch_means(&[99.0, 1.0, 3.0, 4.0, 4.0, 6.0, 6.0, 7.0, 9.0], 4, 0.975).expect("batches");
        assert_eq!(interval.mean, 5.0);
        let error = (20.0_f64 / 3.0).sqrt() / 2.0;
        assert!((interval.half_width - 3.182_446 * error).abs() < 1e-5, "{interval:?}");
        assert!(interval.holds(5.0 + 4.0) && !interval.holds(5.0 - 4.2));
    }

    #[test]
    fn what_cannot_be_cut_has_no_interval() {
        assert_eq!(batch_means(&[1.0, 2.0, 3.0], 4, 0.95), None);
        assert_eq!(batch_means(&[1.0, 2.0, 3.0], 1, 0.95), None);
        assert_eq!(batch_means(&[1.0, 2.0, 3.0], 0, 0.95), None);
        assert_eq!(batch_means(&[2.0; 40], 20, 0.95), Some(MeanInterval { mean: 2.0, half_width: 0.0 }));
    }

    #[test]
    fn values_that_hang_together_are_covered_and_taken_for_independent_they_are_not() {
        const TRIALS: u64 = 400;
        let mut covered = [0; 2];
        for seed in 0..TRIALS {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut value: f64 = rng.sample(StandardNormal);
            let series: Vec<f64> = (0..4_000)
                .map(|_| {
                    let noise: f64 = rng.sample(StandardNormal);
                    value = 0.9 * value + (1.0 - 0.81_f64).sqrt() * noise;
                    value
                })
                .collect();
            // as many batches as values: what a textbook says of independent ones
            for (covered, batches) in covered.iter_mut().zip([20, series.len()]) {
                let interval = batch_means(&series, batches, 0.95).expect("enough values");
                *covered += u64::from(interval.holds(0.0));
            }
        }
        let [batches, single] = covered.map(|covered| covered as f64 / TRIALS as f64);
        // 90 % on both sides together, with a standard deviation of 1.5 %
        assert!((0.85..0.95).contains(&batches), "{batches}");
        assert!(single < 0.45, "{single}");
    }
}
