//! `scenario schema`: the JSON Schemas of everything that the program reads and writes.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::builder::PossibleValuesParser;
use serde_json::Value;

use super::{exit::Exit, hardware, probe, problems::Problem, terminal};
use crate::{
    compare::{Baseline, Comparison},
    config::{self, Origin},
    machine::{Calibration, SystemInfo},
    plan::{Plan, diff::Difference},
    record::Diary,
    report::Document,
    schema::written,
    store::{RecordLine, TextLine},
};

/// Arguments of `schema`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Which one; `--list` shows them all
    #[arg(value_name = "NAME", default_value = "scenario", value_parser = names(), hide_possible_values = true)]
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
    Entry { name: "included", of: "files that a scenario includes", make: config::included_schema },
    Entry {
        name: "plan",
        of: "`plan.json` of a run folder, and `plan --format json`",
        make: written::<Plan>,
    },
    Entry { name: "record", of: "a line of `requests.jsonl`", make: written::<RecordLine> },
    Entry { name: "text", of: "a line of `texts.jsonl`", make: written::<TextLine> },
    Entry { name: "event", of: "a line of `events.jsonl`", make: written::<Diary> },
    Entry { name: "system-info", of: "`system-info.json`", make: written::<SystemInfo> },
    Entry { name: "hardware", of: "`hardware --json`", make: written::<hardware::Document> },
    Entry {
        name: "summary",
        of: "`summary.json`, and one element of `--json` with several",
        make: written::<Document>,
    },
    Entry {
        name: "comparison",
        of: "`comparison.json`, and `compare --format json`",
        make: written::<Comparison>,
    },
    Entry { name: "baseline", of: "a file of `baselines/`", make: written::<Baseline> },
    Entry {
        name: "calibration",
        of: "`calibrate --format json`, and the file that it leaves",
        make: written::<Calibration>,
    },
    Entry { name: "problems", of: "`check --format json`", make: written::<Vec<Problem>> },
    Entry { name: "probe", of: "`probe --format json`", make: written::<probe::Document> },
    Entry { name: "origins", of: "`plan --origins --format json`", make: written::<Vec<Origin>> },
    Entry { name: "difference", of: "`plan --diff --format json`", make: written::<Difference> },
];

fn names() -> PossibleValuesParser {
    ENTRIES.iter().map(|entry| entry.name).collect::<Vec<_>>().into()
}

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
    for entry in ENTRIES.iter().filter(|entry| entry.name == arguments.name) {
        terminal::print(&entry.text()?);
    }
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
