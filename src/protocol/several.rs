//! The answers to the prompts of one request, kept apart by their index.

use super::said::{Parts, Usage};
use crate::record::Outcome;

/// What has been seen of the answer to each prompt.
#[derive(Debug)]
pub(super) struct Several {
    prompts: Vec<Answered>,
    /// Token counts over all prompts, where the server sends them.
    usage: Option<Usage>,
}

/// The answer to one prompt.
#[derive(Debug, Clone, Default)]
struct Answered {
    seen: bool,
    finished: bool,
    /// Arrivals of its first and its last output.
    span_ns: Option<(u64, u64)>,
    /// Choices with output.
    pieces: u64,
    /// Its own token counts, where the server sends them apart.
    usage: Option<Usage>,
}

impl Several {
    pub(super) fn new(prompts: u32) -> Self {
        Self { prompts: vec![Answered::default(); prompts as usize], usage: None }
    }

    /// Takes what a document brings.
    ///
    /// Token counts beside a single choice are of its prompt: llama.cpp sends them with the last chunk of each, and
    /// others with every chunk where they are asked to. Without a choice, or beside several, they are of all prompts;
    /// not those of llama.cpp (`timed`), which in a whole answer are of its first prompt.
    ///
    /// The error is an answer to a prompt that was not sent.
    pub(super) fn take(
        &mut self,
        parts: &Parts,
        usage: Option<Usage>,
        timed: bool,
        arrival_ns: u64,
    ) -> Result<(), String> {
        let count = self.prompts.len();
        for part in parts.iter() {
            let Some(prompt) = self.prompts.get_mut(part.index as usize) else {
                return Err(format!("a choice has the index {}, and there were {count} prompts", part.index));
            };
            prompt.seen = true;
            prompt.finished |= part.finished;
            if part.output {
                prompt.pieces += 1;
                prompt.span_ns.get_or_insert((arrival_ns, arrival_ns)).1 = arrival_ns;
            }
        }
        let mut parts = parts.iter();
        match (parts.next(), parts.next()) {
            (Some(only), None) => {
                let own = &mut self.prompts[only.index as usize].usage;
                *own = usage.or(*own);
            }
            _ if timed => {}
            _ => self.usage = usage.or(self.usage),
        }
        Ok(())
    }

    /// What is missing for a whole answer. After a terminal event a prompt need only have been answered; without one it
    /// takes its finish reason.
    pub(super) fn missing(&self, terminated: bool) -> Option<(Outcome, String)> {
        if let Some(which) = self.without(|prompt| prompt.seen) {
            return Some((Outcome::Truncated, format!("the answer ended without {which}")));
        }
        if !terminated && let Some(which) = self.without(|prompt| prompt.finished) {
            let error = format!("the stream ended without `[DONE]` or a finish reason for {which}");
            return Some((Outcome::Truncated, error));
        }
        let which = self.without(|prompt| prompt.pieces > 0)?;
        Some((Outcome::Empty, format!("the answer has no output for {which}")))
    }

    /// The prompts that something does not hold for, in words; `None` where it holds for all.
    fn without(&self, holds: impl Fn(&Answered) -> bool) -> Option<String> {
        /// More indices than this are a number of them.
        const LISTED: usize = 8;
        let lacking = self.prompts.iter().enumerate().filter(|(_, prompt)| !holds(prompt));
        let indices: Vec<String> = lacking.map(|(index, _)| index.to_string()).collect();
        let count = self.prompts.len();
        match indices.as_slice() {
            [] => None,
            [one] => Some(format!("index {one} of {count} prompts")),
            some if some.len() <= LISTED => Some(format!("indices {} of {count} prompts", some.join(", "))),
            many => Some(format!("{} of {count} prompts", many.len())),
        }
    }

    /// Token counts over all prompts: as the server sums them, else the sum of those of each, where none is missing.
    pub(super) fn usage(&self) -> Option<Usage> {
        let sum = || self.prompts.iter().map(|prompt| prompt.usage).reduce(|a, b| Some(a?.plus(&b?)));
        self.usage.or_else(|| sum().flatten())
    }

    /// Choices with output.
    pub(super) fn pieces(&self) -> u64 {
        self.prompts.iter().map(|prompt| prompt.pieces).sum()
    }

    /// Nanoseconds from the first to the last output of each prompt, summed; `None` without any output.
    pub(super) fn decode_ns(&self) -> Option<u64> {
        let spans = self.prompts.iter().filter_map(|prompt| prompt.span_ns);
        spans.map(|(first, last)| last - first).reduce(|a, b| a + b)
    }
}

#[cfg(test)]
mod tests;
