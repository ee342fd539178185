//! `baselines/` under the results folder: a file for each name.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{StoreError, failed, file_name, replace};
use crate::compare::Baseline;

fn folder(results: &Path) -> PathBuf {
    results.join("baselines")
}

/// Whether a name can be that of a file as it stands: letters, digits, `.`, `_` and `-`.
pub fn is_baseline_name(name: &str) -> bool {
    file_name(name) == name
}

/// Writes a baseline under its name, in place of one that is there.
pub fn save_baseline(results: &Path, baseline: &Baseline) -> Result<PathBuf, StoreError> {
    replace(&folder(results), &format!("{}.json", baseline.name), baseline.to_json().as_bytes())
}

/// Reads the baseline of that name.
pub fn load_baseline(results: &Path, name: &str) -> Result<Baseline, StoreError> {
    let path = folder(results).join(format!("{name}.json"));
    let text = fs::read_to_string(&path).map_err(failed("read", &path))?;
    Baseline::from_json(&text).map_err(|error| StoreError::Content { path, reason: error.to_string() })
}

/// The names of all baselines, sorted.
pub fn baselines(results: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder(results)) else { return Vec::new() };
    let files = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = files
        .filter_map(|file| Some(file.strip_suffix(".json")?.to_owned()))
        .filter(|name| is_baseline_name(name))
        .collect();
    names.sort();
    names
}

/// Removes the baseline of that name.
pub fn remove_baseline(results: &Path, name: &str) -> Result<(), StoreError> {
    let path = folder(results).join(format!("{name}.json"));
    fs::remove_file(&path).map_err(failed("remove", &path))
}
