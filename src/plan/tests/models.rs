//! Which model a request names.

use std::collections::BTreeMap;

use crate::{
    config::{Model, ModelMix},
    plan::{Plan, compile, experiment_of, fixture, model_of},
};

fn mix(weights: &[(&str, f64)]) -> Model {
    Model::Mix(ModelMix::of(weights.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect()))
}

#[test]
fn the_same_for_ever() {
    // a request that names another model is another request
    let mix = mix(&[("base", 0.5), ("lora", 0.5)]);
    let drawn: String = (0..32).map(|seq| &model_of(&mix, 42, seq)[..1]).collect();
    assert_eq!(drawn, "bbbbblllbbblbbbblblbllbllbbblllb");
}

#[test]
fn shares_are_those_of_the_weights() {
    const REQUESTS: u64 = 20_000;
    let mix = mix(&[("a", 1.0), ("b", 6.0), ("c", 3.0)]);
    for seed in [0, 42] {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for seq in 0..REQUESTS {
            *counts.entry(model_of(&mix, seed, seq)).or_default() += 1;
        }
        for (name, share) in [("a", 0.1), ("b", 0.6), ("c", 0.3)] {
            let expected: f64 = REQUESTS as f64 * share;
            let off = counts[name] as f64 - expected;
            // 4.5 standard deviations of a binomial count
            assert!(off.abs() < 4.5 * (expected * (1.0 - share)).sqrt(), "{name} with seed {seed}: {off}");
        }
    }
}

#[test]
fn a_single_model_is_every_requests() {
    for seq in 0..10 {
        assert_eq!(model_of(&Model::Named("one".to_owned()), 1, seq), "one");
        assert_eq!(model_of(&Model::Auto, 1, seq), "auto");
    }
}

/// The plan of a scenario whose endpoints name this.
fn plan(model: &Model) -> Plan {
    let mut scenario = fixture::mixed();
    scenario.endpoints["flash"].model = model.clone();
    compile(&scenario)
}

#[test]
fn a_mix_is_part_of_the_experiment_by_its_shares() {
    let hash = |model: &Model| experiment_of(&plan(model));
    let [one, same, other, third] = [
        &[("a", 1.0), ("b", 2.0)][..],
        &[("b", 0.2), ("a", 0.1)],
        &[("a", 2.0), ("b", 1.0)],
        &[("a", 1.0), ("c", 2.0)],
    ]
    .map(|weights| hash(&mix(weights)));
    assert_eq!(one, same);
    assert!(one != other && one != third && one != hash(&Model::Named("a".to_owned())));
}

#[test]
fn a_mix_is_kept_in_the_file_of_the_plan() {
    let plan = plan(&mix(&[("a", 1.0), ("b/c", 2.0)]));
    let text = plan.to_json();
    assert_eq!(Plan::from_json(&text).expect("it reads back"), plan);
    // a mix of one thing, or of nothing, is none
    let broken = text.replace("\"b/c\": 0.6666666666666666", "\"a\": 1.0");
    assert!(broken != text);
    let error = Plan::from_json(&broken).expect_err("one model is no mix").to_string();
    assert!(error.contains("model"), "{error}");
}
