//! Which read brought what of which stream, noted below the protocol. Pure.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::frames::{Frames, Part, kind};
use crate::{
    record::ClockSource,
    wire::{Arrival, Mark, Timing},
};

/// What a client sends before its first frame: RFC 9113, section 3.4.
const PREFACE: usize = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();

/// The bytes of a connection, followed in both directions.
#[derive(Debug)]
pub(super) struct Watch {
    incoming: Frames,
    outgoing: Frames,
    streams: HashMap<u32, Track>,
    /// Reads so far.
    reads: u64,
    /// Whether the server has said how many streams it allows.
    settled: bool,
    /// Whether it carries no more of them: the server has said so, or it is silent.
    leaving: bool,
    /// Requests in a row that were given up though nothing at all had come since they went out.
    unheard: u32,
}

/// So many of those mean that nobody is there any more. A connection may die without a word, behind a firewall that
/// forgot it, and its system would go on sending for a quarter of an hour.
const UNHEARD: u32 = 2;

/// What is known of one stream.
#[derive(Debug, Default)]
struct Track {
    sent_ns: Option<u64>,
    /// How many reads there had been by then.
    sent_behind: u64,
    /// The same for others to see.
    seen_sent: Option<Arc<Mark>>,
    first_byte_ns: Option<u64>,
    /// The number of the read that brought something of it last.
    last_read: u64,
    reads: u32,
    from_user: bool,
    /// Bytes of heads, as they came.
    head_bytes: usize,
    stretches: VecDeque<Stretch>,
}

/// Bytes of a body that one read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) bytes: usize,
    pub(super) arrival: Arrival,
    /// Whether nothing that could carry an event came with them and behind them, of this stream or another: the time of
    /// a read is that of its last byte, whosesoever that is.
    pub(super) ends_read: bool,
    /// The number of the read.
    read: u64,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self {
            incoming: Frames::behind(0),
            outgoing: Frames::behind(PREFACE),
            streams: HashMap::new(),
            reads: 0,
            settled: false,
            leaving: false,
            unheard: 0,
        }
    }

    /// Begins to look at a stream.
    pub(super) fn register(&mut self, stream: u32) {
        self.streams.insert(stream, Track::default());
    }

    /// Looks at a stream no more.
    pub(super) fn forget(&mut self, stream: u32) {
        let Some(track) = self.streams.remove(&stream) else { return };
        if track.sent_ns.is_some() && track.sent_behind == self.reads {
            self.unheard += 1;
            self.leaving = self.leaving || self.unheard >= UNHEARD;
        }
    }

    /// Whether the settings of the server are known.
    pub(super) fn is_settled(&self) -> bool {
        self.settled
    }

    /// Whether the server takes no more streams.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving
    }

    /// Notes bytes that one read brought.
    pub(super) fn arrived(&mut self, bytes: &[u8], arrival: Arrival) {
        self.reads += 1;
        self.unheard = 0;
        let Self { incoming, streams, reads, settled, leaving, .. } = self;
        let read = *reads;
        // the stream whose bytes are the last that could carry an event
        let mut last = None;
        incoming.follow(bytes, &mut |part| match part {
            Part::Begins(frame) => {
                let answer = matches!(frame.kind, kind::DATA | kind::HEADERS | kind::CONTINUATION);
                // the end of a body carries no event
                if last != Some(frame.stream) || !answer {
                    last = None;
                }
                *leaving |= frame.kind == kind::GOAWAY;
                if answer && let Some(track) = streams.get_mut(&frame.stream) {
                    track.brought_by(read, arrival);
                    if frame.kind != kind::DATA {
                        track.head_bytes += frame.length;
                    }
                }
            }
            Part::Data(stream, bytes) => {
                last = Some(stream);
                if let Some(track) = streams.get_mut(&stream) {
                    track.brought_by(read, arrival);
                    track.data(Stretch { bytes, arrival, ends_read: false, read });
                }
            }
            Part::Ends(frame) => *settled |= frame.kind == kind::SETTINGS && !frame.is_ack(),
        });
        // of which stream a header is that is not whole, nobody knows
        if let Some(track) = last.filter(|_| !incoming.is_within_header()).and_then(|id| streams.get_mut(&id))
            && let Some(stretch) = track.stretches.back_mut()
        {
            stretch.ends_read = true;
        }
    }

    /// Notes bytes that the connection took; the writing of them began at `at_ns`.
    pub(super) fn written(&mut self, bytes: &[u8], at_ns: u64) {
        let (streams, reads) = (&mut self.streams, self.reads);
        self.outgoing.follow(bytes, &mut |part| {
            if let Part::Begins(frame) = part
                && frame.kind == kind::HEADERS
                && let Some(track) = streams.get_mut(&frame.stream)
                && track.sent_ns.is_none()
            {
                track.sent_ns = Some(at_ns);
                track.sent_behind = reads;
                if let Some(mark) = &track.seen_sent {
                    mark.set(Some(at_ns));
                }
            }
        });
    }

    /// Lets others see when the request of a stream goes out.
    pub(super) fn show(&mut self, stream: u32, mark: &Arc<Mark>) {
        if let Some(track) = self.streams.get_mut(&stream) {
            mark.set(track.sent_ns);
            track.seen_sent = Some(Arc::clone(mark));
        }
    }

    /// Says what is known of a stream by now.
    pub(super) fn tell(&self, stream: u32, timing: &mut Timing) {
        let Some(track) = self.streams.get(&stream) else { return };
        timing.sent_ns = track.sent_ns;
        timing.first_byte_ns = track.first_byte_ns;
        timing.reads = track.reads;
        timing.clock = if track.from_user { ClockSource::User } else { ClockSource::Kernel };
    }

    /// Bytes of the heads of a stream so far, as they came.
    pub(super) fn head_bytes(&self, stream: u32) -> usize {
        self.streams.get(&stream).map_or(0, |track| track.head_bytes)
    }

    /// Takes bytes of a body off the front of what arrived of a stream: as many as one read brought, at most `bytes`.
    /// `None` where none have arrived.
    pub(super) fn take(&mut self, stream: u32, bytes: usize) -> Option<Stretch> {
        let stretches = &mut self.streams.get_mut(&stream)?.stretches;
        let front = stretches.front_mut()?;
        if front.bytes > bytes {
            front.bytes -= bytes;
            return Some(Stretch { bytes, ends_read: false, ..*front });
        }
        stretches.pop_front()
    }
}

impl Track {
    /// Counts a read that brought something of it.
    fn brought_by(&mut self, read: u64, arrival: Arrival) {
        if self.last_read != read {
            self.last_read = read;
            self.reads += 1;
        }
        self.first_byte_ns.get_or_insert(arrival.at_ns);
        self.from_user |= arrival.source == ClockSource::User;
    }

    fn data(&mut self, stretch: Stretch) {
        match self.stretches.back_mut() {
            // frames are no bounds of pieces: a read is
            Some(back) if back.read == stretch.read => back.bytes += stretch.bytes,
            _ => self.stretches.push_back(stretch),
        }
    }
}

#[cfg(test)]
mod tests;
