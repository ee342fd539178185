use std::{fs, path::Path};

use serde_json::json;

use super::{fixture::Learnt, *};
use crate::config::{self, Counted, Encoding, Vocabulary};

fn counter(tokenizer: &config::Tokenizer) -> Result<Counter, TokenizerError> {
    Tokenizers::default().counter(Path::new(""), Some(tokenizer))
}

fn named(encoding: Encoding) -> config::Tokenizer {
    config::Tokenizer { vocabulary: Vocabulary::Encoding(encoding), counted: None }
}

fn file(path: &Path) -> config::Tokenizer {
    config::Tokenizer { vocabulary: Vocabulary::File(path.display().to_string()), counted: None }
}

#[test]
fn encodings_count_as_tiktoken_does() {
    // the examples of its cookbook, and a special token, which is text like any other in a prompt
    for (text, counts) in [
        ("antidisestablishmentarianism", [6, 6, 5, 5]),
        ("2 + 2 = 4", [7, 7, 5, 5]),
        ("お誕生日おめでとう", [8, 9, 14, 14]),
        ("tiktoken is great!", [6, 6, 6, 6]),
        ("", [0, 0, 0, 0]),
    ] {
        let encodings = [Encoding::O200kBase, Encoding::Cl100kBase, Encoding::P50kBase, Encoding::Gpt2];
        let counted = encodings.map(|encoding| counter(&named(encoding)).expect("is known").count(text));
        assert_eq!(counted, counts, "{text:?}");
    }
    for encoding in Encoding::ALL {
        let counter = counter(&named(encoding)).expect("is known");
        assert!(counter.is_exact() && counter.sha256().is_none(), "{}", encoding.name());
        assert!(counter.count("<|endoftext|>") > 1, "{}", encoding.name());
    }
}

#[test]
fn what_a_file_says_of_one_use_changes_no_count() {
    let learnt = Learnt::new(600);
    let plain = counter(&learnt.tokenizer()).expect("a tokenizer");
    let text = SPECIMEN.repeat(20);
    let truncation =
        json!({ "direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0 });
    let padding = json!({
        "strategy": { "Fixed": 100_000 }, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
        "pad_type_id": 0, "pad_token": "!",
    });
    for (pointer, value) in
        [("/truncation", truncation), ("/padding", padding), ("/model/dropout", json!(0.9))]
    {
        let changed = counter(&learnt.changed(pointer, value)).expect("a tokenizer");
        assert_eq!(changed.count(&text), plain.count(&text), "{pointer}");
        assert_ne!(changed.sha256(), plain.sha256(), "{pointer}");
    }
}

#[test]
fn what_is_wrong_with_a_file_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tokenizer.json");
    let told = |tokenizer: &config::Tokenizer| {
        let text = counter(tokenizer).expect_err("a broken file").to_string();
        text.replace(&folder.path().display().to_string(), "HERE")
    };
    assert_eq!(
        told(&file(&path)),
        "cannot read `HERE/tokenizer.json`: there is no such file\n  help: put the file there, or correct the path, which \
         starts at the folder of the file that it stands in"
    );
    assert_eq!(
        told(&file(folder.path())),
        "`HERE` is a folder\n  help: name the file in it: `HERE/tokenizer.json`"
    );
    for (content, why) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("GGUF\x03\0\0\0", "expected value at line 1 column 1"),
        ("{}", "Model missing. at line 1 column 2"),
    ] {
        fs::write(&path, content).expect("a file");
        let told = told(&file(&path));
        assert!(told.contains(&format!("is no tokenizer that can be used: {why}")), "{told}");
        assert!(told.contains("help: name the `tokenizer.json`"), "{told}");
    }
}

#[test]
fn a_file_is_read_once_and_known_by_its_content() {
    let learnt = Learnt::new(400);
    let mut tokenizers = Tokenizers::default();
    let folder = learnt.path().parent().expect("a folder").to_owned();
    let by_name = file(Path::new("tokenizer.json"));
    let one = tokenizers.counter(&folder, Some(&by_name)).expect("a tokenizer");
    let sha256 = one.sha256().map(str::to_owned);
    let planned = |sha256: Option<String>| config::Tokenizer {
        counted: Some(Counted { sha256, mean_prompt_tokens: 1.0, mean_output_tokens: 1.0 }),
        ..learnt.tokenizer()
    };
    fs::write(learnt.path(), "{}").expect("a file");
    let other = tokenizers.counter(&folder, Some(&planned(sha256.clone()))).expect("the same tokenizer");
    assert_eq!(one.count(SPECIMEN), other.count(SPECIMEN));
    let (Counter::Tokenizer(one), Counter::Tokenizer(other)) = (one, other) else { panic!("two tokenizers") };
    assert!(Arc::ptr_eq(&one, &other));

    let fresh = Learnt::new(401);
    let changed = config::Tokenizer { vocabulary: fresh.tokenizer().vocabulary, ..planned(sha256) };
    let error = counter(&changed).expect_err("another file");
    assert!(error.reason.contains("is no longer the tokenizer that the plan was made with"), "{error}");
}
