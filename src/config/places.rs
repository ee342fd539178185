//! Where the values of a scenario stand, for what shows only once it is compiled further.

use std::collections::BTreeMap;

use super::{
    diagnostic::{Diagnostic, Problems, Sink},
    source::Place,
    tree::Node,
};

/// The place of every leaf of a scenario, by its address.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Places(BTreeMap<String, Place>);

/// Something wrong with a scenario that was found in what was made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong, lower case.
    pub message: String,
    /// The addresses of the values that matter, the one at fault first, each with what is to be seen there. Those that
    /// the scenario does not have are left out.
    pub labels: Vec<(String, String)>,
    /// What to do about it.
    pub help: String,
}

impl Places {
    pub(super) fn of(root: &Node) -> Self {
        let mut places = BTreeMap::new();
        root.leaves("", &mut |path, node| {
            places.insert(path.to_owned(), node.place.clone());
        });
        Self(places)
    }

    /// Findings as problems with their places.
    ///
    /// # Errors
    ///
    /// All of them, where there are any.
    pub fn refuse(&self, findings: impl IntoIterator<Item = Finding>) -> Result<(), Problems> {
        let sink = Sink::default();
        for Finding { message, labels, help } in findings {
            let mut problem = Diagnostic::new(message).help(help);
            for (address, text) in labels {
                if let Some(place) = self.0.get(&address) {
                    problem = problem.label(place, text);
                }
            }
            sink.push(problem);
        }
        if sink.is_empty() { Ok(()) } else { Err(sink.into_problems()) }
    }
}
