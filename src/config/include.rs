//! `include`: files that a scenario is laid over. Together they are one layer, so what two of them set is a mistake.

use std::{
    io,
    path::{Component, Path, PathBuf},
};

use super::{
    Layer,
    diagnostic::{Diagnostic, Sink},
    merge, read,
    source::Place,
    substitute::{Env, substitute},
    syntax,
    tree::{Node, Table, Value, join},
};

/// Files that one scenario may include, directly or not.
const MOST: usize = 100;

/// Takes `include` out of a scenario and reads every file that it names, and those that they name in turn.
pub(super) fn included(
    scenario: &mut Node,
    name: &str,
    env: Env<'_>,
    read: &dyn Fn(&Path) -> io::Result<String>,
    sink: &Sink,
) -> Node {
    let whole = Node::table_at(&scenario.place, Table::new());
    let root = PathBuf::from(name);
    let mut reader =
        Reader { env, read, sink, known: vec![identity(&root)], open: vec![root], files: 0, whole };
    reader.follow(scenario);
    reader.whole
}

struct Reader<'a> {
    env: Env<'a>,
    read: &'a dyn Fn(&Path) -> io::Result<String>,
    sink: &'a Sink,
    /// Every file so far, each once however it is reached.
    known: Vec<PathBuf>,
    /// The files on the way from the scenario to here.
    open: Vec<PathBuf>,
    files: usize,
    /// What they say together.
    whole: Node,
}

impl Reader<'_> {
    /// Reads what a file includes, in the order of its list.
    fn follow(&mut self, file: &mut Node) {
        let Some(mut list) = file.as_table_mut().and_then(|table| table.shift_remove("include")) else {
            return;
        };
        substitute(&mut list, self.env, Some(self.sink));
        let Value::List(items) = &list.value else {
            return self.refuse(&list, "a list of paths");
        };
        for item in items {
            match item.as_text() {
                Some(path) => self.include(path, &item.place),
                None if matches!(item.value, Value::Unknown) => {}
                None => self.refuse(item, "a path"),
            }
        }
    }

    fn refuse(&self, node: &Node, expected: &str) {
        let kind = node.value.kind();
        self.sink.push(
            Diagnostic::unread(format!("`include` must be {expected}, found {kind}"))
                .label(&node.place, format!("this is {kind}"))
                .help("write `include = [\"common/endpoints.toml\"]`"),
        );
    }

    fn include(&mut self, written: &str, asked: &Place) {
        let path = asked.folder().join(written);
        let identity = identity(&path);
        if let Some(from) = self.open.iter().position(|open| self::identity(open) == identity) {
            let chain: Vec<String> = self.open[from..]
                .iter()
                .chain([&self.open[from]])
                .map(|file| format!("`{}`", file.display()))
                .collect();
            self.sink.push(
                Diagnostic::new(format!("{} includes itself: {}", chain[0], chain.join(" → ")))
                    .label(asked, "closes the circle")
                    .help("break the circle: put what both need into a file that includes neither"),
            );
            return;
        }
        if self.known.contains(&identity) {
            return;
        }
        if self.files == MOST {
            self.sink.push(
                Diagnostic::new(format!("more than {MOST} files are included"))
                    .label(asked, "one too many")
                    .help("put what belongs together into one file"),
            );
            return;
        }
        self.files += 1;
        self.known.push(identity);
        let shown = path.display().to_string();
        let text = match (self.read)(&path) {
            Ok(text) => text,
            Err(error) => {
                return self.sink.push(
                    Diagnostic::unread(format!("cannot read the included file `{shown}`: {error}"))
                        .label(asked, "included here")
                        .help("a path starts at the folder of the file that it stands in"),
                );
            }
        };
        let mut file = syntax::parse(&shown, Layer::Include, &text, self.sink);
        file.settle_layers();
        read::version(&file, self.sink);
        if let Some(table) = file.as_table_mut() {
            table.shift_remove("version");
        }
        self.open.push(path);
        self.follow(&mut file);
        self.open.pop();
        merge::unite(&mut self.whole, file, &mut |clash| {
            let [first, again] = clash.keys;
            let problem = if first == again {
                Diagnostic::new(format!("`{}` is set by two included files", join(&clash.table, again)))
            } else {
                Diagnostic::new(format!(
                    "`{}` gets `{first}` from one included file and `{again}` from another",
                    clash.table
                ))
            };
            self.sink.push(
                problem
                    .label(&clash.nodes[1].key, "again here")
                    .label(&clash.nodes[0].key, "first here")
                    .help("keep one of the two; the scenario itself may set another value over it"),
            );
        });
    }
}

/// A path without `.` and `..`, by which a file is known again.
pub(super) fn identity(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(plain.components().next_back(), Some(Component::Normal(_))) => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}
