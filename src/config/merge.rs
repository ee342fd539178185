//! Layers: one table laid over another.

use super::tree::{Node, Table, Value};

/// Kinds of length distributions.
pub(super) const DISTRIBUTIONS: &[&str] = &["constant", "uniform", "normal", "lognormal", "poisson"];

/// Keys of which only one can hold. A layer that sets one of them clears the others below it. `*` is any name.
pub(super) const EXCLUSIVE: &[(&[&str], &[&str])] = &[
    (&["endpoints", "*", "api_key"], &["env", "file"]),
    (&["workloads", "*", "synthetic"], &["prompt_tokens", "prompt_words"]),
    (&["workloads", "*", "synthetic", "*"], DISTRIBUTIONS),
    (&["phases", "*"], &["load", "pause"]),
    (&["phases", "*", "load"], &["closed", "open"]),
    (&["phases", "*", "load", "open"], &["rate", "stages"]),
    (&["targets", "*"], &["at_least", "at_most", "between"]),
];

/// Lays a layer over what is below it: tables merge key by key, everything else is replaced, and keys keep the
/// place in the order that they first had.
pub(super) fn overlay(below: &mut Node, above: Node) {
    let mut path = Vec::new();
    merge(below, above, &mut path);
}

fn merge(below: &mut Node, above: Node, path: &mut Vec<String>) {
    match (&mut below.value, above.value) {
        (Value::Table(lower), Value::Table(upper)) => {
            // whoever writes a table in a scenario owns it, whatever a preset had there
            if below.place.source.layer < super::Layer::Scenario {
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
        (_, value) => *below = Node { value, ..above },
    }
}

fn clear_exclusive(lower: &mut Table, upper: &Table, path: &[String]) {
    for (pattern, keys) in EXCLUSIVE {
        let here = pattern.len() == path.len()
            && pattern.iter().zip(path).all(|(pattern, key)| *pattern == "*" || pattern == key);
        if here && keys.iter().any(|key| upper.contains_key(*key)) {
            lower.retain(|key, _| upper.contains_key(key) || !keys.contains(&key.as_str()));
        }
    }
}
