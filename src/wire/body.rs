//! Where the body of an answer ends, and what of the bytes is body: RFC 9112, section 6. Pure.

use super::WireError;

/// Bytes of one line of the chunked coding: a size with its extensions, or a trailer.
const MAX_LINE: usize = 16 << 10;

/// Bytes of all trailers.
const MAX_TRAILERS: usize = 64 << 10;

/// The body of an answer, as far as it has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Body {
    /// So many bytes are still to come.
    Sized(u64),
    /// Chunks, each with its size.
    Chunked(Chunked),
    /// Until the connection ends.
    UntilClose,
}

/// Where in the chunked coding the reading stands.
///
/// Flat, and changed field by field: it is looked at several times for every read, and a copy of what was written in parts
/// would wait until all that was written before it has reached the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunked {
    at: At,
    /// In a size line, the size so far; in a chunk, the bytes of it that are still to come.
    size: u64,
    /// Bytes of this size line or trailer so far.
    line: usize,
    /// Bytes of all trailers so far.
    trailers: usize,
}

/// What comes next in the chunked coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// The first digit of a size line.
    Size,
    /// Another digit, or what may follow the last.
    Digits,
    /// White space behind the size.
    Space,
    /// Extensions, which nobody reads.
    Extension,
    /// The LF behind the CR of a size line: were anything else taken, the body would be lost in a line that does not end.
    LineFeed,
    /// A chunk.
    Data,
    /// The line end behind a chunk.
    DataEnd,
    /// The LF of it.
    DataLineFeed,
    /// The trailers.
    Trailers,
    /// Nothing.
    Over,
}

/// What the front of the bytes is. With no data, more bytes are needed or the body is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// Bytes of the coding's own.
    pub(super) skip: usize,
    /// Bytes of the body behind them.
    pub(super) data: usize,
}

impl Body {
    /// A chunked body from its beginning.
    pub(super) fn chunked() -> Self {
        Self::Chunked(Chunked { at: At::Size, size: 0, line: 0, trailers: 0 })
    }

    /// Whether all of it has been read. One that ends with its connection never says so.
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Sized(0) | Self::Chunked(Chunked { at: At::Over, .. }))
    }

    /// Whether an end of the connection here is the end of the body rather than a break.
    pub(super) fn may_end(&self) -> bool {
        self.is_over() || *self == Self::UntilClose
    }

    /// Whether bytes carry nothing of the body: the coding's line ends and its last chunk.
    pub(super) fn has_none_in(&self, bytes: &[u8]) -> bool {
        match (self, bytes) {
            (_, []) | (Self::Chunked(Chunked { at: At::DataEnd, .. }), b"\r\n") => true,
            _ => self.clone().next(bytes).is_ok_and(|part| part.data == 0),
        }
    }

    /// Looks at the bytes that have arrived and goes on behind what it says of them.
    ///
    /// # Errors
    ///
    /// When they are no chunks.
    pub(super) fn next(&mut self, bytes: &[u8]) -> Result<Part, WireError> {
        match self {
            Self::UntilClose => Ok(Part { skip: 0, data: bytes.len() }),
            Self::Sized(left) => {
                let data = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= data as u64;
                Ok(Part { skip: 0, data })
            }
            Self::Chunked(chunked) => chunked.next(bytes),
        }
    }
}

impl Chunked {
    fn next(&mut self, bytes: &[u8]) -> Result<Part, WireError> {
        let mut rest = bytes;
        loop {
            let skip = bytes.len() - rest.len();
            rest = match (self.at, rest) {
                (At::Data, [_, ..]) => {
                    let data = rest.len().min(usize::try_from(self.size).unwrap_or(usize::MAX));
                    self.size -= data as u64;
                    if self.size == 0 {
                        self.at = At::DataEnd;
                    }
                    return Ok(Part { skip, data });
                }
                (At::Over, _) | (_, []) => return Ok(Part { skip, data: 0 }),
                (At::DataEnd, [b'\r', rest @ ..]) => {
                    self.at = At::DataLineFeed;
                    rest
                }
                (At::DataEnd | At::DataLineFeed, [b'\n', rest @ ..]) => {
                    (self.at, self.size, self.line) = (At::Size, 0, 0);
                    rest
                }
                (At::DataEnd | At::DataLineFeed, _) => return Err(bad("a chunk is longer than its size")),
                (At::Trailers, [byte, rest @ ..]) => {
                    self.trailer(*byte)?;
                    rest
                }
                (at, [byte, behind @ ..]) => {
                    if let Some((size, behind)) = (at == At::Size).then(|| usual_size(rest)).flatten() {
                        (self.at, self.size) = (At::Data, size);
                        behind
                    } else {
                        self.size_line(*byte)?;
                        behind
                    }
                }
            };
        }
    }

    /// Takes a byte of a size line.
    fn size_line(&mut self, byte: u8) -> Result<(), WireError> {
        self.line += 1;
        if self.line > MAX_LINE {
            return Err(bad("a chunk size line is too long"));
        }
        if let At::Size | At::Digits = self.at
            && let Some(digit) = char::from(byte).to_digit(16)
        {
            let size = self.size.checked_mul(16).ok_or_else(|| bad("a chunk size is too large"))?;
            (self.at, self.size) = (At::Digits, size + u64::from(digit));
            return Ok(());
        }
        self.at = match (self.at, byte) {
            (At::Size, b'\n') => return Err(bad("a chunk size is missing")),
            (At::Size, _) => return Err(bad("a chunk size is no hexadecimal number")),
            (_, b'\n') => {
                self.line = 0;
                if self.size == 0 { At::Trailers } else { At::Data }
            }
            (At::LineFeed, _) => return Err(bad("a chunk size line does not end as it should")),
            (_, b'\r') => At::LineFeed,
            (At::Extension, _) | (_, b';') => At::Extension,
            (_, b' ' | b'\t') => At::Space,
            _ => return Err(bad("a chunk size is no hexadecimal number")),
        };
        Ok(())
    }

    /// Takes a byte of the trailers.
    fn trailer(&mut self, byte: u8) -> Result<(), WireError> {
        self.trailers += 1;
        if self.trailers > MAX_TRAILERS {
            return Err(bad("the trailers are too long"));
        }
        match byte {
            b'\n' if self.line == 0 => self.at = At::Over,
            b'\n' => self.line = 0,
            b'\r' if self.line == 0 => {}
            _ => self.line += 1,
        }
        Ok(())
    }
}

/// The size in a whole line at the front that is as nearly all are, and what is behind it.
fn usual_size(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (mut size, mut rest) = (0, bytes);
    // as many digits as cannot be too large
    for _ in 0..8 {
        let (byte, behind) = rest.split_first()?;
        match (char::from(*byte).to_digit(16), behind) {
            (Some(digit), _) => (size, rest) = (size << 4 | u64::from(digit), behind),
            (None, [b'\n', behind @ ..]) if *byte == b'\r' && size > 0 => return Some((size, behind)),
            (None, _) => return None,
        }
    }
    None
}

fn bad(what: &str) -> WireError {
    WireError::Malformed(what.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The body that bytes carry when they come in these pieces, whether it is over, and what is left.
    fn read(mut body: Body, pieces: &[&[u8]]) -> Result<(Vec<u8>, bool, usize), WireError> {
        let mut whole = Vec::new();
        let mut left = 0;
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() && !body.is_over() {
                let Part { skip, data } = body.next(rest)?;
                whole.extend_from_slice(&rest[skip..skip + data]);
                rest = &rest[skip + data..];
            }
            left += rest.len();
        }
        Ok((whole, body.is_over(), left))
    }

    #[test]
    fn chunks_of_every_kind() {
        for (bytes, expected) in [
            ("5\r\nhello\r\n0\r\n\r\n", Ok(("hello", true))),
            ("5\nhello\n0\n\n", Ok(("hello", true))),
            ("3\r\nhel\r\n2;name=\"v\"\r\nlo\r\n0\r\nx: y\r\nz: w\r\n\r\n", Ok(("hello", true))),
            ("005 \r\nhello\r\n000\r\n\r\n", Ok(("hello", true))),
            ("5 \t;x y\r\nhello\r\n0 \n\n", Ok(("hello", true))),
            ("A\r\n0123456789\r\na\r\n0123456789\r\n", Ok(("01234567890123456789", false))),
            ("5\r\nhel", Ok(("hel", false))),
            ("", Ok(("", false))),
            ("zz\r\n", Err("a chunk size is no hexadecimal number")),
            ("-1\r\n", Err("a chunk size is no hexadecimal number")),
            (" 5\r\nhello", Err("a chunk size is no hexadecimal number")),
            ("\r\n", Err("a chunk size is no hexadecimal number")),
            ("\n", Err("a chunk size is missing")),
            ("5 5\r\nhello", Err("a chunk size is no hexadecimal number")),
            ("5 x\r\nhello", Err("a chunk size is no hexadecimal number")),
            ("5\rhello\r\n0\r\n\r\n", Err("a chunk size line does not end as it should")),
            ("5;a\rb\nhello", Err("a chunk size line does not end as it should")),
            ("10000000000000000\r\n", Err("a chunk size is too large")),
            ("5\r\nhelloo\r\n", Err("a chunk is longer than its size")),
        ] {
            let expected = expected
                .map(|(body, over)| (body.as_bytes().to_vec(), over, 0))
                .map_err(|error| WireError::Malformed(error.to_owned()));
            assert_eq!(read(Body::chunked(), &[bytes.as_bytes()]), expected, "{bytes:?}");
        }
        let long = format!("5;{}", "x".repeat(MAX_LINE));
        assert!(read(Body::chunked(), &[long.as_bytes()]).is_err());
        let trailers = format!("0\r\n{}", "x: y\r\n".repeat(MAX_TRAILERS / 6 + 1));
        assert!(read(Body::chunked(), &[trailers.as_bytes()]).is_err());
    }

    #[test]
    fn what_comes_behind_the_end_is_left() {
        assert_eq!(read(Body::Sized(2), &[b"hi!"]), Ok((b"hi".to_vec(), true, 1)));
        assert_eq!(read(Body::chunked(), &[b"0\r\n\r\n!!"]), Ok((Vec::new(), true, 2)));
        assert_eq!(read(Body::UntilClose, &[b"hi", b"!"]), Ok((b"hi!".to_vec(), false, 0)));
        assert!(Body::UntilClose.may_end() && Body::Sized(0).may_end());
        assert!(!Body::Sized(1).may_end() && !Body::chunked().may_end());
    }

    proptest! {
        #[test]
        fn any_splitting_gives_the_same_body(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..8),
            cuts in proptest::collection::vec(0usize..400, 0..12),
        ) {
            let mut bytes = Vec::new();
            for chunk in &chunks {
                bytes.extend(format!("{:X}\r\n", chunk.len()).bytes());
                bytes.extend(chunk);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            prop_assert_eq!(read(Body::chunked(), &pieces), Ok((chunks.concat(), true, 0)));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(Body::chunked(), &[&bytes]);
        }
    }
}
