//! `[matrix]`: the shape of an override, with a list of values in place of every value.

use serde_json::{Map, Value, json};

/// What the tables of a matrix are called, before the name of the table that they vary.
const PREFIX: &str = "Varied";

/// Puts the shape of a matrix beside the shape of an override.
pub(super) fn insert(schema: &mut Value) {
    let Some(definitions) = schema["definitions"].as_object() else { return };
    let mut varied = Map::new();
    vary(definitions, "Override", &mut varied);
    if let Some(definitions) = schema["definitions"].as_object_mut() {
        definitions.append(&mut varied);
    }
}

/// Adds the varied shape of a table, and of those in it.
fn vary(definitions: &Map<String, Value>, name: &str, varied: &mut Map<String, Value>) {
    let key = format!("{PREFIX}{name}");
    let Some(table) = definitions.get(name) else { return };
    if varied.contains_key(&key) {
        return;
    }
    varied.insert(key.clone(), Value::Null);
    let keys = table["properties"].as_object().into_iter().flatten();
    let keys: Map<String, Value> =
        keys.map(|(key, value)| (key.clone(), values(definitions, value, varied))).collect();
    let shape = json!({
        "description": format!("What a matrix varies of: {}", text(table)),
        "type": "object",
        "additionalProperties": false,
        "properties": keys,
    });
    varied.insert(key, shape);
}

/// What stands for a value in a matrix: a list of them; for a table also a table of lists.
fn values(definitions: &Map<String, Value>, value: &Value, varied: &mut Map<String, Value>) -> Value {
    let mut item = value.clone();
    let mut shown = Vec::new();
    if let Value::Object(item) = &mut item {
        item.shift_remove("description");
        item.shift_remove("default");
        if let Some(Value::Array(examples)) = item.shift_remove("examples") {
            shown = examples;
        }
    }
    let mut shapes = inside(definitions, value, varied);
    shapes.push(json!({ "type": "array", "items": item, "minItems": 1, "uniqueItems": true }));
    let mut whole = Map::new();
    if !text(value).is_empty() {
        whole.insert("description".to_owned(), text(value).into());
    }
    match <[Value; 1]>::try_from(shapes) {
        Ok([Value::Object(mut only)]) => whole.append(&mut only),
        Ok([other]) => return other,
        Err(shapes) => {
            whole.insert("anyOf".to_owned(), shapes.into());
        }
    }
    if !shown.is_empty() {
        whole.insert("examples".to_owned(), json!([shown]));
    }
    Value::Object(whole)
}

/// The tables of lists that may stand for a value: one for every table that it may be.
fn inside(definitions: &Map<String, Value>, value: &Value, varied: &mut Map<String, Value>) -> Vec<Value> {
    if let Some(name) = value["$ref"].as_str().and_then(|path| path.strip_prefix("#/definitions/")) {
        if definitions.get(name).is_none_or(|table| !table["properties"].is_object()) {
            return Vec::new();
        }
        vary(definitions, name, varied);
        return vec![json!({ "$ref": format!("#/definitions/{PREFIX}{name}") })];
    }
    let entries = &value["additionalProperties"];
    if entries.is_object() {
        let entries = values(definitions, entries, varied);
        return vec![
            json!({ "type": "object", "propertyNames": value["propertyNames"], "additionalProperties": entries }),
        ];
    }
    let alternatives =
        ["anyOf", "allOf"].into_iter().filter_map(|keyword| value[keyword].as_array()).flatten();
    alternatives.flat_map(|value| inside(definitions, value, varied)).collect()
}

fn text(schema: &Value) -> &str {
    schema["description"].as_str().unwrap_or_default()
}
