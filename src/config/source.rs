//! Texts that values come from, and places in them.

use std::{
    fmt,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Layer,
    headers::{carries_secret, is_secret},
};

/// A text under the layer that it speaks for. One file can be two sources: the scenario, and its `[platforms.*]`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// The file, preset or flag, as messages show it.
    pub name: String,
    /// What its values override.
    pub layer: Layer,
    /// The text as it may be shown: literal secrets are masked, byte for byte.
    pub text: Arc<str>,
    /// Where its lines begin, after the first.
    lines: Arc<[usize]>,
}

impl Source {
    pub(super) fn new(name: impl Into<String>, layer: Layer, text: &str) -> Arc<Self> {
        let text: Arc<str> = mask_secrets(text).into();
        let lines =
            text.bytes().zip(1..).filter_map(|(byte, next)| (byte == b'\n').then_some(next)).collect();
        Arc::new(Self { name: name.into(), layer, text, lines })
    }

    /// The same text under another layer.
    pub(super) fn for_layer(&self, layer: Layer) -> Arc<Self> {
        let (name, text, lines) = (self.name.clone(), Arc::clone(&self.text), Arc::clone(&self.lines));
        Arc::new(Self { name, layer, text, lines })
    }
}

/// A stretch of a source.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Where it lies.
    pub source: Arc<Source>,
    /// Its bytes; empty for a place between two characters.
    pub span: Range<usize>,
}

impl Place {
    pub(super) fn new(source: &Arc<Source>, span: Range<usize>) -> Self {
        let end = source.text.len();
        Self { source: Arc::clone(source), span: span.start.min(end)..span.end.min(end) }
    }

    /// The very start of a source: the place of what is missing from it.
    pub(super) fn start_of(source: &Arc<Source>) -> Self {
        Self::new(source, 0..0)
    }

    /// Lines that begin before or at an offset, without the first.
    fn lines_until(&self, at: usize) -> usize {
        self.source.lines.partition_point(|start| *start <= at)
    }

    /// The line that it starts on, from 1.
    pub(super) fn line(&self) -> u32 {
        self.lines_until(self.span.start) as u32 + 1
    }

    /// Characters before it on its line, plus 1.
    pub(super) fn column(&self) -> u32 {
        let line = match self.lines_until(self.span.start) {
            0 => 0,
            line => self.source.lines[line - 1],
        };
        String::from_utf8_lossy(&self.source.text.as_bytes()[line..self.span.start]).chars().count() as u32
            + 1
    }

    /// The lines that it touches, first and last.
    pub(super) fn lines(&self) -> (u32, u32) {
        (self.line(), self.lines_until(self.span.end) as u32 + 1)
    }

    /// The empty place right behind it.
    pub(super) fn end(&self) -> Self {
        Self::new(&self.source, self.span.end..self.span.end)
    }

    /// Whether another place lies in the same text, under whatever layer.
    pub(super) fn shares_text(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.source.text, &other.source.text)
    }

    /// The folder that a path written there starts at: that of the file; the current one in a flag.
    pub(super) fn folder(&self) -> PathBuf {
        match self.source.layer {
            Layer::BuiltIn | Layer::Set => PathBuf::new(),
            _ => Path::new(&self.source.name).parent().map(Path::to_owned).unwrap_or_default(),
        }
    }

    /// Whether it is another place or a part of it.
    pub(super) fn lies_in(&self, other: &Self) -> bool {
        let (inner, outer) = (&self.span, &other.span);
        self.source.layer == other.source.layer
            && self.shares_text(other)
            && outer.start <= inner.start
            && inner.end <= outer.end
    }

    /// Whether another place is so near in the same text that all the lines between can be shown.
    pub(super) fn is_near(&self, other: &Self) -> bool {
        const LINES: u32 = 40;
        self.shares_text(other) && self.line().abs_diff(other.line()) <= LINES
    }

    /// The text of it.
    pub(super) fn text(&self) -> &str {
        self.source.text.get(self.span.clone()).unwrap_or_default()
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.source.name, self.line(), self.column())
    }
}

/// Overwrites literal secrets by `*`, keeping every byte's position: whatever is given to an `api_key` or to a header
/// that carries a secret other than a table, and `user:password@` in URLs. It works on the text, since a file that does
/// not parse is shown too.
fn mask_secrets(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for (at, sign) in text.match_indices('=') {
        let key = text[..at].trim_end_matches([' ', '\t']).trim_end_matches(['"', '\'']);
        let word = key.rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).next();
        let word = word.unwrap_or_default();
        let value = text[at + sign.len()..].trim_start_matches([' ', '\t']);
        let from = text.len() - value.len();
        if carries_secret(word) && value.starts_with(['[', '{']) {
            mask_texts(&mut bytes, value, from);
        } else if carries_secret(word) {
            mask(&mut bytes, from..from + literal_length(value));
        }
    }
    for (at, quote) in text.match_indices(['"', '\'']) {
        let from = at + quote.len();
        if is_secret(&text[from..]) {
            let end = text[from..].find(['\n', '"', '\'']).map_or(text.len(), |n| from + n);
            mask(&mut bytes, from..end);
        }
    }
    for (at, mark) in text.match_indices("://") {
        let from = at + mark.len();
        let host = text[from..].find(|c: char| "/\"'\n ".contains(c)).map_or(text.len(), |n| from + n);
        if let Some(user) = text[from..host].rfind('@') {
            mask(&mut bytes, from..from + user);
        }
        let end = text[from..].find(['"', '\'', '\n']).map_or(text.len(), |n| from + n);
        if let Some(query) = text[from..end].find('?') {
            mask(&mut bytes, from + query + 1..end);
        }
    }
    // only whole characters were replaced, each byte of them by an ASCII one
    String::from_utf8(bytes).unwrap_or_default()
}

/// The length of a value at the start of a text: to the closing quotes of a long string, else to the end of the
/// line.
fn literal_length(value: &str) -> usize {
    for quotes in ["\"\"\"", "'''"] {
        if let Some(inside) = value.strip_prefix(quotes) {
            return inside.find(quotes).map_or(value.len(), |n| n + 2 * quotes.len());
        }
    }
    value.find('\n').unwrap_or(value.len())
}

/// Masks a list or an inline table that begins at `from`, to its closing bracket: all in it but keys and the names in
/// references.
fn mask_texts(bytes: &mut [u8], value: &str, from: usize) {
    let (mut depth, mut at, mut refers) = (0_usize, 0, false);
    while let Some(c) = value[at..].chars().next() {
        let rest = &value[at..];
        let mut length = c.len_utf8();
        match c {
            '[' | '{' => (depth, refers) = (depth + 1, false),
            ']' | '}' if depth == 1 => return,
            ']' | '}' => (depth, refers) = (depth - 1, false),
            ',' => refers = false,
            '=' | ' ' | '\t' | '\r' | '\n' => {}
            _ => {
                length = word_length(rest);
                let behind = rest[length..].trim_start_matches([' ', '\t']);
                if c != '#' && behind.starts_with('=') {
                    refers = matches!(rest[..length].trim_matches(['"', '\'']), "env" | "file");
                } else if !refers {
                    mask(bytes, from + at..from + at + length);
                }
            }
        }
        at += length;
    }
}

/// The length of the string, comment or bare word at the start of a text.
fn word_length(text: &str) -> usize {
    let until = |ends: &[char]| text.find(ends).unwrap_or(text.len());
    if text.starts_with("\"\"\"") || text.starts_with("\'\'\'") {
        return literal_length(text);
    }
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        let comment = text.starts_with('#');
        return if comment {
            until(&['\n'])
        } else {
            until(&['[', ']', '{', '}', ',', '=', ' ', '\t', '\n', '"', '\''])
        };
    };
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\n' => return at,
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn mask(bytes: &mut [u8], range: Range<usize>) {
    for byte in &mut bytes[range] {
        if !matches!(byte, b'"' | b'\'' | b' ' | b'\t' | b'\r' | b'\n') {
            *byte = b'*';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_in_place() {
        for (text, shown) in [
            ("api_key = \"sk-1\"\nb = 1", "api_key = \"****\"\nb = 1"),
            ("api_key=sk-1", "api_key=****"),
            ("\"api_key\" = 'é'", "\"api_key\" = '**'"),
            ("api_key = \"\"\"a\nb\"\"\"\nc", "api_key = \"\"\"*\n*\"\"\"\nc"),
            ("api_key = { env = \"X\" }", "api_key = { env = \"X\" }"),
            ("api_key.env = \"X\"", "api_key.env = \"X\""),
            ("api_key = [\n \"sk-A\",\n \"B]\" ]\nd = 1", "api_key = [\n \"****\",\n \"**\" ]\nd = 1"),
            ("api_key = [{ env = \"X\" }, { v = 'b' }]", "api_key = [{ env = \"X\" }, { v = '*' }]"),
            ("x = \"Bearer a\"", "x = \"****** *\""),
            ("url = \"http://host/v1?k=1\" # a", "url = \"http://host/v1?***\" # a"),
            ("Authorization = 'Bearer 1'", "Authorization = '****** *'"),
            ("h = { \"x-api-key\" = \"1\" }", "h = { \"x-api-key\" = \"*\" *"),
            ("my-token.env = \"X\"", "my-token.env = \"X\""),
            ("x-team = \"a\"", "x-team = \"a\""),
            ("url = \"http://me:pw@host/v1\"", "url = \"http://*****@host/v1\""),
            ("url = \"http://host/v1\" # a@b", "url = \"http://host/v1\" # a@b"),
        ] {
            assert_eq!(mask_secrets(text), shown);
            assert_eq!(shown.len(), text.len());
        }
    }

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let source = Source::new("x.toml", Layer::Scenario, "é = 1\nbc = 2\n");
        let place = Place::new(&source, 12..13);
        assert_eq!((place.line(), place.column(), place.text()), (2, 6, "2"));
        assert_eq!((place.end().line(), place.end().column(), place.end().text()), (2, 7, ""));
        let beyond = Place::new(&source, 90..99);
        assert_eq!((beyond.line(), beyond.text()), (3, ""));
    }
}
