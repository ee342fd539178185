//! Searches on the simulator's model in virtual time, by the very code that steers a run: commands are obeyed, and events told, as the
//! engine does.

use std::time::Duration;

use super::super::Control;
use crate::{
    config::{Arrivals, Bound, Search as Sought, Sim, Sought as Over, Until},
    metrics::fixture::{self, MS, Run, SEC, level, load, open, plan, target},
    plan::{Criterion, Step, Trial, as_run, schedule, tried},
    record::{ChunkTimes, Command, Diary, Event, Record, trials},
    sim::{Arrival, Request, Seen, simulate, simulate_closed},
    verdict::{Attempt, Found, Mark, found},
};

/// One that has read prompts in no time.
fn server(max_batch: u32) -> Sim {
    Sim { prefill_tokens_per_second: 100_000.0, ..fixture::server(max_batch) }
}

const ASK: Request = Request { prompt_tokens: 20, output_tokens: 8, stream: true };

/// A run of one search, whose levels hold while 95 % of the first tokens come within half a second.
fn looking(seed: u64, search: &Sought) -> Run {
    let count = search.trials();
    let criteria = vec![Criterion { target: 0, endpoint: None }];
    let steps = (1..=count).map(|number| {
        let mut step = level(open("limit", search.to, 1), &format!("trial={number}"));
        let planned = load(&mut step);
        planned.requests = None;
        planned.settle = search.step.mul_f64(0.1);
        planned.trial = Some(Trial { search: search.clone(), criteria: criteria.clone() });
        *planned = planned.at(search.to, search.step);
        step
    });
    let mut run = Run::new(plan(&["chat"], steps.collect()));
    run.plan.seed = seed;
    run.plan.targets = vec![target("first_token", "ttft.p95", Bound::AtMost(0.5), "limit")];
    run
}

/// What a simulated request has come to, as the engine tells it.
fn told(step: &Step, number: usize, from_ns: u64, seen: &Seen) -> (u64, Record, ChunkTimes) {
    let end_ns = seen.end_ns.expect("nothing stalls");
    let (mut record, chunks) = fixture::seen(seen, from_ns);
    (record.seq, record.step_id) = (step.load().expect("a trial").first_seq + number as u64, step.id);
    (record.phase, record.step) = (step.phase.clone(), step.name.clone());
    record.endpoint = "chat".to_owned();
    let mut times = ChunkTimes::default();
    for at_ns in chunks {
        times.push(at_ns, 0);
    }
    (from_ns + end_ns, record, times)
}

/// Obeys whatever steers a run until nothing is left to do, and gives what became of it.
fn obeyed(mut run: Run, server: &Sim) -> Run {
    let mut control = Control::new(&run.plan);
    let (mut now_ns, mut tried_so_far) = (SEC, Vec::new());
    let mut commands: Vec<Command> =
        control.look(0).into_iter().filter_map(|decision| decision.command).collect();
    while let Some(Command::Try(trial)) = commands.pop() {
        let step = tried(&run.plan, &tried_so_far, trial).expect("a trial");
        tried_so_far.push(trial);
        let seed = run.plan.seed * 1_000 + step.id as u64;
        let (from_ns, duration_ns) = (now_ns, trial.duration.as_nanos() as u64);
        let seen = if let Some(due) = schedule::of_step(&step, seed) {
            let due: Vec<Arrival> = due.map(|at_ns| Arrival { at_ns, request: ASK }).collect();
            simulate(server, seed, &due)
        } else {
            // more than come to be sent in the time
            let many = vec![ASK; (200.0 * trial.duration.as_secs_f64()) as usize];
            let all = simulate_closed(server, seed, trial.level as u32, &many);
            all.into_iter().filter(|seen| seen.arrived_ns < duration_ns).collect()
        };
        let mut ends: Vec<(u64, Record, ChunkTimes)> =
            seen.iter().enumerate().map(|(number, seen)| told(&step, number, from_ns, seen)).collect();
        let (level, at_ns) = (trial.level, now_ns);
        let mut lines = vec![
            Diary::Trial { step: step.id, at_ns, level, duration_ns },
            Diary::StepStarted { step: step.id, at_ns },
        ];
        for line in &lines {
            control.observe(Event::Diary(line.clone()));
        }
        // told in the order of their ends, with a note of what is in flight every 100 ms
        ends.sort_by_key(|(end_ns, ..)| *end_ns);
        let mut due: Vec<u64> = ends.iter().map(|(_, record, _)| record.due_ns).collect();
        due.sort_unstable();
        let (mut waiting, mut cut_ns, mut finished) = (ends.into_iter().peekable(), u64::MAX, 0);
        loop {
            now_ns += 100 * MS;
            while let Some((_, record, times)) = waiting.next_if(|(end_ns, ..)| *end_ns <= now_ns) {
                // what was due behind the end was not sent
                if record.due_ns < cut_ns {
                    finished += 1;
                    let event = Event::Finished {
                        record: Box::new(record.clone()),
                        chunks: times.clone(),
                        texts: None,
                    };
                    control.observe(event);
                    run.records.push((record, times));
                }
            }
            let issued = due.partition_point(|due_ns| *due_ns < now_ns.min(cut_ns)) as u64;
            let line = Diary::Issued {
                step: step.id,
                at_ns: now_ns,
                issued,
                in_flight: issued - finished,
                users: 0,
            };
            control.observe(Event::Diary(line.clone()));
            lines.push(line);
            for decision in control.look(now_ns) {
                lines.extend(decision.note);
                assert_eq!(decision.command, Some(Command::Enough(step.id)), "nothing else on the way");
                cut_ns = now_ns;
            }
            if finished == issued && now_ns >= from_ns + duration_ns.min(cut_ns - from_ns) {
                let ended = Diary::StepEnded { step: step.id, at_ns: now_ns, issued, due: issued };
                control.observe(Event::Diary(ended.clone()));
                lines.push(ended);
                break;
            }
        }
        run.diary.extend(lines);
        now_ns += SEC;
        commands.extend(control.look(now_ns).into_iter().rev().filter_map(|decision| decision.command));
    }
    assert!(matches!(commands.pop(), None | Some(Command::Spare(_))));
    run.plan = as_run(&run.plan, &trials(&run.diary));
    let run = run.end();
    // what decided on the way is what is judged afterwards
    let searches = control.searches.expect("a search");
    let decided = searches.phases.values().flat_map(|search| search.attempts.clone());
    // tokens are told by the times of chunks, which are not kept where they decide nothing
    let told = |attempt: Attempt| Attempt { throughput: None, ..attempt };
    let found = found_in(&run).attempts.into_iter().map(told).collect::<Vec<_>>();
    assert_eq!(decided.map(told).collect::<Vec<_>>(), found);
    run
}

/// What the only search of a run found.
fn found_in(run: &Run) -> Found {
    let [found] = <[Found; 1]>::try_from(found(&run.plan, &run.summary())).expect("one search");
    found
}

/// Requests per second that a server answers when it has more to do than it can.
fn capacity(server: &Sim) -> f64 {
    let seen = simulate_closed(server, 99, server.max_batch * 4, &vec![ASK; 20_000]);
    let last_ns = seen.iter().filter_map(|seen| seen.end_ns).max().expect("answers");
    seen.len() as f64 / (last_ns as f64 / 1e9)
}

fn search(over: Over, from: f64, to: f64) -> Sought {
    Sought { over, from, to, step: Duration::from_secs(20), precision: 0.03, until: Until::Targets }
}

#[test]
fn a_search_finds_where_a_server_saturates() {
    let server = server(16);
    let truth = capacity(&server);
    let rates = search(Over::Rate { arrivals: Arrivals::Constant }, 4.0, 150.0);
    for seed in 0..20 {
        let found = found_in(&obeyed(looking(seed, &rates), &server));
        let limit = found.limit.expect("some level holds");
        assert!((limit / truth - 1.0).abs() < 0.05, "{seed}: {limit} of {truth}; {}", found.reason);
        assert!(found.confirmed && found.attempts.len() <= 14, "{seed}: {}", found.attempts.len());
    }
}

#[test]
fn a_search_finds_how_many_users_a_server_has_places_for() {
    for places in [8, 16] {
        for seed in 0..5 {
            let mut run = looking(seed, &search(Over::Users, 1.0, 64.0));
            // nobody waits as long as there are places
            run.plan.targets[0].bound = Bound::AtMost(1.5 * (0.02 + 0.000_5 * f64::from(places)));
            let found = found_in(&obeyed(run, &server(places)));
            assert_eq!(found.limit, Some(f64::from(places)), "{seed}: {:#?}", found.attempts);
            assert!(found.confirmed && found.attempts.len() <= 14, "{seed}: {}", found.attempts.len());
        }
    }
}

/// Bursts queue before a server is full, and a short look at them decides little: a limit is told too low, never too high.
#[test]
fn a_limit_is_never_told_too_high() {
    let server = server(16);
    let truth = capacity(&server);
    let rates = search(Over::Rate { arrivals: Arrivals::Poisson }, 4.0, 150.0);
    for seed in 0..5 {
        let mut run = looking(seed, &rates);
        run.plan.targets = vec![target("first_token", "ttft.p50", Bound::AtMost(0.2), "limit")];
        let found = found_in(&obeyed(run, &server));
        let limit = found.limit.expect("some level holds");
        assert!((0.8..1.02).contains(&(limit / truth)), "{seed}: {limit} of {truth}; {:#?}", found.attempts);
    }
}

#[test]
fn a_server_that_falls_behind_is_not_looked_at_to_the_end() {
    let server = server(16);
    let rates = search(Over::Rate { arrivals: Arrivals::Poisson }, 20.0, 300.0);
    let (run, truth) = (obeyed(looking(1, &rates), &server), capacity(&server));
    let summary = run.summary();
    assert!(!summary.saturated.is_empty());
    let found = found_in(&run);
    for saturated in &summary.saturated {
        let name = &run.plan.steps[saturated.step].name;
        let of = found.attempts.iter().find(|of| of.step == *name).expect("a trial");
        let planned = if of.step.contains('#') { 40.0 } else { 20.0 };
        assert!(of.duration_s < planned && of.level > 0.95 * truth, "{of:?}");
    }
    insta::assert_snapshot!(found.reason, @"at 59.9 req/s it holds, at 63.4 req/s it does not: undecided twice, `ttft.p95` is 252 ms (191 ms to ∞), asked at most 500 ms");
}

#[test]
fn no_level_may_hold_and_all_may() {
    let slow = server(1);
    let nothing = found_in(&obeyed(looking(1, &search(Over::Users, 8.0, 64.0)), &slow));
    assert_eq!((nothing.limit, nothing.attempts.len()), (None, 1));
    insta::assert_snapshot!(nothing.reason, @"not even the lowest level holds: at 8 users `ttft.p95` is 1.19 s, asked at most 500 ms");
    let fast = server(64);
    let all = found_in(&obeyed(looking(1, &search(Over::Users, 1.0, 6.0)), &fast));
    assert_eq!((all.limit, all.confirmed, all.broken), (Some(6.0), true, None));
    insta::assert_snapshot!(all.reason, @"at 6 users, the highest level that was to be tried, it holds: more may");
}

#[test]
fn a_collapse_makes_no_later_trial_longer() {
    let attempt = |(level, answered): &(f64, Option<f64>)| Attempt {
        step: format!("users={level}"),
        level: *level,
        duration_s: 20.0,
        mark: Mark::Fail,
        reason: String::new(),
        throughput: None,
        answered: *answered,
    };
    let rate_at = |attempts: &[(f64, Option<f64>)], level| {
        let attempts = attempts.iter().map(attempt).collect();
        super::Search { steps: Vec::new(), attempts }.answered_at(level)
    };
    // 64 users hold each other up
    let thrashing = [(4.0, Some(2.0)), (16.0, Some(8.0)), (64.0, Some(0.074))];
    assert_eq!(rate_at(&thrashing, 32.0), Some(8.0));
    assert_eq!(rate_at(&thrashing, 64.0), Some(8.0));
    assert_eq!(rate_at(&thrashing, 8.0), Some(2.0));
    assert_eq!(rate_at(&thrashing[1..], 8.0), Some(8.0));
    assert_eq!(rate_at(&[(4.0, None)], 4.0), None);
    assert_eq!(rate_at(&[], 4.0), None);
}

#[test]
fn times_of_chunks_are_kept_where_they_decide() {
    let rates = search(Over::Rate { arrivals: Arrivals::Poisson }, 1.0, 2.0);
    let by_times = |metric: &str, until: Until| {
        let mut run = looking(1, &Sought { until, ..rates.clone() });
        run.plan.targets = vec![target("t", metric, Bound::AtMost(0.5), "limit")];
        let load = run.plan.steps[1].load().expect("a trial");
        super::by_times(&run.plan, load.trial.as_ref().expect("a trial"))
    };
    for (metric, times) in [
        ("ttft.p95", false),
        ("service.e2e.p50", false),
        ("error_rate", false),
        ("itl.p99", true),
        ("output_tokens_per_second", true),
        ("objectives_met_rate", true),
    ] {
        assert_eq!(by_times(metric, Until::Targets), times, "{metric}");
    }
    assert!(by_times("ttft.p95", Until::Broken));
}
