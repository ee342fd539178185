//! TOML → [`Scenario`]: the only code that knows TOML.
//!
//! Layers (built-in defaults, platform preset, included files with their `[platforms.NAME]`, scenario with its own, case
//! of a matrix, `--set`) are folded into one value whose leaves remember where they came from; then the value is read
//! into the types of `scenario.rs` and its meaning is checked. All problems are collected as [`Diagnostic`]s and reported
//! at once.
//!
//! ```text
//! texts ─syntax→ trees ─merge→ one tree ─substitute, fill→ nothing left out ─read→ Draft ─meaning→ Scenario
//! ```

mod args;
mod checked;
mod compile;
mod crowd;
mod detect;
mod diagnostic;
mod excerpt;
mod fill;
mod headers;
mod include;
mod layers;
mod mask;
mod matrix;
mod meaning;
mod merge;
mod nearest;
mod order;
mod places;
mod platform;
mod presets;
mod read;
mod resolved;
mod rest;
pub mod scenario;
mod schemas;
mod source;
mod substitute;
mod syntax;
pub mod traffic;
mod tree;
mod written;

#[cfg(test)]
mod tests;

pub use checked::Checked;
pub use crowd::{Crowd, crowd};
pub use diagnostic::{Diagnostic, Kind, Label, Problems};
pub use nearest::suggest;
pub use order::predecessors;
pub use places::{Finding, Places};
pub use presets::PresetInfo;
pub use scenario::*;
pub use written::{included_schema, preset_schema, scenario_schema};

use std::{io, path::Path};

use crate::machine::Machine;

/// What a scenario is made of.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The path of the file, as messages show it; paths in the scenario start at its folder.
    pub name: &'a str,
    /// Its content.
    pub text: &'a str,
    /// `--platform`: a preset's name, its path from the current folder, or `auto`.
    pub platform: Option<&'a str>,
    /// Every `--set path=value`, in order.
    pub sets: &'a [String],
}

/// Checks a scenario with everything that bears on it: the layers of its platform on this machine, environment
/// variables through `env`, and files that it includes or names as its preset through `read`. A scenario with a
/// `[matrix]` is several, one for each case, in order; any other is one.
pub fn check(
    input: &Input<'_>,
    machine: &Machine,
    env: &dyn Fn(&str) -> Option<String>,
    read: &dyn Fn(&Path) -> io::Result<String>,
) -> Checked {
    compile::check(input, machine, env, read, embedded())
}

/// The cases of a scenario that [`check`] finds nothing wrong with.
///
/// # Errors
///
/// Everything that is wrong with it, at once.
pub fn load(
    input: &Input<'_>,
    machine: &Machine,
    env: &dyn Fn(&str) -> Option<String>,
    read: &dyn Fn(&Path) -> io::Result<String>,
) -> Result<Vec<Scenario>, Problems> {
    check(input, machine, env, read).into_cases()
}

/// Reads a scenario like [`load`], and writes each of its cases as one text of TOML: all layers folded, all defaults filled
/// in, variables replaced by their values, secrets still references. Read from the current folder on the same machine,
/// the text gives the same scenario, but for where its values come from.
///
/// # Errors
///
/// Those of [`load`].
pub fn resolve(
    input: &Input<'_>,
    machine: &Machine,
    env: &dyn Fn(&str) -> Option<String>,
    read: &dyn Fn(&Path) -> io::Result<String>,
) -> Result<Vec<String>, Problems> {
    compile::resolve(input, machine, env, read, embedded())
}

/// The presets that are part of the program, in the order in which they are tried.
pub fn presets() -> Vec<PresetInfo> {
    let (library, sink) = embedded();
    library.infos(presets::EMBEDDED, &sink)
}

/// The preset of a name.
///
/// # Errors
///
/// That there is none, with a line of help.
pub fn preset(name: &str) -> Result<PresetInfo, String> {
    let presets = presets();
    presets.iter().find(|preset| preset.name == name).cloned().ok_or_else(|| {
        let known = presets.iter().map(|preset| preset.name.as_str());
        format!("unknown preset `{name}`\n  help: {}", suggest(name, "presets", known))
    })
}

/// The platform that is chosen on a machine where nobody names one.
pub fn detect(machine: &Machine) -> Platform {
    let (library, sink) = embedded();
    platform::choose(None, None, machine, &library, &sink).0
}

/// The embedded presets, and a place for problems.
fn embedded() -> (presets::Library, diagnostic::Sink) {
    (presets::Library::embedded(), diagnostic::Sink::default())
}
