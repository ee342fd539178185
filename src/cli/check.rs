//! `scenario check`: every problem of every file, offline.

use super::{
    Overrides,
    exit::Exit,
    load::{Loaded, load, plural},
    terminal::{self, Terminal},
};
use crate::machine::Machine;

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Scenario files or patterns such as 'plans/*.toml'
    #[arg(required = true, value_name = "FILES")]
    files: Vec<String>,
    #[command(flatten)]
    overrides: Overrides,
}

pub(super) fn check(arguments: &Arguments, terminal: Terminal) -> Exit {
    let loaded = match load(&arguments.files, &arguments.overrides, &Machine::detect(), terminal) {
        Ok(loaded) => loaded,
        Err(usage) => {
            terminal::say(&format!("error: {usage}"));
            return Exit::Usage;
        }
    };
    let mut broken = 0;
    for Loaded { file, plan } in &loaded {
        match plan {
            Some(plan) => {
                let name = file.display();
                terminal::print(&format!("{name}: ok ({}, {})", plan.name, plural(plan.steps.len(), "step")));
                for warning in &plan.warnings {
                    terminal::print(&format!("{name}: warning: {warning}"));
                }
            }
            None => broken += 1,
        }
    }
    if broken == 0 {
        return Exit::Pass;
    }
    terminal::say(&format!("{} of {} cannot be run", broken, plural(loaded.len(), "file")));
    Exit::Usage
}
