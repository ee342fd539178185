//! JSON, with comments and a comma behind the last value where somebody wrote them.

use jsonc_parser::{CollectOptions, ParseOptions, ast::Value, common::Ranged, parse_to_ast};

use super::{
    format::Unreadable,
    tree::{Content, Document, Entry, Node, Scalar, Style},
};

/// What is allowed beyond JSON.
const ALLOWED: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// The one document of a text; none where there is nothing in it.
pub(super) fn read(text: &str) -> Result<Vec<Document>, Unreadable> {
    let parsed = parse_to_ast(text, &CollectOptions::default(), &ALLOWED).map_err(|error| Unreadable {
        at: Some(error.range().start),
        message: error.kind().to_string().to_lowercase(),
    })?;
    Ok(parsed.value.iter().map(|value| Document { root: node(text, value) }).collect())
}

fn node(text: &str, value: &Value<'_>) -> Node {
    let range = value.range();
    let content = match value {
        Value::Object(object) => Content::Map(
            object
                .properties
                .iter()
                .map(|property| Entry {
                    name: Some(property.name.as_str().to_owned()),
                    start: property.range.start,
                    value: node(text, &property.value),
                })
                .collect(),
        ),
        Value::Array(array) => Content::List(array.elements.iter().map(|value| node(text, value)).collect()),
        Value::StringLit(said) => Content::Scalar(Scalar {
            style: Style::Quoted,
            text: said.value.clone().into_owned(),
            inside: range.start + 1..range.end - 1,
        }),
        Value::NumberLit(_) | Value::BooleanLit(_) | Value::NullKeyword(_) => Content::Scalar(Scalar {
            style: Style::Plain,
            text: text[range.start..range.end].to_owned(),
            inside: range.start..range.end,
        }),
    };
    Node::new(range.start, content)
}
