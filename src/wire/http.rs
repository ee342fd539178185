//! One HTTP/1.1 exchange: a request out, a response whose body frames carry their arrival.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri, Version, header};
use http_body_util::Full;
use hyper::{
    body::{Body as _, Frame, Incoming},
    client::conn::http1::{self, Connection, SendRequest},
};
use hyper_util::rt::TokioIo;

use super::{
    Mark, Pool, WireError,
    stream::{CLOCK_SOURCE, Marks, Stream},
};
use crate::record::ClockSource;

/// What is sent. The pool adds `host` and `accept-encoding`, hyper adds `content-length`.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query, from [`Origin::target`](super::Origin::target).
    pub target: Uri,
    /// Headers.
    pub headers: HeaderMap,
    /// The body; may be empty.
    pub body: Bytes,
}

/// How much of an answer is taken. What is over is [`WireError::Malformed`] or [`WireError::TooLarge`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Status line and headers in bytes, at least 8 KiB. A head has at most 100 headers whatever their size.
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
    /// Just before the first byte of the request was written, on the connection that counted.
    pub sent_ns: Option<u64>,
    /// The same for others to see while the exchange goes on; `None` where nobody looks.
    pub seen_sent: Option<Arc<Mark>>,
    /// How long the TCP connect took, where this request opened the connection.
    pub connect_ns: Option<u64>,
    /// How long the TLS handshake took, likewise.
    pub tls_ns: Option<u64>,
    /// Whether the connection had served a request before.
    pub reused: bool,
    /// Connections that the request was tried on: 1, or 2 where a pooled one died before the first byte.
    pub attempts: u32,
    /// Arrival of the first byte of the response.
    pub first_byte_ns: Option<u64>,
    /// Where arrival times come from.
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
            clock: CLOCK_SOURCE,
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

/// The head of an answer, and its body as it arrives. Dropping it before the body's end closes the connection.
pub struct Response<'pool> {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The version that the server speaks.
    pub version: Version,
    pool: &'pool Pool,
    tail: Tail,
    left: u64,
    limit: u64,
    compressed: bool,
}

impl Response<'_> {
    /// The `content-type` header.
    pub fn content_type(&self) -> Option<&str> {
        self.headers.get(header::CONTENT_TYPE)?.to_str().ok()
    }

    /// The version as records have it: `1.1`.
    pub fn http_version(&self) -> &'static str {
        if self.version == Version::HTTP_10 { "1.0" } else { "1.1" }
    }

    /// Reads that have brought response bytes so far.
    pub fn reads(&self) -> u32 {
        self.tail.exchange.marks.reads()
    }

    /// The next bytes of the body and the arrival of the read that brought them, in nanoseconds since the start of
    /// the run; `None` at its end. May be dropped and called again.
    ///
    /// # Errors
    ///
    /// When the connection breaks, the body's framing is bad, or the body is compressed or over the limit.
    pub async fn next(&mut self) -> Result<Option<(Bytes, u64)>, WireError> {
        if self.compressed {
            return Err(WireError::Malformed("the answer is compressed, unasked".to_owned()));
        }
        loop {
            let Some(frame) = poll_fn(|cx| self.tail.poll_frame(cx)).await? else {
                return Ok(None);
            };
            // trailers carry nothing of ours
            let Ok(data) = frame.into_data() else { continue };
            let Some(left) = self.left.checked_sub(data.len() as u64) else {
                self.tail.exchange.connection = None;
                return Err(WireError::TooLarge { limit: self.limit });
            };
            self.left = left;
            let arrival = self.tail.exchange.marks.arrival_ns().unwrap_or_default();
            return Ok(Some((data, arrival)));
        }
    }

    /// Ends the exchange. The connection goes back to the pool; where the end of the body has not arrived yet, the
    /// pool looks for it before it lends the connection again.
    pub fn finish(self) {
        self.pool.give_back(self.tail);
    }
}

/// The rest of an exchange: its connection and what is left of the body.
pub(super) struct Tail {
    exchange: Exchange,
    body: Incoming,
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
    /// Frames that a body may still have after the caller lost interest.
    const FRAMES: u32 = 16;

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, WireError>> {
        self.exchange.poll_frame(&mut self.body, cx)
    }

    /// Takes what has arrived of the body and drops it. Never waits.
    pub(super) fn settle(mut self) -> Settled {
        let quiet = &mut Context::from_waker(Waker::noop());
        for _ in 0..Self::FRAMES {
            match self.poll_frame(quiet) {
                Poll::Pending => return Settled::Unfinished(Box::new(self)),
                Poll::Ready(Ok(Some(_))) => {}
                Poll::Ready(Ok(None)) => {
                    return self.exchange.into_stream().map_or(Settled::Over, Settled::Idle);
                }
                Poll::Ready(Err(_)) => return Settled::Over,
            }
        }
        Settled::Over
    }
}

/// hyper's side of one exchange, polled by the task of the request itself.
struct Exchange {
    sender: SendRequest<Full<Bytes>>,
    /// `None` once it has ended.
    connection: Option<Connection<TokioIo<Stream>, Full<Bytes>>>,
    marks: Arc<Marks>,
    failure: Option<hyper::Error>,
}

impl Exchange {
    fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection
            && let Poll::Ready(end) = Pin::new(connection).poll(cx)
        {
            self.failure = end.err();
            self.connection = None;
        }
    }

    fn fault(&self, error: Option<&hyper::Error>) -> WireError {
        WireError::exchange(error, self.failure.as_ref(), self.marks.first_byte_ns().is_some())
    }

    /// Polls for the next frame.
    ///
    /// hyper's body is a channel with one place between its connection and its reader. Here both are polled by one
    /// task, which would wake itself up through that channel for every frame. So the reader polls without a waker
    /// (the socket's is the one that counts), and when a frame is in the channel the connection's own waker there is
    /// replaced by none before the frame is taken.
    fn poll_frame(
        &mut self,
        body: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame<Bytes>>, WireError>> {
        let quiet = &mut Context::from_waker(Waker::noop());
        self.drive(cx);
        let waiting = self.marks.waiting();
        if !waiting {
            self.drive(quiet);
        }
        match Pin::new(body).poll_frame(quiet) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Ok(Some(frame))),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Err(self.fault(Some(&error)))),
            Poll::Ready(None) => Poll::Ready(Ok(None)),
            Poll::Pending if self.connection.is_none() => Poll::Ready(Err(self.fault(None))),
            Poll::Pending => {
                // no frame after all: whatever the quiet poll registered for has to be registered again
                if !waiting {
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            }
        }
    }

    /// The stream, where the exchange is over and left nothing behind.
    fn into_stream(mut self) -> Option<Stream> {
        self.drive(&mut Context::from_waker(Waker::noop()));
        // ready means that hyper saw the whole request go out, the whole answer come in, and no wish to close
        if !self.sender.is_ready() {
            return None;
        }
        let parts = self.connection?.into_parts();
        parts.read_buf.is_empty().then(|| parts.io.into_inner().served())
    }
}

/// Sends a request on a connection and waits for the head of the answer.
pub(super) async fn exchange<'pool>(
    pool: &'pool Pool,
    mut stream: Stream,
    request: http::Request<Full<Bytes>>,
    limits: Limits,
    timing: &mut Timing,
) -> Result<Response<'pool>, WireError> {
    let marks = stream.begin();
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(limits.head_bytes.max(8 << 10))
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| WireError::exchange(Some(&error), None, false))?;
    let mut exchange = Exchange { sender, connection: Some(connection), marks, failure: None };
    let mut head = pin!(exchange.sender.send_request(request));
    let answer = poll_fn(|cx| {
        exchange.drive(cx);
        timing.sent(exchange.marks.sent_ns());
        timing.first_byte_ns = exchange.marks.first_byte_ns();
        head.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    })
    .await
    .map_err(|error| exchange.fault(Some(&error)))?;
    let (head, body) = answer.into_parts();
    let compressed = head
        .headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    Ok(Response {
        status: head.status,
        headers: head.headers,
        version: head.version,
        pool,
        tail: Tail { exchange, body },
        left: limits.body_bytes,
        limit: limits.body_bytes,
        compressed,
    })
}
