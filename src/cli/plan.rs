//! `scenario plan`: the execution graph, without running it; where its values came from; how it differs from another.

use std::{fmt::Display, path::Path};

use anyhow::Context as _;

use super::{
    Overrides, calibrate,
    exit::Exit,
    load::{load, read},
    terminal::{self, Terminal},
};
use crate::{
    config::{self, Input},
    machine::Machine,
    plan::{Plan, beyond, cases, diff::diff, estimate, graph, origins, render},
    workload::Datasets,
};

/// Arguments of `plan`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Scenario files or patterns such as 'plans/*.toml', or run folders
    #[arg(required = true, value_name = "FILES")]
    files: Vec<String>,
    /// Print every value with the layer, file and line that it came from
    #[arg(long, conflicts_with = "diff")]
    origins: bool,
    /// Print how the plan of another scenario file or run folder differs; flags apply to both files
    #[arg(long, value_name = "OTHER")]
    diff: Option<String>,
    /// Print the scenario as one TOML file with every value that holds: all layers folded, defaults filled in, variables
    /// replaced, secrets still references. Read from the current folder it is the same experiment
    #[arg(long, conflicts_with_all = ["origins", "diff"])]
    resolved: bool,
    /// How to print it; `dot` and `mermaid` are for the graph alone
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
    let part = if arguments.origins { Some("--origins") } else { arguments.diff.as_ref().map(|_| "--diff") };
    if let (Some(part), Format::Dot | Format::Mermaid) = (part, arguments.format) {
        return Ok(usage(format!("`{part}` is no graph\n  help: print it as `text` or `json`")));
    }
    if arguments.resolved && arguments.format != Format::Text {
        return Ok(usage("`--resolved` is TOML\n  help: leave `--format` out"));
    }
    let machine = Machine::detect();
    if arguments.resolved {
        return Ok(match resolved(arguments, &machine, terminal) {
            Ok(text) => {
                terminal::print(text.trim_end());
                Exit::Pass
            }
            Err(exit) => exit,
        });
    }
    let mut datasets = Datasets::default();
    let mut read = |path: &str| plans(path, &arguments.overrides, &machine, &mut datasets, terminal);
    // all files, so that all of their problems are shown
    let (mut plans, mut failed) = (Vec::new(), None);
    for file in &arguments.files {
        match read(file) {
            Ok(some) => plans.extend(some),
            Err(exit) => failed = Some(exit),
        }
    }
    if let Some(exit) = failed {
        return Ok(exit);
    }
    if let Some(calibration) = calibrate::known(&machine, false) {
        for plan in plans.iter_mut().flatten() {
            let beyond = beyond(plan, &calibration);
            plan.warnings.extend(beyond);
        }
    }
    let Some(other) = &arguments.diff else {
        for cases in &plans {
            if let (Format::Text, false, [_, _, ..]) = (arguments.format, arguments.origins, cases.as_slice())
            {
                terminal::print(&cases::text(cases));
            } else {
                for plan in cases {
                    if arguments.origins && arguments.format == Format::Text && cases.len() > 1 {
                        terminal::print(&format!("{}\n", plan.title()));
                    }
                    terminal::print(&show(plan, arguments)?);
                }
            }
        }
        if plans.len() > 1 && arguments.format == Format::Text && !arguments.origins {
            terminal::print(&format!("\n{}", estimate::text(&plans.iter().flatten().collect::<Vec<_>>())));
        }
        return Ok(Exit::Pass);
    };
    let others = match read(other) {
        Ok(plans) => plans,
        Err(exit) => return Ok(exit),
    };
    let (plans, others) = (plans.concat(), others.concat());
    let ([before], [after]) = (plans.as_slice(), others.as_slice()) else {
        return Ok(usage(
            "`--diff` compares one plan with one other\n  help: name one file or run folder each, and pin the axes of a \
             matrix by `--set`",
        ));
    };
    let difference = diff(before, after);
    terminal::print(&match arguments.format {
        Format::Json => serde_json::to_string_pretty(&difference)?,
        _ => difference.text(&arguments.files[0], other),
    });
    Ok(Exit::Pass)
}

fn show(plan: &Plan, arguments: &Arguments) -> anyhow::Result<String> {
    Ok(match (arguments.format, arguments.origins) {
        (Format::Json, true) => serde_json::to_string_pretty(&plan.origins)?,
        (_, true) => origins::text(plan),
        (Format::Text, false) => render::text(plan),
        (Format::Json, false) => serde_json::to_string_pretty(plan)?,
        (Format::Dot, false) => graph::dot(plan),
        (Format::Mermaid, false) => graph::mermaid(plan),
    })
}

/// The one scenario that the arguments leave, as TOML.
fn resolved(arguments: &Arguments, machine: &Machine, terminal: Terminal) -> Result<String, Exit> {
    let [path] = arguments.files.as_slice() else {
        return Err(usage("`--resolved` is about one scenario\n  help: name one file"));
    };
    let text = std::fs::read_to_string(path).map_err(|error| {
        usage(format!("cannot read `{path}`: {error}\n  help: `--resolved` takes one scenario file"))
    })?;
    let (platform, sets) = (arguments.overrides.platform.as_deref(), arguments.overrides.all_sets());
    let input = Input { name: path, text: &text, platform, sets: &sets };
    let texts =
        config::resolve(&input, machine, &|name| std::env::var(name).ok(), &read).map_err(|problems| {
            terminal::say(&problems.render(terminal.color_err()));
            Exit::Usage
        })?;
    <[String; 1]>::try_from(texts).map(|[text]| text).map_err(|texts| {
        usage(format!(
            "`{path}` has a matrix of {} cases\n  help: pin its axes by `--set`, so that one is left",
            texts.len()
        ))
    })
}

/// The plan that a run folder holds, or those of the scenario files that a pattern names, file by file. What is wrong with them is
/// said here; then there is only an exit code left.
fn plans(
    path: &str,
    overrides: &Overrides,
    machine: &Machine,
    datasets: &mut Datasets,
    terminal: Terminal,
) -> Result<Vec<Vec<Plan>>, Exit> {
    let folder = Path::new(path);
    if folder.is_dir() {
        if !folder.join("plan.json").is_file() {
            return Err(usage(format!(
                "`{path}` is a folder without a `plan.json`\n  help: name a scenario file or a run folder"
            )));
        }
        return saved(folder).map(|plan| vec![vec![plan]]).map_err(|error| usage(format!("{error:#}")));
    }
    let file = [path.to_owned()];
    let loaded = load(&file, overrides, machine, datasets, terminal).map_err(usage)?;
    loaded.into_iter().map(|loaded| loaded.plans.ok_or(Exit::Usage)).collect()
}

/// The plan that a run folder holds.
pub(super) fn saved(folder: &Path) -> anyhow::Result<Plan> {
    let file = folder.join("plan.json");
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
    Plan::from_json(&text).with_context(|| format!("`{}` cannot be used", file.display()))
}

fn usage(what: impl Display) -> Exit {
    terminal::say(&format!("error: {what}"));
    Exit::Usage
}
