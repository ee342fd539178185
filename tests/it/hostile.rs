//! Servers that mean harm: each request comes to its outcome, and the client stops taking bytes at its limits.

use std::{collections::HashMap, time::Duration};

use serde_json::Value;

use crate::{
    kit::{Bench, wait},
    server::{After, Out, Server, chat_text},
};

/// A server that means harm, and what must come of it.
struct Harm {
    name: &'static str,
    play: fn(&mut Out<'_>),
    outcome: &'static str,
    /// Part of the error.
    error: &'static str,
    /// MiB that the client takes at most; `None` where only the time-out ends it.
    limit: Option<u64>,
}

/// What a server would send if nobody stopped it.
const GIB: usize = 1 << 30;

/// What the sockets of both sides may hold without the client reading any of it.
const BUFFERS: u64 = 32 << 20;

/// Sends the same again and again, until the client goes away or has taken 1 GiB.
fn flood(out: &mut Out<'_>, what: &[u8]) {
    let block = what.repeat((64 << 10) / what.len());
    for _ in 0..GIB / block.len() {
        if !out.write(&block) {
            break;
        }
    }
}

/// Sends one after the other slowly, until the client goes away.
fn trickle(out: &mut Out<'_>, pieces: impl Iterator<Item = String>) {
    for piece in pieces {
        std::thread::sleep(Duration::from_millis(10));
        if !out.write(piece) {
            break;
        }
    }
}

fn harms() -> Vec<Harm> {
    let malformed =
        |name, error, limit, play| Harm { name, play, outcome: "malformed", error, limit: Some(limit) };
    let timeout = |name, error, play| Harm { name, play, outcome: "timeout", error, limit: None };
    vec![
        malformed("a header without end", "the head is too large", 1, |out| {
            out.write("HTTP/1.1 200 OK\r\nx: ");
            flood(out, b"y");
        }),
        malformed("interim answers without end", "the head is too large", 1, |out| {
            flood(out, b"HTTP/1.1 100 Continue\r\n\r\n");
        }),
        malformed("a chunk size without end", "a chunk size line is too long", 1, |out| {
            out.stream_head();
            flood(out, b"0");
        }),
        malformed("a chunk extension without end", "a chunk size line is too long", 1, |out| {
            out.stream_head();
            out.write("5;");
            flood(out, b"x");
        }),
        malformed("trailers without end", "the trailers are too long", 1, |out| {
            out.stream_head();
            out.event(&chat_text("a"));
            out.write("0\r\n");
            flood(out, b"x: y\r\n");
        }),
        malformed("an event without end in a chunk of 16 EiB", "an event is over", 2, |out| {
            out.stream_head();
            out.write("ffffffffffffffff\r\ndata: ");
            flood(out, b"x");
        }),
        malformed("an event of lines without end", "an event is over", 3, |out| {
            out.stream_head();
            out.write("ffffffffffffffff\r\n");
            flood(out, b"data: x\n");
        }),
        malformed("a line without end", "an event is over", 2, |out| {
            out.write("HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n\r\n");
            flood(out, b"[");
        }),
        malformed("a document without end", "a document is over", 17, |out| {
            out.write("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n");
            flood(out, b"[");
        }),
        malformed("a document as deep as an event may be", "event 1 is not as the protocol says", 1, |out| {
            out.stream_head();
            out.event(&"[".repeat(1 << 19));
        }),
        malformed("a page without end", "neither JSON nor an event stream", 1, |out| {
            out.write("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n");
            flood(out, b"<p>");
        }),
        malformed("a bomb of gzip", "compressed, unasked", 1, |out| {
            out.write(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n\r\n\x1f",
            );
            flood(out, b"\0");
        }),
        malformed("bytes that are no text", "event 1 is not as the protocol says", 1, |out| {
            out.stream_head();
            out.write(b"c\r\ndata: \xff\xfe\xc3\x28\n\n\r\n");
            flood(out, b"\xff");
        }),
        timeout("one byte after the other", "timed out", |out| {
            let answer = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(1000));
            trickle(out, answer.chars().map(String::from));
        }),
        timeout("a stream without end, slowly", "timed out after", |out| {
            out.write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n");
            trickle(out, std::iter::repeat_n(format!("data: {}\n\n", chat_text("a")), 1000));
        }),
        timeout(
            "chunks that are nearly all extension, as fast as they are taken",
            "timed out after 0 events",
            |out| {
                out.stream_head();
                let chunk = format!("1;{}\r\n:\r\n", "x".repeat(8 << 10));
                while out.write(&chunk) {}
            },
        ),
    ]
}

#[test]
fn servers_that_mean_harm_are_left_in_time() {
    let count = harms().len();
    let server = Server::start(move |request, out| {
        (harms()[request.number as usize % count].play)(out);
        After::Close
    });
    let bench = Bench::new();
    let file = bench.file(
        "hostile.toml",
        &format!(
            r#"
            version = 1
            name = "hostile"
            [endpoints.main]
            url = "{}"
            timeout = "1s"
            [workloads.text.synthetic]
            prompt_tokens = 10
            output_tokens = 8
            [phases.load]
            requests = {count}
            load.closed = {{ users = 2 }}
            "#,
            server.url(),
        ),
    );
    bench.run(&["run", &file]);

    let records: HashMap<String, Value> = bench
        .only_run()
        .records()
        .into_iter()
        .map(|record| (record["request_id"].as_str().unwrap().to_owned(), record))
        .collect();
    assert_eq!(records.len(), count, "every request accounted for");
    let served = wait(Duration::from_secs(30), || {
        let served = server.served();
        (served.len() >= count).then_some(served)
    })
    .expect("the server was left, every time");
    let harms = harms();
    for served in served {
        let harm = &harms[served.request.number as usize];
        let record = &records[&served.request.id];
        assert_eq!(record["outcome"], harm.outcome, "{}: {record}", harm.name);
        let error = record["error"].as_str().unwrap();
        assert!(error.contains(harm.error), "{}: {error}", harm.name);
        if let Some(limit) = harm.limit {
            let most = (limit << 20) + BUFFERS;
            assert!(served.bytes <= most, "{}: {} bytes were taken", harm.name, served.bytes);
        }
    }
    // of all runs that these tests have waited for, in KiB: any of these servers could have made it a gigabyte
    #[cfg(target_os = "linux")]
    {
        use nix::sys::resource::{UsageWho, getrusage};
        let most = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
        assert!(most < 400 << 10, "{most} KiB of memory at most");
    }
}
