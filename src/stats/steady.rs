//! Whether a series has settled: where its transient ends, and whether it still drifts.

use super::{mean, median, normal_tail, parts};

/// Observations below which nothing is said of whether a series is steady: [`transient`] takes ten batches of five, and
/// [`drift`] 100 observations of the second half.
pub const STEADY_FLOOR: u64 = 200;

/// Observations of one batch of MSER-5.
const BATCH: usize = 5;

/// The end of the transient of a series, by MSER-5: the number of observations at its front whose removal makes the
/// standard error of the mean of the rest the smallest, in batches of five. `None` where that takes more than half of it,
/// or there are fewer than ten batches: it is too short to tell.
///
/// White, K. P.: An effective truncation heuristic for bias reduction in simulation output, Simulation 69 (1997).
pub fn transient(series: &[f64]) -> Option<usize> {
    let batches: Vec<f64> = series.as_chunks::<BATCH>().0.iter().map(|batch| mean(batch)).collect();
    let all = batches.len();
    if all < 10 {
        return None;
    }
    // from the back, so that sums grow with every batch; around the mean, so that they lose nothing to cancellation
    let center = mean(&batches);
    let (mut sum, mut squares) = (0.0, 0.0);
    let mut best = (f64::INFINITY, all);
    for (from, batch) in batches.iter().enumerate().rev() {
        let value = batch - center;
        sum += value;
        squares += value * value;
        let count = (all - from) as f64;
        // the last few batches are alike by chance, and are no series to speak of
        if all - from >= BATCH {
            let error = (squares - sum * sum / count).max(0.0) / (count * count);
            if error <= best.0 {
                best = (error, from);
            }
        }
    }
    let (_, from) = best;
    (from * 2 <= all).then_some(from * BATCH)
}

/// A drift of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    /// From the beginning to the end, as a share of the median.
    pub share: f64,
    /// How probable so clear a one is where there is none, in either direction.
    pub p_value: f64,
}

impl Drift {
    /// The part of the series that it spans: from the middle of the first batch to the middle of the last one.
    pub const SPAN: f64 = (PARTS as f64 - 1.0) / PARTS as f64;
}

/// Batches whose means are tested for a drift: enough for the normal approximation, each long enough that neighbours are
/// hardly dependent.
const PARTS: usize = 20;

/// The drift of a series: Theil and Sen's slope over the means of 20 batches, with the test of Mann and Kendall, for which
/// neither the form of the distribution nor a few outliers matter. `None` below 100 observations or where the median is
/// not positive.
///
/// Kendall, M. G.: Rank Correlation Methods (1948); Sen, P. K.: Estimates of the regression coefficient based on Kendall's
/// tau, JASA 63 (1968).
pub fn drift(series: &[f64]) -> Option<Drift> {
    if series.len() < 5 * PARTS {
        return None;
    }
    let means: Vec<f64> = parts(series.len(), PARTS).map(|part| mean(&series[part])).collect();
    let mut slopes = Vec::with_capacity(PARTS * (PARTS - 1) / 2);
    let mut concordant = 0.0;
    for later in 1..PARTS {
        for earlier in 0..later {
            let rise = means[later] - means[earlier];
            concordant += if rise == 0.0 { 0.0 } else { rise.signum() };
            slopes.push(rise / (later - earlier) as f64);
        }
    }
    slopes.sort_by(f64::total_cmp);
    let mut ascending = means;
    ascending.sort_by(f64::total_cmp);
    let level = median(&ascending).filter(|level| *level > 0.0)?;
    let n = PARTS as f64;
    let deviation = (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
    // a step towards the middle corrects for counting
    let z = (concordant.abs() - 1.0).max(0.0) / deviation;
    Some(Drift { share: median(&slopes)? * (n - 1.0) / level, p_value: (2.0 * normal_tail(z)).min(1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::fixture::steady;

    #[test]
    fn the_end_of_a_transient_is_found() {
        let mut near = 0;
        for seed in 0..100 {
            let mut series = steady(seed, 2000);
            for (index, value) in series.iter_mut().enumerate() {
                *value += 3.0 * (-(index as f64) / 60.0).exp();
            }
            // by 300 it has decayed to 0.02
            near += usize::from(transient(&series).is_some_and(|end| (120..=600).contains(&end)));
        }
        assert!(near >= 95, "{near} of 100");
    }

    #[test]
    fn a_steady_series_loses_little() {
        let kept =
            (0..100).filter(|seed| transient(&steady(*seed, 2000)).is_some_and(|end| end <= 600)).count();
        assert!(kept >= 85, "{kept} of 100");
    }

    #[test]
    fn what_is_still_changing_or_short_has_no_end() {
        let rising: Vec<f64> = steady(1, 1000).iter().enumerate().map(|(i, v)| v + i as f64 / 50.0).collect();
        assert_eq!(transient(&rising), None);
        assert_eq!(transient(&steady(1, 49)), None);
        assert_eq!(transient(&[1.0; 100]), Some(0));
    }

    #[test]
    fn a_drift_is_seen_and_noise_is_none() {
        let (mut seen, mut false_alarms) = (0, 0);
        for seed in 0..200 {
            let series = steady(seed, 1000);
            false_alarms += usize::from(drift(&series).is_some_and(|drift| drift.p_value < 0.01));
            let drifting: Vec<f64> =
                series.iter().enumerate().map(|(i, value)| value * (1.0 + 0.2 * i as f64 / 1000.0)).collect();
            let drift = drift(&drifting).expect("long enough");
            seen += usize::from(drift.p_value < 0.01 && (0.1..0.3).contains(&drift.share));
        }
        assert!(seen >= 190, "{seen} of 200");
        // 1 % of them, and a little for what neighbours share
        assert!(false_alarms <= 8, "{false_alarms} of 200");
        assert_eq!(drift(&steady(1, 99)), None);
        assert_eq!(drift(&[0.0; 200]), None);
        assert_eq!(drift(&[2.0; 200]), Some(Drift { share: 0.0, p_value: 1.0 }));
    }
}
