//! The share of values that lie far beyond the rest.

use super::{Moments, median, median_absolute_deviation};

/// A spike lies beyond so many deviations.
const DEVIATIONS: f64 = 3.0;

/// Makes the median absolute deviation of a normal distribution its standard deviation.
const MAD_TO_SIGMA: f64 = 1.4826;

/// The share of ascending values beyond the mean and three standard deviations; `None` of fewer than two.
pub fn beyond_deviations(ascending: &[f64]) -> Option<f64> {
    let moments: Moments = ascending.iter().copied().collect();
    (ascending.len() > 1).then(|| beyond(ascending, moments.mean() + DEVIATIONS * moments.stddev()))
}

/// The share of ascending values beyond the median and three scaled median absolute deviations; `None` of fewer than two, and where
/// there is no spread around the median, since every other value would be a spike.
pub fn beyond_mads(ascending: &[f64]) -> Option<f64> {
    let spread = median_absolute_deviation(ascending).filter(|mad| *mad > 0.0 && ascending.len() > 1)?;
    Some(beyond(ascending, median(ascending)? + DEVIATIONS * MAD_TO_SIGMA * spread))
}

fn beyond(ascending: &[f64], limit: f64) -> f64 {
    (ascending.len() - ascending.partition_point(|value| *value <= limit)) as f64 / ascending.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spikes_by_both_measures() {
        let mut values: Vec<f64> = (100..120).map(f64::from).collect();
        values.extend([140.0, 150.0, 1000.0]);
        assert_eq!(beyond_deviations(&values), Some(1.0 / 23.0));
        assert_eq!(beyond_mads(&values), Some(3.0 / 23.0));
        assert_eq!((beyond_deviations(&[1.0]), beyond_mads(&[1.0])), (None, None));
        assert_eq!((beyond_deviations(&[1.0, 1.0, 9.0]), beyond_mads(&[1.0, 1.0, 9.0])), (Some(0.0), None));
    }
}
