//! Server-sent events, after the WHATWG text (HTML, section 9.2.6, *Interpreting an event stream*).

use std::ops::ControlFlow;

use super::{Frame, FramingError, within_limit};

/// The state between two pushes: what of an event and of a line has arrived.
#[derive(Debug, Default)]
pub(super) struct Sse {
    /// Whether a line has been read, so that no byte order mark can come any more.
    started: bool,
    /// The last byte was a CR that ended a line; an LF after it belongs to it.
    after_cr: bool,
    /// An unfinished line.
    line: Vec<u8>,
    /// The `event:` field of the unfinished event.
    event: Vec<u8>,
    /// Its `data:` lines, joined by LF, but for one that may still be borrowed.
    data: Vec<u8>,
    has_data: bool,
    comments: u64,
}

/// A line, by what it means here. `id` and `retry` steer reconnecting, which an instrument never does.
enum Line<'a> {
    Blank,
    Data(&'a [u8]),
    Event(&'a [u8]),
    Other,
}

impl Sse {
    pub(super) fn push(
        &mut self,
        mut bytes: &[u8],
        sink: &mut impl FnMut(Frame<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, FramingError> {
        if let Some(first) = bytes.first() {
            if self.after_cr && *first == b'\n' {
                bytes = &bytes[1..];
            }
            self.after_cr = false;
        }
        // the only data line of the unfinished event, where it lies within these bytes
        let mut borrowed = None;
        while let Some(end) = memchr::memchr2(b'\r', b'\n', bytes) {
            let head = &bytes[..end];
            bytes = match &bytes[end..] {
                [b'\r', b'\n', rest @ ..] => rest,
                [b'\r'] => {
                    self.after_cr = true;
                    &[]
                }
                rest => &rest[1..],
            };
            within_limit(self.line.len() + head.len())?;
            if self.line.is_empty() {
                match self.read(head) {
                    Line::Blank => {
                        if self.dispatch(borrowed.take(), sink).is_break() {
                            return Ok(ControlFlow::Break(()));
                        }
                    }
                    Line::Data(value) if self.has_data || borrowed.is_some() => {
                        self.append(borrowed.take())?;
                        self.append(Some(value))?;
                    }
                    Line::Data(value) => borrowed = Some(value),
                    Line::Event(value) => self.name(value),
                    Line::Other => {}
                }
            } else {
                // the line began in an earlier push, so no data line can have been borrowed before it
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(head);
                match self.read(&line) {
                    Line::Data(value) => self.append(Some(value))?,
                    Line::Event(value) => self.name(value),
                    // a line that has a byte of its own is blank only as a lone byte order mark
                    Line::Blank | Line::Other => {}
                }
                line.clear();
                self.line = line;
            }
        }
        self.append(borrowed)?;
        within_limit(self.line.len() + bytes.len())?;
        self.line.extend_from_slice(bytes);
        Ok(ControlFlow::Continue(()))
    }

    pub(super) fn comments(&self) -> u64 {
        self.comments
    }

    pub(super) fn at_boundary(&self) -> bool {
        self.line.is_empty() && !self.has_data && self.event.is_empty()
    }

    fn read<'a>(&mut self, mut line: &'a [u8]) -> Line<'a> {
        if !self.started {
            self.started = true;
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.is_empty() {
            return Line::Blank;
        }
        let (field, value) = match memchr::memchr(b':', line) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &b""[..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => Line::Data(value),
            b"event" => Line::Event(value),
            b"" => {
                self.comments += 1;
                Line::Other
            }
            _ => Line::Other,
        }
    }

    fn name(&mut self, value: &[u8]) {
        self.event.clear();
        self.event.extend_from_slice(value);
    }

    fn append(&mut self, value: Option<&[u8]>) -> Result<(), FramingError> {
        let Some(value) = value else { return Ok(()) };
        if self.has_data {
            self.data.push(b'\n');
        }
        self.has_data = true;
        within_limit(self.data.len() + value.len())?;
        self.data.extend_from_slice(value);
        Ok(())
    }

    /// Ends the event: handed out if it has data, forgotten otherwise.
    fn dispatch(
        &mut self,
        borrowed: Option<&[u8]>,
        sink: &mut impl FnMut(Frame<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let data = borrowed.or_else(|| self.has_data.then_some(self.data.as_slice()));
        let flow = data.map(|data| sink(Frame { event: &self.event, data }));
        self.event.clear();
        self.data.clear();
        self.has_data = false;
        flow.unwrap_or(ControlFlow::Continue(()))
    }
}
