//! Phases under pressure against the same load without it.

use super::*;
use crate::{
    config::{CpuPressure, MemoryAmount, MemoryPressure, PressingThreads, Pressure, SameAs},
    record::{Diary, Pressed},
};

const MIB: u64 = 1 << 20;

/// Half of two processors and 1 GiB.
fn pressure() -> Pressure {
    Pressure {
        cpu: Some(CpuPressure { threads: PressingThreads::All, duty: 0.5 }),
        memory: Some(MemoryPressure { amount: MemoryAmount::Bytes(1024 * MIB), keep_free_bytes: 512 * MIB }),
    }
}

/// What two threads have said after so many seconds of each, of which they had this share of two processors.
fn diary(share: f64, memory_bytes: u64) -> Vec<Diary> {
    let line = |second: u64| Pressed {
        step: 2,
        at_ns: (100 + second) * SEC,
        ready: true,
        threads: 2,
        cpu_ns: (second as f64 * share * 2e9) as u64,
        memory_bytes,
        wanted_bytes: 1024 * MIB,
        failed: None,
    };
    (0..=10).map(|second| Diary::Pressed(line(second))).collect()
}

/// A calm phase and one under pressure, with the same load and this median first token of each.
fn calm_and_squeezed(ttft: [u64; 2], lines: Vec<Diary>) -> Run {
    let requests = 200;
    let mut steps = vec![closed("calm", 1, requests), closed("squeezed", 1, requests)];
    load(&mut steps[1]).same_as = Some(SameAs { phase: "calm".to_owned(), share: 1.0 });
    steps[1].pressure = Some(pressure());
    let mut run = Run::new(plan(&["main"], steps));
    for (step, ttft) in [1, 2].into_iter().zip(ttft) {
        let start = step as u64 * 1000 * SEC;
        run.start(step, start);
        for request in 0..requests {
            let jitter = (request * 7919 % 21) * MS / 10;
            let answer = answer(start + request * SEC, ttft * MS + jitter, &[SEC / 2]);
            run.push_to(step, 0, Some(0), answer);
        }
        run.finish(step, start + 300 * SEC);
    }
    run.diary.extend(lines);
    run.end()
}

/// What is said of pressure.
fn said(run: &Run) -> Vec<(Level, String)> {
    let lines = judge(&run.plan, &run.summary()).analysis;
    let about = |line: &Finding| line.text.contains("pressure");
    lines.into_iter().filter(about).map(|line| (line.level, line.text)).collect()
}

#[test]
fn pressure_that_slows_answers_is_told_by_the_phase_without_it() {
    let run = calm_and_squeezed([200, 300], diary(0.5, 1024 * MIB));
    insta::assert_debug_snapshot!(said(&run));
    let verdict = judge(&run.plan, &run.summary());
    assert!(verdict.contention.is_empty(), "no endpoints are compared");
    let [of] = verdict.pressure.as_slice() else { panic!("{:?}", verdict.pressure) };
    assert_eq!((of.calm.as_deref(), of.cpus_asked, of.cpus), (Some("calm"), Some(1.0), Some(1.0)));
    assert!(of.endpoints[0].slower);
}

#[test]
fn pressure_that_changes_nothing_is_told_too() {
    let run = calm_and_squeezed([200, 200], diary(0.5, 1024 * MIB));
    let [_, (level, text)] = <[_; 2]>::try_from(said(&run)).expect("two lines");
    assert_eq!(level, Level::Pass, "{text}");
    assert!(text.contains("answers take no longer under pressure"), "{text}");
}

#[test]
fn less_pressure_than_asked_for_is_a_warning_with_its_reason() {
    let run = calm_and_squeezed([200, 200], diary(0.2, 256 * MIB));
    insta::assert_debug_snapshot!(said(&run)[0]);
}

#[test]
fn pressure_that_failed_says_why() {
    let mut lines = diary(0.5, 1024 * MIB);
    if let Some(Diary::Pressed(last)) = lines.last_mut() {
        last.failed = Some("it ended before its time".to_owned());
    }
    let (level, text) = said(&calm_and_squeezed([200, 200], lines)).remove(0);
    assert_eq!(level, Level::Warning);
    assert!(text.ends_with("the pressure did not last: it ended before its time"), "{text}");
}

#[test]
fn another_load_is_no_counterpart() {
    let mut run = calm_and_squeezed([200, 300], diary(0.5, 1024 * MIB));
    let step = &mut run.plan.steps[2];
    load(step).same_as = None;
    assert!(judge(&run.plan, &run.summary()).pressure[0].calm.is_some(), "the same load in the same words");
    load(&mut run.plan.steps[2]).batch = 4;
    let verdict = judge(&run.plan, &run.summary());
    assert_eq!((verdict.pressure[0].calm.as_ref(), verdict.pressure[0].endpoints.len()), (None, 0));
}
