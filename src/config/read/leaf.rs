//! Single values: from a node to a number, a text, a quantity with a unit.

use std::time::Duration;

use super::super::{
    nearest::suggest,
    source::Place,
    tree::{Node, Value},
};
use crate::units::{self, UnitError};

/// A value, or everything that is wrong with it.
pub(super) type Read<T> = Result<T, Vec<Wrong>>;

/// What is wrong with a value. [`Fields`](super::fields::Fields) puts its address in front.
#[derive(Debug)]
pub(super) struct Wrong {
    /// Where.
    pub place: Place,
    /// Continues "`phases.main.requests` …".
    pub what: String,
    /// What is to be seen there.
    pub label: String,
    /// What to do.
    pub help: String,
    /// Another place that matters.
    pub other: Option<(Place, String)>,
}

/// One thing wrong at a node.
pub(super) fn wrong<T>(
    node: &Node,
    what: impl Into<String>,
    label: impl Into<String>,
    help: impl Into<String>,
) -> Read<T> {
    let (place, what, label, help) = (node.place.clone(), what.into(), label.into(), help.into());
    Err(vec![Wrong { place, what, label, help, other: None }])
}

/// The wrong type.
pub(super) fn mismatch<T>(node: &Node, expected: &str, help: &str) -> Read<T> {
    let quoted = match &node.value {
        Value::Text(text) if expected.contains("number") => text.trim().parse::<f64>().is_ok(),
        Value::Text(text) if expected.contains("true") => text.trim().parse::<bool>().is_ok(),
        _ => false,
    };
    let help = if quoted { "remove the quotes" } else { help };
    wrong(
        node,
        format!("must be {expected}, found {}", node.value.kind()),
        format!("this is {}", node.value.kind()),
        help,
    )
}

/// A text.
pub(super) fn text(node: &Node) -> Read<String> {
    match node.as_text() {
        Some(text) => Ok(text.to_owned()),
        None if node.as_table().is_some() => mismatch(node, "a string", "write text in quotes: `\"text\"`"),
        None => mismatch(node, "a string", "put it in quotes"),
    }
}

/// `true` or `false`.
pub(super) fn boolean(node: &Node) -> Read<bool> {
    match &node.value {
        Value::Bool(flag) => Ok(*flag),
        Value::Filled(text) if text.trim() == "true" => Ok(true),
        Value::Filled(text) if text.trim() == "false" => Ok(false),
        _ => mismatch(node, "`true` or `false`", "write `true` or `false`, without quotes"),
    }
}

fn integer(node: &Node) -> Read<i128> {
    match &node.value {
        Value::Integer(number) => Ok(*number),
        // 1e3 is how people write a thousand
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => Ok(*number as i128),
        Value::Filled(text) => match text.trim().replace('_', "").parse() {
            Ok(number) => Ok(number),
            Err(_) => filled(node, text, "a whole number"),
        },
        _ => mismatch(node, "a whole number", "write a whole number, such as `100`"),
    }
}

/// A variable that holds something else than its field takes.
fn filled<T>(node: &Node, text: &str, expected: &str) -> Read<T> {
    wrong(
        node,
        format!("must be {expected}, and the environment gives `{text}`"),
        format!("becomes `{text}`"),
        "change the variable or its default",
    )
}

/// A whole number from `least` up.
pub(super) fn count<T: TryFrom<i128>>(least: i128) -> impl Fn(&Node) -> Read<T> {
    move |node| {
        let number = integer(node)?;
        if number < least {
            return wrong(
                node,
                format!("must be {least} or more, found {number}"),
                format!("less than {least}"),
                format!("write a whole number from {least} up"),
            );
        }
        match T::try_from(number) {
            Ok(number) => Ok(number),
            Err(_) => wrong(node, format!("is too large: {number}"), "too large", "write a smaller number"),
        }
    }
}

/// A length of a prompt or an answer.
pub(super) fn length(node: &Node) -> Read<u32> {
    let length = count::<u32>(1)(node)?;
    if length > super::LONGEST {
        return wrong(
            node,
            format!("must be {} or less, found {length}", super::LONGEST),
            "longer than any model's context",
            "write a smaller number",
        );
    }
    Ok(length)
}

/// A finite number.
pub(super) fn number(node: &Node) -> Read<f64> {
    let number = match &node.value {
        Value::Integer(number) => *number as f64,
        Value::Float(number) => *number,
        Value::Filled(text) => match text.trim().replace('_', "").parse() {
            Ok(number) => number,
            Err(_) => return filled(node, text, "a number"),
        },
        _ => return mismatch(node, "a number", "write a number, such as `0.5`"),
    };
    if number.is_finite() {
        Ok(number)
    } else {
        wrong(node, "must be finite", "not a finite number", "write a number, such as `0.5`")
    }
}

/// A number that is not below 0.
pub(super) fn not_negative(node: &Node) -> Read<f64> {
    let number = number(node)?;
    if number < 0.0 {
        return wrong(node, format!("must not be negative, found {number}"), "negative", "write 0 or more");
    }
    Ok(number)
}

/// A number above 0.
pub(super) fn positive(node: &Node) -> Read<f64> {
    let number = number(node)?;
    if number <= 0.0 {
        return wrong(
            node,
            format!("must be above 0, found {number}"),
            "not above 0",
            "write a number above 0, such as `0.5`",
        );
    }
    Ok(number)
}

const DURATION_HELP: &str =
    "write a number of seconds, or text such as `\"250ms\"`, `\"30s\"`, `\"1m30s\"`, `\"2h\"`";

/// A length of time: text with a unit, or a number of seconds.
pub(super) fn duration(node: &Node) -> Read<Duration> {
    match node.as_text() {
        Some(text) => {
            units::parse_duration(text).or_else(|e| quantity(node, "a duration", &e, DURATION_HELP))
        }
        None if matches!(node.value, Value::Integer(_) | Value::Float(_)) => {
            let seconds = number(node)?;
            match units::seconds_to_duration(seconds) {
                Some(duration) => Ok(duration),
                None => wrong(
                    node,
                    format!("is not a duration: `{seconds}` is out of range"),
                    "seconds out of range",
                    DURATION_HELP,
                ),
            }
        }
        None => mismatch(node, "a duration", DURATION_HELP),
    }
}

/// A length of time above 0.
pub(super) fn positive_duration(node: &Node) -> Read<Duration> {
    let duration = duration(node)?;
    if duration.is_zero() {
        return wrong(node, "must be longer than 0", "no time at all", DURATION_HELP);
    }
    Ok(duration)
}

/// A share that something may be at most: below all of it.
pub(super) fn share_below_one(node: &Node) -> Read<f64> {
    let share = share(node)?;
    if share < 1.0 {
        return Ok(share);
    }
    let help = "for one per cent write `\"1%\"` or `0.01`";
    wrong(node, "is all of them, which nothing exceeds".to_owned(), "a limit that always holds", help)
}

const SHARE_HELP: &str = "write a share from 0 to 1, such as `\"5%\"` or `0.05`";

/// A share, `0..=1`.
pub(super) fn share(node: &Node) -> Read<f64> {
    match node.as_text() {
        Some(text) => units::parse_share(text).or_else(|e| quantity(node, "a share", &e, SHARE_HELP)),
        None if matches!(node.value, Value::Integer(_) | Value::Float(_)) => {
            let share = number(node)?;
            if (0.0..=1.0).contains(&share) {
                Ok(share)
            } else {
                let help = if (1.0..=100.0).contains(&share) {
                    format!("for {share} per cent write `\"{share}%\"`")
                } else {
                    SHARE_HELP.to_owned()
                };
                wrong(node, format!("is not a share: `{share}` is out of range"), "not within 0 to 1", help)
            }
        }
        None => mismatch(node, "a share", SHARE_HELP),
    }
}

const BYTES_HELP: &str = "write a size such as `\"8GiB\"` or `\"500MB\"`, or a number of bytes";

/// A size in bytes.
pub(super) fn bytes(node: &Node) -> Read<u64> {
    match node.as_text() {
        Some(text) => units::parse_bytes(text).or_else(|e| quantity(node, "a size", &e, BYTES_HELP)),
        None if matches!(node.value, Value::Integer(_)) => count(0)(node),
        None => mismatch(node, "a size", BYTES_HELP),
    }
}

const RATE_HELP: &str = "write a number per second, or text such as `\"8/s\"`, `\"90/min\"`";

/// A rate per second, not negative.
pub(super) fn rate(node: &Node) -> Read<f64> {
    match node.as_text() {
        Some(text) => units::parse_rate(text).or_else(|e| quantity(node, "a rate", &e, RATE_HELP)),
        None if matches!(node.value, Value::Integer(_) | Value::Float(_)) => not_negative(node),
        None => mismatch(node, "a rate", RATE_HELP),
    }
}

/// A rate above 0.
pub(super) fn positive_rate(node: &Node) -> Read<f64> {
    let rate = rate(node)?;
    if rate <= 0.0 {
        return wrong(node, "must be above 0", "nothing would ever be sent", RATE_HELP);
    }
    Ok(rate)
}

fn quantity<T>(node: &Node, what: &str, error: &UnitError, help: &str) -> Read<T> {
    match error {
        UnitError::Unknown { unit, quantity, known } => wrong(
            node,
            format!("is not {what}: `{unit}` is not a unit of {quantity}"),
            format!("not {what}"),
            format!("units: {known}; {help}"),
        ),
        _ => wrong(node, format!("is not {what}: {error}"), format!("not {what}"), help),
    }
}

/// One of a few words.
pub(super) fn word<T: Copy>(words: &[(&'static str, T)]) -> impl Fn(&Node) -> Read<T> {
    move |node| {
        let names = words.iter().map(|(name, _)| *name);
        let written = text(node)?;
        match words.iter().find(|(name, _)| *name == written) {
            Some((_, value)) => Ok(*value),
            None => wrong(
                node,
                format!("cannot be `{written}`"),
                "not one of the known words",
                suggest(&written, "known", names),
            ),
        }
    }
}

/// A list with at least one element.
pub(super) fn list<T>(node: &Node, read: impl Fn(&Node) -> Read<T>) -> Read<Vec<T>> {
    let Value::List(items) = &node.value else {
        return mismatch(node, "a list", "write a list, such as `[1, 2, 4]`");
    };
    if items.is_empty() {
        return wrong(
            node,
            "must not be empty",
            "nothing in it",
            "leave the key out, or write at least one value",
        );
    }
    let (mut values, mut failures) = (Vec::new(), Vec::new());
    for item in items {
        match &item.value {
            // reported where the variable is missing; an element more or less does not matter any more
            Value::Unknown => {}
            _ => match read(item) {
                Ok(value) => values.push(value),
                Err(wrong) => failures.extend(wrong),
            },
        }
    }
    if failures.is_empty() { Ok(values) } else { Err(failures) }
}

/// A value alone, or a list of different ones.
pub(super) fn one_or_many<T: PartialEq>(node: &Node, read: impl Fn(&Node) -> Read<T>) -> Read<Vec<T>> {
    if matches!(node.value, Value::List(_)) { distinct(node, read) } else { Ok(vec![read(node)?]) }
}

/// A list in which no value comes twice.
pub(super) fn distinct<T: PartialEq>(node: &Node, read: impl Fn(&Node) -> Read<T>) -> Read<Vec<T>> {
    let values = list(node, read)?;
    let Value::List(items) = &node.value else { return Ok(values) };
    for (index, value) in values.iter().enumerate() {
        if let Some(first) = values[..index].iter().position(|earlier| earlier == value)
            && let (Some(again), Some(first)) = (items.get(index), items.get(first))
        {
            return Err(vec![Wrong {
                place: again.place.clone(),
                what: format!("has {} twice", again.to_toml()),
                label: "again here".to_owned(),
                help: "remove one of the two".to_owned(),
                other: Some((first.place.clone(), "first here".to_owned())),
            }]);
        }
    }
    Ok(values)
}
