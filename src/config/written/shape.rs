//! What the derived schemas of tables lack: which keys must be there, and which cannot be there together.

use schemars::Schema;
use serde_json::{Value, json};

/// Another layer may have the rest.
pub(super) fn partial(schema: &mut Schema) {
    schema.remove("required");
}

/// These keys no other layer can have.
pub(super) fn requires(keys: &'static [&'static str]) -> impl FnMut(&mut Schema) {
    move |schema| {
        schema.insert("required".to_owned(), json!(keys));
    }
}

/// The only value.
pub(super) fn exactly(value: u32) -> impl FnMut(&mut Schema) {
    move |schema| {
        schema.remove("anyOf");
        schema.insert("const".to_owned(), json!(value));
    }
}

/// A number, where one is written, is at most this.
pub(super) fn up_to(most: u32) -> impl FnMut(&mut Schema) {
    move |schema| {
        let Some(Value::Array(kinds)) = schema.get_mut("anyOf") else { return };
        for kind in
            kinds.iter_mut().filter(|kind| kind.get("minimum").or(kind.get("exclusiveMinimum")).is_some())
        {
            kind["maximum"] = json!(most);
        }
    }
}

/// A table that is one of several: it has one key.
pub(super) fn one_of(schema: &mut Schema) {
    partial(schema);
    schema.insert("minProperties".to_owned(), json!(1));
    schema.insert("maxProperties".to_owned(), json!(1));
}

/// A table that has a key at all.
pub(super) fn not_empty(schema: &mut Schema) {
    schema.insert("minProperties".to_owned(), json!(1));
}

/// Any two of these keys exclude each other.
pub(super) fn exclusive(keys: &'static [&'static str]) -> impl FnMut(&mut Schema) {
    move |schema| {
        for (index, one) in keys.iter().enumerate() {
            for other in &keys[index + 1..] {
                forbid(schema, one, other);
            }
        }
    }
}

/// One key excludes each of the others, which go together well.
pub(super) fn alone(key: &'static str, others: &'static [&'static str]) -> impl FnMut(&mut Schema) {
    move |schema| others.iter().for_each(|other| forbid(schema, key, other))
}

fn forbid(schema: &mut Schema, one: &str, other: &str) {
    demand(schema, json!({ "not": { "required": [one, other] } }));
}

/// Adds something that must hold beside the rest.
pub(super) fn demand(schema: &mut Schema, what: Value) {
    let all = schema.ensure_object().entry("allOf").or_insert_with(|| json!([]));
    if let Value::Array(all) = all {
        all.push(what);
    }
}
