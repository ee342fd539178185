//! One row of a trace: from bytes to a request, or to what is wrong with it.

use serde::Deserialize;

use super::{
    super::dataset::{BadRow, no_json, text, tokens},
    BLOCK_TOKENS,
    columns::Columns,
    run::Run,
    time::of_milliseconds,
};
use crate::units::show_count_of;

/// A request as its row says it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Request {
    /// When, on the clock of the trace.
    pub(super) at_ns: i64,
    /// Prompt tokens.
    pub(super) input: u32,
    /// Output tokens asked for.
    pub(super) output: u32,
    /// What requests of the same time are sorted by: the place in the file, or the number in the run.
    pub(super) order: u64,
    /// Where the text is; of no bytes where it is made up.
    pub(super) text: Extent,
    /// Whether `input` is an estimate of the plan, as nobody counted.
    pub(super) estimated: bool,
}

/// A stretch of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) offset: u64,
    pub(super) length: u32,
}

/// What a row is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Parsed {
    /// A request that is taken.
    Request(Request),
    /// One that had no answer, which was due then.
    Unanswered(i64),
    /// One of another phase, which has this name.
    Other(String),
}

/// How the rows of a file are read.
#[derive(Debug)]
pub(super) enum Reading {
    Mooncake,
    Columns(Columns),
    Run(Run),
}

impl Reading {
    /// Reads one row, without the end of its line; a record of CSV stands in `record`.
    pub(super) fn row(&self, bytes: &[u8], record: &csv::ByteRecord) -> Result<Parsed, BadRow> {
        match self {
            Self::Mooncake => mooncake(text(bytes)?),
            Self::Columns(columns) => columns.row(record),
            Self::Run(run) => run.row(text(bytes)?),
        }
    }
}

/// A row of Mooncake's traces, of which other keys mean nothing here.
#[derive(Deserialize)]
struct Mooncake {
    timestamp: Option<f64>,
    input_length: Option<u64>,
    output_length: Option<u64>,
    hash_ids: Option<Vec<u64>>,
}

fn mooncake(row: &str) -> Result<Parsed, BadRow> {
    let Mooncake { timestamp, input_length, output_length, hash_ids } = of_json(row, "request")?;
    let lacks = |field: &str| BadRow::Wrong(format!("has no `{field}`"));
    let ms = timestamp.ok_or_else(|| lacks("timestamp"))?;
    let at_ns = of_milliseconds(ms).ok_or_else(|| {
        BadRow::Wrong(format!("has {ms:?} as `timestamp`, which is no time in milliseconds"))
    })?;
    let input = tokens(input_length.ok_or_else(|| lacks("input_length"))?, "input_length")?;
    let output = match output_length.ok_or_else(|| lacks("output_length"))? {
        0 => return Ok(Parsed::Unanswered(at_ns)),
        asked => tokens(asked, "output_length")?,
    };
    let text = match hash_ids {
        Some(ids) => {
            let blocks = input.div_ceil(BLOCK_TOKENS);
            if ids.len() != blocks as usize {
                return Err(BadRow::Wrong(format!(
                    "has {}, and {input} tokens are {} of {BLOCK_TOKENS}",
                    show_count_of(ids.len() as u64, "hash id"),
                    show_count_of(u64::from(blocks), "block"),
                )));
            }
            // that the row has a text; who reads the file knows where it is
            Extent { offset: 0, length: u32::try_from(row.len()).unwrap_or(u32::MAX) }
        }
        None => Extent::default(),
    };
    Ok(Parsed::Request(Request { at_ns, input, output, text, ..Request::default() }))
}

/// The ids of the blocks of a row that was read before.
pub(super) fn hash_ids(bytes: &[u8]) -> Result<Vec<u64>, BadRow> {
    let row: Mooncake = of_json(text(bytes)?, "request")?;
    Ok(row.hash_ids.unwrap_or_default())
}

/// A JSON row as a `noun`.
pub(super) fn of_json<'a, T: Deserialize<'a>>(row: &'a str, noun: &str) -> Result<T, BadRow> {
    serde_json::from_str(row).map_err(|error| {
        if error.is_data() {
            let text = error.to_string();
            BadRow::Wrong(format!("is no {noun}: {}", text.split(" at line ").next().unwrap_or_default()))
        } else {
            no_json(&error)
        }
    })
}
