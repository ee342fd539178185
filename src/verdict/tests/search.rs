//! Searches over hand-made trials: what a level comes to, and what the trials that failed say of the run.

use std::time::Duration;

use super::*;
use crate::{
    config::{Arrivals, Input, Search, Sought, Until, load as load_file},
    machine::Machine,
    plan::{Criterion, LoadStep, Step, Trial, compile, trial_length},
};

fn search(over: Sought, until: Until) -> Search {
    Search { over, from: 1.0, to: 100.0, step: Duration::from_secs(4), precision: 0.05, until }
}

/// The trials of a search at these levels, as they were run; first tokens have half a second.
fn trials(search: &Search, levels: &[f64]) -> Run {
    let steps = levels.iter().map(|at| {
        let mut step = level(open("limit", *at, 4), &format!("{}={at}", search.over.name()));
        let planned = load(&mut step);
        let criteria = vec![Criterion { target: 0, endpoint: None }];
        planned.trial = Some(Trial { search: search.clone(), criteria });
        planned.settle = search.step / 10;
        *planned = planned.at(*at, search.step);
        step
    });
    let steps: Vec<Step> = steps.collect();
    let mut run = Run::new(plan(&["chat"], steps));
    run.plan.targets = vec![target("first_token", "ttft.p50", Bound::AtMost(0.5), "limit")];
    run
}

fn rates() -> Search {
    search(Sought::Rate { arrivals: Arrivals::Constant }, Until::Targets)
}

/// Requests of an open trial at a rate, each of which comes to something by its number.
fn send(
    run: &mut Run,
    step: usize,
    rate: u64,
    come_to: impl Fn(u64, u64) -> (crate::record::Record, Vec<u64>),
) {
    let from_ns = step as u64 * 100 * SEC;
    run.start(step, from_ns);
    for i in 0..4 * rate {
        let due_ns = from_ns + i * SEC / rate;
        run.push(step, come_to(i, due_ns));
    }
}

#[test]
fn what_a_failed_trial_left_unsent_is_no_fault_of_the_run() {
    let capped = |first_is_capped: bool| {
        let mut run = trials(&rates(), &[10.0, 40.0]);
        let unsent = |capped: bool, i: u64, due_ns: u64| {
            if capped && i > 30 { failure(due_ns, 0, Outcome::NotSent) } else { answer(due_ns, 10 * MS, &[]) }
        };
        send(&mut run, 1, 10, |i, due_ns| unsent(first_is_capped, i, due_ns));
        send(&mut run, 2, 40, |i, due_ns| unsent(!first_is_capped, i, due_ns));
        let run = run.end();
        judge(&run.plan, &run.summary())
    };
    let verdict = capped(false);
    assert_eq!((verdict.searches[0].limit, verdict.searches[0].broken), (Some(10.0), Some(40.0)));
    assert!(verdict.searches[0].reason.contains("unsent"), "{}", verdict.searches[0].reason);
    assert!(check(&verdict, "2a").ok, "{}", check(&verdict, "2a").value);
    // below it no level may be the limit
    assert_eq!(capped(true).searches[0].limit, None);
}

#[test]
fn a_search_whose_lowest_level_fails_has_nothing_that_had_to_be_steady() {
    let mut run = trials(&rates(), &[40.0]);
    // fewer answers than show it
    load(&mut run.plan.steps[1]).require_steady = true;
    send(&mut run, 1, 40, |i, due_ns| answer(due_ns, (600 + i % 7) * MS, &[]));
    let run = run.end();
    let verdict = judge(&run.plan, &run.summary());
    let found = &verdict.searches[0];
    assert_eq!((found.limit, found.broken), (None, Some(40.0)), "{found:?}");
    assert!(!check(&verdict, "6").void, "{}", check(&verdict, "6").value);
}

/// What a trial of four users comes to, each of whose requests comes to the same and took longer than the step.
fn slow(come_to: impl Fn(u64) -> (crate::record::Record, Vec<u64>)) -> Attempt {
    let mut run = trials(&search(Sought::Users, Until::Targets), &[4.0]);
    run.start(1, 100 * SEC);
    for user in 0..4 {
        run.push_user(1, user, come_to(100 * SEC));
    }
    let run = run.end();
    judge(&run.plan, &run.summary()).searches[0].attempts[0].clone()
}

#[test]
fn a_server_that_is_slower_than_the_step_is_seen() {
    let hangs = slow(|due_ns| failure(due_ns, 120 * SEC, Outcome::Timeout));
    assert_eq!((hangs.mark, hangs.answered), (Mark::Fail, None));
    insta::assert_snapshot!(hangs.reason);
    // four in twenty seconds, from which the length of the next trial follows
    let slow = slow(|due_ns| answer(due_ns, 20 * SEC, &[]));
    assert_ne!(slow.mark, Mark::Pass);
    assert!(slow.answered.is_some_and(|rate| (rate - 0.2).abs() < 1e-9), "{slow:?}");
}

/// What a level of a server with a limit comes to when it is tried for so many times the length of a step.
type Server = fn(level: f64, limit: f64, times: u32) -> Mark;

#[test]
fn no_search_sends_more_or_lasts_longer_than_planned() {
    let text = "version = 1\nname = \"test\"\nendpoints.main.url = \"sim:cpu_only\"\n\
                phases.limit.load.search = { rate = { from = 1, to = 64 }, step = \"20s\", arrivals = \"constant\" }\n\
                targets.t = { metric = \"ttft.p95\", at_most = \"1s\" }\n";
    let input = Input { name: "test.toml", text, platform: None, sets: &[] };
    let nothing = |_: &std::path::Path| Err(std::io::Error::other("nothing to read"));
    let loaded = load_file(&input, &Machine::default(), &|_| None, &nothing).expect("a scenario");
    let plan = compile(&loaded[0]);
    let planned: Vec<(&Step, &LoadStep)> = plan.loads().collect();
    let search = &planned[0].1.trial.as_ref().expect("a trial").search;
    let sum = |of: fn(&Step) -> Option<f64>| planned.iter().filter_map(|(step, _)| of(step)).sum::<f64>();
    let most = [sum(|step| step.expected.duration_s), sum(|step| step.expected.requests)];
    let sharp: Server = |level, limit, _| if level <= limit { Mark::Pass } else { Mark::Fail };
    let slow: Server = |level, limit, times| match (times, level <= limit) {
        (1, _) => Mark::Inconclusive,
        (_, true) => Mark::Pass,
        (_, false) => Mark::Fail,
    };
    let foggy: Server = |level, limit, _| if level <= limit { Mark::Pass } else { Mark::Inconclusive };
    for server in [sharp, slow, foggy] {
        for limit in [0.5, 1.0, 1.2, 3.9, 5.0, 17.0, 40.0, 63.0, 64.0] {
            let (mut attempts, mut came_to) = (Vec::new(), [0.0; 2]);
            while let Next::Try(level, times) = next(search, &attempts) {
                let load = planned[attempts.len()].1.at(level, search.step);
                let duration_s = trial_length(&plan, &load, Some(level), times).as_secs_f64();
                came_to = [came_to[0] + duration_s, came_to[1] + level * duration_s];
                attempts.push(Attempt {
                    step: String::new(),
                    level,
                    duration_s,
                    mark: server(level, limit, times),
                    reason: String::new(),
                    throughput: None,
                    answered: None,
                });
            }
            assert!(came_to[0] <= most[0] && came_to[1] <= most[1], "{limit}: {came_to:?} of {most:?}");
        }
    }
}
