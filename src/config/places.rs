//! Where the values of a scenario stand, for problems that show only once it is compiled.

use std::fmt;

use indexmap::IndexMap;

use super::{
    Layer, Problems, Scenario, case_name,
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

    fn problem(&self, refusal: &Refusal) -> Diagnostic {
        let Refusal { path, message, label, help, other } = refusal;
        let mut problem = Diagnostic::new(message.as_str()).help(help.as_str());
        if let Some(place) = self.nearest(path) {
            problem = problem.label(place, label.as_str());
        }
        if let Some((path, label)) = other
            && let Some(place) = self.0.get(path)
            && place.source.layer != Layer::BuiltIn
        {
            problem = problem.label(place, label.as_str());
        }
        problem
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

/// Shows the refusals of a scenario's cases where the values stand that are at fault; a value that nobody wrote is shown
/// by the table that lacks it. What several cases are refused for is told once, as the first of them has it.
pub fn locate(cases: &[(&Scenario, Vec<Refusal>)]) -> Problems {
    let sink = Sink::default();
    let mut told: Vec<&str> = Vec::new();
    for (scenario, refusals) in cases {
        for refusal in refusals {
            if told.contains(&refusal.path.as_str()) {
                continue;
            }
            told.push(&refusal.path);
            let alike = |(_, refusals): &&(&Scenario, Vec<Refusal>)| {
                refusals.iter().any(|other| other.path == refusal.path)
            };
            let count = cases.iter().filter(alike).count();
            let problem = scenario.places.problem(refusal);
            sink.push(if count == cases.len() {
                problem
            } else {
                problem.in_cases(&case_name(&scenario.case), count, cases.len())
            });
        }
    }
    let file =
        cases.first().and_then(|(scenario, _)| scenario.places.0.get("")).map(|place| &place.source.name);
    sink.into_problems(file.map_or("", String::as_str))
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
