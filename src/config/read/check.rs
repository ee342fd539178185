//! `[endpoints.NAME.check]`: what the text of every answer must be.

use regex::Regex;

use super::{
    super::{AnswerCheck, AnswerSchema, LONGEST_TEXT, tree::Node},
    fields::Fields,
    json,
    leaf::{self, Read, wrong},
};
use crate::schema::Expectation;

const HELP: &str = "write `check = { regex = '^[0-9]+$' }`, or with `json_schema` or `min_length`";
const SCHEMA_HELP: &str =
    "write the path of a file, from the folder of the scenario, or the schema itself as a table";

/// Reads the check, where there is one.
pub(super) fn check(fields: &mut Fields<'_>) -> Option<AnswerCheck> {
    fields.node("check")?;
    let mut table = fields.table_or("check", HELP)?;
    let keys = ["regex", "json_schema", "min_length"];
    let there = keys.map(|key| table.node(key).is_some());
    let regex = table.get("regex", regex);
    let json_schema = table.get("json_schema", json_schema);
    let min_length = table.get("min_length", min_length);
    if !there.contains(&true) && table.node.as_table().is_some_and(indexmap::IndexMap::is_empty) {
        table.refuse("asks for nothing", "nothing in it", HELP);
    }
    table.finish();
    let read = [regex.is_some(), json_schema.is_some(), min_length.is_some()];
    (there == read && there.contains(&true)).then_some(AnswerCheck { regex, json_schema, min_length })
}

fn regex(node: &Node) -> Read<String> {
    const HELP: &str = "write an expression such as '^[0-9]+$'; in single quotes a backslash is one";
    let text = leaf::text(node)?;
    if text.is_empty() {
        return wrong(node, "must not be empty", "matches everything", HELP);
    }
    match Regex::new(&text) {
        Ok(_) => Ok(text),
        Err(error) => {
            let said = error.to_string();
            // a drawing, and what is wrong in its last line
            let reason = said.lines().last().unwrap_or_default();
            let reason = reason.strip_prefix("error: ").unwrap_or(reason).trim_end_matches('.');
            wrong(node, format!("is no regular expression: {reason}"), "cannot be read", HELP)
        }
    }
}

/// A schema, or the path of the file that it stands in, which is read later.
fn json_schema(node: &Node) -> Read<AnswerSchema> {
    if node.as_table().is_some() {
        let schema = json::value(node)?;
        return match Expectation::given(&schema) {
            Ok(_) => Ok(AnswerSchema { file: None, schema }),
            Err(mismatch) => wrong(
                inside(node, &mismatch.pointer),
                format!("is no JSON Schema: {mismatch}"),
                "not as a schema has it",
                "correct it; what it refers to must stand in it, under `$defs`",
            ),
        };
    }
    let Some(path) = node.as_text() else {
        return leaf::mismatch(node, "a path or a table", SCHEMA_HELP);
    };
    if path.is_empty() {
        return wrong(node, "must not be empty", "empty", SCHEMA_HELP);
    }
    if path.contains('\n') || path.contains("://") {
        return wrong(node, "must be the path of a file", "not a path", SCHEMA_HELP);
    }
    Ok(AnswerSchema { file: Some(path.to_owned()), schema: serde_json::Value::Null })
}

/// The innermost value that a JSON pointer leads to.
fn inside<'a>(node: &'a Node, pointer: &str) -> &'a Node {
    let steps = pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
    let mut at = node;
    for step in steps {
        let Some(inner) = at.child(&step) else { break };
        at = inner;
    }
    at
}

fn min_length(node: &Node) -> Read<u32> {
    let least = leaf::count::<u32>(1)(node)?;
    if least as usize > LONGEST_TEXT {
        return wrong(
            node,
            format!("must be {LONGEST_TEXT} or less, found {least}"),
            "more than is kept of an answer",
            "write a smaller number",
        );
    }
    Ok(least)
}
