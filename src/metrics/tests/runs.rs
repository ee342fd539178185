//! Whole runs: scopes, accounts, notes, timeline, points.

use super::*;
use crate::{
    plan::Plan,
    record::{StopCause, TokenSource},
};

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
    assert_eq!((scope.counts.issued, scope.counts.due, scope.counts.cut_off), (5, 2, 3));
    // how they would have ended is not known, so they spoil nothing
    close(scope.value(Metric::ErrorRate, None), 0.0);
    assert_eq!(scope.series[&Metric::Ttft].failed, 0);
    // which endpoint they went to is not known
    let big = summary.scope(&key("load", None, Some("big"))).expect("one of two");
    assert_eq!((big.counts.due, big.counts.failed()), (1, 0));
    let failure = &summary.failures[0];
    assert_eq!((failure.outcome, failure.count, failure.counted), (Outcome::Unknown, 3, 0));
    insta::assert_snapshot!(summary.notes.join("\n"), @"3 requests were in flight when the run was killed: nobody knows how they would have ended, so no share and no percentile counts them");
}

#[test]
fn what_a_stop_cut_off_is_no_failure_and_what_a_drain_cut_off_is() {
    let cut = |due_ns, end_ns| {
        let (mut record, chunks) = answer(due_ns, SEC, &[]);
        (record.outcome, record.end_ns) = (Outcome::Cancelled, end_ns);
        (record, chunks)
    };
    let mut run = Run::new(plan(&["chat"], vec![open("load", 4.0, 10)]));
    run.start(1, 0);
    run.push_to(1, 0, None, answer(SEC, SEC, &[]));
    run.push_to(1, 0, None, cut(2 * SEC, 4 * SEC));
    run.push_to(1, 0, None, cut(2 * SEC, 6 * SEC));
    run.diary.push(Diary::Stopping { at_ns: 5 * SEC, cause: StopCause::Interrupt });
    run.diary.push(Diary::RunEnded { at_ns: 6 * SEC });
    let summary = run.summary();
    let counts = &whole(&summary).counts;
    assert_eq!((counts.issued, counts.due, counts.failed(), counts.cut_off), (3, 2, 1, 1));
    assert_eq!((summary.failures[0].count, summary.failures[0].counted), (2, 1));
}

#[test]
fn what_waited_in_the_queue_at_a_stop_is_no_failure() {
    let mut run = Run::new(plan(&["chat"], vec![limited(open("load", 4.0, 10), 1)]));
    run.start(1, 0);
    run.push(1, answer(SEC, SEC, &[]));
    // both are due before the stop, and the second one's wait ended before it
    for wait_ns in [4 * SEC, 2 * SEC] {
        let waiting = run.push(1, failure(2 * SEC, wait_ns, Outcome::NotSent));
        waiting.queue_wait_ns = wait_ns;
    }
    run.diary.push(Diary::Stopping { at_ns: 5 * SEC, cause: StopCause::Interrupt });
    let summary = run.end().summary();
    let counts = &whole(&summary).counts;
    assert_eq!((counts.issued, counts.due, counts.failed(), counts.cut_off), (3, 2, 1, 1));
    let failed: u64 = summary.timeline.slices.iter().map(|slice| slice.failed).sum();
    assert_eq!(failed, 1, "neither is it a failure in a chart over time");
}

#[test]
fn what_a_ceiling_refused_is_no_failure() {
    let counts = |cause| {
        let mut run = Run::new(plan(&["chat"], vec![closed("load", 1, 10)]));
        run.start(1, 0);
        run.push_user(1, 0, answer(SEC, SEC, &[]));
        // its record ends when it was due, a hair before the run is told to stop
        run.push_user(1, 0, failure(2 * SEC, 0, Outcome::NotSent));
        run.push_user(1, 0, failure(2 * SEC, 0, Outcome::ConnectFailed));
        run.diary.push(Diary::Stopping { at_ns: 2 * SEC + 1, cause });
        let summary = run.end().summary();
        let counts = &whole(&summary).counts;
        (counts.issued, counts.due, counts.failed(), counts.cut_off)
    };
    assert_eq!(counts(StopCause::RequestCeiling), (3, 2, 1, 1));
    assert_eq!(counts(StopCause::DurationCeiling), (3, 2, 1, 1));
    assert_eq!(counts(StopCause::Interrupt), (3, 3, 2, 0));
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
    insta::assert_snapshot!(summary.notes.join("\n"), @r"
    `load`: its window is shorter than any answer took, so it has no requests per second
    `chat`: streamed answers whose chunk times are lost: 1; their tokens are spread evenly and they have no gaps
    ");
}

#[test]
fn the_timeline_adds_up() {
    let run = ladder();
    let timeline = run.summary().timeline;
    assert_eq!((timeline.slice_s, timeline.slices.len()), (1.0, 13));
    let phases: Vec<String> = timeline.slices.iter().map(|slice| slice.phases.join("+")).collect();
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
        let step = points[1].place - points[0].place;
        assert!(points.windows(2).all(|pair| pair[1].place - pair[0].place == step));
    }
}
