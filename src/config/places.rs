//! Where the values of a scenario stand, for what shows only once it is compiled further.

use std::collections::BTreeMap;

use super::{
    Layer,
    diagnostic::Diagnostic,
    source::Place,
    tree::{Node, join},
};

/// The place of every value of a scenario, by its address; of a table its key.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Places(BTreeMap<String, Place>);

/// Something wrong with a scenario that was found in what was made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong, lower case.
    pub message: String,
    /// The addresses of the values that matter, the one at fault first, each with what is to be seen there. Where nobody
    /// wrote the one at fault, the table is shown that lacks it; others that the scenario does not have are left out.
    pub labels: Vec<(String, String)>,
    /// What to do about it.
    pub help: String,
}

impl Places {
    pub(super) fn of(root: &Node) -> Self {
        let mut places = BTreeMap::from([(String::new(), root.place.clone())]);
        gather(root, "", &mut places);
        Self(places)
    }

    /// A finding as a problem with its places.
    pub fn problem(&self, Finding { message, labels, help }: Finding) -> Diagnostic {
        let mut problem = Diagnostic::new(message).help(help);
        for (number, (address, text)) in labels.into_iter().enumerate() {
            let place = if number == 0 { self.nearest(&address) } else { self.0.get(&address) };
            if let Some(place) = place {
                problem = problem.label(place, text);
            }
        }
        problem
    }

    /// The place of a value, or of the innermost table that would hold it.
    fn nearest(&self, address: &str) -> Option<&Place> {
        let mut address = address;
        loop {
            // a default of the program is nobody's to mend
            if let Some(place) = self.0.get(address).filter(|place| place.source.layer != Layer::BuiltIn) {
                return Some(place);
            }
            if address.is_empty() {
                return None;
            }
            address = address.rsplit_once('.').map_or("", |(above, _)| above);
        }
    }
}

fn gather(node: &Node, path: &str, places: &mut BTreeMap<String, Place>) {
    for (key, node) in node.as_table().into_iter().flatten() {
        let path = join(path, key);
        let place = if node.as_table().is_some() { &node.key } else { &node.place };
        places.insert(path.clone(), place.clone());
        gather(node, &path, places);
    }
}
