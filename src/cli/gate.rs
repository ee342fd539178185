//! `--baseline` of `scenario run` and `rerun`, and `--interleave` of `run`: refuses what cannot be compared before anything is sent, and judges
//! afterwards.

use std::path::{Path, PathBuf};

use super::{
    Output,
    compare::Margin,
    exit::Exit,
    rebuild::Rebuilt,
    terminal::{self, Terminal},
};
use crate::{
    compare::{
        Baseline, Call, Comparison, Differing, RunFigures, Side, compare, obstacles, tests_of, too_few,
    },
    machine::Machine,
    plan::Plan,
    report, store,
};

/// Flags that make a run a gate.
#[derive(Debug, clap::Args)]
pub(super) struct Against {
    #[command(flatten)]
    saved: AgainstSaved,
    /// Run two scenarios in turn, first, second, second, first and so on, and hold the second against the first as against a
    /// baseline
    #[arg(long, conflicts_with = "baseline")]
    pub(super) interleave: bool,
}

/// Flags that hold runs against saved ones.
#[derive(Debug, clap::Args)]
pub(super) struct AgainstSaved {
    /// Compare with this baseline afterwards, and end with exit code 1 where a metric with a target has regressed
    #[arg(long, value_name = "NAME")]
    baseline: Option<String>,
    /// Compare although experiment or hardware are not those of the baseline, and say so in the result
    #[arg(long, requires = "baseline")]
    force_baseline: bool,
    #[command(flatten)]
    margin: Margin,
}

/// What runs are held against.
pub(super) struct Gate {
    before: Before,
    margin: f64,
    forced: bool,
}

/// The side that was there first.
enum Before {
    /// Saved runs.
    Baseline(Box<Baseline>),
    /// The runs of this group.
    Group(Option<String>),
}

impl Gate {
    /// The gate that the flags ask for. Says beforehand where the runs cannot decide anything.
    ///
    /// # Errors
    ///
    /// Why these plans cannot be held against that baseline on this machine, in words.
    pub(super) fn open(
        against: &Against,
        plans: &[(PathBuf, Plan)],
        machine: &Machine,
        results: &Path,
    ) -> Result<Option<Self>, String> {
        let Some((_, plan)) = plans.first() else { return Ok(None) };
        if against.interleave {
            let margin = against.saved.margin.share;
            let of_first = plans.iter().filter(|(_, other)| other.group == plan.group).count();
            let second =
                plans.iter().find(|(_, other)| other.group != plan.group).map_or(plan, |(_, plan)| plan);
            warn(too_few(of_first as u64, (plans.len() - of_first) as u64, tests_of(second)));
            return Ok(Some(Self { before: Before::Group(plan.group.clone()), margin, forced: false }));
        }
        Self::on_baseline(&against.saved, plans, machine, results)
    }

    /// The gate of a baseline, likewise.
    pub(super) fn on_baseline(
        against: &AgainstSaved,
        plans: &[(PathBuf, Plan)],
        machine: &Machine,
        results: &Path,
    ) -> Result<Option<Self>, String> {
        let Some((_, plan)) = plans.first() else { return Ok(None) };
        let Some(name) = &against.baseline else { return Ok(None) };
        if !store::baselines(results).contains(name) {
            return Err(no_such_baseline(results, name));
        }
        let baseline = store::load_baseline(results, name).map_err(|error| error.to_string())?;
        if plans.iter().any(|(_, other)| other.experiment != plan.experiment) {
            return Err(format!(
                "baseline `{name}` is one experiment, and these are several\n  help: name one file, and pin the axes of a \
                 matrix by `--set`"
            ));
        }
        let found = obstacles((&baseline.plan, &baseline.system.machine), (plan, machine));
        if !found.is_empty() && !against.force_baseline {
            return Err(format!(
                "baseline `{name}` is not of this experiment on this machine\n{}  help: set a new baseline, or compare all the \
                 same with `--force-baseline`",
                fields(&found)
            ));
        }
        let few = too_few(baseline.runs.len() as u64, plans.len() as u64, tests_of(plan));
        warn(few.map(|reason| format!("baseline `{name}`: {reason}")));
        Ok(Some(Self {
            before: Before::Baseline(Box::new(baseline)),
            margin: against.margin.share,
            forced: !found.is_empty(),
        }))
    }

    /// Holds runs against what was there first: prints what came of it and leaves it in the folder of each. What is no
    /// measurement is left out.
    pub(super) fn judge<'a>(
        &self,
        runs: impl Iterator<Item = &'a Rebuilt>,
        output: &Output,
        terminal: Terminal,
    ) -> anyhow::Result<Exit> {
        let (unfit, fit): (Vec<_>, Vec<_>) = runs.partition(|run| run.unfit().is_some());
        let first = |run: &&Rebuilt| matches!(&self.before, Before::Group(group) if run.report().plan.group == *group);
        let (old, new): (Vec<&Rebuilt>, Vec<&Rebuilt>) = fit.iter().copied().partition(first);
        let [old_figures, new_figures] =
            [&old, &new].map(|runs| runs.iter().map(|run| run.figures()).collect::<Vec<_>>());
        let before = match &self.before {
            Before::Baseline(baseline) => Some(baseline.side()),
            Before::Group(_) => side(&old, &old_figures),
        };
        let (Some(before), Some(after)) = (before, side(&new, &new_figures)) else {
            terminal::say("there are no runs left to compare");
            return Ok(Exit::Pass);
        };
        let mut comparison = compare(&before, &after, self.margin, self.forced);
        comparison.notes.extend(unfit.iter().filter_map(|run| run.unfit()));
        terminal::print(&if output.quiet {
            line(&comparison)
        } else {
            format!("\n{}", report::comparison(&comparison, terminal.style()))
        });
        let text = serde_json::to_string_pretty(&comparison)? + "\n";
        for run in &fit {
            store::replace(Path::new(run.report().folder), "comparison.json", text.as_bytes())?;
        }
        Ok(if comparison.call == Call::Regressed { Exit::Fail } else { Exit::Pass })
    }
}

/// The side that runs make; `None` of nothing.
fn side<'a>(runs: &[&'a Rebuilt], figures: &'a [RunFigures]) -> Option<Side<'a>> {
    let first = runs.first()?.report();
    Some(Side { name: &first.plan.name, plan: first.plan, system: first.system, runs: figures })
}

fn warn(reason: Option<String>) {
    if let Some(reason) = reason {
        terminal::say(&format!("warning: {reason}"));
    }
}

/// The runs of two scenarios in turn: first, second, second, first and so on, so that what drifts meets both alike.
///
/// # Errors
///
/// That they are not two, each run equally often.
pub(super) fn in_turn(runs: Vec<(PathBuf, Plan)>) -> Result<Vec<(PathBuf, Plan)>, String> {
    let first = runs.first().map(|(file, _)| file.clone());
    let (one, other): (Vec<_>, Vec<_>) = runs.into_iter().partition(|(file, _)| Some(file) == first.as_ref());
    let files = other.iter().all(|(file, _)| Some(file) == other.first().map(|(file, _)| file));
    let plain = one.iter().chain(&other).all(|(_, plan)| plan.case.is_empty());
    if !files || !plain || one.len() != other.len() {
        return Err("`--interleave` runs two scenarios without a matrix equally often\n  help: name two files, and say by \
                    `--repeats` how often each is run"
            .to_owned());
    }
    let side = |(file, mut plan): (PathBuf, Plan), letter: &str| {
        // both may have one name, and a scenario that is run once has no group
        let group = plan.group.as_ref().unwrap_or(&plan.name);
        plan.group = Some(format!("{group}_{letter}"));
        (file, plan)
    };
    let pairs = one.into_iter().zip(other).enumerate().flat_map(|(i, (one, other))| {
        let (one, other) = (side(one, "a"), side(other, "b"));
        if i % 2 == 0 { [one, other] } else { [other, one] }
    });
    Ok(pairs.collect())
}

/// A comparison on one line.
fn line(comparison: &Comparison) -> String {
    let regressed = comparison.rows.iter().filter(|row| row.decides && row.call == Call::Regressed);
    let names: Vec<String> = regressed.map(|row| format!("{} in {}", row.metric, row.scope)).collect();
    let forced = if comparison.forced { ", forced" } else { "" };
    if names.is_empty() {
        return format!("no regression against {}{forced}", comparison.before.name);
    }
    format!("REGRESSED against {}{forced}: {}", comparison.before.name, names.join(", "))
}

/// Fields that differ, a line for each.
pub(super) fn fields(differing: &[Differing]) -> String {
    let show = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".to_owned());
    let lines = differing.iter().map(|Differing { field, before, after }| {
        format!("    {field}: {} → {}\n", show(before), show(after))
    });
    lines.collect()
}

/// What to say of a name under which there is nothing.
pub(super) fn no_such_baseline(results: &Path, name: &str) -> String {
    let known = store::baselines(results);
    let help = if known.is_empty() {
        format!("`scenario baseline set {name} RUN…` makes it")
    } else {
        format!("there are: {}", known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
    };
    format!("there is no baseline `{name}` in `{}`\n  help: {help}", results.display())
}
