//! `scenario monitor`: the machine and its servers are read without load, by the same pipeline and saved as any run.

mod by_flags;

use std::{path::PathBuf, time::Duration};

use self::by_flags::ByFlags;
use super::{
    Output, Overrides,
    exit::Exit,
    load::{self, plural},
    run::{run_plans, settle_files},
    terminal::{self, Terminal},
};
use crate::{
    config::Checked,
    machine::Machine,
    plan::{Plan, admit_watching},
    units::{parse_duration, write_duration},
    workload::Datasets,
};

/// What `--help` says behind the flags.
pub(super) const HELP: &str = "\
Nothing is sent but what reads the metrics pages, and the alerts of a FILE that has a webhook. A
server that is not there, or ends, is said, and looked for again until it is. What is read is saved as a run that `scenario report` draws again.

Examples:
  scenario monitor                                            this machine, until Ctrl-C
  scenario monitor --endpoint http://127.0.0.1:8000/v1        a server too: its process and its page
  scenario monitor --for 10m --metrics http://gpu-box:9400/metrics
  scenario monitor production.toml --for 1h                   the endpoints and targets of a file

Exit codes:
  0    it went on for as long as `--for` says, or without that until it was ended by Ctrl-C or
       SIGTERM, and every judged target on a reading passed
  1    a target on a reading failed, or an alert of severity `fail` fired
  2    wrong usage or an invalid scenario; nothing was read
  3    a target on a reading could not be decided
  4    the environment failed: disk, limits
  130  interrupted before the end of `--for`; what was read is saved";

/// The shortest time that can be monitored.
const SHORTEST: Duration = Duration::from_secs(1);

/// Arguments of `monitor`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Scenario file: its endpoints, monitoring, alerts and targets on readings. Its phases are not run, and its services
    /// not started
    #[arg(value_name = "FILE", conflicts_with_all = ["endpoints", "metrics", "pid"])]
    file: Option<String>,
    #[command(flatten)]
    by_flags: ByFlags,
    /// Go on for so long, such as `10m`; until Ctrl-C by default
    #[arg(long = "for", value_name = "DURATION", value_parser = length)]
    length: Option<Duration>,
    /// Time between two readings; 100 ms by default, and never less than 500 ms between two looks at a page
    #[arg(long, value_name = "DURATION")]
    interval: Option<String>,
    /// Goes on every chart beside the hardware, such as `Vast.ai`
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
    #[command(flatten)]
    overrides: Overrides,
    #[command(flatten)]
    output: Output,
}

fn length(text: &str) -> Result<Duration, String> {
    let length = parse_duration(text).map_err(|error| error.to_string())?;
    if length < SHORTEST {
        return Err(format!("{} is too short: {} or more", write_duration(length), write_duration(SHORTEST)));
    }
    Ok(length)
}

pub(super) fn monitor(mut arguments: Arguments, terminal: Terminal) -> anyhow::Result<Exit> {
    let interval = arguments.interval.iter().map(|text| format!("monitoring.interval={text}"));
    let label =
        arguments.label.iter().map(|text| format!("run.label={}", serde_json::Value::from(text.as_str())));
    let sets: Vec<String> = interval.chain(label).chain(["monitoring.enabled=true".to_owned()]).collect();
    arguments.overrides.sets.extend(sets);
    let machine = Machine::detect();
    let Some((name, mut plan)) = plan_of(&arguments, &machine, terminal) else { return Ok(Exit::Usage) };
    settle_files(&mut plan)?;
    let plans = [(name, plan)];
    run_plans(&plans, &mut Datasets::default(), &machine, None, &arguments.output, terminal)
}

/// What the run is called, and its plan; `None` after it was said what is wrong.
fn plan_of(arguments: &Arguments, machine: &Machine, terminal: Terminal) -> Option<(PathBuf, Plan)> {
    let Arguments { file, by_flags, length, overrides, .. } = arguments;
    let Some(file) = file else {
        let text = by_flags.text();
        let checked = load::check(by_flags::NAME, &text, overrides, machine);
        let problems = match admit_watching(checked, *length) {
            Ok(mut plans) if !plans.is_empty() => {
                let mut plan = plans.remove(0);
                by_flags.finish(&mut plan);
                return Some((by_flags::NAME.into(), plan));
            }
            Ok(_) => return None,
            Err(problems) => problems,
        };
        by_flags.say(&problems, terminal);
        terminal::say("this cannot be monitored; nothing was read");
        return None;
    };
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            terminal::say(&format!("error: cannot read `{file}`: {error}"));
            return None;
        }
    };
    let checked: Checked = load::check(file, &text, overrides, machine);
    match admit_watching(checked, *length) {
        Ok(mut plans) if plans.len() == 1 => Some((file.into(), plans.remove(0))),
        Ok(plans) => {
            terminal::say(&format!(
                "error: the matrix of `{file}` has {}, and one can be monitored at a time\n  help: choose one value of each \
                 axis by `--set`\nnothing was read",
                plural(plans.len(), "case")
            ));
            None
        }
        Err(problems) => {
            terminal::say(&problems.render(terminal.color_err()));
            terminal::say("this file cannot be monitored; nothing was read");
            None
        }
    }
}
