//! The programs that a run started.

use schemars::JsonSchema;
use serde::Serialize;

use super::{super::services::Known, figures};

/// A program that the run started.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Service<'a> {
    /// Its name in the scenario.
    name: &'a str,
    /// What was run, as a shell would take it; secrets as where they come from.
    command_line: String,
    /// Seconds from its start to when it was ready.
    ready_s: Option<f64>,
    /// How it ended; null where the run was killed and could not see it.
    ended: Option<Ended<'a>>,
}

/// How a service ended.
#[derive(Debug, Serialize, JsonSchema)]
struct Ended<'a> {
    /// Seconds from the start of the run to when that was known.
    at_s: f64,
    /// Whether it was asked to.
    asked: bool,
    /// The status that it gave; null where a signal ended it, or nobody saw it end.
    status: Option<i32>,
    /// The number of the signal that ended it.
    signal: Option<i32>,
    /// Whether it was asked to end, did not in time, and was killed.
    killed: bool,
    /// Its processes that were killed and are there all the same, by their numbers.
    left_running: &'a [u32],
}

impl<'a> Service<'a> {
    pub(super) fn of(known: Known<'a>) -> Self {
        Self {
            name: &known.planned.name,
            command_line: known.planned.command_line(),
            ready_s: known.started.and_then(|started| figures::finite(started.ready_s)),
            ended: known.ended.map(|ended| Ended {
                at_s: ended.at_ns as f64 / 1e9,
                asked: ended.asked,
                status: ended.status,
                signal: ended.signal,
                killed: ended.killed,
                left_running: &ended.left_running,
            }),
        }
    }
}
