//! What is a number, and what else stands where one should.

use std::ops::Range;

use super::{
    Problem,
    key::Key,
    tree::{Content, Node, Scalar, Style},
};
use crate::{config::suggest, units::show_count_of};

/// The bytes of the number that a value is, or of the word that says that there is none.
pub(super) fn number_in(node: &Node, key: &Key, text: &str) -> Result<Range<usize>, Problem> {
    let refused = |what: &str, help: String| {
        Err(Problem::new(format!("`{key}` {what}")).at(text, node.start).help(help))
    };
    let scalar = match &node.content {
        Content::Scalar(scalar) => scalar,
        Content::List(nodes) => {
            let many = show_count_of(nodes.len() as u64, "value");
            let help = format!("name one of its values, such as `{key}[0]`");
            return refused(&format!("is a list of {many}, and no number"), help);
        }
        Content::Map(entries) => {
            let names = entries.iter().filter_map(|entry| entry.name.as_deref());
            return refused("is a table, and no number", suggest("", "its keys", names));
        }
        Content::Alias(_) => return refused("is an alias, and no number", "write the value out".to_owned()),
    };
    let (plain, said) = (scalar.style == Style::Plain, scalar.text.as_str());
    if plain && said.is_empty() {
        return refused("has no value", "write a number there by hand first".to_owned());
    }
    if !(is_number(scalar) || plain && is_null(said)) {
        // what else stands there may be a secret
        let what = match said.to_ascii_lowercase().as_str() {
            "true" | "false" | "yes" | "no" | "on" | "off" => format!("is `{said}`, and no number"),
            _ => "is text, and no number".to_owned(),
        };
        let help = "name the key of the limit itself; where this is it, write a number there by hand first";
        return refused(&what, help.to_owned());
    }
    if text.get(scalar.inside.clone()) != Some(said) {
        let help = "write it as a plain number".to_owned();
        return refused("is written in a way that cannot be changed byte by byte", help);
    }
    Ok(scalar.inside.clone())
}

/// Whether a value is a number as any of the formats writes one, in quotes or not.
fn is_number(scalar: &Scalar) -> bool {
    let digits = scalar.text.replace('_', "");
    let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(&digits);
    let in_base = |prefix: &str, base: u32| {
        let rest = unsigned.strip_prefix(prefix);
        rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_digit(base)))
    };
    let decimal = || {
        // `inf` and `nan` are numbers for the standard library
        let begins = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
        begins && unsigned.parse::<f64>().is_ok_and(f64::is_finite)
    };
    scalar.style != Style::Block && (in_base("0x", 16) || in_base("0o", 8) || in_base("0b", 2) || decimal())
}

fn is_null(text: &str) -> bool {
    matches!(text, "~" | "null" | "Null" | "NULL")
}
