//! One connection that requests share.

use std::{
    future::{Future as _, poll_fn},
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use http::response;

use super::{
    Body, Parts,
    failure::{Failure, of_connection},
    transport::{Transport, Watching},
};
use crate::wire::{Clock, Limits, Timing, WireError, stream::Stream};

/// Requests that share a connection at most, where the server allows more: what client libraries such as httpx keep to.
const MOST_STREAMS: usize = 100;

/// Bytes of a body that the server may send before the client has read any: far more than it is ever behind, so that it
/// never holds the server back.
const STREAM_WINDOW: u32 = 4 << 20;

/// The same over all streams.
const CONNECTION_WINDOW: u32 = 256 << 20;

/// Streams that were given up and whose last bytes may still arrive.
const MOST_RESET: usize = 1024;

/// For how long: a proxy may take its time to send what it still holds of them.
const REMEMBERED: Duration = Duration::from_secs(30);

/// A connection with a task that drives it, until nobody holds it any more and its last stream has ended.
pub(in super::super) struct Connection {
    sender: SendRequest<Bytes>,
    /// The number of the stream that is opened next: they are opened one at a time.
    next: Mutex<u32>,
    watch: Watching,
    clock: Clock,
    /// Places that are taken.
    taken: AtomicUsize,
    /// Whether a stream has been opened on it.
    used: AtomicBool,
    /// Whether it can open none any more.
    over: Arc<AtomicBool>,
}

impl Connection {
    /// Begins HTTP/2 on a connection, and waits until the server has said how many streams it allows.
    ///
    /// # Errors
    ///
    /// When the server ends the connection or speaks something else.
    pub(in super::super) async fn begin(stream: Stream) -> Result<Arc<Self>, WireError> {
        let clock = stream.clock();
        let transport = Transport::new(stream);
        let watch = transport.watch();
        let (sender, connection) = Builder::new()
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(Limits::default().head_bytes as u32)
            .max_concurrent_reset_streams(MOST_RESET)
            .reset_stream_duration(REMEMBERED)
            // a long run gives many streams up; that is no reason to end a connection that serves the others
            .max_local_error_reset_streams(None)
            .handshake(transport)
            .await
            .map_err(|error| of_connection(Some(&error)))?;
        let mut connection = Box::pin(connection);
        poll_fn(|cx| match connection.as_mut().poll(cx) {
            Poll::Ready(ended) => Poll::Ready(Err(of_connection(ended.err().as_ref()))),
            // it has nothing left to do, so it has dealt with all that was seen
            Poll::Pending if watch.lock().is_settled() => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        })
        .await?;
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        tokio::spawn(async move {
            // what went wrong is told to each stream
            let _ = connection.await;
            ended.store(true, Relaxed);
        });
        let (taken, used) = (AtomicUsize::new(0), AtomicBool::new(false));
        Ok(Arc::new(Self { sender, next: Mutex::new(1), watch, clock, taken, used, over }))
    }

    /// Whether streams can be opened on it, now or when others have ended.
    pub(super) fn is_open(&self) -> bool {
        !self.over.load(Relaxed) && !self.watch.lock().is_leaving()
    }

    /// Streams that it can carry at once.
    pub(super) fn most(&self) -> usize {
        self.sender.current_max_send_streams().min(MOST_STREAMS)
    }

    /// Streams that could be opened on it now.
    pub(super) fn room(&self) -> usize {
        if self.is_open() { self.most().saturating_sub(self.taken.load(Relaxed)) } else { 0 }
    }

    /// Takes a place on it. `None` where there is none.
    pub(super) fn reserve(self: &Arc<Self>) -> Option<Place> {
        if !self.is_open() {
            return None;
        }
        let most = self.most();
        let below = |taken| (taken < most).then_some(taken + 1);
        self.taken.fetch_update(Relaxed, Relaxed, below).ok()?;
        Some(Place { connection: Arc::clone(self) })
    }
}

/// A place on a connection, for one stream.
pub(in super::super) struct Place {
    connection: Arc<Connection>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connection.taken.fetch_sub(1, Relaxed);
    }
}

impl Place {
    /// Hands a request over to the connection, from any thread; its driver writes it. `None` where the connection has
    /// ended meanwhile.
    pub(super) fn open(self, parts: &Parts) -> Option<Opened> {
        let connection = &self.connection;
        // a handle of its own: one whose stream waits for the server to allow it would refuse the next
        let mut sender = connection.sender.clone();
        let mut next = connection.next.lock().unwrap_or_else(PoisonError::into_inner);
        // before its first byte can go out
        connection.watch.lock().register(*next);
        let sent = sender.send_request(parts.head.clone(), parts.body.is_empty());
        let Ok((answer, mut body)) = sent else {
            connection.watch.lock().forget(*next);
            connection.over.store(true, Relaxed);
            return None;
        };
        let id = answer.stream_id().as_u32();
        debug_assert_eq!(id, *next, "streams are numbered in turn");
        *next = id + 2;
        drop(next);
        if !parts.body.is_empty() {
            // an error is that of the stream, and its answer will tell it
            let _ = body.send_data(parts.body.clone(), true);
        }
        let reused = connection.used.swap(true, Relaxed);
        Some(Opened { answer, stream: OpenStream { id, place: self }, reused })
    }
}

/// A stream of a connection, which is watched and takes a place until it is dropped.
pub(super) struct OpenStream {
    id: u32,
    place: Place,
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.watch().lock().forget(self.id);
    }
}

impl OpenStream {
    fn watch(&self) -> &Watching {
        &self.place.connection.watch
    }

    /// Looks at what is known of it.
    pub(super) fn watched<T>(&self, look: impl FnOnce(u32, &mut super::watch::Watch) -> T) -> T {
        look(self.id, &mut self.watch().lock())
    }

    pub(super) fn clock(&self) -> Clock {
        self.place.connection.clock
    }
}

/// A request that was handed over to a connection.
pub(in super::super) struct Opened {
    // first: the protocol hears of the end before the place is free
    answer: ResponseFuture,
    stream: OpenStream,
    reused: bool,
}

/// Writes what is known of a stream into the timing of its exchange, also where the exchange is given up.
struct Telling<'a> {
    stream: &'a OpenStream,
    timing: &'a mut Timing,
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        self.stream.watched(|id, watch| watch.tell(id, self.timing));
    }
}

impl Opened {
    /// Whether its connection has carried a request before.
    pub(in super::super) fn reused(&self) -> bool {
        self.reused
    }

    /// The connection that it is on.
    pub(in super::super) fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.stream.place.connection)
    }

    /// Waits for the head of the answer.
    pub(in super::super) async fn head(
        self,
        limits: Limits,
        timing: &mut Timing,
    ) -> Result<(response::Parts, Body), Failure> {
        let Self { answer, stream, .. } = self;
        if let Some(mark) = &timing.seen_sent {
            stream.watched(|id, watch| watch.show(id, mark));
        }
        let mut answer = pin!(answer);
        let telling = Telling { stream: &stream, timing };
        let too_large = || stream.watched(|id, watch| watch.head_bytes(id)) > limits.head_bytes;
        let polled = poll_fn(|cx| match answer.as_mut().poll(cx) {
            // heads that only announce another one count, too
            Poll::Pending if too_large() => Poll::Ready(None),
            polled => polled.map(Some),
        })
        .await;
        drop(telling);
        let answered = timing.first_byte_ns.is_some();
        match polled {
            Some(Ok(_)) if too_large() => Err(Failure::too_large()),
            Some(Ok(head)) => {
                let (head, body) = head.into_parts();
                Ok((head, Body::new(body, stream)))
            }
            Some(Err(error)) => Err(Failure::of_head(&error, answered)),
            None => Err(Failure::too_large()),
        }
    }
}
