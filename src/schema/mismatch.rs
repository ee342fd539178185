//! What is wrong with a document by its schema, in words.

use std::{error, fmt};

use jsonschema::{
    ReferencingError, ValidationError, Validator,
    error::{TypeKind, ValidationErrorKind as Kind},
};
use schemars::JsonSchema;
use serde_json::Value;

/// Mismatches that are shown one by one.
const SHOWN: usize = 5;

/// What the documents of a type must be: its schema, ready to be held against them. Making one takes milliseconds, so
/// keep it.
#[derive(Debug)]
pub struct Expectation(Validator);

/// A place in a document that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Where: a JSON pointer, empty for the document as a whole.
    pub pointer: String,
    /// What was expected there, and what was found.
    pub problem: String,
}

/// Everything in a document that is not as expected; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatches(Vec<Mismatch>);

impl Expectation {
    /// That of the documents that a type is read from.
    pub fn of<T: JsonSchema>() -> Self {
        let schema = super::read::<T>();
        Self(jsonschema::draft7::new(&schema).expect("schemas made from types are valid"))
    }

    /// That of a schema that somebody wrote: of the draft that it names, else of 2020-12. What it refers to must stand in it.
    ///
    /// # Errors
    ///
    /// The place in it at which it is no schema.
    pub fn given(schema: &Value) -> Result<Self, Mismatch> {
        jsonschema::options().build(schema).map(Self).map_err(|error| deepest(&error))
    }

    /// Compares a document.
    pub fn check(&self, document: &Value) -> Result<(), Mismatches> {
        let mut found: Vec<Mismatch> = Vec::new();
        for error in self.0.iter_errors(document) {
            let mismatch = deepest(&error);
            if !found.contains(&mismatch) {
                found.push(mismatch);
            }
        }
        if found.is_empty() { Ok(()) } else { Err(Mismatches(found)) }
    }
}

impl Mismatches {
    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Mismatch> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Mismatches {
    type Item = &'a Mismatch;
    type IntoIter = std::slice::Iter<'a, Mismatch>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer.as_str() {
            "" => write!(f, "it {}", self.problem),
            pointer => write!(f, "`{pointer}` {}", self.problem),
        }
    }
}

impl fmt::Display for Mismatches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mismatch) in self.0.iter().take(SHOWN).enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{mismatch}")?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl error::Error for Mismatches {}

/// What an error comes down to. Of a value that may be one of several things, those alternatives count that it comes
/// closest to: the ones that are followed the deepest before something is wrong.
fn deepest(error: &ValidationError<'_>) -> Mismatch {
    let (Kind::AnyOf { context } | Kind::OneOfNotValid { context }) = error.kind() else {
        return mismatch(error, problem(error));
    };
    // an alternative that is told by a word, and not by the word that is there, is not meant
    let meant = |errors: &&Vec<ValidationError<'static>>| !errors.iter().any(|inside| tells(inside, error));
    let mut candidates: Vec<_> = context.iter().filter(meant).collect();
    if candidates.is_empty() {
        candidates = context.iter().collect();
    }
    if let Some(missing) = missing_in_all(&candidates) {
        return mismatch(error, problem(missing));
    }
    let mut closest: Vec<_> =
        candidates.into_iter().filter_map(|errors| errors.iter().max_by_key(|error| rank(error))).collect();
    let most = closest.iter().map(|error| depth(error)).max().unwrap_or(0);
    closest.retain(|error| depth(error) == most);
    match closest.as_slice() {
        [] => mismatch(error, problem(error)),
        [one] => deepest(one),
        [first, others @ ..] if others.iter().any(|other| other.instance_path() != first.instance_path()) => {
            deepest(first)
        }
        [first, ..] => {
            let mut expected: Vec<String> = Vec::new();
            for text in closest.iter().map(|error| expectation(error)) {
                if !expected.contains(&text) {
                    expected.push(text);
                }
            }
            mismatch(first, format!("must be {}, found {}", alternatives(&expected), found(first.instance())))
        }
    }
}

/// The key that every alternative has and the value lacks.
fn missing_in_all<'a>(
    alternatives: &[&'a Vec<ValidationError<'static>>],
) -> Option<&'a ValidationError<'static>> {
    let key = |error: &ValidationError<'_>| match error.kind() {
        Kind::Required { property } => Some((error.instance_path().to_string(), property.clone())),
        _ => None,
    };
    let (first, others) = alternatives.split_first()?;
    first.iter().find(|missing| {
        key(missing).is_some()
            && others.iter().all(|errors| errors.iter().any(|error| key(error) == key(missing)))
    })
}

fn mismatch(error: &ValidationError<'_>, problem: String) -> Mismatch {
    Mismatch { pointer: error.instance_path().to_string(), problem }
}

/// Whether an error inside an alternative is that of the word by which the alternative is told.
fn tells(inside: &ValidationError<'_>, whole: &ValidationError<'_>) -> bool {
    matches!(inside.kind(), Kind::Constant { .. }) && steps(inside) == steps(whole) + 1
}

/// Which error of an alternative is told: the deepest, and what is missing rather than what is there besides.
fn rank(error: &ValidationError<'_>) -> (usize, bool) {
    (depth(error), !matches!(error.kind(), Kind::AdditionalProperties { .. }))
}

/// How many steps into the document an error or one of its alternatives lies.
fn depth(error: &ValidationError<'_>) -> usize {
    let inside = match error.kind() {
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            context.iter().flatten().map(depth).max().unwrap_or(0)
        }
        _ => 0,
    };
    steps(error).max(inside)
}

/// How many steps into the document an error lies.
fn steps(error: &ValidationError<'_>) -> usize {
    error.instance_path().as_str().matches('/').count()
}

fn problem(error: &ValidationError<'_>) -> String {
    match error.kind() {
        Kind::Required { property } => format!("has no `{}`", property.as_str().unwrap_or_default()),
        Kind::AdditionalProperties { unexpected } => {
            let keys: Vec<_> = unexpected.iter().map(|key| format!("`{key}`")).collect();
            format!("has the unknown {}", keys.join(", "))
        }
        Kind::Type { .. }
        | Kind::Constant { .. }
        | Kind::Enum { .. }
        | Kind::Minimum { .. }
        | Kind::ExclusiveMinimum { .. }
        | Kind::Maximum { .. } => {
            format!("must be {}, found {}", expectation(error), found(error.instance()))
        }
        Kind::Referencing(ReferencingError::Unretrievable { uri, .. }) => {
            format!("refers to `{uri}`, which does not stand in it")
        }
        Kind::Referencing(ReferencingError::PointerToNowhere { pointer }) => {
            format!("refers to `#{pointer}`, which does not stand in it")
        }
        Kind::Referencing(ReferencingError::UnknownSpecification { specification }) => {
            format!("is of the unknown draft `{specification}`")
        }
        _ => format!("is not as it should be: {error}"),
    }
}

/// What would do.
fn expectation(error: &ValidationError<'_>) -> String {
    match error.kind() {
        Kind::Type { kind: TypeKind::Single(kind) } => name(&kind.to_string()).to_owned(),
        Kind::Type { kind: TypeKind::Multiple(kinds) } => {
            let names: Vec<String> = kinds.iter().map(|kind| name(&kind.to_string()).to_owned()).collect();
            alternatives(&names)
        }
        Kind::Constant { expected_value } => format!("`{}`", plain(expected_value)),
        Kind::Enum { options } => {
            let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
            alternatives(&options.iter().map(|option| format!("`{}`", plain(option))).collect::<Vec<_>>())
        }
        Kind::Required { property } => format!("an object with `{}`", property.as_str().unwrap_or_default()),
        Kind::Minimum { limit } => format!("{limit} or more"),
        Kind::ExclusiveMinimum { limit } => format!("above {limit}"),
        Kind::Maximum { limit } => format!("{limit} or less"),
        _ => "something else".to_owned(),
    }
}

fn name(kind: &str) -> &'static str {
    match kind {
        "array" => "a list",
        "boolean" => "`true` or `false`",
        "integer" => "a whole number",
        "null" => "`null`",
        "number" => "a number",
        "object" => "an object",
        _ => "a string",
    }
}

/// What is there, short enough for a line.
fn found(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        _ => {
            let text = value.to_string();
            match text.char_indices().nth(60) {
                Some((end, _)) => format!("`{}…`", &text[..end]),
                None => format!("`{text}`"),
            }
        }
    }
}

/// A text without quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `a`, `a or b`, `a, b or c`.
fn alternatives(names: &[String]) -> String {
    match names {
        [] => "something else".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::Work;

    fn said<T: JsonSchema>(document: &Value) -> String {
        Expectation::of::<T>()
            .check(document)
            .map_or_else(|mismatches| mismatches.to_string(), |()| String::new())
    }

    #[test]
    fn a_mismatch_says_where_and_what_was_expected() {
        let load = |pattern: Value| {
            json!({ "load": {
                "measure": true, "explores": false, "first_seq": 0, "traffic": [], "pattern": pattern,
            } })
        };
        for (document, message) in [
            (load(json!({ "closed": { "users": 2, "ramp_up_s": 0, "think_time_s": 0.5 } })), ""),
            (
                load(json!({ "closed": { "users": "two", "ramp_up_s": 0, "think_time_s": 0 } })),
                "`/load/pattern/closed/users` must be a whole number, found `\"two\"`",
            ),
            (
                load(json!({ "closed": { "ramp_up_s": 0, "think_time_s": -1 } })),
                "`/load/pattern/closed/think_time_s` must be 0 or more, found `-1`",
            ),
            (load(json!("closed")), "`/load/pattern` must be an object, found `\"closed\"`"),
            (
                load(json!({ "open": { "arrivals": "sometimes", "stages": [], "concurrency_limit": null } })),
                "`/load/pattern/open/arrivals` must be `constant`, `poisson` or an object, found `\"sometimes\"`",
            ),
            (
                json!({ "rest": {} }),
                "it must be an object with `ready`, an object with `load`, an object with `pause`, an object with `watch` or `spared`, found an object",
            ),
            (json!(5), "it must be an object or `spared`, found `5`"),
            (
                json!("x".repeat(100)),
                &format!("it must be an object or `spared`, found `\"{}…`", "x".repeat(59)),
            ),
        ] {
            assert_eq!(said::<Work>(&document), message, "{document}");
        }
    }

    #[derive(JsonSchema)]
    #[serde(tag = "event", rename_all = "snake_case")]
    #[expect(dead_code, reason = "only its schema is looked at")]
    enum Told {
        Started { at: u64 },
        Ended { at: u64, well: bool },
    }

    #[test]
    fn an_alternative_is_told_by_its_word() {
        for (document, message) in [
            (json!({ "event": "started", "at": 5 }), ""),
            (json!({ "event": "ended", "at": 5 }), "it has no `well`"),
            (json!({ "event": "started", "at": -5 }), "`/at` must be 0 or more, found `-5`"),
            (json!({ "event": "over", "at": 5 }), "`/event` must be `started` or `ended`, found `\"over\"`"),
            (json!({}), "it has no `event`"),
        ] {
            assert_eq!(said::<Told>(&document), message, "{document}");
        }
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Six {
        a: u8,
        b: u8,
        c: u8,
        d: u8,
        e: u8,
        f: u8,
    }

    #[test]
    fn several_are_told_and_many_are_counted() {
        let all = "it has no `a`; it has no `b`; it has no `c`; it has no `d`; it has no `e`; and 1 more";
        assert_eq!(said::<Six>(&json!({})), all);
        assert_eq!(
            said::<Vec<f64>>(&json!([1, "a", [2], 3])),
            "`/1` must be a number, found `\"a\"`; `/2` must be a number, found a list"
        );
    }
}
