//! Objectives, prices, targets that end the run: how they are read and how layers combine them.

use super::*;
use crate::{
    catalog::Metric,
    config::{Objective, OnInconclusive, Price},
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
    assert_eq!(
        limits(&scenario.objectives),
        [(Metric::Ttft, 1_000), (Metric::Tpot, 50), (Metric::E2e, 8_000)]
    );
}

/// Objectives by metric, in milliseconds.
fn limits(objectives: &[Objective]) -> Vec<(Metric, u128)> {
    objectives.iter().map(|objective| (objective.metric, objective.at_most.as_millis())).collect()
}

#[test]
fn those_of_an_endpoint_merge_key_by_key_too() {
    let text = "[endpoints.own]\nurl = \"http://127.0.0.1:1/v1\"\n\
                objectives = { tpot = \"40ms\", ttft = 0.2 }\n\
                [platforms.inner.endpoints.own.objectives]\nttft = \"1s\"\n";
    for (sets, expected) in [
        (vec![], vec![(Metric::Ttft, 1_000), (Metric::Tpot, 40)]),
        (
            vec!["endpoints.own.objectives.e2e=8s"],
            vec![(Metric::Ttft, 1_000), (Metric::Tpot, 40), (Metric::E2e, 8_000)],
        ),
        // what is asked of all is none of the endpoint's own
        (vec!["objectives.ttft=3s", "objectives.ttfc=3s"], vec![(Metric::Ttft, 1_000), (Metric::Tpot, 40)]),
    ] {
        let scenario = with(text, &sets);
        assert_eq!(limits(&scenario.endpoints["own"].objectives), expected, "{sets:?}");
    }
    let others = with(text, &[]);
    let asked = others.endpoints.iter().filter(|(_, endpoint)| !endpoint.objectives.is_empty());
    assert_eq!(asked.count(), 1);
    let laid_over = |below: &[(Metric, u64)], above: &[(Metric, u64)]| {
        let of = |limits: &[(Metric, u64)]| -> Vec<Objective> {
            let objective = |(metric, ms): &(Metric, u64)| Objective {
                metric: *metric,
                at_most: Duration::from_millis(*ms),
            };
            limits.iter().map(objective).collect()
        };
        limits(&Objective::laid_over(&of(below), &of(above)))
    };
    assert_eq!(laid_over(&[], &[]), []);
    assert_eq!(laid_over(&[(Metric::E2e, 5)], &[]), [(Metric::E2e, 5)]);
    assert_eq!(laid_over(&[(Metric::E2e, 5)], &[(Metric::E2e, 9)]), [(Metric::E2e, 9)]);
    let above = [(Metric::Ttft, 1), (Metric::Itl, 2)];
    assert_eq!(
        laid_over(&[(Metric::Ttft, 5), (Metric::E2e, 7)], &above),
        [(Metric::Ttft, 1), (Metric::Itl, 2), (Metric::E2e, 7)]
    );
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
