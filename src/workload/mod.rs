//! What is sent: prompts and lengths, each a pure function of the seed and the sequence number.
//!
//! Request `seq` of a run has the same content whatever the timing, the threads or the requests before it: every
//! random choice comes from [`rng`], which is addressed by the seed, a purpose and an index, never advanced from one
//! request to the next. A workload is opened first ([`Datasets::open`]), since prompts may stand in a file; then they come from its
//! [`Source`].

mod conversation;
mod counter;
mod dataset;
mod fit;
mod hex;
mod lengths;
mod prose;
mod random;
mod snippets;
mod source;
mod synthetic;
mod trace;
mod words;

#[cfg(test)]
mod counted_tests;
#[cfg(test)]
mod tests;

pub use counter::{Counter, SPECIMEN, TokenizerError, estimate_tokens};
pub use dataset::{DatasetError, Datasets, OpenError, UNCOUNTED_BLOCK, position};
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
    /// How many tokens of output to ask for.
    pub output_tokens: u32,
}

/// Tokens that a request of a workload has on average.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanTokens {
    /// Of the prompt, by what counts its tokens.
    pub input: f64,
    /// Asked for.
    pub output: f64,
}

/// The means of a workload, after rounding and clipping, with prompts by [`estimate_tokens`].
pub fn mean_tokens(workload: &Workload) -> MeanTokens {
    match workload {
        Workload::Synthetic(of) => synthetic::Writer::new(of, &Counter::Estimate).mean_tokens(),
        Workload::Snippets(of) => snippets::Writer::new(of, &Counter::Estimate).mean_tokens(),
        Workload::Dataset(dataset) => dataset::mean_tokens(dataset),
        Workload::Conversation(of) => conversation::Writer::new(of, &Counter::Estimate).mean_tokens(),
        Workload::Trace(trace) => trace::mean_tokens(trace),
    }
}
