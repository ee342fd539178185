//! Endpoints of which requests name one of several models.

use super::*;
use crate::{
    config::{Model, ModelMix},
    plan::{Plan, Step},
};

/// A plan whose first endpoint has a mix of two models.
fn mixed(endpoints: &[&str], steps: Vec<Step>) -> Plan {
    let mut plan = plan(endpoints, steps);
    let weights = [("base", 3.0), ("lora", 1.0)].map(|(name, weight)| (name.to_owned(), weight));
    plan.endpoints[0].model = Model::Mix(ModelMix::of(weights.into_iter().collect()));
    plan
}

/// Of each model: where, requests due, failures.
fn rows(summary: &Summary) -> Vec<(&str, String, u64, u64)> {
    let rows = summary.models.iter().map(|of| {
        let counts = &of.scope.counts;
        (of.model.as_str(), of.scope.key.to_string(), counts.due, counts.failed())
    });
    rows.collect()
}

#[test]
fn each_model_has_numbers_and_the_endpoint_has_all() {
    let mut run = Run::new(mixed(&["chat"], vec![closed("load", 1, 4)]));
    run.start(1, 0);
    for (due, model) in [(0, "base"), (2, "lora"), (4, "base")] {
        run.push(1, answer(due * SEC, SEC, &[SEC])).model = model.to_owned();
    }
    run.push(1, failure(6 * SEC, SEC, Outcome::HttpError)).model = "lora".to_owned();
    let summary = run.end().summary();
    assert_eq!(
        rows(&summary),
        [("base", "load · chat".to_owned(), 2, 0), ("lora", "load · chat".to_owned(), 2, 1)]
    );
    let whole = whole(&summary);
    assert_eq!((whole.counts.due, whole.counts.failed()), (4, 1));
    // over one window, the rates of the models sum to that of all
    let rate = |scope: &Scope| scope.value(Metric::OutputTokensPerSecond, None).expect("a rate");
    close(Some(summary.models.iter().map(|of| rate(&of.scope)).sum()), rate(whole));
    let lora = &summary.models[1].scope;
    close(lora.value(Metric::ErrorRate, None), 0.5);
    assert_eq!((lora.users, lora.offered_rate), (None, None));
}

#[test]
fn only_a_mix_has_models_in_each_step_of_a_ladder() {
    let steps = [1, 2].map(|users| level(closed("ladder", users, 2), &format!("users={users}")));
    let mut run = Run::new(mixed(&["chat", "plain"], steps.to_vec()));
    for (step, due) in [(1, 10 * SEC), (2, 20 * SEC)] {
        run.start(step, due);
        run.push_to(step, 0, None, answer(due, SEC, &[SEC])).model = "lora".to_owned();
        run.push_to(step, 1, None, answer(due + SEC, SEC, &[SEC])).model = "plain".to_owned();
    }
    let summary = run.end().summary();
    let keys: Vec<_> =
        rows(&summary).into_iter().map(|(model, key, due, _)| format!("{model}: {key} {due}")).collect();
    assert_eq!(
        keys,
        [
            "base: ladder · chat 0",
            "lora: ladder · chat 2",
            "base: ladder · users=1 · chat 0",
            "lora: ladder · users=1 · chat 1",
            "base: ladder · users=2 · chat 0",
            "lora: ladder · users=2 · chat 1",
        ]
    );
}
