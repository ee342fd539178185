//! Run folders → sides of a comparison.

use std::path::{Path, PathBuf};

use super::{
    plan::saved,
    rebuild::{look_for_run, read},
};
use crate::{
    compare::{RunFigures, Side},
    config::case_name,
    machine::SystemInfo,
    plan::Plan,
    store,
};

/// A run folder that was named, or is a repeat of one that was.
pub(super) struct Folder {
    path: PathBuf,
    pub(super) plan: Plan,
}

impl Folder {
    /// Whether it is one of several repeats, which stand together.
    pub(super) fn repeats(&self) -> bool {
        self.plan.repeat.is_some() && self.plan.group.is_some()
    }

    /// What its runs are called together: their group where it is one of several repeats, else its own name. A group may
    /// have the name of a folder.
    pub(super) fn side(&self) -> String {
        let group = self.plan.group.as_ref().filter(|_| self.repeats());
        match group {
            Some(group) if self.plan.case.is_empty() => group.clone(),
            Some(group) => format!("{group} {}", case_name(&self.plan.case)),
            None => {
                let name = self.path.canonicalize().ok();
                let name = name.and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
                name.unwrap_or_else(|| self.path.display().to_string())
            }
        }
    }
}

/// Every run that is meant: each that is named, with all repeats of its plan that lie beside it, once.
///
/// # Errors
///
/// That a path is no run folder, in words.
pub(super) fn folders(named: &[PathBuf]) -> Result<Vec<Folder>, String> {
    let mut folders: Vec<Folder> = Vec::new();
    let known = |folders: &[Folder], path: &Path| {
        folders.iter().any(|folder| folder.path.canonicalize().ok() == path.canonicalize().ok())
    };
    for path in named {
        look_for_run(path)?;
        let plan = |path: &Path| saved(path).map_err(|error| format!("{error:#}"));
        if known(&folders, path) {
            continue;
        }
        for path in store::repeats_of(path, &plan(path)?) {
            if !known(&folders, &path) {
                folders.push(Folder { plan: plan(&path)?, path });
            }
        }
    }
    Ok(folders)
}

/// One side, with what it owns.
pub(super) struct Owned {
    pub(super) name: String,
    pub(super) plan: Plan,
    pub(super) system: SystemInfo,
    pub(super) figures: Vec<RunFigures>,
    /// The plan of each further run, and where it was run.
    pub(super) others: Vec<(Plan, SystemInfo)>,
    /// Runs that are no measurement, and why: they are left out where others are left.
    pub(super) unfit: Vec<String>,
}

impl Owned {
    /// Reads the runs of a side from their records; `None` of nothing.
    ///
    /// # Errors
    ///
    /// That a run cannot be read.
    pub(super) fn read(name: &str, folders: &[Folder]) -> anyhow::Result<Option<Self>> {
        let mut runs = Vec::new();
        for folder in folders {
            let run = read(&folder.path)?;
            let report = run.report();
            runs.push((report.plan.clone(), report.system.clone(), run.figures(), run.unfit()));
        }
        let unfit: Vec<String> = runs.iter().filter_map(|(.., unfit)| unfit.clone()).collect();
        if unfit.len() < runs.len() {
            runs.retain(|(.., unfit)| unfit.is_none());
        }
        let mut side: Option<Self> = None;
        for (plan, system, figures, _) in runs {
            if let Some(side) = &mut side {
                side.figures.push(figures);
                side.others.push((plan, system));
            } else {
                let (name, figures, unfit) = (name.to_owned(), vec![figures], unfit.clone());
                side = Some(Self { name, plan, system, figures, others: Vec::new(), unfit });
            }
        }
        Ok(side)
    }

    pub(super) fn side(&self) -> Side<'_> {
        Side { name: &self.name, plan: &self.plan, system: &self.system, runs: &self.figures }
    }
}
