//! The layers of a scenario: what each text says, and how they are laid over each other.

use std::{io, path::Path};

use indexmap::{IndexMap, IndexSet};

use super::{
    Input, Layer,
    diagnostic::{Diagnostic, Sink},
    fill::{self, BuiltIn},
    include,
    matrix::{Case, Matrix},
    meaning,
    merge::{over, over_at, overlay},
    nearest::suggest,
    platform::Asked,
    presets::{Library, Preset},
    read::{self, Draft},
    substitute::{Env, substitute},
    syntax,
    tree::{Node, Table, Value},
};

/// Tables of named things.
const NAMED: &[&str] = &["endpoints", "services", "workloads", "phases", "targets", "alerts", "sims"];

/// Every text, read.
pub(super) struct Layers {
    builtin: &'static BuiltIn,
    pub library: Library,
    /// The files that it includes, as one.
    included: Part,
    /// Its own file.
    scenario: Part,
    /// The `[matrix]` of all of them.
    matrix: Option<Node>,
    sets: Vec<Node>,
}

/// What files say.
struct Part {
    /// On every platform.
    values: Node,
    /// Over that, by the name of a platform: its `[platforms.*]`.
    platforms: IndexMap<String, Node>,
}

impl Part {
    fn new(mut values: Node, sink: &Sink) -> Self {
        let platforms = take_platforms(&mut values, sink);
        Self { values, platforms }
    }

    /// The overrides for a platform and those that it extends, farthest first.
    fn overrides<'a>(&'a self, chain: &'a [&Preset]) -> impl Iterator<Item = Node> + 'a {
        chain.iter().rev().filter_map(|preset| self.platforms.get(&preset.name).cloned())
    }
}

impl Layers {
    pub(super) fn read(
        input: &Input<'_>,
        env: Env<'_>,
        read: &dyn Fn(&Path) -> io::Result<String>,
        library: Library,
        sink: &Sink,
    ) -> Self {
        let builtin = BuiltIn::get();
        let mut scenario = syntax::parse(input.name, Layer::Scenario, input.text, sink);
        scenario.settle_layers();
        let mut included = include::included(&mut scenario, input.name, env, read, sink);
        let mut sets: Vec<Node> = input.sets.iter().map(|set| syntax::parse_set(set, sink)).collect();
        for set in &mut sets {
            if let Some(include) = set.as_table_mut().and_then(|table| table.shift_remove("include")) {
                sink.push(
                    Diagnostic::new("`--set` cannot include files")
                        .label(&include.key, "not by a flag")
                        .help("write `include` in the scenario, or set the values themselves"),
                );
            }
            if let Some(platforms) = set.as_table_mut().and_then(|table| table.shift_remove("platforms")) {
                sink.push(
                    Diagnostic::new("`--set` cannot change what other platforms override")
                        .label(&platforms.key, "not by a flag")
                        .help("set the value itself: `--set` beats every platform"),
                );
            }
        }
        let mut matrix = None;
        for layer in [&mut included, &mut scenario].into_iter().chain(&mut sets) {
            let part = layer.as_table_mut().and_then(|table| table.shift_remove("matrix"));
            matrix = match (matrix, part) {
                (Some(below), Some(above)) => Some(over(below, above)),
                (below, above) => above.or(below),
            };
        }
        let (included, scenario) = (Part::new(included, sink), Part::new(scenario, sink));
        Self { builtin, library, included, scenario, matrix, sets }
    }

    /// What can be known of the scenario before there is a platform: the files with their flags.
    pub(super) fn say(&self, env: Env<'_>) -> Node {
        let mut said = self.included.values.clone();
        overlay(&mut said, self.scenario.values.clone());
        for set in &self.sets {
            overlay(&mut said, set.clone());
        }
        substitute(&mut said, env, None);
        said
    }

    /// Every `[platforms.NAME]` needs a preset of its name: an embedded one, the one in use, or the file that the
    /// scenario names when a flag chose another.
    pub(super) fn check_names(&self, active: &[&Preset], file: Option<&Asked>, sink: &Sink) {
        let path = file.and_then(Asked::path);
        let stem = path.as_deref().and_then(Path::file_stem).and_then(std::ffi::OsStr::to_str);
        for (name, node) in self.included.platforms.iter().chain(&self.scenario.platforms) {
            let in_use = active.iter().any(|preset| preset.name == *name);
            if !in_use && self.library.get(name).is_none() && stem != Some(name.as_str()) {
                sink.push(
                    Diagnostic::new(format!("unknown platform `{name}`"))
                        .label(&node.key, "no preset of this name")
                        .help(suggest(name, "presets", self.library.names())),
                );
            }
        }
    }

    /// The cases of the matrix, as far as flags leave them open.
    pub(super) fn cases(&self, env: Env<'_>, sink: &Sink) -> Vec<Case> {
        let none = || Node::table_at(&self.scenario.values.place, Table::new());
        let mut matrix = Matrix::read(self.matrix.clone().unwrap_or_else(none), env, sink);
        matrix.pin(&self.sets);
        matrix.cases(sink)
    }

    /// Lays everything below a case and the flags over each other, for a platform and those that it extends, nearest
    /// first.
    pub(super) fn fold(&self, chain: &[&Preset], sink: &Sink) -> Node {
        const WHY: &str = "a platform changes what there is";
        let mut root = self.builtin.layer.clone();
        for preset in chain.iter().rev() {
            overlay(&mut root, preset.layer.clone());
        }
        overlay(&mut root, self.included.values.clone());
        let mut scenario = self.scenario.values.clone();
        for mut changes in self.included.overrides(chain) {
            self.refuse_additions(&[&root, &scenario], &mut changes, WHY, sink);
            lay_under(&mut scenario, &mut changes, &root);
            overlay(&mut root, changes);
        }
        overlay(&mut root, scenario);
        (root.key, root.place) = (self.scenario.values.key.clone(), self.scenario.values.place.clone());
        for mut changes in self.scenario.overrides(chain) {
            self.refuse_additions(&[&root], &mut changes, WHY, sink);
            overlay(&mut root, changes);
        }
        root
    }

    /// Lays a case over what is below it.
    pub(super) fn lay_case(&self, root: &mut Node, case: &Case, sink: &Sink) {
        let mut layer = case.layer.clone();
        self.refuse_additions(&[root], &mut layer, "a matrix changes what there is", sink);
        overlay(root, layer);
    }

    /// Lays the flags over what is below them.
    pub(super) fn lay_flags(&self, root: &mut Node, sink: &Sink) {
        for set in &self.sets {
            let mut set = set.clone();
            self.refuse_additions(&[root], &mut set, "`--set` changes what there is", sink);
            overlay(root, set);
        }
    }

    /// What a tree permits to which flags are yet to be added, where they say anything of that: its `[run]` without all
    /// else.
    pub(super) fn permitted_below_flags(&self, root: &Node) -> Option<Node> {
        const KEYS: [&str; 2] = ["allow_hosts", "ceiling"];
        let flagged = |set: &Node| KEYS.iter().any(|key| set.at(&["run", key]).is_some());
        let run = root.get("run").filter(|_| self.sets.iter().any(flagged))?;
        let entries = KEYS.iter().filter_map(|key| Some(((*key).to_owned(), run.get(key)?.clone())));
        Some(Node::table_at(&run.place, entries.collect()))
    }

    /// Takes named things out of a layer that may only change those which are there: a misspelt name would else be
    /// a new thing. A target with a metric is plainly meant as a new one, and a built-in profile of a simulated
    /// server is there although no layer holds it.
    fn refuse_additions(&self, there: &[&Node], layer: &mut Node, why: &str, sink: &Sink) {
        for kind in NAMED {
            let Some(table) = root_table(layer, kind) else { continue };
            table.retain(|name, node| {
                let known = there.iter().any(|node| node.at(&[kind, name]).is_some())
                    || (*kind == "targets" && node.get("metric").is_some())
                    || (*kind == "alerts" && node.get("when").is_some())
                    || (*kind == "sims" && self.library.sim(name).is_some());
                if !known {
                    let names: IndexSet<&str> = there.iter().flat_map(|node| node.names(kind)).collect();
                    let profiles = self.library.sims().filter(|_| *kind == "sims");
                    sink.push(
                        Diagnostic::missing(format!("`{kind}.{name}` does not exist"))
                            .label(&node.key, format!("{why}, and there is no `{kind}.{name}`"))
                            .help(suggest(name, kind, names.into_iter().chain(profiles))),
                    );
                }
                known
            });
        }
    }

    /// What follows once the layers are one: defaults, types, meaning. `named` is whether somebody chose the platform.
    pub(super) fn finish(&self, root: &mut Node, named: bool, sink: &Sink) -> Option<Draft> {
        fill::fill(root, self.builtin, &self.library, sink);
        let draft = read::draft(root, sink)?;
        meaning::check(root, &draft, named, sink);
        Some(draft)
    }

    /// The platforms that the scenario and the files that it includes have a word on.
    pub(super) fn platforms(&self) -> impl Iterator<Item = &String> {
        let names: IndexSet<&String> =
            self.included.platforms.keys().chain(self.scenario.platforms.keys()).collect();
        names.into_iter()
    }
}

/// Takes what a layer says of named things that only the one above it has, and lays it right under them: they keep the
/// order and the places of that one.
fn lay_under(above: &mut Node, layer: &mut Node, below: &Node) {
    for kind in NAMED {
        let (Some(entries), Some(table)) = (root_table(above, kind), root_table(layer, kind)) else {
            continue;
        };
        for (name, entry) in entries {
            if below.at(&[kind, name]).is_none()
                && let Some(changes) = table.shift_remove(name)
            {
                *entry = over_at(&[kind, name], changes, entry.clone());
            }
        }
    }
}

/// Takes the `[platforms.NAME]` out of a scenario, as a layer of their own.
fn take_platforms(scenario: &mut Node, sink: &Sink) -> IndexMap<String, Node> {
    let Some(platforms) = scenario.as_table_mut().and_then(|table| table.shift_remove("platforms")) else {
        return IndexMap::new();
    };
    let Value::Table(table) = platforms.value else {
        sink.push(
            Diagnostic::new(format!("`platforms` must be a table, found {}", platforms.value.kind()))
                .label(&platforms.place, format!("this is {}", platforms.value.kind()))
                .help("write `[platforms.NAME]` and what differs there below"),
        );
        return IndexMap::new();
    };
    let mut layers = IndexMap::new();
    for (name, mut node) in table {
        let Some(changes) = node.as_table_mut() else {
            sink.push(
                Diagnostic::new(format!("`platforms.{name}` must be a table, found {}", node.value.kind()))
                    .label(&node.place, format!("this is {}", node.value.kind()))
                    .help(format!("write `[platforms.{name}]` and what differs there below")),
            );
            continue;
        };
        for key in ["version", "name", "platforms", "include", "matrix"] {
            if let Some(fixed) = changes.shift_remove(key) {
                sink.push(
                    Diagnostic::new(format!("a platform cannot change `{key}`"))
                        .label(&fixed.key, "the same on every platform")
                        .help("remove it here"),
                );
            }
        }
        if let Some(chosen) = root_table(&mut node, "run").and_then(|run| run.shift_remove("platform")) {
            sink.push(
                Diagnostic::new("a platform cannot change `run.platform`")
                    .label(&chosen.key, "chosen before this is looked at")
                    .help("remove it here"),
            );
        }
        layers.insert(name, node);
    }
    layers
}

/// The table under a key at the top.
pub(super) fn root_table<'a>(root: &'a mut Node, key: &str) -> Option<&'a mut Table> {
    root.as_table_mut()?.get_mut(key)?.as_table_mut()
}
