//! `scenario probe`: what it says of an answer whose every byte is known.

use serde_json::Value;

use crate::{
    kit::{Bench, Done},
    server::{After, Out, Server, chat_finish, chat_text, usage},
};

/// Probes a server that answers with this, and returns the only probe as JSON.
fn probe(code: i32, answer: impl Fn(&mut Out<'_>) -> After + Send + Sync + 'static, more: &[&str]) -> Value {
    let server = Server::start(move |_, out| answer(out));
    let done = run(&server, &[&["--format", "json"], more].concat()).expect_code(code);
    let document: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(document["format"], 1);
    assert_eq!(document["probes"].as_array().unwrap().len(), 1);
    document["probes"][0].clone()
}

fn run(server: &Server, more: &[&str]) -> Done {
    Bench::new().run(&[&["probe", &server.url()], more].concat())
}

/// What each line of the timeline is.
fn timeline(probe: &Value) -> Vec<String> {
    let join = |is: &Value| {
        is.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect::<Vec<_>>().join("+")
    };
    probe["timeline"].as_array().unwrap().iter().map(|line| join(&line["is"])).collect()
}

#[track_caller]
fn warns(probe: &Value, expected: &[&str]) {
    let warnings: Vec<_> =
        probe["warnings"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    for part in expected {
        assert!(warnings.iter().any(|warning| warning.contains(part)), "`{part}` in {warnings:#?}");
    }
    assert_eq!(warnings.len(), expected.len(), "{warnings:#?}");
}

fn delta(delta: &str) -> String {
    format!(r#"{{"choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#)
}

#[test]
fn every_event_is_shown_as_it_is_counted() {
    let probe = probe(
        0,
        |out| {
            out.stream_head();
            out.event(&delta(r#"{"role":"assistant"}"#));
            out.chunk(": still thinking\n\n");
            out.event(&delta("{}"));
            out.event(&delta(r#"{"reasoning_content":"hm"}"#));
            out.event(&chat_text("a"));
            out.event(&delta(r#"{"tool_calls":[{"index":0}]}"#));
            out.event(&delta(r#"{"refusal":"no"}"#));
            out.event(&chat_finish("stop"));
            out.event(&usage(7, 4));
            out.event("[DONE]");
            out.end_chunks();
            After::KeepOpen
        },
        &["--max-tokens", "9", "--prompt", "hello"],
    );
    let mut seen = timeline(&probe);
    // it stands after the events of its read, of which there may be more than one
    let comment = seen.iter().position(|is| is == "comment").expect("the comment");
    seen.remove(comment);
    seen.retain(|is| is != "part");
    assert_eq!(
        seen,
        [
            "connect",
            "sent",
            "first_byte",
            "head",
            "role",
            "empty",
            "reasoning",
            "output_text",
            "tool_call",
            "refusal",
            "finish_reason",
            "usage",
            "done",
            "end"
        ]
    );
    assert_eq!(probe["outcome"], "ok");
    assert_eq!(probe["record"]["chunks"], 4);
    assert_eq!(probe["record"]["output_tokens"], 4);
    assert_eq!(probe["request"]["max_tokens"], 9);
    assert_eq!(probe["connection_still_open"], true);
    assert_eq!(probe["headers"]["content-type"], "text/event-stream");
    let times: Vec<f64> = probe["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|line| line["since_sent_ms"].as_f64())
        .collect();
    assert_eq!(times[0], 0.0, "the first is that of sending");
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn the_request_is_the_first_of_a_run() {
    let server = Server::start(|_, out| {
        out.answer("200 OK", "application/json", r#"{"choices":[{"message":{"content":"a"}}]}"#);
        After::KeepOpen
    });
    let bench = Bench::new();
    let file = bench.file(
        "one.toml",
        &format!(
            "version = 1\nname = \"one\"\nendpoints.main.url = \"{}\"\n\
             phases.load = {{ requests = 1, load.closed.users = 1 }}\n",
            server.url()
        ),
    );
    bench.run(&["probe", &file]).expect_code(0);
    bench.run(&["run", &file]);
    let served = server.served();
    assert_eq!(served.len(), 2);
    assert_eq!(served[0].request.body, served[1].request.body);
    assert_eq!(served[0].request.path, served[1].request.path);
    let names = |at: usize| -> Vec<String> {
        served[at].request.headers.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(0), names(1));
}

#[test]
fn what_matters_to_a_load_test_is_said() {
    let told = probe(
        0,
        |out| {
            out.stream_head();
            out.event(&delta(r#"{"role":"assistant","content":null}"#));
            out.event(&chat_text("a"));
            out.event(&chat_finish("length"));
            out.end_chunks();
            After::Close
        },
        &[],
    );
    warns(&told, &["closed the connection", "no `usage`", "`\"content\": null`", "no `[DONE]`"]);
    assert_eq!(told["record"]["token_source"], "chunks");
    assert_eq!(told["connection_still_open"], false);

    let told = probe(
        0,
        |out| {
            out.stream_head();
            out.event(&chat_text("many words at once"));
            out.event(&chat_finish("stop"));
            out.event(&usage(7, 20));
            out.event("[DONE]");
            out.end_chunks();
            After::KeepOpen
        },
        &["--max-tokens", "5"],
    );
    warns(&told, &["20 tokens came in 1 chunks", "ignores `max_tokens`"]);

    let whole = r#"{"choices":[{"message":{"content":"a"}}],"usage":{"completion_tokens":1}}"#;
    let told = probe(
        0,
        move |out| {
            out.answer("200 OK", "application/json", whole);
            After::KeepOpen
        },
        &[],
    );
    warns(&told, &["a stream was asked for"]);
}

#[test]
fn a_compressed_answer_is_named() {
    let told = probe(
        1,
        |out| {
            out.write(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n\
                 content-length: 2\r\n\r\n\x1f\x0b",
            );
            After::KeepOpen
        },
        &[],
    );
    assert_eq!(told["outcome"], "malformed");
    warns(&told, &["compressed (`gzip`)"]);
}

#[test]
fn failures_are_exit_code_1_and_have_their_words() {
    let server = Server::start(|_, out| {
        out.answer("404 Not Found", "application/json", r#"{"error":{"message":"no such model"}}"#);
        After::KeepOpen
    });
    let done = run(&server, &[]).expect_code(1);
    for part in ["head: status 404", "result  http_error", "status 404: no such model"] {
        assert!(done.stdout.contains(part), "{}", done.stdout);
    }
    let told = probe(
        1,
        |out| {
            out.stream_head();
            out.event(&chat_text("a"));
            out.event(r#"{"error":{"message":"out of memory"}}"#);
            out.end_chunks();
            After::KeepOpen
        },
        &[],
    );
    assert_eq!(told["outcome"], "error_in_stream");
    assert!(timeline(&told).contains(&"error".to_owned()), "{told:#}");
}

#[test]
fn a_server_without_a_list_of_models() {
    let server = Server::with_models(
        "127.0.0.1:0",
        |out| out.answer("404 Not Found", "text/plain", ""),
        |request, out| {
            assert_eq!(request.body["model"], "named");
            out.stream_head();
            out.event(r#"{"choices":[{"text":"a","finish_reason":"stop"}]}"#);
            out.event(&usage(3, 1));
            out.event("[DONE]");
            out.end_chunks();
            After::KeepOpen
        },
    );
    let done = run(&server, &[]).expect_code(4);
    assert!(done.stderr.contains("404 Not Found"), "{}", done.stderr);
    let done = run(&server, &["--model", "named", "--protocol", "openai_completions"]).expect_code(0);
    assert!(done.stdout.contains("warning: no list of models"), "{}", done.stdout);
    assert_eq!(server.served()[0].request.path, "/v1/completions");
}

#[test]
fn a_file_has_each_of_its_endpoints_probed() {
    let bench = Bench::new();
    let file = bench.file(
        "two.toml",
        r#"
        version = 1
        name = "two"
        run.ready_timeout = "300ms"
        [endpoints.simulated]
        url = "sim:rtx_4090"
        [endpoints.gone]
        url = "http://127.0.0.1:9/v1"
        model = "m"
        [phases.load]
        requests = 4
        load.closed = { users = 1 }
        "#,
    );
    let done = bench.run(&["probe", &file, "--max-tokens", "3"]).expect_code(4);
    assert!(done.stdout.contains("simulated  http://127.0.0.1:"), "{}", done.stdout);
    assert!(done.stdout.contains("result  ok"), "{}", done.stdout);
    assert!(done.stderr.contains("`gone`") && done.stderr.contains("refused"), "{}", done.stderr);
    bench.run(&["probe", &file, "--endpoint", "simulated", "--max-tokens", "3"]).expect_code(0);
    let done = bench.run(&["probe", &file, "--endpoint", "other"]).expect_code(2);
    assert!(done.stderr.contains("known: `simulated`, `gone`"), "{}", done.stderr);
    assert!(bench.runs().is_empty(), "a probe is no run");
}

#[test]
fn wrong_usage() {
    let bench = Bench::new();
    for arguments in [
        &["probe"][..],
        &["probe", "nothing.toml"],
        &["probe", "ftp://127.0.0.1/v1"],
        &["probe", "http://127.0.0.1:9/v1", "--protocol", "morse"],
        &["probe", "http://127.0.0.1:9/v1", "--max-tokens", "0"],
        &["probe", "http://127.0.0.1:9/v1", "--endpoint", "main"],
    ] {
        let done = bench.run(arguments).expect_code(2);
        assert!(!done.stderr.is_empty() && done.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn what_came_before_a_time_out_is_shown() {
    let told = probe(
        1,
        |out| {
            out.stream_head();
            out.event(&chat_text("a"));
            // far beyond the time-out; the thread ends with the process
            std::thread::sleep(std::time::Duration::from_secs(600));
            After::Close
        },
        &["--set", "endpoints.main.timeout=2s"],
    );
    assert_eq!(told["outcome"], "timeout");
    assert!(timeline(&told).contains(&"output_text".to_owned()), "{told:#}");
    assert_eq!(told["connection_still_open"], Value::Null);
}

#[test]
fn a_server_that_hangs_up_has_not_answered() {
    let told = probe(4, |_| After::Close, &[]);
    assert_eq!(told["outcome"], "connect_failed");
    assert_eq!(timeline(&told), ["connect", "sent", "end"]);
}

#[test]
fn a_key_comes_from_the_environment() {
    let server = Server::start(|_, out| {
        out.stream_head();
        out.event(&chat_text("a"));
        out.event(&chat_finish("stop"));
        out.end_chunks();
        After::KeepOpen
    });
    let bench = Bench::new();
    let url = server.url();
    let keyed = |arguments: &[&str]| {
        Done::from(bench.command(arguments).env("A_KEY", "sk-one").env("B_KEY", "sk-two").output().unwrap())
    };
    let file = bench.file(
        "keyed.toml",
        &format!(
            "version = 1\nname = \"keyed\"\n[endpoints.main]\nurl = \"{url}\"\napi_key.env = \"A_KEY\"\n\
             [phases.load]\nload.closed = {{ users = 1 }}\n"
        ),
    );
    for (arguments, key) in [
        (&["probe", &url, "--api-key-env", "A_KEY"][..], Some("sk-one")),
        (&["probe", &file], Some("sk-one")),
        (&["probe", &file, "--api-key-env", "B_KEY"], Some("sk-two")),
        (&["probe", &url], None),
        (&["init", &url, "--api-key-env", "B_KEY"], Some("sk-two")),
    ] {
        let done = keyed(arguments).expect_code(0);
        assert!(!done.stdout.contains("sk-"), "{}", done.stdout);
        let sent = server.served().pop().unwrap().request.headers;
        let sent = sent.iter().find(|(name, _)| name == "authorization").map(|(_, value)| value.clone());
        assert_eq!(sent, key.map(|key| format!("Bearer {key}")), "{arguments:?}");
    }
    let written = std::fs::read_to_string(bench.path("scenario.toml")).unwrap();
    assert!(written.contains("api_key = { env = \"B_KEY\" }"), "{written}");
    keyed(&["probe", "scenario.toml"]).expect_code(0);

    let done = bench.run(&["probe", &url, "--api-key-env", "NOT_THERE"]).expect_code(4);
    assert!(done.stderr.contains("the environment variable `NOT_THERE` is not set"), "{}", done.stderr);
    let done = bench.run(&["probe", &url, "--api-key-env", ""]).expect_code(2);
    assert!(done.stderr.contains("must be a plain name"), "{}", done.stderr);
}
