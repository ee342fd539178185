//! One exchange: a request out, an answer whose body comes in pieces with their arrival. Here of HTTP/1.1, and what all
//! versions have in common.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{HeaderMap, StatusCode, Version, header};

use super::{
    Arrival, Mark, Pool, WireError,
    body::{Body, Part},
    head::{Head, Message, is_compressed},
    http2,
    socket::Fill,
    stream::Stream,
};
use crate::record::ClockSource;

/// How much of an answer is taken. What is over is [`WireError::Malformed`] or [`WireError::TooLarge`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Status line and headers in bytes, with those of the interim answers (1xx) before it. A head has at most 100
    /// headers whatever their size.
    pub head_bytes: usize,
    /// The body in bytes.
    pub body_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { head_bytes: 64 << 10, body_bytes: 64 << 20 }
    }
}

/// When the parts of an exchange took place, in nanoseconds since the start of the run.
///
/// It belongs to the caller and is written while the exchange goes on, so it is right even when the future of
/// [`Pool::send`] is dropped by a time-out.
#[derive(Debug, Clone)]
pub struct Timing {
    /// Just before the first byte of the request was written, on the connection that counted; in HTTP/2 that of the
    /// frame with its head.
    pub sent_ns: Option<u64>,
    /// The same for others to see while the exchange goes on; `None` where nobody looks.
    pub seen_sent: Option<Arc<Mark>>,
    /// How long the TCP connect took, where this request opened the connection; in HTTP/2 with the wait for the
    /// server's settings.
    pub connect_ns: Option<u64>,
    /// How long the TLS handshake took, likewise.
    pub tls_ns: Option<u64>,
    /// Whether the connection had served a request before, or in HTTP/2 carried one.
    pub reused: bool,
    /// How often the request was sent: 1, or 2 where a pooled connection died before the first byte, or in HTTP/2 the
    /// server said that it had not begun with it.
    pub attempts: u32,
    /// Arrival of the first byte of the response.
    pub first_byte_ns: Option<u64>,
    /// Reads that brought response bytes.
    pub reads: u32,
    /// Where arrival times come from: the kernel only where it told those of all reads.
    pub clock: ClockSource,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            sent_ns: None,
            seen_sent: None,
            connect_ns: None,
            tls_ns: None,
            reused: false,
            attempts: 0,
            first_byte_ns: None,
            reads: 0,
            clock: ClockSource::Kernel,
        }
    }
}

impl Timing {
    fn read(&mut self, arrival: &Arrival) {
        if self.reads == 0 {
            self.first_byte_ns = Some(arrival.at_ns);
        }
        self.reads += 1;
        if arrival.source == ClockSource::User {
            self.clock = ClockSource::User;
        }
    }
}

impl Timing {
    /// Begins anew, in the sight of whoever looks.
    pub(super) fn begin(&mut self) {
        *self = Self { seen_sent: self.seen_sent.take(), ..Self::default() };
        self.sent(None);
    }

    /// Says when the request was sent, on the connection that counts for now.
    pub(super) fn sent(&mut self, at_ns: Option<u64>) {
        self.sent_ns = at_ns;
        if let Some(mark) = &self.seen_sent {
            mark.set(at_ns);
        }
    }
}

/// The head of an answer, and its body as it arrives. Dropping it before the body's end closes the connection, or in
/// HTTP/2 resets the stream.
///
/// What a read looks at stands in as few cache lines as it can.
#[repr(C, align(64))]
pub struct Response<'a> {
    source: Source,
    left: u64,
    timing: &'a mut Timing,
    limit: u64,
    pool: &'a Pool,
    /// The status.
    pub status: StatusCode,
    /// The version that the server speaks.
    pub version: Version,
    /// The headers.
    pub headers: HeaderMap,
}

/// Where the rest of an answer comes from.
enum Source {
    /// A connection of its own.
    Own(Tail),
    /// A stream of one that requests share.
    Shared(http2::Body),
    /// Nowhere: it is compressed, which nobody asked for.
    Compressed,
}

/// Bytes of a body, which arrived with one read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// When they arrived.
    pub arrival: &'a Arrival,
    /// Whether they are the last of their read: nothing of the answer, or of another one on the same connection, arrived
    /// with them and behind them.
    pub ends_read: bool,
}

/// Bytes of a body at the front of what is held.
struct Stretch {
    bytes: usize,
    ends_read: bool,
}

impl Response<'_> {
    /// The `content-type` header.
    pub fn content_type(&self) -> Option<&str> {
        self.headers.get(header::CONTENT_TYPE)?.to_str().ok()
    }

    /// The version as records have it: `1.1`.
    pub fn http_version(&self) -> &'static str {
        match self.version {
            Version::HTTP_10 => "1.0",
            Version::HTTP_2 => "2",
            _ => "1.1",
        }
    }

    /// What is known of the times so far.
    pub fn timing(&self) -> &Timing {
        self.timing
    }

    /// The next bytes of the body, which all came with one read; `None` at its end.
    ///
    /// # Errors
    ///
    /// When the connection breaks, the body's framing is bad, or the body is compressed or over the limit.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Piece<'_>>, WireError>> {
        let stretch = ready!(self.poll_stretch(cx))?;
        Poll::Ready(Ok(stretch.and_then(|stretch| self.piece(stretch))))
    }

    /// [`Self::poll_next`] as a future. May be dropped and called again.
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn next(&mut self) -> Result<Option<Piece<'_>>, WireError> {
        let stretch = poll_fn(|cx| self.poll_stretch(cx)).await?;
        Ok(stretch.and_then(|stretch| self.piece(stretch)))
    }

    fn poll_stretch(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Stretch>, WireError>> {
        let tail = match &mut self.source {
            Source::Own(tail) => tail,
            Source::Shared(body) => {
                let Some(ends_read) = ready!(body.poll_next(cx, self.timing))? else {
                    return Poll::Ready(Ok(None));
                };
                let bytes = body.taken().0.len();
                let left = self.left.checked_sub(bytes as u64);
                self.left = left.ok_or(WireError::TooLarge { limit: self.limit })?;
                return Poll::Ready(Ok(Some(Stretch { bytes, ends_read })));
            }
            Source::Compressed => {
                let error = WireError::Malformed("the answer is compressed, unasked".to_owned());
                return Poll::Ready(Err(error));
            }
        };
        let bytes = loop {
            if let Some(data) = tail.next_data()? {
                break data;
            }
            if tail.body.is_over() {
                return Poll::Ready(Ok(None));
            }
            match ready!(tail.stream.poll_fill(cx)) {
                Ok(Fill::Bytes) => self.timing.read(tail.stream.arrival()),
                Ok(Fill::End) if tail.body.may_end() => return Poll::Ready(Ok(None)),
                Ok(Fill::End) => return Poll::Ready(Err(WireError::broken_off(None))),
                Err(error) => return Poll::Ready(Err(WireError::broken_off(Some(&error)))),
            }
        };
        let Some(left) = self.left.checked_sub(bytes as u64) else {
            tail.keeps_alive = false;
            return Poll::Ready(Err(WireError::TooLarge { limit: self.limit }));
        };
        self.left = left;
        let ends_read = tail.ends_read(bytes);
        Poll::Ready(Ok(Some(Stretch { bytes, ends_read })))
    }

    /// The bytes of a stretch; `None` where there can be none.
    fn piece(&mut self, Stretch { bytes, ends_read }: Stretch) -> Option<Piece<'_>> {
        let (bytes, arrival) = match &mut self.source {
            Source::Own(tail) => tail.stream.take(bytes),
            Source::Shared(body) => body.taken(),
            Source::Compressed => return None,
        };
        Some(Piece { bytes, arrival, ends_read })
    }

    /// Ends the exchange. The connection goes back to the pool; where the end of the body has not arrived yet, the
    /// pool looks for it before it lends the connection again.
    pub fn finish(self) {
        match self.source {
            Source::Own(tail) => self.pool.give_back(tail),
            Source::Shared(body) => body.finish(),
            Source::Compressed => {}
        }
    }

    /// An answer on a connection that requests share.
    pub(super) fn shared<'a>(
        head: ::http::response::Parts,
        body: http2::Body,
        pool: &'a Pool,
        limits: Limits,
        timing: &'a mut Timing,
    ) -> Response<'a> {
        let source = if is_compressed(&head.headers) { Source::Compressed } else { Source::Shared(body) };
        Response {
            status: head.status,
            headers: head.headers,
            version: head.version,
            pool,
            timing,
            source,
            left: limits.body_bytes,
            limit: limits.body_bytes,
        }
    }
}

/// The rest of an exchange: its connection and what is left of the body.
pub(super) struct Tail {
    stream: Stream,
    body: Body,
    keeps_alive: bool,
}

/// How far a [`Tail`] has come without waiting.
pub(super) enum Settled {
    /// The body has ended and the connection can serve again.
    Idle(Stream),
    /// The end of the body is still to arrive.
    Unfinished(Box<Tail>),
    /// The connection is of no more use.
    Over,
}

impl Tail {
    /// Reads that a body may still take after the caller lost interest.
    const READS: u32 = 16;

    /// How many bytes at the front of what is held are body, once the coding's own are dropped. `None` where more
    /// has to arrive, or nothing more will.
    fn next_data(&mut self) -> Result<Option<usize>, WireError> {
        let Part { skip, data } = self.body.next(self.stream.held())?;
        self.stream.take(skip);
        Ok((data > 0).then_some(data))
    }

    /// Whether what is held behind so many bytes is no body any more: the coding's line ends and its last chunk
    /// carry no event.
    fn ends_read(&self, bytes: usize) -> bool {
        self.body.has_none_in(&self.stream.held()[bytes..])
    }

    /// Takes what has arrived of the body and drops it. Never waits.
    pub(super) fn settle(mut self) -> Settled {
        if !self.keeps_alive {
            return Settled::Over;
        }
        for _ in 0..Self::READS {
            loop {
                match self.next_data() {
                    Ok(Some(data)) => {
                        self.stream.take(data);
                    }
                    Ok(None) => break,
                    Err(_) => return Settled::Over,
                }
            }
            if self.body.is_over() {
                // what comes behind the end was not asked for
                return if self.stream.held().is_empty() {
                    Settled::Idle(self.stream.served())
                } else {
                    Settled::Over
                };
            }
            match self.stream.fill_now() {
                Ok(Some(Fill::Bytes)) => {}
                Ok(None) => return Settled::Unfinished(Box::new(self)),
                Ok(Some(Fill::End)) | Err(_) => return Settled::Over,
            }
        }
        Settled::Over
    }
}

/// A request of which something may have been written.
pub(super) struct Begun {
    pub(super) stream: Stream,
    /// Bytes of the message that the connection has taken.
    pub(super) written: usize,
}

/// The head of an answer with the connection that it came on.
pub(super) struct Answered {
    head: Head,
    stream: Stream,
    /// Whether the whole request went out: half of one leaves nothing that could be used again.
    whole: bool,
}

impl Begun {
    /// Stamps the moment and leaves the writing to [`Self::head`].
    pub(super) fn new(stream: Stream, timing: &mut Timing) -> Self {
        timing.sent(Some(stream.clock().now_ns()));
        Self { stream, written: 0 }
    }

    /// Writes the rest of a request and waits for the head of the answer.
    pub(super) async fn head(
        self,
        message: &Message,
        limits: Limits,
        timing: &mut Timing,
    ) -> Result<Answered, WireError> {
        let Self { mut stream, written } = self;
        // a server may answer before it has read everything, and hang up: what it said counts
        let sent = stream.write(&message.one[written..]).await;
        match read_head(&mut stream, limits, timing).await {
            Ok(head) => Ok(Answered { head, stream, whole: matches!(sent, Ok(true)) }),
            Err(WireError::NoAnswer(reason)) => {
                Err(sent
                    .map_or_else(|error| WireError::no_answer(Some(&error)), |_| WireError::NoAnswer(reason)))
            }
            Err(error) => Err(error),
        }
    }
}

impl Answered {
    pub(super) fn response<'a>(self, pool: &'a Pool, limits: Limits, timing: &'a mut Timing) -> Response<'a> {
        let Self { head, stream, whole } = self;
        let source = if head.is_compressed() {
            Source::Compressed
        } else {
            Source::Own(Tail { stream, body: head.body, keeps_alive: head.keeps_alive && whole })
        };
        Response {
            status: head.status,
            headers: head.headers,
            version: head.version,
            pool,
            timing,
            source,
            left: limits.body_bytes,
            limit: limits.body_bytes,
        }
    }
}

async fn read_head(stream: &mut Stream, limits: Limits, timing: &mut Timing) -> Result<Head, WireError> {
    // what is left for this head and those that only announce it
    let mut left = limits.head_bytes;
    loop {
        let filled = poll_fn(|cx| stream.poll_fill(cx)).await;
        let answered = timing.first_byte_ns.is_some();
        match filled {
            Ok(Fill::Bytes) => timing.read(stream.arrival()),
            Ok(Fill::End) if answered => return Err(WireError::broken_off(None)),
            Err(error) if answered => return Err(WireError::broken_off(Some(&error))),
            Ok(Fill::End) => return Err(WireError::no_answer(None)),
            Err(error) => return Err(WireError::no_answer(Some(&error))),
        }
        while let Some((head, length)) = Head::parse(stream.held())? {
            if length > left {
                return Err(WireError::Malformed("the head is too large".to_owned()));
            }
            left -= length;
            stream.take(length);
            if head.status == StatusCode::SWITCHING_PROTOCOLS {
                return Err(WireError::Malformed("the server wants another protocol".to_owned()));
            }
            if !head.status.is_informational() {
                return Ok(head);
            }
        }
        if stream.held().len() >= left {
            return Err(WireError::Malformed("the head is too large".to_owned()));
        }
    }
}
