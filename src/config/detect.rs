//! `[detect]` of a preset: the machines that it is chosen on when nobody names one.

use std::fmt;

use super::{
    diagnostic::{Diagnostic, Sink},
    nearest::{quoted, suggest},
    tree::{Node, Value},
};
use crate::machine::Machine;

/// What a machine must have.
#[derive(Debug, Default)]
pub(super) struct Detect {
    /// This operating system.
    os: Option<String>,
    /// Such a GPU.
    gpu: GpuRule,
}

/// Which GPUs will do.
#[derive(Debug, Default)]
enum GpuRule {
    /// None: GPUs are not looked at.
    #[default]
    Ignored,
    /// Every one.
    Any,
    /// One whose name has all words of one of `parts`, in a row, and those of none of `except`.
    Named { parts: Vec<String>, except: Vec<String> },
}

const KEYS: &[&str] = &["os", "gpu", "except"];

impl Detect {
    /// Reads the table; what is wrong with it is reported and left out.
    pub(super) fn read(node: Node, sink: &Sink) -> Self {
        let Value::Table(table) = node.value else {
            sink.push(
                Diagnostic::new(format!("`detect` must be a table, found {}", node.value.kind()))
                    .label(&node.place, format!("this is {}", node.value.kind()))
                    .help("write `[detect]` and `gpu = \"RTX 4090\"` below"),
            );
            return Self::default();
        };
        for (key, node) in &table {
            if !KEYS.contains(&key.as_str()) {
                sink.push(
                    Diagnostic::new(format!("unknown key `{key}` in `detect`"))
                        .label(&node.key, "not a key of `detect`")
                        .help(suggest(key, "known", KEYS.iter().copied())),
                );
            }
        }
        let os = table.get("os").and_then(|os| {
            let text = os.as_text().map(str::to_owned);
            if text.is_none() {
                sink.push(
                    Diagnostic::new(format!("`detect.os` must be a string, found {}", os.value.kind()))
                        .label(&os.place, format!("this is {}", os.value.kind()))
                        .help("write `os = \"linux\"` or `os = \"macos\"`"),
                );
            }
            text
        });
        let names = |key: &str| table.get(key).map(|node| names(key, node, sink)).unwrap_or_default();
        let except = names("except");
        let gpu = match table.get("gpu").map(|gpu| &gpu.value) {
            None | Some(Value::Bool(false)) => GpuRule::Ignored,
            Some(Value::Bool(true)) => GpuRule::Any,
            Some(_) => GpuRule::Named { parts: names("gpu"), except },
        };
        Self { os, gpu }
    }

    /// The GPU of a machine that fits: its index and name.
    pub(super) fn gpu<'a>(&self, machine: &'a Machine) -> Option<(usize, &'a str)> {
        let names = machine.gpus.iter().map(|gpu| gpu.name.as_str());
        names.enumerate().find(|(_, name)| self.gpu.fits(name))
    }

    /// Whether the operating system fits.
    pub(super) fn os(&self, machine: &Machine) -> bool {
        self.os.as_deref() == Some(machine.os.as_str())
    }
}

impl GpuRule {
    fn fits(&self, name: &str) -> bool {
        let name = words(name);
        let has = |part: &String| {
            let part = words(part);
            !part.is_empty() && name.windows(part.len()).any(|row| row == part)
        };
        match self {
            Self::Ignored => false,
            Self::Any => true,
            Self::Named { parts, except } => parts.iter().any(has) && !except.iter().any(has),
        }
    }
}

/// The words of a GPU's name: `NVIDIA A100-SXM4-80GB` has the word `a100`, but `NVIDIA GH200 480GB` has no `h200`.
fn words(name: &str) -> Vec<String> {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

/// One name or a list of them.
fn names(key: &str, node: &Node, sink: &Sink) -> Vec<String> {
    let list = match &node.value {
        Value::List(list) => list.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut names = Vec::new();
    for node in list {
        match node.as_text() {
            Some(name) => names.push(name.to_owned()),
            None => sink.push(
                Diagnostic::new(format!("`detect.{key}` takes names, found {}", node.value.kind()))
                    .label(&node.place, format!("this is {}", node.value.kind()))
                    .help("write a part of the GPU's name, such as `\"RTX 4090\"`, or a list of such parts"),
            ),
        }
    }
    names
}

/// What is looked for, for lists; empty where nothing is.
impl fmt::Display for Detect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &[String]| quoted(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let gpu = match &self.gpu {
            GpuRule::Ignored => None,
            GpuRule::Any => Some("any NVIDIA GPU".to_owned()),
            GpuRule::Named { parts, except } if except.is_empty() => Some(format!("GPU {}", list(parts))),
            GpuRule::Named { parts, except } => Some(format!("GPU {} but not {}", list(parts), list(except))),
        };
        let os = self.os.as_ref().map(|os| format!("system `{os}`"));
        f.write_str(&gpu.into_iter().chain(os).collect::<Vec<_>>().join(" or "))
    }
}
