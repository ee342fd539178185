//! What the events of an answer are, told to those who look at one answer closely.

use std::ops::BitOrAssign;

/// An event of an answer as it was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Arrival of the read that completed it, in nanoseconds since the start of the run.
    pub arrival_ns: u64,
    /// Bytes of its data, without field names and line ends; 0 for a comment.
    pub bytes: usize,
    /// What it is.
    pub meaning: Meaning,
}

/// What an event is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// A document as the protocol has it.
    Document(Carried),
    /// `[DONE]`.
    Done,
    /// An event without data.
    KeepAlive,
    /// A comment line of an event stream.
    Comment,
    /// The server says that it failed, in these words.
    Error(String),
    /// Not as the protocol says, and how.
    Malformed(String),
}

/// What a document carries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried {
    /// All its choices together.
    pub contents: Contents,
    /// Whether it has token counts.
    pub usage: bool,
    /// Whether it has the server's own timings.
    pub timings: bool,
    /// Why the model stopped, where it says so.
    pub finish_reason: Option<String>,
    /// Whether the answer ends with it.
    pub ends: bool,
}

/// What choices carry. Something empty (`null`, `""`, `[]`, `{}`) is not carried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "any of them may come together with any other")]
pub struct Contents {
    /// The role of the turn.
    pub role: bool,
    /// `"content": null` in so many letters: a client that takes it for text breaks.
    pub null_content: bool,
    /// Text of the answer.
    pub text: bool,
    /// Reasoning.
    pub reasoning: bool,
    /// A tool call, or a fragment of one.
    pub tool_call: bool,
    /// A refusal.
    pub refusal: bool,
    /// A result that is no text: vectors.
    pub result: bool,
}

impl Contents {
    /// Whether there is output: an event with output is one that counts as a token's arrival.
    pub fn output(self) -> bool {
        self.reasoning || self.content()
    }

    /// Whether there is output other than reasoning.
    pub fn content(self) -> bool {
        self.text || self.tool_call || self.refusal || self.result
    }
}

impl BitOrAssign for Contents {
    fn bitor_assign(&mut self, other: Self) {
        self.role |= other.role;
        self.null_content |= other.null_content;
        self.text |= other.text;
        self.reasoning |= other.reasoning;
        self.tool_call |= other.tool_call;
        self.refusal |= other.refusal;
        self.result |= other.result;
    }
}
