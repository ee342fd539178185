//! `scenario init`: a starter scenario for a server, after a look at it.

use std::{fs::OpenOptions, io::Write as _};

use anyhow::Context as _;
use tokio::runtime::Runtime;

use super::{
    Overrides,
    exit::Exit,
    permissions::Permissions,
    probe::{Target, at_url, problem_of},
    starter::{self, Server, quoted},
    terminal::{self, Terminal},
};
use crate::{
    catalog::Protocol, config::Address, engine::Ask, protocol::Dialect, record::Outcome, workload::Datasets,
};

/// What `--help` says about exit codes.
pub(super) const HELP: &str = "\
Exit codes:
  0  the file was written
  2  wrong usage, or the file exists; nothing was sent
  4  the server did not answer, or the file cannot be written";

/// The model that is asked for where the server lists none; servers with a single one rarely look at the name.
const UNNAMED: &str = "default";

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Base URL of a server, such as `http://127.0.0.1:8080/v1`; `/v1` may be left out
    #[arg(value_name = "URL")]
    url: String,
    /// The file to write, which must not exist; `-` for the standard output
    #[arg(long, value_name = "FILE", default_value = "scenario.toml")]
    out: String,
    /// Write the file without looking at the server
    #[arg(long)]
    offline: bool,
    /// Environment variable that holds the key of the server
    #[arg(long, value_name = "NAME")]
    api_key_env: Option<String>,
    /// Let requests go to this public host; may be repeated
    #[arg(long = "allow-host", value_name = "HOST")]
    hosts: Vec<String>,
}

/// What is known of a server.
#[derive(Debug)]
struct Found {
    url: String,
    protocol: Protocol,
    /// As listed; the first is taken.
    models: Result<Vec<String>, String>,
    looked: bool,
}

pub(super) fn init(arguments: &Arguments, terminal: Terminal) -> anyhow::Result<Exit> {
    let Arguments { url, out, offline, api_key_env, hosts } = arguments;
    if out != "-" && std::fs::exists(out).with_context(|| format!("cannot look at `{out}`"))? {
        terminal::say(&format!("error: `{out}` exists\n  help: `--out FILE` writes another one"));
        return Ok(Exit::Usage);
    }
    let overrides = Overrides { permissions: Permissions::to_load(hosts), ..Overrides::default() };
    let plan = match at_url(url, api_key_env.as_deref(), &overrides) {
        Ok(plan) => plan,
        Err(problems) => {
            terminal::say(&problems.render(terminal.color_err()));
            return Ok(Exit::Usage);
        }
    };
    let Address::Url(url) = &plan.endpoints[0].address else {
        terminal::say(
            "error: a simulated server is not looked at\n  help: give a url such as `http://127.0.0.1:8080/v1`",
        );
        return Ok(Exit::Usage);
    };
    let found = if *offline {
        let (url, models) = (url.clone(), Err("not asked".to_owned()));
        Found { url, protocol: Protocol::OpenaiChat, models, looked: false }
    } else {
        let runtime = Runtime::new().context("cannot start the runtime")?;
        match runtime.block_on(look(url, api_key_env.as_deref(), &overrides))? {
            Ok(found) => found,
            Err(tried) => {
                terminal::say(&format!(
                    "error: no model answered at {url}; tried\n    {}\n  help: start the server or correct the url; \
                     `--api-key-env NAME` where it asks for a key; `scenario init {url} --offline` writes a starter \
                     file without looking",
                    tried.join("\n    ")
                ));
                return Ok(Exit::Environment);
            }
        }
    };
    let server = found.server(api_key_env.clone(), plan.limits.allow_hosts);
    let about =
        if found.looked { format!("{}.", found.url) } else { format!("{}, not looked at yet.", found.url) };
    let text = starter::first_look(&server, &about, if out == "-" { "scenario.toml" } else { out });
    if out == "-" {
        terminal::print(&text);
        return Ok(Exit::Pass);
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(out)
        .with_context(|| format!("cannot create `{out}`"))?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write `{out}`"))?;
    terminal::print(&format!(
        "{}\nwrote `{out}`; next:\n  scenario check {out}\n  scenario run {out}",
        found.sentence()
    ));
    Ok(Exit::Pass)
}

/// Looks under the URL and under its `/v1` for something that answers a request of one token, chat first. The inner
/// error is everything that was tried.
async fn look(
    url: &str,
    api_key_env: Option<&str>,
    overrides: &Overrides,
) -> anyhow::Result<Result<Found, Vec<String>>> {
    let mut bases = vec![url.to_owned()];
    if !url.ends_with("/v1") {
        bases.push(format!("{url}/v1"));
    }
    let ask = Ask { prompt: Some("Say one word.".to_owned()), max_tokens: Some(1) };
    let mut tried = Vec::new();
    for base in bases {
        let plan = at_url(&base, api_key_env, overrides)
            .map_err(|problems| anyhow::anyhow!(problems.render(false)))?;
        let mut target = Target::new(&plan, 0);
        // any name will do until the server has been asked for its own
        target.change(None, Some(UNNAMED));
        let models = match target.bind(&[None], &mut Datasets::default()).await {
            Ok(binding) => binding.models,
            Err(problem) => {
                tried.push(problem_of(&problem));
                continue;
            }
        };
        if let Err(instead) = &models {
            tried.push(format!("`GET {base}/models`: {instead}"));
        }
        target.change(None, models.as_ref().ok().and_then(|models| Some(models.first()?.as_str())));
        for protocol in
            Protocol::ALL.into_iter().filter(|protocol| protocol.generates() && !protocol.is_described())
        {
            target.change(Some(protocol), None);
            let binding = target.bind(&[None], &mut Datasets::default()).await?;
            let record = target.ask(&binding, &ask).await?.record;
            // the one token may be one without text
            if matches!(record.outcome, Outcome::Ok | Outcome::Empty) {
                return Ok(Ok(Found { url: base, protocol, models, looked: true }));
            }
            let error = record.error.unwrap_or_else(|| record.outcome.name().to_owned());
            tried.push(format!("`POST {base}{}`: {error}", Dialect::of(protocol, None).path(true)));
        }
    }
    Ok(Err(tried))
}

impl Found {
    /// What was found, for people.
    fn sentence(&self) -> String {
        let Self { url, protocol, .. } = self;
        if !self.looked {
            return format!("did not look at {url}");
        }
        let models = match self.models.as_deref() {
            Ok([only]) => format!("model `{only}`"),
            Ok([first, rest @ ..]) => format!("model `{first}` and {} more", rest.len()),
            Ok([]) | Err(_) => "no list of models".to_owned(),
        };
        format!("found {} at {url}, {models}", protocol.name())
    }

    /// It, as a scenario names it.
    fn server(&self, api_key_env: Option<String>, allow_hosts: Vec<String>) -> Server {
        let (model, model_note) = match self.models.as_deref() {
            Ok([first, rest @ ..]) => (
                first.as_str(),
                match rest {
                    [] => "the only one that the server lists".to_owned(),
                    rest => {
                        let names: Vec<_> = rest.iter().map(|name| quoted(name)).collect();
                        format!("the first that the server lists; others: {}", names.join(", "))
                    }
                },
            ),
            Ok([]) | Err(_) if self.looked => (UNNAMED, "the server lists none: name yours".to_owned()),
            Ok([]) | Err(_) => ("auto", "the first that the server lists".to_owned()),
        };
        let (url, protocol, model) = (self.url.clone(), self.protocol, model.to_owned());
        Server { url, protocol, model, model_note, api_key_env, allow_hosts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Input, Model, load},
        machine::Machine,
        plan,
    };

    /// The plan that the starter file of a server has.
    fn compiled(models: Result<&[&str], &str>, looked: bool) -> plan::Plan {
        let models = models
            .map(|models| models.iter().map(|name| (*name).to_owned()).collect())
            .map_err(str::to_owned);
        let url = "http://127.0.0.1:8080/v1".to_owned();
        let found = Found { url, protocol: Protocol::OpenaiCompletions, models, looked };
        let text = starter::first_look(&found.server(None, Vec::new()), "it.", "my.toml");
        assert!(!text.contains('@'), "{text}");
        let input = Input { name: "my.toml", text: &text, platform: None, sets: &[] };
        plan::compile(&load(&input, &Machine::default(), &|_| None, &crate::cli::load::read).expect(&text)[0])
    }

    #[test]
    fn the_starter_is_a_scenario_whatever_the_server_is() {
        let odd = "a \"model\" of ${HOME} \\ and\nlines";
        for (models, looked, model) in [
            (Ok(&["one"][..]), true, "one"),
            (Ok(&["one", odd]), true, "one"),
            (Ok(&[odd]), true, odd),
            (Ok(&[]), true, UNNAMED),
            (Err("404 Not Found"), true, UNNAMED),
        ] {
            let plan = compiled(models, looked);
            assert_eq!(plan.endpoints[0].model, Model::Named(model.to_owned()), "{models:?}");
            assert_eq!(plan.endpoints[0].protocol, Protocol::OpenaiCompletions);
            assert_eq!(plan.warnings, [""; 0], "{models:?}");
        }
        assert_eq!(compiled(Err("not asked"), false).endpoints[0].model, Model::Auto);
    }

    #[test]
    fn the_starter_takes_a_few_minutes_at_most() {
        let plan = compiled(Ok(&["one"]), true);
        let longest: f64 =
            plan.loads().map(|(_, load)| load.duration.expect("every phase has an end").as_secs_f64()).sum();
        assert!(longest <= 240.0, "{longest} s");
    }
}
