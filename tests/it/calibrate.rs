//! What a machine can do: the command, the file that it leaves, plans that ask for more, and the short form before a run.

use scenario::machine::{Machine, calibration::Identity};
use serde_json::{Value, json};

use crate::kit::{Bench, Done};

/// Two users for a moment, on a simulated server.
const SCENARIO: &str = r#"
    version = 1
    name = "calibrated"
    [endpoints.main]
    url = "sim:quick"
    [sims.quick]
    step_base = "1ms"
    [workloads.short.synthetic]
    prompt_tokens = 4
    output_tokens = 4
    [phases.load]
    requests = 20
    load.closed = { users = 2 }
"#;

/// Text without its numbers, so that only its shape is left.
fn shape(text: &str) -> String {
    let words = text
        .split_whitespace()
        .map(|word| if word.starts_with(|c: char| c.is_ascii_digit()) { "N" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// The outcome of the short form, as JSON, which is also in the file.
fn short(bench: &Bench) -> Value {
    let done = bench.run(&["calibrate", "--short", "--format", "json"]).expect_code(0);
    let printed: Value = serde_json::from_str(&done.stdout).unwrap();
    let kept = std::fs::read_to_string(bench.path("calibration.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&kept).unwrap(), printed);
    assert!(done.stderr.contains("50 streams: ") && done.stderr.contains("kept in "), "{}", done.stderr);
    printed
}

#[test]
fn the_short_form_tells_streams_requests_lateness_and_errors() {
    let bench = Bench::new();
    let outcome = short(&bench);
    assert_eq!((&outcome["format"], &outcome["form"]), (&json!(1), &json!("short")));
    assert_eq!(outcome["machine"]["os"], std::env::consts::OS);
    // how much this machine holds while tests run beside it is not said
    for (list, figure) in [("streams", "error_p99_us"), ("requests", "send_lag_p99_us")] {
        let tried = outcome[list]["tried"].as_array().unwrap();
        assert!(!tried.is_empty(), "{outcome}");
        for one in tried {
            assert!(one[figure].as_f64().unwrap() > 0.0, "{one}");
            assert_eq!(one["held"], one["fault"].as_str().unwrap().is_empty(), "{one}");
        }
    }
    let lag = &outcome["lag"][0];
    assert!(lag["send_lag_p99_us"].as_f64() > Some(0.0) && lag["timer_p99_us"].as_f64() > Some(0.0), "{lag}");
    let stamps = &outcome["stamps"];
    assert!(stamps["kernel_p99_us"].as_f64() > Some(0.0), "{stamps}");
    // the read returns behind the arrival, whatever the machine
    assert!(stamps["user_p99_us"].as_f64() >= stamps["kernel_p99_us"].as_f64(), "{stamps}");
    // it holds here: later commands take it without a word
    let file = bench.file("calibrated.toml", SCENARIO);
    let done = bench.run(&["check", &file]).expect_code(0);
    assert!(!done.stderr.contains("ignored"), "{}", done.stderr);
}

#[test]
fn people_get_tables() {
    let bench = Bench::new();
    let done = bench.run(&["calibrate", "--short", "--file", "own/place.json"]).expect_code(0);
    assert!(bench.path("own/place.json").is_file() && !bench.path("calibration.json").exists());
    let shape = shape(&done.stdout);
    for part in [
        "calibration ",
        "short form, N",
        " streams N ",
        " streams error p50 p99 bounded CPU a token ",
        " requests N ",
        " per second lag p50 p99 ",
        "lateness of sending, beside a thread that only sleeps until a time per second lag p50 p99 timer p50 p99 N N",
        "arrival times of N streams: N ",
    ] {
        assert!(shape.contains(part), "{part}: {shape}");
    }
}

/// Writes a calibration of this machine by hand, in which it holds next to nothing, with some change.
fn limited(bench: &Bench, change: impl Fn(&mut Value)) {
    let mut calibration = json!({
        "format": 1,
        "tool_version": env!("CARGO_PKG_VERSION"),
        "machine": Identity::of(&Machine::detect()),
        "measured_at": "2026-11-22T09:00:00Z",
        "form": "full",
        "took_s": 40.0,
        "nice": null,
        "streams": {
            "token_gap_ms": 10.0, "error_limit_us": 100.0, "bounded_limit": 0.05, "most": 1, "failed": 2, "tried": [],
        },
        "requests": { "tokens": 16, "lag_limit_us": 1000.0, "most": 0.5, "failed": null, "tried": [] },
        "lag": [],
        "stamps": null,
    });
    change(&mut calibration);
    bench.file("calibration.json", &calibration.to_string());
}

#[test]
fn plans_that_ask_for_more_are_warned_about() {
    let bench = Bench::new();
    let file = bench.file("calibrated.toml", SCENARIO);
    limited(&bench, |_| {});
    let warning =
        "phase `load`: `load.closed.users` keeps 2 streams open at once; this machine times 1 stream at once";
    let has = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").contains(warning);
    assert!(has(&bench.run(&["check", &file]).expect_code(0).stdout));
    assert!(has(&bench.run(&["plan", &file]).expect_code(0).stdout));
    let plan: Value =
        serde_json::from_str(&bench.run(&["plan", &file, "--format", "json"]).expect_code(0).stdout).unwrap();
    assert!(has(plan["warnings"][0].as_str().unwrap()), "{plan}");
    let problems = bench.run(&["check", &file, "--format", "json"]).expect_code(0).stdout;
    assert!(has(&problems), "{problems}");
    // before it starts
    let Done { stderr, stdout, .. } = bench.run(&["run", &file]).expect_code(0);
    let (before, _) = stderr.split_once("running calibrated").unwrap();
    assert!(before.starts_with("warning: ") && has(before), "{stderr}");
    assert!(has(&stdout) && stdout.contains("calibrated  1 stream at once"), "{stdout}");
    let run = bench.only_run();
    assert_eq!(run.json("summary.json")["calibration"]["streams"]["most"], 1);
    assert_eq!(run.json("plan.json")["warnings"], json!([]), "the plan is the same on every machine");
    // one that asks for less is not
    limited(&bench, |known| known["streams"]["most"] = json!(2));
    assert!(!has(&bench.run(&["check", &file]).expect_code(0).stdout));
}

#[test]
fn what_does_not_hold_here_is_ignored_and_said() {
    let bench = Bench::new();
    let file = bench.file("calibrated.toml", SCENARIO);
    for (key, value, reason) in [
        ("tool_version", json!("0.0.1"), "it is of another version of `scenario`: `0.0.1` and not"),
        (
            "machine",
            json!({ "os": "plan9", "kernel": "4", "cpu": "", "cores": 1 }),
            "it is of another system: `plan9 4` and not",
        ),
        ("format", json!(99), "it has format 99"),
        ("streams", json!(5), "it is no calibration"),
    ] {
        limited(&bench, |known| known[key] = value.clone());
        let done = bench.run(&["check", &file]).expect_code(0);
        assert!(done.stderr.contains("is ignored: ") && done.stderr.contains(reason), "{}", done.stderr);
        assert!(!done.stdout.contains("warning"), "{}", done.stdout);
    }
    bench.file("calibration.json", "{");
    let done = bench.run(&["run", &file]).expect_code(0);
    assert!(done.stderr.contains("is ignored: it is no JSON"), "{}", done.stderr);
    assert_eq!(bench.only_run().json("summary.json")["calibration"], Value::Null);
}

#[test]
fn a_run_looks_for_itself_where_it_is_asked_to() {
    let bench = Bench::new();
    let asks = format!("{SCENARIO}\n[run]\ncalibrate = true\n");
    let (asks, plain) = (bench.file("asks.toml", &asks), bench.file("plain.toml", SCENARIO));
    let plan = bench.run(&["plan", &asks]).expect_code(0).stdout;
    assert!(plan.contains("5 s before anything is sent"), "{plan}");
    for arguments in [&["run", asks.as_str()][..], &["run", &plain, "--calibrate"]] {
        let done = bench.run(arguments).expect_code(0);
        let (before, _) = done.stderr.split_once("running calibrated").unwrap();
        assert!(before.contains("calibrating"), "{}", done.stderr);
        assert!(done.stdout.contains("\ncalibrated  "), "{}", done.stdout);
    }
    // nothing of it stays behind, and nothing is known to the next run
    assert!(!bench.path("calibration.json").exists());
    bench.run(&["run", &plain]).expect_code(0);
    let runs = bench.runs();
    assert_eq!(runs.len(), 3);
    for (run, looked) in runs.iter().zip([true, true, false]) {
        let known = &run.json("system-info.json")["calibration"];
        assert_eq!(known["form"] == "short", looked, "{known}");
        assert_eq!(run.text("report.html").contains("Calibrated: "), looked);
        assert_eq!(run.json("plan.json")["calibrate"] == true, looked);
    }
    // the plan says so, and with it whoever runs it again
    let again = bench.run(&["rerun", runs[0].path().to_str().unwrap()]).expect_code(0);
    assert!(again.stderr.contains("calibrating"), "{}", again.stderr);
}
