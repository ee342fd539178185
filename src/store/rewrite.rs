//! A file that is somebody else's: changed whole or not at all, with the old text kept beside it.

use std::{
    ffi::OsStr,
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown},
    path::{Path, PathBuf},
};

use super::{StoreError, failed, put_in_place};

/// Who may read a new file before it has the permissions of the old one, which may hold secrets.
const OWNER_ALONE: u32 = 0o600;

/// Gives a file a new text and returns where its old one is kept: beside it, under its name with `.bak` behind, or
/// `.bak1`, `.bak2` and so on where that is taken. Of a link the file that it leads to is changed. Permissions stay,
/// and its owner where the system allows it.
///
/// # Errors
///
/// A file that may not be written, or that no longer says what `old` says; nothing is changed then.
pub fn rewrite(path: &Path, old: &str, new: &str) -> Result<PathBuf, StoreError> {
    let real = fs::canonicalize(path).map_err(failed("read", path))?;
    let known = fs::metadata(&real).map_err(failed("read", &real))?;
    if known.permissions().readonly() {
        // a rename would not mind, but its owner would
        return Err(failed("write", &real)(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it is read-only",
        )));
    }
    // nor would it mind whose the file is
    OpenOptions::new().write(true).open(&real).map_err(failed("write", &real))?;
    if fs::read(&real).map_err(failed("read", &real))? != old.as_bytes() {
        let reason = "somebody else changed it in the meantime".to_owned();
        return Err(StoreError::Content { path: real, reason });
    }
    let kept = keep(&real, old, &known)?;
    let beside = named_like(&real, ".", ".part");
    // never somebody's file, or what a link of that name leads to
    let file = OpenOptions::new().write(true).create_new(true).mode(OWNER_ALONE).open(&beside);
    let changed = file
        .map_err(failed("create", &beside))
        .and_then(|file| put_in_place(&beside, &real, fill(file, new, &known)));
    if changed.is_err() {
        // nothing changed, so there is nothing to go back to
        let _ = fs::remove_file(&kept);
    }
    changed.map(|()| kept)
}

/// Writes the old text beside a file, under the first name that is free.
fn keep(real: &Path, old: &str, known: &Metadata) -> Result<PathBuf, StoreError> {
    let mut number = 0;
    loop {
        let ending = if number == 0 { ".bak".to_owned() } else { format!(".bak{number}") };
        let path = named_like(real, "", &ending);
        match OpenOptions::new().write(true).create_new(true).mode(OWNER_ALONE).open(&path) {
            Ok(file) => {
                return match fill(file, old, known) {
                    Ok(()) => Ok(path),
                    Err(error) => {
                        let _ = fs::remove_file(&path);
                        Err(failed("write", &path)(error))
                    }
                };
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(failed("write", &path)(error)),
        }
    }
}

/// Writes a text that outlives a power cut, for the same people as the file that it comes from.
fn fill(mut file: File, text: &str, known: &Metadata) -> io::Result<()> {
    file.write_all(text.as_bytes())?;
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (known.uid(), known.gid()) {
        // only root may give files away; with another owner or group others could read it, and its server no more
        fchown(&file, Some(known.uid()), Some(known.gid()))?;
    }
    file.set_permissions(known.permissions())?;
    file.sync_all()
}

/// A path in the same folder, with something before and something behind the name.
fn named_like(path: &Path, before: &str, behind: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    path.with_file_name([OsStr::new(before), name, OsStr::new(behind)].join(OsStr::new("")))
}
