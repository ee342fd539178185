//! Every address of a file.

use super::{
    key::{Key, Part, show},
    tree::{Content, Document, Node},
};

/// Keys that a help line names at most.
const MOST_NAMED: usize = 3;

/// Where a value has the name that the key ends with.
pub(super) fn elsewhere(documents: &[Document], key: &Key) -> Option<String> {
    let name = key.parts().iter().rfind(|part| part.index().is_none())?;
    let mut same = Vec::new();
    for document in documents {
        addresses(&document.root, &mut Vec::new(), &mut |address| {
            if address.iter().rfind(|part| part.index().is_none()) == Some(name) {
                same.push(format!("`{}`", show(address)));
            }
        });
    }
    same.dedup();
    let more = same.len().saturating_sub(MOST_NAMED);
    same.truncate(MOST_NAMED);
    let named = same.join(" or ");
    (!same.is_empty()).then(|| match more {
        0 => format!("did you mean {named}?"),
        _ => format!("did you mean {named}, or one of {more} more?"),
    })
}

/// Shows the address of every single value.
fn addresses(node: &Node, way: &mut Vec<Part>, visit: &mut dyn FnMut(&[Part])) {
    let mut inside = |part: Part, node: &Node| {
        way.push(part);
        addresses(node, way, visit);
        way.pop();
    };
    match &node.content {
        Content::Scalar(_) => visit(way),
        Content::Map(entries) => {
            for entry in entries {
                if let Some(name) = &entry.name {
                    inside(Part::Name(name.clone()), &entry.value);
                }
            }
        }
        Content::List(nodes) => {
            for (index, node) in nodes.iter().enumerate() {
                inside(Part::Index(index), node);
            }
        }
        Content::Alias(_) => {}
    }
}

/// What has an anchor, and the way there.
pub(super) fn anchored<'a>(node: &'a Node, anchor: usize, way: &mut Vec<Part>) -> Option<&'a Node> {
    if node.anchor == Some(anchor) {
        return Some(node);
    }
    let mut inside = |part: Part, node: &'a Node| {
        way.push(part);
        let found = anchored(node, anchor, way);
        if found.is_none() {
            way.pop();
        }
        found
    };
    match &node.content {
        Content::Scalar(_) | Content::Alias(_) => None,
        Content::Map(entries) => entries
            .iter()
            .find_map(|entry| inside(Part::Name(entry.name.clone().unwrap_or_default()), &entry.value)),
        Content::List(nodes) => {
            nodes.iter().enumerate().find_map(|(index, node)| inside(Part::Index(index), node))
        }
    }
}
