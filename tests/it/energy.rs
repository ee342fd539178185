//! What a run says of energy, and of GPU memory around each request, with GPUs of a library that speaks NVML.

#![cfg(target_os = "linux")]

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::kit::{Bench, Done};

/// Two GPUs with a gibibyte in use each: one counts 30 J more each time it is asked, the other draws 120 W and counts nothing.
fn driver(bench: &Bench) -> String {
    let folder = bench.path("driver");
    fs::create_dir(&folder).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nvml.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(folder.join("libnvidia-ml.so.1")).arg(source);
    let done: Done = compiler.output().unwrap().into();
    done.expect_code(0);
    folder.to_str().unwrap().to_owned()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

/// What all counters of energy say at a moment, in a line between two readings.
fn counted(lines: &[Value], at_s: f64) -> f64 {
    let mut all: std::collections::BTreeMap<String, Vec<(f64, f64)>> = std::collections::BTreeMap::new();
    let samples = lines.iter().filter(|line| line["line"] == "sample" && line["class"] == "counter");
    for line in samples.filter(|line| !line["readings"]["energy"].is_null()) {
        let readings = all.entry(line["subject"].to_string()).or_default();
        readings.push((number(&line["at_ns"]) / 1e9, number(&line["readings"]["energy"])));
    }
    let each = all.values().map(|readings| {
        let after = readings.iter().position(|(second, _)| *second >= at_s).expect("a reading after it");
        let ((from, first), (to, last)) = (readings[after - 1], readings[after]);
        first + (last - first) * (at_s - from) / (to - from)
    });
    each.sum()
}

#[test]
fn a_run_with_gpus_tells_joules_and_the_memory_around_each_request() {
    let bench = Bench::new();
    let file = bench.file(
        "energy.toml",
        r#"
        version = 1
        name = "energy"
        price.per_hour = 3.6
        [monitoring]
        energy_interval = "200ms"
        subtract_idle = true
        [endpoints.main]
        url = "sim:small"
        [sims.small]
        [phases.rest]
        pause = "2s"
        [phases.load]
        duration = "3s"
        load.open = { arrivals = "constant", rate = 20 }
        [targets.tokens]
        metric = "energy_per_token"
        at_most = 1000
        [targets.requests]
        metric = "energy_per_request"
        at_most = 1_000_000
        "#,
    );
    let mut command = bench.command(&["run", &file]);
    let done: Done = command.env("LD_LIBRARY_PATH", driver(&bench)).output().unwrap().into();
    let run = bench.only_run();
    let summary = run.json("summary.json");
    let scope = &summary["scopes"][0];
    assert_eq!(scope["phase"], "load", "{}", done.stdout);

    let classes = scope["energy"]["by_class"].as_array().expect("energy");
    let of = |class: &str| classes.iter().find(|of| of["class"] == class).expect(class);
    let (counter, sampled) = (of("counter"), of("sampled"));
    assert!(counter["parts"].to_string().contains(r#"{"subject":{"gpu":"0"},"sensor":"nvml"}"#), "{counter}");
    let lines: Vec<Value> =
        run.text("telemetry.jsonl").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let window = |key: &str| number(&scope["window"][key]);
    let used = counted(&lines, window("to_s")) - counted(&lines, window("from_s"));
    let gross = number(&counter["gross_joules"]);
    assert!((gross / used - 1.0).abs() < 1e-6, "{gross} J by the report, {used} J by the samples");
    let sampled_watts = number(&sampled["mean_watts"]);
    assert!((sampled_watts - 120.0).abs() < 1e-6, "{sampled_watts}");

    // the larger class is what requests and tokens are held against, without what is drawn at rest
    let first = &classes[0];
    let net = number(&first["net_joules"]);
    assert!(number(&first["gross_joules"]) > net && number(&first["idle_watts"]) > 0.0);
    let metric = |name: &str| number(&scope["metrics"][name]);
    let per_request = metric("energy_per_request_joules");
    let completed = number(&scope["counts"]["completed_in_window"]);
    assert!(
        (per_request * completed - net).abs() <= 1e-6 * net.abs(),
        "{per_request} J × {completed} = {net} J"
    );
    let tokens = metric("output_tokens_per_second") * window("length_s");
    let per_token = metric("energy_per_token_joules");
    assert!((per_token * tokens - net).abs() <= 1e-6 * net.abs(), "{per_token} J × {tokens} = {net} J");
    for text in ["energy and cost", "J/request", "J/1k tokens", "cost/M", "  net  ", "counter: of "] {
        assert!(done.stdout.contains(text), "{text}: {}", done.stdout);
    }
    assert!(run.text("report.html").contains(">Energy and cost</h2>"));
    let targets = summary["targets"].as_array().expect("targets");
    let read = targets
        .iter()
        .filter(|row| row["metric"].as_str().is_some_and(|name| name.starts_with("energy_per")));
    let marks: Vec<&Value> = read.map(|row| &row["mark"]).collect();
    assert_eq!(marks, ["PASS", "PASS"], "{targets:?}");

    // two GPUs of a gibibyte each, in 10⁶ bytes
    let csv = run.text("requests.csv");
    let mut rows = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = rows.next().expect("a header");
    for name in ["gpu_memory_mb", "gpu_memory_before_mb", "gpu_memory_after_mb"] {
        let place = header.iter().position(|column| *column == name).expect(name);
        let read: Vec<&str> = rows.clone().map(|row| row[place]).collect();
        assert!(read.len() >= 50 && read.iter().all(|value| *value == "2147.483648"), "{name}: {read:?}");
    }

    // what was not read is empty, and no 0
    fs::remove_file(run.path().join("telemetry.jsonl")).unwrap();
    bench.run(&["report", run.path().to_str().unwrap()]);
    let csv = run.text("requests.csv");
    assert!(csv.lines().skip(1).all(|line| line.ends_with(",,") && line.contains(",ok,,load,")), "{csv}");
    let scope = &run.json("summary.json")["scopes"][0];
    assert_eq!(
        (&scope["energy"], &scope["metrics"]["energy_per_token_joules"]),
        (&Value::Null, &Value::Null)
    );
}
