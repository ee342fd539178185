//! `scenario run`: the whole pipeline, once per scenario, one after another.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde_json::Value;
use time::OffsetDateTime;
use tokio::runtime::Runtime;

use super::{
    Output, Overrides,
    by_url::{self, ByUrl},
    calibrate,
    exit::Exit,
    gate::{Against, Gate, in_turn},
    load::{Loaded, examine, plural, say_problems},
    once::{Place, Ran, run_one},
    problems,
    rebuild::{check_writable, write_json},
    signals::Signals,
    terminal::{self, Terminal},
};
use crate::{
    config::{self, Ceiling, HeaderText, Secret, Vocabulary, Workload},
    engine::Budget,
    machine::Machine,
    plan::{Plan, PlannedEndpoint, estimate, unsafe_together},
    report, store,
    workload::{Datasets, OpenError, Source},
};

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Scenario files or patterns such as 'plans/*.toml'
    #[arg(required_unless_present = "url", value_name = "FILES")]
    files: Vec<String>,
    #[command(flatten)]
    by_url: ByUrl,
    #[command(flatten)]
    overrides: Overrides,
    /// Look for 5 s what this machine can do before anything is sent, as `run.calibrate = true` does
    #[arg(long)]
    calibrate: bool,
    /// Run each scenario so often, as `run.repeats` says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    repeats: Option<u32>,
    #[command(flatten)]
    against: Against,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(mut arguments: Arguments, terminal: Terminal) -> anyhow::Result<Exit> {
    arguments.overrides.sets.extend(arguments.repeats.map(|repeats| format!("run.repeats={repeats}")));
    let arguments = &arguments;
    let machine = Machine::detect();
    // with `conflicts_with`, clap would no longer ask for `--url` where a file stands beside another of its flags
    if arguments.by_url.url.is_some() && !arguments.files.is_empty() {
        terminal::say(
            "error: files and `--url` exclude each other\n  help: `--set endpoints.NAME.url=URL` puts another url into a \
             file",
        );
        return Ok(Exit::Usage);
    }
    let mut datasets = Datasets::default();
    let loaded = match arguments.by_url.text(&arguments.overrides) {
        Some(text) => by_url(&text, arguments, &machine, &mut datasets, terminal),
        None => from_files(arguments, &machine, &mut datasets, terminal),
    };
    let Some(loaded) = loaded else { return Ok(Exit::Usage) };
    if arguments.by_url.print {
        return Ok(Exit::Pass);
    }
    let mut plans: Vec<(PathBuf, Plan)> = loaded.into_iter().flat_map(runs).collect();
    if arguments.against.interleave {
        plans = match in_turn(plans) {
            Ok(plans) => plans,
            Err(problem) => return Ok(unsent(&problem)),
        };
    }
    for (_, plan) in &mut plans {
        settle_files(plan)?;
        plan.calibrate |= arguments.calibrate;
    }
    let gate = match Gate::open(&arguments.against, &plans, &machine, &arguments.output.results) {
        Ok(gate) => gate,
        Err(problem) => return Ok(unsent(&problem)),
    };
    run_plans(&plans, &mut datasets, &machine, gate.as_ref(), &arguments.output, terminal)
}

/// Says why nothing was sent.
pub(super) fn unsent(problem: &str) -> Exit {
    terminal::say(&format!("error: {problem}\nnothing was sent"));
    Exit::Usage
}

/// The plans of all files; `None` after it was said what is wrong with any.
fn from_files(
    arguments: &Arguments,
    machine: &Machine,
    datasets: &mut Datasets,
    terminal: Terminal,
) -> Option<Vec<Loaded>> {
    let examined = match examine(&arguments.files, &arguments.overrides, machine, datasets) {
        Ok(examined) => examined,
        Err(usage) => {
            terminal::say(&format!("error: {usage}"));
            return None;
        }
    };
    problems::annotate(&examined);
    let loaded = say_problems(examined, terminal);
    let broken = loaded.iter().filter(|loaded| loaded.plans.is_none()).count();
    if broken > 0 {
        let files = plural(loaded.len(), "file");
        terminal::say(&format!("{broken} of {files} cannot be run; nothing was sent"));
        return None;
    }
    // of one file it was said where it stands
    let together = unsafe_together(loaded.iter().filter_map(|loaded| loaded.plans.as_ref()).flatten());
    for finding in &together {
        terminal::say(&format!("error: {}\n  help: {}", finding.message, finding.help));
    }
    if !together.is_empty() {
        terminal::say("these files cannot be run by one command; nothing was sent");
        return None;
    }
    Some(loaded)
}

/// The plans of the scenario that stands for flags, which is printed where that is asked for; `None` after it was said
/// what is wrong with them.
fn by_url(
    text: &str,
    arguments: &Arguments,
    machine: &Machine,
    datasets: &mut Datasets,
    terminal: Terminal,
) -> Option<Vec<Loaded>> {
    if arguments.by_url.print {
        terminal::print(text);
    }
    match by_url::plans(text, &arguments.overrides, machine, datasets) {
        Ok(plans) => Some(vec![Loaded { file: by_url::NAME.into(), plans: Some(plans) }]),
        Err(problems) => {
            arguments.by_url.say(&problems, terminal);
            terminal::say("this cannot be run; nothing was sent");
            None
        }
    }
}

/// Lets the files of secrets, of TLS, of tokenizers and of prompts in a plan, and the folders of services, be found from every folder, so that it can be run again from another
/// one.
pub(super) fn settle_files(plan: &mut Plan) -> anyhow::Result<()> {
    for endpoint in &mut plan.endpoints {
        let headers = endpoint.headers.values_mut().filter_map(HeaderText::file_mut);
        let key = endpoint.api_key.iter_mut().filter_map(Secret::file_mut);
        let data = match &mut endpoint.workload {
            Workload::Dataset(dataset) => Some(&mut dataset.file.path),
            Workload::Trace(trace) => Some(&mut trace.file.path),
            Workload::Synthetic(_) | Workload::Snippets(_) | Workload::Conversation(_) => None,
        };
        let tokenizer = match endpoint.tokenizer.as_mut().map(|tokenizer| &mut tokenizer.vocabulary) {
            Some(Vocabulary::File(path)) => Some(path),
            Some(Vocabulary::Encoding(_)) | None => None,
        };
        for path in endpoint.tls.paths_mut().chain(data).chain(tokenizer).chain(key).chain(headers) {
            settle_path(path)?;
        }
    }
    for text in plan.webhook.iter_mut().flat_map(config::Webhook::texts_mut) {
        text.file_mut().map_or(Ok(()), settle_path)?;
    }
    for service in &mut plan.services {
        let texts = service.environment.values_mut().chain(&mut service.args);
        for path in texts.filter_map(HeaderText::file_mut).chain([&mut service.folder]) {
            settle_path(path)?;
        }
    }
    Ok(())
}

fn settle_path(path: &mut String) -> anyhow::Result<()> {
    let whole = std::path::absolute(&*path).with_context(|| format!("cannot place `{path}`"))?;
    *path = whole.display().to_string();
    Ok(())
}

/// Runs plans one after another, each under the name of the file that it came from, and holds them against a baseline where
/// there is one. The worst exit code counts.
pub(super) fn run_plans(
    plans: &[(PathBuf, Plan)],
    datasets: &mut Datasets,
    machine: &Machine,
    gate: Option<&Gate>,
    output: &Output,
    terminal: Terminal,
) -> anyhow::Result<Exit> {
    if let Some(file) = &output.json {
        check_writable(file)?;
    }
    let first = |plan: &&Plan| plan.repeat.is_none_or(|n| n == 1);
    let all: Vec<&Plan> = plans.iter().map(|(_, plan)| plan).filter(first).collect();
    let loads: Vec<&Plan> = all.iter().copied().filter(|plan| !plan.watches()).collect();
    if estimate::is_long(&loads) && !output.quiet {
        terminal::say(&format!("this takes a while:\n{}", estimate::text(&loads)));
    }
    // what this machine can send says nothing of what sends nothing
    let calibration = calibrate::before_run(loads.iter().copied(), machine, output.quiet)?
        .or_else(|| calibrate::known(machine, output.quiet).filter(|_| !loads.is_empty()));
    if let Some(calibration) = calibration.as_ref().filter(|_| !output.quiet) {
        calibrate::say_beyond(loads.iter().copied(), calibration);
    }
    let place = Place { machine, calibration };
    // what is measured has threads of its own
    let runtime = runtime()?;
    // one for all scenarios: an interruption between two of them must not be lost
    let mut signals = runtime.block_on(async { Signals::new() }).context("cannot listen for signals")?;
    // repeats have a table of their own
    let several = all.len() > 1;
    let mut worst = Exit::Pass;
    let mut rows = Vec::new();
    let budgets = Budgets::new(plans);
    for (file, plan) in plans {
        if plans.len() > 1 && !output.quiet {
            let which = plan.repeat.map_or(String::new(), |n| format!(", repeat {n} of {}", plan.repeats));
            terminal::say(&format!("── {} ({}){which}", plan.title(), file.display()));
        }
        let budgets = budgets.of(file, plan);
        let ran = sources(plan, datasets)
            .map_err(anyhow::Error::from)
            .and_then(|sources| {
                runtime.block_on(run_one(plan, &sources, budgets, &place, output, &mut signals, terminal))
            })
            .unwrap_or_else(|error| {
                terminal::error(&error);
                Ran { exit: Exit::Environment, rebuilt: None }
            });
        worst = worst.max(ran.exit);
        if let Some(rebuilt) = &ran.rebuilt {
            terminal::print(&if output.quiet {
                report::line(&rebuilt.report()).to_string()
            } else {
                report::terminal(&rebuilt.report(), terminal.style())
            });
        }
        rows.push(ran);
        let interrupted = signals.caught();
        if plan.repeat.is_some_and(|n| n == plan.repeats || interrupted) && !output.quiet {
            // those of another plan may stand between them
            let same = |other: &Plan| (&other.group, &other.case) == (&plan.group, &plan.case);
            let repeats = rows.iter().zip(plans).filter(|(_, (_, other))| same(other));
            let reports: Vec<_> =
                repeats.filter_map(|(ran, _)| Some(ran.rebuilt.as_ref()?.report())).collect();
            terminal::print(&report::repeats(&reports, terminal.style()));
        }
        if interrupted {
            break;
        }
    }
    if rows.len() < plans.len() {
        worst = worst.max(Exit::Interrupted);
    }
    if several && !output.quiet {
        let reports: Vec<_> = rows.iter().filter_map(|ran| Some(ran.rebuilt.as_ref()?.report())).collect();
        let cases = report::cases(&reports, terminal.style());
        if !cases.is_empty() {
            terminal::print(&format!("\n{cases}"));
        }
        // a table of cases says of each what it comes to
        let one_matrix =
            plans.iter().all(|(_, plan)| !plan.case.is_empty() && plan.group == plans[0].1.group);
        if cases.is_empty() || !one_matrix {
            let lines: Vec<_> = reports.iter().map(report::line).collect();
            terminal::print(&format!("\n{}", report::several(&lines, terminal.style())));
        }
        let left = plans.len() - reports.len();
        if left > 0 {
            terminal::say(&format!("{} without a report", plural(left, "scenario")));
        }
    }
    if let Some(gate) = gate {
        worst =
            worst.max(gate.judge(rows.iter().filter_map(|ran| ran.rebuilt.as_ref()), output, terminal)?);
    }
    if let Some(file) = &output.json {
        let mut summaries: Vec<_> =
            rows.into_iter().map(|ran| ran.rebuilt.map_or(Value::Null, |rebuilt| rebuilt.json)).collect();
        summaries.resize(plans.len(), Value::Null);
        write_json(file, &summaries)?;
    }
    // a report that was left unfinished is not waited for
    runtime.shutdown_background();
    Ok(worst)
}

/// A runtime with one thread, for signals, readiness and progress.
fn runtime() -> anyhow::Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().context("cannot start the runtime")
}

/// The runs of a file: its cases, each as often as it is repeated. Where they are several, they are one group.
fn runs(loaded: Loaded) -> impl Iterator<Item = (PathBuf, Plan)> {
    let Loaded { file, plans } = loaded;
    let plans = plans.unwrap_or_default();
    let several = plans.len() > 1 || plans.iter().any(|plan| plan.repeats > 1);
    let group = plans.first().filter(|_| several).map(|plan| store::group(plan, OffsetDateTime::now_utc()));
    plans.into_iter().flat_map(move |plan| {
        let (file, group) = (file.clone(), group.clone());
        (1..=plan.repeats).map(move |n| {
            let repeat = (plan.repeats > 1).then_some(n);
            (file.clone(), Plan { group: group.clone(), repeat, ..plan.clone() })
        })
    })
}

/// What the runs of a command may come to: each under its own ceiling, and together those of a file, and all, under the
/// highest of theirs.
struct Budgets {
    whole: Budget,
    files: BTreeMap<PathBuf, Budget>,
}

impl Budgets {
    fn new(plans: &[(PathBuf, Plan)]) -> Self {
        let mut whole: Option<Ceiling> = None;
        let mut files: BTreeMap<PathBuf, Ceiling> = BTreeMap::new();
        for (file, plan) in plans {
            let ceiling = plan.limits.ceiling;
            let of_file = files.entry(file.clone()).or_insert(ceiling);
            *of_file = of_file.max(ceiling);
            whole = Some(whole.map_or(ceiling, |whole| whole.max(ceiling)));
        }
        let files = files.into_iter().map(|(file, ceiling)| (file, Budget::new(ceiling)));
        Self { whole: Budget::new(whole.unwrap_or_default()), files: files.collect() }
    }

    /// Those that bind a run of a file.
    fn of(&self, file: &Path, plan: &Plan) -> Vec<Budget> {
        let shared = self.files.get(file).into_iter().chain([&self.whole]).cloned();
        shared.chain([Budget::new(plan.limits.ceiling)]).collect()
    }
}

/// The workload of each endpoint of a plan, open.
///
/// # Errors
///
/// That a dataset or a tokenizer cannot be used.
pub(super) fn sources(plan: &Plan, datasets: &mut Datasets) -> Result<Vec<Source>, OpenError> {
    let open = |planned: &PlannedEndpoint| {
        datasets.open(&planned.workload_name, &planned.workload, planned.tokenizer.as_ref())
    };
    plan.endpoints.iter().map(open).collect()
}

/// The path of this program, which its children are started by.
pub(super) fn this_program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("cannot find the path of this program")
}
