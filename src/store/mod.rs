//! `results/`: the only code that writes there.
//!
//! `requests.jsonl`, `chunks.bin`, `telemetry.jsonl` and `events.jsonl` are the truth, appended in whole records while a run goes on;
//! every other file is rebuilt from them, `plan.json` and `system-info.json`, and replaced whole. A file that is not ours is
//! changed by [`rewrite`], and only where a person named it.

mod append;
mod baselines;
mod chunks;
mod read;
mod repeats;
mod rewrite;
mod service_logs;

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use time::{OffsetDateTime, macros::format_description};

pub use self::{
    append::{RecordLine, TextLine, Writer},
    baselines::{baselines, is_baseline_name, load_baseline, remove_baseline, save_baseline},
    read::Run,
    repeats::repeats_of,
    rewrite::rewrite,
    service_logs::{ServiceLog, ServiceLogs},
};
use crate::{config::case_name, plan::Plan};

/// Why the run folder could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused.
    #[error("cannot {action} `{path}`: {reason}", path = path.display())]
    Io {
        /// What was attempted: `create`, `write`, `read`, `remove`.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// The content is not what this version writes.
    #[error("cannot use `{path}`: {reason}", path = path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Makes a closure that says what was attempted on which file.
fn failed<'a>(action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> StoreError + 'a {
    move |reason| StoreError::Io { action, path: path.to_owned(), reason }
}

/// Writes a file of a run folder beside its old version and renames it, so that a reader never sees half of it.
/// Folders on the way are made.
pub fn replace(folder: &Path, name: &str, content: &[u8]) -> Result<PathBuf, StoreError> {
    let path = folder.join(name);
    let beside = path.with_file_name(format!(
        ".{}.part",
        path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default()
    ));
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed("create", parent))?;
    }
    put_in_place(&beside, &path, fs::write(&beside, content))?;
    Ok(path)
}

/// Renames what was written whole, and leaves nothing behind of what was not.
fn put_in_place(beside: &Path, path: &Path, written: io::Result<()>) -> Result<(), StoreError> {
    let done = written
        .map_err(failed("write", beside))
        .and_then(|()| fs::rename(beside, path).map_err(failed("write", path)));
    if done.is_err() {
        // half a file would only take room on a disk that is full
        let _ = fs::remove_file(beside);
    }
    done
}

/// Like [`replace`], for content that is made piece by piece and need not fit in memory.
pub fn replace_with(
    folder: &Path,
    name: &str,
    write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
) -> Result<PathBuf, StoreError> {
    let path = folder.join(name);
    let beside = folder.join(format!(".{name}.part"));
    let file = fs::File::create(&beside).map_err(failed("create", &beside))?;
    let mut buffer = io::BufWriter::new(file);
    let written = write(&mut buffer).and_then(|()| buffer.flush());
    put_in_place(&beside, &path, written)?;
    Ok(path)
}

/// Characters of a case in the name of a folder.
const CASE: usize = 100;

/// What runs of one scenario that were started together have in common: the time, the scenario and the platform.
pub fn group(plan: &Plan, started: OffsetDateTime) -> String {
    let date = started
        .format(format_description!("[year]-[month]-[day]T[hour]-[minute]-[second]Z"))
        .unwrap_or_else(|_| started.unix_timestamp().to_string());
    format!("{date}_{}_{}", file_name(&plan.name), file_name(&plan.platform.name))
}

/// Makes `<kind>/<date>_<scenario>_<platform>/` under the results folder, for a case of a matrix with `_<case>` behind; a
/// name that is taken gets a suffix.
fn create_folder(
    results: &Path,
    kind: &str,
    plan: &Plan,
    started: OffsetDateTime,
) -> Result<PathBuf, StoreError> {
    let runs = results.join(kind);
    fs::create_dir_all(&runs).map_err(failed("create", &runs))?;
    let mut name = group(plan, started);
    if !plan.case.is_empty() {
        name.push('_');
        name.extend(case_name(&plan.case).chars().take(CASE));
    }
    let mut suffix = 1;
    loop {
        let folder = if suffix == 1 { runs.join(&name) } else { runs.join(format!("{name}-{suffix}")) };
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => suffix += 1,
            Err(error) => return Err(failed("create", &folder)(error)),
        }
    }
}

/// A name as part of a file name: letters, digits, `.`, `_` and `-`; anything else becomes `-`.
fn file_name(name: &str) -> String {
    let clean: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' })
        .collect();
    let clean = clean.trim_matches('.').to_owned();
    if clean.is_empty() { "run".to_owned() } else { clean }
}

#[cfg(test)]
mod tests;
