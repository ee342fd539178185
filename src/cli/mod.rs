//! The only code that prints, reads the environment or decides an exit code; wires everything above.

mod baseline;
mod by_url;
mod calibrate;
mod check;
mod compare;
mod data;
mod exit;
mod gate;
mod hardware;
mod init;
mod limits;
mod load;
mod monitor;
mod once;
mod permissions;
mod plan;
mod pressure;
mod presets;
mod probe;
pub mod problems;
mod prompts;
mod rebuild;
mod recording;
mod rerun;
mod run;
mod schema;
mod secrets;
mod service;
mod services;
mod sides;
mod signals;
mod sim;
mod simulated;
mod starter;
mod terminal;
mod tune;
mod webhook;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use self::{exit::Exit, permissions::Permissions};

/// Load tests for language-model servers: one declarative file in, a graded report out.
#[derive(Debug, Parser)]
#[command(name = "scenario", version, arg_required_else_help = true, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Subcommands,
    /// When to use colours and a live progress bar
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN")]
    color: ColorChoice,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Run scenarios one after another and grade them
    #[command(after_help = exit::HELP)]
    Run(run::Arguments),
    /// Read the machine and its servers without sending load, and save that as a run
    #[command(after_help = monitor::HELP)]
    Monitor(monitor::Arguments),
    /// Run the plan of a run folder again
    #[command(after_help = exit::HELP)]
    Rerun(rerun::Arguments),
    /// Check scenario files without sending anything
    Check(check::Arguments),
    /// Print the execution graph of a scenario
    Plan(plan::Arguments),
    /// Grade and draw a finished or killed run again from its records
    Report(rebuild::Arguments),
    /// Write the best concurrency that a run found into a server's own configuration file
    #[command(after_help = tune::HELP)]
    Tune(tune::Arguments),
    /// Compare runs with runs: how far each metric moved, and whether that is noise or change
    Compare(compare::Arguments),
    /// Keep runs under a name, for `run --baseline` to hold later ones against
    Baseline(baseline::Arguments),
    /// Send one request and show everything that comes back, with its times
    #[command(after_help = probe::HELP)]
    Probe(probe::Arguments),
    /// Show what a run would send, without sending it
    Prompts(prompts::Arguments),
    /// Write made-up test data, one JSON document per line
    Data(data::Arguments),
    /// Look at a server and write a starter scenario for it
    #[command(after_help = init::HELP)]
    Init(init::Arguments),
    /// List the platform presets, or print one
    Presets(presets::Arguments),
    /// Show what is known of this machine, and why the rest is not
    Hardware(hardware::Arguments),
    /// Print the JSON Schema of a file format, for editors and other tools
    Schema(schema::Arguments),
    /// Find out how much load this machine can put out without being late, in about a minute
    #[command(after_help = calibrate::HELP)]
    Calibrate(calibrate::Arguments),
    /// Serve a simulated language model on loopback
    Sim(sim::Arguments),
    /// Run a service that stands on the standard input until that ends; how a run starts its services
    #[command(hide = true)]
    Service(service::Arguments),
    /// Load this machine until the standard input ends; how a run starts its child
    #[command(hide = true)]
    Pressure(pressure::Arguments),
}

/// What is laid over the files of a command.
#[derive(Debug, Default, clap::Args)]
struct Overrides {
    /// Platform preset that chooses load and targets, instead of the file's `run.platform`: a name that `scenario
    /// presets` lists, or the path of a TOML file
    #[arg(long, value_name = "NAME|PATH")]
    platform: Option<String>,
    /// Set one value by its address, such as `endpoints.main.url=http://127.0.0.1:8080/v1`; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
    #[command(flatten)]
    permissions: Permissions,
}

impl Overrides {
    /// Every value that a flag sets, permissions included.
    fn all_sets(&self) -> Vec<String> {
        self.sets.iter().cloned().chain(self.permissions.sets()).collect()
    }

    /// The flags that a command line needs besides a file to mean the same; allowed hosts stand in the file.
    fn flags(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let platform = self.platform.iter().map(|name| ("--platform", name.as_str()));
        let sets = self.sets.iter().map(|set| ("--set", set.as_str()));
        let ceilings = self.permissions.ceilings().iter().map(|ceiling| ("--ceiling", ceiling.as_str()));
        platform.chain(sets).chain(ceilings)
    }
}

/// Where results go.
#[derive(Debug, clap::Args)]
struct Output {
    /// Folder for run folders
    #[arg(long, value_name = "DIR", default_value = "results")]
    results: PathBuf,
    /// Also write the summary to this file; an array of them when several scenarios ran
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Print one line per scenario instead of the report
    #[arg(long, short)]
    quiet: bool,
}

/// Reads the arguments, does what they ask and returns the exit code that `verdicts` gives it.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { Exit::Usage } else { Exit::Pass };
            // a closed pipe is nobody's problem
            let _ = error.print();
            return code.into();
        }
    };
    let terminal = terminal::Terminal::new(arguments.color);
    let done = match arguments.command {
        Subcommands::Run(arguments) => run::run(arguments, terminal),
        Subcommands::Monitor(arguments) => monitor::monitor(arguments, terminal),
        Subcommands::Rerun(arguments) => rerun::rerun(&arguments, terminal),
        Subcommands::Check(arguments) => check::check(&arguments, terminal),
        Subcommands::Plan(arguments) => plan::plan(&arguments, terminal),
        Subcommands::Report(arguments) => rebuild::report(&arguments, terminal),
        Subcommands::Tune(arguments) => tune::tune(&arguments),
        Subcommands::Compare(arguments) => compare::run(&arguments, terminal),
        Subcommands::Baseline(arguments) => baseline::baseline(&arguments),
        Subcommands::Probe(arguments) => probe::probe(&arguments, terminal),
        Subcommands::Prompts(arguments) => prompts::prompts(&arguments, terminal),
        Subcommands::Data(arguments) => data::data(&arguments, terminal),
        Subcommands::Init(arguments) => init::init(&arguments, terminal),
        Subcommands::Presets(arguments) => Ok(presets::presets(&arguments)),
        Subcommands::Hardware(arguments) => hardware::hardware(&arguments),
        Subcommands::Schema(arguments) => schema::schema(&arguments),
        Subcommands::Calibrate(arguments) => calibrate::calibrate(&arguments, terminal),
        Subcommands::Sim(arguments) => sim::serve(arguments, terminal),
        Subcommands::Service(arguments) => service::serve(&arguments),
        Subcommands::Pressure(arguments) => pressure::press(&arguments),
    };
    done.unwrap_or_else(|error| {
        terminal::error(&error);
        Exit::Environment
    })
    .into()
}
