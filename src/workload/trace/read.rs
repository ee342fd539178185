//! One pass over the file of a trace: which requests are in the window, and what is wrong with rows.

use std::{collections::BTreeSet, fs::File, io, time::Duration};

use sha2::{Digest, Sha256};

use super::{
    super::{
        dataset::{BadRow, Broken, PIECE, Piece, Place, each_row, in_pieces, read_exact_at},
        hex::hex,
    },
    row::{Extent, Parsed, Reading, Request},
};
use crate::config::{DataFormat, TraceWindow};

/// How a file is read.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a> {
    pub(super) reading: &'a Reading,
    /// Where the first row may begin, which is behind a header.
    pub(super) from: u64,
    /// Lines before that.
    pub(super) lines_before: u64,
    pub(super) window: TraceWindow,
    /// Bytes of a piece.
    pub(super) piece: usize,
}

impl<'a> Pass<'a> {
    /// That of a whole file without a header.
    pub(super) fn new(reading: &'a Reading, window: TraceWindow) -> Self {
        Self { reading, from: 0, lines_before: 0, window, piece: PIECE }
    }
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The requests in the window, in the order of the file.
    pub(super) requests: Vec<Kept>,
    /// Likewise what each is sorted by among those of the same time, and where its text is; of no CSV, which has neither.
    pub(super) places: Vec<(u64, Extent)>,
    /// The times of the earliest and the last request, in the window or not; `None` without any.
    pub(super) span: Option<(i64, i64)>,
    /// Requests in the window that had no answer.
    pub(super) unanswered: u64,
    /// Those in it whose prompt tokens are an estimate of the plan.
    pub(super) estimated: u64,
    /// Rows that cannot be used.
    pub(super) bad: u64,
    /// The line with the first of them, from 1, and what is wrong with it.
    pub(super) first_bad: Option<(u64, BadRow)>,
    /// The phases of records that are not taken.
    pub(super) others: BTreeSet<String>,
    pub(super) sha256: String,
}

/// What is kept of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept {
    /// When, on the clock of the trace.
    pub(super) at_ns: i64,
    pub(super) input: u32,
    pub(super) output: u32,
}

/// Reads the whole file. The window counts from the earliest request. That is the first one, unless the file is not in the order of
/// its times; then it is read again.
pub(super) fn read(file: &File, pass: Pass<'_>) -> Result<Found, Broken> {
    let gathered = once(file, pass, None)?;
    let earliest = gathered.found.span.map(|(earliest, _)| earliest);
    if earliest == gathered.zero_ns || pass.window == TraceWindow::default() {
        return Ok(gathered.found);
    }
    Ok(once(file, pass, earliest)?.found)
}

/// One pass, with the time that is taken for the earliest; `None` for that of the first request.
fn once(file: &File, pass: Pass<'_>, zero_ns: Option<i64>) -> Result<Gathering, Broken> {
    let Pass { reading, from, lines_before, window, piece } = pass;
    let format = if matches!(reading, Reading::Columns(_)) { DataFormat::Csv } else { DataFormat::Jsonl };
    let mut hash = Sha256::new();
    hash_head(file, from, &mut hash).map_err(Broken::Read)?;
    let with_places = format == DataFormat::Jsonl;
    let mut gathering =
        Gathering { found: Found::default(), zero_ns, window, with_places, lines: lines_before };
    let take = &mut |piece: &Piece, there: InPiece| {
        hash.update(&piece.bytes);
        gathering.take(there);
        false
    };
    in_pieces(file, format, from, piece, &|piece: &Piece| look(reading, format, piece), take)?;
    gathering.found.sha256 = hex(&hash.finalize());
    Ok(gathering)
}

/// What stands before the first row belongs to the file.
fn hash_head(file: &File, length: u64, hash: &mut Sha256) -> io::Result<()> {
    let mut head = vec![0; usize::try_from(length).unwrap_or_default()];
    read_exact_at(file, &mut head, 0)?;
    hash.update(&head);
    Ok(())
}

/// What is in a piece.
#[derive(Default)]
struct InPiece {
    rows: Vec<Parsed>,
    /// Lines in it.
    lines: u64,
    bad: u64,
    /// The line of the first bad row in the piece, from 0, and what is wrong with it.
    first_bad: Option<(u64, BadRow)>,
}

fn look(reading: &Reading, format: DataFormat, piece: &Piece) -> InPiece {
    let mut there = InPiece::default();
    there.lines = each_row(format, &piece.bytes, &mut |Place { number, at, row, record }| {
        // the last record of a run that was killed may be cut short
        if matches!(reading, Reading::Run(_)) && !piece.bytes[..at.end].ends_with(b"\n") {
            return;
        }
        match reading.row(row, record) {
            Ok(mut parsed) => {
                if let (Parsed::Request(request), Reading::Mooncake) = (&mut parsed, reading) {
                    request.order = piece.offset + at.start as u64;
                    request.text.offset = request.order;
                }
                there.rows.push(parsed);
            }
            Err(bad) => {
                there.bad += 1;
                there.first_bad.get_or_insert((number, bad));
            }
        }
    });
    there
}

/// What is known of the pieces so far.
struct Gathering {
    found: Found,
    /// What is taken for the time of the earliest request.
    zero_ns: Option<i64>,
    window: TraceWindow,
    with_places: bool,
    /// Lines before the next piece.
    lines: u64,
}

impl Gathering {
    /// Takes the next piece.
    fn take(&mut self, there: InPiece) {
        let InPiece { rows, lines, bad, first_bad } = there;
        for row in rows {
            match row {
                Parsed::Request(request) => self.take_request(request),
                Parsed::Unanswered(at_ns) => self.found.unanswered += u64::from(self.has(at_ns)),
                Parsed::Other(phase) => {
                    self.found.others.insert(phase);
                }
            }
        }
        self.found.bad += bad;
        if let (Some((line, bad)), None) = (first_bad, &self.found.first_bad) {
            self.found.first_bad = Some((self.lines + line + 1, bad));
        }
        self.lines += lines;
    }

    fn take_request(&mut self, request: Request) {
        let Request { at_ns, input, output, order, text, estimated } = request;
        self.zero_ns.get_or_insert(at_ns);
        let within = self.has(at_ns);
        let found = &mut self.found;
        let (earliest, last) = found.span.unwrap_or((at_ns, at_ns));
        found.span = Some((earliest.min(at_ns), last.max(at_ns)));
        if within {
            found.estimated += u64::from(estimated);
            found.requests.push(Kept { at_ns, input, output });
            if self.with_places {
                found.places.push((order, text));
            }
        }
    }

    /// Whether a moment is in the window. Before the first request nothing is.
    fn has(&self, at_ns: i64) -> bool {
        let Some(zero_ns) = self.zero_ns else { return false };
        if self.window == TraceWindow::default() {
            return true;
        }
        let after = i128::from(at_ns) - i128::from(zero_ns);
        let ns = |duration: Duration| duration.as_nanos() as i128;
        after >= ns(self.window.from) && self.window.to.is_none_or(|to| after < ns(to))
    }
}
