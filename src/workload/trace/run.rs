//! What a run of this program left, as a trace: its records, and the prompts where it kept them.
//!
//! The files are those of the run folder. What writes them stands further down the pipeline, so that what is read of them here is
//! named here once more; a test replays a run.

use std::{collections::HashMap, fs::File, io, path::Path};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{
    super::{
        dataset::{BadRow, Broken, DatasetError, PIECE, Place, cannot_read, each_row, in_pieces, tokens},
        estimate_tokens,
        hex::hex,
    },
    row::{Extent, Parsed, Request, of_json},
};
use crate::{config::DataFormat, units::show_count_of};

/// The records.
pub(super) const RECORDS: &str = "requests.jsonl";

/// What was asked and answered.
pub(super) const TEXTS: &str = "texts.jsonl";

/// What was planned.
pub(super) const PLAN: &str = "plan.json";

/// The version of the first two that is read.
const FORMAT: u32 = 1;

/// Bytes that a run keeps of a text at most. One that came near may have lost its end.
const LONGEST_TEXT: usize = 64 << 10;

/// A run whose records are read.
#[derive(Debug)]
pub(super) struct Run {
    /// Only of this phase; `None` for what was measured.
    pub(super) phase: Option<String>,
    /// Prompts that were kept, by the numbers of their requests: where, and their tokens by the estimate.
    pub(super) kept: HashMap<u64, (Extent, u32)>,
    /// Prompt tokens of a request of each step, as they were planned; `None` where that is not known.
    pub(super) planned: Vec<Option<u32>>,
}

/// What of a record is read.
#[derive(Deserialize)]
struct Line {
    format: u32,
    seq: u64,
    phase: String,
    step_id: usize,
    measured: bool,
    #[serde(default = "one")]
    batch: u32,
    #[serde(default)]
    turn: u32,
    due_ns: i64,
    input_tokens: Option<u64>,
    requested_output_tokens: u64,
}

fn one() -> u32 {
    1
}

impl Run {
    /// Reads a record. What became of the request means nothing: it was due.
    pub(super) fn row(&self, row: &str) -> Result<Parsed, BadRow> {
        let line: Line = of_json(row, "record")?;
        if line.format != FORMAT {
            let Line { format, .. } = line;
            return Err(BadRow::Wrong(format!(
                "has format {format}, and this version reads format {FORMAT}"
            )));
        }
        let taken = self.phase.as_ref().map_or(line.measured, |phase| line.phase == *phase);
        if !taken {
            return Ok(Parsed::Other(line.phase));
        }
        if line.batch != 1 {
            let prompts = show_count_of(u64::from(line.batch), "prompt");
            return Err(BadRow::Wrong(format!("has {prompts}, and a row of a trace is one")));
        }
        // of a later turn of a conversation only that was kept which came with it, and it carried all before it
        let kept = self.kept.get(&line.seq).filter(|_| line.turn == 0);
        let planned = || self.planned.get(line.step_id).copied().flatten();
        let (input, estimated) = match (line.input_tokens.filter(|tokens| *tokens > 0), kept) {
            (Some(counted), _) => (tokens(counted, "input_tokens")?, false),
            (None, Some((_, tokens))) => (*tokens, false),
            (None, None) => match planned() {
                Some(tokens) => (tokens, true),
                None => {
                    return Err(BadRow::Wrong(format!(
                        "has no `input_tokens`, and `{PLAN}` says nothing of them"
                    )));
                }
            },
        };
        Ok(Parsed::Request(Request {
            at_ns: line.due_ns,
            input,
            // what writes no text asks for none
            output: tokens(line.requested_output_tokens.max(1), "requested_output_tokens")?,
            order: line.seq,
            text: kept.map_or_else(Extent::default, |(extent, _)| *extent),
            estimated,
        }))
    }
}

/// What of a line of texts is read.
#[derive(Deserialize)]
struct Texts {
    seq: u64,
    #[serde(default)]
    prompts: Vec<String>,
    #[serde(default)]
    cut: bool,
}

impl Texts {
    /// The only prompt, where there is one and nothing of it is lost.
    fn prompt(self) -> Option<String> {
        let [prompt] = <[String; 1]>::try_from(self.prompts).ok()?;
        let whole = !self.cut || prompt.len() + 4 <= LONGEST_TEXT;
        (whole && !prompt.trim_start().is_empty()).then_some(prompt)
    }
}

/// A prompt that was found before, by its line.
pub(super) fn kept_prompt(line: &[u8]) -> Option<String> {
    serde_json::from_slice::<Texts>(line).ok()?.prompt()
}

/// The file of texts, the prompts in it, and its SHA-256; `None` where the run kept none.
pub(super) fn texts(folder: &Path, name: &str) -> Result<Option<KeptTexts>, DatasetError> {
    let name = format!("{name}/{TEXTS}");
    let file = match File::open(folder.join(TEXTS)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot_read(&name, &error)),
    };
    let (mut prompts, mut hash) = (HashMap::new(), Sha256::new());
    let look = |piece: &super::super::dataset::Piece| {
        let mut found = Vec::new();
        each_row(DataFormat::Jsonl, &piece.bytes, &mut |Place { at, row, .. }| {
            // a last line without its end was cut short
            let whole = piece.bytes[..at.end].ends_with(b"\n");
            let Some(texts) = whole.then(|| serde_json::from_slice::<Texts>(row).ok()).flatten() else {
                return;
            };
            let seq = texts.seq;
            let Some(prompt) = texts.prompt() else { return };
            let extent = Extent {
                offset: piece.offset + at.start as u64,
                length: u32::try_from(at.len()).unwrap_or(u32::MAX),
            };
            found.push((seq, (extent, estimate_tokens(&prompt))));
        });
        found
    };
    let take = &mut |piece: &super::super::dataset::Piece, found: Vec<_>| {
        hash.update(&piece.bytes);
        prompts.extend(found);
        false
    };
    in_pieces(&file, DataFormat::Jsonl, 0, PIECE, &look, take).map_err(|broken| match broken {
        Broken::Read(error) => cannot_read(&name, &error),
        Broken::Format(what) => {
            DatasetError::of_file(format!("`{name}`: {what}"), "leave run folders as they are")
        }
    })?;
    Ok((!prompts.is_empty()).then(|| KeptTexts { file, prompts, sha256: hex(&hash.finalize()) }))
}

/// The prompts of a run.
pub(super) struct KeptTexts {
    pub(super) file: File,
    /// By the numbers of their requests: where, and their tokens by the estimate.
    pub(super) prompts: HashMap<u64, (Extent, u32)>,
    pub(super) sha256: String,
}

/// What of a plan is read.
#[derive(Deserialize)]
struct Planned {
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    expected: Expected,
}

#[derive(Deserialize)]
struct Expected {
    requests: Option<f64>,
    input_tokens: Option<f64>,
}

/// Prompt tokens of a request of each step as they were planned, and the SHA-256 of the file that says so; nothing where there is
/// no such file.
pub(super) fn planned(folder: &Path) -> Option<(Vec<Option<u32>>, String)> {
    let bytes = std::fs::read(folder.join(PLAN)).ok()?;
    let Planned { steps } = serde_json::from_slice(&bytes).ok()?;
    let tokens = steps.into_iter().map(|step| {
        let Expected { requests, input_tokens } = step.expected;
        let mean = input_tokens? / requests.filter(|requests| *requests > 0.0)?;
        Some((mean.round() as u32).max(1))
    });
    Some((tokens.collect(), hex(&Sha256::digest(&bytes))))
}
