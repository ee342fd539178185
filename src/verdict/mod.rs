//! Summary → [`Verdict`]: validity, confidence, targets, grade, analysis in plain words. Pure.

mod analysis;
mod contention;
mod counts;
mod evidence;
mod grade;
mod instrument;
mod judge;
mod optimum;
mod pressure;
mod recommend;
mod search;
mod side;
mod stability;
mod targets;
#[cfg(test)]
mod tests;
mod validity;

use schemars::JsonSchema;
use serde::Serialize;

pub use contention::{Beside, Combined, Contention, Errors, Factor, Inflation, NotCompared, Share};
pub use evidence::Evidence;
pub use instrument::ALLOWED_LAG_S;
pub use judge::{judge, nothing_answered};
pub use optimum::optima;
pub use pressure::{PressedLoad, UnderPressure};
pub use search::{Attempt, Found, Next, attempt, found, level_of, next};

use crate::{
    catalog::MetricName,
    config::{Bound, Severity},
    plan::ScopeKey,
    units::show_count_of,
};

/// What a run comes to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// The run as a whole.
    pub conclusion: Conclusion,
    /// Why, in one sentence.
    pub reason: String,
    /// Share of judged targets met, in words.
    pub grade: Grade,
    /// Judged targets (severity `fail`) that passed.
    pub targets_met: u64,
    /// Judged targets.
    pub total_targets: u64,
    /// One row per target and scope: what decides first (`fail`, then `warn`, then `info`), the worst first in each.
    pub targets: Vec<Judged>,
    /// Targets whose metric the plan measures nowhere, by name, and why.
    pub skipped: Vec<(String, String)>,
    /// Is it a measurement at all.
    pub validity: Vec<Check>,
    /// What endpoints do to each other, per mixed phase with solo phases.
    pub contention: Vec<Contention>,
    /// What loaded the machine beside each step that was put under pressure, and what that did.
    pub pressure: Vec<UnderPressure>,
    /// Plain-word lines that need no target.
    pub analysis: Vec<Finding>,
    /// The best level of every ladder in the order of the plan, and then the limit of every search.
    pub optima: Vec<Optimum>,
    /// What every search found, in the order of the plan.
    pub searches: Vec<Found>,
    /// Causes that the numbers support, and what to try next.
    pub recommendations: Vec<Recommendation>,
}

/// A cause, with its evidence and what to try next.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Recommendation {
    /// The cause.
    pub cause: Cause,
    /// Where: a phase, an endpoint in one, or the tool itself.
    pub place: String,
    /// The numbers that show it.
    pub evidence: String,
    /// What to try next.
    pub next: String,
}

/// What limits a server, or spoils its measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Requests wait for a place.
    Queueing,
    /// Tokens take longer, the more are decoded at once.
    Decoding,
    /// The server has no more room for what it keeps of each sequence.
    KvCache,
    /// The load generator was late or short of something.
    Client,
    /// Connecting, or the way between client and server.
    Network,
    /// An endpoint suffers from another one far more than that does from it.
    Starvation,
}

/// The best level of a ladder.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Optimum {
    /// The phase.
    pub phase: String,
    /// The step that it is; `None` where no level may be it.
    pub step: Option<String>,
    /// Why, in one sentence.
    pub reason: String,
    /// The steps whose errors and latency are within their limits, from the smallest load on.
    pub stable: Vec<String>,
}

/// The run as a whole, in the order in which one beats the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Conclusion {
    /// It was cut short; what was measured is graded.
    Aborted,
    /// It is not a measurement.
    Invalid,
    /// A judged target failed, or every measured request did.
    Fail,
    /// A judged target could not be decided.
    Inconclusive,
    /// Every judged target passed, or none was declared and the run is valid.
    Pass,
}

/// Share of judged targets that passed; one that is inconclusive did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Grade {
    /// 90 % or more.
    Excellent,
    /// 80 % or more.
    Good,
    /// 60 % or more.
    Acceptable,
    /// Less.
    Poor,
    /// Nothing was judged.
    Ungraded,
}

/// One target in one scope.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// The target's name.
    pub name: String,
    /// What was judged.
    pub metric: MetricName,
    /// Where.
    pub scope: ScopeKey,
    /// Against what.
    pub bound: Bound,
    /// What a miss means.
    pub severity: Severity,
    /// Whether a platform preset set it rather than the scenario.
    pub from_preset: bool,
    /// The measured value in the metric's base unit; `None` is "no data", infinity is "the requests at this rank
    /// failed".
    pub value: Option<f64>,
    /// One-sided 95 % bounds on each side, where the metric has them.
    pub interval: Option<(f64, f64)>,
    /// Requests behind it, or spikes where it is about those.
    pub samples: u64,
    /// What the evidence says.
    pub mark: Mark,
    /// How many more of them would settle it, where that is known.
    pub needs: Option<u64>,
    /// The mark in words: how it was judged, what is missing.
    pub note: String,
}

impl Judged {
    /// What it has to be, in words: `at most 500 ms`.
    pub fn asked(&self) -> String {
        let unit = self.metric.metric.unit();
        match self.bound {
            Bound::AtLeast(limit) => format!("at least {}", unit.show(limit)),
            Bound::AtMost(limit) => format!("at most {}", unit.show(limit)),
            Bound::Between(low, high) => format!("between {} and {}", unit.show(low), unit.show(high)),
        }
    }

    /// What would settle it, in words: `5 more requests would settle it`.
    pub fn needs_in_words(&self) -> Option<String> {
        let more = format!("more {}", self.metric.metric.noun());
        Some(format!("{} would settle it", show_count_of(self.needs?, &more)))
    }
}

/// What the evidence says of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Mark {
    /// The other bound is on the bad side.
    Fail,
    /// Neither bound decides, or there is no data.
    Inconclusive,
    /// The bound towards the limit is on the good side.
    Pass,
}

/// One check of validity.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Check {
    /// Its number in the list of checks: `1`, `2a`, `4`.
    pub id: &'static str,
    /// What it checks.
    pub name: &'static str,
    /// Whether missing it makes the run INVALID.
    pub void: bool,
    /// Whether it holds.
    pub ok: bool,
    /// What was seen.
    pub value: String,
    /// What is asked.
    pub limit: String,
    /// What to do when it does not hold.
    pub advice: String,
}

/// A line of the analysis.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Finding {
    /// How it is to be taken.
    pub level: Level,
    /// The line.
    pub text: String,
}

/// How a line of the analysis is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Level {
    /// Bad.
    Fail,
    /// Worth a look.
    Warning,
    /// Good.
    Pass,
    /// Neither.
    Info,
}
