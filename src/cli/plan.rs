//! `scenario plan`: the execution graph, without running it.

use super::{
    Overrides,
    exit::Exit,
    load::load,
    terminal::{self, Terminal},
};
use crate::{
    machine::Machine,
    plan::{graph, render},
};

/// Arguments of `plan`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Scenario file
    #[arg(value_name = "FILE")]
    file: String,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    overrides: Overrides,
}

/// How the graph is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A table for people.
    Text,
    /// The whole plan, as `plan.json` holds it.
    Json,
    /// For Graphviz.
    Dot,
    /// For Markdown.
    Mermaid,
}

pub(super) fn plan(arguments: &Arguments, terminal: Terminal) -> anyhow::Result<Exit> {
    let file = std::slice::from_ref(&arguments.file);
    let loaded = match load(file, &arguments.overrides, &Machine::detect(), terminal) {
        Ok(loaded) => loaded,
        Err(usage) => {
            terminal::say(&format!("error: {usage}"));
            return Ok(Exit::Usage);
        }
    };
    for loaded in &loaded {
        let Some(plan) = &loaded.plan else { return Ok(Exit::Usage) };
        terminal::print(&match arguments.format {
            Format::Text => render::text(plan),
            Format::Json => serde_json::to_string_pretty(plan)?,
            Format::Dot => graph::dot(plan),
            Format::Mermaid => graph::mermaid(plan),
        });
    }
    Ok(Exit::Pass)
}
