//! What is sent: prompts and lengths, each a pure function of the seed and the sequence number.
//!
//! Request `seq` of a run has the same content whatever the timing, the threads or the requests before it: every
//! random choice comes from [`rng`], which is addressed by the seed, a purpose and an index, never advanced from one
//! request to the next. A workload is opened first ([`Datasets::open`]), since prompts may stand in a file; then they come from its
//! [`Source`].

mod conversation;
mod dataset;
mod estimate;
mod lengths;
mod prose;
mod random;
mod snippets;
mod source;
mod synthetic;
mod trace;
mod words;

#[cfg(test)]
mod tests;

pub use dataset::{DatasetError, Datasets, UNCOUNTED_BLOCK, position};
pub use estimate::estimate_tokens;
pub use lengths::{draw, mean, mean_at_least};
pub use random::rng;
pub use snippets::{Snippet, snippet};
pub use source::Source;

use crate::config::Workload;

/// The version of the made-up content. It goes up whenever the same seed starts to mean other requests, and is part
/// of the experiment's hash, so that runs with different content are never taken for repeats.
pub const CONTENT: u32 = 1;

/// What one request asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The text.
    pub text: String,
    /// Its length in tokens, by [`estimate_tokens`].
    pub estimated_tokens: u32,
    /// How many tokens of output to ask for.
    pub output_tokens: u32,
}

/// Tokens that a request of a workload has on average.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanTokens {
    /// Of the prompt, by the same estimate as [`estimate_tokens`].
    pub input: f64,
    /// Asked for.
    pub output: f64,
}

/// The means of a workload, after rounding and clipping.
pub fn mean_tokens(workload: &Workload) -> MeanTokens {
    match workload {
        Workload::Synthetic(synthetic) => synthetic::mean_tokens(synthetic),
        Workload::Snippets(snippets) => snippets::mean_tokens(snippets),
        Workload::Dataset(dataset) => dataset::mean_tokens(dataset),
        Workload::Trace(trace) => trace::mean_tokens(trace),
        Workload::Conversation(conversation) => conversation::mean_tokens(conversation),
    }
}
