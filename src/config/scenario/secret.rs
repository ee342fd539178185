//! Secrets by reference.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A secret by reference: the value itself is read at readiness and written nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Secret {
    /// An environment variable.
    Env(String),
    /// A file; white space around its content is dropped.
    File(String),
}

/// The value of a header, of a variable of the environment, or of an argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum HeaderText {
    /// As it is written.
    Text(String),
    /// By reference.
    Secret(Secret),
}

impl HeaderText {
    /// The reference, where it is one.
    pub fn secret(&self) -> Option<&Secret> {
        if let Self::Secret(secret) = self { Some(secret) } else { None }
    }

    /// The path of the file that it refers to, to be changed.
    pub fn file_mut(&mut self) -> Option<&mut String> {
        if let Self::Secret(secret) = self { secret.file_mut() } else { None }
    }
}

impl Secret {
    /// The path of the file that it refers to, to be changed.
    pub fn file_mut(&mut self) -> Option<&mut String> {
        if let Self::File(path) = self { Some(path) } else { None }
    }
}
