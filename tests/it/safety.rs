//! How far a run may go: public hosts, ceilings, and what flags allow.

use std::time::Duration;

use crate::{
    kit::Bench,
    server::{After, Server, stream_tokens},
};

fn server() -> Server {
    Server::start(|_, out| {
        stream_tokens(out, Duration::from_millis(1), Duration::from_millis(1), 2);
        After::KeepOpen
    })
}

fn scenario(bench: &Bench, url: &str, run: &str, phase: &str) -> String {
    bench.file(
        "safety.toml",
        &format!(
            "version = 1\nname = \"safety\"\n[run]\n{run}\n[endpoints.main]\nurl = \"{url}\"\n\
             [phases.load]\n{phase}\n[phases.after]\nrequests = 5\nload.closed = {{ users = 1 }}\n"
        ),
    )
}

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` in {text}");
    }
}

const FEW: &str = "requests = 5\nload.closed = { users = 1 }";

#[test]
fn a_public_host_is_loaded_only_by_name() {
    let bench = Bench::new();
    let file = scenario(&bench, "http://api.example.com/v1", "", FEW);
    let help = "`--allow-host";
    for arguments in [
        &["check", &file][..],
        &["plan", &file],
        &["run", &file],
        &["run", "--url", "http://api.example.com/v1"],
        &["probe", &file],
        &["probe", "http://api.example.com/v1"],
        &["init", "http://api.example.com/v1"],
        &["init", "http://api.example.com/v1", "--offline"],
    ] {
        let done = bench.run(arguments).expect_code(2);
        says(&done.stderr, &["leads to the public host `api.example.com`", help]);
    }
    assert!(bench.runs().is_empty());
    bench.run(&["check", &file, "--allow-host", "API.example.com"]).expect_code(0);
    bench
        .run(&["init", "http://api.example.com/v1", "--offline", "--allow-host", "api.example.com"])
        .expect_code(0);
    bench.run(&["check", "scenario.toml"]).expect_code(0);

    // what the file allows stays allowed beside a flag
    let file = scenario(&bench, "http://api.example.com/v1", "allow_hosts = [\"api.example.com\"]", FEW);
    bench.run(&["check", &file]).expect_code(0);
    let done = bench.run(&["plan", &file, "--allow-host", "other.example.com"]).expect_code(0);
    says(&done.stdout, &["allowed hosts  api.example.com, other.example.com"]);
}

#[test]
fn a_local_name_that_leads_to_a_public_address_is_refused_before_the_first_byte() {
    let bench = Bench::new();
    // a number without dots is an address to every resolver: 192.0.2.1, which is kept for documentation
    let file = scenario(&bench, "http://3221225985:9/v1", "ready_timeout = \"1s\"", FEW);
    bench.run(&["check", &file]).expect_code(0);
    let done = bench.run(&["run", &file]).expect_code(4);
    says(&done.stderr, &["`3221225985` leads to the public address 192.0.2.1", "--allow-host 3221225985"]);
    assert!(!done.stderr.contains("GET "), "{}", done.stderr);
}

#[test]
fn a_plan_above_its_ceiling_is_not_run() {
    let server = server();
    let bench = Bench::new();
    let file = scenario(&bench, &server.url(), "ceiling.requests = 8", FEW);
    for command in ["check", "plan", "run"] {
        let done = bench.run(&[command, &file]).expect_code(2);
        says(&done.stderr, &["the plan sends 10 requests, and the ceiling is 8", "`--ceiling requests=10`"]);
    }
    assert!(server.served().is_empty());
    bench.run(&["run", &file, "--ceiling", "requests=10"]).expect_code(0);
    assert_eq!(server.served().len(), 10);
    let ceiling = &bench.only_run().json("plan.json")["limits"]["ceiling"];
    assert_eq!((&ceiling["requests"], &ceiling["rate"]), (&10.into(), &1000.0.into()));
    for (flag, message) in [
        ("users=3", "write KEY=VALUE with one of requests, rate, duration"),
        ("requests", "write KEY=VALUE"),
        ("requests=many", "`run.ceiling.requests` must be a whole number"),
    ] {
        says(&bench.run(&["check", &file, "--ceiling", flag]).expect_code(2).stderr, &[message]);
    }
}

#[test]
fn the_runs_of_a_command_count_together() {
    let bench = Bench::new();
    let file = scenario(&bench, "http://127.0.0.1:9/v1", "repeats = 3\nceiling.requests = 29", FEW);
    let done = bench.run(&["check", &file]).expect_code(2);
    says(&done.stderr, &["3 runs together send 30 requests, and the ceiling is 29", "--ceiling requests=30"]);
    let done = bench.run(&["plan", &file, "--ceiling", "requests=30"]).expect_code(0);
    says(&done.stdout, &["total × 3"]);
    let text = std::fs::read_to_string(bench.path(&file)).unwrap() + "[matrix]\nseed = [1, 2]\n";
    bench.file("matrix.toml", &text);
    let done = bench.run(&["check", "matrix.toml", "--ceiling", "requests=59"]).expect_code(2);
    says(&done.stderr, &["6 runs together send 60 requests"]);
}

#[test]
fn the_files_of_a_command_count_together() {
    let server = server();
    let bench = Bench::new();
    let one = scenario(&bench, &server.url(), "ceiling.requests = 10", FEW);
    let text = std::fs::read_to_string(bench.path(&one)).unwrap();
    let other = bench.file("other.toml", &text.replace("ceiling.requests = 10", "ceiling.requests = 12"));
    let third = bench.file("third.toml", &text.replace("http://", "sim:rtx_4090\"#"));
    let done = bench.run(&["run", &one, &other, &third]).expect_code(2);
    says(
        &done.stderr,
        &[
            "error: 2 runs together send 20 requests, and the ceiling is 12\n",
            "`--ceiling requests=20`",
            "nothing was sent",
        ],
    );
    assert!(server.served().is_empty());
    bench.run(&["run", &one, &other, "--quiet", "--ceiling", "requests=20"]).expect_code(0);
    assert_eq!(server.served().len(), 20);

    let text = text.replace("ceiling.requests = 10\n", "");
    let long = text.replace(
        "requests = 5\nload.closed = { users = 1 }\n[",
        "duration = \"13h\"\nload.open.rate = 0.001\n[",
    );
    let long = [bench.file("long.toml", &long), bench.file("longer.toml", &long)];
    bench.run(&["check", &long[0], &long[1]]).expect_code(0);
    let done = bench.run(&["run", &long[0], &long[1]]).expect_code(2);
    says(&done.stderr, &["error: 2 runs together take 26h", "and the ceiling is 24h"]);
    let repeated = bench.file(
        "repeated.toml",
        &text.replace("[run]", "[run]\nrepeats = 2").replace(
            "requests = 5\nload.closed = { users = 1 }\n[",
            "duration = \"13h\"\nload.open.rate = 0.001\n[",
        ),
    );
    says(&bench.run(&["check", &repeated]).expect_code(2).stderr, &["2 runs together take 26h"]);
}

#[test]
fn what_one_file_has_sent_the_next_cannot_send() {
    let server = server();
    let bench = Bench::new();
    // by the planner's guess some four requests, by this server thousands
    let phase = "duration = \"10s\"\nload.closed = { users = 1 }";
    let one = scenario(&bench, &server.url(), "", phase);
    let text = std::fs::read_to_string(bench.path(&one)).unwrap();
    let other = bench.file("other.toml", &text.replace("safety", "other"));
    bench.run(&["run", &one, &other, "--ceiling", "requests=30"]).expect_code(3);
    assert_eq!(server.served().len(), 30);
    assert_eq!(bench.runs().len(), 2);
}

#[test]
fn a_flag_lifts_what_a_file_cannot() {
    let bench = Bench::new();
    let phase = "requests = 2_000_000\nload.open = { rate = 1500 }";
    let file = scenario(&bench, "http://127.0.0.1:9/v1", "", phase);
    let done = bench.run(&["check", &file]).expect_code(2);
    says(&done.stderr, &["the plan sends 2,000,005 requests", "sends up to 1,500 requests/s"]);
    bench
        .run(&["check", &file, "--ceiling", "requests=2_000_005", "--ceiling", "rate=90000/min"])
        .expect_code(0);
    let simulated = scenario(&bench, "sim:rtx_4090", "", phase);
    bench.run(&["check", &simulated]).expect_code(0);
}

#[test]
fn a_closed_loop_stops_at_the_ceiling_while_it_runs() {
    let server = server();
    let bench = Bench::new();
    // by the planner's guess some four requests, by this server thousands
    let phase = "duration = \"10s\"\nload.closed = { users = 1 }";
    let file = scenario(&bench, &server.url(), "ceiling.requests = 30", phase);
    let done = bench.run(&["run", &file]).expect_code(3);
    assert_eq!(server.served().len(), 30);
    says(&done.stderr, &["stopping at the ceiling on requests"]);
    says(&done.stdout, &["INVALID", "stopped at the ceiling of 30 requests", "--ceiling requests="]);
    let run = bench.only_run();
    assert_eq!(run.diary("stopping")[0]["cause"], "request_ceiling");
    assert_eq!(run.diary("step_started").len(), 1, "the phase behind it never began");
    let not_sent = run.records().into_iter().filter(|record| record["outcome"] == "not_sent").count();
    assert_eq!((not_sent, run.records().len()), (1, 31));
    let summary = run.json("summary.json");
    assert_eq!((&summary["verdict"], &summary["ending"]), (&"INVALID".into(), &"aborted".into()));
}

#[test]
fn a_run_stops_when_it_has_taken_as_long_as_it_may() {
    // answers so slowly that ten requests take far longer than the planner guesses
    let slow = Server::start(|_, out| {
        stream_tokens(out, Duration::from_millis(900), Duration::from_millis(1), 2);
        After::KeepOpen
    });
    let bench = Bench::new();
    let workload = "[workloads.short.synthetic]\noutput_tokens = 2\n[endpoints.main]";
    let file = scenario(&bench, &slow.url(), "drain = \"30s\"\nceiling.duration = \"2s\"", FEW);
    let text = std::fs::read_to_string(bench.path(&file)).unwrap().replace("[endpoints.main]", workload);
    bench.file(&file, &text);
    let done = bench.run(&["run", &file]).expect_code(3);
    says(&done.stderr, &["stopping at the ceiling on duration"]);
    says(&done.stdout, &["INVALID", "stopped at the ceiling of 2s"]);
    assert!(slow.served().len() < 10);
}
