//! Requests as they once came: `[workloads.NAME.trace]`, `[workloads.NAME.replay]` and `load.trace`.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::OnBadRow;
use crate::units::Seconds;

/// `[workloads.NAME.trace]`, or `[workloads.NAME.replay]`, which is the trace that a run of this program left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trace {
    /// The file, and which requests of it there are.
    pub file: TraceFile,
    /// What was found in the file; `None` before anybody has looked, which no plan that is run was made without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<TraceContent>,
}

/// A file of requests with their times, and which of them are taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct TraceFile {
    /// Where it is; of a run its folder.
    pub path: String,
    /// How requests are written in it; `None` where its first line says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<TraceFormat>,
    /// Of a run, only the requests of this phase; `None` for all that were measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Which stretch of time.
    #[serde(default, skip_serializing_if = "TraceWindow::is_default")]
    pub window: TraceWindow,
    /// Only the first so many of the requests in the window; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// What a row that is none comes to.
    pub on_bad_row: OnBadRow,
}

/// How requests are written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TraceFormat {
    /// A JSON object on each line: `timestamp` in milliseconds, `input_length`, `output_length`, and `hash_ids` of the
    /// prompt's blocks.
    Mooncake,
    /// CSV with the columns `TIMESTAMP` (a date with its time), `ContextTokens` and `GeneratedTokens`.
    Azure,
    /// CSV with the columns `Timestamp` (in seconds), `Request tokens` and `Response tokens` among others.
    Burstgpt,
    /// What a run of this program left: `requests.jsonl`, and `texts.jsonl` where it kept its prompts.
    Run,
}

impl TraceFormat {
    /// Those of files that others wrote.
    pub const FOREIGN: [Self; 3] = [Self::Mooncake, Self::Azure, Self::Burstgpt];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mooncake => "mooncake",
            Self::Azure => "azure",
            Self::Burstgpt => "burstgpt",
            Self::Run => "run",
        }
    }
}

/// A stretch of a trace's own time, which begins with its earliest request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
pub struct TraceWindow {
    /// Where it begins.
    #[serde(rename = "from_s", with = "crate::units::seconds")]
    #[schemars(with = "Seconds")]
    pub from: Duration,
    /// Where it ends, before what comes then; `None` with the trace.
    #[serde(
        default,
        rename = "to_s",
        with = "crate::units::seconds::option",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<Seconds>")]
    pub to: Option<Duration>,
}

impl TraceWindow {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What was found in a trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TraceContent {
    /// How requests are written in it.
    pub format: TraceFormat,
    /// Requests that are taken.
    pub rows: u64,
    /// Rows that were left out because they cannot be used.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped: u64,
    /// Where the first of them is and what is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_skipped: Option<String>,
    /// Requests that were left out because they had no answer, which is how these files tell failures.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unanswered: u64,
    /// Where prompts come from.
    pub prompts: TracePrompts,
    /// Requests whose very prompt was kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub kept: u64,
    /// Prompt tokens of all of them.
    pub input_tokens: u64,
    /// Output tokens that all of them ask for.
    pub output_tokens: u64,
    /// From the window's beginning to the last of them, in nanoseconds of the trace.
    pub last_ns: u64,
    /// SHA-256, in hex, of the file's bytes; of a run of those of `requests.jsonl`.
    pub sha256: String,
    /// Likewise of the other files of a run that prompts or lengths come from, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub beside_sha256: BTreeMap<String, String>,
}

/// Where the prompts of a trace come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TracePrompts {
    /// Each is made up, and another one.
    Made,
    /// Each is made up of the blocks that its row names, so that prompts share what they shared.
    Blocks,
    /// They are those that the run sent, as far as it kept them.
    Kept,
}

/// `load.trace`: requests arrive as those of the trace did that their workload is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Follow {
    /// How many times as fast.
    pub speed: f64,
    /// At most so many in flight; more wait in a queue, and the wait counts.
    pub concurrency_limit: Option<u32>,
    /// What the phase takes of the trace; `None` before anybody has looked into it.
    pub part: Option<TracePart>,
}

/// What a phase takes of a trace: its first requests, until `requests` or `duration` end it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TracePart {
    /// How many.
    pub requests: u64,
    /// Prompt tokens of all of them.
    pub input_tokens: u64,
    /// Output tokens that all of them ask for.
    pub output_tokens: u64,
    /// When the last one is due, in nanoseconds from the start of the phase.
    pub last_ns: u64,
    /// The most that are due within one second, at the speed of the phase.
    pub peak_rate: f64,
}

impl TracePart {
    /// Requests per second from the start to the last; `None` where all are due at the start.
    pub fn mean_rate(&self) -> Option<f64> {
        (self.last_ns > 0).then(|| self.requests as f64 / (self.last_ns as f64 / 1e9))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
