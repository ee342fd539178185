//! What the engine tells, and what it obeys.

use super::{ChunkTimes, Diary, Record, StopCause, Telemetry, Texts};
use crate::plan::Tried;

/// What the engine tells: in one order, through one channel.
#[derive(Debug, Clone)]
pub enum Event {
    /// A line for the diary.
    Diary(Diary),
    /// A request ended.
    Finished {
        /// Its scalars.
        record: Box<Record>,
        /// Arrival of every event with output.
        chunks: ChunkTimes,
        /// What was asked and answered; `None` where nobody wants any of it, or the recorder is behind.
        texts: Option<Box<Texts>>,
    },
    /// A line for `telemetry.jsonl`.
    Telemetry(Telemetry),
    /// The requests of a step that had not ended at a moment. It is for whoever judges while the run goes on, may be left
    /// out, and is written nowhere; what is in it ends behind it.
    Pending {
        /// Index of the step in the plan.
        step: usize,
        /// The moment.
        at_ns: u64,
        /// Each of them.
        requests: Vec<Pending>,
    },
}

/// A request that is due and has not ended. Times are nanoseconds since the start of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// Its number.
    pub seq: u64,
    /// Index of its endpoint in the plan.
    pub endpoint: usize,
    /// When it was due.
    pub due_ns: u64,
    /// When it had a place under the plan's `concurrency_limit`; `None` while it waits for one.
    pub begun_ns: Option<u64>,
    /// When it was sent; `None` before.
    pub sent_ns: Option<u64>,
    /// Arrival of its first output; only streams have one.
    pub first_token_ns: Option<u64>,
    /// Arrival of its first output that is not reasoning.
    pub first_content_ns: Option<u64>,
}

/// What steers a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Command {
    /// Send nothing new; let what is in flight end within the drain.
    Drain(StopCause),
    /// Cut off what is in flight.
    Cancel(StopCause),
    /// The next trial of a search.
    Try(Tried),
    /// A trial that a search does not need.
    Spare(usize),
    /// A step has shown enough: nothing new of it, and what is in flight may end.
    Enough(usize),
}
