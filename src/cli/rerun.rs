//! `scenario rerun`: the plan of a run folder, once more.

use std::path::{Path, PathBuf};

use super::{
    Output,
    exit::Exit,
    gate::{AgainstSaved, Gate},
    permissions::Permissions,
    plan::saved,
    rebuild::look_for_run,
    run::{run_plans, sources, unsent},
    terminal::{self, Terminal},
};
use crate::{
    config::Webhook,
    machine::Machine,
    plan::{Plan, experiment_of, unsafe_in},
    workload::Datasets,
};

/// Arguments of `rerun`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Run folder whose plan is run again
    #[arg(value_name = "RUN")]
    run: PathBuf,
    #[command(flatten)]
    permissions: Permissions,
    /// Start the services of the plan, programs that whoever wrote it chose
    #[arg(long)]
    allow_services: bool,
    /// Send alerts to the webhook of the plan, which whoever wrote it chose, with the secrets that its headers name
    #[arg(long)]
    allow_webhook: bool,
    #[command(flatten)]
    against: AgainstSaved,
    #[command(flatten)]
    output: Output,
}

pub(super) fn rerun(arguments: &Arguments, terminal: Terminal) -> anyhow::Result<Exit> {
    let folder = &arguments.run;
    let mut plan = match plan_of(folder) {
        Ok(plan) => plan,
        Err(problem) => {
            terminal::say(&format!("error: {problem}"));
            return Ok(Exit::Usage);
        }
    };
    if let Err(problems) = arguments.permissions.renew(&mut plan) {
        terminal::say(&problems.render(terminal.color_err()));
        return Ok(Exit::Usage);
    }
    let findings = unsafe_in(&plan);
    if !findings.is_empty() {
        for finding in findings {
            terminal::say(&format!("error: {}\n  help: {}", finding.message, finding.help));
        }
        terminal::say(&format!("the plan of `{}` cannot be run; nothing was sent", folder.display()));
        return Ok(Exit::Usage);
    }
    if !arguments.allow_services && !plan.services.is_empty() {
        let lines =
            plan.services.iter().map(|service| format!("  {}: {}\n", service.name, service.command_line()));
        terminal::say(&format!(
            "error: the plan of `{}` starts programs, which whoever wrote it chose:\n{}  help: if you trust them, add \
             `--allow-services`\nnothing was started",
            folder.display(),
            lines.collect::<String>()
        ));
        return Ok(Exit::Usage);
    }
    if !arguments.allow_webhook
        && let Some(webhook) = plan.webhook.take()
    {
        terminal::say(&format!(
            "alerts are not sent to {}, which whoever wrote the plan chose: add `--allow-webhook` to let them{}",
            webhook.place(),
            secrets_of(&webhook)
        ));
    }
    let mut datasets = Datasets::default();
    if let Err(problem) = sources(&plan, &mut datasets) {
        terminal::say(&format!(
            "error: {problem}\nthe plan of `{}` cannot be run; nothing was sent",
            folder.display()
        ));
        return Ok(Exit::Usage);
    }
    let (machine, plans) = (Machine::detect(), [(folder.clone(), plan)]);
    let gate = match Gate::on_baseline(&arguments.against, &plans, &machine, &arguments.output.results) {
        Ok(gate) => gate,
        Err(problem) => return Ok(unsent(&problem)),
    };
    run_plans(&plans, &mut datasets, &machine, gate.as_ref(), &arguments.output, terminal)
}

/// Which secrets of this machine would go with each message, for people; nothing where none would.
fn secrets_of(webhook: &Webhook) -> String {
    let headers: Vec<String> = webhook
        .headers
        .iter()
        .filter(|(_, text)| text.secret().is_some())
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    if headers.is_empty() {
        return String::new();
    }
    format!(", with what is kept here for {}", headers.join(" and "))
}

/// The plan of a run as this program runs it again: the same experiment, under a note of where it comes from.
fn plan_of(folder: &Path) -> Result<Plan, String> {
    look_for_run(folder)?;
    let mut plan =
        saved(folder).map_err(|error| format!("{error:#}\n  help: run its scenario with `scenario run`"))?;
    if experiment_of(&plan) != plan.experiment {
        return Err(format!(
            "`{}` was planned by `scenario` {}, and this version would send something else\n  help: run its scenario \
             with `scenario run`: the results are those of another experiment",
            folder.display(),
            plan.tool_version
        ));
    }
    env!("CARGO_PKG_VERSION").clone_into(&mut plan.tool_version);
    let name =
        folder.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    // one run alone is no group
    (plan.group, plan.repeat, plan.repeats) = (None, None, 1);
    plan.rerun_of = Some(name.unwrap_or_else(|| folder.display().to_string()));
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{HeaderText, Secret};

    #[test]
    fn the_secrets_that_would_go_with_alerts_are_told() {
        let text = |text: &str| HeaderText::Text(text.to_owned());
        let mut webhook = Webhook {
            url: text("http://127.0.0.1:9/"),
            headers: [("x-team".to_owned(), text("blue"))].into(),
        };
        assert_eq!(secrets_of(&webhook), "");
        let kept = HeaderText::Secret(Secret::Env("TOKEN".to_owned()));
        webhook.headers.insert("authorization".to_owned(), kept);
        assert_eq!(secrets_of(&webhook), ", with what is kept here for `authorization`");
    }
}
