//! What answers are checked for.

use super::*;
use crate::config::{AnswerCheck, AnswerSchema};

const LOAD: &str = "[phases.main]\nload.closed = { users = 1 }\n";

/// A scenario in `plans/`, beside which there are two schemas.
fn check(written: &str, sets: &[&str]) -> Option<AnswerCheck> {
    let text = format!("{HEAD}{written}\n{LOAD}");
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    let input = Input { name: "plans/a.toml", text: &text, platform: None, sets: &sets };
    let read = |path: &Path| match path.to_str() {
        Some("plans/one.json") => Ok("{ \"type\": \"array\" }".to_owned()),
        Some("two.json") => Ok("true".to_owned()),
        other => panic!("{other:?} is asked for"),
    };
    let cases = load(&input, &Machine::default(), &|_| None, &read);
    only(cases.unwrap_or_else(|problems| panic!("{}", problems.render(false)))).endpoints["main"]
        .check
        .clone()
}

fn in_file(file: &str, schema: serde_json::Value) -> AnswerCheck {
    let json_schema = Some(AnswerSchema { file: Some(file.to_owned()), schema });
    AnswerCheck { json_schema, ..AnswerCheck::default() }
}

#[test]
fn a_check_is_all_that_is_there() {
    assert_eq!(check("", &[]), None);
    let all = AnswerCheck {
        regex: Some(r"^\d+$".to_owned()),
        json_schema: Some(AnswerSchema {
            file: None,
            schema: serde_json::json!({ "enum": [1, 2.5, "a", true] }),
        }),
        min_length: Some(2),
    };
    let written = r#"check = { regex = '^\d+$', json_schema.enum = [1, 2.5, "a", true], min_length = 2 }"#;
    assert_eq!(check(written, &[]), Some(all.clone()));
    // a layer adds to it
    let added = check("check.min_length = 5", &[r"endpoints.main.check.regex='^\d+$'"]);
    assert_eq!(added, Some(AnswerCheck { json_schema: None, min_length: Some(5), ..all }));
}

#[test]
fn a_schema_is_read_from_the_folder_of_the_file_that_names_it() {
    let array = serde_json::json!({ "type": "array" });
    assert_eq!(check("check.json_schema = \"one.json\"", &[]), Some(in_file("plans/one.json", array)));
    let by_flag = check("check.json_schema = \"one.json\"", &["endpoints.main.check.json_schema=two.json"]);
    assert_eq!(by_flag, Some(in_file("two.json", true.into())));
    let by_flag =
        check("check.json_schema.type = \"object\"", &["endpoints.main.check.json_schema=two.json"]);
    assert_eq!(by_flag, Some(in_file("two.json", true.into())));
}
