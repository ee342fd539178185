//! Whether and where the level of a series changes.

use super::{mean, parts};

/// Parts whose means are compared: each long enough that neighbours are hardly dependent.
const PARTS: usize = 40;

/// A change of level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// Observations before it; known to a fortieth of the series.
    pub at: usize,
    /// The mean before it.
    pub before: f64,
    /// The mean from it on.
    pub after: f64,
    /// How probable so clear a one is where there is none, at most.
    pub p_value: f64,
    /// Whether two levels describe the series better than a straight line does, by their sums of squares.
    pub sudden: bool,
}

/// The most probable change of level of a series, by Pettitt's test over the means of 40 parts, for which neither the form
/// of the distribution nor a few outliers matter. `None` below 200 observations.
///
/// Pettitt, A. N.: A non-parametric approach to the change-point problem, Applied Statistics 28 (1979).
pub fn change_point(series: &[f64]) -> Option<Change> {
    if series.len() < 5 * PARTS {
        return None;
    }
    let bounds: Vec<_> = parts(series.len(), PARTS).collect();
    let means: Vec<f64> = bounds.iter().map(|part| mean(&series[part.clone()])).collect();
    // how much more often parts before a cut lie above those behind it than below
    let excess = |cut: usize| {
        let pairs = means[..cut].iter().flat_map(|early| means[cut..].iter().map(move |late| early - late));
        pairs.map(|rise| if rise == 0.0 { 0.0 } else { rise.signum() }).sum::<f64>().abs()
    };
    let cuts = (1..PARTS).map(|cut| (cut, excess(cut)));
    let (cut, most) = cuts.reduce(|a, b| if b.1 > a.1 { b } else { a })?;
    let n = PARTS as f64;
    let p_value = 2.0 * (-6.0 * most * most / (n.powi(3) + n.powi(2))).exp();
    let (early, late) = means.split_at(cut);
    let by_levels = squares(early, |_| mean(early)) + squares(late, |_| mean(late));
    let at = bounds[cut].start;
    Some(Change {
        at,
        before: mean(&series[..at]),
        after: mean(&series[at..]),
        p_value: p_value.min(1.0),
        sudden: by_levels < around_a_line(&means),
    })
}

/// The sum of squares that is left around the straight line of least squares.
fn around_a_line(values: &[f64]) -> f64 {
    let (center, level) = ((values.len() - 1) as f64 / 2.0, mean(values));
    let from_center = |index: usize| index as f64 - center;
    let products: f64 = values.iter().enumerate().map(|(i, value)| from_center(i) * (value - level)).sum();
    let spread: f64 = (0..values.len()).map(|i| from_center(i).powi(2)).sum();
    squares(values, |i| level + products / spread * from_center(i))
}

fn squares(values: &[f64], expected: impl Fn(usize) -> f64) -> f64 {
    values.iter().enumerate().map(|(i, value)| (value - expected(i)).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::fixture::steady;

    #[test]
    fn a_step_is_found_where_it_is_and_noise_has_none() {
        let (mut found, mut false_alarms, mut slopes) = (0, 0, 0);
        for seed in 0..100 {
            let series = steady(seed, 1000);
            false_alarms += usize::from(change_point(&series).is_some_and(|change| change.p_value < 0.01));
            let stepped = |at: usize| {
                series.iter().enumerate().map(move |(i, value)| if i < at { *value } else { value * 1.2 })
            };
            let change = change_point(&stepped(600).collect::<Vec<_>>()).expect("long enough");
            let near =
                (550..=650).contains(&change.at) && (0.15..0.25).contains(&(change.after - change.before));
            found += usize::from(change.p_value < 0.01 && near && change.sudden);
            let rising: Vec<f64> =
                series.iter().enumerate().map(|(i, value)| value * (1.0 + 0.4 * i as f64 / 1000.0)).collect();
            slopes += usize::from(change_point(&rising).is_some_and(|change| !change.sudden));
        }
        assert!(found >= 95, "{found} of 100");
        assert!(false_alarms <= 3, "{false_alarms} of 100");
        assert!(slopes >= 95, "{slopes} of 100");
    }

    #[test]
    fn what_is_short_or_the_same_has_no_change() {
        assert_eq!(change_point(&steady(1, 199)), None);
        let same = change_point(&[2.0; 200]).expect("long enough");
        assert_eq!((same.p_value, same.before, same.after, same.sudden), (1.0, 2.0, 2.0, false));
        let halves: Vec<f64> = (0..400).map(|i| if i < 200 { 1.0 } else { 3.0 }).collect();
        let change = change_point(&halves).expect("long enough");
        assert_eq!((change.at, change.before, change.after, change.sudden), (200, 1.0, 3.0, true));
    }
}
