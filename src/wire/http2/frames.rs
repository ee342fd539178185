//! Frames in a stream of bytes, followed by their headers: RFC 9113, section 4.1. Pure; what is in them is not looked at.

/// Bytes of a frame's header.
const HEADER: usize = 9;

/// Frame types: RFC 9113, section 6.
pub(super) mod kind {
    pub(in super::super) const DATA: u8 = 0;
    pub(in super::super) const HEADERS: u8 = 1;
    pub(in super::super) const SETTINGS: u8 = 4;
    pub(in super::super) const GOAWAY: u8 = 7;
    pub(in super::super) const CONTINUATION: u8 = 9;
}

const ACK: u8 = 0x1;
const PADDED: u8 = 0x8;

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    /// Bytes behind the header.
    pub(super) length: usize,
    pub(super) kind: u8,
    flags: u8,
    /// 0 for the connection.
    pub(super) stream: u32,
}

impl Frame {
    fn parse(header: [u8; HEADER]) -> Self {
        let [a, b, c, kind, flags, id @ ..] = header;
        Self {
            length: u32::from_be_bytes([0, a, b, c]) as usize,
            kind,
            flags,
            // the first bit is reserved
            stream: u32::from_be_bytes(id) & 0x7fff_ffff,
        }
    }

    /// Whether it only says that a frame of this kind was received.
    pub(super) fn is_ack(self) -> bool {
        self.flags & ACK != 0
    }

    fn is_padded(self) -> bool {
        self.kind == kind::DATA && self.flags & PADDED != 0
    }
}

/// What bytes turn out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The header of a frame is whole.
    Begins(Frame),
    /// So many bytes of a body, of the frame that began last.
    Data(u32, usize),
    /// All of a frame has been seen.
    Ends(Frame),
}

/// Follows the frames of one direction. Any splitting of the bytes gives the same bodies.
#[derive(Debug)]
pub(super) struct Frames {
    /// Bytes before the first frame.
    preface: usize,
    header: [u8; HEADER],
    /// Bytes of the header that are there.
    have: usize,
    /// The frame whose header is there.
    frame: Option<Open>,
}

/// A frame of which something is still to come.
#[derive(Debug)]
struct Open {
    frame: Frame,
    /// Whether the next byte is the length of the padding.
    pad_length: bool,
    /// Bytes that are still to come, without the padding.
    content: usize,
    /// Bytes of padding that are still to come.
    padding: usize,
}

impl Frames {
    /// Frames behind so many bytes that are none.
    pub(super) fn behind(preface: usize) -> Self {
        Self { preface, header: [0; HEADER], have: 0, frame: None }
    }

    /// Whether the bytes so far end within the header of a frame.
    pub(super) fn is_within_header(&self) -> bool {
        self.have > 0 && self.frame.is_none()
    }

    /// Looks at more bytes.
    pub(super) fn follow(&mut self, mut bytes: &[u8], see: &mut impl FnMut(Part)) {
        let skipped = self.preface.min(bytes.len());
        self.preface -= skipped;
        bytes = &bytes[skipped..];
        while !bytes.is_empty() {
            let Some(open) = &mut self.frame else {
                let more = (HEADER - self.have).min(bytes.len());
                self.header[self.have..self.have + more].copy_from_slice(&bytes[..more]);
                self.have += more;
                bytes = &bytes[more..];
                if self.have == HEADER {
                    let frame = Frame::parse(self.header);
                    see(Part::Begins(frame));
                    self.frame = Some(Open::new(frame));
                    self.close_if_over(see);
                }
                continue;
            };
            bytes = open.take(bytes, see);
            self.close_if_over(see);
        }
    }

    fn close_if_over(&mut self, see: &mut impl FnMut(Part)) {
        if let Some(open) = self.frame.take_if(|open| open.is_over()) {
            self.have = 0;
            see(Part::Ends(open.frame));
        }
    }
}

impl Open {
    fn new(frame: Frame) -> Self {
        let pad_length = frame.is_padded() && frame.length > 0;
        Self { frame, pad_length, content: frame.length - usize::from(pad_length), padding: 0 }
    }

    fn is_over(&self) -> bool {
        !self.pad_length && self.content == 0 && self.padding == 0
    }

    /// Takes what is its own; gives the rest back.
    fn take<'a>(&mut self, bytes: &'a [u8], see: &mut impl FnMut(Part)) -> &'a [u8] {
        if self.pad_length {
            self.pad_length = false;
            // more padding than frame is an error, which `h2` tells
            self.padding = usize::from(bytes[0]).min(self.content);
            self.content -= self.padding;
            return &bytes[1..];
        }
        let content = self.content.min(bytes.len());
        self.content -= content;
        if content > 0 && self.frame.kind == kind::DATA {
            see(Part::Data(self.frame.stream, content));
        }
        let padding = self.padding.min(bytes.len() - content);
        self.padding -= padding;
        &bytes[content + padding..]
    }
}
