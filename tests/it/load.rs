//! What goes out follows from the file and the seed alone.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use crate::{
    kit::Bench,
    server::{After, Server, stream_tokens},
};

/// Runs a scenario and returns its plan's hash and the body of each request by `seq`.
fn sent(seed: u64, load: &str) -> (String, BTreeMap<u64, Value>) {
    let server = Server::start(|_, out| {
        stream_tokens(out, Duration::from_millis(1), Duration::from_millis(1), 2);
        After::KeepOpen
    });
    let bench = Bench::new();
    let file = bench.file(
        "seeded.toml",
        &format!(
            r#"
            version = 1
            name = "seeded"
            seed = {seed}
            [endpoints.a]
            url = "{url}"
            weight = 0.3
            [endpoints.b]
            url = "{url}"
            weight = 0.7
            model = "other"
            [phases.load]
            {load}
            "#,
            url = server.url()
        ),
    );
    bench.run(&["run", &file]).expect_code(0);
    let run = bench.only_run();
    let bodies: BTreeMap<String, Value> =
        server.served().into_iter().map(|served| (served.request.id, served.request.body)).collect();
    let by_seq = run
        .records()
        .iter()
        .map(|record| {
            let id = record["request_id"].as_str().unwrap();
            (record["seq"].as_u64().unwrap(), bodies[id].clone())
        })
        .collect();
    (run.json("plan.json")["experiment"].as_str().unwrap().to_owned(), by_seq)
}

#[test]
fn the_same_seed_sends_the_same_requests() {
    for load in [
        "requests = 60\nload.closed = { users = 7 }",
        "duration = \"1s\"\nload.open = { arrivals = \"poisson\", rate = 60 }",
    ] {
        let (hash, bodies) = sent(42, load);
        let (hash_again, bodies_again) = sent(42, load);
        assert_eq!(hash, hash_again);
        assert!(bodies.len() > 20);
        assert_eq!(bodies, bodies_again);
        let (other_hash, other_bodies) = sent(43, load);
        assert_ne!(hash, other_hash);
        assert!(other_bodies.iter().all(|(seq, body)| bodies.get(seq) != Some(body)));
        let mut texts: Vec<_> = bodies.values().map(|body| body["messages"].to_string()).collect();
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), bodies.len(), "no prompt twice");
    }
}

#[test]
fn a_concurrency_limit_queues_and_the_wait_counts() {
    let server = Server::start(|_, out| {
        stream_tokens(out, Duration::from_millis(50), Duration::from_millis(1), 2);
        After::KeepOpen
    });
    let bench = Bench::new();
    let file = bench.file(
        "queue.toml",
        &format!(
            r#"
            version = 1
            name = "queue"
            [endpoints.main]
            url = "{}"
            [phases.load]
            requests = 40
            load.open = {{ arrivals = "constant", rate = 100, concurrency_limit = 1 }}
            "#,
            server.url()
        ),
    );
    bench.run(&["run", &file]).expect_code(0);
    let records = bench.only_run().records();
    assert_eq!(records.len(), 40);
    let waits: Vec<_> = records.iter().map(|record| record["queue_wait_ns"].as_u64().unwrap()).collect();
    // one at a time, 50 ms each, due every 10 ms: the last waits at least 39 × 50 − 39 × 10 ms
    assert!(*waits.iter().max().unwrap() >= 1_560_000_000, "{waits:?}");
    let dues: Vec<_> = records.iter().map(|record| record["due_ns"].as_u64().unwrap()).collect();
    let first = dues.iter().min().unwrap();
    assert!(dues.iter().all(|due| (due - first) % 10_000_000 == 0), "the schedule is absolute");
}

#[test]
fn the_safety_cap_leaves_records_and_voids_the_run() {
    let server = Server::start(|_, out| {
        stream_tokens(out, Duration::from_millis(300), Duration::from_millis(1), 2);
        After::KeepOpen
    });
    let bench = Bench::new();
    let file = bench.file(
        "cap.toml",
        &format!(
            r#"
            version = 1
            name = "cap"
            [run]
            max_in_flight = 2
            [endpoints.main]
            url = "{}"
            [phases.load]
            requests = 30
            load.open = {{ arrivals = "constant", rate = 100 }}
            "#,
            server.url()
        ),
    );
    let done = bench.run(&["run", &file]).expect_code(3);
    assert!(done.stdout.contains("INVALID") && done.stdout.contains("max_in_flight"), "{}", done.stdout);
    let records = bench.only_run().records();
    assert_eq!(records.len(), 30, "a request that could not be sent is still a record");
    assert!(records.iter().any(|record| record["outcome"] == "not_sent"));
}

#[test]
fn a_secret_reaches_the_server_and_no_file() {
    const SECRET: &str = "sk-very-secret-9731";
    let server = Server::start(|_, out| {
        out.stream_head();
        out.event(
            r#"{"object":"text_completion","choices":[{"index":0,"text":"a","finish_reason":"stop"}]}"#,
        );
        out.event("[DONE]");
        out.end_chunks();
        After::KeepOpen
    });
    let bench = Bench::new();
    let file = bench.file(
        "secret.toml",
        &format!(
            r#"
            version = 1
            name = "secret"
            [endpoints.main]
            url = "{}"
            protocol = "openai_completions"
            api_key = {{ env = "TEST_KEY" }}
            [phases.load]
            requests = 4
            load.closed = {{ users = 1 }}
            "#,
            server.url()
        ),
    );
    let done = bench.command(&["run", &file]).env("TEST_KEY", SECRET).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    for served in server.served() {
        let header = |name: &str| {
            served.request.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
        };
        assert_eq!(served.request.path, "/v1/completions");
        assert_eq!(header("authorization"), Some(format!("Bearer {SECRET}").as_str()));
        assert_eq!(header("accept-encoding"), Some("identity"));
        assert_eq!(served.request.body["model"], "scripted", "`auto` asked the server");
    }
    let mut folders = vec![bench.only_run().folder];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = std::fs::read(&path).unwrap();
                let found = text.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
                assert!(!found, "{} holds the secret", path.display());
            }
        }
    }
    // without the variable nothing is sent
    let done = bench.run(&["run", &file]).expect_code(4);
    assert!(done.stderr.contains("TEST_KEY"), "{}", done.stderr);
}
