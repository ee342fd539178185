//! A server that plays every trap of the wire; each has the outcome that the measurement page gives it.

use std::{collections::HashMap, time::Duration};

use serde_json::Value;

use crate::{
    kit::{Bench, wait},
    server::{After, Out, Request, Server, chat_finish, chat_text, usage},
};

/// How one answer is played, and what the record must say of it.
struct Trap {
    name: &'static str,
    play: fn(&Request, &mut Out<'_>) -> After,
    outcome: &'static str,
    /// Output tokens and chunks; `None` where there is no answer to count.
    tokens: Option<(u64, u64)>,
}

/// The usual end of a stream.
fn end(out: &mut Out<'_>, tokens: u64) -> After {
    out.event(&chat_finish("stop"));
    out.event(&usage(5, tokens));
    out.event("[DONE]");
    out.end_chunks();
    After::KeepOpen
}

fn ok(name: &'static str, tokens: u64, chunks: u64, play: fn(&Request, &mut Out<'_>) -> After) -> Trap {
    Trap { name, play, outcome: "ok", tokens: Some((tokens, chunks)) }
}

fn failure(name: &'static str, outcome: &'static str, play: fn(&Request, &mut Out<'_>) -> After) -> Trap {
    Trap { name, play, outcome, tokens: None }
}

fn traps() -> Vec<Trap> {
    vec![
        ok("first chunk with only a role, null and empty content", 2, 2, |_, out| {
            out.stream_head();
            out.event(r#"{"choices":[{"delta":{"role":"assistant","content":null}}]}"#);
            out.event(r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#);
            out.event(r#"{"choices":[{"delta":null}]}"#);
            out.event(&chat_text("a"));
            out.event(&chat_text("b"));
            end(out, 2)
        }),
        ok("choices empty, null, absent; usage with choices and cumulative", 2, 2, |_, out| {
            out.stream_head();
            out.event(r#"{"choices":[]}"#);
            out.event(r#"{"choices":null}"#);
            out.event(r#"{"object":"chat.completion.chunk"}"#);
            out.event(r#"{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":5,"completion_tokens":1}}"#);
            out.event(r#"{"choices":[{"delta":{"content":"b"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2}}"#);
            out.event("[DONE]");
            out.end_chunks();
            After::KeepOpen
        }),
        ok("reasoning, tool calls, refusal, tool_calls null", 5, 5, |_, out| {
            out.stream_head();
            out.event(r#"{"choices":[{"delta":{"reasoning_content":"hm"}}]}"#);
            out.event(r#"{"choices":[{"delta":{"reasoning":"so"}}]}"#);
            out.event(r#"{"choices":[{"delta":{"content":"a","tool_calls":null}}]}"#);
            out.event(r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{"}}]}}]}"#);
            out.event(r#"{"choices":[{"delta":{"refusal":"no"}}]}"#);
            end(out, 5)
        }),
        ok("byte order mark, comments, CR and CRLF, several data lines, split anywhere", 3, 3, |_, out| {
            out.stream_head();
            let text = format!(
                "\u{feff}: hello\r\n\r\nevent: message\r\nid: 7\r\nretry: 10\r\ndata:{}\r\n\r\n\
                 data: {{\"choices\":\ndata: [{{\"delta\":{{\"content\":\"é\"}}}}]}}\n\ndata: {}\r\r",
                chat_text("a"),
                chat_text("c"),
            );
            // odd pieces cut through UTF-8, JSON and line ends
            for piece in text.as_bytes().chunks(3) {
                out.write(format!("{:x}\r\n", piece.len()));
                out.write(piece);
                out.write("\r\n");
            }
            end(out, 3)
        }),
        ok("NDJSON on an OpenAI path", 2, 2, |_, out| {
            out.write(
                "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n",
            );
            out.chunk(&format!("{}\n{}\n", chat_text("a"), chat_text("b")));
            out.chunk(&format!("{}\n{}\n", chat_finish("stop"), usage(5, 2)));
            out.end_chunks();
            After::KeepOpen
        }),
        ok("done, and the connection stays open", 1, 1, |_, out| {
            out.stream_head();
            out.event(&chat_text("a"));
            out.event(&chat_finish("stop"));
            out.event(&usage(5, 1));
            out.event("[DONE]");
            // never ends the body; the client must not wait for it
            std::thread::sleep(Duration::from_secs(6));
            After::Close
        }),
        ok("keep-alive announced, closed after the answer", 1, 1, |_, out| {
            out.write(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nkeep-alive: timeout=5, max=100\r\n\
                 transfer-encoding: chunked\r\n\r\n",
            );
            out.event(&chat_text("a"));
            end(out, 1);
            After::Close
        }),
        ok("no usage: chunks are counted", 2, 2, |_, out| {
            out.stream_head();
            out.event(&chat_text("a"));
            out.event(&chat_text("b"));
            out.event(&chat_finish("stop"));
            out.event("[DONE]");
            out.end_chunks();
            After::KeepOpen
        }),
        ok("an answer without a stream", 4, 0, |_, out| {
            out.answer(
                "200 OK",
                "application/json",
                r#"{"choices":[{"message":{"role":"assistant","content":"all at once"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":4}}"#,
            );
            After::KeepOpen
        }),
        failure("end of stream without an end", "truncated", |_, out| {
            out.stream_head();
            out.event(&chat_text("a"));
            out.end_chunks();
            After::KeepOpen
        }),
        failure("cut in the middle", "truncated", |_, out| {
            out.stream_head();
            out.event(&chat_text("a"));
            After::Close
        }),
        failure("error inside a 200 stream", "error_in_stream", |_, out| {
            out.stream_head();
            out.event(&chat_text("a"));
            out.event(r#"{"error":{"message":"out of memory","code":500}}"#);
            out.event("[DONE]");
            out.end_chunks();
            After::KeepOpen
        }),
        failure("a 200 with an HTML page", "malformed", |_, out| {
            out.answer("200 OK", "text/html", "<html><body>It works!</body></html>");
            After::KeepOpen
        }),
        failure("a stream without any output", "empty", |_, out| {
            out.stream_head();
            out.event(r#"{"choices":[{"delta":{"role":"assistant"}}]}"#);
            out.event(&chat_finish("stop"));
            out.event("[DONE]");
            out.end_chunks();
            After::KeepOpen
        }),
        failure("too many requests", "rate_limited", |_, out| {
            out.answer("429 Too Many Requests", "application/json", r#"{"error":{"message":"slow down"}}"#);
            After::KeepOpen
        }),
        failure("overloaded", "overloaded", |_, out| {
            out.answer("503 Service Unavailable", "text/plain", "busy");
            After::KeepOpen
        }),
        failure("internal error", "http_error", |_, out| {
            out.answer("500 Internal Server Error", "application/json", r#"{"error":{"message":"boom"}}"#);
            After::KeepOpen
        }),
        failure("a redirect is not followed", "http_error", |_, out| {
            out.write("HTTP/1.1 307 Temporary Redirect\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n");
            After::KeepOpen
        }),
        failure("compressed without being asked for", "malformed", |_, out| {
            out.write(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n\
                 content-length: 4\r\n\r\n\x1f\x08\x00\x00",
            );
            After::KeepOpen
        }),
        failure("broken JSON in an event", "malformed", |_, out| {
            out.stream_head();
            out.event(r#"{"choices":[{"delta":"#);
            out.end_chunks();
            After::KeepOpen
        }),
        failure("headers without end", "malformed", |_, out| {
            out.write("HTTP/1.1 200 OK\r\n");
            for number in 0..4000 {
                out.write(format!("x-filler-{number}: {}\r\n", "x".repeat(64)));
            }
            After::Close
        }),
        failure("stops sending and stays open", "timeout", |_, out| {
            out.stream_head();
            out.event(&chat_text("a"));
            std::thread::sleep(Duration::from_secs(6));
            After::Close
        }),
        failure("not HTTP at all", "malformed", |_, out| {
            out.write("SSH-2.0-OpenSSH_9.2\r\n\r\n");
            After::Close
        }),
    ]
}

#[test]
fn every_trap_of_the_wire_is_classified() {
    let count = traps().len();
    let server =
        Server::start(move |request, out| (traps()[request.number as usize % count].play)(request, out));
    let bench = Bench::new();
    let file = bench.file(
        "traps.toml",
        &format!(
            r#"
            version = 1
            name = "traps"
            [endpoints.main]
            url = "{}"
            timeout = "3s"
            [workloads.text.synthetic]
            prompt_tokens = 10
            output_tokens = 8
            [phases.load]
            requests = {}
            load.closed = {{ users = 4 }}
            "#,
            server.url(),
            2 * count,
        ),
    );
    bench.run(&["run", &file]);

    let records: HashMap<String, Value> = bench
        .only_run()
        .records()
        .into_iter()
        .map(|record| (record["request_id"].as_str().unwrap().to_owned(), record))
        .collect();
    assert_eq!(records.len(), 2 * count, "every request accounted for");
    // answers that stay open are logged when the server is done with them
    let served = wait(Duration::from_secs(30), || {
        let served = server.served();
        (served.len() >= 2 * count).then_some(served)
    })
    .expect("no request was lost to a closed connection");
    let traps = traps();
    for served in served {
        let trap = &traps[served.request.number as usize % count];
        let record = &records[&served.request.id];
        assert_eq!(record["outcome"], trap.outcome, "{}: {record}", trap.name);
        match trap.tokens {
            Some((tokens, chunks)) => {
                assert_eq!(record["output_tokens"], tokens, "{}", trap.name);
                assert_eq!(record["chunks"], chunks, "{}", trap.name);
                assert_eq!(record["error"], Value::Null, "{}", trap.name);
            }
            None => assert!(record["error"].is_string(), "{}: a failure says why", trap.name),
        }
    }
}

#[test]
fn a_connection_that_closes_after_every_answer_costs_no_request() {
    let server = Server::start(|_, out| {
        out.write(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nkeep-alive: timeout=5, max=100\r\n\
             transfer-encoding: chunked\r\n\r\n",
        );
        out.event(&chat_text("a"));
        end(out, 1);
        After::Close
    });
    let bench = Bench::new();
    let file = bench.file(
        "closing.toml",
        &format!(
            r#"
            version = 1
            name = "closing"
            [endpoints.main]
            url = "{}"
            [phases.load]
            requests = 200
            load.closed = {{ users = 8 }}
            [targets.errors]
            metric = "error_rate"
            at_most = 0
            "#,
            server.url()
        ),
    );
    bench.run(&["run", &file]).expect_code(0);
    let records = bench.only_run().records();
    assert_eq!(records.len(), 200);
    assert!(records.iter().all(|record| record["outcome"] == "ok"));
}
