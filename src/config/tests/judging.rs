//! Objectives, prices, targets that end the run: how they are read and how layers combine them.

use super::*;
use crate::{
    catalog::Metric,
    config::{OnInconclusive, Price},
};

const PHASE: &str = "[phases.main]\nrequests = 400\nload.closed = { users = 4 }\n";

fn with(text: &str, sets: &[&str]) -> Scenario {
    compiled(Some("inner"), &format!("{PHASE}{text}"), sets)
}

#[test]
fn nothing_said_is_nothing_judged() {
    let scenario = with("", &[]);
    assert_eq!((scenario.objectives.len(), scenario.price), (0, None));
    assert_eq!(scenario.run.on_inconclusive, OnInconclusive::Fail);
    let warns = with("[run]\non_inconclusive = \"warn\"\n", &[]);
    assert_eq!(warns.run.on_inconclusive, OnInconclusive::Warn);
}

#[test]
fn objectives_merge_key_by_key() {
    let text = "[objectives]\ntpot = \"50ms\"\nttft = 0.5\n[platforms.inner.objectives]\nttft = \"1s\"\n";
    let scenario = with(text, &["objectives.e2e=8s"]);
    let limits: Vec<(Metric, u128)> = scenario
        .objectives
        .iter()
        .map(|objective| (objective.metric, objective.at_most.as_millis()))
        .collect();
    assert_eq!(limits, [(Metric::Ttft, 1_000), (Metric::Tpot, 50), (Metric::E2e, 8_000)]);
}

#[test]
fn one_form_of_a_price_takes_the_place_of_the_other() {
    let tokens = |input, output| Some(Price::PerMillionTokens { input, output });
    let hour = "[price]\nper_hour = 0.69\n";
    let both = "[price]\nper_million_input_tokens = 0.5\nper_million_output_tokens = 2\n";
    for (text, sets, price) in [
        (hour, vec![], Some(Price::PerHour(0.69))),
        (both, vec![], tokens(0.5, 2.0)),
        ("[price]\nper_million_output_tokens = 2\n", vec![], tokens(0.0, 2.0)),
        (hour, vec!["price.per_million_input_tokens=1"], tokens(1.0, 0.0)),
        (hour, vec!["price.per_million_output_tokens=3"], tokens(0.0, 3.0)),
        (both, vec!["price.per_million_output_tokens=3"], tokens(0.5, 3.0)),
        (both, vec!["price.per_hour=4"], Some(Price::PerHour(4.0))),
    ] {
        assert_eq!(with(text, &sets).price, price, "{text} {sets:?}");
    }
}

#[test]
fn no_preset_invents_a_price() {
    for preset in crate::config::presets() {
        assert!(!preset.text.contains("price"), "{}", preset.name);
    }
}

#[test]
fn a_target_may_end_the_run() {
    let text = "[targets.errors]\nmetric = \"error_rate\"\nat_most = \"5%\"\n";
    assert_eq!(with(text, &[]).targets["errors"].abort, None);
    let scenario = with(&format!("{text}abort = {{ after = \"10s\" }}\n"), &[]);
    assert_eq!(scenario.targets["errors"].abort, Some(Duration::from_secs(10)));
    let scenario = with(text, &["targets.errors.abort.after=0"]);
    assert_eq!(scenario.targets["errors"].abort, Some(Duration::ZERO));
}
