//! What a search found.

use schemars::JsonSchema;
use serde::Serialize;

use crate::verdict::{Attempt, Found};

/// The highest level of load at which what was asked for holds, and how that was found.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Search<'a> {
    /// The phase.
    phase: &'a str,
    /// What it varied: `rate` in requests per second, or `users`.
    over: &'static str,
    /// The limit: the highest level that holds, below every one that does not; null where none does.
    limit: Option<f64>,
    /// The step that shows it.
    step: Option<&'a str>,
    /// Whether it held a second time.
    confirmed: bool,
    /// The lowest level that does not hold; null where every one did.
    first_failed: Option<f64>,
    /// What was found, in one sentence.
    reason: &'a str,
    /// In the order in which they were run; their numbers are those of the steps in `scopes`.
    trials: &'a [Attempt],
}

impl<'a> Search<'a> {
    pub(super) fn of(found: &'a Found) -> Self {
        let Found { phase, over, limit, step, confirmed, broken, reason, attempts } = found;
        Self {
            phase,
            over,
            limit: *limit,
            step: step.as_deref(),
            confirmed: *confirmed,
            first_failed: *broken,
            reason,
            trials: attempts,
        }
    }
}
