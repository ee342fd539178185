//! Runs with known truth: every number is computed by hand.

use std::time::Duration;

use super::{fixture::*, *};
use crate::{
    plan::{Pattern, Plan},
    record::{StopCause, TokenSource},
};

fn close(left: Option<f64>, right: f64) {
    assert!(left.is_some_and(|left| (left - right).abs() < 1e-12 * right.abs().max(1.0)), "{left:?} {right}");
}

fn key(phase: &str, step: Option<&str>, endpoint: Option<&str>) -> ScopeKey {
    ScopeKey { phase: phase.to_owned(), step: step.map(str::to_owned), endpoint: endpoint.map(str::to_owned) }
}

fn whole(summary: &Summary) -> &Scope {
    &summary.scopes[0]
}

fn sorted(scope: &Scope, metric: Metric) -> Vec<f64> {
    match &scope.series[&metric].values {
        Values::Sorted(values) => values.clone(),
        Values::Histogram(_) => panic!("{metric:?} is a histogram"),
    }
}

/// One user, one step.
fn one_user(requests: u64) -> Run {
    let mut run = Run::new(plan(&["chat"], vec![closed("load", 1, requests)]));
    run.start(1, 0);
    run
}

#[test]
fn every_latency_is_its_definition_to_the_nanosecond() {
    let mut run = Run::new(plan(&["chat"], vec![open("load", 1.0, 10)]));
    run.start(1, 0);
    let record = run.push(1, answer(SEC, 500 * MS, &[10 * MS, 20 * MS, 30 * MS]));
    record.queue_wait_ns = 100 * MS;
    record.connect_ns = Some(2 * MS);
    record.tls_ns = Some(3 * MS);
    // due + queue + connect + tls + 7 ns of our own
    record.sent_ns = Some(SEC + 105 * MS + 7);
    record.first_content_ns = record.first_token_ns.map(|at| at + 10 * MS);
    record.output_tokens = Some(13);
    let summary = run.end().summary();
    let scope = whole(&summary);
    for (metric, nanos) in [
        // connection set-up is kept out of every latency
        (Metric::Ttft, 495_000_000),
        (Metric::Ttfc, 505_000_000),
        (Metric::E2e, 555_000_000),
        (Metric::ServiceTtft, 394_999_993),
        (Metric::ServiceE2e, 454_999_993),
        (Metric::SendLag, 7),
        (Metric::QueueWait, 100_000_000),
        // 60 ms over 12 tokens after the first
        (Metric::Tpot, 5_000_000),
    ] {
        let seconds = f64::from(nanos) / 1e9;
        assert!((sorted(scope, metric)[0] - seconds).abs() < 1e-15, "{metric:?}: {seconds}");
    }
    close(scope.value(Metric::DecodeTokensPerSecond, Some(Statistic::P50)), 200.0);
    close(scope.value(Metric::TokensPerChunk, Some(Statistic::P50)), 13.0 / 4.0);
    assert_eq!(scope.series[&Metric::Itl].count(), 3);
    close(scope.value(Metric::Itl, Some(Statistic::Mean)), 0.02);
    close(scope.value(Metric::Itl, Some(Statistic::Stddev)), 0.01);
}

#[test]
fn pooled_gaps_keep_three_digits() {
    let mut run = one_user(1);
    let gaps: Vec<u64> = (1..=1000).map(|i| i * MS).collect();
    run.push_user(1, 0, answer(0, MS, &gaps));
    let summary = run.end().summary();
    let itl = &whole(&summary).series[&Metric::Itl];
    for (statistic, expected) in [(Statistic::P50, 0.5), (Statistic::P99, 0.99), (Statistic::Max, 1.0)] {
        let value = itl.judged(statistic).expect("a thousand gaps");
        assert!((value / expected - 1.0).abs() < 1e-3, "{statistic:?} {value}");
    }
}

#[test]
fn an_answer_without_a_stream_has_an_end_and_no_first_token() {
    let mut plan = plan(&["chat"], vec![closed("load", 1, 2)]);
    plan.endpoints[0].stream = false;
    let mut run = Run::new(plan);
    run.start(1, 0);
    let (mut record, _) = answer(0, SEC, &[]);
    (record.first_token_ns, record.first_content_ns, record.last_token_ns) = (None, None, None);
    (record.chunks, record.output_tokens) = (0, Some(50));
    run.push_user(1, 0, (record, Vec::new()));
    run.push_user(1, 0, failure(SEC, SEC, Outcome::HttpError));
    let summary = run.end().summary();
    let scope = whole(&summary);
    assert_eq!(sorted(scope, Metric::E2e), [1.0]);
    for metric in [Metric::Ttft, Metric::Tpot, Metric::Itl, Metric::TokensPerChunk] {
        assert!(!scope.series.contains_key(&metric), "{metric:?}");
    }
    // all 50 tokens at the end, which lies inside the two seconds
    close(scope.value(Metric::OutputTokensPerSecond, None), 25.0);
}

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
    let mut run = Run::new(plan(&["chat"], vec![closed("load", 2, 5)]));
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
fn failures_are_infinite_in_judged_percentiles_and_absent_from_the_rest() {
    let mut run = one_user(10);
    for i in 0..9 {
        run.push_user(1, 0, answer(i * SEC, SEC, &[]));
    }
    run.push_user(1, 0, failure(9 * SEC, SEC, Outcome::Timeout));
    let summary = run.end().summary();
    let scope = whole(&summary);
    let e2e = &scope.series[&Metric::E2e];
    assert_eq!((e2e.count(), e2e.failed, e2e.mean), (9, 1, 1.0));
    assert_eq!(e2e.judged(Statistic::P90), Some(1.0));
    assert_eq!(e2e.judged(Statistic::P95), Some(f64::INFINITY));
    assert_eq!(e2e.of_successes(Statistic::P95), Some(1.0));
    close(scope.value(Metric::ErrorRate, None), 0.1);
    close(scope.value(Metric::TimeoutRate, None), 0.1);
    close(scope.value(Metric::ContentionErrorRate, None), 0.1);
    // a failed speed is 0, at the other end
    assert_eq!(scope.series[&Metric::DecodeTokensPerSecond].worst, 0.0);
}

#[test]
fn contention_is_timeouts_429_and_503() {
    let mut run = one_user(8);
    for (i, outcome) in [
        Outcome::Timeout,
        Outcome::RateLimited,
        Outcome::Overloaded,
        Outcome::Overloaded,
        Outcome::HttpError,
        Outcome::Truncated,
    ]
    .into_iter()
    .enumerate()
    {
        run.push_user(1, 0, failure(i as u64 * SEC, SEC, outcome));
    }
    run.push_user(1, 0, answer(6 * SEC, SEC, &[]));
    run.push_user(1, 0, answer(7 * SEC, SEC, &[]));
    let summary = run.end().summary();
    let scope = whole(&summary);
    close(scope.value(Metric::ErrorRate, None), 6.0 / 8.0);
    close(scope.value(Metric::TimeoutRate, None), 1.0 / 8.0);
    close(scope.value(Metric::ContentionErrorRate, None), 4.0 / 8.0);
    assert_eq!(summary.failures[0].outcome, Outcome::Overloaded);
    assert_eq!(
        (summary.failures[0].count, summary.failures[0].status, &*summary.failures[0].first_error),
        (2, Some(503), "it was overloaded")
    );
}

#[test]
fn when_everything_fails_there_is_no_zero_anywhere() {
    let mut run = one_user(5);
    for i in 0..5 {
        run.push_user(1, 0, failure(i * SEC, SEC, Outcome::ConnectFailed));
    }
    let summary = run.end().summary();
    let scope = whole(&summary);
    let ttft = &scope.series[&Metric::Ttft];
    assert_eq!((ttft.count(), ttft.failed, ttft.of_successes(Statistic::P50)), (0, 5, None));
    assert_eq!(ttft.judged(Statistic::P50), Some(f64::INFINITY));
    assert_eq!(ttft.judged(Statistic::Mean), None);
    assert_eq!(
        scope.rates.keys().copied().collect::<Vec<_>>(),
        [Metric::ErrorRate, Metric::TimeoutRate, Metric::ContentionErrorRate]
    );
    close(scope.value(Metric::ErrorRate, None), 1.0);
    assert!(!scope.series.contains_key(&Metric::SendLag), "nothing was sent");
}

#[test]
fn nothing_sent_leaves_no_window_and_no_numbers() {
    let summary = one_user(5).end().summary();
    let scope = whole(&summary);
    assert_eq!(scope.window, None);
    assert!(scope.series.is_empty() && scope.rates.is_empty());
    assert_eq!(summary.timeline.slices, []);
}

#[test]
fn the_clients_own_times_survive_the_servers_failures() {
    let mut run = Run::new(plan(&["chat"], vec![open("load", 1.0, 10)]));
    run.start(1, 0);
    run.push(1, failure(SEC, SEC, Outcome::Overloaded)).sent_ns = Some(SEC + MS);
    run.push(1, failure(2 * SEC, SEC, Outcome::NotSent));
    run.push(1, failure(3 * SEC, SEC, Outcome::ConnectFailed)).queue_wait_ns = MS;
    let summary = run.end().summary();
    let scope = whole(&summary);
    let lag = &scope.series[&Metric::SendLag];
    assert_eq!((sorted(scope, Metric::SendLag), lag.failed), (vec![0.001], 1));
    let queue = &scope.series[&Metric::QueueWait];
    assert_eq!((sorted(scope, Metric::QueueWait), queue.failed), (vec![0.0, 0.001], 1));
    assert_eq!(scope.series[&Metric::E2e].failed, 3);
}

#[test]
fn a_closed_loop_has_no_queue_to_wait_in() {
    let mut run = one_user(1);
    run.push_user(1, 0, answer(0, SEC, &[]));
    assert!(!whole(&run.end().summary()).series.contains_key(&Metric::QueueWait));
}

#[test]
fn one_token_has_no_speed_and_all_at_once_has_none_either() {
    let mut run = one_user(2);
    run.push_user(1, 0, answer(0, SEC, &[]));
    run.push_user(1, 0, answer(SEC, SEC, &[])).output_tokens = Some(5);
    let summary = run.end().summary();
    let scope = whole(&summary);
    assert_eq!(sorted(scope, Metric::Tpot), [0.0]);
    assert!(!scope.series.contains_key(&Metric::DecodeTokensPerSecond));
    assert!(!scope.series.contains_key(&Metric::Itl));
}

#[test]
fn spikes_by_both_estimators() {
    let mut run = one_user(100);
    // 95 at 1.00 to 1.94 s, 5 at 10 s: mean 1.90 and σ 1.89 put the limit at 7.6; median 1.50 and MAD 0.25 at 2.6
    for i in 0..100_u64 {
        let took = if i < 95 { SEC + i * 10 * MS } else { 10 * SEC };
        run.push_user(1, 0, answer(i * 20 * SEC, took, &[]));
    }
    let summary = run.end().summary();
    let scope = whole(&summary);
    close(scope.value(Metric::SpikeRate, None), 0.05);
    close(scope.value(Metric::SpikeRateMad, None), 0.05);
}

#[test]
fn the_robust_spike_limit_is_the_published_one() {
    // median 2, distances 0 0 and seven of 1 or more: the median distance is 1
    let limit = 2.0 + 3.0 * 1.4826;
    for (outlier, expected) in [(limit - 1e-6, 0.0), (limit + 1e-6, 1.0 / 9.0)] {
        let mut run = one_user(9);
        for (i, took) in [1.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 3.0, outlier].into_iter().enumerate() {
            let took = (took * 1e9_f64).round() as u64;
            run.push_user(1, 0, answer(i as u64 * 20 * SEC, took, &[]));
        }
        close(whole(&run.end().summary()).value(Metric::SpikeRateMad, None), expected);
    }
}

#[test]
fn no_spread_is_no_robust_spike_rate() {
    let mut run = one_user(3);
    for i in 0..3 {
        run.push_user(1, 0, answer(i * SEC, SEC, &[]));
    }
    let summary = run.end().summary();
    let scope = whole(&summary);
    assert_eq!(scope.value(Metric::SpikeRateMad, None), None);
    close(scope.value(Metric::SpikeRate, None), 0.0);
    // and of a single answer there is no deviation at all
    let mut run = one_user(1);
    run.push_user(1, 0, answer(0, SEC, &[]));
    assert_eq!(whole(&run.end().summary()).value(Metric::SpikeRate, None), None);
}

/// Two endpoints, a warm-up, and a ladder of two levels.
fn ladder() -> Run {
    let mut warm_up = closed("warmup", 1, 1);
    load(&mut warm_up).measure = false;
    let levels = [level(closed("ladder", 1, 2), "users=1"), level(closed("ladder", 2, 4), "users=2")];
    let [one, two] = levels;
    let mut run = Run::new(plan(&["big", "small"], vec![warm_up, one, two]));
    run.start(1, 0);
    run.push_user(1, 0, answer(0, SEC, &[]));
    run.finish(1, SEC);
    run.start(2, SEC);
    run.push_to(2, 0, Some(0), answer(SEC, SEC, &[SEC]));
    run.push_to(2, 1, Some(0), answer(3 * SEC, SEC, &[]));
    run.finish(2, 4 * SEC);
    run.start(3, 10 * SEC);
    run.push_to(3, 0, Some(0), answer(10 * SEC, SEC, &[SEC]));
    run.push_to(3, 1, Some(1), answer(10 * SEC, SEC, &[]));
    run.push_to(3, 1, Some(1), answer(11 * SEC, SEC, &[]));
    run.push_to(3, 0, Some(0), failure(12 * SEC, SEC, Outcome::HttpError));
    run.end()
}

#[test]
fn scopes_come_in_the_order_of_the_plan_the_whole_before_its_parts() {
    let summary = ladder().summary();
    let list: Vec<String> = summary
        .scopes
        .iter()
        .map(|scope| {
            let Window { from_s, to_s, length_s } = scope.window.expect("all ran");
            format!(
                "{}: measured {}, explores {}, users {:?}, {from_s}..{to_s} = {length_s} s, {} of {} due, {:.3?} req/s, {:.3?} tok/s",
                scope.key,
                scope.measured,
                scope.explores,
                scope.users,
                scope.counts.due,
                scope.counts.issued,
                scope.rates.get(&Metric::RequestsPerSecond),
                scope.rates.get(&Metric::OutputTokensPerSecond),
            )
        })
        .collect();
    insta::assert_snapshot!(list.join("\n"), @r#"
warmup: measured false, explores false, users Some(1), 0..1 = 1 s, 1 of 1 due, Some(1.000) req/s, Some(1.000) tok/s
warmup · big: measured false, explores false, users Some(1), 0..1 = 1 s, 1 of 1 due, Some(1.000) req/s, Some(1.000) tok/s
warmup · small: measured false, explores false, users Some(1), 0..1 = 1 s, 0 of 0 due, None req/s, None tok/s
ladder: measured true, explores true, users None, 1..12 = 5 s, 6 of 6 due, Some(1.000) req/s, Some(1.400) tok/s
ladder · users=1: measured true, explores true, users Some(1), 1..4 = 3 s, 2 of 2 due, Some(0.667) req/s, Some(1.000) tok/s
ladder · users=2: measured true, explores true, users Some(2), 10..12 = 2 s, 4 of 4 due, Some(1.500) req/s, Some(2.000) tok/s
ladder · big: measured true, explores true, users None, 1..12 = 5 s, 3 of 3 due, Some(0.400) req/s, Some(0.800) tok/s
ladder · small: measured true, explores true, users None, 1..12 = 5 s, 3 of 3 due, Some(0.600) req/s, Some(0.600) tok/s
ladder · users=1 · big: measured true, explores true, users Some(1), 1..4 = 3 s, 1 of 1 due, Some(0.333) req/s, Some(0.667) tok/s
ladder · users=1 · small: measured true, explores true, users Some(1), 1..4 = 3 s, 1 of 1 due, Some(0.333) req/s, Some(0.333) tok/s
ladder · users=2 · big: measured true, explores true, users Some(2), 10..12 = 2 s, 2 of 2 due, Some(0.500) req/s, Some(1.000) tok/s
ladder · users=2 · small: measured true, explores true, users Some(2), 10..12 = 2 s, 2 of 2 due, Some(1.000) req/s, Some(1.000) tok/s
"#);
}

#[test]
fn warm_up_is_marked_and_counts_nowhere_else() {
    let run = ladder();
    let summary = run.summary();
    let warm_up = whole(&summary);
    assert!(!warm_up.measured);
    assert_eq!(warm_up.counts.ok(), 1);
    assert_eq!(summary.points.len(), 6);
    assert!(summary.points.iter().all(|point| point.phase == "ladder"));
    let ladder = summary.scope(&phase("ladder")).expect("a phase");
    assert_eq!(ladder.counts.due, 6);
    assert_eq!((ladder.users, ladder.offered_rate), (None, None));
}

#[test]
fn an_open_endpoint_is_offered_its_share() {
    let mut step = open("load", 8.0, 10);
    load(&mut step).traffic = vec![
        crate::plan::Traffic { endpoint: 0, share: 0.25 },
        crate::plan::Traffic { endpoint: 1, share: 0.75 },
    ];
    let summary = Run::new(plan(&["a", "b"], vec![step])).end().summary();
    let offered: Vec<_> = summary.scopes.iter().map(|scope| scope.offered_rate).collect();
    assert_eq!(offered, [Some(8.0), Some(2.0), Some(6.0)]);
}

#[test]
fn keys_are_reduced_to_those_of_the_summary() {
    let plan: Plan = ladder().plan;
    for (asked, answered) in [
        (key("ladder", Some("users=2"), Some("big")), key("ladder", Some("users=2"), Some("big"))),
        (key("warmup", Some("warmup"), None), key("warmup", None, None)),
        (key("ladder", Some("users=7"), None), key("ladder", Some("users=7"), None)),
    ] {
        assert_eq!(scope_key(&plan, &asked), answered);
    }
    let single = one_user(1).plan;
    assert_eq!(scope_key(&single, &key("load", Some("load"), Some("chat"))), phase("load"));
    assert_eq!(scope_key(&single, &key("load", None, Some("other"))), key("load", None, Some("other")));
}

#[test]
fn requests_in_flight_at_a_kill_are_unknown() {
    let mut run = Run::new(plan(&["big", "small"], vec![open("load", 4.0, 10)]));
    run.start(1, 0);
    run.push_to(1, 0, None, answer(SEC, SEC, &[]));
    run.push_to(1, 1, None, answer(2 * SEC, SEC, &[]));
    run.diary.push(Diary::Issued { step: 1, at_ns: 2 * SEC, issued: 5, in_flight: 3, users: 0 });
    let summary = run.summary();
    assert_eq!(summary.ending, Ending::Killed);
    let account = &summary.accounts[0];
    assert_eq!((account.issued, account.records, account.unknown, account.scheduled), (5, 2, 3, None));
    let scope = whole(&summary);
    assert_eq!((scope.counts.issued, scope.counts.due, scope.counts.failed()), (5, 5, 3));
    close(scope.value(Metric::ErrorRate, None), 0.6);
    assert_eq!(scope.series[&Metric::Ttft].judged(Statistic::P90), Some(f64::INFINITY));
    // which endpoint they went to is not known
    let big = summary.scope(&key("load", None, Some("big"))).expect("one of two");
    assert_eq!((big.counts.due, big.counts.failed()), (1, 0));
    assert_eq!((summary.failures[0].outcome, summary.failures[0].count), (Outcome::Unknown, 3));
    insta::assert_snapshot!(summary.notes.join("\n"), @"3 requests were in flight when the run was killed: they count as failed in their phase and step, and belong to no endpoint");
}

#[test]
fn a_number_that_was_used_was_issued_even_if_the_diary_lags() {
    let mut run = Run::new(plan(&["chat"], vec![closed("load", 4, 100)]));
    run.start(1, 0);
    run.push_user(1, 0, answer(0, SEC, &[])).seq = 100_007;
    let summary = run.summary();
    assert_eq!((summary.accounts[0].issued, summary.accounts[0].unknown), (8, 7));
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
fn the_diary_tells_how_a_run_ended() {
    let stopping = |cause| Diary::Stopping { at_ns: 1, cause };
    let ended = Diary::RunEnded { at_ns: 2 };
    for (diary, ending) in [
        (vec![], Ending::Killed),
        (vec![ended.clone()], Ending::Completed),
        (vec![stopping(StopCause::Interrupt)], Ending::Killed),
        (
            vec![stopping(StopCause::Interrupt), stopping(StopCause::Cancel), ended.clone()],
            Ending::Stopped(StopCause::Interrupt),
        ),
        (vec![stopping(StopCause::Recorder), ended], Ending::Stopped(StopCause::Recorder)),
    ] {
        assert_eq!(Ending::of(&diary), ending, "{diary:?}");
    }
}

#[test]
fn accounts_name_every_outcome_and_every_contradiction() {
    let mut run = Run::new(plan(&["chat"], vec![open("load", 4.0, 10)]));
    run.start(1, 0);
    run.push(1, answer(0, SEC, &[]));
    run.push(1, failure(0, SEC, Outcome::NotSent));
    run.push(1, failure(0, SEC, Outcome::ConnectFailed));
    run.push(1, failure(0, SEC, Outcome::HttpError));
    let account = run.end().summary().accounts.remove(0);
    assert_eq!((account.records, account.sent, account.not_sent), (4, 3, 1));
    assert_eq!((account.ok(), account.failed(), account.answered), (1, 2, 2));
    assert_eq!((account.scheduled, account.issued, account.contradictions), (Some(4), 4, 0));

    let mut run = Run::new(plan(&["chat"], vec![open("load", 4.0, 10)]));
    run.start(1, 0);
    run.push(1, answer(0, SEC, &[])).sent_ns = None;
    run.push(1, failure(0, SEC, Outcome::NotSent)).sent_ns = Some(1);
    run.push(1, answer(0, SEC, &[])).seq = 100_000;
    run.push(1, answer(0, SEC, &[])).seq = 99_999;
    assert_eq!(run.end().summary().accounts[0].contradictions, 4);
}

#[test]
fn a_record_that_the_plan_does_not_know_is_refused() {
    let mut run = one_user(1);
    run.push_user(1, 0, answer(0, SEC, &[])).endpoint = "ghost".to_owned();
    let error = summarize(&run.plan, &run).expect_err("no such endpoint");
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    insta::assert_snapshot!(error, @"record 100000 is of step 1 and endpoint `ghost`, which the plan lacks");
}

#[test]
fn notes_tell_of_missing_usage_short_answers_and_replaced_connections() {
    let mut run = one_user(3);
    run.push_user(1, 0, answer(0, SEC, &[MS])).token_source = TokenSource::Chunks;
    run.push_user(1, 0, answer(2 * SEC, SEC, &[MS])).requested_output_tokens = 6;
    run.push_user(1, 0, answer(4 * SEC, SEC, &[MS])).attempts = 2;
    let summary = run.end().summary();
    let scope = whole(&summary);
    assert_eq!(scope.counts.replaced_connections, 1);
    assert_eq!((scope.tokens.output, scope.tokens.requested, scope.tokens.from_chunks), (6, 10, 1));
    // chunks counted as tokens say nothing about tokens per chunk
    assert_eq!(sorted(scope, Metric::TokensPerChunk), [1.0, 1.0]);
    insta::assert_snapshot!(summary.notes.join("\n"), @r#"
`chat`: 1 of 3 answers carried no `usage`; their output tokens are the number of chunks
`chat`: answers were shorter than asked: 6 of 10 output tokens, 60.0 %
`chat`: 1 of 3 requests replaced a pooled connection that had died
"#);
}

#[test]
fn lost_chunk_times_are_spread_and_noted() {
    let mut run = Run::new(plan(&["chat"], vec![open("load", 1.0, 10)]));
    run.start(1, 0);
    // 5 tokens at 1, 2, 3, 4 and 5 s; the last due time is 3 s
    let (record, _) = answer(0, SEC, &[SEC; 4]);
    run.push(1, (record, Vec::new()));
    run.push(1, failure(3 * SEC, MS, Outcome::HttpError));
    let summary = run.end().summary();
    close(whole(&summary).value(Metric::OutputTokensPerSecond, None), 1.0);
    assert!(!matches!(whole(&summary).series[&Metric::Itl].values, Values::Histogram(_)));
    insta::assert_snapshot!(summary.notes.join("\n"), @"`chat`: streamed answers whose chunk times are lost: 1; their tokens are spread evenly and they have no gaps");
}

#[test]
fn the_timeline_adds_up() {
    let run = ladder();
    let timeline = run.summary().timeline;
    assert_eq!((timeline.slice_s, timeline.slices.len()), (1.0, 13));
    let phases: Vec<&str> = timeline.slices.iter().map(|slice| slice.phase.as_str()).collect();
    assert_eq!(
        phases,
        ["warmup", "ladder", "ladder", "ladder", "", "", "", "", "", "", "ladder", "ladder", "ladder"]
    );
    let tokens: f64 = timeline.slices.iter().flat_map(|slice| slice.output_tokens.values()).sum();
    let sent: u64 = run.records.iter().filter_map(|(record, _)| record.output_tokens).sum();
    close(Some(tokens), sent as f64);
    assert_eq!(timeline.slices.iter().map(|slice| slice.due).sum::<u64>(), 7);
    assert_eq!(timeline.slices.iter().map(|slice| slice.completed).sum::<u64>(), 6);
    assert_eq!(timeline.slices.iter().map(|slice| slice.failed).sum::<u64>(), 1);
    let in_flight: Vec<f64> = timeline.slices.iter().map(|slice| slice.in_flight).collect();
    assert_eq!(in_flight, [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 2.0, 1.0]);
}

proptest::proptest! {
    /// Records come in the order in which requests ended, which is an accident.
    #[test]
    fn the_order_of_writing_changes_nothing(
        takes in proptest::collection::vec(1..5_u64, 1..20),
        order in proptest::prelude::any::<u64>(),
    ) {
        let mut run = Run::new(plan(&["big", "small"], vec![open("load", 1.0, 20)]));
        run.start(1, 0);
        for (i, took) in takes.iter().enumerate() {
            let request = match took {
                4 => failure(i as u64 * SEC, SEC, Outcome::Timeout),
                took => answer(i as u64 * SEC, took * SEC, &[took * SEC]),
            };
            run.push_to(1, i % 2, None, request);
        }
        let mut run = run.end();
        let before = run.summary();
        run.records.sort_by_key(|(record, _)| record.seq.wrapping_mul(order | 1));
        let after = run.summary();
        for (before, after) in before.scopes.iter().zip(&after.scopes) {
            assert_eq!((&before.window, &before.counts, &before.tokens), (&after.window, &after.counts, &after.tokens));
            assert_eq!(before.rates, after.rates);
            for (metric, series) in &before.series {
                let other = &after.series[metric];
                assert_eq!((series.count(), series.failed), (other.count(), other.failed));
                assert_eq!(series.judged(Statistic::P50), other.judged(Statistic::P50));
            }
        }
        assert_eq!(before.points, after.points);
        assert_eq!(before.timeline.slices, after.timeline.slices);
        assert_eq!(before.accounts, after.accounts);
    }
}

#[test]
fn a_long_run_has_at_most_six_hundred_slices() {
    for (end_s, slice_s, slices) in [(600, 1.0, 600), (601, 2.0, 301), (3600, 6.0, 600), (86_400, 144.0, 600)]
    {
        let mut run = one_user(1);
        run.push_user(1, 0, answer(0, SEC, &[(end_s - 1) * SEC]));
        let timeline = run.end().summary().timeline;
        assert_eq!((timeline.slice_s, timeline.slices.len()), (slice_s, slices), "{end_s}");
        assert!(timeline.slices.iter().all(|slice| (slice.in_flight - 1.0).abs() < 1e-9));
    }
}

#[test]
fn points_are_thinned_evenly_and_sorted() {
    for (requests, kept) in [(4000, 4000), (4001, 2001), (10_000, 3334)] {
        let mut run = Run::new(plan(&["chat"], vec![open("load", 1000.0, 10)]));
        run.start(1, 0);
        for i in 0..requests {
            run.push(1, answer(i * MS, MS, &[]));
        }
        run.records.reverse();
        let points = run.end().summary().points;
        assert_eq!(points.len(), kept);
        let step = points[1].seq - points[0].seq;
        assert!(points.windows(2).all(|pair| pair[1].seq - pair[0].seq == step));
    }
}

#[test]
fn the_offered_load_is_the_area_under_the_rate() {
    let mut step = open("load", 1.0, 1);
    let stage = |from, to, seconds| crate::config::Stage { from, to, over: Duration::from_secs(seconds) };
    let stages = vec![stage(1.0, 21.0, 10), stage(21.0, 21.0, 10)];
    assert_eq!(mean_rate(&stages), Some(16.0));
    load(&mut step).pattern =
        Pattern::Open { arrivals: crate::config::Arrivals::Constant, stages, concurrency_limit: None };
    for (requests, seconds, expected) in [
        (None, None, 320.0),
        (None, Some(5), 30.0),
        (None, Some(20), 320.0),
        (Some(100), Some(20), 100.0),
        (Some(1000), Some(20), 320.0),
        (Some(1000), None, 1000.0),
    ] {
        let load = load(&mut step);
        (load.requests, load.duration) = (requests, seconds.map(Duration::from_secs));
        assert_eq!(expected_arrivals(load), Some(expected), "{requests:?} {seconds:?}");
    }
    assert_eq!(expected_arrivals(load(&mut closed("load", 1, 5))), None);
}
