//! The checks: a fault that fires each, and a healthy neighbour.

use super::*;
use crate::{
    config::Arrivals,
    metrics::fixture::limited,
    plan::{Expected, Pattern},
};

#[test]
fn check_1_wants_every_request_accounted_for() {
    let healthy = run_of(&mix(&[(8, 10), (2, 0)]));
    let verdict = judge(&healthy.plan, &healthy.summary());
    insta::assert_snapshot!(check(&verdict, "1").value, @"10 due = 10 sent + 0 not sent; 10 sent = 8 ok + 2 failed");
    assert!(check(&verdict, "1").ok);

    let mut lost = run_of(&[10; 10]);
    lost.records.remove(4);
    let mut unissued = run_of(&[10; 10]);
    unissued.diary.retain(|line| !matches!(line, Diary::StepEnded { .. }));
    unissued.diary.insert(2, Diary::StepEnded { step: 1, at_ns: 0, issued: 10, due: 12 });
    let mut never_ended = run_of(&[10; 10]);
    never_ended.diary.retain(|line| !matches!(line, Diary::StepEnded { .. }));
    let mut repeated = run_of(&[10; 10]);
    repeated.records[3].0.seq = repeated.records[4].0.seq;
    let faults: Vec<String> = [lost, unissued, never_ended, repeated]
        .iter()
        .map(|run| {
            let verdict = judge(&run.plan, &run.summary());
            assert_eq!(verdict.conclusion, Conclusion::Invalid);
            assert!(!check(&verdict, "1").ok);
            check(&verdict, "1").value.clone()
        })
        .collect();
    insta::assert_snapshot!(faults.join("\n"), @r#"
10 due = 9 sent + 0 not sent; 9 sent = 9 ok + 0 failed; `load`: 10 issued, 9 recorded
10 due = 10 sent + 0 not sent; 10 sent = 10 ok + 0 failed; `load`: 12 due, 10 issued
0 due = 10 sent + 0 not sent; 10 sent = 10 ok + 0 failed; `load`: it never ended
10 due = 10 sent + 0 not sent; 10 sent = 10 ok + 0 failed; `load`: records that contradict themselves or each other: 1
"#);
}

#[test]
fn check_2a_tells_the_safety_cap_from_the_plans_own_queue() {
    let run = |limit: Option<u32>, outcome: Outcome| {
        let step = open("load", 1.0, 4);
        let step = limit.map_or(step.clone(), |limit| limited(step, limit));
        let mut run = Run::new(plan(&["chat"], vec![step]));
        run.start(1, 0);
        for i in 0..3 {
            run.push(1, answer(i * SEC, MS, &[]));
        }
        run.push(1, failure(3 * SEC, MS, outcome));
        run.end()
    };
    for (limit, outcome, ok) in [
        (None, Outcome::NotSent, false),
        (None, Outcome::HttpError, true),
        // up to the cap, what is left unsent was left in the plan's own queue
        (Some(5), Outcome::NotSent, true),
        (Some(2000), Outcome::NotSent, true),
        (Some(2001), Outcome::NotSent, false),
    ] {
        let run = run(limit, outcome);
        let verdict = judge(&run.plan, &run.summary());
        assert_eq!(check(&verdict, "2a").ok, ok, "{limit:?} {outcome:?}");
        assert_eq!(verdict.conclusion == Conclusion::Invalid, !ok);
    }
    let run = run(None, Outcome::NotSent);
    insta::assert_snapshot!(judge(&run.plan, &run.summary()).reason, @"check 2a (no request met the safety cap): 1 left unsent in `load`");
}

#[test]
fn check_4_wants_the_planned_load() {
    let offered = |step, requests: u64, by_count: bool| {
        let mut run = Run::new(plan(&["chat"], vec![step]));
        run.start(1, 0);
        for i in 0..requests {
            let request = answer(i * 10 * MS, MS, &[]);
            if by_count {
                run.push_user(1, 0, request)
            } else {
                run.push(1, request)
            };
        }
        let run = run.end();
        let verdict = judge(&run.plan, &run.summary());
        assert_eq!(verdict.conclusion == Conclusion::Invalid, !check(&verdict, "4").ok);
        check(&verdict, "4").clone()
    };
    // 100 planned: 4 √100 = 40 either way
    for (requests, ok) in [(100, true), (60, true), (140, true), (59, false), (141, false)] {
        assert_eq!(offered(open("load", 10.0, 10), requests, false).ok, ok, "open {requests}");
    }
    // a count is a count
    let counted = || {
        let mut step = open("load", 10.0, 10);
        (load(&mut step).requests, load(&mut step).duration) = (Some(100), None);
        step
    };
    for (requests, ok) in [(100, true), (99, false)] {
        assert_eq!(offered(counted(), requests, false).ok, ok, "open by count {requests}");
        assert_eq!(offered(closed("load", 1, 100), requests, true).ok, ok, "closed by count {requests}");
    }
    // bursts are held to what the seed makes of them, as long as that can be counted
    let bursts = |expected: f64, assumed: bool| {
        let mut step = open("load", 10.0, 10);
        let Pattern::Open { arrivals, .. } = &mut load(&mut step).pattern else { panic!("an open loop") };
        *arrivals = Arrivals::Gamma { cv: 2.0 };
        step.expected = Expected { requests: Some(expected), assumed, ..Expected::default() };
        step
    };
    for (requests, assumed, ok) in
        [(30, false, true), (31, false, false), (20, true, true), (19, true, false), (180, true, true)]
    {
        assert_eq!(offered(bursts(30.0, assumed), requests, false).ok, ok, "bursts {requests}");
    }
    // by time a closed loop has no planned number, and with both the time may have come first
    assert!(offered(closed_for("load", 1, 10), 7, true).ok);
    let mut both = closed_for("load", 1, 10);
    load(&mut both).requests = Some(100);
    assert!(offered(both.clone(), 99, true).ok);
    assert!(!offered(both, 101, true).ok);
    insta::assert_snapshot!(offered(open("load", 10.0, 10), 141, false).value, @"`load`: 141 requests, planned 100 ± 40.0");
}

#[test]
fn a_run_that_sent_nothing_is_no_measurement() {
    let mut run = Run::new(plan(&["chat"], vec![closed_for("load", 1, 10)]));
    run.start(1, 0);
    let run = run.end();
    let verdict = judge(&run.plan, &run.summary());
    assert_eq!(verdict.conclusion, Conclusion::Invalid);
    assert_eq!(check(&verdict, "4").value, "nothing was sent");
}

#[test]
fn a_schedule_without_arrivals_is_not_blamed_on_the_machine() {
    let mut run = Run::new(plan(&["chat"], vec![open("load", 0.01, 1)]));
    run.start(1, 0);
    let run = run.end();
    let verdict = judge(&run.plan, &run.summary());
    assert_eq!(verdict.conclusion, Conclusion::Invalid);
    let check = check(&verdict, "4");
    assert_eq!(check.value, "the schedule has no arrivals in the phases that count");
    assert_eq!(check.advice, "let the phases last longer, or raise their rate");
}

#[test]
fn a_run_cut_short_is_not_held_to_the_planned_load() {
    let mut run = Run::new(plan(&["chat"], vec![closed("load", 1, 100)]));
    run.start(1, 0);
    run.push_user(1, 0, answer(0, SEC, &[]));
    let run = run.interrupted();
    let verdict = judge(&run.plan, &run.summary());
    assert!(verdict.validity.iter().all(|check| check.ok), "{:?}", verdict.validity);
}

#[test]
fn a_killed_run_accounts_for_what_was_in_flight() {
    let mut run = run_of(&[10; 10]);
    run.diary.truncate(2);
    run.diary.push(Diary::Issued { step: 1, at_ns: 1, issued: 12, in_flight: 2, users: 1 });
    let verdict = judge(&run.plan, &run.summary());
    assert!(check(&verdict, "1").ok);
    insta::assert_snapshot!(check(&verdict, "1").value, @"12 due = 10 sent + 0 not sent + 2 unknown; 10 sent = 10 ok + 0 failed");
}
