//! The body of an answer, each byte with its arrival.

use std::{
    future::poll_fn,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::Bytes;
use h2::RecvStream;
use tokio::task::coop;

use super::{connection::OpenStream, failure::translate};
use crate::{
    record::ClockSource,
    wire::{Arrival, Timing, WireError},
};

/// How long the end of a body may lag behind the terminal event of the answer before the stream is reset.
const LAG: Duration = Duration::from_secs(1);

/// A body, and the stream that it comes on. Dropping it before its end resets the stream and leaves the connection.
pub(in super::super) struct Body {
    // first: the protocol hears of the end before the place is free
    data: RecvStream,
    stream: OpenStream,
    /// What the protocol has handed out and nobody has taken.
    held: Bytes,
    /// What was taken last.
    taken: Bytes,
    /// When that arrived.
    arrival: Arrival,
}

impl Body {
    pub(super) fn new(data: RecvStream, stream: OpenStream) -> Self {
        Self { data, stream, held: Bytes::new(), taken: Bytes::new(), arrival: Arrival::unseen(0) }
    }

    /// Takes the next bytes, which all came with one read: whether they are the last of it. [`Self::taken`] has them.
    /// `None` at the end.
    pub(in super::super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        timing: &mut Timing,
    ) -> Poll<Result<Option<bool>, WireError>> {
        while self.held.is_empty() {
            let data = ready!(self.poll_data(cx));
            self.stream.watched(|id, watch| watch.tell(id, timing));
            match data {
                Some(Ok(bytes)) => self.held = bytes,
                Some(Err(error)) => return Poll::Ready(Err(translate(&error, true))),
                None => return Poll::Ready(Ok(None)),
            }
        }
        let held = self.held.len();
        let Some(stretch) = self.stream.watched(|id, watch| watch.take(id, held)) else {
            // bytes that were not seen below: their time is not known, and the record says so
            timing.clock = ClockSource::User;
            self.taken = std::mem::take(&mut self.held);
            self.arrival = Arrival::unseen(self.stream.clock().now_ns());
            return Poll::Ready(Ok(Some(false)));
        };
        self.taken = self.held.split_to(stretch.bytes);
        self.arrival = stretch.arrival;
        Poll::Ready(Ok(Some(stretch.ends_read)))
    }

    /// What was taken last, and when it arrived.
    pub(in super::super) fn taken(&self) -> (&[u8], &Arrival) {
        (&self.taken, &self.arrival)
    }

    /// Gives up what is left. The end of the body may still come; where it does not come soon, the stream is reset.
    pub(in super::super) fn finish(mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        let mut polled = self.poll_data(&mut cx);
        while let Poll::Ready(Some(Ok(_))) = polled {
            polled = self.poll_data(&mut cx);
        }
        if polled.is_pending() {
            tokio::spawn(async move {
                let end = async { while let Some(Ok(_)) = poll_fn(|cx| self.poll_data(cx)).await {} };
                let _ = tokio::time::timeout(LAG, end).await;
            });
        }
    }

    /// The next bytes, of which the server may send as many more at once.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, h2::Error>>> {
        // a server that sends without pause must not keep the task from all else
        let progress = ready!(coop::poll_proceed(cx));
        let data = ready!(self.data.poll_data(cx));
        progress.made_progress();
        if let Some(Ok(bytes)) = &data {
            // it fails where the stream is over, and then nothing waits for it
            let _ = self.data.flow_control().release_capacity(bytes.len());
        }
        Poll::Ready(data)
    }
}
