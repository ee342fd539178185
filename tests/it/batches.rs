//! Several prompts in one request, against a server that answers them as real ones do.

use std::time::Duration;

use serde_json::Value;

use crate::{
    kit::Bench,
    server::{After, Out, Request, Server, usage},
};

/// The number of prompts of a request: a text is one.
fn prompts(request: &Request) -> usize {
    request.body["prompt"].as_array().map_or(1, Vec::len)
}

fn text(index: usize, finish: &str) -> String {
    format!(r#"{{"choices":[{{"index":{index},"text":"word ","finish_reason":{finish}}}]}}"#)
}

/// Two tokens for each prompt, interleaved.
fn answer(request: &Request, out: &mut Out<'_>) {
    out.stream_head();
    for finish in ["null", "\"length\""] {
        for index in 0..prompts(request) {
            out.event(&text(index, finish));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    out.event(&usage(7 * prompts(request) as u64, 2 * prompts(request) as u64));
    out.event("[DONE]");
    out.end_chunks();
}

fn scenario(bench: &Bench, url: &str, sizes: &str) -> String {
    bench.file(
        "batches.toml",
        &format!(
            r#"
            version = 1
            name = "batches"
            [endpoints.main]
            url = "{url}"
            protocol = "openai_completions"
            [workloads.text.synthetic]
            prompt_tokens = 10
            output_tokens = 2
            [phases.load]
            requests = 10
            batch_sizes = {sizes}
            load.closed = {{ users = 2 }}
            "#
        ),
    )
}

#[test]
fn every_prompt_is_sent_once_and_every_token_counted() {
    let server = Server::start(|request, out| {
        answer(request, out);
        After::KeepOpen
    });
    let bench = Bench::new();
    let file = scenario(&bench, &server.url(), "[1, 3]");
    let done = bench.run(&["run", &file]).expect_code(0);
    assert!(done.stdout.contains("batch=3"), "{}", done.stdout);

    let served = server.served();
    let bodies: Vec<&Value> = served.iter().map(|served| &served.request.body).collect();
    let single = bodies.iter().filter(|body| body["prompt"].is_string()).count();
    assert_eq!((single, bodies.len()), (10, 20), "requests are counted, not prompts");
    let mut all: Vec<&str> = bodies
        .iter()
        .flat_map(|body| match &body["prompt"] {
            Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
            one => one.as_str().into_iter().collect::<Vec<_>>(),
        })
        .collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 10 + 3 * 10, "no prompt twice");

    let run = bench.only_run();
    for record in run.records() {
        let batch = record["batch"].as_u64().unwrap();
        assert_eq!(record["step"], format!("batch={batch}"));
        assert_eq!(record["outcome"], "ok");
        assert_eq!(record["output_tokens"], 2 * batch);
        assert_eq!(record["requested_output_tokens"], 2 * batch);
        assert_eq!(record.get("decode_ns").is_some(), batch > 1);
    }
    let summary = run.json("summary.json");
    let of = |step: &str| {
        let scopes = summary["scopes"].as_array().unwrap();
        scopes.iter().find(|scope| scope["step"] == step).unwrap().clone()
    };
    let (one, three) = (of("batch=1"), of("batch=3"));
    assert_eq!((&one["batch"], &three["batch"]), (&1.into(), &3.into()));
    assert!(one["metrics"]["itl_p50_ms"].is_number(), "gaps of one stream");
    assert_eq!(three["metrics"]["itl_p50_ms"], Value::Null, "none of interleaved ones");
    assert!(three["metrics"]["tpot_p50_ms"].as_f64().is_some_and(|ms| ms >= 5.0));
    assert!(run.path().join("charts/throughput-batch.svg").exists());
    let header = run.text("requests.csv");
    assert!(header.lines().next().unwrap().contains(",error,batch,"));
}

#[test]
fn answers_that_lack_a_prompt_or_break_in_one_are_failures() {
    let server = Server::start(|request, out| {
        match request.number % 3 {
            0 => {
                // nothing for the last prompt
                out.stream_head();
                out.event(&text(0, "\"length\""));
                out.event(&text(1, "\"length\""));
                out.event("[DONE]");
                out.end_chunks();
            }
            1 => {
                out.stream_head();
                out.event(&text(0, "null"));
                out.event(r#"{"error":{"message":"out of memory for index 1"}}"#);
                out.end_chunks();
            }
            _ => out.answer(
                "400 Bad Request",
                "application/json",
                r#"{"error":{"message":"prompt must be a string"}}"#,
            ),
        }
        After::KeepOpen
    });
    let bench = Bench::new();
    let file = scenario(&bench, &server.url(), "3");
    bench.run(&["run", &file]).expect_code(1);
    let mut seen: Vec<(String, String)> = bench
        .only_run()
        .records()
        .iter()
        .map(|record| {
            let text = |key: &str| record[key].as_str().unwrap().to_owned();
            (text("outcome"), text("error"))
        })
        .collect();
    seen.sort();
    seen.dedup();
    let expected = [
        ("error_in_stream", "out of memory for index 1"),
        ("http_error", "status 400: prompt must be a string (to a request of 3 prompts)"),
        ("truncated", "the answer ended without index 2 of 3 prompts"),
    ];
    assert_eq!(seen, expected.map(|(outcome, error)| (outcome.to_owned(), error.to_owned())));
}
