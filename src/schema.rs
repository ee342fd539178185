//! JSON Schemas, made from the types that they describe.
//!
//! They are of draft 7, which all editors know that complete and check TOML.

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

/// What a schema is about stands first, and on one line: it comes from comments, which are wrapped.
#[derive(Debug, Clone)]
struct Tidy;

impl Transform for Tidy {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(object) = schema.as_object_mut() {
            if let Some(Value::String(text)) = object.get_mut("description") {
                *text =
                    text.split("\n\n").map(|part| part.replace('\n', " ")).collect::<Vec<_>>().join("\n\n");
            }
            let mut rest = std::mem::take(object);
            let head = ["$schema", "title", "description"];
            *object = head.iter().filter_map(|key| rest.shift_remove_entry(*key)).collect::<Map<_, _>>();
            object.append(&mut rest);
        }
        transform_subschemas(self, schema);
    }
}
