//! The JSON Schemas: those in `schemas/` are those of the program, what it writes is as they say, and what somebody
//! else changed is refused in words.

use std::{collections::BTreeMap, fs, path::Path};

use jsonschema::Validator;
use serde_json::Value;

use crate::kit::{Bench, Run};

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas")
}

/// The files of a folder with their texts.
fn texts(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let text = |path| fs::read_to_string(path).unwrap();
    entries.map(|entry| (entry.file_name().into_string().unwrap(), text(entry.path()))).collect()
}

fn schema(name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(folder().join(format!("{name}.schema.json"))).unwrap()).unwrap()
}

/// Forbids keys that a schema does not name, wherever it names any.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            let table = object.get("properties").is_some_and(Value::is_object);
            if table && !object.contains_key("additionalProperties") {
                object.insert("additionalProperties".to_owned(), false.into());
            }
            object.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// Puts the keys of a definition that a schema has beside its own (`allOf`) among them: closed, each would forbid those
/// of the other.
fn flatten(schema: &mut Value, definitions: &Value) {
    match schema {
        Value::Object(object) => {
            let beside = object.contains_key("properties").then(|| object.remove("allOf")).flatten();
            for part in beside.iter().flat_map(|parts| parts.as_array().unwrap()) {
                let name = part["$ref"].as_str().unwrap().strip_prefix("#/definitions/").unwrap();
                for (key, value) in definitions[name]["properties"].as_object().unwrap() {
                    object["properties"][key] = value.clone();
                }
                let required = definitions[name]["required"].as_array().unwrap().clone();
                object["required"].as_array_mut().unwrap().extend(required);
            }
            object.values_mut().for_each(|value| flatten(value, definitions));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| flatten(item, definitions)),
        _ => {}
    }
}

/// The schema of that name, without room for what it does not name.
fn closed(name: &str) -> Validator {
    let mut schema = schema(name);
    let definitions = schema["definitions"].clone();
    flatten(&mut schema, &definitions);
    close(&mut schema);
    jsonschema::draft7::new(&schema).unwrap()
}

#[track_caller]
fn check(validator: &Validator, document: &Value) {
    let errors: Vec<_> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{}\n{document:#}", errors.join("\n"));
}

#[test]
fn the_schemas_of_the_source_are_those_of_the_program() {
    let bench = Bench::new();
    let done = bench.run(&["schema", "--write", "new"]).expect_code(0);
    let new = texts(&bench.path("new"));
    assert_eq!(done.stdout.lines().count(), new.len());
    let checked_in = texts(&folder());
    assert!(new.keys().eq(checked_in.keys()), "{:?} {:?}", new.keys(), checked_in.keys());
    for (name, text) in &new {
        assert!(checked_in[name] == *text, "{name} is out of date: `cargo run -- schema --write schemas`");
        let schema: Value = serde_json::from_str(text).unwrap();
        assert!(jsonschema::draft7::meta::is_valid(&schema), "{name}");
        described(&schema, name);
    }
}

/// Every key says what it is, but for those that only hold the content of a variant, which says it itself.
fn described(schema: &Value, at: &str) {
    let Some(object) = schema.as_object() else { return };
    for (keyword, value) in object {
        match (keyword.as_str(), value) {
            ("properties" | "definitions", Value::Object(keys)) => {
                let variant = at.ends_with('|') && object.contains_key("description");
                for (key, schema) in keys {
                    let at = format!("{at}.{key}");
                    let text = schema["description"].as_str().unwrap_or_default();
                    assert!(text.len() > 4 || variant, "{at} is not described");
                    described(schema, &at);
                }
            }
            ("items" | "additionalProperties", schema) => described(schema, at),
            ("anyOf" | "oneOf" | "allOf", Value::Array(schemas)) => {
                for schema in schemas {
                    described(schema, &format!("{at}|"));
                }
            }
            _ => {}
        }
    }
}

#[test]
fn one_is_printed_and_all_are_listed() {
    let bench = Bench::new();
    let scenario = bench.run(&["schema"]).expect_code(0);
    assert_eq!(scenario.stdout, bench.run(&["schema", "scenario"]).expect_code(0).stdout);
    assert_eq!(serde_json::from_str::<Value>(&scenario.stdout).unwrap()["title"], "Scenario");
    let list = bench.run(&["schema", "--list"]).expect_code(0);
    let names: Vec<_> = list.stdout.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names.len(), texts(&folder()).len());
    for name in &names {
        bench.run(&["schema", name]).expect_code(0);
    }
    let unknown = bench.run(&["schema", "plans"]).expect_code(2);
    assert!(unknown.stderr.contains("a similar value exists: 'plan'"), "{}", unknown.stderr);
    assert!(unknown.stdout.is_empty());
}

/// A little of everything: a pause, a ladder, stages, spikes, failures, targets of all kinds, a preset's target.
const SCENARIO: &str = r#"
version = 1
name = "a-little-of-everything"
run.platform = "cpu_only"
[endpoints.main]
url = "sim:shaky"
weight = 0.8
workload = "tokens"
[endpoints.other]
url = "sim:rtx_4090"
weight = 0.2
protocol = "openai_completions"
stream = false
workload = "words"
headers = { x-team = "a", x-key = { file = "key" } }
[sims.shaky]
extends = "rtx_4090"
faults = { error_rate = "20%", mid_stream_error_rate = "10%" }
[workloads.tokens.synthetic]
prompt_tokens.lognormal = { mean = 30, std_dev = 10 }
output_tokens.uniform = { min = 2, max = 6 }
[workloads.words.synthetic]
prompt_words.poisson = { mean = 15 }
output_tokens = 4
[phases.warmup]
measure = false
requests = 2
endpoints = ["main"]
load.closed = { users = 1 }
[phases.rest]
pause = "50ms"
[phases.ladder]
requests = 6
endpoints = ["main", "other"]
load.closed = { users = [1, 3] }
[phases.ramp]
load.open = { stages = [{ from = 5, to = 30, over = "600ms" }], arrivals = { gamma = { cv = 2 } } }
[phases.spikes]
duration = "1s"
load.open = { rate = 10, spikes = { every = "400ms", lasting = "100ms", rate = 50 }, concurrency_limit = 4 }
[phases.batches]
requests = 3
endpoints = ["other"]
batch_sizes = [1, 2]
load.closed = { users = 1 }
[output]
prompts = true
answers = true
[objectives]
ttft = "500ms"
e2e = "100s"
[price]
per_hour = 0.69
[targets.first_token]
metric = "ttft.p50"
at_most = "1ns"
[targets.everything]
metric = "e2e.max"
phase = "ramp"
at_most = 10
[targets.errors]
metric = "error_rate"
between = ["1%", "2%"]
severity = "warn"
[targets.cost]
metric = "cost_per_million_tokens"
at_most = 1
[targets.nowhere]
metric = "queue_wait"
phase = "spikes"
at_least = 1
severity = "info"
"#;

/// Holds every JSON file of a run folder against its schema.
fn check_run(run: &Run) {
    for (file, name) in
        [("plan.json", "plan"), ("system-info.json", "system-info"), ("summary.json", "summary")]
    {
        check(&closed(name), &run.json(file));
    }
    for (file, name) in [("requests.jsonl", "record"), ("events.jsonl", "event"), ("texts.jsonl", "text")] {
        let validator = closed(name);
        let text = run.text(file);
        assert!(text.lines().count() > 10, "{file}");
        text.lines().for_each(|line| check(&validator, &serde_json::from_str(line).unwrap()));
    }
}

#[test]
fn everything_that_is_written_is_as_its_schema_says() {
    let bench = Bench::new();
    let file = bench.file("all.toml", SCENARIO);
    bench.file("key", "abc");
    let done = bench.run(&["run", &file, "--quiet", "--calibrate", "--json", "summary.json"]);
    assert!([1, 3].contains(&done.code), "{} {}", done.stdout, done.stderr);
    let run = bench.only_run();
    check_run(&run);
    let copy: Value = serde_json::from_str(&fs::read_to_string(bench.path("summary.json")).unwrap()).unwrap();
    assert_eq!(copy, run.json("summary.json"));

    let other = bench
        .file("other.toml", &SCENARIO.replace("requests = 6", "requests = 8").replace("stream = false", ""));
    let short = bench.file("short.toml", &SCENARIO.replace("requests = 6", "requests = \"six\""));
    for (name, arguments, code) in [
        ("plan", vec!["plan", &file, "--format", "json"], 0),
        ("origins", vec!["plan", &file, "--origins", "--format", "json"], 0),
        ("difference", vec!["plan", &file, "--diff", &other, "--format", "json"], 0),
        ("problems", vec!["check", &file, &short, "--format", "json"], 2),
        ("hardware", vec!["hardware", "--json"], 0),
        ("probe", vec!["probe", "sim:rtx_4090", "--format", "json"], 0),
        ("calibration", vec!["calibrate", "--short", "--format", "json"], 0),
        ("probe", vec!["probe", "http://127.0.0.1:9/v1", "--format", "json"], 4),
    ] {
        let done = bench.run(&arguments).expect_code(code);
        let document: Value = serde_json::from_str(&done.stdout).unwrap();
        assert!(document.to_string().len() > 100, "{document}");
        check(&closed(name), &document);
    }
}

#[test]
fn a_resolved_scenario_is_a_scenario() {
    let bench = Bench::new();
    let validator = jsonschema::draft7::new(&schema("scenario")).unwrap();
    let file = bench.file("all.toml", SCENARIO);
    bench.file("key", "abc");
    let done = bench.run(&["plan", &file, "--resolved"]).expect_code(0);
    let document: Value = toml::from_str(&done.stdout).unwrap();
    assert_eq!(document["endpoints"]["main"]["model"], "auto");
    check(&validator, &document);
}

#[test]
fn what_somebody_changed_in_a_run_is_refused_in_words() {
    let bench = Bench::new();
    let file = bench.file(
        "small.toml",
        "version = 1\nname = \"small\"\n[endpoints.main]\nurl = \"sim:rtx_4090\"\n\
         [phases.load]\nrequests = 4\nload.closed = { users = 2 }\n",
    );
    bench.run(&["run", &file, "--quiet"]).expect_code(0);
    let run = bench.only_run();
    let folder = run.folder.to_str().unwrap();
    let change = |name: &str, from: &str, to: &str| {
        let text = run.text(name);
        assert!(text.contains(from), "{name} has no {from}");
        fs::write(run.folder.join(name), text.replacen(from, to, 1)).unwrap();
        text
    };
    for (name, from, to, message) in [
        (
            "plan.json",
            "\"users\": 2",
            "\"users\": \"two\"",
            "`/steps/1/work/load/pattern/closed/users` must be a whole number, found `\"two\"`",
        ),
        (
            "plan.json",
            "\"share\": 1.0",
            "\"share\": 1.5",
            "`/steps/1/work/load/traffic/0/share` must be 1 or less, found `1.5`",
        ),
        ("plan.json", "\"name\": \"small\",", "", "it has no `name`"),
        (
            "plan.json",
            "\"openai_chat\"",
            "\"morse\"",
            "`/endpoints/0/protocol` must be `openai_chat`, `openai_completions`, `openai_responses`, \
             `openai_embeddings`, `anthropic_messages`, `llamacpp`, `ollama`, `ollama_chat`, `tgi`, `rerank`, `tei_rerank` or `http`, found `\"morse\"`",
        ),
        (
            "plan.json",
            "\"format\": 1",
            "\"format\": 7",
            "it has format 7, and this version of `scenario` reads format 1",
        ),
        ("plan.json", "\"endpoint\": 0", "\"endpoint\": 5", "step 1 has no endpoint that exists"),
        ("plan.json", "{", "{,", "it is no JSON: "),
    ] {
        let original = change(name, from, to);
        let expected = format!("`{}`", run.folder.join(name).display());
        for (arguments, code) in [(vec!["plan", &file, "--diff", folder], 2), (vec!["report", folder], 4)] {
            let done = bench.run(&arguments).expect_code(code);
            assert!(
                done.stderr.contains(message) && done.stderr.contains(&expected),
                "{arguments:?}: {}",
                done.stderr
            );
        }
        fs::write(run.folder.join(name), original).unwrap();
    }
    for (name, from, to, message) in [
        ("requests.jsonl", "\"seq\":", "\"sequence\":", "line 1: it has no `seq`"),
        (
            "requests.jsonl",
            "\"outcome\":\"ok\"",
            "\"outcome\":\"fine\"",
            "line 1: `/outcome` must be `ok`, `connect_failed`, ",
        ),
        ("requests.jsonl", "\"due_ns\":", "\"due_ns\":-", "line 1: `/due_ns` must be 0 or more, found `-"),
        ("requests.jsonl", "{", "", "line 1: it is no JSON: "),
        ("events.jsonl", "\"wall_ns\":", "\"wall\":", "line 1: it has no `wall_ns`"),
        ("events.jsonl", "\"event\":\"run_started\"", "\"event\":\"started\"", "line 1: "),
        ("system-info.json", "\"cores\": ", "\"cores\": -", "`/machine/cores` must be 0 or more, found `-"),
    ] {
        let original = change(name, from, to);
        let done = bench.run(&["report", folder]).expect_code(4);
        assert!(done.stderr.contains(message) && done.stderr.contains(name), "{from}: {}", done.stderr);
        fs::write(run.folder.join(name), original).unwrap();
    }
    bench.run(&["report", folder]).expect_code(0);
}
