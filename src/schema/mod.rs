//! JSON Schemas, made from the types that they describe, and what is wrong with a document by them.
//!
//! They are of draft 7, which all editors know that complete and check TOML.

mod mismatch;

pub use mismatch::{Expectation, Mismatch, Mismatches};

use schemars::{
    JsonSchema, Schema,
    generate::SchemaSettings,
    transform::{Transform, transform_subschemas},
};
use serde_json::{Map, Value};

/// The schema of the documents that a type is read from: what may be left out is not required.
pub fn read<T: JsonSchema>() -> Value {
    make::<T>(SchemaSettings::draft07())
}

/// The schema of the documents that a type is written as: what is always there is required.
pub fn written<T: JsonSchema>() -> Value {
    make::<T>(SchemaSettings::draft07().for_serialize())
}

fn make<T: JsonSchema>(settings: SchemaSettings) -> Value {
    settings.with_transform(Tidy).into_generator().into_root_schema_for::<T>().to_value()
}

/// What a schema is about stands first, and in words for readers of JSON: it comes from comments, which are wrapped, have
/// links to code, and call a missing value `None`.
#[derive(Debug, Clone)]
struct Tidy;

impl Transform for Tidy {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(object) = schema.as_object_mut() {
            if let Some(Value::String(text)) = object.get_mut("description") {
                *text = in_words(text);
            }
            let mut rest = std::mem::take(object);
            let head = ["$schema", "title", "description"];
            *object = head.iter().filter_map(|key| rest.shift_remove_entry(*key)).collect::<Map<_, _>>();
            object.append(&mut rest);
        }
        transform_subschemas(self, schema);
    }
}

/// A comment for readers of JSON.
fn in_words(comment: &str) -> String {
    let paragraphs: Vec<_> = comment.split("\n\n").map(|part| part.replace('\n', " ")).collect();
    let text = paragraphs.join("\n\n").replace("`None`", "`null`");
    let mut parts = text.split("[`");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (link, rest) = part.split_once("`]").unwrap_or((part, ""));
        let name = link.rsplit("::").next().unwrap_or(link);
        out.extend(["`", name, "`", rest]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_become_words() {
        for (comment, words) in [
            ("One\nline.\n\nAnother.", "One line.\n\nAnother."),
            ("Index into [`Plan::steps`]; `None` is [`Later`].", "Index into `steps`; `null` is `Later`."),
            ("A list [1, 2].", "A list [1, 2]."),
        ] {
            assert_eq!(in_words(comment), words);
        }
    }
}
