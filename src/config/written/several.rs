//! What is made of kinds of values: alternatives, lists, tables. None of these types has a value.

use std::{borrow::Cow, marker::PhantomData};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::{
    super::headers::{SECRET, SECRET_WORDS, SET_HERE},
    values::{NAME, any_of},
};

/// Either of two kinds.
pub(super) struct AnyOf<A, B>(PhantomData<(A, B)>);

impl<A: JsonSchema, B: JsonSchema> JsonSchema for AnyOf<A, B> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}_or_{}", A::schema_name(), B::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut alternatives = Vec::new();
        for schema in [generator.subschema_for::<A>(), generator.subschema_for::<B>()] {
            let Value::Object(mut object) = schema.to_value() else { continue };
            match object.remove("anyOf") {
                Some(Value::Array(inner)) if object.is_empty() => {
                    // what both have is listed once
                    for schema in inner {
                        alternatives.retain(|other| *other != schema);
                        alternatives.push(schema);
                    }
                }
                _ => alternatives.push(Value::Object(object)),
            }
        }
        json_schema!({ "anyOf": alternatives })
    }
}

/// A value alone, or a list of different ones, each a step of its own.
pub(super) type Ladder<T> = AnyOf<T, Different<T>>;

/// Declares what is made of one kind of values, by the schema that its own schema becomes.
macro_rules! made_of {
    ($($(#[$doc:meta])* $name:ident = $make:expr;)*) => {$(
        $(#[$doc])*
        pub(super) struct $name<T>(PhantomData<T>);

        impl<T: JsonSchema> JsonSchema for $name<T> {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                format!("{}_{}", stringify!($name), T::schema_name()).into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                let make: fn(Schema) -> Schema = $make;
                make(generator.subschema_for::<T>())
            }
        }
    )*};
}

made_of! {
    /// A list that is not empty.
    AtLeastOne = |items| json_schema!({ "type": "array", "items": items, "minItems": 1 });
    /// A list of different values, at least one.
    Different = |items| json_schema!({ "type": "array", "items": items, "minItems": 1, "uniqueItems": true });
    /// A list of different values, which may be empty.
    Distinct = |items| json_schema!({ "type": "array", "items": items, "uniqueItems": true });
    /// A list of exactly two.
    Pair = |items| json_schema!({ "type": "array", "items": items, "minItems": 2, "maxItems": 2 });
    /// A table of named things.
    Named = |entry| json_schema!({
        "type": "object",
        "propertyNames": { "pattern": NAME },
        "additionalProperties": entry,
    });
    /// A table of weights by the names of models.
    ByModel = |weight| json_schema!({
        "type": "object",
        "minProperties": 1,
        "propertyNames": { "minLength": 1, "not": { "const": "auto" } },
        "additionalProperties": weight,
    });
    /// A table of headers: texts, or references where a header carries a secret.
    Headers = |secret| headers(&secret);
    /// A table of variables of the environment: texts, or references where one carries a secret.
    Variables = |secret| json_schema!({
        "type": "object",
        "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" },
        "patternProperties": {
            secret_names(): { "type": "object" },
        },
        "additionalProperties": { "anyOf": [{ "type": "string" }, secret] },
    });
}

fn headers(secret: &Schema) -> Schema {
    let text = json!({ "type": "string", "pattern": r"^[\t -~\u0080-\uffff]*$" });
    json_schema!({
        "type": "object",
        "propertyNames": {
            "pattern": r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
            "not": { "pattern": format!("^(?:{})$", in_any_case(SET_HERE)) },
        },
        "patternProperties": {
            secret_names(): { "type": "object" },
        },
        "additionalProperties": { "anyOf": [text, secret] },
    })
}

/// A pattern of the names of headers that carry secrets, with `_` for `-` as the reader has it.
fn secret_names() -> String {
    let names = in_any_case(SECRET).replace('-', "[-_]");
    format!("^(?:{names})$|(?:^|[-_])(?:{})$", in_any_case(SECRET_WORDS))
}

/// A pattern of any of these names in any case.
fn in_any_case(names: &[&str]) -> String {
    let letter = |c: char| match c.to_ascii_uppercase() {
        upper if upper == c => c.to_string(),
        upper => format!("[{c}{upper}]"),
    };
    names.iter().map(|name| name.chars().map(letter).collect()).collect::<Vec<String>>().join("|")
}

/// One of the words of an enumeration.
pub(super) struct Word<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for Word<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut words = T::json_schema(generator);
        words.remove("description");
        any_of([words.to_value()])(generator)
    }
}
