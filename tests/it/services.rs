//! Programs that a run starts: real processes, which must be gone when the run is, whatever becomes of it.

use std::{
    fs,
    net::TcpListener,
    sync::atomic::{AtomicU16, Ordering::Relaxed},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::kit::{Bench, Run, wait};

const PATIENCE: Duration = Duration::from_secs(30);

/// A port that nobody listened on a moment ago. No two tests get the same one, and none that the system gives to servers that ask for any: those of other tests come and go.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // several of these programs may run at once
    let first = (std::process::id() % 100) as u16 * 100;
    loop {
        let port = 20_000 + (first + NEXT.fetch_add(1, Relaxed)) % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A scenario whose server is a line of shell: `SIM` in it is a simulated server on the scenario's port.
fn scenario(bench: &Bench, script: &str, service: &str, load: &str) -> (String, u16) {
    let port = free_port();
    let sim = format!("{} sim rtx_4090 --port {port}", env!("CARGO_BIN_EXE_scenario"));
    let script = script.replace("SIM", &sim).replace("$$", "$$$$");
    let text = format!(
        "version = 1\nname = \"served\"\n[services.server]\ncommand = \"sh\"\nargs = [\"-c\", '''{script}''']\n{service}\n\
         [endpoints.main]\nurl = \"http://127.0.0.1:{port}/v1\"\nservice = \"server\"\n\
         [workloads.w.synthetic]\nprompt_tokens = 16\noutput_tokens = 4\n[phases.load]\n{load}\nload.closed = {{ users = 2 }}\n\
         [targets.errors]\nmetric = \"error_rate\"\nat_most = 0.5\n"
    );
    (bench.file("served.toml", &text), port)
}

/// Whether a process is no more; one that has ended may wait for a parent that is in no hurry to hear of it.
fn is_gone(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.contains(") Z ") || kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH)
}

/// The number behind a word in a log.
#[track_caller]
fn number(log: &str, word: &str) -> i32 {
    let line =
        log.lines().find_map(|line| line.strip_prefix(word)).unwrap_or_else(|| panic!("{word} in {log}"));
    line.trim().parse().unwrap()
}

fn pid_of(run: &Run) -> i32 {
    run.json("system-info.json")["services"][0]["pid"].as_i64().unwrap() as i32
}

/// The log of a service while there is no run folder.
fn log_of_a_start(bench: &Bench) -> Option<String> {
    let folder = fs::read_dir(bench.path("results/services")).ok()?.next()?.unwrap().path();
    fs::read_to_string(folder.join("server.log")).ok()
}

#[test]
fn a_service_that_starts_late_is_waited_for_and_ends_with_the_run() {
    let bench = Bench::new();
    let (file, _) =
        scenario(&bench, "echo loading; sleep 0.5; echo to stderr >&2; exec SIM", "", "requests = 20");
    bench.run(&["run", &file]).expect_code(0);
    let run = bench.only_run();
    let log = run.text("services/server.log");
    assert!(log.starts_with("loading\nto stderr\nlistening on http://127.0.0.1:"), "{log}");
    assert!(is_gone(pid_of(&run)));
    let summary = run.json("summary.json");
    let service = &summary["services"][0];
    assert_eq!(service["name"], "server");
    assert!(service["command_line"].as_str().unwrap().starts_with("sh -c 'echo loading"), "{service}");
    assert!(service["ready_s"].as_f64().unwrap() >= 0.5, "{service}");
    assert_eq!((&service["ended"]["asked"], &service["ended"]["killed"]), (&true.into(), &false.into()));
    assert_eq!(run.records().len(), 20);
    assert!(!bench.path("results/services").exists(), "the logs are where the run is");
    assert!(run.text("report.html").contains("stopped at the end"));
}

#[test]
fn a_service_that_is_never_ready_is_ended_and_its_last_words_are_shown() {
    let bench = Bench::new();
    let script = "echo pid $$; echo still loading; exec sleep 1000";
    let (file, port) = scenario(&bench, script, "ready_within = \"400ms\"", "requests = 5");
    let done = bench.run(&["run", &file]).expect_code(4);
    for part in [
        "error: service `server` was not ready within 400ms: `127.0.0.1:",
        &port.to_string(),
        "raise `services.server.ready_within`",
        "| still loading",
        "results/services/",
    ] {
        assert!(done.stderr.contains(part), "`{part}` in {}", done.stderr);
    }
    let log = log_of_a_start(&bench).expect("the log is kept");
    assert!(is_gone(number(&log, "pid ")));
    assert!(bench.runs().is_empty());
}

#[test]
fn a_service_that_cannot_begin_is_told() {
    let bench = Bench::new();
    let (file, _) = scenario(&bench, "echo no such model >&2; exit 7", "", "requests = 5");
    let done = bench.run(&["run", &file]).expect_code(4);
    let message =
        "error: service `server` ended with status 7 before it was ready\n  the end of `results/services/";
    assert!(done.stderr.contains(message) && done.stderr.contains("| no such model"), "{}", done.stderr);

    for (set, message) in [
        ("services.server.command=\"no-such-program\"", "cannot run `no-such-program`: No such file"),
        ("services.server.command=\"./served.toml\"", "/./served.toml`: Permission denied"),
        ("services.server.folder=\"nowhere\"", "there is no folder `"),
        ("services.server.environment.KEY.env=\"NOT_SET\"", "`NOT_SET` is not set"),
    ] {
        fs::remove_dir_all(bench.path("results")).unwrap();
        let done = bench.run(&["run", &file, "--set", set]).expect_code(4);
        assert!(done.stderr.contains(message), "{set}: {}", done.stderr);
        assert!(!bench.path("results/services").exists(), "nothing was said, so nothing is kept: {set}");
        // and `check` says so beforehand, without starting anything
        let checked = bench.run(&["check", &file, "--set", set]).expect_code(0);
        let known = set.contains("served.toml")
            || checked.stdout.contains("a run needs it")
            || checked.stdout.contains("warning: `services.server.");
        assert!(known, "{set}: {}", checked.stdout);
    }
}

#[test]
fn a_service_that_dies_in_the_middle_is_told_at_once_and_in_the_report() {
    let bench = Bench::new();
    let script = "SIM & sim=$!; sleep 1.5; kill -9 $sim; exit 3";
    let (file, _) = scenario(&bench, script, "", "duration = \"4s\"");
    let done = bench.run(&["run", &file]);
    let run = bench.only_run();
    assert!(
        done.stderr.contains("service `server` ended with status 3; the run goes on without it"),
        "{}",
        done.stderr
    );
    let [line] = <[Value; 1]>::try_from(run.diary("service_ended")).expect("one line");
    assert_eq!((&line["status"], &line["asked"], &line["killed"]), (&3.into(), &false.into(), &false.into()));
    let ended = line["at_ns"].as_u64().unwrap();
    let records = run.records();
    assert!(records.iter().any(|record| record["outcome"] == "ok"));
    assert!(
        records.iter().any(|record| record["outcome"] != "ok" && record["due_ns"].as_u64().unwrap() > ended)
    );
    assert_eq!(run.diary("run_ended").len(), 1, "the run went on to its end");
    let sentence = "the service `server` ended with status 3 after";
    assert!(done.stdout.contains(sentence), "{}", done.stdout);
    assert!(run.text("report.html").contains("ended with status 3 after"));
    let again = bench.run(&["report", run.path().to_str().unwrap()]).expect_code(0);
    assert!(again.stdout.contains(sentence), "{}", again.stdout);
}

#[test]
fn a_service_that_ignores_its_signal_is_killed() {
    let bench = Bench::new();
    let script = "trap '' TERM; SIM & while :; do sleep 0.1; done";
    let (file, _) = scenario(&bench, script, "stop_within = \"300ms\"", "requests = 5");
    bench.run(&["run", &file]).expect_code(0);
    let run = bench.only_run();
    assert!(is_gone(pid_of(&run)));
    let [line] = <[Value; 1]>::try_from(run.diary("service_ended")).expect("one line");
    assert_eq!((&line["asked"], &line["killed"], &line["signal"]), (&true.into(), &true.into(), &9.into()));
}

#[test]
fn the_signal_that_asks_is_that_of_the_scenario() {
    let bench = Bench::new();
    let script = "SIM & trap 'echo asked; kill $!; exit 5' QUIT; wait";
    let (file, _) = scenario(&bench, script, "stop = \"SIGQUIT\"", "requests = 5");
    bench.run(&["run", &file]).expect_code(0);
    let run = bench.only_run();
    let log = run.text("services/server.log");
    assert!(log.contains("asked\n"), "{log}");
    let [line] = <[Value; 1]>::try_from(run.diary("service_ended")).expect("one line");
    assert_eq!((&line["asked"], &line["status"], &line["killed"]), (&true.into(), &5.into(), &false.into()));
}

#[test]
fn workers_of_a_service_are_gone_too() {
    let bench = Bench::new();
    // one in its group and, where that can be had, one that has left it
    let away = if cfg!(target_os = "linux") { "setsid sleep 1000" } else { "sleep 1000" };
    let script = format!(
        "sleep 1000 & echo worker $!; {away} & echo away $!; (trap '' TERM; sleep 1000) & echo deaf $!; exec SIM"
    );
    let (file, _) = scenario(&bench, &script, "stop_within = \"300ms\"", "requests = 5");
    bench.run(&["run", &file]).expect_code(0);
    let log = bench.only_run().text("services/server.log");
    for word in ["worker ", "away ", "deaf "] {
        assert!(is_gone(number(&log, word)), "{word}");
    }
}

#[test]
fn an_interruption_ends_the_service_with_the_run() {
    for signals in [1, 2] {
        let bench = Bench::new();
        let (file, _) = scenario(&bench, "exec SIM", "", "duration = \"10m\"");
        let running = bench.start(&["run", &file]);
        let at_work = wait(PATIENCE, || {
            let run = bench.runs().pop()?;
            let text = fs::read_to_string(run.folder.join("requests.jsonl")).ok()?;
            (text.lines().count() > 2).then_some(run)
        });
        let run = at_work.expect("it sends requests");
        for _ in 0..signals {
            running.signal(Signal::SIGINT);
            std::thread::sleep(Duration::from_millis(200));
        }
        running.finish().expect_code(130);
        assert!(is_gone(pid_of(&run)));
        assert_eq!(run.diary("service_ended")[0]["asked"], true);
        assert!(run.text("services/server.log").contains("listening on"));
    }
}

#[test]
fn an_interruption_of_the_start_leaves_nothing() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let bench = Bench::new();
        let (file, _) = scenario(&bench, "echo pid $$; exec sleep 1000", "", "requests = 5");
        let running = bench.start(&["run", &file]);
        let log = wait(PATIENCE, || log_of_a_start(&bench).filter(|log| log.contains("pid ")));
        let pid = number(&log.expect("it was started"), "pid ");
        running.signal(signal);
        let done = running.finish().expect_code(130);
        assert!(
            done.stderr.contains("stopped before the services were ready; nothing was sent"),
            "{}",
            done.stderr
        );
        assert!(is_gone(pid));
        assert!(!bench.path("results/services").exists());
    }
}

#[test]
fn a_service_does_not_outlive_a_run_that_was_killed() {
    let bench = Bench::new();
    let (file, _) = scenario(&bench, "sleep 1000 & echo worker $!; exec SIM", "", "duration = \"10m\"");
    let running = bench.start(&["run", &file]);
    let run = wait(PATIENCE, || bench.runs().pop().filter(|run| run.folder.join("requests.jsonl").exists()));
    let run = run.expect("it has begun");
    let log =
        wait(PATIENCE, || fs::read_to_string(run.folder.join("services/server.log")).ok()).expect("a log");
    let pids = [pid_of(&run), number(&log, "worker ")];
    assert!(pids.iter().all(|pid| !is_gone(*pid)));
    running.signal(Signal::SIGKILL);
    let since = Instant::now();
    wait(PATIENCE, || pids.iter().all(|pid| is_gone(*pid)).then_some(())).expect("both are gone");
    assert!(since.elapsed() < PATIENCE);
    assert!(run.text("services/server.log").contains("listening on"));
}

/// The process that watches a service.
#[cfg(target_os = "linux")]
#[track_caller]
fn watcher_of(pid: i32) -> i32 {
    number(&fs::read_to_string(format!("/proc/{pid}/status")).unwrap(), "PPid:")
}

#[test]
#[cfg(target_os = "linux")]
fn a_service_does_not_outlive_a_run_and_its_watcher_that_were_killed_together() {
    let bench = Bench::new();
    let (file, _) = scenario(&bench, "exec SIM", "", "duration = \"10m\"");
    let running = bench.start(&["run", &file]);
    let run = wait(PATIENCE, || bench.runs().pop().filter(|run| run.folder.join("requests.jsonl").exists()));
    let pid = pid_of(&run.expect("it has begun"));
    let watcher = Pid::from_raw(watcher_of(pid));
    // neither may do anything between the two
    kill(watcher, Signal::SIGSTOP).unwrap();
    running.signal(Signal::SIGKILL);
    kill(watcher, Signal::SIGKILL).unwrap();
    wait(PATIENCE, || is_gone(pid).then_some(())).expect("it is gone");
}

#[test]
fn a_stop_can_be_hurried() {
    let bench = Bench::new();
    let script = "trap '' TERM; SIM & while :; do sleep 0.1; done";
    let (file, _) = scenario(&bench, script, "stop_within = \"10m\"", "requests = 5");
    let running = bench.start(&["run", &file]);
    let run = wait(PATIENCE, || bench.runs().pop().filter(|run| !run.diary("run_ended").is_empty()));
    let run = run.expect("it has ended");
    for _ in 0..2 {
        std::thread::sleep(Duration::from_millis(500));
        running.signal(Signal::SIGINT);
    }
    let done = running.finish();
    for part in ["stopping service `server` (again to kill)", "killing service `server`"] {
        assert!(done.stderr.contains(part), "`{part}` in {}", done.stderr);
    }
    assert!(is_gone(pid_of(&run)));
    let [line] = <[Value; 1]>::try_from(run.diary("service_ended")).expect("one line");
    assert_eq!((&line["asked"], &line["killed"], &line["signal"]), (&true.into(), &true.into(), &9.into()));
    assert!(run.path().join("report.html").exists(), "the run itself is whole");
}

#[test]
fn services_stop_side_by_side() {
    let bench = Bench::new();
    let script = "trap '' TERM; SIM & while :; do sleep 0.1; done";
    let (file, _) = scenario(&bench, script, "stop_within = \"3s\"", "requests = 5");
    let other = "[services.other]\ncommand = \"sh\"\nargs = [\"-c\", \"trap '' TERM; echo up; while :; do sleep 0.1; done\"]\n\
                 ready.output = \"up\"\nstop_within = \"3s\"\n";
    let text = fs::read_to_string(bench.path(&file)).unwrap();
    fs::write(bench.path(&file), format!("{text}{other}")).unwrap();
    let done = bench.run(&["run", &file]).expect_code(0);
    assert!(done.stderr.contains("stopping services `server`, `other`\n"), "{}", done.stderr);
    let [one, other] = <[Value; 2]>::try_from(bench.only_run().diary("service_ended")).expect("two lines");
    let at = |line: &Value| line["at_ns"].as_u64().unwrap();
    assert!(at(&one).abs_diff(at(&other)) < 3_000_000_000, "{one} {other}");
}

#[test]
fn a_service_that_ends_when_all_is_over_is_told_too() {
    let bench = Bench::new();
    let over = "until grep -q run_ended results/runs/*/events.jsonl; do :; done 2>/dev/null";
    let (file, _) = scenario(&bench, &format!("SIM & {over}; kill $!; exit 3"), "", "requests = 5");
    bench.run(&["run", &file]);
    let [line] = <[Value; 1]>::try_from(bench.only_run().diary("service_ended")).expect("one line");
    // whether it was asked to is a matter of milliseconds
    let alone = line["asked"] == false;
    assert_eq!(line["status"] == 3, alone || line["signal"].is_null(), "{line}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_service_that_nobody_watches_any_more_is_ended() {
    let bench = Bench::new();
    let (file, _) = scenario(&bench, "exec SIM", "", "duration = \"3s\"");
    let running = bench.start(&["run", &file]);
    let run = wait(PATIENCE, || bench.runs().pop().filter(|run| run.folder.join("requests.jsonl").exists()));
    let run = run.expect("it has begun");
    let pid = pid_of(&run);
    kill(Pid::from_raw(watcher_of(pid)), Signal::SIGKILL).unwrap();
    wait(PATIENCE, || is_gone(pid).then_some(())).expect("it is gone");
    let done = running.finish();
    assert!(done.stderr.contains("service `server` ended, and nobody saw how"), "{}", done.stderr);
    assert_eq!(run.diary("service_ended")[0]["status"], Value::Null);
    assert_eq!(run.diary("run_ended").len(), 1);
}

#[test]
fn what_a_run_folder_says_is_started_only_where_somebody_allows_it() {
    let bench = Bench::new();
    let (file, _) = scenario(&bench, "touch started; exec SIM", "", "requests = 5");
    let done = bench.run(&["run", &file]).expect_code(0);
    let folder = bench.only_run().folder;
    let folder = folder.to_str().unwrap();
    assert!(done.stdout.contains(" --allow-services\n"), "{}", done.stdout);
    fs::remove_file(bench.path("started")).unwrap();
    for arguments in [&["check", &file][..], &["plan", &file], &["plan", folder], &["report", folder]] {
        bench.run(arguments).expect_code(0);
        assert!(!bench.path("started").exists(), "{arguments:?}");
    }
    let done = bench.run(&["rerun", folder]).expect_code(2);
    for part in [
        "starts programs",
        "  server: sh -c 'touch started; exec",
        "`--allow-services`",
        "nothing was started",
    ] {
        assert!(done.stderr.contains(part), "`{part}` in {}", done.stderr);
    }
    assert!(!bench.path("started").exists());
    bench.run(&["rerun", folder, "--quiet", "--allow-services"]).expect_code(0);
    assert!(bench.path("started").exists());
}

#[test]
fn secrets_of_a_service_reach_it_and_nothing_else() {
    let bench = Bench::new();
    bench.file("key.txt", "from-a-file\n");
    let script = "echo keys $A_KEY $1 and $PLAIN; exec SIM";
    let service = "environment = { A_KEY = { env = \"OUTSIDE\" }, PLAIN = \"plain text\" }";
    let (file, _) = scenario(&bench, script, service, "requests = 5");
    let text = fs::read_to_string(bench.path(&file)).unwrap();
    let text = text.replace("''']\n", "''', \"sh\", { file = \"key.txt\" }]\n");
    fs::write(bench.path(&file), text).unwrap();
    let mut command = bench.command(&["run", &file]);
    let output = command.env("OUTSIDE", "from-the-environment").output().unwrap();
    let done = crate::kit::Done::from(output).expect_code(0);
    let run = bench.only_run();
    let log = run.text("services/server.log");
    assert!(log.starts_with("keys *** *** and plain text\n"), "{log}");
    for secret in ["from-a-file", "from-the-environment"] {
        for name in ["plan.json", "summary.json", "system-info.json", "report.html", "events.jsonl"] {
            assert!(!run.text(name).contains(secret), "{secret} in {name}");
        }
        assert!(!done.stdout.contains(secret) && !done.stderr.contains(secret));
    }
    assert_eq!(run.json("plan.json")["services"][0]["environment"]["A_KEY"]["env"], "OUTSIDE");
}

#[test]
fn a_log_has_no_secret_of_the_plan_wherever_it_is_cut() {
    let bench = Bench::new();
    bench.file("key.pem", "first line of a key\nsecond line of a key\n");
    let script = "echo own $OWN and inherited $OUTSIDE; printf 'first line'; sleep 0.2; printf ' of a key\\nsecond '; sleep 0.2; \
                  echo 'line of a key'; exec SIM";
    let service = "environment = { OWN = { env = \"LONGER\" }, KEY = { file = \"key.pem\" } }";
    let (file, _) = scenario(&bench, script, service, "requests = 5");
    let text = fs::read_to_string(bench.path(&file)).unwrap();
    let text =
        text.replace("service = \"server\"\n", "service = \"server\"\napi_key = { env = \"OUTSIDE\" }\n");
    fs::write(bench.path(&file), text).unwrap();
    let mut command = bench.command(&["run", &file]);
    let output = command.env("OUTSIDE", "a-key").env("LONGER", "a-key-and-more").output().unwrap();
    crate::kit::Done::from(output).expect_code(0);
    let log = bench.only_run().text("services/server.log");
    assert!(log.starts_with("own *** and inherited ***\n***\nlistening on"), "{log}");
}

#[test]
fn something_in_the_way_is_not_taken_for_the_service() {
    let bench = Bench::new();
    let (file, port) = scenario(&bench, "touch started; exec SIM", "", "requests = 5");
    let _other = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let done = bench.run(&["run", &file]).expect_code(4);
    let message = format!("service `server`: something listens at `127.0.0.1:{port}` already");
    assert!(done.stderr.contains(&message), "{}", done.stderr);
    assert!(!bench.path("started").exists() && !bench.path("results/services").exists());
}

#[test]
fn every_way_to_be_ready() {
    for ready in [
        "ready.http = \"http://127.0.0.1:PORT/v1/models\"",
        "ready.tcp = \"localhost:PORT\"",
        "ready.output = \"listening on\"",
    ] {
        let bench = Bench::new();
        let (file, port) = scenario(&bench, "exec SIM", "READY", "requests = 5");
        let text = fs::read_to_string(bench.path(&file)).unwrap();
        let text = text.replace("READY", &ready.replace("PORT", &port.to_string()));
        fs::write(bench.path(&file), text).unwrap();
        bench.run(&["run", &file, "--quiet"]).expect_code(0);
    }
    let bench = Bench::new();
    let service = "ready.output = \"never said\"\nready_within = \"300ms\"";
    let (file, _) = scenario(&bench, "exec SIM", service, "requests = 5");
    let done = bench.run(&["run", &file]).expect_code(4);
    assert!(
        done.stderr.contains("was not ready within 300ms: it did not say `never said`"),
        "{}",
        done.stderr
    );
}

#[test]
fn a_matrix_tries_settings_of_the_server() {
    let bench = Bench::new();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/server_settings.toml");
    let mut command = bench.command(&["run", file, "--set", "phases.users.requests=60"]);
    let output = command.env("PORT", free_port().to_string()).output().unwrap();
    let done = crate::kit::Done::from(output).expect_code(0);
    let runs = bench.runs();
    let [one, other] = runs.as_slice() else { panic!("two runs: {}", done.stderr) };
    let args =
        |run: &Run| run.json("plan.json")["services"][0]["args"].as_array().unwrap().last().unwrap().clone();
    let mut both = [args(one), args(other)];
    both.sort_by_key(Value::to_string);
    assert_eq!(both, ["max_batch=16", "max_batch=2"]);
    assert_ne!(one.json("plan.json")["experiment"], other.json("plan.json")["experiment"]);
    assert_ne!(pid_of(one), pid_of(other));
    for run in &runs {
        assert!(is_gone(pid_of(run)));
        assert!(run.text("services/server.log").contains("listening on"));
    }
    for name in ["args=max_batch-2", "args=max_batch-16"] {
        assert!(done.stdout.contains(name), "{name} in {}", done.stdout);
    }
    // what differs is said
    let [one, other] = [one, other].map(|run| run.path().to_str().unwrap());
    let compared = bench.run(&["compare", one, other]).expect_code(0);
    assert!(compared.stdout.contains("services.server.args"), "{}", compared.stdout);
}
