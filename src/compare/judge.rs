//! What became of each metric: tests with Holm's correction, intervals against the margin.

use super::{
    CONFIDENCE, Call, Row,
    effect::{Basis, Effect, PREDICTS},
};
use crate::{
    catalog::{Direction, MetricName, Unit},
    plan::ScopeKey,
    stats::{Common, Moments, common, holm, runs_to_exceed, runs_to_reject},
    units::show_count_of,
};

/// Shares of which no two runs lie farther apart are the same in practice, whatever their ratio: 0.1 points, one request in a
/// thousand.
const POINTS: f64 = 0.001;

/// The values of a metric on both sides, one per run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pair {
    pub(super) metric: MetricName,
    pub(super) scope: ScopeKey,
    pub(super) decides: bool,
    pub(super) before: Vec<f64>,
    pub(super) after: Vec<f64>,
}

impl Pair {
    /// Whether it is a share whose runs on both sides lie within [`POINTS`] of each other.
    fn lies_within_points(&self) -> bool {
        let values = || self.before.iter().chain(&self.after).copied();
        let apart = values().fold(f64::NEG_INFINITY, f64::max) - values().fold(f64::INFINITY, f64::min);
        // the last digit of a difference does not decide
        self.metric.metric.unit() == Unit::Share && apart <= POINTS + 1e-12
    }
}

/// Judges each. Those that decide are one family of tests, the others another, so that what is only shown makes nothing
/// harder to decide. Those that decide come first, the worst of them on top; the others keep their order.
pub(super) fn judge(pairs: Vec<Pair>, margin: f64) -> Vec<Row> {
    let (deciding, shown): (Vec<Pair>, Vec<Pair>) = pairs.into_iter().partition(|pair| pair.decides);
    let mut rows = family(deciding, margin);
    rows.sort_by_key(|row| row.call);
    rows.extend(family(shown, margin));
    rows
}

/// What the spreads of metrics between the same runs have in common: of logarithms, as many of each.
fn common_spread(pairs: &[Pair]) -> Option<Common> {
    let runs = |pair: &Pair| pair.before.len().max(pair.after.len());
    let most = pairs.iter().map(runs).max().filter(|runs| *runs > 1)?;
    let variance = |pair: &Pair| {
        let side = if pair.before.len() < pair.after.len() { &pair.after } else { &pair.before };
        let plain = side.len() == most && side.iter().all(|value| *value > 0.0 && value.is_finite());
        plain.then(|| side.iter().map(|value| value.ln()).collect::<Moments>().stddev().powi(2))
    };
    common(&pairs.iter().filter_map(variance).collect::<Vec<_>>(), most as u64 - 1)
}

fn family(pairs: Vec<Pair>, margin: f64) -> Vec<Row> {
    let tests = pairs.len() as u64;
    let others = common_spread(&pairs);
    let effect = |pair: &Pair| Effect::of(&pair.before, &pair.after, pair.metric.metric.worst(), others);
    let effects: Vec<Effect> = pairs.iter().map(effect).collect();
    let sides = pairs.iter().zip(&effects).map(|(pair, effect)| match pair.metric.metric.direction() {
        Direction::Lower => (effect.above, effect.below),
        Direction::Higher => (effect.below, effect.above),
    });
    let (worse, better): (Vec<f64>, Vec<f64>) = sides.unzip();
    let [is_worse, is_better] = [&worse, &better].map(|p_values| holm(p_values, 1.0 - CONFIDENCE));
    let mut rows = Vec::with_capacity(pairs.len());
    for (i, (pair, effect)) in pairs.into_iter().zip(effects).enumerate() {
        let negligible = effect.basis != Basis::None && pair.lies_within_points();
        let found = Found { effect, worse: is_worse[i], better: is_better[i], negligible, margin, tests };
        let call = found.call(pair.metric.metric.direction());
        let tested = effect.basis != Basis::None;
        let needs = if call == Call::Inconclusive { found.needs(&pair) } else { None };
        rows.push(Row {
            note: found.note(&pair, call, needs),
            metric: pair.metric,
            scope: pair.scope,
            decides: pair.decides,
            unit: pair.metric.metric.unit(),
            before: effect.before,
            after: effect.after,
            runs_before: pair.before.len() as u64,
            runs_after: pair.after.len() as u64,
            change: effect.change,
            change_low: effect.interval.map(|(low, _)| low),
            change_high: effect.interval.map(|(_, high)| high),
            p_worse: tested.then_some(worse[i]),
            p_better: tested.then_some(better[i]),
            basis: effect.basis,
            call,
            runs_needed: needs,
        });
    }
    rows
}

/// An effect, and which of its tests reject.
struct Found {
    effect: Effect,
    worse: bool,
    better: bool,
    /// Whether both sides are shares so near to each other that their ratio says nothing.
    negligible: bool,
    margin: f64,
    tests: u64,
}

/// Where an interval lies by the margin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lies {
    Above,
    Below,
    Within,
    Across,
}

impl Found {
    fn lies(&self) -> Option<Lies> {
        let (up, down) = (1.0 + self.margin, 1.0 / (1.0 + self.margin));
        let ((low, high), (sure_low, sure_high)) = self.effect.interval.zip(self.effect.sure)?;
        Some(if sure_low > up {
            Lies::Above
        } else if sure_high < down {
            Lies::Below
        } else if low >= down && high <= up {
            Lies::Within
        } else {
            Lies::Across
        })
    }

    fn call(&self, direction: Direction) -> Call {
        if self.negligible {
            return Call::Equivalent;
        }
        match (self.lies(), direction) {
            (Some(Lies::Above), Direction::Lower) | (Some(Lies::Below), Direction::Higher) if self.worse => {
                Call::Regressed
            }
            (Some(Lies::Below), Direction::Lower) | (Some(Lies::Above), Direction::Higher) if self.better => {
                Call::Improved
            }
            (Some(Lies::Within), _) => Call::Equivalent,
            _ => Call::Inconclusive,
        }
    }

    /// The fewest runs on each side at which the tests of this family can reject.
    fn least(&self) -> u64 {
        runs_to_reject(self.tests, 1.0 - CONFIDENCE)
    }

    /// Runs on each side that would settle an effect of this size among runs with this spread.
    fn needs(&self, pair: &Pair) -> Option<u64> {
        let Some(deviation) = self.effect.deviation else {
            // nothing is known of the spread; what tests need at least is known
            return Some(self.least())
                .filter(|least| *least > pair.before.len().min(pair.after.len()) as u64);
        };
        let (size, margin) = (self.effect.change.ln().abs(), self.margin.ln_1p());
        let runs = runs_to_exceed((size - margin).abs(), deviation, CONFIDENCE)?;
        // what both sides have already has not settled it, and a single run is no side
        let more = match pair.before.len().min(pair.after.len()) as u64 {
            1 => 2,
            fewer => fewer + 1,
        };
        // to be equivalent takes an interval, to be worse a test, too
        Some(if size > margin { runs.max(self.least()).max(more) } else { runs.max(more) })
    }

    fn note(&self, pair: &Pair, call: Call, needs: Option<u64>) -> String {
        let (before, after) = (pair.before.len() as u64, pair.after.len() as u64);
        let mut notes = Vec::new();
        match self.effect.basis {
            Basis::Welch => notes.push(format!(
                "Welch's interval and the rank test of {after} against {}",
                show_count_of(before, "run")
            )),
            Basis::Ranks => notes.push(format!("by the ranks of {after} against {}", show_count_of(before, "run"))),
            Basis::Prediction => {
                notes.push(format!("prediction from {}", show_count_of(before.max(after), "run")));
            }
            Basis::None if before.max(after) >= PREDICTS => {
                notes.push("among values of 0, or without any spread, nothing says how far a single run may be off".to_owned());
            }
            Basis::None => notes.push(format!(
                "{after} against {}: how far runs lie apart is not known, and evidence within one run decides nothing",
                show_count_of(before, "run")
            )),
        }
        if self.negligible && self.lies() != Some(Lies::Within) {
            notes.push(format!("no two runs lie more than {} points apart", POINTS * 100.0));
        }
        if call == Call::Inconclusive {
            let beyond = matches!(self.lies(), Some(Lies::Above | Lies::Below));
            if beyond && self.tests > 1 {
                notes.push(format!(
                    "beyond the margin, but not after Holm's correction over {} tests",
                    self.tests
                ));
            } else if beyond {
                notes.push("beyond the margin, but its test does not reject".to_owned());
            }
            notes.push(match needs {
                Some(needs) => format!("about {needs} runs on each side would settle it"),
                None if self.effect.deviation.is_some() => {
                    "too near the margin for any number of runs to settle".to_owned()
                }
                None => "more runs may settle it".to_owned(),
            });
        }
        notes.join("; ")
    }
}
