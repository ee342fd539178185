//! TOML values that remember where they stand.

use std::sync::Arc;

use indexmap::IndexMap;

use super::{
    Layer,
    source::{Place, Source},
};

/// A table, in the order of the text.
pub(super) type Table = IndexMap<String, Node>;

/// A value, where it stands, and where its key does.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// The key; for an element of a list the element itself.
    pub key: Place,
    /// The value; for a table its header.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// A TOML value.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// A string as it is written.
    Text(String),
    /// A string after environment variables were filled in; fields of any type read it.
    Filled(String),
    /// A value that an environment variable should have given.
    Unknown,
    /// A whole number.
    Integer(i128),
    /// A number; may be infinite or NaN, which TOML can write.
    Float(f64),
    /// `true` or `false`.
    Bool(bool),
    /// A date or time, which no field takes.
    Date(String),
    /// A list.
    List(Vec<Node>),
    /// A table.
    Table(Table),
}

impl Value {
    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Filled(_) | Self::Unknown => "a string",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Bool(_) => "a boolean",
            Self::Date(_) => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

impl Node {
    /// A table that nobody wrote.
    pub(super) fn table_at(place: &Place, table: Table) -> Self {
        Self { key: place.clone(), place: place.clone(), value: Value::Table(table) }
    }

    pub(super) fn as_table(&self) -> Option<&Table> {
        if let Value::Table(table) = &self.value { Some(table) } else { None }
    }

    pub(super) fn as_table_mut(&mut self) -> Option<&mut Table> {
        if let Value::Table(table) = &mut self.value { Some(table) } else { None }
    }

    /// The text of a string.
    pub(super) fn as_text(&self) -> Option<&str> {
        if let Value::Text(text) | Value::Filled(text) = &self.value { Some(text) } else { None }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.as_table()?.get(key)
    }

    /// The entry of a table under a key, or the element of a list at an index.
    pub(super) fn child(&self, step: &str) -> Option<&Self> {
        match &self.value {
            Value::List(items) => items.get(step.parse::<usize>().ok()?),
            _ => self.get(step),
        }
    }

    /// The value at an address.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The keys of the table under a key; none where there is no table.
    pub(super) fn names<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.get(key).and_then(Self::as_table).into_iter().flat_map(|table| table.keys().map(String::as_str))
    }

    /// Calls `f` with every value that is not a table, and its address.
    pub(super) fn leaves<'a>(&'a self, path: &str, f: &mut dyn FnMut(&str, &'a Self)) {
        match &self.value {
            Value::Table(table) => {
                for (key, node) in table {
                    node.leaves(&join(path, key), f);
                }
            }
            _ => f(path, self),
        }
    }

    /// Gives what a file says of platforms and of cases the layers that they are.
    pub(super) fn settle_layers(&mut self) {
        let source = Arc::clone(&self.place.source);
        for (key, layer) in [("platforms", Layer::Platform), ("matrix", Layer::Matrix)] {
            if let Some(node) = self.as_table_mut().and_then(|table| table.get_mut(key)) {
                node.rehome(&source.for_layer(layer));
            }
        }
    }

    /// Moves it, with all that is in it, to another source of the same text.
    fn rehome(&mut self, source: &Arc<Source>) {
        self.key.source = Arc::clone(source);
        self.place.source = Arc::clone(source);
        match &mut self.value {
            Value::Table(table) => table.values_mut().for_each(|node| node.rehome(source)),
            Value::List(list) => list.iter_mut().for_each(|node| node.rehome(source)),
            _ => {}
        }
    }

    /// As TOML in one line.
    pub(super) fn to_toml(&self) -> String {
        self.to_value().to_string()
    }

    fn to_value(&self) -> toml::Value {
        match &self.value {
            Value::Text(text) | Value::Filled(text) | Value::Date(text) => toml::Value::String(text.clone()),
            Value::Unknown => toml::Value::String(String::new()),
            Value::Integer(number) => match i64::try_from(*number) {
                Ok(number) => toml::Value::Integer(number),
                Err(_) => toml::Value::String(number.to_string()),
            },
            Value::Float(number) => toml::Value::Float(*number),
            Value::Bool(flag) => toml::Value::Boolean(*flag),
            Value::List(list) => toml::Value::Array(list.iter().map(Self::to_value).collect()),
            Value::Table(table) => {
                toml::Value::Table(table.iter().map(|(k, v)| (k.clone(), v.to_value())).collect())
            }
        }
    }
}

/// `path.key`, or the key alone at the top.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
