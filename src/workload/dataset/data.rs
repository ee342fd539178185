//! Bytes of a file by their place in it, for many threads at once.

use std::{fs::File, io};

/// Fills a buffer from a place of a file, wherever others read in it.
#[cfg(unix)]
pub(in super::super) fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

/// Fills a buffer from a place of a file; one after another, since they share the place that is read from.
#[cfg(not(unix))]
pub(in super::super) fn read_exact_at(mut file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    use std::{
        io::{Read as _, Seek as _},
        sync::{Mutex, PoisonError},
    };
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    file.seek(io::SeekFrom::Start(offset))?;
    file.read_exact(buffer)
}
