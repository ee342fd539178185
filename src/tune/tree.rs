//! What a configuration file says, and where.

use std::ops::Range;

/// How deep values may lie in each other: no configuration is that deep, and what walks the tree needs a bound.
pub(super) const DEEPEST: usize = 200;

/// One document of a file.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) root: Node,
}

/// A value.
#[derive(Debug)]
pub(super) struct Node {
    /// Its first byte, with the name of its anchor.
    pub(super) start: usize,
    /// The number of its anchor, where it has one; only in YAML.
    pub(super) anchor: Option<usize>,
    pub(super) content: Content,
}

/// What a value is.
#[derive(Debug)]
pub(super) enum Content {
    /// A single value.
    Scalar(Scalar),
    /// Values by their names, in the order of the text.
    Map(Vec<Entry>),
    /// Values in a row.
    List(Vec<Node>),
    /// What has this anchor stands here too.
    Alias(usize),
}

/// A single value.
#[derive(Debug)]
pub(super) struct Scalar {
    pub(super) style: Style,
    /// What it says.
    pub(super) text: String,
    /// The bytes that say so, without quotes; they differ from the text where it is written with escapes.
    pub(super) inside: Range<usize>,
}

/// How a single value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// As it is.
    Plain,
    /// In quotes, and so text even where it looks like a number.
    Quoted,
    /// A block of lines.
    Block,
}

/// A value with its name.
#[derive(Debug)]
pub(super) struct Entry {
    /// `None` where the name is no single value, as YAML allows.
    pub(super) name: Option<String>,
    /// The first byte of the name.
    pub(super) start: usize,
    pub(super) value: Node,
}

impl Node {
    pub(super) fn new(start: usize, content: Content) -> Self {
        Self { start, anchor: None, content }
    }

    /// The values right inside.
    pub(super) fn children(&self) -> Box<dyn Iterator<Item = &Node> + '_> {
        match &self.content {
            Content::Scalar(_) | Content::Alias(_) => Box::new(std::iter::empty()),
            Content::Map(entries) => Box::new(entries.iter().map(|entry| &entry.value)),
            Content::List(nodes) => Box::new(nodes.iter()),
        }
    }

    /// It and everything inside, in the order of the text.
    pub(super) fn all(&self) -> Vec<&Node> {
        let mut all = vec![self];
        for child in self.children() {
            all.extend(child.all());
        }
        all
    }

    /// Moves every place so many bytes on.
    pub(super) fn shift(&mut self, by: usize) {
        self.start += by;
        match &mut self.content {
            Content::Scalar(scalar) => {
                scalar.inside = scalar.inside.start + by..scalar.inside.end + by;
            }
            Content::Map(entries) => {
                for entry in entries {
                    entry.start += by;
                    entry.value.shift(by);
                }
            }
            Content::List(nodes) => nodes.iter_mut().for_each(|node| node.shift(by)),
            Content::Alias(_) => {}
        }
    }
}

/// Whether two readings say the same, but for the value that began at a byte of the old text, which says something new.
pub(super) fn same_but(old: &[Document], new: &[Document], at: usize, value: &str) -> bool {
    let mut changed = 0;
    old.len() == new.len()
        && old.iter().zip(new).all(|(old, new)| same(&old.root, &new.root, at, value, &mut changed))
        && changed == 1
}

fn same(old: &Node, new: &Node, at: usize, value: &str, changed: &mut usize) -> bool {
    old.anchor == new.anchor
        && match (&old.content, &new.content) {
            (Content::Scalar(old), Content::Scalar(new))
                if old.inside.start == at && !old.inside.is_empty() =>
            {
                *changed += 1;
                new.inside.start == at && new.style == old.style && new.text == value
            }
            (Content::Scalar(old), Content::Scalar(new)) => old.style == new.style && old.text == new.text,
            (Content::Map(old), Content::Map(new)) => {
                old.len() == new.len()
                    && old.iter().zip(new).all(|(old, new)| {
                        old.name == new.name && same(&old.value, &new.value, at, value, changed)
                    })
            }
            (Content::List(old), Content::List(new)) => {
                old.len() == new.len()
                    && old.iter().zip(new).all(|(old, new)| same(old, new, at, value, changed))
            }
            (Content::Alias(old), Content::Alias(new)) => old == new,
            _ => false,
        }
}
