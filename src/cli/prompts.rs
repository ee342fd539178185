//! `scenario prompts`: what a run would send, without sending it.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::Value;

use super::{
    Overrides,
    exit::Exit,
    load::{load, plural},
    run::sources,
    terminal::{self, Terminal},
};
use crate::{
    config::Model,
    machine::Machine,
    plan::{Plan, PlannedEndpoint, Step, arrivals_of, chosen_by, describe::step_name, model_of, request_of},
    protocol::{Ask, Dialect},
    units::show_count,
    workload::{Counter, Datasets, Prompt, Source},
};

/// Arguments of `prompts`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Scenario file
    #[arg(value_name = "FILE")]
    file: String,
    /// How many requests to show
    #[arg(short, long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    number: u64,
    /// Only requests to this endpoint
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
    /// Only requests of this phase
    #[arg(long, value_name = "NAME")]
    phase: Option<String>,
    /// Print the body of each request, as one JSON document per line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    overrides: Overrides,
}

/// A request as a line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    phase: &'a str,
    step: &'a str,
    endpoint: &'a str,
    /// Of all its prompts, by the tokenizer of the endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_tokens: Option<u64>,
    /// The same by an estimate, where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_prompt_tokens: Option<u64>,
    /// Asked for in each answer; 0 where the model writes none.
    output_tokens: u32,
    body: Value,
}

pub(super) fn prompts(arguments: &Arguments, terminal: Terminal) -> anyhow::Result<Exit> {
    let mut datasets = Datasets::default();
    let file = std::slice::from_ref(&arguments.file);
    let loaded = load(file, &arguments.overrides, &Machine::detect(), &mut datasets, terminal);
    let plans: Option<Vec<Plan>> = match loaded {
        Ok(loaded) => {
            loaded.into_iter().map(|loaded| loaded.plans).collect::<Option<Vec<_>>>().map(|all| all.concat())
        }
        Err(problem) => return Ok(usage(&problem)),
    };
    let Some(plans) = plans else { return Ok(Exit::Usage) };
    let [plan] = plans.as_slice() else {
        return Ok(usage(&format!(
            "`{}` has {}\n  help: name one file, and pin the axes of a matrix by `--set`",
            arguments.file,
            plural(plans.len(), "plan")
        )));
    };
    if let Some(problem) = unknown(arguments, plan) {
        return Ok(usage(&problem));
    }
    let sources = sources(plan, &mut datasets)?;
    let mut left = arguments.number;
    let steps =
        plan.steps.iter().filter(|step| arguments.phase.as_ref().is_none_or(|name| step.phase == *name));
    for step in steps {
        left = show_step(arguments, plan, &sources, step, left)?;
    }
    if left == arguments.number {
        return Ok(usage(
            "no request of the plan is one of those\n  help: leave out `--phase` or `--endpoint`",
        ));
    }
    Ok(Exit::Pass)
}

/// A name among the arguments that the plan does not have.
fn unknown(arguments: &Arguments, plan: &Plan) -> Option<String> {
    let endpoints: Vec<&str> = plan.endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
    let mut phases: Vec<&str> = plan.loads().map(|(step, _)| step.phase.as_str()).collect();
    phases.dedup();
    let asked =
        [("endpoint", &arguments.endpoint, endpoints), ("phase with requests", &arguments.phase, phases)];
    asked.into_iter().find_map(|(kind, name, known)| {
        let name = name.as_ref().filter(|name| !known.contains(&name.as_str()))?;
        let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
        Some(format!("no {kind} `{name}`\n  help: known: {}", known.join(", ")))
    })
}

/// Shows so many requests of a step, where it has them and they go to the endpoint that is asked for; returns how many
/// are still to be shown.
fn show_step(
    arguments: &Arguments,
    plan: &Plan,
    sources: &[Source],
    step: &Step,
    mut left: u64,
) -> anyhow::Result<u64> {
    let Some(load) = step.load() else { return Ok(left) };
    // a step without an end would be looked through for ever
    if !load.traffic.iter().any(|traffic| traffic.share > 0.0 && is_shown(arguments, plan, traffic.endpoint))
    {
        return Ok(left);
    }
    // an open loop has those of its schedule; a closed one without a number goes on while its time lasts
    let mut due = arrivals_of(plan, step, |endpoint| &sources[endpoint]);
    let mut more = |index: u64| match &mut due {
        Some(due) => due.next().is_some(),
        None => load.requests.is_none_or(|requests| index < requests),
    };
    let mut index = 0;
    while left > 0 && more(index) {
        let seq = load.first_seq + index;
        index += 1;
        let (endpoint, prompts) = request_of(plan, load, seq, |endpoint| &sources[endpoint]);
        if !is_shown(arguments, plan, endpoint) {
            continue;
        }
        let prompts = prompts?;
        let model = model_of(&plan.endpoints[endpoint].model, plan.seed, chosen_by(plan, load, seq));
        let first = left == arguments.number;
        left -= 1;
        if arguments.json {
            terminal::print(&line(plan, step, endpoint, model, seq, &prompts, sources[endpoint].counter())?);
        } else {
            let text = text(plan, step, endpoint, model, seq, &prompts, sources[endpoint].counter());
            terminal::print(&if first { text } else { format!("\n{text}") });
        }
    }
    Ok(left)
}

fn is_shown(arguments: &Arguments, plan: &Plan, endpoint: usize) -> bool {
    arguments.endpoint.as_ref().is_none_or(|name| plan.endpoints[endpoint].name == *name)
}

fn text(
    plan: &Plan,
    step: &Step,
    endpoint: usize,
    model: &str,
    seq: u64,
    prompts: &[Prompt],
    counter: &Counter,
) -> String {
    let endpoint = &plan.endpoints[endpoint];
    let (name, step) = (&endpoint.name, step_name(step));
    let model = match &endpoint.model {
        Model::Mix(_) => format!(" · {model}"),
        Model::Auto | Model::Named(_) => String::new(),
    };
    let mut text = String::new();
    for (place, prompt) in prompts.iter().enumerate() {
        let place = if prompts.len() > 1 {
            format!(", prompt {} of {}", place + 1, prompts.len())
        } else {
            String::new()
        };
        if !text.is_empty() {
            text.push('\n');
        }
        // writing to a string cannot fail
        let _ = writeln!(
            text,
            "── request {seq}{place} · {step} · {name}{model} · {}{} prompt tokens, {} output tokens asked for",
            counter.about(),
            show_count(u64::from(counter.count(&prompt.text))),
            show_count(u64::from(endpoint.output_tokens(prompt.output_tokens))),
        );
        let _ = writeln!(text, "{}", prompt.text);
    }
    text
}

fn line(
    plan: &Plan,
    step: &Step,
    endpoint: usize,
    model: &str,
    seq: u64,
    prompts: &[Prompt],
    counter: &Counter,
) -> anyhow::Result<String> {
    let endpoint = &plan.endpoints[endpoint];
    let tokens = prompts.iter().map(|prompt| u64::from(counter.count(&prompt.text))).sum();
    Ok(serde_json::to_string(&Line {
        seq,
        phase: &step.phase,
        step: &step.name,
        endpoint: &endpoint.name,
        prompt_tokens: counter.is_exact().then_some(tokens),
        estimated_prompt_tokens: (!counter.is_exact()).then_some(tokens),
        output_tokens: endpoint.output_tokens(asked_for(prompts)),
        body: serde_json::from_slice(&body(endpoint, model, prompts)).context("the body is no JSON")?,
    })?)
}

/// The bytes of a request.
fn body(endpoint: &PlannedEndpoint, model: &str, prompts: &[Prompt]) -> Vec<u8> {
    let texts: Vec<&str> = prompts.iter().map(|prompt| prompt.text.as_str()).collect();
    let ask = Ask::of(endpoint, model, &texts, asked_for(prompts));
    Dialect::of(endpoint.protocol, endpoint.http.as_ref()).body(&ask)
}

/// The tokens of output that a request asks for: one limit for all of its prompts.
fn asked_for(prompts: &[Prompt]) -> u32 {
    prompts.first().map_or(1, |prompt| prompt.output_tokens)
}

fn usage(problem: &str) -> Exit {
    terminal::say(&format!("error: {problem}"));
    Exit::Usage
}
