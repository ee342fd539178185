//! Where in a configuration file a value stands: `llm.max_concurrent_requests`, `servers[0].limit`.

use std::{fmt, str::FromStr};

/// The address of a value: names and places in lists, separated by dots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    parts: Vec<Part>,
}

/// A step of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// A name; one of digits alone is also a place in a list.
    Name(String),
    /// A place in a list, from 0.
    Index(usize),
}

impl Key {
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }
}

impl Part {
    /// The place in a list that it stands for.
    pub(super) fn index(&self) -> Option<usize> {
        match self {
            Self::Index(index) => Some(*index),
            // `+1` is a number for the standard library
            Self::Name(name) if name.bytes().all(|byte| byte.is_ascii_digit()) => name.parse().ok(),
            Self::Name(_) => None,
        }
    }
}

/// What is wrong with a text that is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyError(&'static str);

impl FromStr for Key {
    type Err = KeyError;

    /// Reads names separated by dots, each with places in lists behind it (`a[0]`, or `a.0`). A name with a dot or a bracket in it
    /// stands in quotes: `annotations."example.com/limit"`.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut parts = Vec::new();
        let mut rest = text;
        loop {
            if let Some(quote @ ('"' | '\'')) = rest.chars().next() {
                let (name, behind) = rest[1..].split_once(quote).ok_or(KeyError("a quote is not closed"))?;
                parts.push(Part::Name(name.to_owned()));
                rest = behind;
            } else {
                let end = rest.find(['.', '[', ']', '"', '\'']).unwrap_or(rest.len());
                // a list may be the whole file
                if end > 0 {
                    parts.push(Part::Name(rest[..end].to_owned()));
                } else if !(parts.is_empty() && rest.starts_with('[')) {
                    return Err(KeyError("a name is missing"));
                }
                rest = &rest[end..];
            }
            while let Some(inside) = rest.strip_prefix('[') {
                let (index, behind) = inside.split_once(']').ok_or(KeyError("a `[` is not closed"))?;
                let index = Part::Name(index.to_owned()).index();
                parts.push(Part::Index(index.ok_or(KeyError("between `[` and `]` stands a number from 0"))?));
                rest = behind;
            }
            match rest.strip_prefix('.') {
                Some(next) => rest = next,
                None if rest.is_empty() => return Ok(Self { parts }),
                None => return Err(KeyError("names are separated by dots")),
            }
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&show(&self.parts))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "[{index}]"),
            Self::Name(name) if name.is_empty() || name.contains(['.', '[', ']', '"', '\'']) => {
                let quote = if name.contains('"') { '\'' } else { '"' };
                write!(f, "{quote}{name}{quote}")
            }
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// An address as a person would write it.
pub(super) fn show(parts: &[Part]) -> String {
    let mut shown = String::new();
    for part in parts {
        if matches!(part, Part::Name(_)) && !shown.is_empty() {
            shown.push('.');
        }
        shown += &part.to_string();
    }
    shown
}
