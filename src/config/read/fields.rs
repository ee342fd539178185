//! A table read key by key, strictly: what was not asked for is an unknown key.

use super::{
    super::{
        diagnostic::{Diagnostic, Sink},
        nearest::{nearest, quoted, suggest},
        presets::EMBEDDED,
        tree::{Node, Table, Value, join},
        written::homes,
    },
    leaf::{Read, Wrong},
};

/// The reader of one table.
pub(super) struct Fields<'a> {
    /// The table's address.
    pub path: String,
    /// The table.
    pub node: &'a Node,
    sink: &'a Sink,
    known: Vec<&'a str>,
}

impl<'a> Fields<'a> {
    /// Starts on a table; anything else is a problem.
    pub(super) fn open(path: &str, node: &'a Node, sink: &'a Sink) -> Option<Self> {
        Self::open_or(
            path,
            node,
            sink,
            &format!("write `[{path}]` and its keys below, or `{{ key = value }}`"),
        )
    }

    /// The same, with what helps where it is no table.
    fn open_or(path: &str, node: &'a Node, sink: &'a Sink, help: &str) -> Option<Self> {
        match &node.value {
            Value::Table(_) => Some(Self { path: path.to_owned(), node, sink, known: Vec::new() }),
            Value::Unknown => None,
            _ => {
                sink.push(
                    Diagnostic::new(format!("`{path}` must be a table, found {}", node.value.kind()))
                        .label(&node.place, format!("this is {}", node.value.kind()))
                        .help(help),
                );
                None
            }
        }
    }

    fn table(&self) -> Option<&'a Table> {
        self.node.as_table()
    }

    /// The value of a key as it is.
    pub(super) fn node(&mut self, key: &'static str) -> Option<&'a Node> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.table()?.get(key)
    }

    /// The address of a key.
    pub(super) fn address(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// The value of a key, if it is there and right; what is wrong with it is reported.
    pub(super) fn get<T>(&mut self, key: &'static str, read: impl FnOnce(&'a Node) -> Read<T>) -> Option<T> {
        let node = self.node(key)?;
        if matches!(node.value, Value::Unknown) {
            return None;
        }
        match read(node) {
            Ok(value) => Some(value),
            Err(failures) => {
                self.report(key, failures);
                None
            }
        }
    }

    /// Reports what is wrong with the value of a key.
    pub(super) fn report(&self, key: &str, failures: Vec<Wrong>) {
        let address = self.address(key);
        for wrong in failures {
            let mut problem =
                Diagnostic::new(format!("`{address}` {}", wrong.what)).label(&wrong.place, wrong.label);
            if let Some((place, text)) = &wrong.other {
                problem = problem.label(place, text.as_str());
            }
            self.sink.push(problem.help(wrong.help));
        }
    }

    /// All entries of a table whose keys are whatever its author likes.
    pub(super) fn free_entries(&mut self) -> Vec<(&'a str, &'a Node)> {
        let entries: Vec<_> =
            self.table().into_iter().flatten().map(|(key, node)| (key.as_str(), node)).collect();
        self.known.extend(entries.iter().map(|(key, _)| *key));
        entries
    }

    /// The same, and its absence is a problem too.
    pub(super) fn require<T>(
        &mut self,
        key: &'static str,
        example: &str,
        read: impl FnOnce(&'a Node) -> Read<T>,
    ) -> Option<T> {
        if self.node(key).is_none() {
            let what =
                if self.path.is_empty() { "the scenario".to_owned() } else { format!("`{}`", self.path) };
            self.sink.push(
                Diagnostic::missing(format!("{what} has no `{key}`"))
                    .label(&self.node.place, format!("needs `{key}`"))
                    .help(format!("add `{example}`")),
            );
            return None;
        }
        self.get(key, read)
    }

    /// Reports the absence of a key that is read by other means.
    pub(super) fn need(&mut self, key: &'static str, help: &str) -> Option<()> {
        if self.node(key).is_none() {
            self.sink.push(
                Diagnostic::missing(format!("`{}` has no `{key}`", self.path))
                    .label(&self.node.place, format!("needs a `{key}`"))
                    .help(help),
            );
            return None;
        }
        Some(())
    }

    /// Reports something wrong with the table as a whole, at its key.
    pub(super) fn refuse(&self, what: &str, label: &str, help: &str) {
        self.sink
            .push(Diagnostic::new(format!("`{}` {what}", self.path)).label(&self.node.key, label).help(help));
    }

    /// An element of a list, as a table.
    pub(super) fn element(&self, address: &str, node: &'a Node) -> Option<Fields<'a>> {
        Fields::open(address, node, self.sink)
    }

    /// A table below this one.
    pub(super) fn table_at(&mut self, key: &'static str) -> Option<Fields<'a>> {
        let node = self.node(key)?;
        Fields::open(&self.address(key), node, self.sink)
    }

    /// A table below this one, with what helps where it is none.
    pub(super) fn table_or(&mut self, key: &'static str, help: &str) -> Option<Fields<'a>> {
        let node = self.node(key)?;
        Fields::open_or(&self.address(key), node, self.sink, help)
    }

    /// The one of several keys that is there. Two at once are a problem that shows both places; none at all is one
    /// unless the table has other keys, which will be reported as unknown.
    pub(super) fn variant(
        &mut self,
        keys: &[&'static str],
        missing: &str,
        both: &str,
    ) -> Option<&'static str> {
        let found: Vec<(&'static str, &Node)> =
            keys.iter().filter_map(|key| Some((*key, self.node(key)?))).collect();
        match found[..] {
            [] => {
                let misspelt = self.table().is_some_and(|table| {
                    table.keys().any(|key| {
                        !self.known.contains(&key.as_str())
                            && (nearest(key, keys.iter().copied()).is_some()
                                || self.known.len() == keys.len())
                    })
                });
                if !misspelt {
                    self.sink.push(
                        Diagnostic::missing(format!("`{}` has none of {}", self.path, quoted(keys)))
                            .label(&self.node.place, "needs one of them")
                            .help(missing),
                    );
                }
                None
            }
            [(key, _)] => Some(key),
            [(first, one), (second, two), ..] => {
                self.sink.push(
                    Diagnostic::new(format!("`{}` cannot have both `{first}` and `{second}`", self.path))
                        .label(&two.key, format!("`{second}` here"))
                        .label(&one.key, format!("`{first}` here"))
                        .help(both),
                );
                None
            }
        }
    }

    /// Ends the reading: every key that was not asked for is unknown.
    pub(super) fn finish(self) {
        #[cfg(test)]
        asked::note(&self.path, &self.known);
        let Some(table) = self.table() else { return };
        for (key, node) in table.iter().filter(|(key, _)| !self.known.contains(&key.as_str())) {
            let homes = homes(&self.path, key);
            let help = if let Some(whole) = table_of_the_file(&self.path, key) {
                whole
            } else if homes.is_empty() {
                suggest(key, "keys here", self.known.iter().copied())
            } else {
                let home = |home: &String| match home.as_str() {
                    "" => "at the top".to_owned(),
                    home => format!("in `{home}`"),
                };
                format!("`{key}` belongs {}", homes.iter().map(home).collect::<Vec<_>>().join(" or "))
            };
            let place = if self.path.is_empty() { String::new() } else { format!(" in `{}`", self.path) };
            self.sink.push(
                Diagnostic::new(format!("unknown key `{key}`{place}"))
                    .label(&node.key, "not a key here")
                    .help(help),
            );
        }
    }
}

/// What to do with a table that stands in another one and belongs at the top of the file, or the other way round.
fn table_of_the_file(path: &str, key: &str) -> Option<String> {
    const NAMED: [&str; 7] = ["endpoints", "services", "workloads", "phases", "targets", "alerts", "sims"];
    if NAMED.contains(&key) && !path.is_empty() && !path.starts_with("platforms") {
        return Some(format!("`{key}` belong at the top of the file: `[{key}.NAME]`"));
    }
    (path.is_empty() && EMBEDDED.iter().any(|(name, _)| *name == key))
        .then(|| format!("what differs on a platform belongs in `[platforms.{key}]`"))
}

/// The entries of a table of named things, with names that can stand in an address.
pub(super) fn entries<'a>(
    root: &mut Fields<'a>,
    key: &'static str,
    sink: &'a Sink,
) -> Vec<(&'a str, &'a Node)> {
    let help = format!("write `[{key}.NAME]` for each, with a name of its own, and its keys below");
    let Some(table) = root.table_or(key, &help).and_then(|fields| fields.table()) else { return Vec::new() };
    for (name, node) in table {
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
            sink.push(
                Diagnostic::new(format!("`{name}` cannot be a name in `{key}`"))
                    .label(&node.key, "not a plain name")
                    .help("use letters, digits, `_` and `-`, so that it can be addressed"),
            );
        }
    }
    table.iter().map(|(name, node)| (name.as_str(), node)).collect()
}

/// Which keys the reader asks for, so that a test can hold the schema against it.
#[cfg(test)]
pub(in crate::config) mod asked {
    use std::cell::RefCell;

    thread_local! {
        static TABLES: RefCell<Vec<(String, Vec<String>)>> = const { RefCell::new(Vec::new()) };
    }

    /// Keeps the address of a table and its keys.
    pub(super) fn note(path: &str, keys: &[&str]) {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        TABLES.with_borrow_mut(|tables| tables.push((path.to_owned(), keys)));
    }

    /// What this thread has read since the last call.
    pub(in crate::config) fn take() -> Vec<(String, Vec<String>)> {
        TABLES.take()
    }
}
