//! Which platform the machine under test is.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use super::{
    Platform,
    diagnostic::{Diagnostic, Sink},
    nearest::suggest,
    presets::{self, Library, Preset},
    source::Place,
    tree::Node,
};
use crate::machine::Machine;

/// The name that leaves the choice to detection.
pub(super) const AUTO: &str = "auto";

/// What somebody said about the platform.
#[derive(Clone)]
pub(super) struct Asked {
    /// A preset's name, the path of one, or [`AUTO`].
    pub name: String,
    /// Where.
    pub place: Place,
    /// Who, continuing "named by".
    pub by: String,
    /// The folder that a path starts at; empty for the current one.
    pub folder: PathBuf,
}

impl Asked {
    /// The path of the preset, where what was said is one: it has a `/` or ends in `.toml`.
    pub(super) fn path(&self) -> Option<PathBuf> {
        path(&self.name, &self.folder)
    }
}

fn path(name: &str, folder: &Path) -> Option<PathBuf> {
    let file = Path::new(name).extension().is_some_and(|extension| extension == "toml");
    (file || name.contains('/')).then(|| folder.join(name))
}

/// The path that a text names as a preset, from the current folder.
pub(super) fn path_of(node: &Node) -> Option<PathBuf> {
    path(node.as_text()?, &node.place.folder())
}

/// Chooses a preset, and returns it before those that it extends. What is named wins; then a scenario whose endpoints
/// are all simulated after one preset takes that; then this machine's GPUs and operating system are looked at. A name
/// that is unknown is a problem, and the choice goes on as if nothing had been said.
pub(super) fn choose<'a>(
    asked: Option<&Asked>,
    said: Option<&Node>,
    machine: &Machine,
    library: &'a Library,
    sink: &Sink,
) -> (Platform, Vec<&'a Preset>) {
    let platform = |preset: &'a Preset, reason: String, named: bool| {
        let chain = library.chain(preset, sink);
        let extends = presets::extends(&chain);
        (Platform { name: preset.name.clone(), extends, reason, named }, chain)
    };
    if let Some(asked) = asked.filter(|asked| asked.name != AUTO) {
        if let Some(path) = asked.path() {
            // one that could not be read has been reported
            if let Some(preset) = library.opened(&path) {
                let reason = format!("read from {}, named by {}", path.display(), asked.by);
                return platform(preset, reason, true);
            }
        } else if let Some(preset) = library.get(&asked.name) {
            return platform(preset, format!("named by {}", asked.by), true);
        } else {
            sink.push(
                Diagnostic::new(format!("unknown platform `{}`", asked.name))
                    .label(&asked.place, "no preset of this name")
                    .help(suggest(&asked.name, "presets", library.names().chain([AUTO]))),
            );
        }
    }
    if let Some((preset, reason)) = said.and_then(|said| simulated(said, library)) {
        return platform(preset, reason, false);
    }
    for preset in library.iter() {
        if let Some((index, name)) = preset.detect.gpu(machine) {
            return platform(preset, format!("GPU {index} is {name}"), false);
        }
    }
    if let Some(preset) = library.iter().find(|preset| preset.detect.os(machine)) {
        return platform(preset, format!("the operating system is {}", machine.os), false);
    }
    platform(library.fallback(), "no GPU or operating system that a preset knows".to_owned(), false)
}

/// The preset that every endpoint is simulated after, if it is the same, and the reason in words.
fn simulated<'a>(said: &Node, library: &'a Library) -> Option<(&'a Preset, String)> {
    let sims: Vec<&str> = said
        .names("endpoints")
        .map(|name| said.at(&["endpoints", name, "url"])?.as_text()?.trim().strip_prefix("sim:"))
        .collect::<Option<_>>()?;
    let preset = modelled(sims.first()?, said, library)?;
    let same = |sim: &&str| modelled(sim, said, library).is_some_and(|other| other.name == preset.name);
    if !sims.iter().all(same) {
        return None;
    }
    let subject = if sims.len() == 1 { "the only endpoint is" } else { "every endpoint is" };
    let name = &preset.name;
    let reason = if sims.iter().all(|sim| sim == name) {
        format!("{subject} `sim:{name}`")
    } else {
        format!("{subject} simulated after `{name}`")
    };
    Some((preset, reason))
}

/// The preset whose hardware a simulated server models: the one of its own name, or of what it extends in the end.
fn modelled<'a>(sim: &str, said: &Node, library: &'a Library) -> Option<&'a Preset> {
    let mut name = sim;
    let mut visited = HashSet::new();
    while visited.insert(name) {
        match said.at(&["sims", name, "extends"]) {
            Some(extends) => name = extends.as_text()?,
            None => return library.get(name),
        }
    }
    // a circle, unless a profile lays changes over the built-in one of its own name
    said.at(&["sims", name, "extends"]).filter(|extends| extends.as_text() == Some(name))?;
    library.get(name)
}
