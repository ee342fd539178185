//! `scenario plan`: origins and differences, from files and from run folders.

use serde_json::Value;

use crate::kit::Bench;

const SCENARIO: &str = r#"version = 1
name = "small"
seed = 7
[endpoints.main]
url = "sim:rtx_4090"
api_key.env = "A_KEY"
[phases.load]
requests = 4
load.closed = { users = 2 }
"#;

#[test]
fn origins_name_the_layer_the_file_and_the_line() {
    let bench = Bench::new();
    let file = bench.file("small.toml", SCENARIO);
    let arguments =
        ["plan", &file, "--origins", "--platform", "mac", "--set", "phases.load.load.closed.users=3"];
    let done = bench
        .command(&arguments)
        .env("A_KEY", "the-secret-itself")
        .output()
        .map(crate::kit::Done::from)
        .unwrap()
        .expect_code(0);
    let row = |address: &str| -> Vec<&str> {
        let line = done.stdout.lines().find(|line| line.trim_start().starts_with(address));
        line.unwrap_or_else(|| panic!("{address}\n{}", done.stdout)).split_whitespace().collect()
    };
    assert_eq!(row("phases.load.requests"), ["phases.load.requests", "4", "scenario", "small.toml:8"]);
    assert_eq!(row("phases.load.load.closed.users")[1..], ["3", "flag", "--set"]);
    assert_eq!(row("endpoints.main.api_key.env")[1..], ["\"A_KEY\"", "scenario", "small.toml:6"]);
    assert_eq!(row("endpoints.main.stream")[2], "built-in");
    assert_eq!(row("defaults.requests")[2], "preset");
    assert!(!done.stdout.contains("the-secret-itself"));
    assert_eq!(done.stderr, "");

    let done = bench.run(&["plan", &file, "--origins", "--format", "json"]).expect_code(0);
    let json: Value = serde_json::from_str(&done.stdout).unwrap();
    let paths: Vec<_> =
        json.as_array().unwrap().iter().map(|origin| origin["path"].as_str().unwrap()).collect();
    assert!(paths.is_sorted() && paths.contains(&"phases.load.requests"), "{paths:?}");
}

#[test]
fn a_file_is_compared_with_another_and_with_a_run() {
    let bench = Bench::new();
    // as `Bench::run` has it for every run
    let text =
        format!("{}\n[run]\non_bottleneck = \"warn\"\n", SCENARIO.replace("api_key.env = \"A_KEY\"\n", ""));
    let file = bench.file("small.toml", &text);
    let other = bench.file("other.toml", &text.replace("requests = 4", "requests = 6"));

    let done = bench.run(&["plan", &file, "--diff", &other]).expect_code(0);
    assert!(
        done.stdout.contains("~ phases.load.requests\n    - 4  (small.toml:7)\n    + 6  (other.toml:7)\n")
    );
    assert!(done.stdout.contains("experiment different: "), "{}", done.stdout);
    assert_eq!(done.stderr, "");

    bench.run(&["run", &file, "--quiet"]).expect_code(0);
    let folder = bench.only_run().folder;
    let folder = folder.to_str().unwrap();
    let done = bench.run(&["plan", &file, "--diff", folder]).expect_code(0);
    assert!(done.stdout.ends_with("no difference\n"), "{}", done.stdout);

    let done = bench.run(&["plan", folder, "--diff", &other, "--format", "json"]).expect_code(0);
    let json: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(json["same_experiment"], false);
    assert_eq!(json["values"].as_array().unwrap().len(), 1);
    assert_eq!(json["values"][0]["after"]["value"], "6");
    assert_eq!(json["steps"][0]["step"], "load");
}

#[test]
fn what_cannot_be_compared_is_wrong_usage() {
    let bench = Bench::new();
    let file = bench.file("broken.txt", &SCENARIO.replace("users = 2", "users = 0"));
    let good = bench.file("good.toml", SCENARIO);
    bench.file("also.toml", SCENARIO);
    let folder = bench.path(".");
    let folder = folder.to_str().unwrap();
    for (arguments, message) in [
        (vec!["plan", &good, "--diff", folder], "is a folder without a `plan.json`"),
        (vec!["plan", &good, "--diff", "*.toml"], "`--diff` compares one plan with one other"),
        (vec!["plan", &good, "--diff", "none.toml"], "no file matches `none.toml`"),
        (vec!["plan", &good, "--diff", &file], "must be 1 or more, found 0"),
        (vec!["plan", &good, "--origins", "--format", "dot"], "`--origins` is no graph"),
        (vec!["plan", &good, "--diff", &good, "--format", "mermaid"], "`--diff` is no graph"),
        (vec!["plan", &good, "--diff", &good, "--origins"], "cannot be used with"),
        (vec!["plan", &good, "--resolved", "--origins"], "cannot be used with"),
        (vec!["plan", &good, "--resolved", "--format", "json"], "`--resolved` is TOML"),
        (vec!["plan", folder, "--resolved"], "`--resolved` takes one scenario file"),
        (vec!["plan", &file, "--resolved"], "must be 1 or more, found 0"),
    ] {
        let done = bench.command(&arguments).env("A_KEY", "x").output().map(crate::kit::Done::from).unwrap();
        let done = done.expect_code(2);
        assert!(done.stderr.contains(message), "{arguments:?}: {}", done.stderr);
        assert_eq!(done.stdout, "", "{arguments:?}");
    }
}

#[test]
fn a_resolved_scenario_is_the_same_experiment() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path("plans/common")).unwrap();
    bench.file(
        "plans/common/server.toml",
        "[endpoints.main]\nurl = \"sim:rtx_4090\"\napi_key.env = \"A_KEY\"\n",
    );
    let text = "version = 1\nname = \"small\"\ninclude = [\"common/server.toml\"]\n\
                [phases.load]\nload.closed = {}\n[matrix]\nphases.load.requests = [4, \"${MANY:-5}\"]\n";
    let file = bench.file("plans/small.toml", text);
    let resolved = |arguments: &[&str]| {
        let arguments = [&["plan", file.as_str(), "--resolved"], arguments].concat();
        let command = bench.command(&arguments).env("A_KEY", "the-secret-itself").output();
        command.map(crate::kit::Done::from).unwrap()
    };
    let several = resolved(&[]).expect_code(2);
    assert!(several.stderr.contains("has a matrix of 2 cases\n  help: pin its axes"), "{}", several.stderr);
    let pin = ["--set", "phases.load.requests=${MANY:-5}", "--platform", "mac"];
    let done = resolved(&pin).expect_code(0);
    assert!(
        done.stdout.contains("requests = 5\n") && done.stdout.contains("users = [1, 2, 4]\n"),
        "{}",
        done.stdout
    );
    assert!(!done.stdout.contains("the-secret-itself") && done.stdout.contains("api_key.env = \"A_KEY\"\n"));
    bench.file("resolved.toml", &done.stdout);
    let experiment = |arguments: &[&str]| {
        let done = bench.run(&[&["plan", "--format", "json"], arguments].concat()).expect_code(0);
        let plan: Value = serde_json::from_str(&done.stdout).unwrap();
        plan["experiment"].as_str().unwrap().to_owned()
    };
    assert_eq!(experiment(&["resolved.toml"]), experiment(&[&[file.as_str()], &pin[..]].concat()));
}
