//! The null server: streams that cost as little as a server can make them cost, with the time of every write on
//! record. What a client sees of it is the client's own doing, so it serves to calibrate one.
//!
//! One thread, one poll. The path says what is wanted: `/GAP/v1/chat/completions` streams `max_tokens` chunks, the
//! first at once and each of the others GAP microseconds after the one before; with a gap of 0 as fast as the socket
//! takes them. `GET /stamps` hands out when each chunk of each answer that has ended was written, and forgets it:
//! lines of `REQUEST_ID WALL_NS WALL_NS …`, on the wall clock, of which the first is when the kernel received the request. Every other `GET` answers as a list of models.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    fmt::Write as _,
    io::{self, ErrorKind, Write as _},
    net,
    time::{Duration, Instant, SystemTime},
};

use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};

use crate::wire::kernel::{self, Received};

/// The listener; connections have their index.
const LISTENER: Token = Token(usize::MAX);

/// What a chunk carries: one token of text.
const EVENT: &str = "data: {\"id\":\"null\",\"object\":\"chat.completion.chunk\",\"model\":\"null\",\"choices\":\
                     [{\"index\":0,\"delta\":{\"content\":\" word\"},\"finish_reason\":null}]}\n\n";

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

const MODELS: &str = "{\"object\":\"list\",\"data\":[{\"id\":\"null\",\"object\":\"model\"}]}";

/// Bytes that are written at once where there is no gap.
const BLOCK: usize = 64 << 10;

/// Serves connections until `stop` says so, which is asked at least every 100 ms.
///
/// # Errors
/// What the system says of the listener or of the poll; connections that fail are dropped.
pub fn serve_null(listener: net::TcpListener, stop: &dyn Fn() -> bool) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut server = Server::new(TcpListener::from_std(listener))?;
    let mut events = Events::with_capacity(4096);
    while !stop() {
        server.turn(&mut events)?;
    }
    Ok(())
}

struct Server {
    poll: Poll,
    listener: TcpListener,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// When the next chunk of which connection is due.
    due: BinaryHeap<Reverse<(Instant, usize, u64)>>,
    /// Answers so far: tells a due time of an answer that is gone.
    answers: u64,
    written: BTreeMap<String, Vec<i64>>,
    chunk: Vec<u8>,
    block: Vec<u8>,
    /// Chunks in a block.
    per_block: u64,
}

struct Connection {
    socket: TcpStream,
    request: Vec<u8>,
    /// Written as soon as the socket takes it.
    unsent: Vec<u8>,
    /// When the last bytes came, on the wall clock.
    received_ns: i64,
    answer: Option<Answer>,
}

struct Answer {
    number: u64,
    request_id: String,
    gap: Duration,
    next: Instant,
    left: u64,
    tokens: u64,
    /// When the request was received, and each chunk written.
    stamps: Vec<i64>,
}

impl Server {
    fn new(mut listener: TcpListener) -> io::Result<Self> {
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let chunk = format!("{:x}\r\n{EVENT}\r\n", EVENT.len()).into_bytes();
        let per_block = BLOCK / chunk.len();
        Ok(Self {
            poll,
            listener,
            connections: Vec::new(),
            free: Vec::new(),
            due: BinaryHeap::new(),
            answers: 0,
            written: BTreeMap::new(),
            block: chunk.repeat(per_block),
            chunk,
            per_block: per_block as u64,
        })
    }

    /// Waits for something to do, and does it.
    fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        const LOOK_UP: Duration = Duration::from_millis(100);
        let wait = self
            .due
            .peek()
            .map_or(LOOK_UP, |Reverse((due, ..))| due.saturating_duration_since(Instant::now()).min(LOOK_UP));
        match self.poll.poll(events, Some(wait)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        for event in events.iter() {
            if event.token() == LISTENER {
                self.accept()?;
            } else {
                self.serve(event.token().0);
            }
        }
        let now = Instant::now();
        while let Some(Reverse((due, index, number))) = self.due.peek().copied()
            && due <= now
        {
            self.due.pop();
            let current = self.connections[index].as_ref().and_then(|connection| connection.answer.as_ref());
            if current.is_some_and(|answer| answer.number == number) {
                self.drop_failed(index, Self::write_chunks);
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let mut socket = match self.listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // a connection that was gone before it was taken
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            let _ = socket.set_nodelay(true);
            kernel::ask_for_stamps(&socket);
            let index = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut socket, Token(index), interest)?;
            self.connections[index] = Some(Connection {
                socket,
                request: Vec::new(),
                unsent: Vec::new(),
                received_ns: 0,
                answer: None,
            });
        }
    }

    /// Does something for a connection, and drops it where that fails.
    fn drop_failed(&mut self, index: usize, mut act: impl FnMut(&mut Self, usize) -> io::Result<()>) {
        if act(self, index).is_err() {
            self.connections[index] = None;
            self.free.push(index);
        }
    }

    /// Writes what waits to be written and reads what is there.
    fn serve(&mut self, index: usize) {
        if self.connections[index].is_none() {
            return;
        }
        self.drop_failed(index, |server, index| {
            let Some(connection) = &mut server.connections[index] else { return Ok(()) };
            connection.flush()?;
            if connection.answer.as_ref().is_some_and(|answer| answer.gap.is_zero()) {
                server.write_chunks(index)?;
            }
            server.read(index)
        });
    }

    fn read(&mut self, index: usize) -> io::Result<()> {
        let mut buffer = [0; 8 << 10];
        loop {
            let Some(connection) = &mut self.connections[index] else { return Ok(()) };
            match kernel::receive(&connection.socket, &mut buffer) {
                Ok(Received { bytes: 0, .. }) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(Received { bytes, wall_ns: received }) => {
                    connection.request.extend_from_slice(&buffer[..bytes]);
                    connection.received_ns = received.unwrap_or_else(wall_ns);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            if let Some(asked) = Asked::parse(&connection.request) {
                connection.request.clear();
                self.answer(index, asked)?;
            }
        }
    }

    fn answer(&mut self, index: usize, asked: Asked) -> io::Result<()> {
        self.answers += 1;
        let number = self.answers;
        let document = match asked {
            Asked::Models => MODELS.to_owned(),
            Asked::Stamps => self.take_stamps(),
            Asked::Stream { request_id, gap, tokens } => {
                let Some(connection) = &mut self.connections[index] else { return Ok(()) };
                connection.write(HEAD.as_bytes())?;
                let mut stamps = Vec::with_capacity(tokens as usize + 1);
                stamps.push(connection.received_ns);
                let next = Instant::now();
                connection.answer =
                    Some(Answer { number, request_id, gap, next, left: tokens, tokens, stamps });
                return self.write_chunks(index);
            }
        };
        let Some(connection) = &mut self.connections[index] else { return Ok(()) };
        let length = document.len();
        connection.write(
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{document}")
                .as_bytes(),
        )
    }

    fn take_stamps(&mut self) -> String {
        let mut text = String::new();
        for (request_id, stamps) in std::mem::take(&mut self.written) {
            text.push_str(&request_id);
            for stamp in stamps {
                // writing to a string does not fail
                let _ = write!(text, " {stamp}");
            }
            text.push('\n');
        }
        text
    }

    /// Writes the chunk that is due, or as many as the socket takes where there is no gap.
    fn write_chunks(&mut self, index: usize) -> io::Result<()> {
        let Self { connections, chunk, block, per_block, due, written, .. } = self;
        let Some(connection) = &mut connections[index] else { return Ok(()) };
        let Some(mut answer) = connection.answer.take() else { return Ok(()) };
        if !answer.gap.is_zero() && answer.left > 0 && !connection.unsent.is_empty() {
            // the client does not read: a server that skips a token is looked for again when the next is due
            answer.next += answer.gap;
            due.push(Reverse((answer.next, index, answer.number)));
        }
        while answer.left > 0 && connection.unsent.is_empty() {
            let at_once = if answer.gap.is_zero() { answer.left.min(*per_block) } else { 1 };
            let now = wall_ns();
            answer.stamps.extend(std::iter::repeat_n(now, at_once as usize));
            connection.write(&block[..chunk.len() * at_once as usize])?;
            answer.left -= at_once;
            answer.next += answer.gap;
            if !answer.gap.is_zero() && answer.left > 0 {
                due.push(Reverse((answer.next, index, answer.number)));
                break;
            }
        }
        if answer.left > 0 {
            connection.answer = Some(answer);
            return Ok(());
        }
        let end = format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"length\"}}],\"usage\":\
             {{\"prompt_tokens\":1,\"completion_tokens\":{0},\"total_tokens\":{0}}}}}\n\ndata: [DONE]\n\n",
            answer.tokens
        );
        written.insert(answer.request_id, answer.stamps);
        connection.write(format!("{:x}\r\n{end}\r\n0\r\n\r\n", end.len()).as_bytes())
    }
}

impl Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.unsent.is_empty() {
            let written = write_some(&mut self.socket, bytes)?;
            self.unsent.extend_from_slice(&bytes[written..]);
        } else {
            self.unsent.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.unsent.is_empty() {
            let written = write_some(&mut self.socket, &self.unsent)?;
            self.unsent.drain(..written);
        }
        Ok(())
    }
}

/// Writes until the socket takes no more, which is told by a write that it refuses.
fn write_some(socket: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match socket.write(&bytes[written..]) {
            Ok(more) => written += more,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Models,
    Stamps,
    Stream { request_id: String, gap: Duration, tokens: u64 },
}

impl Asked {
    /// Reads a request; `None` while it is not whole. What is not understood asks for the models.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = memchr::memmem::find(bytes, b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&bytes[..end]);
        let field = |name: &str| {
            head.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            })
        };
        let length: usize = field("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let body = bytes.get(end..end + length)?;
        let mut words = head.split(' ');
        let (method, path) = (words.next()?, words.next()?);
        if method == "GET" {
            return Some(if path == "/stamps" { Self::Stamps } else { Self::Models });
        }
        let gap = path.split('/').nth(1).and_then(|gap| gap.parse().ok()).unwrap_or(0);
        let tokens = number_after(body, b"\"max_tokens\":").unwrap_or(1).max(1);
        let request_id = field("x-request-id").unwrap_or_default();
        Some(Self::Stream { request_id, gap: Duration::from_micros(gap), tokens })
    }
}

fn number_after(body: &[u8], key: &[u8]) -> Option<u64> {
    let rest = body[memchr::memmem::find(body, key)? + key.len()..].trim_ascii_start();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

fn wall_ns() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_nanos() as i64
}
