//! A trace, open: the requests that are taken, in the order of their times.

use std::{collections::BTreeMap, fs::File, io, path::Path, time::Duration};

use super::{
    super::dataset::{
        Broken, DatasetError, FIRST_LOOK, PIECE, bad_rows, cannot_read, first_bytes, lines, open_file,
        read_exact_at, records, trimmed,
    },
    columns::Columns,
    prompt::Texts,
    read::{Found, Kept, Pass, read},
    row::{Extent, Reading, hash_ids},
    run::{self, Run, kept_prompt},
};
use crate::{
    config::{OnBadRow, TraceContent, TraceFile, TraceFormat, TracePart, TracePrompts, TraceWindow, suggest},
    units::{show_count, show_count_of, show_seconds, write_duration},
    workload::MeanTokens,
};

/// What files of each format look like.
const KNOWN: &str = "known are JSON lines with `timestamp`, `input_length` and `output_length` (`mooncake`), CSV with `TIMESTAMP`, \
                     `ContextTokens` and `GeneratedTokens` (`azure`), and CSV with `Timestamp`, `Request tokens` and `Response \
                     tokens` (`burstgpt`)";

const LABEL: &str = "requests come from it";

/// The requests of a trace that are taken, sorted by their times. Texts are read when they are asked for, by any thread.
#[derive(Debug)]
pub(in super::super) struct Requests {
    /// As messages name it.
    path: String,
    /// Their times count from the window's beginning.
    rows: Vec<Kept>,
    /// Where the text of each is, likewise; empty where none has any.
    places: Vec<Extent>,
    /// The file that those are in.
    texts: Option<File>,
    content: TraceContent,
}

impl Requests {
    /// Opens the file at `path`, which messages call by the path in `said`, and looks at every row.
    ///
    /// # Errors
    ///
    /// Why its requests cannot be sent.
    pub(in super::super) fn open(path: &Path, said: &TraceFile) -> Result<Self, DatasetError> {
        Self::open_by(path, said, PIECE)
    }

    /// The same with pieces of another size.
    pub(super) fn open_by(path: &Path, said: &TraceFile, piece: usize) -> Result<Self, DatasetError> {
        if said.format == Some(TraceFormat::Run) {
            Self::of_run(path, said)
        } else {
            Self::of_file(path, said, piece)
        }
    }

    fn of_file(path: &Path, said: &TraceFile, piece: usize) -> Result<Self, DatasetError> {
        let name = &said.path;
        let none = |what: &str| {
            refused("path", format!("`{name}` {what}"), "name a file with a request in each row")
        };
        let file =
            open_file(path, name, "trace.jsonl").map_err(|error| DatasetError { label: LABEL, ..error })?;
        let Some(file) = file else { return Err(none("is empty")) };
        let Head { format, reading, from, lines } = head(&file, said)?;
        let pass = Pass { reading: &reading, from, lines_before: lines, window: said.window, piece };
        let found = read(&file, pass).map_err(|broken| unread(name, broken))?;
        judge(name, said, &found)?;
        if found.span.is_none() {
            return Err(none("has no requests"));
        }
        let prompts = if found.places.iter().any(|(_, text)| text.length > 0) {
            TracePrompts::Blocks
        } else {
            TracePrompts::Made
        };
        Self::sorted(said, found, format, prompts, Some(file), BTreeMap::new())
    }

    /// The records of a run, and the prompts that it kept.
    fn of_run(folder: &Path, said: &TraceFile) -> Result<Self, DatasetError> {
        let name = &said.path;
        let records_name = format!("{name}/{}", run::RECORDS);
        let file = File::open(folder.join(run::RECORDS)).map_err(|error| {
            let DatasetError { reason, .. } = cannot_read(&records_name, &error);
            let help = "name the folder of a run, such as those in `results/runs`";
            DatasetError { key: "run", reason, label: LABEL, help: help.to_owned() }
        })?;
        let at_run = |error: DatasetError| DatasetError { key: "run", ..error };
        let texts = run::texts(folder, name).map_err(at_run)?;
        let (planned, of_plan) = run::planned(folder).unzip();
        let (texts, prompts, of_texts) = match texts {
            Some(run::KeptTexts { file, prompts, sha256 }) => (Some(file), prompts, Some(sha256)),
            None => Default::default(),
        };
        let reading = Reading::Run(Run {
            phase: said.phase.clone(),
            kept: prompts,
            planned: planned.unwrap_or_default(),
        });
        let found = read(&file, Pass::new(&reading, said.window))
            .map_err(|broken| at_run(unread(&records_name, broken)))?;
        judge(&records_name, said, &found).map_err(at_run)?;
        if found.span.is_none() {
            return Err(match &said.phase {
                Some(phase) => DatasetError {
                    key: "phase",
                    reason: format!("`{records_name}` has no request of the phase `{phase}`"),
                    label: "no phase of this name there",
                    help: suggest(phase, "phases there", found.others.iter().map(String::as_str)),
                },
                None => refused(
                    "run",
                    format!("`{records_name}` has no request that was measured"),
                    "name a run that sent something, or a `phase` of it",
                ),
            });
        }
        let kept = found.places.iter().any(|(_, text)| text.length > 0);
        let beside =
            [(run::TEXTS, of_texts.filter(|_| kept)), (run::PLAN, of_plan.filter(|_| found.estimated > 0))];
        let beside =
            beside.into_iter().filter_map(|(file, sha256)| Some((file.to_owned(), sha256?))).collect();
        let prompts = if kept { TracePrompts::Kept } else { TracePrompts::Made };
        Self::sorted(said, found, TraceFormat::Run, prompts, texts, beside)
    }

    /// Puts what was found in order.
    fn sorted(
        said: &TraceFile,
        mut found: Found,
        format: TraceFormat,
        prompts: TracePrompts,
        texts: Option<File>,
        beside_sha256: BTreeMap<String, String>,
    ) -> Result<Self, DatasetError> {
        let (earliest, last) = found.span.unwrap_or_default();
        let mut rows = std::mem::take(&mut found.requests);
        if rows.is_empty() {
            return Err(outside(said, last - earliest));
        }
        let mut places: Vec<Extent> = Vec::new();
        if found.places.is_empty() {
            rows.sort_by_key(|row| row.at_ns);
        } else {
            let mut placed: Vec<_> = rows.into_iter().zip(found.places).collect();
            placed.sort_by_key(|(row, (order, _))| (row.at_ns, *order));
            (rows, places) = placed.into_iter().map(|(row, (_, text))| (row, text)).unzip();
        }
        let limit = said.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        rows.truncate(limit);
        places.truncate(limit);
        if prompts == TracePrompts::Made {
            places.clear();
        }
        let zero_ns = earliest + nanoseconds(said.window.from);
        let (mut input_tokens, mut output_tokens) = (0, 0);
        for row in &mut rows {
            row.at_ns -= zero_ns;
            input_tokens += u64::from(row.input);
            output_tokens += u64::from(row.output);
        }
        rows.shrink_to_fit();
        let content = TraceContent {
            format,
            rows: rows.len() as u64,
            skipped: found.bad,
            first_skipped: found.first_bad.map(|(line, bad)| format!("line {} {bad}", show_count(line))),
            unanswered: found.unanswered,
            prompts,
            kept: if prompts == TracePrompts::Kept {
                places.iter().filter(|text| text.length > 0).count() as u64
            } else {
                0
            },
            input_tokens,
            output_tokens,
            last_ns: rows.last().map_or(0, Kept::after_ns),
            sha256: found.sha256,
            beside_sha256,
        };
        Ok(Self { path: said.path.clone(), rows, places, texts, content })
    }

    /// What was found in it.
    pub(in super::super) fn content(&self) -> &TraceContent {
        &self.content
    }

    /// Tokens that they have on average.
    pub(in super::super) fn mean_tokens(&self) -> MeanTokens {
        super::means(&self.content)
    }

    /// When requests are due at a speed, in nanoseconds from the start of a phase, ascending: so many at most, and before the end
    /// of a duration.
    pub(in super::super) fn arrivals(
        &self,
        speed: f64,
        requests: Option<u64>,
        duration: Option<Duration>,
    ) -> impl Iterator<Item = u64> {
        let most = requests.and_then(|requests| usize::try_from(requests).ok()).unwrap_or(usize::MAX);
        let end_ns =
            duration.map_or(u64::MAX, |duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
        let due = self.rows.iter().map(move |row| scaled(row.after_ns(), speed));
        due.take(most).take_while(move |at_ns| *at_ns < end_ns)
    }

    /// What a phase takes of it.
    pub(in super::super) fn part(
        &self,
        speed: f64,
        requests: Option<u64>,
        duration: Option<Duration>,
    ) -> TracePart {
        const SECOND_NS: u64 = 1_000_000_000;
        let mut part =
            TracePart { requests: 0, input_tokens: 0, output_tokens: 0, last_ns: 0, peak_rate: 0.0 };
        let mut peak = 0;
        // the first of those within a second before each
        let mut within = self.arrivals(speed, None, None).enumerate().peekable();
        for (index, (at_ns, row)) in self.arrivals(speed, requests, duration).zip(&self.rows).enumerate() {
            while within.next_if(|(_, first_ns)| first_ns + SECOND_NS <= at_ns).is_some() {}
            peak = peak.max(index + 1 - within.peek().map_or(index, |(first, _)| *first));
            part.requests += 1;
            part.input_tokens += u64::from(row.input);
            part.output_tokens += u64::from(row.output);
            part.last_ns = at_ns;
        }
        part.peak_rate = peak as f64;
        part
    }

    /// How many requests there are.
    pub(super) fn len(&self) -> u64 {
        self.rows.len() as u64
    }

    /// A request, and what its prompt is made of.
    ///
    /// # Errors
    ///
    /// Where its text can no longer be read, or is no longer there.
    pub(super) fn row(&self, number: u64) -> Result<(Kept, Texts), DatasetError> {
        let gone = |why: String| {
            let place = format!("the text of request {} of `{}`", show_count(number + 1), self.path);
            refused(
                "path",
                format!("{place} cannot be read any more: {why}"),
                "leave the file as it is while it is in use",
            )
        };
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        let Some(row) = self.rows.get(index) else { return Err(gone("there is no such request".to_owned())) };
        let place = self.places.get(index).filter(|place| place.length > 0);
        let Some((place, file)) = place.zip(self.texts.as_ref()) else { return Ok((*row, Texts::None)) };
        let mut bytes = vec![0; place.length as usize];
        read_exact_at(file, &mut bytes, place.offset).map_err(|error: io::Error| gone(error.to_string()))?;
        let line = trimmed(&bytes);
        let texts = match self.content.prompts {
            TracePrompts::Made => Texts::None,
            TracePrompts::Blocks => Texts::Blocks(hash_ids(line).map_err(|bad| gone(format!("it {bad}")))?),
            TracePrompts::Kept => {
                Texts::Kept(kept_prompt(line).ok_or_else(|| gone("it is no prompt any more".to_owned()))?)
            }
        };
        Ok((*row, texts))
    }
}

impl Kept {
    /// When, once times count from the window's beginning.
    fn after_ns(&self) -> u64 {
        u64::try_from(self.at_ns).unwrap_or(0)
    }
}

/// A time of the trace at a speed. Whole nanoseconds of half a year are whole numbers of floating point, so that a speed of 1 changes
/// nothing.
fn scaled(at_ns: u64, speed: f64) -> u64 {
    (at_ns as f64 / speed).round() as u64
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

fn refused(key: &'static str, reason: String, help: &str) -> DatasetError {
    DatasetError { key, reason, label: LABEL, help: help.to_owned() }
}

fn unread(name: &str, broken: Broken) -> DatasetError {
    match broken {
        Broken::Read(error) => DatasetError { label: LABEL, ..cannot_read(name, &error) },
        Broken::Format(what) => not_known(name, &what),
    }
}

fn not_known(name: &str, what: &str) -> DatasetError {
    DatasetError {
        key: "format",
        reason: format!("`{name}` is no trace that is known: {what}"),
        label: LABEL,
        help: KNOWN.to_owned(),
    }
}

/// A window without requests.
fn outside(said: &TraceFile, span_ns: i64) -> DatasetError {
    let TraceWindow { from, to } = said.window;
    let to = to.map_or_else(|| "its end".to_owned(), write_duration);
    DatasetError {
        key: "window",
        reason: format!("no request of `{}` is between {} and {to}", said.path, write_duration(from)),
        label: "nothing in it",
        help: format!(
            "its requests are within {} of the earliest: let the window begin before",
            show_seconds(span_ns as f64 / 1e9)
        ),
    }
}

/// Whether the rows that were found will do.
fn judge(name: &str, said: &TraceFile, found: &Found) -> Result<(), DatasetError> {
    let none = found.span.is_none();
    let Some((line, bad)) = found.first_bad.as_ref().filter(|_| none || said.on_bad_row == OnBadRow::Fail)
    else {
        return Ok(());
    };
    let place = format!("line {}", show_count(*line));
    let good = if none { 0 } else { found.requests.len() as u64 };
    Err(DatasetError { label: LABEL, ..bad_rows(name, &place, bad, none, found.bad, good) })
}

/// What stands before the rows.
struct Head {
    format: TraceFormat,
    reading: Reading,
    from: u64,
    lines: u64,
}

/// Finds out how the rows of a file are read, by its first line.
fn head(file: &File, said: &TraceFile) -> Result<Head, DatasetError> {
    let name = &said.path;
    let (first, mark) = first_bytes(file, name)?;
    let text = &first[mark..];
    let json = text.trim_ascii_start().first() == Some(&b'{');
    let mooncake =
        Head { format: TraceFormat::Mooncake, reading: Reading::Mooncake, from: mark as u64, lines: 0 };
    match said.format {
        Some(TraceFormat::Mooncake) => return Ok(mooncake),
        None if json => return Ok(mooncake),
        _ => {}
    }
    let mut reader = records(text);
    let mut header = csv::StringRecord::new();
    let whole = text.contains(&b'\n') || (first.len() as u64) < FIRST_LOOK;
    if !whole || !matches!(reader.read_record(&mut header), Ok(true)) {
        return Err(not_known(name, "its first line is neither JSON nor a header of columns"));
    }
    let names: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
    let (format, columns) = Columns::by_header(&names, said.format).map_err(|lacking| {
        let Some(column) = lacking else {
            let has = show_count_of(names.len() as u64, "column");
            return not_known(name, &format!("it has {has}, and they are others"));
        };
        DatasetError {
            key: "format",
            reason: format!("`{name}` has no column `{column}`"),
            label: "not what the file is",
            help: suggest(column, "columns", names.iter().map(String::as_str)),
        }
    })?;
    let header = reader.position().byte();
    let lines = lines(&text[..(header as usize).min(text.len())]);
    Ok(Head { format, reading: Reading::Columns(columns), from: mark as u64 + header, lines })
}
