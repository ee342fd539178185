//! `[endpoints.NAME.body]`: fields of a request's body besides those that the protocol sets.

use serde_json::{Map, Value as Json};

use super::{
    super::{
        headers::{carries_secret, is_secret},
        tree::{Node, Table, Value},
    },
    fields::Fields,
    json,
    leaf::{self, Read, wrong},
};
use crate::catalog::Protocol;

const HELP: &str = "write `body = { temperature = 0.0, ignore_eos = true }`";

/// Reads the fields; none where there is no such table.
pub(super) fn body(fields: &mut Fields<'_>, protocol: Option<Protocol>) -> Option<Map<String, Json>> {
    if fields.node("body").is_none() {
        return Some(Map::new());
    }
    let own = protocol.map_or(&[][..], Protocol::own_fields);
    fields.get("body", |node| match node.as_table() {
        Some(table) => object(table, own, ""),
        None => leaf::mismatch(node, "a table", HELP),
    })
}

/// A table as JSON. `own` are the fields that the protocol sets, `before` the path of the table with a dot behind it.
fn object(table: &Table, own: &[&str], before: &str) -> Read<Map<String, Json>> {
    json::object(table, |key, node| {
        let path = format!("{before}{key}");
        let within = format!("{path}.");
        let is_own = own.contains(&path.as_str());
        let holds_own = own.iter().any(|field| field.starts_with(&within)) && node.as_table().is_none();
        if is_own || holds_own {
            set_elsewhere(node, &path)
        } else if SPOILING.contains(&path.as_str()) {
            spoils(node, &path)
        } else if carries_secret(key) && node.as_text().is_some() {
            secret(node)
        } else {
            value(node, own, &within)
        }
    })
}

/// Fields with which an answer is no more what is counted: several to one prompt, the prompt again before it, another limit
/// than the workload's, or only some of the scores.
const SPOILING: &[&str] = &["n", "best_of", "echo", "max_tokens", "max_completion_tokens", "top_n"];

fn spoils<T>(node: &Node, name: &str) -> Read<T> {
    wrong(
        node,
        format!("must not set `{name}`, with which answers are not what is counted"),
        "changes what one answer is",
        "remove it; `output_tokens` of the workload limits answers, and `batch_sizes` of a phase asks for several",
    )
}

fn secret<T>(node: &Node) -> Read<T> {
    wrong(node, "must not hold a secret", "a secret in a scenario", "send it as a header, by reference")
}

fn set_elsewhere<T>(node: &Node, path: &str) -> Read<T> {
    let help = match path.rsplit('.').next().unwrap_or_default() {
        "model" => "set `model` of the endpoint",
        "stream" => "set `stream` of the endpoint",
        "max_tokens" | "max_output_tokens" | "n_predict" | "num_predict" | "max_new_tokens" => {
            "set `output_tokens` of the workload"
        }
        _ => "remove it",
    };
    wrong(node, format!("must not set `{path}`, which the protocol sets"), "would be said twice", help)
}

pub(super) fn value(node: &Node, own: &[&str], before: &str) -> Read<Json> {
    match &node.value {
        Value::Text(text) | Value::Filled(text) if is_secret(text) => secret(node),
        Value::List(items) => json::list(items, |item| value(item, &[], before)),
        Value::Table(table) => object(table, own, before).map(Json::Object),
        _ => json::value(node),
    }
}
