use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::catalog::Protocol;
use crate::{
    protocol::{Carried, Contents, Meaning},
    record::ClockSource,
};

/// An answer read from pieces that arrive at 10, 20, 30, …; it ends at 1000.
fn answer(
    protocol: Protocol,
    status: u16,
    content_type: Option<&str>,
    pieces: &[&[u8]],
    ending: Ending,
) -> Answered {
    let mut answer = Answer::new(&Dialect::of(protocol, None), status, content_type);
    for (piece, arrival_ns) in pieces.iter().zip((1..).map(|n| n * 10)) {
        if answer.read_at(piece, arrival_ns) == Flow::Done {
            break;
        }
    }
    answer.end(1000, ending)
}

const SSE: Option<&str> = Some("text/event-stream");
const JSON: Option<&str> = Some("application/json");

/// A chat stream, one event per read, that HTTP ends.
fn chat(events: &[&str]) -> Answered {
    let events: Vec<String> = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    let pieces: Vec<&[u8]> = events.iter().map(String::as_bytes).collect();
    answer(Protocol::OpenaiChat, 200, SSE, &pieces, Ending::EndOfStream)
}

/// A chunk with this delta.
fn delta(delta: &str) -> String {
    format!(
        r#"{{"object":"chat.completion.chunk","choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#
    )
}

const STOP: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14}}"#;
const DONE: &str = "[DONE]";

#[test]
fn trap_1_deltas_without_output_are_no_tokens() {
    for empty in [
        r#"{"role":"assistant"}"#,
        r#"{"role":"assistant","content":""}"#,
        r#"{"role":"assistant","content":null}"#,
        r#"{"content":null,"tool_calls":null,"refusal":null,"function_call":null,"reasoning_content":null}"#,
        r#"{"content":"","tool_calls":[]}"#,
        "{}",
        "null",
    ] {
        let got = chat(&[&delta(empty), &delta(r#"{"content":"a"}"#), &delta(empty), STOP, DONE]);
        assert_eq!(got.outcome, Outcome::Ok, "{empty}: {:?}", got.error);
        assert_eq!((got.chunks.at_ns, got.first_token_ns, got.last_token_ns), (vec![20], Some(20), Some(20)));
        assert_eq!((got.end_ns, got.finish_reason.as_deref()), (50, Some("stop")));
    }
}

#[test]
fn trap_1_choices_may_be_empty_null_or_absent() {
    for idle in [
        r#"{"choices":[]}"#,
        r#"{"choices":null}"#,
        "{}",
        r#"{"id":"x","usage":null}"#,
        r#"{"choices":[{}]}"#,
    ] {
        let got = chat(&[idle, &delta(r#"{"content":"a"}"#), idle, STOP, idle, DONE]);
        assert_eq!((got.outcome, got.chunks.at_ns), (Outcome::Ok, vec![20]), "{idle}");
    }
}

#[test]
fn trap_1_the_last_usage_counts_wherever_it_comes() {
    let token = delta(r#"{"content":"a"}"#);
    let with = |chunk: &str, tokens: u64| {
        let usage = format!(r#""usage":{{"prompt_tokens":9,"completion_tokens":{tokens}}}}}"#);
        format!("{},{usage}", &chunk[..chunk.len() - 1])
    };
    for (place, events) in [
        ("alone, choices empty", vec![token.clone(), STOP.to_owned(), USAGE.to_owned()]),
        ("alone, choices null", vec![token.clone(), STOP.to_owned(), USAGE.replace("[]", "null")]),
        ("alone, no choices", vec![token.clone(), STOP.to_owned(), USAGE.replace(r#""choices":[],"#, "")]),
        ("with the last choices", vec![token.clone(), with(STOP, 5)]),
        ("on every chunk", vec![with(&token, 1), with(&token, 2), with(STOP, 5)]),
        ("null before the end", vec![token.replace("}]}", r#"}],"usage":null}"#), with(STOP, 5)]),
    ] {
        let mut events: Vec<&str> = events.iter().map(String::as_str).collect();
        events.push(DONE);
        let got = chat(&events);
        assert_eq!(got.outcome, Outcome::Ok, "{place}");
        let counts = (got.input_tokens, got.output_tokens, got.token_source);
        assert_eq!(counts, (Some(9), Some(5), TokenSource::Usage), "{place}");
        // usage moves no stamp
        assert_eq!(got.chunks.at_ns.last(), got.last_token_ns.as_ref(), "{place}");
        assert!(got.last_token_ns < Some(30), "{place}");
    }
}

#[test]
fn trap_1_without_usage_chunks_are_counted() {
    let token = delta(r#"{"content":"a"}"#);
    for nothing in [STOP, r#"{"choices":[],"usage":{}}"#, r#"{"usage":{"completion_tokens":null}}"#] {
        let got = chat(&[&token, &token, STOP, nothing, DONE]);
        assert_eq!((got.output_tokens, got.token_source), (Some(2), TokenSource::Chunks), "{nothing}");
    }
}

#[test]
fn trap_1_reasoning_and_cached_tokens_are_kept_apart() {
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":90,"completion_tokens":50,
        "prompt_tokens_details":{"cached_tokens":64},"completion_tokens_details":{"reasoning_tokens":20}}}"#
        .replace('\n', " ");
    let got = chat(&[&delta(r#"{"content":"a"}"#), STOP, &usage, DONE]);
    assert_eq!((got.cached_tokens, got.reasoning_tokens), (Some(64), Some(20)));
    let none = usage.replace(r#"{"cached_tokens":64}"#, "null");
    assert_eq!(chat(&[&delta(r#"{"content":"a"}"#), STOP, &none, DONE]).cached_tokens, None);
}

#[test]
fn trap_2_what_is_output_and_what_is_content() {
    for (output, content) in [
        (r#"{"content":"a"}"#, true),
        (r#"{"content":" "}"#, true),
        (r#"{"content":"\n"}"#, true),
        (r#"{"content":[{"type":"text","text":"a"}]}"#, true),
        (r#"{"reasoning_content":"hm"}"#, false),
        (r#"{"reasoning":"hm"}"#, false),
        (r#"{"content":"","reasoning":"hm"}"#, false),
        (r#"{"refusal":"no"}"#, true),
        (r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":""}}]}"#, true),
        (r#"{"function_call":{"arguments":"{"}}"#, true),
    ] {
        let got = chat(&[&delta(output), STOP, DONE]);
        assert_eq!((got.outcome, got.first_token_ns), (Outcome::Ok, Some(10)), "{output}");
        assert_eq!(got.first_content_ns, content.then_some(10), "{output}");
    }
    let got = chat(&[
        &delta(r#"{"reasoning_content":"hm"}"#),
        &delta(r#"{"content":"a"}"#),
        &delta(r#"{"content":"b"}"#),
        STOP,
        DONE,
    ]);
    assert_eq!((got.first_token_ns, got.first_content_ns), (Some(10), Some(20)));
}

#[test]
fn trap_2_completions_have_text() {
    let events = b"data: {\"choices\":[{\"text\":\"\"}]}\n\ndata: {\"choices\":[{\"text\":\"a\",\"finish_reason\":null}]}\n\n\
        data: {\"choices\":[{\"text\":\"\",\"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n\n";
    let got = answer(Protocol::OpenaiCompletions, 200, SSE, &[events], Ending::EndOfStream);
    assert_eq!((got.outcome, got.chunks.at_ns), (Outcome::Ok, vec![10]));
    assert_eq!(got.finish_reason.as_deref(), Some("length"));
    // a chat delta is no completion
    let chat = delta(r#"{"content":"a"}"#);
    let events = format!("data: {chat}\n\ndata: [DONE]\n\n");
    let got = answer(Protocol::OpenaiCompletions, 200, SSE, &[events.as_bytes()], Ending::EndOfStream);
    assert_eq!(got.outcome, Outcome::Empty);
}

#[test]
fn trap_3_ndjson_works_on_these_paths() {
    let lines =
        format!("{}\n{}\r\n\n{STOP}\n{USAGE}\n", delta(r#"{"content":"a"}"#), delta(r#"{"content":"b"}"#));
    let ndjson = Some("application/x-ndjson; charset=utf-8");
    let got = answer(Protocol::OpenaiChat, 200, ndjson, &[lines.as_bytes()], Ending::EndOfStream);
    assert_eq!((got.outcome, got.chunks.len(), got.output_tokens), (Outcome::Ok, 2, Some(5)));
    // the last line may lack its end, if it is whole
    let whole = answer(Protocol::OpenaiChat, 200, ndjson, &[lines.trim().as_bytes()], Ending::EndOfStream);
    assert_eq!(whole, got);
    let cut = &lines.as_bytes()[..lines.len() - 20];
    let cut = answer(Protocol::OpenaiChat, 200, ndjson, &[cut], Ending::EndOfStream);
    assert_eq!((cut.outcome, cut.token_source), (Outcome::Ok, TokenSource::Chunks));
}

#[test]
fn trap_3_an_incomplete_last_event_is_dropped() {
    let token = delta(r#"{"content":"a"}"#);
    let stream = format!("data: {token}\n\ndata: {STOP}\n\ndata: {token}\n");
    let got = answer(Protocol::OpenaiChat, 200, SSE, &[stream.as_bytes()], Ending::EndOfStream);
    assert_eq!((got.outcome, got.chunks.at_ns), (Outcome::Ok, vec![10]));
}

#[test]
fn trap_3_a_stream_under_a_wrong_type_is_recognised() {
    let stream = format!("data: {}\n\ndata: {DONE}\n\n", delta(r#"{"content":"a"}"#));
    for content_type in [None, Some("text/plain"), Some("application/octet-stream")] {
        for start in ["", ": hello\n\n", "event: message\n", "\u{feff}"] {
            let stream = format!("{start}{stream}");
            for size in [1, 2, 3, 1000] {
                let pieces: Vec<&[u8]> = stream.as_bytes().chunks(size).collect();
                let got = answer(Protocol::OpenaiChat, 200, content_type, &pieces, Ending::EndOfStream);
                assert_eq!(
                    (got.outcome, got.chunks.len()),
                    (Outcome::Ok, 1),
                    "{content_type:?} {start:?} {size}"
                );
            }
        }
        for other in ["hello", "date: 1", "{\"choices\":[]}", "dat"] {
            let got =
                answer(Protocol::OpenaiChat, 200, content_type, &[other.as_bytes()], Ending::EndOfStream);
            assert_eq!(got.outcome, Outcome::Malformed, "{other}");
        }
        let got = answer(Protocol::OpenaiChat, 200, content_type, &[], Ending::EndOfStream);
        assert_eq!(got.outcome, Outcome::Empty);
    }
}

#[test]
fn trap_3_characters_cut_between_tokens_do_not_break_json() {
    let chunk = |bytes: &[u8]| {
        [&b"data: {\"choices\":[{\"delta\":{\"content\":\""[..], bytes, &b"\"}}]}\n\n"[..]].concat()
    };
    let (first, second) = (chunk(b"\xf0\x9f"), chunk(b"\xa6\x80"));
    let got =
        answer(Protocol::OpenaiChat, 200, SSE, &[&first, &second, b"data: [DONE]\n\n"], Ending::EndOfStream);
    assert_eq!((got.outcome, got.chunks.at_ns), (Outcome::Ok, vec![10, 20]));
}

#[test]
fn trap_3_surrogate_pairs_cut_between_tokens_do_not_break_json() {
    for (content, text) in [
        (r"\ud83d", "\u{fffd}"),
        (r"a\ude00b", "a\u{fffd}b"),
        (r"\ud83d\ude00", "\u{1f600}"),
        (r"\ud83d\ud83d\ude00\uDE00", "\u{fffd}\u{1f600}\u{fffd}"),
        (r"\\ud83d\ud83d\\", "\\ud83d\u{fffd}\\"),
    ] {
        let event = delta(&format!(r#"{{"content":"{content}"}}"#));
        let body = format!("data: {event}\n\ndata: [DONE]\n\n");
        let mut answer = Answer::new(&Dialect::of(Protocol::OpenaiChat, None), 200, SSE).keeping_texts();
        answer.read_at(body.as_bytes(), 10);
        let got = answer.end(20, Ending::EndOfStream);
        assert_eq!((got.outcome, got.chunks.len()), (Outcome::Ok, 1), "{content}: {:?}", got.error);
        assert_eq!(got.texts.expect("it was kept")[0].text, text, "{content}");
    }
}

#[test]
fn trap_4_the_terminal_event_ends_the_reading() {
    let mut answer = Answer::new(&Dialect::of(Protocol::OpenaiChat, None), 200, SSE);
    let token = format!("data: {}\n\n", delta(r#"{"content":"a"}"#));
    assert_eq!(answer.read_at(token.as_bytes(), 10), Flow::More);
    assert_eq!(answer.read_at(format!("data:[DONE] \n\n{token}").as_bytes(), 20), Flow::Done);
    assert_eq!(answer.read_at(token.as_bytes(), 30), Flow::Done);
    let got = answer.end(1000, Ending::EndOfStream);
    assert_eq!((got.outcome, got.end_ns, got.chunks.at_ns), (Outcome::Ok, 20, vec![10]));
}

#[test]
fn trap_4_an_end_without_terminal_event_or_reason_is_truncated() {
    let token = delta(r#"{"content":"a"}"#);
    let cut = chat(&[&token, &token]);
    assert_eq!((cut.outcome, cut.end_ns, cut.output_tokens), (Outcome::Truncated, 1000, Some(2)));
    assert_eq!(
        cut.error.as_deref(),
        Some("the stream ended after 2 events with output, without `[DONE]` or a finish reason")
    );
    // either one will do
    assert_eq!(chat(&[&token, STOP]).outcome, Outcome::Ok);
    assert_eq!(chat(&[&token, DONE]).outcome, Outcome::Ok);
    // a finish reason that says nothing will not
    assert_eq!(chat(&[&token, &STOP.replace("stop", "")]).outcome, Outcome::Truncated);
    assert_eq!(chat(&[]).outcome, Outcome::Truncated);
}

#[test]
fn trap_5_an_error_inside_a_stream() {
    let token = delta(r#"{"content":"a"}"#);
    for (event, message) in [
        (r#"{"error":{"message":"out of memory","code":500}}"#, "out of memory"),
        (r#"{"error":"out of memory"}"#, "out of memory"),
        (r#"{"error":{"code":500}}"#, r#"{"code":500}"#),
        (r#"{"object":"error","message":"out of memory","code":500}"#, "out of memory"),
        (r#"{"choices":[],"error":{"message":"out of memory"}}"#, "out of memory"),
    ] {
        let got = chat(&[&token, event, &token, STOP, DONE]);
        assert_eq!((got.outcome, got.error.as_deref()), (Outcome::ErrorInStream, Some(message)), "{event}");
        assert_eq!((got.chunks.at_ns, got.end_ns), (vec![10], 20), "{event}");
    }
    let named = b"event: error\ndata: overloaded\n\n";
    let got = answer(Protocol::OpenaiChat, 200, SSE, &[named], Ending::EndOfStream);
    assert_eq!((got.outcome, got.error.as_deref()), (Outcome::ErrorInStream, Some("overloaded")));
    // no error
    for nothing in ["null", "\"\"", "{}"] {
        let event = token.replacen('{', &format!(r#"{{"error":{nothing},"#), 1);
        assert_eq!(chat(&[&event, STOP]).outcome, Outcome::Ok, "{event}");
    }
}

#[test]
fn trap_5_a_page_or_broken_json_is_malformed() {
    let html = Some("text/html; charset=utf-8");
    let got = answer(Protocol::OpenaiChat, 200, html, &[b"<!doctype html><p>hello"], Ending::EndOfStream);
    assert_eq!(got.outcome, Outcome::Malformed);
    assert_eq!(
        got.error.as_deref(),
        Some(
            "the answer is neither JSON nor an event stream; its content type is `text/html; charset=utf-8`"
        )
    );
    let got = answer(Protocol::OpenaiChat, 200, None, &[b"hello"], Ending::EndOfStream);
    assert_eq!(
        got.error.as_deref(),
        Some("the answer is neither JSON nor an event stream; its content type is none")
    );
    for (event, error) in [
        (
            "{\"choices\":",
            "event 2 is not as the protocol says: EOF while parsing a value at line 1 column 11",
        ),
        (
            "{\"choices\":3}",
            "event 2 is not as the protocol says: invalid type: integer `3`, expected a list of choices or null at line 1 column 12",
        ),
        ("hello", "event 2 is not as the protocol says: expected value at line 1 column 1"),
    ] {
        let got = chat(&[&delta(r#"{"content":"a"}"#), event, STOP, DONE]);
        assert_eq!((got.outcome, got.error.as_deref()), (Outcome::Malformed, Some(error)));
    }
    let huge = format!("data: {}", "x".repeat(2 << 20));
    let got = answer(Protocol::OpenaiChat, 200, SSE, &[huge.as_bytes()], Ending::EndOfStream);
    assert_eq!(got.error.as_deref(), Some("an event is over 1048576 bytes"));
}

#[test]
fn trap_5_a_stream_without_output_is_empty() {
    for events in [&[STOP, DONE][..], &[DONE], &[&delta(r#"{"role":"assistant"}"#), STOP, USAGE, DONE]] {
        let got = chat(events);
        assert_eq!((got.outcome, got.first_token_ns), (Outcome::Empty, None));
        assert_eq!(got.error.as_deref(), Some("the answer has no output"));
    }
}

#[test]
fn trap_6_fewer_tokens_than_asked_for_are_what_they_are() {
    let got = chat(&[&delta(r#"{"content":"a"}"#), &STOP.replace("stop", "length"), USAGE, DONE]);
    assert_eq!((got.outcome, got.output_tokens), (Outcome::Ok, Some(5)));
    assert_eq!(got.finish_reason.as_deref(), Some("length"));
}

#[test]
fn trap_8_an_endless_refusal_is_read_for_its_message_only() {
    let mut answer = Answer::new(&Dialect::of(Protocol::OpenaiChat, None), 500, Some("text/plain"));
    let reads = (0..1000).take_while(|n| answer.read_at(&[b'x'; 1000], *n) == Flow::More).count();
    assert_eq!(reads, REFUSAL / 1000);
    let error = answer.end(1000, Ending::EndOfStream).error.expect("a message");
    assert_eq!(error, format!("status 500: {}…", "x".repeat(300)));
}

#[test]
fn refusals_by_status() {
    for (status, body, outcome, error) in [
        (
            429,
            r#"{"error":{"message":"slow down","type":"x"}}"#,
            Outcome::RateLimited,
            "status 429: slow down",
        ),
        (503, r#"{"error":"busy"}"#, Outcome::Overloaded, "status 503: busy"),
        (404, r#"{"detail":"no such model"}"#, Outcome::HttpError, "status 404: no such model"),
        (
            422,
            r#"{"detail":[{"loc":["body"],"msg":"missing"}]}"#,
            Outcome::HttpError,
            r#"status 422: [{"loc":["body"],"msg":"missing"}]"#,
        ),
        (400, r#"{"object":"error","message":"too long"}"#, Outcome::HttpError, "status 400: too long"),
        (
            502,
            "<html>\n  <h1>Bad   Gateway</h1>\n",
            Outcome::HttpError,
            "status 502: <html> <h1>Bad Gateway</h1>",
        ),
        (500, "", Outcome::HttpError, "status 500"),
        (500, r#"{"code":3}"#, Outcome::HttpError, r#"status 500: {"code":3}"#),
        (307, "", Outcome::HttpError, "status 307: redirects are not followed"),
        (101, "", Outcome::HttpError, "status 101"),
    ] {
        for ending in [Ending::EndOfStream, Ending::Timeout, Ending::Reset("gone".to_owned())] {
            let got = answer(Protocol::OpenaiChat, status, JSON, &[body.as_bytes()], ending);
            assert_eq!((got.outcome, got.error.as_deref()), (outcome, Some(error)));
            assert_eq!(got.token_source, TokenSource::None);
        }
    }
}

#[test]
fn a_whole_answer_has_an_end_and_no_first_token() {
    let body =
        br#"{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},
        "finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;
    let (first, second) = body.split_at(40);
    let got = answer(Protocol::OpenaiChat, 200, JSON, &[first, second], Ending::EndOfStream);
    assert_eq!((got.outcome, &got.error), (Outcome::Ok, &None));
    assert_eq!((got.first_token_ns, got.last_token_ns, got.end_ns), (None, None, 20));
    assert_eq!((got.output_tokens, got.token_source), (Some(2), TokenSource::Usage));
    assert_eq!(got.chunks, ChunkTimes::default());
    let body = br#"{"choices":[{"text":"hi","finish_reason":"stop"}]}"#;
    let got = answer(Protocol::OpenaiCompletions, 200, JSON, &[body], Ending::EndOfStream);
    assert_eq!((got.outcome, got.output_tokens, got.token_source), (Outcome::Ok, None, TokenSource::None));
}

#[test]
fn a_whole_answer_can_fail_too() {
    for (body, outcome, error) in [
        (r#"{"error":{"message":"boom"}}"#, Outcome::ErrorInStream, "boom"),
        (
            r#"{"choices":[{"message":{"content":""},"finish_reason":"stop"}]}"#,
            Outcome::Empty,
            "the answer has no output",
        ),
        ("{}", Outcome::Empty, "the answer has no output"),
        ("", Outcome::Empty, "the answer has no output"),
        (
            r#"{"choices":[{"message"#,
            Outcome::Malformed,
            "the answer is not as the protocol says: EOF while parsing a string at line 1 column 21",
        ),
    ] {
        let got = answer(Protocol::OpenaiChat, 200, JSON, &[body.as_bytes()], Ending::EndOfStream);
        assert_eq!((got.outcome, got.error.as_deref()), (outcome, Some(error)));
    }
}

#[test]
fn other_endings_are_failures_unless_the_answer_was_over() {
    let token = format!("data: {}\n\n", delta(r#"{"content":"a"}"#));
    let done = b"data: [DONE]\n\n".as_slice();
    for (ending, outcome, error) in [
        (Ending::Timeout, Outcome::Timeout, "timed out after 1 event with output"),
        (Ending::Cancelled, Outcome::Cancelled, "cancelled after 1 event with output"),
        (
            WireError::BrokenOff("connection reset by peer".to_owned()).into(),
            Outcome::Truncated,
            "the answer broke off: connection reset by peer, after 1 event with output",
        ),
        (WireError::TooLarge { limit: 64 << 20 }.into(), Outcome::Malformed, "the answer is over 64.0 MiB"),
    ] {
        let cut = answer(Protocol::OpenaiChat, 200, SSE, &[token.as_bytes()], ending.clone());
        assert_eq!((cut.outcome, cut.error.as_deref(), cut.end_ns), (outcome, Some(error), 1000));
        let over = answer(Protocol::OpenaiChat, 200, SSE, &[token.as_bytes(), done], ending.clone());
        assert_eq!((over.outcome, over.error, over.end_ns), (Outcome::Ok, None, 20));
        let whole = answer(Protocol::OpenaiChat, 200, JSON, &[b"{}"], ending);
        assert_eq!(whole.outcome, outcome);
    }
}

#[test]
fn llama_cpp_sends_timings_on_its_last_chunk() {
    let last =
        r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"timings":{"prompt_n":9,"predicted_ms":81.5}}"#;
    let got =
        chat(&[&delta(r#"{"role":"assistant","content":null}"#), &delta(r#"{"content":"a"}"#), last, DONE]);
    assert_eq!(got.server_timings, Some(json!({"prompt_n": 9, "predicted_ms": 81.5})));
    assert_eq!((got.outcome, got.chunks.at_ns), (Outcome::Ok, vec![20]));
}

#[test]
fn a_stamp_is_exact_for_the_last_event_of_a_read() {
    let token = format!("data: {}\n\n", delta(r#"{"content":"a"}"#));
    let (head, tail) = token.split_at(20);
    // each read began 5 before its stamp, so it brought what came after that
    for (reads, widths) in [
        (vec![vec![token.clone()], vec![token.clone()]], vec![0, 0]),
        // two events in one read, handed over together or one by one
        (vec![vec![token.repeat(2)], vec![token.clone()]], vec![5, 0, 0]),
        (vec![vec![token.clone(), token.clone()], vec![token.clone()]], vec![5, 0, 0]),
        // the read went on with another event
        (vec![vec![format!("{token}{head}")], vec![tail.to_owned()]], vec![5, 0]),
        (vec![vec![format!("{token}: comment\n")]], vec![5]),
        (vec![vec![format!("{token}data: {STOP}\n\n")]], vec![5]),
        (vec![vec![format!("{token}data: [DONE]\n\n")]], vec![5]),
        (vec![vec![token.clone(), "data: [DONE]\n\n".to_owned()]], vec![5]),
        (vec![vec![token.clone()], vec!["data: [DONE]\n\n".to_owned()]], vec![0]),
    ] {
        for (source, exact) in
            [(ClockSource::Kernel, true), (ClockSource::Kernel, false), (ClockSource::User, false)]
        {
            let mut answer = Answer::new(&Dialect::of(Protocol::OpenaiChat, None), 200, SSE);
            for (read, at_ns) in reads.iter().zip((1..).map(|n| n * 10)) {
                let arrival = Arrival { at_ns, after_ns: at_ns - 5, read_ns: at_ns, source, exact };
                for (index, bytes) in read.iter().enumerate() {
                    let ends_read = index + 1 == read.len();
                    answer.read(Piece { bytes: bytes.as_bytes(), arrival: &arrival, ends_read });
                }
            }
            let chunks = answer.end(1000, Ending::EndOfStream).chunks;
            let expected: Vec<u32> = if exact { widths.clone() } else { widths.iter().map(|_| 5).collect() };
            assert_eq!(chunks.width_ns, expected, "{reads:?} {source:?}");
        }
    }
}

/// Streams of the kinds above, whole.
fn corpus() -> Vec<(Option<&'static str>, String)> {
    let token = delta(r#"{"content":"é🦀\n"}"#);
    let thought = delta(r#"{"reasoning_content":"hm"}"#);
    let role = delta(r#"{"role":"assistant","content":null}"#);
    let error = r#"{"error":{"message":"boom"}}"#;
    let sse = |events: &[&str], end: &str| {
        events.iter().flat_map(|event| ["data: ", event, end, end]).collect::<String>()
    };
    let whole: &[&str] = &[&role, &thought, &token, &token, STOP, USAGE, DONE, &token];
    vec![
        (SSE, sse(whole, "\n")),
        (SSE, sse(whole, "\r\n")),
        (SSE, sse(whole, "\r")),
        (SSE, format!("\u{feff}: hi\n\n{}", sse(whole, "\n"))),
        (SSE, sse(&[&token, error, &token], "\n")),
        (SSE, sse(&[&token, "{\"choices\":", &token], "\n")),
        (SSE, sse(&[&token, &token], "\n")),
        (SSE, sse(&[STOP, DONE], "\n")),
        (SSE, format!("event: error\ndata: {{\ndata: \"message\": \"boom\"}}\n\n{}", sse(whole, "\n"))),
        (SSE, format!("{}data: {}", sse(&[&token, STOP], "\n"), token)),
        (None, sse(whole, "\n")),
        (Some("text/plain"), "hello".to_owned()),
        (Some("text/html"), "<p>".to_owned()),
        (Some("application/x-ndjson"), [&role, &token, STOP, USAGE, ""].join("\n")),
        (Some("application/x-ndjson"), [&role, &token, STOP, &USAGE[..20]].join("\n")),
        (JSON, format!(r#"{{"choices":[{{"message":{{"content":"é"}}}}],{}"#, &USAGE[14..])),
        (JSON, error.to_owned()),
        (JSON, "{\"choices\":".to_owned()),
    ]
}

proptest! {
    #[test]
    fn any_splitting_gives_the_same_answer(
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        status in prop::sample::select(vec![200, 200, 200, 429]),
    ) {
        for (content_type, text) in corpus() {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            let [whole, pieces, single] = [&[bytes][..], &pieces, &single].map(|pieces| {
                let mut got = answer(Protocol::OpenaiChat, status, content_type, pieces, Ending::EndOfStream);
                for time in [&mut got.first_token_ns, &mut got.first_content_ns, &mut got.last_token_ns] {
                    *time = time.map(|_| 0);
                }
                got.chunks.at_ns.fill(0);
                got.chunks.width_ns.fill(0);
                got.end_ns = 0;
                got
            });
            prop_assert_eq!(&pieces, &whole, "{}", text);
            prop_assert_eq!(&single, &whole, "{}", text);
        }
    }

    #[test]
    fn no_bytes_at_all_make_it_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        content_type in prop::sample::select(vec![SSE, JSON, None, Some("application/jsonl")]),
    ) {
        let got = answer(Protocol::OpenaiChat, 200, content_type, &[&bytes], Ending::EndOfStream);
        prop_assert!(got.outcome.failed());
    }
}

/// What a watched stream shows of its events, as `arrival meaning`.
fn seen(protocol: Protocol, content_type: Option<&str>, pieces: &[&str]) -> Vec<(u64, Meaning)> {
    let mut answer = Answer::new(&Dialect::of(protocol, None), 200, content_type).watched();
    for (piece, arrival_ns) in pieces.iter().zip((1..).map(|n| n * 10)) {
        if answer.read_at(piece.as_bytes(), arrival_ns) == Flow::Done {
            break;
        }
    }
    let seen = answer.end(1000, Ending::EndOfStream).seen;
    seen.into_iter().map(|seen| (seen.arrival_ns, seen.meaning)).collect()
}

fn document(contents: Contents) -> Meaning {
    Meaning::Document(Carried { contents, ..Carried::default() })
}

#[test]
fn events_are_shown_as_they_were_counted() {
    let none = Contents::default();
    for (written, contents) in [
        (r#"{"role":"assistant"}"#, Contents { role: true, ..none }),
        (r#"{"role":"assistant","content":""}"#, Contents { role: true, ..none }),
        (r#"{"role":"assistant","content":null}"#, Contents { role: true, null_content: true, ..none }),
        ("{}", none),
        ("null", none),
        (r#"{"content":"a"}"#, Contents { text: true, ..none }),
        (
            r#"{"reasoning_content":"a","content":null}"#,
            Contents { reasoning: true, null_content: true, ..none },
        ),
        (r#"{"reasoning":"a"}"#, Contents { reasoning: true, ..none }),
        (r#"{"tool_calls":[{"index":0}]}"#, Contents { tool_call: true, ..none }),
        (r#"{"function_call":{"name":"f"}}"#, Contents { tool_call: true, ..none }),
        (r#"{"tool_calls":[],"refusal":""}"#, none),
        (r#"{"refusal":"no"}"#, Contents { refusal: true, ..none }),
    ] {
        let event = format!("data: {}\n\n", delta(written));
        let got = seen(Protocol::OpenaiChat, SSE, &[&event, "data: [DONE]\n\n"]);
        assert_eq!(got, [(10, document(contents)), (20, Meaning::Done)], "{written}");
    }
}

#[test]
fn events_that_are_no_output_are_shown_too() {
    let pieces = [": ping\n\n", "data:\n\ndata: ", USAGE, "\n\n", "data: ", STOP, "\n\n", "data: {\n\n"];
    let got = seen(Protocol::OpenaiChat, SSE, &pieces);
    let usage = Carried { usage: true, ..Carried::default() };
    let stop = Carried { finish_reason: Some("stop".to_owned()), ..Carried::default() };
    assert_eq!(
        got[..4],
        [
            (10, Meaning::Comment),
            (20, Meaning::KeepAlive),
            (40, Meaning::Document(usage)),
            (70, Meaning::Document(stop))
        ]
    );
    assert!(matches!(got[4..], [(80, Meaning::Malformed(_))]), "{got:?}");
    for error in [r#"{"error":{"message":"broken"}}"#, r#"{"object":"error","message":"broken"}"#] {
        let event = format!("data: {error}\n\n");
        let got = seen(Protocol::OpenaiChat, SSE, &[&event]);
        assert_eq!(got, [(10, Meaning::Error("broken".to_owned()))], "{error}");
    }
}

#[test]
fn whole_answers_and_texts_are_shown_too() {
    let text = Contents { text: true, ..Contents::default() };
    let whole = r#"{"choices":[{"text":"a","finish_reason":null}]}"#;
    let got = seen(Protocol::OpenaiCompletions, JSON, &[&whole[..9], &whole[9..]]);
    assert_eq!(got, [(20, document(text))]);
    let got = seen(Protocol::OpenaiCompletions, SSE, &[r#"data: {"choices":[{"text":null}]}"#, "\n\n"]);
    assert_eq!(got, [(20, document(Contents { null_content: true, ..Contents::default() }))]);
}

#[test]
fn nothing_is_kept_of_an_answer_that_nobody_watches() {
    let got = chat(&[&delta(r#"{"content":"a"}"#), STOP, DONE]);
    assert_eq!((got.outcome, got.seen), (Outcome::Ok, vec![]));
}
