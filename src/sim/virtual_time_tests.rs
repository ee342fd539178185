use proptest::prelude::*;
use rand_distr::Exp1;

use super::*;
use crate::{
    config::Faults,
    sim::draw::{Purpose, stream},
};

const MS: u64 = 1_000_000;

/// Steps of 20 ms plus 0.5 ms per sequence, eight places, no jitter.
fn settings() -> Sim {
    Sim {
        prefill_tokens_per_second: 10_000.0,
        step_base_s: 0.020,
        step_per_sequence_s: 0.000_5,
        max_batch: 8,
        kv_cache_tokens: None,
        jitter: 0.0,
        overhead_s: 0.001,
        faults: Faults::default(),
    }
}

fn ask(prompt_tokens: u32, output_tokens: u32) -> Request {
    Request { prompt_tokens, output_tokens, stream: true }
}

fn poisson(seed: u64, count: usize, per_second: f64, request: Request) -> Vec<Arrival> {
    let mut gaps = stream(seed, Purpose::Steps, 99);
    let mut at_s = 0.0;
    (0..count)
        .map(|_| {
            let gap: f64 = gaps.sample(Exp1);
            at_s += gap / per_second;
            Arrival { at_ns: (at_s * 1e9) as u64, request }
        })
        .collect()
}

#[test]
fn one_request_has_the_analytic_times() {
    let seen = simulate(&settings(), 1, &[Arrival { at_ns: 7 * MS, request: ask(300, 50) }]);
    let step_ns = 20_500_000;
    assert_eq!(seen[0].queue_ns(), Some(0));
    assert_eq!(seen[0].ttft_ns(), Some(MS + 30 * MS + step_ns));
    assert!(seen[0].tokens_ns.windows(2).all(|pair| pair[1] - pair[0] == step_ns));
    assert_eq!(seen[0].end_ns, Some(7 * MS + MS + 30 * MS + 50 * step_ns));
}

#[test]
fn throughput_has_its_knee_at_the_batch() {
    let requests = vec![ask(0, 20); 640];
    // tokens per second, and seconds per request
    let level = |users| {
        let seen = simulate_closed(&settings(), 1, users, &requests);
        let end_ns = seen.iter().filter_map(|s| s.end_ns).max().expect("requests that end");
        let latency_ns: u64 = seen.iter().filter_map(|s| Some(s.end_ns? - s.arrived_ns)).sum();
        (640.0 * 20.0 / (end_ns as f64 / 1e9), latency_ns as f64 / 640.0 / 1e9)
    };
    let [one, four, eight, sixteen, thirty_two] = [1, 4, 8, 16, 32].map(level);
    assert!(four.0 > 3.0 * one.0 && eight.0 > 1.7 * four.0, "grows up to the batch");
    for full in [sixteen, thirty_two] {
        assert!((full.0 / eight.0 - 1.0).abs() < 0.02, "grows no further: {full:?} {eight:?}");
    }
    // beyond it Little's law holds: latency = users / throughput
    for (users, (tokens_per_second, latency)) in [(8.0, eight), (16.0, sixteen), (32.0, thirty_two)] {
        let expected = users / (tokens_per_second / 20.0);
        assert!((latency / expected - 1.0).abs() < 0.05, "{users}: {latency} {expected}");
    }
}

#[test]
fn memory_saturates_before_the_batch_is_full() {
    let requests = vec![ask(64, 128); 256];
    // the median wait for the first token, the largest gap between two tokens, both in ms, and preemptions
    let level = |users, kv_cache_tokens| {
        let sim = Sim { max_batch: 64, kv_cache_tokens, ..settings() };
        let seen = simulate_closed(&sim, 1, users, &requests);
        assert!(seen.iter().all(|seen| seen.tokens_ns.len() == 128));
        let mut ttft: Vec<u64> = seen.iter().filter_map(Seen::ttft_ns).collect();
        ttft.sort_unstable();
        let gaps = seen.iter().flat_map(|seen| seen.tokens_ns.windows(2).map(|pair| pair[1] - pair[0]));
        let preemptions: u32 = seen.iter().map(|seen| seen.preemptions).sum();
        (ttft[128] / MS, gaps.max().map_or(0, |gap| gap / MS), preemptions)
    };
    // each comes to 192 tokens, so there is room for ten of them when they are done
    let memory = Some(2048);
    let (ttft, gap, preemptions) = level(8, memory);
    assert!(ttft < 100 && gap < 100 && preemptions == 0, "{ttft} {gap} {preemptions}");
    let (ttft, gap, preemptions) = level(32, memory);
    assert!(ttft > 1_000 && gap > 1_000 && preemptions > 50, "{ttft} {gap} {preemptions}");
    let (ttft, gap, preemptions) = level(32, None);
    assert!(ttft < 300 && gap < 300 && preemptions == 0, "{ttft} {gap} {preemptions}");
}

/// With one place and no jitter every service takes the same time, so the queue is M/D/1.
#[test]
fn one_place_is_an_m_d_1_queue() {
    let sim = Sim { max_batch: 1, overhead_s: 0.0, ..settings() };
    let service_ns = 10 * MS + 4 * 20_500_000;
    let service = service_ns as f64 / 1e9;
    let utilization = 0.6;
    let arrivals = poisson(5, 40_000, utilization / service, ask(100, 4));
    let seen = simulate(&sim, 1, &arrivals);

    // every single wait follows Lindley's recursion
    let mut free_ns = 0;
    for (arrival, seen) in arrivals.iter().zip(&seen) {
        let start_ns = arrival.at_ns.max(free_ns);
        assert_eq!(seen.started_ns, Some(start_ns));
        free_ns = start_ns + service_ns;
    }
    // and their mean the formula of Pollaczek and Khinchine: ρ S / 2 (1 − ρ)
    let wait_ns: u64 = seen.iter().filter_map(Seen::queue_ns).sum();
    let mean_s = wait_ns as f64 / 1e9 / seen.len() as f64;
    let expected_s = utilization * service / (2.0 * (1.0 - utilization));
    assert!((mean_s / expected_s - 1.0).abs() < 0.05, "{mean_s} {expected_s}");
}

/// With one place, one token and exponential steps the queue is M/M/1, with the mean response 1 / (μ − λ).
#[test]
fn one_place_with_exponential_steps_is_an_m_m_1_queue() {
    let sim = Sim {
        max_batch: 1,
        step_base_s: 0.020,
        step_per_sequence_s: 0.0,
        jitter: 1.0,
        overhead_s: 0.0,
        ..settings()
    };
    let (rate, service_rate) = (35.0, 50.0);
    let seen = simulate(&sim, 1, &poisson(5, 100_000, rate, ask(0, 1)));
    let responses_ns: u64 = seen.iter().filter_map(|seen| Some(seen.end_ns? - seen.arrived_ns)).sum();
    let mean_s = responses_ns as f64 / 1e9 / seen.len() as f64;
    // the mean of n has a deviation of 18 / μ / √n, here 1.7 % of what is expected
    assert!((mean_s * (service_rate - rate) - 1.0).abs() < 0.05, "{mean_s}");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let faults = Faults { error_rate: 0.1, cut_rate: 0.1, stall_rate: 0.1, ..Faults::default() };
    let sim = Sim { jitter: 0.2, faults, ..settings() };
    let arrivals = poisson(3, 300, 5.0, ask(50, 10));
    assert_eq!(simulate(&sim, 8, &arrivals), simulate(&sim, 8, &arrivals));
    assert_ne!(simulate(&sim, 8, &arrivals), simulate(&sim, 9, &arrivals));
}

#[test]
fn the_order_of_the_slice_does_not_matter() {
    let arrivals = poisson(3, 50, 20.0, ask(50, 10));
    let backwards: Vec<Arrival> = arrivals.iter().rev().copied().collect();
    let mut seen = simulate(&settings(), 1, &backwards);
    seen.reverse();
    assert_eq!(seen, simulate(&settings(), 1, &arrivals));
}

#[test]
fn faults_show_in_what_is_seen() {
    for (faults, fault, tokens, ends) in [
        (Faults { error_rate: 1.0, ..Faults::default() }, Fault::Error, 0, true),
        (Faults { mid_stream_error_rate: 1.0, ..Faults::default() }, Fault::ErrorInStream, 4, true),
        (Faults { cut_rate: 1.0, ..Faults::default() }, Fault::Cut, 4, true),
        (Faults { stall_rate: 1.0, ..Faults::default() }, Fault::Stalled, 4, false),
    ] {
        let sim = Sim { faults, ..settings() };
        let seen = simulate(&sim, 1, &[Arrival { at_ns: 0, request: ask(10, 8) }]);
        assert_eq!(
            (seen[0].fault, seen[0].tokens_ns.len(), seen[0].end_ns.is_some()),
            (Some(fault), tokens, ends)
        );
    }
}

#[test]
fn a_user_whose_stream_stalls_never_comes_back() {
    let faults = Faults { stall_rate: 1.0, ..Faults::default() };
    let seen = simulate_closed(&Sim { faults, ..settings() }, 1, 3, &[ask(10, 8); 10]);
    assert_eq!(seen.len(), 3);
}

proptest! {
    #[test]
    fn every_request_gets_exactly_its_tokens(
        seed in any::<u64>(),
        jitter in 0.0..0.5,
        arrivals in prop::collection::vec((0..3_000_u64, 0..1500_u32, 1..40_u32), 1..40),
    ) {
        let sim = Sim { jitter, ..settings() };
        let arrivals: Vec<Arrival> = arrivals
            .into_iter()
            .map(|(at_ms, prompt, output)| Arrival { at_ns: at_ms * MS, request: ask(prompt, output) })
            .collect();
        for (arrival, seen) in arrivals.iter().zip(simulate(&sim, seed, &arrivals)) {
            prop_assert_eq!(seen.tokens_ns.len(), arrival.request.output_tokens as usize);
            prop_assert_eq!(seen.end_ns, seen.tokens_ns.last().copied());
            prop_assert_eq!(seen.queued_ns, Some(arrival.at_ns + MS));
            prop_assert!(seen.started_ns >= seen.queued_ns);
            prop_assert!(seen.tokens_ns.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(seen.tokens_ns.first() > seen.started_ns.as_ref());
        }
    }
}
