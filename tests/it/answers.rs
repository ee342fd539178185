//! Answers that are checked while the load runs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    kit::{Bench, Done, Run},
    server::{After, Out, Request, Server, chat_finish, usage},
};

/// Answers with a text in two pieces, and this finish reason.
fn say(out: &mut Out<'_>, text: &str, reason: &str) {
    out.stream_head();
    let (head, tail) = text.split_at(text.len() / 2);
    for piece in [head, tail] {
        out.event(&json!({ "choices": [{ "index": 0, "delta": { "content": piece } }] }).to_string());
        std::thread::sleep(Duration::from_millis(1));
    }
    out.event(&chat_finish(reason));
    out.event(&usage(7, 2));
    out.event("[DONE]");
    out.end_chunks();
}

/// A server that answers request `n` with the text of this number.
fn server(text: impl Fn(u64) -> String + Send + Sync + 'static) -> Server {
    Server::start(move |request, out| {
        say(out, &text(request.number), "stop");
        After::KeepOpen
    })
}

/// Every second answer is right.
fn half_right() -> Server {
    server(|number| {
        if number.is_multiple_of(2) { "the sum is 42" } else { "colourless green ideas" }.to_owned()
    })
}

fn scenario(bench: &Bench, url: &str, check: &str, more: &str) -> String {
    bench.file(
        "answers.toml",
        &format!(
            r#"
            version = 1
            name = "answers"
            [endpoints.main]
            url = "{url}"
            {check}
            [workloads.text.synthetic]
            prompt_tokens = 10
            output_tokens = 8
            [phases.load]
            requests = 60
            load.closed = {{ users = 4 }}
            {more}
            "#
        ),
    )
}

fn run(check: &str, more: &str, server: &Server, code: i32) -> (Bench, Run, Done) {
    let bench = Bench::new();
    let file = scenario(&bench, &server.url(), check, more);
    let done = bench.run(&["run", &file]).expect_code(code);
    let run = bench.only_run();
    (bench, run, done)
}

fn count(run: &Run, outcome: &str) -> usize {
    run.records().iter().filter(|record| record["outcome"] == outcome).count()
}

#[test]
fn fast_garbage_fails() {
    const TARGET: &str = "[targets.errors]\nmetric = \"error_rate\"\nat_most = \"5%\"\n\
                          [objectives]\ne2e = \"1h\"";
    let server = half_right();
    let (bench, run, done) = run("check.regex = '\\b[0-9]+\\b'", TARGET, &server, 1);
    assert_eq!((count(&run, "ok"), count(&run, "wrong_answer")), (30, 30));
    let error = "the answer does not match `\\b[0-9]+\\b`; it is `colourless green ideas`";
    for record in run.records().iter().filter(|record| record["outcome"] == "wrong_answer") {
        assert_eq!(record["error"], error);
        assert_eq!((&record["status"], &record["finish_reason"]), (&200.into(), &"stop".into()));
    }
    let summary = run.json("summary.json");
    let scope = &summary["scopes"][0];
    // a request that one user begins when another has no more is behind the window that counts
    let counted = ["ok", "wrong_answer"]
        .map(|outcome| scope["counts"]["outcomes"][outcome].as_u64().unwrap_or_default());
    let [right, wrong] = counted;
    assert!((27..=30).contains(&right) && (27..=30).contains(&wrong), "{}", scope["counts"]);
    let share = |part: u64| json!(part as f64 / (right + wrong) as f64);
    assert_eq!(scope["metrics"]["error_rate"], share(wrong));
    assert_eq!(scope["metrics"]["objectives_met_rate"], share(right));
    // as of any failure, there is no time of the whole answer
    assert_eq!(
        (&scope["metrics"]["e2e_count"], &scope["metrics"]["e2e_failed"]),
        (&json!(right), &json!(wrong))
    );
    let failure = &summary["failures"][0];
    assert_eq!((&failure["outcome"], &failure["count"]), (&"wrong_answer".into(), &30.into()));
    assert_eq!(failure["first_error"], error);
    assert!(done.stdout.contains("30 × wrong_answer"), "{}", done.stdout);
    let csv = run.text("requests.csv");
    assert_eq!(csv.lines().filter(|row| row.contains(",wrong_answer,")).count(), 30);
    assert!(run.text("report.html").contains("wrong_answer"));

    // the same from the records alone, and nothing of the answers but what is said of the wrong ones
    bench.run(&["report", run.path().to_str().unwrap()]).expect_code(0);
    assert_eq!(run.json("summary.json")["scopes"], summary["scopes"]);
    assert!(!run.path().join("texts.jsonl").exists());
    assert!(!run.text("requests.jsonl").contains("the sum is"));
}

#[test]
fn what_is_kept_of_texts_is_what_the_plan_asks_for() {
    let server = half_right();
    for (output, keys) in [
        ("output = { prompts = true }", &["format", "seq", "model", "prompts"][..]),
        ("output = { answers = true }", &["format", "seq", "model", "answers"]),
    ] {
        let bench = Bench::new();
        let file = scenario(&bench, &server.url(), "check.min_length = 5", "");
        let text = std::fs::read_to_string(bench.path(&file)).unwrap();
        bench.file(&file, &text.replace("name = \"answers\"", &format!("name = \"answers\"\n{output}")));
        bench.run(&["run", &file]).expect_code(0);
        let texts = bench.only_run().text("texts.jsonl");
        assert_eq!(texts.lines().count(), 60);
        for line in texts.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(line.as_object().unwrap().keys().collect::<Vec<_>>(), keys);
        }
    }
}

#[test]
fn a_schema_in_a_file_goes_with_the_plan() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("schemas")).unwrap();
    bench.file("schemas/answer.json", r#"{ "type": "object", "required": ["name"] }"#);
    let server = server(|number| if number.is_multiple_of(4) { "{}" } else { "{\"name\": 5}" }.to_owned());
    let file = scenario(&bench, &server.url(), "check.json_schema = \"schemas/answer.json\"", "");
    let planned = bench.run(&["plan", &file]).expect_code(0);
    assert!(planned.stdout.contains("JSON as schemas/answer.json says"), "{}", planned.stdout);
    bench.run(&["run", &file]).expect_code(0);
    let first = bench.only_run();
    assert_eq!((count(&first, "ok"), count(&first, "wrong_answer")), (45, 15));
    let plan = first.json("plan.json");
    assert_eq!(plan["endpoints"][0]["check"]["json_schema"]["schema"]["required"], json!(["name"]));

    // another content is another experiment, wherever it stands, and a run needs no file
    let experiment = |file: &str| -> String {
        let done = bench.run(&["plan", file, "--format", "json"]).expect_code(0);
        let plan: Value = serde_json::from_str(&done.stdout).unwrap();
        plan["experiment"].as_str().unwrap().to_owned()
    };
    let before = experiment(&file);
    assert_eq!(plan["experiment"], before.as_str());
    bench.file("moved.json", r#"{ "required": ["name"], "type": "object" }"#);
    let text = std::fs::read_to_string(bench.path(&file)).unwrap();
    let moved = bench.file("moved.toml", &text.replace("schemas/answer.json", "moved.json"));
    assert_eq!(experiment(&moved), before);
    bench.file("moved.json", r#"{ "type": "object" }"#);
    assert_ne!(experiment(&moved), before);
    let folder = first.path().to_str().unwrap();
    let diff = bench.run(&["plan", "--diff", folder, &moved]).expect_code(0);
    let lines: Vec<_> = diff.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    assert!(lines.iter().any(|line| line.starts_with(&["~", "plan", "schemas", "main:"])), "{}", diff.stdout);
    std::fs::remove_dir_all(bench.path("schemas")).unwrap();
    bench.run(&["rerun", first.path().to_str().unwrap()]).expect_code(0);
    let again = bench.runs().into_iter().find(|run| run.path() != first.path()).unwrap();
    assert_eq!((count(&again, "ok"), count(&again, "wrong_answer")), (45, 15));
    // but its scenario does
    let done = bench.run(&["check", &file]).expect_code(2);
    assert!(done.stderr.contains("`schemas/answer.json`, which cannot be read"), "{}", done.stderr);
}

#[test]
fn an_answer_that_was_cut_at_its_limit_is_wrong_and_says_so() {
    let server = Server::start(|_, out| {
        say(out, "{\"name\": \"half of", "length");
        After::KeepOpen
    });
    let (_bench, run, _) = run("check.json_schema = { type = \"object\" }", "", &server, 1);
    assert_eq!(count(&run, "wrong_answer"), 60);
    let error = run.records()[0]["error"].as_str().unwrap().to_owned();
    assert!(
        error.starts_with("the answer is no JSON") && error.ends_with("(finish reason `length`)"),
        "{error}"
    );
}

#[test]
fn what_is_too_long_to_keep_is_neither_passed_nor_failed_in_silence() {
    let server = server(|number| {
        let start = if number.is_multiple_of(2) { "42 " } else { "no " };
        start.to_owned() + &"x".repeat(70_000)
    });
    let (_bench, run, done) = run("check.regex = '[0-9]'", "", &server, 0);
    let records = run.records();
    assert_eq!(count(&run, "ok"), 60);
    let unchecked: Vec<_> = records.iter().filter_map(|record| record["unchecked"].as_str()).collect();
    assert_eq!(unchecked.len(), 30);
    assert!(unchecked[0].contains("longer than the 64 KiB"), "{}", unchecked[0]);
    // a request that one user begins when another has no more is behind the window that counts
    let summary = run.json("summary.json");
    let counts = &summary["scopes"][0]["counts"];
    let (due, behind) = (counts["due"].as_u64().unwrap(), counts["unchecked"].as_u64().unwrap());
    assert!((57..=60).contains(&due) && (27..=30).contains(&behind), "{counts}");
    let words = done.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let told = format!("{behind} of {due} answers could not be checked, and count as right");
    assert!(words.contains(&told), "{told}: {}", done.stdout);
}

#[test]
fn each_prompt_of_a_request_has_an_answer_to_check() {
    let answer = |request: &Request, out: &mut Out<'_>| {
        let prompts = request.body["prompt"].as_array().map_or(1, Vec::len);
        // the second answer of every second request is wrong
        let wrong = |index| index == 1 && request.number % 2 == 1;
        let choices: Vec<_> = (0..prompts)
            .map(|index| {
                let text = if wrong(index) { "no" } else { "yes" };
                json!({ "index": index, "text": text, "finish_reason": "stop" })
            })
            .collect();
        let usage = json!({ "prompt_tokens": 20, "completion_tokens": 2, "total_tokens": 22 });
        out.answer("200 OK", "application/json", &json!({ "choices": choices, "usage": usage }).to_string());
        After::KeepOpen
    };
    let server = Server::start(answer);
    let check = "protocol = \"openai_completions\"\nstream = false\ncheck.regex = \"^yes$\"";
    let bench = Bench::new();
    let file = scenario(&bench, &server.url(), check, "batch_sizes = 2");
    bench.run(&["run", &file]).expect_code(0);
    let run = bench.only_run();
    assert_eq!((count(&run, "ok"), count(&run, "wrong_answer")), (30, 30));
    let records = run.records();
    let wrong = records.iter().find(|record| record["outcome"] == "wrong_answer").unwrap();
    assert_eq!(wrong["error"], "the answer to prompt 2 of 2 does not match `^yes$`; it is `no`");
}

#[test]
fn a_target_sees_wrong_answers_while_the_run_goes_on() {
    let server = server(|_| "garbage".to_owned());
    let target = "[targets.errors]\nmetric = \"error_rate\"\nat_most = \"5%\"\nabort.after = \"300ms\"";
    let bench = Bench::new();
    let file = scenario(&bench, &server.url(), "check.regex = \"[0-9]\"", target);
    let text = std::fs::read_to_string(bench.path(&file)).unwrap();
    bench.file(&file, &text.replace("requests = 60", "duration = \"60s\""));
    bench.run(&["run", &file]).expect_code(1);
    let run = bench.only_run();
    assert_eq!(run.diary("aborted").len(), 1);
    assert!(count(&run, "wrong_answer") > 20);
}

#[test]
fn a_probe_checks_the_answer_of_an_endpoint_of_a_file() {
    for (text, code, line) in [
        ("it is 42", 0, "  check   passed: matches [0-9]"),
        ("who knows", 1, "  error   the answer does not match `[0-9]`; it is `who knows`"),
    ] {
        let server = server(move |_| text.to_owned());
        let bench = Bench::new();
        let file = scenario(&bench, &server.url(), "check.regex = \"[0-9]\"", "");
        let done = bench.run(&["probe", &file]).expect_code(code);
        assert!(done.stdout.lines().any(|said| said == line), "{line}: {}", done.stdout);
        // without a file there is nothing to ask of it
        bench.run(&["probe", &server.url()]).expect_code(0);
    }
}
