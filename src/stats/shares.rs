//! Confidence bounds of a share, by the score test and the interval that it inverts to.
//!
//! E. B. Wilson, *Probable inference, the law of succession, and statistical inference* (1927). A share lies within
//! its Wilson bound exactly where the score test does not reject it, so a mark and the interval beside it agree.

use std::f64::consts::SQRT_2;

/// `P(Z > z)` of the standard normal distribution.
pub fn normal_tail(z: f64) -> f64 {
    0.5 * libm::erfc(z / SQRT_2)
}

/// The z below which the standard normal distribution lies with this confidence, above one half.
pub fn normal_quantile(confidence: f64) -> f64 {
    // far beyond any confidence that doubles can tell from 1
    let (mut low, mut high) = (0.0, 40.0);
    for _ in 0..64 {
        let middle = f64::midpoint(low, high);
        if normal_tail(middle) > 1.0 - confidence {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// How many standard errors `hits` of `trials` lie above what `share` would give; infinite where `share` is 0 or 1 and
/// the hits contradict it, and minus infinite where they are all that it allows.
pub fn score(trials: u64, hits: u64, share: f64) -> f64 {
    let n = trials as f64;
    let excess = hits as f64 / n - share;
    let error = (share * (1.0 - share) / n).sqrt();
    if error > 0.0 {
        excess / error
    } else if excess > 0.0 {
        f64::INFINITY
    } else {
        f64::NEG_INFINITY
    }
}

/// The Wilson interval of a share of which `hits` of `trials` were seen: a bound on each side with this confidence.
/// `None` of nothing.
pub fn wilson(trials: u64, hits: u64, confidence: f64) -> Option<(f64, f64)> {
    if trials == 0 {
        return None;
    }
    let (n, z) = (trials as f64, normal_quantile(confidence));
    let seen = hits as f64 / n;
    let weight = z * z / n;
    let centre = seen + weight / 2.0;
    let half = z * (seen * (1.0 - seen) / n + weight / n / 4.0).sqrt();
    let bound = |value: f64| (value / (1.0 + weight)).clamp(0.0, 1.0);
    // what was not seen at all may not exist: rounding must not say otherwise
    let low = if hits == 0 { 0.0 } else { bound(centre - half) };
    let high = if hits == trials { 1.0 } else { bound(centre + half) };
    Some((low, high))
}

/// The number of trials that decides on which side of `limit` a share lies if it stays as it was seen, at least
/// `trials`; `None` where it lies on the limit. `z² limit (1 − limit) / (seen − limit)²`.
pub fn share_settles_at(trials: u64, hits: u64, limit: f64, confidence: f64) -> Option<u64> {
    let seen = if trials == 0 { 0.0 } else { hits as f64 / trials as f64 };
    let needed = normal_quantile(confidence).powi(2) * limit * (1.0 - limit) / (seen - limit).powi(2);
    needed.is_finite().then(|| (needed.ceil() as u64).max(trials))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_the_known_ones() {
        for (confidence, z) in
            [(0.5, 0.0), (0.9, 1.281_551_565_5), (0.95, 1.644_853_627), (0.99, 2.326_347_874)]
        {
            assert!((normal_quantile(confidence) - z).abs() < 1e-8, "{confidence}");
        }
    }

    #[test]
    fn the_interval_is_wilsons() {
        // 10 of 100 with z = 1.644854, by the closed form
        let (low, high) = wilson(100, 10, 0.95).expect("trials");
        assert!((low - 0.060_719).abs() < 1e-6 && (high - 0.160_356).abs() < 1e-6, "{low} {high}");
        assert_eq!(wilson(20, 0, 0.95).map(|(low, _)| low), Some(0.0));
        assert_eq!(wilson(20, 20, 0.95).map(|(_, high)| high), Some(1.0));
        assert_eq!(wilson(0, 0, 0.95), None);
    }

    #[test]
    fn the_interval_and_the_test_agree() {
        let z = normal_quantile(0.95);
        for trials in 1..=80 {
            for hits in 0..=trials {
                let (low, high) = wilson(trials, hits, 0.95).expect("trials");
                for limit in [0.01, 0.05, 0.3, 0.5, 0.99] {
                    let score = score(trials, hits, limit);
                    assert_eq!(high <= limit, score <= -z, "{hits} of {trials} against {limit}");
                    assert_eq!(low > limit, score > z, "{hits} of {trials} against {limit}");
                }
            }
        }
    }

    #[test]
    fn a_spotless_sample_needs_the_known_numbers() {
        for (limit, trials) in [(0.01, 268), (0.05, 52), (0.001, 2703)] {
            assert_eq!(share_settles_at(0, 0, limit, 0.95), Some(trials));
            assert!(wilson(trials, 0, 0.95).is_some_and(|(_, high)| high <= limit));
            assert!(wilson(trials - 1, 0, 0.95).is_some_and(|(_, high)| high > limit));
        }
        assert_eq!(share_settles_at(100, 5, 0.05, 0.95), None);
    }

    #[test]
    fn a_limit_of_nothing_is_decided_by_a_single_hit() {
        assert_eq!(score(10, 0, 0.0), f64::NEG_INFINITY);
        assert_eq!(score(10, 1, 0.0), f64::INFINITY);
    }
}
