//! Targets that end the run, objectives and prices from the file to the report, and what could not be decided.

use std::time::{Duration, Instant};

use crate::{
    kit::Bench,
    server::{After, Server, stream_tokens},
};

const MINUTE: Duration = Duration::from_secs(60);

/// Answers at once with four tokens, but after the first so many requests with an error.
fn server(healthy: u64) -> Server {
    Server::start(move |request, out| {
        if request.number < healthy {
            stream_tokens(out, Duration::from_millis(5), Duration::from_millis(1), 4);
        } else {
            out.answer(
                "500 Internal Server Error",
                "application/json",
                r#"{"error":{"message":"out of memory"}}"#,
            );
        }
        After::KeepOpen
    })
}

/// A report without its line breaks.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn two_minutes(url: &str) -> String {
    format!(
        r#"
        version = 1
        name = "ending"
        [endpoints.main]
        url = "{url}"
        [phases.first]
        duration = "60s"
        load.open = {{ arrivals = "constant", rate = 40 }}
        [phases.second]
        duration = "60s"
        load.closed = {{ users = 2 }}
        [targets.errors]
        metric = "error_rate"
        at_most = "5%"
        abort = {{ after = "300ms" }}
        "#
    )
}

#[test]
fn a_server_that_fails_every_request_ends_the_run() {
    let server = server(1);
    let bench = Bench::new();
    let file = bench.file("ending.toml", &two_minutes(&server.url()));
    let begin = Instant::now();
    let done = bench.run(&["run", &file]).expect_code(1);
    assert!(begin.elapsed() < MINUTE, "it did not wait for the end of the phase");
    assert!(done.stderr.contains("stopping: `errors` has failed in `first`"), "{}", done.stderr);
    for text in [
        "FAIL",
        "`errors` in `first`: error_rate is",
        "it ended the run after",
        "not run, since the run ended",
    ] {
        assert!(flat(&done.stdout).contains(text), "{text}: {}", done.stdout);
    }
    let run = bench.only_run();
    let aborted = run.diary("aborted");
    assert_eq!(aborted.len(), 1);
    assert_eq!((&aborted[0]["target"], &aborted[0]["scope"]["phase"]), (&"errors".into(), &"first".into()));
    assert_eq!(run.diary("stopping")[0]["cause"], "abort");
    assert_eq!(run.diary("run_ended").len(), 1);
    let summary = run.json("summary.json");
    assert_eq!((&summary["verdict"], &summary["ending"]), (&"FAIL".into(), &"ended_by_target".into()));
    assert_eq!(summary["targets"][0]["mark"], "FAIL");
    assert!(run.text("report.html").contains("it ended the run after"));
    // the report follows from the records alone
    let again = bench.run(&["report", run.path().to_str().unwrap()]).expect_code(0);
    assert!(flat(&again.stdout).contains("it ended the run after"), "{}", again.stdout);
}

#[test]
fn what_is_in_flight_is_cut_off_with_the_run() {
    // every fourth answer never ends, the others fail
    let server = Server::start(|request, out| {
        if request.number % 4 == 0 {
            out.stream_head();
            std::thread::sleep(Duration::from_secs(120));
        } else {
            out.answer("503 Service Unavailable", "text/plain", "busy");
        }
        After::Close
    });
    let bench = Bench::new();
    let file = bench.file("ending.toml", &two_minutes(&server.url()));
    let begin = Instant::now();
    bench.run(&["run", &file]).expect_code(1);
    assert!(begin.elapsed() < MINUTE, "neither the phase nor the drain was waited for");
    let run = bench.only_run();
    let cancelled = run.records().iter().filter(|record| record["outcome"] == "cancelled").count();
    assert!(cancelled > 0);
    let scope = &run.json("summary.json")["scopes"][0];
    assert_eq!(scope["counts"]["cut_off"], cancelled);
}

#[test]
fn a_server_that_hangs_ends_the_run_long_before_its_time_outs() {
    let server = Server::start(|_, out| {
        out.stream_head();
        std::thread::sleep(Duration::from_secs(120));
        After::Close
    });
    let bench = Bench::new();
    let text = format!(
        r#"
        version = 1
        name = "hanging"
        [endpoints.main]
        url = "{}"
        timeout = "100s"
        [phases.load]
        duration = "90s"
        load.closed = {{ users = 6 }}
        [targets.first_token]
        metric = "ttft.p95"
        at_most = "1s"
        abort = {{ after = "300ms" }}
        "#,
        server.url()
    );
    let file = bench.file("hanging.toml", &text);
    let begin = Instant::now();
    let done = bench.run(&["run", &file]).expect_code(1);
    assert!(begin.elapsed() < MINUTE, "neither the phase nor a time-out was waited for");
    assert!(
        done.stderr.contains("stopping: `first_token` has failed in `load`, by 6 of 6"),
        "{}",
        done.stderr
    );
    let run = bench.only_run();
    assert!(run.records().iter().all(|record| record["outcome"] == "cancelled"));
    let summary = run.json("summary.json");
    assert_eq!((&summary["verdict"], &summary["ending"]), (&"FAIL".into(), &"ended_by_target".into()));
    assert_eq!(summary["targets"][0]["mark"], "FAIL");
    // the report follows from the records alone
    bench.run(&["report", run.path().to_str().unwrap()]).expect_code(0);
}

#[test]
fn a_healthy_server_is_left_alone() {
    let server = server(u64::MAX);
    let bench = Bench::new();
    let file = bench.file("healthy.toml", &two_minutes(&server.url()));
    let sets = ["--set", "phases.first.duration=2s", "--set", "phases.second.requests=100"];
    bench.run(&[&["run", file.as_str()][..], &sets].concat()).expect_code(0);
    let run = bench.only_run();
    assert!(run.diary("aborted").is_empty() && run.diary("step_ended").len() == 2);
}

/// One user with 80 requests, of which the first 60 are answered, with an objective that every answer meets.
fn priced(url: &str) -> String {
    format!(
        r#"
        version = 1
        name = "priced"
        [endpoints.main]
        url = "{url}"
        [price]
        per_million_input_tokens = 1
        per_million_output_tokens = 4
        [objectives]
        e2e = "20s"
        tpot = "10s"
        [phases.load]
        requests = 80
        load.closed = {{ users = 1 }}
        [targets.good]
        metric = "goodput"
        at_least = "1/h"
        [targets.met]
        metric = "objectives_met_rate"
        at_least = "50%"
        [targets.cost]
        metric = "cost_per_million_tokens"
        at_most = 4
        "#
    )
}

#[test]
fn objectives_and_prices_reach_every_report() {
    let server = server(60);
    let bench = Bench::new();
    let file = bench.file("priced.toml", &priced(&server.url()));
    let done = bench.run(&["run", &file]).expect_code(0);
    for text in ["goodput", "75.0 %", "cost/M", "met: requests with tpot ≤ 10.0 s, e2e ≤ 20.0 s"] {
        assert!(done.stdout.contains(text), "{text}: {}", done.stdout);
    }
    let run = bench.only_run();
    let summary = run.json("summary.json");
    let scope = &summary["scopes"][0];
    assert_eq!(scope["counts"]["objectives_met"], 60);
    assert_eq!(scope["metrics"]["objectives_met_rate"], 0.75);
    assert_eq!(scope["metrics"]["goodput"], scope["metrics"]["requests_per_second"]);
    // 7 tokens in and 4 out each: (7 × 1 + 4 × 4) ÷ 11
    let cost = scope["metrics"]["cost_per_million_tokens"].as_f64().unwrap();
    assert!((cost - 23.0 / 11.0).abs() < 0.05, "{cost}");
    // sixty answers, and what failed did not say what it used
    let whole = summary["cost"].as_f64().unwrap();
    assert!((whole - 60.0 * 23.0 / 1e6).abs() < 1e-9, "{whole}");
    assert!(summary["planned_cost"].as_f64().is_some());
    assert!(done.stdout.contains("the whole run cost 0.00138, planned"), "{}", done.stdout);
    assert_eq!(summary["objectives"], serde_json::json!({ "tpot_ms": 10_000.0, "e2e_ms": 20_000.0 }));
    let csv = run.text("requests.csv");
    let mut rows = csv::Reader::from_reader(csv.as_bytes());
    let column = rows.headers().unwrap().iter().position(|name| name == "objectives_met").unwrap();
    let met: Vec<String> = rows.records().map(|row| row.unwrap()[column].to_owned()).collect();
    let count = |value: &str| met.iter().filter(|met| *met == value).count();
    assert_eq!((count("true"), count("false")), (60, 20));
    let html = run.text("report.html");
    assert!(html.contains(">goodput</th>") && html.contains(">cost/M</th>"));
    let plan = bench.run(&["plan", &file]).expect_code(0);
    assert!(plan.stdout.contains("objectives  tpot ≤ 10.0 s, e2e ≤ 20.0 s"), "{}", plan.stdout);
}

#[test]
fn each_endpoint_has_its_own_objectives_in_every_report() {
    let server = server(u64::MAX);
    let bench = Bench::new();
    // no answer takes less than a microsecond, and none of these as long as a minute
    let text = format!(
        r#"
        version = 1
        name = "unlike"
        [endpoints.lax]
        url = "{0}"
        [endpoints.strict]
        url = "{0}"
        objectives.e2e = "1us"
        [objectives]
        e2e = "1m"
        [phases.load]
        requests = 60
        load.closed = {{ users = 1 }}
        "#,
        server.url()
    );
    let done = bench.run(&["run", &bench.file("unlike.toml", &text)]).expect_code(0);
    assert!(
        flat(&done.stdout).contains("to strict with e2e ≤ 1.00 µs, to others with e2e ≤ 60.0 s"),
        "{}",
        done.stdout
    );
    let run = bench.only_run();
    let check = || {
        let summary = run.json("summary.json");
        let scopes = summary["scopes"].as_array().unwrap();
        let of = |endpoint: serde_json::Value| {
            let scope = scopes.iter().find(|scope| scope["endpoint"] == endpoint).expect("a scope");
            (scope["counts"]["due"].as_u64().unwrap(), scope["counts"]["objectives_met"].as_u64().unwrap())
        };
        let (lax, strict, all) = (of("lax".into()), of("strict".into()), of(serde_json::Value::Null));
        assert!(lax.0 > 0 && strict.0 > 0 && all.0 == lax.0 + strict.0);
        assert_eq!([lax.1, strict.1, all.1], [lax.0, 0, lax.0]);
        let of = |endpoint: &str| summary["endpoint_objectives"][endpoint]["e2e_ms"].as_f64().unwrap();
        assert_eq!([of("lax"), of("strict")], [60_000.0, 0.001]);
        let csv = run.text("requests.csv");
        let rows = csv::Reader::from_reader(csv.as_bytes()).deserialize().collect::<Result<Vec<_>, _>>();
        let rows: Vec<std::collections::BTreeMap<String, String>> = rows.unwrap();
        assert!(rows.iter().all(|row| (row["endpoint"] == "lax") == (row["objectives_met"] == "true")));
    };
    check();
    bench.run(&["report", run.path().to_str().unwrap()]).expect_code(0);
    check();
}

#[test]
fn what_could_not_be_decided_may_only_warn() {
    let server = server(u64::MAX);
    let bench = Bench::new();
    // nobody knows beforehand how many requests two seconds are, and one is never enough
    let text = format!(
        r#"
        version = 1
        name = "undecided"
        [endpoints.main]
        url = "{}"
        [phases.load]
        duration = "300ms"
        load.closed = {{ users = 1, think_time = "1s" }}
        [targets.tail]
        metric = "e2e.p99"
        at_most = "1s"
        "#,
        server.url()
    );
    let file = bench.file("undecided.toml", &text);
    let done = bench.run(&["run", &file]).expect_code(3);
    assert!(done.stdout.contains("INCONCLUSIVE"), "{}", done.stdout);
    let done = bench.run(&["run", &file, "--set", "run.on_inconclusive=warn"]).expect_code(0);
    assert!(flat(&done.stdout).contains("lets that only warn"), "{}", done.stdout);
}
