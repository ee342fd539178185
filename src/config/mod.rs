//! TOML → [`Scenario`]: the only code that knows TOML.
//!
//! Layers (built-in defaults, platform preset, scenario, its `[platforms.NAME]`, `--set`) are folded into one value
//! whose leaves remember where they came from; then the value is read into the types of `scenario.rs` and its
//! meaning is checked. All problems are collected as [`Diagnostic`]s and reported at once.

pub mod scenario;

pub use scenario::*;
