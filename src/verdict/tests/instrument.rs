//! Checks of the tool itself: a fault that fires each, and a healthy neighbour.

use super::*;
use crate::{
    config::OnBottleneck,
    metrics::fixture::limited,
    plan::Work,
    record::{ChunkTimes, Generator, StopCause},
};

/// Requests every 10 ms that take 100 ms from when they were sent, this much behind their time.
fn behind(lag_ms: u64, limit: Option<u32>) -> Run {
    let step = open("load", 100.0, 4);
    let mut run = Run::new(plan(&["chat"], vec![limit.map_or(step.clone(), |limit| limited(step, limit))]));
    run.start(1, 0);
    for i in 0..400 {
        let due_ns = i * 10 * MS;
        let record = run.push(1, answer(due_ns, (100 + lag_ms) * MS, &[]));
        record.sent_ns = Some(due_ns + lag_ms * MS);
    }
    run.end()
}

#[test]
fn check_2b_wants_requests_sent_when_they_are_due() {
    let limits: [(u64, f64, &str, bool, bool); 5] = [
        // lateness, a target of `e2e.p95`, its metric; whether it holds and whether it is void
        (0, 0.2, "e2e.p95", true, false),
        (1, 0.2, "e2e.p95", true, false),
        // over 1 ms, and neither decisive nor large
        (3, 0.2, "e2e.p95", false, false),
        // the target would have been met without it
        (3, 0.102, "e2e.p95", false, true),
        (3, 0.101, "service.e2e.p95", false, false),
    ];
    for (lag_ms, limit_s, metric, ok, void) in limits {
        let mut run = behind(lag_ms, None);
        let verdict = judge_with(&mut run, vec![target("t", metric, Bound::AtMost(limit_s), "load")]);
        let check = check(&verdict, "2b");
        assert_eq!((check.ok, check.void), (ok, void), "{lag_ms} ms, {metric} ≤ {limit_s}: {}", check.value);
        assert_eq!(verdict.conclusion == Conclusion::Invalid, void);
    }
    // 1 % of the tightest target, where that is more than 1 ms
    let mut run = behind(3, None);
    let roomy = target("t", "e2e.p95", Bound::AtMost(0.4), "load");
    assert!(check(&judge_with(&mut run, vec![roomy]), "2b").ok);
    // what waits in the plan's own queue is not late
    let mut queued = behind(3, Some(50));
    for (record, _) in &mut queued.records {
        record.queue_wait_ns = 2 * MS;
    }
    let verdict = judge_with(&mut queued, vec![target("t", "e2e.p95", Bound::AtMost(0.102), "load")]);
    assert!(check(&verdict, "2b").ok);
    let run = behind(8, None);
    insta::assert_snapshot!(check(&judge(&run.plan, &run.summary()), "2b").value, @"`send_lag.p99` 8.00 ms at most, in `load`; `load`: over 5.0 % of its `e2e.p50`, 108 ms");
}

/// What the tool used: a look every second, this much of two processors.
fn used(mut run: Run, share: f64, change: impl Fn(&mut Generator)) -> Run {
    for second in 0..=4 {
        let mut look = Generator {
            at_ns: second * SEC,
            cpu_ns: Some((second as f64 * 2e9 * share) as u64),
            cores: 2,
            nice: Some(-10),
            swapped_bytes: Some(0),
            refused: 0,
            wall_steps: 3,
        };
        if second > 0 {
            change(&mut look);
        }
        run.diary.insert(1, Diary::Generator(look));
    }
    let looks = run.diary.iter().filter(|line| matches!(line, Diary::Generator(_))).count();
    run.diary[1..=looks].reverse();
    run
}

#[test]
fn check_3_wants_a_tool_with_room_to_spare() {
    let same = |_: &mut Generator| {};
    let healthy = used(behind(0, None), 0.3, same);
    let verdict = judge(&healthy.plan, &healthy.summary());
    insta::assert_snapshot!(check(&verdict, "3").value, @"30.0 % of 2 processors; of 400 output events 100.0 % exact and 0.0 % read late; raised priority (-10)");
    assert!(check(&verdict, "3").ok);
    let mut bounded = used(behind(0, None), 0.3, same);
    for (record, chunks) in &mut bounded.records {
        record.stamps_exact = 0;
        *chunks = ChunkTimes { width_ns: vec![20_000_000; chunks.len()], at_ns: chunks.at_ns.clone() };
    }
    for (run, ok) in [
        (used(behind(0, None), 0.79, same), true),
        (used(behind(0, None), 0.81, same), false),
        (used(behind(0, None), 0.3, |look| look.swapped_bytes = Some(4096)), false),
        (used(behind(0, None), 0.3, |look| look.refused = 1), false),
        (used(behind(0, None), 0.3, |look| look.wall_steps = 4), false),
        (used(behind(0, None), 0.3, |look| look.cpu_ns = None), true),
        // a server that writes several events at once makes wide bounds, and no client late
        (bounded, true),
    ] {
        let verdict = judge(&run.plan, &run.summary());
        let check = check(&verdict, "3");
        assert_eq!(check.ok, ok, "{}", check.value);
        assert_eq!(verdict.conclusion == Conclusion::Invalid, !ok);
    }
    // where the plan says so, that is told and no more
    let mut warned = used(behind(0, None), 0.81, same);
    warned.plan.on_bottleneck = OnBottleneck::Warn;
    let verdict = judge(&warned.plan, &warned.summary());
    assert!(!check(&verdict, "3").ok && verdict.conclusion == Conclusion::Pass);
}

#[test]
fn check_3_is_void_where_late_reads_may_decide_a_target() {
    let mut late = used(behind(0, None), 0.3, |_| {});
    for (record, chunks) in late.records.iter_mut().take(5) {
        (record.stamps_exact, record.stamps_late) = (0, 1);
        *chunks = ChunkTimes { at_ns: chunks.at_ns.clone(), width_ns: vec![20_000_000; chunks.len()] };
    }
    // everything takes 100 ms, of which late reads may make 80
    for (metric, limit_s, void) in [
        ("e2e.p95", 0.2, false),
        ("e2e.p95", 0.09, true),
        ("e2e.p95", 0.07, false),
        ("output_tokens_per_second", 0.09, false),
    ] {
        let verdict = judge_with(&mut late, vec![target("t", metric, Bound::AtMost(limit_s), "load")]);
        let check = check(&verdict, "3");
        assert_eq!((check.ok, check.void), (false, void), "{metric} ≤ {limit_s}: {}", check.value);
        assert_eq!(verdict.conclusion == Conclusion::Invalid, void);
    }
}

#[test]
fn check_5_holds_the_counter_against_the_records() {
    // one in flight every 10 ms for 100 ms: ten at a time
    let looked = |in_flight: u64| {
        let mut run = behind(0, None);
        for i in 0..30 {
            let at_ns = SEC + i * 100 * MS + MS;
            run.diary.insert(2, Diary::Issued { step: 1, at_ns, issued: 0, in_flight, users: 0 });
        }
        run
    };
    for (in_flight, ok) in [(10, true), (9, false), (12, false)] {
        let run = looked(in_flight);
        let verdict = judge(&run.plan, &run.summary());
        let check = check(&verdict, "5");
        assert_eq!(check.ok, ok, "{}", check.value);
        assert_ne!(verdict.conclusion, Conclusion::Invalid, "a caution only");
    }
    let run = looked(9);
    insta::assert_snapshot!(check(&judge(&run.plan, &run.summary()), "5").value, @"`load`: 9.0 in flight by count, 10.0 by rate × time");
}

#[test]
fn check_6_wants_steady_phases_long_enough_and_steady() {
    // answers of one user, around 100 ms, by their place
    let shaped = |count: u64, shape: &dyn Fn(f64) -> f64| {
        let noise = |i: u64| 1.0 + ((i * 7919) % 101) as f64 / 1000.0;
        let times: Vec<u64> =
            (0..count).map(|i| (100.0 * shape(i as f64 / count as f64) * noise(i)) as u64).collect();
        let run = run_of(&times);
        let verdict = judge(&run.plan, &run.summary());
        let check = check(&verdict, "6");
        (check.ok, check.value.clone())
    };
    let flat = |_: f64| 1.0;
    assert!(shaped(400, &flat).0);
    assert!(shaped(400, &|x| 1.0 + 3.0 * (-x * 20.0).exp()).0, "a transient that ends");
    let (ok, value) = shaped(400, &|x| 1.0 + x);
    assert!(!ok);
    insta::assert_snapshot!(value, @"`load`: had not settled by its half; `load`: `e2e` rises by 27.6 % in its second half");
    let (ok, value) = shaped(400, &|x| if x < 0.5 { 1.0 } else { 1.0 + (x - 0.5) });
    assert!(!ok, "{value}");
    let (ok, value) = shaped(150, &|x| 1.0 + x);
    assert!(ok && value.starts_with("not judged"), "{value}");
}

/// Answers of one user that take these milliseconds, of which the plan says whether they have to be steady.
fn steadied(require_steady: bool, latencies_ms: &[u64]) -> Run {
    let mut run = run_of(latencies_ms);
    if let Work::Load(load) = &mut run.plan.steps[1].work {
        load.require_steady = require_steady;
    }
    run
}

#[test]
fn check_6_is_void_where_the_plan_wants_it_steady() {
    let flat = |count: u64| (0..count).map(|i| 100 + i % 7).collect::<Vec<u64>>();
    let rising: Vec<u64> = (0..400).map(|i| 100 + i).collect();
    for (require_steady, latencies_ms, ok, void) in [
        (true, flat(400), true, false),
        (false, rising.clone(), false, false),
        (true, rising.clone(), false, true),
        // too few answers show nothing, which is a fault only of what has to be shown
        (false, flat(199), true, false),
        (true, flat(199), false, true),
        (true, flat(200), true, false),
    ] {
        let run = steadied(require_steady, &latencies_ms);
        let verdict = judge(&run.plan, &run.summary());
        let check = check(&verdict, "6");
        let what = format!("{require_steady}, {}: {}", latencies_ms.len(), check.value);
        assert_eq!((check.ok, check.void), (ok, void), "{what}");
        assert_eq!(verdict.conclusion == Conclusion::Invalid, void, "{what}");
    }
    let run = steadied(true, &flat(150));
    let verdict = judge(&run.plan, &run.summary());
    insta::assert_snapshot!(check(&verdict, "6").value, @"`load`: 150 answers, of which it takes 200");
    insta::assert_snapshot!(check(&verdict, "6").advice, @"`load` had to be steady: warm the server up in a phase with `measure = false`, or let the phase last longer");
}

#[test]
fn check_6_does_not_void_a_run_that_was_cut_short() {
    let rising: Vec<u64> = (0..400).map(|i| 100 + i).collect();
    let mut run = steadied(true, &rising);
    let at_ns = 399 * SEC;
    run.diary.insert(run.diary.len() - 1, Diary::Stopping { at_ns, cause: StopCause::Interrupt });
    let verdict = judge(&run.plan, &run.summary());
    assert_eq!((check(&verdict, "6").ok, check(&verdict, "6").void), (false, false));
    assert_eq!(verdict.conclusion, Conclusion::Aborted);
}
