//! Which models requests name.

use super::*;
use crate::config::Model;

fn model(written: &str, sets: &[&str]) -> Model {
    compiled(None, &format!("model = {written}\n{CLOSED}"), sets).endpoints["main"].model.clone()
}

/// The shares of a mix, by name.
fn shares(model: &Model) -> Vec<(String, f64)> {
    let Model::Mix(mix) = model else { panic!("a mix, found {model:?}") };
    mix.shares().map(|(name, share)| (name.to_owned(), share)).collect()
}

#[test]
fn a_model_is_a_name_or_several_with_weights() {
    for (written, expected) in [
        ("\"auto\"", Model::Auto),
        ("\"llama-8b\"", Model::Named("llama-8b".to_owned())),
        // one alone is asked by all
        ("{ \"llama-3.1\" = 0.3 }", Model::Named("llama-3.1".to_owned())),
    ] {
        assert_eq!(model(written, &[]), expected, "{written}");
    }
    assert_eq!(compiled(None, CLOSED, &[]).endpoints["main"].model, Model::Auto);
    // the order of the file means nothing, and weights are what they are to each other
    let expected = [("a".to_owned(), 0.75), ("b".to_owned(), 0.25)];
    for written in
        ["{ b = 1, a = 3 }", "{ a = 0.75, b = 0.25 }", "{ a = \"${RATE}\", b = 0.8333333333333334 }"]
    {
        let shares = shares(&model(written, &[]));
        assert_eq!(shares.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["a", "b"]);
        for ((_, share), (_, wanted)) in shares.iter().zip(&expected) {
            assert!((share - wanted).abs() < 1e-12, "{written}: {shares:?}");
        }
    }
}

#[test]
fn a_layer_adds_to_a_mix_or_replaces_it() {
    let written = "{ a = 1, b = 1 }";
    let added = shares(&model(written, &["endpoints.main.model.b=3"]));
    assert_eq!(added, [("a".to_owned(), 0.25), ("b".to_owned(), 0.75)]);
    let replaced = model(written, &["endpoints.main.model=c"]);
    assert_eq!(replaced, Model::Named("c".to_owned()));
    let mixed = shares(&model("\"c\"", &["endpoints.main.model={ a = 1, b = 1 }"]));
    assert_eq!(mixed.len(), 2);
}
