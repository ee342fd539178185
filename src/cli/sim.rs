//! `scenario sim`: a simulated server, alone or as the child of a run.

use anyhow::Context as _;

use super::{
    exit::Exit,
    load::read,
    terminal::{self, Terminal},
};
use crate::{
    config::{self, Input, Sim},
    machine::Machine,
    sim::{self, Options},
};

/// Arguments of `sim`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Profile: the name of a preset, such as `rtx_4090`, `h100` or `cpu_only`
    #[arg(default_value = "cpu_only", value_name = "PROFILE")]
    profile: String,
    /// Name of the model that it lists; the profile's by default
    #[arg(long, value_name = "MODEL")]
    name: Option<String>,
    /// Port on the loopback address; 0 takes a free one
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// Every random choice follows from it
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Change a setting, with the keys of `[sims.NAME]`, such as `max_batch=8` or `faults.error_rate=5%`; may be
    /// repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// All settings as JSON instead of a profile; how a run starts its child
    #[arg(long, value_name = "JSON", hide = true)]
    settings: Option<String>,
    /// End with the standard input and ignore Ctrl-C; how a run starts its child
    #[arg(long, hide = true)]
    attached: bool,
    /// Serve streams that cost nothing and are stamped as they are written, until the standard input ends; how a
    /// calibration starts its child
    #[arg(long, hide = true, conflicts_with_all = ["sets", "settings"])]
    null: bool,
}

pub(super) fn serve(arguments: Arguments, terminal: Terminal) -> anyhow::Result<Exit> {
    if arguments.null {
        sim::run_null(|address| terminal::print(&sim::listening_line(address)))
            .context("the null server cannot serve")?;
        return Ok(Exit::Pass);
    }
    let settings = match &arguments.settings {
        Some(json) => sim::parse_settings(json)?,
        None => match profile(&arguments) {
            Ok(settings) => settings,
            Err(problems) => {
                terminal::say(&problems.render(terminal.color_err()));
                return Ok(Exit::Usage);
            }
        },
    };
    let port = arguments.port;
    let options = Options {
        port,
        name: arguments.name.unwrap_or(arguments.profile),
        settings,
        seed: arguments.seed,
        attached: arguments.attached,
    };
    sim::run(options, |address| terminal::print(&sim::listening_line(address)))
        .with_context(|| format!("cannot serve on port {port}"))?;
    Ok(Exit::Pass)
}

/// The settings of a profile, by the rules that a scenario file has for `[sims.NAME]`.
fn profile(arguments: &Arguments) -> Result<Sim, config::Problems> {
    let name = &arguments.profile;
    // a basic string of TOML escapes like one of JSON
    let url = serde_json::Value::from(format!("sim:{name}"));
    let text = format!(
        "version = 1\nname = \"sim\"\nendpoints.main.url = {url}\nphases.load = {{ requests = 1, load.closed.users = 1 }}\n"
    );
    let sets: Vec<_> = arguments.sets.iter().map(|set| format!("sims.{name}.{set}")).collect();
    let input = Input { name: "scenario sim", text: &text, platform: None, sets: &sets };
    let cases = config::load(&input, &Machine::default(), &|_| None, &read)?;
    Ok(cases[0].sims[name].clone())
}
