//! TOML.

use std::ops::Range;

use toml_edit::{Document as Parsed, Item, TableLike, Value};

use super::{
    format::Unreadable,
    tree::{Content, Document, Entry, Node, Scalar, Style},
};

/// The one document of a text.
pub(super) fn read(text: &str) -> Result<Vec<Document>, Unreadable> {
    let parsed = Parsed::parse(text).map_err(|error| Unreadable {
        at: error.span().map(|span| span.start),
        message: error.message().to_owned(),
    })?;
    Ok(vec![Document { root: Node::new(0, table(text, parsed.as_table())) }])
}

fn table(text: &str, table: &dyn TableLike) -> Content {
    let entries = table.iter().filter_map(|(name, item)| {
        let key = table.get_key_value(name).and_then(|(key, _)| key.span());
        let start = key.map_or(0, |span| span.start);
        Some(Entry { name: Some(name.to_owned()), start, value: node(text, item, start)? })
    });
    Content::Map(entries.collect())
}

fn node(text: &str, item: &Item, start: usize) -> Option<Node> {
    let content = match item {
        Item::None => return None,
        Item::Value(value) => return Some(value_node(text, value, start)),
        Item::Table(inside) => table(text, inside),
        Item::ArrayOfTables(tables) => Content::List(
            tables
                .iter()
                .map(|inside| Node::new(inside.span().map_or(start, |span| span.start), table(text, inside)))
                .collect(),
        ),
    };
    Some(Node::new(start, content))
}

fn value_node(text: &str, value: &Value, start: usize) -> Node {
    let span = value.span().unwrap_or(start..start);
    let content = match value {
        Value::InlineTable(inside) => table(text, inside),
        Value::Array(values) => {
            Content::List(values.iter().map(|value| value_node(text, value, span.start)).collect())
        }
        Value::String(said) => Content::Scalar(Scalar {
            style: Style::Quoted,
            text: said.value().clone(),
            inside: between_quotes(text, span.clone()),
        }),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {
            Content::Scalar(Scalar {
                style: Style::Plain,
                text: text[span.clone()].to_owned(),
                inside: span.clone(),
            })
        }
    };
    Node::new(span.start, content)
}

/// The bytes of a text between its quotes, of which there are one or three.
fn between_quotes(text: &str, span: Range<usize>) -> Range<usize> {
    let written = &text[span.clone()];
    let several = written.len() >= 6 && (written.starts_with("\"\"\"") || written.starts_with("'''"));
    let quotes = if several { 3 } else { 1 };
    if written.len() < 2 * quotes { span } else { span.start + quotes..span.end - quotes }
}
