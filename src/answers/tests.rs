use serde_json::{Value, json};

use super::*;
use crate::{config::AnswerSchema, metrics::fixture};

fn regex(regex: &str) -> AnswerCheck {
    AnswerCheck { regex: Some(regex.to_owned()), ..AnswerCheck::default() }
}

fn schema(schema: Value) -> AnswerCheck {
    AnswerCheck { json_schema: Some(AnswerSchema { file: None, schema }), ..AnswerCheck::default() }
}

fn least(characters: u32) -> AnswerCheck {
    AnswerCheck { min_length: Some(characters), ..AnswerCheck::default() }
}

/// What is wrong with an answer.
fn against(asked: &AnswerCheck, answer: &Text) -> Option<Objection> {
    Check::new(asked).expect("a check").objection(std::slice::from_ref(answer))
}

/// The same of a whole answer, in words; empty where nothing is.
fn said(asked: &AnswerCheck, answer: &str) -> String {
    match against(asked, &Text::of(answer)) {
        None => String::new(),
        Some(Objection::Wrong(why)) => why,
        Some(Objection::Unknown(why)) => panic!("a whole answer tells: {why}"),
    }
}

#[test]
fn an_answer_is_what_is_asked_for_or_it_is_said_why_not() {
    let person = schema(json!({
        "type": "object",
        "required": ["name", "age"],
        "properties": { "age": { "$ref": "#/$defs/age" } },
        "$defs": { "age": { "type": "integer", "minimum": 0 } },
    }));
    for (asked, answer, expected) in [
        (regex("[0-9]+"), "about 42 of them", ""),
        (regex("^[0-9]+$"), "42", ""),
        (regex("^[0-9]+$"), "42\n", "the answer does not match `^[0-9]+$`; it is `42`"),
        (regex("(?i)paris"), "It is PARIS.", ""),
        (regex("é{2}"), "caféé", ""),
        (regex("Paris"), "", "the answer does not match `Paris`; it is empty"),
        (least(4), "éééé", ""),
        (least(5), "éééé", "the answer has 4 characters, fewer than 5; it is `éééé`"),
        (least(2), "x", "the answer has 1 character, fewer than 2; it is `x`"),
        (person.clone(), "{\"name\": \"Ann\", \"age\": 5}", ""),
        (person.clone(), " \n{\"name\": \"Ann\", \"age\": 5, \"more\": []}\n", ""),
        (
            person.clone(),
            "{\"name\": \"Ann\", \"age\": -5}",
            "the answer is not as its JSON Schema says: `/age` must be 0 or more, found `-5`; it is `{\"name\": \"Ann\", \
             \"age\": -5}`",
        ),
        (
            person.clone(),
            "{\"age\": 5}",
            "the answer is not as its JSON Schema says: it has no `name`; it is `{\"age\": 5}`",
        ),
        (
            person.clone(),
            "Sure! {}",
            "the answer is no JSON (expected value at line 1 column 1); it is `Sure! {}`",
        ),
        (
            person.clone(),
            "{} {}",
            "the answer is no JSON (trailing characters at line 1 column 4); it is `{} {}`",
        ),
        (person, "", "the answer is no JSON (EOF while parsing a value at line 1 column 0); it is empty"),
        (
            regex("x"),
            &format!("a\n\n  b\t{}", "c".repeat(SHOWN)),
            &format!("the answer does not match `x`; it begins with `a b {}…`", "c".repeat(SHOWN - 4)),
        ),
        // what is asked for must all hold; what is shorter is told first
        (AnswerCheck { min_length: Some(3), ..regex("a") }, "aaa", ""),
        (
            AnswerCheck { min_length: Some(3), ..regex("a") },
            "bbb",
            "the answer does not match `a`; it is `bbb`",
        ),
        (
            AnswerCheck { min_length: Some(3), ..regex("a") },
            "b",
            "the answer has 1 character, fewer than 3; it is `b`",
        ),
        (
            AnswerCheck { regex: Some("a".to_owned()), ..schema(json!({ "type": "string" })) },
            "\"b\"",
            "the answer does not match `a`; it is `\"b\"`",
        ),
    ] {
        assert_eq!(said(&asked, answer), expected, "{asked:?} {answer:?}");
    }
}

#[test]
fn what_was_cut_passes_only_where_the_rest_does_not_matter() {
    let kept = "x".repeat(LONGEST_TEXT - 4);
    let cut = |text: String| {
        let text = Text::of(&(text + "more and more"));
        assert!(text.cut);
        text
    };
    let open = |why: &str| {
        let start = format!("the answer was longer than the 64 KiB that are kept, which {why}");
        Some(Objection::Unknown(start))
    };
    for (asked, text, expected) in [
        (regex("yx"), format!("y{kept}"), None),
        (regex("x+"), format!("y{kept}"), None),
        // the last that was kept may or may not be the end
        (regex("x+$"), kept.clone(), open("does not match `x+$`")),
        (regex(r"mor\b"), kept.clone(), open(r"does not match `mor\b`")),
        (regex("z"), kept.clone(), open("does not match `z`")),
        (least(100), kept.clone(), None),
        (
            least(LONGEST_TEXT as u32),
            "é".repeat(LONGEST_TEXT / 2),
            open("has 32,768 characters, fewer than 65536"),
        ),
        (schema(json!(true)), format!("[{kept}"), open("is no JSON (expected value at line 1 column 2)")),
        (schema(json!(true)), format!("5{}", " ".repeat(LONGEST_TEXT)), open("may go on behind its JSON")),
    ] {
        assert_eq!(against(&asked, &cut(text)), expected, "{asked:?}");
    }
}

#[test]
fn one_wrong_answer_of_several_makes_the_request_wrong() {
    let check = Check::new(&regex("^ok$")).expect("a check");
    let all = |texts: &[&str]| texts.iter().map(|text| Text::of(text)).collect::<Vec<_>>();
    assert_eq!(check.objection(&all(&["ok", "ok"])), None);
    assert_eq!(
        check.objection(&all(&["ok", "no", "neither"])),
        Some(Objection::Wrong("the answer to prompt 2 of 3 does not match `^ok$`; it is `no`".to_owned()))
    );
    // what is certain comes before what is not
    let long = Text::of(&"x".repeat(LONGEST_TEXT + 1));
    let wrong = check.objection(&[long, Text::of("no")]);
    assert!(matches!(&wrong, Some(Objection::Wrong(why)) if why.contains("prompt 2 of 2")), "{wrong:?}");
}

/// A plan whose only endpoint has a check, and a request that it answered.
fn judged(check: AnswerCheck, change: impl FnOnce(&mut Record), answers: Option<&[Text]>) -> Record {
    let mut plan = fixture::plan(&["chat"], Vec::new());
    plan.endpoints[0].check = Some(check);
    let checks = Checks::of(&plan).expect("a sound check").expect("a check");
    let (mut record, _) = fixture::answer(0, 1, &[1]);
    "chat".clone_into(&mut record.endpoint);
    change(&mut record);
    checks.judge(&mut record, answers);
    record
}

#[test]
fn only_what_went_well_so_far_can_be_wrong() {
    let no = [Text::of("no")];
    let outcome = |change: fn(&mut Record)| judged(regex("yes"), change, Some(&no)).outcome;
    assert_eq!(outcome(|_| ()), Outcome::WrongAnswer);
    assert_eq!(outcome(|record| record.outcome = Outcome::Timeout), Outcome::Timeout);
    assert_eq!(outcome(|record| "other".clone_into(&mut record.endpoint)), Outcome::Ok);
    let yes = judged(regex("yes"), |_| (), Some(&[Text::of("yes")]));
    assert_eq!((yes.outcome, yes.error, yes.unchecked), (Outcome::Ok, None, None));
}

#[test]
fn an_answer_cut_at_its_limit_is_wrong_all_the_same_and_says_so() {
    for (reason, told) in [
        (Some("length"), true),
        (Some("max_tokens"), true),
        (Some("limit"), true),
        (Some("stop"), false),
        (None, false),
    ] {
        let record = judged(
            schema(json!({ "type": "object" })),
            |record| record.finish_reason = reason.map(str::to_owned),
            Some(&[Text::of("{\"a\": ")]),
        );
        assert_eq!(record.outcome, Outcome::WrongAnswer);
        let error = record.error.expect("it says why");
        assert!(error.starts_with("the answer is no JSON (EOF"), "{error}");
        assert_eq!(error.contains("cut at its limit of tokens"), told, "{reason:?}: {error}");
    }
}

#[test]
fn what_could_not_be_checked_is_neither_wrong_nor_unsaid() {
    for answers in [None, Some(&[Text::of(&"x".repeat(LONGEST_TEXT + 1))][..])] {
        let record = judged(regex("yes"), |_| (), answers);
        assert_eq!((record.outcome, record.error.as_deref()), (Outcome::Ok, None));
        assert!(record.unchecked.is_some_and(|why| why.starts_with("the answer was ")));
    }
}

#[test]
fn a_plan_without_checks_has_none_and_a_broken_one_is_told() {
    let mut plan = fixture::plan(&["chat", "plain"], Vec::new());
    assert!(Checks::of(&plan).expect("nothing to read").is_none());
    plan.endpoints[1].check = Some(regex("("));
    let error = Checks::of(&plan).expect_err("no expression").to_string();
    assert!(error.starts_with("`endpoints.plain.check` cannot be made: "), "{error}");
}
