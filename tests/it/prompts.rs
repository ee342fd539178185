//! `scenario prompts`: what is shown is what is sent.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::kit::Bench;

const SCENARIO: &str = r#"
version = 1
name = "two-kinds"
seed = 7
[endpoints.chat]
url = "sim:h100"
workload = "questions"
[endpoints.code]
url = "sim:h100"
protocol = "openai_completions"
model = "coder"
workload = "code"
[workloads.questions.synthetic]
prompt_tokens = 12
output_tokens = 2
[workloads.code.snippets]
prompt_tokens = 100
output_tokens = 3
prefix = "Explain:\n"
mix = { python = 1 }
[phases.warmup]
measure = false
requests = 3
load.closed = { users = 1 }
[phases.rest]
pause = "1ms"
[phases.main]
requests = 6
load.open = { rate = 50 }
[phases.batches]
requests = 2
endpoints = ["code"]
batch_sizes = 2
load.closed = { users = 1 }
[output]
prompts = true
"#;

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn they_are_those_that_a_run_sends() {
    let bench = Bench::new();
    let file = bench.file("kinds.toml", SCENARIO);
    let shown = lines(&bench.run(&["prompts", &file, "-n", "99", "--json"]).expect_code(0).stdout);
    assert_eq!(shown.len(), 11, "as many as the plan has");
    bench.run(&["run", &file, "--quiet"]).expect_code(0);
    let sent: BTreeMap<u64, Vec<Value>> = lines(&bench.only_run().text("texts.jsonl"))
        .iter()
        .map(|line| (line["seq"].as_u64().unwrap(), line["prompts"].as_array().unwrap().clone()))
        .collect();
    assert_eq!(sent.len(), shown.len());
    for line in &shown {
        let (body, sent) = (&line["body"], &sent[&line["seq"].as_u64().unwrap()]);
        if line["endpoint"] == "chat" {
            assert_eq!(body["messages"][0]["content"], sent[0]);
            assert_eq!((&line["estimated_prompt_tokens"], &line["output_tokens"]), (&12.into(), &2.into()));
            assert_eq!(body["model"], "auto", "only the server knows it");
        } else {
            let prompt = &body["prompt"];
            assert_eq!(prompt.as_array().map_or(std::slice::from_ref(prompt), Vec::as_slice), sent);
            assert_eq!((&line["output_tokens"], &body["model"]), (&3.into(), &"coder".into()));
            assert_eq!(line["estimated_prompt_tokens"], 102 * sent.len());
        }
    }
}

#[test]
fn phase_and_endpoint_choose() {
    let bench = Bench::new();
    let file = bench.file("kinds.toml", SCENARIO);
    let shown = |flags: &[&str]| {
        let arguments = [&["prompts", &file, "--json"], flags].concat();
        let done = bench.run(&arguments).expect_code(0);
        assert_eq!(done.stderr, "");
        lines(&done.stdout)
    };
    assert_eq!(shown(&[]).len(), 5);
    let main = shown(&["--phase", "main"]);
    assert!(main.iter().all(|line| line["phase"] == "main") && main[0]["seq"] == 3, "{main:?}");
    let code = shown(&["--endpoint", "code", "-n", "3"]);
    assert!(code.len() == 3 && code.iter().all(|line| line["endpoint"] == "code"));
    let all = shown(&["-n", "99"]);
    let expected: Vec<_> = all.into_iter().filter(|line| line["endpoint"] == "code").take(3).collect();
    assert_eq!(code, expected, "the numbers that they have among all");
    let other = shown(&["-n", "1", "--set", "seed=8"]);
    assert_ne!(other[0]["body"], shown(&["-n", "1"])[0]["body"]);
}

#[test]
fn people_see_the_text() {
    let bench = Bench::new();
    let file = bench.file("kinds.toml", SCENARIO);
    let done = bench.run(&["prompts", &file, "--phase", "batches", "-n", "1"]).expect_code(0);
    let head = |place, name| {
        format!(
            "── request 9, prompt {place} of 2 · batches · code · about 102 prompt tokens, 3 output tokens asked for\n\
             Explain:\n# {name}.py\n"
        )
    };
    let (first, second) = done.stdout.split_once("\n\n── ").unwrap();
    assert!(first.starts_with(&head(1, "update_draft_warehouses")), "{first}");
    assert!(format!("── {second}").starts_with(&head(2, "update_draft_warehouses_for_invoice")), "{second}");
    // a closed loop that ends by time has as many as asked for
    let endless = SCENARIO.replace("requests = 3\n", "duration = \"1s\"\n");
    let file = bench.file("endless.toml", &endless);
    let done = bench.run(&["prompts", &file, "-n", "200"]).expect_code(0);
    assert_eq!(done.stdout.matches("── request ").count(), 200);
}

#[test]
fn wrong_usage_says_what_there_is() {
    let bench = Bench::new();
    let file = bench.file("kinds.toml", SCENARIO);
    let broken = bench.file("broken.toml", &SCENARIO.replace("rate = 50", "rate = -1"));
    let matrix = format!("{SCENARIO}\n[matrix]\nseed = [1, 2]\n");
    let matrix = bench.file("matrix.toml", &matrix);
    for (arguments, message) in [
        (vec![&*file, "--endpoint", "chut"], "no endpoint `chut`\n  help: known: `chat`, `code`"),
        (
            vec![&file, "--phase", "rest"],
            "no phase with requests `rest`\n  help: known: `warmup`, `main`, `batches`",
        ),
        (vec![&file, "--phase", "batches", "--endpoint", "chat"], "no request of the plan is one of those"),
        (vec![&broken], "must not be negative"),
        (
            vec![&matrix],
            "`matrix.toml` has 2 plans\n  help: name one file, and pin the axes of a matrix by `--set`",
        ),
        (vec!["none.toml"], "no file matches `none.toml`"),
        (vec![&file, "-n", "0"], "0 is not in 1"),
    ] {
        let done = bench.run(&[&["prompts"], arguments.as_slice()].concat()).expect_code(2);
        assert!(done.stderr.contains(message), "{arguments:?}: {}", done.stderr);
        assert_eq!(done.stdout, "", "{arguments:?}");
    }
}
