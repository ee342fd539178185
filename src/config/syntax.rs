//! Text → tree. Everything that does not parse is reported, and what does is kept.

use std::{ops::Range, sync::Arc};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};
use toml_parser::{
    Source as Tokens,
    parser::{Event, EventKind, RecursionGuard},
};

use super::{
    Layer,
    diagnostic::{Diagnostic, Sink},
    source::{Place, Source},
    tree::{Node, Table, Value},
};

/// Reads a document. The root is a table at the start of the source.
pub(super) fn parse(name: &str, layer: Layer, text: &str, sink: &Sink) -> Node {
    let source = Source::new(name, layer, text);
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        sink.push(explain(&source, text, &error));
    }
    let start = Place::start_of(&source);
    Node::table_at(&start, Reader { source: &source, sink }.table(root.get_ref()))
}

/// Reads `path=value` as `--set` takes it: the value as TOML where it is that, else as a string.
pub(super) fn parse_set(argument: &str, sink: &Sink) -> Node {
    let source = Source::new("--set", Layer::Set, argument);
    let empty = Node::table_at(&Place::start_of(&source), Table::new());
    let whole = Place::new(&source, 0..argument.len());
    let Some(split) = argument.find('=') else {
        sink.push(
            Diagnostic::new("`--set` needs a value")
                .label(&whole, "no `=` in it")
                .help("write `--set path=value`, such as `--set phases.main.requests=200`"),
        );
        return empty;
    };
    let (path, value) = (&argument[..split], &argument[split + 1..]);
    let reader = Reader { source: &source, sink };
    let (document, errors) = DeTable::parse_recoverable(argument);
    if errors.is_empty() {
        return Node { value: Value::Table(reader.table(document.get_ref())), ..empty };
    }
    // the text of the path keeps its offsets, so spans of its keys hold
    let probe = format!("{path}=0");
    let (document, path_errors) = DeTable::parse_recoverable(&probe);
    if !path_errors.is_empty() || path.trim_start().starts_with('[') {
        sink.push(
            Diagnostic::syntax(format!("`{}` is not a path", path.trim()))
                .label(&Place::new(&source, 0..split.max(1)), "expected keys separated by dots")
                .help("write `--set path=value`, such as `--set phases.main.requests=200`"),
        );
        return empty;
    }
    if value.trim_start().starts_with(['[', '{', '"', '\'']) {
        for error in errors {
            sink.push(explain(&source, argument, &error));
        }
        return empty;
    }
    let mut table = reader.table(document.get_ref());
    let written = Value::Text(value.trim().to_owned());
    let place = Place::new(&source, split + 1..argument.len());
    fill_only_leaf(&mut table, place, written);
    Node { value: Value::Table(table), ..empty }
}

/// Gives the one leaf of a chain of tables its value.
fn fill_only_leaf(table: &mut Table, place: Place, value: Value) {
    if let Some((_, node)) = table.first_mut() {
        match &mut node.value {
            Value::Table(inner) => fill_only_leaf(inner, place, value),
            _ => (node.place, node.value) = (place, value),
        }
    }
}

/// Turns parsed TOML into nodes.
struct Reader<'a> {
    source: &'a Arc<Source>,
    sink: &'a Sink,
}

impl Reader<'_> {
    fn table(&self, table: &DeTable<'_>) -> Table {
        let mut entries: Vec<(String, Node)> = table
            .iter()
            .map(|(key, value)| {
                let place = Place::new(self.source, key.span());
                (key.get_ref().to_string(), self.node(Some(place), value))
            })
            .collect();
        // the parser moves a table that was first implied by a sub-table to where its own header is
        entries.sort_by_key(|(_, node)| first_mention(node));
        entries.into_iter().collect()
    }

    fn node(&self, key: Option<Place>, spanned: &Spanned<DeValue<'_>>) -> Node {
        let place = Place::new(self.source, spanned.span());
        let value = match spanned.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => {
                if let Ok(number) = i128::from_str_radix(number.as_str(), number.radix()) {
                    Value::Integer(number)
                } else {
                    self.too_large(&place);
                    Value::Unknown
                }
            }
            DeValue::Float(number) => {
                if let Ok(number) = number.as_str().parse() {
                    Value::Float(number)
                } else {
                    self.too_large(&place);
                    Value::Unknown
                }
            }
            DeValue::Boolean(flag) => Value::Bool(*flag),
            DeValue::Datetime(date) => Value::Date(date.to_string()),
            DeValue::Array(list) => Value::List(list.iter().map(|item| self.node(None, item)).collect()),
            DeValue::Table(table) => Value::Table(self.table(table)),
        };
        Node { key: key.unwrap_or_else(|| place.clone()), place, value }
    }

    fn too_large(&self, place: &Place) {
        self.sink.push(Diagnostic::new("number out of range").label(place, "cannot be held"));
    }
}

/// The offset at which a node, or anything in it, first appears.
fn first_mention(node: &Node) -> usize {
    let own = node.key.span.start;
    match &node.value {
        Value::Table(table) => table.values().map(first_mention).fold(own, usize::min),
        _ => own,
    }
}

/// A syntax error of the parser as a problem; for a duplicate key with both places.
fn explain(source: &Arc<Source>, text: &str, error: &toml::de::Error) -> Diagnostic {
    let span = error.span().unwrap_or(text.len()..text.len());
    let place = Place::new(source, visible(text, span.clone()));
    if error.message() == "duplicate key" {
        let keys = keys(text);
        if let Some(again) = keys.iter().position(|key| key.span == span)
            && let Some(first) = keys[..again]
                .iter()
                .find(|key| (key.scope, &key.path) == (keys[again].scope, &keys[again].path))
        {
            return Diagnostic::new(format!("`{}` is given twice", keys[again].path.join(".")))
                .label(&place, "again here")
                .label(&Place::new(source, first.span.clone()), "first here")
                .help("remove one of the two, or give it another name");
        }
        return Diagnostic::new("duplicate key")
            .label(&place, "already defined above")
            .help("a table is written either as `[table]` or with dotted keys, once");
    }
    // `unquoted string, expected …` lists tokens behind a comma: they make a better label than title
    let (title, label) = match error.message().split_once(", expected ") {
        Some((title, expected)) => (title, format!("expected {expected}")),
        None => (error.message(), "here".to_owned()),
    };
    let problem = Diagnostic::syntax(format!("not valid TOML: {title}")).label(&place, label);
    match advice(text, &span) {
        Some(help) => problem.help(help),
        None => problem,
    }
}

/// An empty span at the end of a line is moved onto its last character, which can carry a caret.
fn visible(text: &str, span: Range<usize>) -> Range<usize> {
    if !span.is_empty() || text[span.start.min(text.len())..].starts_with(|c: char| !c.is_whitespace()) {
        return span;
    }
    let line = text[..span.start.min(text.len())].trim_end_matches([' ', '\t']);
    match line.char_indices().next_back() {
        Some((at, c)) if c != '\n' => at..at + c.len_utf8(),
        _ => span,
    }
}

/// What people usually meant where TOML does not parse.
fn advice(text: &str, span: &Range<usize>) -> Option<&'static str> {
    let start = text[..span.start.min(text.len())].rfind('\n').map_or(0, |at| at + 1);
    let line = text[start..].lines().next()?.trim();
    let value = line.split_once('=').map(|(_, value)| value.split('#').next().unwrap_or(value).trim());
    if line.starts_with('[') && !line.contains(']') {
        return Some("close the header with `]`");
    }
    match value {
        Some("") => Some("write a value behind the `=`"),
        Some(value) if !value.starts_with(['"', '\'', '[', '{']) => {
            Some("text needs quotes: `key = \"text\"`; so do numbers with a unit: `\"30s\"`, `\"5%\"`")
        }
        Some(value) if value.starts_with('"') && value.matches('"').count() % 2 == 1 => {
            Some("close the string with `\"`")
        }
        Some(_) => None,
        None if line.contains(':') => Some("TOML separates a key from its value by `=`"),
        None => Some("a line is `key = value`, a `[table]` or a `# comment`"),
    }
}

/// A key of a document.
struct Key {
    /// Which table it stands in: every inline table and every element of an array of tables is one of its own.
    scope: usize,
    path: Vec<String>,
    /// Where its last part stands.
    span: Range<usize>,
}

/// Every key of a document, in the order of the text. The parser keeps the first place of a duplicate to itself.
fn keys(text: &str) -> Vec<Key> {
    /// Deeper nesting than any scenario has.
    const DEPTH: u32 = 80;
    let source = Tokens::new(text);
    let tokens: Vec<_> = source.lex().collect();
    let mut events: Vec<Event> = Vec::new();
    let mut receive = |event: Event| events.push(event);
    toml_parser::parser::parse_document(&tokens, &mut RecursionGuard::new(&mut receive, DEPTH), &mut ());

    let mut found = Vec::new();
    let mut scopes = 0;
    // the tables that the text is inside of, innermost last: scope and path
    let mut inside: Vec<(usize, Vec<String>)> = vec![(0, Vec::new())];
    let (mut parts, mut last) = (Vec::new(), 0..0);
    for event in events {
        match event.kind() {
            EventKind::StdTableOpen | EventKind::ArrayTableOpen => parts.clear(),
            EventKind::StdTableClose => {
                let path = std::mem::take(&mut parts);
                found.push(Key { scope: 0, path: path.clone(), span: last.clone() });
                inside = vec![(0, path)];
            }
            EventKind::ArrayTableClose => {
                scopes += 1;
                inside = vec![(scopes, std::mem::take(&mut parts))];
            }
            EventKind::InlineTableOpen => {
                scopes += 1;
                let path = found.last().map_or_else(Vec::new, |key: &Key| key.path.clone());
                inside.push((scopes, path));
            }
            EventKind::InlineTableClose if inside.len() > 1 => {
                inside.pop();
            }
            EventKind::SimpleKey => {
                let mut key = std::borrow::Cow::Borrowed("");
                if let Some(raw) = source.get(event) {
                    raw.decode_key(&mut key, &mut ());
                }
                parts.push(key.into_owned());
                last = event.span().start()..event.span().end();
            }
            EventKind::KeyValSep => {
                if let Some((scope, path)) = inside.last() {
                    let path = path.iter().cloned().chain(parts.drain(..)).collect();
                    found.push(Key { scope: *scope, path, span: last.clone() });
                }
            }
            _ => {}
        }
    }
    found
}
