//! The passes, in order: texts to trees, the choice of the platform, layers, and what is made of them.

use std::{
    io,
    path::{Path, PathBuf},
};

use indexmap::IndexMap;

use super::{
    Input, Layer, Origin, Problems, Scenario,
    diagnostic::{Diagnostic, Sink},
    fill::{self, BuiltIn},
    meaning,
    merge::overlay,
    nearest::suggest,
    places::Places,
    platform::{self, Asked},
    presets::{Library, Preset},
    read::{self, Draft},
    source::{Place, Source},
    substitute::{Env, substitute},
    syntax,
    tree::{Node, Table, Value},
};
use crate::machine::Machine;

/// Compiles a scenario with the given presets, by name and text, and with the one that it names by its path.
pub(super) fn compile(
    input: &Input<'_>,
    machine: &Machine,
    env: Env<'_>,
    read: &dyn Fn(&Path) -> io::Result<String>,
    presets: &[(&str, &str)],
) -> Result<Scenario, Problems> {
    let sink = Sink::default();
    let mut layers = Layers::read(input, presets, &sink);
    let said = layers.say(env);
    let file = asked_by_file(&said, input);
    let asked = asked_by_flag(input).or_else(|| file.clone());
    if let Some(asked) = &asked
        && let Some(path) = asked.path()
    {
        layers.library.open(&path, &asked.place, read, &sink);
    }
    let (platform, chain) = platform::choose(asked.as_ref(), Some(&said), machine, &layers.library, &sink);
    layers.check_names(&chain, file.as_ref(), &sink);

    let mut root = layers.fold(&chain, &sink);
    if let (Some(flag), Some(run)) = (asked.filter(|asked| asked.by == FLAG), root_table(&mut root, "run")) {
        let value = Value::Text(flag.name);
        run.insert("platform".to_owned(), Node { key: flag.place.clone(), place: flag.place, value });
    }
    substitute(&mut root, env, Some(&sink));
    let draft = layers.finish(&mut root, &sink);
    layers.check_inactive(&chain, env, &sink);

    if !sink.is_empty() {
        return Err(sink.into_problems());
    }
    let (origins, places) = (origins(&root), Places::of(&root));
    draft.and_then(|draft| draft.finish(platform, origins, places)).ok_or_else(|| sink.into_problems())
}

/// How the flag is called in messages.
const FLAG: &str = "`--platform`";

/// Tables of named things.
const NAMED: &[&str] = &["endpoints", "workloads", "phases", "targets", "sims"];

/// Every text, read.
struct Layers {
    builtin: BuiltIn,
    library: Library,
    /// The scenario without its `[platforms.*]`.
    scenario: Node,
    platforms: IndexMap<String, Node>,
    sets: Vec<Node>,
}

impl Layers {
    fn read(input: &Input<'_>, presets: &[(&str, &str)], sink: &Sink) -> Self {
        let builtin = BuiltIn::read(sink);
        let library = Library::read(presets, sink);
        let mut scenario = syntax::parse(input.name, Layer::Scenario, input.text, sink);
        let platforms = take_platforms(&mut scenario, sink);
        let mut sets: Vec<Node> = input.sets.iter().map(|set| syntax::parse_set(set, sink)).collect();
        for set in &mut sets {
            if let Some(platforms) = set.as_table_mut().and_then(|table| table.shift_remove("platforms")) {
                sink.push(
                    Diagnostic::new("`--set` cannot change what other platforms override")
                        .label(&platforms.key, "not by a flag")
                        .help("set the value itself: `--set` beats every platform"),
                );
            }
        }
        Self { builtin, library, scenario, platforms, sets }
    }

    /// What can be known of the scenario before there is a platform: the file with its flags.
    fn say(&self, env: Env<'_>) -> Node {
        let mut said = self.scenario.clone();
        for set in &self.sets {
            overlay(&mut said, set.clone());
        }
        substitute(&mut said, env, None);
        said
    }

    /// Every `[platforms.NAME]` needs a preset of its name: an embedded one, the one in use, or the file that the
    /// scenario names when a flag chose another.
    fn check_names(&self, active: &[&Preset], file: Option<&Asked>, sink: &Sink) {
        let path = file.and_then(Asked::path);
        let stem = path.as_deref().and_then(Path::file_stem).and_then(std::ffi::OsStr::to_str);
        for (name, node) in &self.platforms {
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

    /// Lays all layers over each other, for a platform and those that it extends, nearest first.
    fn fold(&self, chain: &[&Preset], sink: &Sink) -> Node {
        let mut root = self.builtin.layer.clone();
        for preset in chain.iter().rev() {
            overlay(&mut root, preset.layer.clone());
        }
        overlay(&mut root, self.scenario.clone());
        (root.key, root.place) = (self.scenario.key.clone(), self.scenario.place.clone());
        for preset in chain.iter().rev() {
            if let Some(changes) = self.platforms.get(&preset.name) {
                let mut changes = changes.clone();
                self.refuse_additions(&root, &mut changes, "a platform changes what there is", sink);
                overlay(&mut root, changes);
            }
        }
        for set in &self.sets {
            let mut set = set.clone();
            self.refuse_additions(&root, &mut set, "`--set` changes what there is", sink);
            overlay(&mut root, set);
        }
        root
    }

    /// Takes named things out of a layer that may only change those which are there: a misspelt name would else be
    /// a new thing. A target with a metric is plainly meant as a new one, and a built-in profile of a simulated
    /// server is there although no layer holds it.
    fn refuse_additions(&self, root: &Node, layer: &mut Node, why: &str, sink: &Sink) {
        for kind in NAMED {
            let Some(table) = root_table(layer, kind) else { continue };
            table.retain(|name, node| {
                let known = root.at(&[kind, name]).is_some()
                    || (*kind == "targets" && node.get("metric").is_some())
                    || (*kind == "sims" && self.library.sim(name).is_some());
                if !known {
                    let profiles = self.library.sims().filter(|_| *kind == "sims");
                    sink.push(
                        Diagnostic::missing(format!("`{kind}.{name}` does not exist"))
                            .label(&node.key, format!("{why}, and there is no `{kind}.{name}`"))
                            .help(suggest(name, kind, root.names(kind).chain(profiles))),
                    );
                }
                known
            });
        }
    }

    /// What follows once the layers are one: defaults, types, meaning.
    fn finish(&self, root: &mut Node, sink: &Sink) -> Option<Draft> {
        fill::fill(root, &self.builtin, &self.library, sink);
        let draft = read::draft(root, sink)?;
        meaning::check(root, &draft, sink);
        Some(draft)
    }

    /// Compiles for every platform of the scenario that is not in use, and reports what is wrong only there.
    fn check_inactive(&self, active: &[&Preset], env: Env<'_>, sink: &Sink) {
        for name in self.platforms.keys() {
            if active.iter().any(|preset| preset.name == *name) {
                continue;
            }
            let Some(preset) = self.library.get(name) else { continue };
            let there = Sink::default();
            let chain = self.library.chain(preset, &there);
            let mut root = self.fold(&chain, &there);
            // variables of a platform that is not in use need not be set
            substitute(&mut root, env, None);
            self.finish(&mut root, &there);
            for problem in there.into_vec() {
                if !sink.contains(&problem) {
                    sink.push(if problem.is_in(Layer::Platform) {
                        problem
                    } else {
                        problem.on_platform(name)
                    });
                }
            }
        }
    }
}

/// What `--platform` says.
fn asked_by_flag(input: &Input<'_>) -> Option<Asked> {
    let name = input.platform?;
    Some(Asked {
        name: name.to_owned(),
        place: Place::new(&Source::new("--platform", Layer::Set, name), 0..name.len()),
        by: FLAG.to_owned(),
        folder: PathBuf::new(),
    })
}

/// What `run.platform` says, in the file or by `--set`.
fn asked_by_file(said: &Node, input: &Input<'_>) -> Option<Asked> {
    let node = said.at(&["run", "platform"])?;
    let name = node.as_text()?.to_owned();
    let place = node.place.clone();
    let (by, folder) = match place.source.layer {
        Layer::Set => ("`--set run.platform`".to_owned(), PathBuf::new()),
        _ => (
            format!("`run.platform` in {}", place.source.name),
            Path::new(input.name).parent().map(Path::to_owned).unwrap_or_default(),
        ),
    };
    Some(Asked { name, place, by, folder })
}

/// Takes the `[platforms.NAME]` out of a scenario, as a layer of their own.
fn take_platforms(scenario: &mut Node, sink: &Sink) -> IndexMap<String, Node> {
    let Some(mut platforms) = scenario.as_table_mut().and_then(|table| table.shift_remove("platforms"))
    else {
        return IndexMap::new();
    };
    let source = platforms.place.source.for_layer(Layer::Platform);
    platforms.rehome(&source);
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
        for key in ["version", "name", "platforms"] {
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

fn root_table<'a>(root: &'a mut Node, key: &str) -> Option<&'a mut Table> {
    root.as_table_mut()?.get_mut(key)?.as_table_mut()
}

/// Where every leaf came from.
fn origins(root: &Node) -> Vec<Origin> {
    let mut origins = Vec::new();
    root.leaves("", &mut |path, node| {
        let Source { name, layer, .. } = node.place.source.as_ref();
        // a flag is one line of its own
        let line = if *layer == Layer::Set { 0 } else { node.place.line() };
        origins.push(Origin {
            path: path.to_owned(),
            value: node.to_toml(),
            layer: *layer,
            source: name.clone(),
            line,
        });
    });
    origins.sort_by(|one, two| one.path.cmp(&two.path));
    origins
}
