//! What counts the tokens of prompts: `endpoints.NAME.tokenizer`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The tokenizer of an endpoint's model, by which lengths in tokens are met.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tokenizer {
    /// Where its vocabulary comes from.
    pub vocabulary: Vocabulary,
    /// What was found with it; `None` before anybody has looked, which no plan that is run was made without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Counted>,
}

/// Where the vocabulary of a tokenizer comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Vocabulary {
    /// The path of a `tokenizer.json`, the format of Hugging Face's `tokenizers`.
    File(String),
    /// An encoding of tiktoken; the program has it.
    Encoding(Encoding),
}

impl Vocabulary {
    /// Whether a text is taken for the path of a file rather than for the name of an encoding: it has a `/` or ends in `.json`.
    pub fn is_path(text: &str) -> bool {
        text.contains('/') || std::path::Path::new(text).extension().is_some_and(|ending| ending == "json")
    }
}

/// An encoding of tiktoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Of gpt-oss.
    O200kHarmony,
    /// Of GPT-4o and later models.
    O200kBase,
    /// Of GPT-4 and GPT-3.5.
    Cl100kBase,
    /// Of models that edit.
    P50kEdit,
    /// Of Codex.
    P50kBase,
    /// Of GPT-3.
    R50kBase,
    /// Of GPT-2.
    Gpt2,
}

impl Encoding {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::O200kHarmony,
        Self::O200kBase,
        Self::Cl100kBase,
        Self::P50kEdit,
        Self::P50kBase,
        Self::R50kBase,
        Self::Gpt2,
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::O200kHarmony => "o200k_harmony",
            Self::O200kBase => "o200k_base",
            Self::Cl100kBase => "cl100k_base",
            Self::P50kEdit => "p50k_edit",
            Self::P50kBase => "p50k_base",
            Self::R50kBase => "r50k_base",
            Self::Gpt2 => "gpt2",
        }
    }
}

/// What was found with a tokenizer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Counted {
    /// SHA-256, in hex, of the file's bytes; `None` of an encoding, which is always the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Tokens that the prompts of the endpoint have on average, the prefix included. Of rows of a file and of lengths in words it
    /// is that of a sample.
    pub mean_prompt_tokens: f64,
    /// Tokens of output that are asked for on average: of a file of conversations as long as the answers in it.
    pub mean_output_tokens: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_called_the_same_everywhere() {
        for encoding in Encoding::ALL {
            assert_eq!(serde_json::to_value(encoding).expect("text"), encoding.name());
            assert!(!Vocabulary::is_path(encoding.name()));
        }
        for path in ["tokenizer.json", "./x", "models/llama", "/a/b.json"] {
            assert!(Vocabulary::is_path(path), "{path}");
        }
    }
}
