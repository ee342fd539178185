//! `scenario calibrate`, and the short form before a run: what this machine can do, and what plans ask beyond that.

mod file;

use std::path::PathBuf;

use anyhow::Context as _;

pub(super) use self::file::known;
use super::{
    exit::Exit,
    limits,
    load::Examined,
    run::this_program,
    terminal::{self, Terminal},
};
use crate::{
    calibrate::{self, Setting},
    config::Threads,
    engine,
    machine::{Calibration, Machine, calibration::Form},
    plan::{self, Plan},
    report,
    sim::Child,
};

/// What `--help` says at its end.
pub(super) const HELP: &str = "\
Later `check`, `plan` and `run` read the file and warn of plans that ask for more. It is of no use to another machine, system
or version of the program, which is said. SCENARIO_CALIBRATION=FILE names another place.";

/// Arguments of `calibrate`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Coarse steps: 5 s instead of a minute
    #[arg(long)]
    short: bool,
    /// Where to keep the outcome, instead of the user's cache
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How a calibration is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

pub(super) fn calibrate(arguments: &Arguments, terminal: Terminal) -> anyhow::Result<Exit> {
    let form = if arguments.short { Form::Short } else { Form::Full };
    let calibration = measure(form, Threads::Auto, &Machine::detect(), &mut terminal::say)?;
    // first what took so long, then what may go wrong
    terminal::print(&match arguments.format {
        Format::Text => report::calibration(&calibration, terminal.style()),
        Format::Json => serde_json::to_string_pretty(&calibration)?,
    });
    match arguments.file.clone().or_else(file::place) {
        Some(path) => {
            file::write(&path, &calibration)?;
            terminal::say(&format!("kept in {}", path.display()));
        }
        None => terminal::say("not kept: neither SCENARIO_CALIBRATION nor HOME says where"),
    }
    Ok(Exit::Pass)
}

/// The short form for the plans of a run; `None` where none of them asks for it.
pub(super) fn before_run<'a>(
    plans: impl IntoIterator<Item = &'a Plan>,
    machine: &Machine,
    quiet: bool,
) -> anyhow::Result<Option<Calibration>> {
    let Some(plan) = plans.into_iter().find(|plan| plan.calibrate) else { return Ok(None) };
    if !quiet {
        terminal::say("calibrating: what this machine can do, in about 5 s");
    }
    measure(Form::Short, plan.limits.threads, machine, &mut |_| {}).map(Some)
}

/// Starts a null server and measures.
fn measure(
    form: Form,
    threads: Threads,
    machine: &Machine,
    tell: &mut dyn FnMut(&str),
) -> anyhow::Result<Calibration> {
    /// More streams are not tried.
    const MOST_CONNECTIONS: u32 = 4096;
    let program = this_program()?;
    let server = Child::start_null(&program).context("cannot calibrate")?;
    let setting = Setting {
        null_server: server.base_url(),
        form,
        machine,
        connections: limits::connections(MOST_CONNECTIONS),
        // the null server is on this machine
        threads: engine::threads(threads, true),
    };
    calibrate::calibrate(&setting, tell).context("cannot calibrate")
}

/// Adds to plans what they ask for beyond what this machine was seen to do.
pub(super) fn warn(examined: &mut [Examined], calibration: Option<&Calibration>) {
    let Some(calibration) = calibration else { return };
    for plan in examined.iter_mut().filter_map(|examined| examined.plans.as_mut().ok()).flatten() {
        let beyond = plan::beyond(plan, calibration);
        plan.warnings.extend(beyond);
    }
}

/// Says before a run what its plans ask for beyond that, each once.
pub(super) fn say_beyond<'a>(plans: impl IntoIterator<Item = &'a Plan>, calibration: &Calibration) {
    let mut said: Vec<String> = Vec::new();
    for warning in plans.into_iter().flat_map(|plan| plan::beyond(plan, calibration)) {
        if !said.contains(&warning) {
            terminal::say(&format!("warning: {}", warning.replace('\n', "\n  ")));
            said.push(warning);
        }
    }
}
