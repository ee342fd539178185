//! Single values as they are written. None of these types has a value: they stand for what a text may hold.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::super::{
    Encoding, KV_CACHE_BLOCK_TOKENS, LONGEST_TEXT, Monitoring,
    read::{LONGEST, OPERATIONS},
};
use crate::catalog::MetricName;

/// A text with a variable of the environment, whose value goes through the parser of the field.
enum Variable {}

impl JsonSchema for Variable {
    fn schema_name() -> Cow<'static, str> {
        "Variable".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Text with a variable of the environment: `${NAME}` or `${NAME:-default}`.",
            "type": "string",
            "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}",
        })
    }
}

/// One of these, or a text with a variable.
pub(super) fn any_of<const N: usize>(
    alternatives: [Value; N],
) -> impl FnOnce(&mut SchemaGenerator) -> Schema {
    move |generator| {
        let variable = generator.subschema_for::<Variable>().to_value();
        let alternatives: Vec<Value> = alternatives.into_iter().chain([variable]).collect();
        json_schema!({ "anyOf": alternatives })
    }
}

/// Only this.
fn only(schema: Schema) -> impl FnOnce(&mut SchemaGenerator) -> Schema {
    move |_| schema
}

/// A number without a sign and a unit, as units are parsed: digits with underscores, and a point.
const NUMBER: &str = r"\+?_*(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9_]*[0-9][0-9_]*)";

/// Text that holds no digit but zeros.
const ZERO: &str = "^[^1-9]*$";

fn duration(positive: bool) -> impl FnOnce(&mut SchemaGenerator) -> Schema {
    let mut text = duration_text();
    any_of([number("seconds", positive, &mut text), text])
}

fn duration_text() -> Value {
    let unit = "(?:ns|us|µs|μs|ms|s|sec|m|min|h|d)";
    json!({
        "description": r#"text with units, such as "250ms", "30s", "1m30s", "2h"; units: ns, us, ms, s, m, h, d"#,
        "type": "string",
        "pattern": format!(r"^\s*(?:{NUMBER}\s*|(?:{NUMBER}\s*{unit}\s*)+)$"),
    })
}

fn interval() -> impl FnOnce(&mut SchemaGenerator) -> Schema {
    let mut text = duration_text();
    let mut seconds = number("seconds", true, &mut text);
    seconds["minimum"] = json!(Monitoring::SHORTEST.as_secs_f64());
    seconds["maximum"] = json!(Monitoring::LONGEST.as_secs_f64());
    any_of([seconds, text])
}

fn rate(positive: bool) -> impl FnOnce(&mut SchemaGenerator) -> Schema {
    let mut text = json!({
        "description": r#"text with a unit, such as "8/s", "90/min", "1000/h""#,
        "type": "string",
        "pattern": format!(r"^\s*{NUMBER}\s*(?:tok)*(?:req)*(?:/(?:s|m|min|h))?\s*$"),
    });
    any_of([number("per second", positive, &mut text), text])
}

/// The number beside a text with units; neither may be 0 where it must be positive.
fn number(unit: &str, positive: bool, text: &mut Value) -> Value {
    if positive {
        text["not"] = json!({ "pattern": ZERO });
        json!({ "description": unit, "type": "number", "exclusiveMinimum": 0 })
    } else {
        json!({ "description": unit, "type": "number", "minimum": 0 })
    }
}

fn share(positive: bool) -> impl FnOnce(&mut SchemaGenerator) -> Schema {
    let mut text = json!({
        "description": r#"text in per cent, such as "5%""#,
        "type": "string",
        "pattern": format!(r"^\s*{NUMBER}\s*%?\s*$"),
    });
    let mut number =
        json!({ "description": "a share from 0 to 1", "type": "number", "minimum": 0, "maximum": 1 });
    if positive {
        text["not"] = json!({ "pattern": ZERO });
        number = json!({ "description": "a share up to 1", "type": "number", "exclusiveMinimum": 0, "maximum": 1 });
    }
    any_of([number, text])
}

fn bytes(positive: bool) -> impl FnOnce(&mut SchemaGenerator) -> Schema {
    let mut text = json!({
        "description": r#"text with a unit, such as "8GiB", "500MB""#,
        "type": "string",
        "pattern": format!(r"^\s*{NUMBER}\s*(?:B|(?:k|K|M|G|T)B|(?:K|M|G|T)iB)?\s*$"),
    });
    if positive {
        text["not"] = json!({ "pattern": ZERO });
    }
    any_of([json!({ "description": "bytes", "type": "integer", "minimum": u8::from(positive) }), text])
}

fn whole(minimum: u64, maximum: u64) -> impl FnOnce(&mut SchemaGenerator) -> Schema {
    let mut number = json!({ "type": "integer", "minimum": minimum });
    // larger ones are no integers of TOML
    if maximum < i64::MAX as u64 {
        number["maximum"] = json!(maximum);
    }
    any_of([number])
}

fn url() -> impl FnOnce(&mut SchemaGenerator) -> Schema {
    let operations = OPERATIONS.join("|");
    any_of([json!({
        "type": "string",
        "pattern": r"^\s*(?:sim:\s*\S.*|https?://[^\s/?#@]+(?:/[^\s?#]*)?)\s*$",
        "not": { "pattern": format!("^[^:]+://.*(?:{operations})/*\\s*$") },
    })])
}

/// What a name in a table of named things looks like.
pub(super) const NAME: &str = "^[A-Za-z0-9_-]+$";

/// Declares kinds of values by their schemas, which stand in place of every use: an editor that shows a key then
/// shows its own description and not that of the kind.
macro_rules! values {
    ($($(#[$doc:meta])* $name:ident = $schema:expr;)*) => {$(
        $(#[$doc])*
        pub(super) enum $name {}

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                $schema(generator)
            }
        }
    )*};
}

values! {
    /// Any text.
    Text = only(json_schema!({ "type": "string" }));
    /// The name of the experiment, which also names its folder.
    PlainName = any_of([json!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$" })]);
    /// The name of something in a table of named things.
    Name = any_of([json!({ "type": "string", "pattern": NAME })]);
    /// The path of a PEM file.
    Pem = any_of([json!({ "type": "string", "minLength": 1, "not": { "pattern": "-----BEGIN|\n" } })]);
    /// The path of a file that holds data.
    FilePath = any_of([json!({ "type": "string", "minLength": 1, "not": { "pattern": "://|\n" } })]);
    /// The path of a `tokenizer.json`, or the name of an encoding.
    TokenizerWord = any_of([
        json!({ "enum": Encoding::ALL.map(Encoding::name) }),
        json!({ "type": "string", "pattern": r"/|.\.json$", "not": { "pattern": "://|\n" } }),
    ]);
    /// Any text that a program can be given.
    PlainText = any_of([json!({ "type": "string", "not": { "pattern": r"\x00" } })]);
    /// Any text but an empty one.
    NotEmpty = any_of([json!({ "type": "string", "minLength": 1 })]);
    /// A base URL, or the name of a simulated server.
    Url = url();
    /// The URL of a page.
    PageUrl = any_of([json!({
        "type": "string",
        "pattern": r"^\s*https?://[^\s/?#@]+/[^\s?#]*[^\s?#/]/*\s*$",
    })]);
    /// What stands for the URLs of pages.
    PageWord = any_of([json!({ "type": "string", "pattern": r"^\s*(?:auto|off)\s*$" })]);
    /// A host: a name or an address, without a port.
    Host = any_of([json!({
        "type": "string",
        "pattern": r"^\s*(?:[^\s:/?#@,\[\]]+|\[?[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]?)\s*$",
    })]);
    /// A URL without a user and a query.
    LocalUrl = any_of([json!({ "type": "string", "pattern": r"^\s*https?://[^\s/?#@]+(?:/[^\s?#]*)?\s*$" })]);
    /// A host with a port.
    PlaceWithPort = any_of([json!({
        "type": "string",
        "pattern": r"^\s*(?:[^\s:/?#@,\[\]]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}\s*$",
    })]);
    /// The name of a metric, with its statistic where it has any.
    MetricWord = any_of([json!({ "enum": MetricName::all().collect::<Vec<_>>() })]);
    /// A text that is taken as it is: no variable is filled in.
    Verbatim = only(json_schema!({ "type": "string", "minLength": 1, "not": { "pattern": r"\$\{" } }));
    /// A value of JSON that is no list and no table.
    Scalar = only(json_schema!({ "type": ["string", "number", "boolean"] }));
    /// Fields as somebody else's JSON has them.
    Fields = only(json_schema!({ "type": "object" }));
    /// `true` or `false`.
    Flag = any_of([json!({ "type": "boolean" })]);
    /// A length of time.
    Duration = duration(false);
    /// A length of time above 0.
    PositiveDuration = duration(true);
    /// A length of time between two readings.
    Interval = interval();
    /// Per second.
    Rate = rate(false);
    /// Per second, above 0.
    PositiveRate = rate(true);
    /// A size.
    Bytes = bytes(false);
    /// A size above 0.
    PositiveBytes = bytes(true);
    /// `0..=1`.
    Share = share(false);
    /// Above 0 and at most 1.
    PositiveShare = share(true);
    /// A number that is not below 0.
    NotNegative = any_of([json!({ "type": "number", "minimum": 0 })]);
    /// A number above 0.
    Positive = any_of([json!({ "type": "number", "exclusiveMinimum": 0 })]);
    /// How many times as fast as a trace's own time.
    Speed = any_of([json!({ "type": "number", "minimum": 1e-6, "maximum": 1e6 })]);
    /// A coefficient of variation of gaps.
    Variation = any_of([json!({ "type": "number", "minimum": 0.01, "maximum": 10 })]);
    /// How many, at least 1.
    Count = whole(1, u64::from(u32::MAX));
    /// How many, at least 1, of what there may be billions of.
    LargeCount = whole(1, u64::MAX);
    /// How many prompts in one request.
    Prompts = whole(1, 1024);
    /// How many threads.
    Threads = whole(1, 1024);
    /// How many runs in a row.
    Repeats = whole(1, 1000);
    /// The word for as many as there are.
    AllOrAuto = any_of([json!({ "enum": ["all", "auto"] })]);
    /// The word for as many as there are.
    All = any_of([json!({ "const": "all" })]);
    /// The word for what `[defaults]` says.
    Default = any_of([json!({ "const": "default" })]);
    /// How many, none included.
    CountFromZero = whole(0, u64::from(u32::MAX));
    /// Tokens of a key-value cache: one block at least.
    KvCacheTokens = whole(u64::from(KV_CACHE_BLOCK_TOKENS), u64::from(u32::MAX));
    /// Characters of an answer, as many as are kept of one.
    KeptLength = whole(1, LONGEST_TEXT as u64);
    /// Any whole number that is not below 0.
    Seed = whole(0, u64::MAX);
    /// A length of a prompt or an answer.
    Length = whole(1, u64::from(LONGEST));
    /// A length, or none.
    LengthFromZero = whole(0, u64::from(LONGEST));
}
