//! Plays raw answers over loopback, and reads them with the product's own wire and protocol.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, Method};
use scenario::{
    catalog::Protocol,
    protocol::{Answer, Answered, Dialect, Ending, Flow, Meaning},
    wire::{Arrival, Clock, Limits, Origin, Piece, Pool, Request, Timing, WireError},
};

/// Answers each connection with the next of these lists of pieces, each written by itself, and ends it.
pub struct Player {
    pub address: SocketAddr,
    queue: Arc<Mutex<VecDeque<Vec<Vec<u8>>>>>,
}

impl Player {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let queue = Arc::new(Mutex::new(VecDeque::<Vec<Vec<u8>>>::new()));
        let next = Arc::clone(&queue);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let pieces = next.lock().unwrap().pop_front().expect("an answer for every connection");
                // a client that goes away early is what some answers are about
                let _ = play(&stream, &pieces);
            }
        });
        Self { address, queue }
    }

    /// The pieces that the next connection is answered with.
    pub fn put<'a>(&self, pieces: impl IntoIterator<Item = &'a [u8]>) {
        self.queue.lock().unwrap().push_back(pieces.into_iter().map(<[u8]>::to_vec).collect());
    }

    /// A pool without connections.
    pub fn pool(&self) -> Pool {
        let origin = Origin {
            host: self.address.ip().to_string(),
            port: self.address.port(),
            tls: false,
            authority: self.address.to_string(),
            base_path: "/v1".to_owned(),
            addresses: vec![self.address],
        };
        Pool::new(origin, Clock::start(), None).expect("no tls is needed")
    }
}

fn play(mut stream: &TcpStream, pieces: &[Vec<u8>]) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    // the request has no body, so its head is all of it
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? == 1 {
        request.extend(byte);
    }
    for piece in pieces {
        stream.write_all(piece)?;
    }
    stream.shutdown(Shutdown::Write)
}

/// One read answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Read {
    /// Status and version, where there is a head.
    pub head: Option<(u16, &'static str, Option<String>)>,
    /// The body as far as it was read.
    pub body: Vec<u8>,
    /// How the reading ended: all is read, the protocol needs no more, or what went wrong.
    pub end: Result<Flow, WireError>,
    /// What the protocol makes of it, as text.
    pub account: String,
}

/// Which protocol the answer in a file of this name belongs to.
pub fn protocol_of(name: &str) -> Protocol {
    if name.starts_with("completions_") { Protocol::OpenaiCompletions } else { Protocol::OpenaiChat }
}

/// Asks once and reads as the engine does, until the protocol needs no more; without a protocol to the end of the body.
pub async fn read(pool: &Pool, protocol: Option<Protocol>, limits: Limits) -> Read {
    let request = Request {
        method: Method::GET,
        target: pool.origin().target("/answer").expect("a path"),
        headers: HeaderMap::new(),
        body: Bytes::new(),
    };
    let mut timing = Timing::default();
    let mut response = match pool.send(&pool.message(&request), None, limits, &mut timing).await {
        Ok(response) => response,
        Err(error) => {
            let account = format!("outcome: {}\nerror: {error}\n", error.outcome().name());
            return Read { head: None, body: Vec::new(), end: Err(error), account };
        }
    };
    let status = response.status.as_u16();
    let content_type = response.content_type().map(str::to_owned);
    let version = response.http_version();
    let mut answer = protocol.map(|protocol| begin(protocol, status, content_type.as_deref()));
    let mut body = Vec::new();
    let end = loop {
        match response.next().await {
            Ok(Some(piece)) => {
                body.extend_from_slice(piece.bytes);
                if answer.as_mut().is_some_and(|answer| answer.read(piece) == Flow::Done) {
                    break Ok(Flow::Done);
                }
            }
            Ok(None) => break Ok(Flow::More),
            Err(error) => break Err(error),
        }
    };
    let ending = end.clone().map_or_else(Ending::from, |_| Ending::EndOfStream);
    let account = answer.map_or_else(String::new, |answer| account(&answer.end(0, ending)));
    response.finish();
    Read { head: Some((status, version, content_type)), body, end, account }
}

/// The account of an answer that was read, when its body comes byte by byte.
pub fn byte_by_byte(read: &Read, protocol: Protocol) -> Option<String> {
    let (status, _, content_type) = read.head.as_ref()?;
    let mut answer = begin(protocol, *status, content_type.as_deref());
    for (at_ns, byte) in (1..).zip(read.body.chunks(1)) {
        let source = scenario::record::ClockSource::Kernel;
        let arrival = Arrival { at_ns, after_ns: at_ns - 1, read_ns: at_ns, source, exact: true };
        if answer.read(Piece { bytes: byte, arrival: &arrival, ends_read: true }) == Flow::Done {
            break;
        }
    }
    let ending = read.end.clone().map_or_else(Ending::from, |_| Ending::EndOfStream);
    Some(account(&answer.end(0, ending)))
}

fn begin(protocol: Protocol, status: u16, content_type: Option<&str>) -> Answer {
    Answer::new(&Dialect::of(protocol, None), status, content_type).watched().keeping_texts()
}

/// What has to be the same however the bytes come: everything but the times.
fn account(answered: &Answered) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            writeln!(text, "{name}: {value}").expect("a string takes all");
        }
    };
    let number = |value: Option<u64>| value.map(|value| value.to_string());
    line("outcome", Some(answered.outcome.name().to_owned()));
    line("error", answered.error.clone());
    line("finish reason", answered.finish_reason.clone());
    line("output events", Some(answered.chunks.len().to_string()));
    line("input tokens", number(answered.input_tokens));
    line("output tokens", number(answered.output_tokens));
    line("token source", Some(format!("{:?}", answered.token_source)));
    line("reasoning tokens", number(answered.reasoning_tokens));
    line("cached tokens", number(answered.cached_tokens));
    line("server timings", answered.server_timings.as_ref().map(ToString::to_string));
    let kept = answered.texts.iter().flatten().map(|text| &text.text);
    for kept in kept.filter(|kept| !kept.is_empty()) {
        line("text", Some(format!("{} bytes, {kept:?}", kept.len())));
    }
    // a comment stands behind the events of its read, so its place depends on the reads
    let comments = answered.seen.iter().filter(|seen| seen.meaning == Meaning::Comment).count();
    line("comments", (comments > 0).then(|| comments.to_string()));
    for seen in answered.seen.iter().filter(|seen| seen.meaning != Meaning::Comment) {
        line("event", Some(format!("{} bytes, {}", seen.bytes, meaning(&seen.meaning))));
    }
    text
}

fn meaning(meaning: &Meaning) -> String {
    match meaning {
        Meaning::Document(carried) => {
            let contents = carried.contents;
            let mut parts: Vec<String> = [
                (contents.role, "role"),
                (contents.null_content, "null content"),
                (contents.text, "text"),
                (contents.reasoning, "reasoning"),
                (contents.tool_call, "tool call"),
                (contents.refusal, "refusal"),
                (carried.usage, "usage"),
                (carried.timings, "timings"),
            ]
            .into_iter()
            .filter(|(is, _)| *is)
            .map(|(_, name)| name.to_owned())
            .collect();
            parts.extend(carried.finish_reason.as_ref().map(|reason| format!("finish reason `{reason}`")));
            format!("document: {}", if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") })
        }
        Meaning::Done => "done".to_owned(),
        Meaning::KeepAlive => "keep-alive".to_owned(),
        Meaning::Comment => "comment".to_owned(),
        Meaning::Error(message) => format!("error: {message}"),
        Meaning::Malformed(message) => format!("malformed: {message}"),
    }
}

/// Bytes cut at these places, which need not be in order.
pub fn split<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.dedup();
    cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect()
}
