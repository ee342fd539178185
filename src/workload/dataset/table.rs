//! A file of prompts, open.

use std::{
    fs::File,
    io::{self, ErrorKind, Read as _},
    path::Path,
};

use super::{
    data::read_exact_at,
    error::DatasetError,
    index::Index,
    piece::{records, trimmed},
    pieces::{Broken, LONGEST_ROW, PIECE},
    row::{BadRow, Columns, Reading, Request},
    split::Splitter,
    survey::{Plan, Survey, survey},
};
use crate::{
    config::{Content, DataFile, DataFormat, OnBadRow, suggest},
    units::{show_count, show_count_of},
    workload::{Counter, MeanTokens},
};

/// Rows that stand for all of them where their tokens are counted, at most and, of long ones, at least.
const SAMPLE: std::ops::RangeInclusive<u64> = 64..=4096;

/// Bytes that are read for the same purpose, where that many rows are not too few.
const SAMPLED_BYTES: u64 = 8 << 20;

/// The same where a tokenizer counts them, which takes a hundred times as long as the estimate.
const COUNTED_BYTES: u64 = 256 << 10;

/// Bytes of a row that are read at first; most are shorter.
pub(in super::super) const FIRST_LOOK: u64 = 1 << 16;

/// The byte order mark of UTF-8, which some editors put before a text.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The rows of a file that can be used: their places, and what was found. Rows are read when they are asked for, by any
/// thread.
#[derive(Debug)]
pub(in super::super) struct Table {
    /// As messages name it.
    path: String,
    file: File,
    format: DataFormat,
    reading: Reading,
    index: Index,
    content: Content,
}

/// What stands before the rows.
struct Head {
    format: DataFormat,
    reading: Reading,
    from: u64,
    lines: u64,
}

impl Table {
    /// Opens the file at `path`, which messages call by the path in `said`, and looks at every row.
    ///
    /// # Errors
    ///
    /// Why its prompts cannot be sent.
    pub(super) fn open(path: &Path, said: &DataFile) -> Result<Self, DatasetError> {
        Self::open_by(path, said, PIECE)
    }

    /// The same with pieces of another size.
    pub(super) fn open_by(path: &Path, said: &DataFile, piece: usize) -> Result<Self, DatasetError> {
        let name = &said.path;
        let unread = |error: &io::Error| cannot_read(name, error);
        let Some(file) = open_file(path, name, "prompts.jsonl")? else { return Err(empty(name, "is empty")) };
        let Head { format, reading, from, lines } = head(&file, said)?;
        let plan = Plan { format, reading: &reading, from, lines_before: lines, limit: said.limit, piece };
        let found = survey(&file, plan).map_err(|broken| match broken {
            Broken::Read(error) => unread(&error),
            Broken::Format(what) => not_its_format(name, format, &what),
        })?;
        let noun = if format == DataFormat::Sharegpt { "conversation" } else { "line" };
        let first_bad =
            found.first_bad.as_ref().map(|(place, bad)| (format!("{noun} {}", show_count(*place)), bad));
        judge(said, &found, first_bad.as_ref())?;
        let content = Content {
            rows: found.index.rows(),
            skipped: found.bad,
            first_skipped: first_bad.map(|(place, bad)| format!("{place} {bad}")),
            sha256: found.sha256,
            mean_prompt_tokens: 0.0,
            mean_output_tokens: None,
        };
        let mut table = Self { path: name.clone(), file, format, reading, index: found.index, content };
        let means = table.mean_tokens(&Counter::Estimate)?;
        let outputs = said.answers || said.output_tokens_field.is_some();
        table.content.mean_prompt_tokens = means.input;
        table.content.mean_output_tokens = outputs.then_some(means.output);
        Ok(table)
    }

    /// What was found in it.
    pub(super) fn content(&self) -> &Content {
        &self.content
    }

    /// The prompt of a row for a request, and the tokens of output that it says, counted where it has an answer.
    ///
    /// # Errors
    ///
    /// Where it can no longer be read, or is no longer there.
    pub(super) fn row(
        &self,
        number: u64,
        counter: &Counter,
        request: Request<'_>,
    ) -> Result<(String, Option<u32>), DatasetError> {
        let gone = |why: String| {
            let place = format!("row {} of `{}`", show_count(number + 1), self.path);
            DatasetError::of_file(
                format!("{place} cannot be read any more: {why}"),
                "leave the file as it is while it is in use",
            )
        };
        let bytes = self.bytes(number).map_err(|error| gone(error.to_string()))?;
        let mut record = csv::ByteRecord::new();
        if self.format == DataFormat::Csv {
            records(&bytes).read_byte_record(&mut record).map_err(|error| gone(error.to_string()))?;
        }
        let row = self.reading.row(trimmed(&bytes), &record, request);
        let row = row.map_err(|bad| gone(format!("it {bad}")))?;
        let output_tokens = row.output_tokens(counter);
        Ok((row.prompt.into_owned(), output_tokens))
    }

    /// The bytes of a row, with the end of its line.
    fn bytes(&self, number: u64) -> io::Result<Vec<u8>> {
        let Some((start, end)) = self.index.extent(number) else { return Err(ErrorKind::NotFound.into()) };
        // behind it there may be others, which were skipped
        let mut wanted = FIRST_LOOK;
        loop {
            let length = wanted.min(end - start);
            let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
            read_exact_at(&self.file, &mut bytes, start)?;
            if let Some(length) = Splitter::new(self.format).first_end(&bytes) {
                bytes.truncate(length);
                return Ok(bytes);
            }
            if length == end - start || length > LONGEST_ROW as u64 {
                return Ok(bytes);
            }
            wanted *= 4;
        }
    }

    /// Tokens that rows have on average, in their prompts and, as they say it, in their answers: all of them where they are few, else
    /// some from all over the file.
    ///
    /// # Errors
    ///
    /// Those of [`row`](Self::row).
    pub(super) fn mean_tokens(&self, counter: &Counter) -> Result<MeanTokens, DatasetError> {
        let bytes = if counter.is_exact() { COUNTED_BYTES } else { SAMPLED_BYTES };
        let rows = self.content.rows;
        let (start, _) = self.index.extent(0).unwrap_or_default();
        let (_, end) = self.index.extent(rows - 1).unwrap_or_default();
        let each = ((end - start) / rows).max(1);
        let sample = (bytes / each).clamp(*SAMPLE.start(), *SAMPLE.end()).min(rows);
        let (mut prompts, mut answers) = (0, 0);
        for n in 0..sample {
            let number = u128::from(n) * u128::from(rows) / u128::from(sample);
            let (text, tokens) = self.row(number as u64, counter, Request::SAMPLE)?;
            prompts += u64::from(counter.count(&text));
            answers += u64::from(tokens.unwrap_or_default());
        }
        Ok(MeanTokens { input: prompts as f64 / sample as f64, output: answers as f64 / sample as f64 })
    }
}

/// Opens a regular file that messages call `name`; `None` where it is empty. `example` is what such a file is called.
pub(in super::super) fn open_file(
    path: &Path,
    name: &str,
    example: &str,
) -> Result<Option<File>, DatasetError> {
    let unread = |error: io::Error| cannot_read(name, &error);
    let file = File::open(path).map_err(unread)?;
    let kind = file.metadata().map_err(unread)?;
    if kind.is_dir() {
        let help = format!("name a file in it, such as `{}/{example}`", name.trim_end_matches('/'));
        return Err(DatasetError::of_file(format!("`{name}` is a folder"), help));
    }
    if !kind.is_file() {
        let help = "rows are read again when they are sent: save them as a file";
        return Err(DatasetError::of_file(format!("`{name}` is no regular file"), help));
    }
    Ok((kind.len() > 0).then_some(file))
}

pub(in super::super) fn cannot_read(name: &str, error: &io::Error) -> DatasetError {
    let why = match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    DatasetError::of_file(
        format!("cannot read `{name}`: {why}"),
        "put the file there, or correct the path, which starts at the folder of the file that it stands in",
    )
}

fn empty(name: &str, what: &str) -> DatasetError {
    DatasetError::of_file(format!("`{name}` {what}"), "name a file with a prompt in each row")
}

fn not_its_format(name: &str, format: DataFormat, what: &str) -> DatasetError {
    let help = match format {
        DataFormat::Jsonl => "a file of JSON lines has one object on each line: `{\"prompt\": \"…\"}`",
        DataFormat::Csv => "within a field that is in quotes, a quote is written twice",
        DataFormat::Sharegpt => {
            "such a file is one array: `[{\"conversations\": [{\"from\": \"human\", \"value\": \"…\"}, …]}, …]`"
        }
        DataFormat::Lines => "a file of lines has one prompt on each",
    };
    DatasetError {
        key: "format",
        reason: format!("`{name}` is not read as `{}`: {what}", format.name()),
        label: "not what the file is",
        help: help.to_owned(),
    }
}

/// What a file begins with, and how much of that is a byte order mark.
pub(in super::super) fn first_bytes(file: &File, name: &str) -> Result<(Vec<u8>, usize), DatasetError> {
    let mut first = Vec::new();
    let start = file;
    start.take(FIRST_LOOK).read_to_end(&mut first).map_err(|error| cannot_read(name, &error))?;
    if first.starts_with(b"\xff\xfe") || first.starts_with(b"\xfe\xff") {
        return Err(DatasetError::of_file(
            format!("`{name}` is UTF-16, not UTF-8"),
            format!("convert it: `iconv -f utf-16 -t utf-8 {name} > FILE`"),
        ));
    }
    let mark = if first.starts_with(MARK) { MARK.len() } else { 0 };
    Ok((first, mark))
}

/// What stands before the rows of a file: a byte order mark, a header, the bracket of an array.
fn head(file: &File, said: &DataFile) -> Result<Head, DatasetError> {
    let name = &said.path;
    let (first, mark) = first_bytes(file, name)?;
    let text = &first[mark..];
    let space = text.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let first_byte = text.get(space).copied();
    let plain = |format, reading| Head { format, reading, from: mark as u64, lines: 0 };
    match Reading::new(said) {
        None => columns(name, &first, said),
        Some(reading) if said.format == DataFormat::Sharegpt => match first_byte {
            Some(b'[') => {
                Ok(Head { format: said.format, reading, from: (mark + space + 1) as u64, lines: 0 })
            }
            // the same objects, one on each line
            Some(b'{') => Ok(plain(DataFormat::Jsonl, reading)),
            _ => Err(not_its_format(name, said.format, "it does not begin with `[`")),
        },
        Some(_) if said.format == DataFormat::Jsonl && first_byte == Some(b'[') => {
            Err(not_its_format(name, said.format, "it begins with `[`, as one array does"))
        }
        Some(reading) => Ok(plain(said.format, reading)),
    }
}

/// The columns by the header.
fn columns(name: &str, first: &[u8], said: &DataFile) -> Result<Head, DatasetError> {
    let mut reader = records(first);
    let mut header = csv::StringRecord::new();
    let whole =
        Splitter::new(DataFormat::Csv).first_end(first).is_some() || (first.len() as u64) < FIRST_LOOK;
    if !whole || !matches!(reader.read_record(&mut header), Ok(true)) {
        return Err(not_its_format(name, DataFormat::Csv, "its first line is no header of columns"));
    }
    let names: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
    let column = |key: &'static str, field: &str| {
        names.iter().position(|name| name == field).ok_or_else(|| DatasetError {
            key,
            reason: format!("`{name}` has no column `{field}`"),
            label: "no column of this name",
            help: suggest(field, "columns", names.iter().map(String::as_str)),
        })
    };
    let prompt = said.field.as_deref().map(|field| column("field", field)).transpose()?;
    let output_tokens =
        said.output_tokens_field.as_deref().map(|field| column("output_tokens_field", field)).transpose()?;
    let from = reader.position().byte();
    let lines = super::split::lines(&first[..(from as usize).min(first.len())]);
    Ok(Head {
        format: DataFormat::Csv,
        reading: Reading::Csv(Columns { names, prompt, output_tokens }).filled(said),
        from,
        lines,
    })
}

/// Whether the rows that were found will do.
fn judge(said: &DataFile, found: &Survey, first_bad: Option<&(String, &BadRow)>) -> Result<(), DatasetError> {
    let name = &said.path;
    let (good, bad) = (found.index.rows(), found.bad);
    if good == 0 && bad == 0 {
        return Err(empty(name, "has no rows"));
    }
    if good == 0
        && found.lacking == bad
        && let Some((_, BadRow::Lacks { key, field })) = first_bad
    {
        let what = match *key {
            "field" => "text is in",
            "template" => "rows have",
            _ => "numbers are in",
        };
        return Err(DatasetError {
            key,
            reason: format!("no row of `{name}` has `{field}`"),
            label: "nowhere to be found",
            help: suggest(field, what, found.fields.iter().map(String::as_str)),
        });
    }
    let to_tell = good == 0 || said.on_bad_row == OnBadRow::Fail;
    let Some((place, what)) = first_bad.filter(|_| to_tell) else { return Ok(()) };
    Err(bad_rows(name, place, what, good == 0, bad, good))
}

/// Rows of a file that cannot be used, of which `what` is wrong with the first, at its `place`: all of them, or beside so many good ones.
pub(in super::super) fn bad_rows(
    name: &str,
    place: &str,
    what: &BadRow,
    all: bool,
    bad: u64,
    good: u64,
) -> DatasetError {
    let first = format!("{place} of `{name}` {what}");
    let rows = show_count_of(good + bad, "row");
    let (reason, label) = if all {
        (format!("{first}, and none of its {rows} can be used"), "prompts come from it")
    } else if bad == 1 {
        (first, "this file")
    } else {
        let more = show_count(bad - 1);
        (format!("{first}, and {more} more of its {rows} cannot be used"), "this file")
    };
    let help = if all {
        "correct the file, or `format`".to_owned()
    } else {
        let which = if bad == 1 { "the row" } else { "the rows" };
        format!("correct {which}, or leave such rows out: `on_bad_row = \"skip\"`")
    };
    DatasetError { key: "path", reason, label, help }
}
