//! Values as somebody else's JSON has them.

use serde_json::{Map, Number, Value as Json};

use super::{
    super::tree::{Node, Table, Value},
    leaf::{self, Read, wrong},
};

/// A value as JSON. What a variable holds is text, also where it looks like a number: nothing says what is wanted.
pub(super) fn value(node: &Node) -> Read<Json> {
    match &node.value {
        Value::Text(text) | Value::Filled(text) => Ok(Json::String(text.clone())),
        // told where the variable is named
        Value::Unknown => Ok(Json::Null),
        Value::Integer(number) => match Number::from_i128(*number) {
            Some(number) => Ok(Json::Number(number)),
            None => wrong(node, "is too large a number", "beyond 64 bits", "write a smaller number"),
        },
        Value::Float(number) => match Number::from_f64(*number) {
            Some(number) => Ok(Json::Number(number)),
            None => {
                wrong(node, "must be a finite number", "JSON has no such number", "write a finite number")
            }
        },
        Value::Bool(value) => Ok(Json::Bool(*value)),
        Value::Date(_) => leaf::mismatch(node, "a value of JSON", "put it in quotes"),
        Value::List(items) => list(items, value),
        Value::Table(table) => object(table, |_, node| value(node)).map(Json::Object),
    }
}

/// A list of what its items become.
pub(super) fn list(items: &[Node], read: impl Fn(&Node) -> Read<Json>) -> Read<Json> {
    let items: Vec<_> = items.iter().map(read).collect();
    items.into_iter().collect::<Read<_>>().map(Json::Array)
}

/// An object of what its entries become, or all that is wrong with any.
pub(super) fn object(table: &Table, read: impl Fn(&str, &Node) -> Read<Json>) -> Read<Map<String, Json>> {
    let (mut object, mut failures) = (Map::new(), Vec::new());
    for (key, node) in table {
        match read(key, node) {
            Ok(value) => {
                object.insert(key.clone(), value);
            }
            Err(wrong) => failures.extend(wrong),
        }
    }
    if failures.is_empty() { Ok(object) } else { Err(failures) }
}
