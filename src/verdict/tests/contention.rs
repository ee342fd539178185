//! Mixed phases against their solo phases: by hand, and in virtual time where the truth is known.

use rand::RngExt as _;
use rand_distr::Exp1;

use super::*;
use crate::{
    config::{Faults, SameAs, Sim},
    metrics::fixture::{self, server},
    plan::Traffic,
    sim::{Arrival, Request, Seen, simulate},
};

/// Two endpoints alone, then together: a median first token of these milliseconds each, once a second.
fn mixed_after_solo(alone: [u64; 2], together: [u64; 2]) -> Run {
    each_mixed_after_solo(10, alone, together)
}

/// The same with so many requests each.
pub(super) fn each_mixed_after_solo(requests: u64, alone: [u64; 2], together: [u64; 2]) -> Run {
    let names = ["thinker", "flash"];
    let mut steps = vec![
        closed("thinker_alone", 1, requests),
        closed("flash_alone", 1, requests),
        closed("mixed", 2, 2 * requests),
    ];
    for (endpoint, step) in steps.iter_mut().take(2).enumerate() {
        let load = load(step);
        load.same_as = Some(SameAs { phase: "mixed".to_owned(), share: 0.5 });
        load.traffic = vec![Traffic { endpoint, share: 1.0 }];
    }
    let mut run = Run::new(plan(&names, steps));
    for step in [1, 2, 3] {
        let start = step as u64 * 100 * SEC;
        run.start(step, start);
        for endpoint in (0..2).filter(|endpoint| step == 3 || step == endpoint + 1) {
            let ttft = if step == 3 { together } else { alone }[endpoint];
            let period = SEC + ttft * MS;
            for request in 0..requests {
                let answer = answer(start + request * period, ttft * MS, &[SEC]);
                // by its place among the endpoints of the step
                let place = if step == 3 { endpoint } else { 0 };
                run.push_to(step, place, Some(place as u32), answer);
            }
        }
        run.finish(step, start + 50 * SEC);
    }
    run.end()
}

fn only(run: &Run) -> Contention {
    let [contention] =
        <[Contention; 1]>::try_from(judge(&run.plan, &run.summary()).contention).expect("one mixed phase");
    contention
}

/// What the analysis says of a mixed phase.
fn said(run: &Run) -> String {
    let lines = judge(&run.plan, &run.summary()).analysis;
    let about = |line: &&Finding| {
        line.text.contains("contention is")
            || line.text.contains("is contention")
            || line.text.contains("no contention")
            || line.text.contains("compared with")
    };
    lines
        .iter()
        .filter(about)
        .map(|line| format!("{:?} {}", line.level, line.text))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_mixed_phase_is_held_against_its_endpoints_alone() {
    insta::assert_snapshot!(said(&mixed_after_solo([100, 100], [104, 104])));
    insta::assert_snapshot!(said(&mixed_after_solo([100, 50], [110, 60])));
    insta::assert_snapshot!(said(&mixed_after_solo([100, 50], [1000, 2000])));
}

#[test]
fn endpoints_that_were_not_all_alone_have_no_sum_and_what_explores_is_not_compared() {
    let mut run = mixed_after_solo([100, 50], [110, 60]);
    load(&mut run.plan.steps[2]).same_as = None;
    let contention = only(&run);
    let names: Vec<&str> = contention.endpoints.iter().map(|beside| beside.endpoint.as_str()).collect();
    assert_eq!((names, contention.throughput, contention.fairness), (vec!["thinker"], None, None));
    load(&mut run.plan.steps[3]).explores = true;
    assert_eq!(judge(&run.plan, &run.summary()).contention, []);
}

#[test]
fn what_rounding_made_another_load_is_not_compared() {
    let mut run = mixed_after_solo([100, 50], [1000, 2000]);
    load(&mut run.plan.steps[1]).same_as.as_mut().expect("a solo phase").share = 0.25;
    assert_eq!(only(&run).throughput, None);
    insta::assert_snapshot!(said(&run));
}

/// Users take endpoints in turn, so one whose answers take long has most of them, whoever shares what with whom.
#[test]
fn users_that_wait_for_the_slower_endpoint_are_another_load() {
    let unequal = mixed_after_solo([9_000, 1_000], [9_000, 1_000]);
    let contention = only(&unequal);
    assert_eq!((contention.endpoints.len(), contention.throughput, contention.fairness), (0, None, None));
    insta::assert_snapshot!(said(&unequal));
    // with time to think between them the difference is small again
    let mut thinking = unequal;
    for step in [1, 2, 3] {
        if let crate::plan::Pattern::Closed { think_time, .. } =
            &mut load(&mut thinking.plan.steps[step]).pattern
        {
            *think_time = std::time::Duration::from_secs(20);
        }
    }
    assert_eq!(only(&thinking).not_compared, []);
}

#[test]
fn errors_under_contention_are_compared_as_shares() {
    let mut run = mixed_after_solo([100, 100], [100, 100]);
    let last = run.records.len() - 1;
    let fail = |run: &mut Run, count: usize| {
        for (record, _) in &mut run.records[last + 1 - count..] {
            record.outcome = Outcome::Overloaded;
        }
    };
    fail(&mut run, 1);
    let errors = only(&run).endpoints[1].errors;
    assert_eq!(
        (errors.with, errors.without),
        (Share { requests: 1, due: 10 }, Share { requests: 0, due: 10 })
    );
    assert!(!only(&run).found, "one of ten may be chance");
    fail(&mut run, 8);
    assert!(only(&run).found);
    insta::assert_snapshot!(said(&run));
}

#[test]
fn more_failures_than_answers_leave_no_median() {
    let mut run = mixed_after_solo([100, 100], [100, 100]);
    let last = run.records.len() - 1;
    for (record, _) in &mut run.records[last - 6..] {
        record.outcome = Outcome::Timeout;
    }
    let contention = only(&run);
    let suffers = &contention.endpoints[1];
    assert_eq!((suffers.ttft, suffers.e2e, contention.fairness), (None, None, None));
    assert!(suffers.suffers && !contention.endpoints[0].suffers);
}

/// A fair pair is one of which both suffer, however much.
#[test]
fn fairness_is_the_ratio_of_what_is_kept() {
    let fairness = |together| only(&mixed_after_solo([1_000, 1_000], together)).fairness.expect("two").value;
    // a whole answer takes a second more
    assert!((fairness([1_000, 1_000]) - 1.0).abs() < 1e-9);
    assert!((fairness([3_000, 3_000]) - 1.0).abs() < 1e-9);
    assert!((fairness([1_000, 3_000]) - 0.5).abs() < 1e-9);
    assert!((fairness([3_000, 1_000]) - 0.5).abs() < 1e-9);
}

/// An exponential server for one request at a time, 100 of them per second: with Poisson arrivals M/M/1.
fn exponential() -> Sim {
    Sim {
        prefill_tokens_per_second: 10_000.0,
        step_base_s: 0.01,
        step_per_sequence_s: 0.0,
        max_batch: 1,
        kv_cache_tokens: None,
        jitter: 1.0,
        overhead_s: 0.0,
        faults: Faults::default(),
    }
}

/// Poisson arrivals of one endpoint.
#[derive(Clone, Copy)]
struct Stream {
    per_second: f64,
    request: Request,
}

impl Stream {
    fn arrivals(self, seed: u64, seconds: f64) -> Vec<Arrival> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut at_s = 0.0;
        let times = std::iter::from_fn(|| {
            at_s += rng.sample::<f64, _>(Exp1) / self.per_second;
            (at_s < seconds).then_some(at_s)
        });
        times.map(|at_s| Arrival { at_ns: (at_s * 1e9) as u64, request: self.request }).collect()
    }
}

/// What the requests of two streams see, each on a server of its own or both on one.
fn played(server: &Sim, streams: [Stream; 2], shared: bool, seed: u64, seconds: f64) -> [Vec<Seen>; 2] {
    let [one, other] = [0, 1].map(|i| streams[i].arrivals(seed * 10 + i as u64, seconds));
    if !shared {
        return [simulate(server, seed * 10 + 2, &one), simulate(server, seed * 10 + 3, &other)];
    }
    let count = one.len();
    let mut all = simulate(server, seed * 10 + 4, &[one, other].concat());
    let others = all.split_off(count);
    [all, others]
}

/// Each stream alone on its server, then both together.
fn solo_then_mixed(server: &Sim, streams: [Stream; 2], shared: bool, seed: u64, seconds: u64) -> Run {
    let sum: f64 = streams.iter().map(|stream| stream.per_second).sum();
    let share = |i: usize| streams[i].per_second / sum;
    let mut steps = vec![
        open("one_alone", streams[0].per_second, seconds),
        open("other_alone", streams[1].per_second, seconds),
        open("mixed", sum, seconds),
    ];
    for (endpoint, step) in steps.iter_mut().enumerate() {
        let load = load(step);
        if endpoint < 2 {
            load.same_as = Some(SameAs { phase: "mixed".to_owned(), share: share(endpoint) });
            load.traffic = vec![Traffic { endpoint, share: 1.0 }];
        } else {
            load.traffic = [0, 1].map(|endpoint| Traffic { endpoint, share: share(endpoint) }).to_vec();
        }
    }
    let mut run = Run::new(plan(&["one", "other"], steps));
    let length_s = seconds as f64;
    let alone =
        [0, 1].map(|i| simulate(server, seed * 10 + 5, &streams[i].arrivals(seed * 10 + 6, length_s)));
    let together = played(server, streams, shared, seed, length_s);
    let parts = [(1, 0, &alone[0]), (2, 0, &alone[1]), (3, 0, &together[0]), (3, 1, &together[1])];
    for step in [1, 2, 3] {
        let from_ns = step as u64 * 2 * seconds * SEC;
        run.start(step, from_ns);
        for (_, place, seen) in parts.iter().filter(|(of, ..)| *of == step) {
            for seen in *seen {
                run.push_to(step, *place, None, fixture::seen(seen, from_ns));
            }
        }
        run.finish(step, from_ns + seconds * SEC);
    }
    run.end()
}

fn inflation(contention: &Contention, endpoint: usize) -> Factor {
    contention.endpoints[endpoint].ttft.expect("a median").times
}

const TOKEN: Request = Request { prompt_tokens: 0, output_tokens: 1, stream: true };

fn found_near(found: Factor, truth: f64, what: &str) {
    assert!((found.value / truth - 1.0).abs() < 0.05, "{what}: {found:?} for {truth}");
}

#[test]
fn an_inflation_is_that_of_queueing_theory() {
    for rates in [[30.0, 20.0], [20.0, 40.0], [40.0, 15.0]] {
        for seed in 1..3 {
            let streams = rates.map(|per_second| Stream { per_second, request: TOKEN });
            let contention = only(&solo_then_mixed(&exponential(), streams, true, seed, 500));
            // the median response of M/M/1 is ln 2 / (μ − λ)
            let truth = rates.map(|rate| (100.0 - rate) / (100.0 - rates[0] - rates[1]));
            for endpoint in [0, 1] {
                found_near(
                    inflation(&contention, endpoint),
                    truth[endpoint],
                    &format!("{rates:?} {seed} {endpoint}"),
                );
            }
            assert!(contention.endpoints.iter().all(|beside| beside.suffers), "{rates:?} {seed}");
        }
    }
}

#[test]
fn what_a_full_server_brings_is_its_capacity() {
    for rates in [[60.0, 60.0], [80.0, 40.0]] {
        for seed in 1..3 {
            let streams = rates.map(|per_second| Stream { per_second, request: TOKEN });
            let contention = only(&solo_then_mixed(&exponential(), streams, true, seed, 200));
            let share = contention.throughput.expect("both were alone").share;
            // 100 tokens per second of the 120 that are asked for
            found_near(share, 100.0 / 120.0, &format!("{rates:?} {seed}"));
            assert!(
                share.low.is_some_and(|low| low < share.value) && share.high.is_some_and(|high| high < 0.95)
            );
            assert!(contention.found, "{rates:?} {seed}");
        }
    }
}

#[test]
fn the_bounds_of_an_inflation_hold_as_often_as_they_say() {
    const RUNS: u64 = 50;
    let streams = [30.0, 20.0].map(|per_second| Stream { per_second, request: TOKEN });
    let mut outside = [0; 4];
    for seed in 0..RUNS {
        let contention = only(&solo_then_mixed(&exponential(), streams, true, seed, 60));
        let fairness = contention.fairness.expect("two endpoints");
        for (i, (of, truth)) in
            [(inflation(&contention, 1), 1.6), (fairness, 1.4 / 1.6)].into_iter().enumerate()
        {
            outside[2 * i] += u64::from(of.low.is_some_and(|low| low > truth));
            outside[2 * i + 1] += u64::from(of.high.is_some_and(|high| high < truth));
        }
    }
    // 5 % on each side at most, with a standard deviation of 3 %
    assert!(outside.into_iter().all(|outside| outside <= 6), "{outside:?}");
    assert!(outside[0] + outside[1] > 0, "bounds that always hold are too wide: {outside:?}");
}

/// A batching server in common, of which no formula is known: the truth is what many more requests with other seeds see.
#[test]
fn an_inflation_is_that_of_a_very_long_run() {
    let chat = Request { prompt_tokens: 40, output_tokens: 12, stream: true };
    let thinker = Request { prompt_tokens: 200, output_tokens: 30, stream: true };
    for (places, rates) in [(4, [4.0, 2.0]), (8, [6.0, 4.0])] {
        let streams = [
            Stream { per_second: rates[0], request: chat },
            Stream { per_second: rates[1], request: thinker },
        ];
        let server = server(places);
        let median = |seen: &[Seen]| {
            let mut ttft: Vec<u64> = seen.iter().filter_map(Seen::ttft_ns).collect();
            ttft.sort_unstable();
            ttft[ttft.len() / 2] as f64
        };
        let long = |shared| played(&server, streams, shared, 99, 5_000.0).map(|seen| median(&seen));
        let (alone, together) = (long(false), long(true));
        for seed in 1..3 {
            let contention = only(&solo_then_mixed(&server, streams, true, seed, 1_500));
            for endpoint in [0, 1] {
                let truth = together[endpoint] / alone[endpoint];
                found_near(inflation(&contention, endpoint), truth, &format!("{places} {seed} {endpoint}"));
            }
            assert!(contention.found, "{places} {seed}");
        }
    }
}

#[test]
fn servers_that_share_nothing_have_no_contention() {
    let chat = Request { prompt_tokens: 40, output_tokens: 12, stream: true };
    for (server, request, rates) in [(exponential(), TOKEN, [40.0, 60.0]), (server(8), chat, [6.0, 3.0])] {
        let streams = rates.map(|per_second| Stream { per_second, request });
        for seed in 1..9 {
            for seconds in [20, 100] {
                let contention = only(&solo_then_mixed(&server, streams, false, seed, seconds));
                assert!(!contention.found, "{seed} {seconds}: {contention:?}");
            }
        }
    }
}

#[test]
fn a_pair_that_is_surely_free_of_contention_is_told_from_one_that_may_have_some() {
    let chat = Request { prompt_tokens: 40, output_tokens: 12, stream: true };
    let streams = [2.0, 1.0].map(|per_second| Stream { per_second, request: chat });
    for (seconds, level) in [(2_000, Level::Pass), (20, Level::Info)] {
        let run = solo_then_mixed(&server(8), streams, false, 2, seconds);
        let verdict = judge(&run.plan, &run.summary());
        let about = verdict.analysis.iter().find(|line| line.text.contains("no contention"));
        assert_eq!(about.map(|line| line.level), Some(level), "{seconds}: {about:?}");
    }
}

#[test]
fn nobody_is_free_of_contention_whose_answers_are_gone() {
    let free = |run: &Run| said(run).contains("there is no contention");
    let alike = || each_mixed_after_solo(400, [100, 100], [100, 100]);
    assert!(free(&alike()));
    // six of 400 may be chance, and may be a point more
    let mut run = alike();
    let last = run.records.len() - 1;
    for (record, _) in &mut run.records[last - 5..] {
        record.outcome = Outcome::Overloaded;
    }
    assert!(!free(&run), "{}", said(&run));
    let mut run = alike();
    for (record, _) in &mut run.records[last - 250..] {
        record.outcome = Outcome::HttpError;
    }
    assert!(!free(&run), "{}", said(&run));
}
