//! TOML → [`Scenario`]: the only code that knows TOML.
//!
//! Layers (built-in defaults, platform preset, scenario, its `[platforms.NAME]`, `--set`) are folded into one value
//! whose leaves remember where they came from; then the value is read into the types of `scenario.rs` and its
//! meaning is checked. All problems are collected as [`Diagnostic`]s and reported at once.
//!
//! ```text
//! texts ─syntax→ trees ─merge→ one tree ─substitute, fill→ nothing left out ─read→ Draft ─meaning→ Scenario
//! ```

mod compile;
mod diagnostic;
mod fill;
mod meaning;
mod merge;
mod nearest;
mod platform;
mod presets;
mod read;
pub mod scenario;
mod source;
mod substitute;
mod syntax;
mod tree;

#[cfg(test)]
mod tests;

pub use diagnostic::{Diagnostic, Label, Problems};
pub use presets::PresetInfo;
pub use scenario::*;

use crate::machine::Machine;

/// What a scenario is made of.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The path of the file, as messages show it.
    pub name: &'a str,
    /// Its content.
    pub text: &'a str,
    /// `--platform`.
    pub platform: Option<&'a str>,
    /// Every `--set path=value`, in order.
    pub sets: &'a [String],
}

/// Reads a scenario with everything that bears on it: the layers of its platform on this machine, and environment
/// variables through `env`.
///
/// # Errors
///
/// Everything that is wrong with it, at once.
pub fn load(
    input: &Input<'_>,
    machine: &Machine,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Scenario, Problems> {
    compile::compile(input, machine, env, presets::EMBEDDED)
}

/// The platform presets, in the order in which they are tried.
pub fn presets() -> Vec<PresetInfo> {
    // the embedded presets are held to be right by a test
    let sink = diagnostic::Sink::default();
    presets::Library::read(presets::EMBEDDED, &sink).iter().map(presets::Preset::info).collect()
}
