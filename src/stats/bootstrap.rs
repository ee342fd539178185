//! Bounds of what has no formula, by drawing the sample again from itself.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::mean;

/// Samples that are drawn: enough for bounds at 95 %, each of which 20 of them lie beyond.
const DRAWS: usize = 400;

/// Values of a drawn sample, at most; of a larger series the spread of the draws is brought to its size by the root law.
const DRAWN: usize = 2000;

/// What is drawn is the same every time: a verdict must not change when it is asked for again.
const SEED: u64 = 0x5eed;

/// Bounds of a statistic of a series, each with this confidence, by samples that are drawn from it in blocks of neighbours, so that
/// what hangs together in the series does in them. `None` of fewer than two values, or where the statistic has none.
///
/// The circular block bootstrap of D. N. Politis and J. P. Romano (1992) with blocks of `∛n`; by fewer values than there are, the
/// m-out-of-n bootstrap of P. J. Bickel, F. Götze and W. R. van Zwet (1997).
pub fn bootstrap(
    series: &[f64],
    confidence: f64,
    statistic: impl Fn(&mut [f64]) -> Option<f64>,
) -> Option<(f64, f64)> {
    let n = series.len();
    if n < 2 {
        return None;
    }
    let whole = statistic(&mut series.to_vec())?;
    let (size, block) = (n.min(DRAWN), (n as f64).cbrt().ceil() as usize);
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut sample = Vec::with_capacity(size + block);
    let mut drawn = Vec::with_capacity(DRAWS);
    for _ in 0..DRAWS {
        sample.clear();
        while sample.len() < size {
            let start = rng.random_range(0..n);
            sample.extend((start..start + block).map(|at| series[at % n]));
        }
        sample.truncate(size);
        drawn.extend(statistic(&mut sample));
    }
    let middle = mean(&drawn);
    let scale = (size as f64 / n as f64).sqrt();
    for draw in &mut drawn {
        *draw = whole + (*draw - middle) * scale;
    }
    drawn.sort_unstable_by(f64::total_cmp);
    let beyond = ((1.0 - confidence) * drawn.len() as f64) as usize;
    Some((*drawn.get(beyond)?, *drawn.get(drawn.len() - 1 - beyond)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{batch_means, fixture::normal};

    fn of_all(sample: &mut [f64]) -> Option<f64> {
        (!sample.is_empty()).then(|| mean(sample))
    }

    #[test]
    fn bounds_of_a_mean_are_those_of_its_error() {
        for n in [400, 8000] {
            let series = normal(1, n, 0.0);
            let (low, high) = bootstrap(&series, 0.95, of_all).expect("a mean");
            let estimate = batch_means(&series, n).expect("as many batches as values");
            let half = estimate.half_width(0.95);
            assert!(((high - low) / 2.0 / half - 1.0).abs() < 0.15, "{n}: {low} {high} {half}");
            assert!((low..high).contains(&estimate.mean));
        }
    }

    #[test]
    fn bounds_cover_what_hangs_together() {
        let covered = (0..200).filter(|seed| {
            let (low, high) = bootstrap(&normal(*seed, 500, 0.5), 0.95, of_all).expect("a mean");
            (low..high).contains(&0.0)
        });
        // 90 % between both bounds; independent draws would hold 66 %
        let covered = covered.count();
        assert!((160..=194).contains(&covered), "{covered}");
    }

    #[test]
    fn what_has_no_statistic_has_no_bounds() {
        assert_eq!(bootstrap(&[1.0], 0.95, of_all), None);
        assert_eq!(bootstrap(&[1.0, 2.0], 0.95, |_| None), None);
        assert_eq!(bootstrap(&[3.0; 50], 0.95, of_all), Some((3.0, 3.0)));
    }
}
