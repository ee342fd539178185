use std::{collections::HashSet, fmt::Write as _, fs, path::PathBuf};

use proptest::prelude::*;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::*;
use crate::config::{Content, DataFormat, OnBadRow, PromptLength, Synthetic};

/// A folder with one file.
struct Bench {
    folder: TempDir,
    path: PathBuf,
}

impl Bench {
    fn new(name: &str, content: impl AsRef<[u8]>) -> Self {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join(name);
        fs::write(&path, content).expect("a file");
        Self { folder, path }
    }

    /// The file by the ending of its name, as a scenario that says nothing else would have it.
    fn file(&self) -> DataFile {
        let name = self.path.file_name().expect("a name").to_string_lossy().into_owned();
        let format = DataFormat::of_path(&name).expect("a known ending");
        DataFile {
            path: name,
            format,
            field: format.has_fields().then(|| "prompt".to_owned()),
            template: None,
            output_tokens_field: None,
            answers: format == DataFormat::Sharegpt,
            on_bad_row: OnBadRow::Fail,
            limit: None,
        }
    }

    fn open(&self, file: &DataFile) -> Result<Table, DatasetError> {
        Table::open(&self.path, file)
    }

    fn table(&self) -> Table {
        self.open(&self.file()).unwrap_or_else(|error| panic!("{error}"))
    }

    fn source(&self, dataset: Dataset) -> Source {
        let mut datasets = Datasets::under(self.folder.path());
        datasets.open("chat", &Workload::Dataset(dataset), None).unwrap_or_else(|error| panic!("{error}"))
    }
}

fn dataset(file: DataFile) -> Dataset {
    Dataset {
        file,
        prefix: String::new(),
        output_tokens: Some(Lengths::Constant(64)),
        order: RowOrder::Shuffled,
        repeat: false,
        content: None,
    }
}

/// So many rows of JSON, each with a prompt that tells its number.
fn numbered(rows: u64) -> String {
    (0..rows).fold(String::new(), |mut text, row| {
        // writing to a string does not fail
        let _ = writeln!(text, r#"{{"id": {row}, "prompt": "say \"{row}\"", "n": {}}}"#, row % 50 + 1);
        text
    })
}

fn prompts(table: &Table) -> Vec<String> {
    (0..table.content().rows)
        .map(|row| table.row(row, &Counter::Estimate, Request::SAMPLE).expect("a row").0)
        .collect()
}

fn sha256(bytes: &[u8]) -> String {
    crate::workload::hex::hex(&Sha256::digest(bytes))
}

#[test]
fn every_format_has_the_same_rows() {
    let turn = |text: &str| {
        format!(
            r#"{{"id": "x", "conversations": [{{"from": "human", "value": "{text}"}}, {{"from": "gpt", "value": "so so"}}]}}"#
        )
    };
    let (a, b) = (turn("why?"), turn("a\\nb é"));
    for (name, content) in [
        ("x.jsonl", "{\"prompt\": \"why?\"}\n\n{\"prompt\": \"a\\nb \\u00e9\"}".to_owned()),
        (
            "x.ndjson",
            "\u{feff}{\"prompt\": \"why?\"}\r\n{\"prompt\": \"a\\nb é\", \"more\": [1, {}]}\r\n".to_owned(),
        ),
        ("x.csv", "id,prompt\n1,why?\n\n2,\"a\nb é\"\n".to_owned()),
        ("x.CSV", "\u{feff}\"prompt\",\"id\"\r\nwhy?,1\r\n\"a\nb é\",2".to_owned()),
        ("x.json", format!("[{a},\n {b}]\n")),
        ("y.json", format!(" [\n{a}\n,{b}\n]")),
        ("z.json", format!("{a}\n{b}\n")),
    ] {
        let bench = Bench::new(name, &content);
        let table = bench.table();
        assert_eq!(prompts(&table), ["why?", "a\nb é"], "{name}");
        let Content { rows, skipped, sha256: hash, mean_prompt_tokens, mean_output_tokens, .. } =
            table.content();
        assert_eq!((*rows, *skipped, hash.as_str()), (2, 0, sha256(content.as_bytes()).as_str()), "{name}");
        assert_eq!(*mean_prompt_tokens, 2.5, "{name}");
        let answers = bench.file().answers;
        assert_eq!(*mean_output_tokens, answers.then_some(2.0), "{name}");
    }
    let lines = Bench::new("x.txt", "why?\n  a \"b\"\r\n\n\nlast");
    assert_eq!(prompts(&lines.table()), ["why?", "  a \"b\"", "last"]);
}

#[test]
fn what_is_wrong_with_a_file_is_told() {
    let told = |name: &str, content: &[u8], change: &dyn Fn(&mut DataFile)| {
        let bench = Bench::new(name, content);
        let mut file = bench.file();
        change(&mut file);
        let error = bench.open(&file).expect_err("a broken file");
        format!("{}: {error}\n", error.key)
    };
    let same = |_: &mut DataFile| ();
    let mut all = String::new();
    for (name, content) in [
        ("empty.jsonl", &b""[..]),
        ("blank.jsonl", b"\n \n\n"),
        ("broken.jsonl", b"{\"prompt\": \"x\"}\n{\"prompt\": \"x\"\n{\"prompt\": \"x\"}\n"),
        ("two_broken.jsonl", b"{\"prompt\": \"x\"}\n\n{\"prompt\": 5}\n{\"other\": \"x\"}\n"),
        ("other_field.jsonl", b"{\"promt\": \"x\", \"m\": [{\"content\": \"y\"}]}\n{\"promt\": \"x\"}\n"),
        ("all_numbers.jsonl", b"{\"prompt\": 1}\n{\"prompt\": 2}\n"),
        ("array.jsonl", b"[{\"prompt\": \"x\"}]\n"),
        ("latin1.jsonl", b"{\"prompt\": \"x\"}\n{\"prompt\": \"caf\xe9\"}\n"),
        ("utf16.jsonl", b"\xff\xfe{\0"),
        ("other_column.csv", b"id,Prompt,text\n1,2,3\n"),
        ("header_alone.csv", b"id,prompt\n"),
        ("short_row.csv", b"id,prompt\n1,\"x\ny\"\n2\n"),
        ("open_quote.csv", b"id,prompt\n1,\"x\n2,y\n"),
        ("object.json", b"5"),
        ("open_array.json", b"[{\"conversations\": []}"),
        ("two_arrays.json", b"[{\"conversations\": []}] []"),
        ("no_human.json", b"[{\"conversations\": [{\"from\": \"human\", \"value\": \"x\"}, {\"from\": \"gpt\", \"value\": \"y\"}]},\n{\"conversations\": []}]"),
        ("latin1.txt", b"ok\ncaf\xe9\n"),
    ] {
        all += &told(name, content, &same);
    }
    all += &told("n.jsonl", b"{\"prompt\": \"x\", \"n\": 1}\n", &|file| {
        file.output_tokens_field = Some("length".to_owned());
    });
    all += &told("skip.jsonl", b"{\"prompt\": 5}\n\n{\n", &|file| file.on_bad_row = OnBadRow::Skip);
    let nowhere = Bench::new("x.jsonl", "");
    let file = nowhere.file();
    let missing = Table::open(&nowhere.folder.path().join("y.jsonl"), &file).expect_err("no file");
    let folder = Table::open(nowhere.folder.path(), &file).expect_err("a folder");
    let _ = writeln!(all, "{missing}\n{folder}");
    insta::assert_snapshot!(all);
}

#[test]
fn rows_that_cannot_be_used_are_left_out_where_that_is_asked_for() {
    let rows = "{\"prompt\": \"a\"}\nno\n\n{\"prompt\": 5}\n{\"prompt\": \"b\"}\n{}\n";
    let bench = Bench::new("x.jsonl", rows);
    let file = DataFile { on_bad_row: OnBadRow::Skip, ..bench.file() };
    let table = bench.open(&file).expect("two rows");
    assert_eq!(prompts(&table), ["a", "b"]);
    assert_eq!(table.content().skipped, 3);
    let first = table.content().first_skipped.as_deref();
    assert_eq!(first, Some("line 2 is no JSON: expected ident at column 2"));
    assert_eq!(table.content().sha256, sha256(rows.as_bytes()), "the file is the same");
    assert_eq!(table.content().mean_prompt_tokens, 1.0);
}

#[test]
fn of_a_limited_file_only_what_is_used_counts() {
    let rows = "a\nb\n\n\nc\nd\n";
    for (limit, used) in [(1, "a\n"), (2, "a\nb\n"), (3, "a\nb\n\n\nc\n"), (4, rows), (9, rows)] {
        for piece in [2, 3, PIECE] {
            let bench = Bench::new("x.txt", rows);
            let file = DataFile { limit: Some(limit), ..bench.file() };
            let table = Table::open_by(&bench.path, &file, piece).expect("rows");
            assert_eq!(prompts(&table), &["a", "b", "c", "d"][..limit.min(4) as usize]);
            assert_eq!(table.content().sha256, sha256(used.as_bytes()), "{limit} in pieces of {piece}");
        }
    }
    // what is wrong behind the last row is nobody's problem
    let bench = Bench::new("x.jsonl", "{\"prompt\": \"a\"}\nno\n");
    assert!(bench.open(&DataFile { limit: Some(1), ..bench.file() }).is_ok());
}

#[test]
fn long_rows_are_read_whole() {
    let long = "word ".repeat(100_000);
    let content = format!("short\n{long}\nno{}\nlast", "\u{0}".repeat(0));
    let bench = Bench::new("x.txt", content);
    assert_eq!(prompts(&bench.table()), ["short", long.as_str(), "no", "last"]);
    // behind a row others may lie that were left out
    let skipped = format!("{{\"prompt\": \"a\"}}\n{}{{\"prompt\": \"b\"}}\n", "no\n".repeat(100_000));
    let bench = Bench::new("x.jsonl", skipped);
    let table = bench.open(&DataFile { on_bad_row: OnBadRow::Skip, ..bench.file() }).expect("two rows");
    assert_eq!((prompts(&table), table.content().skipped), (vec!["a".to_owned(), "b".to_owned()], 100_000));
    // nobody has separated these
    let bench = Bench::new("x.txt", "x".repeat(17 << 20));
    let error = bench.open(&bench.file()).expect_err("one row");
    assert!(error.reason.contains("a row of more than 16 MiB at byte 0"), "{error}");
}

#[test]
fn each_row_comes_once_before_any_comes_again() {
    let bench = Bench::new("x.jsonl", numbered(50));
    let source = bench.source(dataset(bench.file()));
    let text = |seq| source.prompt(42, seq).expect("a row").text;
    let round: Vec<String> = (0..50).map(text).collect();
    assert_eq!(round.iter().collect::<HashSet<_>>().len(), 50);
    assert_eq!(round, (50..100).map(text).collect::<Vec<_>>(), "as far apart as they can be");
    assert_ne!(round[..5], ["say \"0\"", "say \"1\"", "say \"2\"", "say \"3\"", "say \"4\""]);
    let other_seed: Vec<String> = (0..50).map(|seq| source.prompt(43, seq).expect("a row").text).collect();
    assert_ne!(round, other_seed);

    let in_order = bench.source(Dataset { order: RowOrder::File, ..dataset(bench.file()) });
    let texts: Vec<String> = (48..52).map(|seq| in_order.prompt(42, seq).expect("a row").text).collect();
    assert_eq!(texts, ["say \"48\"", "say \"49\"", "say \"0\"", "say \"1\""]);

    // several in a request, one after another
    let batches: Vec<_> = (0..10).flat_map(|seq| source.batch(42, seq, 5).expect("rows")).collect();
    assert_eq!(batches.iter().map(|prompt| &prompt.text).collect::<HashSet<_>>().len(), 50);
}

#[test]
fn prefix_and_lengths_are_as_asked_for() {
    let bench = Bench::new("x.jsonl", numbered(100));
    let by_field = DataFile { output_tokens_field: Some("n".to_owned()), ..bench.file() };
    let written = Dataset { prefix: "Please ".to_owned(), output_tokens: None, ..dataset(by_field) };
    let source = bench.source(Dataset { order: RowOrder::File, ..written.clone() });
    let seventh = source.prompt(42, 7).expect("a row");
    assert_eq!((seventh.text.as_str(), seventh.output_tokens), ("Please say \"7\"", 8));
    let three = source.batch(42, 1, 3).expect("rows");
    // a request has one limit
    assert_eq!(three.iter().map(|prompt| prompt.output_tokens).collect::<Vec<_>>(), [4, 4, 4]);

    let mut datasets = Datasets::under(bench.folder.path());
    let content = datasets.table(&written.file).expect("rows").content().clone();
    let mean = mean_tokens(&Dataset { content: Some(content), ..written });
    assert_eq!((mean.input, mean.output), (1.0 + 4.0, 25.5));

    // drawn as for made-up prompts, so that the rows may change and the answers stay
    let drawn = Lengths::Uniform { min: 1, max: 1000 };
    let source = bench.source(Dataset { output_tokens: Some(drawn.clone()), ..dataset(bench.file()) });
    let made_up = Workload::Synthetic(Synthetic {
        prompt: PromptLength::Tokens(Lengths::Constant(5)),
        output_tokens: drawn,
        prefix: String::new(),
        shared_prefix_tokens: 0,
        shared_prefix_share: None,
        shared_prefix_groups: 1,
    });
    let made_up = datasets.open("chat", &made_up, None).expect("nothing to read");
    for seq in 0..20 {
        let [rows, made_up] = [&source, &made_up].map(|source| source.prompt(42, seq).expect("a row"));
        assert_eq!(rows.output_tokens, made_up.output_tokens);
    }
}

#[test]
fn a_template_makes_prompts_of_rows() {
    let conversation = r#"{"conversations":[{"from":"system","value":"be brief"},{"from":"human","value":"why?"},{"from":"gpt","value":"so it is"}]}"#;
    for (name, content, template, expected) in [
        (
            "x.jsonl",
            "{\"q\": \"<why>?\", \"n\": 3, \"tags\": [\"a\", \"b\"]}\n",
            "{{row.q}} {{row.n}}{{#each row.tags}} {{this}}{{/each}} ({{seq}})",
            "<why>? 3 a b (7)",
        ),
        ("x.csv", "id,the text\n5,\"say \"\"so\"\"\"\n", "{{row.id}}: {{row.[the text]}}", "5: say \"so\""),
        ("x.txt", "cats\n", "A poem about {{row}}, {{json row}}", "A poem about cats, \"cats\""),
        (
            "x.json",
            &format!("[{conversation}]"),
            "{{row.conversations.[0].value}}: {{row.conversations.[1].value}}",
            "be brief: why?",
        ),
    ] {
        let bench = Bench::new(name, content);
        let file = DataFile { field: None, template: Some(template.to_owned()), ..bench.file() };
        let answers = file.answers;
        let source = bench
            .source(Dataset { output_tokens: (!answers).then_some(Lengths::Constant(9)), ..dataset(file) });
        let prompt = source.prompt(42, 7).expect("a row");
        // of a conversation the length of its answer
        assert_eq!(
            (prompt.text.as_str(), prompt.output_tokens),
            (expected, if answers { 3 } else { 9 }),
            "{name}"
        );
    }
}

#[test]
fn what_a_template_draws_follows_from_the_seed_and_the_request() {
    let bench = Bench::new("x.jsonl", numbered(40));
    let template = "{{choice \"a\" \"b\"}} {{number 1 1000}} {{row.n}}".to_owned();
    let file = DataFile { field: None, template: Some(template), ..bench.file() };
    let [one, again] = [(); 2].map(|()| bench.source(dataset(file.clone())));
    let text = |source: &Source, seed, seq| source.prompt(seed, seq).expect("a row").text;
    let texts: Vec<String> = (0..200).map(|seq| text(&one, 42, seq)).collect();
    assert_eq!(texts, (0..200).map(|seq| text(&again, 42, seq)).collect::<Vec<_>>());
    assert_ne!(texts, (0..200).map(|seq| text(&one, 43, seq)).collect::<Vec<_>>());
    // the rows come again, and what is drawn for them does not
    assert!(texts.iter().collect::<HashSet<_>>().len() > 190);
    let first = texts.iter().filter(|text| text.starts_with('a')).count();
    assert!((60..140).contains(&first), "{first}");
    let batch = one.batch(42, 3, 4).expect("rows");
    assert_eq!(batch.iter().map(|prompt| &prompt.text).collect::<HashSet<_>>().len(), 4);
}

#[test]
fn a_file_that_changed_is_told() {
    let bench = Bench::new("x.jsonl", numbered(10));
    let mut datasets = Datasets::under(bench.folder.path());
    let content = datasets.table(&bench.file()).expect("rows").content().clone();
    let planned = Workload::Dataset(Dataset { content: Some(content), ..dataset(bench.file()) });
    // the same rows by another path
    let whole = DataFile { path: bench.path.display().to_string(), ..bench.file() };
    assert!(Arc::ptr_eq(
        &datasets.table(&whole).expect("rows"),
        &datasets.table(&bench.file()).expect("rows")
    ));

    let source = datasets.open("chat", &planned, None).expect("rows");
    fs::write(&bench.path, "{}").expect("a file");
    let error = source.prompt(42, 5).expect_err("no such row");
    assert!(error.reason.contains("of `x.jsonl` cannot be read any more"), "{error}");
    fs::write(&bench.path, numbered(11)).expect("a file");
    let error = Datasets::under(bench.folder.path())
        .open("chat", &planned, None)
        .expect_err("another file")
        .to_string();
    assert!(error.contains("`x.jsonl` is no longer the file that the plan was made with"), "{error}");
}

#[test]
fn a_request_asks_the_same_from_any_thread() {
    let bench = Bench::new("x.jsonl", numbered(500));
    let source = bench.source(dataset(bench.file()));
    let alone: Vec<Prompt> = (0..200).map(|seq| source.prompt(42, seq).expect("a row")).collect();
    std::thread::scope(|scope| {
        for first in 0..4 {
            let (source, alone) = (&source, &alone);
            // each in another order
            scope.spawn(move || {
                for n in 0..200 {
                    let seq = (n * 7 + first * 50) % 200;
                    assert_eq!(source.prompt(42, seq).expect("a row"), alone[seq as usize]);
                }
            });
        }
    });
}

/// A row of each format, of such a text.
fn row_of(format: DataFormat, text: &str) -> String {
    let json = serde_json::Value::from(text);
    match format {
        DataFormat::Jsonl => format!("{{\"n\":[1,{{}}],\"prompt\":{json}}}\n"),
        DataFormat::Csv => format!("1,\"{}\"\n", text.replace('"', "\"\"")),
        DataFormat::Sharegpt => {
            format!(
                "{{\"conversations\":[{{\"from\":\"human\",\"value\":{json}}},{{\"from\":\"gpt\",\"value\":\"x\"}}]}},"
            )
        }
        DataFormat::Lines => format!("{}\n", text.replace(['\n', '\r'], " ")),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever stands in rows and however the file is cut, they come back as they were.
    #[test]
    fn rows_come_back(
        texts in prop::collection::vec("[x\"\\\\{}\\[\\],\n\ré ]{0,12}x", 1..30),
        format in prop::sample::select(DataFormat::ALL.to_vec()),
        piece in 1_usize..40,
    ) {
        let rows: String = texts.iter().map(|text| row_of(format, text)).collect();
        let (name, content) = match format {
            DataFormat::Jsonl => ("x.jsonl", rows),
            DataFormat::Csv => ("x.csv", format!("id,prompt\n{rows}")),
            DataFormat::Sharegpt => ("x.json", format!("[{}]", rows.trim_end_matches(','))),
            DataFormat::Lines => ("x.txt", rows),
        };
        let bench = Bench::new(name, &content);
        let table = Table::open_by(&bench.path, &bench.file(), piece).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let expected: Vec<String> = match format {
            DataFormat::Lines => texts.iter().map(|text| text.replace(['\n', '\r'], " ")).collect(),
            _ => texts,
        };
        prop_assert_eq!(prompts(&table), expected);
        prop_assert_eq!(&table.content().sha256, &sha256(content.as_bytes()));
    }
}
