//! `[matrix]`: an override whose leaves are lists. Every combination of their elements is a case of the scenario.

use std::collections::{HashMap, HashSet};

use super::{
    Axis,
    diagnostic::{Diagnostic, Sink},
    merge::overlay,
    source::Place,
    substitute::{Env, substitute},
    tree::{Node, Table, Value},
};
use crate::units::show_count;

/// Cases of one scenario: more would take longer than anyone waits for.
const MOST: usize = 1_000;

/// Characters of a value in the name of a case.
const SHOWN: usize = 32;

/// What no case can change, and why.
const FIXED: &[(&[&str], &str)] = &[
    (&["version"], "the same in every case"),
    (&["name"], "the same in every case: a case has a name of its own"),
    (&["include"], "read before there are cases"),
    (&["platforms"], "chosen before there are cases"),
    (&["matrix"], "a matrix in a matrix"),
    (&["run", "platform"], "chosen before there are cases"),
];

/// A matrix, read.
pub(super) struct Matrix {
    whole: Node,
    axes: Vec<Line>,
}

/// One case: what sets it apart, and the layer that it is.
pub(super) struct Case {
    pub axes: Vec<Axis>,
    pub layer: Node,
}

/// The values of one address.
struct Line {
    path: Vec<Step>,
    /// The shortest end of the address that no other axis ends with.
    name: String,
    values: Vec<Node>,
    /// Each as it stands in the name of a case.
    shown: Vec<String>,
}

/// A part of an address and where it stands.
struct Step {
    name: String,
    key: Place,
    place: Place,
}

impl Matrix {
    /// Reads the tree; what is wrong with it is reported and left out.
    pub(super) fn read(mut whole: Node, env: Env<'_>, sink: &Sink) -> Self {
        for (path, why) in FIXED {
            if let Some(fixed) = take(&mut whole, path) {
                sink.push(
                    Diagnostic::new(format!("a matrix cannot vary `{}`", path.join(".")))
                        .label(&fixed.key, *why)
                        .help("remove it here"),
                );
            }
        }
        let mut axes = Vec::new();
        if whole.as_table().is_some() {
            read_axes(&whole, &mut Vec::new(), &mut axes, env, sink);
        } else {
            let kind = whole.value.kind();
            sink.push(
                Diagnostic::new(format!("`matrix` must be a table, found {kind}"))
                    .label(&whole.place, format!("this is {kind}"))
                    .help("write `[matrix.phases.main.load.closed]` and `users = [1, 2, 4]` below"),
            );
        }
        let names = shortest(&axes.iter().map(Line::path).collect::<Vec<_>>());
        for (axis, name) in axes.iter_mut().zip(names) {
            axis.name = name;
        }
        Self { whole, axes }
    }

    /// Drops every axis whose values flags replace.
    pub(super) fn pin(&mut self, sets: &[Node]) {
        let whole = &self.whole;
        self.axes.retain(|axis| {
            let mut layer = Node::table_at(&whole.place, Table::new());
            axis.put(0, &mut layer);
            for set in sets {
                overlay(&mut layer, set.clone());
            }
            layer.at(&axis.path()).is_some_and(|node| stems_from(node, &axis.values[0]))
        });
    }

    /// Every case, the last axis changing fastest; a scenario without a matrix is a case without axes.
    pub(super) fn cases(&self, sink: &Sink) -> Vec<Case> {
        let lengths = self.axes.iter().map(|axis| axis.values.len());
        let count = lengths.clone().fold(1_usize, usize::saturating_mul);
        if count > MOST {
            sink.push(
                Diagnostic::new(format!("the matrix has {} cases", show_count(count as u64)))
                    .label(
                        &self.whole.key,
                        lengths.map(|n| n.to_string()).collect::<Vec<_>>().join(" × ") + " values",
                    )
                    .help(format!(
                        "leave values out, so that there are {} or fewer, or pin an axis by `--set`",
                        show_count(MOST as u64)
                    )),
            );
            return vec![self.case(0)];
        }
        (0..count).map(|index| self.case(index)).collect()
    }

    fn case(&self, mut index: usize) -> Case {
        let mut layer = Node::table_at(&self.whole.place, Table::new());
        let mut choices = vec![0; self.axes.len()];
        for (choice, axis) in choices.iter_mut().zip(&self.axes).rev() {
            *choice = index % axis.values.len();
            index /= axis.values.len();
        }
        let axes = self.axes.iter().zip(choices).map(|(axis, choice)| {
            axis.put(choice, &mut layer);
            Axis { path: axis.path().join("."), name: axis.name.clone(), value: axis.shown[choice].clone() }
        });
        Case { axes: axes.collect(), layer }
    }
}

impl Line {
    fn path(&self) -> Vec<&str> {
        self.path.iter().map(|step| step.name.as_str()).collect()
    }

    /// Sets the address to one of the values.
    fn put(&self, choice: usize, layer: &mut Node) {
        let Some((last, tables)) = self.path.split_last() else { return };
        let home = tables.iter().try_fold(layer, |node, step| {
            let entry = node.as_table_mut()?.entry(step.name.clone());
            let table =
                Node { key: step.key.clone(), place: step.place.clone(), value: Value::Table(Table::new()) };
            Some(entry.or_insert(table))
        });
        if let Some(home) = home.and_then(Node::as_table_mut) {
            let value = Node { key: last.key.clone(), ..self.values[choice].clone() };
            home.insert(last.name.clone(), value);
        }
    }
}

fn take(whole: &mut Node, path: &[&str]) -> Option<Node> {
    let (key, tables) = path.split_last()?;
    let home = tables.iter().try_fold(whole, |node, table| node.as_table_mut()?.get_mut(*table));
    home?.as_table_mut()?.shift_remove(*key)
}

fn read_axes(node: &Node, path: &mut Vec<Step>, axes: &mut Vec<Line>, env: Env<'_>, sink: &Sink) {
    for (name, node) in node.as_table().into_iter().flatten() {
        path.push(Step { name: name.clone(), key: node.key.clone(), place: node.place.clone() });
        let address = || path.iter().fold("matrix".to_owned(), |address, step| address + "." + &step.name);
        match &node.value {
            Value::Table(_) => read_axes(node, path, axes, env, sink),
            Value::List(values) if values.is_empty() => sink.push(
                Diagnostic::new(format!("`{}` must not be empty", address()))
                    .label(&node.place, "no value, so no case")
                    .help("write at least one value, or remove it"),
            ),
            Value::List(values) => {
                let filled: Vec<Node> = values
                    .iter()
                    .map(|value| {
                        let mut value = value.clone();
                        substitute(&mut value, env, None);
                        value
                    })
                    .collect();
                if !repeated(&address(), &filled, sink) {
                    let path = path.iter().map(|step| Step {
                        name: step.name.clone(),
                        key: step.key.clone(),
                        place: step.place.clone(),
                    });
                    axes.push(Line {
                        path: path.collect(),
                        name: String::new(),
                        values: values.clone(),
                        shown: shown(&filled),
                    });
                }
            }
            other => sink.push(
                Diagnostic::new(format!("`{}` must be a list of values, found {}", address(), other.kind()))
                    .label(&node.place, format!("this is {}", other.kind()))
                    .help(format!("write `{name} = [{}]`, with all the values to try", node.to_toml())),
            ),
        }
        path.pop();
    }
}

/// Reports a value that is there twice.
fn repeated(address: &str, values: &[Node], sink: &Sink) -> bool {
    let mut seen: HashMap<String, &Node> = HashMap::new();
    let known = values.iter().filter(|value| !matches!(value.value, Value::Unknown));
    let mut pairs = known.filter_map(|value| {
        let key = match &value.value {
            // 2 and 2.0 are the same
            Value::Integer(number) => (*number as f64).to_string(),
            Value::Float(number) => number.to_string(),
            _ => value.to_toml(),
        };
        seen.insert(key, value).map(|first| (first, value))
    });
    let Some((first, again)) = pairs.next() else { return false };
    sink.push(
        Diagnostic::new(format!("`{address}` has {} twice", again.to_toml()))
            .label(&again.place, "again here")
            .label(&first.place, "first here")
            .help("remove one of the two: they are the same case"),
    );
    true
}

/// Of each address the shortest end that none of the others has.
fn shortest(paths: &[Vec<&str>]) -> Vec<String> {
    let ends =
        |path: &'_ [&'_ str]| (0..path.len()).rev().map(|from| path[from..].join(".")).collect::<Vec<_>>();
    let mut taken: HashMap<String, usize> = HashMap::new();
    for end in paths.iter().flat_map(|path| ends(path)) {
        *taken.entry(end).or_default() += 1;
    }
    let own = |path: &Vec<&str>| {
        let end = ends(path).into_iter().find(|end| taken.get(end) == Some(&1));
        words(&end.unwrap_or_else(|| path.join(".")))
    };
    paths.iter().map(own).collect()
}

/// Values for the name of a case, and so for the name of a folder. Those that come out the same or empty get their
/// place in the list behind them. Lists that are too long to be shown are told by where they differ.
fn shown(values: &[Node]) -> Vec<String> {
    let whole: Vec<String> = values.iter().map(in_words).collect();
    let long = whole.iter().any(|text| text.chars().count() > SHOWN);
    let plain: Vec<String> = if long { differing(values) } else { None }
        .unwrap_or(whole)
        .into_iter()
        .map(|text| {
            let text: String = text.chars().take(SHOWN).collect();
            text.trim_end_matches('-').to_owned()
        })
        .collect();
    let mut once = HashSet::new();
    let again: HashSet<&String> = plain.iter().filter(|text| !once.insert(*text)).collect();
    let numbered = |(index, text): (usize, &String)| {
        if text.is_empty() || again.contains(text) { format!("{text}~{}", index + 1) } else { text.clone() }
    };
    plain.iter().enumerate().map(numbered).collect()
}

/// What is left of lists without what all of them begin and end with; `None` where they are no lists, or one is a part of the
/// others.
fn differing(values: &[Node]) -> Option<Vec<String>> {
    let list = |node: &Node| match &node.value {
        Value::List(items) => Some(items.iter().map(in_words).collect::<Vec<_>>()),
        _ => None,
    };
    let lists: Vec<Vec<String>> = values.iter().map(list).collect::<Option<_>>()?;
    let (first, others) = lists.split_first().filter(|(_, others)| !others.is_empty())?;
    let shortest = lists.iter().map(Vec::len).min().unwrap_or(0);
    let begins = (0..shortest).take_while(|at| others.iter().all(|list| list[*at] == first[*at])).count();
    let from_end = |list: &[String], at: usize| list[list.len() - 1 - at].clone();
    let ends = (0..shortest - begins)
        .take_while(|at| others.iter().all(|list| from_end(list, *at) == from_end(first, *at)))
        .count();
    let parts = lists.iter().map(|list| list[begins..list.len() - ends].join("+"));
    let parts: Vec<String> = parts.collect();
    parts.iter().all(|part| !part.is_empty()).then_some(parts)
}

/// A value in letters, digits, `.`, `_`, `-` and `+`.
fn in_words(node: &Node) -> String {
    match &node.value {
        Value::List(items) => items.iter().map(in_words).collect::<Vec<_>>().join("+"),
        Value::Table(_) => {
            let mut parts = Vec::new();
            node.leaves("", &mut |path, leaf| parts.push(format!("{}-{}", words(path), in_words(leaf))));
            parts.join("+")
        }
        Value::Text(text) | Value::Filled(text) | Value::Date(text) => words(text),
        Value::Unknown => String::new(),
        Value::Integer(_) | Value::Float(_) | Value::Bool(_) => node.to_toml(),
    }
}

/// A text in letters, digits, `.`, `_` and `-`.
fn words(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '_' | '-'));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

/// Whether a value of the matrix, or a part of it, is still there after other layers.
fn stems_from(node: &Node, value: &Node) -> bool {
    if value.as_table().is_some_and(Table::is_empty) {
        return node.as_table().is_some();
    }
    let mut stems = false;
    node.leaves("", &mut |_, leaf| stems |= leaf.place.lies_in(&value.place));
    stems
}
