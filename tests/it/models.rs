//! Endpoints whose requests name one of several models.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use scenario::{
    config::{Model, ModelMix},
    plan::model_of,
};
use serde_json::Value;

use crate::{
    kit::Bench,
    server::{After, Server, stream_tokens},
};

const REQUESTS: u64 = 40;

/// A server that lists these models and answers for any.
fn server(models: &'static [&'static str]) -> Server {
    let list = move |out: &mut crate::server::Out<'_>| {
        let models: Vec<_> = models.iter().map(|id| serde_json::json!({ "id": id })).collect();
        out.answer("200 OK", "application/json", &serde_json::json!({ "data": models }).to_string());
    };
    Server::with_models("127.0.0.1:0", list, |_, out| {
        stream_tokens(out, Duration::from_millis(1), Duration::from_millis(1), 2);
        After::KeepOpen
    })
}

fn scenario(bench: &Bench, url: &str, run: &str, load: &str) -> String {
    bench.file(
        "models.toml",
        &format!(
            r#"
            version = 1
            name = "models"
            {run}
            output.prompts = true
            [endpoints.main]
            url = "{url}"
            model = {{ "org/base" = 3, "lora.1" = 1 }}
            [workloads.text.synthetic]
            prompt_tokens = 10
            output_tokens = 2
            [phases.load]
            requests = {REQUESTS}
            {load}
            "#
        ),
    )
}

/// The model that each request should name.
fn expected(seed: u64) -> BTreeMap<u64, String> {
    let weights = [("org/base", 3.0), ("lora.1", 1.0)].map(|(name, weight)| (name.to_owned(), weight));
    let mix = Model::Mix(ModelMix::of(weights.into_iter().collect()));
    (0..REQUESTS).map(|seq| (seq, model_of(&mix, seed, seq).to_owned())).collect()
}

#[test]
fn what_each_request_names_follows_from_the_seed_and_its_number() {
    assert_ne!(expected(1), expected(2), "seeds differ");
    for (seed, threads, load) in [
        (1, 1, "load.closed = { users = 3 }"),
        (1, 2, "load.closed = { users = 5 }"),
        (2, 1, "load.open = { arrivals = \"constant\", rate = 200 }"),
        (2, 2, "load.open = { arrivals = \"poisson\", rate = 400 }"),
    ] {
        let server = server(&["org/base", "lora.1", "another"]);
        let bench = Bench::new();
        let run = format!("seed = {seed}\nrun.threads = {threads}");
        let file = scenario(&bench, &server.url(), &run, load);
        bench.run(&["run", &file]).expect_code(0);
        let run = bench.only_run();
        let named: BTreeMap<String, String> = server
            .served()
            .into_iter()
            .map(|served| (served.request.id, served.request.body["model"].as_str().unwrap().to_owned()))
            .collect();
        let mut seen = BTreeMap::new();
        for record in run.records() {
            let model = named[record["request_id"].as_str().unwrap()].clone();
            assert_eq!(record["model"], model.as_str());
            seen.insert(record["seq"].as_u64().unwrap(), model);
        }
        assert_eq!(seen, expected(seed), "seed {seed}, {threads} threads");

        // the same in what is made of the records
        let line = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        for text in run.text("texts.jsonl").lines().map(line) {
            assert_eq!(text["model"], seen[&text["seq"].as_u64().unwrap()].as_str());
        }
        let csv = run.text("requests.csv");
        let mut rows = csv::Reader::from_reader(csv.as_bytes());
        let column = rows.headers().unwrap().iter().position(|name| name == "model").unwrap();
        for row in rows.records().map(Result::unwrap) {
            assert_eq!(row[column], seen[&row[0].parse().unwrap()]);
        }
        // and before anything is sent
        let number = REQUESTS.to_string();
        let shown = bench.run(&["prompts", &file, "--json", "-n", &number]).expect_code(0);
        for shown in shown.stdout.lines().map(line) {
            assert_eq!(shown["body"]["model"], seen[&shown["seq"].as_u64().unwrap()].as_str());
        }
    }
}

#[test]
fn a_conversation_stays_with_the_model_that_it_began_with() {
    let server = server(&["org/base", "lora.1"]);
    let bench = Bench::new();
    let file = scenario(&bench, &server.url(), "", "load.closed = { users = 3 }");
    let text = std::fs::read_to_string(bench.path(&file)).unwrap();
    let talk = "[workloads.text.conversation]\nturns = 4\n";
    let file = bench.file("talk.toml", &text.replace("[workloads.text.synthetic]\n", talk));
    bench.run(&["run", &file]).expect_code(0);
    let records = bench.only_run().records();
    assert_eq!(records.len() as u64, REQUESTS);
    let wanted = expected(42);
    let mut named = BTreeMap::new();
    for record in &records {
        assert_eq!(record["model"], wanted[&record["conversation"].as_u64().unwrap()].as_str());
        named.insert(record["seq"].as_u64().unwrap(), record["model"].clone());
    }
    let shown = bench.run(&["prompts", &file, "--json", "-n", &REQUESTS.to_string()]).expect_code(0);
    assert_eq!(shown.stdout.lines().count() as u64, REQUESTS);
    for line in shown.stdout.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["body"]["model"], named[&line["seq"].as_u64().unwrap()]);
    }
    let models: BTreeSet<_> = records.iter().map(|record| record["model"].as_str().unwrap()).collect();
    assert_eq!(models.len(), 2);
}

#[test]
fn the_report_has_a_row_for_each_model() {
    let server = server(&["org/base", "lora.1"]);
    let bench = Bench::new();
    let file = scenario(&bench, &server.url(), "", "load.closed = { users = 2 }");
    let planned = bench.run(&["plan", &file]).expect_code(0);
    assert!(planned.stdout.contains("lora.1 25.0 %, org/base 75.0 %"), "{}", planned.stdout);
    let done = bench.run(&["run", &file]).expect_code(0);
    let run = bench.only_run();
    let summary = run.json("summary.json");
    let models = summary["models"].as_array().unwrap();
    let wanted = expected(42);
    for (of, name) in models.iter().zip(["lora.1", "org/base"]) {
        assert_eq!(
            (&of["model"], &of["phase"], &of["endpoint"]),
            (&name.into(), &"load".into(), &"main".into())
        );
        let requests = wanted.values().filter(|model| *model == name).count();
        // a request that one user begins when another has no more is behind the window that counts
        let due = of["counts"]["due"].as_u64().unwrap() as usize;
        assert!((requests.saturating_sub(2)..=requests).contains(&due), "{name}: {due} of {requests}");
        assert!(of["metrics"]["ttft_p50_ms"].as_f64().is_some_and(|ms| ms > 0.0));
        let row = done.stdout.lines().find(|line| line.trim_start().starts_with(name));
        let row = row.unwrap_or_else(|| panic!("a row for {name}: {}", done.stdout));
        assert!(row.split_whitespace().nth(1) == Some(&requests.to_string()), "{row}");
        assert!(run.text("report.html").contains(&format!("<th scope=\"row\">{name}")), "{name}");
    }
    assert_eq!(models.len(), 2);
    assert_eq!(run.json("system-info.json")["servers"][0]["model"], "lora.1 25.0 %, org/base 75.0 %");
}

#[test]
fn a_model_that_the_server_does_not_list_is_told_before_anything_is_sent() {
    for (listed, missing) in [
        (&["org/base"][..], Some("does not list `lora.1`; it lists `org/base`")),
        (&["other"], Some("does not list `lora.1`, `org/base`; it lists `other`")),
        // nobody knows what a server takes that lists nothing; Ollama lists tags
        (&[], None),
        (&["org/base:latest", "lora.1"], None),
    ] {
        let server = server(listed);
        let bench = Bench::new();
        let file = scenario(&bench, &server.url(), "", "load.closed = { users = 1 }");
        let done = bench.run(&["run", &file]).expect_code(if missing.is_some() { 4 } else { 0 });
        if let Some(missing) = missing {
            assert!(done.stderr.contains(missing) && done.stderr.contains("help: "), "{}", done.stderr);
            assert!(server.served().is_empty());
        }
    }
}

#[test]
fn a_probe_names_the_model_of_the_first_request() {
    let server = server(&["org/base", "lora.1"]);
    let bench = Bench::new();
    let file = scenario(&bench, &server.url(), "", "load.closed = { users = 1 }");
    let done = bench.run(&["probe", &file]).expect_code(0);
    let first = &expected(42)[&0];
    assert!(done.stdout.contains(&format!("model `{first}`")), "{}", done.stdout);
    assert_eq!(server.served()[0].request.body["model"], first.as_str());
    // a model of one's own beats all of them
    bench.run(&["probe", &file, "--model", "mine"]).expect_code(0);
    assert_eq!(server.served()[1].request.body["model"], "mine");
}

#[test]
fn a_simulated_server_takes_every_name() {
    let bench = Bench::new();
    let file = scenario(&bench, "sim:rtx_4090", "", "load.closed = { users = 4 }");
    bench.run(&["run", &file]).expect_code(0);
    let named: BTreeSet<String> = bench
        .only_run()
        .records()
        .iter()
        .map(|record| record["model"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(named.len(), 2);
}
