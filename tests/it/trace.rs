//! Traces and replays: what is planned, what is sent when, and what is refused.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use scenario::workload::estimate_tokens;
use serde_json::Value;

use crate::{
    kit::{Bench, Run},
    server::{After, Server, stream_tokens},
};

fn server() -> Server {
    Server::start(|_, out| {
        stream_tokens(out, Duration::from_millis(1), Duration::from_millis(1), 4);
        After::KeepOpen
    })
}

const ROWS: u64 = 50;

/// The time of a row in milliseconds, its prompt tokens and its output tokens: lulls, bursts and some at once.
fn row(number: u64) -> (u64, u64, u64) {
    (number / 5 * 1000 + number % 5 * number % 7 * 30, 20 + number * 37 % 1500, 1 + number % 60)
}

fn sorted_rows() -> Vec<(u64, u64, u64)> {
    let mut rows: Vec<_> = (0..ROWS).map(row).collect();
    rows.sort_by_key(|(ms, ..)| *ms);
    rows
}

fn jsonl() -> String {
    (0..ROWS).map(row).fold(String::new(), |mut text, (ms, input, output)| {
        let _ = writeln!(text, "{{\"timestamp\":{ms},\"input_length\":{input},\"output_length\":{output}}}");
        text
    })
}

/// A scenario with a trace beside it.
fn scenario(bench: &Bench, url: &str, phases: &str) -> String {
    std::fs::write(bench.path("trace.jsonl"), jsonl()).unwrap();
    let text = format!(
        "version = 1\nname = \"recorded\"\nendpoints.main.url = \"{url}\"\n[workloads.recorded.trace]\n\
         path = \"trace.jsonl\"\n{phases}\n"
    );
    bench.file("recorded.toml", &text)
}

/// Prompt tokens by the estimate and output tokens asked for, by the numbers of requests.
fn sent(server: &Server) -> BTreeMap<u64, (u64, u64, String)> {
    let numbered = server.served().into_iter().map(|served| {
        let (_, number) = served.request.id.rsplit_once('-').unwrap();
        let body = &served.request.body;
        let prompt = body["messages"][0]["content"].as_str().unwrap();
        let asked = body["max_tokens"].as_u64().or(body["max_completion_tokens"].as_u64()).unwrap();
        (number.parse().unwrap(), (u64::from(estimate_tokens(prompt)), asked, prompt.to_owned()))
    });
    numbered.collect()
}

/// When the requests of a step were due, in nanoseconds from its start, by their numbers.
fn due(run: &Run, step: usize) -> BTreeMap<u64, u64> {
    let started = run.diary("step_started").into_iter().find(|line| line["step"] == step).unwrap();
    let start_ns = started["at_ns"].as_u64().unwrap();
    let records = run.records().into_iter().filter(|record| record["step_id"] == step);
    records
        .map(|record| (record["seq"].as_u64().unwrap(), record["due_ns"].as_u64().unwrap() - start_ns))
        .collect()
}

#[test]
fn requests_are_the_rows_at_their_times() {
    let (server, bench) = (server(), Bench::new());
    let phases = "[phases.warmup]\nmeasure = false\nrequests = 3\nload.closed.users = 1\n[phases.main]\nload.trace.speed = 20";
    let file = scenario(&bench, &server.url(), phases);
    bench.run(&["run", &file, "--quiet", "--set", "run.on_bottleneck=\"warn\""]).expect_code(0);
    let (rows, sent) = (sorted_rows(), sent(&server));
    assert_eq!(sent.len() as u64, 3 + ROWS);
    let lengths = |from: usize| sent.values().skip(from).map(|(input, output, _)| (*input, *output));
    let wanted = || rows.iter().map(|(_, input, output)| (*input, *output));
    assert!(lengths(3).eq(wanted()), "{sent:?}");
    // where only the lengths count, they are those of the first rows
    assert!(lengths(0).take(3).eq(wanted().take(3)));
    let times: Vec<u64> = rows.iter().map(|(ms, ..)| ms * 1_000_000 / 20).collect();
    let run = bench.only_run();
    assert_eq!(due(&run, 2).into_values().collect::<Vec<_>>(), times);
    assert_eq!(due(&run, 2).keys().copied().collect::<Vec<_>>(), (3..3 + ROWS).collect::<Vec<_>>());
    let summary = run.json("summary.json");
    assert!(summary.to_string().contains("as planned in 2 steps"), "{summary}");
}

#[test]
fn a_phase_may_end_before_the_trace() {
    for (ends, count) in
        [("requests = 10", 10), ("duration = \"100ms\"", 10), ("requests = 4\nduration = \"100ms\"", 4)]
    {
        let (server, bench) = (server(), Bench::new());
        let file = scenario(&bench, &server.url(), &format!("[phases.main]\n{ends}\nload.trace.speed = 20"));
        bench.run(&["run", &file, "--quiet", "--set", "run.on_bottleneck=\"warn\""]).expect_code(0);
        assert_eq!(sent(&server).len(), count, "{ends}");
    }
}

#[test]
fn endpoints_share_the_rows() {
    let (server, bench) = (server(), Bench::new());
    let phases = format!(
        "[endpoints.other]\nurl = \"{}\"\n[phases.main]\nload.trace = {{ speed = 50, concurrency_limit = 64 }}",
        server.url()
    );
    let file = scenario(&bench, &server.url(), &phases);
    bench.run(&["run", &file, "--quiet", "--set", "run.on_bottleneck=\"warn\""]).expect_code(0);
    let rows: Vec<_> = sorted_rows().into_iter().map(|(_, input, output)| (input, output)).collect();
    assert_eq!(
        sent(&server).into_values().map(|(input, output, _)| (input, output)).collect::<Vec<_>>(),
        rows
    );
    let records = bench.only_run().records();
    let to = |name: &str| records.iter().filter(|record| record["endpoint"] == name).count() as u64;
    assert!(to("main") > 0 && to("other") > 0 && to("main") + to("other") == ROWS);
}

#[test]
fn a_plan_says_what_is_in_the_trace() {
    let bench = Bench::new();
    let file = scenario(&bench, "sim:h100", "[phases.main]\nload.trace.speed = 2");
    let plan = |arguments: &[&str]| -> Value {
        let done = bench.run(&[&["plan", &file, "--format", "json"], arguments].concat()).expect_code(0);
        serde_json::from_str(&done.stdout).unwrap()
    };
    let before = plan(&[]);
    let rows = sorted_rows();
    let step = &before["steps"][1];
    let part = &step["work"]["load"]["pattern"]["trace"]["part"];
    assert_eq!(part["requests"], ROWS);
    assert_eq!(part["input_tokens"], rows.iter().map(|(_, input, _)| input).sum::<u64>());
    assert_eq!(part["last_ns"], rows.last().unwrap().0 * 500_000);
    assert_eq!(step["expected"]["output_tokens"], rows.iter().map(|(.., output)| output).sum::<u64>() as f64);
    assert_eq!(step["expected"]["assumed"], false);
    let done = bench.run(&["plan", &file]).expect_code(0);
    for part in [
        "recorded: 50 requests of trace.jsonl (mooncake) in ",
        "prompts made up, sha256 ",
        "trace at 2 times its speed",
    ] {
        assert!(done.stdout.contains(part), "{part}\n{}", done.stdout);
    }

    // where it lies is no part of the experiment; speed, window and content are
    std::fs::create_dir(bench.path("elsewhere")).unwrap();
    std::fs::write(bench.path("elsewhere/x.jsonl"), jsonl()).unwrap();
    let moved = ["--set", "workloads.recorded.trace.path=elsewhere/x.jsonl"];
    assert_eq!(plan(&moved)["experiment"], before["experiment"]);
    assert_eq!(
        plan(&["--set", "workloads.recorded.trace.format=mooncake"])["experiment"],
        before["experiment"]
    );
    for set in [
        "phases.main.load.trace.speed=3",
        "workloads.recorded.trace.window.to=\"5s\"",
        "workloads.recorded.trace.limit=49",
    ] {
        assert_ne!(plan(&["--set", set])["experiment"], before["experiment"], "{set}");
    }
    std::fs::write(
        bench.path("elsewhere/x.jsonl"),
        jsonl().replacen("\"output_length\":1}", "\"output_length\":2}", 1),
    )
    .unwrap();
    assert_ne!(plan(&moved)["experiment"], before["experiment"]);
    let other =
        std::fs::read_to_string(bench.path(&file)).unwrap().replace("trace.jsonl", "elsewhere/x.jsonl");
    let other = bench.file("other.toml", &other);
    let done = bench.run(&["plan", &file, "--diff", &other]).expect_code(0);
    assert!(done.stdout.contains("datasets"), "{}", done.stdout);

    // as one file, it finds its data
    let resolved = bench.run(&["plan", &file, "--resolved"]).expect_code(0);
    let resolved = bench.file("resolved.toml", &resolved.stdout);
    let done = bench.run(&["plan", &resolved, "--format", "json"]).expect_code(0);
    let again: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(again["experiment"], before["experiment"]);
}

#[test]
fn a_run_is_replayed() {
    let (server, bench) = (server(), Bench::new());
    let phases = "[output]\nprompts = true\n[phases.warmup]\nmeasure = false\nrequests = 2\nload.closed.users = 1\n\
                  [phases.main]\nrequests = 12\nload.open.rate = 100\n[phases.users]\nrequests = 5\nload.closed.users = 1";
    let file = scenario(&bench, &server.url(), phases);
    let quiet = ["--quiet", "--set", "run.on_bottleneck=\"warn\""];
    bench.run(&[&["run", &file][..], &quiet].concat()).expect_code(0);
    let (first, before) = (bench.only_run(), sent(&server));
    let folder = first.path().to_str().unwrap();

    let other = self::server();
    let text = format!(
        "version = 1\nname = \"again\"\nendpoints.main.url = \"{}\"\n[workloads.again.replay]\nrun = \"{folder}\"\n\
         phase = \"main\"\n[phases.main]\nload.trace.speed = 4\n",
        other.url()
    );
    let again = bench.file("again.toml", &text);
    let done = bench.run(&["plan", &again]).expect_code(0);
    assert!(
        done.stdout.contains("(phase main) in ") && done.stdout.contains("with its very prompts"),
        "{}",
        done.stdout
    );
    bench.run(&[&["run", &again][..], &quiet].concat()).expect_code(0);
    // the very prompts, in their order
    let main: Vec<_> = (2..14).map(|seq| before[&seq].clone()).collect();
    assert_eq!(sent(&other).into_values().collect::<Vec<_>>(), main);
    let replayed = bench.runs().into_iter().find(|run| run.path() != first.path()).unwrap();
    let times: Vec<u64> = due(&first, 2).into_values().collect();
    let scaled: Vec<u64> = times.iter().map(|at| ((at - times[0]) as f64 / 4.0).round() as u64).collect();
    assert_eq!(due(&replayed, 1).into_values().collect::<Vec<_>>(), scaled);

    // all that was measured, and none of the warm-up
    let all = bench.file("all.toml", &text.replace("phase = \"main\"\n", ""));
    let done = bench.run(&["plan", &all]).expect_code(0);
    assert!(
        done.stdout.contains("17 requests of ") && done.stdout.contains("(what was measured)"),
        "{}",
        done.stdout
    );

    // the run is no longer what it was
    let replayed = replayed.path().to_str().unwrap().to_owned();
    let records = first.text("requests.jsonl");
    std::fs::write(
        first.path().join("requests.jsonl"),
        records.replace("\"measured\":true", "\"measured\":true "),
    )
    .unwrap();
    let done = bench.run(&["rerun", &replayed]).expect_code(2);
    assert!(done.stderr.contains("is no longer the file that the plan was made with"), "{}", done.stderr);
    std::fs::write(first.path().join("requests.jsonl"), &records).unwrap();
    bench.run(&["rerun", &replayed, "--quiet"]);
    assert_eq!(other.served().len(), 12 * 2);
    std::fs::remove_file(first.path().join("texts.jsonl")).unwrap();
    bench.run(&["rerun", &replayed]).expect_code(2);
    let done = bench.run(&["plan", &again]).expect_code(0);
    assert!(done.stdout.contains("prompts made up"), "{}", done.stdout);
}
