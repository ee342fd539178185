use super::*;

/// Steps of 10 ms plus 1 ms per sequence, 10 tokens of prompt per ms, four blocks of memory.
fn four_blocks() -> Sim {
    Sim { kv_cache_tokens: Some(64), overhead_s: 0.0, ..settings() }
}

/// What happened to a request besides tokens, with the microseconds.
fn turns(outputs: &[Output], id: RequestId) -> Vec<(u64, Event)> {
    let turns = outputs.iter().filter(|o| o.request == id && !matches!(o.event, Event::Token { .. }));
    turns.map(|output| (output.at_ns / 1_000, output.event)).collect()
}

fn token_us(outputs: &[Output], id: RequestId) -> Vec<u64> {
    let tokens = outputs.iter().filter(|o| o.request == id && matches!(o.event, Event::Token { .. }));
    tokens.map(|output| output.at_ns / 1_000).collect()
}

#[test]
fn who_is_preempted_pauses_and_goes_on_where_it_stopped() {
    let mut model = Model::new(four_blocks(), 1);
    let first = model.arrive(0, ask(15, 48));
    let second = model.arrive(0, ask(15, 33));
    let outputs = outputs_until(&mut model, u64::MAX);
    // a block each for the prompt and the first token: 12 ms of step and 3 ms of prefill, then 12 ms a token. Both hold
    // two blocks for 32 tokens; for the eighteenth token the first needs a third, and the second has to go
    let (third_block, alone) = (15_000 + 16 * 12_000, 11_000);
    let until_then = (0..=16).map(|token| 15_000 + token * 12_000);
    let of_first = until_then.clone().chain((1..=31).map(|token| third_block + token * alone));
    assert_eq!(token_us(&outputs, first), of_first.collect::<Vec<_>>());
    // it comes back when the first has ended, and prefills 15 + 17 tokens again
    let (back, prefill) = (third_block + 31 * alone, 3_200);
    let of_second = until_then.chain((1..=16).map(|token| back + prefill + token * alone));
    assert_eq!(token_us(&outputs, second), of_second.collect::<Vec<_>>());
    assert_eq!(
        turns(&outputs, second),
        [(0, Event::Queued), (0, Event::Started), (third_block, Event::Preempted), (back, Event::Resumed),]
    );
    let indices = outputs.iter().filter(|o| o.request == second).filter_map(|o| match o.event {
        Event::Token { index, .. } => Some(index),
        _ => None,
    });
    assert!(indices.eq(0..33), "no token is lost and none comes twice");
}

#[test]
fn a_prompt_waits_for_room_and_nobody_overtakes_it() {
    let mut model = Model::new(four_blocks(), 1);
    // one block, three blocks, one block; the second asks for all but one
    let running = model.arrive(0, ask(15, 1));
    let large = model.arrive(0, ask(63, 1));
    let small = model.arrive(0, ask(15, 1));
    outputs_until(&mut model, 0);
    assert_eq!((model.running(), model.waiting(), model.kv_cache_usage()), (1, 2, 0.25));
    let outputs = outputs_until(&mut model, u64::MAX);
    // 11 ms and 1.5 ms, 6.3 ms, 1.5 ms of prefill, one after the other
    let ends = [running, large, small].map(|id| token_us(&outputs, id)[0]);
    assert_eq!(ends, [12_500, 12_500 + 17_300, 12_500 + 17_300 + 12_500]);
}

#[test]
fn what_could_never_fit_is_refused() {
    let mut model = Model::new(four_blocks(), 1);
    let fits = model.arrive(0, ask(63, 1));
    let too_long = model.arrive(0, ask(63, 2));
    let outputs = outputs_until(&mut model, u64::MAX);
    assert_eq!(token_us(&outputs, fits).len(), 1);
    assert_eq!(turns(&outputs, too_long), [(0, Event::Failed(Fault::TooLong))]);
}

#[test]
fn the_youngest_goes_first_and_the_queue_keeps_its_order() {
    // three prompts of a block each in three blocks: at the second token the oldest takes the room of the youngest, and
    // the second then has none either
    let sim = Sim { kv_cache_tokens: Some(48), ..four_blocks() };
    let mut model = Model::new(sim, 1);
    let ids = [0, 1, 2].map(|_| model.arrive(0, ask(15, 20)));
    let late = model.arrive(20 * MS, ask(15, 20));
    let outputs = outputs_until(&mut model, u64::MAX);
    let preempted: Vec<_> = outputs
        .iter()
        .filter(|o| o.event == Event::Preempted)
        .map(|o| (o.at_ns / 1_000, o.request))
        .collect();
    // 13 ms of step and 4.5 ms of prefill
    assert_eq!(preempted[..2], [(17_500, ids[2]), (17_500, ids[1])]);
    let ends = [ids[0], ids[1], ids[2], late].map(|id| token_us(&outputs, id)[19]);
    assert!(ends.is_sorted(), "{ends:?}");
}

#[test]
fn a_prompt_that_is_half_prefilled_starts_over() {
    // 40 blocks; the long prompt takes 38 of them and two steps
    let sim = Sim { kv_cache_tokens: Some(640), ..four_blocks() };
    let mut model = Model::new(sim, 1);
    let short = model.arrive(0, ask(31, 3));
    let long = model.arrive(0, ask(600, 1));
    let outputs = outputs_until(&mut model, u64::MAX);
    // 12 ms of step and 51.2 ms of prefill, 31 tokens of it the short prompt; then the short one needs a third block
    let first_step = 63_200;
    assert_eq!(token_us(&outputs, short), [first_step, first_step + 11_000, first_step + 22_000]);
    let back = first_step + 22_000;
    assert_eq!(turns(&outputs, long)[2..], [(first_step, Event::Preempted), (back, Event::Resumed)]);
    // all 600 tokens again: 62.2 ms and 11 ms of two steps each
    assert_eq!(token_us(&outputs, long), [back + 60_000 + 22_000]);
}

#[test]
fn who_leaves_gives_its_room_back() {
    let mut model = Model::new(four_blocks(), 1);
    let leaving = model.arrive(0, ask(47, 5));
    let waiting = model.arrive(0, ask(31, 1));
    outputs_until(&mut model, 0);
    assert_eq!((model.waiting(), model.kv_cache_usage()), (1, 0.75));
    assert!(model.cancel(leaving));
    assert_eq!(model.kv_cache_usage(), 0.0);
    // the step that had begun ends at 15.7 ms
    assert_eq!(token_us(&outputs_until(&mut model, u64::MAX), waiting), [15_700 + 14_100]);
}

#[test]
fn those_who_wait_for_room_count_as_waiting() {
    let faults = Faults { overload_queue: Some(1), ..Faults::default() };
    let mut model = Model::new(Sim { faults, ..four_blocks() }, 1);
    // places for four, and room for one
    for _ in 0..4 {
        model.arrive(0, ask(47, 1));
    }
    let outputs = outputs_until(&mut model, 0);
    let refused = outputs.iter().filter(|o| o.event == Event::Failed(Fault::Overloaded)).map(|o| o.request.0);
    assert!(refused.eq([2, 3]), "one runs and one waits");
}

proptest! {
    #[test]
    fn memory_is_never_overdrawn_and_whatever_is_admitted_ends(
        memory in 64..600_u32,
        max_batch in 1..12_u32,
        seed in any::<u64>(),
        arrivals in prop::collection::vec((0..500_u64, 0..400_u32, 1..120_u32), 1..40),
    ) {
        let sim = Sim { kv_cache_tokens: Some(memory), max_batch, jitter: 0.2, ..settings() };
        let mut model = Model::new(sim, seed);
        let mut arrivals = arrivals;
        arrivals.sort_unstable();
        for (at_ms, prompt_tokens, output_tokens) in &arrivals {
            model.arrive(at_ms * MS, ask(*prompt_tokens, *output_tokens));
        }
        let mut outputs = Vec::new();
        while let Some(at_ns) = model.next_event() {
            outputs.extend(outputs_until(&mut model, at_ns));
            prop_assert!(model.kv_cache_usage() <= 1.0);
        }
        prop_assert_eq!((model.running(), model.waiting(), model.kv_cache_usage()), (0, 0, 0.0));
        let mut started = Vec::new();
        for (number, (_, prompt_tokens, output_tokens)) in arrivals.iter().enumerate() {
            let own: Vec<_> = outputs.iter().filter(|o| o.request.0 == number as u64).collect();
            let blocks = |tokens: u32| tokens / 16;
            if blocks(prompt_tokens + output_tokens + 15) > blocks(memory) {
                prop_assert_eq!(own.iter().map(|o| o.event).collect::<Vec<_>>(), [Event::Failed(Fault::TooLong)]);
                continue;
            }
            let tokens = own.iter().filter_map(|o| match o.event {
                Event::Token { index, .. } => Some(index),
                _ => None,
            });
            prop_assert!(tokens.eq(0..*output_tokens), "every token once and in order");
            // a place is lost and won in turns
            let turns = own.iter().filter(|o| matches!(o.event, Event::Preempted | Event::Resumed));
            prop_assert!(turns.enumerate().all(|(turn, o)| (o.event == Event::Preempted) == (turn % 2 == 0)));
            started.extend(own.iter().find(|o| o.event == Event::Started).map(|o| o.at_ns));
        }
        prop_assert!(started.is_sorted(), "places go in the order of arrival");
    }
}
