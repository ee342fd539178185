//! Two small samples by their ranks: no shape is assumed, and infinite values have a rank like any other.
//!
//! H. B. Mann and D. R. Whitney, *On a test of whether one of two random variables is stochastically larger than the
//! other* (1947); exact with ties by the distribution over all ways to deal the ranks out, as M. Hollander, D. A. Wolfe and
//! E. Chicken, *Nonparametric Statistical Methods* (3rd ed., 2014), section 4.1.

/// The chance that `ys` rank at least so high among all values if both sides came from the same source, and the chance
/// that they rank at least so low; both exact.
pub fn rank_sum_tails(xs: &[f64], ys: &[f64]) -> (f64, f64) {
    let ranks = doubled_ranks(xs, ys);
    let seen: usize = ranks[xs.len()..].iter().sum();
    let ways = ways(&ranks, ys.len());
    let all: f64 = ways.iter().sum();
    let [above, below] = [&ways[seen..], &ways[..=seen]].map(|part| part.iter().sum::<f64>() / all);
    (above, below)
}

/// The smallest chance that [`rank_sum_tails`] can come to with so many values on the two sides.
pub fn rank_sum_floor(xs: u64, ys: u64) -> f64 {
    // C(x + y, y); every step is a whole number
    let dealings = (1..=ys).fold(1.0, |ways, k| ways * (xs + k) as f64 / k as f64);
    1.0 / dealings
}

/// The fewest values on each side at which one of so many tests can reject after Holm's correction at a level.
pub fn runs_to_reject(tests: u64, alpha: f64) -> u64 {
    let level = alpha / tests.max(1) as f64;
    (1..64).find(|n| rank_sum_floor(*n, *n) <= level).unwrap_or(64)
}

/// The rank, from 1, of the pairwise difference that bounds the shift between two sides from below with this
/// confidence, and mirrored from above: J. L. Hodges and E. L. Lehmann, *Estimates of location based on rank tests* (1963).
/// `None` where so few values bound nothing.
pub fn shift_rank(xs: u64, ys: u64, confidence: f64) -> Option<u64> {
    let ranks: Vec<usize> = (1..=(xs + ys) as usize).collect();
    let ways = ways(&ranks, ys as usize);
    let all: f64 = ways.iter().sum();
    let smallest = (ys * (ys + 1) / 2) as usize;
    let mut below = 0.0;
    let within = ways[smallest..].iter().take_while(|ways| {
        below += **ways;
        below / all <= 1.0 - confidence
    });
    Some(within.count() as u64).filter(|rank| *rank > 0)
}

/// Twice the ranks of all values, `xs` first; values that are equal share the mean of theirs.
fn doubled_ranks(xs: &[f64], ys: &[f64]) -> Vec<usize> {
    let all: Vec<f64> = xs.iter().chain(ys).copied().collect();
    let rank = |value: &f64| {
        let below = all.iter().filter(|other| *other < value).count();
        let equal = all.iter().filter(|other| *other == value).count();
        2 * below + equal + 1
    };
    all.iter().map(rank).collect()
}

/// In how many ways so many of the ranks can be chosen, by their sum.
fn ways(ranks: &[usize], chosen: usize) -> Vec<f64> {
    let most: usize = ranks.iter().sum();
    let mut ways = vec![vec![0.0; most + 1]; chosen + 1];
    ways[0][0] = 1.0;
    for rank in ranks {
        for count in (1..=chosen).rev() {
            let (fewer, more) = ways.split_at_mut(count);
            let with = more[0][*rank..].iter_mut().zip(&fewer[count - 1]);
            with.for_each(|(ways, without)| *ways += without);
        }
    }
    ways.swap_remove(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_samples_by_hand() {
        for (xs, ys, expected) in [
            (vec![1.0, 2.0], vec![3.0, 4.0], 1.0 / 6.0),
            (vec![3.0, 4.0], vec![1.0, 2.0], 1.0),
            (vec![1.0, 3.0], vec![2.0, 4.0], 2.0 / 6.0),
            // all dealings are alike
            (vec![1.0, 1.0], vec![1.0, 1.0], 1.0),
            // of six dealings three give the two at the end to one side or share the tie
            (vec![1.0, 2.0], vec![2.0, 3.0], 2.0 / 6.0),
            (vec![1.0, 2.0], vec![f64::INFINITY, f64::INFINITY], 1.0 / 6.0),
            (vec![0.0; 5], vec![1.0], 1.0 / 6.0),
        ] {
            let (above, below) = rank_sum_tails(&xs, &ys);
            assert!((above - expected).abs() < 1e-12, "{xs:?} {ys:?}: {above}");
            assert_eq!(rank_sum_tails(&ys, &xs), (below, above), "{xs:?} {ys:?}");
        }
    }

    #[test]
    fn five_against_five_reach_holm_over_ten_and_four_never_do() {
        assert!((rank_sum_floor(5, 5) - 1.0 / 252.0).abs() < 1e-15);
        assert!((rank_sum_floor(4, 4) - 1.0 / 70.0).abs() < 1e-15);
        assert!((rank_sum_floor(5, 1) - 1.0 / 6.0).abs() < 1e-15);
        let (four, five) = ([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert!((rank_sum_tails(&four, &four.map(|x| x + 10.0)).0 - 1.0 / 70.0).abs() < 1e-15);
        assert!((rank_sum_tails(&five, &five.map(|x| x + 10.0)).0 - 1.0 / 252.0).abs() < 1e-15);
        for (tests, runs) in [(0, 3), (1, 3), (2, 4), (3, 4), (4, 5), (10, 5), (12, 5), (13, 6), (46, 6)] {
            assert_eq!(runs_to_reject(tests, 0.05), runs, "{tests}");
        }
    }

    #[test]
    fn bounds_of_a_shift_are_those_of_the_tables() {
        // one more than the critical values of U at 5 % one-sided: Hollander, Wolfe and Chicken, table A.6
        for (n, rank) in [(2, None), (3, Some(1)), (4, Some(2)), (5, Some(5)), (8, Some(16)), (10, Some(28))]
        {
            assert_eq!(shift_rank(n, n, 0.95), rank, "{n}");
        }
    }
}
