//! Who pays for the platform's hour where several steps run at once.

/// A stretch of a run in which a step went on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// Seconds since the start of the run.
    pub from_s: f64,
    /// Seconds since the start of the run.
    pub to_s: f64,
    /// Input and output tokens of the step in it, together; `None` where nobody knows them.
    pub tokens: Option<f64>,
}

impl Stretch {
    fn tokens_per_second(&self) -> Option<f64> {
        self.tokens.map(|tokens| tokens / (self.to_s - self.from_s))
    }
}

/// The seconds of the platform that each stretch pays for; `None` where it shares time with another and the tokens of
/// one of them are not known.
///
/// An hour is paid once, whatever runs side by side in it. At every moment those that are running share it by their
/// tokens per second, wᵢ = tokensᵢ ÷ (toᵢ − fromᵢ), and equally where none of them has any:
///
/// secondsᵢ = ∫ wᵢ ÷ Σⱼ wⱼ dt, from fromᵢ to toᵢ, over the j that are running at t
///
/// So what runs alone pays for all of its time, the sum is the length of the time in which anything ran, and of what
/// begins and ends together every token costs the same.
pub fn paid_seconds(stretches: &[Stretch]) -> Vec<Option<f64>> {
    let mut paid = vec![Some(0.0); stretches.len()];
    let mut moments: Vec<f64> = stretches.iter().flat_map(|stretch| [stretch.from_s, stretch.to_s]).collect();
    moments.sort_unstable_by(f64::total_cmp);
    let mut waiting: Vec<usize> =
        (0..stretches.len()).filter(|index| stretches[*index].to_s > stretches[*index].from_s).collect();
    waiting.sort_by(|a, b| stretches[*a].from_s.total_cmp(&stretches[*b].from_s));
    let mut waiting = waiting.into_iter().peekable();
    let mut running: Vec<usize> = Vec::new();
    for moment in moments.windows(2) {
        let (from_s, seconds) = (moment[0], moment[1] - moment[0]);
        running.retain(|index| stretches[*index].to_s > from_s);
        while let Some(next) = waiting.next_if(|index| stretches[*index].from_s <= from_s) {
            running.push(next);
        }
        if seconds <= 0.0 {
            continue;
        }
        for (index, share) in running.iter().zip(shares(stretches, &running)) {
            paid[*index] = paid[*index].zip(share).map(|(paid, share)| paid + share * seconds);
        }
    }
    paid
}

/// What each of those that are running pays of a moment, `0..=1`.
fn shares(stretches: &[Stretch], running: &[usize]) -> Vec<Option<f64>> {
    if running.len() == 1 {
        return vec![Some(1.0)];
    }
    let rates: Option<Vec<f64>> = running.iter().map(|index| stretches[*index].tokens_per_second()).collect();
    let Some(rates) = rates else { return vec![None; running.len()] };
    let sum: f64 = rates.iter().sum();
    let share = |rate: f64| if sum > 0.0 { rate / sum } else { 1.0 / running.len() as f64 };
    rates.into_iter().map(|rate| Some(share(rate))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(stretches: &[(f64, f64, Option<f64>)], expected: &[Option<f64>]) {
        let stretches: Vec<Stretch> =
            stretches.iter().map(|&(from_s, to_s, tokens)| Stretch { from_s, to_s, tokens }).collect();
        assert_eq!(paid_seconds(&stretches), expected, "{stretches:?}");
    }

    #[test]
    fn what_runs_together_shares_by_its_tokens() {
        check(&[], &[]);
        // alone, tokens or not, known or not
        check(
            &[(0.0, 10.0, Some(5.0)), (10.0, 14.0, Some(0.0)), (20.0, 21.0, None)],
            &[Some(10.0), Some(4.0), Some(1.0)],
        );
        // together from beginning to end: as the tokens are
        check(&[(0.0, 8.0, Some(300.0)), (0.0, 8.0, Some(100.0))], &[Some(6.0), Some(2.0)]);
        // without any token, equally
        check(&[(0.0, 8.0, Some(0.0)), (0.0, 8.0, Some(0.0))], &[Some(4.0), Some(4.0)]);
        // one without tokens beside one with them pays only while it is alone
        check(&[(0.0, 8.0, Some(0.0)), (2.0, 8.0, Some(1.0))], &[Some(2.0), Some(6.0)]);
        // by the rate and not by the sum: 10 a second each while both run
        check(&[(0.0, 10.0, Some(100.0)), (6.0, 10.0, Some(40.0))], &[Some(8.0), Some(2.0)]);
        // nothing is paid for no time, and it takes nothing from others
        check(&[(0.0, 4.0, Some(1.0)), (2.0, 2.0, Some(9.0))], &[Some(4.0), Some(0.0)]);
        // unknown tokens leave open what is shared with them, and nothing else
        check(&[(0.0, 4.0, Some(1.0)), (3.0, 6.0, None), (6.0, 7.0, Some(1.0))], &[None, None, Some(1.0)]);
    }

    proptest! {
        #[test]
        fn an_hour_is_paid_once(
            stretches in prop::collection::vec((0_u32..100, 0_u32..50, 0_u32..5), 0..12),
        ) {
            let stretches: Vec<Stretch> = stretches
                .into_iter()
                .map(|(from, length, tokens)| Stretch {
                    from_s: from.into(),
                    to_s: (from + length).into(),
                    tokens: Some(tokens.into()),
                })
                .collect();
            let paid: f64 = paid_seconds(&stretches).into_iter().map(|paid| paid.expect("tokens are known")).sum();
            let busy = (0..150).filter(|second| {
                let middle = f64::from(*second) + 0.5;
                stretches.iter().any(|stretch| stretch.from_s < middle && middle < stretch.to_s)
            });
            prop_assert!((paid - busy.count() as f64).abs() < 1e-9);
        }
    }
}
