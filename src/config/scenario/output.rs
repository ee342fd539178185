//! `[output]`: what a run leaves behind.

use serde::{Deserialize, Serialize};

/// `[output]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Whether the arrival of every chunk is kept.
    pub chunks: Chunks,
    /// Whether prompts are kept.
    pub prompts: bool,
    /// Whether the text of answers is kept.
    pub answers: bool,
    /// What is made of the numbers besides `summary.json`.
    pub formats: Vec<Format>,
}

impl Default for Output {
    fn default() -> Self {
        Self { chunks: Chunks::Full, prompts: false, answers: false, formats: Format::ALL.to_vec() }
    }
}

/// What is kept of the arrivals of chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chunks {
    /// Each of them.
    Full,
    /// The first and the last, which are part of the record.
    None,
}

/// Files that a report is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// `report.html`.
    Html,
    /// `requests.csv`.
    Csv,
    /// `charts/*.png`.
    Png,
    /// `charts/*.svg`.
    Svg,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Html, Self::Csv, Self::Png, Self::Svg];

    /// The name in TOML and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Csv => "csv",
            Self::Png => "png",
            Self::Svg => "svg",
        }
    }
}
