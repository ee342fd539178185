//! What is wrong with a tokenizer.

use crate::config::Finding;

/// What is wrong with a tokenizer, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}\n  help: {help}")]
pub struct TokenizerError {
    /// What is wrong: "cannot read `tokenizer.json`: …".
    pub reason: String,
    /// What to do about it.
    pub help: String,
}

impl TokenizerError {
    pub(super) fn new(reason: impl Into<String>, help: impl Into<String>) -> Self {
        Self { reason: reason.into(), help: help.into() }
    }

    /// The same as something wrong with the scenario that has the endpoint `name`.
    pub fn finding(self, name: &str) -> Finding {
        let address = format!("endpoints.{name}.tokenizer");
        Finding {
            message: format!("`{address}`: {}", self.reason),
            labels: vec![(address, "tokens are counted by it".to_owned())],
            help: self.help,
        }
    }
}
