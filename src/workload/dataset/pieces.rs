//! A file in pieces: one thread reads those that end between two rows, as many as there are processors look at the rows in them,
//! and the one that asked takes the pieces in their order.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use super::split::Splitter;
use crate::config::DataFormat;

/// Bytes of a piece, but for rows that are longer.
pub(in super::super) const PIECE: usize = 1 << 20;

/// The longest row. Of what is longer, nobody has separated the rows.
pub(super) const LONGEST_ROW: usize = 16 << 20;

/// Threads that look at rows: with more of them the one that takes the pieces could not keep up, and each needs a few pieces.
const MOST_LOOKERS: usize = 8;

/// Why a file cannot be taken apart.
#[derive(Debug)]
pub(in super::super) enum Broken {
    /// The file cannot be read.
    Read(io::Error),
    /// It is not what its format says: "its array is never closed".
    Format(String),
}

/// A part of the file that ends between two rows.
pub(in super::super) struct Piece {
    number: u64,
    pub(in super::super) offset: u64,
    pub(in super::super) bytes: Vec<u8>,
}

/// Reads a file from a place on, where a row begins, in pieces of so many bytes. Each is looked at by one of many threads, and taken in
/// the order of the file together with what was found in it, until there are no more or `take` says that it has enough.
pub(in super::super) fn in_pieces<F: Send>(
    file: &File,
    format: DataFormat,
    from: u64,
    piece: usize,
    look: &(impl Fn(&Piece) -> F + Sync),
    take: &mut dyn FnMut(&Piece, F) -> bool,
) -> Result<(), Broken> {
    let lookers = thread::available_parallelism().map_or(1, usize::from).min(MOST_LOOKERS);
    let (to_do, work) = channel::<Piece>();
    let work = &Mutex::new(work);
    thread::scope(|scope| {
        let (tell, told) = channel::<(Piece, F)>();
        let (give_back, empty) = channel::<Vec<u8>>();
        // as many pieces as there are at any time: one for each who holds one, and some that wait for the one before them
        for _ in 0..2 * lookers + 2 {
            let _ = give_back.send(Vec::new());
        }
        let reader = scope.spawn(move || read(file, format, from, piece, &empty, &to_do));
        for _ in 0..lookers {
            let tell = tell.clone();
            scope.spawn(move || {
                // the next piece, until there is none or nobody wants to hear of it
                while let Ok(piece) = { work.lock().unwrap_or_else(PoisonError::into_inner).recv() } {
                    let found = look(&piece);
                    if tell.send((piece, found)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(tell);
        let (mut next, mut early) = (0, BTreeMap::new());
        for (piece, found) in told {
            early.insert(piece.number, (piece, found));
            while let Some((piece, found)) = early.remove(&next) {
                next += 1;
                let enough = take(&piece, found);
                // the reader may have left
                let _ = give_back.send(piece.bytes);
                if enough {
                    return Ok(());
                }
            }
        }
        // a panic there is one here
        reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Cuts the file into pieces until it ends or nobody wants more.
fn read(
    mut file: &File,
    format: DataFormat,
    from: u64,
    piece: usize,
    empty: &Receiver<Vec<u8>>,
    to_do: &Sender<Piece>,
) -> Result<(), Broken> {
    file.seek(SeekFrom::Start(from)).map_err(Broken::Read)?;
    let mut splitter = Splitter::new(format);
    let (mut number, mut offset) = (0, from);
    // what was read behind the last row that has ended
    let mut rest = Vec::new();
    loop {
        let Ok(mut bytes) = empty.recv() else { return Ok(()) };
        bytes.clear();
        bytes.append(&mut rest);
        let ended = loop {
            let before = bytes.len();
            bytes.reserve(piece);
            let read = file.take(piece as u64).read_to_end(&mut bytes).map_err(Broken::Read)?;
            if read == 0 {
                break None;
            }
            if let Some(end) = splitter.last_end(&bytes[before..]) {
                break Some(before + end);
            }
            if bytes.len() > LONGEST_ROW {
                return Err(Broken::Format(format!("it has a row of more than 16 MiB at byte {offset}")));
            }
        };
        let last = ended.is_none();
        rest.extend_from_slice(&bytes[ended.unwrap_or(bytes.len())..]);
        bytes.truncate(ended.unwrap_or(bytes.len()));
        let length = bytes.len() as u64;
        if length > 0 && to_do.send(Piece { number, offset, bytes }).is_err() {
            return Ok(());
        }
        (number, offset) = (number + 1, offset + length);
        if last {
            return splitter.at_end().map_or(Ok(()), |wrong| Err(Broken::Format(wrong.to_owned())));
        }
    }
}
