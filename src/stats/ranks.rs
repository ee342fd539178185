//! Exact confidence bounds of a quantile from the order statistics of a sample, whatever its distribution.
//!
//! Of `n` independent values the number that do not exceed the quantile `q` is binomial with probability `q` (at
//! least `q` where values tie). So the value at rank `r` is not below the quantile with probability
//! `P(X ≤ r − 1)`, and not above it with the probability of the rest. H. A. David and H. N. Nagaraja, *Order
//! Statistics*, 7.1.

use super::binomial::cumulative;

/// The largest sample that [`settles_at`] looks for.
const SETTLES_MAX: u64 = 100_000_000;

/// What a probability may miss its level by: rounding must not cost a rank where the two are equal.
const ROUNDING: f64 = 1e-12;

/// `⌈q·n⌉`, at least 1: the rank whose value at least a share `q` of the sample does not exceed.
pub fn nearest_rank(quantile: f64, count: u64) -> u64 {
    ((quantile * count as f64 - 1e-9).ceil() as u64).max(1)
}

/// The smallest rank, from 1, whose value is at or above the quantile with at least this confidence; `None` when
/// even the largest of `n` values is not.
pub fn upper_rank(n: u64, quantile: f64, confidence: f64) -> Option<u64> {
    let rank = first(1, n + 1, |rank| cumulative(n, rank - 1, quantile) >= confidence - ROUNDING);
    (rank <= n).then_some(rank)
}

/// The largest rank, from 1, whose value is at or below the quantile with at least this confidence; `None` when
/// even the smallest of `n` values is not.
pub fn lower_rank(n: u64, quantile: f64, confidence: f64) -> Option<u64> {
    let too_high = first(1, n + 1, |rank| cumulative(n, rank - 1, quantile) > 1.0 - confidence + ROUNDING);
    (too_high > 1).then_some(too_high - 1)
}

/// The smallest sample whose largest value bounds the quantile from above: with fewer values nothing can be shown
/// about it, however good they are. `⌈ln(1 − confidence) / ln(quantile)⌉`.
pub fn sample_floor(quantile: f64, confidence: f64) -> u64 {
    ((1.0 - confidence).ln() / quantile.ln()).ceil() as u64
}

/// The sample that decides on which side of a limit the quantile lies, if the share of values over the limit stays
/// as observed: `over` of `n`.
///
/// At least `n`; `None` where the share is so near `1 − quantile` that no sample of up to 10⁸ would do. Counts over
/// the limit are rounded against the decision, so the answer is right to within the saw-tooth of that rounding.
pub fn settles_at(n: u64, over: u64, quantile: f64, confidence: f64) -> Option<u64> {
    if n == 0 {
        return Some(sample_floor(quantile, confidence));
    }
    let below = (over as f64) < n as f64 * (1.0 - quantile);
    let decided = |total: u64| {
        let scaled = u128::from(over) * u128::from(total);
        if below {
            let over = scaled.div_ceil(u128::from(n)) as u64;
            total > over && cumulative(total, total - over - 1, quantile) >= confidence - ROUNDING
        } else {
            let over = (scaled / u128::from(n)) as u64;
            over > 0 && cumulative(total, total - over, quantile) <= 1.0 - confidence + ROUNDING
        }
    };
    let mut high = n;
    while !decided(high) {
        if high >= SETTLES_MAX {
            return None;
        }
        high = (high * 2).min(SETTLES_MAX);
    }
    Some(first((high / 2).max(n), high, decided))
}

/// The first number of `low..high` for which `holds`, and `high` if none; once it holds it must go on holding.
fn first(mut low: u64, mut high: u64, holds: impl Fn(u64) -> bool) -> u64 {
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const QUANTILES: [f64; 5] = [0.5, 0.9, 0.95, 0.99, 0.999];

    #[test]
    fn the_floors_are_the_known_ones() {
        for (quantile, floor) in QUANTILES.into_iter().zip([5, 29, 59, 299, 2995]) {
            assert_eq!(sample_floor(quantile, 0.95), floor);
            // at the floor the largest value is the bound; one value fewer has none
            assert_eq!(upper_rank(floor, quantile, 0.95), Some(floor));
            assert_eq!(upper_rank(floor - 1, quantile, 0.95), None);
        }
    }

    #[test]
    fn ranks_are_the_tightest_that_hold() {
        for n in 1..=120 {
            for quantile in QUANTILES {
                let upper = upper_rank(n, quantile, 0.95);
                let expected = (1..=n).find(|r| cumulative(n, r - 1, quantile) > 0.949_999_999);
                assert_eq!(upper, expected, "{n} {quantile}");
                let lower = lower_rank(n, quantile, 0.95);
                let expected = (1..=n).rev().find(|r| 1.0 - cumulative(n, r - 1, quantile) > 0.949_999_999);
                assert_eq!(lower, expected, "{n} {quantile}");
            }
        }
    }

    #[test]
    fn ranks_mirror_each_other() {
        // the upper bound of the median counted from the top is the lower bound counted from the bottom
        for n in [5, 20, 101, 1000] {
            assert_eq!(upper_rank(n, 0.5, 0.95), lower_rank(n, 0.5, 0.95).map(|r| n + 1 - r));
        }
    }

    #[test]
    fn a_hundred_million_values_take_bounded_time() {
        let n = 100_000_000;
        let (lower, upper) = (lower_rank(n, 0.99, 0.95), upper_rank(n, 0.99, 0.95));
        // 1.645 σ with σ = √(n · 0.99 · 0.01) = 995
        let expect = |rank: Option<u64>, z: f64| {
            (rank.expect("far above the floor") as f64 - (99e6 + z * 994.987)).abs() < 2.0
        };
        assert!(expect(lower, -1.644_854), "{lower:?}");
        assert!(expect(upper, 1.644_854), "{upper:?}");
    }

    #[test]
    fn bounds_cover_as_often_as_they_claim() {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let rounds = 2000;
        for (n, quantile) in [(100, 0.95), (60, 0.5), (400, 0.99)] {
            let upper = upper_rank(n, quantile, 0.95).expect("above the floor");
            let lower = lower_rank(n, quantile, 0.95).expect("above the floor");
            let (mut above, mut below) = (0, 0);
            for _ in 0..rounds {
                // of uniform values the quantile is the quantile's own number
                let mut values: Vec<f64> = (0..n).map(|_| random.random()).collect();
                values.sort_by(f64::total_cmp);
                above += u32::from(values[upper as usize - 1] >= quantile);
                below += u32::from(values[lower as usize - 1] <= quantile);
            }
            // three standard errors of 2,000 rounds at 95 % are 1.5 points
            for covered in [above, below] {
                let share = f64::from(covered) / f64::from(rounds);
                assert!(share > 0.935, "{n} {quantile}: {share}");
                assert!(share < 0.995, "{n} {quantile}: {share} is too wide to be exact");
            }
        }
    }

    #[test]
    fn a_spotless_sample_settles_at_the_floor() {
        for quantile in QUANTILES {
            let floor = sample_floor(quantile, 0.95);
            assert_eq!(settles_at(1, 0, quantile, 0.95), Some(floor));
            assert_eq!(settles_at(0, 0, quantile, 0.95), Some(floor));
        }
    }

    #[test]
    fn what_settles_decides_and_one_value_fewer_does_not() {
        for (n, over, quantile) in [(100, 3, 0.95), (100, 7, 0.95), (20, 9, 0.5), (50, 2, 0.9)] {
            let total = settles_at(n, over, quantile, 0.95).expect("the shares differ");
            assert!(total > n);
            let decides = |total: u64| {
                let under = over * 100 < ((1.0 - quantile) * 100.0 * n as f64).round() as u64;
                if under {
                    let over = (over * total).div_ceil(n);
                    upper_rank(total, quantile, 0.95).is_some_and(|rank| rank <= total - over)
                } else {
                    let over = over * total / n;
                    lower_rank(total, quantile, 0.95).is_some_and(|rank| rank > total - over)
                }
            };
            assert!(decides(total), "{n} {over} {quantile}: {total}");
            assert!(!decides(total - 1), "{n} {over} {quantile}: {total}");
        }
    }

    #[test]
    fn a_share_on_the_quantile_never_settles() {
        assert_eq!(settles_at(100, 50, 0.5, 0.95), None);
        assert_eq!(settles_at(100, 5, 0.95, 0.95), None);
    }
}
