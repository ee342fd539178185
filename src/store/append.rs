//! Appending to a run folder while the run goes on.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;

use super::{StoreError, chunks, create_folder, failed, replace};
use crate::{
    config::{Chunks, Output},
    machine::SystemInfo,
    plan::Plan,
    record::{self, Event, Record, Telemetry, Text, Texts},
};

/// A line of `requests.jsonl`: a record, with the version of the format.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RecordLine<'a> {
    /// The version of the files' format.
    #[schemars(extend("const" = record::FORMAT))]
    format: u32,
    #[serde(flatten)]
    record: &'a Record,
}

/// A line of `texts.jsonl`: what a request asked and got.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TextLine<'a> {
    /// The version of the files' format.
    #[schemars(extend("const" = record::FORMAT))]
    format: u32,
    /// The request's number.
    seq: u64,
    /// The model that it named.
    model: &'a str,
    /// The prompts, where they are kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    prompts: Vec<&'a str>,
    /// The text of the answer to each prompt, without its reasoning, where they are kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    answers: Vec<&'a str>,
    /// Whether any of them was longer than 64 KiB and lost its end.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

impl<'a> TextLine<'a> {
    /// What the plan keeps of the texts of a request: what is only there to be checked is left out.
    fn new(record: &'a Record, texts: &'a Texts, keep: &Output) -> Self {
        let kept = |texts: &'a [Text], keep: bool| if keep { texts } else { &[] };
        let (prompts, answers) = (kept(&texts.prompts, keep.prompts), kept(&texts.answers, keep.answers));
        let plain = |texts: &'a [Text]| texts.iter().map(|text| text.text.as_str()).collect();
        Self {
            format: record::FORMAT,
            seq: record.seq,
            model: &record.model,
            prompts: plain(prompts),
            answers: plain(answers),
            cut: prompts.iter().chain(answers).any(|text| text.cut),
        }
    }
}

/// The growing files of a run folder.
#[derive(Debug)]
pub struct Writer {
    folder: PathBuf,
    /// Where the plan keeps the arrivals of chunks.
    chunks: Option<Appender>,
    /// Where it keeps prompts or answers.
    texts: Option<Appender>,
    /// Which of them.
    output: Output,
    requests: Appender,
    telemetry: Appender,
    events: Appender,
}

impl Writer {
    /// Makes the run folder with `plan.json`, `system-info.json` and the empty files that grow.
    pub fn create(
        results: &Path,
        plan: &Plan,
        system: &SystemInfo,
        started: OffsetDateTime,
    ) -> Result<Self, StoreError> {
        let folder = create_folder(results, "runs", plan, started)?;
        replace(&folder, "plan.json", &pretty(plan))?;
        replace(&folder, "system-info.json", &pretty(system))?;
        let output = &plan.output;
        let optional = |wanted: bool, name| wanted.then(|| Appender::open(&folder, name)).transpose();
        let mut writer = Self {
            chunks: optional(output.chunks == Chunks::Full, "chunks.bin")?,
            texts: optional(output.prompts || output.answers, "texts.jsonl")?,
            output: output.clone(),
            requests: Appender::open(&folder, "requests.jsonl")?,
            telemetry: Appender::open(&folder, "telemetry.jsonl")?,
            events: Appender::open(&folder, "events.jsonl")?,
            folder,
        };
        if let Some(chunks) = &mut writer.chunks {
            chunks.pending.extend_from_slice(chunks::HEADER);
        }
        json_line(&Telemetry::Started { format: record::FORMAT }, &mut writer.telemetry.pending);
        writer.flush()?;
        Ok(writer)
    }

    /// The run folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Appends events and hands them to the kernel before it returns. On an error nothing is lost: what could not
    /// be written stays in memory and goes out with the next call that succeeds.
    pub fn append(&mut self, events: &[Event]) -> Result<(), StoreError> {
        for event in events {
            match event {
                Event::Diary(line) => json_line(line, &mut self.events.pending),
                Event::Telemetry(line) => json_line(line, &mut self.telemetry.pending),
                Event::Pending { .. } => {}
                Event::Finished { record, chunks, texts } => {
                    if let Some(file) = self.chunks.as_mut().filter(|_| !chunks.is_empty()) {
                        chunks::encode(record.seq, chunks, &mut file.pending);
                    }
                    if let Some((file, texts)) = self.texts.as_mut().zip(texts.as_ref()) {
                        json_line(&TextLine::new(record, texts, &self.output), &mut file.pending);
                    }
                    json_line(&RecordLine { format: record::FORMAT, record }, &mut self.requests.pending);
                }
            }
        }
        self.flush()
    }

    /// Chunks go first, so that every record on disk finds its chunks there, and the diary last, so that what it
    /// says was issued or ended is on disk too.
    fn flush(&mut self) -> Result<(), StoreError> {
        for file in [&mut self.chunks, &mut self.texts].into_iter().flatten() {
            file.flush()?;
        }
        self.requests.flush()?;
        self.telemetry.flush()?;
        self.events.flush()
    }
}

fn json_line(value: &impl Serialize, out: &mut Vec<u8>) {
    let start = out.len();
    // the types have string keys and finite numbers only, so this cannot fail; a half line would be worse than none
    if serde_json::to_writer(&mut *out, value).is_ok() {
        out.push(b'\n');
    } else {
        out.truncate(start);
    }
}

fn pretty(value: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).unwrap_or_default();
    text.push(b'\n');
    text
}

/// One file that only grows, by whole records.
#[derive(Debug)]
struct Appender {
    path: PathBuf,
    file: File,
    /// Bytes of whole records in the file.
    committed: u64,
    /// Records that are not in the file yet.
    pending: Vec<u8>,
}

impl Appender {
    fn open(folder: &Path, name: &str) -> Result<Self, StoreError> {
        let path = folder.join(name);
        let file =
            OpenOptions::new().append(true).create_new(true).open(&path).map_err(failed("create", &path))?;
        Ok(Self { path, file, committed: 0, pending: Vec::new() })
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        match self.file.write_all(&self.pending) {
            Ok(()) => {
                self.committed += self.pending.len() as u64;
                self.pending.clear();
                Ok(())
            }
            Err(error) => {
                // a full disk can take a part of a record; cut it off so that the next try does not repeat it
                let _ = self.file.set_len(self.committed);
                Err(failed("write", &self.path)(error))
            }
        }
    }
}
