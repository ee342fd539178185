//! Texts that values come from, and places in them.

use std::{
    fmt,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Layer, mask::mask_secrets};

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

#[cfg(test)]
mod tests {
    use super::*;

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
