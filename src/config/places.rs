//! Where the values of a scenario stand, for what shows only once it is compiled further.

use std::collections::BTreeMap;

use super::{
    Scenario,
    compile::Found,
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

    /// A finding as a problem with its places.
    fn problem(&self, Finding { message, labels, help }: Finding) -> Diagnostic {
        let problem = Diagnostic::new(message).help(help);
        labels.into_iter().fold(problem, |problem, (address, text)| match self.0.get(&address) {
            Some(place) => problem.label(place, text),
            None => problem,
        })
    }
}

/// Refuses the cases of a scenario file for what was found in what was made of them.
///
/// # Errors
///
/// All findings as problems of the file, where there are any.
pub fn refuse<'a>(
    file: &str,
    cases: impl ExactSizeIterator<Item = (&'a Scenario, Vec<Finding>)>,
) -> Result<(), Problems> {
    let (count, mut found) = (cases.len(), Found::default());
    for (scenario, findings) in cases {
        let there = Sink::default();
        for finding in findings {
            there.push(scenario.places.problem(finding));
        }
        found.add(&scenario.case, there);
    }
    let sink = Sink::default();
    found.report(count, &sink);
    if sink.is_empty() { Ok(()) } else { Err(sink.into_problems(file)) }
}
