//! Phases under pressure: what the process that presses uses and holds, and that it never outlives its step.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use scenario::{
    config::{CpuPressure, MemoryAmount, MemoryPressure, PressingThreads, Pressure},
    pressure::Told,
};
use serde_json::Value;

use crate::{
    kit::{Bench, Running, wait},
    server::{After, Server, stream_tokens},
};

const MIB: u64 = 1 << 20;

/// What a process must be gone within.
const SOON: Duration = Duration::from_secs(1);

/// The process that presses, by itself.
struct Presser {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Presser {
    fn start(settings: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_scenario"))
            .args(["pressure", "--attached", "--settings", settings])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said }
    }

    /// Its next line.
    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}"))
    }

    /// Waits until it presses as much as it can.
    fn ready(&mut self) -> Value {
        loop {
            let line = self.line();
            if line["held"]["ready"] == true {
                return line["held"].clone();
            }
            assert!(line["held"].is_object(), "{line}");
        }
    }

    /// Ends its standard input, and says how long it then takes to go.
    fn end(mut self) -> Duration {
        let ended = Instant::now();
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
        ended.elapsed()
    }
}

/// Processor time of a process in seconds, by `proc_pid_stat(5)`.
fn cpu_s(pid: u32) -> f64 {
    /// As `getconf CLK_TCK` says on every Linux that there is.
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // behind the name, which may hold anything
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11..=12].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / TICKS
}

fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() << 10
}

#[test]
#[cfg(target_os = "linux")]
fn half_of_a_processor_is_half_of_one() {
    let share = || {
        let mut presser = Presser::start(r#"{"cpu": {"threads": {"number": 1}, "duty": 0.5}}"#);
        presser.ready();
        let pid = presser.child.id();
        let (began, before) = (Instant::now(), cpu_s(pid));
        thread::sleep(Duration::from_secs(2));
        let share = (cpu_s(pid) - before) / began.elapsed().as_secs_f64();
        presser.end();
        share
    };
    // others may have the processors for a while
    let shares: Vec<f64> =
        (0..5).map(|_| share()).take_while(|share| !(0.42..0.58).contains(share)).collect();
    assert!(shares.len() < 5, "{shares:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn memory_is_held_and_given_back_at_the_end() {
    let mut presser =
        Presser::start(r#"{"memory": {"amount": {"bytes": 100000000}, "keep_free_bytes": 1000000}}"#);
    let held = presser.ready();
    assert_eq!((&held["memory_bytes"], &held["wanted_bytes"]), (&100_000_000.into(), &100_000_000.into()));
    let resident = resident_bytes(presser.child.id());
    assert!((95 * MIB..200 * MIB).contains(&resident), "{resident}");
    // the parent decides when it is over
    kill(Pid::from_raw(presser.child.id() as i32), Signal::SIGINT).unwrap();
    assert_eq!(presser.line()["held"]["ready"], true);
    let took = presser.end();
    assert!(took < SOON, "{took:?}");
}

#[test]
fn memory_that_others_need_is_left_to_them() {
    let everything =
        format!(r#"{{"memory": {{"amount": {{"share": 1.0}}, "keep_free_bytes": {}}}}}"#, u64::MAX / 2);
    let mut presser = Presser::start(&everything);
    let held = presser.ready();
    assert_eq!(held["memory_bytes"], 0);
    assert!(held["wanted_bytes"].as_u64().unwrap() > 0);
    presser.end();
}

fn server() -> Server {
    Server::start(|_, out| {
        stream_tokens(out, Duration::from_millis(5), Duration::from_millis(1), 4);
        After::KeepOpen
    })
}

fn scenario(server: &Server, phases: &str) -> String {
    format!(
        "version = 1\nname = \"pressed\"\nendpoints.main.url = \"{}\"\n[workloads.short.synthetic]\nprompt_tokens = \
         5\noutput_tokens = 4\n{phases}",
        server.url()
    )
}

/// The processes that press for a run, by its process id.
#[cfg(target_os = "linux")]
fn pressers(run: u32) -> Vec<Pid> {
    let children = |pid: &str| {
        let task = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
        let each = task.flatten().filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        Some(each.collect::<Vec<_>>().join(" "))
    };
    let presses = |pid: &&str| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split('\0').nth(1) == Some("pressure")
    };
    let all = children(&run.to_string()).unwrap_or_default();
    all.split_whitespace().filter(presses).map(|pid| Pid::from_raw(pid.parse().unwrap())).collect()
}

/// Waits until a run presses, and says by which process.
#[cfg(target_os = "linux")]
fn presser_of(running: &Running) -> Pid {
    wait(Duration::from_secs(20), || pressers(running.child.id()).first().copied())
        .expect("a process that presses")
}

fn is_gone(pid: Pid) -> Option<()> {
    // one that nobody has waited for yet holds nothing any more
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let dead = status.rsplit(')').next().is_some_and(|fields| fields.trim_start().starts_with('Z'));
    (kill(pid, None) == Err(Errno::ESRCH) || dead).then_some(())
}

#[test]
#[cfg(target_os = "linux")]
fn no_end_of_a_run_leaves_anything_behind() {
    let phases = "[phases.squeezed]\nduration = \"60s\"\nload.closed.users = 1\n[phases.squeezed.pressure]\ncpu = { threads = \
                  1, duty = \"5%\" }\nmemory = { size = \"1MiB\", keep_free = \"1MiB\" }\n";
    // an abort is what a panic comes to that nothing can unwind
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL, Signal::SIGABRT] {
        let (bench, server) = (Bench::new(), server());
        let file = bench.file("pressed.toml", &scenario(&server, phases));
        let running = bench.start(&["run", &file]);
        let pid = presser_of(&running);
        // it takes a moment to be at work
        wait(Duration::from_secs(20), || {
            let diary = fs::read_to_string(bench.runs().first()?.path().join("events.jsonl")).ok()?;
            diary.contains("\"ready\":true").then_some(())
        })
        .expect("pressure");
        running.signal(signal);
        assert!(wait(SOON, || is_gone(pid)).is_some(), "{signal}");
        running.finish();
        assert!(is_gone(pid).is_some(), "{signal}");
    }
}

/// A panic in the program unwinds the thread that holds the pressure, which ends it.
#[test]
#[cfg(target_os = "linux")]
fn a_panic_leaves_no_pressure_behind() {
    let pressure = Pressure {
        cpu: Some(CpuPressure { threads: PressingThreads::Number(1), duty: 0.5 }),
        memory: Some(MemoryPressure { amount: MemoryAmount::Bytes(64 * MIB), keep_free_bytes: MIB }),
    };
    let (tell, told) = std::sync::mpsc::channel();
    let (panics, go) = std::sync::mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        let mut child =
            scenario::pressure::Child::start(env!("CARGO_BIN_EXE_scenario").as_ref(), &pressure).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        while let Some(Told::Held(held)) = runtime.block_on(child.told()) {
            if held.ready {
                break;
            }
        }
        tell.send(()).unwrap();
        let _ = go.recv();
        panic!("as a test wants it");
    });
    told.recv().unwrap();
    let pid =
        pressers(std::process::id()).into_iter().find(|pid| resident_bytes(pid.as_raw() as u32) >= 64 * MIB);
    let pid = pid.expect("a process that presses");
    drop(panics);
    assert!(wait(SOON, || is_gone(pid)).is_some());
    assert!(thread.join().is_err());
}

#[test]
fn a_report_says_what_the_pressure_was_and_what_it_did() {
    let (bench, server) = (Bench::new(), server());
    let phases = r#"
        [phases.calm]
        duration = "2s"
        load.open.rate = 20
        [phases.squeezed]
        duration = "2s"
        load.same_as = "calm"
        pressure = { cpu = { threads = 1, duty = "20%" }, memory = { size = "1MiB", keep_free = "1MiB" } }
        [phases.rest]
        duration = "1s"
        pressure.memory = { size = "1TiB", keep_free = "1000TiB" }
    "#;
    let file = bench.file("pressed.toml", &scenario(&server, phases));
    let done = bench.run(&["run", &file]).expect_code(0);
    let run = bench.only_run();
    let summary = run.json("summary.json");
    let [squeezed, rest] = summary["pressure"].as_array().unwrap().as_slice() else { panic!("{summary}") };
    let load = &squeezed["loads"][0];
    assert_eq!((&load["phase"], &load["calm"]), (&"squeezed".into(), &"calm".into()));
    let cpus = squeezed["cpus"].as_f64().unwrap();
    assert!((0.02..0.5).contains(&cpus), "{cpus}");
    assert_eq!(squeezed["memory_least_bytes"], MIB);
    assert_eq!(load["endpoints"][0]["endpoint"], "main");
    assert!(load["endpoints"][0]["e2e"]["times"]["value"].as_f64().unwrap() > 0.0);
    assert_eq!((&rest["memory_most_bytes"], &rest["cpus"]), (&0.into(), &Value::Null));
    assert!(summary["contention"].as_array().unwrap().is_empty());

    assert!(done.stdout.contains("\nunder pressure  squeezed against calm\n"), "{}", done.stdout);
    assert!(run.text("report.html").contains("Under pressure: squeezed against calm"));
    let said = done.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "1 thread used 0.",
        "of 0.20 processors, 1.0 MiB held",
        "0 B of 1.0 TiB held: no more could be had with 1000.0 TiB left free",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // it presses as long as requests arrive, and no longer
    let pressed = run.diary("pressed");
    let at = |line: &Value| line["at_ns"].as_u64().unwrap();
    let of = |step: u64| pressed.iter().filter(move |line| line["step"] == step).map(at);
    let begins = run
        .diary("step_started")
        .iter()
        .map(|line| (line["step"].as_u64().unwrap(), at(line)))
        .collect::<Vec<_>>();
    let begin = |step: u64| begins.iter().find(|(of, _)| *of == step).unwrap().1;
    assert!(of(2).min().unwrap() <= begin(2));
    assert!(of(2).max().unwrap() <= begin(3), "the next step has a machine without it");
}
