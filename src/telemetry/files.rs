//! Small files of the kernel that are read again and again.

use std::{
    fs::{self, File},
    io::{Read as _, Seek as _},
    path::{Path, PathBuf},
};

use crate::machine::words;

/// A file that stays open: what it says is made anew each time it is read from its beginning, and opening it costs more than that.
#[derive(Debug)]
pub(super) struct OpenFile {
    /// As messages show it.
    path: String,
    file: File,
    bytes: Vec<u8>,
}

impl OpenFile {
    /// Opens a file below a root. Its path is absolute, as it is where the root is `/`.
    pub(super) fn open(root: &Path, path: &str) -> Result<Self, String> {
        let file = File::open(below(root, path)).map_err(|error| words(path, &error))?;
        Ok(Self { path: path.to_owned(), file, bytes: Vec::with_capacity(4096) })
    }

    /// What it says now.
    pub(super) fn read(&mut self) -> Result<&str, String> {
        self.bytes.clear();
        let read = self.file.rewind().and_then(|()| self.file.read_to_end(&mut self.bytes));
        read.map_err(|error| words(&self.path, &error))?;
        std::str::from_utf8(&self.bytes).map_err(|_| format!("`{}` is no text", self.path))
    }
}

/// What a file below a root says; it is opened for this once.
pub(super) fn text(root: &Path, path: &str) -> Result<String, String> {
    fs::read_to_string(below(root, path)).map_err(|error| words(path, &error))
}

/// The place of an absolute path below a root.
pub(super) fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}
