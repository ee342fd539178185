use proptest::prelude::*;
use serde_json::Value;

use super::{
    Change,
    Format::{self, Json, Toml, Yaml},
    Problem,
    key::Key,
    set,
};

fn key(text: &str) -> Key {
    text.parse().expect("a key")
}

fn set_in(format: Format, text: &str, at: &str) -> Result<Change, Problem> {
    set(text, format, &key(at), 16)
}

/// The place where `16` came to stand for what is between `«` and `»`, and nothing else.
#[track_caller]
fn changes(format: Format, marked: &str, at: &str) {
    let (before, rest) = marked.split_once('«').expect("a mark");
    let (old, behind) = rest.split_once('»').expect("a mark");
    let change = set_in(format, &[before, old, behind].concat(), at)
        .unwrap_or_else(|problem| panic!("{marked:?}: {problem}"));
    assert_eq!(change.text, [before, "16", behind].concat());
    assert_eq!((change.old.as_str(), change.line), (old, before.matches('\n').count() + 1));
}

/// What is said of a change that is refused, with its place.
fn refusal(format: Format, text: &str, at: &str) -> String {
    let problem = set_in(format, text, at).expect_err("it is refused");
    let place = problem.place.map(|(line, column)| format!("{line}:{column}: ")).unwrap_or_default();
    format!("{place}{problem}")
}

#[test]
fn keys_are_names_and_places() {
    for (text, shown) in [
        ("a", "a"),
        ("llm.max_concurrent_requests", "llm.max_concurrent_requests"),
        ("servers.0.limit", "servers.0.limit"),
        ("servers[0].limit", "servers[0].limit"),
        ("a[0][12]", "a[0][12]"),
        ("[1].a", "[1].a"),
        ("a.\"x.y/z\".b", "a.\"x.y/z\".b"),
        ("a.'say \"x\"'[2]", "a.'say \"x\"'[2]"),
        ("a.<<.b", "a.<<.b"),
    ] {
        assert_eq!(key(text).to_string(), shown);
    }
    for (text, reason) in [
        ("", "a name is missing"),
        ("a.", "a name is missing"),
        (".a", "a name is missing"),
        ("a..b", "a name is missing"),
        ("a.[0]", "a name is missing"),
        ("a[", "a `[` is not closed"),
        ("a[-1]", "between `[` and `]` stands a number from 0"),
        ("a[]", "between `[` and `]` stands a number from 0"),
        ("a[0]b", "names are separated by dots"),
        ("a]", "names are separated by dots"),
        ("a\"b\"", "names are separated by dots"),
        ("\"a", "a quote is not closed"),
    ] {
        let error = text.parse::<Key>().expect_err(text).to_string();
        assert_eq!(error, reason, "{text}");
    }
}

#[test]
fn one_value_of_yaml_changes() {
    for (marked, at) in [
        ("llm:\n  max: «8»\n", "llm.max"),
        ("llm:\n  max: «8» # per replica\n  other: 8\n", "llm.max"),
        ("a: 8\nb: «8»", "b"),
        ("max: \"«8»\"\n", "max"),
        ("max:   '«8»'  # text\n", "max"),
        ("llm: {max: «8», min: 1}\n", "llm.max"),
        ("llm: { \"max\": «8» }\n", "llm.max"),
        ("servers:\n- limit: 1\n- limit: «8»\n", "servers[1].limit"),
        ("servers:\n- limit: 1\n- limit: «8»\n", "servers.1.limit"),
        ("args: [--max, \"«8»\"]\n", "args[1]"),
        ("- 1\n- «8»\n", "[1]"),
        ("max: «~»\n", "max"),
        ("max: «null» # none yet\n", "max"),
        ("max: !!int «8»\n", "max"),
        ("max: !!str \"«8»\"\n", "max"),
        ("max: &limit «8»\n", "max"),
        ("max: &limit !!int   «8» # x\n", "max"),
        ("max: «1_000»\n", "max"),
        ("max: «0x10»\n", "max"),
        ("max: «-1»\n", "max"),
        ("max: «8.0»\n", "max"),
        ("8080: «8»\n", "8080"),
        ("\"a.b\": {c: «8»}\n", "\"a.b\".c"),
        ("ärger: 'ü' # größer\n日本: «8»\n", "日本"),
        ("a: 1\r\nllm:\r\n  max: «8»\r\n  x: 2\r\n", "llm.max"),
        ("a: |\r\n  max: 8\r\n  x\r\nmax: «8»\r\n", "max"),
        ("\u{feff}a: 1\nmax: «8»\n", "max"),
        ("\u{feff}max: «8»", "max"),
        ("---\nkind: A\n---\nkind: B\nmax: «8»\n", "max"),
        ("%YAML 1.2\n---\nmax: «8»\n...\n", "max"),
        ("text: |\n  max: 8\n\nmax: «8»\n", "max"),
        ("a: >-\n  8\n\t\n# \t tab\nmax: «8»\t# tab\n", "max"),
        ("? max\n: «8»\n", "max"),
        ("? [a, b]\n: 1\nmax: «8»\n", "max"),
        ("base: &b {max: «8»}\n", "base.max"),
        ("base: &b\n  max: 8\nprod:\n  <<: *b\n  max: «9»\n", "prod.max"),
        ("base: &b\n  max: «8»\nprod:\n  <<: *b\n", "base.max"),
    ] {
        changes(Yaml, marked, at);
    }
}

#[test]
fn one_value_of_toml_changes() {
    for (marked, at) in [
        ("[llm]\nmax = «8»\n", "llm.max"),
        ("llm.max = «8» # x\n", "llm.max"),
        ("llm = { max = «8», min = 1 }", "llm.max"),
        ("a = 1\n[llm]\nmax=\"«8»\"\nmin = 8\n", "llm.max"),
        ("max = '«8»'\n", "max"),
        ("max = \"\"\"«8»\"\"\"\n", "max"),
        ("max = «1_000»\r\nmin = 1\r\n", "max"),
        ("[[servers]]\nlimit = 1\n[[servers]]\nlimit = «8»\n", "servers[1].limit"),
        ("limits = [1, «8», # x\n]\n", "limits[1]"),
        ("\u{feff}[a.\"b.c\"]\nmax = «0b1000»\n", "a.\"b.c\".max"),
        ("text = '''\nmax = 8\n'''\n'max' = «8»", "max"),
        ("[a]\nx = 1\n[b]\nmax = 8\n[a.c]\nmax = «8»\n", "a.c.max"),
    ] {
        changes(Toml, marked, at);
    }
}

#[test]
fn one_value_of_json_changes() {
    for (marked, at) in [
        ("{\"llm\": {\"max\": «8»}}", "llm.max"),
        ("{\n\t\"max\" : «8.0» ,\n\t\"min\": 8\n}\n", "max"),
        ("{\"max\": \"«8»\"}", "max"),
        ("{\"max\": «null»}", "max"),
        ("[1, {\"max\": «8»}]", "[1].max"),
        ("// max: 8\n{ /* 8 */ \"max\": «8», // x\n}\r\n", "max"),
        ("{\"ü\": \"日本\", \"max\": «8»}", "max"),
        ("\u{feff}{\"max\": «1e1»}", "max"),
    ] {
        changes(Json, marked, at);
    }
}

#[test]
fn a_value_that_stands_there_already_changes_nothing() {
    let text = "max: 16 # x\n";
    assert_eq!(set_in(Yaml, text, "max").expect("a number").text, text);
}

#[test]
fn aliases_of_what_changes_are_told() {
    let text = "base: &b\n  max: &m 8\none: *m\ntwo: {<<: *b}\nother: &o 1\nthree: *o\n";
    let change = set_in(Yaml, text, "base.max").expect("a number");
    assert_eq!((change.line, change.aliases), (2, vec![3, 4]));
}

#[test]
fn what_comes_from_elsewhere_is_refused() {
    let text = "base: &b\n  max: 8\nprod:\n  <<: *b\n  x: 1\nall:\n  - *b\nmore:\n  <<: [{y: 1}, *b]\none: &m 8\ntwo: *m\n";
    let shown = ["prod.max", "all[0].max", "more.max", "two", "more.y", "prod.<<.max", "all[0]"]
        .map(|at| refusal(Yaml, text, at))
        .join("\n");
    insta::assert_snapshot!(shown, @"
    4:7: `prod.max` comes from the anchor `&b` on line 1, by the alias `*b`
      help: `base.max` sets it wherever the alias stands; to set it here alone, write the value out
    7:5: `all[0].max` comes from the anchor `&b` on line 1, by the alias `*b`
      help: `base.max` sets it wherever the alias stands; to set it here alone, write the value out
    9:16: `more.max` comes from the anchor `&b` on line 1, by the alias `*b`
      help: `base.max` sets it wherever the alias stands; to set it here alone, write the value out
    11:6: `two` comes from the anchor `&m` on line 10, by the alias `*m`
      help: `one` sets it wherever the alias stands; to set it here alone, write the value out
    9:8: `more.y` comes by `<<`
      help: name it with `<<` in it, or write the value out
    4:7: `prod.<<.max` comes from the anchor `&b` on line 1, by the alias `*b`
      help: `base.max` sets it wherever the alias stands; to set it here alone, write the value out
    1:7: `all[0]` is a table, and no number
      help: its keys: `max`
    ");
}

#[test]
fn aliases_in_circles_are_nothing() {
    let circle = "a: &a\n  <<: *a\n  b: [*a, *a]\n";
    for at in ["a.max", "a.b[0].b[1].max"] {
        let said = refusal(Yaml, circle, at);
        assert!(said.contains("has no `max`") || said.contains("is nothing"), "{said}");
    }
    let level = |level: u32| format!("a{level}: &a{level}\n  <<: [*a{0}, *a{0}]\n", level - 1);
    let laughs = "a0: &a0 {x: 1}\n".to_owned() + &(1..40).map(level).collect::<String>();
    let said = refusal(Yaml, &laughs, "a39.max");
    assert!(said.contains("has no `max`"), "{said}");
}

#[test]
fn what_is_no_number_of_its_own_is_refused() {
    let text = "llm:\n  max_concurrent_requests: 8\n  enabled: true\n  empty:\n  word: sk-secret\n  block: |\n    8\n  \
                list: [1, 2]\n  odd: \"\\x38\"\n  size: 8GB\nllm2: {max: 1, max: 2}\n";
    let keys = [
        "llm.max_concurent_requests",
        "max_concurrent_requests",
        "lm.max",
        "llm",
        "llm.enabled",
        "llm.empty",
        "llm.word",
        "llm.block",
        "llm.list",
        "llm.list[2]",
        "llm.list.first",
        "llm[0]",
        "llm.odd",
        "llm.size",
        "llm.size.max",
        "llm2.max",
    ];
    let shown = keys.map(|at| refusal(Yaml, text, at)).join("\n");
    assert!(!shown.contains("sk-secret"));
    insta::assert_snapshot!(shown, @"
    2:3: `llm` has no `max_concurent_requests`
      help: did you mean `max_concurrent_requests`? keys of `llm`: `max_concurrent_requests`, `enabled`, `empty`, `word`, `block`, `list`, `odd`, `size`
    the file has no `max_concurrent_requests`
      help: did you mean `llm.max_concurrent_requests`?
    the file has no `lm`
      help: did you mean `llm2.max`?
    2:3: `llm` is a table, and no number
      help: its keys: `max_concurrent_requests`, `enabled`, `empty`, `word`, `block`, `list`, `odd`, `size`
    3:12: `llm.enabled` is `true`, and no number
      help: name the key of the limit itself; where this is it, write a number there by hand first
    4:8: `llm.empty` has no value
      help: write a number there by hand first
    5:9: `llm.word` is text, and no number
      help: name the key of the limit itself; where this is it, write a number there by hand first
    7:5: `llm.block` is text, and no number
      help: name the key of the limit itself; where this is it, write a number there by hand first
    8:9: `llm.list` is a list of 2 values, and no number
      help: name one of its values, such as `llm.list[0]`
    8:9: `llm.list` is a list of 2 values, and has no `[2]`
      help: did you mean `llm.list[0]` or `llm.list[1]`?
    8:9: `llm.list` is a list of 2 values, and has no `first`
      help: its values are numbered from `[0]` to `[1]`
    2:3: `llm` is no list, and has no `[0]`
    9:8: `llm.odd` is written in a way that cannot be changed byte by byte
      help: write it as a plain number
    10:9: `llm.size` is text, and no number
      help: name the key of the limit itself; where this is it, write a number there by hand first
    10:9: `llm.size` is a single value, and has no `max`
      help: did you mean `llm2.max`?
    11:16: `llm2.max` stands here again; it stands on line 11 already
      help: remove one of them: which of them holds is not the same for all programs
    ");
}

#[test]
fn a_key_stands_in_one_document() {
    let several = "max: 1\n---\nmax: 2\n---\nother: 1\n";
    insta::assert_snapshot!(refusal(Yaml, several, "max"), @"
    3:1: `max` stands in 2 documents of the file, first on line 1
      help: let one file have one of them, or change them by hand
    ");
    // the document that comes nearest explains
    let nearest = "kind: A\n---\nspec: {replicas: 1}\n";
    insta::assert_snapshot!(refusal(Yaml, nearest, "spec.replica"), @"
    3:7: `spec` has no `replica`
      help: did you mean `replicas`? keys of `spec`: `replicas`
    ");
}

#[test]
fn what_is_no_valid_text_is_refused() {
    let deep = "[".repeat(300) + &"]".repeat(300);
    let texts = [
        (Yaml, "a: 1\nb: [1, 2\nc: 3\n"),
        (Yaml, "a: 'x\n"),
        (Yaml, "\u{feff}a: b: c\n"),
        (Yaml, "# nothing\n"),
        (Yaml, ""),
        (Yaml, &deep),
        (Toml, "[llm]\nmax = 8\nmax = 9\n"),
        (Toml, "max = \n"),
        (Toml, ""),
        (Json, "{\"max\": 8,, }"),
        (Json, "{\"max\": 8"),
        (Json, "{max: 8}"),
        (Json, "{\"max\": 8, \"max\": 9}"),
        (Json, ""),
    ];
    let shown = texts.map(|(format, text)| refusal(format, text, "max")).join("\n");
    insta::assert_snapshot!(shown, @"
    3:2: it is no valid YAML: illegal placement of ':' indicator
    1:4: it is no valid YAML: while scanning a quoted scalar, found unexpected end of stream
    1:5: it is no valid YAML: mapping values are not allowed in this context
    the file says nothing
    the file says nothing
    1:256: it is no valid YAML: recursion limit exceeded
    3:1: it is no valid TOML: duplicate key
    1:7: it is no valid TOML: string values must be quoted, expected literal string
    the file has no `max`
      help: keys of the file: none
    1:11: it is no valid JSON: unexpected token in object
    1:1: it is no valid JSON: unterminated object
    1:2: it is no valid JSON: expected string for object property
    1:12: `max` stands here again; it stands on line 1 already
      help: remove one of them: which of them holds is not the same for all programs
    the file says nothing
    ");
}

/// Configurations of any shape in which a number stands in one of several servers, and which of them that is.
fn configurations() -> impl Strategy<Value = (Value, usize)> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ];
    let tree = leaf.prop_recursive(3, 24, 4, |inside| {
        prop_oneof![
            prop::collection::vec(inside.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,6}", inside, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    (prop::collection::vec(tree, 0..4), any::<u16>(), 0usize..4).prop_map(|(mut servers, number, place)| {
        let place = place.min(servers.len());
        servers.insert(place, serde_json::json!({ "the limit": { "max": number } }));
        (serde_json::json!({ "servers": servers }), place)
    })
}

proptest! {
    #[test]
    fn nothing_but_the_value_changes((value, place) in configurations(), pretty in any::<bool>()) {
        let at = format!("servers[{place}].\"the limit\".max");
        let mut expected = value.clone();
        expected["servers"][place]["the limit"]["max"] = 16.into();
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        let text = text.expect("its keys are text");
        // JSON is YAML too
        for format in [Json, Yaml] {
            let changed = set_in(format, &text, &at).expect("a number").text;
            prop_assert_eq!(serde_json::from_str::<Value>(&changed).expect("JSON"), expected.clone());
        }
        // TOML knows no null
        if let (Ok(text), Ok(expected)) = (toml::to_string(&value), toml::to_string(&expected)) {
            let changed = set_in(Toml, &text, &at).expect("a number").text;
            let read = |text: &str| toml::from_str::<toml::Value>(text).expect("TOML");
            prop_assert_eq!(read(&changed), read(&expected));
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "[a-c:\\[\\]{}&*<\\-,\"'|>#~\\n\\r \\t!?%é0-9=.]{0,60}", at in "[a-c](\\.[a-c]|\\[[01]\\]){0,2}") {
        for format in Format::ALL {
            if let Ok(change) = set_in(format, &text, &at) {
                prop_assert_eq!(change.text.len() + change.old.len(), text.len() + 2);
            }
        }
    }
}
