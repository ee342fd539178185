//! What the schema shows to people.

use super::*;

/// Calls `visit` with the address and the schema of every key.
fn keys(schema: &Value, visit: &mut dyn FnMut(&str, &Value)) {
    let definitions = schema["definitions"].as_object().expect("definitions");
    let tables = definitions.iter().map(|(name, table)| (name.as_str(), table)).chain([("", schema)]);
    for (name, table) in tables {
        for (key, value) in table["properties"].as_object().into_iter().flatten() {
            visit(&format!("{name}.{key}"), value);
        }
    }
}

#[test]
fn every_key_is_described_and_shown() {
    for schema in [scenario_schema(), preset_schema()] {
        keys(&schema, &mut |address, key| {
            let text = key["description"].as_str().unwrap_or_default();
            assert!(text.len() > 5 && text.ends_with('.'), "{address}: `{text}`");
            let text = key.to_string();
            let shown = key["examples"].is_array()
                || ["default", "const"].iter().any(|keyword| key.get(keyword).is_some())
                || text.contains("\"boolean\"")
                || text.contains("\"const\":")
                || text.contains("\"$ref\":");
            assert!(shown, "{address} has neither an example nor a default");
        });
    }
}

#[test]
fn examples_and_defaults_are_what_they_should_be() {
    let mut checked = 0;
    for schema in [scenario_schema(), preset_schema()] {
        keys(&schema, &mut |address, key| {
            let mut alone = key.clone();
            alone["definitions"] = schema["definitions"].clone();
            let validator = validator(&alone);
            let examples = key["examples"].as_array().into_iter().flatten();
            for value in examples.chain(key.get("default")) {
                checked += 1;
                assert_eq!(problems(&validator, value), "", "{address}: {value}");
            }
        });
    }
    assert!(checked > 100, "{checked}");
}

#[test]
fn defaults_are_those_of_the_program() {
    let schema = scenario_schema();
    for (pointer, default) in [
        ("/properties/seed", serde_json::json!(42)),
        ("/definitions/Run/properties/platform", "auto".into()),
        ("/definitions/Defaults/properties/requests", 100.into()),
        ("/definitions/Endpoint/properties/protocol", "openai_chat".into()),
        ("/definitions/Closed/properties/ramp_up", "0s".into()),
        ("/definitions/Open/properties/arrivals", "poisson".into()),
        ("/definitions/Faults/properties/error_rate", 0.into()),
        ("/definitions/Synthetic/properties/output_tokens", 64.into()),
    ] {
        assert_eq!(schema.pointer(pointer).map(|key| &key["default"]), Some(&default), "{pointer}");
    }
    let drawn = &schema["definitions"]["Synthetic"]["properties"]["prompt_tokens"]["default"];
    assert_eq!(drawn["lognormal"]["mean"], 128);
    // every leaf of the built-in layer has found its key
    let leaves = super::super::super::fill::BUILT_IN;
    let leaves: toml::Table = leaves.parse().expect("valid TOML");
    assert_eq!(schema.to_string().matches("\"default\":").count(), count(&leaves));
}

/// The leaves of the built-in layer that are defaults of a key.
fn count(table: &toml::Table) -> usize {
    let inner = table.iter().filter(|(key, _)| *key != "spare").map(|(key, value)| match value {
        toml::Value::Table(_) if ["prompt_tokens", "mix"].contains(&key.as_str()) => 1,
        toml::Value::Table(inner) => count(inner),
        _ => 1,
    });
    inner.sum()
}
