//! Several tests at once.

/// Which of these tests reject at the level `alpha` for all of them together, by Holm's step-down procedure: the
/// chance that any true hypothesis is among them is at most `alpha`, however the tests depend on each other.
/// S. Holm, *A simple sequentially rejective multiple test procedure* (1979).
pub fn holm(p_values: &[f64], alpha: f64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut rejected = vec![false; p_values.len()];
    for (before, index) in order.into_iter().enumerate() {
        // the first that stands ends the procedure, even if a later one would pass its own, wider limit
        if p_values[index] > alpha / (p_values.len() - before) as f64 {
            break;
        }
        rejected[index] = true;
    }
    rejected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_down_until_one_stands() {
        for (p_values, expected) in [
            (vec![], vec![]),
            (vec![0.04], vec![true]),
            (vec![0.04, 0.04], vec![false, false]),
            (vec![0.04, 0.02], vec![true, true]),
            (vec![0.01, 0.04, 0.03, 0.005], vec![true, false, false, true]),
            // 0.001 rejects, 0.03 > 0.025 stands, and 0.031 falls with it
            (vec![0.001, 0.031, 0.03], vec![true, false, false]),
        ] {
            assert_eq!(holm(&p_values, 0.05), expected, "{p_values:?}");
        }
    }
}
