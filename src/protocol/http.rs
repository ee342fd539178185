//! An API that the scenario describes: the body by a template, the documents of answers by JSON pointers.

use serde::Serialize;
use serde_json::Value;

use super::{
    api::{self, Api, Ask, Models},
    json::parse,
    said::{Said, Usage},
    seen::Contents,
};
use crate::{
    config::{EndMark, HttpApi},
    template::Template,
};

/// The API of one endpoint.
pub(super) struct Http {
    api: HttpApi,
    /// `None` where it is no template, which no checked scenario has.
    body: Option<Template>,
    /// The key that text stands under.
    text_key: String,
    /// What ends a stream, in words.
    end: Option<String>,
}

/// What can be filled into a body.
#[derive(Serialize)]
struct Filled<'a> {
    model: &'a str,
    prompt: &'a str,
    output_tokens: u32,
    stream: bool,
}

impl Http {
    pub(super) fn of(api: &HttpApi) -> Self {
        let key = api.text.rsplit('/').next().unwrap_or_default();
        let quoted = |at: &str| format!("`{at}`");
        let end = match &api.end {
            Some(EndMark { at, is: Some(is) }) => Some(format!("{} = `{is}`", quoted(at))),
            Some(EndMark { at, is: None }) => Some(quoted(at)),
            None => api.finish_reason.as_deref().map(quoted),
        };
        Self {
            body: Template::of_json(&api.body).ok(),
            text_key: key.replace("~1", "/").replace("~0", "~"),
            end,
            api: api.clone(),
        }
    }
}

/// Whether a value holds anything.
fn holds(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) | Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

/// A value in words: a text without its quotes, all else as JSON.
fn in_words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A count, also where it is written as a text or with a fraction of nothing.
fn count(value: &Value) -> Option<u64> {
    let whole = |number: f64| (number >= 0.0 && number.fract() == 0.0).then_some(number as u64);
    value.as_u64().or_else(|| value.as_f64().and_then(whole)).or_else(|| value.as_str()?.parse().ok())
}

impl Api for Http {
    fn path(&self, _stream: bool) -> &str {
        &self.api.path
    }

    fn body(&self, ask: &Ask<'_>) -> Vec<u8> {
        let filled = Filled {
            model: ask.model,
            prompt: ask.prompt(),
            output_tokens: ask.max_tokens,
            stream: ask.stream,
        };
        let body = self.body.as_ref().and_then(|body| body.fill(&filled).ok()).unwrap_or_default();
        if ask.body.is_empty() {
            return body.into_bytes();
        }
        serde_json::from_str::<Value>(&body).map_or_else(|_| body.into_bytes(), |body| api::json(&body, ask))
    }

    fn accept(&self, stream: bool) -> &'static str {
        if stream { "text/event-stream, application/x-ndjson, application/json" } else { "application/json" }
    }

    fn models(&self) -> Option<Models> {
        None
    }

    fn is_versioned(&self) -> bool {
        false
    }

    fn read(&self, data: &[u8]) -> Result<Said, serde_json::Error> {
        let document: Value = parse(data)?;
        let at =
            |pointer: &Option<String>| document.pointer(pointer.as_deref()?).filter(|value| holds(value));
        if let Some(error) = document.pointer(&self.api.error).filter(|value| holds(value)) {
            let message = error.get("message").filter(|message| holds(message)).unwrap_or(error);
            return Ok(Said::error(in_words(message)));
        }
        let contents = Contents {
            text: document.pointer(&self.api.text).is_some_and(holds),
            reasoning: at(&self.api.reasoning).is_some(),
            ..Contents::default()
        };
        let usage = Usage {
            input: at(&self.api.input_tokens).and_then(count),
            output: at(&self.api.output_tokens).and_then(count),
            reasoning: at(&self.api.reasoning_tokens).and_then(count),
            cached: at(&self.api.cached_tokens).and_then(count),
        };
        let ends = self.api.end.as_ref().is_some_and(|EndMark { at, is }| {
            let there = document.pointer(at);
            match is {
                Some(is) => there == Some(is),
                None => there.is_some_and(holds),
            }
        });
        Ok(Said {
            contents,
            finish_reason: at(&self.api.finish_reason).map(in_words),
            usage: (usage != Usage::default()).then_some(usage),
            timings: at(&self.api.timings).cloned(),
            ends,
            ..Said::default()
        })
    }

    fn text_key(&self) -> &str {
        &self.text_key
    }

    fn texts(&self, data: &[u8], add: &mut dyn FnMut(u32, &str)) {
        let document: Result<Value, _> = serde_json::from_slice(data);
        if let Ok(document) = document
            && let Some(text) = document.pointer(&self.api.text).filter(|value| holds(value))
        {
            add(0, &in_words(text));
        }
    }

    fn end(&self) -> Option<&str> {
        self.end.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::{
        catalog::Protocol,
        protocol::{Answer, Dialect, Ending},
        record::{Outcome, TokenSource},
    };

    fn api() -> HttpApi {
        HttpApi {
            path: "/g".to_owned(),
            body: r#"{"p":"{{prompt}}","n":{{output_tokens}},"live":{{stream}}}"#.to_owned(),
            text: "/out/0".to_owned(),
            error: "/error".to_owned(),
            ..HttpApi::default()
        }
    }

    fn answered(api: &HttpApi, content_type: &str, body: &str) -> crate::protocol::Answered {
        let dialect = Dialect::of(Protocol::Http, Some(api));
        let mut answer = Answer::new(&dialect, 200, Some(content_type)).keeping_texts();
        answer.read_at(body.as_bytes(), 10);
        answer.end(20, Ending::EndOfStream)
    }

    #[test]
    fn a_body_is_the_template_filled_in_and_more_fields_within_it() {
        let dialect = Dialect::of(Protocol::Http, Some(&api()));
        let mut more = Map::new();
        let body = |body: &Map<String, Value>| {
            let ask =
                Ask {
                    model: "m", stream: true, prompts: &["say \"hé\""], max_tokens: 9, body, earlier: &[]
                };
            String::from_utf8(dialect.body(&ask)).expect("UTF-8")
        };
        assert_eq!(body(&more), r#"{"p":"say \"hé\"","n":9,"live":true}"#);
        more.insert("seed".to_owned(), json!(7));
        assert_eq!(body(&more), r#"{"p":"say \"hé\"","n":9,"live":true,"seed":7}"#);
        assert_eq!(dialect.path(true), "/g");
    }

    #[test]
    fn a_stream_without_a_mark_ends_with_its_body() {
        let lines = "{\"out\":[\"a\"]}\n{\"out\":[\"b\"]}\n{\"out\":[]}\n";
        let answered = answered(&api(), "application/x-ndjson", lines);
        assert_eq!((answered.outcome, answered.chunks.len()), (Outcome::Ok, 2));
        assert_eq!((answered.output_tokens, answered.token_source), (Some(2), TokenSource::Chunks));
        assert_eq!(answered.texts.expect("kept")[0].text, "ab");
    }

    #[test]
    fn a_stream_with_a_mark_is_cut_short_where_it_lacks_it() {
        for (end, last, outcome) in [
            (EndMark { at: "/t".to_owned(), is: Some(json!("end")) }, r#"{"t":"end"}"#, Outcome::Ok),
            (EndMark { at: "/t".to_owned(), is: Some(json!("end")) }, r#"{"t":"go on"}"#, Outcome::Truncated),
            (EndMark { at: "/done".to_owned(), is: None }, r#"{"done":true}"#, Outcome::Ok),
            (EndMark { at: "/done".to_owned(), is: None }, r#"{"done":false}"#, Outcome::Truncated),
        ] {
            let api = HttpApi { end: Some(end), ..api() };
            let answered = answered(
                &api,
                "text/event-stream",
                &format!("data: {{\"out\":[\"a\"]}}\n\ndata: {last}\n\n"),
            );
            assert_eq!(answered.outcome, outcome, "{last}: {:?}", answered.error);
        }
        let api = HttpApi { finish_reason: Some("/why".to_owned()), ..api() };
        let answered = answered(&api, "text/event-stream", "data: {\"out\":[\"a\"]}\n\n");
        assert_eq!(
            answered.error.as_deref(),
            Some("the stream ended after 1 event with output, without `/why`")
        );
    }

    #[test]
    fn errors_and_what_is_no_json_fail() {
        for (body, outcome, error) in [
            (r#"{"error":{"message":"no room"}}"#, Outcome::ErrorInStream, "no room"),
            (r#"{"error":"no room"}"#, Outcome::ErrorInStream, "no room"),
            (r#"{"error":7}"#, Outcome::ErrorInStream, "7"),
            (r#"{"error":"","out":["a"]}"#, Outcome::Ok, ""),
            (
                r#"{"out":["#,
                Outcome::Malformed,
                "the answer is not as the protocol says: EOF while parsing a list at line 1 column 8",
            ),
            (r#"{"out":[""]}"#, Outcome::Empty, "the answer has no output"),
        ] {
            let answered = answered(&api(), "application/json", body);
            assert_eq!(
                (answered.outcome, answered.error.as_deref().unwrap_or_default()),
                (outcome, error),
                "{body}"
            );
        }
    }

    #[test]
    fn counts_are_read_however_they_are_written() {
        for (written, expected) in [
            (json!(3), Some(3)),
            (json!(3.0), Some(3)),
            (json!("3"), Some(3)),
            (json!(3.5), None),
            (json!(-1), None),
            (json!("many"), None),
        ] {
            assert_eq!(count(&written), expected, "{written}");
        }
    }
}
