//! `scenario baseline`: runs under a name, against which later ones are held.

use std::path::PathBuf;

use super::{
    exit::Exit,
    gate::{fields, no_such_baseline},
    sides::{Owned, folders},
    terminal,
};
use crate::{
    compare::{self, Baseline, obstacles, tests_of, too_few},
    store,
    units::show_count_of,
};

/// Arguments of `baseline`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
    /// Folder in which `runs/` and `baselines/` are
    #[arg(long, value_name = "DIR", default_value = "results", global = true)]
    results: PathBuf,
}

/// What to do with baselines.
#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Put runs of one plan under a name, in place of what stood under it
    Set {
        /// The name
        #[arg(value_name = "NAME")]
        name: String,
        /// Run folders; one of several repeats stands for all of them
        #[arg(required = true, value_name = "RUN")]
        runs: Vec<PathBuf>,
    },
    /// List all baselines
    List,
    /// Remove a baseline; its runs stay
    Remove {
        /// The name
        #[arg(value_name = "NAME")]
        name: String,
    },
}

pub(super) fn baseline(arguments: &Arguments) -> anyhow::Result<Exit> {
    let results = &arguments.results;
    match &arguments.action {
        Action::Set { name, runs } => match collect(name, runs)? {
            Ok(baseline) => {
                let path = store::save_baseline(results, &baseline)?;
                terminal::print(&format!("{} → {}", line(&baseline), path.display()));
            }
            Err(problem) => {
                terminal::say(&format!("error: {problem}"));
                return Ok(Exit::Usage);
            }
        },
        Action::List => {
            for name in store::baselines(results) {
                terminal::print(&line(&store::load_baseline(results, &name)?));
            }
        }
        Action::Remove { name } => {
            if !store::baselines(results).contains(name) {
                terminal::say(&format!("error: {}", no_such_baseline(results, name)));
                return Ok(Exit::Usage);
            }
            store::remove_baseline(results, name)?;
        }
    }
    Ok(Exit::Pass)
}

/// The baseline that runs make; the inner error is why they make none.
fn collect(name: &str, runs: &[PathBuf]) -> anyhow::Result<Result<Baseline, String>> {
    if !store::is_baseline_name(name) {
        return Ok(Err(format!(
            "`{name}` cannot be the name of a baseline\n  help: use letters, digits, `.`, `_` and `-`"
        )));
    }
    let folders = match folders(runs) {
        Ok(folders) => folders,
        Err(problem) => return Ok(Err(problem)),
    };
    let Some(side) = Owned::read(name, &folders)? else {
        return Ok(Err("a baseline has one run at least".to_owned()));
    };
    for (i, (plan, system)) in side.others.iter().enumerate() {
        let found = obstacles((&side.plan, &side.system.machine), (plan, &system.machine));
        if !found.is_empty() {
            return Ok(Err(format!(
                "`{}` and `{}` are not runs of one experiment on one machine\n{}  help: name runs of the same plan",
                side.figures[0].name,
                side.figures[i + 1].name,
                fields(&found)
            )));
        }
    }
    if side.unfit.len() == folders.len()
        && let Some(reason) = side.unfit.first()
    {
        return Ok(Err(format!(
            "{reason}\n  help: leave it out: it is no measurement to hold others against"
        )));
    }
    for reason in &side.unfit {
        terminal::say(&format!("left out: {reason}"));
    }
    let Owned { plan, system, figures, .. } = side;
    Ok(Ok(Baseline { format: compare::FORMAT, name: name.to_owned(), plan, system, runs: figures }))
}

/// A baseline on one line, with what it can decide.
fn line(baseline: &Baseline) -> String {
    let Baseline { name, plan, runs, .. } = baseline;
    let count = runs.len() as u64;
    let short = too_few(count, 1, tests_of(plan)).map_or(String::new(), |reason| format!("; {reason}"));
    format!("{name}: {} of {} on {}{short}", show_count_of(count, "run"), plan.title(), plan.platform.name)
}
