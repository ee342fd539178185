//! What meets the objectives, and what tokens cost.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::{Objective, Price};

/// Objectives by metric, in milliseconds.
fn objectives(limits: &[(Metric, u64)]) -> Vec<Objective> {
    let objective =
        |(metric, ms): &(Metric, u64)| Objective { metric: *metric, at_most: Duration::from_millis(*ms) };
    limits.iter().map(objective).collect()
}

#[test]
fn a_request_meets_every_objective_or_not() {
    let (good, chunks) = answer(SEC, 200 * MS, &[20 * MS, 60 * MS]);
    let of = |limits: &[(Metric, u64)], record: &Record, chunks: &[u64]| {
        objectives_met(Some(&objectives(limits)), record, chunks).expect("there are objectives")
    };
    for (limits, met) in [
        (vec![(Metric::Ttft, 200)], true),
        (vec![(Metric::Ttft, 199)], false),
        // 80 ms over the two tokens after the first
        (vec![(Metric::Tpot, 40)], true),
        (vec![(Metric::Tpot, 39)], false),
        (vec![(Metric::Itl, 60)], true),
        (vec![(Metric::Itl, 59)], false),
        (vec![(Metric::E2e, 280)], true),
        (vec![(Metric::E2e, 279)], false),
        (vec![(Metric::Ttft, 200), (Metric::E2e, 279)], false),
        (vec![(Metric::Ttft, 200), (Metric::E2e, 280), (Metric::Ttfc, 200)], true),
    ] {
        assert_eq!(of(&limits, &good, &chunks), met, "{limits:?}");
    }
    assert_eq!(objectives_met(None, &good, &chunks), None);
    assert!(of(&[], &good, &chunks), "nothing is asked of it, though of others");

    let chunks_of_good = chunks;
    // one token has no time per token and no gap
    let (single, chunks) = answer(SEC, 200 * MS, &[]);
    assert!(of(&[(Metric::Tpot, 1), (Metric::Itl, 1)], &single, &chunks));
    // without a stream there is nothing but the end
    let mut whole = single.clone();
    (whole.first_token_ns, whole.first_content_ns, whole.last_token_ns, whole.chunks) = (None, None, None, 0);
    assert!(of(&[(Metric::Ttft, 1), (Metric::Ttfc, 1), (Metric::E2e, 200)], &whole, &[]));
    assert!(!of(&[(Metric::E2e, 199)], &whole, &[]));
    // an answer that is all reasoning never came to its content
    let thought = Record { first_content_ns: None, ..good.clone() };
    assert!(!of(&[(Metric::Ttfc, 10_000)], &thought, &[]));
    // those of several answers at once are none of one
    let several = Record { batch: 2, ..good.clone() };
    assert!(of(&[(Metric::Itl, 1)], &several, &chunks_of_good));
    // gaps that a crash took may have been long
    assert!(!of(&[(Metric::Itl, 10_000)], &good, &[]));
    let (failed, chunks) = failure(SEC, MS, Outcome::HttpError);
    assert!(!of(&[(Metric::E2e, 10_000)], &failed, &chunks));
    assert!(!of(&[], &failed, &chunks));
}

/// Two endpoints that a step asks in turn: `big` answers in 0.4 s and 0.6 s, `small` in 0.5 s, fails, and answers in 0.3 s.
fn two_endpoints() -> Run {
    let mut run = Run::new(plan(&["big", "small"], vec![open("load", 1.0, 10)]));
    run.start(1, 0);
    run.push_to(1, 0, None, answer(0, 400 * MS, &[]));
    run.push_to(1, 0, None, answer(SEC, 600 * MS, &[]));
    run.push_to(1, 1, None, answer(2 * SEC, 500 * MS, &[]));
    run.push_to(1, 1, None, failure(3 * SEC, 100 * MS, Outcome::Overloaded));
    // the last due time ends the window, and this answer comes after it
    run.push_to(1, 1, None, answer(4 * SEC, 300 * MS, &[]));
    run.end()
}

#[test]
fn goodput_is_what_met_them_over_the_window() {
    let mut run = two_endpoints();
    ask(&mut run.plan, &objectives(&[(Metric::Ttft, 500)]));
    let summary = run.summary();
    let scope = |endpoint| summary.scope(&key("load", None, endpoint)).expect("a scope");
    // 3 of 5 met it, and 2 of them ended within the 4 s
    assert_eq!(scope(None).counts.met, Some(Met { due: 3, completed_in_window: 2 }));
    close(scope(None).value(Metric::Goodput, None), 2.0 / 4.0);
    close(scope(None).value(Metric::RequestsPerSecond, None), 3.0 / 4.0);
    close(scope(None).value(Metric::ObjectivesMetRate, None), 3.0 / 5.0);
    close(scope(Some("big")).value(Metric::ObjectivesMetRate, None), 1.0 / 2.0);
    close(scope(Some("small")).value(Metric::Goodput, None), 1.0 / 4.0);
}

#[test]
fn each_endpoint_is_asked_for_its_own() {
    let mut run = two_endpoints();
    // of the window's 4 s; shares of 2 requests of `big`, 3 of `small`, 5 in all
    for (big, small, met, in_window) in [
        (vec![(Metric::Ttft, 500)], vec![(Metric::Ttft, 500)], [1, 2], [1, 1]),
        (vec![(Metric::Ttft, 600)], vec![(Metric::Ttft, 500)], [2, 2], [2, 1]),
        (vec![(Metric::Ttft, 399)], vec![(Metric::Ttft, 500)], [0, 2], [0, 1]),
        (vec![(Metric::Ttft, 600)], vec![(Metric::Ttft, 499), (Metric::E2e, 299)], [2, 0], [2, 0]),
        // nothing is asked of one of them, which is met by whatever did not fail
        (vec![(Metric::Ttft, 399)], vec![], [0, 2], [0, 1]),
        (vec![], vec![(Metric::E2e, 499)], [2, 1], [2, 0]),
    ] {
        run.plan.endpoints[0].objectives = objectives(&big);
        run.plan.endpoints[1].objectives = objectives(&small);
        let summary = run.summary();
        for (endpoint, due, met, in_window) in [
            (Some("big"), 2, met[0], in_window[0]),
            (Some("small"), 3, met[1], in_window[1]),
            (None, 5, met[0] + met[1], in_window[0] + in_window[1]),
        ] {
            let scope = summary.scope(&key("load", None, endpoint)).expect("a scope");
            let expected = Met { due: met, completed_in_window: in_window };
            assert_eq!(scope.counts.met, Some(expected), "{big:?} {small:?} {endpoint:?}");
            close(scope.value(Metric::ObjectivesMetRate, None), met as f64 / f64::from(due));
            close(scope.value(Metric::Goodput, None), in_window as f64 / 4.0);
        }
    }
}

#[test]
fn nothing_good_is_0_and_no_objectives_are_no_number() {
    let mut run = one_user(2);
    ask(&mut run.plan, &objectives(&[(Metric::E2e, 1)]));
    run.push_user(1, 0, answer(0, SEC, &[]));
    run.push_user(1, 0, failure(SEC, SEC, Outcome::HttpError));
    let mut run = run.end();
    let summary = run.summary();
    close(whole(&summary).value(Metric::Goodput, None), 0.0);
    close(whole(&summary).value(Metric::ObjectivesMetRate, None), 0.0);
    ask(&mut run.plan, &[]);
    let summary = run.summary();
    assert_eq!(whole(&summary).counts.met, None);
    for metric in [Metric::Goodput, Metric::ObjectivesMetRate] {
        assert_eq!(whole(&summary).value(metric, None), None);
    }
}

#[test]
fn what_the_tool_cut_off_met_nothing_and_missed_nothing() {
    let mut run = one_user(3);
    ask(&mut run.plan, &objectives(&[(Metric::E2e, 2_000)]));
    run.push_user(1, 0, answer(0, SEC, &[]));
    run.push_user(1, 0, failure(SEC, SEC, Outcome::Cancelled));
    let summary = run.interrupted().summary();
    close(whole(&summary).value(Metric::ObjectivesMetRate, None), 1.0);
}

#[test]
fn tokens_cost_what_the_hour_or_what_they_do() {
    let mut run = Run::new(plan(&["big", "small"], vec![open("load", 1.0, 4)]));
    run.start(1, 0);
    // 10 tokens in and 3 out each, all inside the 4 s but the last answer
    for second in 0..5 {
        let endpoint = second as usize % 2;
        run.push_to(1, endpoint, None, answer(second * SEC, 100 * MS, &[100 * MS, 100 * MS]));
    }
    let mut run = run.end();
    let cost = |run: &Run, endpoint| {
        let summary = run.summary();
        summary
            .scope(&key("load", None, endpoint))
            .expect("a scope")
            .value(Metric::CostPerMillionTokens, None)
    };
    assert_eq!(cost(&run, None), None);
    // 52 tokens in 4 s at 9 an hour, which is 0.01
    run.plan.price = Some(Price::PerHour(9.0));
    close(cost(&run, None), 0.01 / 52.0 * 1e6);
    assert_eq!(cost(&run, Some("big")), None, "the hour is not one endpoint's");
    run.plan.price = Some(Price::PerMillionTokens { input: 1.0, output: 4.0 });
    close(cost(&run, None), (40.0 + 4.0 * 12.0) / 52.0);
    close(cost(&run, Some("big")), (20.0 + 4.0 * 6.0) / 26.0);
    // one answer without its number of prompt tokens, and the whole is not known
    run.records[0].0.input_tokens = None;
    assert_eq!(cost(&run, None), None);
    assert!(run.summary().notes.iter().any(|note| note.contains("`big`: 1 of 3 answers do not say")));
}

#[test]
fn phases_side_by_side_share_the_hour() {
    let mut run =
        Run::new(plan(&["chat"], vec![open("host", 1.0, 8), open("guest", 1.0, 8), open("after", 1.0, 2)]));
    run.plan.price = Some(Price::PerHour(3600.0));
    // 13 tokens a second for 8 s, beside as many in its last 4 s
    run.start(1, 0);
    run.start(2, 4 * SEC);
    run.start(3, 10 * SEC);
    for second in 0..9 {
        run.push(1, answer(second * SEC, 100 * MS, &[100 * MS, 100 * MS]));
    }
    for second in 4..9 {
        run.push(2, answer(second * SEC, 100 * MS, &[100 * MS, 100 * MS]));
    }
    for second in 10..13 {
        run.push(3, answer(second * SEC, 100 * MS, &[100 * MS, 100 * MS]));
    }
    let run = run.end();
    let summary = run.summary();
    let paid = |phase: &str, tokens: f64| {
        let scope = summary.scope(&key(phase, None, None)).expect("a scope");
        scope.value(Metric::CostPerMillionTokens, None).expect("a cost") * tokens / 1e6
    };
    let (host, guest, after) = (paid("host", 104.0), paid("guest", 52.0), paid("after", 26.0));
    close(Some(host), 6.0);
    close(Some(guest), 2.0);
    close(Some(after), 2.0);
    // the platform was there for 8 s and 2 s
    close(Some(host + guest + after), 10.0);
}

#[test]
fn a_run_costs_all_its_time_or_all_its_tokens() {
    let mut warm_up = closed("warmup", 1, 1);
    load(&mut warm_up).measure = false;
    let mut run = Run::new(plan(&["chat"], vec![warm_up, open("load", 1.0, 4)]));
    run.start(1, SEC);
    run.push_user(1, 0, answer(SEC, SEC, &[SEC]));
    run.finish(1, 3 * SEC);
    run.start(2, 10 * SEC);
    // the second answer comes in the drain, and what failed did not say
    run.push(2, answer(11 * SEC, SEC, &[]));
    run.push(2, answer(13 * SEC, 8 * SEC, &[]));
    run.push(2, failure(13 * SEC, SEC, Outcome::HttpError)).input_tokens = None;
    let mut run = run.end();
    assert_eq!(run.summary().cost, None);
    run.plan.price = Some(Price::PerHour(3600.0));
    close(run.summary().cost, 20.0);
    // 10 tokens in each, and 2, 1 and 1 out
    run.plan.price = Some(Price::PerMillionTokens { input: 1e6, output: 1e7 });
    close(run.summary().cost, 30.0 + 40.0);
    run.records[1].0.output_tokens = None;
    assert_eq!(run.summary().cost, None);
    run.plan.price = Some(Price::PerHour(3600.0));
    close(run.summary().cost, 20.0);
    // a run that never began has cost nothing that is known
    let mut never = Run::new(plan(&["chat"], vec![open("load", 1.0, 4)])).end();
    never.plan.price = Some(Price::PerHour(1.0));
    assert_eq!(never.summary().cost, None);
}

#[test]
fn what_shares_the_hour_with_unknown_tokens_has_no_known_cost() {
    let mut run = Run::new(plan(&["chat"], vec![open("host", 1.0, 4), open("guest", 1.0, 4)]));
    run.plan.price = Some(Price::PerHour(1.0));
    for step in [1, 2] {
        run.start(step, 0);
        for second in 0..5 {
            run.push(step, answer(second * SEC, 100 * MS, &[]));
        }
    }
    let mut run = run.end();
    let cost = |run: &Run| {
        let summary = run.summary();
        summary.scope(&key("host", None, None)).expect("a scope").value(Metric::CostPerMillionTokens, None)
    };
    assert!(cost(&run).is_some());
    run.records.last_mut().expect("of the guest").0.input_tokens = None;
    assert!(cost(&run).is_some(), "it was read outside the window");
    run.records[5].0.input_tokens = None;
    assert_eq!(cost(&run), None);
    run.plan.price = Some(Price::PerMillionTokens { input: 1.0, output: 1.0 });
    close(cost(&run), 1.0);
}

proptest! {
    #[test]
    fn goodput_never_exceeds_the_rate_of_requests(
        requests in prop::collection::vec((0_u64..3_000, 0_u64..10), 1..60),
        limit_ms in 1_u64..2_000,
    ) {
        let mut run = Run::new(plan(&["chat"], vec![open("load", 10.0, 10)]));
        ask(&mut run.plan, &objectives(&[(Metric::E2e, limit_ms)]));
        run.start(1, 0);
        for (number, (ms, kind)) in requests.iter().enumerate() {
            let due_ns = number as u64 * 100 * MS;
            run.push(1, match kind {
                0 => failure(due_ns, ms * MS, Outcome::Timeout),
                _ => answer(due_ns, ms * MS, &[]),
            });
        }
        let summary = run.end().summary();
        let scope = whole(&summary);
        let rate = scope.value(Metric::RequestsPerSecond, None);
        let goodput = scope.value(Metric::Goodput, None);
        prop_assert_eq!(rate.is_some(), goodput.is_some());
        prop_assert!(goodput <= rate);
        let met = scope.value(Metric::ObjectivesMetRate, None).expect("requests are due");
        let failed = scope.value(Metric::ErrorRate, None).expect("requests are due");
        prop_assert!((0.0..=1.0).contains(&met) && met + failed <= 1.0 + 1e-12);
    }
}
