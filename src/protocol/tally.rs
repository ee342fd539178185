//! What the events of an answer add up to.

use std::{hint::black_box, ops::ControlFlow};

use super::{
    Dialect,
    answer::Answered,
    arrivals::Arrivals,
    json::{error_message, is_error},
    said::{Said, Usage},
    seen::{Carried, Contents, Meaning, Seen},
    several::Several,
    texts,
    usual::Habit,
};
use crate::{
    record::{Outcome, Text, TokenSource},
    wire::{Arrival, Frame},
};

/// Whether an event within this read, and not at its end, may have waited long for it: the read came late even for the last
/// byte, and the one before it long ago. A server that writes several events at once makes bounds as wide, and no read late.
fn is_late(arrival: &Arrival) -> bool {
    const LATE_NS: u64 = 500_000;
    const WIDE_NS: u32 = 1_000_000;
    arrival.waited_ns() > LATE_NS && arrival.width_ns() > WIDE_NS
}

/// What has been seen of an answer so far. What every event looks at stands first and together, in this order.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Tally {
    /// Arrival of what ended the answer: its terminal event, its last byte if it is whole, or what made it fail.
    pub(super) stopped_ns: Option<u64>,
    pub(super) first_content_ns: Option<u64>,
    /// What nearly all its chunks look like.
    habit: Habit,
    events: u64,
    /// Output events that were read late: see [`is_late`].
    late: u32,
    /// Whether the last event that the bytes at hand completed carries output.
    output: bool,
    /// What every event was, where somebody watches.
    seen: Option<Vec<Seen>>,
    /// Arrival of every event with output.
    pub(super) chunks: Arrivals,
    comments: u64,
    pub(super) dialect: Dialect,
    /// The prompts, where the request has several.
    pub(super) several: Option<Several>,
    /// The text so far, where it is kept.
    texts: Option<Vec<Text>>,
    /// Whether a whole answer carries output.
    pub(super) whole_output: bool,
    usage: Option<Usage>,
    /// Why the model stopped, if it said so.
    pub(super) finish_reason: Option<String>,
    server_timings: Option<serde_json::Value>,
    /// What made it fail, which stopped it.
    pub(super) failure: Option<(Outcome, String)>,
}

impl Tally {
    pub(super) fn new(dialect: &Dialect) -> Self {
        Self {
            dialect: dialect.clone(),
            several: None,
            events: 0,
            comments: 0,
            texts: None,
            seen: None,
            chunks: Arrivals::default(),
            first_content_ns: None,
            late: 0,
            output: false,
            whole_output: false,
            habit: Habit::default(),
            usage: None,
            finish_reason: None,
            server_timings: None,
            stopped_ns: None,
            failure: None,
        }
    }

    /// Whether nothing more is needed.
    pub(super) fn is_over(&self) -> bool {
        self.stopped_ns.is_some()
    }

    /// Arrival of the first event with output.
    pub(super) fn first_token_ns(&self) -> Option<u64> {
        self.chunks.first_ns()
    }

    /// Looks at what the next event looks at.
    pub(super) fn fetch(&self) {
        black_box(self.stopped_ns);
        black_box(self.events);
        self.chunks.fetch();
    }

    /// Begins with other bytes.
    pub(super) fn begin(&mut self) {
        self.output = false;
    }

    /// Ends with them. Where they end with an output event (`at_boundary`: not within another one) and with their read, it
    /// arrived at the very time of the read's stamp; all others arrived earlier.
    pub(super) fn settle(&mut self, arrival: &Arrival, ends_read: bool, at_boundary: bool) {
        if self.output && ends_read && at_boundary && arrival.exact {
            self.late -= u32::from(is_late(arrival));
            self.chunks.last_is_exact();
        }
    }

    /// Takes an event of a stream, which bytes that arrived so complete.
    pub(super) fn event(&mut self, frame: Frame<'_>, arrival: &Arrival) -> ControlFlow<()> {
        self.output = false;
        let arrival_ns = arrival.at_ns;
        self.events += 1;
        if frame.event != b"error" && self.habit.knows(frame.data) {
            self.output(arrival);
            self.first_content_ns.get_or_insert(arrival_ns);
            return ControlFlow::Continue(());
        }
        let meaning = self.meaning(frame, arrival_ns);
        match &meaning {
            Meaning::Document(carried) => {
                let contents = carried.contents;
                if contents.output() {
                    self.output(arrival);
                }
                if contents.content() {
                    self.first_content_ns.get_or_insert(arrival_ns);
                }
                if carried.ends {
                    self.stopped_ns = Some(arrival_ns);
                }
            }
            Meaning::Done => self.stopped_ns = Some(arrival_ns),
            Meaning::KeepAlive | Meaning::Comment => {}
            Meaning::Error(message) => {
                self.fail(Outcome::ErrorInStream, message.clone(), arrival_ns);
            }
            Meaning::Malformed(error) => {
                let error = format!("event {} is not as the protocol says: {error}", self.events);
                self.fail(Outcome::Malformed, error, arrival_ns);
            }
        }
        self.note(frame.data.len(), meaning, arrival_ns);
        if self.is_over() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Counts an event with output.
    fn output(&mut self, arrival: &Arrival) {
        self.chunks.push(arrival.at_ns, arrival.width_ns());
        self.late += u32::from(is_late(arrival));
        self.output = true;
    }

    /// Keeps the text of the answers to so many prompts from now on.
    pub(super) fn keep_texts(&mut self, prompts: u32) {
        self.texts = Some(vec![Text::default(); prompts as usize]);
    }

    /// Keeps what every event is from now on.
    pub(super) fn watch(&mut self) {
        self.seen = Some(Vec::new());
    }

    /// Notes comments, of which there have been so many in all by the end of a read.
    pub(super) fn comments(&mut self, in_all: u64, arrival_ns: u64) {
        if self.seen.is_some() {
            for _ in self.comments..in_all {
                self.note(0, Meaning::Comment, arrival_ns);
            }
            self.comments = in_all;
        }
    }

    fn note(&mut self, bytes: usize, meaning: Meaning, arrival_ns: u64) {
        if let Some(seen) = &mut self.seen {
            seen.push(Seen { arrival_ns, bytes, meaning });
        }
    }

    /// Takes a last line that has no line end: an event if it is a whole document, else it was cut short.
    pub(super) fn last_line(&mut self, frame: Frame<'_>, arrival: &Arrival, ends_read: bool) {
        let whole =
            frame.data == b"[DONE]" || serde_json::from_slice::<serde::de::IgnoredAny>(frame.data).is_ok();
        if whole {
            let _ = self.event(frame, arrival);
            self.settle(arrival, ends_read, true);
        }
    }

    /// Takes a whole answer, whose last bytes arrived then.
    pub(super) fn whole(&mut self, data: &[u8], arrival_ns: u64) {
        let meaning = self.document(data, arrival_ns);
        match &meaning {
            Meaning::Error(message) => self.fail(Outcome::ErrorInStream, message.clone(), arrival_ns),
            Meaning::Malformed(error) => {
                let error = format!("the answer is not as the protocol says: {error}");
                self.fail(Outcome::Malformed, error, arrival_ns);
            }
            Meaning::Document(carried) => {
                self.whole_output = carried.contents.output();
                self.stopped_ns = Some(arrival_ns);
            }
            // a document is none of these
            Meaning::Done | Meaning::KeepAlive | Meaning::Comment => {}
        }
        self.note(data.len(), meaning, arrival_ns);
    }

    /// The first failure counts.
    pub(super) fn fail(&mut self, outcome: Outcome, error: String, at_ns: u64) {
        if self.failure.is_none() {
            self.failure = Some((outcome, error));
            self.stopped_ns = Some(at_ns);
        }
    }

    /// What an event of a stream is; what it says besides its output is kept.
    fn meaning(&mut self, frame: Frame<'_>, arrival_ns: u64) -> Meaning {
        let data = frame.data.trim_ascii();
        if data == b"[DONE]" {
            Meaning::Done
        } else if frame.event == b"error" {
            Meaning::Error(error_message(data))
        } else if data.is_empty() || data == b"null" {
            // llama.cpp begins the answer to several prompts with `null`
            Meaning::KeepAlive
        } else {
            self.document(data, arrival_ns)
        }
    }

    /// What a document is; what it says besides its output is kept.
    fn document(&mut self, data: &[u8], arrival_ns: u64) -> Meaning {
        let api = self.dialect.api();
        let said = match api.read(data) {
            Ok(Said { error: Some(error), .. }) => return Meaning::Error(error),
            Ok(said) => said,
            Err(_) if is_error(data) => return Meaning::Error(error_message(data)),
            Err(error) => return Meaning::Malformed(error.to_string()),
        };
        // where somebody wants more than their arrival, the usual ones are read as well
        let only_arrivals = self.several.is_none() && self.texts.is_none() && self.seen.is_none();
        if only_arrivals && said.is_just(Contents { text: true, ..Contents::default() }) {
            let carries_nothing =
                |chunk: &[u8]| api.read(chunk).is_ok_and(|said| said.is_just(Contents::default()));
            self.habit.learn(data, api.text_key(), carries_nothing);
        }
        if let Some(texts) = &mut self.texts {
            texts::take(&self.dialect, data, texts);
        }
        let Said { contents, parts, finish_reason, usage, timings, ends, .. } = said;
        let carried =
            Carried { contents, usage: usage.is_some(), timings: timings.is_some(), finish_reason, ends };
        match &mut self.several {
            None => {
                self.usage = usage.map(|later| self.usage.unwrap_or_default().then(&later)).or(self.usage);
            }
            Some(several) => {
                if let Err(error) = several.take(&parts, usage, carried.timings, arrival_ns) {
                    return Meaning::Malformed(error);
                }
            }
        }
        if timings.is_some() {
            self.server_timings = timings;
        }
        if carried.finish_reason.is_some() {
            self.finish_reason.clone_from(&carried.finish_reason);
        }
        Meaning::Document(carried)
    }

    /// The account of the answer.
    pub(super) fn answered(self, outcome: Outcome, error: Option<String>, at_ns: u64) -> Answered {
        let usage = self.several.as_ref().map_or(self.usage, Several::usage).unwrap_or_default();
        // an event may carry a chunk of each prompt; whole answers have none to count
        let chunks = match &self.several {
            Some(several) if !self.chunks.is_empty() => several.pieces(),
            _ => self.chunks.len() as u64,
        };
        let (output_tokens, token_source) = match (usage.output, chunks) {
            (Some(tokens), _) => (Some(tokens), TokenSource::Usage),
            (None, 0) => (None, TokenSource::None),
            (None, chunks) => (Some(chunks), TokenSource::Chunks),
        };
        Answered {
            outcome,
            error,
            first_token_ns: self.first_token_ns(),
            first_content_ns: self.first_content_ns,
            last_token_ns: self.chunks.last_ns(),
            decode_ns: self.several.as_ref().filter(|_| !self.chunks.is_empty()).and_then(Several::decode_ns),
            end_ns: self.stopped_ns.unwrap_or(at_ns),
            stamps_late: self.late,
            chunks: self.chunks.into(),
            input_tokens: usage.input,
            output_tokens,
            reasoning_tokens: usage.reasoning,
            cached_tokens: usage.cached,
            token_source,
            finish_reason: self.finish_reason,
            server_timings: self.server_timings,
            texts: self.texts,
            seen: self.seen.unwrap_or_default(),
        }
    }
}
