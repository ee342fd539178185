//! Headers of an endpoint.

use super::*;
use crate::config::HeaderText;

const LOAD: &str = "[phases.main]\nload.closed = { users = 1 }\n";

#[test]
fn headers_are_texts_or_references_by_lower_case_name() {
    let text = format!(
        "headers = {{ X-Team = \"a ${{RATE}}\", authorization = {{ env = \"TOKEN\" }}, x-api-key.file = \"/k\" }}\n{LOAD}"
    );
    let scenario = compiled(None, &text, &[]);
    let headers: Vec<_> = scenario.endpoints["main"].headers.clone().into_iter().collect();
    assert_eq!(
        headers,
        [
            ("authorization".to_owned(), HeaderText::Secret(Secret::Env("TOKEN".to_owned()))),
            ("x-api-key".to_owned(), HeaderText::Secret(Secret::File("/k".to_owned()))),
            ("x-team".to_owned(), HeaderText::Text("a 2.5".to_owned())),
        ]
    );
    assert!(compiled(None, LOAD, &[]).endpoints["main"].headers.is_empty());
    let set = &["endpoints.main.headers.x-api-key.env=K"];
    let scenario = compiled(None, &text, set);
    let secret = HeaderText::Secret(Secret::Env("K".to_owned()));
    assert_eq!(
        scenario.endpoints["main"].headers["x-api-key"], secret,
        "another kind of reference replaces it"
    );
}

#[test]
fn a_literal_secret_is_refused_and_not_shown() {
    for set in
        ["authorization=Bearer sk-secret", "x-my-token=sk-secret", "cookie=sk-secret", "x-api-key=${RATE}"]
    {
        let message = rendered(LOAD, &[&format!("endpoints.main.headers.{set}")]);
        assert!(message.contains("must be a reference") && !message.contains("sk-secret"), "{message}");
    }
}

#[test]
fn a_secret_in_a_matrix_is_not_shown_either() {
    for header in ["headers.authorization", "headers.x-my-token", "api_key"] {
        let text = format!("{LOAD}[matrix.endpoints.main]\n{header} = [\"sk-secret\", \"sk-secreter\"]\n");
        let message = rendered(&text, &[]);
        assert!(message.contains("must be a reference") && !message.contains("sk-secret"), "{message}");
    }
}

#[test]
fn only_headers_that_carry_secrets_are_not_filled_in() {
    // a phase may be called like one
    let text = "[phases.my-token]\nrequests = \"${USERS}\"\nload.closed = { users = 1 }\n";
    assert_eq!(compiled(None, text, &[]).phases["my-token"].requests, Some(9));
}
