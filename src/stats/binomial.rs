//! The binomial distribution, exact to about ten digits for any number of trials up to 10⁸ and beyond.

use std::f64::consts::TAU;

/// `P(X ≤ successes)` for `X` binomial over `trials` trials with the given `probability` of success.
///
/// The smaller tail is summed outwards from its largest term. All terms are positive, so nothing cancels, and they
/// are negligible after some nine standard deviations, so the time grows with `√trials` only.
pub fn cumulative(trials: u64, successes: u64, probability: f64) -> f64 {
    if successes >= trials || probability <= 0.0 {
        return 1.0;
    }
    if probability >= 1.0 {
        return 0.0;
    }
    if (successes as f64) < trials as f64 * probability {
        tail(trials, successes, probability)
    } else {
        // the tail above is the tail below of the failures
        1.0 - tail(trials, trials - successes - 1, 1.0 - probability)
    }
}

/// `P(X ≤ successes)` where `successes` does not lie above the mean, so that terms only fall from there down.
fn tail(trials: u64, successes: u64, probability: f64) -> f64 {
    const NEGLIGIBLE: f64 = 1e-17;
    let odds_against = (1.0 - probability) / probability;
    let mut term = mass(trials, successes, probability);
    let mut sum = term;
    for k in (1..=successes).rev() {
        term *= k as f64 / (trials - k + 1) as f64 * odds_against;
        sum += term;
        if term <= sum * NEGLIGIBLE {
            break;
        }
    }
    sum.min(1.0)
}

/// `P(X = successes)`, by the saddle-point form: C. Loader, *Fast and accurate computation of binomial
/// probabilities* (2000). Factorials would cancel to a few digits at 10⁸ trials; this form does not.
fn mass(trials: u64, successes: u64, probability: f64) -> f64 {
    let n = trials as f64;
    if successes == 0 {
        return (n * (-probability).ln_1p()).exp();
    }
    if successes == trials {
        return (n * probability.ln()).exp();
    }
    let (hits, misses) = (successes as f64, (trials - successes) as f64);
    let exponent = stirling_error(trials)
        - stirling_error(successes)
        - stirling_error(trials - successes)
        - deviance(hits, n * probability)
        - deviance(misses, n * (1.0 - probability));
    (n / (TAU * hits * misses)).sqrt() * exponent.exp()
}

/// `ln n!` less Stirling's approximation `(n + ½) ln n − n + ½ ln 2π`, for `n ≥ 1`.
fn stirling_error(n: u64) -> f64 {
    let x = n as f64;
    if n <= 15 {
        let log_factorial = (2..=n).map(|i| i as f64).product::<f64>().ln();
        return log_factorial - (x + 0.5) * x.ln() + x - 0.5 * TAU.ln();
    }
    // the asymptotic series; the first term left out is below 1e-15 from 16 on
    let square = x * x;
    (1.0 / 12.0
        - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / 1188.0 / square) / square) / square) / square)
        / x
}

/// `x ln(x / mean) − (x − mean)`: how far a count lies from its mean, 0 at the mean.
fn deviance(x: f64, mean: f64) -> f64 {
    let excess = x - mean;
    x * (excess / mean).ln_1p() - excess
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum over all outcomes with exact binomial coefficients.
    fn enumerated(trials: u64, successes: u64, probability: f64) -> f64 {
        let mut coefficient = 1_u128;
        let mut sum = 0.0;
        for k in 0..=successes {
            let misses = (trials - k) as i32;
            sum += coefficient as f64 * probability.powi(k as i32) * (1.0 - probability).powi(misses);
            coefficient = coefficient * u128::from(trials - k) / u128::from(k + 1);
        }
        sum
    }

    #[test]
    fn small_numbers_agree_with_enumeration() {
        for trials in 1..=40 {
            for probability in [0.001, 0.1, 0.5, 0.9, 0.95, 0.999] {
                for successes in 0..=trials {
                    let (ours, truth) = (
                        cumulative(trials, successes, probability),
                        enumerated(trials, successes, probability),
                    );
                    assert!(
                        (ours - truth).abs() < 1e-13,
                        "{trials} {successes} {probability}: {ours} {truth}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_far_tail_keeps_its_digits() {
        // a sum of 1 − (something near 1) would read 0 here
        let truth = enumerated(100, 3, 0.5);
        assert!((cumulative(100, 3, 0.5) / truth - 1.0).abs() < 1e-12);
    }

    #[test]
    fn large_numbers_follow_the_normal_law() {
        // at the mean ± 1.644854 σ, with the half step of continuity; skewness is below 1e-4 at this size
        let (n, p) = (100_000_000_u64, 0.5);
        let (mean, sigma) = (n as f64 * p, (n as f64 * p * (1.0 - p)).sqrt());
        for (z, share) in [(-1.644_854, 0.05), (0.0, 0.5), (1.644_854, 0.95)] {
            let at = (mean + z * sigma).floor();
            let step = sigma.recip();
            assert!((cumulative(n, at as u64, p) - share).abs() < step, "{z}");
        }
    }

    #[test]
    fn the_two_tails_meet_at_the_mean() {
        // below the mean the lower tail is summed, from the mean on the upper one; between them lies one term
        for (n, p) in [(1000, 0.3), (1_000_000, 0.95), (100_000_000, 0.999), (100_000_000, 0.5)] {
            let mean = (n as f64 * p).round() as u64;
            let (below, at) = (cumulative(n, mean - 1, p), cumulative(n, mean, p));
            assert!((at - below - mass(n, mean, p)).abs() < 1e-10, "{n} {p}: {below} {at}");
        }
    }

    #[test]
    fn the_ends_are_certain() {
        assert_eq!(cumulative(10, 10, 0.5), 1.0);
        assert_eq!(cumulative(10, 3, 0.0), 1.0);
        assert_eq!(cumulative(10, 9, 1.0), 0.0);
        assert_eq!(cumulative(0, 0, 0.5), 1.0);
    }
}
