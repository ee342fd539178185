//! What a run leaves behind, as `[output]` says.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use crate::{
    kit::{Bench, Run},
    server::{After, Server, stream_tokens},
};

fn server() -> Server {
    Server::start(|_, out| {
        stream_tokens(out, Duration::from_millis(1), Duration::from_millis(2), 4);
        After::KeepOpen
    })
}

fn run(bench: &Bench, output: &str) -> (Server, Run, String) {
    let server = server();
    let file = bench.file(
        "output.toml",
        &format!(
            r#"
            version = 1
            name = "output"
            output = {{ {output} }}
            [endpoints.main]
            url = "{}"
            [workloads.text.synthetic]
            prompt_tokens = 10
            output_tokens = 4
            [phases.load]
            requests = 20
            load.closed = {{ users = 2 }}
            "#,
            server.url()
        ),
    );
    let done = bench.run(&["run", &file]).expect_code(0);
    (server, bench.only_run(), done.stdout)
}

fn names(run: &Run) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(run.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The numbers of the only phase.
fn metrics(run: &Run) -> Value {
    run.json("summary.json")["scopes"][0]["metrics"].clone()
}

#[test]
fn a_run_without_arrivals_of_chunks_has_all_metrics_but_gaps() {
    let bench = Bench::new();
    let (_server, run, stdout) = run(&bench, "chunks = \"none\"");
    assert!(!names(&run).contains(&"chunks.bin".to_owned()));
    let before = metrics(&run);
    assert_eq!((&before["itl_p50_ms"], &before["itl_count"]), (&Value::Null, &Value::Null));
    for known in ["ttft_p50_ms", "e2e_p50_ms", "output_tokens_per_second"] {
        assert!(before[known].as_f64().is_some_and(|value| value > 0.0), "{known}");
    }
    // of the first and the last of four tokens; a client that was busy reads both at once, and then it is 0
    let mut tpots: Vec<f64> = run
        .records()
        .iter()
        .map(|record| {
            let [first, last] =
                ["first_token_ns", "last_token_ns"].map(|stamp| record[stamp].as_u64().unwrap());
            (last - first) as f64 / 3.0 / 1e6
        })
        .collect();
    tpots.sort_by(f64::total_cmp);
    let tpot = before["tpot_p50_ms"].as_f64().expect("it is known");
    assert!((tpot - tpots[9]).abs() < 1e-6, "the tenth of {tpots:?}: {tpot}");
    assert!(stdout.contains("there is no `itl`"), "{stdout}");
    bench.run(&["report", run.path().to_str().unwrap()]).expect_code(0);
    assert_eq!(metrics(&run), before, "rebuilt, they are the same");
}

#[test]
fn prompts_and_answers_are_kept_where_the_plan_asks() {
    let bench = Bench::new();
    let (server, run, _) = run(&bench, "prompts = true, answers = true");
    let sent: BTreeMap<String, String> = server
        .served()
        .into_iter()
        .map(|served| {
            let prompt = &served.request.body["messages"][0]["content"];
            (served.request.id, prompt.as_str().unwrap().to_owned())
        })
        .collect();
    let ids: BTreeMap<u64, String> = run
        .records()
        .iter()
        .map(|record| (record["seq"].as_u64().unwrap(), record["request_id"].as_str().unwrap().to_owned()))
        .collect();
    let text = run.text("texts.jsonl");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 20);
    for line in lines {
        let id = &ids[&line["seq"].as_u64().unwrap()];
        assert_eq!(line["prompts"], serde_json::json!([sent[id]]));
        assert_eq!(line["answers"], serde_json::json!(["word word word word "]));
        assert_eq!(line["format"], 1);
    }
}

#[test]
fn nothing_is_kept_of_texts_unless_asked() {
    let bench = Bench::new();
    let (server, run, _) = run(&bench, "");
    assert!(!names(&run).contains(&"texts.jsonl".to_owned()));
    let prompt = server.served()[0].request.body["messages"][0]["content"].as_str().unwrap().to_owned();
    for name in names(&run).iter().filter(|name| run.path().join(name).is_file()) {
        let bytes = std::fs::read(run.path().join(name)).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains(&prompt), "{name}");
    }
}

#[test]
fn only_the_formats_that_are_asked_for_are_made() {
    let always = [
        "chunks.bin",
        "events.jsonl",
        "plan.json",
        "requests.jsonl",
        "summary.json",
        "system-info.json",
        "telemetry.jsonl",
    ];
    for (formats, files, endings) in [
        ("[]", &[][..], &[][..]),
        ("[\"csv\"]", &["requests.csv"], &[]),
        ("[\"html\"]", &["report.html"], &[]),
        ("[\"svg\"]", &["charts"], &["svg"]),
    ] {
        let bench = Bench::new();
        let (_server, run, stdout) = run(&bench, &format!("formats = {formats}"));
        let mut expected: Vec<String> = always.iter().chain(files).map(|name| (*name).to_owned()).collect();
        expected.sort();
        assert_eq!(names(&run), expected, "{formats}");
        let main = if files.contains(&"report.html") { "/report.html" } else { "/summary.json" };
        let report = stdout.lines().find(|line| line.starts_with("report  "));
        assert!(report.is_some_and(|line| line.ends_with(main)), "{stdout}");
        let charts = std::fs::read_dir(run.path().join("charts")).into_iter().flatten();
        for chart in charts {
            let path = chart.unwrap().path();
            let ending = path.extension().unwrap().to_str().unwrap();
            assert!(endings.contains(&ending), "{}", path.display());
        }
    }
}
