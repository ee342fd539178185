use crate::{
    config::{Layer, Origin},
    plan::{compile, fixture, origins},
};

#[test]
fn every_value_says_where_it_came_from() {
    let origin = |path: &str, value: &str, layer, source: &str, line| Origin {
        path: path.to_owned(),
        value: value.to_owned(),
        layer,
        source: source.to_owned(),
        line,
    };
    let mut scenario = fixture::bare();
    let long = format!("\"{}\"", "so ".repeat(40));
    scenario.origins = vec![
        origin("seed", "7", Layer::Set, "--set", 0),
        origin("defaults.requests", "100", Layer::Preset, "preset mac", 11),
        origin("endpoints.main.api_key.env", "\"KEY\"", Layer::Scenario, "a.toml", 5),
        origin("endpoints.main.stream", "true", Layer::BuiltIn, "built-in defaults", 21),
        origin("phases.a.requests", "20", Layer::Platform, "a.toml", 40),
        origin("workloads.w.synthetic.prefix", &long, Layer::Scenario, "a.toml", 9),
        origin("description", "\"\"\"\ntwo\nlines\"\"\"", Layer::Scenario, "a.toml", 2),
    ];
    insta::assert_snapshot!(origins::text(&compile(&scenario)));

    let word = "x".repeat(150);
    scenario.origins = vec![origin("run.label", &word, Layer::Set, "--set", 0)];
    let text = origins::text(&compile(&scenario));
    assert_eq!(text.matches('x').count(), 150, "nothing is cut off: {text}");
    assert!(text.lines().all(|line| line.chars().count() < 100), "{text}");
}
