//! Which run folders are repeats of one plan.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::{config::Axis, plan::Plan};

/// What a `plan.json` says of where its run belongs.
#[derive(Debug, Deserialize)]
struct Belongs {
    group: Option<String>,
    repeat: Option<u32>,
    #[serde(default)]
    case: Vec<Axis>,
}

/// The folders of all repeats of the run in a folder, in their order, as far as they lie beside it; of a run without
/// repeats the folder alone. `plan` is the run's.
pub fn repeats_of(folder: &Path, plan: &Plan) -> Vec<PathBuf> {
    let alone = vec![folder.to_owned()];
    let whole = folder.canonicalize().ok();
    let Some(parent) = whole.as_deref().and_then(Path::parent) else { return alone };
    // named as the given one is, so that messages show paths that the reader knows; `.` and links name no folder of others
    let named = folder.parent().unwrap_or(Path::new(""));
    let here = if named.as_os_str().is_empty() { Path::new(".") } else { named };
    let named = if here.canonicalize().is_ok_and(|path| path == parent) { named } else { parent };
    let (Some(_), Some(group), Ok(beside)) = (plan.repeat, &plan.group, fs::read_dir(parent)) else {
        return alone;
    };
    let mut repeats: Vec<(u32, PathBuf)> = beside
        .flatten()
        .filter_map(|entry| {
            let text = fs::read_to_string(entry.path().join("plan.json")).ok()?;
            let belongs: Belongs = serde_json::from_str(&text).ok()?;
            let same = belongs.group.as_ref() == Some(group) && belongs.case == plan.case;
            Some((belongs.repeat.filter(|_| same)?, named.join(entry.file_name())))
        })
        .collect();
    repeats.sort();
    if repeats.is_empty() { alone } else { repeats.into_iter().map(|(_, path)| path).collect() }
}
