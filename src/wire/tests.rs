//! The wire against scripted servers on loopback.

use std::task::Poll;

use ::http::{HeaderMap, HeaderValue, Method, Uri};
use bytes::Bytes;
use rustls::ClientConfig;
use std::sync::Arc;

use self::server::{Server, Step, send};
use super::*;
use crate::record::Outcome;

mod server;
mod over_http2;
mod over_tls;
mod trust;

const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// An answer with its length.
fn sized(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn chunk(data: &str) -> String {
    format!("{:x}\r\n{data}\r\n", data.len())
}

fn pool(server: &Server) -> Pool {
    pool_with(server, "127.0.0.1", None)
}

fn pool_with(server: &Server, host: &str, tls: Option<Arc<ClientConfig>>) -> Pool {
    let origin = Origin {
        host: host.to_owned(),
        port: server.address.port(),
        tls: tls.is_some(),
        authority: format!("{host}:{}", server.address.port()),
        base_path: "/v1".to_owned(),
        addresses: vec![server.address],
    };
    Pool::new(origin, Clock::start(), tls).expect("a pool")
}

fn request() -> Request {
    Request {
        method: Method::POST,
        target: Uri::from_static("/v1/chat/completions"),
        headers: HeaderMap::from_iter([(
            ::http::header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        )]),
        body: Bytes::from_static(b"{\"stream\":true}"),
    }
}

/// What came of one exchange that was read to its end.
#[derive(Debug)]
struct Whole {
    body: String,
    frames: Vec<(String, u64)>,
    timing: Timing,
}

async fn exchange(pool: &Pool) -> Result<Whole, WireError> {
    exchange_within(pool, Limits::default()).await
}

async fn exchange_within(pool: &Pool, limits: Limits) -> Result<Whole, WireError> {
    let mut timing = Timing::default();
    let message = pool.message(&request());
    let mut response = pool.send(&message, None, limits, &mut timing).await?;
    let mut frames = Vec::new();
    while let Some(piece) = response.next().await? {
        frames.push((String::from_utf8_lossy(piece.bytes).into_owned(), piece.arrival.at_ns));
    }
    response.finish();
    let body = frames.iter().map(|(data, _)| data.as_str()).collect();
    Ok(Whole { body, frames, timing })
}

#[tokio::test]
async fn a_request_goes_out_as_it_should() {
    let mut server = Server::start(vec![vec![Step::Request, send(sized("hi"))]]).await;
    let whole = exchange(&pool(&server)).await.expect("an answer");
    assert_eq!(whole.body, "hi");
    assert_eq!(
        server.request().await,
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncontent-type: application/json\r\n\
             accept-encoding: identity\r\ncontent-length: 15\r\n\r\n{{\"stream\":true}}",
            server.address.port()
        )
    );
}

#[tokio::test]
async fn stamps_are_in_order_and_setup_is_kept_apart() {
    let script =
        vec![Step::Request, send(CHUNKED), Step::Wait, send(chunk("a")), Step::Wait, send("0\r\n\r\n")];
    let server = Server::start(vec![script]).await;
    let pool = pool(&server);
    let mut timing = Timing::default();
    let before = pool.origin().clone();
    let mut response =
        pool.send(&pool.message(&request()), None, Limits::default(), &mut timing).await.expect("a head");
    server.go();
    let piece = response.next().await.expect("a frame").expect("not the end");
    assert_eq!(piece.bytes, b"a");
    let arrival_ns = piece.arrival.at_ns;
    server.go();
    assert_eq!(response.next().await, Ok(None));
    let timing = response.timing().clone();
    let (sent, first_byte) = (timing.sent_ns.expect("sent"), timing.first_byte_ns.expect("answered"));
    assert!(timing.connect_ns.expect("a new connection") <= sent);
    assert!(sent < first_byte && first_byte < arrival_ns, "{timing:?} {arrival_ns}");
    assert_eq!((timing.tls_ns, timing.reused, timing.attempts), (None, false, 1));
    assert_eq!((response.timing().reads, response.http_version(), response.status.as_u16()), (3, "1.1", 200));
    assert_eq!(response.content_type(), Some("text/event-stream"));
    assert_eq!(*pool.origin(), before);
}

#[tokio::test]
async fn a_frame_has_the_stamp_of_its_read() {
    let script = vec![
        Step::Request,
        send(format!("{CHUNKED}{}{}", chunk("a"), chunk("b"))),
        Step::Wait,
        // the next chunk comes in two reads, the second brings another one
        send("2\r\nc"),
        Step::Wait,
        send(format!("d\r\n{}", chunk("e"))),
        Step::Wait,
        send("0\r\n\r\n"),
        Step::Hold,
    ];
    let server = Server::start(vec![script]).await;
    let pool = pool(&server);
    let mut timing = Timing::default();
    let mut response =
        pool.send(&pool.message(&request()), None, Limits::default(), &mut timing).await.expect("a head");
    let mut frames = Vec::new();
    let mut next = async || {
        let piece = response.next().await.expect("a frame").expect("not the end");
        frames.push((String::from_utf8_lossy(piece.bytes).into_owned(), piece.arrival.at_ns));
    };
    next().await;
    next().await;
    server.go();
    next().await;
    server.go();
    next().await;
    next().await;
    let texts: Vec<&str> = frames.iter().map(|(data, _)| data.as_str()).collect();
    assert_eq!(texts, ["a", "b", "c", "d", "e"]);
    let stamps: Vec<u64> = frames.iter().map(|(_, arrival_ns)| *arrival_ns).collect();
    assert_eq!(Some(stamps[0]), response.timing().first_byte_ns);
    assert!(
        stamps[0] == stamps[1] && stamps[1] < stamps[2] && stamps[2] < stamps[3] && stamps[3] == stamps[4]
    );
    assert_eq!(response.timing().reads, 3);
}

#[tokio::test]
async fn an_event_costs_one_poll_of_the_task() {
    const EVENTS: u32 = 50;
    let mut script = vec![Step::Request, send(CHUNKED)];
    for _ in 0..EVENTS {
        script.extend([Step::Wait, send(chunk("data: x\n\n"))]);
    }
    script.push(Step::Hold);
    let server = Server::start(vec![script]).await;
    let pool = pool(&server);
    let (seen, mut events) = tokio::sync::mpsc::unbounded_channel();
    let reader = tokio::spawn(async move {
        let mut timing = Timing::default();
        let mut response =
            pool.send(&pool.message(&request()), None, Limits::default(), &mut timing).await.expect("a head");
        let mut polls = 0;
        let mut reading = std::pin::pin!(async {
            for _ in 0..EVENTS {
                response.next().await.expect("a frame").expect("not the end");
                seen.send(()).expect("the test listens");
            }
        });
        std::future::poll_fn(|cx| {
            polls += 1;
            reading.as_mut().poll(cx)
        })
        .await;
        polls
    });
    for _ in 0..EVENTS {
        // a task that woke itself would be polled now, before the next event
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        server.go();
        events.recv().await.expect("an event");
    }
    let polls = reader.await.expect("no panic");
    // one to begin with, one for each event, and room for a read that came in two
    assert!((EVENTS..EVENTS + 10).contains(&polls), "{polls} polls");
}

#[tokio::test]
async fn a_connection_serves_again() {
    let script = vec![
        Step::Request,
        send(sized("one")),
        Step::Request,
        send(format!("{CHUNKED}{}0\r\n\r\n", chunk("two"))),
        Step::Request,
        send("HTTP/1.1 204 No Content\r\n\r\n"),
        Step::Request,
        send(sized("four")),
        Step::Hold,
    ];
    let server = Server::start(vec![script]).await;
    let pool = pool(&server);
    for (body, reused) in [("one", false), ("two", true), ("", true), ("four", true)] {
        let whole = exchange(&pool).await.expect("an answer");
        assert_eq!((whole.body.as_str(), whole.timing.reused, whole.timing.attempts), (body, reused, 1));
        assert_eq!(whole.timing.connect_ns.is_none(), reused);
        assert_eq!((whole.timing.reads, pool.idle()), (1, 1));
    }
}

#[tokio::test]
async fn trap_9_connections_are_opened_ahead() {
    let script = vec![Step::Request, send(sized("hi")), Step::Hold];
    let server = Server::start(vec![script; 3]).await;
    let pool = pool(&server);
    pool.open_ahead(2).await.expect("a server");
    pool.open_ahead(3).await.expect("a server");
    assert_eq!(pool.idle(), 3);
    let whole = exchange(&pool).await.expect("an answer");
    assert_eq!((whole.timing.connect_ns, whole.timing.reused, whole.timing.attempts), (None, false, 1));
    assert_eq!(pool.idle(), 3);
}

#[tokio::test]
async fn a_connection_that_was_reserved_in_vain_serves_others() {
    let script = vec![Step::Request, send(sized("hi")), Step::Hold];
    let server = Server::start(vec![script; 2]).await;
    let pool = pool(&server);
    pool.open_ahead(1).await.expect("a server");
    let reserved = pool.reserve().expect("an open one");
    assert_eq!(pool.idle(), 0);
    pool.release(reserved);
    assert_eq!(pool.idle(), 1);
    let whole = exchange(&pool).await.expect("an answer");
    assert_eq!((whole.timing.connect_ns, whole.timing.attempts), (None, 1));
    // not one on which a request has begun to go out
    let mut begun = pool.reserve().expect("the same one");
    begun.begin(&pool.message(&request()));
    pool.release(begun);
    assert_eq!(pool.idle(), 0);
}

#[tokio::test]
async fn of_connections_opened_ahead_the_oldest_serves_first() {
    let script =
        |body: &str| vec![Step::Request, send(sized(body)), Step::Request, send(sized(body)), Step::Hold];
    let server = Server::start(vec![script("first"), script("second")]).await;
    let pool = pool(&server);
    pool.open_ahead(1).await.expect("a server");
    pool.open_ahead(2).await.expect("a server");
    // a server with one thread would be waiting for this one, and one that has served is as good as any
    for _ in 0..2 {
        assert_eq!(exchange(&pool).await.expect("an answer").body, "first");
    }
}

#[tokio::test]
async fn trap_7_a_server_that_closes_after_each_answer_loses_nothing() {
    // llama.cpp: announces keep-alive, and hangs up
    let stream = format!(
        "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=100\r\ncontent-type: text/event-stream\r\n\
         transfer-encoding: chunked\r\n\r\n{}0\r\n\r\n",
        chunk("data: [DONE]\n\n")
    );
    let server = Server::start(vec![vec![Step::Request, send(stream)]; 20]).await;
    let pool = pool(&server);
    for _ in 0..20 {
        let whole = exchange(&pool).await.expect("no request is lost");
        assert_eq!(whole.body, "data: [DONE]\n\n");
        // whether the end is seen before or after sending is up to the system
        assert!((1..=2).contains(&whole.timing.attempts) && !whole.timing.reused, "{:?}", whole.timing);
        assert!(whole.timing.connect_ns.is_some());
    }
}

#[tokio::test]
async fn trap_7_a_closed_connection_is_seen_before_reuse() {
    let server = Server::start(vec![
        vec![Step::Request, send(sized("one")), Step::Wait],
        vec![Step::Request, send(sized("two")), Step::Hold],
    ])
    .await;
    let pool = pool(&server);
    exchange(&pool).await.expect("an answer");
    let mut idle = pool.take_idle();
    assert!(idle.is_quiet());
    server.go();
    while idle.is_quiet() {
        tokio::task::yield_now().await;
    }
    pool.put_idle(idle);
    let whole = exchange(&pool).await.expect("an answer");
    assert_eq!((whole.body.as_str(), whole.timing.attempts, whole.timing.reused), ("two", 1, false));
}

#[tokio::test]
async fn trap_7_unasked_bytes_spoil_an_idle_connection() {
    let server = Server::start(vec![
        vec![Step::Request, send(sized("one")), Step::Wait, send(sized("unasked")), Step::Hold],
        vec![Step::Request, send(sized("two")), Step::Hold],
    ])
    .await;
    let pool = pool(&server);
    exchange(&pool).await.expect("an answer");
    server.go();
    let mut idle = pool.take_idle();
    while idle.is_quiet() {
        tokio::task::yield_now().await;
    }
    pool.put_idle(idle);
    assert_eq!(exchange(&pool).await.expect("an answer").body, "two");
}

#[tokio::test]
async fn trap_7_a_reused_connection_that_dies_unanswered_is_replaced_once() {
    for death in [vec![Step::Request], vec![Step::Request, Step::Reset]] {
        let mut first = vec![Step::Request, send(sized("one"))];
        first.extend(death);
        let server = Server::start(vec![first, vec![Step::Request, send(sized("two")), Step::Hold]]).await;
        let pool = pool(&server);
        exchange(&pool).await.expect("an answer");
        let whole = exchange(&pool).await.expect("an answer");
        assert_eq!((whole.body.as_str(), whole.timing.attempts, whole.timing.reused), ("two", 2, false));
        assert!(whole.timing.connect_ns.is_some() && whole.timing.sent_ns < whole.timing.first_byte_ns);
    }
}

#[tokio::test]
async fn trap_7_the_replacement_is_not_replaced() {
    let server = Server::start(vec![
        vec![Step::Request, send(sized("one")), Step::Request],
        vec![Step::Request],
        vec![Step::Request, send(sized("three"))],
    ])
    .await;
    let pool = pool(&server);
    exchange(&pool).await.expect("an answer");
    let mut timing = Timing::default();
    let error = pool.send(&pool.message(&request()), None, Limits::default(), &mut timing).await.err();
    assert_eq!(error, Some(WireError::NoAnswer("connection closed by the server".to_owned())));
    assert_eq!((timing.attempts, timing.first_byte_ns), (2, None));
}

#[tokio::test]
async fn trap_7_a_new_connection_that_dies_unanswered_is_a_failure() {
    for (death, error) in [
        (vec![Step::Request], "no answer: connection closed by the server"),
        (vec![Step::Request, Step::Reset], "no answer: connection reset by peer"),
    ] {
        let server = Server::start(vec![death, vec![Step::Request, send(sized("two"))]]).await;
        let failure = exchange(&pool(&server)).await.expect_err("no answer");
        assert_eq!((failure.to_string().as_str(), failure.outcome()), (error, Outcome::ConnectFailed));
    }
}

#[tokio::test]
async fn trap_7_an_answer_that_has_begun_is_never_asked_for_again() {
    let server = Server::start(vec![
        vec![Step::Request, send(sized("one")), Step::Request, send("HTTP/1.1 2")],
        vec![Step::Request, send(sized("two"))],
    ])
    .await;
    let pool = pool(&server);
    exchange(&pool).await.expect("an answer");
    let mut timing = Timing::default();
    let error = pool.send(&pool.message(&request()), None, Limits::default(), &mut timing).await.err();
    assert_eq!(error, Some(WireError::BrokenOff("connection closed by the server".to_owned())));
    assert!(timing.attempts == 1 && timing.first_byte_ns.is_some());
}

#[tokio::test]
async fn nobody_listens() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let origin = Origin::resolve(&format!("http://{address}")).await.expect("an address");
    let pool = Pool::new(origin, Clock::start(), None).expect("a pool");
    let error = exchange(&pool).await.expect_err("nobody listens");
    assert_eq!(error.to_string(), format!("connection refused by {address}"));
    assert_eq!(error.outcome(), Outcome::ConnectFailed);
    assert_eq!(pool.open_ahead(1).await, Err(error));
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let server = Server::start(vec![vec![
        Step::Request,
        send("HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n"),
    ]])
    .await;
    let pool = pool(&server);
    let mut timing = Timing::default();
    let response =
        pool.send(&pool.message(&request()), None, Limits::default(), &mut timing).await.expect("a head");
    assert_eq!(response.status.as_u16(), 302);
}

#[tokio::test]
async fn trap_4_an_answer_that_breaks_off() {
    let sized = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello";
    for (head, death, error) in [
        (format!("{CHUNKED}{}", chunk("hello")), vec![Step::Wait, Step::Reset], "connection reset by peer"),
        (format!("{CHUNKED}{}", chunk("hello")), vec![Step::Wait], "connection closed by the server"),
        (sized.to_owned(), vec![Step::Wait, Step::Reset], "connection reset by peer"),
        (sized.to_owned(), vec![Step::Wait], "connection closed by the server"),
    ] {
        let server = Server::start(vec![[vec![Step::Request, send(head)], death].concat()]).await;
        let pool = pool(&server);
        let mut timing = Timing::default();
        let mut response =
            pool.send(&pool.message(&request()), None, Limits::default(), &mut timing).await.expect("a head");
        assert_eq!(response.next().await.expect("a frame").expect("not the end").bytes, b"hello");
        server.go();
        let failure = response.next().await.expect_err("it broke off");
        assert_eq!(failure, WireError::BrokenOff(error.to_owned()));
        assert_eq!(failure.outcome(), Outcome::Truncated);
        response.finish();
        assert_eq!(pool.idle(), 0);
    }
}

#[tokio::test]
async fn bodies_of_every_kind() {
    for (answer, body, again) in [
        (sized("hello"), "hello", true),
        (format!("{CHUNKED}{}{}0\r\n\r\n", chunk("hel"), chunk("lo")), "hello", true),
        (
            format!(
                "{}{}0\r\nx-time: 3\r\nx-more: 4\r\n\r\n",
                CHUNKED.replace("\r\n\r\n", "\r\ntrailer: x-time\r\n\r\n"),
                chunk("hello")
            ),
            "hello",
            true,
        ),
        (format!("{CHUNKED}5;name=value\r\nhello\r\n0\r\n\r\n"), "hello", true),
        // until the connection ends
        ("HTTP/1.1 200 OK\r\n\r\nhello".to_owned(), "hello", false),
        ("HTTP/1.0 200 OK\r\n\r\nhello".to_owned(), "hello", false),
        // the server does not want it again
        (sized("hello").replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n"), "hello", false),
        // other answers before the answer
        (
            format!(
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n{}",
                sized("hello")
            ),
            "hello",
            true,
        ),
    ] {
        let mut script = vec![Step::Request, send(&answer)];
        if again || answer.contains("connection: close") {
            script.push(Step::Hold);
        }
        let server = Server::start(vec![script]).await;
        let pool = pool(&server);
        let whole = exchange(&pool).await.expect("an answer");
        assert_eq!((whole.body.as_str(), pool.idle()), (body, usize::from(again)), "{answer:?}");
        assert!(whole.frames.iter().all(|(_, arrival_ns)| whole.timing.first_byte_ns <= Some(*arrival_ns)));
    }
}

#[tokio::test]
async fn trap_4_a_connection_that_stays_open_after_the_answer_is_not_waited_for() {
    let event = "data: [DONE]\n\n";
    let script = vec![
        Step::Request,
        send(format!("{CHUNKED}{}", chunk(event))),
        Step::Wait,
        send("0\r\n\r\n"),
        Step::Request,
        send(sized("again")),
        Step::Hold,
    ];
    let server = Server::start(vec![script, vec![Step::Request, send(sized("other")), Step::Hold]]).await;
    let pool = pool(&server);
    let finish_early = async || {
        let mut timing = Timing::default();
        let mut response =
            pool.send(&pool.message(&request()), None, Limits::default(), &mut timing).await.expect("a head");
        assert_eq!(response.next().await.expect("a frame").expect("not the end").bytes, event.as_bytes());
        response.finish();
    };
    finish_early().await;
    assert_eq!(pool.idle(), 0);
    // its end has not come, so it cannot be lent
    assert_eq!(exchange(&pool).await.expect("an answer").body, "other");
    let other = pool.take_idle();
    // now it has
    server.go();
    let whole = loop {
        if let Some(stream) = pool.lend_now() {
            pool.put_idle(stream);
            break exchange(&pool).await.expect("an answer");
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((whole.body.as_str(), whole.timing.reused, whole.timing.attempts), ("again", true, 1));
    drop(other);
}

#[tokio::test]
async fn trap_8_heads_have_a_limit() {
    let start = "HTTP/1.1 200 OK\r\n";
    let endless = format!("{start}x: {}", "y".repeat(80 << 10));
    let many = "x: y\r\n".repeat(200);
    for head in [endless, format!("{start}{many}\r\n")] {
        let server = Server::start(vec![vec![Step::Request, send(head), Step::Hold]]).await;
        let error = exchange(&pool(&server)).await.expect_err("too large");
        assert_eq!(error, WireError::Malformed("the head is too large".to_owned()));
        assert_eq!(error.outcome(), Outcome::Malformed);
    }
    // heads that only announce another one count too, or a server could send them for ever
    let early = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(2000);
    let server = Server::start(vec![vec![Step::Request, send(early), send(sized("hi"))]]).await;
    let error = exchange(&pool(&server)).await.expect_err("too large");
    assert_eq!(error, WireError::Malformed("the head is too large".to_owned()));
    // one that is large, and allowed
    let large = format!("{start}x: {}\r\ncontent-length: 2\r\n\r\nhi", "y".repeat(60 << 10));
    let server = Server::start(vec![vec![Step::Request, send(large)]]).await;
    assert_eq!(exchange(&pool(&server)).await.expect("an answer").body, "hi");
}

#[tokio::test]
async fn trap_8_bodies_have_a_limit() {
    let limits = Limits { body_bytes: 10, ..Limits::default() };
    let answers = [sized("0123456789x"), format!("{CHUNKED}{}{}", chunk("0123456789"), chunk("x"))];
    for answer in answers {
        let server = Server::start(vec![vec![Step::Request, send(answer), Step::Hold]]).await;
        let pool = pool(&server);
        let error = exchange_within(&pool, limits).await.expect_err("too large");
        assert_eq!(error, WireError::TooLarge { limit: 10 });
        assert_eq!(pool.idle(), 0);
    }
    let server = Server::start(vec![vec![Step::Request, send(sized("0123456789"))]]).await;
    assert_eq!(exchange_within(&pool(&server), limits).await.expect("an answer").body, "0123456789");
}

#[tokio::test]
async fn trap_8_a_compressed_answer_is_refused() {
    let gzip = sized("x").replace("\r\n\r\n", "\r\ncontent-encoding: gzip\r\n\r\n");
    let server = Server::start(vec![vec![Step::Request, send(gzip), Step::Hold]]).await;
    let error = exchange(&pool(&server)).await.expect_err("compressed");
    assert_eq!(error.to_string(), "bad http: the answer is compressed, unasked");
    let identity = sized("x").replace("\r\n\r\n", "\r\ncontent-encoding: Identity\r\n\r\n");
    let server = Server::start(vec![vec![Step::Request, send(identity), Step::Hold]]).await;
    assert_eq!(exchange(&pool(&server)).await.expect("an answer").body, "x");
}

#[tokio::test]
async fn trap_8_what_is_no_http_is_malformed() {
    for (answer, error) in [
        ("SSH-2.0-OpenSSH_9.2\r\n".to_owned(), "bad http: the answer does not begin with a version of http"),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n".to_owned(), "bad http: a header is none"),
        (format!("{CHUNKED}zz\r\nhello"), "bad http: a chunk size is no hexadecimal number"),
        (format!("{CHUNKED}fffffffffffffffffff\r\n"), "bad http: a chunk size is too large"),
    ] {
        let server = Server::start(vec![vec![Step::Request, send(answer), Step::Hold]]).await;
        let failure = exchange(&pool(&server)).await.expect_err("no http");
        assert_eq!((failure.to_string().as_str(), failure.outcome()), (error, Outcome::Malformed));
    }
}

#[tokio::test]
async fn trap_8_a_slow_head_is_the_callers_time_out() {
    let script = vec![Step::Request, send("HTTP/1.1 200 OK\r\nx: "), Step::Hold];
    let mut server = Server::start(vec![script]).await;
    let pool = pool(&server);
    let mut timing = Timing::default();
    let message = pool.message(&request());
    {
        let mut sending = std::pin::pin!(pool.send(&message, None, Limits::default(), &mut timing));
        tokio::select! {
            biased;
            _ = &mut sending => panic!("there is no whole head"),
            _ = server.request() => {}
        }
    }
    // the future is gone, and what it knew is not
    assert!(timing.sent_ns.is_some());
    assert_eq!((timing.attempts, pool.idle()), (1, 0));
}

#[tokio::test]
async fn next_may_be_dropped_and_called_again() {
    let script =
        vec![Step::Request, send(CHUNKED), Step::Wait, send(chunk("late")), send("0\r\n\r\n"), Step::Hold];
    let server = Server::start(vec![script]).await;
    let pool = pool(&server);
    let mut timing = Timing::default();
    let mut response =
        pool.send(&pool.message(&request()), None, Limits::default(), &mut timing).await.expect("a head");
    for _ in 0..3 {
        let mut next = std::pin::pin!(response.next());
        let polled = std::future::poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await;
        assert!(polled.is_pending());
    }
    server.go();
    assert_eq!(response.next().await.expect("a frame").expect("not the end").bytes, b"late");
    assert_eq!(response.next().await, Ok(None));
    response.finish();
    assert_eq!(pool.idle(), 1);
}

#[tokio::test]
async fn concurrent_requests_have_connections_of_their_own() {
    const REQUESTS: usize = 200;
    let script = vec![Step::Request, Step::Wait, send(sized("hi")), Step::Hold];
    let mut server = Server::start(vec![script; REQUESTS]).await;
    let pool = Arc::new(pool(&server));
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..REQUESTS {
        let pool = Arc::clone(&pool);
        running.spawn(async move { exchange(&pool).await.expect("an answer").body });
    }
    // all are in flight before the first is answered
    for _ in 0..REQUESTS {
        server.request().await;
    }
    for _ in 0..REQUESTS {
        server.go();
    }
    assert_eq!(running.join_all().await, vec!["hi"; REQUESTS]);
    assert_eq!(pool.idle(), REQUESTS);
}
