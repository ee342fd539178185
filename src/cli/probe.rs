//! `scenario probe`: one request per endpoint, and everything that came back.

mod advice;
mod document;
mod show;

use anyhow::Context as _;
use tokio::runtime::Runtime;

pub(super) use self::document::Document;
use self::{document::Probe, show::Shown};
use super::{
    Overrides,
    exit::Exit,
    load::{compile, load},
    run::sources,
    secrets::read_secret,
    simulated::Simulated,
    terminal::{self, Terminal},
};
use crate::{
    answers::Checks,
    catalog::Protocol,
    config::{self, Model, Secret},
    engine::{self, Ask, Binding},
    machine::Machine,
    plan::{Plan, PlannedEndpoint, Work},
    record::Outcome,
    workload::Datasets,
};

/// What `--help` says about exit codes.
pub(super) const HELP: &str = "\
Exit codes:
  0    every probed endpoint gave a whole answer with output, which its check passed
  1    one did not
  2    wrong usage or an invalid scenario; nothing was sent
  4    one gave no answer at all
With several endpoints the worst counts: 4, 1, 0.";

/// How long a server at a URL may take to answer at all; a file says it itself.
const READY_TIMEOUT: &str = "3s";

/// Arguments of `probe`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Base URL such as `http://127.0.0.1:8080/v1`, `sim:NAME`, or a scenario file
    #[arg(value_name = "URL|FILE")]
    what: String,
    /// Only this endpoint of the file
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
    /// What the server speaks
    #[arg(long, value_name = "PROTOCOL", value_parser = protocol)]
    protocol: Option<Protocol>,
    /// The model to ask for
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Environment variable that holds the key of the server
    #[arg(long, value_name = "NAME")]
    api_key_env: Option<String>,
    /// The prompt, instead of the one that a run would send first
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,
    /// Tokens of output to ask for
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_tokens: Option<u32>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    overrides: Overrides,
}

/// How a probe is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// An endpoint on its own: the plan that has no other.
pub(super) struct Target {
    plan: Plan,
}

/// The protocol of that name, which a flag can name: one that a scenario describes needs more than a name.
pub(super) fn protocol(name: &str) -> Result<Protocol, String> {
    let known = || Protocol::ALL.into_iter().filter(|protocol| !protocol.is_described());
    known().find(|protocol| protocol.name() == name).ok_or_else(|| {
        let names = known().map(|protocol| format!("`{}`", protocol.name())).collect::<Vec<_>>().join(", ");
        match Protocol::ALL.into_iter().find(|protocol| protocol.name() == name) {
            Some(_) => {
                format!("a scenario has to describe it, in `[endpoints.NAME.http]`; known by name: {names}")
            }
            None => format!("known: {names}"),
        }
    })
}

pub(super) fn probe(arguments: &Arguments, terminal: Terminal) -> anyhow::Result<Exit> {
    let mut datasets = Datasets::default();
    let Some(targets) = targets(arguments, &mut datasets, terminal) else { return Ok(Exit::Usage) };
    let ask = Ask { prompt: arguments.prompt.clone(), max_tokens: arguments.max_tokens };
    let runtime = Runtime::new().context("cannot start the runtime")?;
    let mut worst = Exit::Pass;
    let mut all = Vec::new();
    for (number, target) in targets.iter().enumerate() {
        // lives until the request is over: dropping it stops the server
        let simulated = Simulated::start(&target.plan)?;
        let bound = runtime.block_on(target.bind(&simulated.urls, &mut datasets));
        let binding = match bound {
            Ok(binding) => binding,
            Err(problem) => {
                let problem = if is_url(&arguments.what) { without_file(&problem) } else { problem };
                terminal::error(&problem);
                let endpoint = target.endpoint().name.clone();
                all.push(Probe::Unready { endpoint, error: problem.to_string() });
                worst = worst.max(Exit::Environment);
                continue;
            }
        };
        let mut probed = runtime.block_on(target.ask(&binding, &ask))?;
        if let Some(checks) = Checks::of(&target.plan)? {
            checks.judge(&mut probed.record, Some(&probed.answers));
        }
        worst = worst.max(match probed.record.outcome {
            Outcome::Ok => Exit::Pass,
            _ if probed.record.first_byte_ns.is_none() => Exit::Environment,
            _ => Exit::Fail,
        });
        let shown = Shown { endpoint: target.endpoint(), binding: &binding, probed: &probed };
        match arguments.format {
            Format::Text if number > 0 => terminal::print(&format!("\n{}", shown.text())),
            Format::Text => terminal::print(&shown.text()),
            Format::Json => all.push(Probe::Sent(Box::new(shown.exchange()))),
        }
    }
    if arguments.format == Format::Json {
        terminal::print(&serde_json::to_string_pretty(&Document::new(all))?);
    }
    Ok(worst)
}

/// What is to be probed; `None` after it was said what is wrong with the arguments.
fn targets(arguments: &Arguments, datasets: &mut Datasets, terminal: Terminal) -> Option<Vec<Target>> {
    let plan = if is_url(&arguments.what) {
        if arguments.endpoint.is_some() {
            terminal::say("error: `--endpoint` chooses from a file, and this is a url");
            return None;
        }
        match at_url(&arguments.what, arguments.api_key_env.as_deref(), &arguments.overrides) {
            Ok(plan) => plan,
            Err(problems) => {
                terminal::say(&problems.render(terminal.color_err()));
                return None;
            }
        }
    } else {
        let file = std::slice::from_ref(&arguments.what);
        match load(file, &arguments.overrides, &Machine::detect(), datasets, terminal) {
            Ok(mut loaded) if loaded.len() == 1 => {
                let mut plans = loaded.pop()?.plans?;
                if plans.len() > 1 {
                    terminal::say(&format!(
                        "error: `{}` has a matrix of {} cases\n  help: pin its axes by `--set`, so that one is left",
                        arguments.what,
                        plans.len()
                    ));
                    return None;
                }
                plans.pop()?
            }
            Ok(_) => {
                terminal::say(&format!("error: `{}` matches several files", arguments.what));
                return None;
            }
            Err(usage) => {
                terminal::say(&format!("error: {usage}\n  help: a url begins with `http://` or `https://`"));
                return None;
            }
        }
    };
    let mut targets: Vec<Target> = (0..plan.endpoints.len())
        .filter(|index| arguments.endpoint.as_ref().is_none_or(|name| plan.endpoints[*index].name == *name))
        .map(|index| Target::new(&plan, index))
        .collect();
    if targets.is_empty() {
        let known: Vec<_> = plan.endpoints.iter().map(|endpoint| format!("`{}`", endpoint.name)).collect();
        let name = arguments.endpoint.as_deref().unwrap_or_default();
        terminal::say(&format!("error: no endpoint `{name}`; known: {}", known.join(", ")));
        return None;
    }
    for target in &mut targets {
        target.change(arguments.protocol, arguments.model.as_deref());
        if let Some(name) = &arguments.api_key_env {
            target.plan.endpoints[0].api_key = Some(Secret::Env(name.clone()));
        }
    }
    Some(targets)
}

/// A problem of an endpoint that stands in no file, so that its help cannot be about one.
fn without_file(problem: &anyhow::Error) -> anyhow::Error {
    anyhow::anyhow!(
        "{}\n  help: start the server or correct the url; `--model NAME` where it lists no models; \
         `--api-key-env NAME` where it asks for a key",
        problem_of(problem)
    )
}

/// What kept an endpoint from being ready, without its name and the help.
pub(super) fn problem_of(problem: &anyhow::Error) -> String {
    let text = problem.to_string();
    let text = text.split("\n  help: ").next().unwrap_or_default();
    text.strip_prefix("endpoint `main`: ").unwrap_or(text).to_owned()
}

fn is_url(text: &str) -> bool {
    text.contains("://") || text.starts_with("sim:")
}

/// The plan of a scenario that has nothing but this URL, and the environment variable with its key.
pub(super) fn at_url(
    url: &str,
    api_key_env: Option<&str>,
    overrides: &Overrides,
) -> Result<Plan, config::Problems> {
    // a basic string of TOML escapes like one of JSON
    let string = serde_json::Value::from;
    let key =
        api_key_env.map_or(String::new(), |name| format!("endpoints.main.api_key.env = {}\n", string(name)));
    let text = format!(
        "version = 1\nname = \"probe\"\nrun.ready_timeout = \"{READY_TIMEOUT}\"\nendpoints.main.url = {}\n{key}\
         phases.load = {{ requests = 1, load.closed.users = 1 }}\n",
        string(url),
    );
    let mut cases = compile("URL", &text, overrides, &Machine::default(), &mut Datasets::default())?;
    Ok(cases.remove(0))
}

impl Target {
    /// Endpoint `index` of a plan.
    pub(super) fn new(plan: &Plan, index: usize) -> Self {
        let mut plan = plan.clone();
        plan.endpoints = vec![plan.endpoints[index].clone()];
        plan.steps.retain(|step| matches!(step.work, Work::Ready { .. }));
        plan.steps.truncate(1);
        for step in &mut plan.steps {
            step.work = Work::Ready { endpoints: vec![0] };
        }
        Self { plan }
    }

    /// Asks for something else than the file says.
    pub(super) fn change(&mut self, protocol: Option<Protocol>, model: Option<&str>) {
        let endpoint = &mut self.plan.endpoints[0];
        endpoint.protocol = protocol.unwrap_or(endpoint.protocol);
        endpoint.stream &= endpoint.protocol.generates();
        endpoint.check.take_if(|_| !endpoint.protocol.generates());
        if let Some(model) = model {
            endpoint.model = Model::Named(model.to_owned());
        }
    }

    fn endpoint(&self) -> &PlannedEndpoint {
        &self.plan.endpoints[0]
    }

    /// Waits until it answers.
    pub(super) async fn bind(
        &self,
        simulated: &[Option<String>],
        datasets: &mut Datasets,
    ) -> anyhow::Result<Binding> {
        let sources = sources(&self.plan, datasets)?;
        let mut bindings = engine::ready(&self.plan, simulated, &sources, &read_secret).await?;
        bindings.pop().context("no endpoint to probe")
    }

    /// Sends the request.
    pub(super) async fn ask(&self, binding: &Binding, ask: &Ask) -> anyhow::Result<engine::Probed> {
        Ok(engine::probe(self.endpoint(), self.plan.seed, binding.clone(), ask).await?)
    }
}
