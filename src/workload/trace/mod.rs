//! Requests as they once came, out of a file: looked at once, before anything is sent. Of each only its time and its lengths are
//! kept, and where its text is; so gigabytes take megabytes.
//!
//! One value, [`Requests`], stands behind the traces that others wrote and behind the records that a run of this program left.
//! A trace's own time begins with its earliest request. Rows need not stand in the order of their times: those of the same time
//! keep theirs, all others are sorted.

mod columns;
mod prompt;
mod read;
mod requests;
mod row;
mod run;
#[cfg(test)]
mod tests;
mod time;

pub(super) use self::{prompt::prompt, requests::Requests};
use super::MeanTokens;
use crate::config::{Trace, TraceContent, TraceFile, TraceFormat};

/// Prompt tokens that share a hash id in traces of Mooncake.
const BLOCK_TOKENS: u32 = 512;

/// How the table of a workload is called that comes from such a file.
pub(super) fn kind(file: &TraceFile) -> &'static str {
    if file.format == Some(TraceFormat::Run) { "replay" } else { "trace" }
}

/// By what was found in the file; nothing is known of one that nobody has looked into.
pub(super) fn mean_tokens(trace: &Trace) -> MeanTokens {
    trace.content.as_ref().map_or(MeanTokens { input: 0.0, output: 0.0 }, means)
}

fn means(content: &TraceContent) -> MeanTokens {
    let mean = |all: u64| all as f64 / content.rows.max(1) as f64;
    MeanTokens { input: mean(content.input_tokens), output: mean(content.output_tokens) }
}
