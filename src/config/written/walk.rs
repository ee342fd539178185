//! Finding one's way in a schema: from a table to its keys, through references and alternatives.

use serde_json::Value;

/// The pointers of the tables that the value described at a pointer may be.
pub(super) fn tables(root: &Value, pointer: &str) -> Vec<String> {
    let Some(schema) = root.pointer(pointer) else { return Vec::new() };
    if let Some(reference) = schema["$ref"].as_str() {
        return tables(root, reference.trim_start_matches('#'));
    }
    let own = schema["properties"].is_object() || schema["additionalProperties"].is_object();
    let mut found: Vec<String> = own.then(|| pointer.to_owned()).into_iter().collect();
    for keyword in ["anyOf", "allOf"] {
        for index in 0..schema[keyword].as_array().map_or(0, Vec::len) {
            found.extend(tables(root, &format!("{pointer}/{keyword}/{index}")));
        }
    }
    found
}

/// The pointer of what stands behind a key of a table; behind any key where the table is one of named things.
pub(super) fn entry(root: &Value, table: &str, key: &str) -> Option<String> {
    let own = format!("{table}/properties/{key}");
    let any = format!("{table}/additionalProperties");
    [own, any].into_iter().find(|pointer| root.pointer(pointer).is_some_and(Value::is_object))
}
