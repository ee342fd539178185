//! The number that a key leads to.

use std::{cell::Cell, ops::Range};

use super::{
    Problem,
    address::{anchored, elsewhere},
    key::{Key, Part, show},
    number::number_in,
    position,
    tree::{Content, Document, Node},
};
use crate::{config::suggest, units::show_count_of};

/// Aliases that one search follows, one behind the other and in all: they may lead in circles.
const MOST_ALIASES: (u32, u32) = (32, 1000);

/// The name under which YAML lays other tables below a table.
const MERGE: &str = "<<";

/// The number that stands at a key.
#[derive(Debug)]
pub(super) struct Found {
    /// Its bytes, without quotes.
    pub(super) inside: Range<usize>,
    /// The lines of the aliases of what it is part of.
    pub(super) aliases: Vec<usize>,
}

/// Why there is none.
#[derive(Debug)]
enum Miss {
    /// Nothing stands at the key, of which so many parts are there.
    Absent(usize, Problem),
    /// What stands there cannot be set.
    Refused(Problem),
}

/// Finds the number in the one document that has the key.
pub(super) fn find(documents: &[Document], key: &Key, text: &str) -> Result<Found, Problem> {
    let (mut hits, mut nearest) = (Vec::new(), None);
    for document in documents {
        let search = Search { root: &document.root, key, text, followed: Cell::new((0, 0)) };
        match search.number() {
            Ok(found) => hits.push((position(text, found.inside.start).0, Ok(found))),
            Err(Miss::Refused(problem)) => {
                hits.push((problem.place.map_or(0, |(line, _)| line), Err(problem)));
            }
            Err(Miss::Absent(depth, problem)) => {
                if nearest.as_ref().is_none_or(|(deepest, _)| depth > *deepest) {
                    nearest = Some((depth, problem));
                }
            }
        }
    }
    if let [first, .., last] = &hits[..] {
        let message =
            format!("`{key}` stands in {} documents of the file, first on line {}", hits.len(), first.0);
        let place = Some((last.0, 1));
        let help = Some("let one file have one of them, or change them by hand".to_owned());
        return Err(Problem { place, message, help });
    }
    if let Some((_, hit)) = hits.pop() {
        return hit;
    }
    let nothing = || Problem::new("the file says nothing");
    let mut problem = nearest.map_or_else(nothing, |(_, problem)| problem);
    problem.help = elsewhere(documents, key).or(problem.help);
    Err(problem)
}

/// A search for a key in one document.
struct Search<'a> {
    root: &'a Node,
    key: &'a Key,
    text: &'a str,
    /// Aliases that are being followed, and those that were so far.
    followed: Cell<(u32, u32)>,
}

impl<'a> Search<'a> {
    fn number(&self) -> Result<Found, Miss> {
        let mut anchors = Vec::new();
        let node = self.descend(self.root, 0, &mut anchors)?;
        let inside = number_in(node, self.key, self.text).map_err(Miss::Refused)?;
        let all = self.root.all();
        let aliases =
            all.iter().filter(|node| matches!(node.content, Content::Alias(of) if anchors.contains(&of)));
        Ok(Found { inside, aliases: aliases.map(|alias| self.line(alias)).collect() })
    }

    /// Follows the key from one of its parts on; leaves the anchors on the way.
    fn descend(&self, from: &'a Node, depth: usize, anchors: &mut Vec<usize>) -> Result<&'a Node, Miss> {
        let mut node = from;
        for depth in depth..self.key.parts().len() {
            anchors.extend(node.anchor);
            node = self.step(node, depth)?;
        }
        if let Content::Alias(of) = node.content {
            return Err(self.by_alias(node, of, self.key.parts().len()));
        }
        anchors.extend(node.anchor);
        Ok(node)
    }

    /// Follows one part of the key.
    fn step(&self, node: &'a Node, depth: usize) -> Result<&'a Node, Miss> {
        let part = &self.key.parts()[depth];
        let here = self.shown(depth);
        let absent = |message: String, help: Option<String>| {
            let problem = Problem { place: None, message, help };
            Err(Miss::Absent(depth, if depth == 0 { problem } else { problem.at(self.text, node.start) }))
        };
        match &node.content {
            Content::Alias(of) => Err(self.by_alias(node, *of, depth)),
            Content::List(nodes) => match part.index() {
                Some(index) if index < nodes.len() => Ok(&nodes[index]),
                _ => {
                    let message = format!(
                        "{here} is a list of {}, and has no `{}`",
                        show_count_of(nodes.len() as u64, "value"),
                        part
                    );
                    let last = nodes.len().checked_sub(1);
                    absent(
                        message,
                        last.map(|last| format!("its values are numbered from `[0]` to `[{last}]`")),
                    )
                }
            },
            Content::Map(entries) => {
                let Part::Name(name) = part else {
                    return absent(format!("{here} is no list, and has no `{part}`"), None);
                };
                let named: Vec<_> =
                    entries.iter().filter(|entry| entry.name.as_ref() == Some(name)).collect();
                match named[..] {
                    [entry] => Ok(&entry.value),
                    [first, .., last] => Err(Miss::Refused(
                        Problem::new(format!(
                            "`{}` stands here again; it stands on line {} already",
                            self.shown_to(depth + 1),
                            position(self.text, first.start).0
                        ))
                        .at(self.text, last.start)
                        .help("remove one of them: which of them holds is not the same for all programs"),
                    )),
                    [] => {
                        for entry in entries.iter().filter(|entry| entry.name.as_deref() == Some(MERGE)) {
                            self.merged(&entry.value, depth)?;
                        }
                        let known = entries.iter().filter_map(|entry| entry.name.as_deref());
                        let what = if depth == 0 {
                            "keys of the file".to_owned()
                        } else {
                            format!("keys of {here}")
                        };
                        absent(format!("{here} has no `{part}`"), Some(suggest(name, &what, known)))
                    }
                }
            }
            Content::Scalar(_) => absent(format!("{here} is a single value, and has no `{part}`"), None),
        }
    }

    /// Refuses what a table takes from others that are laid below it.
    fn merged(&self, below: &'a Node, depth: usize) -> Result<(), Miss> {
        match &below.content {
            Content::Alias(of) => match self.by_alias(below, *of, depth) {
                Miss::Absent(..) => Ok(()),
                refused @ Miss::Refused(_) => Err(refused),
            },
            Content::List(nodes) => nodes.iter().try_for_each(|node| self.merged(node, depth)),
            Content::Map(_) => match self.descend(below, depth, &mut Vec::new()) {
                Err(Miss::Absent(..)) => Ok(()),
                Ok(_) | Err(Miss::Refused(_)) => Err(Miss::Refused(
                    Problem::new(format!("`{}` comes by `{MERGE}`", self.key))
                        .at(self.text, below.start)
                        .help(format!("name it with `{MERGE}` in it, or write the value out")),
                )),
            },
            Content::Scalar(_) => Ok(()),
        }
    }

    /// Why what an alias stands for cannot be set at the place of the alias.
    fn by_alias(&self, alias: &Node, of: usize, depth: usize) -> Miss {
        let (depth_of_aliases, in_all) = self.followed.get();
        let mut way = Vec::new();
        let anchored = anchored(self.root, of, &mut way)
            .filter(|_| depth_of_aliases < MOST_ALIASES.0 && in_all < MOST_ALIASES.1);
        let Some(anchored) = anchored else {
            return Miss::Absent(depth, Problem::new(format!("{} is nothing", self.shown(depth))));
        };
        self.followed.set((depth_of_aliases + 1, in_all + 1));
        let there = self.descend(anchored, depth, &mut Vec::new());
        self.followed.set((depth_of_aliases, self.followed.get().1));
        let number = there.map(|node| number_in(node, self.key, self.text));
        match number {
            Err(absent @ Miss::Absent(..)) => absent,
            Ok(Err(problem)) => Miss::Refused(problem),
            Ok(Ok(_)) | Err(Miss::Refused(_)) => {
                let name: String = self.text[alias.start..]
                    .chars()
                    .skip(1)
                    .take_while(|c| !c.is_whitespace() && !",[]{}".contains(*c))
                    .collect();
                way.extend_from_slice(&self.key.parts()[depth..]);
                let problem = Problem::new(format!(
                    "`{}` comes from the anchor `&{name}` on line {}, by the alias `*{name}`",
                    self.key,
                    self.line(anchored)
                ));
                Miss::Refused(problem.at(self.text, alias.start).help(format!(
                    "`{}` sets it wherever the alias stands; to set it here alone, write the value out",
                    show(&way)
                )))
            }
        }
    }

    fn line(&self, node: &Node) -> usize {
        position(self.text, node.start).0
    }

    /// The first parts of the key, as a subject.
    fn shown(&self, depth: usize) -> String {
        if depth == 0 { "the file".to_owned() } else { format!("`{}`", self.shown_to(depth)) }
    }

    fn shown_to(&self, depth: usize) -> String {
        show(&self.key.parts()[..depth])
    }
}
