//! Prompts out of a file: `[workloads.NAME.dataset]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Lengths;

/// `[workloads.NAME.dataset]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Dataset {
    /// The file, and which rows of it there are.
    pub file: DataFile,
    /// Put before every prompt; may be empty.
    pub prefix: String,
    /// How many tokens of output are asked for; `None` where each row says it.
    pub output_tokens: Option<Lengths>,
    /// Which row comes when.
    pub order: RowOrder,
    /// Whether it is meant that rows come again.
    pub repeat: bool,
    /// What was found in the file; `None` before anybody has looked, which no plan that is run was made without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
}

/// A file of prompts, and how rows are read from it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct DataFile {
    /// Where it is.
    pub path: String,
    /// How rows are written in it.
    pub format: DataFormat,
    /// Where in a row the prompt is: a name, or a JSON pointer (RFC 6901); `None` where the format says that already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What a prompt is made of a row by, in place of a field: a template of Handlebars over `row` and `seq`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Where in a row the number of output tokens is, likewise; `None` where it is not taken from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens_field: Option<String>,
    /// Whether a row is to have an answer, of the length that is then asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub answers: bool,
    /// What a row that is none comes to.
    pub on_bad_row: OnBadRow,
    /// Only the first so many rows; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// How rows are written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DataFormat {
    /// A JSON object on each line.
    Jsonl,
    /// RFC 4180 with a header: quoted fields may hold line ends.
    Csv,
    /// One array of conversations, each `{"conversations": [{"from": "human", "value": …}, …]}`.
    Sharegpt,
    /// A prompt on each line.
    Lines,
}

impl DataFormat {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Jsonl, Self::Csv, Self::Sharegpt, Self::Lines];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Sharegpt => "sharegpt",
            Self::Lines => "lines",
        }
    }

    /// The format that the ending of a file's name stands for.
    pub fn of_path(path: &str) -> Option<Self> {
        let (_, ending) = path.rsplit_once('.')?;
        match ending.to_ascii_lowercase().as_str() {
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "csv" => Some(Self::Csv),
            "json" => Some(Self::Sharegpt),
            "txt" => Some(Self::Lines),
            _ => None,
        }
    }

    /// Whether rows have fields, of which one is the prompt.
    pub fn has_fields(self) -> bool {
        matches!(self, Self::Jsonl | Self::Csv)
    }
}

/// Which row comes when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowOrder {
    /// As the seed has it: every row once before any comes again.
    Shuffled,
    /// As they stand in the file.
    File,
}

impl RowOrder {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shuffled => "shuffled",
            Self::File => "file",
        }
    }
}

/// What a row that cannot be used comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnBadRow {
    /// Nothing is sent.
    Fail,
    /// It is left out, and counted.
    Skip,
}

/// What was found in a file of prompts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Content {
    /// Rows that prompts come from.
    pub rows: u64,
    /// Rows that were left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped: u64,
    /// Where the first of them is and what is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_skipped: Option<String>,
    /// SHA-256, in hex, of the file's bytes; with a `limit` of those up to the end of the last row that is used.
    pub sha256: String,
    /// Tokens that the prompts have on average without the prefix, by the estimate; of many rows, of some of them.
    pub mean_prompt_tokens: f64,
    /// Tokens of output that the rows say on average, where they say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_output_tokens: Option<f64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
