//! A scenario with a matrix: its plan, its runs, and what takes one case only.

use std::time::Duration;

use serde_json::Value;

use crate::{
    kit::Bench,
    server::{After, Server, stream_tokens},
};

fn scenario(bench: &Bench, url: &str) -> String {
    bench.file(
        "matrix.toml",
        &format!(
            r#"
            version = 1
            name = "tries"
            [endpoints.main]
            url = "{url}"
            [phases.load]
            requests = 10
            load.closed = {{ users = 9 }}
            [targets.latency]
            metric = "e2e.p50"
            at_most = "10s"
            [matrix.phases.load.load.closed]
            users = [1, 2]
            [matrix.endpoints.main]
            model = ["a/b", "c"]
            "#
        ),
    )
}

#[test]
fn every_case_runs_into_a_folder_of_its_own_with_the_group_of_all() {
    let server = Server::start(|_, out| {
        stream_tokens(out, Duration::from_millis(1), Duration::from_millis(1), 4);
        After::KeepOpen
    });
    let bench = Bench::new();
    let file = scenario(&bench, &server.url());
    let done = bench.run(&["run", &file, "--json", "out.json"]).expect_code(0);
    for case in ["users=1,model=a-b", "users=1,model=c", "users=2,model=a-b", "users=2,model=c"] {
        assert!(done.stdout.contains(&format!("tries · {case}  ")), "{case}: {}", done.stdout);
        let folders = bench.runs().into_iter().filter(|run| run.path().to_string_lossy().ends_with(case));
        assert_eq!(folders.count(), 1, "{case}");
    }
    assert_eq!(bench.runs().len(), 4);
    // what varied and what it came to, and nothing a second time
    let rows: Vec<Vec<&str>> = done.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    for (users, model) in [("1", "a-b"), ("1", "c"), ("2", "a-b"), ("2", "c")] {
        let of_case = |row: &&Vec<&str>| row.starts_with(&["PASS", users, model]);
        assert_eq!(rows.iter().filter(of_case).count(), 1, "{users} {model}: {}", done.stdout);
    }
    assert!(done.stdout.contains("\n4 cases of tries  ") && !done.stdout.contains("PASS  tries"));
    let out: Value = serde_json::from_str(&std::fs::read_to_string(bench.path("out.json")).unwrap()).unwrap();
    let summaries = out.as_array().unwrap();
    let cases: Vec<_> = summaries.iter().map(|summary| summary["case"].as_str().unwrap()).collect();
    assert_eq!(cases, ["users=1,model=a-b", "users=1,model=c", "users=2,model=a-b", "users=2,model=c"]);
    let group = summaries[0]["group"].as_str().unwrap();
    assert!(group.contains("_tries_"), "{group}");
    for run in bench.runs() {
        assert_eq!(run.json("plan.json")["group"], group);
        assert_eq!(run.json("summary.json")["group"], group);
    }
    // the same table from what is on disk
    let (_, table) = done.stdout.split_once("\n4 cases of tries").unwrap();
    let folders: Vec<String> = bench.runs().iter().map(|run| run.path().display().to_string()).collect();
    let arguments: Vec<&str> = std::iter::once("report").chain(folders.iter().map(String::as_str)).collect();
    let again = bench.run(&arguments).expect_code(0);
    assert!(again.stdout.ends_with(&format!("\n4 cases of tries{table}")), "{}", again.stdout);
    let models: Vec<_> = summaries.iter().map(|summary| summary["experiment"].as_str().unwrap()).collect();
    assert!(models.iter().all(|hash| models.iter().filter(|other| *other == hash).count() == 1));
}

#[test]
fn a_pinned_matrix_is_a_scenario_like_any_other() {
    let server = Server::start(|_, out| {
        stream_tokens(out, Duration::from_millis(1), Duration::from_millis(1), 4);
        After::KeepOpen
    });
    let bench = Bench::new();
    let file = scenario(&bench, &server.url());
    let pins = ["--set", "phases.load.load.closed.users=2", "--set", "endpoints.main.model=c"];
    bench.run(&[&["run", file.as_str()], &pins[..]].concat()).expect_code(0);
    let run = bench.only_run();
    assert!(!run.path().to_string_lossy().contains("users"), "{}", run.path().display());
    let summary = run.json("summary.json");
    assert!(summary["group"].is_null() && summary["case"].is_null());
    assert!(run.json("plan.json").get("group").is_none());
}

#[test]
fn the_plan_of_a_matrix_begins_with_what_all_cases_come_to() {
    let bench = Bench::new();
    let file = scenario(&bench, "http://127.0.0.1:9/v1");
    let done = bench.run(&["plan", &file]).expect_code(0);
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert_eq!(lines[0], "tries");
    assert_eq!(lines[2], "  cases     4, by phases.load.load.closed.users and endpoints.main.model");
    assert!(lines[3].starts_with("  total     40 requests, "), "{}", done.stdout);
    assert_eq!(lines.iter().filter(|line| line.trim_start().starts_with("users=")).count(), 4);
    assert!(done.stdout.contains("users=2,model=a-b        10 "), "{}", done.stdout);

    let done = bench.run(&["plan", &file, "--set", "endpoints.main.model=c", "--origins"]).expect_code(0);
    assert!(done.stdout.contains("tries · users=1\n") && done.stdout.contains("tries · users=2\n"));
    assert!(done.stdout.contains("matrix    matrix.toml:13"), "{}", done.stdout);
    let done = bench.run(&["check", &file]).expect_code(0);
    assert!(done.stdout.contains("matrix.toml: ok (tries, 4 cases)"), "{}", done.stdout);
}

#[test]
fn what_takes_one_plan_says_how_to_choose_a_case() {
    let bench = Bench::new();
    let file = scenario(&bench, "http://127.0.0.1:9/v1");
    for (arguments, message) in [
        (["plan", &file, "--diff", &file], "pin the axes of a matrix by `--set`"),
        (["probe", &file, "--endpoint", "main"], "`matrix.toml` has a matrix of 4 cases"),
    ] {
        let done = bench.run(&arguments).expect_code(2);
        assert!(done.stderr.contains(message), "{}", done.stderr);
    }
}
