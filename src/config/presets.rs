//! Platform presets: partial scenarios that are part of the program, with `extends`, `[detect]` and a note.

use super::{
    Layer,
    diagnostic::{Diagnostic, Sink},
    nearest::suggest,
    syntax,
    tree::{Node, Table, Value},
};

/// The presets as they are written, in the order in which they are tried.
pub(super) const EMBEDDED: &[(&str, &str)] = &[
    ("rtx_4090", include_str!("../../presets/rtx_4090.toml")),
    ("mac", include_str!("../../presets/mac.toml")),
    (FALLBACK, include_str!("../../presets/cpu_only.toml")),
];

/// The preset of a machine that no other one fits.
pub(super) const FALLBACK: &str = "cpu_only";

/// A platform preset, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresetInfo {
    /// Its name, as `--platform` and `run.platform` take it.
    pub name: String,
    /// What it stands for, in a sentence.
    pub note: String,
    /// The preset that it builds on.
    pub extends: Option<String>,
}

/// A preset, read.
pub(super) struct Preset {
    pub name: String,
    /// What it stands for.
    pub note: String,
    /// The name of the preset below it, and where that is said.
    extends: Option<Node>,
    /// The operating system that it is detected by.
    pub os: Option<String>,
    /// Parts of names of GPUs that it is detected by.
    pub gpus: Vec<String>,
    /// Its profiles of simulated servers.
    sims: Table,
    /// The partial scenario.
    pub layer: Node,
}

/// All presets.
pub(super) struct Library {
    presets: Vec<Preset>,
}

impl Library {
    /// Reads presets, given as name and text.
    pub(super) fn read(texts: &[(&str, &str)], sink: &Sink) -> Self {
        Self { presets: texts.iter().map(|(name, text)| Preset::read(name, text, sink)).collect() }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Preset> {
        self.presets.iter().find(|preset| preset.name == name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Preset> {
        self.presets.iter()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.presets.iter().map(|preset| preset.name.as_str())
    }

    /// A preset and those that it extends, nearest first.
    pub(super) fn chain<'a>(&'a self, name: &str, sink: &Sink) -> Vec<&'a Preset> {
        let mut chain: Vec<&Preset> = Vec::new();
        let mut next = self.get(name);
        while let Some(preset) = next {
            chain.push(preset);
            next = preset.extends.as_ref().and_then(|extends| {
                let name = extends.as_text().unwrap_or_default();
                let below = self.get(name).filter(|below| !chain.iter().any(|seen| seen.name == below.name));
                if below.is_none() {
                    sink.push(
                        Diagnostic::new(format!("preset `{}` cannot extend `{name}`", preset.name))
                            .label(&extends.place, "unknown, or extends this one in turn")
                            .help(suggest(name, "presets", self.names())),
                    );
                }
                below
            });
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
}

impl Preset {
    fn read(name: &str, text: &str, sink: &Sink) -> Self {
        let mut layer = syntax::parse(&format!("preset {name}"), Layer::Preset, text, sink);
        let mut take = |key: &str| layer.as_table_mut().and_then(|table| table.shift_remove(key));
        let extends = take("extends");
        let note = take("note").and_then(|note| note.as_text().map(str::to_owned));
        let sims = take("sims").and_then(|sims| sims.as_table().cloned());
        let detect = take("detect");
        let detect = |key: &str| detect.as_ref().and_then(|detect| detect.get(key));
        let gpus = match detect("gpu").map(|gpu| &gpu.value) {
            Some(Value::Text(gpu)) => vec![gpu.clone()],
            Some(Value::List(gpus)) => gpus.iter().filter_map(Node::as_text).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        Self {
            name: name.to_owned(),
            note: note.unwrap_or_default(),
            extends,
            os: detect("os").and_then(Node::as_text).map(str::to_owned),
            gpus,
            sims: sims.unwrap_or_default(),
            layer,
        }
    }

    pub(super) fn info(&self) -> PresetInfo {
        PresetInfo {
            name: self.name.clone(),
            note: self.note.clone(),
            extends: self.extends.as_ref().and_then(Node::as_text).map(str::to_owned),
        }
    }
}
