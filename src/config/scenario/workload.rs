//! `[workloads.NAME]`: what requests contain.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Dataset, Trace};
use crate::units::Seconds;

/// `[workloads.NAME]`: one of the kinds of content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Workload {
    /// Made-up text of a drawn length.
    Synthetic(Synthetic),
    /// Made-up code of a drawn length.
    Snippets(Snippets),
    /// Rows of a file.
    Dataset(Dataset),
    /// Requests as they once came.
    Trace(Trace),
    /// Requests that follow each other, each with all that was said before.
    Conversation(Conversation),
}

/// `[workloads.NAME.synthetic]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Synthetic {
    /// How long prompts are.
    pub prompt: PromptLength,
    /// How many tokens of output are asked for.
    pub output_tokens: Lengths,
    /// Put before every prompt; may be empty.
    pub prefix: String,
    /// Tokens of made-up text that every prompt of the workload shares, to exercise prefix caches on purpose.
    pub shared_prefix_tokens: u32,
    /// In place of that number, the share of all prompt tokens that it and the prefix are to come to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_prefix_share: Option<f64>,
    /// How many such texts there are, of which each prompt has one.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub shared_prefix_groups: u32,
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_one(groups: &u32) -> bool {
    *groups == 1
}

/// `[workloads.NAME.conversation]`: a user asks, reads the answer, and asks again, each time with all that was said before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Conversation {
    /// Requests of each conversation.
    pub turns: u32,
    /// What the user says in each of them. The prefix and what all conversations share stand before the first alone.
    pub said: Synthetic,
    /// Pause between an answer and what is said next.
    #[serde(rename = "think_time_s", with = "crate::units::seconds")]
    #[schemars(with = "Seconds")]
    pub think_time: Duration,
}

/// `[workloads.NAME.snippets]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Snippets {
    /// How long the code is, in tokens: by an estimate where no tokenizer is given.
    pub prompt_tokens: Lengths,
    /// How many tokens of output are asked for.
    pub output_tokens: Lengths,
    /// Put before every snippet; may be empty.
    pub prefix: String,
    /// How often each language is drawn.
    pub mix: Mix,
}

/// The weights of languages, not negative and not all 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Mix {
    /// Of JavaScript.
    pub javascript: f64,
    /// Of TypeScript.
    pub typescript: f64,
    /// Of Python.
    pub python: f64,
    /// Of React components: JSX and TSX in equal parts.
    pub react: f64,
}

impl Mix {
    /// The weight of a language.
    pub fn weight(&self, language: Language) -> f64 {
        match language {
            Language::Javascript => self.javascript,
            Language::Typescript => self.typescript,
            Language::Python => self.python,
            Language::React => self.react,
        }
    }
}

/// A language that snippets are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// JavaScript.
    Javascript,
    /// TypeScript.
    Typescript,
    /// Python.
    Python,
    /// Components and hooks of React, with types or without.
    React,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Javascript, Self::Typescript, Self::Python, Self::React];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Javascript => "javascript",
            Self::Typescript => "typescript",
            Self::Python => "python",
            Self::React => "react",
        }
    }
}

/// How the length of a prompt is drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PromptLength {
    /// `prompt_tokens`: tokens, by an estimate where no tokenizer is given.
    Tokens(Lengths),
    /// `prompt_words`: words.
    Words(Lengths),
}

/// A distribution of whole lengths, each at least 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lengths {
    /// Always this.
    Constant(u32),
    /// Every whole number of `min..=max` equally often.
    Uniform {
        /// Smallest.
        min: u32,
        /// Largest.
        max: u32,
    },
    /// Normal, rounded and clipped.
    Normal {
        /// Mean before clipping.
        mean: f64,
        /// Standard deviation before clipping.
        std_dev: f64,
        /// Smallest.
        min: u32,
        /// Largest.
        max: u32,
    },
    /// Log-normal with this mean and deviation of the *values* (not of their logarithms), rounded and clipped.
    Lognormal {
        /// Mean before clipping.
        mean: f64,
        /// Standard deviation before clipping.
        std_dev: f64,
        /// Smallest.
        min: u32,
        /// Largest.
        max: u32,
    },
    /// Poisson, clipped.
    Poisson {
        /// Mean before clipping.
        mean: f64,
        /// Smallest.
        min: u32,
        /// Largest.
        max: u32,
    },
    /// A bin by the weights, then every whole number in it equally often. There is one at least, and a weight above 0.
    Histogram(Vec<Bin>),
}

/// A bin of a histogram of lengths.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bin {
    /// Smallest.
    pub min: u32,
    /// Largest.
    pub max: u32,
    /// How often it is drawn, relative to the others; not negative.
    pub weight: f64,
}
