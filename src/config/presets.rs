//! Platform presets: partial scenarios with `extends`, `[detect]` and a note. Some are part of the program; one more
//! may come from a file that somebody names.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use super::{
    Layer,
    detect::Detect,
    diagnostic::{Diagnostic, Sink},
    include::identity,
    nearest::{quoted, suggest},
    platform::path_of,
    source::Place,
    syntax,
    tree::{Node, Table},
};

/// The presets as they are written, in the order in which they are tried: the most specific first.
pub(super) const EMBEDDED: &[(&str, &str)] = &[
    ("h200", include_str!("../../presets/h200.toml")),
    ("h100", include_str!("../../presets/h100.toml")),
    ("a100", include_str!("../../presets/a100.toml")),
    ("rtx_4090", include_str!("../../presets/rtx_4090.toml")),
    ("rtx_3080", include_str!("../../presets/rtx_3080.toml")),
    ("cuda", include_str!("../../presets/cuda.toml")),
    ("mac", include_str!("../../presets/mac.toml")),
    (FALLBACK, include_str!("../../presets/cpu_only.toml")),
];

/// The preset of a machine that no other one fits.
const FALLBACK: &str = "cpu_only";

/// Whether a source is a preset of the program rather than a file.
pub(super) fn is_embedded(source: &str) -> bool {
    let name = source.strip_prefix("preset ");
    name.is_some_and(|name| EMBEDDED.iter().any(|(embedded, _)| *embedded == name))
}

/// A preset that is part of the program, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresetInfo {
    /// Its name, as `--platform` and `run.platform` take it.
    pub name: String,
    /// What it stands for, in a few words.
    pub note: String,
    /// The presets that it builds on, nearest first.
    pub extends: Vec<String>,
    /// The machines that it is chosen on, in words.
    pub detects: String,
    /// Its TOML.
    pub text: String,
}

/// A preset, read.
pub(super) struct Preset {
    /// Its name; of a file the name without `.toml`.
    pub name: String,
    /// What it stands for.
    note: String,
    /// The file that it was read from, with nothing in the path that leads back.
    file: Option<PathBuf>,
    /// The name or the path of the preset below it, and where that is said.
    extends: Option<Node>,
    /// The machines that it is chosen on.
    pub detect: Detect,
    /// Profiles of simulated servers that are there even where another preset is in use.
    sims: Table,
    /// The partial scenario.
    pub layer: Node,
}

/// All presets.
pub(super) struct Library {
    embedded: Arc<[Preset]>,
    /// Those from files: the one that was asked for, if one was, then those that it extends.
    opened: Vec<Preset>,
}

impl Library {
    /// The presets of the program, which a test holds to be without problems.
    pub(super) fn embedded() -> Self {
        static READ: LazyLock<Arc<[Preset]>> =
            LazyLock::new(|| Library::read(EMBEDDED, &Sink::default()).embedded);
        Self { embedded: Arc::clone(&READ), opened: Vec::new() }
    }

    /// Reads presets, given as name and text.
    pub(super) fn read(texts: &[(&str, &str)], sink: &Sink) -> Self {
        let embedded = texts.iter().map(|(name, text)| Preset::embedded(name, text, sink)).collect();
        Self { embedded, opened: Vec::new() }
    }

    /// Reads the preset in a file beside the others, and those that it extends by path; `asked` is where the file is
    /// named.
    pub(super) fn open(
        &mut self,
        path: &Path,
        asked: &Place,
        read: &dyn Fn(&Path) -> io::Result<String>,
        sink: &Sink,
    ) {
        match read(path) {
            Ok(text) => {
                let preset = Preset::from_file(path, &text, sink);
                let below = preset.below().zip(preset.extends.as_ref().map(|extends| extends.place.clone()));
                self.opened.push(preset);
                // one that extends itself in the end is told when the chain is followed
                if let Some((below, place)) = below.filter(|(below, _)| self.opened(below).is_none()) {
                    self.open(&below, &place, read, sink);
                }
            }
            Err(error) => sink.push(
                Diagnostic::new(format!("cannot read the preset `{}`: {error}", path.display()))
                    .label(asked, "taken as a path, for its `/` or `.toml`")
                    .help(format!(
                        "{}; presets by name: {}",
                        match asked.source.layer {
                            Layer::Set => "a path in a flag starts at the current folder",
                            Layer::Preset => "a path in a preset starts at the folder of the preset",
                            _ => "a path in a scenario starts at the folder of the scenario",
                        },
                        quoted(&self.names().collect::<Vec<_>>())
                    )),
            ),
        }
    }

    /// The preset that was read from a file.
    pub(super) fn opened(&self, path: &Path) -> Option<&Preset> {
        let path = identity(path);
        self.opened.iter().find(|preset| preset.file.as_ref() == Some(&path))
    }

    pub(super) fn get(&self, name: &str) -> Option<&Preset> {
        self.embedded.iter().find(|preset| preset.name == name)
    }

    /// The presets by name, in the order in which they are tried.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Preset> {
        self.embedded.iter()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.embedded.iter().map(|preset| preset.name.as_str())
    }

    /// The preset of a machine that no other one fits.
    pub(super) fn fallback(&self) -> &Preset {
        self.get(FALLBACK).expect("there is a preset for every machine")
    }

    /// A preset and those that it extends, nearest first.
    pub(super) fn chain<'a>(&'a self, preset: &'a Preset, sink: &Sink) -> Vec<&'a Preset> {
        let mut chain = vec![preset];
        let mut last = preset;
        while let Some(extends) = &last.extends {
            let name = extends.as_text().unwrap_or_default();
            let path = last.below();
            let below = path.as_ref().map_or_else(|| self.get(name), |path| self.opened(path));
            let seen = below.is_some_and(|below| chain.iter().any(|seen| std::ptr::eq(*seen, below)));
            if below.is_none() && path.is_some() {
                // a file that could not be read has been reported
                break;
            }
            let Some(below) = below.filter(|_| !seen) else {
                let (why, help) = if seen {
                    (
                        "extends this one in turn",
                        "break the circle: let one of them extend nothing".to_owned(),
                    )
                } else {
                    ("no preset of this name", suggest(name, "presets", self.names()))
                };
                sink.push(
                    Diagnostic::new(format!("preset `{}` cannot extend `{name}`", last.name))
                        .label(&extends.place, why)
                        .help(help),
                );
                break;
            };
            chain.push(below);
            last = below;
        }
        chain
    }

    /// The profile of the simulated server that goes by a preset's name.
    pub(super) fn sim(&self, name: &str) -> Option<&Node> {
        self.get(name)?.sims.get(name)
    }

    /// The names of all profiles.
    pub(super) fn sims(&self) -> impl Iterator<Item = &str> {
        self.names().filter(|name| self.sim(name).is_some())
    }

    /// The presets by name, as lists show them.
    pub(super) fn infos(&self, texts: &[(&str, &str)], sink: &Sink) -> Vec<PresetInfo> {
        let info = |(preset, (_, text)): (&Preset, &(&str, &str))| PresetInfo {
            name: preset.name.clone(),
            note: preset.note.clone(),
            extends: extends(&self.chain(preset, sink)),
            detects: if preset.name == FALLBACK {
                "what no other fits".to_owned()
            } else {
                preset.detect.to_string()
            },
            text: (*text).to_owned(),
        };
        self.iter().zip(texts).map(info).collect()
    }
}

/// The names of a chain behind its first.
pub(super) fn extends(chain: &[&Preset]) -> Vec<String> {
    chain.iter().skip(1).map(|preset| preset.name.clone()).collect()
}

impl Preset {
    /// A preset of the program. Its profiles of simulated servers are offered to every scenario, so they are no part
    /// of the layer.
    fn embedded(name: &str, text: &str, sink: &Sink) -> Self {
        let mut preset = Self::read(name.to_owned(), &format!("preset {name}"), text, sink);
        let sims = preset.layer.as_table_mut().and_then(|table| table.shift_remove("sims"));
        preset.sims = sims.and_then(|sims| sims.as_table().cloned()).unwrap_or_default();
        preset
    }

    /// A preset from a file. It is in use, so its simulated servers are part of what it says.
    fn from_file(path: &Path, text: &str, sink: &Sink) -> Self {
        let shown = path.display().to_string();
        let name = path.file_stem().map_or_else(|| shown.clone(), |stem| stem.to_string_lossy().into_owned());
        let mut preset = Self::read(name, &shown, text, sink);
        preset.file = Some(identity(path));
        preset.refuse_what_only_scenarios_say(sink);
        preset
    }

    /// The file that it extends, where it extends one; a path in a preset starts at the folder of the preset.
    fn below(&self) -> Option<PathBuf> {
        self.file.as_ref()?;
        path_of(self.extends.as_ref()?)
    }

    fn read(name: String, source: &str, text: &str, sink: &Sink) -> Self {
        let mut layer = syntax::parse(source, Layer::Preset, text, sink);
        let mut take = |key: &str| layer.as_table_mut().and_then(|table| table.shift_remove(key));
        let text_of = |key: &str, node: &Node, example: &str| {
            let text = node.as_text().map(str::to_owned);
            if text.is_none() {
                sink.push(
                    Diagnostic::new(format!("`{key}` must be a string, found {}", node.value.kind()))
                        .label(&node.place, format!("this is {}", node.value.kind()))
                        .help(format!("write `{key} = \"{example}\"`")),
                );
            }
            text
        };
        let extends = take("extends").filter(|node| text_of("extends", node, "cuda").is_some());
        let note = take("note").and_then(|node| text_of("note", &node, "what it stands for"));
        let detect = take("detect").map(|node| Detect::read(node, sink));
        Self {
            name,
            file: None,
            note: note.unwrap_or_default(),
            extends,
            detect: detect.unwrap_or_default(),
            sims: Table::new(),
            layer,
        }
    }

    /// Takes out what a scenario must say itself.
    fn refuse_what_only_scenarios_say(&mut self, sink: &Sink) {
        let mut refuse = |path: &[&str]| {
            let Some((key, tables)) = path.split_last() else { return };
            let root = self.layer.as_table_mut();
            let table = tables.iter().try_fold(root, |table, key| Some(table?.get_mut(*key)?.as_table_mut()));
            if let Some(node) = table.flatten().and_then(|table| table.shift_remove(*key)) {
                sink.push(
                    Diagnostic::new(format!("a preset cannot set `{}`", path.join(".")))
                        .label(&node.key, "for a scenario to say")
                        .help("remove it here"),
                );
            }
        };
        refuse(&["version"]);
        refuse(&["name"]);
        refuse(&["platforms"]);
        refuse(&["include"]);
        refuse(&["matrix"]);
        refuse(&["run", "platform"]);
    }
}
