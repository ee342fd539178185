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
