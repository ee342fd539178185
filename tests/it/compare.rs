//! Runs against runs: `scenario compare`, baselines, and the gate that a run is held against.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::Value;

use crate::{
    kit::Bench,
    server::{After, Server, stream_tokens},
};

/// A server whose answers begin after so many milliseconds, which can be changed while it runs.
fn server() -> (Server, Arc<AtomicU64>) {
    let delay = Arc::new(AtomicU64::new(20));
    let of_server = delay.clone();
    let server = Server::start(move |_, out| {
        let delay = Duration::from_millis(of_server.load(Ordering::Relaxed));
        stream_tokens(out, delay, Duration::from_millis(1), 3);
        After::KeepOpen
    });
    (server, delay)
}

fn scenario(bench: &Bench, url: &str) -> String {
    bench.file(
        "gate.toml",
        &format!(
            r#"
            version = 1
            name = "gate"
            output.formats = []
            [endpoints.main]
            url = "{url}"
            [workloads.text.synthetic]
            prompt_tokens = 10
            output_tokens = 3
            [phases.load]
            requests = 8
            load.closed = {{ users = 2 }}
            [targets.first_token]
            metric = "ttft.p50"
            at_most = "10s"
            [targets.errors]
            metric = "error_rate"
            at_most = "90%"
            "#
        ),
    )
}

/// Holds a document against its schema.
#[track_caller]
fn check(name: &str, document: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/{name}.schema.json"));
    let schema = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::draft7::new(&schema).unwrap();
    let errors: Vec<_> = validator.iter_errors(document).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}\n{document:#}");
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The row of a metric.
#[track_caller]
fn row<'a>(comparison: &'a Value, metric: &str) -> &'a Value {
    let rows = comparison["rows"].as_array().unwrap();
    rows.iter().find(|row| row["metric"] == metric).expect("a row")
}

#[test]
fn a_slower_server_fails_the_gate() {
    let (server, delay) = server();
    let bench = Bench::new();
    let file = scenario(&bench, &server.url());
    bench.run(&["run", &file, "--quiet", "--set", "run.repeats=5"]).expect_code(0);
    // one of them stands for all
    let first = bench.runs()[2].path().to_str().unwrap().to_owned();
    let set = bench.run(&["baseline", "set", "main", &first]).expect_code(0);
    assert!(set.stdout.starts_with("main: 5 runs of gate on "), "{}", set.stdout);
    assert!(!set.stdout.contains("can show no regression"), "{}", set.stdout);
    let baseline = json(&bench.path("results/baselines/main.json"));
    check("baseline", &baseline);
    let names: Vec<_> = baseline["runs"].as_array().unwrap().iter().map(|run| run["name"].clone()).collect();
    assert_eq!(names.len(), 5);
    // all that it needs is in its file
    std::fs::remove_dir_all(bench.path("results/runs")).unwrap();

    let same = ["run", &file, "--baseline", "main", "--margin", "100%"];
    let done = bench.run(&same).expect_code(0);
    assert!(done.stdout.contains("main → gate") && !done.stderr.contains("warning"), "{}", done.stdout);
    let run = bench.only_run();
    let comparison = run.json("comparison.json");
    check("comparison", &comparison);
    assert_eq!((&comparison["forced"], &comparison["same_experiment"]), (&false.into(), &true.into()));
    assert_eq!((&comparison["tests"], &comparison["before"]["runs"]), (&2.into(), &Value::Array(names)));
    assert_eq!(row(&comparison, "error_rate")["call"], "EQUIVALENT");
    assert_eq!(row(&comparison, "ttft.p50")["basis"], "prediction");

    delay.store(300, Ordering::Relaxed);
    let done = bench.run(&["run", &file, "--baseline", "main", "--quiet"]).expect_code(1);
    assert!(done.stdout.contains("REGRESSED against main: ttft.p50 in load"), "{}", done.stdout);
    let comparison = bench.runs().pop().unwrap().json("comparison.json");
    assert_eq!(
        (&comparison["call"], &row(&comparison, "ttft.p50")["call"]),
        (&"REGRESSED".into(), &"REGRESSED".into())
    );
    // without the baseline it is a good run
    bench.run(&["run", &file, "--quiet"]).expect_code(0);
}

#[test]
fn another_experiment_is_refused_before_anything_is_sent() {
    let (server, _) = server();
    let bench = Bench::new();
    let file = scenario(&bench, &server.url());
    bench.run(&["run", &file, "--quiet"]).expect_code(0);
    let first = bench.only_run().path().to_str().unwrap().to_owned();
    let set = bench.run(&["baseline", "set", "one", &first]).expect_code(0);
    let few = "1 run against 1 can show no regression in 2 metrics";
    assert!(set.stdout.contains(few), "{}", set.stdout);
    let sent = server.served().len();

    let other = ["run", &file, "--quiet", "--baseline", "one", "--set", "phases.load.requests=6"];
    let done = bench.run(&other).expect_code(2);
    for said in [
        "baseline `one` is not of this experiment on this machine",
        "phases.load.requests: 8 → 6",
        "--force-baseline",
        "nothing was sent",
    ] {
        assert!(done.stderr.contains(said), "{}", done.stderr);
    }
    assert_eq!((server.served().len(), bench.runs().len()), (sent, 1));

    let done = bench.run(&[&other[..], &["--force-baseline"]].concat()).expect_code(0);
    assert!(done.stderr.contains(&format!("warning: baseline `one`: {few}")), "{}", done.stderr);
    assert!(done.stdout.contains("no regression against one, forced"), "{}", done.stdout);
    let comparison = bench.runs().pop().unwrap().json("comparison.json");
    check("comparison", &comparison);
    assert_eq!((&comparison["forced"], &comparison["same_experiment"]), (&true.into(), &false.into()));
    assert_eq!(comparison["call"], "INCONCLUSIVE");

    // a saved run from another machine
    let path = bench.path("results/baselines/one.json");
    let mut baseline = json(&path);
    baseline["system"]["machine"]["cpu"] = "Z80".into();
    std::fs::write(&path, baseline.to_string()).unwrap();
    let done = bench.run(&["run", &file, "--baseline", "one"]).expect_code(2);
    assert!(done.stderr.contains("processor: Z80 → "), "{}", done.stderr);
    // and a file that somebody broke
    std::fs::write(&path, baseline.to_string().replace("\"runs\"", "\"walks\"")).unwrap();
    let done = bench.run(&["run", &file, "--baseline", "one"]).expect_code(2);
    assert!(done.stderr.contains("one.json`: it has no `runs`"), "{}", done.stderr);
}

#[test]
fn a_rerun_is_held_against_a_baseline_as_a_run_is() {
    let (server, delay) = server();
    let bench = Bench::new();
    let file = scenario(&bench, &server.url());
    bench.run(&["run", &file, "--quiet", "--repeats", "5"]).expect_code(0);
    bench.run(&["run", &file, "--quiet", "--set", "phases.load.requests=6"]).expect_code(0);
    let paths: Vec<String> = bench.runs().iter().map(|run| run.path().to_str().unwrap().to_owned()).collect();
    let (folder, other) = (&paths[0], &paths[5]);
    bench.run(&["baseline", "set", "main", folder]).expect_code(0);
    let sent = server.served().len();
    let newest = || bench.runs().pop().unwrap().json("comparison.json");

    for (arguments, said) in [
        (vec!["rerun", folder, "--baseline", "none"], "there is no baseline `none`"),
        (vec!["rerun", folder, "--force-baseline"], "--baseline"),
        (vec!["rerun", folder, "--baseline", "main", "--margin", "0"], "a margin is above 0"),
        (vec!["rerun", other, "--baseline", "main"], "phases.load.requests: 8 → 6"),
    ] {
        let done = bench.run(&arguments).expect_code(2);
        assert!(done.stderr.contains(said), "{arguments:?}: {}", done.stderr);
    }
    assert_eq!((server.served().len(), bench.runs().len()), (sent, 6), "nothing was sent");

    let done =
        bench.run(&["rerun", folder, "--quiet", "--baseline", "main", "--margin", "100%"]).expect_code(0);
    assert!(done.stdout.contains("no regression against main"), "{}", done.stdout);
    check("comparison", &newest());
    assert_eq!(newest()["margin"], 1.0);
    let forced = ["rerun", other, "--quiet", "--baseline", "main", "--force-baseline", "--margin", "100%"];
    let done = bench.run(&forced).expect_code(0);
    assert!(done.stdout.contains("no regression against main, forced"), "{}", done.stdout);
    delay.store(300, Ordering::Relaxed);
    let done = bench.run(&["rerun", folder, "--quiet", "--baseline", "main"]).expect_code(1);
    assert!(done.stdout.contains("REGRESSED against main: ttft.p50 in load"), "{}", done.stdout);
    assert_eq!(newest()["call"], "REGRESSED");
}

#[test]
fn baselines_are_listed_and_removed() {
    let (server, _) = server();
    let bench = Bench::new();
    let file = scenario(&bench, &server.url());
    bench.run(&["run", &file, "--quiet"]).expect_code(0);
    bench.run(&["run", &file, "--quiet", "--set", "seed=7"]).expect_code(0);
    let runs: Vec<String> = bench.runs().iter().map(|run| run.path().to_str().unwrap().to_owned()).collect();
    bench.run(&["baseline", "set", "b", &runs[0]]).expect_code(0);
    bench.run(&["baseline", "set", "a", &runs[1]]).expect_code(0);
    let list = bench.run(&["baseline", "list"]).expect_code(0).stdout;
    let names: Vec<_> = list.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "b"]);
    for (arguments, said) in [
        (vec!["baseline", "set", "a/b", &runs[0]], "`a/b` cannot be the name of a baseline"),
        (vec!["baseline", "set", "c", "nowhere"], "there is no folder `nowhere`"),
        (vec!["baseline", "set", "c", &runs[0], &runs[1]], "are not runs of one experiment on one machine"),
        (vec!["baseline", "remove", "c"], "there are: `a`, `b`"),
        (vec!["run", &file, "--baseline", "c"], "there is no baseline `c`"),
        (vec!["run", &file, "--force-baseline"], "--baseline"),
        (vec!["run", &file, "--baseline", "a", "--margin", "0"], "a margin is above 0"),
    ] {
        let done = bench.run(&arguments).expect_code(2);
        assert!(done.stderr.contains(said), "{arguments:?}: {}", done.stderr);
    }
    bench.run(&["baseline", "remove", "b"]).expect_code(0);
    assert!(bench.run(&["baseline", "list"]).expect_code(0).stdout.starts_with("a: 1 run of gate"));
    assert_eq!(bench.runs().len(), 2);
}

#[test]
fn anything_is_compared_with_anything() {
    let ((one, _), (other, delay)) = (server(), server());
    delay.store(60, Ordering::Relaxed);
    let bench = Bench::new();
    bench.run(&["run", &scenario(&bench, &one.url()), "--quiet"]).expect_code(0);
    let file = scenario(&bench, &other.url());
    bench.run(&["run", &file, "--quiet", "--set", "run.repeats=2"]).expect_code(0);
    let paths: Vec<String> = bench.runs().iter().map(|run| run.path().to_str().unwrap().to_owned()).collect();
    let (single, repeat) = (&paths[0], &paths[2]);
    let shown = bench.run(&["compare", single, repeat]).expect_code(0).stdout;
    for said in [
        "2 runs on ",
        "the same experiment, the same hardware",
        "endpoints.main.url",
        "evidence within one run",
    ] {
        assert!(shown.split_whitespace().collect::<Vec<_>>().join(" ").contains(said), "{said}: {shown}");
    }
    let text = bench.run(&["compare", single, repeat, "--format", "json"]).expect_code(0).stdout;
    let comparison: Value = serde_json::from_str(&text).unwrap();
    check("comparison", &comparison);
    assert_eq!(comparison["after"]["runs"].as_array().unwrap().len(), 2);
    let row = row(&comparison, "ttft.p50");
    assert!(row["change"].as_f64().unwrap() > 1.5, "{row}");
    assert_eq!(
        (&row["call"], &row["basis"], &row["runs_needed"]),
        (&"INCONCLUSIVE".into(), &"none".into(), &4.into())
    );
    let differing: Vec<_> =
        comparison["differing"].as_array().unwrap().iter().map(|field| &field["field"]).collect();
    assert!(differing.contains(&&"endpoints.main.url".into()), "{differing:?}");

    let done = bench.run(&["compare", single, repeat, "--html", "page.html"]).expect_code(0);
    assert!(done.stdout.contains("endpoints.main.url"), "the text as well: {}", done.stdout);
    let page = std::fs::read_to_string(bench.path("page.html")).unwrap();
    for said in
        ["<!doctype html>", "<svg", "<code>ttft.p50</code> in load", "endpoints.main.url", "INCONCLUSIVE"]
    {
        assert!(page.contains(said), "{said}");
    }
    let nowhere = bench.run(&["compare", single, repeat, "--html", "no/folder/page.html"]).expect_code(4);
    assert!(nowhere.stderr.contains("cannot write `no/folder/page.html`"), "{}", nowhere.stderr);

    let alone = bench.run(&["compare", repeat]).expect_code(2);
    assert!(alone.stderr.contains("a comparison has two sides"), "{}", alone.stderr);
    let together = bench.run(&["compare", single, repeat, "--by", "platform"]).expect_code(2);
    assert!(together.stderr.contains("two platforms"), "{}", together.stderr);
}

#[test]
fn two_scenarios_in_turn_are_compared_at_the_end() {
    let ((fast, _), (slow, delay)) = (server(), server());
    delay.store(200, Ordering::Relaxed);
    let bench = Bench::new();
    let text = std::fs::read_to_string(bench.path(&scenario(&bench, &fast.url()))).unwrap();
    let one = bench.file("one.toml", &text);
    let other = bench.file("other.toml", &text.replace(&fast.url(), &slow.url()));
    let done = bench.run(&["run", &one, &other, "--interleave", "--repeats", "4"]).expect_code(1);
    let order: Vec<_> = done.stderr.lines().filter(|line| line.starts_with("── ")).collect();
    let files: Vec<bool> = order.iter().map(|line| line.contains("(one.toml)")).collect();
    assert_eq!(files, [true, false, false, true, true, false, false, true], "{order:?}");
    assert_eq!(done.stdout.matches("4 runs of gate").count(), 2, "{}", done.stdout);
    assert!(done.stdout.contains("REGRESSED  1 of 2 metrics with a target"), "{}", done.stdout);
    let comparison = bench.runs()[0].json("comparison.json");
    check("comparison", &comparison);
    for side in ["before", "after"] {
        assert_eq!(comparison[side]["runs"].as_array().unwrap().len(), 4);
    }
    assert!(row(&comparison, "ttft.p50")["change"].as_f64().unwrap() > 1.0);

    let count = bench.runs().len();
    for files in [vec![&one], vec![&one, &other, &bench.file("third.toml", &text)]] {
        let mut arguments = vec!["run", "--interleave"];
        arguments.extend(files.iter().map(|file| file.as_str()));
        let done = bench.run(&arguments).expect_code(2);
        assert!(done.stderr.contains("`--interleave` runs two scenarios"), "{}", done.stderr);
    }
    assert_eq!(bench.runs().len(), count);
}

#[test]
fn repeats_are_found_from_within_and_those_that_are_no_measurement_left_out() {
    let bench = Bench::new();
    let (server, _) = server();
    let file = scenario(&bench, &server.url());
    bench.run(&["run", &file, "--quiet", "--repeats", "3"]).expect_code(0);
    let mut runs: Vec<_> = std::fs::read_dir(bench.path("results/runs")).unwrap().flatten().collect();
    runs.sort_by_key(std::fs::DirEntry::file_name);
    let first = runs[0].file_name().into_string().unwrap();
    // `.` stands for all three as the folder does
    let here = bench.path(&format!("results/runs/{first}"));
    let within =
        bench.command(&["baseline", "set", "here", ".", "--results", "../.."]).current_dir(here).output();
    let within = String::from_utf8(within.unwrap().stdout).unwrap();
    assert!(within.contains("3 runs of gate"), "{within}");
    // a run that somebody interrupted
    let events = runs[1].path().join("events.jsonl");
    let text = std::fs::read_to_string(&events).unwrap();
    let cut: Vec<&str> = text.lines().filter(|line| !line.contains("\"run_ended\"")).collect();
    assert!(cut.len() < text.lines().count(), "{text}");
    std::fs::write(&events, cut.join("\n") + "\n").unwrap();
    let folder = format!("results/runs/{first}");
    let done = bench.run(&["baseline", "set", "nightly", &folder]).expect_code(0);
    assert!(
        done.stderr.contains("left out: ") && done.stdout.contains("2 runs of gate"),
        "{}{}",
        done.stdout,
        done.stderr
    );
}
