#[path = "model_kv_cache_tests.rs"]
mod kv_cache;

use proptest::prelude::*;

use super::*;
use crate::config::Faults;

const MS: u64 = 1_000_000;

/// Steps of 10 ms plus 1 ms per sequence, 10 tokens of prompt per ms, 5 ms of overhead, no jitter.
fn settings() -> Sim {
    Sim {
        prefill_tokens_per_second: 10_000.0,
        step_base_s: 0.010,
        step_per_sequence_s: 0.001,
        max_batch: 4,
        kv_cache_tokens: None,
        jitter: 0.0,
        overhead_s: 0.005,
        faults: Faults::default(),
    }
}

fn ask(prompt_tokens: u32, output_tokens: u32) -> Request {
    Request { prompt_tokens, output_tokens, stream: true }
}

fn outputs_until(model: &mut Model, to_ns: u64) -> Vec<Output> {
    let mut outputs = Vec::new();
    model.advance(to_ns, &mut |output| outputs.push(output));
    outputs
}

/// Milliseconds at which each token of `id` came out.
fn token_ms(outputs: &[Output], id: RequestId) -> Vec<u64> {
    let tokens = outputs.iter().filter(|o| o.request == id && matches!(o.event, Event::Token { .. }));
    tokens.map(|o| o.at_ns / MS).collect()
}

#[test]
fn one_request_on_an_idle_server() {
    let mut model = Model::new(settings(), 1);
    let id = model.arrive(100 * MS, ask(200, 3));
    assert_eq!(model.next_event(), Some(105 * MS));
    let outputs = outputs_until(&mut model, u64::MAX);
    let at = |ms, event| Output { request: id, at_ns: ms * MS, event };
    assert_eq!(
        outputs,
        [
            at(105, Event::Queued),
            at(105, Event::Started),
            // 11 ms of step and 20 ms of prefill
            at(136, Event::Token { index: 0, last: false }),
            at(147, Event::Token { index: 1, last: false }),
            at(158, Event::Token { index: 2, last: true }),
        ]
    );
    assert_eq!((model.next_event(), model.running(), model.waiting()), (None, 0, 0));
}

#[test]
fn a_long_prompt_is_prefilled_in_chunks_between_the_tokens_of_others() {
    let mut model = Model::new(Sim { overhead_s: 0.0, ..settings() }, 1);
    let short = model.arrive(0, ask(0, 6));
    let first = outputs_until(&mut model, 0);
    assert_eq!(first.len(), 2);
    let long = model.arrive(MS, ask(1030, 1));
    let outputs = outputs_until(&mut model, u64::MAX);
    // steps of two: 12 ms and, in turn, 51.2, 51.2 and 0.6 ms of prefill
    assert_eq!(token_ms(&outputs, short), [11, 74, 137, 150, 161, 172]);
    assert_eq!(token_ms(&outputs, long), [150]);
}

#[test]
fn the_batch_is_bounded_and_places_go_in_the_order_of_arrival() {
    let mut model = Model::new(Sim { max_batch: 2, ..settings() }, 1);
    let ids: Vec<RequestId> = (0..5).map(|_| model.arrive(0, ask(0, 2))).collect();
    outputs_until(&mut model, 5 * MS);
    assert_eq!((model.running(), model.waiting()), (2, 3));
    let outputs = outputs_until(&mut model, u64::MAX);
    let firsts: Vec<u64> = ids.iter().map(|id| token_ms(&outputs, *id)[0]).collect();
    assert_eq!(firsts, [17, 17, 41, 41, 64]);
}

#[test]
fn who_arrives_as_a_step_ends_is_part_of_the_next() {
    let mut model = Model::new(Sim { overhead_s: 0.0, ..settings() }, 1);
    model.arrive(0, ask(0, 9));
    outputs_until(&mut model, 0);
    let second = model.arrive(11 * MS, ask(0, 1));
    assert_eq!(token_ms(&outputs_until(&mut model, u64::MAX), second), [23]);
}

#[test]
fn a_cancelled_request_frees_its_place_and_says_nothing_more() {
    let mut model = Model::new(Sim { max_batch: 1, overhead_s: 0.0, ..settings() }, 1);
    let ids: Vec<RequestId> = (0..3).map(|_| model.arrive(0, ask(0, 100))).collect();
    outputs_until(&mut model, 30 * MS);
    assert!(model.cancel(ids[0]), "running");
    assert!(model.cancel(ids[1]), "waiting");
    assert!(!model.cancel(ids[0]), "gone");
    let late = model.arrive(31 * MS, ask(0, 1));
    assert!(model.cancel(late), "on its way in");
    let outputs = outputs_until(&mut model, u64::MAX);
    assert_eq!(token_ms(&outputs, ids[2]).len(), 100);
    // the step that had begun ends at 33 ms; then the third has the engine to itself
    assert_eq!(token_ms(&outputs, ids[2])[0], 44);
    assert!(outputs.iter().all(|output| output.request == ids[2]));
}

#[test]
fn too_many_waiting_are_refused() {
    let faults = Faults { overload_queue: Some(1), ..Faults::default() };
    let mut model = Model::new(Sim { max_batch: 2, faults, ..settings() }, 1);
    for _ in 0..5 {
        model.arrive(0, ask(0, 2));
    }
    let outputs = outputs_until(&mut model, 5 * MS);
    let refused: Vec<u64> =
        outputs.iter().filter(|o| o.event == Event::Failed(Fault::Overloaded)).map(|o| o.request.0).collect();
    assert_eq!(refused, [3, 4], "two places and one in the queue");
}

#[test]
fn a_stream_breaks_in_its_middle() {
    for (faults, fault) in [
        (Faults { mid_stream_error_rate: 1.0, ..Faults::default() }, Fault::ErrorInStream),
        (Faults { cut_rate: 1.0, ..Faults::default() }, Fault::Cut),
        (Faults { stall_rate: 1.0, ..Faults::default() }, Fault::Stalled),
    ] {
        let mut model = Model::new(Sim { faults, ..settings() }, 1);
        let id = model.arrive(0, ask(0, 10));
        let outputs = outputs_until(&mut model, u64::MAX);
        assert_eq!(token_ms(&outputs, id).len(), 5);
        assert_eq!(outputs.last().map(|output| output.event), Some(Event::Failed(fault)));
        assert_eq!(model.running(), 0);
    }
}

#[test]
fn the_past_is_settled() {
    let mut model = Model::new(settings(), 1);
    model.arrive(50 * MS, ask(0, 1));
    outputs_until(&mut model, u64::MAX);
    let late = model.arrive(10 * MS, ask(0, 1));
    // the last event was at 66 ms; then 5 ms of overhead and one step of 11
    assert_eq!(token_ms(&outputs_until(&mut model, u64::MAX), late), [82]);
}

#[test]
fn jitter_spreads_steps_around_their_nominal_time() {
    let mut model = Model::new(Sim { jitter: 0.1, ..settings() }, 1);
    let id = model.arrive(0, ask(0, 4001));
    let mut times = Vec::new();
    model.advance(u64::MAX, &mut |o| {
        if o.request == id && matches!(o.event, Event::Token { .. }) {
            times.push(o.at_ns as f64 / 1e9);
        }
    });
    let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mean = gaps.iter().sum::<f64>() / 4000.0;
    let deviation = (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / 4000.0).sqrt();
    assert!((mean / 0.011 - 1.0).abs() < 0.01, "{mean}");
    assert!((deviation / 0.0011 - 1.0).abs() < 0.05, "{deviation}");
}

#[test]
fn jitter_never_makes_a_step_vanish() {
    let mut model = Model::new(Sim { jitter: 50.0, ..settings() }, 1);
    model.arrive(0, ask(0, 1000));
    let outputs = outputs_until(&mut model, u64::MAX);
    let gaps = outputs[1..].windows(2).map(|pair| pair[1].at_ns - pair[0].at_ns);
    assert_eq!(gaps.min(), Some(1), "a nanosecond");
}

#[test]
fn full_jitter_is_exponential() {
    let sim = Sim { step_per_sequence_s: 0.0, jitter: 1.0, overhead_s: 0.0, ..settings() };
    let mut model = Model::new(sim, 1);
    model.arrive(0, ask(0, 40_000));
    let times: Vec<u64> =
        outputs_until(&mut model, u64::MAX)[1..].iter().map(|output| output.at_ns).collect();
    // 10 ms times 0.1, 0.5, 1 and 3: the share of steps that take longer is e to the minus that
    for factor in [0.1, 0.5, 1.0, 3.0_f64] {
        let limit = (factor * 10e6) as u64;
        let longer = times.windows(2).filter(|pair| pair[1] - pair[0] > limit).count();
        let share = longer as f64 / 40_000.0;
        // four standard deviations of a share of one half
        assert!((share - (-factor).exp()).abs() < 0.01, "{factor}: {share}");
    }
}

/// What happens to the model from outside.
#[derive(Debug, Clone)]
enum Act {
    Arrive { at_ns: u64, request: Request },
    Advance { to_ns: u64 },
    Cancel { id: u64 },
}

fn act() -> impl Strategy<Value = Act> {
    let time = 0..2_000 * MS;
    prop_oneof![
        3 => (time.clone(), 0..2000_u32, 0..40_u32, any::<bool>()).prop_map(|(at_ns, prompt_tokens, output_tokens, stream)| {
            Act::Arrive { at_ns, request: Request { prompt_tokens, output_tokens, stream } }
        }),
        2 => time.prop_map(|to_ns| Act::Advance { to_ns }),
        1 => (0..40_u64).prop_map(|id| Act::Cancel { id }),
    ]
}

fn any_settings() -> impl Strategy<Value = Sim> {
    let memory = prop::option::of(16..4000_u32);
    (1..6_u32, 0.0..0.02, 0.0..0.5, 0.0..0.3, prop::option::of(0..4_u32), memory).prop_map(
        |(max_batch, overhead_s, jitter, rate, overload_queue, kv_cache_tokens)| Sim {
            max_batch,
            kv_cache_tokens,
            overhead_s,
            jitter,
            faults: Faults {
                error_rate: rate,
                overload_queue,
                mid_stream_error_rate: rate,
                cut_rate: rate,
                stall_rate: 0.0,
            },
            ..settings()
        },
    )
}

proptest! {
    #[test]
    fn time_moves_on_and_the_batch_is_bounded(
        sim in any_settings(),
        seed in any::<u64>(),
        acts in prop::collection::vec(act(), 1..60),
    ) {
        let mut model = Model::new(sim.clone(), seed);
        let mut outputs: Vec<Output> = Vec::new();
        let mut asked = Vec::new();
        let mut cancelled = Vec::new();
        for act in acts {
            match act {
                Act::Arrive { at_ns, request } => {
                    prop_assert_eq!(model.arrive(at_ns, request), RequestId(asked.len() as u64));
                    asked.push(request);
                }
                Act::Advance { to_ns } => outputs.extend(outputs_until(&mut model, to_ns)),
                Act::Cancel { id } => {
                    if model.cancel(RequestId(id)) {
                        cancelled.push(id);
                    }
                }
            }
            prop_assert!(model.running() <= sim.max_batch as usize && model.kv_cache_usage() <= 1.0);
        }
        outputs.extend(outputs_until(&mut model, u64::MAX));
        prop_assert!(outputs.windows(2).all(|pair| pair[0].at_ns <= pair[1].at_ns), "time went back");
        prop_assert_eq!((model.running(), model.waiting(), model.next_event()), (0, 0, None));
        prop_assert_eq!(model.kv_cache_usage(), 0.0, "all room was given back");

        for (number, request) in asked.iter().enumerate() {
            let own: Vec<Event> =
                outputs.iter().filter(|o| o.request.0 == number as u64).map(|o| o.event).collect();
            let tokens = own.iter().filter(|event| matches!(event, Event::Token { .. })).count();
            prop_assert_eq!(own.iter().rev().skip(1).filter(|event| event.ends()).count(), 0);
            match own.last() {
                Some(Event::Token { last: true, index }) => {
                    prop_assert_eq!(tokens, request.output_tokens.max(1) as usize);
                    prop_assert_eq!(*index as usize, tokens - 1);
                }
                Some(Event::Failed(_)) => prop_assert!(tokens < request.output_tokens.max(1) as usize),
                _ => prop_assert!(cancelled.contains(&(number as u64)), "{own:?}"),
            }
        }
    }

    #[test]
    fn how_far_each_advance_goes_changes_nothing(sim in any_settings(), seed in any::<u64>(), pace in 1..200_u64) {
        let arrivals = |model: &mut Model| {
            for number in 0..12_u64 {
                model.arrive(number * 20 * MS, ask(100, 8));
            }
        };
        let mut whole = Model::new(sim.clone(), seed);
        let mut paced = Model::new(sim, seed);
        arrivals(&mut whole);
        arrivals(&mut paced);
        let mut outputs = Vec::new();
        let mut to_ns = 0;
        while paced.next_event().is_some() {
            to_ns += pace * MS;
            outputs.extend(outputs_until(&mut paced, to_ns));
        }
        prop_assert_eq!(outputs, outputs_until(&mut whole, u64::MAX));
    }
}
