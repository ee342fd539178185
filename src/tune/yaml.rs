//! YAML, by the events of a parser that knows where each stands.

use std::borrow::Cow;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::{
    format::Unreadable,
    tree::{Content, DEEPEST, Document, Entry, Node, Scalar, Style},
};

/// A table or a list that has begun.
enum Open {
    Map {
        entries: Vec<Entry>,
        /// The name whose value comes next.
        name: Option<Node>,
    },
    List(Vec<Node>),
}

/// The documents of a text.
pub(super) fn read(text: &str) -> Result<Vec<Document>, Unreadable> {
    // the parser counts characters
    let offsets: Vec<usize> = text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect();
    let byte = |index: usize| offsets.get(index).copied().unwrap_or(text.len());
    let (mut documents, mut open) = (Vec::new(), Vec::<(usize, usize, Open)>::new());
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| Unreadable {
            at: Some(byte(error.marker().index())),
            message: error.info().to_owned(),
        })?;
        let Span { start, end } = span;
        let (start, end) = (byte(start.index()), byte(end.index()));
        let node = match event {
            Event::MappingStart(anchor, _) => {
                open.push((start, anchor, Open::Map { entries: Vec::new(), name: None }));
                None
            }
            Event::SequenceStart(anchor, _) => {
                open.push((start, anchor, Open::List(Vec::new())));
                None
            }
            Event::MappingEnd | Event::SequenceEnd => open.pop().map(|(start, anchor, open)| {
                let content = match open {
                    Open::Map { entries, .. } => Content::Map(entries),
                    Open::List(nodes) => Content::List(nodes),
                };
                with_anchor(Node::new(start, content), anchor)
            }),
            Event::Scalar(said, style, anchor, _) => {
                let content = Content::Scalar(scalar(text, said, style, start, end));
                Some(with_anchor(Node::new(start, content), anchor))
            }
            Event::Alias(of) => Some(Node::new(start, Content::Alias(of))),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => None,
        };
        if open.len() > DEEPEST {
            let message = format!("more than {DEEPEST} levels lie in each other");
            return Err(Unreadable { at: Some(start), message });
        }
        let Some(node) = node else { continue };
        match open.last_mut() {
            None => documents.push(Document { root: node }),
            Some((_, _, Open::List(nodes))) => nodes.push(node),
            Some((_, _, Open::Map { entries, name })) => match name.take() {
                None => *name = Some(node),
                Some(name) => {
                    let start = name.start;
                    let name = match name.content {
                        Content::Scalar(scalar) => Some(scalar.text),
                        Content::Map(_) | Content::List(_) | Content::Alias(_) => None,
                    };
                    entries.push(Entry { name, start, value: node });
                }
            },
        }
    }
    Ok(documents)
}

fn with_anchor(node: Node, anchor: usize) -> Node {
    Node { anchor: (anchor > 0).then_some(anchor), ..node }
}

/// A scalar that stands somewhere in these bytes: before it may stand its anchor and its tag, and behind one in quotes blanks
/// and a comment.
fn scalar(text: &str, said: Cow<'_, str>, style: ScalarStyle, start: usize, end: usize) -> Scalar {
    let (style, quote) = match style {
        ScalarStyle::Plain => (Style::Plain, ""),
        ScalarStyle::SingleQuoted => (Style::Quoted, "'"),
        ScalarStyle::DoubleQuoted => (Style::Quoted, "\""),
        ScalarStyle::Literal | ScalarStyle::Folded => (Style::Block, ""),
    };
    let mut rest = &text[start..end];
    loop {
        rest = match rest.chars().next() {
            Some('&' | '!') => rest.trim_start_matches(|c: char| !c.is_whitespace()),
            Some('#') => rest.trim_start_matches(|c| c != '\n'),
            Some(c) if c.is_whitespace() => rest.trim_start(),
            Some(_) | None => break,
        };
    }
    // what is written with escapes or over several lines stands nowhere as it is said
    let written = [quote, &*said, quote].concat();
    let behind =
        rest.strip_prefix(&written).filter(|behind| !behind.starts_with(|c: char| !c.is_whitespace()));
    let inside = match behind {
        Some(behind) => end - rest.len() + quote.len()..end - behind.len() - quote.len(),
        None => start..end,
    };
    Scalar { style, text: said.into_owned(), inside }
}
