//! Whatever happens, what was measured is on disk and is judged.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::{
    kit::{Bench, wait},
    server::{After, Server, stream_tokens},
};

fn slow_server() -> Server {
    Server::start(|_, out| {
        stream_tokens(out, Duration::from_millis(30), Duration::from_millis(5), 8);
        After::KeepOpen
    })
}

/// A closed loop that would go on for minutes.
fn long_run(bench: &Bench, url: &str) -> String {
    bench.file(
        "long.toml",
        &format!(
            r#"
            version = 1
            name = "long"
            [endpoints.main]
            url = "{url}"
            timeout = "2s"
            [phases.load]
            duration = "5m"
            load.closed = {{ users = 4 }}
            [targets.errors]
            metric = "error_rate"
            at_most = "50%"
            "#
        ),
    )
}

/// Waits until the run has so many finished records.
fn wait_for_records(bench: &Bench, count: usize) {
    wait(Duration::from_secs(60), || {
        let run = bench.runs().pop()?;
        let text = std::fs::read_to_string(run.path().join("requests.jsonl")).ok()?;
        (text.lines().count() >= count).then_some(())
    })
    .expect("the run gets going");
}

#[test]
fn a_killed_run_is_graded_from_what_reached_the_disk() {
    let server = slow_server();
    let bench = Bench::new();
    let file = long_run(&bench, &server.url());
    let running = bench.start(&["run", &file]);
    wait_for_records(&bench, 40);
    // what the server has answered 100 ms before the kill must be there after it
    let answered = server.served().len();
    std::thread::sleep(Duration::from_millis(100));
    running.signal(Signal::SIGKILL);
    drop(running);

    let run = bench.only_run();
    assert!(run.records().len() >= answered, "{} of {answered}", run.records().len());
    let done = bench.run(&["report", run.path().to_str().unwrap()]).expect_code(0);
    assert!(done.stdout.contains("ABORTED"), "{}", done.stdout);
    let summary = run.json("summary.json");
    assert_eq!(summary["verdict"], "ABORTED");
    assert_eq!(summary["performance_grade"], "EXCELLENT");
    assert!(run.path().join("report.html").exists() && run.path().join("requests.csv").exists());
}

#[test]
fn a_record_that_was_cut_short_is_dropped() {
    let server = slow_server();
    let bench = Bench::new();
    let file = long_run(&bench, &server.url());
    let running = bench.start(&["run", &file]);
    wait_for_records(&bench, 20);
    running.signal(Signal::SIGKILL);
    drop(running);
    let run = bench.only_run();
    let whole = run.records().len();
    let path = run.path().join("requests.jsonl");
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.truncate(text.trim_end().len() - 20);
    std::fs::write(&path, text).unwrap();
    bench.run(&["report", run.path().to_str().unwrap()]).expect_code(0);
    let rows = run.text("requests.csv").lines().count() - 1;
    assert_eq!(rows, run.records().len());
    assert_eq!(rows, whole - 1);
}

#[test]
fn one_interrupt_drains_saves_and_grades() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let server = slow_server();
        let bench = Bench::new();
        let file = long_run(&bench, &server.url());
        let running = bench.start(&["run", &file]);
        wait_for_records(&bench, 20);
        running.signal(signal);
        let done = running.finish().expect_code(130);
        assert!(done.stdout.contains("ABORTED"), "{}", done.stdout);
        let run = bench.only_run();
        assert!(run.records().iter().all(|record| record["outcome"] == "ok"), "all drained");
        assert_eq!(run.records().len(), server.served().len());
        for name in ["summary.json", "report.html", "requests.csv", "plan.json", "system-info.json"] {
            assert!(run.path().join(name).exists(), "{name}");
        }
        assert!(run.text("events.jsonl").contains(r#""event":"stopping""#));
    }
}

#[test]
fn what_waits_in_the_queue_at_an_interrupt_is_no_failure() {
    let server = Server::start(|_, out| {
        stream_tokens(out, Duration::from_millis(400), Duration::from_millis(1), 4);
        After::KeepOpen
    });
    let bench = Bench::new();
    let file = long_run(&bench, &server.url());
    let load = "phases.load.load={ open = { arrivals = \"constant\", rate = 100, concurrency_limit = 2 } }";
    let running = bench.start(&["run", &file, "--set", load]);
    wait_for_records(&bench, 4);
    running.signal(Signal::SIGINT);
    running.finish().expect_code(130);
    let run = bench.only_run();
    let records = run.records();
    let queued = records.iter().filter(|record| record["outcome"] == "not_sent").count();
    assert!(queued > 20, "{queued} were in the queue");
    assert_eq!(records.len() - queued, server.served().len(), "all others were sent and answered");
    let scope = &run.json("summary.json")["scopes"][0];
    assert_eq!(scope["counts"]["cut_off"], queued);
    assert_eq!(scope["metrics"]["error_rate"], 0.0, "{scope}");
}

#[test]
fn a_second_interrupt_cuts_off_and_still_saves() {
    let server = Server::start(|_, out| {
        stream_tokens(out, Duration::from_millis(20), Duration::from_millis(500), 1_200);
        After::KeepOpen
    });
    let bench = Bench::new();
    let file = long_run(&bench, &server.url());
    let running = bench.start(&["run", &file, "--set", "endpoints.main.timeout=10m"]);
    wait(Duration::from_secs(60), || {
        // the folder is there before what it holds
        let text = std::fs::read_to_string(bench.runs().pop()?.path().join("events.jsonl")).ok()?;
        // a signal before the last of four users has sent its request would leave fewer
        text.contains("\"issued\":4,\"in_flight\":4").then_some(())
    })
    .unwrap();
    running.signal(Signal::SIGINT);
    wait(Duration::from_secs(60), || {
        bench.only_run().text("events.jsonl").contains("stopping").then_some(())
    })
    .unwrap();
    // signals within 100 ms count as one, by design; the first has been obeyed by now, so they are farther apart
    std::thread::sleep(Duration::from_millis(200));
    running.signal(Signal::SIGINT);
    running.finish().expect_code(130);
    let records = bench.only_run().records();
    assert_eq!(records.len(), 4);
    assert!(records.iter().all(|record| record["outcome"] == "cancelled"), "{records:?}");
}

#[test]
fn a_server_that_dies_in_the_middle_ends_the_run_with_failures() {
    let bench = Bench::new();
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port().to_string()
    };
    let mut server = bench.start(&["sim", "rtx_4090", "--port", &port]);
    let file = bench.file(
        "dies.toml",
        &format!(
            r#"
            version = 1
            name = "dies"
            [endpoints.main]
            url = "http://127.0.0.1:{port}/v1"
            timeout = "2s"
            [workloads.text.synthetic]
            prompt_tokens = 10
            output_tokens = 8
            [phases.load]
            duration = "4s"
            load.closed = {{ users = 4 }}
            [targets.errors]
            metric = "error_rate"
            at_most = "5%"
            "#
        ),
    );
    let running = bench.start(&["run", &file]);
    wait_for_records(&bench, 10);
    server.child.kill().unwrap();
    let done = running.finish().expect_code(1);
    assert!(done.stdout.contains("connect_failed"), "{}", done.stdout);
    let records = bench.only_run().records();
    assert!(records.iter().any(|record| record["outcome"] == "ok"));
    assert!(records.iter().any(|record| record["outcome"] == "connect_failed"));
}

#[test]
fn a_server_that_fails_every_request_is_a_failed_run_without_zeros() {
    let server = Server::start(|_, out| {
        out.answer("500 Internal Server Error", "application/json", r#"{"error":{"message":"no weights"}}"#);
        After::KeepOpen
    });
    let bench = Bench::new();
    let file = bench.file(
        "failing.toml",
        &format!(
            r#"
            version = 1
            name = "failing"
            [endpoints.main]
            url = "{}"
            [phases.load]
            requests = 60
            load.closed = {{ users = 4 }}
            [targets.first_token]
            metric = "ttft.p50"
            at_most = "1s"
            "#,
            server.url()
        ),
    );
    let done = bench.run(&["run", &file]).expect_code(1);
    assert!(done.stdout.contains("no weights"), "the first error is shown: {}", done.stdout);
    assert!(done.stdout.contains("60"), "with its count");
    for zero in [" 0.00 ms", " 0 ms", " 0 s ", " 0 tok/s", " 0.0 ms"] {
        assert!(!done.stdout.contains(zero), "no zeros as latencies: {}", done.stdout);
    }
    let summary = bench.only_run().json("summary.json");
    assert_eq!(summary["verdict"], "FAIL");
    assert_eq!(summary["performance_grade"], "POOR");
}

#[test]
fn without_any_server_nothing_is_sent_and_what_was_tried_is_said() {
    let bench = Bench::new();
    let file = bench.file(
        "nobody.toml",
        r#"
        version = 1
        name = "nobody"
        [run]
        ready_timeout = "500ms"
        [endpoints.main]
        url = "http://127.0.0.1:9/v1"
        [phases.load]
        requests = 10
        load.closed = { users = 1 }
        "#,
    );
    let done = bench.run(&["run", &file]).expect_code(4);
    for part in ["`main`", "http://127.0.0.1:9/v1/models", "refused", "ready_timeout"] {
        assert!(done.stderr.contains(part), "`{part}` in {}", done.stderr);
    }
    assert!(bench.runs().is_empty());
}

#[test]
fn a_full_disk_stops_the_run_and_keeps_what_fits() {
    let server = slow_server();
    let bench = Bench::new();
    let file = long_run(&bench, &server.url());
    // a limit on file size refuses writes as a full disk does, without filling one
    let done = std::process::Command::new("bash")
        .args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" run \"$1\""])
        .arg(env!("CARGO_BIN_EXE_scenario"))
        .arg(&file)
        .current_dir(bench.path(""))
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("requests.jsonl"), "{stderr}");
    let run = bench.only_run();
    assert!(run.records().len() > 10, "what fits is there, in whole lines");
    let stdout = String::from_utf8_lossy(&done.stdout);
    assert!(stdout.contains("ABORTED"), "judged and shown, written or not: {stdout}");
    for entry in std::fs::read_dir(run.path()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!name.contains(".part"), "half of a file is left: {name}");
    }
}

#[test]
fn results_that_cannot_be_written_are_told_once_and_nothing_is_sent() {
    let server = slow_server();
    let bench = Bench::new();
    let file = long_run(&bench, &server.url());
    bench.file("taken", "");
    let done = bench.run(&["run", &file, "--results", "taken"]).expect_code(4);
    assert!(done.stderr.contains("cannot create `taken/runs`"), "{}", done.stderr);
    assert_eq!(done.stderr.matches("os error").count(), 1, "{}", done.stderr);
    assert!(server.served().is_empty());
}
