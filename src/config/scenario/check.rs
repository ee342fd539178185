//! `[endpoints.NAME.check]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Bytes of one prompt or answer that are kept.
pub const LONGEST_TEXT: usize = 64 << 10;

/// What the text of every answer must be: all of what is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AnswerCheck {
    /// A regular expression that matches somewhere in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// A JSON Schema that it is a document of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_schema: Option<AnswerSchema>,
    /// Characters that it has at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u32>,
}

/// A JSON Schema, with where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AnswerSchema {
    /// The file that it was read from; `None` where it stands in the scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The schema itself.
    pub schema: Value,
}
