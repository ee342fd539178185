//! What counts the tokens of a text: a model's own tokenizer, or an estimate where none is given.

mod costs;
mod error;
mod estimate;
mod tokenizer;
mod tokenizers;

#[cfg(test)]
pub(super) mod fixture;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::tokenizer::Tokenizer;
pub(super) use self::{costs::Costs, estimate::first_tokens, tokenizers::Tokenizers};
pub use self::{error::TokenizerError, estimate::estimate_tokens, tokenizer::SPECIMEN};

/// Counts tokens. Clones share what they count by.
#[derive(Debug, Clone)]
pub enum Counter {
    /// By [`estimate_tokens`].
    Estimate,
    /// By a tokenizer.
    Tokenizer(Arc<Tokenizer>),
}

impl Counter {
    /// The length of a text in tokens, without those that mark its beginning or end and without a chat template.
    pub fn count(&self, text: &str) -> u32 {
        match self {
            Self::Estimate => estimate_tokens(text),
            Self::Tokenizer(tokenizer) => tokenizer.count(text),
        }
    }

    /// SHA-256, in hex, of the file that it counts by, where there is one.
    pub fn sha256(&self) -> Option<&str> {
        match self {
            Self::Estimate => None,
            Self::Tokenizer(tokenizer) => tokenizer.sha256(),
        }
    }

    /// How many tokens the words of made-up prose have; `None` of the estimate, by which each has one.
    pub(super) fn costs(&self) -> Option<&Costs> {
        match self {
            Self::Estimate => None,
            Self::Tokenizer(tokenizer) => Some(tokenizer.costs()),
        }
    }

    /// Whether it counts what a model with this tokenizer would see, rather than estimating it.
    pub fn is_exact(&self) -> bool {
        matches!(self, Self::Tokenizer(_))
    }

    /// What stands before a number of tokens to say how well it is known: nothing where they were counted, else `about `.
    pub fn about(&self) -> &'static str {
        if self.is_exact() { "" } else { "about " }
    }
}
