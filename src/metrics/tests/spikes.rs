//! Spikes one by one: against a simulated server whose queue is known, and by hand.

use super::*;
use crate::{
    config::{Arrivals, Faults, Sim},
    sim::{Request, Seen},
};

/// A server of one place that takes so long for each request.
fn one_place(service_s: f64, jitter: f64) -> Sim {
    Sim {
        prefill_tokens_per_second: 10_000.0,
        step_base_s: service_s,
        step_per_sequence_s: 0.0,
        max_batch: 1,
        kv_cache_tokens: None,
        jitter,
        overhead_s: 0.0,
        faults: Faults::default(),
    }
}

const ONE_TOKEN: Request = Request { prompt_tokens: 0, output_tokens: 1, stream: true };

/// The spikes of a load on a server, and what its requests have seen.
fn spikes_on(server: &Sim, seed: u64, load: Spiky, request: Request) -> (Vec<Spike>, Vec<Seen>) {
    let mut run = Run::new(plan(&["chat"], vec![spiky("stress", load)]));
    run.plan.seed = seed;
    let seen = run.play(1, SEC, server, request);
    let summary = run.end().summary();
    (whole(&summary).spikes.clone(), seen)
}

/// Loads on servers of known capacity, in requests per second, with few and with many requests in a spike.
fn loads() -> [(Sim, f64, Request, Spiky); 4] {
    let load = |rate, spike_rate, lasting, every| Spiky {
        arrivals: Arrivals::Constant,
        rate,
        every,
        lasting,
        spike_rate,
        spikes: 2,
    };
    let batch =
        Sim { step_base_s: 0.020, step_per_sequence_s: 0.000_5, max_batch: 8, ..one_place(0.02, 0.0) };
    let twenty = Request { output_tokens: 20, ..ONE_TOKEN };
    [
        (one_place(0.1, 0.0), 10.0, ONE_TOKEN, load(5.0, 30.0, 5.0, 60.0)),
        (one_place(0.02, 0.0), 50.0, ONE_TOKEN, load(20.0, 200.0, 2.0, 40.0)),
        (one_place(0.01, 0.0), 100.0, ONE_TOKEN, load(50.0, 200.0, 20.0, 120.0)),
        // eight places, each for 20 steps of 24 ms
        (batch, 8.0 / (20.0 * 0.024), twenty, load(5.0, 40.0, 10.0, 90.0)),
    ]
}

#[test]
fn recovery_is_the_time_in_which_the_backlog_drains() {
    for (server, capacity, request, load) in loads() {
        // the spike leaves (R − C) L requests behind, which go at C − r
        let truth = (load.spike_rate - capacity) * load.lasting / (capacity - load.rate);
        let (spikes, _) = spikes_on(&server, 1, load, request);
        assert_eq!(spikes.len(), 2);
        for spike in spikes {
            let Recovery { least_s, most_s } = spike.recovery.expect("requests around it");
            let gap = 1.0 / load.rate;
            assert!((least_s / truth - 1.0).abs() < 0.1, "{least_s} {truth} {load:?}");
            assert!(most_s >= least_s && most_s - least_s < 1.01 * gap, "{least_s} {most_s}");
        }
    }
}

/// Random arrivals and steps leave another backlog each time, so the truth is when the simulated queue was empty again.
#[test]
fn recovery_follows_the_queue_of_each_run() {
    let mut errors = Vec::new();
    for (server, _, request, load) in loads() {
        for seed in 1..=5 {
            let load = Spiky { arrivals: Arrivals::Poisson, ..load };
            let (spikes, seen) = spikes_on(&Sim { jitter: 0.3, ..server.clone() }, seed, load, request);
            for (spike, k) in spikes.iter().zip(1..) {
                let end_ns = ((load.every * f64::from(k) + load.lasting) * 1e9) as u64;
                // beside others a request waits for the step to end
                let step_ns = if server.max_batch > 1 { 48 * MS } else { 0 };
                let free = |one: &&Seen| one.queue_ns().is_some_and(|waited_ns| waited_ns <= step_ns);
                let empty = seen.iter().find(|one| one.arrived_ns >= end_ns && free(one));
                let truth = (empty.expect("it drains").arrived_ns - end_ns) as f64 / 1e9;
                let recovery_s = spike.recovery_s().expect("requests around it");
                errors.push(recovery_s / truth - 1.0);
                assert!(errors[errors.len() - 1].abs() < 0.1, "{seed} {recovery_s} {truth} {load:?}");
            }
        }
    }
    assert_eq!(errors.len(), 40);
}

#[test]
fn a_backlog_that_outlasts_the_calm_is_no_recovery() {
    let (server, _, request, load) = loads()[0].clone();
    // 450 requests left behind, of which 5 go in a second
    let load = Spiky { spike_rate: 100.0, every: 30.0, ..load };
    for seed in 1..=5 {
        for arrivals in [Arrivals::Constant, Arrivals::Poisson] {
            let (spikes, _) = spikes_on(&server, seed, Spiky { arrivals, ..load }, request);
            assert_eq!(spikes.len(), 2);
            for spike in &spikes {
                let recovery = spike.recovery.expect("requests around it");
                assert!(!recovery.happened() && (recovery.least_s - spike.watched_s).abs() < 1e-9);
                assert!((24.0..=25.0).contains(&spike.watched_s), "{}", spike.watched_s);
            }
            // what was never calm again is no before of the next one
            assert!(spikes[0].before.due > 100 && spikes[1].before.due == 0);
        }
    }
}

#[test]
fn a_spike_that_nobody_feels_needs_no_recovery() {
    let load = Spiky { arrivals: Arrivals::Poisson, every: 30.0, spikes: 4, ..loads()[0].3 };
    let each = (1..=10).flat_map(|seed| spikes_on(&one_place(0.001, 0.2), seed, load, ONE_TOKEN).0);
    let recoveries: Vec<f64> = each.map(|spike| spike.recovery_s().expect("requests around it")).collect();
    assert_eq!(recoveries.len(), 40);
    assert_eq!(recoveries, [0.0; 40]);
}

/// Ten requests a second with a spike of 20 a second from 10 s to 12 s, each as a function of when it is due in seconds.
fn by_hand(of: impl Fn(f64) -> (Record, Vec<u64>)) -> Run {
    let load = Spiky {
        arrivals: Arrivals::Constant,
        rate: 10.0,
        every: 10.0,
        lasting: 2.0,
        spike_rate: 20.0,
        spikes: 1,
    };
    let mut run = Run::new(plan(&["chat"], vec![spiky("stress", load)]));
    run.start(1, 0);
    let due = crate::plan::schedule::of_step(&run.plan.steps[1], 1).expect("an open step");
    for due_ns in due {
        run.push(1, of(due_ns as f64 / 1e9));
    }
    run
}

/// The moment in nanoseconds.
fn ns(seconds: f64) -> u64 {
    (seconds * 1e9).round() as u64
}

/// An answer of one token.
fn took(due_s: f64, ms: u64) -> (Record, Vec<u64>) {
    answer(ns(due_s), ms * MS, &[])
}

fn only_spike(run: Run) -> Spike {
    let summary = run.end().summary();
    assert_eq!(whole(&summary).spikes.len(), 1);
    whole(&summary).spikes[0].clone()
}

#[test]
fn each_part_of_a_spike_has_its_numbers() {
    let spike = only_spike(by_hand(|due_s| match due_s {
        10.0..11.0 => took(due_s, 300),
        11.0..12.0 => failure(ns(due_s), MS, Outcome::RateLimited),
        12.0..13.95 => took(due_s, 200),
        _ => took(due_s, 100),
    }));
    let Spike { from_s, to_s, before, during, after, latency, .. } = &spike;
    assert_eq!((*from_s, *to_s, *latency), (10.0, 12.0, Metric::Ttft));
    assert_eq!([before, during, after].map(|part| (part.due, part.lost)), [(100, 0), (40, 20), (80, 0)]);
    close(before.latency(Metric::Ttft, Statistic::P95), 0.1);
    close(during.latency(Metric::Ttft, Statistic::P50), 0.3);
    assert_eq!(during.latency(Metric::E2e, Statistic::P95), Some(f64::INFINITY));
    close(after.latency(Metric::E2e, Statistic::P95), 0.2);
    let Recovery { least_s, most_s } = spike.recovery.expect("requests around it");
    close(Some(least_s), 1.9);
    close(Some(most_s), 2.0);
}

#[test]
fn lost_requests_make_no_recovery_faster() {
    for outcome in [Outcome::Overloaded, Outcome::Timeout, Outcome::NotSent, Outcome::ConnectFailed] {
        let felt = |due_s: f64| (10.0..15.0).contains(&due_s);
        let slow = only_spike(by_hand(|due_s| took(due_s, if felt(due_s) { 900 } else { 100 })));
        let lost =
            only_spike(by_hand(
                |due_s| {
                    if felt(due_s) { failure(ns(due_s), MS, outcome) } else { took(due_s, 100) }
                },
            ));
        assert_eq!(lost.recovery, slow.recovery, "{outcome:?}");
        close(lost.recovery_s(), 2.9);
        assert_eq!((lost.during.lost, lost.after.lost, slow.after.lost), (40, 30, 0));
    }
}

#[test]
fn a_few_failures_before_leave_a_band() {
    let spike = only_spike(by_hand(|due_s| match due_s {
        10.0..14.0 => took(due_s, 900),
        _ if ns(due_s * 10.0).is_multiple_of(5 * SEC) => failure(ns(due_s), MS, Outcome::HttpError),
        _ => took(due_s, 100),
    }));
    assert_eq!(spike.before.lost, 20);
    // the request at 14.0 s failed, and so did not show that it was over
    close(spike.recovery_s(), 2.0);
}

#[test]
fn too_few_requests_tell_nothing() {
    let only = |kept: fn(f64) -> bool| {
        let mut run = by_hand(|due_s| took(due_s, 100));
        run.records.retain(|(record, _)| kept(record.due_ns as f64 / 1e9));
        only_spike(run).recovery
    };
    assert_eq!(only(|due_s| due_s > 9.55), None, "four before");
    assert!(only(|due_s| due_s > 9.45).is_some(), "five before");
    assert_eq!(only(|due_s| due_s < 12.05), None, "one after");
    assert!(only(|due_s| due_s < 12.15).is_some(), "two after");
}

#[test]
fn what_a_stop_cut_off_is_not_watched() {
    // all that is due from 13 s on takes three seconds, and at 16 s somebody stops the run
    let slow = |due_s: f64| took(due_s, if due_s < 13.0 { 100 } else { 3_000 });
    let whole = only_spike(by_hand(slow));
    close(Some(whole.watched_s), 7.9 + 1e-9);
    let mut run = by_hand(slow);
    run.records.retain(|(record, _)| record.due_ns < 16 * SEC);
    let stop = Diary::Stopping { at_ns: 16 * SEC, cause: crate::record::StopCause::Interrupt };
    let mut killed = Run::new(run.plan.clone());
    run.diary.push(stop);
    for (record, chunks) in &mut run.records {
        if record.end_ns > 16 * SEC {
            (record.outcome, record.end_ns) = (Outcome::Cancelled, 16 * SEC);
            (record.first_token_ns, record.last_token_ns, *chunks) = (None, None, Vec::new().into());
        } else {
            killed.records.push((record.clone(), chunks.clone()));
        }
    }
    // without what was slow: it went on until 13 s, and was fast as long as anything is known
    let stopped = only_spike(run);
    close(Some(stopped.watched_s), 1.0 + 1e-9);
    assert_eq!((stopped.after.due, stopped.after.lost), (11, 0));
    close(stopped.recovery_s(), 0.0);
    // a kill leaves no records of what was in flight
    killed.start(1, 0);
    killed.diary.push(Diary::Issued { step: 1, at_ns: 16 * SEC, issued: 180, in_flight: 30, users: 0 });
    let summary = killed.summary();
    assert_eq!(summary.ending, Ending::Killed);
    assert_eq!(super::whole(&summary).spikes, [stopped]);
}

#[test]
fn several_endpoints_have_recovered_when_the_last_has() {
    let load = Spiky {
        arrivals: Arrivals::Constant,
        rate: 20.0,
        every: 10.0,
        lasting: 2.0,
        spike_rate: 40.0,
        spikes: 1,
    };
    let mut run = Run::new(plan(&["slow", "fast"], vec![spiky("stress", load)]));
    run.start(1, 0);
    let due = crate::plan::schedule::of_step(&run.plan.steps[1], 1).expect("an open step");
    for (place, due_ns) in due.enumerate() {
        let due_s = due_ns as f64 / 1e9;
        // the one is back at 13 s and the other, ten times as slow at any time, at 16 s
        let (until_s, ms) = [(16.0, 1_000), (13.0, 100)][place % 2];
        let felt = (10.0..until_s - 1e-6).contains(&due_s);
        run.push_to(1, place % 2, None, answer(due_ns, (ms + if felt { ms } else { 0 }) * MS, &[]));
    }
    let summary = run.end().summary();
    let recovery_s = |endpoint: Option<&str>| {
        let scope = summary.scope(&key("stress", None, endpoint)).expect("a scope");
        scope.value(Metric::SpikeRecovery, Some(Statistic::Max)).expect("a recovery")
    };
    assert!((recovery_s(Some("slow")) - 4.0).abs() < 0.15, "{}", recovery_s(Some("slow")));
    assert!((recovery_s(Some("fast")) - 1.0).abs() < 0.15, "{}", recovery_s(Some("fast")));
    close(Some(recovery_s(None)), recovery_s(Some("slow")));
}

#[test]
fn only_what_is_due_in_spikes_is_in_their_series() {
    let run = by_hand(|due_s| if due_s < 10.0 { took(due_s, 100) } else { took(due_s, 200) });
    let summary = run.end().summary();
    let scope = whole(&summary);
    assert_eq!(sorted(scope, Metric::SpikeTtft), [0.2; 40]);
    assert_eq!(scope.series[&Metric::Ttft].count(), 220);
    // it went on to the end of the phase
    assert_eq!(scope.series[&Metric::SpikeRecovery].failed, 1);
    for statistic in [Statistic::Max, Statistic::Mean, Statistic::P50, Statistic::Min] {
        assert_eq!(scope.value(Metric::SpikeRecovery, Some(statistic)), Some(f64::INFINITY), "{statistic:?}");
    }
    let calm = one_user(1);
    assert!(whole(&calm.end().summary()).spikes.is_empty());
}

#[test]
fn what_was_stopped_before_it_was_over_is_not_known() {
    // slow from the spike on, and stopped soon after it
    let mut run = by_hand(|due_s| took(due_s, if due_s < 10.0 { 100 } else { 500 }));
    run.records.retain(|(record, _)| record.due_ns < 13 * SEC);
    run.diary.push(Diary::Stopping { at_ns: 13 * SEC, cause: crate::record::StopCause::Interrupt });
    let spike = only_spike(run);
    assert_eq!((spike.recovery, spike.during.due), (None, 40));
}

#[test]
fn a_spike_that_comes_while_a_step_settles_is_none() {
    let of = |settle_s: u64| {
        let mut run = by_hand(|due_s| took(due_s, 100));
        load(&mut run.plan.steps[1]).settle = std::time::Duration::from_secs(settle_s);
        whole(&run.end().summary()).spikes.len()
    };
    assert_eq!((of(9), of(11)), (1, 0));
}

#[test]
fn answers_that_have_no_first_token_are_lost_to_no_first_token() {
    let load = Spiky {
        arrivals: Arrivals::Constant,
        rate: 20.0,
        every: 10.0,
        lasting: 2.0,
        spike_rate: 40.0,
        spikes: 1,
    };
    let mut run = Run::new(plan(&["chat", "vectors"], vec![spiky("stress", load)]));
    run.plan.endpoints[1].stream = false;
    run.start(1, 0);
    let due = crate::plan::schedule::of_step(&run.plan.steps[1], 1).expect("an open step");
    for (place, due_ns) in due.enumerate() {
        let lost = place % 2 == 1 && (10 * SEC..12 * SEC).contains(&due_ns);
        let mut request =
            if lost { failure(due_ns, MS, Outcome::Overloaded) } else { answer(due_ns, 100 * MS, &[]) };
        if place % 2 == 1 {
            request.0.first_token_ns = None;
        }
        run.push_to(1, place % 2, None, request);
    }
    let spike = only_spike(run);
    assert_eq!(spike.during.lost, 40);
    close(spike.during.latency(Metric::Ttft, Statistic::P95), 0.1);
    assert_eq!(spike.during.latency(Metric::E2e, Statistic::P95), Some(f64::INFINITY));
}
