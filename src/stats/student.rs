//! Student's distribution.

use std::f64::consts::{FRAC_2_PI, PI};

/// The t below which Student's distribution with so many degrees of freedom, one at least, lies with this confidence,
/// above one half.
pub fn student_quantile(degrees: u64, confidence: f64) -> f64 {
    // θ = atan(t / √ν) grows with t and has ends
    let (mut low, mut high) = (0.0, PI / 2.0);
    for _ in 0..64 {
        let middle = f64::midpoint(low, high);
        if student_centre(degrees, middle) < 2.0 * confidence - 1.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high).tan() * (degrees as f64).sqrt()
}

/// The chance that a value of Student's distribution with so many degrees of freedom, one at least, lies above `t`.
pub fn student_tail(degrees: u64, t: f64) -> f64 {
    let beyond = (1.0 - student_centre(degrees, (t.abs() / (degrees as f64).sqrt()).atan())).max(0.0) / 2.0;
    if t < 0.0 { 1.0 - beyond } else { beyond }
}

/// `P(|T| ≤ t)` with `θ = atan(t / √ν)`: M. Abramowitz and I. A. Stegun, *Handbook of Mathematical Functions* (1964),
/// 26.7.3 for odd and 26.7.4 for even ν. Finite sums of positive terms, so exact for any ν.
fn student_centre(degrees: u64, theta: f64) -> f64 {
    let (sine, cosine) = theta.sin_cos();
    // cos θ + ⅔ cos³ θ + … for odd ν, 1 + ½ cos² θ + … for even, up to the power ν − 2
    let first = degrees % 2;
    let mut term = if first == 1 { cosine } else { 1.0 };
    let mut sum = 0.0;
    let mut power = first;
    while power + 2 <= degrees {
        sum += term;
        term *= cosine * cosine * (power + 1) as f64 / (power + 2) as f64;
        power += 2;
    }
    if first == 1 { FRAC_2_PI * (theta + sine * sum) } else { sine * sum }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::normal_quantile;

    #[test]
    fn students_quantiles_are_those_of_the_tables() {
        // Abramowitz and Stegun, table 26.10; the first two have closed forms
        for (degrees, confidence, expected) in [
            (1, 0.95, 6.313_751_5),
            (2, 0.95, 2.919_985_6),
            (3, 0.975, 3.182),
            (4, 0.975, 2.776),
            (5, 0.95, 2.015),
            (9, 0.975, 2.262),
            (19, 0.95, 1.729),
            (19, 0.975, 2.093),
            (30, 0.995, 2.750),
            (120, 0.975, 1.980),
        ] {
            let quantile = student_quantile(degrees, confidence);
            assert!((quantile - expected).abs() < 6e-4, "{degrees} {confidence}: {quantile}");
        }
        let far = student_quantile(1_000_000, 0.975);
        assert!((far - normal_quantile(0.975)).abs() < 1e-5, "{far}");
        assert!(student_quantile(7, 0.5).abs() < 1e-12);
    }

    #[test]
    fn tails_are_what_quantiles_leave() {
        for degrees in [1, 2, 4, 7, 30] {
            for confidence in [0.6, 0.95, 0.999] {
                let t = student_quantile(degrees, confidence);
                assert!(
                    (student_tail(degrees, t) - (1.0 - confidence)).abs() < 1e-12,
                    "{degrees} {confidence}"
                );
                assert!((student_tail(degrees, -t) - confidence).abs() < 1e-12, "{degrees} {confidence}");
            }
        }
        assert_eq!(student_tail(4, f64::INFINITY), 0.0);
        assert_eq!(student_tail(4, 0.0), 0.5);
    }
}
