//! Part `requests`: whole requests, by runs of the binary and beside oha.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use nix::sys::resource::{UsageWho, getrusage};

use crate::{Figures, held::Run, quantile, server::Server, streams::seconds};

/// Of each answer.
const TOKENS: u32 = 16;

pub(crate) fn requests(tell: &mut dyn FnMut(Figures)) {
    tell(time_to_first_token());
    tell(cost());
    for round in 1..=3 {
        tell(highest_rate(round));
    }
}

/// `service.ttft` of 500 streams that begin at once, beside when the server wrote the first chunk.
fn time_to_first_token() -> Figures {
    const STREAMS: u32 = 500;
    let server = Server::start();
    let plan = server.null.plan(10_000, TOKENS, "requests = 1\nload.closed.users = 1").unwrap();
    let (clock, timed) = server.null.time(&plan, STREAMS, Duration::ZERO).unwrap();
    let truth = server.null.truth(clock).unwrap();
    let (mut ours, mut servers) = (Vec::new(), Vec::new());
    for stream in &timed {
        let sent_ns = stream.record.sent_ns.unwrap() as f64;
        let written = truth.of(&stream.record.request_id, stream.chunks.len()).unwrap();
        ours.push((stream.record.first_token_ns.unwrap() as f64 - sent_ns) / 1e6);
        servers.push((written[0] - sent_ns) / 1e6);
    }
    let ([p50, p99], [own_p50, own_p99]) =
        ([0.5, 0.99].map(|q| quantile(&mut ours, q)), [0.5, 0.99].map(|q| quantile(&mut servers, q)));
    (
        format!("service.ttft, {STREAMS} at once"),
        vec![
            ("p50", p50, "ms"),
            ("servers_p50", own_p50, "ms"),
            ("p99", p99, "ms"),
            ("servers_p99", own_p99, "ms"),
        ],
    )
}

/// Processor time of the whole process per request.
fn cost() -> Figures {
    const REQUESTS: u32 = 20_000;
    let before = children_seconds();
    let run = Run::start("10000", &phase(REQUESTS, 500));
    let totals = run.end();
    let used = children_seconds() - before;
    (
        "cost of a request, 500 users".to_owned(),
        vec![("cpu", used * 1e3 / f64::from(REQUESTS), "ms"), ("ok", totals.ok, "")],
    )
}

/// Requests per second of 64 users, and what oha does with as many.
fn highest_rate(round: u32) -> Figures {
    const REQUESTS: u32 = 60_000;
    let run = Run::start("0", &phase(REQUESTS, 64));
    let ours = run.end().requests_per_second;
    let server = Server::start();
    let oha = Command::new("oha")
        .args(["--no-tui", "--output-format", "json", "-c", "64", "-n", &REQUESTS.to_string()])
        .args(["-m", "POST", "-T", "application/json", "-d"])
        .arg(format!("{{\"stream\":true,\"max_tokens\":{TOKENS}}}"))
        .arg(format!("http://{}/0/v1/chat/completions", server.address))
        .stderr(Stdio::null())
        .output();
    let oha = oha.ok().and_then(|done| {
        let told: serde_json::Value = serde_json::from_slice(&done.stdout).ok()?;
        told["summary"]["requestsPerSec"].as_f64()
    });
    let mut figures = vec![("ours", ours, "1/s")];
    // not everybody has it
    figures.extend(oha.map(|rate| ("oha", rate, "1/s")));
    figures.extend(oha.map(|rate| ("ratio", ours / rate, "x")));
    (format!("highest rate, {round}"), figures)
}

fn phase(requests: u32, users: u32) -> String {
    format!(
        "requests = {requests}\nload.closed.users = {users}\n[workloads.text.synthetic]\nprompt_tokens = 16\n\
         output_tokens = {TOKENS}\n"
    )
}

/// Processor time of all children that have been waited for.
fn children_seconds() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    seconds(usage.user_time()) + seconds(usage.system_time())
}
