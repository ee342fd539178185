//! `scenario pressure`: the child of a run that loads the machine.

use std::fs;

use anyhow::Context as _;

use super::{
    exit::Exit,
    terminal::{self},
};
use crate::pressure::{self, Told};

/// Arguments of `pressure`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// What loads the machine, as a plan has it, in JSON
    #[arg(long, value_name = "JSON")]
    settings: String,
    /// End with the standard input and ignore Ctrl-C
    #[arg(long, required = true)]
    attached: bool,
}

pub(super) fn press(arguments: &Arguments) -> anyhow::Result<Exit> {
    let settings = serde_json::from_str(&arguments.settings).context("the settings are no pressure")?;
    // where memory does get short, this process is the one to go; a system without the file decides by itself
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    let tell = |told: &Told| terminal::print(&serde_json::to_string(told).unwrap_or_default());
    match pressure::run(&settings, |held| tell(&Told::Held(*held))) {
        Ok(()) => Ok(Exit::Pass),
        Err(error) => {
            tell(&Told::Failed(error.to_string()));
            Ok(Exit::Environment)
        }
    }
}
