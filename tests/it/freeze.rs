//! A server that stands still for a while, as in a long pause of its garbage collection: who sends when it is time sees
//! what everybody would have seen, who waits for answers before sending sees next to nothing (coordinated omission).

use std::{
    io::{BufRead as _, BufReader},
    thread::sleep,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use crate::kit::{Bench, Run, Running, wait};

/// Requests per second of the open loop.
const RATE: f64 = 200.0;

/// How long it lasts, in seconds.
const LASTS: f64 = 20.0;

/// How long the server stands still, in seconds.
const FREEZE: f64 = 2.0;

/// Users of the closed loop.
const USERS: usize = 10;

/// Starts a simulated server that answers at once, in a process of its own. Gives its base URL.
fn server(bench: &Bench) -> (Running, String) {
    let mut arguments = vec!["sim", "cpu_only", "--port", "0"];
    for setting in [
        "step_base=50us",
        "step_per_sequence=0",
        "prefill_tokens_per_second=1e9",
        "overhead=0",
        "jitter=0",
        "max_batch=10000",
    ] {
        arguments.extend(["--set", setting]);
    }
    let mut server = bench.start(&arguments);
    let mut line = String::new();
    BufReader::new(server.child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}")).to_owned();
    (server, url)
}

/// Starts a run of one phase.
fn load(bench: &Bench, url: &str, load: &str) -> Running {
    let file = bench.file(
        "load.toml",
        &format!(
            r#"
            version = 1
            name = "load"
            [endpoints.main]
            url = "{url}"
            [workloads.text.synthetic]
            prompt_tokens = 8
            output_tokens = 1
            [phases.load]
            {load}
            "#
        ),
    );
    bench.start(&["run", &file])
}

/// What a run saw: milliseconds of each `e2e`, ascending, and the 95th percentile of its summary.
fn seen(run: &Run) -> (Vec<f64>, f64) {
    let records = run.records();
    assert!(records.iter().all(|record| record["outcome"] == "ok"));
    let ns = |record: &serde_json::Value, name: &str| record[name].as_f64().unwrap();
    let mut e2e: Vec<f64> =
        records.iter().map(|record| (ns(record, "end_ns") - ns(record, "due_ns")) / 1e6).collect();
    e2e.sort_by(f64::total_cmp);
    let p95 = run.json("summary.json")["scopes"][0]["metrics"]["e2e_p95_ms"].as_f64().unwrap();
    (e2e, p95)
}

/// Two loads of a server that stands still within both of them. `None` where the machine took so long to begin with the
/// second that the first would be over too soon.
fn frozen(open: &Bench, closed: &Bench) -> Option<f64> {
    let (server, url) = server(open);
    let open_run = load(
        open,
        &url,
        &format!("requests = {}\nload.open = {{ arrivals = \"constant\", rate = {RATE} }}", RATE * LASTS),
    );
    let closed_run = load(
        closed,
        &url,
        &format!("duration = {LASTS}\nload.closed = {{ users = {USERS}, think_time = \"100ms\" }}"),
    );
    let written = |bench: &Bench| {
        let records = bench.runs().first()?.folder.join("requests.jsonl");
        Some(std::fs::read_to_string(records).ok()?.lines().count())
    };
    let under_way = |bench: &Bench| written(bench).filter(|lines| *lines > 200);
    for bench in [open, closed] {
        wait(Duration::from_secs(60), || under_way(bench)).expect("both loads are under way");
    }
    if written(open)? as f64 > RATE * LASTS * 0.6 {
        return None;
    }

    server.signal(Signal::SIGSTOP);
    let stopped = Instant::now();
    sleep(Duration::from_secs_f64(FREEZE));
    server.signal(Signal::SIGCONT);
    let freeze = stopped.elapsed().as_secs_f64();

    open_run.finish().expect_code(0);
    closed_run.finish().expect_code(0);
    Some(freeze)
}

#[test]
fn an_open_loop_sees_a_freeze_and_a_closed_one_does_not() {
    let (open, closed, freeze) = (0..3)
        .find_map(|_| {
            let (open, closed) = (Bench::new(), Bench::new());
            let freeze = frozen(&open, &closed)?;
            Some((open, closed, freeze))
        })
        .expect("a machine that begins two loads within ten seconds of each other");

    // whoever is due during the freeze waits for its end: a share of FREEZE / LASTS, by times spread evenly over (0, FREEZE].
    // The worst twentieth of all is due in its first LASTS / 20 seconds
    let (e2e, p95) = seen(&open.only_run());
    let slow = e2e.iter().filter(|e2e| **e2e > 100.0).count() as f64 / e2e.len() as f64;
    let (expected_slow, expected_p95) = ((freeze - 0.1) / LASTS, (freeze - LASTS / 20.0) * 1e3);
    println!(
        "frozen {freeze:.3} s; open: {} requests, {:.2} % over 100 ms (expected {:.2} %), e2e.p95 {p95:.0} ms (expected {expected_p95:.0} ms), max {:.0} ms",
        e2e.len(),
        slow * 100.0,
        expected_slow * 100.0,
        e2e[e2e.len() - 1],
    );
    assert_eq!(e2e.len() as f64, RATE * LASTS, "the schedule never looked at answers");
    assert!((expected_slow - 0.01..expected_slow + 0.03).contains(&slow), "{slow}");
    assert!((p95 - expected_p95).abs() < 300.0, "{p95} ms");

    // each user waits for the end of the freeze once
    let (e2e, p95) = seen(&closed.only_run());
    let slow = e2e.iter().filter(|e2e| **e2e > 1000.0).count();
    println!(
        "closed: {} requests, {slow} over 1 s, e2e.p95 {p95:.1} ms, max {:.0} ms",
        e2e.len(),
        e2e[e2e.len() - 1]
    );
    assert!((1..=USERS).contains(&slow), "{slow} slow requests of {USERS} users");
    assert!(p95 < 200.0, "{p95} ms: the closed loop hides the freeze");
}
