//! Files of every format, as they are written and as they go wrong.

use std::{fmt::Write as _, path::PathBuf, time::Duration};

use proptest::prelude::*;
use tempfile::TempDir;

use super::{
    super::{Counter, Datasets, Source, counter::fixture::Learnt, estimate_tokens, source::Kind},
    Requests, run,
};
use crate::{
    config::{
        Encoding, OnBadRow, Tokenizer, Trace, TraceFile, TraceFormat, TracePart, TracePrompts, TraceWindow,
        Vocabulary, Workload,
    },
    record,
};

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;

/// A file in a folder of its own.
struct Bench {
    folder: TempDir,
    path: PathBuf,
}

impl Bench {
    fn new(content: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("trace");
        std::fs::write(&path, content).expect("a file");
        Self { folder, path }
    }

    fn open(&self, file: &TraceFile) -> Result<Requests, String> {
        Requests::open(&self.path, file).map_err(|error| format!("{}: {}", error.key, error.reason))
    }

    /// The folder of a run with these records.
    fn of_run(records: &str) -> Self {
        let bench = Self::new("");
        std::fs::write(bench.folder.path().join(run::RECORDS), records).expect("a file");
        Self { path: bench.folder.path().to_owned(), ..bench }
    }
}

fn file() -> TraceFile {
    TraceFile {
        path: "trace".to_owned(),
        format: None,
        phase: None,
        window: TraceWindow::default(),
        limit: None,
        on_bad_row: OnBadRow::Fail,
    }
}

fn replay(phase: Option<&str>) -> TraceFile {
    TraceFile { format: Some(TraceFormat::Run), phase: phase.map(str::to_owned), ..file() }
}

/// When requests are due, and their lengths.
fn rows(requests: &Requests) -> Vec<(u64, u32, u32)> {
    let due = requests.arrivals(1.0, None, None);
    due.zip(0..)
        .map(|(at_ns, number)| {
            let (row, _) = requests.row(number).expect("it is there");
            (at_ns, row.input, row.output)
        })
        .collect()
}

#[test]
fn every_format_is_known_by_its_first_line() {
    let mooncake = "{\"timestamp\": 0, \"input_length\": 10, \"output_length\": 5, \"hash_ids\": [46]}\n\
                    {\"timestamp\": 1500.5, \"input_length\": 20, \"output_length\": 1, \"other\": \"x\"}\n";
    let azure = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,10,5\n2023-11-16 18:17:05.4804600,20,1\n";
    let azure_2024 = "TIMESTAMP,ContextTokens,GeneratedTokens\n2024-05-10 00:00:00.009930+00:00,10,5\n\
                      2024-05-10 00:00:01.510430+00:00,20,1\n";
    let burstgpt = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,10,5,15,Conversation log\n\
                    6,ChatGPT,7,0,7,API log\n6.5005,GPT-4,20,1,21,API log\n";
    let sessions = "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n\
                    19440110.0,a,43,GPT-4,10,5,15,API log\n19440111.5005,b,4,GPT-4,20,1,21,API log\n";
    for (content, format, unanswered) in [
        (mooncake, TraceFormat::Mooncake, 0),
        (azure, TraceFormat::Azure, 0),
        (azure_2024, TraceFormat::Azure, 0),
        (burstgpt, TraceFormat::Burstgpt, 1),
        (sessions, TraceFormat::Burstgpt, 0),
    ] {
        for said in [None, Some(format)] {
            let file = TraceFile { format: said, ..file() };
            for content in [
                content.to_owned(),
                format!("\u{feff}{content}"),
                content.replace('\n', "\r\n"),
                content.trim_end().to_owned(),
                content.replace('\n', "\n\n"),
                content.replace(",10,", ",\"10\","),
            ] {
                let requests = Bench::new(&content).open(&file).expect(&content);
                assert_eq!(rows(&requests), [(0, 10, 5), (1500 * MS + MS / 2, 20, 1)], "{content}");
                let found = requests.content();
                assert_eq!((found.format, found.unanswered, found.skipped), (format, unanswered, 0));
                assert_eq!((found.rows, found.input_tokens, found.output_tokens), (2, 30, 6));
                assert_eq!((found.last_ns, found.sha256.len()), (1500 * MS + MS / 2, 64));
                let blocks = format == TraceFormat::Mooncake;
                assert_eq!(found.prompts == TracePrompts::Blocks, blocks);
            }
        }
    }
}

#[test]
fn bad_rows_have_their_lines() {
    let mooncake = "{\"timestamp\":0,\"input_length\":10,\"output_length\":5}\n";
    let azure = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,10,5\n";
    let burst = "Timestamp,Model,Request tokens,Response tokens\n5,\"a\nb\",10,5\n";
    for (good, row, expected) in [
        (
            mooncake,
            "{\"timestamp\":0",
            "line 2 of `trace` is no JSON: EOF while parsing an object at column 14",
        ),
        (mooncake, "\n{\"input_length\":10}", "line 3 of `trace` has no `timestamp`"),
        (mooncake, "{\"timestamp\":0,\"output_length\":5}", "line 2 of `trace` has no `input_length`"),
        (mooncake, "{\"timestamp\":0,\"input_length\":5}", "line 2 of `trace` has no `output_length`"),
        (
            mooncake,
            "{\"timestamp\":\"0\",\"input_length\":10,\"output_length\":5}",
            "line 2 of `trace` is no request: invalid type: string \"0\", expected f64",
        ),
        (
            mooncake,
            "{\"timestamp\":1e300,\"input_length\":10,\"output_length\":5}",
            "line 2 of `trace` has 1e300 as `timestamp`, which is no time in milliseconds",
        ),
        (
            mooncake,
            "{\"timestamp\":0,\"input_length\":0,\"output_length\":5}",
            "line 2 of `trace` has 0 as `input_length`, and a length is 1 to 1000000",
        ),
        (
            mooncake,
            "{\"timestamp\":0,\"input_length\":600,\"output_length\":5,\"hash_ids\":[1]}",
            "line 2 of `trace` has 1 hash id, and 600 tokens are 2 blocks of 512",
        ),
        (
            mooncake,
            "{\"timestamp\":0,\"input_length\":600,\"output_length\":5,\"hash_ids\":[1,-2]}",
            "line 2 of `trace` is no request: invalid value: integer `-2`, expected u64",
        ),
        (
            azure,
            "yesterday,10,5",
            "line 3 of `trace` has `yesterday` as `TIMESTAMP`, not a time such as `2023-11-16 18:17:03.9799600`",
        ),
        (azure, "2023-11-16 18:17:03,10", "line 3 of `trace` has 2 columns, and the header has 3"),
        (
            azure,
            "2023-11-16 18:17:03,ten,5",
            "line 3 of `trace` has `ten` as `ContextTokens`, not a whole number",
        ),
        (
            azure,
            "2023-11-16 18:17:03,2000000,5",
            "line 3 of `trace` has 2000000 as `ContextTokens`, and a length is 1 to 1000000",
        ),
        // a quoted field may hold the end of a line
        (burst, "soon,a,10,5", "line 4 of `trace` has `soon` as `Timestamp`, not a number of seconds"),
        (
            burst,
            "6,a,10,\n7,a,1",
            "line 4 of `trace` has `` as `Response tokens`, not a whole number, and 1 more of its 3 rows cannot be used",
        ),
    ] {
        let bench = Bench::new(format!("{good}{row}\n"));
        let error = bench.open(&file()).err();
        assert_eq!(error.as_deref(), Some(format!("path: {expected}").as_str()));
        let skipping = bench.open(&TraceFile { on_bad_row: OnBadRow::Skip, ..file() }).expect(row);
        assert_eq!(rows(&skipping), [(0, 10, 5)]);
        let found = skipping.content();
        let first = found.first_skipped.as_deref().expect("what was skipped");
        assert!(expected.replace("of `trace` ", "").starts_with(first), "{first}");
        assert!(found.skipped >= 1);
    }
}

#[test]
fn files_that_are_no_traces() {
    let azure = TraceFile { format: Some(TraceFormat::Azure), ..file() };
    for (content, file, expected) in [
        ("", file(), "path: `trace` is empty"),
        (
            "\n\n",
            file(),
            "format: `trace` is no trace that is known: its first line is neither JSON nor a header of columns",
        ),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n", file(), "path: `trace` has no requests"),
        ("Timestamp,Request tokens,Response tokens\n1,5,0\n", file(), "path: `trace` has no requests"),
        (
            "a,b\n1,2\n",
            file(),
            "format: `trace` is no trace that is known: it has 2 columns, and they are others",
        ),
        ("TIMESTAMP,ContextTokens\n1,2\n", azure, "format: `trace` has no column `GeneratedTokens`"),
        (
            "{\"a\":1}\n{\"a\":2}\n",
            file(),
            "path: line 1 of `trace` has no `timestamp`, and none of its 2 rows can be used",
        ),
    ] {
        assert_eq!(Bench::new(content).open(&file).err().as_deref(), Some(expected), "{content}");
    }
    let nowhere = Bench::new("");
    let missing = Requests::open(&nowhere.folder.path().join("x"), &file()).expect_err("no file");
    assert!(missing.reason.contains("there is no such file"), "{missing}");
    let folder = Requests::open(nowhere.folder.path(), &file()).expect_err("a folder");
    assert!(folder.reason.contains("is a folder") && folder.help.contains("trace.jsonl"), "{folder}");
}

/// Requests of one more token each at these seconds.
fn burst(seconds: &[&str]) -> String {
    let mut text = "Timestamp,Request tokens,Response tokens\n".to_owned();
    for (tokens, at) in (1..).zip(seconds) {
        let _ = writeln!(text, "{at},{tokens},1");
    }
    text
}

fn window(from: u64, to: Option<u64>) -> TraceWindow {
    TraceWindow { from: Duration::from_secs(from), to: to.map(Duration::from_secs) }
}

#[test]
fn a_window_is_in_the_time_of_the_trace() {
    let in_order = burst(&["100", "101.5", "101.5", "103", "110"]);
    // the same requests, the earliest last
    let mixed = burst(&["110", "103", "101.5", "101.5", "100"]);
    for (window, limit, from_front, from_back) in [
        (
            window(0, None),
            None,
            vec![(0, 1), (1500, 2), (1500, 3), (3000, 4), (10_000, 5)],
            vec![5, 3, 4, 2, 1],
        ),
        (window(0, Some(3)), None, vec![(0, 1), (1500, 2), (1500, 3)], vec![5, 3, 4]),
        (window(1, Some(4)), None, vec![(500, 2), (500, 3), (2000, 4)], vec![3, 4, 2]),
        (window(3, None), None, vec![(0, 4), (7000, 5)], vec![2, 1]),
        (window(1, None), Some(2), vec![(500, 2), (500, 3)], vec![3, 4]),
    ] {
        let file = TraceFile { window, limit, ..file() };
        let requests = Bench::new(&in_order).open(&file).expect("rows");
        let found: Vec<_> = rows(&requests).iter().map(|(at, input, _)| (at / MS, *input)).collect();
        assert_eq!(found, from_front, "{window:?}");
        let requests = Bench::new(&mixed).open(&file).expect("rows");
        let found: Vec<_> = rows(&requests).iter().map(|(_, input, _)| *input).collect();
        assert_eq!(found, from_back, "{window:?}");
        let times: Vec<_> = rows(&requests).iter().map(|(at, ..)| at / MS).collect();
        assert_eq!(times, from_front.iter().map(|(at, _)| *at).collect::<Vec<_>>());
    }
    let nothing = TraceFile { window: window(4, Some(9)), ..file() };
    let error = Requests::open(&Bench::new(&in_order).path, &nothing).expect_err("nothing there");
    assert_eq!((error.key, error.reason.as_str()), ("window", "no request of `trace` is between 4s and 9s"));
    assert!(error.help.contains("10.0 s of the earliest"), "{}", error.help);
}

#[test]
fn what_a_phase_takes() {
    let requests = Bench::new(burst(&["0", "0.5", "0.9", "1", "1.4", "10"])).open(&file()).expect("rows");
    let part = |requests, input_tokens, last_ns, peak_rate| TracePart {
        requests,
        input_tokens,
        output_tokens: requests,
        last_ns,
        peak_rate,
    };
    for (speed, count, duration, expected) in [
        // 0.5 to 1.4: what is due a whole second later is in the next one
        (1.0, None, None, part(6, 21, 10 * S, 4.0)),
        (10.0, None, None, part(6, 21, S, 5.0)),
        (0.5, None, None, part(6, 21, 20 * S, 2.0)),
        (1.0, Some(2), None, part(2, 3, S / 2, 2.0)),
        // what is due at the end is not in it
        (1.0, None, Some(1), part(3, 6, 900 * MS, 3.0)),
        (1.0, Some(4), Some(2), part(4, 10, S, 3.0)),
        (1.0, None, Some(100), part(6, 21, 10 * S, 4.0)),
    ] {
        let found = requests.part(speed, count, duration.map(Duration::from_secs));
        assert_eq!(found, expected, "{speed} {count:?} {duration:?}");
    }
}

/// The prompts of the first rows, as a step that follows the trace has them.
fn prompts(requests: Requests, seed: u64, count: u64) -> Vec<String> {
    let source = Source::new("requests", Kind::Trace(requests.into()), Counter::Estimate);
    (0..count).map(|row| source.row(seed, 100 + row, row).expect("a prompt").text).collect()
}

#[test]
fn prompts_have_the_lengths_of_rows_and_share_their_blocks() {
    let content = "{\"timestamp\":0,\"input_length\":1030,\"output_length\":5,\"hash_ids\":[1,2,3]}\n\
                   {\"timestamp\":1,\"input_length\":1536,\"output_length\":5,\"hash_ids\":[1,2,4]}\n\
                   {\"timestamp\":2,\"input_length\":40,\"output_length\":5}\n\
                   {\"timestamp\":3,\"input_length\":40,\"output_length\":5}\n";
    let bench = Bench::new(content);
    let open = || bench.open(&file()).expect("rows");
    let texts = prompts(open(), 42, 4);
    let lengths: Vec<_> = texts.iter().map(|text| estimate_tokens(text)).collect();
    assert_eq!(lengths, [1030, 1536, 40, 40]);
    let common = texts[0].bytes().zip(texts[1].bytes()).take_while(|(one, other)| one == other).count();
    assert!(estimate_tokens(&texts[0][..common]) >= 1024);
    assert_ne!(texts[2], texts[3]);
    assert_eq!(texts, prompts(open(), 42, 4));
    assert!(texts.iter().zip(prompts(open(), 43, 4)).all(|(one, other)| *one != other));

    // where only the lengths count, rows come one after the other, and over and over
    let source = Source::new("requests", Kind::Trace(open().into()), Counter::Estimate);
    let lengths: Vec<_> =
        (0..6).map(|seq| estimate_tokens(&source.prompt(42, seq).expect("a prompt").text)).collect();
    assert_eq!(lengths, [1030, 1536, 40, 40, 1030, 1536]);
}

#[test]
fn made_up_prompts_have_the_tokens_of_their_rows_by_a_tokenizer() {
    let asked: Vec<u32> = (0..200).map(|row| 8 + row * 37 % 900).collect();
    let bench = Bench::new(asked.iter().enumerate().fold(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n".to_owned(),
        |mut rows, (row, tokens)| {
            let _ = writeln!(rows, "2023-11-16 18:{:02}:{:02}.0000000,{tokens},7", row / 60, row % 60);
            rows
        },
    ));
    let workload = Workload::Trace(Trace { file: file(), content: None });
    let learnt = Learnt::new(1500);
    let encoding = Tokenizer { vocabulary: Vocabulary::Encoding(Encoding::Cl100kBase), counted: None };
    for tokenizer in [learnt.tokenizer(), encoding] {
        let mut datasets = Datasets::under(bench.folder.path());
        let source = datasets.open("w", &workload, Some(&tokenizer)).expect("a trace and a tokenizer");
        let off_by = |(row, asked): (u64, &u32)| {
            let prompt = source.row(42, 500 + row, row).expect("a row");
            source.counter().count(&prompt.text).abs_diff(*asked)
        };
        let off = (0..).zip(&asked).map(off_by).filter(|off| *off > 2).count();
        assert!(off * 100 <= asked.len(), "{off} of {} are off: {tokenizer:?}", asked.len());
    }
}

/// A record, of which so much is said.
fn record(seq: u64, phase: &str, due_ms: u64, input: Option<u64>) -> String {
    format!(
        "{{\"format\":{},\"seq\":{seq},\"phase\":\"{phase}\",\"step_id\":1,\"measured\":{},\"due_ns\":{},\"input_tokens\":{},\
         \"requested_output_tokens\":7,\"outcome\":\"timeout\"}}\n",
        record::FORMAT,
        phase != "warmup",
        due_ms * MS,
        input.map_or("null".to_owned(), |tokens| tokens.to_string()),
    )
}

#[test]
fn a_run_is_a_trace() {
    let records = [
        record(0, "warmup", 0, Some(5)),
        // in the order of their ends
        record(3, "main", 5_000, Some(30)),
        record(2, "main", 4_000, Some(20)),
        record(4, "main", 5_000, None),
        record(9, "later", 9_000, Some(90)),
    ]
    .concat();
    let cut_short = "{\"format\":1,\"seq\":10,\"pha";
    let bench = Bench::of_run(&(records.clone() + cut_short));
    let missing = bench.open(&replay(None)).expect_err("no length");
    assert!(
        missing.ends_with(
            "line 4 of `trace/requests.jsonl` has no `input_tokens`, and `plan.json` says nothing of them"
        ),
        "{missing}"
    );

    let plan = r#"{"steps":[{"expected":{}},{"expected":{"requests":10,"input_tokens":405}}]}"#;
    std::fs::write(bench.path.join(run::PLAN), plan).expect("a file");
    let requests = bench.open(&replay(None)).expect("rows");
    assert_eq!(rows(&requests), [(0, 20, 7), (S, 30, 7), (S, 41, 7), (5 * S, 90, 7)]);
    let found = requests.content().clone();
    assert_eq!((found.format, found.prompts, found.kept), (TraceFormat::Run, TracePrompts::Made, 0));
    assert_eq!(found.beside_sha256.keys().map(String::as_str).collect::<Vec<_>>(), [run::PLAN]);
    let lengths: Vec<_> = prompts(requests, 42, 4).iter().map(|text| estimate_tokens(text)).collect();
    assert_eq!(lengths, [20, 30, 41, 90]);

    let of = |phase| bench.open(&replay(Some(phase)));
    assert_eq!(rows(&of("warmup").expect("rows")), [(0, 5, 7)]);
    assert_eq!(rows(&of("later").expect("rows")), [(0, 90, 7)]);
    assert_eq!(
        of("mian").expect_err("no such phase"),
        "phase: `trace/requests.jsonl` has no request of the phase `mian`"
    );

    // the very prompts, as far as they were kept; one that may have lost its end is made up, and so is a later turn of a
    // conversation
    let records = records.replace("\"seq\":9,", "\"seq\":9,\"turn\":1,");
    std::fs::write(bench.path.join(run::RECORDS), records).expect("a file");
    let long = "x ".repeat(32 << 10);
    let texts = format!(
        "{{\"format\":1,\"seq\":4,\"prompts\":[\"why, though?\"]}}\n\
         {{\"format\":1,\"seq\":2,\"answers\":[\"because\"]}}\n\
         {{\"format\":1,\"seq\":3,\"prompts\":[\"{long}\"],\"cut\":true}}\n{{\"format\":1,\"seq\":9,\"prompts\":[\"and then?\"]}}\n\
         {{\"format\":1,\"seq\":10,\"prom"
    );
    std::fs::write(bench.path.join(run::TEXTS), texts).expect("a file");
    let requests = bench.open(&replay(None)).expect("rows");
    // nobody counted the prompt that was kept, and its text is known
    assert_eq!(rows(&requests)[2], (S, 4, 7));
    let found = requests.content();
    assert_eq!((found.prompts, found.kept), (TracePrompts::Kept, 1));
    assert_eq!(found.beside_sha256.keys().map(String::as_str).collect::<Vec<_>>(), [run::TEXTS]);
    let texts = prompts(requests, 42, 4);
    assert_eq!(texts[2], "why, though?");
    assert_eq!((estimate_tokens(&texts[0]), estimate_tokens(&texts[3])), (20, 90));
}

#[test]
fn runs_that_cannot_be_replayed() {
    let several = record(1, "main", 0, Some(5)).replace("\"due_ns\"", "\"batch\":4,\"due_ns\"");
    let newer = record(1, "main", 0, Some(5)).replace("\"format\":1", "\"format\":2");
    for (records, expected) in [
        (several, "has 4 prompts, and a row of a trace is one, and none of its 1 row can be used"),
        (newer, "has format 2, and this version reads format 1, and none of its 1 row can be used"),
        (record(1, "warmup", 0, Some(5)), "has no request that was measured"),
    ] {
        let error = Bench::of_run(&records).open(&replay(None)).expect_err("nothing to replay");
        assert!(error.starts_with("run: ") && error.ends_with(expected), "{error}");
    }
    let nowhere = Bench::new("");
    let error = Requests::open(&nowhere.folder.path().join("x"), &replay(None)).expect_err("no run");
    assert_eq!((error.key, error.help.contains("results/runs")), ("run", true));
}

proptest! {
    /// Requests are due in order, and a speed divides their times.
    #[test]
    fn arrivals_ascend_and_scale(
        ms in prop::collection::vec(0_u64..100_000_000, 1..200),
        speed in 0.01_f64..1000.0,
        piece in 10_usize..5000,
    ) {
        let rows = ms.iter().map(|ms| format!("{{\"timestamp\":{ms},\"input_length\":9,\"output_length\":1}}\n"));
        let bench = Bench::new(rows.collect::<String>());
        let requests = Requests::open_by(&bench.path, &file(), piece)
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        let due: Vec<u64> = requests.arrivals(speed, None, None).collect();
        prop_assert_eq!(due.len(), ms.len());
        prop_assert!(due.is_sorted());
        let mut expected: Vec<u64> = ms.clone();
        expected.sort_unstable();
        for (at_ns, ms) in due.iter().zip(&expected) {
            let exact = (ms - expected[0]) as f64 * 1e6 / speed;
            prop_assert!((*at_ns as f64 - exact).abs() <= 0.5 + exact * 1e-15, "{} {}", at_ns, exact);
        }
        let plain: Vec<u64> = requests.arrivals(1.0, None, None).collect();
        let written: Vec<u64> = expected.iter().map(|ms| (ms - expected[0]) * MS).collect();
        prop_assert_eq!(plain, written);
        // the first so many, or those before so long, are the beginning of all
        let some: Vec<u64> = requests.arrivals(speed, Some(7), Some(Duration::from_secs(3))).collect();
        prop_assert_eq!(&some[..], &due[..some.len()]);
        prop_assert!(some.len() == due.len().min(7) || due[some.len()] >= 3 * S);
        prop_assert!(some.iter().all(|at_ns| *at_ns < 3 * S));
    }
}
