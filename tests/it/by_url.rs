//! `scenario run --url`: a load without a file, and the file that it stands for.

use std::time::Duration;

use crate::{
    kit::Bench,
    server::{After, Server, stream_tokens},
};

fn server() -> Server {
    Server::start(|_, out| {
        stream_tokens(out, Duration::from_millis(1), Duration::from_millis(1), 4);
        After::KeepOpen
    })
}

#[test]
fn flags_are_a_scenario_that_runs_and_can_be_kept() {
    let server = server();
    let bench = Bench::new();
    let url = server.url();
    let flags = [
        "run",
        "--url",
        &url,
        "--model",
        "mine",
        "--users",
        "3",
        "--requests",
        "40",
        "--prompt-tokens",
        "20",
        "--output-tokens",
        "4",
        "--api-key-env",
        "A_KEY",
        "--target",
        "e2e.p50<=10s",
        "--set",
        "seed=7",
    ];
    let with_key = |arguments: &[&str]| {
        crate::kit::Done::from(bench.command(arguments).env("A_KEY", "sk-secret").output().unwrap())
    };
    let done = with_key(&flags).expect_code(0);
    assert!(done.stdout.contains("1 of 1 target met"), "{}", done.stdout);
    let run = bench.only_run();
    let served = server.served();
    assert_eq!(served.len(), 42, "two of warm-up");
    for served in &served {
        let body = &served.request.body;
        assert_eq!((&body["model"], &body["max_tokens"]), (&"mine".into(), &4.into()));
        let key = ("authorization".to_owned(), "Bearer sk-secret".to_owned());
        assert!(served.request.headers.contains(&key));
    }

    let printed = with_key(&[&flags[..], &["--print"]].concat()).expect_code(0);
    assert_eq!((server.served().len(), printed.stderr.as_str()), (42, ""), "nothing was sent");
    assert!(!printed.stdout.contains("sk-secret"));
    assert!(printed.stdout.contains("#   scenario run FILE --set 'seed=7'\n"), "{}", printed.stdout);
    let file = bench.file("kept.toml", &printed.stdout);
    let plan = with_key(&["plan", &file, "--set", "seed=7", "--format", "json"]).expect_code(0);
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    assert_eq!(plan["experiment"], run.json("plan.json")["experiment"]);
    assert_eq!(plan["seed"], 7);
}

#[test]
fn what_is_wrong_with_the_flags_is_shown_and_nothing_is_sent() {
    let server = server();
    let bench = Bench::new();
    let url = server.url();
    for (flags, message) in [
        (&["file.toml", "--url", &url][..], "files and `--url` exclude each other"),
        (&["file.toml", "--users", "3"], "--url"),
        (&["--users", "3"], "--url"),
        (&["file.toml", "--print"], "--url"),
        (&["--url", &url, "--users", "3", "--rate", "2"], "cannot be used with"),
        (&["--url", &url, "--workload", "x"], "unexpected argument"),
        (&["--url", &url, "--users", "0"], "error: `--users` must be 1 or more"),
        (&["--url", &url, "--rate", "fast"], "error: `--rate` is not a rate"),
        (&["--url", &url, "--duration", "soon"], "error: `--duration` is not a duration"),
        (&["--url", "ftp://x"], "error: `--url` must start with"),
        (&["--url", &url, "--target", "ttft.p95"], "METRIC<=LIMIT"),
        (&["--url", &url, "--target", "tfft.p95<=1s"], "did you mean `ttft.p95`?"),
        (&["--url", &url, "--set", "phases.lod.requests=3"], "`phases.lod` does not exist"),
        (&[], "<FILES>"),
    ] {
        let done = bench.start(&[&["run"], flags].concat()).finish().expect_code(2);
        assert!(done.stderr.contains(message), "{flags:?}: {}", done.stderr);
        assert_eq!(done.stdout, "", "{flags:?}");
    }
    assert!(server.served().is_empty() && bench.runs().is_empty());
}

#[test]
fn problems_of_flags_speak_of_flags() {
    let bench = Bench::new();
    let told = |flags: &[&str]| {
        let done = bench.run(&[&["run", "--url"], flags].concat()).expect_code(2);
        assert_eq!(done.stdout, "", "{flags:?}");
        assert!(
            !done.stderr.contains("the scenario of") && !done.stderr.contains(".toml"),
            "{}",
            done.stderr
        );
        done.stderr
    };
    let target = ["--target", "ttft.p95<=500ms"];
    for (flags, lines) in [
        (
            &["sim:rtx_4090", "--requests", "20"][..],
            &[
                "error: `--target 'ttft.p95<=500ms'` cannot be proved: `ttft.p95` in `load` needs 59 requests, and \
                 there are 20",
                "  help: set `--requests` to 59 or more, or let it only warn by \
                 `--set targets.ttft_p95.severity=warn` or `--set run.on_inconclusive=warn`",
                "this cannot be run; nothing was sent",
            ][..],
        ),
        (
            &["sim:rtx_4090", "--rate", "2", "--duration", "3s"],
            &["  help: let `--duration` be 30s or longer, for 59 requests, or let it only warn by \
                 `--set targets.ttft_p95.severity=warn` or `--set run.on_inconclusive=warn`"],
        ),
        (
            &["http://api.example.com/v1", "--rate", "5000", "--requests", "2000000"],
            &[
                "error: `--url` leads to the public host `api.example.com`, which nobody allowed",
                "  help: if its owner agrees, add `--allow-host api.example.com`",
                "error: the plan sends 2,000,002 requests, and the ceiling is 1,000,000",
                "  help: plan less, or lift the ceiling for this run: `--ceiling requests=2000002`",
                "  help: plan less, or lift the ceiling for this run: `--ceiling rate=5000/s`",
            ],
        ),
        (
            &["http://me:pw@host/v1"],
            &["error: `--url` must not carry a user or password", "  help: use `--api-key-env NAME`"],
        ),
        (
            &["sim:rtx_4090", "--target", "e2e.p50<=x"],
            &["error: `--target 'e2e.p50<=x'` is not a duration: `x` does not start with a number"],
        ),
    ] {
        let told = told(&[flags, &target].concat());
        for line in lines {
            assert!(told.lines().any(|told| told == *line), "{line}\n{told}");
        }
    }
    // what another flag lays over it is shown in that flag
    let done =
        bench.run(&["run", "--url", "sim:rtx_4090", "--users", "0", "--set", "phases.load.duration=soon"]);
    let told = done.expect_code(2).stderr;
    assert!(told.contains("error: `--users` must be 1 or more") && told.contains("[--set:1:22]"), "{told}");
}

#[test]
fn a_scenario_that_cannot_be_run_is_printed_all_the_same() {
    let bench = Bench::new();
    let flags =
        ["run", "--url", "sim:rtx_4090", "--requests", "20", "--target", "ttft.p95<=500ms", "--print"];
    let done = bench.run(&flags).expect_code(2);
    assert!(
        done.stdout.contains("[targets.ttft_p95]") && done.stdout.contains("requests = 20"),
        "{}",
        done.stdout
    );
    assert!(
        done.stderr.starts_with("error: `--target 'ttft.p95<=500ms'` cannot be proved"),
        "{}",
        done.stderr
    );
    let file = bench.file("kept.toml", &done.stdout);
    bench.run(&["check", &file, "--set", "phases.load.requests=59"]).expect_code(0);
}

#[test]
fn arrivals_and_simulated_servers_by_flags() {
    let bench = Bench::new();
    let flags = ["--rate", "40", "--duration", "1s", "--output-tokens", "4", "--platform", "cpu_only"];
    let done = bench.run(&[&["run", "--url", "sim:rtx_4090", "--quiet"], &flags[..]].concat());
    // the targets of a platform that is named judge
    assert!([0, 1, 3].contains(&done.code), "{}", done.stderr);
    let run = bench.only_run();
    assert_eq!(run.json("plan.json")["platform"]["name"], "cpu_only");
    assert!(run.records().len() > 15);
}
