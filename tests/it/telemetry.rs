//! What a run reads of the machine and of its servers.

use serde_json::Value;

use crate::kit::{Bench, Run};

fn scenario(more: &str) -> String {
    format!(
        r#"
        version = 1
        name = "telemetry"
        {more}
        [endpoints.main]
        url = "sim:small"
        [sims.small]
        [phases.load]
        duration = "2s"
        load.open = {{ arrivals = "constant", rate = 20 }}
        "#
    )
}

fn lines(run: &Run) -> Vec<Value> {
    run.text("telemetry.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect()
}

fn samples(lines: &[Value], quantity: &str) -> usize {
    lines.iter().filter(|line| line["line"] == "sample" && !line["readings"][quantity].is_null()).count()
}

/// What was read of a quantity in the only phase.
fn of_phase(summary: &Value, quantity: &str) -> Value {
    let scope = &summary["scopes"][0]["telemetry"];
    let read = scope.as_array().into_iter().flatten().find(|read| read["quantity"] == quantity);
    read.cloned().unwrap_or(Value::Null)
}

#[test]
#[cfg(target_os = "linux")]
fn a_run_reads_the_machine_and_its_server_and_judges_them() {
    let bench = Bench::new();
    let file = bench.file(
        "telemetry.toml",
        &scenario(
            r#"
            [targets.memory]
            metric = "server.memory"
            at_most = "64GiB"
            endpoint = "main"
            [targets.busy]
            metric = "cpu_utilization.max"
            at_least = 0
            [targets.received]
            metric = "network.received"
            at_least = "1kB"
            "#,
        ),
    );
    let done = bench.run(&["run", &file]);
    let run = bench.only_run();
    let lines = lines(&run);
    assert_eq!(lines[0]["line"], "started");
    assert_eq!(lines.last().map(|line| &line["line"]), Some(&Value::from("cost")));
    for quantity in ["cpu_utilization", "system.memory", "server.memory", "server.cpu", "network.received"] {
        // twenty moments, of which a busy machine may leave out many
        assert!(samples(&lines, quantity) >= 5, "{quantity}: {lines:?}");
    }
    let at: Vec<u64> = lines.iter().filter_map(|line| line["at_ns"].as_u64()).collect();
    let ended = run.diary("run_ended")[0]["at_ns"].as_u64().expect("an end");
    assert!(at[0] < 1_000_000_000 && at.iter().any(|at| *at >= ended), "from before the load to after it");

    let summary = run.json("summary.json");
    let memory = of_phase(&summary, "server.memory");
    let bytes = |key: &str| memory[key].as_f64().unwrap_or_else(|| panic!("{key} of {memory}"));
    assert!(bytes("min_bytes") > 1e6 && bytes("min_bytes") <= bytes("mean_bytes"));
    assert!(bytes("mean_bytes") <= bytes("max_bytes") && bytes("before_bytes") > 0.0);
    let received = of_phase(&summary, "network.received")["growth_bytes"].as_f64().expect("a count");
    assert!(received > 1000.0, "40 answers came over the loopback: {received}");
    let marks: Vec<&Value> =
        summary["targets"].as_array().into_iter().flatten().map(|row| &row["mark"]).collect();
    assert!(marks.iter().filter(|mark| **mark == "PASS").count() >= 3, "{marks:?}");
    assert!(summary["telemetry"]["cpu_s"].as_f64().is_some_and(|seconds| seconds > 0.0));

    assert!(done.stdout.contains("machine and servers"), "{}", done.stdout);
    let page = run.text("report.html");
    assert!(page.contains("Machine and servers") && page.contains("data-plot=\"shares\""));

    // a last line that a crash cut short is dropped
    let before = run.json("summary.json");
    let file = run.path().join("telemetry.jsonl");
    let cut = format!("{}{{\"line\":\"sam", run.text("telemetry.jsonl"));
    std::fs::write(&file, cut).expect("a file");
    let folder = run.path().display().to_string();
    bench.run(&["report", &folder]);
    assert_eq!(run.json("summary.json")["scopes"], before["scopes"]);

    // an old run has no such file, and the rest of it reads as ever
    std::fs::remove_file(file).expect("a file");
    bench.run(&["report", &folder]);
    let after = run.json("summary.json");
    assert_eq!(after["scopes"][0]["telemetry"], Value::Array(Vec::new()));
    assert_eq!(after["scopes"][0]["metrics"], before["scopes"][0]["metrics"]);
    let unread =
        after["targets"].as_array().into_iter().flatten().filter(|row| row["mark"] == "INCONCLUSIVE");
    assert!(unread.count() >= 3);
}

#[test]
fn a_run_that_reads_nothing_has_nothing_to_say() {
    let bench = Bench::new();
    let file = bench.file("telemetry.toml", &scenario("[monitoring]\nenabled = false\n"));
    let done = bench.run(&["run", &file]);
    let run = bench.only_run();
    assert_eq!(lines(&run).len(), 1, "the line of the format alone");
    assert!(!done.stdout.contains("machine and servers"));
    let summary = run.json("summary.json");
    assert_eq!(summary["telemetry"]["cpu_s"], Value::Null);
    let skipped = summary["skipped_targets"].to_string();
    assert!(skipped.contains("system_memory"), "what a preset asks of it is judged nowhere: {skipped}");
}

/// Room for two sequences until they have grown, asked by six users; and room for all of them.
#[test]
fn a_kv_cache_that_is_full_is_told_by_the_servers_own_page() {
    for (tokens, full) in [(64, true), (4096, false)] {
        let bench = Bench::new();
        let file = bench.file(
            "kv.toml",
            &format!(
                r#"
                version = 1
                name = "kv"
                run.on_bottleneck = "warn"
                [endpoints.main]
                url = "sim:tight"
                [sims.tight]
                kv_cache_tokens = {tokens}
                max_batch = 16
                step_base = "10ms"
                [workloads.short.synthetic]
                prompt_tokens = 16
                output_tokens = 24
                [phases.load]
                duration = "6s"
                load.closed = {{ users = 6 }}
                "#
            ),
        );
        bench.run(&["run", &file]).expect_code(0);
        let summary = bench.only_run().json("summary.json");
        let found = summary["recommendations"].as_array().expect("a list");
        let told = found.iter().any(|found| found["cause"] == "kv_cache");
        assert_eq!(told, full, "{}", summary["recommendations"]);
    }
}
