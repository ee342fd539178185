//! The connections of one endpoint.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
};

use http::{HeaderValue, uri::Authority};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::task::JoinSet;

use super::{
    Clock, Limits, Message, Origin, Request, Response, Timing, WireError,
    error::in_words,
    http::{Begun, Settled, Tail},
    http2::{self, Connection, Opened, Parts, Shared},
    socket::Socket,
    stream::Stream,
};
use crate::config::HttpVersion;

/// Connections to one origin, opened when there is none to lend and kept for as long as the server keeps them.
pub struct Pool {
    dialer: Arc<Dialer>,
    host: HeaderValue,
    authority: Authority,
    /// Those of HTTP/1.1, each for one request at a time.
    idle: Mutex<Idle>,
    /// Those of HTTP/2.
    shared: Shared,
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
    /// A pool without connections, which speaks HTTP/1.1. `tls` is needed where the origin is TLS, and is not looked at
    /// elsewhere.
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
        let bad = || WireError::Connect(format!("`{}` can be no host header", origin.authority));
        let host = HeaderValue::from_str(&origin.authority).map_err(|_| bad())?;
        let authority = origin.authority.parse().map_err(|_| bad())?;
        let speaks = Speaks::from(HttpVersion::One);
        let dialer = Arc::new(Dialer { origin, clock, tls, speaks });
        Ok(Self { dialer, host, authority, idle: Mutex::default(), shared: Shared::default() })
    }

    /// The same, which speaks another version; over TLS it is the one that its configuration offers by ALPN.
    pub fn speaking(self, http: HttpVersion) -> Self {
        let Dialer { origin, clock, tls, .. } = self.dialer.as_ref();
        let (origin, clock, tls) = (origin.clone(), *clock, tls.clone());
        let http = if http == HttpVersion::Auto && tls.is_none() { HttpVersion::One } else { http };
        let dialer = Arc::new(Dialer { origin, clock, tls, speaks: Speaks::from(http) });
        Self { dialer, ..self }
    }

    /// Where its connections lead.
    pub fn origin(&self) -> &Origin {
        &self.dialer.origin
    }

    /// Connections that are ready to be lent, or shared by one more request.
    pub fn idle(&self) -> usize {
        self.lock().ready.len() + self.shared.with_room()
    }

    /// Whether a connection can serve another request that its server has not closed by now.
    pub fn has_open(&self) -> bool {
        if self.shared.has_open() {
            return true;
        }
        let stream = self.lend();
        let open = stream.is_some();
        self.lock().ready.extend(stream);
        open
    }

    /// Opens connections until there are enough for `n` requests at a time, so that none has to be opened in the measured
    /// window.
    ///
    /// # Errors
    ///
    /// The first failure to connect; what was opened before it stays.
    pub async fn open_ahead(&self, n: usize) -> Result<(), WireError> {
        if n > 0 && self.dialer.speaks.may_share() && !self.shared.has_open() {
            // the first says what is spoken, and how many requests one carries
            let _turn = self.shared.turn().await;
            self.take_in(self.dialer.dial(&mut Timing::default()).await?);
        }
        let mut missing = if self.dialer.speaks.may_share() {
            n.saturating_sub(self.shared.room()).div_ceil(self.shared.most().max(1))
        } else {
            n.saturating_sub(self.idle())
        };
        let mut opening = JoinSet::new();
        while missing > 0 || !opening.is_empty() {
            while missing > 0 && opening.len() < OPENING {
                missing -= 1;
                let dialer = Arc::clone(&self.dialer);
                opening.spawn(async move { dialer.dial(&mut Timing::default()).await });
            }
            match opening.join_next().await {
                Some(Ok(dialed)) => self.take_in(dialed?),
                Some(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
                None => {}
            }
        }
        Ok(())
    }

    /// Adds a connection that was opened ahead of need.
    fn take_in(&self, dialed: Dialed) {
        match dialed {
            Dialed::Own(stream) => self.lock().ready.push_front(stream),
            Dialed::Shared(connection) => self.shared.add(connection),
        }
    }

    /// A request as it goes out to this origin; made ahead of need, since it takes time.
    pub fn message(&self, request: &Request) -> Message {
        let speaks = &self.dialer.speaks;
        let one = if speaks.may_lend() { Message::in_one(request, &self.host) } else { Vec::new() };
        let tls = self.dialer.origin.tls;
        let two = speaks.may_share().then(|| Parts::new(request, tls, &self.authority));
        Message { one, two }
    }

    /// Whether requests may come to share connections: then the first of them makes one for those after it.
    pub fn may_share(&self) -> bool {
        self.dialer.speaks.may_share()
    }

    /// Takes an open connection, or a place on one, for a request that is due soon. `None` where there is none.
    pub fn reserve(&self) -> Option<Reserved> {
        if self.dialer.speaks.may_share()
            && let Some(place) = self.shared.reserve(None)
        {
            return Some(Reserved(Held::Shared(place)));
        }
        self.lend().map(|stream| Reserved(Held::Own { stream, begun: None }))
    }

    /// Takes a connection back that was reserved in vain. One on which something was sent is of no more use.
    pub fn release(&self, reserved: Reserved) {
        if let Held::Own { stream, begun: None } = reserved.0 {
            self.lock().ready.push_back(stream);
        }
    }

    /// Sends a request and waits for the head of its answer, on the connection that was reserved for it or any other.
    ///
    /// A pooled connection that dies before the first byte of the answer is replaced once by a new one
    /// (`timing.attempts` = 2): servers close idle connections whenever they like. So is one of HTTP/2 whose server says
    /// that it did not begin with the request (`GOAWAY`, `REFUSED_STREAM`). A new connection that dies is a failure.
    /// Nothing else is ever tried again. Dropping the future closes the connection, or in HTTP/2 resets the stream.
    ///
    /// HTTP/2 requests of a pool share connections: each takes the oldest one that carries fewer than its server allows, 100 at
    /// most, and where there is none another one is opened, which those who waited for it share.
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
        match reserved.or_else(|| self.reserve()).map(|reserved| reserved.0) {
            Some(Held::Own { stream, begun }) => {
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
                // all other ways stand apart: their state is large, and requests on connections of their own hardly need it
                Box::pin(self.send_anew(message, None, limits, timing)).await
            }
            Some(Held::Shared(place)) => Box::pin(self.send_shared(message, place, limits, timing)).await,
            None => Box::pin(self.send_anew(message, None, limits, timing)).await,
        }
    }

    /// Sends a request on the connection that it shares, or if that refuses it on another one.
    async fn send_shared<'a>(
        &'a self,
        message: &Message,
        place: http2::Reserved,
        limits: Limits,
        timing: &'a mut Timing,
    ) -> Result<Response<'a>, WireError> {
        let mut refusing = None;
        if let Some(opened) = message.two.as_ref().and_then(|parts| place.opened(parts)) {
            timing.attempts = 1;
            timing.reused = opened.reused();
            let connection = opened.connection();
            match opened.head(limits, timing).await {
                Ok((head, body)) => return Ok(Response::shared(head, body, self, limits, timing)),
                Err(failure) if !failure.may_repeat => return Err(failure.error),
                Err(_) => refusing = Some(connection),
            }
        }
        self.send_anew(message, refusing, limits, timing).await
    }

    /// Sends a request on a new connection, or one that carries others and does not refuse it.
    async fn send_anew<'a>(
        &'a self,
        message: &Message,
        refusing: Option<Arc<Connection>>,
        limits: Limits,
        timing: &'a mut Timing,
    ) -> Result<Response<'a>, WireError> {
        timing.attempts += 1;
        timing.reused = false;
        timing.sent(None);
        match self.connect(message, refusing.as_ref(), timing).await? {
            Connected::Own(stream) => {
                let answered = Begun::new(stream, timing).head(message, limits, timing).await?;
                Ok(answered.response(self, limits, timing))
            }
            Connected::Shared(opened) => {
                timing.reused = opened.reused();
                let (head, body) = opened.head(limits, timing).await.map_err(|failure| failure.error)?;
                Ok(Response::shared(head, body, self, limits, timing))
            }
        }
    }

    /// A new connection, or where others open one too, a stream on that; none on a connection that refuses them.
    async fn connect(
        &self,
        message: &Message,
        refusing: Option<&Arc<Connection>>,
        timing: &mut Timing,
    ) -> Result<Connected, WireError> {
        let Some(parts) = message.two.as_ref().filter(|_| self.dialer.speaks.may_share()) else {
            return self.dialer.dial_own(timing).await.map(Connected::Own);
        };
        let turn = self.shared.turn().await;
        if !self.dialer.speaks.may_share() {
            // whoever came first has learnt that the server speaks HTTP/1.1
            drop(turn);
            return self.dialer.dial_own(timing).await.map(Connected::Own);
        }
        while let Some(place) = self.shared.reserve(refusing) {
            if let Some(opened) = place.opened(parts) {
                return Ok(Connected::Shared(opened));
            }
        }
        match self.dialer.dial(timing).await? {
            Dialed::Own(stream) => Ok(Connected::Own(stream)),
            Dialed::Shared(connection) => {
                let none =
                    || WireError::NoAnswer("the server takes no streams on a new connection".to_owned());
                let opened = http2::Reserved::on(&connection).and_then(|place| place.opened(parts));
                let opened = opened.ok_or_else(none)?;
                self.shared.add(connection);
                Ok(Connected::Shared(opened))
            }
        }
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
    speaks: Speaks,
}

/// What a server speaks, as far as it is known.
struct Speaks(AtomicU8);

impl Speaks {
    const ONE: u8 = 1;
    const TWO: u8 = 2;
    const UNKNOWN: u8 = 0;

    /// Whether requests may come to share a connection.
    fn may_share(&self) -> bool {
        self.0.load(Relaxed) != Self::ONE
    }

    /// Whether a request may get a connection of its own.
    fn may_lend(&self) -> bool {
        self.0.load(Relaxed) != Self::TWO
    }

    fn learn(&self, shares: bool) {
        self.0.store(if shares { Self::TWO } else { Self::ONE }, Relaxed);
    }
}

impl From<HttpVersion> for Speaks {
    fn from(http: HttpVersion) -> Self {
        Self(AtomicU8::new(match http {
            HttpVersion::One => Self::ONE,
            HttpVersion::Two => Self::TWO,
            HttpVersion::Auto => Self::UNKNOWN,
        }))
    }
}

/// A connection that was opened.
enum Dialed {
    /// For one request at a time.
    Own(Stream),
    /// For several.
    Shared(Arc<Connection>),
}

/// What a request goes out on.
enum Connected {
    Own(Stream),
    Shared(Opened),
}

/// A connection that was taken for one request.
pub struct Reserved(Held);

enum Held {
    Own {
        stream: Stream,
        /// When the request began to go out, and how much of it did.
        begun: Option<(u64, usize)>,
    },
    Shared(http2::Reserved),
}

impl Reserved {
    /// Stamps the moment and writes what the connection takes at once, or hands the request to the driver of a connection
    /// that is shared, which does both; from any thread. What is left, and what went wrong, is for [`Pool::send`].
    pub fn begin(&mut self, message: &Message) {
        match &mut self.0 {
            Held::Own { stream, begun } => {
                let sent_ns = stream.clock().now_ns();
                let written = stream.write_now(&message.one).unwrap_or(0);
                *begun = Some((sent_ns, written));
            }
            Held::Shared(place) => {
                if let Some(parts) = &message.two {
                    place.begin(parts);
                }
            }
        }
    }
}

impl Dialer {
    /// Opens a connection and finds out what is spoken on it.
    async fn dial(&self, timing: &mut Timing) -> Result<Dialed, WireError> {
        let stream = self.dial_own(timing).await?;
        if !self.speaks.may_share() {
            return Ok(Dialed::Own(stream));
        }
        if self.tls.is_some() && stream.agreed_protocol() != Some(b"h2") {
            if self.speaks.may_lend() {
                self.speaks.learn(false);
                return Ok(Dialed::Own(stream));
            }
            let reason = "the server did not agree on http/2 by alpn".to_owned();
            return Err(WireError::Tls { host: self.origin.host.clone(), reason });
        }
        let began = self.clock.now_ns();
        let connection = Connection::begin(stream).await?;
        self.speaks.learn(true);
        timing.connect_ns = timing.connect_ns.map(|connect_ns| connect_ns + self.clock.now_ns() - began);
        Ok(Dialed::Shared(connection))
    }

    /// Opens a connection to the first address that accepts one.
    async fn dial_own(&self, timing: &mut Timing) -> Result<Stream, WireError> {
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
