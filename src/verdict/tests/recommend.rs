//! Each cause on a run that has it, and its silence on a neighbour that has not.

use super::{
    contention::each_mixed_after_solo,
    ladder::{ASK, OCTAVES, climb},
    *,
};
use crate::{
    catalog::Quantity,
    config::Sim,
    metrics::{Observation, Summary, Usage, fixture::server},
    record::{Class, Record, SensorKind, Subject},
};

fn causes(run: &Run) -> Vec<Cause> {
    judge(&run.plan, &run.summary()).recommendations.iter().map(|found| found.cause).collect()
}

/// The only recommendation of a run, as a text.
fn only(run: &Run, cause: Cause) -> String {
    let all = judge(&run.plan, &run.summary()).recommendations;
    let [found] = &all[..] else { panic!("{all:?}") };
    assert_eq!(found.cause, cause);
    format!("{}: {}\n→ {}", found.place, found.evidence, found.next)
}

#[test]
fn requests_that_wait_for_a_place_are_told_from_a_server_with_room() {
    let full = climb(&server(8), 1, &OCTAVES, ASK);
    insta::assert_snapshot!(only(&full, Cause::Queueing), @"
    ladder: from 8 users to 32 users `ttft.p50` grows from 65.8 ms to 1.62 s, while `tpot.p50` goes from 24.3 ms to 24.1 ms
    → let the server run more sequences at once where its memory allows (vLLM `--max-num-seqs`, llama.cpp `--parallel`), add a replica, or send no more than 8 users
    ");
    assert_eq!(causes(&climb(&server(8), 1, &[1, 2, 4, 8], ASK)), [], "as many as there are places");
    for seed in 0..3 {
        assert_eq!(causes(&climb(&server(16), seed, &OCTAVES, ASK)), [Cause::Queueing], "{seed}");
        assert_eq!(causes(&climb(&server(8), seed, &[1, 2, 4], ASK)), [], "{seed}");
    }
}

/// A ladder of a server with eight places, whose KV cache was full by that share at its highest level, with so many requests that waited.
fn ladder_with_cache(usage: f64, waiting: f64, preempted: f64) -> (Run, Summary) {
    let run = climb(&server(8), 1, &OCTAVES, ASK);
    let mut summary = run.summary();
    let highest = summary.scopes.iter_mut().rfind(|scope| scope.key.step.is_some()).expect("levels");
    let read = |quantity: Quantity, value: f64| Observation {
        quantity,
        subject: Subject::Server(vec!["chat".to_owned()]),
        sensor: SensorKind::Prometheus,
        class: Class::Sampled,
        readings: 20,
        covered: 1.0,
        before: None,
        mean: Some(value),
        min: Some(value),
        max: Some(value),
        after: None,
        growth: Some(value),
    };
    highest.observations = vec![
        read(Quantity::ServerKvCacheUsage, usage),
        read(Quantity::ServerQueueLength, waiting),
        read(Quantity::ServerPreemptions, preempted),
    ];
    (run, summary)
}

#[test]
fn a_full_kv_cache_is_told_from_one_that_is_well_used() {
    let found = |(run, summary): (Run, Summary)| judge(&run.plan, &summary).recommendations;
    let all = found(ladder_with_cache(0.998, 6.25, 12.0));
    let [full] = &all[..] else { panic!("{all:?}") };
    assert_eq!((full.cause, full.place.as_str()), (Cause::KvCache, "ladder · users=32"));
    insta::assert_snapshot!(full.evidence, @"the KV cache of the server of `chat` was up to 99.8 % full, while 6.25 requests waited on average and 12 requests were pushed back to make room");
    // it alone may be the one or the other
    let causes_of = |usage, waiting, preempted| -> Vec<Cause> {
        found(ladder_with_cache(usage, waiting, preempted)).iter().map(|found| found.cause).collect()
    };
    assert_eq!(causes_of(0.96, 0.0, 1.0), [Cause::KvCache]);
    assert_eq!(causes_of(0.96, 0.0, 0.0), [Cause::Queueing], "full, and nobody waits for it");
    assert_eq!(causes_of(0.8, 6.0, 0.0), [Cause::Queueing], "they wait for a place");
}

#[test]
fn steps_that_grow_with_their_sequences_are_told_from_those_that_hardly_do() {
    let dear = Sim { step_per_sequence_s: 0.002, ..server(64) };
    let long = crate::sim::Request { prompt_tokens: 5, output_tokens: 60, stream: true };
    insta::assert_snapshot!(only(&climb(&dear, 1, &OCTAVES, long), Cause::Decoding), @"
    ladder: from 1 user to 32 users `tpot.p50` grows from 22.1 ms to 84.4 ms, 3.82 times, and 98.1 % of an answer's time there lies behind its first token
    → let the server decode fewer sequences at once, or make a step cheaper: quantized weights or cache, a smaller model, more GPUs for one model
    ");
    let cheap = Sim { step_per_sequence_s: 0.000_1, ..server(64) };
    assert_eq!(causes(&climb(&cheap, 1, &OCTAVES, long)), []);
}

/// A hundred answers of 100 ms, one after the other, each changed a little.
fn steady(mut change: impl FnMut(usize, &mut Record)) -> Run {
    let mut run = run_of(&[100; 100]);
    for (i, (record, _)) in run.records.iter_mut().enumerate() {
        change(i, record);
    }
    run
}

#[test]
fn a_client_that_was_late_or_short_is_the_first_suspect() {
    let late = steady(|_, record| {
        record.sent_ns = Some(record.due_ns + 20 * MS);
    });
    insta::assert_snapshot!(only(&late, Cause::Client), @"
    the tool itself: `send_lag.p99` 20.0 ms at most, in `load`; `load`: over 5.0 % of its `e2e.p50`, 100 ms
    → give the tool processors of its own, raise `run.threads`, or lower the rate
    ");
    let used = |share: f64, swapped: u64, wall_steps: u32| {
        let run = steady(|_, _| ());
        let mut summary: Summary = run.summary();
        summary.instrument.usage = Some(Usage {
            cpu_share: Some(share),
            cores: 2,
            swapped_bytes: Some(swapped),
            wall_steps,
            ..Usage::default()
        });
        let found = judge(&run.plan, &summary).recommendations;
        found.iter().map(|found| found.cause).collect::<Vec<_>>()
    };
    assert_eq!(used(0.5, 0, 0), []);
    assert_eq!(used(0.9, 0, 0), [Cause::Client]);
    assert_eq!(used(0.5, 4096, 0), [Cause::Client]);
    assert_eq!(used(0.5, 0, 1), [], "a clock that was set is no lack");
}

#[test]
fn connecting_is_told_where_it_takes_its_part() {
    let connecting = |every: usize, ms: u64| {
        steady(move |i, record| {
            if i.is_multiple_of(every) {
                (record.connect_ns, record.tls_ns) = (Some(ms * MS), Some(ms * MS));
                // connections are opened before anything is sent, and outside of every latency
                let setup_ns = 2 * ms * MS;
                record.sent_ns = record.sent_ns.map(|at| at + setup_ns);
                record.first_token_ns = record.first_token_ns.map(|at| at + setup_ns);
                record.last_token_ns = record.last_token_ns.map(|at| at + setup_ns);
                record.end_ns += setup_ns;
            }
        })
    };
    insta::assert_snapshot!(only(&connecting(1, 20), Cause::Network), @"
    load: 100 of 100 answers opened a connection first, for 40.0 ms on average, which no latency counts: 28.6 % of all the time until their ends
    → let the server, or the proxy before it, keep connections open
    ");
    assert_eq!(causes(&connecting(1, 2)), []);
    assert_eq!(causes(&connecting(50, 20)), []);
}

#[test]
fn a_way_that_the_server_knows_nothing_of_is_told() {
    let told = |ms: u64| {
        let timings = serde_json::json!({ "total_duration": ms * MS });
        steady(move |_, record| record.server_timings = Some(timings.clone()))
    };
    insta::assert_snapshot!(only(&told(40), Cause::Network), @"
    load: 100 answers took 100.0 ms on average from the request to the end, and the server had them for 40.0 ms of that: 60.0 % passed on the way
    → measure on the server's own machine or network, and look at what stands between
    ");
    assert_eq!(causes(&told(95)), []);
    // what a server computed says nothing of where the rest of the time went
    let computed = steady(|_, record| {
        record.server_timings = Some(serde_json::json!({ "prompt_ms": 10.0, "predicted_ms": 30.0 }));
    });
    assert_eq!(causes(&computed), []);
}

#[test]
fn an_endpoint_that_starves_is_told_from_two_that_share() {
    let mixed = |alone, together| each_mixed_after_solo(20, alone, together);
    insta::assert_snapshot!(only(&mixed([100, 50], [110, 400]), Cause::Starvation), @"
    mixed: beside the others `flash` takes 8.00 times as long to its first token as alone, and `thinker` 1.10 times
    → give `flash` a server or a priority of its own, or let the server of `thinker` run fewer sequences at once
    ");
    assert_eq!(causes(&mixed([100, 50], [300, 150])), [], "both suffer alike");
    assert_eq!(causes(&mixed([100, 50], [110, 60])), []);
    assert_eq!(causes(&each_mixed_after_solo(5, [100, 50], [110, 400])), [], "five requests may be chance");
}
