//! Keys and exclusive groups are the same on both sides.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{
        super::{detect, merge::EXCLUSIVE},
        walk::{entry, tables},
    },
    *,
};

/// Keys that are taken out of the tree before the reader sees it, by their table.
const TAKEN_EARLIER: &[(&str, &str)] = &[("/definitions/Sim", "extends")];

/// Tables that have the keys of others, which is a test of its own.
fn derived(table: &str) -> bool {
    ["Override", "RunSettings"].iter().any(|name| table.ends_with(name))
        || table.starts_with("/definitions/Varied")
}

/// Keys by the table of the schema that they are in.
type Keys = BTreeMap<String, BTreeSet<String>>;

fn of_schema(schema: &Value) -> Keys {
    let definitions = schema["definitions"].as_object().expect("definitions");
    let tables = definitions.keys().map(|name| format!("/definitions/{name}")).chain([String::new()]);
    let keys = tables.filter(|table| !derived(table)).filter_map(|table| {
        let properties = schema.pointer(&format!("{table}/properties"))?.as_object()?;
        Some((table, properties.keys().cloned().collect()))
    });
    keys.collect()
}

/// The keys that the reader asked for.
fn of_reader(schema: &Value) -> Keys {
    let mut keys = Keys::new();
    for (path, known) in asked::take() {
        let mut pointer = String::new();
        for part in path.split('.').filter(|part| !part.is_empty()) {
            let (key, element) = part.split_once('[').map_or((part, ""), |(key, _)| (key, "/items"));
            let found = tables(schema, &pointer).iter().find_map(|table| entry(schema, table, key));
            pointer = found.unwrap_or_else(|| panic!("the schema knows no `{path}`")) + element;
        }
        let table = tables(schema, &pointer).into_iter().next();
        let table = table.unwrap_or_else(|| panic!("`{path}` is no table"));
        // the keys of other tables are whatever their author likes
        if schema.pointer(&format!("{table}/properties")).is_some() {
            keys.entry(table).or_default().extend(known);
        }
    }
    for (table, key) in TAKEN_EARLIER {
        keys.entry((*table).to_owned()).or_default().insert((*key).to_owned());
    }
    keys
}

/// The keys that a document has.
fn of_document(schema: &Value, pointer: &str, value: &Value, keys: &mut Keys) {
    if let Value::Array(items) = value {
        for item in items {
            of_document(schema, &format!("{pointer}/items"), item, keys);
        }
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        for table in tables(schema, pointer) {
            if let Some(pointer) = entry(schema, &table, key) {
                keys.entry(table).or_default().insert(key.clone());
                of_document(schema, &pointer, value, keys);
            }
        }
    }
}

#[test]
fn the_reader_asks_for_the_keys_of_the_schema() {
    asked::take();
    let read = compile(MAXIMAL);
    assert!(read.is_ok(), "{}", read.err().map(|problems| problems.render(false)).unwrap_or_default());
    let schema = scenario_schema();
    let (reader, written) = (of_reader(&schema), of_schema(&schema));
    let all: BTreeSet<_> = reader.keys().chain(written.keys()).collect();
    for table in all {
        assert_eq!(
            reader.get(table),
            written.get(table),
            "`{table}`: left what the reader asks for (where `maximal.toml` has such a table), right what the schema has"
        );
    }
}

#[test]
fn every_key_is_in_the_maximal_scenario() {
    let schema = scenario_schema();
    let mut there = Keys::new();
    of_document(&schema, "", &document(MAXIMAL), &mut there);
    for (table, keys) in of_schema(&schema) {
        let missing: Vec<_> =
            keys.iter().filter(|key| !there.get(&table).is_some_and(|t| t.contains(*key))).collect();
        assert!(missing.is_empty(), "{missing:?} of `{table}` is nowhere in `maximal.toml`");
    }
}

#[test]
fn a_preset_has_what_presets_are_asked_for() {
    let (scenario, preset) = (scenario_schema(), preset_schema());
    let keys = |schema: &Value, pointer: &str| -> BTreeSet<String> {
        let table = tables(schema, pointer).remove(0);
        let properties = schema.pointer(&format!("{table}/properties")).and_then(Value::as_object);
        properties.expect("a table").keys().cloned().collect()
    };
    let mut expected = keys(&scenario, "");
    for key in ["version", "name", "platforms", "include", "matrix"] {
        assert!(expected.remove(key));
    }
    assert_eq!(keys(&scenario, "/properties/platforms/additionalProperties"), expected);
    assert_eq!(keys(&scenario, "/properties/matrix"), expected);
    expected.extend(["note", "extends", "detect"].map(str::to_owned));
    assert_eq!(keys(&preset, ""), expected);
    assert_eq!(
        keys(&preset, "/properties/detect"),
        detect::KEYS.iter().map(|key| (*key).to_owned()).collect()
    );
    let mut run = keys(&scenario, "/properties/run");
    assert!(run.remove("platform"));
    assert_eq!(keys(&preset, "/properties/run"), run);
}

#[test]
fn keys_that_exclude_each_other_in_layers_do_so_in_the_schema() {
    let schema = scenario_schema();
    for (path, group) in EXCLUSIVE {
        let mut pointer = String::new();
        for part in *path {
            // the tables of lengths stand for all of them
            let key =
                if *part == "*" && path[0] == "workloads" && path.last() == Some(part) && path.len() == 4 {
                    "output_tokens"
                } else {
                    part
                };
            let table = tables(&schema, &pointer).remove(0);
            pointer = entry(&schema, &table, key).unwrap_or_else(|| panic!("{path:?}: no `{key}`"));
        }
        let table = tables(&schema, &pointer).remove(0);
        let table = schema.pointer(&table).expect("a table");
        let alone = table["maxProperties"] == 1;
        for (index, one) in group.iter().enumerate() {
            for other in &group[index + 1..] {
                let forbidden = table["allOf"].as_array().into_iter().flatten().any(|rule| {
                    let pair = rule["not"]["required"].as_array();
                    pair.is_some_and(|pair| pair.contains(&(*one).into()) && pair.contains(&(*other).into()))
                });
                assert!(alone || forbidden, "{path:?}: `{one}` and `{other}`");
            }
        }
    }
}
