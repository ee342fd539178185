//! Where a key belongs that stands in the wrong table.

use std::{collections::BTreeSet, sync::LazyLock};

use serde_json::Value;

use super::{
    super::tree::join,
    Scenario,
    walk::{entry, tables},
};
use crate::schema;

/// Tables below the wrong one that are looked through.
const DEEP: usize = 3;

/// More homes than these are no hint.
const MOST: usize = 5;

/// Tables whose contents have the shape of the whole, so that everything belongs there.
const OVERRIDES: &[&str] = &["platforms", "matrix"];

/// The addresses of the tables nearest above or below the one at an address that have such a key; `NAME` in them stands
/// for any. None where there are many.
pub(in crate::config) fn homes(path: &str, key: &str) -> Vec<String> {
    static SCHEMA: LazyLock<Value> = LazyLock::new(schema::read::<Scenario>);
    let schema = &*SCHEMA;
    let Some(way) = way(schema, path) else { return Vec::new() };
    let mut tables = way.iter().rev();
    let here = tables.next();
    let above = tables.zip(1..).find(|(table, _)| has(schema, &table.pointers, key));
    let above = above.map(|(table, distance)| (distance, vec![table.address.clone()]));
    let below = here.and_then(|table| below(schema, table, key));
    let nearest = match (above, below) {
        (Some(above), Some(below)) if above.0 < below.0 => Some(above),
        (above, below) => below.or(above),
    };
    nearest.map(|(_, homes)| homes).filter(|homes| homes.len() <= MOST).unwrap_or_default()
}

/// A table of the language.
struct Table {
    address: String,
    pointers: Vec<String>,
}

/// The tables on the way to an address, from the last that has a name of its author's choice; `None` where there is no such
/// table.
fn way(schema: &Value, path: &str) -> Option<Vec<Table>> {
    let mut way = vec![Table { address: String::new(), pointers: tables(schema, "") }];
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let (key, element) = part.split_once('[').map_or((part, ""), |(key, _)| (key, "/items"));
        let last = way.last()?;
        let pointer = last.pointers.iter().find_map(|table| entry(schema, table, key))?;
        let named = !has(schema, &last.pointers, key);
        let address = join(&last.address, part);
        if named {
            way.clear();
        }
        way.push(Table { address, pointers: tables(schema, &format!("{pointer}{element}")) });
    }
    Some(way)
}

/// Whether a table has a key of that name, rather than any name.
fn has(schema: &Value, pointers: &[String], key: &str) -> bool {
    keys(schema, pointers).contains(key)
}

fn keys<'a>(schema: &'a Value, pointers: &[String]) -> BTreeSet<&'a str> {
    let of = |pointer: &String| schema.pointer(&format!("{pointer}/properties"))?.as_object();
    pointers.iter().filter_map(of).flat_map(|keys| keys.keys().map(String::as_str)).collect()
}

/// How far below a table those nearest to it are that have a key, and their addresses.
fn below(schema: &Value, table: &Table, key: &str) -> Option<(usize, Vec<String>)> {
    let mut level = children(schema, table);
    for depth in 1..=DEEP {
        let homes = level.iter().filter(|table| has(schema, &table.pointers, key));
        let homes: Vec<String> = homes.map(|table| table.address.clone()).collect();
        if !homes.is_empty() {
            return Some((depth, homes));
        }
        level = level.iter().flat_map(|table| children(schema, table)).collect();
    }
    None
}

fn children(schema: &Value, table: &Table) -> Vec<Table> {
    let child = |key: &str, pointer: &str| Table {
        address: join(&table.address, key),
        pointers: tables(schema, pointer),
    };
    let mut children = Vec::new();
    for key in keys(schema, &table.pointers) {
        if table.address.is_empty() && OVERRIDES.contains(&key) {
            continue;
        }
        let pointer = table.pointers.iter().find_map(|table| entry(schema, table, key));
        children.extend(pointer.map(|pointer| child(key, &pointer)));
    }
    let named = table.pointers.iter().map(|table| format!("{table}/additionalProperties"));
    let named = named.filter(|pointer| schema.pointer(pointer).is_some_and(Value::is_object));
    children.extend(named.map(|pointer| child("NAME", &pointer)));
    children
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_the_wrong_table_has_a_home_above_or_below() {
        for (path, key, expected) in [
            (
                "workloads.text",
                "prefix",
                &[
                    "workloads.text.conversation",
                    "workloads.text.dataset",
                    "workloads.text.snippets",
                    "workloads.text.synthetic",
                ][..],
            ),
            ("workloads.text", "mix", &["workloads.text.snippets"]),
            ("workloads.text", "prompt_words", &["workloads.text.synthetic"]),
            ("phases.main", "users", &["phases.main.load.closed", "phases.main.load.search"]),
            ("phases.main", "rate", &["phases.main.load.open", "phases.main.load.search"]),
            ("phases.main", "spikes", &["phases.main.load.open"]),
            ("phases.main", "lasting", &["phases.main.load.open.spikes"]),
            ("phases.main.load.closed", "requests", &["phases.main"]),
            ("phases.main.load", "duration", &["phases.main"]),
            ("phases.main.load", "users", &["phases.main.load.closed", "phases.main.load.search"]),
            ("phases.main.load.open.spikes", "rates", &[]),
            ("", "timeout", &["defaults"]),
            ("", "max_endpoints", &["defaults"]),
            ("", "label", &["run"]),
            ("", "url", &["alerting.webhook", "endpoints.NAME"]),
            ("", "at_most", &["targets.NAME"]),
            ("run", "seed", &[""]),
            ("run.ceiling", "label", &["run"]),
            ("sims.fast", "cut_rate", &["sims.fast.faults"]),
            ("endpoints.main", "env", &["endpoints.main.api_key"]),
            // of several kinds of lengths, nobody knows which
            ("workloads.text", "mean", &[]),
            // a name of its own is not the scenario's
            ("endpoints.main", "description", &[]),
            ("phases.main", "color", &[]),
            ("no.such.table", "url", &[]),
        ] {
            assert_eq!(homes(path, key), expected, "`{key}` in `{path}`");
        }
    }
}
