//! The connection as the protocol sees it: bytes in and out, watched on their way.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::watch::Watch;
use crate::wire::{Arrival, socket::Fill, stream::Stream};

/// A watch that the driver of a connection and those who read its streams look at.
///
/// Nobody asks the protocol for anything while holding it: the protocol writes under a lock of its own, and what is
/// written is noted here.
#[derive(Debug, Clone)]
pub(super) struct Watching(Arc<Mutex<Watch>>);

impl Watching {
    pub(super) fn lock(&self) -> MutexGuard<'_, Watch> {
        // a panic elsewhere would be one of this program; counts of bytes stay what they are
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A watched connection.
pub(super) struct Transport {
    stream: Stream,
    watch: Watching,
}

impl Transport {
    pub(super) fn new(stream: Stream) -> Self {
        let watch = Watching(Arc::new(Mutex::new(Watch::new())));
        if !stream.held().is_empty() {
            // the settings of a server that sent them with the end of the handshake; no answer, since nothing was asked
            watch.lock().arrived(stream.held(), Arrival::unseen(stream.clock().now_ns()));
        }
        Self { stream, watch }
    }

    pub(super) fn watch(&self) -> Watching {
        self.watch.clone()
    }
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { stream, watch } = self.get_mut();
        if stream.held().is_empty() {
            match ready!(stream.poll_fill(cx))? {
                Fill::Bytes => watch.lock().arrived(stream.held(), *stream.arrival()),
                Fill::End => return Poll::Ready(Ok(())),
            }
        }
        let bytes = stream.held().len().min(into.remaining());
        into.put_slice(stream.take(bytes).0);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self { stream, watch } = self.get_mut();
        let at_ns = stream.clock().now_ns();
        let written = ready!(stream.poll_write(cx, bytes))?;
        watch.lock().written(&bytes[..written], at_ns);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // the socket is closed when it is dropped
        self.poll_flush(cx)
    }
}
