//! `scenario check`: every problem of every file, offline.

use super::{
    Overrides, calibrate,
    exit::Exit,
    load::{Examined, Loaded, examine, plural, say_problems},
    problems,
    terminal::{self, Terminal},
};
use crate::{machine::Machine, plan::cases, workload::Datasets};

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Scenario files or patterns such as 'plans/*.toml'
    #[arg(required = true, value_name = "FILES")]
    files: Vec<String>,
    /// How to print what is wrong
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    overrides: Overrides,
}

/// How problems are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// With the lines of the file, for people.
    Text,
    /// One array of problems, for editors.
    Json,
}

pub(super) fn check(arguments: &Arguments, terminal: Terminal) -> anyhow::Result<Exit> {
    let machine = Machine::detect();
    let mut datasets = Datasets::default();
    let mut examined = match examine(&arguments.files, &arguments.overrides, &machine, &mut datasets) {
        Ok(examined) => examined,
        Err(usage) => {
            terminal::say(&format!("error: {usage}"));
            return Ok(Exit::Usage);
        }
    };
    calibrate::warn(&mut examined, calibrate::known(&machine, false).as_ref());
    problems::annotate(&examined);
    let broken = examined.iter().filter(|examined| examined.plans.is_err()).count();
    match arguments.format {
        Format::Text => say(examined, broken, terminal),
        Format::Json => terminal::print(&serde_json::to_string_pretty(&problems::list(&examined))?),
    }
    Ok(if broken == 0 { Exit::Pass } else { Exit::Usage })
}

fn say(mut examined: Vec<Examined>, broken: usize, terminal: Terminal) {
    let files = plural(examined.len(), "file");
    let missing: Vec<_> = examined.iter_mut().map(|examined| std::mem::take(&mut examined.missing)).collect();
    for (Loaded { file, plans }, missing) in say_problems(examined, terminal).into_iter().zip(missing) {
        let Some(plans) = plans else { continue };
        let name = file.display();
        let extent = match plans.as_slice() {
            [plan] => plural(plan.steps.len(), "step"),
            cases => plural(cases.len(), "case"),
        };
        let scenario = plans.first().map(|plan| plan.name.as_str()).unwrap_or_default();
        terminal::print(&format!("{name}: ok ({scenario}, {extent})"));
        for warning in cases::warnings(&plans) {
            terminal::print(&format!("{name}: warning: {}", warning.replace('\n', "\n  ")));
        }
        for problem in missing {
            let place = problem.labels().first().map_or_else(
                || name.to_string(),
                |label| format!("{}:{}:{}", label.source(), label.line(), label.column()),
            );
            let help = problem.advice().unwrap_or_default();
            terminal::print(&format!("{place}: warning: {}\nhelp: {help}", problem.message()));
        }
    }
    if broken > 0 {
        terminal::say(&format!("{broken} of {files} cannot be run"));
    }
}
