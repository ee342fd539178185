//! One plan run several times, and with a given number of threads.

use std::{collections::BTreeSet, time::Duration};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{
    kit::{Bench, wait},
    server::{After, Server, stream_tokens},
};

fn server() -> Server {
    Server::start(|_, out| {
        stream_tokens(out, Duration::from_millis(1), Duration::from_millis(1), 3);
        After::KeepOpen
    })
}

fn scenario(bench: &Bench, url: &str, run: &str, phase: &str) -> String {
    bench.file(
        "repeats.toml",
        &format!(
            r#"
            version = 1
            name = "repeats"
            run = {{ {run} }}
            [endpoints.main]
            url = "{url}"
            [workloads.text.synthetic]
            prompt_tokens = 10
            output_tokens = 3
            [phases.load]
            {phase}
            [targets.errors]
            metric = "error_rate"
            at_most = "50%"
            "#
        ),
    )
}

#[test]
fn every_repeat_is_a_run_of_the_same_requests_in_one_group() {
    let server = server();
    let bench = Bench::new();
    let phase = "requests = 20\nload.closed = { users = 2 }";
    let file = scenario(&bench, &server.url(), "repeats = 3", phase);
    let done = bench.run(&["run", &file, "--json", "out.json"]).expect_code(0);
    let table = done.stdout.split("3 runs of repeats").nth(1).expect("a table of all repeats");
    assert!(table.contains("lowest – highest") && table.contains("3 of 3"), "{table}");

    let runs = bench.runs();
    assert_eq!(runs.len(), 3);
    let plans: Vec<Value> = runs.iter().map(|run| run.json("plan.json")).collect();
    assert!(plans.iter().all(|plan| plan["group"].is_string() && plan["group"] == plans[0]["group"]));
    let repeats: BTreeSet<_> = plans.iter().map(|plan| plan["repeat"].as_u64()).collect();
    assert_eq!(repeats, BTreeSet::from([Some(1), Some(2), Some(3)]));
    let all: Value = serde_json::from_str(&std::fs::read_to_string(bench.path("out.json")).unwrap()).unwrap();
    let all = all.as_array().unwrap();
    assert_eq!(all.iter().map(|run| run["repeat"].as_u64()).collect::<Vec<_>>(), [Some(1), Some(2), Some(3)]);
    assert!(all.iter().all(|run| run["group"] == plans[0]["group"] && run["repeats"] == 3));

    let mut bodies: Vec<String> =
        server.served().iter().map(|served| served.request.body.to_string()).collect();
    bodies.sort();
    assert_eq!(bodies.len(), 60);
    assert!(bodies.chunks(3).all(|same| same[0] == same[2]), "each request came three times");
    assert_eq!(bodies.iter().collect::<BTreeSet<_>>().len(), 20);
}

#[test]
fn an_interrupt_ends_all_repeats() {
    let server = server();
    let bench = Bench::new();
    let phase = "duration = \"5m\"\nload.closed = { users = 1 }";
    let file = scenario(&bench, &server.url(), "repeats = 3", phase);
    let running = bench.start(&["run", &file]);
    wait(Duration::from_secs(30), || (server.served().len() > 10).then_some(())).expect("requests");
    running.signal(Signal::SIGINT);
    running.finish().expect_code(130);
    assert_eq!(bench.runs().len(), 1);
}

#[test]
fn a_run_on_its_own_has_no_group() {
    let server = server();
    let bench = Bench::new();
    let file = scenario(&bench, &server.url(), "", "requests = 20\nload.closed = { users = 2 }");
    let done = bench.run(&["run", &file]).expect_code(0);
    assert!(!done.stdout.contains("lowest – highest"), "{}", done.stdout);
    let run = bench.only_run();
    let plan = run.json("plan.json");
    assert!(plan.get("group").is_none() && plan.get("repeat").is_none());
}

#[test]
fn a_server_of_this_machine_is_left_half_of_the_processors() {
    let server = server();
    let cores = std::thread::available_parallelism().unwrap().get();
    for (settings, threads) in [("", (cores / 2).max(1)), ("threads = \"all\"", cores), ("threads = 3", 3)] {
        let bench = Bench::new();
        let file = scenario(&bench, &server.url(), settings, "requests = 20\nload.closed = { users = 2 }");
        bench.run(&["run", &file]).expect_code(0);
        assert_eq!(bench.only_run().json("system-info.json")["client_threads"], threads, "{settings}");
    }
}

#[test]
fn one_thread_serves_both_loops() {
    let server = server();
    for phase in [
        "requests = 100\nload.closed = { users = 10 }",
        "requests = 100\nload.open = { arrivals = \"constant\", rate = 200, concurrency_limit = 4 }",
    ] {
        let bench = Bench::new();
        let file = scenario(&bench, &server.url(), "threads = 1", phase);
        bench.run(&["run", &file]).expect_code(0);
        let run = bench.only_run();
        assert_eq!(run.json("system-info.json")["client_threads"], 1);
        assert_eq!(run.json("summary.json")["client_threads"], 1);
        let records = run.records();
        assert!(records.len() == 100 && records.iter().all(|record| record["outcome"] == "ok"), "{phase}");
    }
}
