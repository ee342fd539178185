//! How far two small samples lie apart, where each is about normal: as logarithms of run-to-run values are, whose noise
//! multiplies.

use super::{Common, Estimate, Moments, normal_quantile, student_quantile};

/// The difference of the means of two samples, `ys` − `xs`, and its error; the variances need not be equal. `None` where a
/// side has fewer than two values.
///
/// B. L. Welch, *The generalization of "Student's" problem when several different population variances are involved*
/// (1947), with the degrees of freedom of F. E. Satterthwaite, *An approximate distribution of estimates of variance
/// components* (1946), rounded down, which errs on the wide side.
pub fn welch(xs: &[f64], ys: &[f64]) -> Option<Estimate> {
    let [x, y] = [xs, ys].map(|values| values.iter().copied().collect::<Moments>());
    if x.count() < 2 || y.count() < 2 {
        return None;
    }
    let [of_x, of_y] = [x, y].map(|side| side.stddev().powi(2) / side.count() as f64);
    let variance = of_x + of_y;
    let least = x.count().min(y.count()) - 1;
    let share = |part: f64, count: u64| part * part / (count - 1) as f64;
    // without any variance there is no number, which becomes 0
    let degrees = variance * variance / (share(of_x, x.count()) + share(of_y, y.count()));
    // in exact arithmetic never below the smaller side alone
    Some(Estimate { mean: y.mean() - x.mean(), error: variance.sqrt(), degrees: (degrees as u64).max(least) })
}

/// How far a value lies above the mean of a sample, with the error of such a distance if the value came from where the
/// sample did: by the prediction interval of a normal distribution with unknown mean and variance,
/// `t(n − 1) · s · √(1 + 1/n)`: W. Q. Meeker, G. J. Hahn, L. A. Escobar, *Statistical Intervals* (2nd ed., 2017),
/// section 4.7. The spread is that of the sample in the light
/// of others. `None` below two values, and where they are all equal, which says nothing of how far another may lie.
pub fn prediction(sample: &[f64], value: f64, others: Option<Common>) -> Option<Estimate> {
    let moments: Moments = sample.iter().copied().collect();
    let deviation = moments.stddev();
    if deviation <= 0.0 || !deviation.is_finite() {
        return None;
    }
    let degrees = moments.count() - 1;
    let in_their_light =
        others.map_or(deviation, |others| others.moderated(deviation.powi(2), degrees).sqrt());
    let error = in_their_light * (1.0 + 1.0 / moments.count() as f64).sqrt();
    Some(Estimate { mean: value - moments.mean(), error, degrees })
}

/// The fewest values on each of two sides with this standard deviation at which Student's bound of their difference
/// comes within a distance; `None` where that takes more than a thousand.
pub fn runs_to_exceed(distance: f64, deviation: f64, confidence: f64) -> Option<u64> {
    const MOST: u64 = 1_000;
    let asked = |quantile: f64| (2.0 * (quantile * deviation / distance).powi(2)).ceil();
    let least = asked(normal_quantile(confidence)).max(2.0);
    if !least.is_finite() || least > MOST as f64 {
        return None;
    }
    // the normal quantile is the least of all, so a few steps up from there
    (least as u64..=MOST).find(|n| asked(student_quantile(2 * n - 2, confidence)) <= *n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn welch_by_hand() {
        // variances 1 and 6 over 3 and 5 values
        let ys = [5.0, 9.0, 7.0, 7.0 + 8.0_f64.sqrt(), 7.0 - 8.0_f64.sqrt()];
        let between = welch(&[1.0, 2.0, 3.0], &ys).expect("enough");
        assert!((between.mean - 5.0).abs() < 1e-12);
        let (x, y) = (1.0 / 3.0, 6.0 / 5.0_f64);
        assert_eq!(((x + y) * (x + y) / (x * x / 2.0 + y * y / 4.0)) as u64, 5);
        assert_eq!(between.degrees, 5);
        assert!((between.error - (x + y).sqrt()).abs() < 1e-9, "{between:?}");
        assert_eq!(welch(&[1.0], &[1.0, 2.0]), None);
        let same = Estimate { mean: 1.0, error: 0.0, degrees: 1 };
        assert_eq!(welch(&[1.0, 1.0], &[2.0, 2.0]), Some(same));
    }

    #[test]
    fn a_prediction_by_hand() {
        // mean 3, variance 2.5
        let sample = [1.0, 2.0, 3.0, 4.0, 5.0];
        let seen = prediction(&sample, 7.0, None).expect("a spread");
        assert_eq!((seen.mean, seen.degrees), (4.0, 4));
        assert!((seen.error - 3.0_f64.sqrt()).abs() < 1e-12, "{seen:?}");
        assert!((seen.half_width(0.95) - 2.131_847 * 3.0_f64.sqrt()).abs() < 1e-5, "{seen:?}");
        assert_eq!(prediction(&[2.0, 2.0, 2.0], 3.0, None), None);
        assert_eq!(prediction(&[2.0], 3.0, None), None);
    }

    #[test]
    fn a_difference_of_one_deviation_needs_seven_runs_a_side() {
        let needs = runs_to_exceed(1.0, 1.0, 0.95).expect("few");
        let enough = |n: u64| student_quantile(2 * n - 2, 0.95) * (2.0 / n as f64).sqrt() <= 1.0;
        assert!(enough(needs) && !enough(needs - 1), "{needs}");
        assert_eq!(runs_to_exceed(1.0, 0.0, 0.95), Some(2));
        assert_eq!(runs_to_exceed(1e-6, 1.0, 0.95), None);
        assert_eq!(runs_to_exceed(0.0, 1.0, 0.95), None);
    }
}
