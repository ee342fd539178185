//! When requests go out and when a step ends, seen from the records and the diary.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    time::Duration,
};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{
    kit::{Bench, Done, Run, wait},
    server::{After, Served, Server, stream_tokens},
};

fn server(ttft: Duration) -> Server {
    Server::start(move |_, out| {
        stream_tokens(out, ttft, Duration::from_millis(1), 2);
        After::KeepOpen
    })
}

/// Runs one phase against a server.
fn run(bench: &Bench, server: &Server, settings: &str, phase: &str) -> Done {
    let file = bench.file("engine.toml", &scenario(&server.url(), settings, phase));
    bench.run(&["run", &file])
}

fn scenario(url: &str, settings: &str, phase: &str) -> String {
    format!(
        r#"
        version = 1
        name = "engine"
        run = {{ {settings} }}
        [endpoints.main]
        url = "{url}"
        timeout = "60s"
        [workloads.text.synthetic]
        prompt_tokens = 10
        output_tokens = 2
        [phases.load]
        {phase}
        "#
    )
}

fn ns(record: &Value, field: &str) -> u64 {
    record[field].as_u64().unwrap()
}

/// Records in the order in which they were due.
fn by_due(run: &Run) -> Vec<Value> {
    let mut records = run.records();
    records.sort_by_key(|record| ns(record, "due_ns"));
    records
}

/// How long the only step went on after the last of its records, in seconds.
fn lag_of_the_end(run: &Run) -> f64 {
    let ended = ns(&run.diary("step_ended")[0], "at_ns");
    let last = run.records().iter().map(|record| ns(record, "end_ns")).max().unwrap();
    (ended - last) as f64 / 1e9
}

#[test]
fn the_drain_counts_from_the_end_of_the_duration() {
    // every user is busy then, and nobody comes back to notice it
    let server = server(Duration::from_secs(8));
    let bench = Bench::new();
    let phase = "duration = \"300ms\"\nload.closed = { users = 3 }";
    run(&bench, &server, "drain = \"300ms\"", phase);
    let records = bench.only_run().records();
    assert_eq!(records.len(), 3);
    assert!(records.iter().all(|record| record["outcome"] == "cancelled"), "{records:?}");
}

#[test]
fn an_open_loop_is_cut_off_at_the_end_of_its_drain() {
    let server = server(Duration::from_secs(8));
    let bench = Bench::new();
    let phase = "requests = 5\nload.open = { arrivals = \"constant\", rate = 50, concurrency_limit = 3 }";
    run(&bench, &server, "drain = \"300ms\"", phase);
    let mut outcomes = BTreeMap::new();
    for record in bench.only_run().records() {
        *outcomes.entry(record["outcome"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    // what had a place is cut off, what still waited for one was never sent
    let expected = [("cancelled".to_owned(), 3), ("not_sent".to_owned(), 2)];
    assert_eq!(outcomes, BTreeMap::from(expected));
}

#[test]
fn a_user_thinks_between_requests_and_not_after_the_last() {
    let server = server(Duration::from_millis(1));
    let bench = Bench::new();
    run(&bench, &server, "", "requests = 4\nload.closed = { users = 1, think_time = \"150ms\" }")
        .expect_code(0);
    for pair in by_due(&bench.only_run()).windows(2) {
        assert!(ns(&pair[1], "due_ns") - ns(&pair[0], "end_ns") >= 150_000_000);
    }

    let bench = Bench::new();
    run(&bench, &server, "", "requests = 2\nload.closed = { users = 2, think_time = \"15s\" }")
        .expect_code(0);
    assert!(lag_of_the_end(&bench.only_run()) < 10.0);
}

#[test]
fn users_start_spread_over_the_ramp() {
    let server = server(Duration::from_millis(1));
    let bench = Bench::new();
    let phase =
        "duration = \"800ms\"\nload.closed = { users = 4, ramp_up = \"400ms\", think_time = \"10ms\" }";
    run(&bench, &server, "", phase).expect_code(0);
    let run = bench.only_run();
    let start = ns(&run.diary("step_started")[0], "at_ns");
    let mut first = BTreeMap::new();
    for record in by_due(&run) {
        first.entry(ns(&record, "user")).or_insert_with(|| ns(&record, "due_ns") - start);
    }
    assert_eq!(first.len(), 4);
    for (user, due) in first {
        assert!(due >= user * 100_000_000, "user {user} after {due} ns");
    }
}

#[test]
fn a_user_that_never_had_its_turn_does_not_hold_up_the_end() {
    let server = server(Duration::from_millis(1));
    let bench = Bench::new();
    // the first user has done everything long before the second begins
    run(&bench, &server, "", "requests = 5\nload.closed = { users = 2, ramp_up = \"40s\" }").expect_code(0);
    let run = bench.only_run();
    assert_eq!(run.records().len(), 5);
    assert!(lag_of_the_end(&run) < 10.0);
}

#[test]
fn more_users_than_requests() {
    let server = server(Duration::from_millis(20));
    let bench = Bench::new();
    run(&bench, &server, "", "requests = 3\nload.closed = { users = 9 }").expect_code(0);
    assert_eq!(bench.only_run().records().len(), 3);
}

#[test]
fn what_a_request_contains_follows_from_its_number_alone() {
    // made ahead of need or when it is needed, by this thread or that one
    let bodies = |threads: u32, users: u32| {
        let server = server(Duration::ZERO);
        let bench = Bench::new();
        let phase = format!("requests = 200\nload.closed.users = {users}");
        run(&bench, &server, &format!("threads = {threads}"), &phase).expect_code(0);
        let mut bodies = BTreeMap::new();
        for Served { request, .. } in server.served() {
            let number: u64 = request.id.rsplit('-').next().unwrap().parse().unwrap();
            assert!(bodies.insert(number, request.body).is_none(), "{number} was sent twice");
        }
        bodies
    };
    let few = bodies(1, 1);
    assert!(few.keys().copied().eq(0..200), "{:?}", few.keys());
    assert_eq!(bodies(2, 40), few);
    assert_eq!(bodies(3, 150), few);
}

#[test]
fn a_refused_user_pauses() {
    // reads the request and hangs up without a word
    let server = Server::start(|_, _| After::Close);
    let bench = Bench::new();
    run(&bench, &server, "", "requests = 5\nload.closed = { users = 1 }");
    let records = by_due(&bench.only_run());
    assert!(records.iter().all(|record| record["outcome"] == "connect_failed"), "{records:?}");
    for pair in records.windows(2) {
        assert!(ns(&pair[1], "due_ns") - ns(&pair[0], "end_ns") >= 100_000_000);
    }
}

#[test]
fn a_count_ends_an_open_loop_before_its_duration() {
    let server = server(Duration::from_millis(1));
    let bench = Bench::new();
    let phase = "requests = 5\nduration = \"20s\"\nload.open = { arrivals = \"constant\", rate = 50 }";
    run(&bench, &server, "", phase).expect_code(0);
    let run = bench.only_run();
    assert_eq!(run.records().len(), 5);
    assert!(lag_of_the_end(&run) < 10.0);
}

#[test]
fn a_schedule_without_arrivals_lasts_its_time_and_says_so() {
    let server = server(Duration::from_millis(1));
    let bench = Bench::new();
    let phase = "duration = \"300ms\"\nload.open = { arrivals = \"poisson\", rate = 0.001 }";
    let done = run(&bench, &server, "", phase).expect_code(3);
    assert!(done.stdout.contains("the schedule has no arrivals"), "{}", done.stdout);
    let run = bench.only_run();
    let (started, ended) = (&run.diary("step_started")[0], &run.diary("step_ended")[0]);
    assert_eq!((ns(ended, "due"), ns(ended, "issued"), run.records().len()), (0, 0, 0));
    assert!(ns(ended, "at_ns") - ns(started, "at_ns") >= 300_000_000);
}

#[test]
fn the_queue_of_a_plan_is_no_matter_of_the_safety_cap() {
    let server = server(Duration::from_millis(20));
    let bench = Bench::new();
    let phase = "requests = 30\nload.open = { arrivals = \"constant\", rate = 200, concurrency_limit = 2 }";
    run(&bench, &server, "max_in_flight = 4", phase).expect_code(0);
    let run = bench.only_run();
    assert!(run.records().iter().all(|record| record["outcome"] == "ok"));
    assert!(run.diary("issued").iter().all(|line| ns(line, "in_flight") <= 2), "what waits is not in flight");
}

#[test]
fn every_request_of_a_fast_schedule_is_accounted_for() {
    let server = server(Duration::from_millis(1));
    let bench = Bench::new();
    run(&bench, &server, "", "duration = \"1s\"\nload.open = { arrivals = \"poisson\", rate = 400 }");
    let run = bench.only_run();
    let ended = &run.diary("step_ended")[0];
    assert_eq!(ns(ended, "due"), ns(ended, "issued"));
    assert_eq!(ns(ended, "due"), run.records().len() as u64);
    let seqs: Vec<_> = by_due(&run).iter().map(|record| ns(record, "seq")).collect();
    assert!(
        seqs.iter().copied().eq(0..seqs.len() as u64),
        "numbers in the order of the schedule, without holes"
    );
}

#[test]
fn endpoints_get_their_shares() {
    let (small, large) = (server(Duration::from_millis(1)), server(Duration::from_millis(1)));
    let bench = Bench::new();
    let file = bench.file(
        "shares.toml",
        &format!(
            r#"
            version = 1
            name = "shares"
            [endpoints.small]
            url = "{}"
            weight = 0.25
            [endpoints.large]
            url = "{}"
            weight = 0.75
            [phases.load]
            requests = 200
            load.closed = {{ users = 4 }}
            "#,
            small.url(),
            large.url()
        ),
    );
    bench.run(&["run", &file]).expect_code(0);
    // follows from the seed; 50 ± 4 standard deviations
    let small = small.served().len();
    assert!((26..=74).contains(&small), "{small}");
    assert_eq!(small + large.served().len(), 200);
}

#[test]
fn an_interrupt_is_obeyed_while_connections_are_opened() {
    // takes one connection for readiness and then none: its accept queue is full at once, and connects hang
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(1).unwrap();
    let port = listener.local_addr().unwrap().as_socket().unwrap().port();
    let listener = std::net::TcpListener::from(listener);
    let held = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        let body = r#"{"data":[{"id":"scripted"}]}"#;
        let length = body.len();
        write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
            .unwrap();
        listener
    });
    let bench = Bench::new();
    let url = format!("http://127.0.0.1:{port}/v1");
    let file =
        bench.file("engine.toml", &scenario(&url, "", "duration = \"5m\"\nload.closed = { users = 16 }"));
    let running = bench.start(&["run", &file]);
    wait(Duration::from_secs(30), || {
        let text = std::fs::read_to_string(bench.runs().pop()?.path().join("events.jsonl")).ok()?;
        text.contains("run_started").then_some(())
    })
    .expect("the run begins");
    running.signal(Signal::SIGINT);
    running.finish().expect_code(130);
    let run = bench.only_run();
    assert_eq!(run.diary("stopping").len(), 1);
    assert!(run.records().is_empty(), "nothing was sent after the interrupt");
    drop(held.join().unwrap());
}

/// A load, a rest and a load again.
fn around_a_pause(url: &str, pause: &str) -> String {
    let load = "requests = 20\nload.closed = { users = 1 }";
    scenario(url, "", &format!("{load}\n[phases.rest]\npause = \"{pause}\"\n[phases.after]\n{load}"))
}

#[test]
fn a_pause_sends_nothing_and_counts_for_nothing() {
    let server = server(Duration::from_millis(1));
    let bench = Bench::new();
    let file = bench.file("pause.toml", &around_a_pause(&server.url(), "300ms"));
    bench.run(&["run", &file]).expect_code(0);
    let run = bench.only_run();
    let of_step = |event: &str, step: u64| {
        let lines = run.diary(event);
        lines.into_iter().find(|line| line["step"] == step).expect("a line of the step")
    };
    let (started, ended) = (of_step("step_started", 2), of_step("step_ended", 2));
    assert_eq!((&ended["issued"], &ended["due"]), (&0.into(), &0.into()));
    let (begin, end) = (ns(&started, "at_ns"), ns(&ended, "at_ns"));
    assert!(end - begin >= 300_000_000, "{begin} to {end}");
    assert!(begin >= ns(&of_step("step_ended", 1), "at_ns"));
    assert!(end <= ns(&of_step("step_started", 3), "at_ns"));
    let records = run.records();
    assert_eq!(records.len(), 40);
    assert!(!records.iter().any(|record| (begin..end).contains(&ns(record, "sent_ns"))));
    assert_eq!(bench.run(&["report", run.path().to_str().unwrap()]).code, 0);
}

#[test]
fn an_interrupt_ends_a_pause_and_the_run() {
    let server = server(Duration::from_millis(1));
    let bench = Bench::new();
    let file = bench.file("pause.toml", &around_a_pause(&server.url(), "5m"));
    let running = bench.start(&["run", &file]);
    wait(Duration::from_secs(30), || {
        let text = std::fs::read_to_string(bench.runs().pop()?.path().join("events.jsonl")).ok()?;
        (text.matches("step_started").count() == 2).then_some(())
    })
    .expect("the pause begins");
    running.signal(Signal::SIGINT);
    running.finish().expect_code(130);
    let run = bench.only_run();
    assert_eq!(run.diary("stopping").len(), 1);
    assert_eq!(run.diary("step_ended").len(), 2);
    assert_eq!(run.diary("step_started").len(), 2, "the phase after the pause never begins");
    assert_eq!(run.diary("run_ended").len(), 1);
    assert_eq!(run.records().len(), 20);
}
