//! Layers: one table laid over another.

use super::{
    Layer,
    tree::{Node, Table, Value},
};

/// Kinds of length distributions.
pub(super) const DISTRIBUTIONS: &[&str] =
    &["constant", "uniform", "normal", "lognormal", "poisson", "histogram"];

/// Kinds of workloads.
pub(super) const KINDS: &[&str] = &["synthetic", "snippets", "dataset", "trace", "replay", "conversation"];

/// Kinds of loads.
pub(super) const LOADS: &[&str] = &["closed", "open", "trace", "search", "same_as"];

/// Keys of which only one can hold. A layer that sets one of them clears the others below it. `*` is any name.
pub(super) const EXCLUSIVE: &[(&[&str], &[&str])] = &[
    (&["endpoints", "*", "api_key"], &["env", "file"]),
    (&["endpoints", "*", "headers", "*"], &["env", "file"]),
    (&["workloads", "*"], KINDS),
    (&["workloads", "*", "synthetic"], &["prompt_tokens", "prompt_words"]),
    (&["workloads", "*", "synthetic"], &["shared_prefix_tokens", "shared_prefix_share"]),
    (&["workloads", "*", "synthetic", "*"], DISTRIBUTIONS),
    (&["workloads", "*", "snippets", "*"], DISTRIBUTIONS),
    (&["workloads", "*", "conversation", "*"], DISTRIBUTIONS),
    (&["workloads", "*", "dataset"], &["output_tokens", "output_tokens_field"]),
    (&["workloads", "*", "dataset"], &["field", "template"]),
    (&["workloads", "*", "dataset", "*"], DISTRIBUTIONS),
    (&["phases", "*"], &["load", "pause"]),
    (&["phases", "*"], &["after", "during"]),
    (&["phases", "*", "pressure", "memory"], &["size", "share"]),
    (&["phases", "*", "load"], LOADS),
    (&["phases", "*", "load", "open"], &["rate", "stages"]),
    (&["phases", "*", "load", "search"], &["rate", "users"]),
    (&["services", "*", "environment", "*"], &["env", "file"]),
    (&["services", "*", "ready"], &["http", "tcp", "output"]),
    (&["price"], &["per_hour", "per_million_input_tokens"]),
    (&["price"], &["per_hour", "per_million_output_tokens"]),
    (&["alerting", "webhook", "url"], &["env", "file"]),
    (&["alerting", "webhook", "headers", "*"], &["env", "file"]),
    (&["targets", "*"], &["at_least", "at_most", "between"]),
];

/// Lists that grow from layer to layer: a permission that one layer gives is not taken away by another's.
const GROWING: &[&[&str]] = &[&["run", "allow_hosts"]];

/// Lays a layer over what is below it: tables merge key by key, everything else is replaced but for lists that grow,
/// and keys keep the place in the order that they first had.
pub(super) fn overlay(below: &mut Node, above: Node) {
    let mut path = Vec::new();
    merge(below, above, &mut path);
}

/// A layer over another.
pub(super) fn over(mut below: Node, above: Node) -> Node {
    overlay(&mut below, above);
    below
}

/// What a layer says at an address over what another says there.
pub(super) fn over_at(address: &[&str], mut below: Node, above: Node) -> Node {
    merge(&mut below, above, &mut address.iter().map(|key| (*key).to_owned()).collect());
    below
}

fn merge(below: &mut Node, above: Node, path: &mut Vec<String>) {
    match (&mut below.value, above.value) {
        (Value::Table(lower), Value::Table(upper)) => {
            // whoever writes a table in a file owns it, whatever a preset had there or a platform changes in it
            if below.place.source.layer < Layer::Include
                || (below.place.source.layer, above.place.source.layer) == (Layer::Platform, Layer::Scenario)
            {
                (below.key, below.place) = (above.key, above.place);
            }
            clear_exclusive(lower, &upper, path);
            for (key, node) in upper {
                match lower.get_mut(&key) {
                    Some(existing) => {
                        path.push(key);
                        merge(existing, node, path);
                        path.pop();
                    }
                    None => {
                        lower.insert(key, node);
                    }
                }
            }
        }
        (Value::List(lower), Value::List(mut upper)) if GROWING.contains(&as_strs(path).as_slice()) => {
            upper.splice(0..0, lower.drain(..));
            *below = Node { value: Value::List(upper), ..above };
        }
        (_, value) => *below = Node { value, ..above },
    }
}

fn as_strs(path: &[String]) -> Vec<&str> {
    path.iter().map(String::as_str).collect()
}

/// What two files of one layer cannot both say.
pub(super) struct Clash<'a> {
    /// The address of the table that it is in.
    pub table: String,
    /// The key in the first file and in the other: the same, or one that excludes it.
    pub keys: [&'a str; 2],
    /// What each says.
    pub nodes: [&'a Node; 2],
}

/// Lays a file beside those that are one layer with it. Tables merge; of what clashes the first stays.
pub(super) fn unite(first: &mut Node, other: Node, found: &mut dyn FnMut(Clash<'_>)) {
    unite_at(first, other, &mut Vec::new(), found);
}

fn unite_at(first: &mut Node, other: Node, path: &mut Vec<String>, found: &mut dyn FnMut(Clash<'_>)) {
    let (Value::Table(table), Value::Table(entries)) = (&mut first.value, other.value) else { return };
    for (key, node) in entries {
        match table.get_mut(&key) {
            Some(existing) if existing.as_table().is_some() && node.as_table().is_some() => {
                path.push(key);
                unite_at(existing, node, path, found);
                path.pop();
            }
            Some(existing) => {
                found(Clash { table: path.join("."), keys: [&key, &key], nodes: [existing, &node] });
            }
            None => match excluding(table, &key, path) {
                Some((excluding, existing)) => {
                    found(Clash { table: path.join("."), keys: [excluding, &key], nodes: [existing, &node] });
                }
                None => {
                    table.insert(key, node);
                }
            },
        }
    }
}

/// What the table at an address has beside a key that excludes it.
fn excluding<'a>(table: &'a Table, key: &str, path: &[String]) -> Option<(&'static str, &'a Node)> {
    groups(path)
        .filter(|keys| keys.contains(&key))
        .find_map(|keys| keys.iter().find_map(|other| Some((*other, table.get(*other)?))))
}

/// The groups of keys that exclude each other in the table at an address.
fn groups(path: &[String]) -> impl Iterator<Item = &'static [&'static str]> {
    // an override has the shape of what it overrides
    let path = match path {
        [first, _, rest @ ..] if first == "platforms" => rest,
        [first, rest @ ..] if first == "matrix" => rest,
        _ => path,
    };
    let here = move |pattern: &[&str]| {
        pattern.len() == path.len()
            && pattern.iter().zip(path).all(|(pattern, key)| *pattern == "*" || pattern == key)
    };
    EXCLUSIVE.iter().filter(move |(pattern, _)| here(pattern)).map(|(_, keys)| *keys)
}

fn clear_exclusive(lower: &mut Table, upper: &Table, path: &[String]) {
    for keys in groups(path) {
        if keys.iter().any(|key| upper.contains_key(*key)) {
            lower.retain(|key, _| upper.contains_key(key) || !keys.contains(&key.as_str()));
        }
    }
}
