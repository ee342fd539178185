//! How much values that come one after another depend on their neighbours, seen at one quantile.
//!
//! Latencies of a busy server hang together: what waits behind a long request waits long, too. Then `n` values say less of a
//! quantile than `n` independent ones, and how much less is told by the autocorrelation of what the quantile is made of, the
//! indicator "above it or not". That of the values themselves says something else: of a queue it is much larger than that of the
//! indicator at a high quantile, whose bounds it would make infinite. The variance of the share of values above the quantile
//! is that of `n / τ` independent ones, with the integrated autocorrelation time `τ = 1 + 2 Σ ρ(k)`: G. S. Fishman, *Discrete-Event
//! Simulation* (2001), section 6.

use super::{BATCHES, Moments, lower_rank, normal_tail, parts, upper_rank};

/// Dependence shows in the first lags, alone or together, or it is too weak to matter.
const LAGS: usize = 3;

/// What independent indicators show by chance in this share of samples is no dependence.
const NOISE: f64 = 0.02;

/// Lags that are looked at. What hangs together over more of them drifts, and would take hours to be summed up.
const MOST_LAGS: usize = 4096;

/// Expected pairs below which their number is Poisson's, far from normal.
const FEW: f64 = 10.0;

/// Yes or no, in the order in which they came.
#[derive(Debug, Clone, Default)]
pub struct Indicators {
    /// 64 of them in each word, the first in its lowest bit.
    words: Vec<u64>,
    count: usize,
    ones: usize,
}

impl FromIterator<bool> for Indicators {
    fn from_iter<I: IntoIterator<Item = bool>>(indicators: I) -> Self {
        let mut all = Self::default();
        for yes in indicators {
            if all.count % 64 == 0 {
                all.words.push(0);
            }
            if let Some(last) = all.words.last_mut().filter(|_| yes) {
                *last |= 1 << (all.count % 64);
                all.ones += 1;
            }
            all.count += 1;
        }
        all
    }
}

impl Indicators {
    /// The integrated autocorrelation time: how many of them say as much as one that is independent; 1 where no dependence is to be
    /// seen, and never below.
    ///
    /// Autocorrelations are summed in pairs of neighbouring lags, each pair no larger than the one before, until one is not
    /// positive: the initial monotone sequence of C. J. Geyer, *Practical Markov chain Monte Carlo* (1992).
    pub fn autocorrelation_time(&self) -> f64 {
        if self.ones == 0 || self.ones == self.count || self.count <= 4 * LAGS || !self.depends() {
            return 1.0;
        }
        let (mut sum, mut before) = (0.0, f64::INFINITY);
        for lag in (0..self.count / 4).step_by(2) {
            if lag > MOST_LAGS {
                return self.time_by_batches();
            }
            let pair = self.autocorrelation(lag) + self.autocorrelation(lag + 1);
            if pair <= 0.0 {
                break;
            }
            before = pair.min(before);
            sum += before;
        }
        (2.0 * sum - 1.0).max(1.0)
    }

    /// The same by what the shares of [`BATCHES`] batches vary more than those of independent ones, for what hangs together over more
    /// lags than can be summed.
    fn time_by_batches(&self) -> f64 {
        let share = self.ones as f64 / self.count as f64;
        let shares = parts(self.count, BATCHES).map(|batch| {
            (self.ones_before(batch.end) - self.ones_before(batch.start)) as f64 / batch.len() as f64
        });
        let length = self.count as f64 / BATCHES as f64;
        let variance = shares.collect::<Moments>().stddev().powi(2);
        (variance * length / (share * (1.0 - share))).max(1.0)
    }

    /// Whether more is to be seen than noise. A few ones have a neighbour by chance now and then, which a correlation of single
    /// pairs would make too much of, so there the pairs are counted.
    fn depends(&self) -> bool {
        let n = self.count as f64;
        let expected = (self.ones as f64).powi(2) / n;
        if LAGS as f64 * expected < FEW {
            let pairs = |lags: usize| (1..=lags).map(|lag| self.both(lag)).sum::<u32>();
            let by_chance = |lags: usize| poisson_tail(expected * lags as f64, pairs(lags));
            by_chance(1).min(by_chance(LAGS)) <= NOISE
        } else {
            let sum = |lags: usize| (1..=lags).map(|lag| self.autocorrelation(lag)).sum::<f64>();
            let errors = |lags: usize| sum(lags) * (n / lags as f64).sqrt();
            normal_tail(errors(1).max(errors(LAGS))) <= NOISE
        }
    }

    /// `ρ(lag)`, by sums over `n`, which makes the sequence of them a covariance.
    fn autocorrelation(&self, lag: usize) -> f64 {
        let (n, share) = (self.count as f64, self.ones as f64 / self.count as f64);
        let overlap = self.count - lag;
        let ones_before = self.ones_before(overlap) as f64;
        let ones_behind = (self.ones - self.ones_before(lag)) as f64;
        let products =
            f64::from(self.both(lag)) - share * (ones_before + ones_behind) + overlap as f64 * share * share;
        products / n / (share * (1.0 - share))
    }

    /// The ones among the first so many.
    fn ones_before(&self, end: usize) -> usize {
        let whole: u32 = self.words[..end / 64].iter().map(|word| word.count_ones()).sum();
        let rest = self.words.get(end / 64).map_or(0, |word| word & ((1 << (end % 64)) - 1));
        (whole + rest.count_ones()) as usize
    }

    /// How often one is followed by another so many places behind it.
    fn both(&self, lag: usize) -> u32 {
        let (skipped, shift) = (lag / 64, lag % 64);
        let word = |index: usize| self.words.get(index).copied().unwrap_or(0);
        let behind = |index: usize| {
            let high = if shift == 0 { 0 } else { word(index + skipped + 1) << (64 - shift) };
            (word(index + skipped) >> shift) | high
        };
        self.words.iter().enumerate().map(|(index, word)| (word & behind(index)).count_ones()).sum()
    }
}

/// `P(X ≥ count)` of Poisson's distribution with a small mean.
fn poisson_tail(mean: f64, count: u32) -> f64 {
    let (mut term, mut below) = ((-mean).exp(), 0.0);
    for k in 0..count {
        below += term;
        term *= mean / f64::from(k + 1);
    }
    (1.0 - below).max(0.0)
}

/// How many independent values `n` values with an autocorrelation time are worth.
pub fn effective(n: u64, time: f64) -> u64 {
    ((n as f64 / time).floor() as u64).min(n)
}

/// [`upper_rank`] of `n` values with an autocorrelation time: that of as many independent ones as they are worth, at the same
/// share of the sample.
pub fn dependent_upper_rank(n: u64, time: f64, quantile: f64, confidence: f64) -> Option<u64> {
    let worth = effective(n, time);
    let rank = upper_rank(worth, quantile, confidence)?;
    // both are far below the numbers that 64 bits hold
    Some(if worth == n { rank } else { (u128::from(rank) * u128::from(n)).div_ceil(worth.into()) as u64 })
}

/// [`lower_rank`], likewise.
pub fn dependent_lower_rank(n: u64, time: f64, quantile: f64, confidence: f64) -> Option<u64> {
    let worth = effective(n, time);
    let rank = lower_rank(worth, quantile, confidence)?;
    Some(if worth == n {
        rank
    } else {
        ((u128::from(rank) * u128::from(n) / u128::from(worth)) as u64).max(1)
    })
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::stats::{cumulative, fixture::normal, nearest_rank};

    fn naive(indicators: &[bool], lag: usize) -> f64 {
        let n = indicators.len();
        let values: Vec<f64> = indicators.iter().map(|yes| f64::from(u8::from(*yes))).collect();
        let mean = values.iter().sum::<f64>() / n as f64;
        let product: f64 = (0..n - lag).map(|i| (values[i] - mean) * (values[i + lag] - mean)).sum();
        product / values.iter().map(|value| (value - mean).powi(2)).sum::<f64>()
    }

    #[test]
    fn autocorrelations_are_those_of_the_definition() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for count in [20, 64, 65, 128, 300] {
            let indicators: Vec<bool> = (0..count).map(|_| rng.random_bool(0.3)).collect();
            let packed: Indicators = indicators.iter().copied().collect();
            for lag in [0, 1, 2, 5, 17, 63, 64, 65, 127].into_iter().filter(|lag| *lag < count) {
                let (ours, truth) = (packed.autocorrelation(lag), naive(&indicators, lag));
                assert!((ours - truth).abs() < 1e-12, "{count} {lag}: {ours} {truth}");
            }
        }
    }

    #[test]
    fn what_says_nothing_of_dependence_counts_as_independent() {
        for all in [vec![], vec![true; 100], vec![false; 100], vec![true, false, true]] {
            assert_eq!(all.into_iter().collect::<Indicators>().autocorrelation_time(), 1.0);
        }
        // one after another in turn is as far from dependent on the same side as can be
        assert_eq!((0..200).map(|i| i % 2 == 0).collect::<Indicators>().autocorrelation_time(), 1.0);
        // of three slow answers in sixty two follow each other in one sample of seven: that is nothing yet, and six in a row are
        let few = |slow: &[usize]| (0..60).map(|i| slow.contains(&i)).collect::<Indicators>();
        assert_eq!(few(&[10, 11, 40]).autocorrelation_time(), 1.0);
        assert!(few(&[10, 11, 12, 13, 14, 15]).autocorrelation_time() > 3.0);
        assert!((poisson_tail(0.45, 2) - 0.0755).abs() < 1e-3 && poisson_tail(0.45, 0) == 1.0);
        // what drifts from one side to the other over a hundred thousand values says about as much as its batches
        let drifting: Indicators = (0..100_000).map(|i| i >= 50_000).collect();
        let time = drifting.autocorrelation_time();
        assert!((4_000.0..8_000.0).contains(&time), "{time}");
        // runs of ten are worth about a tenth
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let runs: Indicators = (0..1000).map(|_| rng.random_bool(0.5)).flat_map(|yes| [yes; 10]).collect();
        let time = runs.autocorrelation_time();
        assert!((8.0..12.0).contains(&time), "{time}");
    }

    #[test]
    fn ranks_of_independent_values_are_the_exact_ones() {
        for (n, quantile) in [(59, 0.95), (58, 0.95), (1000, 0.5), (2000, 0.99)] {
            assert_eq!(dependent_upper_rank(n, 1.0, quantile, 0.95), upper_rank(n, quantile, 0.95));
            assert_eq!(dependent_lower_rank(n, 1.0, quantile, 0.95), lower_rank(n, quantile, 0.95));
        }
        assert_eq!(dependent_upper_rank(117, 2.0, 0.95, 0.95), None);
        assert_eq!(dependent_upper_rank(118, 2.0, 0.95, 0.95), Some(118));
    }

    /// Log-normal values of which each depends on the one before it, by the autocorrelation ρ of their logarithms.
    fn log_normal(seed: u64, n: usize, rho: f64) -> Vec<f64> {
        normal(seed, n, rho).into_iter().map(|value| (0.8 * value).exp()).collect()
    }

    /// Seven in ten answers of one to two seconds and three of four to six; after one kind the same comes with the chance `stays`,
    /// beyond what it would have anyway.
    fn bimodal(seed: u64, n: usize, stays: f64) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut slow = rng.random_bool(0.3);
        let next = |_| {
            if !rng.random_bool(stays) {
                slow = rng.random_bool(0.3);
            }
            if slow { rng.random_range(4.0..6.0) } else { rng.random_range(1.0..2.0) }
        };
        (0..n).map(next).collect()
    }

    type Draw = fn(u64, usize, f64) -> Vec<f64>;

    /// How often each bound of a quantile holds over 2,000 samples, the truth known, and how often a system whose quantile
    /// is exactly the limit would pass.
    fn coverage(draw: Draw, (n, dependence): (usize, f64), (quantile, truth): (f64, f64)) -> [f64; 3] {
        const REPETITIONS: u64 = 2000;
        let mut held = [0_u32; 3];
        for seed in 0..REPETITIONS {
            let values = draw(seed, n, dependence);
            let mut ascending = values.clone();
            ascending.sort_unstable_by(f64::total_cmp);
            let at = ascending[nearest_rank(quantile, n as u64) as usize - 1];
            let time = values.iter().map(|value| *value > at).collect::<Indicators>().autocorrelation_time();
            let bound = |rank: Option<u64>, none: f64| rank.map_or(none, |rank| ascending[rank as usize - 1]);
            let upper = bound(dependent_upper_rank(n as u64, time, quantile, 0.95), f64::INFINITY);
            let lower = bound(dependent_lower_rank(n as u64, time, quantile, 0.95), f64::NEG_INFINITY);
            for (held, within) in held.iter_mut().zip([upper >= truth, lower <= truth, upper <= truth]) {
                *held += u32::from(within);
            }
        }
        held.map(|held| f64::from(held) / REPETITIONS as f64)
    }

    /// The p50, p95 and p99 of the log-normal values, and the p95 of the bimodal ones.
    const LOG_NORMAL: [f64; 3] = [1.0, 3.728_041_0, 6.430_667_2];
    const BIMODAL_P95: f64 = 4.0 + 2.0 * 0.25 / 0.3;

    #[test]
    fn bounds_of_independent_values_cover_as_the_binomial_says() {
        for (draw, n, quantile, truth) in [
            (log_normal as Draw, 300, 0.95, LOG_NORMAL[1]),
            (log_normal, 1000, 0.99, LOG_NORMAL[2]),
            (bimodal, 1000, 0.95, BIMODAL_P95),
        ] {
            let upper = upper_rank(n, quantile, 0.95).expect("above the floor");
            let lower = lower_rank(n, quantile, 0.95).expect("above the floor");
            let exact = [cumulative(n, upper - 1, quantile), 1.0 - cumulative(n, lower - 1, quantile)];
            let [above, below, false_pass] = coverage(draw, (n as usize, 0.0), (quantile, truth));
            for (covered, exact) in [above, below].into_iter().zip(exact) {
                assert!((covered - exact).abs() < 0.015, "{n} {quantile}: {covered}, exactly {exact}");
            }
            assert!(false_pass <= 0.05, "{n} {quantile}: {false_pass}");
        }
    }

    #[test]
    fn bounds_of_values_that_hang_together_cover() {
        for (draw, n, dependence, quantile, truth, least) in [
            (log_normal as Draw, 1000, 0.5, 0.95, LOG_NORMAL[1], 0.94),
            (log_normal, 2000, 0.9, 0.5, LOG_NORMAL[0], 0.93),
            (log_normal, 2000, 0.9, 0.95, LOG_NORMAL[1], 0.93),
            (log_normal, 2000, 0.9, 0.99, LOG_NORMAL[2], 0.92),
            (bimodal, 2000, 0.9, 0.95, BIMODAL_P95, 0.91),
        ] {
            let [above, below, false_pass] = coverage(draw, (n, dependence), (quantile, truth));
            assert!(above.min(below) >= least, "{n} {dependence} {quantile}: {above} {below}");
            assert!(false_pass <= 1.0 - least, "{n} {dependence} {quantile}: {false_pass}");
        }
    }
}
