//! What the language costs: CPU time of loading, checking and planning, beside the limits that people feel.
//!
//! `cargo bench --bench language` prints a table; it holds nothing to its limit, since machines differ.

#![allow(clippy::print_stdout, reason = "a bench prints")]

use std::{fmt::Write as _, hint::black_box, path::Path, time::Duration};

use nix::sys::resource::{UsageWho, getrusage};
use scenario::{
    config::{Checked, Input, check},
    machine::Machine,
    plan::{self, Plan, admit},
};

/// Times that each is done; the quickest counts.
const ROUNDS: usize = 5;

fn main() {
    let large = large_scenario();
    let ready = ready_scenarios();
    let matrix = matrix();
    println!("CPU time, the best of {ROUNDS} rounds\n");
    println!("{:<44} {:>10} {:>10}", "", "measured", "limit");
    row("load a file of 64 KiB", Duration::from_millis(50), || {
        black_box(checked(&large));
    });
    row("check 100 files", Duration::from_millis(500), || {
        for text in ready.iter().cycle().take(100) {
            black_box(plans(text));
        }
    });
    row("plan a matrix of 1,000 cases", Duration::from_secs(2), || {
        let plans = plans(&matrix);
        assert_eq!(plans.len(), 1000);
        black_box(plan::cases::text(&plans));
    });
    for platforms in [&["mac", "h200"][..], &["mac", "h200", "h100", "a100", "rtx_4090", "rtx_3080", "cuda"]]
    {
        let overrides =
            platforms.iter().map(|name| format!("[platforms.{name}.phases.users]\nrequests = 400\n"));
        let text = format!("{matrix}{}", overrides.collect::<String>());
        row(
            &format!("the same with a word on {} platforms", platforms.len()),
            Duration::from_secs(2),
            || {
                black_box(plans(&text));
            },
        );
    }
}

fn row(what: &str, limit: Duration, mut work: impl FnMut()) {
    let rounds = (0..ROUNDS).map(|_| {
        let before = cpu_time();
        work();
        cpu_time().saturating_sub(before)
    });
    let best = rounds.min().unwrap_or_default();
    println!("{what:<44} {:>7.1} ms {:>7.0} ms", milliseconds(best), milliseconds(limit));
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// User and system time of this process so far.
fn cpu_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("a process may ask about itself");
    [usage.user_time(), usage.system_time()]
        .iter()
        .map(|time| {
            Duration::from_micros(time.tv_sec().unsigned_abs() * 1_000_000 + time.tv_usec().unsigned_abs())
        })
        .sum()
}

fn checked(text: &str) -> Checked {
    let input = Input { name: "bench.toml", text, platform: None, sets: &[] };
    check(&input, &Machine::default(), &|_| None, &|path: &Path| std::fs::read_to_string(path))
}

fn plans(text: &str) -> Vec<Plan> {
    admit(checked(text)).unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

/// Endpoints, workloads, phases and targets until the text is 64 KiB long.
fn large_scenario() -> String {
    let mut text = "version = 1\nname = \"large\"\n\n".to_owned();
    for n in 0.. {
        if text.len() >= 64 * 1024 {
            break;
        }
        // writing to a string does not fail
        let _ = write!(
            text,
            "# number {n}\n[endpoints.server_{n}]\nurl = \"http://127.0.0.1:8080/v1\"\nworkload = \"text_{n}\"\n\n\
             [workloads.text_{n}.synthetic]\nprompt_tokens.lognormal = {{ mean = 400, std_dev = 150, min = 50, max = 2000 }}\n\
             output_tokens = 64\n\n[phases.phase_{n}]\nduration = \"10s\"\nendpoints = [\"server_{n}\"]\n\
             load.open = {{ rate = 2 }}\n\n[targets.target_{n}]\nmetric = \"ttft.p50\"\nphase = \"phase_{n}\"\nat_most = \"1s\"\n\n"
        );
    }
    text
}

fn ready_scenarios() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = std::fs::read_dir(folder).expect("the folder is part of the source");
    let paths = entries.map(|entry| entry.expect("a readable entry").path());
    let scenarios = paths.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    scenarios.map(|path| std::fs::read_to_string(path).expect("a readable scenario")).collect()
}

/// The mixed scenario in 1,000 cases.
fn matrix() -> String {
    let users: Vec<String> = (1..=50).map(|users| users.to_string()).collect();
    let seeds: Vec<String> = (1..=20).map(|seed| seed.to_string()).collect();
    format!(
        "{}\n[matrix]\nphases.users.load.closed.users = [{}]\nseed = [{}]\n",
        include_str!("../scenarios/quick.toml"),
        users.join(", "),
        seeds.join(", ")
    )
}
