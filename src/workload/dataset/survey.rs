//! One pass over a file, before anything is sent: where its rows are, whether each can be used, and what its bytes hash to.

use std::{fs::File, io};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    index::Index,
    json,
    piece::{Found, look},
    pieces::{Broken, Piece, in_pieces},
    row::{BadRow, Reading},
    split::Splitter,
};
use crate::{config::DataFormat, workload::hex::hex};

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
    let mut gathering = Gathering::new(plan);
    gathering.start(file).map_err(Broken::Read)?;
    let look = |piece: &Piece| look(plan.format, plan.reading, &piece.bytes);
    let take = &mut |piece: &Piece, found| gathering.take(piece, found);
    in_pieces(file, plan.format, plan.from, plan.piece, &look, take)?;
    Ok(gathering.finish())
}

/// What is known of the pieces so far.
struct Gathering<'a> {
    plan: Plan<'a>,
    survey: Survey,
    hash: Sha256,
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
            && let Some((_, BadRow::Lacks { key, .. })) = &self.survey.first_bad
        {
            self.survey.fields = match (format, *key) {
                (DataFormat::Jsonl, key) => {
                    let kind = match key {
                        "field" => Value::is_string,
                        "output_tokens_field" => Value::is_number,
                        _ => |value: &Value| !value.is_object() && !value.is_array(),
                    };
                    json::places(&String::from_utf8_lossy(&bytes[example]), kind)
                }
                (DataFormat::Csv, _) => reading.columns().to_vec(),
                (DataFormat::Sharegpt | DataFormat::Lines, _) => Vec::new(),
            };
        }
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
