//! Phases under pressure against the same load without it.

use std::time::Duration;

use super::*;
use crate::{
    config::{CpuPressure, MemoryAmount, MemoryPressure, PressingThreads, Pressure, SameAs},
    plan::Work,
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
    let requests = 400;
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
        run.finish(step, start + 500 * SEC);
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
    assert_eq!((of.cpus_asked, of.cpus), (Some(1.0), Some(1.0)));
    let [load] = of.loads.as_slice() else { panic!("{:?}", of.loads) };
    assert_eq!(load.calm.as_deref(), Some("calm"));
    assert!(load.endpoints[0].suffers);
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
    let [(level, text), (effect, words)] =
        <[_; 2]>::try_from(said(&calm_and_squeezed([200, 200], lines))).expect("two lines");
    assert_eq!(level, Level::Warning);
    assert!(text.ends_with("the pressure did not last: it ended before its time"), "{text}");
    // nobody knows what it would have done
    assert_eq!(effect, Level::Info, "{words}");
    assert!(words.contains("no effect of the pressure is shown"), "{words}");
}

#[test]
fn memory_that_was_never_filled_says_so() {
    let mut lines = diary(0.5, 300 * MIB);
    for line in &mut lines {
        if let Diary::Pressed(line) = line {
            line.ready = false;
        }
    }
    let run = calm_and_squeezed([200, 200], lines);
    let verdict = judge(&run.plan, &run.summary());
    let of = &verdict.pressure[0];
    assert_eq!((of.memory_least_bytes, of.memory_most_bytes), (None, Some(300 * MIB)));
    let (level, text) = said(&run).remove(0);
    assert_eq!(level, Level::Warning);
    assert!(text.contains("at most 300.0 MiB of 1.0 GiB held: the rest was not filled in time"), "{text}");
}

#[test]
fn what_never_began_has_no_numbers() {
    let line =
        Pressed { step: 2, at_ns: 100 * SEC, failed: Some("no such file".to_owned()), ..Pressed::default() };
    let run = calm_and_squeezed([200, 200], vec![Diary::Pressed(line)]);
    let verdict = judge(&run.plan, &run.summary());
    let of = &verdict.pressure[0];
    assert_eq!((of.cpus_asked, of.cpus), (None, None));
    assert_eq!((of.memory_asked_bytes, of.memory_least_bytes, of.memory_most_bytes), (None, None, None));
    assert!(said(&run)[0].1.ends_with("the pressure did not last: no such file"));
}

#[test]
fn requests_that_fail_under_pressure_are_an_effect() {
    let mut run = calm_and_squeezed([200, 200], diary(0.5, 1024 * MIB));
    let all = run.records.len();
    for (record, _) in run.records[all / 2..].iter_mut().step_by(3) {
        record.outcome = Outcome::HttpError;
    }
    let [_, (level, text)] = <[_; 2]>::try_from(said(&run)).expect("two lines");
    assert_eq!(level, Level::Warning, "{text}");
    assert!(text.contains("of `main` 134 of 400 requests failed and in `calm` 0 of 400"), "{text}");
}

/// A calm phase, and another one with the same load beside one that only presses.
fn calm_and_beside_pressure(ttft: [u64; 2]) -> Run {
    let mut run = calm_and_squeezed(ttft, Vec::new());
    run.plan.steps[2].pressure = None;
    let after = run.plan.steps[2].after.clone();
    let mut press = run.plan.steps[2].clone();
    (press.id, press.phase, press.name) = (3, "press".to_owned(), "press".to_owned());
    (press.after, press.pressure, press.work) =
        (after, Some(pressure()), Work::Pause { duration: Duration::from_secs(60) });
    run.plan.steps.push(press);
    run.diary.extend(diary(0.5, 1024 * MIB).into_iter().map(|line| match line {
        Diary::Pressed(line) => Diary::Pressed(Pressed { step: 3, ..line }),
        other => other,
    }));
    run
}

#[test]
fn a_load_beside_what_presses_is_under_pressure_too() {
    let run = calm_and_beside_pressure([200, 300]);
    let verdict = judge(&run.plan, &run.summary());
    let [of] = verdict.pressure.as_slice() else { panic!("{:?}", verdict.pressure) };
    let [load] = of.loads.as_slice() else { panic!("{:?}", of.loads) };
    assert_eq!(
        (of.phase.as_str(), load.phase.as_str(), load.calm.as_deref()),
        ("press", "squeezed", Some("calm"))
    );
    assert!(load.endpoints[0].suffers);
    // and stands for no calm one
    assert!(verdict.contention.is_empty(), "{:?}", verdict.contention);
}

#[test]
fn a_phase_beside_other_loads_is_no_counterpart() {
    let mut run = calm_and_squeezed([200, 300], diary(0.5, 1024 * MIB));
    // something else is sent beside the squeezed one
    let mut noise = run.plan.steps[2].clone();
    (noise.id, noise.phase, noise.name, noise.pressure) = (3, "noise".to_owned(), "noise".to_owned(), None);
    load(&mut noise).same_as = None;
    load(&mut noise).batch = 2;
    run.plan.steps.push(noise);
    let verdict = judge(&run.plan, &run.summary());
    let squeezed = verdict.pressure[0].loads.iter().find(|load| load.phase == "squeezed").expect("a load");
    assert_eq!(squeezed.calm, None);
}

#[test]
fn another_load_is_no_counterpart() {
    let mut run = calm_and_squeezed([200, 300], diary(0.5, 1024 * MIB));
    let step = &mut run.plan.steps[2];
    load(step).same_as = None;
    let load_of = |run: &Run| judge(&run.plan, &run.summary()).pressure[0].loads[0].clone();
    assert!(load_of(&run).calm.is_some(), "the same load in the same words");
    load(&mut run.plan.steps[2]).batch = 4;
    assert_eq!((load_of(&run).calm, load_of(&run).endpoints.len()), (None, 0));
}
