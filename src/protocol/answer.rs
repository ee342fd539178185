//! One answer: bytes with their arrival in, what a record needs out.

use std::{hint::black_box, ops::ControlFlow};

use super::{Dialect, json::error_message, seen::Seen, several::Several, tally::Tally};
use crate::{
    record::{ChunkTimes, Outcome, Text, TokenSource},
    wire::{Arrival, Framer, Framing, Piece, WireError},
};

/// An answer while it arrives.
///
/// How it is read follows from its content type, not from what was asked for: a server that ignores `stream` is
/// measured by what it sends.
///
/// Thousands of them arrive at once, more than caches hold: what a read looks at stands in as few cache lines as it can.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Answer {
    intake: Intake,
    tally: Tally,
    /// When bytes came that completed no event, and whether nothing of the answer came with them and behind them.
    last: Option<(Arrival, bool)>,
    prompts: u32,
    status: u16,
}

/// Whether there is more to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    More,
    /// The terminal event has arrived, or the answer has failed: nothing more is needed.
    Done,
}

/// Why reading stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The body ended as HTTP says, or [`Flow::Done`] was returned.
    EndOfStream,
    /// The request's time was over.
    Timeout,
    /// The connection broke, and how.
    Reset(String),
    /// The body was bad HTTP or over a limit, and how.
    Malformed(String),
    /// The run was cut short.
    Cancelled,
}

impl From<WireError> for Ending {
    fn from(error: WireError) -> Self {
        match error.outcome() {
            Outcome::Malformed => Self::Malformed(error.to_string()),
            _ => Self::Reset(error.to_string()),
        }
    }
}

/// What became of an answer. Times are nanoseconds since the start of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// How it ended.
    pub outcome: Outcome,
    /// What went wrong, in words.
    pub error: Option<String>,
    /// Arrival of the first event with output; only streams have one.
    pub first_token_ns: Option<u64>,
    /// Arrival of the first output that is not reasoning.
    pub first_content_ns: Option<u64>,
    /// Arrival of the last event with output.
    pub last_token_ns: Option<u64>,
    /// Of a stream that answers several prompts: the nanoseconds from the first to the last output of each, summed.
    pub decode_ns: Option<u64>,
    /// Arrival of the terminal event or of the last byte of a whole answer, else when reading stopped.
    pub end_ns: u64,
    /// Arrival of every event with output.
    pub chunks: ChunkTimes,
    /// Of these, the events that the client itself may have read late.
    pub stamps_late: u32,
    /// Prompt tokens.
    pub input_tokens: Option<u64>,
    /// Output tokens, reasoning included.
    pub output_tokens: Option<u64>,
    /// Output tokens spent on reasoning.
    pub reasoning_tokens: Option<u64>,
    /// Prompt tokens found in the server's cache.
    pub cached_tokens: Option<u64>,
    /// Where `output_tokens` comes from.
    pub token_source: TokenSource,
    /// As the server said.
    pub finish_reason: Option<String>,
    /// The server's own timings, as it sent them.
    pub server_timings: Option<serde_json::Value>,
    /// The text of the answer to each prompt; `None` unless it was [kept](Answer::keeping_texts).
    pub texts: Option<Vec<Text>>,
    /// What every event was, in order; empty unless the answer was [watched](Answer::watched).
    pub seen: Vec<Seen>,
}

/// How the body is read.
#[derive(Debug)]
enum Intake {
    /// Events, or lines.
    Stream(Framer),
    /// One document.
    Whole(Framer),
    /// The content type says nothing of use: these first bytes have to tell.
    Undecided {
        /// The bytes so far.
        held: Vec<u8>,
        /// They arrived after this.
        after_ns: Option<u64>,
        /// What the content type is.
        content_type: Option<String>,
    },
    /// The body of a refusal: only its message matters.
    Refusal(Vec<u8>),
}

/// Bytes of a refusal's body that are looked at.
const REFUSAL: usize = 64 << 10;

impl Answer {
    /// An answer of which the head has arrived.
    pub fn new(dialect: &Dialect, status: u16, content_type: Option<&str>) -> Self {
        let intake = match content_type.and_then(Framing::of) {
            _ if !(200..300).contains(&status) => Intake::Refusal(Vec::new()),
            Some(Framing::Whole) => Intake::Whole(Framer::new(Framing::Whole)),
            Some(framing) => Intake::Stream(Framer::new(framing)),
            None => Intake::Undecided {
                held: Vec::new(),
                after_ns: None,
                content_type: content_type.map(str::to_owned),
            },
        };
        Self { status, prompts: 1, intake, tally: Tally::new(dialect), last: None }
    }

    /// The same answer to so many prompts: it is whole when each of them is answered.
    pub fn to_prompts(mut self, prompts: u32) -> Self {
        self.prompts = prompts;
        self.tally.several = (prompts > 1).then(|| Several::new(prompts));
        self
    }

    /// The same answer, which keeps its text.
    pub fn keeping_texts(mut self) -> Self {
        self.tally.keep_texts(self.prompts);
        self
    }

    /// The same answer, which keeps what every event is. Comments stand after the events of the read that brought
    /// them.
    pub fn watched(mut self) -> Self {
        self.tally.watch();
        self
    }

    /// Events with output so far.
    pub fn chunks(&self) -> usize {
        self.tally.chunks.len()
    }

    /// Looks at what the next [`Self::read`] will look at. Thousands of answers arrive at once, and what is known of each lies
    /// beyond the caches when its bytes come: asked for at once and before the system is, it need not be waited for
    /// piece by piece.
    pub fn fetch(&self) {
        black_box(matches!(self.intake, Intake::Stream(_)));
        self.tally.fetch();
    }

    /// Takes bytes of the body, with when they arrived.
    pub fn read(&mut self, piece: Piece<'_>) -> Flow {
        if self.tally.is_over() {
            return Flow::Done;
        }
        let Piece { bytes, arrival, ends_read } = piece;
        let arrival_ns = arrival.at_ns;
        self.tally.begin();
        match &mut self.intake {
            Intake::Stream(framer) => {
                let tally = &mut self.tally;
                let comments = framer.comments();
                if let Err(error) = framer.push(bytes, &mut |frame| tally.event(frame, arrival)) {
                    tally.fail(Outcome::Malformed, error.to_string(), arrival_ns);
                }
                let at_boundary = framer.at_boundary();
                // a comment may have come behind the last event
                tally.settle(arrival, ends_read, at_boundary && framer.comments() == comments);
                tally.comments(framer.comments(), arrival_ns);
                if !at_boundary {
                    self.last = Some((*arrival, ends_read));
                }
            }
            Intake::Whole(framer) => {
                if let Err(error) = framer.push(bytes, &mut |_| ControlFlow::Continue(())) {
                    self.tally.fail(Outcome::Malformed, error.to_string(), arrival_ns);
                }
                self.last = Some((*arrival, ends_read));
            }
            Intake::Undecided { held, after_ns, content_type } => {
                held.extend_from_slice(bytes);
                let after_ns = *after_ns.get_or_insert(arrival.after_ns);
                match looks_like_sse(held) {
                    None => {}
                    Some(true) => {
                        let held = std::mem::take(held);
                        self.intake = Intake::Stream(Framer::new(Framing::Sse));
                        let arrival = &Arrival { after_ns, ..*arrival };
                        return self.read(Piece { bytes: &held, arrival, ends_read });
                    }
                    Some(false) => {
                        let error = unexpected(content_type.as_deref());
                        self.tally.fail(Outcome::Malformed, error, arrival_ns);
                    }
                }
            }
            Intake::Refusal(kept) => {
                kept.extend_from_slice(&bytes[..bytes.len().min(REFUSAL - kept.len())]);
                if kept.len() == REFUSAL {
                    return Flow::Done;
                }
            }
        }
        if self.tally.is_over() { Flow::Done } else { Flow::More }
    }

    /// Arrival of the first event with output so far; only streams have one.
    pub fn first_token_ns(&self) -> Option<u64> {
        self.tally.first_token_ns()
    }

    /// Arrival of the first output so far that is not reasoning.
    pub fn first_content_ns(&self) -> Option<u64> {
        self.tally.first_content_ns
    }

    /// Ends the answer. `at_ns` is now: the end of what has no terminal event.
    pub fn end(mut self, at_ns: u64, ending: Ending) -> Answered {
        if ending == Ending::EndOfStream {
            self.read_rest(at_ns);
        }
        let (outcome, error) = match self.conclude(ending) {
            Ok(()) => (Outcome::Ok, None),
            Err((outcome, error)) => (outcome, Some(error)),
        };
        self.tally.answered(outcome, error, at_ns)
    }

    /// Reads what only the end of the body completes.
    fn read_rest(&mut self, at_ns: u64) {
        match &self.intake {
            Intake::Whole(framer) if !self.tally.is_over() => {
                if let Some(document) = framer.rest() {
                    let arrival_ns = self.last.map_or(at_ns, |(arrival, _)| arrival.at_ns);
                    self.tally.whole(document.data, arrival_ns);
                }
            }
            Intake::Stream(framer) if !self.tally.is_over() => {
                if let (Some(line), Some((arrival, ends_read))) = (framer.rest(), &self.last) {
                    self.tally.last_line(line, arrival, *ends_read);
                }
            }
            _ => {}
        }
    }

    /// The outcome, and for failures the error. What the server said comes before how the reading stopped.
    fn conclude(&mut self, ending: Ending) -> Result<(), (Outcome, String)> {
        if let Intake::Refusal(body) = &self.intake {
            return Err(refused(self.status, &error_message(body), self.prompts));
        }
        if let Some(failure) = self.tally.failure.take() {
            return Err(failure);
        }
        let seen = self.tally.chunks.len();
        let after = format!("after {seen} {} with output", if seen == 1 { "event" } else { "events" });
        if self.tally.stopped_ns.is_none() {
            match ending {
                Ending::EndOfStream => {}
                Ending::Timeout => {
                    return Err((Outcome::Timeout, format!("timed out {after}")));
                }
                Ending::Cancelled => {
                    return Err((Outcome::Cancelled, format!("cancelled {after}")));
                }
                Ending::Reset(error) => {
                    return Err((Outcome::Truncated, format!("{error}, {after}")));
                }
                Ending::Malformed(error) => return Err((Outcome::Malformed, error)),
            }
            if let Some(end) = self.tally.dialect.api().end()
                && matches!(self.intake, Intake::Stream(_))
                && self.tally.finish_reason.is_none()
            {
                return Err((Outcome::Truncated, format!("the stream ended {after}, without {end}")));
            }
            if let Intake::Undecided { held, content_type, .. } = &self.intake
                && !held.is_empty()
            {
                return Err((Outcome::Malformed, unexpected(content_type.as_deref())));
            }
        }
        if seen == 0 && !self.tally.whole_output {
            return Err((Outcome::Empty, "the answer has no output".to_owned()));
        }
        let missing = |several: &Several| several.missing(self.tally.stopped_ns.is_some());
        self.tally.several.as_ref().and_then(missing).map_or(Ok(()), Err)
    }
}

fn unexpected(content_type: Option<&str>) -> String {
    let shown = content_type.map_or_else(|| "none".to_owned(), |name| format!("`{name}`"));
    format!("the answer is neither JSON nor an event stream; its content type is {shown}")
}

/// Whether the first bytes of an answer without a usable content type are those of server-sent events; `None` while
/// they are too few to tell.
fn looks_like_sse(start: &[u8]) -> Option<bool> {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    let text = match start.strip_prefix(MARK) {
        Some(text) => text,
        None if MARK.starts_with(start) => return None,
        None => start,
    };
    let starts: [&[u8]; 3] = [b"data:", b"event:", b":"];
    if starts.iter().any(|known| text.starts_with(known)) {
        Some(true)
    } else if starts.iter().any(|known| known.starts_with(text)) {
        None
    } else {
        Some(false)
    }
}

/// What a refusal comes to. That of several prompts says so, since it may well be why.
fn refused(status: u16, message: &str, prompts: u32) -> (Outcome, String) {
    let outcome = match status {
        429 => Outcome::RateLimited,
        // 529 is what Anthropic says
        503 | 529 => Outcome::Overloaded,
        _ => Outcome::HttpError,
    };
    let error = match (status, message) {
        (300..400, _) => format!("status {status}: redirects are not followed"),
        (_, "") => format!("status {status}"),
        _ => format!("status {status}: {message}"),
    };
    let error = if prompts > 1 { format!("{error} (to a request of {prompts} prompts)") } else { error };
    (outcome, error)
}

#[cfg(test)]
impl Answer {
    /// Takes all that a read brought, which the kernel stamped.
    pub(super) fn read_at(&mut self, bytes: &[u8], at_ns: u64) -> Flow {
        let arrival = &Arrival {
            at_ns,
            after_ns: 0,
            read_ns: at_ns,
            source: crate::record::ClockSource::Kernel,
            exact: true,
        };
        self.read(Piece { bytes, arrival, ends_read: true })
    }
}

#[cfg(test)]
mod tests;
