//! What one JSON document of an answer says, whatever the API: a chunk of a stream, or the whole.

use serde_json::Value;

use super::seen::Contents;

/// What a document says.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// What it carries.
    pub(super) contents: Contents,
    /// What it brings to the answer of each prompt; only where requests may have several.
    pub(super) parts: Parts,
    /// Why the model stopped.
    pub(super) finish_reason: Option<String>,
    /// Token counts so far, or at the end.
    pub(super) usage: Option<Usage>,
    /// The server's own timings.
    pub(super) timings: Option<Value>,
    /// What the server says went wrong; nothing else counts then.
    pub(super) error: Option<String>,
    /// Whether the answer ends with it.
    pub(super) ends: bool,
}

impl Said {
    /// That something went wrong.
    pub(super) fn error(message: String) -> Self {
        Self { error: Some(message), ..Self::default() }
    }

    /// Whether it carries nothing but this, and nothing besides.
    pub(super) fn is_just(&self, contents: Contents) -> bool {
        // the role of the turn goes for nothing
        Contents { role: false, ..self.contents } == contents
            && self.finish_reason.is_none()
            && self.usage.is_none()
            && self.timings.is_none()
            && self.error.is_none()
            && !self.ends
    }
}

/// What a document brings to the answer of one prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// Which prompt it answers, from 0.
    pub(super) index: u32,
    /// Whether it has output.
    pub(super) output: bool,
    /// Whether the model stopped.
    pub(super) finished: bool,
}

/// Parts in their order.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// The first of them, which in nearly all documents is the only one.
    first: Option<Part>,
    others: Vec<Part>,
}

impl Parts {
    /// Adds one.
    pub(super) fn push(&mut self, part: Part) {
        if self.first.is_none() {
            self.first = Some(part);
        } else {
            self.others.push(part);
        }
    }

    /// What there is.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Part> {
        self.first.iter().chain(&self.others)
    }
}

/// Token counts as the server has them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Tokens of the prompt, those found in a cache included.
    pub(super) input: Option<u64>,
    /// Tokens of output, reasoning included.
    pub(super) output: Option<u64>,
    /// Output tokens spent on reasoning.
    pub(super) reasoning: Option<u64>,
    /// Prompt tokens found in the server's cache.
    pub(super) cached: Option<u64>,
}

impl Usage {
    /// The counts of two prompts together. A count that either lacks is unknown.
    pub(super) fn plus(&self, other: &Self) -> Self {
        self.with(other, |one, other| Some(one? + other?))
    }

    /// These counts after later ones of the same answer: counts are cumulative, so the last one of each counts.
    pub(super) fn then(&self, later: &Self) -> Self {
        self.with(later, |one, later| later.or(one))
    }

    fn with(&self, other: &Self, both: impl Fn(Option<u64>, Option<u64>) -> Option<u64>) -> Self {
        Self {
            input: both(self.input, other.input),
            output: both(self.output, other.output),
            reasoning: both(self.reasoning, other.reasoning),
            cached: both(self.cached, other.cached),
        }
    }
}
