//! What the tool itself cut off.

use crate::record::{Outcome, Record, StopCause};

/// The moment from which somebody or something stopped the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// When, in nanoseconds of the run.
    pub at_ns: u64,
    /// Who or what.
    pub cause: StopCause,
}

impl Stop {
    /// Whether the stop cut the request off, which says nothing of the server. A drain that took too long does. What
    /// still waited under a `concurrency_limit` has the end of its wait as its own: `due + queue_wait`.
    pub fn cut_off(self, record: &Record) -> bool {
        let after = record.end_ns >= self.at_ns;
        // a ceiling refuses requests before it says so, and what cannot be read is not sent
        let refused =
            matches!(self.cause, StopCause::RequestCeiling | StopCause::DurationCeiling | StopCause::Dataset);
        match record.outcome {
            Outcome::Cancelled => after,
            Outcome::NotSent => after || refused,
            _ => false,
        }
    }
}
