//! What is sent: prompts and lengths, each a pure function of the seed and the sequence number.
//!
//! Request `seq` of a run has the same content whatever the timing, the threads or the requests before it: every
//! random choice comes from [`rng`], which is addressed by the seed, a purpose and an index, never advanced from one
//! request to the next.

mod estimate;
mod lengths;
mod prose;
mod random;
mod snippets;
mod synthetic;
mod words;

#[cfg(test)]
mod tests;

pub use estimate::estimate_tokens;
pub use lengths::{draw, mean, mean_at_least};
pub use random::rng;
pub use snippets::{Snippet, snippet};

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

/// The prompt of request `seq` for the workload called `name`.
///
/// No two sequence numbers of a workload share a prompt: the part that is not shared on purpose begins with a title, or the
/// name of a file, that spells the number in words.
pub fn prompt(workload: &Workload, name: &str, seed: u64, seq: u64) -> Prompt {
    at_place(workload, name, seed, seq, 0)
}

/// The prompts of request `seq` where it carries several; the first is that of [`prompt`], and each of the others
/// follows from the seed, the number and its place. They all ask for the same number of output tokens, since a request
/// has one limit for all of them.
pub fn batch(workload: &Workload, name: &str, seed: u64, seq: u64, size: u32) -> Vec<Prompt> {
    (0..size).map(|place| at_place(workload, name, seed, seq, place)).collect()
}

fn at_place(workload: &Workload, name: &str, seed: u64, seq: u64, place: u32) -> Prompt {
    match workload {
        Workload::Synthetic(synthetic) => synthetic::prompt(synthetic, name, seed, seq, place),
        Workload::Snippets(snippets) => snippets::prompt(snippets, name, seed, seq, place),
    }
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
    }
}
