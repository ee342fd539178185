//! How far a metric moved between two sides, one value per run.

use schemars::JsonSchema;
use serde::Serialize;

use super::{CONFIDENCE, SINGLE};
use crate::stats::{Common, Estimate, Moments, median, prediction, rank_sum_tails, shift_rank, welch};

/// Runs on a side from which the next one can be predicted.
pub(super) const PREDICTS: u64 = 5;

/// What the interval of a change and its test rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Several runs on both sides: Welch's interval over logarithms, and the exact test of rank sums.
    Welch,
    /// One run against five or more: the prediction interval over logarithms.
    Prediction,
    /// Several runs on both sides, of which some have 0 or an infinite value: ranks for both.
    Ranks,
    /// Too few runs for any.
    None,
}

/// A change and the evidence for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Effect {
    pub(super) before: f64,
    pub(super) after: f64,
    /// After ÷ before.
    pub(super) change: f64,
    /// Its 90 % interval.
    pub(super) interval: Option<(f64, f64)>,
    /// The interval that has to lie beyond the margin: the same, and a wider one of a single run.
    pub(super) sure: Option<(f64, f64)>,
    /// The chance of values so much higher, and so much lower, if nothing had changed; 1 where nothing can be said.
    pub(super) above: f64,
    pub(super) below: f64,
    /// Of the logarithms between runs.
    pub(super) deviation: Option<f64>,
    pub(super) basis: Basis,
}

impl Effect {
    /// That between two sides with at least one value each, none below 0, of a metric of which `worst` is the worst value.
    /// `others` is what the spreads of the same runs' metrics have in common.
    pub(super) fn of(before: &[f64], after: &[f64], worst: f64, others: Option<Common>) -> Self {
        let plain = before.iter().chain(after).all(|value| *value > 0.0 && value.is_finite());
        match (before.len(), after.len()) {
            (2.., 2..) if plain => Self::by_logs(before, after),
            (2.., 2..) => Self::by_ranks(before, after),
            (_, 1) => Self::of_one(before, after[0], worst, others),
            // the same with both sides changed over
            (1, _) => Self::of_one(after, before[0], worst, others).mirrored(),
            _ => Self::bare(before, after),
        }
    }

    /// Without evidence.
    fn bare(before: &[f64], after: &[f64]) -> Self {
        let (before, after) = (middle(before), middle(after));
        let change = ratio(before, after);
        Self {
            before,
            after,
            change,
            interval: None,
            sure: None,
            above: 1.0,
            below: 1.0,
            deviation: None,
            basis: Basis::None,
        }
    }

    fn by_logs(before: &[f64], after: &[f64]) -> Self {
        let (above, below) = rank_sum_tails(before, after);
        let (old, new) = (logs(before), logs(after));
        let interval = welch(&old, &new).map(|between| ratios(between, CONFIDENCE));
        let variance = |logs: &[f64]| logs.iter().copied().collect::<Moments>().stddev().powi(2);
        Self {
            interval,
            sure: interval,
            above,
            below,
            deviation: Some(f64::midpoint(variance(&old), variance(&new)).sqrt()),
            basis: Basis::Welch,
            ..Self::bare(before, after)
        }
    }

    fn by_ranks(before: &[f64], after: &[f64]) -> Self {
        let mut pairwise: Vec<f64> =
            before.iter().flat_map(|old| after.iter().map(|new| ratio(*old, *new))).collect();
        pairwise.sort_unstable_by(f64::total_cmp);
        let (above, below) = rank_sum_tails(before, after);
        let rank = shift_rank(before.len() as u64, after.len() as u64, CONFIDENCE).map(|rank| rank as usize);
        let interval = rank.map(|rank| (pairwise[rank - 1], pairwise[pairwise.len() - rank]));
        Self { interval, sure: interval, above, below, basis: Basis::Ranks, ..Self::bare(before, after) }
    }

    /// One new value against several.
    fn of_one(before: &[f64], after: f64, worst: f64, others: Option<Common>) -> Self {
        let bare = Self::bare(before, &[after]);
        if (before.len() as u64) < PREDICTS {
            return bare;
        }
        let basis = Basis::Prediction;
        if before.iter().all(|value| *value == after) {
            let interval = Some((1.0, 1.0));
            return Self { interval, sure: interval, basis, ..bare };
        }
        if before.iter().any(|value| *value <= 0.0 || value.is_infinite()) {
            return bare;
        }
        let logs = logs(before);
        let deviation = Some(logs.iter().copied().collect::<Moments>().stddev());
        if after == worst {
            // farther off than any value can be
            let interval = Some((bare.change, bare.change));
            let (above, below) = if after == 0.0 { (1.0, 0.0) } else { (0.0, 1.0) };
            return Self { interval, sure: interval, above, below, deviation, basis, ..bare };
        }
        if after == 0.0 || after.is_infinite() {
            // of few errors a run may well have none, which has no logarithm
            return bare;
        }
        let Some(seen) = prediction(&logs, after.ln(), others) else { return bare };
        let above = seen.chance_above(0.0);
        let [interval, sure] = [CONFIDENCE, SINGLE].map(|confidence| Some(ratios(seen, confidence)));
        Self { interval, sure, above, below: 1.0 - above, deviation, basis, ..bare }
    }

    fn mirrored(self) -> Self {
        let mirrored = |(low, high): (f64, f64)| (1.0 / high, 1.0 / low);
        Self {
            before: self.after,
            after: self.before,
            change: ratio(self.after, self.before),
            interval: self.interval.map(mirrored),
            sure: self.sure.map(mirrored),
            above: self.below,
            below: self.above,
            ..self
        }
    }
}

/// The interval of a ratio by the difference of its logarithms, each of its bounds with this confidence.
fn ratios(between: Estimate, confidence: f64) -> (f64, f64) {
    let half_width = between.half_width(confidence);
    ((between.mean - half_width).exp(), (between.mean + half_width).exp())
}

fn logs(values: &[f64]) -> Vec<f64> {
    values.iter().map(|value| value.ln()).collect()
}

/// The geometric mean, or the median where one of the values has no logarithm.
fn middle(values: &[f64]) -> f64 {
    if values.iter().all(|value| *value > 0.0 && value.is_finite()) {
        return logs(values).into_iter().collect::<Moments>().mean().exp();
    }
    let mut ascending = values.to_vec();
    ascending.sort_unstable_by(f64::total_cmp);
    median(&ascending).unwrap_or(f64::NAN)
}

/// After ÷ before, where nothing and nothing, and infinite and infinite, are the same.
fn ratio(before: f64, after: f64) -> f64 {
    if before == after { 1.0 } else { after / before }
}
