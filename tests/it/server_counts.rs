//! What servers count by their own pages, beside what the records say.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use serde_json::Value;

use crate::{
    kit::Bench,
    server::{After, Server, stream_tokens},
};

/// Before the first request there is time for a page.
const REST: &str = "[phases.rest]\npause = \"1s\"\n";

/// Check 9 of a run.
fn check(summary: &Value) -> &Value {
    let checks = summary["validity"].as_array().expect("a list");
    checks.iter().find(|check| check["id"] == "9").unwrap_or(&Value::Null)
}

#[test]
fn a_simulated_server_of_two_endpoints_counts_what_both_sent() {
    let bench = Bench::new();
    let file = bench.file(
        "counts.toml",
        &format!(
            r#"
            version = 1
            name = "counts"
            [endpoints.one]
            url = "sim:small"
            workload = "short"
            [endpoints.two]
            url = "sim:small"
            workload = "short"
            [sims.small]
            [workloads.short.synthetic]
            prompt_tokens = 12
            output_tokens = 5
            {REST}
            [phases.warm]
            measure = false
            requests = 6
            load.closed.users = 2
            [phases.settle]
            pause = "3s"
            [phases.load]
            requests = 30
            load.closed.users = 4
            [targets.kv]
            metric = "server.kv_cache_usage"
            at_most = "99%"
            endpoint = "two"
            "#
        ),
    );
    bench.run(&["run", &file]).expect_code(0);
    let run = bench.only_run();
    let summary = run.json("summary.json");
    let counts = summary["server_counts"].as_array().expect("a list");
    let whole = &counts[0];
    assert_eq!((&whole["endpoints"], &whole["phase"]), (&serde_json::json!(["one", "two"]), &Value::Null));
    assert_eq!(whole["not_compared"], Value::Null, "{whole}");
    let records: Vec<Value> =
        run.text("requests.jsonl").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let sum = |key: &str| records.iter().map(|record| record[key].as_u64().expect(key)).sum::<u64>();
    for (quantity, ours) in [
        ("server.requests", 36),
        ("server.prompt_tokens", sum("input_tokens")),
        ("server.generation_tokens", sum("output_tokens")),
    ] {
        let counted =
            whole["counts"].as_array().into_iter().flatten().find(|count| count["quantity"] == quantity);
        let counted = counted.unwrap_or_else(|| panic!("{quantity}: {whole}"));
        let of = |key: &str| counted[key].as_u64();
        assert_eq!((of("server"), of("low"), of("high")), (Some(ours), Some(ours), Some(ours)), "{quantity}");
        assert_eq!(counted["gap"], 0.0);
    }
    // a step is compared where pages came between it and its neighbours, as they should within three seconds
    for step in &counts[1..] {
        let requests = if step["phase"] == "warm" { 6 } else { 30 };
        assert_eq!(step["counts"][0]["server"], requests, "{step}");
    }
    assert_eq!((&check(&summary)["ok"], &check(&summary)["void"]), (&Value::Bool(true), &Value::Bool(false)));

    // one server is one subject, and each of its endpoints finds it
    let subjects: Vec<&Value> = summary["scopes"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|scope| scope["telemetry"].as_array().into_iter().flatten())
        .filter(|read| read["quantity"].as_str().is_some_and(|name| name.starts_with("server.")))
        .map(|read| &read["subject"])
        .collect();
    assert!(!subjects.is_empty());
    assert!(
        subjects.iter().all(|subject| **subject == serde_json::json!({ "server": ["one", "two"] })),
        "{subjects:?}"
    );
    let target = summary["targets"].as_array().into_iter().flatten().find(|row| row["name"] == "kv");
    assert_eq!(target.map(|row| &row["mark"]), Some(&Value::from("PASS")), "{target:?}");
}

/// Runs a hundred requests of four tokens against a server that counts so many times as many tokens, and so many requests more.
fn against(lie: f64, others: u64) -> (Value, String) {
    let requests = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&requests);
    let page = move || {
        let sent = counted.load(SeqCst);
        let all = if sent == 0 { 0 } else { sent + others };
        let tokens = (sent as f64 * 4.0 * lie).round();
        format!(
            "vllm:request_success_total{{finished_reason=\"length\"}} {all}\nvllm:prompt_tokens_total {}\n\
             vllm:generation_tokens_total {tokens}\n",
            sent * 7
        )
    };
    let server = Server::with_metrics(page, move |_, out| {
        requests.fetch_add(1, SeqCst);
        stream_tokens(out, Duration::from_millis(1), Duration::from_millis(1), 4);
        After::KeepOpen
    });
    let bench = Bench::new();
    let file = bench.file(
        "counts.toml",
        &format!(
            "version = 1\nname = \"counts\"\nendpoints.main.url = \"{}\"\n[workloads.short.synthetic]\nprompt_tokens = 5\n\
             output_tokens = 4\n{REST}[phases.load]\nrequests = 100\nload.closed.users = 4\n",
            server.url()
        ),
    );
    let done = bench.run(&["run", &file]).expect_code(0);
    (bench.only_run().json("summary.json"), done.stdout.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[test]
fn a_server_that_counts_otherwise_is_flagged_beyond_two_percent() {
    let (summary, said) = against(1.01, 0);
    assert_eq!(check(&summary)["ok"], true, "{summary}");
    let count = &summary["server_counts"][0]["counts"][2];
    assert_eq!((&count["server"], &count["high"]), (&404.into(), &400.into()), "{summary}");
    assert!(!said.contains("servers count what we count"), "{said}");

    let (summary, said) = against(1.1, 0);
    assert_eq!(check(&summary)["ok"], false, "{summary}");
    let part =
        "the server of `main` counted 40 more output tokens than its answers say, 10.0 % (440 against 400)";
    assert!(said.contains(part), "{said}");
    assert_eq!(summary["verdict"], "PASS", "a caution voids nothing");
}

#[test]
fn requests_of_somebody_else_are_told() {
    let (summary, said) = against(1.0, 25);
    assert_eq!(check(&summary)["ok"], false, "{summary}");
    let part = "the server of `main` answered 25 more requests than we sent, 25.0 % (125 against 100)";
    assert!(said.contains(part), "{said}");
    assert!(said.contains("somebody else uses it"), "{said}");
}
