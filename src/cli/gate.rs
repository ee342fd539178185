//! `scenario run --baseline`: refuses what cannot be compared before anything is sent, and judges afterwards.

use std::path::{Path, PathBuf};

use super::{
    Output,
    compare::Margin,
    exit::Exit,
    rebuild::Rebuilt,
    terminal::{self, Terminal},
};
use crate::{
    compare::{Baseline, Call, Comparison, Differing, Side, compare, obstacles, tests_of, too_few},
    machine::Machine,
    plan::Plan,
    report, store,
};

/// Flags that make a run a gate.
#[derive(Debug, clap::Args)]
pub(super) struct Against {
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
    baseline: Baseline,
    margin: f64,
    forced: bool,
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
        let (Some(name), Some((_, plan))) = (&against.baseline, plans.first()) else { return Ok(None) };
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
        if let Some(reason) = too_few(baseline.runs.len() as u64, plans.len() as u64, tests_of(plan)) {
            terminal::say(&format!("warning: baseline `{name}`: {reason}"));
        }
        Ok(Some(Self { baseline, margin: against.margin.share, forced: !found.is_empty() }))
    }

    /// Holds runs against the baseline: prints what came of it and leaves it in the folder of each. What is no measurement
    /// is left out.
    pub(super) fn judge<'a>(
        &self,
        runs: impl Iterator<Item = &'a Rebuilt>,
        output: &Output,
        terminal: Terminal,
    ) -> anyhow::Result<Exit> {
        let (mut figures, mut fit, mut notes) = (Vec::new(), Vec::new(), Vec::new());
        for run in runs {
            if let Some(reason) = run.unfit() {
                notes.push(reason);
            } else {
                figures.push(run.figures());
                fit.push(run.report());
            }
        }
        let Some(first) = fit.first() else {
            terminal::say(&format!("nothing to hold against baseline `{}`", self.baseline.name));
            return Ok(Exit::Pass);
        };
        let side = Side { name: &first.plan.name, plan: first.plan, system: first.system, runs: &figures };
        let mut comparison = compare(&self.baseline.side(), &side, self.margin, self.forced);
        comparison.notes.extend(notes);
        terminal::print(&if output.quiet {
            line(&comparison)
        } else {
            format!("\n{}", report::comparison(&comparison, terminal.style()))
        });
        let text = serde_json::to_string_pretty(&comparison)? + "\n";
        for run in &fit {
            store::replace(Path::new(run.folder), "comparison.json", text.as_bytes())?;
        }
        Ok(if comparison.call == Call::Regressed { Exit::Fail } else { Exit::Pass })
    }
}

/// A comparison on one line.
fn line(comparison: &Comparison) -> String {
    let regressed = comparison.rows.iter().filter(|row| row.decides && row.call == Call::Regressed);
    let names: Vec<String> = regressed.map(|row| format!("{} in {}", row.metric, row.scope)).collect();
    let forced = if comparison.forced { ", forced" } else { "" };
    if names.is_empty() {
        return format!("no regression against baseline {}{forced}", comparison.before.name);
    }
    format!("REGRESSED against baseline {}{forced}: {}", comparison.before.name, names.join(", "))
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
