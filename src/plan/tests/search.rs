//! Searches: what their trials are planned as, and what they may come to.

use std::time::Duration;

use crate::{
    config::{Arrivals, Bound, Load, Scenario, Search, Sought, Until},
    plan::{LoadStep, Plan, Tried, compile, fixture, render, schedule, totals, trial_length, tried},
};

/// A search of one phase behind a warm-up, whose trials need some seventy answers each.
fn searching(over: Sought, from: f64, to: f64) -> Scenario {
    let step = Duration::from_secs(20);
    let search = Search { over, from, to, step, precision: 0.05, until: Until::Targets };
    let mut scenario = fixture::bare();
    scenario.phases = fixture::named([
        ("warmup", fixture::phase(Some(10), None, fixture::closed(&[1]))),
        ("limit", fixture::phase(None, None, Load::Search(search))),
    ]);
    scenario.targets = fixture::named([("first", fixture::target("ttft.p95", Bound::AtMost(0.5)))]);
    scenario
}

fn rates() -> Sought {
    Sought::Rate { arrivals: Arrivals::Poisson }
}

/// A trial of a plan with every level it may have, each for as long as it lasts when it is tried again.
fn longest(plan: &Plan, step: usize, level: f64) -> Tried {
    let load = plan.steps[step].load().expect("a trial").at(level, Duration::ZERO);
    Tried { step, level, duration: trial_length(plan, &load, Some(level), 2) }
}

#[test]
fn numbers_of_trials_do_not_overlap_whatever_they_turn_out_to_be() {
    let plan = compile(&searching(rates(), 4.0, 200.0));
    let trials: Vec<(usize, u64)> = plan
        .loads()
        .filter(|(_, load)| load.trial.is_some())
        .map(|(step, load)| (step.id, load.first_seq))
        .collect();
    assert!(trials.len() > 10);
    for pair in trials.windows(2) {
        let [(step, first), (_, next)] = pair else { continue };
        let planned = plan.steps[*step].load().and_then(LoadStep::level).expect("a level");
        for level in [4.0, 16.0, planned].map(|level: f64| level.min(planned)) {
            let run = tried(&plan, &[], longest(&plan, *step, level)).expect("a trial");
            let sent = schedule::of_step(&run, plan.seed).expect("an open step").count() as u64;
            assert!(first + sent <= *next, "{level}: {sent} of {}", next - first);
        }
    }
}

#[test]
fn twice_as_long_is_twice_as_long() {
    let plan = compile(&searching(rates(), 1.0, 100.0));
    let (step, load) = plan.loads().find(|(_, load)| load.trial.is_some()).expect("a trial");
    for level in [1.0, 3.0, 50.0] {
        let load = load.at(level, Duration::ZERO);
        let [once, twice] = [1, 2].map(|times| trial_length(&plan, &load, Some(level), times).as_secs_f64());
        assert!((twice / once - 2.0).abs() < 1e-6, "{level} of {}: {once} s, then {twice} s", step.name);
    }
}

/// The row of the search in the text of a plan, with one space between words.
fn row(plan: &Plan) -> String {
    let text = render::text(plan);
    let row = text.lines().find(|line| line.trim_start().starts_with("limit")).expect("a row of the search");
    row.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_search_over_rates_has_bounds_and_one_over_users_estimates() {
    let plan = compile(&searching(rates(), 1.0, 100.0));
    insta::assert_snapshot!(row(&plan));
    let durations: Vec<f64> = plan
        .loads()
        .filter(|(_, load)| load.trial.is_some())
        .filter_map(|(step, _)| step.expected.duration_s)
        .collect();
    // each as long as at the lowest level, every second one tried again for twice as long
    assert!((durations[1] / durations[0] - 2.0).abs() < 1e-6, "{durations:?}");
    assert!(durations[0] > 60.0 && durations[2..4] == durations[..2], "{durations:?}");
    assert!(totals(&plan).duration_s >= Some(durations.iter().sum()));

    let plan = compile(&searching(Sought::Users, 1.0, 64.0));
    insta::assert_snapshot!(row(&plan));
    let (first, _) = plan.loads().find(|(_, load)| load.trial.is_some()).expect("a trial");
    assert_eq!(first.expected.duration_s, Some(20.0), "nothing is known to it");
}
