//! Spreads of a few values each, known better together than one by one.

use super::{Moments, median, normal_quantile};

/// What spreads of the same runs have in common: a variance, and how many degrees of freedom that is worth beside each own one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Common {
    variance: f64,
    /// Infinite where the spreads differ by no more than chance makes them.
    degrees: f64,
}

/// What variances with so many degrees of freedom each have in common, as an inverse gamma distribution that they come from, by the mean and
/// the variance of their logarithms: G. K. Smyth, *Linear models and empirical Bayes methods for assessing differential expression
/// in microarray experiments* (2004), section 6.2. A few that are far off are left out, so that they move nothing. Where most differ far
/// more than chance makes them, it is worth next to nothing. `None` of fewer than three that are above 0.
pub fn common(variances: &[f64], degrees: u64) -> Option<Common> {
    let half = degrees as f64 / 2.0;
    let mut logs: Vec<f64> =
        variances.iter().filter(|of| **of > 0.0).map(|of| of.ln() - digamma(half) + half.ln()).collect();
    if logs.len() < 3 {
        return None;
    }
    logs.sort_unstable_by(f64::total_cmp);
    let by_chance = trigamma(half);
    let logs: Moments = without_far_off(&logs, by_chance.sqrt()).iter().copied().collect();
    let excess = logs.stddev().powi(2) - by_chance;
    // a variance of few values may itself be larger by chance, with one chance in twenty by about so much
    let doubt = normal_quantile(0.95) * by_chance * (2.0 / (logs.count() - 1) as f64).sqrt();
    if excess <= doubt {
        return Some(Common { variance: logs.mean().exp(), degrees: f64::INFINITY });
    }
    let prior = trigamma_inverse(excess);
    Some(Common { variance: (logs.mean() + digamma(prior) - prior.ln()).exp(), degrees: 2.0 * prior })
}

/// Ascending values without those that lie three deviations from their median; all of them where that would be more than a quarter,
/// which are no exceptions.
fn without_far_off(ascending: &[f64], deviation: f64) -> &[f64] {
    let Some(middle) = median(ascending) else { return ascending };
    let from = ascending.partition_point(|of| *of < middle - 3.0 * deviation);
    let to = ascending.partition_point(|of| *of <= middle + 3.0 * deviation);
    let near = &ascending[from..to];
    if 4 * (ascending.len() - near.len()) > ascending.len() { ascending } else { near }
}

impl Common {
    /// A variance with so many degrees of freedom, in the light of the others. One that is larger than chance makes theirs in 99 of 100
    /// cases is not of their kind, and keeps its own.
    pub fn moderated(self, variance: f64, degrees: u64) -> f64 {
        let own = degrees as f64;
        if variance > self.variance * chi_squared_per_degree(0.99, own) {
            return variance;
        }
        if self.degrees.is_infinite() {
            return self.variance;
        }
        (self.degrees * self.variance + own * variance) / (self.degrees + own)
    }
}

/// A quantile of the chi-squared distribution over its degrees of freedom: E. B. Wilson, M. M. Hilferty, *The Distribution of Chi-Square*
/// (1931).
fn chi_squared_per_degree(probability: f64, degrees: f64) -> f64 {
    let spread = 2.0 / (9.0 * degrees);
    (1.0 - spread + normal_quantile(probability) * spread.sqrt()).powi(3)
}

/// The logarithmic derivative of the gamma function, for `x` above 0: up by its recurrence to where its asymptotic series holds
/// (Abramowitz and Stegun, 6.3.5 and 6.3.18).
fn digamma(mut x: f64) -> f64 {
    let mut sum = 0.0;
    while x < 10.0 {
        sum -= 1.0 / x;
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    sum + x.ln() - 0.5 / x - square * (1.0 / 12.0 - square * (1.0 / 120.0 - square / 252.0))
}

/// The derivative of [`digamma`], likewise (6.4.6 and 6.4.12).
fn trigamma(mut x: f64) -> f64 {
    let mut sum = 0.0;
    while x < 10.0 {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    sum + 1.0 / x + square / 2.0 + square / x * (1.0 / 6.0 - square * (1.0 / 30.0 - square / 42.0))
}

/// Where [`trigamma`], which falls from infinity to 0, has this value.
fn trigamma_inverse(value: f64) -> f64 {
    let (mut low, mut high) = (1e-8_f64, 1e8_f64);
    for _ in 0..100 {
        let middle = (low * high).sqrt();
        if trigamma(middle) > value { low = middle } else { high = middle }
    }
    (low * high).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::fixture::normal;

    #[test]
    fn the_gamma_functions_derivatives() {
        // ψ(1) = −γ, ψ(1/2) = −γ − 2 ln 2, ψ′(1) = π²/6, ψ′(1/2) = π²/2
        let pi = std::f64::consts::PI;
        let gamma = 0.577_215_664_901_532_9;
        for (found, known) in [
            (digamma(1.0), -gamma),
            (digamma(0.5), -gamma - 2.0 * 2.0_f64.ln()),
            (trigamma(1.0), pi * pi / 6.0),
            (trigamma(0.5), pi * pi / 2.0),
            (trigamma_inverse(pi * pi / 6.0), 1.0),
            (trigamma_inverse(trigamma(37.0)), 37.0),
        ] {
            assert!((found - known).abs() < 1e-7, "{found} {known}");
        }
    }

    #[test]
    fn the_quantile_of_chi_squared() {
        for (degrees, known) in [(4.0, 13.277), (9.0, 21.666), (30.0, 50.892)] {
            let found = chi_squared_per_degree(0.99, degrees) * degrees;
            assert!((found / known - 1.0).abs() < 0.01, "{degrees}: {found} {known}");
        }
    }

    /// The variances of many samples of five.
    fn variances(spread: impl Fn(u64) -> f64) -> Vec<f64> {
        let of = |seed: u64| {
            let values = normal(seed, 5, 0.0).into_iter().map(|value| value * spread(seed));
            values.collect::<Moments>().stddev().powi(2)
        };
        (0..400).map(of).collect()
    }

    #[test]
    fn spreads_that_are_one_are_known_together_and_others_stay_apart() {
        let alike = common(&variances(|_| 2.0), 4).expect("many");
        assert!((alike.variance / 4.0 - 1.0).abs() < 0.1, "{alike:?}");
        // one that came out small by chance is not believed
        assert!(alike.moderated(0.01, 4) > 3.0, "{alike:?}");
        // and one that is large has its own
        assert!((alike.moderated(100.0, 4) - 100.0).abs() < 1e-9, "{alike:?}");
        let apart = common(&variances(|seed| 10.0_f64.powi(seed as i32 % 5)), 4).expect("many");
        assert!(apart.degrees < 1.0, "{apart:?}");
        assert_eq!(common(&[1.0, 2.0], 4), None);
        assert_eq!(common(&[0.0; 9], 4), None);
    }

    #[test]
    fn one_that_is_far_off_moves_nothing() {
        let mut ten = variances(|_| 2.0);
        ten.truncate(10);
        let alike = common(&ten, 4).expect("ten");
        for far_off in [1e-10, 1e10] {
            ten[9] = far_off;
            let moved = common(&ten, 4).expect("ten");
            assert!(moved.degrees.is_infinite(), "{moved:?}");
            assert!((moved.variance / alike.variance).ln().abs() < 1.0, "{alike:?} {moved:?}");
        }
    }
}
