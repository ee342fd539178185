//! One row: from bytes to a prompt, or to what is wrong with it.

use std::borrow::Cow;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    super::{counter::Counter, rng},
    json::{Found, Pointer},
};
use crate::{
    config::{DataFile, DataFormat},
    template::{Template, TemplateError},
    units::show_count_of,
};

/// The longest answer that a row can ask for, in tokens.
const LONGEST: u64 = 1_000_000;

/// How a file's rows are read.
#[derive(Debug, Clone)]
pub(super) enum Reading {
    /// A prompt has no place of its own where a template makes it.
    Json {
        prompt: Option<Pointer>,
        output_tokens: Option<Pointer>,
    },
    Csv(Columns),
    Conversation {
        answers: bool,
    },
    Line,
    /// Rows that are read by the other, of which the template makes prompts.
    Filled {
        template: Template,
        rows: Box<Self>,
    },
}

/// The prompt of a request that a template is filled in for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    /// The name of the workload.
    pub(super) name: &'a str,
    pub(super) seed: u64,
    pub(super) seq: u64,
    /// Which of its prompts.
    pub(super) place: u32,
}

impl Request<'_> {
    /// The one that stands for others where a row is looked at.
    pub(super) const SAMPLE: Self = Request { name: "sample", seed: 0, seq: 0, place: 0 };

    /// What is drawn for it.
    fn draws(self) -> ChaCha8Rng {
        let domain = match self.place {
            0 => format!("template of {}", self.name),
            place => format!("template {place} of a batch of {}", self.name),
        };
        rng(self.seed, &domain, self.seq)
    }
}

/// What can be filled into a template.
#[derive(Serialize)]
struct Filled {
    row: Value,
    seq: u64,
}

/// Where in a record of CSV things are.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    /// The names, by the header.
    pub(super) names: Vec<String>,
    pub(super) prompt: Option<usize>,
    pub(super) output_tokens: Option<usize>,
}

/// What a row has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row<'a> {
    pub(super) prompt: Cow<'a, str>,
    output: Output<'a>,
}

/// What a row says of the output that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Output<'a> {
    Nothing,
    Tokens(u32),
    /// As long as this.
    Answer(Cow<'a, str>),
}

impl Row<'_> {
    /// The tokens of output that it says, where it says any: those of an answer by what counts tokens.
    pub(super) fn output_tokens(&self, counter: &Counter) -> Option<u32> {
        match &self.output {
            Output::Nothing => None,
            Output::Tokens(tokens) => Some(*tokens),
            Output::Answer(text) => Some(counter.count(text).max(1)),
        }
    }
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum BadRow {
    /// It has nothing where a key of the scenario says.
    Lacks { key: &'static str, field: String },
    /// Something else, in words that continue "line 3 …".
    Wrong(String),
}

impl std::fmt::Display for BadRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lacks { field, .. } => write!(f, "has no `{field}`"),
            Self::Wrong(what) => f.write_str(what),
        }
    }
}

fn wrong<T>(what: impl Into<String>) -> Result<T, BadRow> {
    Err(BadRow::Wrong(what.into()))
}

impl Reading {
    /// That of a file without columns.
    pub(super) fn new(file: &DataFile) -> Option<Self> {
        let rows = match file.format {
            DataFormat::Jsonl => Self::Json {
                prompt: file.field.as_deref().map(Pointer::new),
                output_tokens: file.output_tokens_field.as_deref().map(Pointer::new),
            },
            DataFormat::Csv => return None,
            DataFormat::Sharegpt => Self::Conversation { answers: file.answers },
            DataFormat::Lines => Self::Line,
        };
        Some(rows.filled(file))
    }

    /// With the template of the file, if it has one.
    pub(super) fn filled(self, file: &DataFile) -> Self {
        // that of a checked scenario can be read
        let template = file.template.as_deref().and_then(|text| Template::of_text(text).ok());
        match template {
            Some(template) => Self::Filled { template, rows: Box::new(self) },
            None => self,
        }
    }

    /// The names of the columns, of CSV.
    pub(super) fn columns(&self) -> &[String] {
        match self {
            Self::Csv(columns) => &columns.names,
            Self::Filled { rows, .. } => rows.columns(),
            Self::Json { .. } | Self::Conversation { .. } | Self::Line => &[],
        }
    }

    /// Reads one row, without the end of its line, for a request; a record of CSV stands in `record`.
    pub(super) fn row<'a>(
        &self,
        bytes: &'a [u8],
        record: &'a csv::ByteRecord,
        request: Request<'_>,
    ) -> Result<Row<'a>, BadRow> {
        let row = self.read(bytes, record, request)?;
        if row.prompt.trim_start().is_empty() {
            return wrong("has an empty prompt");
        }
        Ok(row)
    }

    fn read<'a>(
        &self,
        bytes: &'a [u8],
        record: &'a csv::ByteRecord,
        request: Request<'_>,
    ) -> Result<Row<'a>, BadRow> {
        Ok(match self {
            Self::Json { prompt, output_tokens } => {
                json(text(bytes)?, prompt.as_ref(), output_tokens.as_ref())?
            }
            Self::Csv(columns) => columns.row(record)?,
            Self::Conversation { answers } => conversation(text(bytes)?, *answers)?,
            Self::Line => Row { prompt: text(bytes)?.into(), output: Output::Nothing },
            Self::Filled { template, rows } => {
                let Row { output, .. } = rows.read(bytes, record, request)?;
                let with = Filled { row: rows.value(bytes, record)?, seq: request.seq };
                let filled = template.fill_drawing(&with, request.draws());
                Row { prompt: filled.map_err(unfilled)?.into(), output }
            }
        })
    }

    /// A row as a whole: an object of its fields, or a text.
    fn value(&self, bytes: &[u8], record: &csv::ByteRecord) -> Result<Value, BadRow> {
        match self {
            Self::Json { .. } | Self::Conversation { .. } => {
                serde_json::from_str(text(bytes)?).map_err(|error| no_json(&error))
            }
            Self::Csv(columns) => {
                let named = columns.names.iter().zip(record);
                let fields = named.map(|(name, field)| Ok((name.clone(), text(field)?.into())));
                Ok(Value::Object(fields.collect::<Result<Map<_, _>, BadRow>>()?))
            }
            Self::Line => Ok(text(bytes)?.into()),
            Self::Filled { rows, .. } => rows.value(bytes, record),
        }
    }
}

/// Why a template makes no prompt of a row.
fn unfilled(error: TemplateError) -> BadRow {
    match error.missing {
        Some(name) => {
            let field = name.strip_prefix("row.").map_or(name.as_str(), |field| field).to_owned();
            BadRow::Lacks { key: "template", field }
        }
        None => BadRow::Wrong(format!("makes no prompt with the template: {}", error.reason)),
    }
}

pub(in super::super) fn text(bytes: &[u8]) -> Result<&str, BadRow> {
    std::str::from_utf8(bytes)
        .map_err(|error| BadRow::Wrong(format!("is not UTF-8 at its byte {}", error.valid_up_to() + 1)))
}

pub(in super::super) fn no_json(error: &serde_json::Error) -> BadRow {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or_default();
    BadRow::Wrong(match error.line() {
        0 | 1 => format!("is no JSON: {what} at column {}", error.column()),
        line => format!("is no JSON: {what} at column {} of its line {line}", error.column()),
    })
}

fn json<'a>(
    row: &'a str,
    prompt: Option<&Pointer>,
    output_tokens: Option<&Pointer>,
) -> Result<Row<'a>, BadRow> {
    let lacks = |key, pointer: &Pointer| BadRow::Lacks { key, field: pointer.written.clone() };
    let text = match prompt.map(|place| (place, place.find(row))) {
        None => "".into(),
        Some((place, found)) => match found.map_err(|error| no_json(&error))? {
            Found::Text(text) => text,
            Found::Nothing => return Err(lacks("field", place)),
            Found::Number(_) => return wrong(format!("has a number as `{}`, not text", place.written)),
            Found::Other(what) => return wrong(format!("has {what} as `{}`, not text", place.written)),
        },
    };
    let output = match output_tokens.map(|place| (place, place.find(row))) {
        None => Output::Nothing,
        Some((place, found)) => match found.map_err(|error| no_json(&error))? {
            Found::Number(number) => Output::Tokens(tokens(number, &place.written)?),
            Found::Nothing => return Err(lacks("output_tokens_field", place)),
            Found::Text(_) => return wrong(format!("has text as `{}`, not a number", place.written)),
            Found::Other(what) => {
                return wrong(format!("has {what} as `{}`, not a whole number from 1 up", place.written));
            }
        },
    };
    Ok(Row { prompt: text, output })
}

pub(in super::super) fn tokens(number: u64, field: &str) -> Result<u32, BadRow> {
    match u32::try_from(number) {
        Ok(tokens) if (1..=LONGEST).contains(&number) => Ok(tokens),
        _ => wrong(format!("has {number} as `{field}`, and a length is 1 to {LONGEST}")),
    }
}

impl Columns {
    fn row<'a>(&self, record: &'a csv::ByteRecord) -> Result<Row<'a>, BadRow> {
        if record.len() != self.names.len() {
            let has = show_count_of(record.len() as u64, "column");
            return wrong(format!("has {has}, and the header has {}", self.names.len()));
        }
        let column = |index: usize| record.get(index).unwrap_or_default();
        let output = match self.output_tokens {
            None => Output::Nothing,
            Some(index) => {
                let (field, written) = (&self.names[index], text(column(index))?.trim());
                match written.parse() {
                    Ok(number) => Output::Tokens(tokens(number, field)?),
                    Err(_) => {
                        return wrong(format!(
                            "has `{written:.40}` as `{field}`, not a whole number from 1 up"
                        ));
                    }
                }
            }
        };
        let prompt = self.prompt.map_or(Ok(""), |index| text(column(index)))?;
        Ok(Row { prompt: prompt.into(), output })
    }
}

/// A conversation of `ShareGPT`, of which other keys mean nothing here.
#[derive(Deserialize)]
struct Conversation<'a> {
    #[serde(borrow)]
    conversations: Option<Vec<Turn<'a>>>,
}

#[derive(Deserialize)]
struct Turn<'a> {
    #[serde(borrow, default)]
    from: Cow<'a, str>,
    #[serde(borrow, default)]
    value: Cow<'a, str>,
}

impl Turn<'_> {
    fn is_human(&self) -> bool {
        matches!(&*self.from, "human" | "user")
    }
}

fn conversation(row: &str, answers: bool) -> Result<Row<'_>, BadRow> {
    let conversation: Conversation<'_> = serde_json::from_str(row).map_err(|error| {
        if error.is_data() {
            let text = error.to_string();
            BadRow::Wrong(format!(
                "is no conversation: {}",
                text.split(" at line ").next().unwrap_or_default()
            ))
        } else {
            no_json(&error)
        }
    })?;
    let Some(turns) = conversation.conversations else { return wrong("has no `conversations`") };
    let mut turns = turns.into_iter().skip_while(|turn| !turn.is_human());
    let Some(first) = turns.next() else { return wrong("has no turn from `human`") };
    let output = if answers {
        match turns.next().filter(|turn| !turn.is_human() && !turn.value.trim_start().is_empty()) {
            Some(answer) => Output::Answer(answer.value),
            None => return wrong("has no answer behind its first turn, whose length could be asked for"),
        }
    } else {
        Output::Nothing
    };
    Ok(Row { prompt: first.value, output })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The prompt with the tokens of output, or what is wrong.
    fn read(reading: &Reading, row: &[u8]) -> Result<(String, Option<u32>), String> {
        let mut record = csv::ByteRecord::new();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(row);
        reader.read_byte_record(&mut record).expect("bytes of memory");
        let row = reading.row(row, &record, Request::SAMPLE).map_err(|bad| bad.to_string())?;
        Ok((row.prompt.clone().into_owned(), row.output_tokens(&Counter::Estimate)))
    }

    /// A row, and what comes of it.
    type Case<'a> = (&'a [u8], Result<(&'a str, Option<u32>), &'a str>);

    fn check(reading: &Reading, cases: &[Case<'_>]) {
        for (row, expected) in cases {
            let expected = expected.map(|(text, tokens)| (text.to_owned(), tokens)).map_err(str::to_owned);
            assert_eq!(read(reading, row), expected, "{}", String::from_utf8_lossy(row));
        }
    }

    #[test]
    fn json_rows() {
        let reading =
            Reading::Json { prompt: Some(Pointer::new("q")), output_tokens: Some(Pointer::new("/meta/n")) };
        check(
            &reading,
            &[
                (br#"{"q": "why?", "meta": {"n": 7}}"#, Ok(("why?", Some(7)))),
                (br#"{"q": "a\u00e9\n", "meta": {"n": 1}}"#, Ok(("aé\n", Some(1)))),
                (br#"{"Q": "why?"}"#, Err("has no `q`")),
                (br#"["why?"]"#, Err("has no `q`")),
                (br#"{"q": 5}"#, Err("has a number as `q`, not text")),
                (br#"{"q": null}"#, Err("has null as `q`, not text")),
                (br#"{"q": " \n"}"#, Err("has no `/meta/n`")),
                (br#"{"q": " \n", "meta": {"n": 1}}"#, Err("has an empty prompt")),
                (br#"{"q": "x", "meta": {"n": 0}}"#, Err("has 0 as `/meta/n`, and a length is 1 to 1000000")),
                (br#"{"q": "x", "meta": {"n": "5"}}"#, Err("has text as `/meta/n`, not a number")),
                (
                    br#"{"q": "x", "meta": {"n": 1.5}}"#,
                    Err("has a number with a fraction as `/meta/n`, not a whole number from 1 up"),
                ),
                (br#"{"q": "x""#, Err("is no JSON: EOF while parsing an object at column 9")),
                (b"{\"q\": \"caf\xe9\"}", Err("is not UTF-8 at its byte 11")),
            ],
        );
    }

    #[test]
    fn records_of_csv() {
        let names = ["id", "text", "n"].map(str::to_owned).to_vec();
        let reading = Reading::Csv(Columns { names, prompt: Some(1), output_tokens: Some(2) });
        check(
            &reading,
            &[
                (b"1,why?,7", Ok(("why?", Some(7)))),
                (b"1,\"a \"\"b\"\",\nc\", 12 ", Ok(("a \"b\",\nc", Some(12)))),
                (b"1,why?", Err("has 2 columns, and the header has 3")),
                (b"1,,7", Err("has an empty prompt")),
                (b"1,x,many", Err("has `many` as `n`, not a whole number from 1 up")),
                (b"1,caf\xe9,7", Err("is not UTF-8 at its byte 4")),
            ],
        );
    }

    #[test]
    fn conversations() {
        let answered = Reading::Conversation { answers: true };
        check(&answered, &[
            (
                br#"{"id": "x", "conversations": [{"from": "system", "value": "s"}, {"from": "human", "value": "why?"},
                {"from": "gpt", "value": "because of that"}, {"from": "human", "value": "and?"}]}"#,
                Ok(("why?", Some(3))),
            ),
            (br#"{"conversations": []}"#, Err("has no turn from `human`")),
            (br#"{"conversations": [{"from": "gpt", "value": "x"}]}"#, Err("has no turn from `human`")),
            (br#"{"items": []}"#, Err("has no `conversations`")),
            (
                br#"{"conversations": [{"from": "human", "value": "x"}, {"from": "human", "value": "y"}]}"#,
                Err("has no answer behind its first turn, whose length could be asked for"),
            ),
            (
                br#"{"conversations": [{"from": "human", "value": 5}]}"#,
                Err("is no conversation: invalid type: integer `5`, expected a string"),
            ),
            (b"[", Err("is no JSON: EOF while parsing a list at column 1")),
        ]);
        let alone = Reading::Conversation { answers: false };
        check(&alone, &[(br#"{"conversations": [{"from": "user", "value": "x"}]}"#, Ok(("x", None)))]);
    }

    #[test]
    fn lines() {
        check(
            &Reading::Line,
            &[
                ("  é and { \"so\" } on".as_bytes(), Ok(("  é and { \"so\" } on", None))),
                (b" ", Err("has an empty prompt")),
                (b"\xff", Err("is not UTF-8 at its byte 1")),
            ],
        );
    }
}
