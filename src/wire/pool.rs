//! The connections of one endpoint.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{HeaderValue, Version, header};
use http_body_util::Full;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::{
    Clock, Limits, Origin, Request, Response, Timing, WireError,
    error::in_words,
    http::{Settled, Tail, exchange},
    stream::{Socket, Stream},
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
            Some((TlsConnector::from(config), name))
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

    /// Sends a request and waits for the head of its answer.
    ///
    /// A pooled connection that dies before the first byte of the answer is replaced once by a new one
    /// (`timing.attempts` = 2): servers close idle connections whenever they like. A new connection that dies is a
    /// failure. Nothing else is ever tried again. Dropping the future closes the connection.
    ///
    /// # Errors
    ///
    /// When there is no connection, no answer, or no HTTP within the limits; see [`WireError::outcome`].
    pub async fn send(
        &self,
        request: &Request,
        limits: Limits,
        timing: &mut Timing,
    ) -> Result<Response<'_>, WireError> {
        timing.begin();
        if let Some(stream) = self.lend() {
            timing.attempts = 1;
            timing.reused = stream.has_served();
            match exchange(self, stream, self.message(request), limits, timing).await {
                Err(WireError::NoAnswer(_)) => {}
                answer => return answer,
            }
        }
        timing.attempts += 1;
        timing.reused = false;
        timing.sent(None);
        let stream = self.dialer.dial(timing).await?;
        exchange(self, stream, self.message(request), limits, timing).await
    }

    fn message(&self, request: &Request) -> http::Request<Full<Bytes>> {
        let mut message = http::Request::new(Full::new(request.body.clone()));
        *message.method_mut() = request.method.clone();
        *message.uri_mut() = request.target.clone();
        *message.version_mut() = Version::HTTP_11;
        *message.headers_mut() = request.headers.clone();
        message.headers_mut().insert(header::HOST, self.host.clone());
        message.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        message
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
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Dialer {
    /// Opens a connection to the first address that accepts one.
    async fn dial(&self, timing: &mut Timing) -> Result<Stream, WireError> {
        let started = self.clock.now_ns();
        let socket = self.connect().await?;
        let connected = self.clock.now_ns();
        timing.connect_ns = Some(connected - started);
        let Some((connector, name)) = &self.tls else {
            return Ok(Stream::plain(socket));
        };
        let stream = Stream::tls(socket, connector, name.clone())
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
