//! HTTP/2 against servers of the `h2` crate, and of bytes by hand.

use std::{future::poll_fn, net::SocketAddr, pin::Pin};

use ::h2::{
    Reason,
    server::{Builder, Connection, SendResponse, handshake},
};
use ::http::Response as Answer;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::{trust::Authority, *};
use crate::{config::HttpVersion, record::ClockSource};

pub(super) type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;
pub(super) type Handler = Box<dyn FnOnce(TcpStream) -> Serving + Send>;

/// What a server does with a connection.
pub(super) fn handler<F: Future<Output = ()> + Send + 'static>(
    serve: impl FnOnce(TcpStream) -> F + Send + 'static,
) -> Handler {
    Box::new(|stream| Box::pin(serve(stream)))
}

/// Serves connections by these handlers, in order; then refuses.
pub(super) async fn serving(handlers: Vec<Handler>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        for handler in handlers {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("a socket");
            tokio::spawn(handler(stream));
        }
    });
    address
}

fn pool_at(address: SocketAddr) -> Pool {
    let origin = Origin {
        host: "127.0.0.1".to_owned(),
        port: address.port(),
        tls: false,
        authority: address.to_string(),
        base_path: "/v1".to_owned(),
        addresses: vec![address],
    };
    Pool::new(origin, Clock::start(), None).expect("a pool").speaking(HttpVersion::Two)
}

type Server2<S = TcpStream> = Connection<S, Bytes>;

pub(super) async fn begin<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> Server2<S> {
    handshake(stream).await.expect("a client that speaks http/2")
}

/// The next request, with its body read.
pub(super) async fn next<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Server2<S>,
) -> Option<(String, SendResponse<Bytes>)> {
    let (request, respond) = connection.accept().await?.ok()?;
    let (head, mut body) = request.into_parts();
    let mut read = Vec::new();
    // the connection has to be driven while the body is read
    loop {
        tokio::select! {
            biased;
            data = body.data() => match data {
                Some(data) => read.extend(data.expect("a body")),
                None => break,
            },
            more = poll_fn(|cx| connection.poll_closed(cx)) => {
                more.expect("a connection");
                break;
            }
        }
    }
    let text = format!("{} {} {:?} {}", head.method, head.uri, head.headers, String::from_utf8_lossy(&read));
    Some((text, respond))
}

fn ok() -> Answer<()> {
    Answer::builder().header("content-type", "text/event-stream").body(()).expect("a head")
}

/// Answers a request with one frame.
pub(super) fn answer(mut respond: SendResponse<Bytes>, body: &str) {
    let mut out = respond.send_response(ok(), false).expect("a stream");
    out.send_data(Bytes::copy_from_slice(body.as_bytes()), true).expect("a stream");
}

/// Answers so many requests, then keeps the connection until the client leaves.
fn answering(body: &'static str) -> Handler {
    handler(move |stream| async move {
        let mut connection = begin(stream).await;
        while let Some((_, respond)) = next(&mut connection).await {
            answer(respond, body);
        }
    })
}

/// Drives a connection to its end.
async fn drive(mut connection: Server2) {
    while connection.accept().await.is_some() {}
}

#[tokio::test]
async fn a_request_goes_out_as_it_should() {
    let (told, mut requests) = mpsc::unbounded_channel();
    let address = serving(vec![handler(|stream| async move {
        let mut connection = begin(stream).await;
        let (request, respond) = next(&mut connection).await.expect("a request");
        told.send(request).expect("the test listens");
        answer(respond, "hi");
        drive(connection).await;
    })])
    .await;
    let pool = pool_at(address);
    let mut timing = Timing::default();
    let message = pool.message(&request());
    let mut response = pool.send(&message, None, Limits::default(), &mut timing).await.expect("a head");
    assert_eq!((response.status.as_u16(), response.http_version()), (200, "2"));
    assert_eq!(response.content_type(), Some("text/event-stream"));
    assert_eq!(response.next().await.expect("a frame").expect("not the end").bytes, b"hi");
    assert_eq!(response.next().await, Ok(None));
    response.finish();
    assert_eq!(
        requests.recv().await.expect("a request"),
        format!(
            "POST http://{address}/v1/chat/completions {{\"content-type\": \"application/json\", \
             \"accept-encoding\": \"identity\", \"content-length\": \"15\"}} {{\"stream\":true}}"
        )
    );
    assert!(timing.connect_ns.is_some() && timing.sent_ns < timing.first_byte_ns, "{timing:?}");
    assert_eq!((timing.reused, timing.attempts, pool.idle()), (false, 1, 1));
}

#[tokio::test]
async fn requests_share_a_connection_and_answers_come_in_any_order() {
    const REQUESTS: usize = 20;
    let address = serving(vec![handler(|stream| async move {
        let mut connection = begin(stream).await;
        let mut waiting = Vec::new();
        while waiting.len() < REQUESTS {
            waiting.push(next(&mut connection).await.expect("a request").1);
        }
        while let Some(respond) = waiting.pop() {
            answer(respond, "hi");
        }
        drive(connection).await;
    })])
    .await;
    let pool = Arc::new(pool_at(address));
    pool.open_ahead(REQUESTS).await.expect("a server");
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..REQUESTS {
        let pool = Arc::clone(&pool);
        running.spawn(async move { exchange(&pool).await.expect("an answer") });
    }
    let all = running.join_all().await;
    assert!(all.iter().all(|whole| whole.body == "hi" && whole.timing.attempts == 1));
    // opened ahead, so that nobody's time is that of a connection; the first to use it is the first
    assert!(all.iter().all(|whole| whole.timing.connect_ns.is_none()));
    assert_eq!(all.iter().filter(|whole| !whole.timing.reused).count(), 1);
}

#[tokio::test]
async fn beyond_what_a_server_allows_another_connection_is_opened() {
    let one_at_a_time = || {
        handler(|stream| async move {
            let mut connection: Server2 =
                Builder::new().max_concurrent_streams(1).handshake(stream).await.expect("a client");
            while let Some((_, respond)) = next(&mut connection).await {
                answer(respond, "hi");
            }
        })
    };
    let address = serving((0..3).map(|_| one_at_a_time()).collect()).await;
    let pool = pool_at(address);
    pool.open_ahead(2).await.expect("a server");
    assert_eq!(pool.idle(), 2);
    let message = pool.message(&request());
    let mut timings = [Timing::default(), Timing::default(), Timing::default()];
    let [first, second, third] = &mut timings;
    let held = [
        pool.send(&message, None, Limits::default(), first).await.expect("a head"),
        pool.send(&message, None, Limits::default(), second).await.expect("a head"),
        pool.send(&message, None, Limits::default(), third).await.expect("a head"),
    ];
    assert_eq!(pool.idle(), 0);
    for response in held {
        response.finish();
    }
    assert!(timings[..2].iter().all(|timing| timing.connect_ns.is_none() && !timing.reused));
    assert!(timings[2].connect_ns.is_some() && timings[2].attempts == 1);
    // places come free again
    while pool.idle() < 3 {
        tokio::task::yield_now().await;
    }
    let whole = exchange(&pool).await.expect("an answer");
    assert_eq!((whole.timing.reused, whole.timing.connect_ns), (true, None));
}

#[tokio::test]
async fn those_who_wait_for_a_connection_share_it() {
    let address = serving(vec![answering("hi")]).await;
    let pool = Arc::new(pool_at(address));
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let pool = Arc::clone(&pool);
        running.spawn(async move { exchange(&pool).await.expect("an answer").timing });
    }
    // a second connection would be refused
    let all = running.join_all().await;
    assert_eq!(all.iter().filter(|timing| timing.connect_ns.is_some()).count(), 1);
}

/// Events of the test below, and the least time between two writes: many times what the stamps may be off.
const EVENTS: usize = 20;
const GAP_NS: u64 = 3_000_000;

/// Writes events one by one, and says between which moments it did.
async fn write_events(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    clock: Clock,
    wrote: mpsc::UnboundedSender<(u64, u64)>,
) {
    let mut raw = raw(&mut stream).await;
    let mut next_ns = clock.now_ns();
    for event in 0..EVENTS {
        next_ns += GAP_NS;
        while clock.now_ns() < next_ns {
            tokio::task::yield_now().await;
        }
        raw.frame(0, 0, 1, format!("data: {event}\n\n").as_bytes());
        let before_ns = clock.now_ns();
        next_ns = next_ns.max(before_ns);
        stream.write_all(&std::mem::take(&mut raw.out)).await.expect("a client");
        stream.flush().await.expect("a client");
        wrote.send((before_ns, clock.now_ns())).expect("the test listens");
    }
    raw.frame(0, 1, 1, b"");
    stream.write_all(&raw.out).await.expect("a client");
    stream.flush().await.expect("a client");
    std::future::pending::<()>().await;
}

/// The protocol reads ahead of whoever reads it: by the time that anything is taken all has arrived, and each event must
/// still have the stamp of its own read.
async fn stamps_are_those_of_the_reads(pool: Pool, mut writes: mpsc::UnboundedReceiver<(u64, u64)>) {
    /// What the wall clock's offset may be off, with room for a slow machine.
    const SLACK_NS: u64 = 1_000_000;
    let mut timing = Timing::default();
    let message = pool.message(&request());
    let mut response = pool.send(&message, None, Limits::default(), &mut timing).await.expect("a head");
    let mut times = Vec::new();
    while times.len() < EVENTS {
        times.push(writes.recv().await.expect("a write"));
    }
    // nothing was taken so far
    let mut arrivals = Vec::new();
    while let Some(piece) = response.next().await.expect("a body") {
        // a read may have brought several, and then they are one piece
        let events = piece.bytes.windows(2).filter(|bytes| bytes == b"\n\n").count();
        arrivals.extend((1..=events).map(|n| (*piece.arrival, n == events && piece.ends_read)));
    }
    assert_eq!(arrivals.len(), EVENTS);
    let mut near = 0;
    let mut exact = 0;
    for ((before_ns, done_ns), (arrival, ends_read)) in times.iter().zip(&arrivals) {
        assert!(arrival.at_ns + SLACK_NS >= *before_ns, "it arrived before it was written: one ahead");
        assert!(arrival.after_ns <= *done_ns + SLACK_NS, "it arrived after a read that was later");
        if arrival.exact && *ends_read {
            exact += 1;
            // loopback delivers within the write, but for a machine that has no time
            near += usize::from(arrival.at_ns <= done_ns + SLACK_NS);
        }
    }
    assert!(2 * near >= exact, "{near} of {exact} exact stamps are those of their own write");
    // where the kernel stamps nothing, none is
    assert!(exact > 0 || arrivals.iter().all(|(arrival, _)| arrival.source == ClockSource::User));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn stamps_are_those_of_the_reads_however_late_the_bytes_are_taken() {
    let clock = Clock::start();
    let (wrote, writes) = mpsc::unbounded_channel();
    let address = serving(vec![handler(move |stream| write_events(stream, clock, wrote))]).await;
    let origin = pool_at(address).origin().clone();
    let pool = Pool::new(origin, clock, None).expect("a pool").speaking(HttpVersion::Two);
    stamps_are_those_of_the_reads(pool, writes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn stamps_are_those_of_the_reads_over_tls_too() {
    let clock = Clock::start();
    let authority = Authority::new();
    let acceptor = authority.acceptor(&["h2"], false);
    let (wrote, writes) = mpsc::unbounded_channel();
    let address = serving(vec![handler(move |stream| async move {
        write_events(acceptor.accept(stream).await.expect("a handshake"), clock, wrote).await;
    })])
    .await;
    let origin = Authority::origin(address);
    let tls = authority.trusting(HttpVersion::Two);
    let pool = Pool::new(origin, clock, Some(tls)).expect("a pool").speaking(HttpVersion::Two);
    stamps_are_those_of_the_reads(pool, writes).await;
}

/// A server that writes frames by hand.
struct Raw {
    out: Vec<u8>,
}

impl Raw {
    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.out.extend(&(payload.len() as u32).to_be_bytes()[1..]);
        self.out.extend([kind, flags]);
        self.out.extend(stream.to_be_bytes());
        self.out.extend(payload);
    }

    /// A head without its end: `:status: 200` of the static table of HPACK.
    fn head(&mut self, flags: u8) {
        self.frame(1, flags, 1, &[0x88]);
    }
}

/// Says its settings, waits until the request is there, and begins the answer on stream 1.
async fn raw(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Raw {
    let mut raw = raw_without_head(stream).await;
    raw.head(4);
    stream.write_all(&std::mem::take(&mut raw.out)).await.expect("a client");
    stream.flush().await.expect("a client");
    raw
}

async fn raw_without_head(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Raw {
    let mut raw = Raw { out: Vec::new() };
    raw.frame(4, 0, 0, b"");
    raw.frame(4, 1, 0, b"");
    stream.write_all(&std::mem::take(&mut raw.out)).await.expect("a client");
    stream.flush().await.expect("a client");
    let mut read = Vec::new();
    while !read.windows(15).any(|bytes| bytes == b"{\"stream\":true}") {
        assert_ne!(stream.read_buf(&mut read).await.expect("a client"), 0);
    }
    raw
}

/// What comes of an exchange with a server of bytes.
async fn against(bytes: impl FnOnce(&mut Raw) + Send + 'static) -> Result<Whole, WireError> {
    let address = serving(vec![handler(move |mut stream| async move {
        let mut raw = raw_without_head(&mut stream).await;
        bytes(&mut raw);
        // a client that has heard enough hangs up
        let _ = stream.write_all(&raw.out).await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })])
    .await;
    exchange(&pool_at(address)).await
}

#[tokio::test]
async fn frames_of_every_kind() {
    let whole = against(|raw| {
        // 1xx, a head in two frames, padding, an empty frame, a ping and trailers
        raw.frame(1, 4, 1, &[0x08, 3, b'1', b'0', b'3']);
        raw.frame(1, 0, 1, &[0x88]);
        raw.frame(9, 4, 1, b"\x00\x01x\x01y");
        raw.frame(0, 8, 1, &[&[3][..], b"hel", &[0; 3]].concat());
        raw.frame(0, 0, 1, b"");
        raw.frame(6, 0, 0, &[0; 8]);
        raw.frame(0, 0, 1, b"lo");
        raw.frame(1, 5, 1, b"\x00\x01t\x011");
    })
    .await
    .expect("an answer");
    assert_eq!(whole.body, "hello");
    assert!(whole.timing.first_byte_ns.is_some() && whole.timing.sent_ns < whole.timing.first_byte_ns);
}

#[tokio::test]
async fn hostile_servers_run_into_limits() {
    let too_large = "bad http: the head is too large";
    let early = || (4_u8, [0x08, 3, b'1', b'0', b'3']);
    for (what, outcome, bytes) in [
        // heads that only announce another one, without end
        (
            "interim heads",
            Some(too_large),
            Box::new(move |raw: &mut Raw| {
                for _ in 0..30_000 {
                    raw.frame(1, early().0, 1, &early().1);
                }
            }) as Box<dyn FnOnce(&mut Raw) + Send>,
        ),
        (
            "a head without end",
            None,
            Box::new(|raw: &mut Raw| {
                raw.frame(1, 0, 1, &[0x88]);
                for _ in 0..10_000 {
                    raw.frame(9, 0, 1, &[b"\x00\x01x\x7f\x00".as_slice(), &[b'y'; 127]].concat());
                }
            }),
        ),
        (
            "a head of a megabyte",
            None,
            Box::new(|raw: &mut Raw| {
                raw.frame(1, 0, 1, &[0x88]);
                for _ in 0..100 {
                    raw.frame(9, 0, 1, &[b"\x00\x01x\x7f\x81\x4e".as_slice(), &[b'y'; 10_112]].concat());
                }
                raw.frame(9, 4, 1, b"");
            }),
        ),
        (
            "a frame larger than was agreed",
            None,
            Box::new(|raw: &mut Raw| {
                raw.head(4);
                raw.frame(0, 0, 1, &vec![b'y'; 1 << 20]);
            }),
        ),
        (
            "a frame on a stream that nobody opened",
            None,
            Box::new(|raw: &mut Raw| {
                raw.frame(0, 0, 5, b"y");
            }),
        ),
        (
            "more padding than frame",
            None,
            Box::new(|raw: &mut Raw| {
                raw.head(4);
                raw.frame(0, 8, 1, &[9, 1, 2]);
            }),
        ),
        ("no http/2", None, Box::new(|raw: &mut Raw| raw.out.extend(b"HTTP/1.1 400 Bad Request\r\n\r\n"))),
    ] {
        let error = against(bytes).await.expect_err(what);
        assert_eq!(error.outcome(), Outcome::Malformed, "{what}: {error}");
        assert!(outcome.is_none_or(|outcome| error.to_string() == outcome), "{what}: {error}");
    }
}

#[tokio::test]
async fn bodies_have_a_limit_and_are_not_compressed() {
    let address = serving(vec![answering("0123456789x")]).await;
    let pool = pool_at(address);
    let limits = Limits { body_bytes: 10, ..Limits::default() };
    assert_eq!(
        exchange_within(&pool, limits).await.expect_err("too large"),
        WireError::TooLarge { limit: 10 }
    );
    // the connection is none the worse for it
    let whole = exchange(&pool).await.expect("an answer");
    assert_eq!((whole.body.as_str(), whole.timing.reused), ("0123456789x", true));

    let address = serving(vec![handler(|stream| async move {
        let mut connection = begin(stream).await;
        let (_, mut respond) = next(&mut connection).await.expect("a request");
        let head = Answer::builder().header("content-encoding", "gzip").body(()).expect("a head");
        respond
            .send_response(head, false)
            .expect("a stream")
            .send_data(Bytes::new(), true)
            .expect("a stream");
        drive(connection).await;
    })])
    .await;
    let error = exchange(&pool_at(address)).await.expect_err("compressed");
    assert_eq!(error.to_string(), "bad http: the answer is compressed, unasked");
}

#[tokio::test]
async fn a_server_that_leaves_before_it_begins_is_replaced_once() {
    let leaving = || {
        handler(|stream| async move {
            let mut stream = stream;
            let mut raw = raw_without_head(&mut stream).await;
            // no stream was begun
            raw.frame(7, 0, 0, &[0; 8]);
            stream.write_all(&raw.out).await.expect("a client");
            let _ = stream.read_to_end(&mut Vec::new()).await;
        })
    };
    let address = serving(vec![leaving(), answering("hi")]).await;
    let pool = pool_at(address);
    pool.open_ahead(1).await.expect("a server");
    let whole = exchange(&pool).await.expect("an answer");
    assert_eq!((whole.body.as_str(), whole.timing.attempts), ("hi", 2));
    assert!(whole.timing.connect_ns.is_some());

    // one that was opened for the request is not
    let address = serving(vec![leaving(), answering("hi")]).await;
    let error = exchange(&pool_at(address)).await.expect_err("no answer");
    assert_eq!(error.to_string(), "no answer: the server ends the connection: NO_ERROR");
    assert_eq!(error.outcome(), Outcome::ConnectFailed);
}

/// Resets the first stream for a reason, and answers the others.
fn resetting(reason: Reason) -> Handler {
    handler(move |stream| async move {
        let mut connection = begin(stream).await;
        let (_, mut respond) = next(&mut connection).await.expect("a request");
        respond.send_reset(reason);
        while let Some((_, respond)) = next(&mut connection).await {
            answer(respond, "hi");
        }
    })
}

#[tokio::test]
async fn a_refused_stream_is_sent_once_more_elsewhere_and_no_other() {
    let address = serving(vec![resetting(Reason::REFUSED_STREAM), answering("elsewhere")]).await;
    let pool = pool_at(address);
    pool.open_ahead(1).await.expect("a server");
    let whole = exchange(&pool).await.expect("an answer");
    assert_eq!((whole.body.as_str(), whole.timing.attempts), ("elsewhere", 2));

    let address = serving(vec![resetting(Reason::INTERNAL_ERROR), answering("elsewhere")]).await;
    let pool = pool_at(address);
    pool.open_ahead(1).await.expect("a server");
    let error = exchange(&pool).await.expect_err("no answer");
    assert_eq!(error.to_string(), "no answer: the server reset the stream: INTERNAL_ERROR");
    // it was about the stream, not the connection
    assert_eq!(exchange(&pool).await.expect("an answer").body, "hi");
}

#[tokio::test]
async fn a_connection_that_dies_is_replaced_before_the_first_byte_only() {
    let dying = || {
        handler(|mut stream| async move {
            raw_without_head(&mut stream).await;
        })
    };
    let address = serving(vec![dying(), answering("hi")]).await;
    let pool = pool_at(address);
    pool.open_ahead(1).await.expect("a server");
    let whole = exchange(&pool).await.expect("an answer");
    assert_eq!((whole.body.as_str(), whole.timing.attempts), ("hi", 2));

    let address = serving(vec![
        handler(|mut stream| async move {
            raw(&mut stream).await;
        }),
        answering("hi"),
    ])
    .await;
    let pool = pool_at(address);
    pool.open_ahead(1).await.expect("a server");
    let error = exchange(&pool).await.expect_err("a torn answer");
    assert_eq!(error, WireError::BrokenOff("connection closed by the server".to_owned()));
    assert_eq!((error.outcome(), pool.idle()), (Outcome::Truncated, 0));
}

#[tokio::test]
async fn a_reset_within_an_answer_tears_it_and_not_the_connection() {
    let address = serving(vec![handler(|stream| async move {
        let mut connection = begin(stream).await;
        let (_, mut respond) = next(&mut connection).await.expect("a request");
        let mut out = respond.send_response(ok(), false).expect("a stream");
        out.send_data(Bytes::from_static(b"hel"), false).expect("a stream");
        out.reserve_capacity(0);
        // what is sent goes out before it is reset
        let (_, again) = next(&mut connection).await.expect("another request");
        out.send_reset(Reason::INTERNAL_ERROR);
        answer(again, "whole");
        drive(connection).await;
    })])
    .await;
    let pool = pool_at(address);
    let mut timing = Timing::default();
    let message = pool.message(&request());
    let mut response = pool.send(&message, None, Limits::default(), &mut timing).await.expect("a head");
    assert_eq!(response.next().await.expect("a frame").expect("not the end").bytes, b"hel");
    assert_eq!(exchange(&pool).await.expect("an answer").body, "whole");
    let error = response.next().await.expect_err("torn");
    assert_eq!(error, WireError::BrokenOff("the server reset the stream: INTERNAL_ERROR".to_owned()));
    assert_eq!(error.outcome(), Outcome::Truncated);
}

#[tokio::test]
async fn giving_up_resets_the_stream_and_keeps_the_connection() {
    let (told, mut resets) = mpsc::unbounded_channel();
    let address = serving(vec![handler(|stream| async move {
        let mut connection = begin(stream).await;
        let (_, mut respond) = next(&mut connection).await.expect("a request");
        told.send(None).expect("the test listens");
        let reason = tokio::select! {
            reason = poll_fn(|cx| respond.poll_reset(cx)) => reason.expect("a reset"),
            _ = poll_fn(|cx| connection.poll_closed(cx)) => panic!("the stream alone was given up"),
        };
        told.send(Some(reason)).expect("the test listens");
        while let Some((_, respond)) = next(&mut connection).await {
            answer(respond, "hi");
        }
    })])
    .await;
    let pool = pool_at(address);
    let mut timing = Timing::default();
    let message = pool.message(&request());
    {
        let mut sending = std::pin::pin!(pool.send(&message, None, Limits::default(), &mut timing));
        tokio::select! {
            biased;
            _ = &mut sending => panic!("there is no answer"),
            _ = resets.recv() => {}
        }
    }
    // the future is gone, and what it knew is not
    assert!(timing.sent_ns.is_some() && timing.first_byte_ns.is_none());
    assert_eq!(resets.recv().await.expect("a reset"), Some(Reason::CANCEL));
    let whole = exchange(&pool).await.expect("an answer");
    assert_eq!((whole.body.as_str(), whole.timing.reused), ("hi", true));
}

#[tokio::test]
async fn a_place_that_was_reserved_serves_its_request_or_others() {
    let address = serving(vec![answering("hi")]).await;
    let pool = pool_at(address);
    pool.open_ahead(1).await.expect("a server");
    let message = pool.message(&request());
    let mut reserved = pool.reserve().expect("a place");
    // from a thread of no runtime, as the pacer does it
    let (mut reserved, message) = std::thread::spawn(move || {
        reserved.begin(&message);
        (reserved, message)
    })
    .join()
    .expect("no panic");
    reserved.begin(&message);
    let mark = Arc::new(Mark::default());
    let mut timing = Timing { seen_sent: Some(Arc::clone(&mark)), ..Timing::default() };
    let mut response =
        pool.send(&message, Some(reserved), Limits::default(), &mut timing).await.expect("a head");
    assert_eq!(response.next().await.expect("a frame").expect("not the end").bytes, b"hi");
    response.finish();
    assert!(timing.sent_ns.is_some() && mark.get() == timing.sent_ns);
    let reserved = pool.reserve().expect("a place");
    pool.release(reserved);
    assert_eq!(exchange(&pool).await.expect("an answer").timing.attempts, 1);
}

#[tokio::test]
async fn the_end_of_a_body_may_lag_behind_its_last_event() {
    let (go, mut gate) = mpsc::unbounded_channel::<()>();
    let address = serving(vec![handler(|stream| async move {
        let mut connection = begin(stream).await;
        let (_, mut respond) = next(&mut connection).await.expect("a request");
        let mut out = respond.send_response(ok(), false).expect("a stream");
        out.send_data(Bytes::from_static(b"data: [DONE]\n\n"), false).expect("a stream");
        tokio::select! {
            _ = gate.recv() => {}
            reason = poll_fn(|cx| out.poll_reset(cx)) => panic!("{reason:?}"),
            _ = poll_fn(|cx| connection.poll_closed(cx)) => panic!("closed"),
        }
        out.send_data(Bytes::new(), true).expect("a stream that was not reset");
        while let Some((_, respond)) = next(&mut connection).await {
            answer(respond, "hi");
        }
    })])
    .await;
    let pool = pool_at(address);
    let mut timing = Timing::default();
    let message = pool.message(&request());
    let mut response = pool.send(&message, None, Limits::default(), &mut timing).await.expect("a head");
    assert_eq!(response.next().await.expect("a frame").expect("not the end").bytes, b"data: [DONE]\n\n");
    response.finish();
    go.send(()).expect("the server waits");
    assert_eq!(exchange(&pool).await.expect("an answer").body, "hi");
}

#[tokio::test]
async fn a_server_of_http_1_is_no_server_of_http_2() {
    let server = Server::start(vec![vec![send("HTTP/1.1 400 Bad Request\r\n\r\n"), Step::Hold]]).await;
    let pool = pool_at(server.address);
    let error = exchange(&pool).await.expect_err("no http/2");
    assert_eq!(error.outcome(), Outcome::Malformed);
    assert!(error.to_string().starts_with("bad http: no http/2: "), "{error}");
    assert_eq!(pool.open_ahead(1).await.map_err(|error| error.outcome()), Err(Outcome::ConnectFailed));
}
