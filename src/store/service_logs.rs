//! What the programs say that a run starts.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use time::OffsetDateTime;

use super::{StoreError, create_folder, failed};
use crate::plan::Plan;

/// Where logs are until there is a run folder, below the results folder.
const STARTING: &str = "services";

/// Bytes of a log that are written as they come.
const BEGINNING: u64 = 32 << 20;

/// Bytes of its end that are kept beyond them.
const END: usize = 1 << 20;

/// Bytes at the end of a log in which its last lines are looked for.
const GLANCE: u64 = 16 << 10;

/// The folder with the logs of a run's services: under the results folder while they start, then in the run folder.
#[derive(Debug)]
pub struct ServiceLogs {
    folder: PathBuf,
}

impl ServiceLogs {
    /// Makes the folder.
    pub fn create(results: &Path, plan: &Plan, started: OffsetDateTime) -> Result<Self, StoreError> {
        Ok(Self { folder: create_folder(results, STARTING, plan, started)? })
    }

    /// Where they are now.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the log of a service is now.
    pub fn path(&self, service: &str) -> PathBuf {
        self.folder.join(format!("{service}.log"))
    }

    /// Moves the folder into that of the run; who writes to a log goes on writing to it.
    pub fn move_into(&mut self, run: &Path) -> Result<(), StoreError> {
        let folder = run.join(STARTING);
        fs::rename(&self.folder, &folder).map_err(failed("create", &folder))?;
        let left = std::mem::replace(&mut self.folder, folder);
        remove_if_empty(left.parent());
        Ok(())
    }

    /// Removes the folder with all logs.
    pub fn remove(self) {
        // what cannot be removed harms nobody
        let _ = fs::remove_dir_all(&self.folder);
        remove_if_empty(self.folder.parent());
    }

    /// The last lines of the log of a service, at most so many; none where it said nothing.
    pub fn last_lines(&self, service: &str, most: usize) -> Vec<String> {
        let text = end_of(&self.path(service)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        lines[lines.len().saturating_sub(most)..].iter().map(|line| (*line).to_owned()).collect()
    }
}

/// Others may be starting, too.
fn remove_if_empty(folder: Option<&Path>) {
    if let Some(folder) = folder {
        let _ = fs::remove_dir(folder);
    }
}

fn end_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(GLANCE)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The log of one service while it runs: its first 32 MiB as they come and, once it has ended, the last MiB of what came behind
/// them. Writing never fails: what the disk refuses is told by how much it was.
#[derive(Debug)]
pub struct ServiceLog {
    file: File,
    /// Bytes that may still be written as they come.
    room: u64,
    /// The end of what was not.
    end: VecDeque<u8>,
    /// Bytes that are neither written nor at the end.
    left_out: u64,
}

impl ServiceLog {
    /// Opens it to be appended to.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let file = OpenOptions::new().append(true).create(true).open(path).map_err(failed("create", path))?;
        Ok(Self { file, room: BEGINNING, end: VecDeque::new(), left_out: 0 })
    }

    /// Adds what it said, whole lines at a time.
    pub fn write(&mut self, bytes: &[u8]) {
        if self.room >= bytes.len() as u64 && self.file.write_all(bytes).is_ok() {
            self.room -= bytes.len() as u64;
            return;
        }
        // from here on everything goes to the end, or lines would change places
        self.room = 0;
        self.end.extend(bytes);
        let too_many = self.end.len().saturating_sub(END);
        self.left_out += too_many as u64;
        self.end.drain(..too_many);
    }

    /// Writes what was kept of the end, if the disk takes it.
    pub fn finish(mut self) {
        if self.left_out > 0 {
            let _ = writeln!(self.file, "[{} bytes left out]", self.left_out);
        }
        let _ = self.file.write_all(self.end.make_contiguous());
    }
}

#[cfg(test)]
mod tests;
