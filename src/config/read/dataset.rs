//! `[workloads.NAME.dataset]`.

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::{
    super::{DataFile, DataFormat, Dataset, OnBadRow, RowOrder, tree::Node},
    fields::Fields,
    leaf::{self, Read, Wrong, wrong},
    workloads::lengths,
};
use crate::template::Template;

const PATH_HELP: &str = "write the path of a file, from the folder of the scenario";

/// Reads a dataset, whose defaults are filled in as its format has them.
pub(super) fn dataset(mut table: Fields<'_>) -> Option<Dataset> {
    let path = table.require("path", "path = \"prompts.jsonl\"", path);
    let formats = DataFormat::ALL.map(|format| (format.name(), format));
    // where the ending of the path says none, it has to be said
    let format = match &path {
        Some(_) => table.require("format", "format = \"jsonl\"", leaf::word(&formats)),
        None => table.get("format", leaf::word(&formats)),
    };
    let mut right = true;
    let mut field = |key: &'static str| {
        let node = table.node(key)?;
        let read = table.get(key, |node| pointer(node, format));
        right &= read.is_some();
        if let Some(format) = format.filter(|format| !format.has_fields()) {
            right = false;
            let what = format!("has no meaning with `format = \"{}\"`", format.name());
            table.report(key, at(node, what, "rows have no fields", format!("remove `{key}`")));
        }
        read
    };
    let (field, output_tokens_field) = (field("field"), field("output_tokens_field"));
    let templated = table.node("template").is_some();
    let template = table.get("template", template);
    if let (Some(by_field), Some(length)) = (table.node("output_tokens_field"), table.node("output_tokens")) {
        right = false;
        let mut both = at(
            by_field,
            "and `output_tokens` exclude each other".to_owned(),
            "each row says it",
            "keep one".to_owned(),
        );
        both[0].other = Some((length.place.clone(), "all rows have this".to_owned()));
        table.report("output_tokens_field", both);
    }
    if let (Some(by_template), Some(field)) = (table.node("template"), table.node("field")) {
        right = false;
        let mut both = at(
            by_template,
            "and `field` exclude each other".to_owned(),
            "prompts are made by this",
            "keep one: a template takes fields as `{{row.NAME}}`".to_owned(),
        );
        both[0].other = Some((field.place.clone(), "prompts are this".to_owned()));
        table.report("template", both);
    }
    let has_length = table.node("output_tokens").is_some();
    let output_tokens = lengths(&mut table, "output_tokens");
    let prefix = table.get("prefix", leaf::text);
    let orders = [RowOrder::Shuffled, RowOrder::File].map(|order| (order.name(), order));
    let order = table.get("order", leaf::word(&orders));
    let outcomes = [("fail", OnBadRow::Fail), ("skip", OnBadRow::Skip)];
    let on_bad_row = table.get("on_bad_row", leaf::word(&outcomes));
    let limited = table.node("limit").is_some();
    let limit = table.get("limit", leaf::count(1));
    let repeat = table.get("repeat", leaf::boolean);
    table.finish();
    right &= has_length == output_tokens.is_some()
        && limited == limit.is_some()
        && templated == template.is_some();
    if !right {
        return None;
    }
    let answers = !has_length && output_tokens_field.is_none();
    let (path, format, on_bad_row) = (path?, format?, on_bad_row?);
    Some(Dataset {
        file: DataFile { path, format, field, template, output_tokens_field, answers, on_bad_row, limit },
        prefix: prefix?,
        output_tokens,
        order: order?,
        repeat: repeat?,
        content: None,
    })
}

pub(super) fn at(node: &Node, what: String, label: &str, help: String) -> Vec<Wrong> {
    vec![Wrong { place: node.place.clone(), what, label: label.to_owned(), help, other: None }]
}

pub(super) fn path(node: &Node) -> Read<String> {
    let text = leaf::text(node)?;
    if text.is_empty() {
        return wrong(node, "must not be empty", "empty", PATH_HELP);
    }
    if text.contains('\n') || text.contains("://") {
        return wrong(node, "must be the path of a file", "not a path", PATH_HELP);
    }
    Ok(text)
}

/// What makes a prompt of a row: it can be read, and takes something of the row.
fn template(node: &Node) -> Read<String> {
    let text = leaf::text(node)?;
    let help = "`{{row.NAME}}` is a field of the row, `{{row}}` a line, `{{seq}}` the number of the request, `{{number 1 6}}` and \
                `{{choice \"a\" \"b\"}}` are drawn for each";
    let template = match Template::of_text(&text) {
        Ok(template) => template,
        Err(error) => return wrong(node, format!("cannot be read: {error}"), "not a template", help),
    };
    match template.fill_drawing(&json!({ "seq": 0 }), ChaCha8Rng::seed_from_u64(0)) {
        Ok(_) => wrong(node, "takes nothing of the row", "rows make no difference", help),
        Err(error) => match error.missing {
            Some(name) if name == "row" || name.starts_with("row.") => Ok(text),
            _ => wrong(node, format!("cannot be filled in: {error}"), "fails for every row", help),
        },
    }
}

/// The name of a field or column; in JSON also a pointer by RFC 6901.
fn pointer(node: &Node, format: Option<DataFormat>) -> Read<String> {
    let text = leaf::text(node)?;
    if text.is_empty() {
        return wrong(node, "must not be empty", "empty", "name the field of a row that has the prompt");
    }
    let escapes = text.replace("~0", "").replace("~1", "");
    if text.starts_with('/') && escapes.contains('~') && format == Some(DataFormat::Jsonl) {
        return wrong(
            node,
            "is no JSON pointer",
            "`~` needs a `0` or `1` behind it",
            "write `~0` for `~` and `~1` for `/` within a name",
        );
    }
    Ok(text)
}
