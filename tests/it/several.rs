//! Several scenarios in one command, and files that are wrong.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::{
    kit::{Bench, wait},
    server::{After, Server, stream_tokens},
};

fn quick_server() -> Server {
    Server::start(|_, out| {
        stream_tokens(out, Duration::from_millis(1), Duration::from_millis(1), 4);
        After::KeepOpen
    })
}

fn scenario(bench: &Bench, name: &str, url: &str, limit: &str) {
    bench.file(
        &format!("{name}.toml"),
        &format!(
            r#"
            version = 1
            name = "{name}"
            [endpoints.main]
            url = "{url}"
            [phases.load]
            requests = 40
            load.closed = {{ users = 2 }}
            [targets.latency]
            metric = "e2e.p50"
            at_most = "{limit}"
            "#
        ),
    );
}

#[test]
fn several_files_run_one_after_another_and_the_worst_code_counts() {
    let server = quick_server();
    let bench = Bench::new();
    scenario(&bench, "first", &server.url(), "10s");
    scenario(&bench, "second", &server.url(), "1us");
    // the pattern reaches us unexpanded
    let done = bench.run(&["run", "*.toml", "--json", "out.json"]).expect_code(1);
    assert_eq!(bench.runs().len(), 2);
    let table = done.stdout.lines().rev().take(12).collect::<Vec<_>>().join("\n");
    assert!(table.contains("first") && table.contains("second"), "{}", done.stdout);
    let out: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(bench.path("out.json")).unwrap()).unwrap();
    assert_eq!(out[0]["verdict"], "PASS");
    assert_eq!(out[1]["verdict"], "FAIL");
    // one after another: the second began when the first had ended
    let lines = |run: usize| bench.runs()[run].text("events.jsonl");
    let value = |text: &str, line: usize, key: &str| {
        let line: serde_json::Value = serde_json::from_str(text.lines().nth(line).unwrap()).unwrap();
        line[key].as_i64().unwrap()
    };
    let mut starts: Vec<_> = (0..2).map(|run| value(&lines(run), 0, "wall_ns")).collect();
    starts.sort_unstable();
    let first = (0..2).find(|run| value(&lines(*run), 0, "wall_ns") == starts[0]).unwrap();
    let last_line = lines(first).lines().count() - 1;
    assert!(starts[0] + value(&lines(first), last_line, "at_ns") <= starts[1]);
}

#[test]
fn a_broken_file_stops_all_of_them_before_anything_is_sent() {
    let server = quick_server();
    let bench = Bench::new();
    scenario(&bench, "fine", &server.url(), "10s");
    bench.file("broken.toml", "version = 1\nname = \"broken\"\nseeed = 3\n");
    let done = bench.run(&["run", "fine.toml", "broken.toml"]).expect_code(2);
    assert!(done.stderr.contains("seeed") && done.stderr.contains("broken.toml"), "{}", done.stderr);
    assert!(server.served().is_empty() && bench.runs().is_empty());
    bench.run(&["check", "fine.toml", "broken.toml"]).expect_code(2);
    bench.run(&["check", "fine.toml"]).expect_code(0);
}

#[test]
fn a_scenario_without_a_report_keeps_its_place_in_the_summaries() {
    let server = quick_server();
    let bench = Bench::new();
    scenario(&bench, "dead", "http://127.0.0.1:9/v1", "10s");
    scenario(&bench, "fine", &server.url(), "10s");
    let done = bench
        .run(&["run", "dead.toml", "fine.toml", "--json", "out.json", "--set", "run.ready_timeout=300ms"])
        .expect_code(4);
    assert!(done.stderr.contains("1 scenario without a report"), "{}", done.stderr);
    let out: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(bench.path("out.json")).unwrap()).unwrap();
    assert_eq!(out.as_array().map(Vec::len), Some(2), "{out}");
    assert!(out[0].is_null());
    assert_eq!(out[1]["verdict"], "PASS");
}

#[test]
fn an_interrupt_ends_all_of_them() {
    // takes requests and never answers: whether it would have is not known when the user has had enough
    let silent = Server::start(|_, _| {
        std::thread::sleep(Duration::from_secs(60));
        After::Close
    });
    let quick = quick_server();
    let bench = Bench::new();
    scenario(&bench, "first", &silent.url(), "10s");
    scenario(&bench, "second", &quick.url(), "10s");
    let running = bench.start(&["run", "first.toml", "second.toml"]);
    let diary = |word: &str| {
        let text = std::fs::read_to_string(bench.runs().pop()?.path().join("events.jsonl")).ok()?;
        text.contains(word).then_some(())
    };
    for word in ["issued", "stopping"] {
        wait(Duration::from_secs(30), || diary(word)).unwrap_or_else(|| panic!("{word}"));
        // signals right behind one another would count as one
        std::thread::sleep(Duration::from_millis(200));
        running.signal(Signal::SIGINT);
    }
    running.finish().expect_code(130);
    assert_eq!(bench.runs().len(), 1);
    assert!(quick.served().is_empty());
}

#[test]
fn wrong_usage_is_code_2() {
    let bench = Bench::new();
    bench.run(&["run", "nothing-here-*.toml"]).expect_code(2);
    bench.run(&["run"]).expect_code(2);
    bench.run(&["fly"]).expect_code(2);
    bench.run(&["run", "--help"]).expect_code(0);
}

#[test]
fn a_report_rebuilds_the_same_files() {
    let server = quick_server();
    let bench = Bench::new();
    scenario(&bench, "again", &server.url(), "10s");
    bench.run(&["run", "again.toml", "--quiet", "--results", "elsewhere"]).expect_code(0);
    let folder = std::fs::read_dir(bench.path("elsewhere/runs")).unwrap().next().unwrap().unwrap().path();
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let names = ["summary.json", "requests.csv", "report.html"];
    let before: Vec<_> = names.iter().map(|name| read(name)).collect();
    for name in names {
        std::fs::remove_file(folder.join(name)).unwrap();
    }
    std::fs::remove_dir_all(folder.join("charts")).unwrap();
    bench.run(&["report", folder.to_str().unwrap()]).expect_code(0);
    for (name, before) in names.iter().zip(before) {
        assert!(read(name) == before, "{name} is the same");
    }
    assert!(std::fs::read_dir(folder.join("charts")).unwrap().count() >= 2);
}

#[test]
fn what_is_no_run_is_wrong_usage_for_a_report() {
    let server = quick_server();
    let bench = Bench::new();
    scenario(&bench, "fine", &server.url(), "10s");
    bench.run(&["run", "fine.toml", "--quiet"]).expect_code(0);
    let folder = bench.only_run().folder;
    std::fs::create_dir(bench.path("empty")).unwrap();
    for (name, message) in [
        ("nowhere", "there is no folder `nowhere`"),
        ("empty", "`empty` is a folder without a `plan.json`"),
        ("fine.toml", "`fine.toml` is a file, and a run is a folder"),
    ] {
        // the good one is not touched either
        let done = bench.run(&["report", folder.to_str().unwrap(), name]).expect_code(2);
        assert!(
            done.stderr.contains(message) && done.stderr.contains("help: name a run folder"),
            "{}",
            done.stderr
        );
        assert_eq!(done.stdout, "");
    }
}

#[test]
fn a_summary_that_cannot_be_written_is_told_before_anything_is_sent() {
    let server = quick_server();
    let bench = Bench::new();
    scenario(&bench, "fine", &server.url(), "10s");
    for file in ["no/such/folder.json", "."] {
        let done = bench.run(&["run", "fine.toml", "--json", file]).expect_code(4);
        assert!(done.stderr.contains(&format!("cannot write `{file}`")), "{}", done.stderr);
    }
    assert!(server.served().is_empty() && bench.runs().is_empty());
    // a look at the file leaves none behind where nothing comes of the run, and keeps what is there
    bench.run(&["run", "fine.toml", "--json", "out.json", "--results", "fine.toml"]).expect_code(4);
    bench.file("old.json", "old");
    bench.run(&["run", "none.toml", "--json", "old.json"]).expect_code(2);
    assert_eq!(std::fs::read_to_string(bench.path("old.json")).unwrap(), "old");
    bench.run(&["run", "fine.toml", "--json", "old.json"]).expect_code(0);
    assert!(std::fs::read_to_string(bench.path("old.json")).unwrap().starts_with('{'));
}

#[test]
fn several_plans_are_summed_up() {
    let bench = Bench::new();
    scenario(&bench, "first", "http://127.0.0.1:9/v1", "10s");
    scenario(&bench, "second", "http://127.0.0.1:9/v1", "10s");
    let words = |text: &str, row: &str| -> Vec<String> {
        let line = text.lines().rev().find(|line| line.trim_start().starts_with(row));
        line.unwrap_or_else(|| panic!("{row} in {text}")).split_whitespace().map(str::to_owned).collect()
    };
    for files in [&["first.toml", "second.toml"][..], &["*.toml"]] {
        let done = bench.run(&[&["plan"], files].concat()).expect_code(0);
        assert_eq!(words(&done.stdout, "scenario")[..2], ["scenario", "requests"]);
        assert_eq!(
            (words(&done.stdout, "first")[1].as_str(), words(&done.stdout, "total")[1].as_str()),
            ("40", "80")
        );
    }
    let alone = bench.run(&["plan", "first.toml"]).expect_code(0);
    assert!(!alone.stdout.contains("scenario"), "its own total says it: {}", alone.stdout);
    let broken = bench.run(&["plan", "first.toml", "none.toml", "*.json"]).expect_code(2);
    assert!(broken.stderr.contains("none.toml") && broken.stderr.contains("*.json"), "{}", broken.stderr);
    assert_eq!(broken.stdout, "");
}

#[test]
fn what_takes_long_says_so_before_it_starts() {
    let bench = Bench::new();
    scenario(&bench, "first", "http://127.0.0.1:9/v1", "10s");
    scenario(&bench, "second", "http://127.0.0.1:9/v1", "10s");
    let run = |more: &[&str]| {
        let flags = ["run", "first.toml", "second.toml", "--set", "run.ready_timeout=100ms"];
        bench.run(&[&flags[..], more].concat()).expect_code(4).stderr
    };
    let long = ["--set", "phases.load.requests=9000", "--set", "phases.load.duration=310s"];
    let said = run(&long);
    assert!(said.starts_with("this takes a while:\n"), "{said}");
    assert!(said.contains("first") && said.contains("second") && said.contains("10m 20s"), "{said}");
    assert!(!run(&[&long[..], &["--quiet"]].concat()).contains("this takes a while"));
    let repeated = run(&[
        "--set",
        "phases.load.duration=160s",
        "--set",
        "phases.load.requests=9000",
        "--set",
        "run.repeats=2",
    ]);
    assert!(repeated.contains("first × 2") && repeated.contains("10m 40s"), "{repeated}");
    assert!(!run(&["--set", "phases.load.duration=290s"]).contains("this takes a while"));
}
