//! One pass over a file, before anything is sent: where its rows are, whether each can be used, and what its bytes hash to.
//!
//! One thread reads pieces that end between two rows, as many as there are processors look at the rows in them, and the one that
//! asked takes the pieces in their order, hashes them and keeps where rows begin.

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

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    index::Index,
    json,
    piece::{Found, look},
    row::{BadRow, Reading},
    split::Splitter,
};
use crate::{config::DataFormat, workload::hex::hex};

/// Bytes of a piece, but for rows that are longer.
pub(super) const PIECE: usize = 1 << 20;

/// The longest row. Of what is longer, nobody has separated the rows.
pub(super) const LONGEST_ROW: usize = 16 << 20;

/// Threads that look at rows: with more of them the one that hashes could not keep up, and each needs a few pieces.
const MOST_LOOKERS: usize = 8;

/// What was found in a file.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) index: Index,
    pub(super) sha256: String,
    /// Rows that cannot be used.
    pub(super) bad: u64,
    /// Those of them that only lack what a key of the scenario names.
    pub(super) lacking: u64,
    /// The number of the line or conversation with the first of them, from 1, and what is wrong with it.
    pub(super) first_bad: Option<(u64, BadRow)>,
    /// Where a row that lacks something has something of that kind.
    pub(super) fields: Vec<String>,
}

/// Why there is no survey.
#[derive(Debug)]
pub(super) enum Broken {
    /// The file cannot be read.
    Read(io::Error),
    /// It is not what its format says: "its array is never closed".
    Format(String),
}

/// A part of the file that ends between two rows.
struct Piece {
    number: u64,
    offset: u64,
    bytes: Vec<u8>,
}

/// How a file is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan<'a> {
    pub(super) format: DataFormat,
    pub(super) reading: &'a Reading,
    /// Where the first row may begin, which is behind a header.
    pub(super) from: u64,
    /// Lines before that.
    pub(super) lines_before: u64,
    pub(super) limit: Option<u64>,
    /// Bytes of a piece.
    pub(super) piece: usize,
}

/// Reads the whole file, or as far as the limit goes.
pub(super) fn survey(file: &File, plan: Plan<'_>) -> Result<Survey, Broken> {
    let lookers = thread::available_parallelism().map_or(1, usize::from).min(MOST_LOOKERS);
    let (to_do, work) = channel::<Piece>();
    let work = &Mutex::new(work);
    thread::scope(|scope| {
        let (tell, told) = channel::<(Piece, Found)>();
        let (give_back, empty) = channel::<Vec<u8>>();
        // as many pieces as there are at any time: one for each who holds one, and some that wait for the one before them
        for _ in 0..2 * lookers + 2 {
            let _ = give_back.send(Vec::new());
        }
        let reader = scope.spawn(move || read(file, plan, &empty, &to_do));
        for _ in 0..lookers {
            let tell = tell.clone();
            scope.spawn(move || {
                // the next piece, until there is none or nobody wants to hear of it
                while let Ok(piece) = { work.lock().unwrap_or_else(PoisonError::into_inner).recv() } {
                    let found = look(plan.format, plan.reading, &piece.bytes);
                    if tell.send((piece, found)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(tell);
        let mut gathering = Gathering::new(plan);
        gathering.start(file).map_err(Broken::Read)?;
        let mut early = BTreeMap::new();
        for (piece, found) in told {
            early.insert(piece.number, (piece, found));
            while let Some((piece, found)) = early.remove(&gathering.pieces) {
                let whole = gathering.take(&piece, found);
                // the reader may have left
                let _ = give_back.send(piece.bytes);
                if whole {
                    return Ok(gathering.finish());
                }
            }
        }
        // a panic there is one here
        reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(gathering.finish())
    })
}

/// Cuts the file into pieces until it ends or nobody wants more.
fn read(
    mut file: &File,
    plan: Plan<'_>,
    empty: &Receiver<Vec<u8>>,
    to_do: &Sender<Piece>,
) -> Result<(), Broken> {
    file.seek(SeekFrom::Start(plan.from)).map_err(Broken::Read)?;
    let mut splitter = Splitter::new(plan.format);
    let (mut number, mut offset) = (0, plan.from);
    // what was read behind the last row that has ended
    let mut rest = Vec::new();
    loop {
        let Ok(mut bytes) = empty.recv() else { return Ok(()) };
        bytes.clear();
        bytes.append(&mut rest);
        let ended = loop {
            let before = bytes.len();
            bytes.reserve(plan.piece);
            let read = file.take(plan.piece as u64).read_to_end(&mut bytes).map_err(Broken::Read)?;
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

/// What is known of the pieces so far.
struct Gathering<'a> {
    plan: Plan<'a>,
    survey: Survey,
    hash: Sha256,
    pieces: u64,
    /// Lines or conversations before the next piece.
    places: u64,
    end: u64,
}

impl<'a> Gathering<'a> {
    fn new(plan: Plan<'a>) -> Self {
        Self {
            plan,
            survey: Survey::default(),
            hash: Sha256::new(),
            pieces: 0,
            places: plan.lines_before,
            end: plan.from,
        }
    }

    /// Takes what stands before the first row, which belongs to the file.
    fn start(&mut self, file: &File) -> io::Result<()> {
        let mut head = vec![0; usize::try_from(self.plan.from).unwrap_or_default()];
        super::data::read_exact_at(file, &mut head, 0)?;
        self.hash.update(&head);
        Ok(())
    }

    /// Takes the next piece; tells whether there are as many rows as are wanted.
    fn take(&mut self, piece: &Piece, found: Found) -> bool {
        let Plan { format, reading, limit, .. } = self.plan;
        let wanted = limit.map(|limit| limit - self.survey.index.rows());
        let (mut bytes, mut found) = (piece.bytes.as_slice(), found);
        let full = wanted.is_some_and(|wanted| found.starts.len() as u64 >= wanted);
        if let Some(last) = wanted.filter(|_| full).and_then(|wanted| found.starts.get(wanted as usize - 1)) {
            // as if the file ended with the last row
            let start = *last as usize;
            let length = Splitter::new(format).first_end(&bytes[start..]);
            bytes = &bytes[..length.map_or(bytes.len(), |length| start + length)];
            found = look(format, reading, bytes);
        }
        self.hash.update(bytes);
        for start in &found.starts {
            self.survey.index.push(piece.offset + u64::from(*start));
        }
        self.survey.bad += found.bad;
        self.survey.lacking += found.lacking;
        if let (Some((place, bad)), None) = (found.first_bad, &self.survey.first_bad) {
            self.survey.first_bad = Some((self.places + place + 1, bad));
        }
        if let Some(example) = found.example.filter(|_| self.survey.fields.is_empty())
            && format == DataFormat::Jsonl
        {
            let of_text = matches!(&self.survey.first_bad, Some((_, BadRow::Lacks { key: "field", .. })));
            let kind = if of_text { Value::is_string } else { Value::is_number };
            self.survey.fields = json::places(&String::from_utf8_lossy(&bytes[example]), kind);
        }
        self.pieces += 1;
        self.places += found.places;
        self.end = piece.offset + bytes.len() as u64;
        full
    }

    fn finish(self) -> Survey {
        let Self { mut survey, hash, end, .. } = self;
        survey.index.close(end);
        survey.sha256 = hex(&hash.finalize());
        survey
    }
}
