//! The built-in defaults, put into the schema at the keys that they are for.

use serde_json::Value;

use super::{
    super::fill::{BUILT_IN, WHOLE},
    walk::{entry, tables},
};

/// Puts every value of the built-in layer at its key.
pub(super) fn insert(schema: &mut Value) {
    let mut layer: toml::Table = BUILT_IN.parse().expect("the built-in defaults are part of the program");
    // stands for tables that a scenario does not have at all
    layer.remove("spare");
    let each = layer.remove("each");
    put(schema, "", &toml::Value::Table(layer));
    for (named, template) in each.iter().filter_map(toml::Value::as_table).flatten() {
        for table in entry(schema, "", named).iter().flat_map(|at| tables(schema, at)).collect::<Vec<_>>() {
            put(schema, &format!("{table}/additionalProperties"), template);
        }
    }
}

/// Puts values into the table at a pointer.
fn put(schema: &mut Value, pointer: &str, value: &toml::Value) {
    let Some(values) = value.as_table() else { return };
    for table in tables(schema, pointer) {
        for (key, value) in values {
            let Some(pointer) = entry(schema, &table, key) else { continue };
            let Some(Value::Object(at)) = schema.pointer_mut(&pointer) else { continue };
            // a value that is a number or a table has its default as a whole
            if value.is_table() && !at.contains_key("anyOf") && !WHOLE.contains(&key.as_str()) {
                put(schema, &pointer, value);
            } else if let Ok(value) = serde_json::to_value(value) {
                at.insert("default".to_owned(), value);
            }
        }
    }
}
