//! A TCP connection with a buffer, each of whose reads is stamped.

use std::{
    cell::Cell,
    io::{self, Write as _},
    mem::MaybeUninit,
    net::SocketAddr,
    task::{Context, Poll, ready},
};

use socket2::SockRef;
use tokio::{io::Interest, net::TcpStream};

use super::{Arrival, Clock, kernel};
use crate::record::ClockSource;

/// Bytes of one read at most: fast servers fill it.
const LARGE: usize = 64 << 10;

thread_local! {
    /// A buffer for the connection of this thread that is read next. Connections that hold nothing have none: ten thousand
    /// of them would need much memory, and each read would touch memory that no cache knows any more.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What a read found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    /// Bytes, which stand in the buffer; [`Socket::arrival`] has their arrival.
    Bytes,
    /// The other side has closed.
    End,
}

/// A connection of bytes.
pub(super) struct Socket {
    tcp: TcpStream,
    clock: Clock,
    /// Empty where nothing is held.
    buffer: Vec<u8>,
    /// What of the buffer is still to be taken.
    start: usize,
    end: usize,
    /// When the last read began that took all that was there, or the connection was made: what the next one brings
    /// arrived later.
    emptied_ns: u64,
    /// Whether the last read took all that there was room for.
    filled: bool,
    /// When the bytes of the last read arrived.
    arrival: Arrival,
}

impl Socket {
    pub(super) async fn connect(address: SocketAddr, clock: Clock) -> io::Result<Self> {
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        kernel::ask_for_stamps(&tcp);
        let now_ns = clock.now_ns();
        Ok(Self {
            tcp,
            clock,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            emptied_ns: now_ns,
            filled: false,
            arrival: Arrival::unseen(now_ns),
        })
    }

    /// What has been read and not been taken.
    pub(super) fn held(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Takes bytes off the front, which arrived with the last read.
    pub(super) fn take(&mut self, bytes: usize) -> (&[u8], &Arrival) {
        let from = self.start;
        self.start += bytes;
        (&self.buffer[from..self.start], &self.arrival)
    }

    /// When the bytes of the last read arrived.
    pub(super) fn arrival(&self) -> &Arrival {
        &self.arrival
    }

    /// Reads what is there behind what is held, and waits for it where nothing is. One that is never empty lets others go
    /// first: their bytes wait to be read, and what ends this exchange has to be heard.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Fill>> {
        if std::mem::take(&mut self.filled) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            if self.tcp.poll_read_ready(cx)?.is_pending() {
                self.put_away();
                return Poll::Pending;
            }
            self.make_room();
            let began_ns = self.clock.now_ns();
            let room = &mut self.buffer[self.end..];
            let mut received = None;
            let tried = self.tcp.try_io(Interest::READABLE, || {
                let read = kernel::receive(&self.tcp, room)?;
                received = Some(read);
                // a read that found less than there was room for has emptied the socket: the next one would only be
                // told so. The end of the stream stays.
                if read.bytes > 0 && read.bytes < room.len() {
                    Err(io::ErrorKind::WouldBlock.into())
                } else {
                    Ok(())
                }
            });
            match (received, tried) {
                (Some(received), _) => return Poll::Ready(Ok(self.received(received, began_ns))),
                (None, Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                (None, Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                (None, Err(error)) => return Poll::Ready(Err(error)),
                (None, Ok(())) => {}
            }
        }
    }

    /// Reads what is there, also where the runtime has not heard of it yet; never waits. `None` where nothing is.
    pub(super) fn fill_now(&mut self) -> io::Result<Option<Fill>> {
        self.make_room();
        let began_ns = self.clock.now_ns();
        match kernel::receive(&self.tcp, &mut self.buffer[self.end..]) {
            Ok(received) => Ok(Some(self.received(received, began_ns))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.put_away();
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn received(&mut self, received: kernel::Received, began_ns: u64) -> Fill {
        if received.bytes == 0 {
            return Fill::End;
        }
        self.end += received.bytes;
        let after_ns = self.emptied_ns;
        let emptied = self.end < self.buffer.len();
        self.filled = !emptied;
        if emptied {
            self.emptied_ns = began_ns;
        }
        // a stamp outside of what is possible is that of a wall clock that jumped
        let told = received.wall_ns.map(|wall_ns| self.clock.of_wall(wall_ns, began_ns));
        let told =
            told.and_then(|at_ns| u64::try_from(at_ns).ok()).filter(|at_ns| at_ns + LATE_NS >= after_ns);
        // nearly always they had arrived before the read began, and the clock need not be asked again
        let now_ns = if told.is_some_and(|at_ns| at_ns <= began_ns) { began_ns } else { self.clock.now_ns() };
        self.arrival = match told.filter(|at_ns| *at_ns <= now_ns + LATE_NS) {
            Some(at_ns) => Arrival {
                at_ns: at_ns.min(now_ns),
                after_ns: after_ns.min(at_ns),
                read_ns: now_ns,
                source: ClockSource::Kernel,
                exact: emptied,
            },
            None => Arrival { after_ns, ..Arrival::unseen(now_ns) },
        };
        Fill::Bytes
    }

    /// Room behind what is held.
    fn make_room(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = SPARE.take();
        }
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.buffer.len() < LARGE || self.end == self.buffer.len() {
            self.buffer.resize(LARGE.max(self.end * 2), 0);
        }
    }

    /// Leaves the buffer to others, where nothing is held. Called before waiting: whoever waits may do so for long.
    pub(super) fn put_away(&mut self) {
        if self.start < self.end {
            // as much as has to be kept
            self.buffer = self.held().to_vec();
            (self.start, self.end) = (0, self.buffer.len());
            return;
        }
        (self.start, self.end) = (0, 0);
        let buffer = std::mem::take(&mut self.buffer);
        if buffer.len() == LARGE {
            SPARE.set(buffer);
        }
    }

    /// Writes what fits, and never waits; asks the system itself, from any thread.
    pub(super) fn write_now(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match (&*SockRef::from(&self.tcp)).write(bytes) {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(0)
            }
            written => written,
        }
    }

    /// Writes what fits, and waits until anything does.
    pub(super) fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.tcp.poll_write_ready(cx))?;
            match self.tcp.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    /// Writes all of it. `false` where the other side began to talk before it had read everything.
    pub(super) async fn write(&mut self, mut bytes: &[u8]) -> io::Result<bool> {
        while !bytes.is_empty() {
            match self.tcp.try_write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let ready = self.tcp.ready(Interest::READABLE | Interest::WRITABLE).await?;
                    if ready.is_readable() && !ready.is_writable() {
                        if !self.is_quiet() {
                            return Ok(false);
                        }
                        // an old readiness: forget it, or the wait would end at once for ever
                        let _: io::Result<()> =
                            self.tcp.try_io(Interest::READABLE, || Err(io::ErrorKind::WouldBlock.into()));
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Whether the idle connection is open and silent, asked of the system itself: the runtime may not have heard yet
    /// that the server hung up.
    pub(super) fn is_quiet(&self) -> bool {
        let looked = SockRef::from(&self.tcp).peek(&mut [MaybeUninit::uninit()]);
        matches!(looked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    pub(super) fn clock(&self) -> Clock {
        self.clock
    }
}

/// How far a stamp of the kernel may lie outside of what is possible before it is not believed: the offset of the
/// wall clock is known to about a microsecond, and is slewed meanwhile.
const LATE_NS: u64 = 200_000;
