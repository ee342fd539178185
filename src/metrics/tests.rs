//! Runs with known truth: every number is computed by hand.

mod alerts;
mod energy;
mod models;
mod numbers;
mod objectives;
mod observations;
mod runs;
mod spikes;
mod windows;

use super::{fixture::*, *};

fn close(left: Option<f64>, right: f64) {
    assert!(left.is_some_and(|left| (left - right).abs() < 1e-12 * right.abs().max(1.0)), "{left:?} {right}");
}

fn key(phase: &str, step: Option<&str>, endpoint: Option<&str>) -> ScopeKey {
    ScopeKey { phase: phase.to_owned(), step: step.map(str::to_owned), endpoint: endpoint.map(str::to_owned) }
}

fn whole(summary: &Summary) -> &Scope {
    &summary.scopes[0]
}

fn sorted(scope: &Scope, metric: Metric) -> Vec<f64> {
    match &scope.series[&metric].values {
        Values::Sorted(values) => values.clone(),
        Values::Histogram(_) => panic!("{metric:?} is a histogram"),
    }
}

/// One user, one step.
fn one_user(requests: u64) -> Run {
    let mut run = Run::new(plan(&["chat"], vec![closed("load", 1, requests)]));
    run.start(1, 0);
    run
}

/// Two endpoints, a warm-up, and a ladder of two levels.
fn ladder() -> Run {
    let mut warm_up = closed("warmup", 1, 1);
    load(&mut warm_up).measure = false;
    let levels = [level(closed("ladder", 1, 2), "users=1"), level(closed("ladder", 2, 4), "users=2")];
    let [one, two] = levels;
    let mut run = Run::new(plan(&["big", "small"], vec![warm_up, one, two]));
    run.start(1, 0);
    run.push_user(1, 0, answer(0, SEC, &[]));
    run.finish(1, SEC);
    run.start(2, SEC);
    run.push_to(2, 0, Some(0), answer(SEC, SEC, &[SEC]));
    run.push_to(2, 1, Some(0), answer(3 * SEC, SEC, &[]));
    run.finish(2, 4 * SEC);
    run.start(3, 10 * SEC);
    run.push_to(3, 0, Some(0), answer(10 * SEC, SEC, &[SEC]));
    run.push_to(3, 1, Some(1), answer(10 * SEC, SEC, &[]));
    run.push_to(3, 1, Some(1), answer(11 * SEC, SEC, &[]));
    run.push_to(3, 0, Some(0), failure(12 * SEC, SEC, Outcome::HttpError));
    run.end()
}
