//! What is wrong with a dataset or a trace.

use crate::{config::Finding, workload::TokenizerError};

/// Why no prompts can be had of a workload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// What is wrong with its file.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// What is wrong with what counts its tokens.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

/// What is wrong with a dataset or a trace as a whole, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}\n  help: {help}")]
pub struct DatasetError {
    /// The key of `[workloads.NAME.dataset]`, `.trace` or `.replay` at fault.
    pub key: &'static str,
    /// What is wrong: "cannot read `prompts.jsonl`: …".
    pub reason: String,
    /// What is to be seen at that key.
    pub label: &'static str,
    /// What to do about it.
    pub help: String,
}

impl DatasetError {
    /// What is wrong with the file.
    pub(in super::super) fn of_file(reason: impl Into<String>, help: impl Into<String>) -> Self {
        Self { key: "path", reason: reason.into(), label: "prompts come from it", help: help.into() }
    }

    /// The same as something wrong with the scenario that has the workload `name` of this kind: `dataset`, `trace`, `replay`.
    pub fn finding(self, name: &str, kind: &str) -> Finding {
        let address = format!("workloads.{name}.{kind}.{}", self.key);
        // what is said of a key that nobody may have written is shown at the table
        Finding {
            message: format!("`{address}`: {}", self.reason),
            labels: vec![(address, self.label.to_owned())],
            help: self.help,
        }
    }
}
