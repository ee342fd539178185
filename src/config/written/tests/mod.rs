//! The schema and the reader are two accounts of one language, and agree.

mod drift;
mod examples;
mod files;
mod snippets;
mod units;

use std::{io, path::Path};

use jsonschema::Validator;
use serde_json::Value;

use super::{super::read::asked, *};
use crate::{
    config::{Input, Problems, load},
    machine::Machine,
};

/// A scenario with every table and every key.
const MAXIMAL: &str = include_str!("maximal.toml");

/// Compiles a scenario as the program does, in the folder of the broken ones.
fn compile(text: &str) -> Result<Vec<crate::config::Scenario>, Problems> {
    let input = Input { name: "test.toml", text, platform: None, sets: &[] };
    let read =
        |path: &Path| -> io::Result<String> { std::fs::read_to_string(root("tests/broken").join(path)) };
    load(&input, &Machine::default(), &|_| None, &read)
}

/// A path of the source.
fn root(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// TOML as validators see it.
fn document(toml: &str) -> Value {
    let table: toml::Table = toml.parse().unwrap_or_else(|error| panic!("{error}\n{toml}"));
    serde_json::to_value(table).expect("TOML has nothing that JSON lacks, but for dates")
}

fn validator(schema: &Value) -> Validator {
    jsonschema::draft7::new(schema).expect("a valid schema")
}

/// Everything that a schema has against a document, one per line.
fn problems(validator: &Validator, document: &Value) -> String {
    let lines = validator.iter_errors(document).map(|error| format!("{}: {error}\n", error.instance_path()));
    lines.collect()
}
