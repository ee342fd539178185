//! Runs that a target ended, and runs that could not be decided.

use std::time::Duration;

use super::*;
use crate::{
    catalog::Metric,
    config::{Objective, OnInconclusive},
    metrics::{Summary, fixture::ask},
    record::{Abort, StopCause},
};

/// Eight failures in the first of three phases, then what was in flight when `errors` ended the run.
fn ended() -> Run {
    let steps = vec![closed("load", 2, 1_000), closed("rest", 1, 10), closed("more", 1, 10)];
    let mut run = Run::new(plan(&["chat"], steps));
    run.plan.targets = vec![
        target("errors", "error_rate", Bound::AtMost(0.05), "load"),
        target("speed", "e2e.p50", Bound::AtMost(1.0), "rest"),
    ];
    run.start(1, 0);
    for number in 0..8 {
        run.push_user(1, 0, failure(number * SEC, 10 * MS, Outcome::HttpError));
    }
    let at_ns = 7 * SEC + 500 * MS;
    run.diary.push(Diary::Aborted(Abort {
        at_ns,
        target: "errors".to_owned(),
        scope: phase("load"),
        since_ns: 2 * SEC,
        requests: 8,
        beyond: 8,
    }));
    run.diary.push(Diary::Stopping { at_ns, cause: StopCause::Abort });
    run.push_user(1, 1, failure(7 * SEC, SEC, Outcome::Cancelled));
    run.end()
}

#[test]
fn a_target_that_ended_the_run_has_failed() {
    let run = ended();
    let summary = run.summary();
    let verdict = judge(&run.plan, &summary);
    assert_eq!(verdict.conclusion, Conclusion::Fail);
    assert_eq!((verdict.targets_met, verdict.total_targets), (0, 2));
    insta::assert_snapshot!(verdict.reason, @"`errors` in `load`: error_rate is 100.0 %, asked at most 5.0 %; with 8 of 8 issued requests beyond that it ended the run after 7.50 s, having failed for 5.50 s; every measured request failed, 9 in all: 8 `http_error`, first at `chat`: it was http_error");
    let row = &verdict.targets[0];
    assert_eq!((row.name.as_str(), row.mark, row.samples), ("errors", Mark::Fail, 8));
    insta::assert_snapshot!(row.note, @"Wilson bounds of 8 requests; ended the run with 8 of 8 issued requests beyond the limit");
    assert_eq!(verdict.targets[1].note, "no data");
    let texts: Vec<&str> = verdict.analysis.iter().map(|finding| finding.text.as_str()).collect();
    assert!(texts.contains(&"not run, since the run ended before: `rest`, `more`"), "{texts:?}");
    // what the tool cut off is in no share
    assert_eq!(summary.scope(&phase("load")).expect("a scope").counts.cut_off, 1);
}

#[test]
fn its_row_fails_whatever_came_in_after_it() {
    let mut run = ended();
    for (record, _) in &mut run.records {
        if record.outcome == Outcome::HttpError {
            record.outcome = Outcome::Ok;
        }
    }
    let verdict = judge(&run.plan, &run.summary());
    assert_eq!((verdict.conclusion, verdict.targets[0].mark), (Conclusion::Fail, Mark::Fail));
    insta::assert_snapshot!(verdict.reason, @"`errors` in `load`: error_rate is 100.0 %, asked at most 5.0 %; with 8 of 8 issued requests beyond that it ended the run after 7.50 s, having failed for 5.50 s");
}

#[test]
fn its_row_says_by_what_it_was_decided() {
    let mut run = ended();
    let abort = run.diary.iter_mut().find_map(|line| match line {
        Diary::Aborted(abort) => Some(abort),
        _ => None,
    });
    abort.expect("a target that ended the run").requests = 20;
    for (metric, bound, value) in
        [("error_rate", Bound::AtMost(0.05), 0.4), ("objectives_met_rate", Bound::AtLeast(0.9), 0.6)]
    {
        ask(&mut run.plan, &[Objective { metric: Metric::Ttft, at_most: Duration::from_secs(1) }]);
        run.plan.targets = vec![target("errors", metric, bound, "load")];
        let row = judge(&run.plan, &run.summary()).targets.remove(0);
        assert_eq!((row.value, row.samples, row.mark), (Some(value), 20, Mark::Fail), "{metric}");
        assert_eq!(
            row.note,
            "Wilson bounds of 20 requests; ended the run with 8 of 20 issued requests beyond the limit"
        );
    }
    run.plan.targets = vec![target("errors", "ttft.p50", Bound::AtMost(1.0), "load")];
    let row = judge(&run.plan, &run.summary()).targets.remove(0);
    assert!(
        row.note.ends_with("ended the run with 8 of 20 issued requests beyond the limit"),
        "{}",
        row.note
    );
}

#[test]
fn who_stopped_the_run_first_has_ended_it_and_what_is_void_proves_nothing() {
    let mut interrupted = ended();
    interrupted.diary.insert(1, Diary::Stopping { at_ns: SEC, cause: StopCause::Interrupt });
    let summary: Summary = interrupted.summary();
    assert_eq!(summary.abort, None);
    assert_eq!(judge(&interrupted.plan, &summary).conclusion, Conclusion::Aborted);

    let mut void = ended();
    void.records.remove(0);
    assert_eq!(judge(&void.plan, &void.summary()).conclusion, Conclusion::Invalid);
}

#[test]
fn a_run_that_was_not_ended_names_no_steps_that_did_not_run() {
    let run = run_of(&[10; 10]);
    let verdict = judge(&run.plan, &run.summary());
    assert!(verdict.analysis.iter().all(|finding| !finding.text.contains("not run")));
}

#[test]
fn what_could_not_be_decided_says_where_it_only_warns() {
    let mut run = run_of(&[10; 4]);
    run.plan.on_inconclusive = OnInconclusive::Warn;
    let verdict = judge_with(&mut run, vec![target("t", "e2e.p50", Bound::AtMost(0.02), "load")]);
    assert_eq!(verdict.conclusion, Conclusion::Inconclusive);
    assert!(verdict.reason.ends_with("; `run.on_inconclusive` lets that only warn"), "{}", verdict.reason);
}
