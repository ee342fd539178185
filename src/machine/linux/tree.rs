//! Reading small files below a root.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A folder with `proc`, `sys` and `etc` in it. Paths are absolute, as they are where the root is `/`; whatever cannot be
/// read is an error in words.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    root: PathBuf,
}

impl Tree {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    fn place(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// The text of a file without space and NUL around it, which is not empty.
    pub(crate) fn text(&self, path: &str) -> Result<String, String> {
        let bytes = fs::read(self.place(path)).map_err(|error| words(path, &error))?;
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        if text.is_empty() { Err(format!("`{path}` is empty")) } else { Ok(text.to_owned()) }
    }

    /// The number that a file consists of.
    pub(crate) fn number(&self, path: &str) -> Result<u64, String> {
        let text = self.text(path)?;
        text.parse().map_err(|_| format!("`{path}` has no number: `{text}`"))
    }

    /// The names in a folder, in their order.
    pub(crate) fn names(&self, path: &str) -> Result<Vec<String>, String> {
        let entries = fs::read_dir(self.place(path)).map_err(|error| words(path, &error))?;
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        Ok(names)
    }

    /// The last part of what a link points at.
    pub(super) fn target(&self, path: &str) -> Option<String> {
        let target = fs::read_link(self.place(path)).ok()?;
        target.file_name().map(|name| name.to_string_lossy().into_owned())
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.place(path).exists()
    }
}

/// Why a file cannot be read.
pub(crate) fn words(path: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("`{path}` is not there"),
        io::ErrorKind::PermissionDenied => format!("no permission to read `{path}`"),
        _ => format!("cannot read `{path}`: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_said_in_words() {
        let words = |kind: io::ErrorKind| words("/a", &io::Error::from(kind));
        assert_eq!(words(io::ErrorKind::NotFound), "`/a` is not there");
        assert_eq!(words(io::ErrorKind::PermissionDenied), "no permission to read `/a`");
        assert_eq!(words(io::ErrorKind::TimedOut), "cannot read `/a`: timed out");

        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("blank"), " \n\0").expect("a file");
        fs::write(folder.path().join("text"), "max\n").expect("a file");
        let tree = Tree::new(folder.path());
        assert_eq!(tree.text("/blank"), Err("`/blank` is empty".to_owned()));
        assert_eq!(tree.number("/text"), Err("`/text` has no number: `max`".to_owned()));
    }
}
