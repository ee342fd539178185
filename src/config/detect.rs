//! `[detect]` of a preset: the machines that it is chosen on when nobody names one.

use std::fmt;

use super::{
    diagnostic::{Diagnostic, Sink},
    nearest::{quoted, suggest},
    tree::{Node, Value},
};
use crate::machine::{Gpu, Machine, Vendor};

/// What a machine must have: the operating system or a GPU.
#[derive(Debug, Default)]
pub(super) struct Detect {
    /// `linux`, `macos`, …
    os: Option<String>,
    /// Whether every GPU of NVIDIA's will do.
    any_gpu: bool,
    /// Names of GPUs: all words of one of these, in a row, must be in the GPU's name.
    gpus: Vec<String>,
    /// Names of GPUs that will not do after all.
    except: Vec<String>,
}

/// What can stand in it.
pub(super) const KEYS: &[&str] = &["os", "gpu", "except"];

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
        match table.get("gpu").map(|gpu| &gpu.value) {
            Some(Value::Bool(any_gpu)) => Self { os, any_gpu: *any_gpu, gpus: Vec::new(), except },
            _ => Self { os, any_gpu: false, gpus: names("gpu"), except },
        }
    }

    /// The GPU of a machine that fits: its index and name.
    pub(super) fn gpu<'a>(&self, machine: &'a Machine) -> Option<(usize, &'a str)> {
        let mut gpus = machine.gpus.iter().enumerate();
        gpus.find(|(_, gpu)| self.fits(gpu)).map(|(index, gpu)| (index, gpu.name.as_str()))
    }

    /// Whether the operating system fits.
    pub(super) fn os(&self, machine: &Machine) -> bool {
        self.os.as_deref() == Some(machine.os.as_str())
    }

    fn fits(&self, gpu: &Gpu) -> bool {
        let any = self.any_gpu && gpu.vendor == Vendor::Nvidia;
        let gpu = words(&gpu.name);
        let has = |name: &String| {
            let name = words(name);
            !name.is_empty() && gpu.windows(name.len()).any(|row| row == name)
        };
        (any || self.gpus.iter().any(has)) && !self.except.iter().any(has)
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
        let except =
            if self.except.is_empty() { String::new() } else { format!(" but not {}", list(&self.except)) };
        let gpu = match (self.any_gpu, self.gpus.as_slice()) {
            (true, _) => Some(format!("any NVIDIA GPU{except}")),
            (false, []) => None,
            (false, names) => Some(format!("GPU {}{except}", list(names))),
        };
        let os = self.os.as_ref().map(|os| format!("system `{os}`"));
        f.write_str(&gpu.into_iter().chain(os).collect::<Vec<_>>().join(" or "))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Layer, syntax},
        *,
    };

    #[test]
    fn any_gpu_is_any_of_nvidias_and_a_name_may_be_of_another() {
        let sink = Sink::default();
        let chosen = |text: &str| {
            let detect = Detect::read(syntax::parse("test", Layer::Preset, text, &sink), &sink);
            let gpu = |name: &str, vendor| Gpu { name: name.to_owned(), vendor, ..Gpu::default() };
            let gpus = vec![gpu("AMD Instinct MI300X", Vendor::Amd), gpu("NVIDIA L4", Vendor::Nvidia)];
            detect.gpu(&Machine { gpus, ..Machine::default() }).map(|(index, _)| index)
        };
        assert_eq!(chosen("gpu = true"), Some(1));
        assert_eq!(chosen("gpu = \"MI300X\""), Some(0));
    }

    #[test]
    fn a_rule_is_read_matched_and_shown() {
        for (text, fits, misses, shown) in [
            (
                "gpu = \"RTX 4090\"",
                &["NVIDIA GeForce rtx 4090"][..],
                &["RTX 40900", "4090 RTX"][..],
                "GPU `RTX 4090`",
            ),
            ("gpu = [\"L4\", \"T4\"]", &["NVIDIA L4", "Tesla T4"], &["NVIDIA L40S"], "GPU `L4`, `T4`"),
            (
                "gpu = \"L40\"\nexcept = [\"MIG\"]\nos = \"plan9\"",
                &["NVIDIA L40"],
                &["NVIDIA L40 MIG"],
                "GPU `L40` but not `MIG` or system `plan9`",
            ),
            ("gpu = true\nexcept = \"T4\"", &["x"], &["Tesla T4"], "any NVIDIA GPU but not `T4`"),
            ("gpu = false", &[], &["x"], ""),
            ("gpu = \"\"", &[], &["x", ""], "GPU ``"),
            ("", &[], &["x"], ""),
        ] {
            let sink = Sink::default();
            let detect = Detect::read(syntax::parse("test", Layer::Preset, text, &sink), &sink);
            assert!(sink.is_empty(), "{text}");
            let on = |name: &&str| {
                let gpus = vec![Gpu { name: (*name).to_owned(), ..Gpu::default() }];
                detect.gpu(&Machine { gpus, ..Machine::default() }).is_some()
            };
            assert!(fits.iter().all(on) && !misses.iter().any(on), "{text}");
            assert_eq!(detect.to_string(), shown);
        }
    }
}
