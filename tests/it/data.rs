//! `scenario data`: files of test data.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use crate::kit::Bench;

fn lines(text: &str) -> Vec<(String, String)> {
    let field = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    let documents = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    documents.map(|line| (field(&line, "text"), field(&line, "language"))).collect()
}

#[test]
fn a_file_has_as_many_different_lines_as_asked_for() {
    let bench = Bench::new();
    bench.run(&["data", "snippets", "-n", "500", "--out", "code.jsonl"]).expect_code(0);
    let text = std::fs::read_to_string(bench.path("code.jsonl")).unwrap();
    let all = lines(&text);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 500);
    let mut languages = BTreeMap::<&str, u32>::new();
    for (_, language) in &all {
        *languages.entry(language).or_default() += 1;
    }
    assert_eq!(languages.into_keys().collect::<Vec<_>>(), ["javascript", "python", "react", "typescript"]);

    let stdout = |flags: &[&str]| bench.run(&[&["data"], flags].concat()).expect_code(0).stdout;
    assert_eq!(
        stdout(&["snippets", "-n", "500"]),
        text,
        "the same seed gives the same data, and `-` is the default"
    );
    assert_eq!(stdout(&["snippets", "-n", "500", "--out", "-"]), text);
    assert_ne!(stdout(&["snippets", "-n", "500", "--seed", "1"]), text);
    let chosen =
        lines(&stdout(&["snippets", "-n", "50", "--set", "mix.python=1", "--set", "prefix=Explain:"]));
    assert!(chosen.iter().all(|(text, language)| language == "python" && text.starts_with("Explain:\n# ")));
    let prose = lines(&stdout(&["synthetic", "-n", "50", "--set", "prompt_tokens=9"]));
    assert!(prose.iter().all(|(text, language)| language == "english" && text.split(' ').count() > 4));
    assert_eq!(stdout(&["synthetic", "-n", "0"]), "");
}

#[test]
fn nothing_is_written_over_unless_said() {
    let bench = Bench::new();
    let file = bench.file("mine.jsonl", &"x".repeat(9000));
    let there = || std::fs::read_to_string(bench.path("mine.jsonl")).unwrap();
    let done = bench.run(&["data", "snippets", "-n", "1", "--out", &file]).expect_code(2);
    assert_eq!(done.stderr, "error: `mine.jsonl` exists\n  help: `--force` writes over it\n");
    assert_eq!(there().len(), 9000);
    bench.run(&["data", "snippets", "-n", "1", "--out", &file, "--force"]).expect_code(0);
    assert_eq!(lines(&there()).len(), 1);
    bench.run(&["data", "snippets", "-n", "1", "--out", "none/mine.jsonl"]).expect_code(4);
}

#[test]
fn settings_are_checked_as_in_a_file() {
    let bench = Bench::new();
    for (set, message) in [
        ("mix.pyton=1", "did you mean `python`?"),
        ("prompt_tokens=0", "must be 1 or more, found 0"),
        ("lines=5", "unknown key `lines`"),
    ] {
        let done = bench.run(&["data", "snippets", "--set", set, "--out", "new.jsonl"]).expect_code(2);
        assert!(done.stderr.contains(message), "{set}: {}", done.stderr);
        assert!(!bench.path("new.jsonl").exists());
    }
}
