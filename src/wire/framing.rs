//! From bytes to events: server-sent events, newline-delimited JSON, or one whole document.
//!
//! Incremental and pure. An event is handed out by the `push` that completes it, so its arrival is that of the bytes
//! pushed; one that lies whole within them is borrowed, not copied. Any splitting of the bytes gives the same events.

use std::ops::ControlFlow;

use sse::Sse;

mod sse;

/// The largest event or line, in bytes.
pub const MAX_EVENT: usize = 1 << 20;

/// The largest document that is read whole, in bytes.
pub const MAX_WHOLE: usize = 16 << 20;

/// How an answer is cut into events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events, after the WHATWG event-stream text.
    Sse,
    /// A JSON document per line.
    Ndjson,
    /// One document.
    Whole,
}

impl Framing {
    /// The framing that a `content-type` stands for; `None` for other types.
    pub fn of(content_type: &str) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let is = |name: &str| essence.eq_ignore_ascii_case(name);
        if is("text/event-stream") {
            Some(Self::Sse)
        } else if [
            "application/x-ndjson",
            "application/ndjson",
            "application/jsonl",
            "application/x-jsonlines",
        ]
        .into_iter()
        .any(is)
        {
            Some(Self::Ndjson)
        } else if is("application/json")
            || essence.rsplit_once('+').is_some_and(|(_, suffix)| suffix.eq_ignore_ascii_case("json"))
        {
            Some(Self::Whole)
        } else {
            None
        }
    }
}

/// An event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The `event:` field of a server-sent event, else empty.
    pub event: &'a [u8],
    /// Its data, without line ends.
    pub data: &'a [u8],
}

/// Why bytes cannot be framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// Over [`MAX_EVENT`].
    #[error("an event is over {} bytes", MAX_EVENT)]
    EventTooLarge,
    /// Over [`MAX_WHOLE`].
    #[error("a document is over {} bytes", MAX_WHOLE)]
    DocumentTooLarge,
}

/// Cuts bytes into [`Frame`]s.
#[derive(Debug)]
pub struct Framer(State);

#[derive(Debug)]
enum State {
    Sse(Sse),
    /// The line so far.
    Ndjson(Vec<u8>),
    /// The document so far.
    Whole(Vec<u8>),
}

impl Framer {
    /// A framer at the start of an answer.
    pub fn new(framing: Framing) -> Self {
        Self(match framing {
            Framing::Sse => State::Sse(Sse::default()),
            Framing::Ndjson => State::Ndjson(Vec::new()),
            Framing::Whole => State::Whole(Vec::new()),
        })
    }

    /// Takes bytes and hands out the events that they complete, until `sink` breaks; then nothing more may be pushed.
    ///
    /// # Errors
    ///
    /// When an event, a line or the document is over its limit.
    pub fn push(
        &mut self,
        bytes: &[u8],
        sink: &mut impl FnMut(Frame<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, FramingError> {
        match &mut self.0 {
            State::Sse(sse) => sse.push(bytes, sink),
            State::Ndjson(line) => push_lines(line, bytes, sink),
            State::Whole(document) => {
                if document.len() + bytes.len() > MAX_WHOLE {
                    return Err(FramingError::DocumentTooLarge);
                }
                document.extend_from_slice(bytes);
                Ok(ControlFlow::Continue(()))
            }
        }
    }

    /// What is left at the end of the answer: the document, or a last line without its line end, which may be cut
    /// short. An incomplete server-sent event is dropped.
    pub fn rest(&self) -> Option<Frame<'_>> {
        match &self.0 {
            State::Sse(_) => None,
            State::Ndjson(rest) | State::Whole(rest) => json_line(rest),
        }
    }

    /// Comment lines of server-sent events so far, which are no events.
    pub fn comments(&self) -> u64 {
        match &self.0 {
            State::Sse(sse) => sse.comments(),
            State::Ndjson(_) | State::Whole(_) => 0,
        }
    }

    /// Whether the bytes pushed so far end with an event, and not within another one.
    pub fn at_boundary(&self) -> bool {
        match &self.0 {
            State::Sse(sse) => sse.at_boundary(),
            State::Ndjson(rest) | State::Whole(rest) => rest.is_empty(),
        }
    }
}

fn push_lines(
    line: &mut Vec<u8>,
    mut bytes: &[u8],
    sink: &mut impl FnMut(Frame<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, FramingError> {
    while let Some(end) = memchr::memchr(b'\n', bytes) {
        let head = &bytes[..end];
        bytes = &bytes[end + 1..];
        let flow = if line.is_empty() {
            within_limit(head.len())?;
            json_line(head).map(&mut *sink)
        } else {
            within_limit(line.len() + head.len())?;
            line.extend_from_slice(head);
            let flow = json_line(line).map(&mut *sink);
            line.clear();
            flow
        };
        if flow.is_some_and(|flow| flow.is_break()) {
            return Ok(ControlFlow::Break(()));
        }
    }
    within_limit(line.len() + bytes.len())?;
    line.extend_from_slice(bytes);
    Ok(ControlFlow::Continue(()))
}

/// A line as a frame; `None` where it is blank.
fn json_line(line: &[u8]) -> Option<Frame<'_>> {
    let data = line.trim_ascii();
    (!data.is_empty()).then_some(Frame { event: b"", data })
}

fn within_limit(bytes: usize) -> Result<(), FramingError> {
    if bytes > MAX_EVENT { Err(FramingError::EventTooLarge) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
