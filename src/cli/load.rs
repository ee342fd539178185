//! Files from the command line → plans. All of them, before anything is sent.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    Overrides, secrets,
    terminal::{self, Terminal},
};
use crate::{
    config::{self, Checked, Diagnostic, Input, Problems},
    machine::Machine,
    plan::{self, Plan},
    workload::Datasets,
};

/// A file and what became of it.
pub(super) struct Loaded {
    pub(super) file: PathBuf,
    /// One for each case; `None` after its problems were printed.
    pub(super) plans: Option<Vec<Plan>>,
}

/// A file, and the plan of each of its cases or what is wrong with it.
pub(super) struct Examined {
    pub(super) file: PathBuf,
    pub(super) plans: Result<Vec<Plan>, Problems>,
    /// What a run of the plans would not find here.
    pub(super) missing: Vec<Diagnostic>,
}

/// Expands patterns, loads and compiles every file; prints all problems of all files.
///
/// # Errors
/// A pattern that is none or matches nothing, or a file that cannot be read: wrong usage.
pub(super) fn load(
    patterns: &[String],
    overrides: &Overrides,
    machine: &Machine,
    datasets: &mut Datasets,
    terminal: Terminal,
) -> Result<Vec<Loaded>, String> {
    Ok(say_problems(examine(patterns, overrides, machine, datasets)?, terminal))
}

/// Expands patterns, loads and compiles every file, with the datasets that they name, and prints nothing.
///
/// # Errors
/// Those of [`load`].
pub(super) fn examine(
    patterns: &[String],
    overrides: &Overrides,
    machine: &Machine,
    datasets: &mut Datasets,
) -> Result<Vec<Examined>, String> {
    let mut examined = Vec::new();
    for file in expand(patterns)? {
        let text = std::fs::read_to_string(&file)
            .map_err(|error| format!("cannot read `{}`: {error}", file.display()))?;
        let name = file.display().to_string();
        let mut checked = check(&name, &text, overrides, machine);
        datasets.look_into(&mut checked);
        let places = checked.places().cloned().unwrap_or_default();
        let plans = plan::admit(checked);
        let missing = secrets::missing(plans.as_deref().unwrap_or_default());
        let missing = missing.into_iter().map(|finding| places.problem(finding)).collect();
        examined.push(Examined { file, plans, missing });
    }
    Ok(examined)
}

/// The plans of a scenario under the flags of a command, one for each of its cases; `name` is what its problems call it.
pub(super) fn compile(
    name: &str,
    text: &str,
    overrides: &Overrides,
    machine: &Machine,
    datasets: &mut Datasets,
) -> Result<Vec<Plan>, Problems> {
    let mut checked = check(name, text, overrides, machine);
    datasets.look_into(&mut checked);
    plan::admit(checked)
}

/// A scenario under the flags of a command, and what is wrong with it by itself.
pub(super) fn check(name: &str, text: &str, overrides: &Overrides, machine: &Machine) -> Checked {
    let sets = overrides.all_sets();
    let input = Input { name, text, platform: overrides.platform.as_deref(), sets: &sets };
    config::check(&input, machine, &|name| std::env::var(name).ok(), &read)
}

/// Prints all problems of all files.
pub(super) fn say_problems(examined: Vec<Examined>, terminal: Terminal) -> Vec<Loaded> {
    let said = examined.into_iter().map(|Examined { file, plans, .. }| {
        let plans = plans.inspect_err(|problems| terminal::say(&problems.render(terminal.color_err())));
        Loaded { file, plans: plans.ok() }
    });
    said.collect()
}

/// Reads what a scenario refers to.
pub(super) fn read(path: &Path) -> io::Result<String> {
    std::fs::read_to_string(path)
}

/// The files that the arguments name, each once, in their order; patterns are expanded here because not every shell
/// does, and never inside quotes.
fn expand(patterns: &[String]) -> Result<Vec<PathBuf>, String> {
    let mut files: Vec<PathBuf> = Vec::new();
    for pattern in patterns {
        let mut found = Vec::new();
        if Path::new(pattern).is_dir() {
            return Err(format!(
                "`{pattern}` is a folder\n  help: name its files, such as '{}/*.toml'",
                pattern.trim_end_matches('/')
            ));
        }
        if Path::new(pattern).exists() {
            found.push(PathBuf::from(pattern));
        } else {
            for path in glob::glob(pattern).map_err(|error| format!("`{pattern}` is no pattern: {error}"))? {
                found.push(path.map_err(|error| error.to_string())?);
            }
        }
        if found.is_empty() {
            return Err(format!("no file matches `{pattern}`"));
        }
        for file in found {
            if !files.contains(&file) {
                files.push(file);
            }
        }
    }
    Ok(files)
}

/// `1 problem`, `3 problems`.
pub(super) fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
