//! The part of a step that counts.

use std::time::Duration;

use super::*;
use crate::plan::Pattern;

#[test]
fn an_open_window_runs_from_the_start_to_the_last_due_time() {
    let mut run = Run::new(plan(&["chat"], vec![open("load", 1.0, 10)]));
    run.start(1, SEC);
    // 4 tokens, 3 of them until the last due time; ends after it
    run.push(1, answer(2 * SEC, SEC, &[SEC, SEC, SEC]));
    run.push(1, answer(2 * SEC, SEC, &[]));
    run.push(1, answer(5 * SEC, SEC, &[SEC]));
    let summary = run.end().summary();
    let scope = whole(&summary);
    assert_eq!(scope.window, Some(Window { from_s: 1.0, to_s: 5.0, length_s: 4.0 }));
    assert_eq!((scope.counts.due, scope.counts.completed_in_window), (3, 1));
    close(scope.value(Metric::RequestsPerSecond, None), 1.0 / 4.0);
    close(scope.value(Metric::OutputTokensPerSecond, None), (3.0 + 1.0) / 4.0);
    assert_eq!((scope.users, scope.offered_rate), (None, Some(1.0)));
}

#[test]
fn tokens_are_spread_evenly_over_the_chunks() {
    let mut run = Run::new(plan(&["chat"], vec![open("load", 1.0, 10)]));
    run.start(1, 0);
    // 30 tokens in 3 chunks at 1, 2 and 5 s; the last due time is 4 s
    run.push(1, answer(0, SEC, &[SEC, 3 * SEC])).output_tokens = Some(30);
    run.push(1, failure(4 * SEC, MS, Outcome::HttpError));
    let summary = run.end().summary();
    close(whole(&summary).value(Metric::OutputTokensPerSecond, None), 20.0 / 4.0);
}

#[test]
fn a_closed_window_by_count_has_all_users_at_work() {
    let mut ramp = closed("load", 2, 5);
    load(&mut ramp).pattern =
        Pattern::Closed { users: 2, ramp_up: Duration::from_secs(2), think_time: Duration::ZERO };
    let mut run = Run::new(plan(&["chat"], vec![ramp]));
    run.start(1, 0);
    run.push_user(1, 0, answer(0, SEC, &[]));
    run.push_user(1, 0, answer(SEC, 2 * SEC, &[]));
    // the last user starts at 2 s
    run.push_user(1, 1, answer(2 * SEC, 4 * SEC, &[]));
    run.push_user(1, 0, answer(3 * SEC, SEC, &[]));
    // user 0 has no work after 5 s; user 1 ends at 6 s
    run.push_user(1, 0, answer(4 * SEC, SEC, &[]));
    let summary = run.end().summary();
    let scope = whole(&summary);
    assert_eq!(scope.window, Some(Window { from_s: 2.0, to_s: 5.0, length_s: 3.0 }));
    // due at 2, 3 and 4 s; ended at 3, 4 and 5 s
    assert_eq!((scope.counts.issued, scope.counts.due, scope.counts.completed_in_window), (5, 3, 3));
    assert_eq!(sorted(scope, Metric::E2e), [1.0, 1.0, 4.0]);
    assert_eq!(scope.users, Some(2));
    assert_eq!(summary.notes, Vec::<String>::new());
}

#[test]
fn users_that_start_together_all_count_from_their_first_request() {
    let mut run = Run::new(plan(&["chat"], vec![closed("load", 2, 4)]));
    run.start(1, 0);
    // a millisecond lies between the tasks of the two users
    for (user, due_ns) in [(0, 0), (1, MS), (0, SEC), (1, SEC + MS)] {
        run.push_user(1, user, answer(due_ns, SEC, &[]));
    }
    let summary = run.end().summary();
    assert_eq!(whole(&summary).window, Some(Window { from_s: 0.0, to_s: 2.0, length_s: 2.0 }));
    assert_eq!(whole(&summary).counts.due, 4);
}

#[test]
fn users_that_were_never_all_busy_leave_everything_as_window() {
    let mut run = Run::new(plan(&["chat"], vec![closed("load", 2, 2)]));
    run.start(1, 0);
    // the first user is out of work before the second one starts
    run.push_user(1, 0, answer(SEC, SEC, &[]));
    run.push_user(1, 1, answer(3 * SEC, SEC, &[]));
    let summary = run.end().summary();
    assert_eq!(whole(&summary).window, Some(Window { from_s: 1.0, to_s: 4.0, length_s: 3.0 }));
    insta::assert_snapshot!(summary.notes.join("\n"), @"`load`: 2 requests never kept all 2 users busy at once, so its window is all of it, idle users included");

    // and so does a user that never started
    let mut run = Run::new(plan(&["chat"], vec![closed("load", 3, 2)]));
    run.start(1, 0);
    run.push_user(1, 0, answer(SEC, SEC, &[]));
    run.push_user(1, 1, answer(SEC, 2 * SEC, &[]));
    let summary = run.end().summary();
    assert_eq!(whole(&summary).window, Some(Window { from_s: 1.0, to_s: 3.0, length_s: 2.0 }));
    assert_eq!(summary.notes.len(), 1);
}

#[test]
fn a_closed_window_by_time_ends_with_the_last_due_time() {
    let run = |step| {
        let mut run = Run::new(plan(&["chat"], vec![step]));
        run.start(1, 0);
        run.push_user(1, 0, answer(SEC, SEC, &[]));
        run.push_user(1, 1, answer(SEC, 5 * SEC, &[]));
        run.push_user(1, 0, answer(2 * SEC, 2 * SEC, &[]));
        run.end().summary()
    };
    let by_time = Some(Window { from_s: 0.0, to_s: 2.0, length_s: 2.0 });
    assert_eq!(whole(&run(closed_for("load", 2, 3))).window, by_time);
    // with a count beside it, the first one reached ended it
    let mut both = closed_for("load", 2, 3);
    load(&mut both).requests = Some(100);
    assert_eq!(whole(&run(both.clone())).window, by_time);
    load(&mut both).requests = Some(3);
    assert_eq!(whole(&run(both)).window, Some(Window { from_s: 1.0, to_s: 4.0, length_s: 3.0 }));
}

#[test]
fn a_killed_closed_loop_never_ran_out_of_work() {
    let mut run = Run::new(plan(&["chat"], vec![closed("load", 2, 100)]));
    run.start(1, 0);
    run.push_user(1, 0, answer(0, SEC, &[]));
    run.push_user(1, 1, answer(0, 2 * SEC, &[]));
    run.push_user(1, 1, answer(2 * SEC, 2 * SEC, &[]));
    assert_eq!(whole(&run.summary()).window, Some(Window { from_s: 0.0, to_s: 4.0, length_s: 4.0 }));
}

#[test]
fn a_window_shorter_than_any_answer_has_no_rates() {
    let mut run = Run::new(plan(&["chat"], vec![closed_for("load", 2, 1)]));
    run.start(1, 0);
    run.push_user(1, 0, answer(MS, 500 * MS, &[100 * MS]));
    run.push_user(1, 1, answer(2 * MS, 500 * MS, &[100 * MS]));
    let summary = run.end().summary();
    let scope = whole(&summary);
    assert_eq!(scope.counts.ok(), 2);
    for metric in [Metric::RequestsPerSecond, Metric::OutputTokensPerSecond] {
        assert_eq!(scope.rates.get(&metric), None, "{metric:?}");
    }
    assert_eq!(
        summary.notes,
        ["`load`: its window is shorter than any answer took, so it has no requests per second"]
    );
}
