//! Two readers of HTTP have to find the same in an answer: the product's own and `hyper`'s.
//!
//! They are to agree on whether there is a head, on its status, on the bytes of the body, and on whether it is whole.
//! Where they differ, [`DIFFERENCES`] says why.

use std::cell::Cell;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};
use scenario::wire::Limits;
use tokio::{net::TcpStream, runtime::Runtime};

use super::{
    corpus,
    play::{self, Player, split},
};

/// The files of the corpus that the two read differently, on purpose: what the product finds (the status, and whether
/// the body is whole), what `hyper` finds, and why.
const DIFFERENCES: &[(&str, Found, Found, &str)] = &[
    (
        "chunk_bare_lf",
        Some((200, true)),
        Some((200, false)),
        "a lone LF ends a line of the chunked coding as it ends a line of the head (RFC 9112, 2.2): an instrument \
         measures the server that there is",
    ),
    (
        "compressed",
        Some((200, false)),
        Some((200, true)),
        "a coding that was not asked for is refused: its bytes have no events whose arrival could be told",
    ),
    ("switching", None, Some((101, true)), "another protocol is no answer: nothing behind it could be read"),
];

/// The status, and whether the body is whole; `None` where there is no head.
type Found = Option<(u16, bool)>;

/// What a reader finds in an answer.
#[derive(Debug, PartialEq, Eq)]
struct Reading {
    found: Found,
    /// The body as far as it came.
    body: Vec<u8>,
}

/// Plays an answer in these pieces to both.
async fn read_by_both(player: &Player, pieces: &[&[u8]]) -> (Reading, Reading) {
    player.put(pieces.iter().copied());
    let read = play::read(&player.pool(), None, Limits::default()).await;
    let ours = Reading { found: read.head.map(|(status, ..)| (status, read.end.is_ok())), body: read.body };
    player.put(pieces.iter().copied());
    (ours, read_by_hyper(player).await)
}

async fn read_by_hyper(player: &Player) -> Reading {
    let stream = TcpStream::connect(player.address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = http::Request::get("/answer").header("host", "player").body(Empty::<Bytes>::new()).unwrap();
    let mut reading = Reading { found: None, body: Vec::new() };
    if let Ok(mut response) = sender.send_request(request).await {
        let whole = loop {
            match response.frame().await {
                None => break true,
                Some(Err(_)) => break false,
                // a frame without data has trailers
                Some(Ok(frame)) => reading.body.extend(frame.into_data().unwrap_or_default()),
            }
        };
        reading.found = Some((response.status().as_u16(), whole));
    }
    connection.abort();
    reading
}

#[tokio::test]
async fn two_readers_agree_on_the_corpus() {
    let player = Player::start();
    let mut differing = Vec::new();
    for (name, bytes) in corpus() {
        let (ours, hyper) = read_by_both(&player, &[&bytes]).await;
        match DIFFERENCES.iter().find(|(file, ..)| *file == name) {
            Some((_, own, other, why)) => {
                assert_eq!((ours.found, hyper.found), (*own, *other), "{name}: {why}");
                differing.push(name);
            }
            None => assert_eq!(ours, hyper, "{name}"),
        }
    }
    let listed: Vec<&str> = DIFFERENCES.iter().map(|(name, ..)| *name).collect();
    assert_eq!(differing, listed, "every listed file is there, in order");
}

/// How the end of a made-up body is told.
#[derive(Debug, Clone)]
enum Coding {
    /// By its length, which may be told wrong by this much.
    Length(i8),
    /// By chunks of at most these sizes in turn, with extensions and trailers.
    Chunks { sizes: Vec<u8>, extension: String, trailers: u8 },
    /// By the end of the connection.
    Close,
}

/// A made-up answer.
#[derive(Debug, Clone)]
struct Made {
    old: bool,
    early: Vec<u16>,
    status: u16,
    headers: Vec<(String, String)>,
    coding: Coding,
    body: Vec<u8>,
    /// How many of its last bytes are missing.
    missing: usize,
}

impl Made {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut line = |text: String| {
            bytes.extend(text.bytes());
            bytes.extend(b"\r\n");
        };
        for early in &self.early {
            line(format!("HTTP/1.1 {early} Early\r\nlink: </a>\r\n"));
        }
        line(format!("HTTP/1.{} {} Made Up", u8::from(!self.old), self.status));
        for (name, value) in &self.headers {
            line(format!("x-{name}: {value}"));
        }
        match &self.coding {
            Coding::Length(wrong) => {
                let length = self.body.len().saturating_add_signed(isize::from(*wrong));
                line(format!("Content-Length:{length}\r\n"));
                bytes.extend(&self.body);
            }
            Coding::Chunks { sizes, extension, trailers } => {
                line("transfer-encoding: Chunked \r\n".to_owned());
                let mut rest = self.body.as_slice();
                for size in sizes.iter().cycle() {
                    if rest.is_empty() {
                        break;
                    }
                    let (chunk, behind) = rest.split_at(rest.len().min(usize::from(*size)));
                    bytes.extend(format!("{:X}{extension}\r\n", chunk.len()).bytes());
                    bytes.extend(chunk);
                    bytes.extend(b"\r\n");
                    rest = behind;
                }
                bytes.extend(format!("0{extension}\r\n").bytes());
                for number in 0..*trailers {
                    bytes.extend(format!("x-trailer-{number}: {number}\r\n").bytes());
                }
                bytes.extend(b"\r\n");
            }
            Coding::Close => {
                line(String::new());
                bytes.extend(&self.body);
            }
        }
        bytes.truncate(bytes.len().saturating_sub(self.missing));
        bytes
    }
}

fn made() -> impl Strategy<Value = Made> {
    let coding = prop_oneof![
        2 => prop_oneof![4 => Just(0i8), 1 => any::<i8>()].prop_map(Coding::Length),
        4 => (prop::collection::vec(1u8.., 1..6), "(|;|[ \t]*;[a-z]{1,8}(=[a-z0-9]{1,20}|=\"[a-z; ]{0,20}\")?)", 0u8..4)
            .prop_map(|(sizes, extension, trailers)| Coding::Chunks { sizes, extension, trailers }),
        1 => Just(Coding::Close),
    ];
    let status = prop_oneof![
        4 => Just(200u16),
        2 => prop::sample::select(vec![201u16, 204, 206, 304, 400, 404, 429, 500, 503]),
        1 => 200u16..1000,
    ];
    (
        prop::bool::weighted(0.1),
        prop::collection::vec(prop::sample::select(vec![100u16, 102, 103]), 0..3),
        status,
        prop::collection::vec(("[a-z]{1,10}", "([!-~][ -~]{0,30})?"), 0..6),
        coding,
        prop::collection::vec(any::<u8>(), 0..600),
        prop_oneof![3 => Just(0usize), 1 => 0usize..200],
    )
        .prop_map(|(old, early, status, headers, coding, body, missing)| Made {
            old,
            early,
            status,
            headers,
            coding,
            body,
            missing,
        })
}

/// A fixed seed: what fails, fails again.
fn runner() -> TestRunner {
    let config = ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0usize..2000, 0..8)
}

#[test]
fn two_readers_agree_on_made_up_answers() {
    let runtime = Runtime::new().unwrap();
    let player = Player::start();
    let (whole, partly) = (Cell::new(0), Cell::new(0));
    runner()
        .run(&(made(), cuts()), |(made, cuts)| {
            let (ours, hyper) = runtime.block_on(read_by_both(&player, &split(&made.bytes(), &cuts)));
            match ours.found {
                Some((_, true)) if !ours.body.is_empty() => whole.set(whole.get() + 1),
                Some((_, false)) if !ours.body.is_empty() => partly.set(partly.get() + 1),
                _ => {}
            }
            prop_assert_eq!(ours, hyper);
            Ok(())
        })
        .unwrap();
    assert!(whole.get() > 100 && partly.get() > 20, "{whole:?} whole bodies and {partly:?} others were read");
}

/// What the product takes and `hyper` refuses in chunks: a line that ends with LF alone, and trailers that are no
/// headers, behind a body that is whole.
fn is_lenient(ours: &Reading, hyper: &Reading, line_feed: bool) -> bool {
    let (Some((own, whole)), Some((other, false))) = (ours.found, hyper.found) else { return false };
    let trailers = whole && ours.body == hyper.body;
    own == other && (trailers || line_feed && ours.body.starts_with(&hyper.body))
}

#[test]
fn two_readers_agree_on_answers_with_a_wrong_byte() {
    let runtime = Runtime::new().unwrap();
    let player = Player::start();
    let byte = prop::sample::select(b"\r\n :;,0aAfFx-\t\0\xff\"".to_vec());
    runner()
        .run(&(made(), cuts(), any::<Index>(), byte, any::<bool>()), |(made, cuts, place, byte, insert)| {
            let mut bytes = made.bytes();
            let at = place.index(bytes.len() + usize::from(insert));
            if insert {
                bytes.insert(at, byte);
            } else {
                bytes[at] = byte;
            }
            let line_feed =
                (at.max(1)..bytes.len().min(at + 2)).any(|i| bytes[i] == b'\n' && bytes[i - 1] != b'\r');
            let (ours, hyper) = runtime.block_on(read_by_both(&player, &split(&bytes, &cuts)));
            if !is_lenient(&ours, &hyper, line_feed) {
                prop_assert_eq!(ours, hyper);
            }
            Ok(())
        })
        .unwrap();
}
