//! The connections of one endpoint.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::HeaderValue;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::task::JoinSet;

use super::{
    Clock, Limits, Message, Origin, Request, Response, Timing, WireError,
    error::in_words,
    http::{Begun, Settled, Tail},
    socket::Socket,
    stream::Stream,
};

/// Connections to one origin, opened when there is none to lend and kept for as long as the server keeps them.
pub struct Pool {
    dialer: Arc<Dialer>,
    host: HeaderValue,
    idle: Mutex<Idle>,
}

/// Idle connections are not polled by anybody.
#[derive(Default)]
struct Idle {
    /// What is lent next stands last. First the most recently used, which is the likeliest to be still open; then
    /// those that never served, the oldest first: a server with fewer threads than connections waits on the oldest
    /// ones, and would come to the newest last.
    ready: VecDeque<Stream>,
    /// Connections whose answer's last bytes were still to come, and since when; the oldest first.
    unfinished: VecDeque<(Box<Tail>, u64)>,
}

/// How long the end of a body may lag behind the terminal event of the answer before its connection is given up.
const LAG_NS: u64 = 1_000_000_000;

/// Connections that [`Pool::open_ahead`] opens at a time, so that a server's accept queue does not overflow.
const OPENING: usize = 64;

impl Pool {
    /// A pool without connections. `tls` is needed where the origin is TLS, and is not looked at elsewhere.
    ///
    /// # Errors
    ///
    /// When the origin is TLS and there is no configuration for it, or the host can be no server name.
    pub fn new(origin: Origin, clock: Clock, tls: Option<Arc<ClientConfig>>) -> Result<Self, WireError> {
        let refused = |reason: &str| WireError::Tls { host: origin.host.clone(), reason: reason.to_owned() };
        let tls = if origin.tls {
            let config = tls.ok_or_else(|| refused("no tls configuration was given"))?;
            let name = ServerName::try_from(origin.host.clone())
                .map_err(|_| refused("the host is no valid server name"))?;
            Some((config, name))
        } else {
            None
        };
        let host = HeaderValue::from_str(&origin.authority)
            .map_err(|_| WireError::Connect(format!("`{}` can be no host header", origin.authority)))?;
        Ok(Self { dialer: Arc::new(Dialer { origin, clock, tls }), host, idle: Mutex::default() })
    }

    /// Where its connections lead.
    pub fn origin(&self) -> &Origin {
        &self.dialer.origin
    }

    /// Connections that are ready to be lent.
    pub fn idle(&self) -> usize {
        self.lock().ready.len()
    }

    /// Whether a connection is idle that its server has not closed by now.
    pub fn has_open(&self) -> bool {
        let stream = self.lend();
        let open = stream.is_some();
        self.lock().ready.extend(stream);
        open
    }

    /// Opens connections until `n` are idle, so that none has to be opened in the measured window.
    ///
    /// # Errors
    ///
    /// The first failure to connect; what was opened before it stays.
    pub async fn open_ahead(&self, n: usize) -> Result<(), WireError> {
        let mut missing = n.saturating_sub(self.idle());
        let mut opening = JoinSet::new();
        while missing > 0 || !opening.is_empty() {
            while missing > 0 && opening.len() < OPENING {
                missing -= 1;
                let dialer = Arc::clone(&self.dialer);
                opening.spawn(async move { dialer.dial(&mut Timing::default()).await });
            }
            match opening.join_next().await {
                Some(Ok(stream)) => self.lock().ready.push_front(stream?),
                Some(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
                None => {}
            }
        }
        Ok(())
    }

    /// A request as it goes out to this origin; made ahead of need, since it takes time.
    pub fn message(&self, request: &Request) -> Message {
        Message::new(request, &self.host)
    }

    /// Takes an open connection for a request that is due soon. `None` where none is idle.
    pub fn reserve(&self) -> Option<Reserved> {
        self.lend().map(|stream| Reserved { stream, begun: None })
    }

    /// Takes a connection back that was reserved in vain. One on which something was sent is of no more use.
    pub fn release(&self, reserved: Reserved) {
        if reserved.begun.is_none() {
            self.lock().ready.push_back(reserved.stream);
        }
    }

    /// Sends a request and waits for the head of its answer, on the connection that was reserved for it or any other.
    ///
    /// A pooled connection that dies before the first byte of the answer is replaced once by a new one
    /// (`timing.attempts` = 2): servers close idle connections whenever they like. A new connection that dies is a
    /// failure. Nothing else is ever tried again. Dropping the future closes the connection.
    ///
    /// # Errors
    ///
    /// When there is no connection, no answer, or no HTTP within the limits; see [`WireError::outcome`].
    pub async fn send<'a>(
        &'a self,
        message: &Message,
        reserved: Option<Reserved>,
        limits: Limits,
        timing: &'a mut Timing,
    ) -> Result<Response<'a>, WireError> {
        timing.begin();
        if let Some(Reserved { stream, begun }) = reserved.or_else(|| self.reserve()) {
            timing.attempts = 1;
            timing.reused = stream.has_served();
            let begun = match begun {
                Some((sent_ns, written)) => {
                    timing.sent(Some(sent_ns));
                    Begun { stream, written }
                }
                None => Begun::new(stream, timing),
            };
            match begun.head(message, limits, timing).await {
                Err(WireError::NoAnswer(_)) => {}
                answered => return answered.map(|answered| answered.response(self, limits, timing)),
            }
        }
        timing.attempts += 1;
        timing.reused = false;
        timing.sent(None);
        let stream = self.dialer.dial(timing).await?;
        let answered = Begun::new(stream, timing).head(message, limits, timing).await?;
        Ok(answered.response(self, limits, timing))
    }

    /// An open connection, if there is one.
    fn lend(&self) -> Option<Stream> {
        loop {
            // one lock at a time: the look at the socket is a system call
            let candidate = self.lock().ready.pop_back();
            let mut stream = match candidate {
                Some(stream) => stream,
                None => self.settle_oldest()?,
            };
            if stream.is_quiet() {
                return Some(stream);
            }
        }
    }

    /// The oldest of the unfinished connections, if its body has ended by now.
    fn settle_oldest(&self) -> Option<Stream> {
        loop {
            let (tail, since_ns) = self.lock().unfinished.pop_front()?;
            match tail.settle() {
                Settled::Idle(stream) => return Some(stream),
                Settled::Unfinished(tail) if self.dialer.clock.now_ns() - since_ns < LAG_NS => {
                    self.lock().unfinished.push_front((tail, since_ns));
                    return None;
                }
                Settled::Unfinished(_) | Settled::Over => {}
            }
        }
    }

    /// Takes the connection of a finished exchange.
    pub(super) fn give_back(&self, tail: Tail) {
        match tail.settle() {
            Settled::Idle(stream) => self.lock().ready.push_back(stream),
            Settled::Unfinished(tail) => {
                let now = self.dialer.clock.now_ns();
                self.lock().unfinished.push_back((tail, now));
            }
            Settled::Over => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        // a panic elsewhere cannot leave a list of connections half changed
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Dialer {
    origin: Origin,
    clock: Clock,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

/// A connection that was taken for one request.
pub struct Reserved {
    stream: Stream,
    /// When the request began to go out, and how much of it did.
    begun: Option<(u64, usize)>,
}

impl Reserved {
    /// Stamps the moment and writes what the connection takes at once; from any thread. What is left, and what went
    /// wrong, is for [`Pool::send`].
    pub fn begin(&mut self, message: &Message) {
        let sent_ns = self.stream.clock().now_ns();
        let written = self.stream.write_now(message.bytes()).unwrap_or(0);
        self.begun = Some((sent_ns, written));
    }
}

impl Dialer {
    /// Opens a connection to the first address that accepts one.
    async fn dial(&self, timing: &mut Timing) -> Result<Stream, WireError> {
        let started = self.clock.now_ns();
        let socket = self.connect().await?;
        let connected = self.clock.now_ns();
        timing.connect_ns = Some(connected - started);
        let Some((config, name)) = &self.tls else {
            return Ok(Stream::plain(socket));
        };
        let stream = Stream::tls(socket, Arc::clone(config), name.clone())
            .await
            .map_err(|error| WireError::Tls { host: self.origin.host.clone(), reason: in_words(&error) })?;
        timing.tls_ns = Some(self.clock.now_ns() - connected);
        Ok(stream)
    }

    async fn connect(&self) -> Result<Socket, WireError> {
        let mut failure = WireError::Connect(format!("`{}` has no address", self.origin.host));
        for address in &self.origin.addresses {
            match Socket::connect(*address, self.clock).await {
                Ok(socket) => return Ok(socket),
                Err(error) => failure = WireError::connect(*address, &error),
            }
        }
        Err(failure)
    }
}

/// What the tests of this module need to look at a pool from inside.
#[cfg(test)]
impl Pool {
    pub(super) fn take_idle(&self) -> Stream {
        self.lock().ready.pop_back().expect("an idle connection")
    }

    pub(super) fn put_idle(&self, stream: Stream) {
        self.lock().ready.push_back(stream);
    }

    pub(super) fn lend_now(&self) -> Option<Stream> {
        self.lend()
    }
}
