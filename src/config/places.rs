//! Where the values of a scenario stand, for problems that show only once it is compiled.

use std::fmt;

use indexmap::IndexMap;

use super::{
    Layer, Problems,
    diagnostic::{Diagnostic, Sink},
    source::Place,
    tree::{Node, Value, join},
};

/// The place of every table and value of a scenario, by address.
#[derive(Clone, PartialEq, Default)]
pub struct Places(IndexMap<String, Place>);

/// Something in a compiled scenario that must not be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The address of the value at fault, such as `endpoints.main.url`.
    pub path: String,
    /// What is wrong, in one line.
    pub message: String,
    /// What is to be seen at the value.
    pub label: String,
    /// What to do about it.
    pub help: String,
    /// The address of another value that matters, and what is to be seen there; not shown where it is a built-in one.
    pub other: Option<(String, String)>,
}

impl Places {
    pub(super) fn of(root: &Node) -> Self {
        let mut places = IndexMap::from([(String::new(), root.place.clone())]);
        gather(root, "", &mut places);
        Self(places)
    }

    /// Shows refusals where the values stand that are at fault; a value that nobody wrote is shown by the table that
    /// lacks it.
    pub fn locate(&self, refusals: impl IntoIterator<Item = Refusal>) -> Problems {
        let sink = Sink::default();
        for Refusal { path, message, label, help, other } in refusals {
            let mut problem = Diagnostic::new(message).help(help);
            if let Some(place) = self.nearest(&path) {
                problem = problem.label(place, label);
            }
            if let Some((path, label)) = other
                && let Some(place) = self.0.get(&path)
                && place.source.layer != Layer::BuiltIn
            {
                problem = problem.label(place, label);
            }
            sink.push(problem);
        }
        sink.into_problems()
    }

    fn nearest(&self, path: &str) -> Option<&Place> {
        let mut path = path;
        loop {
            if let Some(place) = self.0.get(path) {
                return Some(place);
            }
            path = path.rsplit_once('.').map_or("", |(above, _)| above);
        }
    }
}

/// Addresses are for looking up, so all that one wants to see of them is how many there are.
impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Places({})", self.0.len())
    }
}

fn gather(node: &Node, path: &str, places: &mut IndexMap<String, Place>) {
    let Value::Table(table) = &node.value else { return };
    for (key, node) in table {
        let path = join(path, key);
        let place = if node.as_table().is_some() { &node.key } else { &node.place };
        places.insert(path.clone(), place.clone());
        gather(node, &path, places);
    }
}
