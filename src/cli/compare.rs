//! `scenario compare`: runs against runs, whatever they are.

use std::path::PathBuf;

use anyhow::Context as _;

use super::{
    exit::Exit,
    sides::{Folder, Owned, folders},
    terminal::{self, Terminal},
};
use crate::{
    compare::{Comparison, MARGIN, compare},
    report,
    units::parse_share,
};

/// Arguments of `compare`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Run folders; one of several repeats stands for all of them. The first is what the others are compared with
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Which runs stand together
    #[arg(long, value_enum, default_value_t = By::Run)]
    by: By,
    #[command(flatten)]
    margin: Margin,
    /// How to print it; `json` is one comparison, or an array where there are more than two sides
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write a page as well that works offline, with a chart of the changes
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// The change that matters in practice.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Margin {
    /// Change of a metric that matters in practice: only what lies beyond it as a whole is a regression
    #[arg(long = "margin", value_name = "SHARE", default_value_t = MARGIN, value_parser = margin, hide_default_value = true)]
    pub(super) share: f64,
}

fn margin(text: &str) -> Result<f64, String> {
    let share = parse_share(text).map_err(|error| error.to_string())?;
    if share > 0.0 { Ok(share) } else { Err("a margin is above 0, such as `5%`".to_owned()) }
}

/// What makes runs one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum By {
    /// A run with its repeats
    Run,
    /// All runs on a platform
    Platform,
}

/// How a comparison is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Tables for people
    Text,
    /// As `comparison.json` holds it
    Json,
}

pub(super) fn run(arguments: &Arguments, terminal: Terminal) -> anyhow::Result<Exit> {
    let folders = match folders(&arguments.runs) {
        Ok(folders) => folders,
        Err(problem) => return Ok(usage(&problem)),
    };
    let mut sides: Vec<((bool, String), Vec<Folder>)> = Vec::new();
    for folder in folders {
        let key = match arguments.by {
            By::Run => (folder.repeats(), folder.side()),
            By::Platform => (true, folder.plan.platform.name.clone()),
        };
        match sides.iter_mut().find(|(other, _)| *other == key) {
            Some((_, side)) => side.push(folder),
            None => sides.push((key, vec![folder])),
        }
    }
    let mut read = Vec::new();
    for ((_, name), folders) in sides {
        read.extend(Owned::read(&name, &folders)?);
    }
    let [first, others @ ..] = read.as_slice() else { return Ok(usage("there is nothing to compare")) };
    if others.is_empty() {
        return Ok(usage(&format!(
            "all runs stand together as `{}`, and a comparison has two sides\n  help: name runs of {}",
            first.name,
            match arguments.by {
                By::Run => "two plans, or the same plan run twice",
                By::Platform => "two platforms, or leave `--by platform` out",
            }
        )));
    }
    let comparisons: Vec<Comparison> =
        others.iter().map(|other| of(first, other, arguments.margin.share)).collect();
    if let Some(file) = &arguments.html {
        std::fs::write(file, report::comparisons(&comparisons)?)
            .with_context(|| format!("cannot write `{}`", file.display()))?;
    }
    match (arguments.format, comparisons.as_slice()) {
        (Format::Json, [one]) => terminal::print(&serde_json::to_string_pretty(one)?),
        (Format::Json, several) => terminal::print(&serde_json::to_string_pretty(several)?),
        (Format::Text, _) => {
            let texts = comparisons.iter().map(|comparison| report::comparison(comparison, terminal.style()));
            terminal::print(&texts.collect::<Vec<_>>().join("\n"));
        }
    }
    Ok(Exit::Pass)
}

/// One side against another, with what there is to say of their runs.
fn of(before: &Owned, after: &Owned, margin: f64) -> Comparison {
    let mut comparison = compare(&before.side(), &after.side(), margin, false);
    for side in [before, after] {
        let others = side.others.iter().filter(|(plan, _)| plan.experiment != side.plan.experiment).count();
        if others > 0 {
            comparison.notes.push(format!("the runs of {} are not all of one experiment", side.name));
        }
        comparison.notes.extend(side.unfit.iter().cloned());
    }
    comparison
}

fn usage(problem: &str) -> Exit {
    terminal::say(&format!("error: {problem}"));
    Exit::Usage
}
