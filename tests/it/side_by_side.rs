//! Phases that run at the same time, seen from the records and the diary.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{
    kit::{Bench, Run, wait},
    server::{After, Server, stream_tokens},
};

fn server(ttft: Duration) -> Server {
    Server::start(move |_, out| {
        stream_tokens(out, ttft, Duration::from_millis(1), 4);
        After::KeepOpen
    })
}

/// A scenario with two endpoints, `left` and `right`, which have workloads of their own.
fn scenario(left: &Server, right: &Server, settings: &str, phases: &str) -> String {
    format!(
        r#"
        version = 1
        name = "side-by-side"
        run = {{ {settings} }}
        [endpoints.left]
        url = "{}"
        workload = "short"
        [endpoints.right]
        url = "{}"
        workload = "long"
        [workloads.short.synthetic]
        prompt_tokens = 5
        output_tokens = 4
        [workloads.long.synthetic]
        prompt_tokens = 200
        output_tokens = 40
        {phases}
        "#,
        left.url(),
        right.url()
    )
}

fn ns(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap()
}

/// From and to of a phase of one step, by the diary.
fn span(run: &Run, phase: &str) -> (u64, u64) {
    let plan = run.json("plan.json");
    let steps = plan["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["phase"] == phase).unwrap()["id"].as_u64().unwrap();
    let at = |event: &str| {
        let lines = run.diary(event);
        let line = lines.iter().find(|line| ns(line, "step") == step);
        ns(line.unwrap_or_else(|| panic!("{event} of {phase}")), "at_ns")
    };
    (at("step_started"), at("step_ended"))
}

fn records_of(run: &Run, phase: &str) -> Vec<Value> {
    run.records().into_iter().filter(|record| record["phase"] == phase).collect()
}

#[test]
fn phases_after_the_same_one_overlap_and_the_next_waits_for_both() {
    let (left, right) = (server(Duration::from_millis(5)), server(Duration::from_millis(5)));
    let bench = Bench::new();
    let phases = r#"
        [phases.warmup]
        measure = false
        requests = 4
        load.closed = { users = 2 }
        [phases.one]
        endpoints = ["left"]
        duration = "600ms"
        load.closed = { users = 2 }
        [phases.two]
        after = "warmup"
        endpoints = ["right"]
        duration = "900ms"
        load.open = { arrivals = "constant", rate = 50 }
        [phases.last]
        after = ["one", "two"]
        requests = 4
        load.closed = { users = 2 }
        [targets.left]
        metric = "error_rate"
        endpoint = "left"
        phase = "one"
        at_most = "50%"
        [targets.right]
        metric = "error_rate"
        endpoint = "right"
        phase = "two"
        at_most = "50%"
    "#;
    let file = bench.file("overlap.toml", &scenario(&left, &right, "", phases));
    bench.run(&["run", &file]).expect_code(0);
    let run = bench.only_run();
    let [warmup, one, two, last] = ["warmup", "one", "two", "last"].map(|phase| span(&run, phase));
    assert!(warmup.1 <= one.0 && warmup.1 <= two.0);
    assert!(one.0 < two.1 && two.0 < one.1, "{one:?} and {two:?} overlap");
    assert!(last.0 >= one.1 && last.0 >= two.1);
    // requests of both were under way at the same time, and none outside its own phase
    let (ones, twos) = (records_of(&run, "one"), records_of(&run, "two"));
    let hull = |records: &[Value]| {
        let from = records.iter().map(|record| ns(record, "due_ns")).min().unwrap();
        (from, records.iter().map(|record| ns(record, "end_ns")).max().unwrap())
    };
    let (one_sent, two_sent) = (hull(&ones), hull(&twos));
    assert!(one_sent.0 < two_sent.1 && two_sent.0 < one_sent.1);
    for record in &ones {
        assert!(ns(record, "due_ns") >= one.0 && ns(record, "end_ns") <= one.1);
    }
    assert_eq!(twos.len(), 45, "900 ms at 50 a second, whatever runs beside it");
    // numbers do not depend on what ran at the same time
    let mut numbers: Vec<u64> = run.records().iter().map(|record| ns(record, "seq")).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), run.records().len());
    // each endpoint has its own workload and its own target
    let longest = |server: &Server| {
        server
            .served()
            .iter()
            .map(|served| served.request.body["max_tokens"].as_u64().unwrap())
            .max()
            .unwrap()
    };
    assert_eq!((longest(&left), longest(&right)), (4, 40));
    let summary = run.json("summary.json");
    let rows = summary["targets"].as_array().unwrap().iter().filter(|row| row["from_preset"] == false);
    let rows: Vec<_> = rows.map(|row| (row["endpoint"].as_str(), row["mark"].as_str())).collect();
    assert_eq!(rows, [(Some("left"), Some("PASS")), (Some("right"), Some("PASS"))]);
    // the plan and the report show what ran beside what
    let plan = bench.run(&["plan", &file]).expect_code(0).stdout;
    assert!(plan.lines().any(|line| line.trim().starts_with("last") && line.ends_with("one, two")), "{plan}");
    assert!(run.text("report.html").contains("one + two"));
    assert_eq!(bench.run(&["report", run.path().to_str().unwrap()]).code, 0);
}

#[test]
fn a_phase_during_another_ends_with_it() {
    let (left, right) = (server(Duration::from_millis(20)), server(Duration::from_millis(5)));
    let bench = Bench::new();
    // two levels by count: nobody knows beforehand how long they take
    let phases = r#"
        [phases.ladder]
        endpoints = ["left"]
        requests = 20
        load.closed = { users = [1, 2] }
        [phases.users]
        during = "ladder"
        endpoints = ["right"]
        load.closed = { users = 1, think_time = "10ms" }
        [phases.arrivals]
        during = "ladder"
        endpoints = ["right"]
        load.open = { arrivals = "constant", rate = 100 }
        [phases.bounded]
        during = "ladder"
        endpoints = ["right"]
        requests = 5
        load.open = { arrivals = "constant", rate = 100 }
        [phases.last]
        endpoints = ["left"]
        requests = 4
        load.closed = { users = 2 }
    "#;
    let file = bench.file("during.toml", &scenario(&left, &right, "", phases));
    bench.run(&["run", &file]).expect_code(0);
    let run = bench.only_run();
    // the last request of the ladder is the last that it had
    let ladder = records_of(&run, "ladder");
    assert_eq!(ladder.len(), 40);
    let last_answer = ladder.iter().map(|record| ns(record, "end_ns")).max().unwrap();
    let next = span(&run, "last").0;
    for guest in ["users", "arrivals"] {
        let (started, ended) = span(&run, guest);
        let records = records_of(&run, guest);
        assert!(records.len() > 10, "{guest}: {}", records.len());
        assert!(records.iter().all(|record| record["outcome"] == "ok"), "{guest}: what is in flight drains");
        assert!(ended <= next, "the next phase waits for {guest}");
        assert!(started < last_answer);
        // it was there in the second level, too
        let second = ladder.iter().filter(|record| record["step"] == "users=2");
        let second = second.map(|record| ns(record, "due_ns")).min().unwrap();
        assert!(records.iter().any(|record| ns(record, "due_ns") > second), "{guest}");
    }
    assert_eq!(records_of(&run, "bounded").len(), 5, "its own count ends it before");
    for line in run.diary("step_ended") {
        assert_eq!(line["issued"], line["due"], "{line}");
    }
}

/// Two phases side by side that would go on for minutes, and one after them.
fn long_run(bench: &Bench, left: &Server, right: &Server) -> String {
    let phases = r#"
        [phases.one]
        endpoints = ["left"]
        duration = "5m"
        load.closed = { users = 3 }
        [phases.two]
        during = "one"
        endpoints = ["right"]
        load.open = { arrivals = "constant", rate = 50 }
        [phases.rest]
        after = []
        pause = "5m"
        [phases.last]
        after = ["one", "rest"]
        requests = 4
        load.closed = { users = 2 }
    "#;
    bench.file("long.toml", &scenario(left, right, "", phases))
}

/// Waits until both phases have so many records.
fn wait_for_both(bench: &Bench, count: usize) {
    wait(Duration::from_secs(60), || {
        let run = bench.runs().pop()?;
        let text = std::fs::read_to_string(run.path().join("requests.jsonl")).ok()?;
        let of = |phase: &str| text.matches(&format!("\"phase\":\"{phase}\"")).count();
        (of("one") >= count && of("two") >= count).then_some(())
    })
    .expect("both phases get going");
}

#[test]
fn an_interrupt_ends_everything_that_is_under_way() {
    let (left, right) = (server(Duration::from_millis(20)), server(Duration::from_millis(20)));
    let bench = Bench::new();
    let file = long_run(&bench, &left, &right);
    let running = bench.start(&["run", &file]);
    wait_for_both(&bench, 10);
    running.signal(Signal::SIGINT);
    running.finish().expect_code(130);
    let run = bench.only_run();
    let records = run.records();
    assert!(records.iter().all(|record| record["outcome"] == "ok"), "all drained");
    assert_eq!(records.len(), left.served().len() + right.served().len());
    assert_eq!(run.diary("stopping").len(), 1);
    assert_eq!(
        (run.diary("step_started").len(), run.diary("step_ended").len()),
        (3, 3),
        "the last never began"
    );
    assert_eq!(run.diary("run_ended").len(), 1);
    let issued: u64 = run.diary("step_ended").iter().map(|line| ns(line, "issued")).sum();
    assert_eq!(issued, records.len() as u64);
}

#[test]
fn a_killed_run_accounts_for_each_of_its_steps() {
    let slow = || server(Duration::from_secs(30));
    let quick = server(Duration::from_millis(10));
    let stuck = slow();
    let bench = Bench::new();
    let phases = r#"
        [phases.stuck]
        endpoints = ["left"]
        duration = "5m"
        load.closed = { users = 3 }
        [phases.quick]
        during = "stuck"
        endpoints = ["right"]
        load.open = { arrivals = "constant", rate = 50 }
    "#;
    let file = bench.file("killed.toml", &scenario(&stuck, &quick, "", phases));
    let running = bench.start(&["run", &file]);
    wait(Duration::from_secs(60), || {
        let run = bench.runs().pop()?;
        let records = std::fs::read_to_string(run.path().join("requests.jsonl")).ok()?;
        let diary = std::fs::read_to_string(run.path().join("events.jsonl")).ok()?;
        let noted = diary.lines().any(|line| line.contains("\"issued\":3,\"in_flight\":3"));
        (noted && records.lines().count() >= 20).then_some(())
    })
    .expect("both phases get going");
    running.signal(Signal::SIGKILL);
    drop(running);
    let run = bench.only_run();
    let done = bench.run(&["report", run.path().to_str().unwrap()]).expect_code(0);
    assert!(done.stdout.contains("ABORTED"), "{}", done.stdout);
    let summary = run.json("summary.json");
    let scopes = summary["scopes"].as_array().unwrap();
    let of = |phase: &str| &scopes.iter().find(|scope| scope["phase"] == phase).unwrap()["counts"];
    assert_eq!((ns(of("stuck"), "issued"), ns(of("stuck"), "cut_off")), (3, 3));
    let quick = of("quick");
    let written = records_of(&run, "quick").len() as u64;
    assert_eq!(ns(quick, "issued"), written + ns(quick, "cut_off"));
    assert!(ns(quick, "cut_off") < written);
    let balance = &summary["validity"][0];
    assert_eq!((balance["id"].as_str(), balance["ok"].as_bool()), (Some("1"), Some(true)), "{balance}");
}

#[test]
fn the_safety_cap_counts_over_all_steps() {
    let slow = || server(Duration::from_secs(1));
    let (left, right) = (slow(), slow());
    let bench = Bench::new();
    let phases = r#"
        [phases.users]
        endpoints = ["left"]
        duration = "1500ms"
        load.closed = { users = 6 }
        [phases.arrivals]
        during = "users"
        endpoints = ["right"]
        duration = "400ms"
        load.open = { arrivals = "constant", rate = 50 }
    "#;
    let file = bench.file("cap.toml", &scenario(&left, &right, "max_in_flight = 10", phases));
    // a cap that was met makes a run no measurement
    bench.run(&["run", &file]).expect_code(3);
    let run = bench.only_run();
    let users = records_of(&run, "users");
    assert!(users.iter().all(|record| record["outcome"] == "ok"), "the plan itself says how many there are");
    let arrivals = records_of(&run, "arrivals");
    let sent = arrivals.iter().filter(|record| record["outcome"] == "ok").count();
    let capped = arrivals.iter().filter(|record| record["outcome"] == "not_sent").count();
    assert_eq!((sent + capped, arrivals.len()), (20, 20), "{arrivals:?}");
    // alone it would be ten
    assert!(sent < 10 && capped > 10, "{sent} sent, {capped} not");
}
