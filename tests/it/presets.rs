//! `scenario presets`, and presets that are named on the command line or by a scenario.

use std::fs;

use crate::kit::Bench;

const SCENARIO: &str = r#"
    version = 1
    name = "first-look"
    [endpoints.main]
    url = "http://127.0.0.1:8080/v1"
    [phases.ladder]
    load.closed = {}
"#;

#[test]
fn the_list_marks_the_preset_of_this_machine() {
    let done = Bench::new().run(&["presets"]).expect_code(0);
    let rows: Vec<&str> = done.stdout.lines().collect();
    for name in ["h200", "h100", "a100", "rtx_4090", "rtx_3080", "cuda", "mac", "cpu_only"] {
        assert!(rows.iter().any(|row| row.split_whitespace().any(|word| word == name)), "{name}: {rows:#?}");
    }
    let row = |name: &str| rows.iter().find(|row| row.contains(name)).copied().unwrap_or_default();
    assert!(row("h200").contains("h100 → cuda") && row("h200").contains("one H200 with 141 GB"), "{rows:#?}");
    assert!(row("rtx_3080").contains("GPU `RTX 3080` but not `Laptop`"), "{rows:#?}");

    let marked: Vec<&&str> = rows.iter().filter(|row| row.trim_start().starts_with('→')).collect();
    let [row, reason] = marked[..] else { panic!("{rows:#?}") };
    let name = row.split_whitespace().nth(1).unwrap();
    assert!(reason.starts_with(&format!("→ what this machine takes: {name} (")), "{reason}");
    // the same is chosen for a scenario that names none
    let bench = Bench::new();
    let file = bench.file("first.toml", SCENARIO);
    let plan = bench.run(&["plan", &file]).expect_code(0);
    let chosen = reason.trim_start_matches("→ what this machine takes: ");
    assert!(plan.stdout.contains(&format!("platform    {chosen}\n")), "{}", plan.stdout);
}

#[test]
fn one_preset_is_printed_as_it_can_be_used() {
    let bench = Bench::new();
    let done = bench.run(&["presets", "h200"]).expect_code(0);
    assert!(done.stdout.starts_with("# h200 → h100 → cuda\n\n# One NVIDIA H200"), "{}", done.stdout);
    assert!(done.stdout.contains("[sims.h200]"));

    // a copy with a change is a preset of its own
    let copy = done.stdout.replace("[defaults]\n", "[defaults]\nconcurrency = [1, 3]\n");
    let copy = bench.file("bigger.toml", &copy);
    let file = bench.file("first.toml", SCENARIO);
    let plan = bench.run(&["plan", &file, "--platform", &copy]).expect_code(0);
    let platform = "platform    bigger (read from bigger.toml, named by `--platform`)\n";
    assert!(plan.stdout.contains(platform), "{}", plan.stdout);
    assert!(plan.stdout.contains("users=3") && plan.stdout.contains("fail (preset)"), "{}", plan.stdout);

    let unknown = bench.run(&["presets", "rtx-4090"]).expect_code(2);
    assert!(unknown.stdout.is_empty());
    let message = "error: unknown preset `rtx-4090`\n  help: did you mean `rtx_4090`? presets: `h200`, ";
    assert!(unknown.stderr.starts_with(message), "{}", unknown.stderr);
}

#[test]
fn a_path_starts_at_the_scenario_in_the_file_and_at_the_current_folder_in_a_flag() {
    let bench = Bench::new();
    fs::create_dir_all(bench.path("plans/platforms")).unwrap();
    let in_file = format!("{SCENARIO}\n[run]\nplatform = \"platforms/desk.toml\"\n");
    let file = bench.file("plans/first.toml", &in_file);
    bench.file("plans/platforms/desk.toml", "extends = \"cuda\"\n[defaults]\nconcurrency = [5, 6]\n");
    let plan = bench.run(&["plan", &file]).expect_code(0);
    assert!(
        plan.stdout.contains("platform    desk (read from plans/platforms/desk.toml, "),
        "{}",
        plan.stdout
    );
    assert!(plan.stdout.contains("users=6"), "{}", plan.stdout);

    bench.run(&["check", &file, "--platform", "plans/platforms/desk.toml"]).expect_code(0);
    let missing = bench.run(&["check", &file, "--platform", "platforms/desk.toml"]).expect_code(2);
    assert!(missing.stderr.contains("cannot read the preset `platforms/desk.toml`"), "{}", missing.stderr);
    assert!(missing.stderr.contains("a path in a flag starts at the current folder"), "{}", missing.stderr);

    bench.file("plans/platforms/desk.toml", "extends = \"cuda\"\n[defaults]\nconcurency = [5, 6]\n");
    let broken = bench.run(&["check", &file]).expect_code(2);
    assert!(broken.stderr.contains("plans/platforms/desk.toml:3:1"), "{}", broken.stderr);
    assert!(broken.stderr.contains("did you mean `concurrency`?"), "{}", broken.stderr);
}

#[test]
fn a_preset_from_a_file_brings_its_simulated_server() {
    let bench = Bench::new();
    let preset = "extends = \"rtx_4090\"\n[targets.ttft]\nat_most = \"10s\"\n\
                  [targets.output_tokens_per_second]\nat_least = 1\n\
                  [sims.desk]\nextends = \"rtx_4090\"\nstep_base = \"1ms\"\n";
    bench.file("desk.toml", preset);
    let scenario = r#"
        version = 1
        name = "on-the-desk"
        run.platform = "desk.toml"
        [endpoints.main]
        url = "sim:desk"
        [workloads.short.synthetic]
        prompt_tokens = 16
        output_tokens = 4
        [phases.load]
        requests = 40
        load.closed = { users = 2 }
    "#;
    let file = bench.file("desk_run.toml", scenario);
    bench.run(&["run", &file]);
    let run = bench.only_run();
    assert!(run.path().to_string_lossy().ends_with("_on-the-desk_desk"), "{}", run.path().display());
    let plan = run.json("plan.json");
    assert_eq!(plan["platform"]["name"], "desk");
    assert_eq!(plan["platform"]["extends"], serde_json::json!(["rtx_4090", "cuda"]));
    assert_eq!(run.records().len(), 40);
    assert!(run.records().iter().all(|record| record["outcome"] == "ok"), "{:?}", run.records()[0]);
}
