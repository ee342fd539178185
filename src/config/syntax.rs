//! Text → tree. Everything that does not parse is reported, and what does is kept.

use std::{ops::Range, sync::Arc};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};
use toml_parser::{
    Source as Tokens,
    lexer::TokenKind,
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
    let reader = Reader { source: &source, sink, inserted: close_headers(text) };
    let repaired = reader.repaired(text);
    let (root, errors) = DeTable::parse_recoverable(&repaired);
    for at in &reader.inserted {
        sink.push(
            Diagnostic::syntax("not valid TOML: unclosed table")
                .label(&Place::new(&source, visible(text, *at..*at)), "expected `]`")
                .help("close the header with `]`"),
        );
    }
    // only duplicates are looked for among them
    let duplicates = errors.iter().any(|error| error.message() == DUPLICATE);
    let keys = if duplicates { keys(&repaired) } else { Vec::new() };
    let brackets = Brackets::of(if errors.is_empty() { "" } else { &repaired });
    let mut twice: Vec<&[String]> = Vec::new();
    let mut last = None;
    for error in errors {
        if let Some((first, again)) = duplicate(&keys, &error) {
            // what stands twice only because its table does is not another mistake
            let inside = |path: &&[String]| path.len() < again.path.len() && again.path.starts_with(path);
            if !twice.iter().any(inside) {
                sink.push(reader.given_twice(first, again));
            }
            twice.push(&again.path);
        } else {
            let span = error.span().unwrap_or(repaired.len()..repaired.len());
            if error.message() == DUPLICATE || brackets.in_sync(last, span.start) {
                sink.push(reader.explain(&repaired, &error));
                last = Some(span.start);
            }
            // a duplicate is wrong where it stands, and can be read
            if error.message() != DUPLICATE {
                sink.unreadable(reader.place(&span));
            }
        }
    }
    let table = reader.table(root.get_ref());
    Node::table_at(&Place::start_of(&source), table)
}

/// Where a `]` is missing at the end of a table's header: the parser would skip everything up to the next one.
fn close_headers(text: &str) -> Vec<usize> {
    /// Mistakes of this kind that are looked for.
    const MOST: usize = 16;
    let mut inserted: Vec<usize> = Vec::new();
    while inserted.len() < MOST {
        let repaired = insert(text, &inserted);
        let (_, errors) = DeTable::parse_recoverable(&repaired);
        let next = errors
            .iter()
            .filter(|error| error.message().starts_with("unclosed table"))
            .filter_map(toml::de::Error::span)
            .map(|span| original(&inserted, span.start))
            .find(|at| !inserted.contains(at));
        let Some(at) = next else { break };
        inserted.push(at);
        inserted.sort_unstable();
    }
    inserted
}

/// A text with `]` inserted at offsets, ascending.
fn insert(text: &str, inserted: &[usize]) -> String {
    let mut repaired = String::with_capacity(text.len() + inserted.len());
    let mut from = 0;
    for at in inserted {
        repaired.push_str(&text[from..*at]);
        repaired.push(']');
        from = *at;
    }
    repaired.push_str(&text[from..]);
    repaired
}

/// The offset in the text of an offset in the repaired text.
fn original(inserted: &[usize], at: usize) -> usize {
    // the n-th insertion stands n bytes further on in the repaired text
    at - inserted.iter().enumerate().filter(|(before, place)| *place + before < at).count()
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
    let reader = Reader { source: &source, sink, inserted: Vec::new() };
    let (document, errors) = DeTable::parse_recoverable(argument);
    if errors.is_empty() && !document.get_ref().is_empty() {
        return Node { value: Value::Table(reader.table(document.get_ref())), ..empty };
    }
    // the text of the path keeps its offsets, so spans of its keys hold
    let probe = format!("{path}=0");
    let (document, path_errors) = DeTable::parse_recoverable(&probe);
    if !path_errors.is_empty() || document.get_ref().is_empty() || path.trim_start().starts_with('[') {
        sink.push(
            Diagnostic::syntax(format!("`{}` is not a path", path.trim()))
                .label(&Place::new(&source, 0..split.max(1)), "expected keys separated by dots")
                .help("write `--set path=value`, such as `--set phases.main.requests=200`"),
        );
        return empty;
    }
    if value.trim_start().starts_with(['[', '{', '"', '\'']) {
        for error in errors {
            sink.push(reader.explain(argument, &error));
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
        if let Value::Table(inner) = &mut node.value {
            fill_only_leaf(inner, place, value);
        } else {
            (node.place, node.value) = (place, value);
        }
    }
}

/// Turns parsed TOML into nodes.
struct Reader<'a> {
    source: &'a Arc<Source>,
    sink: &'a Sink,
    /// Where `]` was inserted before parsing, ascending.
    inserted: Vec<usize>,
}

impl Reader<'_> {
    fn repaired(&self, text: &str) -> String {
        insert(text, &self.inserted)
    }

    /// The place in the source of a span in the repaired text.
    fn place(&self, span: &Range<usize>) -> Place {
        Place::new(self.source, original(&self.inserted, span.start)..original(&self.inserted, span.end))
    }

    fn table(&self, table: &DeTable<'_>) -> Table {
        let mut entries: Vec<(String, Node)> = table
            .iter()
            .map(|(key, value)| {
                let place = self.place(&key.span());
                (key.get_ref().to_string(), self.node(Some(place), value))
            })
            .collect();
        // the parser moves a table that was first implied by a sub-table to where its own header is
        entries.sort_by_key(|(_, node)| first_mention(node));
        entries.into_iter().collect()
    }

    fn node(&self, key: Option<Place>, spanned: &Spanned<DeValue<'_>>) -> Node {
        let place = self.place(&spanned.span());
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

    /// A syntax error of the parser as a problem.
    fn explain(&self, text: &str, error: &toml::de::Error) -> Diagnostic {
        let span = error.span().unwrap_or(text.len()..text.len());
        let place = self.place(&visible(text, span.clone()));
        if error.message() == DUPLICATE {
            return Diagnostic::new("duplicate key")
                .label(&place, "already defined above")
                .help("write a table either as `[table]` or with dotted keys, once");
        }
        // `unclosed string, expected …` lists tokens behind a comma: they make a better label than title
        let (title, label) = match error.message().split_once(", expected ") {
            Some((title, expected)) => (title, format!("expected {expected}")),
            None => (error.message(), "here".to_owned()),
        };
        let line = line_of(text, span.start);
        let (title, label, help) = match line.split_once('=') {
            Some((_, "")) => ("nothing behind the `=`", "expected a value".to_owned(), "write a value"),
            _ if title.contains("must be quoted") => (
                title,
                "needs quotes".to_owned(),
                "put text in quotes, and numbers with a unit too: `\"text\"`, `\"30s\"`, `\"5%\"`",
            ),
            // text that begins with a `t` or an `f`
            _ if title == "invalid boolean" => (
                "neither `true` nor `false`, nor text in quotes",
                "needs quotes".to_owned(),
                "put text in quotes: `\"text\"`",
            ),
            _ if title.starts_with("cannot extend") => {
                (title, label, "write the keys of a table in one place: inside its `{ }`, or all with dots")
            }
            Some((_, value)) if value.starts_with('"') && value.matches('"').count() % 2 == 1 => {
                (title, label, "close the string with `\"`")
            }
            Some(_) => (title, label, "check brackets, commas and quotes"),
            None if line.contains(':') => (title, label, "write `=` between a key and its value"),
            None => (title, label, "a line is `key = value`, a `[table]` or a `# comment`"),
        };
        Diagnostic::syntax(format!("not valid TOML: {title}")).label(&place, label).help(help)
    }

    fn given_twice(&self, first: &Key, again: &Key) -> Diagnostic {
        Diagnostic::new(format!("`{}` is given twice", again.path.join(".")))
            .label(&self.place(&again.span), "again here")
            .label(&self.place(&first.span), "first here")
            .help("remove one of the two, or give it another name")
    }

    fn too_large(&self, place: &Place) {
        self.sink.push(
            Diagnostic::new("number out of range")
                .label(place, "cannot be held")
                .help("write a smaller number"),
        );
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

/// Where brackets open and close in a text, to tell mistakes from their consequences.
struct Brackets<'a> {
    text: &'a str,
    /// Behind each bracket, how many are open.
    open: Vec<(usize, i32)>,
}

impl<'a> Brackets<'a> {
    fn of(text: &'a str) -> Self {
        let steps = Tokens::new(text).lex().filter_map(|token| {
            let step = match token.kind() {
                TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => 1,
                TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => -1,
                _ => return None,
            };
            Some((token.span().end(), step))
        });
        let open = steps.scan(0, |open, (end, step)| {
            *open += step;
            Some((end, *open))
        });
        Self { text, open: open.collect() }
    }

    fn open_at(&self, at: usize) -> i32 {
        let behind = self.open.partition_point(|(end, _)| *end <= at);
        behind.checked_sub(1).map_or(0, |last| self.open[last].1)
    }

    /// Whether an error is one of its own rather than a consequence of the error before it: it stands on another line,
    /// and no bracket is open that was opened on the line of the other.
    fn in_sync(&self, before: Option<usize>, at: usize) -> bool {
        let Some(before) = before else { return true };
        let start = self.text[..before].rfind('\n').map_or(0, |at| at + 1);
        let at = at.max(start);
        self.text[start..at].contains('\n') && self.open_at(at) <= self.open_at(start)
    }
}

/// The line around an offset, without spaces around it and its `=`, and without a comment.
fn line_of(text: &str, at: usize) -> String {
    let at = at.min(text.len());
    let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let line = line.split('#').next().unwrap_or(line);
    match line.split_once('=') {
        Some((key, value)) => format!("{}={}", key.trim(), value.trim()),
        None => line.trim().to_owned(),
    }
}

/// How the parser calls a key that is there already.
const DUPLICATE: &str = "duplicate key";

/// Both places of a key that an error calls a duplicate.
fn duplicate<'a>(keys: &'a [Key], error: &toml::de::Error) -> Option<(&'a Key, &'a Key)> {
    let span = error.span().filter(|_| error.message() == DUPLICATE)?;
    let (at, again) = keys.iter().enumerate().find(|(_, key)| key.span == span)?;
    let first = keys[..at].iter().find(|key| (key.scope, &key.path) == (again.scope, &again.path))?;
    Some((first, again))
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
            // keys without a value are over
            EventKind::StdTableOpen
            | EventKind::ArrayTableOpen
            | EventKind::Newline
            | EventKind::ValueSep => parts.clear(),
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
                parts.clear();
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
