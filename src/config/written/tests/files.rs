//! Every file that the program accepts is accepted by the schema.

use super::*;

/// The TOML files of a folder of the source.
fn files(folder: &str) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(root(folder)).expect("a folder of the source");
    let paths = entries.map(|entry| entry.expect("a readable entry").path());
    let mut files: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).expect("a readable file")))
        .collect();
    files.sort();
    files
}

#[test]
fn ready_scenarios_and_presets() {
    for (folder, schema) in [("scenarios", scenario_schema()), ("presets", preset_schema())] {
        let validator = validator(&schema);
        let files = files(folder);
        assert!(files.len() >= 5, "{folder}");
        for (name, text) in files {
            assert_eq!(problems(&validator, &document(&text)), "", "{name}");
        }
    }
    let part = validator(&included_schema());
    for (name, text) in files("tests/broken/include") {
        if let Ok(table) = text.parse::<toml::Table>() {
            let document = serde_json::to_value(table).expect("a JSON value");
            assert_eq!(problems(&part, &document).is_empty(), !name.ends_with("mistakes.toml"), "{name}");
        }
    }
    let maximal = document(MAXIMAL);
    assert_eq!(problems(&validator(&scenario_schema()), &maximal), "");
}

/// TOML in Markdown: whole scenarios as they are, the rest as parts of one.
#[test]
fn examples_in_the_documentation() {
    let validator = validator(&scenario_schema());
    let mut checked = 0;
    for name in ["README.md", "scenarios/README.md"] {
        let text = std::fs::read_to_string(root(name)).expect("documentation");
        for block in text.split("```toml\n").skip(1) {
            let block = block.split("```").next().unwrap_or_default();
            let head = if block.contains("version = 1") { "" } else { "version = 1\nname = \"x\"\n" };
            assert_eq!(problems(&validator, &document(&format!("{head}{block}"))), "", "{name}: {block}");
            checked += 1;
        }
    }
    assert!(checked > 0);
}

/// What is wrong with a single value or key, an editor sees before the program runs. How values fit together it cannot
/// see.
#[test]
fn broken_scenarios() {
    let validator = validator(&scenario_schema());
    for name in [
        "bad_dataset",
        "bad_duration",
        "bad_numbers",
        "bad_pause",
        "bad_spikes",
        "bad_stages",
        "bad_target",
        "bad_url",
        "empty",
        "gamma_out_of_range",
        "gamma_without_variation",
        "inactive_platform",
        "lists_for_tables",
        "literal_secret",
        "load_as_text",
        "load_without_phase",
        "metric_names",
        "missing_over",
        "missing_version",
        "misspelt_key",
        "negative_weight",
        "no_load",
        "pause_with_load",
        "three_mistakes",
        "two_loads",
        "unknown_key",
        "wrong_type",
    ] {
        let text =
            std::fs::read_to_string(root(&format!("tests/broken/{name}.toml"))).expect("a readable file");
        assert_ne!(problems(&validator, &document(&text)), "", "{name}");
    }
}
