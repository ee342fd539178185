//! The rows of a piece of a file, each looked at.

use memchr::memchr;

use super::{
    row::{BadRow, Reading, Request},
    split::{Splitter, lines},
};
use crate::config::DataFormat;

/// What is in a piece that begins and ends between two rows.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Where its good rows begin in it.
    pub(super) starts: Vec<u32>,
    /// Places in it: lines, or conversations.
    pub(super) places: u64,
    /// Rows that cannot be used.
    pub(super) bad: u64,
    /// The place of the first of them in the piece, from 0, and what is wrong with it.
    pub(super) first_bad: Option<(u64, BadRow)>,
    /// How many of them only lack what a key of the scenario names.
    pub(super) lacking: u64,
    /// A row, to show what it does have.
    pub(super) example: Option<std::ops::Range<usize>>,
}

impl Found {
    fn add(&mut self, place: u64, at: std::ops::Range<usize>, outcome: Result<(), BadRow>) {
        match outcome {
            Ok(()) => self.starts.push(at.start as u32),
            Err(bad) => {
                self.bad += 1;
                if matches!(bad, BadRow::Lacks { .. }) {
                    self.lacking += 1;
                    self.example.get_or_insert(at);
                }
                if self.first_bad.is_none() {
                    self.first_bad = Some((place, bad));
                }
            }
        }
    }
}

/// Looks at every row of a piece.
pub(super) fn look(format: DataFormat, reading: &Reading, piece: &[u8]) -> Found {
    let mut found = Found::default();
    found.places = each_row(format, piece, &mut |Place { number, at, row, record }| {
        found.add(number, at, reading.row(row, record, Request::SAMPLE).map(drop));
    });
    found
}

/// A row in a piece.
pub(in super::super) struct Place<'a> {
    /// How many places are before it in the piece.
    pub(in super::super) number: u64,
    /// Where it lies.
    pub(in super::super) at: std::ops::Range<usize>,
    /// Its bytes, without the end of a line.
    pub(in super::super) row: &'a [u8],
    /// What is in it, of CSV.
    pub(in super::super) record: &'a csv::ByteRecord,
}

/// Visits every row of a piece that begins and ends between two; gives the number of places in it: lines, or conversations.
pub(in super::super) fn each_row(format: DataFormat, piece: &[u8], visit: &mut dyn FnMut(Place<'_>)) -> u64 {
    match format {
        DataFormat::Jsonl | DataFormat::Lines => each_line(piece, visit),
        DataFormat::Csv => each_record(piece, visit),
        DataFormat::Sharegpt => each_element(piece, visit),
    }
}

/// A line without its end.
pub(in super::super) fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn each_line(piece: &[u8], visit: &mut dyn FnMut(Place<'_>)) -> u64 {
    let nothing = csv::ByteRecord::new();
    let (mut lines, mut at) = (0, 0);
    while at < piece.len() {
        let end = memchr(b'\n', &piece[at..]).map_or(piece.len(), |length| at + length + 1);
        let line = trimmed(&piece[at..end]);
        // a blank line is no row
        if !line.trim_ascii().is_empty() {
            visit(Place { number: lines, at: at..end, row: line, record: &nothing });
        }
        lines += 1;
        at = end;
    }
    lines
}

/// A reader of records, the header among them.
pub(in super::super) fn records(bytes: &[u8]) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes)
}

fn each_record(piece: &[u8], visit: &mut dyn FnMut(Place<'_>)) -> u64 {
    let mut reader = records(piece);
    let mut record = csv::ByteRecord::new();
    let (mut start, mut line) = (0, 0);
    loop {
        // what the reader skips, it counts with the record behind
        while let Some(blank @ (b'\n' | b'\r')) = piece.get(start) {
            line += u64::from(*blank == b'\n');
            start += 1;
        }
        // bytes of memory can always be read
        if !matches!(reader.read_byte_record(&mut record), Ok(true)) {
            return lines(piece);
        }
        let end = (reader.position().byte() as usize).clamp(start, piece.len());
        visit(Place { number: line, at: start..end, row: &[], record: &record });
        line += lines(&piece[start..end]);
        start = end;
    }
}

fn each_element(piece: &[u8], visit: &mut dyn FnMut(Place<'_>)) -> u64 {
    let nothing = csv::ByteRecord::new();
    let (mut elements, mut at) = (0, 0);
    loop {
        let between = |byte: &u8| byte.is_ascii_whitespace() || *byte == b',';
        at += piece[at..].iter().take_while(|byte| between(byte)).count();
        if matches!(piece.get(at), None | Some(b']')) {
            return elements;
        }
        let length = Splitter::new(DataFormat::Sharegpt).first_end(&piece[at..]);
        let end = length.map_or(piece.len(), |length| at + length.max(1));
        visit(Place { number: elements, at: at..end, row: &piece[at..end], record: &nothing });
        elements += 1;
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::dataset::{json::Pointer, row::Columns};

    #[test]
    fn rows_and_their_places() {
        let json = Reading::Json { prompt: Some(Pointer::new("q")), output_tokens: None };
        let names = ["q", "n"].map(str::to_owned).to_vec();
        let csv = Reading::Csv(Columns { names, prompt: Some(0), output_tokens: None });
        let conversation = Reading::Conversation { answers: false };
        let turn = |text: &str| format!(r#"{{"conversations":[{{"from":"human","value":"{text}"}}]}}"#);
        let elements = format!("{},\n [] , {}]\n", turn("a"), turn("b"));
        let second = elements.rfind("{\"conv").expect("the second") as u32;
        for (format, reading, piece, starts, places, first_bad) in [
            (DataFormat::Lines, &Reading::Line, "a\n\nb\r\n  \nc", vec![0, 3, 9], 5, None),
            (
                DataFormat::Jsonl,
                &json,
                "{\"q\":\"a\"}\n\n{\"p\":1}\n{\"q\":\"b\"}\n",
                vec![0, 19],
                4,
                Some(2),
            ),
            (DataFormat::Csv, &csv, "\"a\n,\n\",1\r\n\r\nb\r\nc,2\r\n", vec![0, 15], 6, Some(4)),
            (DataFormat::Sharegpt, &conversation, elements.as_str(), vec![0, second], 3, Some(1)),
        ] {
            let found = look(format, reading, piece.as_bytes());
            assert_eq!((found.starts, found.places), (starts, places), "{piece}");
            assert_eq!(found.first_bad.map(|(place, _)| place), first_bad, "{piece}");
            assert_eq!(found.bad, u64::from(first_bad.is_some()), "{piece}");
        }
    }
}
