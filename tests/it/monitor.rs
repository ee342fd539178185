//! `scenario monitor`: what is read without load, saved as a run.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{
    kit::{Bench, Run, wait},
    server::{After, Out, Server},
};

/// A page as vLLM has it.
const PAGE: &str = "vllm:num_requests_running{model_name=\"m\"} 3\nvllm:num_requests_waiting{model_name=\"m\"} 2\n\
                    vllm:kv_cache_usage_perc{model_name=\"m\"} 0.25\nvllm:generation_tokens_total{model_name=\"m\"} 700\n";

/// A server with a page that is there or not; whoever sends it a request is seen.
fn server(is_there: &Arc<AtomicBool>) -> Server {
    let is_there = Arc::clone(is_there);
    let page = move |out: &mut Out<'_>| {
        if is_there.load(Ordering::SeqCst) {
            out.answer("200 OK", "text/plain; version=0.0.4", PAGE);
        } else {
            out.answer("503 Service Unavailable", "text/plain", "starting");
        }
    };
    Server::with_models("127.0.0.1:0", page, |_, _| After::Close)
}

/// The lines of `telemetry.jsonl` of one kind; none before there are any.
fn lines(run: &Run, kind: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(run.path().join("telemetry.jsonl")).unwrap_or_default();
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let lines = whole.map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["line"] == kind).collect()
}

/// Whether any sample has a quantity.
fn has(run: &Run, quantity: &str) -> bool {
    lines(run, "sample").iter().any(|line| !line["readings"][quantity].is_null())
}

#[test]
fn a_server_is_read_and_sent_nothing() {
    let server = server(&Arc::new(AtomicBool::new(true)));
    let bench = Bench::new();
    let url = server.url();
    let arguments = ["monitor", "--endpoint", &url, "--for", "3s", "--interval", "200ms", "--label", "Lab 3"];
    let done = bench.run(&arguments).expect_code(0);
    assert!(server.served().is_empty(), "no request: {:?}", server.served());
    assert!(!server.looks().is_empty(), "its page was looked at");

    let run = bench.only_run();
    for quantity in ["cpu_utilization", "system.memory", "server.running", "server.kv_cache_usage"] {
        assert!(has(&run, quantity), "{quantity}");
    }
    assert!(run.records().is_empty());
    let summary = run.json("summary.json");
    assert_eq!((&summary["ending"], &summary["verdict"]), (&"completed".into(), &"PASS".into()));
    assert_eq!(summary["validity"], Value::Array(Vec::new()), "checks of a load");
    assert_eq!(summary["label"], "Lab 3");
    let scope = &summary["scopes"][0];
    assert_eq!((&scope["phase"], &scope["counts"]["issued"]), (&"monitoring".into(), &0.into()));
    let read = scope["telemetry"].as_array().unwrap();
    let running = read.iter().find(|read| read["quantity"] == "server.running").unwrap();
    assert_eq!((&running["min"], &running["mean"], &running["max"]), (&3.0.into(), &3.0.into(), &3.0.into()));

    let port = server.address.port();
    assert!(done.stdout.starts_with(&format!("Monitoring of localhost-{port}")), "{}", done.stdout);
    assert!(done.stdout.contains("\nMONITORED  nothing was sent"), "{}", done.stdout);
    let page = run.text("report.html");
    for absent in ["Grade", "No measured request failed", "id=\"validity\"", "id=\"results\"", "INCONCLUSIVE"]
    {
        assert!(!done.stdout.contains(absent) && !page.contains(absent), "{absent}");
    }
    for chart in ["shares", "queues", "server-tokens", "traffic"] {
        assert!(page.contains(&format!("data-plot=\"{chart}\"")), "{chart}");
    }

    // the folder alone gives the same
    let folder = run.path().display().to_string();
    let again = bench.run(&["report", &folder]).expect_code(0);
    let below = |text: &str| text.split("\nreport  ").next().unwrap().to_owned();
    assert_eq!(below(&again.stdout), below(&done.stdout));
    assert_eq!(run.json("summary.json"), summary);
    let quiet = bench.run(&["report", "-q", &folder]).expect_code(0);
    assert_eq!(quiet.stdout, format!("Monitoring of localhost-{port}: MONITORED\n"));
}

#[test]
fn it_goes_on_until_somebody_ends_it() {
    for (signal, limit, code, ending) in [
        (Signal::SIGINT, None, 0, "completed"),
        (Signal::SIGTERM, None, 0, "completed"),
        (Signal::SIGINT, Some("1h"), 130, "aborted"),
    ] {
        let bench = Bench::new();
        let mut arguments = vec!["monitor"];
        arguments.extend(limit.iter().flat_map(|limit| ["--for", limit]));
        let running = bench.start(&arguments);
        let begun = wait(Duration::from_secs(60), || {
            bench
                .runs()
                .into_iter()
                .find(|run| lines(run, "sample").len() > 4 && !run.diary("step_started").is_empty())
        });
        assert!(begun.is_some(), "something is read");
        running.signal(signal);
        let done = running.finish().expect_code(code);
        let run = bench.only_run();
        assert_eq!(run.json("summary.json")["ending"], ending, "{signal} {limit:?}");
        assert!(run.path().join("report.html").exists());
        assert!(done.stdout.contains("machine and servers"), "{}", done.stdout);
    }
}

#[test]
fn a_server_that_is_not_there_is_said_and_looked_for_again() {
    let is_there = Arc::new(AtomicBool::new(false));
    let server = server(&is_there);
    // of this page nobody but the flag knows
    let page = format!("http://{}/metrics", server.address);
    let bench = Bench::new();
    let down = "http://127.0.0.1:9/v1";
    let running = bench.start(&["monitor", "--endpoint", down, "--metrics", &page]);
    let missing = |run: &Run, what: &str| {
        lines(run, "missing").iter().any(|line| line["why"].to_string().contains(what))
    };
    let run = wait(Duration::from_secs(60), || {
        let run = bench.runs().into_iter().next()?;
        (missing(&run, "503") && missing(&run, "http://127.0.0.1:9/metrics")).then_some(run)
    });
    let run = run.expect("both are said to be missing");
    is_there.store(true, Ordering::SeqCst);
    let came = wait(Duration::from_secs(60), || {
        (has(&run, "server.running") && !lines(&run, "found").is_empty()).then_some(())
    });
    assert!(came.is_some(), "it is found when it comes");
    running.signal(Signal::SIGINT);
    let done = running.finish().expect_code(0);
    assert!(done.stderr.contains("read again: server of `localhost-9` by `prometheus`"), "{}", done.stderr);
    let unread = run.json("summary.json")["telemetry"]["missing"].clone();
    let of = |what: &str| {
        unread.as_array().unwrap().iter().find(|line| line["why"].to_string().contains(what)).cloned()
    };
    assert!(of("503").unwrap()["to_s"].as_f64().is_some_and(|to_s| to_s > 0.0), "{unread}");
    assert!(server.served().is_empty());
}

#[test]
fn targets_of_a_file_on_what_is_read_are_judged_and_its_phases_are_not_run() {
    let server = server(&Arc::new(AtomicBool::new(true)));
    let bench = Bench::new();
    let file = bench.file(
        "production.toml",
        &format!(
            r#"
            version = 1
            name = "production"
            [monitoring]
            interval = "200ms"
            [endpoints.main]
            url = "{}"
            service = "server"
            [services.server]
            command = "no-such-program"
            [phases.load]
            requests = 100
            load.closed = {{ users = 2 }}
            [targets.memory]
            metric = "system.memory"
            at_most = "99.9%"
            [targets.used]
            metric = "system.memory"
            at_most = "0.01%"
            [targets.first_token]
            metric = "ttft.p50"
            at_most = "1s"
            [alerts.slow]
            when = "ttft.p95 > 1s"
            [alerts.used]
            when = "system.memory.max > 0%"
            [targets.load_memory]
            metric = "system.memory"
            phase = "load"
            at_most = "1%"
            "#,
            server.url()
        ),
    );
    let done = bench.run(&["monitor", &file, "--for", "3s"]).expect_code(1);
    assert!(server.served().is_empty(), "its phases are not run");
    let run = bench.only_run();
    let summary = run.json("summary.json");
    let mark = |name: &str| {
        let row = summary["targets"].as_array().unwrap().iter().find(|row| row["name"] == name);
        row.map(|row| (row["mark"].clone(), row["scope"].clone()))
    };
    let fired: Vec<&Value> =
        summary["alerts"].as_array().unwrap().iter().map(|alert| &alert["name"]).collect();
    assert!(fired.contains(&&"used".into()), "{fired:?}");
    let unwatched = "alert `slow` is not watched: monitoring sends no requests and runs no phases";
    assert!(summary["warnings"].to_string().contains(unwatched), "{}", summary["warnings"]);
    assert_eq!(mark("memory").unwrap().0, "PASS");
    assert_eq!(mark("used").unwrap().0, "FAIL", "no machine has so little");
    assert_eq!((mark("first_token"), mark("load_memory")), (None, None));
    let skipped = summary["skipped_targets"].to_string();
    assert!(skipped.contains("monitoring sends no requests") && skipped.contains("runs none"), "{skipped}");
    assert!(
        done.stdout.starts_with("Monitoring of production") && done.stdout.contains("FAIL"),
        "{}",
        done.stdout
    );

    // such a run can be run again, and read beside another
    let folder = run.path().display().to_string();
    bench.run(&["rerun", &folder]).expect_code(1);
    let folders: Vec<String> = bench.runs().iter().map(|run| run.path().display().to_string()).collect();
    assert_eq!(folders.len(), 2);
    let compared = bench.run(&["compare", &folders[0], &folders[1]]);
    assert!([0, 1].contains(&compared.code), "{}{}", compared.stdout, compared.stderr);
}

#[test]
fn what_is_wrong_is_told_of_the_flags() {
    let bench = Bench::new();
    for (arguments, words) in [
        (&["monitor", "--endpoint", "127.0.0.1:8000"][..], "`--endpoint`"),
        (&["monitor", "--endpoint", "http://203.0.113.9/v1"][..], "`--allow-host 203.0.113.9`"),
        (&["monitor", "--for", "10ms"][..], "too short"),
        (&["monitor", "--interval", "1ms"][..], "monitoring.interval"),
        (&["monitor", "none.toml"][..], "cannot read `none.toml`"),
        (&["monitor", "none.toml", "--pid", "1"][..], "cannot be used with"),
        (&["monitor", "--pid", "1"][..], "--endpoint <URL>"),
        (&["monitor", "--pid", "1", "--metrics", "http://127.0.0.1:9/metrics"][..], "--endpoint <URL>"),
    ] {
        let done = bench.run(arguments).expect_code(2);
        assert!(done.stderr.contains(words), "{arguments:?}: {}", done.stderr);
    }
    assert!(bench.runs().is_empty());
}
