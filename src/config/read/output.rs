//! `[output]`.

use super::{
    super::{
        Chunks, Format, Output,
        tree::{Node, Value},
    },
    fields::Fields,
    leaf::{self, Read, wrong},
};

pub(super) fn output(mut fields: Fields<'_>) -> Option<Output> {
    let chunks = fields.get("chunks", leaf::word(&[("full", Chunks::Full), ("none", Chunks::None)]));
    let prompts = fields.get("prompts", leaf::boolean);
    let answers = fields.get("answers", leaf::boolean);
    let formats = fields.get("formats", formats);
    fields.finish();
    Some(Output { chunks: chunks?, prompts: prompts?, answers: answers?, formats: formats? })
}

/// A list of formats; an empty one leaves `summary.json` alone.
fn formats(node: &Node) -> Read<Vec<Format>> {
    if matches!(&node.value, Value::List(items) if items.is_empty()) {
        return Ok(Vec::new());
    }
    let words = Format::ALL.map(|format| (format.name(), format));
    leaf::distinct(node, |node| match node.as_text() {
        Some("json") => wrong(
            node,
            "need not have `json`",
            "`summary.json` is always written",
            "remove it; `[]` writes nothing else",
        ),
        _ => leaf::word(&words)(node),
    })
}
