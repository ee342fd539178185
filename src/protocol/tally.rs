//! What the events of an answer add up to.

use std::ops::ControlFlow;

use super::{
    answer::Answered,
    envelope::{Choice, Document, Usage, error_message, parse},
    openai_chat::ChatChoice,
    openai_completions::TextChoice,
};
use crate::{
    catalog::Protocol,
    record::{Outcome, TokenSource},
    wire::Frame,
};

/// What has been seen of an answer so far.
#[derive(Debug)]
pub(super) struct Tally {
    protocol: Protocol,
    events: u64,
    /// Arrival of every event with output.
    pub(super) chunks: Vec<u64>,
    first_content_ns: Option<u64>,
    stamps_exact: u32,
    /// Arrival of the last read, and whether it ended with an output event.
    last_read: Option<(u64, bool)>,
    /// Whether a whole answer carries output.
    pub(super) whole_output: bool,
    usage: Option<Usage>,
    /// Why the model stopped, if it said so.
    pub(super) finish_reason: Option<String>,
    server_timings: Option<serde_json::Value>,
    /// Arrival of what ended the answer: its terminal event, its last byte if it is whole, or what made it fail.
    pub(super) stopped_ns: Option<u64>,
    /// What made it fail.
    pub(super) failure: Option<(Outcome, String)>,
}

impl Tally {
    pub(super) fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            events: 0,
            chunks: Vec::new(),
            first_content_ns: None,
            stamps_exact: 0,
            last_read: None,
            whole_output: false,
            usage: None,
            finish_reason: None,
            server_timings: None,
            stopped_ns: None,
            failure: None,
        }
    }

    /// Whether nothing more is needed.
    pub(super) fn is_over(&self) -> bool {
        self.stopped_ns.is_some() || self.failure.is_some()
    }

    /// Settles the stamp of the read before, unless these bytes are of the same one.
    pub(super) fn start_read(&mut self, arrival_ns: u64) {
        if let Some((before_ns, true)) = self.last_read
            && before_ns != arrival_ns
        {
            self.stamps_exact += 1;
        }
        self.last_read = Some((arrival_ns, false));
    }

    /// `at_boundary`: whether the read ended with its last event, and not within another one.
    pub(super) fn end_read(&mut self, at_boundary: bool) {
        if let Some((_, exact)) = &mut self.last_read {
            *exact &= at_boundary;
        }
    }

    /// Takes an event of a stream.
    pub(super) fn event(&mut self, frame: Frame<'_>, arrival_ns: u64) -> ControlFlow<()> {
        self.events += 1;
        let data = frame.data.trim_ascii();
        let output = if data == b"[DONE]" {
            self.stopped_ns = Some(arrival_ns);
            false
        } else if frame.event == b"error" {
            self.fail(Outcome::ErrorInStream, error_message(data), arrival_ns);
            false
        } else if data.is_empty() {
            // a keep-alive
            false
        } else {
            match self.document(data) {
                Ok(Some(output)) => {
                    if output.any() {
                        self.chunks.push(arrival_ns);
                    }
                    if output.content && self.first_content_ns.is_none() {
                        self.first_content_ns = Some(arrival_ns);
                    }
                    output.any()
                }
                Ok(None) => {
                    self.fail(Outcome::ErrorInStream, error_message(data), arrival_ns);
                    false
                }
                Err(error) => {
                    let error = format!("event {} is not as the protocol says: {error}", self.events);
                    self.fail(Outcome::Malformed, error, arrival_ns);
                    false
                }
            }
        };
        self.last_read = Some((arrival_ns, output));
        if self.is_over() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Takes a last line that has no line end: an event if it is a whole document, else it was cut short.
    pub(super) fn last_line(&mut self, frame: Frame<'_>) {
        let whole =
            frame.data == b"[DONE]" || serde_json::from_slice::<serde::de::IgnoredAny>(frame.data).is_ok();
        if let Some((arrival_ns, _)) = self.last_read
            && whole
        {
            let _ = self.event(frame, arrival_ns);
        }
    }

    /// Takes a whole answer, at the end of its body.
    pub(super) fn whole(&mut self, data: &[u8], at_ns: u64) {
        let arrival_ns = self.last_read.map_or(at_ns, |(arrival_ns, _)| arrival_ns);
        match self.document(data) {
            Ok(Some(output)) => {
                self.whole_output = output.any();
                self.stopped_ns = Some(arrival_ns);
            }
            Ok(None) => self.fail(Outcome::ErrorInStream, error_message(data), arrival_ns),
            Err(error) => {
                let error = format!("the answer is not as the protocol says: {error}");
                self.fail(Outcome::Malformed, error, arrival_ns);
            }
        }
    }

    /// The first failure counts.
    pub(super) fn fail(&mut self, outcome: Outcome, error: String, at_ns: u64) {
        if self.failure.is_none() {
            self.failure = Some((outcome, error));
            self.stopped_ns = Some(at_ns);
        }
    }

    /// Keeps what a document says besides its output; `None` when it is an error.
    fn document(&mut self, data: &[u8]) -> Result<Option<Output>, serde_json::Error> {
        match self.protocol {
            Protocol::OpenaiChat => self.keep::<ChatChoice>(data),
            Protocol::OpenaiCompletions => self.keep::<TextChoice>(data),
        }
    }

    fn keep<C: Choice>(&mut self, data: &[u8]) -> Result<Option<Output>, serde_json::Error> {
        let document: Document<C> = parse(data)?;
        if document.is_error() {
            return Ok(None);
        }
        // cumulative where it comes more than once, so the last one counts
        self.usage = document.usage.or(self.usage);
        if document.timings.is_some() {
            self.server_timings = document.timings;
        }
        let choices = document.choices;
        if choices.finish_reason.is_some() {
            self.finish_reason = choices.finish_reason;
        }
        Ok(Some(Output { reasoning: choices.reasoning, content: choices.content }))
    }

    /// The account of the answer.
    pub(super) fn answered(self, outcome: Outcome, error: Option<String>, at_ns: u64) -> Answered {
        let last_exact = u32::from(matches!(self.last_read, Some((_, true))));
        let usage = self.usage.unwrap_or_default();
        let (output_tokens, token_source) = match (usage.completion_tokens, self.chunks.len()) {
            (Some(tokens), _) => (Some(tokens), TokenSource::Usage),
            (None, 0) => (None, TokenSource::None),
            (None, chunks) => (Some(chunks as u64), TokenSource::Chunks),
        };
        Answered {
            outcome,
            error,
            first_token_ns: self.chunks.first().copied(),
            first_content_ns: self.first_content_ns,
            last_token_ns: self.chunks.last().copied(),
            end_ns: self.stopped_ns.unwrap_or(at_ns),
            chunks: self.chunks,
            stamps_exact: self.stamps_exact + last_exact,
            input_tokens: usage.prompt_tokens,
            output_tokens,
            reasoning_tokens: usage.reasoning_tokens(),
            cached_tokens: usage.cached_tokens(),
            token_source,
            finish_reason: self.finish_reason,
            server_timings: self.server_timings,
        }
    }
}

/// What a document carries.
#[derive(Debug, Clone, Copy)]
struct Output {
    reasoning: bool,
    content: bool,
}

impl Output {
    fn any(self) -> bool {
        self.reasoning || self.content
    }
}
