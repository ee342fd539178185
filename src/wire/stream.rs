//! A connection, plain or TLS: the plain text that arrives, with the arrival of the read that brought it.

use std::{
    future::poll_fn,
    io::{self, Read as _, Write as _},
    task::{Context, Poll, ready},
};

use rustls::{ClientConnection, pki_types::ServerName};

use super::{
    Arrival, Clock,
    socket::{Fill, Socket},
};

/// A connection that requests go out on and answers come in on.
pub(super) struct Stream {
    socket: Socket,
    tls: Option<Box<Session>>,
    served: bool,
}

/// TLS over a socket. Stamps are taken below it: what is plain text has the arrival of the read that brought the last
/// byte of its record.
struct Session {
    tls: ClientConnection,
    /// Plain text, of which the part behind `start` is still to be taken.
    plain: Vec<u8>,
    start: usize,
    /// What is encrypted and still to be written.
    unsent: Vec<u8>,
}

impl Stream {
    pub(super) fn plain(socket: Socket) -> Self {
        Self { socket, tls: None, served: false }
    }

    /// Shakes hands.
    pub(super) async fn tls(
        socket: Socket,
        config: std::sync::Arc<rustls::ClientConfig>,
        name: ServerName<'static>,
    ) -> io::Result<Self> {
        let mut tls = ClientConnection::new(config, name).map_err(io::Error::other)?;
        // what the socket does not take waits in `unsent`
        tls.set_buffer_limit(None);
        let session = Session { tls, plain: Vec::new(), start: 0, unsent: Vec::new() };
        let mut stream = Self { socket, tls: Some(Box::new(session)), served: false };
        loop {
            let shaken = stream.tls.as_mut().map_or(Ok(true), |session| session.shake(&mut stream.socket));
            stream.flush().await?;
            if shaken? {
                // whoever opens connections ahead does not read them for long
                stream.socket.put_away();
                return Ok(stream);
            }
            if poll_fn(|cx| stream.socket.poll_fill(cx)).await? == Fill::End {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Plain text that has arrived and not been taken.
    pub(super) fn held(&self) -> &[u8] {
        match &self.tls {
            None => self.socket.held(),
            Some(session) => &session.plain[session.start..],
        }
    }

    /// Takes bytes off the front of what is held, which arrived with the last read.
    pub(super) fn take(&mut self, bytes: usize) -> (&[u8], &Arrival) {
        match &mut self.tls {
            None => self.socket.take(bytes),
            Some(session) => {
                let from = session.start;
                session.start += bytes;
                (&session.plain[from..session.start], self.socket.arrival())
            }
        }
    }

    /// When the bytes of the last read arrived.
    pub(super) fn arrival(&self) -> &Arrival {
        self.socket.arrival()
    }

    /// Reads more, behind what is held; waits for it.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Fill>> {
        loop {
            let fill = ready!(self.socket.poll_fill(cx))?;
            if let Some(fill) = self.decrypted(fill)? {
                return Poll::Ready(Ok(fill));
            }
        }
    }

    /// Reads what is there, also where the runtime has not heard of it yet; never waits. `None` where nothing is.
    pub(super) fn fill_now(&mut self) -> io::Result<Option<Fill>> {
        loop {
            let Some(fill) = self.socket.fill_now()? else { return Ok(None) };
            if let Some(fill) = self.decrypted(fill)? {
                return Ok(Some(fill));
            }
        }
    }

    /// What a read of the socket means above TLS; `None` where it brought no plain text.
    fn decrypted(&mut self, fill: Fill) -> io::Result<Option<Fill>> {
        let Some(session) = &mut self.tls else { return Ok(Some(fill)) };
        if fill == Fill::End {
            return Ok(Some(fill));
        }
        let before = session.plain.len() - session.start;
        let open = session.decrypt(&mut self.socket)?;
        Ok(match (session.plain.len() - session.start > before, open) {
            (true, _) => Some(fill),
            (false, true) => None,
            (false, false) => Some(Fill::End),
        })
    }

    /// Writes what the socket takes at once. Returns how much of it the socket, or TLS in its place, has taken.
    pub(super) fn write_now(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(session) = &mut self.tls else { return self.socket.write_now(bytes) };
        session.encrypt(bytes)?;
        let written = self.socket.write_now(&session.unsent)?;
        session.unsent.drain(..written);
        Ok(bytes.len())
    }

    /// Writes the rest. `false` where the other side began to talk before it had read everything.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<bool> {
        let Some(session) = &mut self.tls else { return self.socket.write(bytes).await };
        session.encrypt(bytes)?;
        self.flush().await
    }

    /// Writes what the socket, or TLS in its place, takes, and waits until it takes anything.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // what is encrypted already goes first, and bounds what waits
        ready!(self.poll_flush(cx))?;
        let Some(session) = &mut self.tls else { return self.socket.poll_write(cx, bytes) };
        session.encrypt(bytes)?;
        match self.poll_flush(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(bytes.len())),
        }
    }

    /// Waits until the socket has taken all that is encrypted.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(session) = &mut self.tls else { return Poll::Ready(Ok(())) };
        while !session.unsent.is_empty() {
            let written = ready!(self.socket.poll_write(cx, &session.unsent))?;
            session.unsent.drain(..written);
        }
        Poll::Ready(Ok(()))
    }

    /// The protocol that was agreed on by ALPN; `None` where none was, or there is no TLS.
    pub(super) fn agreed_protocol(&self) -> Option<&[u8]> {
        self.tls.as_ref()?.tls.alpn_protocol()
    }

    async fn flush(&mut self) -> io::Result<bool> {
        let Some(session) = &mut self.tls else { return Ok(true) };
        let unsent = std::mem::take(&mut session.unsent);
        self.socket.write(&unsent).await
    }

    /// Notes that it has carried a whole exchange.
    pub(super) fn served(mut self) -> Self {
        self.served = true;
        self.socket.put_away();
        self
    }

    /// Whether it has carried a whole exchange before.
    pub(super) fn has_served(&self) -> bool {
        self.served
    }

    /// Whether the idle connection is open and silent, asked of the system itself: the runtime may not have heard yet
    /// that the server hung up.
    pub(super) fn is_quiet(&mut self) -> bool {
        if self.tls.is_none() {
            return self.socket.is_quiet();
        }
        // session tickets are no reason to drop a connection; what they are can only be told by reading them
        matches!(self.fill_now(), Ok(None))
    }

    pub(super) fn clock(&self) -> Clock {
        self.socket.clock()
    }
}

impl Session {
    /// Takes the handshake further with what has arrived. `true` when it is over.
    fn shake(&mut self, socket: &mut Socket) -> io::Result<bool> {
        let taken = self.decrypt(socket);
        // also where it failed: the other side is told why
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.unsent)?;
        }
        taken?;
        Ok(!self.tls.is_handshaking())
    }

    /// Decrypts what the socket holds. `false` where the other side has said that nothing more will come.
    fn decrypt(&mut self, socket: &mut Socket) -> io::Result<bool> {
        self.plain.drain(..self.start);
        self.start = 0;
        while !socket.held().is_empty() {
            let mut held = socket.held();
            let before = held.len();
            self.tls.read_tls(&mut held)?;
            let taken = before - held.len();
            if taken == 0 {
                return Err(io::ErrorKind::InvalidData.into());
            }
            socket.take(taken);
            let state = self
                .tls
                .process_new_packets()
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            let waiting = state.plaintext_bytes_to_read();
            let from = self.plain.len();
            self.plain.resize(from + waiting, 0);
            self.tls.reader().read_exact(&mut self.plain[from..])?;
            if state.peer_has_closed() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn encrypt(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.tls.writer().write_all(bytes)?;
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.unsent)?;
        }
        Ok(())
    }
}
