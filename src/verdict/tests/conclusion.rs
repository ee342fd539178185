//! Grade, conclusion and which beats which.

use super::*;
use crate::{
    metrics::{Ending, Summary},
    record::StopCause,
};

#[test]
fn grades_have_their_thresholds() {
    for (met, total, grade) in [
        (0, 0, Grade::Ungraded),
        (1, 1, Grade::Excellent),
        (9, 10, Grade::Excellent),
        (89, 100, Grade::Good),
        (8, 10, Grade::Good),
        (79, 100, Grade::Acceptable),
        (6, 10, Grade::Acceptable),
        (59, 100, Grade::Poor),
        (0, 3, Grade::Poor),
    ] {
        assert_eq!(Grade::of(met, total), grade, "{met} of {total}");
    }
}

#[test]
fn a_target_counts_once_with_its_worst_scope() {
    let mut run = Run::new(plan(&["chat"], vec![closed("slow", 1, 10), closed("fast", 1, 10)]));
    for (step, ms) in [(1, 30), (2, 10)] {
        let begin = step as u64 * 100 * SEC;
        run.start(step, begin);
        for i in 0..10 {
            run.push_user(step, 0, answer(begin + i * SEC, ms * MS, &[]));
        }
    }
    let mut both = target("both", "e2e.p50", Bound::AtMost(0.02), "slow");
    both.scopes.push(phase("fast"));
    let verdict =
        judge_with(&mut run.end(), vec![both, target("fast", "e2e.p50", Bound::AtMost(0.02), "fast")]);
    assert_eq!(verdict.targets.len(), 3);
    assert_eq!((verdict.targets_met, verdict.total_targets, verdict.grade), (1, 2, Grade::Poor));
}

#[test]
fn only_severity_fail_decides_and_counts() {
    let slow = || run_of(&mix(&[(10, 30)]));
    for (severity, conclusion, total) in [
        (Severity::Fail, Conclusion::Fail, 1),
        (Severity::Warn, Conclusion::Pass, 0),
        (Severity::Info, Conclusion::Pass, 0),
    ] {
        let target = PlannedTarget { severity, ..target("t", "e2e.p50", Bound::AtMost(0.02), "load") };
        let verdict = judge_with(&mut slow(), vec![target]);
        assert_eq!((verdict.conclusion, verdict.total_targets), (conclusion, total));
        assert_eq!(verdict.targets[0].mark, Mark::Fail, "judged all the same");
    }
}

#[test]
fn a_target_measured_nowhere_is_skipped() {
    let mut nowhere = target("retrieval", "ttfc", Bound::AtMost(0.02), "load");
    nowhere.scopes.clear();
    let verdict = judge_with(&mut run_of(&[10; 10]), vec![nowhere]);
    assert_eq!(
        verdict.skipped,
        [("retrieval".to_owned(), "the plan measures `ttfc.p95` nowhere".to_owned())]
    );
    assert_eq!((verdict.conclusion, verdict.grade), (Conclusion::Pass, Grade::Ungraded));
}

#[test]
fn a_target_that_only_a_ladder_could_carry_is_not_said_to_be_unmeasured() {
    let mut ladder = closed("load", 1, 10);
    load(&mut ladder).explores = true;
    let mut run = run_of(&[10; 10]);
    run.plan = plan(&["chat"], vec![ladder]);
    let mut nowhere = target("ttft", "ttft.p50", Bound::AtMost(0.02), "load");
    nowhere.scopes.clear();
    insta::assert_snapshot!(
        judge_with(&mut run, vec![nowhere]).skipped[0].1,
        @"measured only in levels of a ladder or a search, which are judged where a target names their phase or step"
    );
}

#[test]
fn a_step_or_endpoint_that_is_all_of_its_phase_is_found_by_its_name() {
    let mut named = target("t", "e2e.p50", Bound::AtMost(0.02), "load");
    named.scopes[0].step = Some("load".to_owned());
    named.scopes[0].endpoint = Some("chat".to_owned());
    let verdict = judge_with(&mut run_of(&[10; 10]), vec![named]);
    assert_eq!(verdict.conclusion, Conclusion::Pass);
}

#[test]
fn one_conclusion_beats_the_next() {
    // everything at once: cut short, invalid, failed, undecided
    let slow = mix(&[(10, 30)]);
    let targets = || {
        vec![
            target("fails", "e2e.p50", Bound::AtMost(0.02), "load"),
            target("open", "e2e.p99", Bound::AtMost(0.05), "load"),
            target("holds", "error_rate", Bound::AtMost(0.5), "load"),
        ]
    };
    let mut worst = run_of(&slow);
    worst.records.remove(0);
    worst.diary.push(Diary::Stopping { at_ns: 0, cause: StopCause::Interrupt });
    let mut invalid = run_of(&slow);
    invalid.records.remove(0);
    let mut fails = run_of(&slow);
    let lines: Vec<String> = [
        judge_with(&mut worst, targets()),
        judge_with(&mut invalid, targets()),
        judge_with(&mut run_of(&mix(&[(10, 0)])), targets()),
        judge_with(&mut fails, targets()),
        judge_with(&mut fails, targets().split_off(1)),
        judge_with(&mut fails, targets().split_off(2)),
        judge_with(&mut fails, vec![]),
    ]
    .into_iter()
    .map(|verdict| {
        format!(
            "{:?}, {:?}, {} of {}: {}",
            verdict.conclusion, verdict.grade, verdict.targets_met, verdict.total_targets, verdict.reason
        )
    })
    .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
Aborted, Poor, 1 of 3: the run was interrupted; what was measured is graded
Invalid, Poor, 1 of 3: check 1 (accounts balance): 10 due = 9 sent + 0 not sent; 9 sent = 9 ok + 0 failed; `load`: 10 issued, 9 recorded
Fail, Poor, 0 of 3: every measured request failed, 10 in all: 10 `http_error`, first at `chat`: it was http_error
Fail, Poor, 1 of 3: 1 of 3 judged targets failed: `fails` in `load`: e2e.p50 is 30.0 ms, asked at most 20.0 ms
Inconclusive, Poor, 1 of 2: 1 of 2 judged targets could not be decided: `open` in `load`: e2e.p99 is 30.0 ms, asked at most 50.0 ms; 289 more requests would settle it
Pass, Excellent, 1 of 1: the judged target passed
Pass, Ungraded, 0 of 0: no target is judged, and the measurement is valid
"#);
}

#[test]
fn every_way_of_being_cut_short_is_aborted() {
    let mut run = run_of(&[10; 10]);
    run.diary.retain(|line| !matches!(line, Diary::RunEnded { .. }));
    assert_eq!(run.summary().ending, Ending::Killed);
    let verdict = judge(&run.plan, &run.summary());
    assert_eq!(verdict.conclusion, Conclusion::Aborted);
    for cause in [StopCause::Interrupt, StopCause::Terminate, StopCause::Cancel, StopCause::Recorder] {
        let mut run = run_of(&[10; 10]);
        run.diary.push(Diary::Stopping { at_ns: 0, cause });
        assert_eq!(judge(&run.plan, &run.summary()).conclusion, Conclusion::Aborted);
    }
}

#[test]
fn nothing_answered_looks_at_every_request() {
    let of = |outcomes: &[Option<Outcome>]| -> Summary {
        let mut warm_up = closed("warmup", 1, 1);
        load(&mut warm_up).measure = false;
        let mut run = Run::new(plan(&["chat"], vec![warm_up, closed("load", 1, 1)]));
        for (step, outcome) in outcomes.iter().enumerate() {
            run.start(step + 1, 0);
            run.push_user(step + 1, 0, outcome.map_or(answer(0, SEC, &[]), |o| failure(0, SEC, o)));
        }
        run.end().summary()
    };
    for (outcomes, nothing) in [
        (vec![Some(Outcome::ConnectFailed), Some(Outcome::ConnectFailed)], true),
        (vec![Some(Outcome::TlsFailed), Some(Outcome::Timeout)], true),
        (vec![Some(Outcome::ConnectFailed), Some(Outcome::HttpError)], false),
        // the warm-up was answered, so there is a server
        (vec![None, Some(Outcome::ConnectFailed)], false),
        // nothing was even tried
        (vec![Some(Outcome::NotSent)], false),
        (vec![], false),
    ] {
        assert_eq!(nothing_answered(&of(&outcomes)), nothing, "{outcomes:?}");
    }
}

#[test]
fn a_verdict_is_written_in_capitals() {
    let mut run = run_of(&mix(&[(10, 30)]));
    let verdict = judge_with(&mut run, vec![target("t", "e2e.p50", Bound::AtMost(0.02), "load")]);
    let json = serde_json::to_value(&verdict).expect("a verdict is plain data");
    assert_eq!((&json["conclusion"], &json["grade"]), (&"FAIL".into(), &"POOR".into()));
    assert_eq!(json["targets"][0]["metric"], "e2e.p50");
}

#[test]
fn one_of_a_kind_is_not_many() {
    let mut run = run_of(&[10; 4]);
    let verdict = judge_with(&mut run, vec![target("t", "e2e.p50", Bound::AtMost(0.02), "load")]);
    insta::assert_snapshot!(verdict.reason, @"1 of 1 judged target could not be decided: `t` in `load`: e2e.p50 is 10.0 ms, asked at most 20.0 ms; 1 more request would settle it");
    let verdict = judge_with(&mut run_of(&[10]), vec![]);
    let texts: Vec<&str> = verdict.analysis.iter().map(|finding| finding.text.as_str()).collect();
    insta::assert_snapshot!(texts.join("\n"), @r"
    `load`: none of 1 request failed
    `load`: `ttft.p50` is 10.0 ms, under 200 ms: excellent
    ");
    insta::assert_snapshot!(check(&verdict, "4").value, @"1 request; as planned in 1 step with a planned count");
}

#[test]
fn a_run_of_warm_up_alone_does_not_call_itself_a_measurement() {
    let mut warm_up = closed("warmup", 1, 1);
    load(&mut warm_up).measure = false;
    let mut run = Run::new(plan(&["chat"], vec![warm_up]));
    run.start(1, 0);
    run.push_user(1, 0, answer(0, SEC, &[]));
    let verdict = judge_with(&mut run.end(), vec![]);
    assert_eq!(verdict.reason, "nothing was to be measured: no phase counts");
    assert_eq!(verdict.grade, Grade::Ungraded);
}

#[test]
fn a_run_that_ended_before_anything_was_measured_has_no_grade() {
    let targets = || vec![target("holds", "error_rate", Bound::AtMost(0.5), "load")];
    let mut run = Run::new(plan(&["chat"], vec![closed("load", 1, 10)]));
    run.start(1, 0);
    run.push_user(1, 0, failure(0, SEC, Outcome::Cancelled));
    let mut cut_off = run.interrupted();
    let verdict = judge_with(&mut cut_off, targets());
    assert_eq!((verdict.conclusion, verdict.grade), (Conclusion::Aborted, Grade::Ungraded));
    assert_eq!(verdict.reason, "the run was interrupted; nothing was measured");
    let mut never = Run::new(plan(&["chat"], vec![closed("load", 1, 10)])).interrupted();
    assert_eq!(judge_with(&mut never, targets()).grade, Grade::Ungraded);
    // one answer is enough to be graded by
    let mut run = Run::new(plan(&["chat"], vec![closed("load", 1, 10)]));
    run.start(1, 0);
    run.push_user(1, 0, answer(0, SEC, &[]));
    assert_eq!(judge_with(&mut run.interrupted(), targets()).grade, Grade::Poor);
}
