//! Searches for the highest load that holds, by the binary against a simulated server whose places are known.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::kit::{Bench, wait};

/// Two places and a queue of two: a fifth user is turned away, over and over.
fn scenario(bench: &Bench, search: &str) {
    bench.file(
        "s.toml",
        &format!(
            r#"
            version = 1
            name = "s"
            run.on_bottleneck = "warn"
            run.on_inconclusive = "warn"
            [endpoints.main]
            url = "sim:tiny"
            [sims.tiny]
            extends = "rtx_4090"
            max_batch = 2
            overhead = "20ms" # so that who is turned away does not come again at once
            faults = {{ overload_queue = 2 }}
            [workloads.short.synthetic]
            prompt_tokens = 16
            output_tokens = 4
            [phases.limit]
            load.search = {{ users = {{ from = 1, to = 8 }}, {search} }}
            [targets.errors]
            metric = "error_rate"
            at_most = "20%"
            [targets.found]
            metric = "requests_per_second"
            phase = "limit"
            at_least = 1
            "#
        ),
    );
}

#[test]
fn a_search_finds_what_a_server_has_places_for() {
    for until in ["targets", "broken"] {
        let bench = Bench::new();
        scenario(&bench, &format!(r#"step = "1s", until = "{until}""#));
        let done = bench.run(&["run", "s.toml"]).expect_code(0);
        assert!(done.stdout.contains("at 4 users it holds, at 5 users it does not"), "{}", done.stdout);
        let run = bench.only_run();
        let summary = run.json("summary.json");
        let found = &summary["searches"][0];
        assert_eq!((&summary["max_sustainable_load"], &found["limit"]), (&4.0.into(), &4.0.into()));
        assert_eq!((&found["first_failed"], &found["confirmed"]), (&5.0.into(), &true.into()));
        let steps: Vec<&str> =
            found["trials"].as_array().unwrap().iter().map(|trial| trial["step"].as_str().unwrap()).collect();
        // a second may be too short to decide the first
        let levels: Vec<_> = steps.iter().filter(|step| !step.contains('#')).collect();
        assert_eq!(levels, [&"users=1", &"users=4", &"users=8", &"users=6", &"users=5"]);
        assert_eq!(steps.last(), Some(&"users=4 #2"));
        // what was found is judged under the name of the optimum, and records have the levels
        let target = &summary["targets"][0];
        assert_eq!((&target["name"], &target["mark"]), (&"found".into(), &"PASS".into()), "{target}");
        assert!(run.records().iter().any(|record| record["step"] == "users=6"));
        let decided = done.stdout.contains("it decided each trial of the search `limit`");
        assert_eq!(decided, until == "targets", "{}", done.stdout);
        // trials that were not needed are spared, and a report from the folder says the same
        assert_eq!(run.diary("trial").len(), steps.len());
        assert!(!run.diary("spared").is_empty());
        bench.run(&["report", run.path().to_str().unwrap()]).expect_code(0);
        assert_eq!(run.json("summary.json"), summary);
    }
}

#[test]
fn a_search_that_is_interrupted_tells_what_it_knows() {
    let bench = Bench::new();
    scenario(&bench, r#"step = "30s""#);
    let running = bench.start(&["run", "s.toml"]);
    let begun = || bench.runs().first().is_some_and(|run| !run.diary("issued").is_empty());
    assert!(wait(Duration::from_secs(30), || begun().then_some(())).is_some(), "it never began");
    running.signal(Signal::SIGINT);
    let done = running.finish().expect_code(130);
    assert!(done.stdout.contains("no level was tried to its end"), "{}", done.stdout);
    let found = &bench.only_run().json("summary.json")["searches"][0];
    assert_eq!((&found["limit"], &found["trials"]), (&serde_json::Value::Null, &serde_json::json!([])));
}
