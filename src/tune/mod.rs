//! One value of a server's configuration file, changed in place: text in, text out. Pure.
//!
//! A parser of the file's format says where each value stands; the bytes of one of them are replaced, and the new text is
//! read again: it has to say what the old one said in all places but this one. Nothing is written anew, so comments, order,
//! spacing, quotes and line ends stay what they were.

mod address;
mod find;
mod format;
mod json;
mod key;
mod number;
mod toml;
mod tree;
mod yaml;
#[cfg(test)]
mod tests;

use std::fmt;

pub use self::{format::Format, key::Key};

/// A value that was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The whole text with the new value; the text as it was where the value was that already.
    pub text: String,
    /// The value that stood there, as it was written, without quotes.
    pub old: String,
    /// The line on which it stands, from 1.
    pub line: usize,
    /// The lines of the aliases by which the value holds in other places too, from 1.
    pub aliases: Vec<usize>,
}

/// Why a value cannot be changed. Nothing else of the text is shown, since it may hold secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line and column of the place, from 1, columns in characters; `None` where it has none.
    pub place: Option<(usize, usize)>,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    fn new(message: impl Into<String>) -> Self {
        Self { place: None, message: message.into(), help: None }
    }

    fn at(mut self, text: &str, offset: usize) -> Self {
        self.place = Some(position(text, offset));
        self
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "\n  help: {help}"))
    }
}

/// What some text begins with where its writer wanted to say that it is Unicode.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Sets the number that stands at a key.
///
/// # Errors
///
/// A text that its format does not allow; a key that is not there, is there twice, or leads to something that is no number
/// of its own: a table, a word, a value that an alias takes from elsewhere.
pub fn set(text: &str, format: Format, key: &Key, value: u64) -> Result<Change, Problem> {
    let documents = format.read(text)?;
    let found = find::find(&documents, key, text)?;
    let inside = found.inside.clone();
    let (new, old) = (value.to_string(), text[inside.clone()].to_owned());
    let changed = [&text[..inside.start], &new, &text[inside.end..]].concat();
    let same = format.read(&changed).is_ok_and(|read| tree::same_but(&documents, &read, inside.start, &new));
    let line = position(text, inside.start).0;
    if !same {
        return Err(Problem::new(format!("`{key}` cannot be changed without changing more than it"))
            .at(text, inside.start)
            .help(format!("write `{new}` there by hand")));
    }
    Ok(Change { text: changed, old, line, aliases: found.aliases })
}

/// The line and the column of an offset, from 1; columns in characters.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.rfind('\n').map_or(0, |end| end + 1);
    let column = before[line..].trim_start_matches(BYTE_ORDER_MARK).chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}
