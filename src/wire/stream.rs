//! The seam between the socket and everything above it: every read that brought bytes is stamped here.
//!
//! [`Socket`] stamps below TLS, where the kernel's receive times will be had one day; [`Stream`] is what hyper reads
//! from, and tells what it handed up through [`Marks`].

use std::{
    io::{self, IoSlice, Read as _},
    mem::MaybeUninit,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use rustls::pki_types::ServerName;
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::Clock;
use crate::record::ClockSource;

/// Where the stamps of this build come from.
pub(super) const CLOCK_SOURCE: ClockSource = ClockSource::User;

/// A TCP connection that remembers when its last read brought bytes.
pub(super) struct Socket {
    tcp: TcpStream,
    clock: Clock,
    received_ns: u64,
}

/// A connection, plain or TLS, as hyper sees it.
pub(super) struct Stream {
    io: Io,
    marks: Arc<Marks>,
    served: bool,
}

enum Io {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

/// What the stream tells of the request that it serves.
///
/// hyper owns the stream while a request runs, so this is shared. Both sides run in one task: the atomics order
/// nothing, they only make the sharing legal.
pub(super) struct Marks {
    sent_ns: AtomicU64,
    first_byte_ns: AtomicU64,
    arrival_ns: AtomicU64,
    reads: AtomicU32,
    waiting: AtomicBool,
}

/// A stamp that has not happened: 584 years into the run.
const NEVER: u64 = u64::MAX;

impl Marks {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            sent_ns: AtomicU64::new(NEVER),
            first_byte_ns: AtomicU64::new(NEVER),
            arrival_ns: AtomicU64::new(NEVER),
            reads: AtomicU32::new(0),
            waiting: AtomicBool::new(false),
        })
    }

    /// Just before the first byte of the request was written.
    pub(super) fn sent_ns(&self) -> Option<u64> {
        happened(self.sent_ns.load(Relaxed))
    }

    /// Arrival of the first byte of the response.
    pub(super) fn first_byte_ns(&self) -> Option<u64> {
        happened(self.first_byte_ns.load(Relaxed))
    }

    /// Arrival of the last read that brought response bytes; hyper reads only when it has nothing left to hand out,
    /// so the body frame that comes out next is of this read.
    pub(super) fn arrival_ns(&self) -> Option<u64> {
        happened(self.arrival_ns.load(Relaxed))
    }

    /// Reads that brought response bytes.
    pub(super) fn reads(&self) -> u32 {
        self.reads.load(Relaxed)
    }

    /// Whether the last read found nothing, so that the task will be woken by the socket.
    pub(super) fn waiting(&self) -> bool {
        self.waiting.load(Relaxed)
    }

    fn writing(&self, clock: Clock) {
        if self.sent_ns.load(Relaxed) == NEVER {
            self.sent_ns.store(clock.now_ns(), Relaxed);
        }
    }

    fn received(&self, at_ns: u64) {
        if self.first_byte_ns.load(Relaxed) == NEVER {
            self.first_byte_ns.store(at_ns, Relaxed);
        }
        // TLS may hand up in pieces what one read brought
        if self.arrival_ns.swap(at_ns, Relaxed) != at_ns {
            self.reads.fetch_add(1, Relaxed);
        }
    }
}

fn happened(at_ns: u64) -> Option<u64> {
    (at_ns != NEVER).then_some(at_ns)
}

impl Socket {
    pub(super) async fn connect(address: SocketAddr, clock: Clock) -> io::Result<Self> {
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        Ok(Self { tcp, clock, received_ns: NEVER })
    }
}

impl Stream {
    pub(super) fn plain(socket: Socket) -> Self {
        Self { io: Io::Plain(socket), marks: Marks::new(), served: false }
    }

    pub(super) async fn tls(
        socket: Socket,
        connector: &TlsConnector,
        name: ServerName<'static>,
    ) -> io::Result<Self> {
        let stream = connector.connect(name, socket).await?;
        Ok(Self { io: Io::Tls(Box::new(stream)), marks: Marks::new(), served: false })
    }

    /// Starts the account of a new request.
    pub(super) fn begin(&mut self) -> Arc<Marks> {
        self.marks = Marks::new();
        Arc::clone(&self.marks)
    }

    /// Notes that it has carried a whole exchange.
    pub(super) fn served(mut self) -> Self {
        self.served = true;
        self
    }

    /// Whether it has carried a whole exchange before.
    pub(super) fn has_served(&self) -> bool {
        self.served
    }

    /// Whether the idle connection is open and silent, asked of the system itself: tokio may not have heard yet that
    /// the server hung up.
    pub(super) fn is_quiet(&mut self) -> bool {
        match &mut self.io {
            Io::Plain(socket) => {
                nothing_to_read(&SockRef::from(&socket.tcp).peek(&mut [MaybeUninit::uninit()]))
            }
            // session tickets are no reason to drop a connection; what they are can only be told by reading them
            Io::Tls(stream) => {
                let (socket, session) = stream.get_mut();
                let socket = SockRef::from(&socket.tcp);
                loop {
                    match session.process_new_packets() {
                        Ok(state) if state.plaintext_bytes_to_read() == 0 && !state.peer_has_closed() => {}
                        _ => return false,
                    }
                    let read = session.read_tls(&mut (&*socket).by_ref());
                    if !matches!(read, Ok(1..)) {
                        return nothing_to_read(&read);
                    }
                }
            }
        }
    }

    fn socket(&self) -> &Socket {
        match &self.io {
            Io::Plain(socket) => socket,
            Io::Tls(stream) => stream.get_ref().0,
        }
    }
}

fn nothing_to_read(read: &io::Result<usize>) -> bool {
    matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.tcp).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.received_ns = self.clock.now_ns();
        }
        polled
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = match &mut self.io {
            Io::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            Io::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        };
        self.marks.waiting.store(polled.is_pending(), Relaxed);
        if buf.filled().len() > before {
            self.marks.received(self.socket().received_ns);
        }
        polled
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.marks.writing(self.socket().clock);
        match &mut self.io {
            Io::Plain(socket) => Pin::new(socket).poll_write(cx, buf),
            Io::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.marks.writing(self.socket().clock);
        match &mut self.io {
            Io::Plain(socket) => Pin::new(socket).poll_write_vectored(cx, bufs),
            Io::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Io::Plain(socket) => socket.is_write_vectored(),
            Io::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Io::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Io::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
