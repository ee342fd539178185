//! What the evidence says of spikes: each is a value of its own, and few.

use super::*;
use crate::{
    config::Arrivals,
    metrics::fixture::{Spiky, spiky},
    plan::schedule,
};

/// Ten requests a second with spikes of a second, each felt for so many seconds from its end on; infinite for ever.
fn felt_for(seconds: &[f64]) -> Run {
    let load = Spiky {
        arrivals: Arrivals::Constant,
        rate: 10.0,
        every: 10.0,
        lasting: 1.0,
        spike_rate: 60.0,
        spikes: seconds.len() as u32,
    };
    let mut run = Run::new(plan(&["chat"], vec![spiky("load", load)]));
    run.start(1, 0);
    for due_ns in schedule::of_step(&run.plan.steps[1], 1).expect("an open step") {
        let due_s = due_ns as f64 / 1e9;
        let spike = (due_s / 10.0) as usize;
        let since = due_s - 10.0 * spike as f64 - 1.0;
        let felt = spike > 0 && since < seconds[spike - 1] - 1e-6;
        run.push(1, answer(due_ns, if felt { 300 } else { 100 } * MS, &[]));
    }
    run.end()
}

#[test]
fn the_worst_recovery_is_judged_over_the_spikes_that_there_were() {
    let never = f64::INFINITY;
    for (seconds, bound, mark) in [
        (&[2.0, 3.0][..], Bound::AtMost(4.0), Mark::Pass),
        (&[2.0, 5.0], Bound::AtMost(4.0), Mark::Fail),
        // the last that felt it was due at 2.9 s and the first that did not at 3 s
        (&[3.0], Bound::AtMost(3.0), Mark::Pass),
        (&[3.0], Bound::AtMost(2.95), Mark::Inconclusive),
        (&[3.0], Bound::AtMost(2.85), Mark::Fail),
        (&[0.0, 0.0], Bound::AtMost(0.5), Mark::Pass),
        // it was watched for nine seconds, and twenty are allowed: it is a miss
        (&[2.0, never], Bound::AtMost(20.0), Mark::Fail),
        (&[never, 2.0], Bound::AtMost(20.0), Mark::Fail),
        (&[2.0, 3.0], Bound::AtLeast(2.5), Mark::Pass),
        (&[2.0, 3.0], Bound::AtLeast(3.5), Mark::Fail),
        (&[2.0, 3.0], Bound::Between(2.5, 4.0), Mark::Pass),
        (&[2.0, 3.0], Bound::Between(1.0, 2.0), Mark::Fail),
    ] {
        let row = judge_one(&mut felt_for(seconds), "spike.recovery", bound);
        assert_eq!((row.mark, row.needs), (mark, None), "{seconds:?} {bound:?}: {}", row.note);
        assert_eq!(row.samples, seconds.len() as u64);
    }
}

#[test]
fn the_note_says_what_the_spikes_show() {
    let note = |seconds: &[f64], limit| {
        judge_one(&mut felt_for(seconds), "spike.recovery", Bound::AtMost(limit)).note
    };
    assert_eq!(note(&[2.0], 4.0), "the only spike; of spikes to come up to 95.0 % may still take longer");
    assert_eq!(
        note(&[2.0; 5], 4.0),
        "the worst of 5 spikes; of spikes to come up to 45.1 % may still take longer"
    );
    assert_eq!(
        note(&[f64::INFINITY, 2.0], 20.0),
        "the worst of 2 spikes; 1 of them not recovered from within 9.00 s"
    );
    assert_eq!(note(&[3.0], 2.95), "the only spike; the limit lies in the gap between two requests");
}

#[test]
fn percentiles_of_recoveries_need_as_many_spikes_as_others_need_requests() {
    for (seconds, metric, mark, needs) in [
        (&[2.0; 5][..], "spike.recovery.p50", Mark::Pass, None),
        (&[2.0; 4], "spike.recovery.p50", Mark::Inconclusive, Some(1)),
        (&[2.0; 5], "spike.recovery.p90", Mark::Inconclusive, Some(24)),
        (&[6.0; 5], "spike.recovery.p50", Mark::Fail, None),
        (&[2.0; 20], "spike.recovery.mean", Mark::Pass, None),
        (&[2.0; 4], "spike.recovery.mean", Mark::Inconclusive, Some(16)),
    ] {
        let row = judge_one(&mut felt_for(seconds), metric, Bound::AtMost(4.0));
        assert_eq!((row.mark, row.needs), (mark, needs), "{metric}: {}", row.note);
    }
    let row = judge_one(&mut felt_for(&[2.0; 4]), "spike.recovery.p50", Bound::AtMost(4.0));
    assert_eq!(row.needs_in_words().as_deref(), Some("1 more spike would settle it"));
    assert_eq!(row.note, "exact order statistics of 4 spikes; at least 5 are needed");
    // one that never ends makes every mean infinite
    let mut run = felt_for(&[2.0, f64::INFINITY]);
    assert_eq!(judge_one(&mut run, "spike.recovery.mean", Bound::AtMost(60.0)).mark, Mark::Fail);
}

#[test]
fn a_spike_of_which_nothing_tells_lets_nothing_pass() {
    let mut run = felt_for(&[2.0, 2.0]);
    // but for the first of them nothing is due behind the second
    let kept = |due_ns: u64| due_ns < 21 * SEC + SEC / 20;
    run.records.retain(|(record, _)| kept(record.due_ns));
    let row = judge_one(&mut run, "spike.recovery", Bound::AtMost(4.0));
    assert_eq!((row.mark, row.samples), (Mark::Inconclusive, 1), "{}", row.note);
    assert!(row.note.contains("1 of 2 spikes: too few requests"), "{}", row.note);
    let row = judge_one(&mut run, "spike.recovery", Bound::AtMost(1.0));
    assert_eq!(row.mark, Mark::Fail, "{}", row.note);
}

#[test]
fn latency_in_spikes_is_judged_by_the_requests_due_in_them() {
    // 60 are due in each, and all of them are felt
    for (limit, mark) in [(0.3, Mark::Pass), (0.2, Mark::Fail)] {
        for metric in ["spike.ttft.p95", "spike.e2e.p95"] {
            let row = judge_one(&mut felt_for(&[2.0]), metric, Bound::AtMost(limit));
            assert_eq!((row.mark, row.samples), (mark, 60), "{metric}");
        }
    }
    let row = judge_one(&mut felt_for(&[2.0]), "spike.ttft.p99", Bound::AtMost(0.3));
    assert_eq!((row.mark, row.needs), (Mark::Inconclusive, Some(239)));
}
