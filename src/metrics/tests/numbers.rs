//! Each metric by its definition.

use super::*;

#[test]
fn every_latency_is_its_definition_to_the_nanosecond() {
    let mut run = Run::new(plan(&["chat"], vec![limited(open("load", 1.0, 10), 5)]));
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
fn tokens_that_nobody_counted_are_not_none() {
    let whole_answer = |due_ns, tokens, requested| {
        let (mut record, _) = answer(due_ns, SEC, &[]);
        (record.first_token_ns, record.first_content_ns, record.last_token_ns) = (None, None, None);
        (record.chunks, record.output_tokens) = (0, tokens);
        record.requested_output_tokens = requested;
        (record, Vec::new())
    };
    let speed = |tokens: [Option<u64>; 2], requested| {
        let mut plan = plan(&["chat"], vec![closed("load", 1, 2)]);
        plan.endpoints[0].stream = false;
        let mut run = Run::new(plan);
        run.start(1, 0);
        for (i, tokens) in (0..).zip(tokens) {
            run.push_user(1, 0, whole_answer(i * SEC, tokens, requested));
        }
        let summary = run.end().summary();
        (whole(&summary).value(Metric::OutputTokensPerSecond, None), summary.notes)
    };
    let (unknown, notes) = speed([None, None], 50);
    assert_eq!(unknown, None);
    assert_eq!(notes, ["`chat`: 2 of 2 answers told no token counts; their output tokens are in no rate"]);
    assert_eq!(speed([Some(50), None], 50).0, Some(25.0));
    assert_eq!(speed([Some(0), Some(0)], 50).0, Some(0.0));
    // vectors, say: there is nothing to count, and nothing to tell of it
    assert_eq!(speed([None, None], 0), (None, Vec::new()));
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
    let mut run = Run::new(plan(&["chat"], vec![limited(open("load", 1.0, 10), 5)]));
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
fn without_a_limit_of_the_plan_there_is_no_queue_to_wait_in() {
    for step in [open("load", 1.0, 10), closed("load", 1, 1)] {
        let mut run = Run::new(plan(&["chat"], vec![step]));
        run.start(1, 0);
        run.push_user(1, 0, answer(0, SEC, &[]));
        assert!(!whole(&run.end().summary()).series.contains_key(&Metric::QueueWait));
    }
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
