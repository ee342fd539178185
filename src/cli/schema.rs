//! `scenario schema`: the JSON Schemas of everything that the program reads and writes.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;

use super::{exit::Exit, terminal};
use crate::config;

/// Arguments of `schema`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Which one; `--list` shows them all
    #[arg(value_name = "NAME", default_value = "scenario")]
    name: String,
    /// List the schemas and what each is of
    #[arg(long, conflicts_with_all = ["name", "write"])]
    list: bool,
    /// Write all of them into a folder, as `NAME.schema.json`
    #[arg(long, value_name = "DIR", conflicts_with = "name")]
    write: Option<PathBuf>,
}

/// A schema: its name, what it is of, and how it is made.
struct Entry {
    name: &'static str,
    of: &'static str,
    make: fn() -> Value,
}

/// Every schema, what people write first.
const ENTRIES: &[Entry] = &[
    Entry { name: "scenario", of: "scenario files", make: config::scenario_schema },
    Entry { name: "preset", of: "platform presets", make: config::preset_schema },
];

pub(super) fn schema(arguments: &Arguments) -> anyhow::Result<Exit> {
    if arguments.list {
        let width = ENTRIES.iter().map(|entry| entry.name.len()).max().unwrap_or(0);
        let rows = ENTRIES.iter().map(|Entry { name, of, .. }| format!("{name:width$}  {of}\n"));
        terminal::print(&rows.collect::<String>());
        return Ok(Exit::Pass);
    }
    if let Some(folder) = &arguments.write {
        write(folder)?;
        return Ok(Exit::Pass);
    }
    let Some(entry) = ENTRIES.iter().find(|entry| entry.name == arguments.name) else {
        let known: Vec<_> = ENTRIES.iter().map(|entry| format!("`{}`", entry.name)).collect();
        terminal::say(&format!(
            "error: unknown schema `{}`\n  help: known: {}",
            arguments.name,
            known.join(", ")
        ));
        return Ok(Exit::Usage);
    };
    terminal::print(&entry.text()?);
    Ok(Exit::Pass)
}

fn write(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    for entry in ENTRIES {
        let file = folder.join(format!("{}.schema.json", entry.name));
        std::fs::write(&file, entry.text()?).with_context(|| format!("cannot write `{}`", file.display()))?;
        terminal::print(&file.display().to_string());
    }
    Ok(())
}

impl Entry {
    fn text(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(&(self.make)())? + "\n")
    }
}
