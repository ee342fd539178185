//! Reading a run folder back: the records in the order of writing, each with its chunk times.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};
use time::OffsetDateTime;

use super::{StoreError, chunks, failed};
use crate::{
    config::Chunks,
    machine::SystemInfo,
    metrics::Source,
    plan::{Plan, as_run},
    record::{self, ChunkTimes, Diary, Record, Telemetry},
    schema::Expectation,
};

/// A run folder, opened for reading. Works on finished runs and on what a killed one left.
#[derive(Debug)]
pub struct Run {
    /// Where it is.
    pub folder: PathBuf,
    /// What was run: the plan, its searches as they turned out.
    pub plan: Plan,
    /// Where, and what answered.
    pub system: SystemInfo,
    /// Wall clock at time 0 of the run.
    pub started: OffsetDateTime,
    diary: Vec<Diary>,
}

/// The part of a line that tells its format.
#[derive(Deserialize, JsonSchema)]
struct Versioned {
    /// The version of the file's format.
    format: u32,
}

impl Run {
    /// Opens a run folder.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join("plan.json");
        let text = fs::read_to_string(&path).map_err(failed("read", &path))?;
        let plan = Plan::from_json(&text)
            .map_err(|error| StoreError::Content { path, reason: error.to_string() })?;
        let system = json_file(&folder.join("system-info.json"), crate::machine::FORMAT)?;
        let path = folder.join("events.jsonl");
        let mut diary = Vec::new();
        lines(&path, &mut |text| {
            diary.push(parse::<Diary>(text)?);
            Ok(())
        })?;
        let content = |reason: &str| StoreError::Content { path: path.clone(), reason: reason.to_owned() };
        let Some(Diary::RunStarted { format, wall_ns }) = diary.first() else {
            return Err(content("it does not begin with `run_started`: nothing was run here"));
        };
        if *format != record::FORMAT {
            return Err(content(&unsupported(*format, record::FORMAT)));
        }
        let started = OffsetDateTime::from_unix_timestamp_nanos(i128::from(*wall_ns))
            .map_err(|error| content(&error.to_string()))?;
        let plan = as_run(&plan, &record::trials(&diary));
        Ok(Self { folder: folder.to_owned(), plan, system, started, diary })
    }
}

impl Source for Run {
    fn diary(&self) -> &[Diary] {
        &self.diary
    }

    fn scan(&self, visit: &mut dyn FnMut(&Record, &ChunkTimes)) -> io::Result<()> {
        let mut blocks = match self.plan.output.chunks {
            Chunks::Full => Some(BufReader::new(File::open(self.folder.join("chunks.bin"))?)),
            Chunks::None => None,
        };
        let mut header = [0; chunks::HEADER.len()];
        // a run that was killed at once may not even have the header; then it has no chunks either
        if let Some(blocks) = &mut blocks
            && blocks.read_exact(&mut header).is_ok()
            && header != *chunks::HEADER
        {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "`chunks.bin` has another format"));
        }
        let mut times = ChunkTimes::default();
        let mut first = true;
        lines(&self.folder.join("requests.jsonl"), &mut |text| {
            if std::mem::take(&mut first) {
                let Versioned { format } = parse(text)?;
                if format != record::FORMAT {
                    return Err(unsupported(format, record::FORMAT));
                }
            }
            let record: Record = parse(text)?;
            times.clear();
            if let Some(blocks) = blocks.as_mut().filter(|_| record.chunks > 0) {
                let seq = chunks::decode(blocks, &mut times).map_err(|error| error.to_string())?;
                if seq != Some(record.seq) {
                    return Err(format!("`chunks.bin` has no block for request {}", record.seq));
                }
            }
            visit(&record, &times);
            Ok(())
        })
        .map_err(io::Error::other)
    }

    /// Runs of older versions have no such file.
    fn telemetry(&self, visit: &mut dyn FnMut(&Telemetry)) -> io::Result<()> {
        let path = self.folder.join("telemetry.jsonl");
        if !path.exists() {
            return Ok(());
        }
        let mut first = true;
        lines(&path, &mut |text| {
            let line: Telemetry = parse(text)?;
            if std::mem::take(&mut first) {
                let Telemetry::Started { format } = line else {
                    return Err("it does not begin with `started`".to_owned());
                };
                if format != record::FORMAT {
                    return Err(unsupported(format, record::FORMAT));
                }
            }
            visit(&line);
            Ok(())
        })
        .map_err(io::Error::other)
    }
}

fn unsupported(found: u32, known: u32) -> String {
    format!("it has format {found}, and this version of `scenario` reads format {known}")
}

fn json_file<T: DeserializeOwned + JsonSchema>(path: &Path, format: u32) -> Result<T, StoreError> {
    let text = fs::read_to_string(path).map_err(failed("read", path))?;
    let content = |reason: String| StoreError::Content { path: path.to_owned(), reason };
    let version: Versioned = parse(&text).map_err(content)?;
    if version.format != format {
        return Err(content(unsupported(version.format, format)));
    }
    parse(&text).map_err(content)
}

/// Reads a value; where that fails, its schema tells what is wrong where. Not before: a schema takes many times as long
/// as the reading, and there may be millions of records.
fn parse<T: DeserializeOwned + JsonSchema>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| {
        let Ok(document) = serde_json::from_str(text) else { return format!("it is no JSON: {error}") };
        match Expectation::of::<T>().check(&document) {
            Ok(()) => error.to_string(),
            Err(mismatches) => mismatches.to_string(),
        }
    })
}

/// Visits the whole lines of a file. A last line without its end was cut short by a crash and is dropped; any other
/// line that cannot be read is an error with its number.
fn lines(path: &Path, visit: &mut dyn FnMut(&str) -> Result<(), String>) -> Result<(), StoreError> {
    let mut reader = BufReader::new(File::open(path).map_err(failed("read", path))?);
    let mut bytes = Vec::new();
    let mut number = 0;
    loop {
        bytes.clear();
        reader.read_until(b'\n', &mut bytes).map_err(failed("read", path))?;
        if bytes.pop() != Some(b'\n') {
            return Ok(());
        }
        number += 1;
        std::str::from_utf8(&bytes).map_err(|error| error.to_string()).and_then(&mut *visit).map_err(
            |reason| StoreError::Content {
                path: path.to_owned(),
                reason: format!("line {number}: {reason}"),
            },
        )?;
    }
}
