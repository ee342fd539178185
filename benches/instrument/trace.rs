//! Part `trace`: how late the requests of a bursty trace reach the server.

use std::{
    fmt::Write as _,
    io::ErrorKind,
    path::Path,
    time::{Duration, Instant},
};

use scenario::{
    config::{self, Input},
    machine::Machine,
    plan::{self, Pattern, Plan, arrivals_of},
    wire::priority,
    workload::Datasets,
};

use crate::{Figures, quantile, server::Server};

/// What the p99 at the server may be of that of the bare timer.
const LIMIT: f64 = 2.0;

/// How many times as fast.
const SPEED: u32 = 10;

/// Ten minutes of a trace in one, beside a timer that only wakes up at the same instants.
pub(crate) fn trace(tell: &mut dyn FnMut(Figures)) {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.jsonl");
    std::fs::write(&path, rows()).unwrap();
    let plan = plan(&server, &path);
    let due: Vec<u64> = {
        let endpoint = &plan.endpoints[0];
        let source = Datasets::default().open(&endpoint.workload_name, &endpoint.workload, None).unwrap();
        arrivals_of(&plan, &plan.steps[1], |_| &source).unwrap().collect()
    };
    let timer = std::thread::spawn({
        let due = due.clone();
        move || wake(&due)
    });
    let driven = server.null.drive(plan).unwrap();
    let mut bare = timer.join().unwrap();
    let truth = server.null.truth(driven.clock).unwrap();
    assert_eq!(driven.finished.len(), due.len());
    // when the kernel of the server received it, and when the server wrote its first token, between which it may wait for a processor
    let (mut late, mut answered): (Vec<f64>, Vec<f64>) = driven
        .finished
        .iter()
        .map(|(record, _)| {
            assert!(!record.outcome.failed(), "{record:?}");
            let written = truth.of(&record.request_id, record.chunks as usize).unwrap();
            let received = truth.received(&record.request_id).unwrap();
            let due = record.due_ns as f64;
            (received - due, written[0] - due)
        })
        .unzip();
    let mut sent: Vec<f64> =
        driven.finished.iter().filter_map(|(record, _)| Some(record.send_lag()? * 1e9)).collect();
    let us = |values: &mut Vec<f64>, q| quantile(values, q) / 1e3;
    let (ours, timer) = (us(&mut late, 0.99), us(&mut bare, 0.99));
    tell((
        format!("trace x{SPEED}, {} requests", due.len()),
        vec![
            ("server_p50", us(&mut late, 0.5), "us"),
            ("timer_p50", us(&mut bare, 0.5), "us"),
            ("sent_p99", us(&mut sent, 0.99), "us"),
            ("server_p99", ours, "us"),
            ("answered_p99", us(&mut answered, 0.99), "us"),
            ("timer_p99", timer, "us"),
            ("ratio", ours / timer, "x"),
            ("limit", LIMIT, "x"),
        ],
    ));
}

/// About 1,500 requests in ten minutes: exponential gaps with a mean of 0.1 s in the first four seconds of every half minute, and of
/// 0.74 s in the rest.
fn rows() -> String {
    let mut state = 1_u64;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let (mut text, mut at_s) = (String::new(), 0.0);
    while at_s < 600.0 {
        let (input, output) = (16 + (draw() * 500.0) as u32, 1 + (draw() * 30.0) as u32);
        writeln!(
            text,
            "{{\"timestamp\":{:.3},\"input_length\":{input},\"output_length\":{output}}}",
            at_s * 1e3
        )
        .unwrap();
        let mean_gap_s = if at_s % 30.0 < 4.0 { 0.1 } else { 0.74 };
        at_s += -(1.0 - draw()).ln() * mean_gap_s;
    }
    text
}

fn plan(server: &Server, path: &Path) -> Plan {
    let text = format!(
        "version = 1\nname = \"trace\"\nendpoints.null.url = \"http://{}/0/v1\"\n[workloads.recorded.trace]\n\
         path = \"{}\"\n[phases.recorded]\nload.trace.speed = {SPEED}\n",
        server.address,
        path.display(),
    );
    let input = Input { name: "the bench", text: &text, platform: Some("cpu_only"), sets: &[] };
    let nothing = |_: &Path| Err(ErrorKind::NotFound.into());
    let mut checked = config::check(&input, &Machine::default(), &|_| None, &nothing);
    Datasets::default().look_into(&mut checked);
    let plan = plan::admit(checked).map_err(|problems| problems.render(false)).unwrap().remove(0);
    assert!(matches!(plan.steps[1].load().unwrap().pattern, Pattern::Trace { .. }));
    plan
}

/// Sleeps until each of these instants, as the pacer does; returns how late it woke, in nanoseconds.
fn wake(due: &[u64]) -> Vec<f64> {
    priority::raise();
    let start = Instant::now() + Duration::from_millis(10);
    let late = due.iter().map(|at_ns| {
        let due = start + Duration::from_nanos(*at_ns);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        due.elapsed().as_nanos() as f64
    });
    late.collect()
}
