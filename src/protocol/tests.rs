//! Requests as bytes, and answers as the public texts of the APIs show them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::*;
use crate::{
    catalog::Protocol,
    record::{Outcome, TokenSource},
};

fn body_of(protocol: Protocol, stream: bool, prompts: &[&str]) -> String {
    body_with(protocol, stream, prompts, &Value::Object(Map::new()))
}

fn body_with(protocol: Protocol, stream: bool, prompts: &[&str], more: &Value) -> String {
    let more = more.as_object().expect("fields");
    let ask = Ask { model: "m", stream, prompts, max_tokens: 16, body: more, earlier: &[] };
    String::from_utf8(Dialect::of(protocol, None).body(&ask)).expect("JSON is UTF-8")
}

/// The paths of the fields of an object.
fn paths(object: &Map<String, Value>, before: &str, all: &mut Vec<String>) {
    for (name, value) in object {
        let path = format!("{before}{name}");
        match value {
            Value::Object(fields) => paths(fields, &format!("{path}."), all),
            _ => all.push(path),
        }
    }
}

#[test]
fn no_field_is_set_that_is_not_said_to_be() {
    for protocol in Protocol::ALL.into_iter().filter(|protocol| !protocol.is_described()) {
        let body: Value = serde_json::from_str(&body_of(protocol, true, &["a"])).expect("JSON");
        let mut set = Vec::new();
        paths(body.as_object().expect("an object"), "", &mut set);
        assert_eq!(
            set.iter().map(String::as_str).collect::<BTreeSet<_>>(),
            protocol.own_fields().iter().copied().collect()
        );
    }
}

#[test]
fn more_fields_stand_beside_and_within_its_own() {
    let more =
        json!({ "temperature": 0.5, "stream_options": { "continuous_usage_stats": true }, "stop": ["a"] });
    assert_eq!(
        body_with(Protocol::OpenaiCompletions, true, &["p"], &more),
        r#"{"model":"m","prompt":"p","max_tokens":16,"stream":true,"stream_options":{"include_usage":true,"continuous_usage_stats":true},"temperature":0.5,"stop":["a"]}"#
    );
    let more = json!({ "options": { "temperature": 0, "num_ctx": 512 } });
    assert_eq!(
        body_with(Protocol::Ollama, false, &["p"], &more),
        r#"{"model":"m","prompt":"p","stream":false,"options":{"num_predict":16,"temperature":0,"num_ctx":512}}"#
    );
}

#[test]
fn what_was_said_before_goes_before_what_is_said_now() {
    let earlier = [("a", "b"), ("c", "d")]
        .map(|(user, answer)| Turn { user: user.to_owned(), answer: answer.to_owned() });
    let spoken = json!([
        { "role": "user", "content": "a" },
        { "role": "assistant", "content": "b" },
        { "role": "user", "content": "c" },
        { "role": "assistant", "content": "d" },
        { "role": "user", "content": "e" },
    ]);
    for protocol in Protocol::ALL.into_iter().filter(|protocol| protocol.converses()) {
        let body = Map::new();
        let ask =
            Ask { model: "m", stream: true, prompts: &["e"], max_tokens: 9, body: &body, earlier: &earlier };
        let body: Value = serde_json::from_slice(&Dialect::of(protocol, None).body(&ask)).expect("JSON");
        let key = if protocol == Protocol::OpenaiResponses { "input" } else { "messages" };
        assert_eq!(body[key], spoken, "{protocol:?}");
    }
}

#[test]
fn requests_are_these_bytes() {
    use Protocol::*;
    for (protocol, stream, path, expected) in [
        (
            OpenaiChat,
            true,
            "/chat/completions",
            r#"{"model":"m","messages":[{"role":"user","content":"say \"hé\""}],"max_tokens":16,"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            OpenaiChat,
            false,
            "/chat/completions",
            r#"{"model":"m","messages":[{"role":"user","content":"say \"hé\""}],"max_tokens":16,"stream":false}"#,
        ),
        (
            OpenaiCompletions,
            true,
            "/completions",
            r#"{"model":"m","prompt":"say \"hé\"","max_tokens":16,"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            OpenaiCompletions,
            false,
            "/completions",
            r#"{"model":"m","prompt":"say \"hé\"","max_tokens":16,"stream":false}"#,
        ),
        (
            OpenaiResponses,
            true,
            "/responses",
            r#"{"model":"m","input":"say \"hé\"","max_output_tokens":16,"stream":true}"#,
        ),
        (
            OpenaiEmbeddings,
            false,
            "/embeddings",
            r#"{"model":"m","input":"say \"hé\"","encoding_format":"float"}"#,
        ),
        (
            AnthropicMessages,
            true,
            "/messages",
            r#"{"model":"m","max_tokens":16,"messages":[{"role":"user","content":"say \"hé\""}],"stream":true}"#,
        ),
        (
            Llamacpp,
            true,
            "/completion",
            r#"{"model":"m","prompt":"say \"hé\"","n_predict":16,"stream":true}"#,
        ),
        (
            Ollama,
            true,
            "/api/generate",
            r#"{"model":"m","prompt":"say \"hé\"","stream":true,"options":{"num_predict":16}}"#,
        ),
        (
            OllamaChat,
            false,
            "/api/chat",
            r#"{"model":"m","messages":[{"role":"user","content":"say \"hé\""}],"stream":false,"options":{"num_predict":16}}"#,
        ),
        (
            Tgi,
            true,
            "/generate_stream",
            r#"{"inputs":"say \"hé\"","parameters":{"max_new_tokens":16,"details":true}}"#,
        ),
        (
            Tgi,
            false,
            "/generate",
            r#"{"inputs":"say \"hé\"","parameters":{"max_new_tokens":16,"details":true}}"#,
        ),
    ] {
        assert_eq!(body_of(protocol, stream, &["say \"hé\""]), expected);
        assert_eq!(Dialect::of(protocol, None).path(stream), path);
    }
    assert_eq!(
        body_of(OpenaiCompletions, true, &["one", "\"two\""]),
        r#"{"model":"m","prompt":["one","\"two\""],"max_tokens":16,"stream":true,"stream_options":{"include_usage":true}}"#
    );
    assert_eq!(
        body_of(OpenaiEmbeddings, false, &["one", "two"]),
        r#"{"model":"m","input":["one","two"],"encoding_format":"float"}"#
    );
}

#[test]
fn heads_are_those_of_the_protocol() {
    let of = |protocol| Dialect::of(protocol, None);
    let (name, before) = of(Protocol::AnthropicMessages).key();
    assert_eq!((name.as_str(), before), ("x-api-key", ""));
    let (name, value) = of(Protocol::AnthropicMessages).header().expect("a version");
    assert_eq!((name.as_str(), value.to_str().ok()), ("anthropic-version", Some("2023-06-01")));
    let (name, before) = of(Protocol::Tgi).key();
    assert_eq!((name.as_str(), before), ("authorization", "Bearer "));
    assert!(of(Protocol::OpenaiChat).header().is_none());
    assert_eq!(of(Protocol::Ollama).accept(true), "application/x-ndjson");
    assert_eq!(of(Protocol::Tgi).accept(true), "text/event-stream");
    assert_eq!(of(Protocol::Ollama).accept(false), "application/json");
}

#[test]
fn models_are_listed_as_each_server_does() {
    for (protocol, path, body, names) in [
        (Protocol::OpenaiChat, "/models", r#"{"data":[{"id":"a"},{"id":"b"}]}"#, Some(vec!["a", "b"])),
        (Protocol::Ollama, "/api/tags", r#"{"models":[{"name":"a:1b"}]}"#, Some(vec!["a:1b"])),
        (Protocol::Tgi, "/info", r#"{"model_id":"org/a","version":"3"}"#, Some(vec!["org/a"])),
        (Protocol::Tgi, "/info", r#"{"version":"3"}"#, None),
        (Protocol::Ollama, "/api/tags", r#"{"data":[]}"#, None),
    ] {
        let body = serde_json::from_str(body).expect("JSON");
        let expected = names.map(|names| names.into_iter().map(str::to_owned).collect());
        let dialect = Dialect::of(protocol, None);
        assert_eq!((dialect.models_path(), dialect.model_names(&body)), (Some(path), expected));
    }
}

/// What has come of an answer.
#[derive(Debug, PartialEq, Eq)]
struct Came {
    outcome: Outcome,
    /// Events with output, and where the first and the first that is not reasoning arrived.
    chunks: (usize, Option<u64>, Option<u64>),
    /// Input, output, reasoning, cached.
    tokens: [Option<u64>; 4],
    finish: Option<String>,
    text: String,
}

/// Reads an answer whose lines (of a stream: with what they end) arrive at 10, 20, 30, …
fn came(protocol: Protocol, content_type: &str, text: &str) -> (Came, Answered) {
    let mut answer = Answer::new(&Dialect::of(protocol, None), 200, Some(content_type)).keeping_texts();
    let separator = if content_type == "text/event-stream" { "\n\n" } else { "\n" };
    for (piece, at_ns) in text.split_inclusive(separator).zip((1..).map(|n| n * 10)) {
        if answer.read_at(piece.as_bytes(), at_ns) == Flow::Done {
            break;
        }
    }
    let mut got = answer.end(1000, Ending::EndOfStream);
    let text = got.texts.take().map(|mut texts| texts.remove(0).text).unwrap_or_default();
    let came = Came {
        outcome: got.outcome,
        chunks: (got.chunks.len(), got.first_token_ns, got.first_content_ns),
        tokens: [got.input_tokens, got.output_tokens, got.reasoning_tokens, got.cached_tokens],
        finish: got.finish_reason.clone(),
        text,
    };
    (came, got)
}

fn events(documents: &[(&str, &str)]) -> String {
    let event = |(event, data): &(&str, &str)| match *event {
        "" => format!("data: {data}\n\n"),
        event => format!("event: {event}\ndata: {data}\n\n"),
    };
    documents.iter().map(event).collect()
}

const SSE: &str = "text/event-stream";
const JSON: &str = "application/json";

#[test]
fn messages_of_anthropic() {
    let stream = events(&[
        (
            "message_start",
            r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":25,"cache_read_input_tokens":100,"cache_creation_input_tokens":7,"output_tokens":1}}}"#,
        ),
        (
            "content_block_start",
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        ),
        (
            "content_block_delta",
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm"}}"#,
        ),
        (
            "content_block_delta",
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqQB"}}"#,
        ),
        ("content_block_stop", r#"{"type":"content_block_stop","index":0}"#),
        (
            "content_block_start",
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
        ),
        ("ping", r#"{"type":"ping"}"#),
        (
            "content_block_delta",
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hé"}}"#,
        ),
        (
            "content_block_delta",
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"llo"}}"#,
        ),
        ("content_block_stop", r#"{"type":"content_block_stop","index":1}"#),
        (
            "message_delta",
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":15}}"#,
        ),
        ("message_stop", r#"{"type":"message_stop"}"#),
    ]);
    let (got, whole) = came(Protocol::AnthropicMessages, SSE, &stream);
    let expected = Came {
        outcome: Outcome::Ok,
        chunks: (3, Some(30), Some(80)),
        tokens: [Some(132), Some(15), None, Some(100)],
        finish: Some("end_turn".to_owned()),
        text: "Héllo".to_owned(),
    };
    assert_eq!(got, expected);
    assert_eq!((whole.end_ns, whole.token_source), (120, TokenSource::Usage));

    let tool = events(&[
        (
            "content_block_start",
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
        ),
        (
            "content_block_delta",
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":""}}"#,
        ),
        (
            "content_block_delta",
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\""}}"#,
        ),
        ("message_stop", r#"{"type":"message_stop"}"#),
    ]);
    assert_eq!(came(Protocol::AnthropicMessages, SSE, &tool).0.chunks, (2, Some(10), Some(10)));

    let failed = events(&[(
        "error",
        r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
    )]);
    let (got, whole) = came(Protocol::AnthropicMessages, SSE, &failed);
    assert_eq!((got.outcome, whole.error.as_deref()), (Outcome::ErrorInStream, Some("Overloaded")));

    let document = r#"{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"text","text":"Hi"}],"stop_reason":"max_tokens","usage":{"input_tokens":3,"output_tokens":2}}"#;
    let (got, _) = came(Protocol::AnthropicMessages, JSON, document);
    assert_eq!(
        (got.outcome, got.tokens[..2].to_vec(), got.text.as_str()),
        (Outcome::Ok, vec![Some(3), Some(2)], "Hi")
    );

    // what stands before the server answers in its place
    let refused = events(&[("", r#"{"error":{"message":"no route"}}"#)]);
    let (got, whole) = came(Protocol::AnthropicMessages, SSE, &refused);
    assert_eq!((got.outcome, whole.error.as_deref()), (Outcome::ErrorInStream, Some("no route")));
    let most = r#"{"type":"message","content":[],"usage":{"input_tokens":18446744073709551615,"cache_read_input_tokens":1}}"#;
    assert_eq!(came(Protocol::AnthropicMessages, JSON, most).0.tokens[0], Some(u64::MAX));

    // without its end
    let cut = &stream[..stream.find("event: message_delta").expect("it is there")];
    let (got, whole) = came(Protocol::AnthropicMessages, SSE, cut);
    let error = "the stream ended after 3 events with output, without `message_stop`";
    assert_eq!((got.outcome, whole.error.as_deref()), (Outcome::Truncated, Some(error)));
    // the count at its start is none
    assert_eq!((got.tokens[1], whole.token_source), (Some(3), TokenSource::Chunks));
}

#[test]
fn responses_of_openai() {
    let usage = r#""usage":{"input_tokens":37,"input_tokens_details":{"cached_tokens":12},"output_tokens":11,"output_tokens_details":{"reasoning_tokens":4},"total_tokens":48}"#;
    let completed = format!(
        r#"{{"type":"response.completed","sequence_number":9,"response":{{"id":"r","object":"response","status":"completed","error":null,"incomplete_details":null,"output":[{{"type":"message","content":[{{"type":"output_text","text":"Hello"}}]}}],{usage}}}}}"#
    );
    let stream = events(&[
        (
            "response.created",
            r#"{"type":"response.created","sequence_number":0,"response":{"id":"r","object":"response","status":"in_progress","error":null,"output":[],"usage":null}}"#,
        ),
        (
            "response.output_item.added",
            r#"{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"type":"reasoning","content":[],"summary":[]}}"#,
        ),
        (
            "response.reasoning_text.delta",
            r#"{"type":"response.reasoning_text.delta","sequence_number":2,"item_id":"i","delta":"Hm"}"#,
        ),
        (
            "response.content_part.added",
            r#"{"type":"response.content_part.added","sequence_number":3,"part":{"type":"output_text","text":""}}"#,
        ),
        (
            "response.output_text.delta",
            r#"{"type":"response.output_text.delta","sequence_number":4,"item_id":"i","delta":"Hel"}"#,
        ),
        (
            "response.output_text.delta",
            r#"{"type":"response.output_text.delta","sequence_number":5,"item_id":"i","delta":"lo"}"#,
        ),
        (
            "response.output_text.done",
            r#"{"type":"response.output_text.done","sequence_number":6,"item_id":"i","text":"Hello"}"#,
        ),
        ("response.completed", &completed),
    ]);
    let (got, whole) = came(Protocol::OpenaiResponses, SSE, &stream);
    let expected = Came {
        outcome: Outcome::Ok,
        chunks: (3, Some(30), Some(50)),
        tokens: [Some(37), Some(11), Some(4), Some(12)],
        finish: Some("completed".to_owned()),
        text: "Hello".to_owned(),
    };
    assert_eq!(got, expected);
    assert_eq!(whole.end_ns, 80);

    let incomplete = r#"{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"error":null,"output":[],"usage":{"input_tokens":1,"output_tokens":16}}}"#;
    let stream = events(&[
        ("", r#"{"type":"response.function_call_arguments.delta","delta":"{\"a"}"#),
        ("", r#"{"type":"response.refusal.delta","delta":"no"}"#),
        ("", incomplete),
    ]);
    let (got, _) = came(Protocol::OpenaiResponses, SSE, &stream);
    assert_eq!(
        (got.outcome, got.chunks.0, got.finish.as_deref()),
        (Outcome::Ok, 2, Some("max_output_tokens"))
    );

    // what is no answer is no end of one
    let text = r#"{"type":"response.output_text.delta","delta":"a"}"#;
    let other = events(&[("", "{}"), ("", text), ("", incomplete)]);
    assert_eq!(came(Protocol::OpenaiResponses, SSE, &other).0.chunks.0, 1);

    let failed = r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"It broke"}}}"#;
    let (got, whole) = came(Protocol::OpenaiResponses, SSE, &events(&[("response.failed", failed)]));
    assert_eq!((got.outcome, whole.error.as_deref()), (Outcome::ErrorInStream, Some("It broke")));

    let document = format!(
        r#"{{"id":"r","object":"response","status":"completed","error":null,"output":[{{"type":"reasoning","summary":[]}},{{"type":"message","content":[{{"type":"output_text","text":"Hello"}}]}}],{usage}}}"#
    );
    let (got, _) = came(Protocol::OpenaiResponses, JSON, &document);
    assert_eq!((got.outcome, got.tokens[1], got.text.as_str()), (Outcome::Ok, Some(11), "Hello"));
}

#[test]
fn completion_of_llamacpp() {
    let last = r#"{"index":0,"content":"","tokens":[],"id_slot":0,"stop":true,"model":"m","tokens_predicted":3,"tokens_evaluated":9,"truncated":false,"stop_type":"limit","stopping_word":"","tokens_cached":11,"timings":{"cache_n":5,"prompt_n":4,"prompt_ms":1.5,"predicted_n":3,"predicted_ms":4.5}}"#;
    let token = |text: &str, count: u32| {
        format!(
            r#"{{"index":0,"content":"{text}","tokens":[7],"stop":false,"id_slot":-1,"tokens_predicted":{count},"tokens_evaluated":9}}"#
        )
    };
    let stream = events(&[("", &token("a", 1)), ("", &token("", 2)), ("", &token("b", 3)), ("", last)]);
    let (got, whole) = came(Protocol::Llamacpp, SSE, &stream);
    let expected = Came {
        outcome: Outcome::Ok,
        chunks: (2, Some(10), Some(10)),
        tokens: [Some(9), Some(3), None, Some(5)],
        finish: Some("limit".to_owned()),
        text: "ab".to_owned(),
    };
    assert_eq!(got, expected);
    assert_eq!((whole.end_ns, &whole.server_timings.expect("it has them")["predicted_n"]), (40, &3.into()));

    let (got, _) = came(Protocol::Llamacpp, JSON, &last.replace(r#""content":"""#, r#""content":"ab""#));
    assert_eq!((got.outcome, got.text.as_str(), got.tokens[1]), (Outcome::Ok, "ab", Some(3)));
    let error = r#"{"error":{"code":400,"message":"the prompt is too long","type":"invalid_request_error"}}"#;
    let (got, whole) = came(Protocol::Llamacpp, SSE, &events(&[("", error)]));
    assert_eq!(
        (got.outcome, whole.error.as_deref()),
        (Outcome::ErrorInStream, Some("the prompt is too long"))
    );
}

#[test]
fn lines_of_ollama() {
    const LINES: &str = "application/x-ndjson";
    let generate = concat!(
        r#"{"model":"m","created_at":"2023-08-04T08:52:19.385406455-07:00","response":"","thinking":"Hm","done":false}"#,
        "\n",
        r#"{"model":"m","created_at":"2023-08-04T08:52:19.5-07:00","response":"The","done":false}"#,
        "\n",
        r#"{"model":"m","created_at":"2023-08-04T19:22:45.499127Z","response":"","done":true,"done_reason":"length","context":[1,2],"total_duration":10706818083,"load_duration":6338219291,"prompt_eval_count":26,"prompt_eval_duration":130079000,"eval_count":259,"eval_duration":4232710000}"#,
        "\n",
    );
    let (got, whole) = came(Protocol::Ollama, LINES, generate);
    let expected = Came {
        outcome: Outcome::Ok,
        chunks: (2, Some(10), Some(20)),
        tokens: [Some(26), Some(259), None, None],
        finish: Some("length".to_owned()),
        text: "The".to_owned(),
    };
    assert_eq!(got, expected);
    let timings = whole.server_timings.expect("its durations");
    assert_eq!(
        (&timings["eval_duration"], timings.as_object().map(Map::len)),
        (&4_232_710_000_u64.into(), Some(4))
    );

    let chat = concat!(
        r#"{"model":"m","created_at":"t","message":{"role":"assistant","content":"Hi"},"done":false}"#,
        "\n",
        r#"{"model":"m","created_at":"t","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f"}}]},"done":false}"#,
        "\n",
        r#"{"model":"m","created_at":"t","message":{"role":"assistant","content":""},"done":true,"prompt_eval_count":4,"eval_count":2}"#,
        "\n",
    );
    let (got, _) = came(Protocol::OllamaChat, LINES, chat);
    assert_eq!(
        (got.outcome, got.chunks.0, got.text.as_str(), got.finish.as_deref()),
        (Outcome::Ok, 2, "Hi", Some("stop"))
    );

    let (got, whole) =
        came(Protocol::Ollama, LINES, "{\"error\":\"an error was encountered while running the model\"}\n");
    let error = "an error was encountered while running the model";
    assert_eq!((got.outcome, whole.error.as_deref()), (Outcome::ErrorInStream, Some(error)));
    let document = r#"{"model":"m","response":"The sky","done":true,"done_reason":"stop","prompt_eval_count":2,"eval_count":3}"#;
    let (got, _) = came(Protocol::Ollama, JSON, document);
    assert_eq!((got.outcome, got.text.as_str(), got.tokens[1]), (Outcome::Ok, "The sky", Some(3)));
}

#[test]
fn events_of_text_generation_inference() {
    let stream = events(&[
        (
            "",
            r#"{"index":1,"token":{"id":1,"text":"test","logprob":-0.3,"special":false},"generated_text":null,"details":null}"#,
        ),
        (
            "",
            r#"{"index":2,"token":{"id":5,"text":"ing","logprob":-0.3,"special":false},"generated_text":null,"details":null}"#,
        ),
        (
            "",
            r#"{"index":3,"token":{"id":2,"text":"</s>","logprob":-0.3,"special":true},"generated_text":"testing","details":{"finish_reason":"eos_token","generated_tokens":3,"seed":null,"input_length":8}}"#,
        ),
    ]);
    let (got, whole) = came(Protocol::Tgi, SSE, &stream);
    let expected = Came {
        outcome: Outcome::Ok,
        chunks: (2, Some(10), Some(10)),
        tokens: [Some(8), Some(3), None, None],
        finish: Some("eos_token".to_owned()),
        text: "testing".to_owned(),
    };
    assert_eq!(got, expected);
    assert_eq!(whole.end_ns, 30);
    let document = r#"{"generated_text":"testing","details":{"finish_reason":"length","generated_tokens":2,"prefill":[{"id":0},{"id":1}],"seed":42}}"#;
    let (got, _) = came(Protocol::Tgi, JSON, document);
    assert_eq!((got.tokens[..2].to_vec(), got.text.as_str()), (vec![Some(2), Some(2)], "testing"));
    let error = r#"{"error":"Request failed during generation","error_type":"generation"}"#;
    let (got, whole) = came(Protocol::Tgi, SSE, &events(&[("", error)]));
    let message = "Request failed during generation";
    assert_eq!((got.outcome, whole.error.as_deref()), (Outcome::ErrorInStream, Some(message)));
}

#[test]
fn scores_of_documents() {
    let prompts = ["one two three four five six seven eight nine ten eleven twelve thirteen", "b"];
    let query = "one two three four five six seven eight nine ten eleven twelve";
    assert_eq!(
        body_of(Protocol::Rerank, false, &prompts),
        format!(r#"{{"model":"m","query":"{query}","documents":["{}","b"]}}"#, prompts[0])
    );
    assert_eq!(
        body_of(Protocol::TeiRerank, false, &prompts),
        format!(r#"{{"query":"{query}","texts":["{}","b"],"truncate":true}}"#, prompts[0])
    );
    let read = |document: &str| {
        let mut answer = Answer::new(&Dialect::of(Protocol::Rerank, None), 200, Some(JSON)).to_prompts(2);
        answer.read_at(document.as_bytes(), 10);
        let got = answer.end(1000, Ending::EndOfStream);
        (got.outcome, got.error, got.input_tokens, got.output_tokens)
    };
    for (document, input) in [
        (
            r#"{"id":"r","results":[{"index":1,"relevance_score":0.98},{"index":0,"relevance_score":-3.2}],"meta":{"billed_units":{"search_units":1}}}"#,
            None,
        ),
        (
            r#"{"model":"m","usage":{"total_tokens":815},"results":[{"index":0,"relevance_score":0.2},{"index":1,"relevance_score":0.1}]}"#,
            Some(815),
        ),
        (
            r#"{"usage":{"prompt_tokens":74,"total_tokens":74},"results":[{"index":0,"relevance_score":0.2},{"index":1,"relevance_score":0.1}]}"#,
            Some(74),
        ),
        (r#"[{"index":1,"score":0.99},{"index":0,"score":0.01}]"#, None),
        (
            r#"{"usage":null,"results":[{"index":1,"score":1,"relevance_score":1},{"index":0,"score":0}]}"#,
            None,
        ),
    ] {
        assert_eq!(read(document), (Outcome::Ok, None, input, None), "{document}");
    }
    let missing = read(r#"{"results":[{"index":1,"relevance_score":0.98}]}"#);
    assert_eq!(
        (missing.0, missing.1.as_deref()),
        (Outcome::Truncated, Some("the answer ended without index 0 of 2 prompts"))
    );
    for (document, message) in [
        (r#"{"message":"invalid api token"}"#, "invalid api token"),
        (r#"{"error":{"message":"no"},"results":null}"#, "no"),
        (
            r#"{"error":"batch size 64 > maximum allowed batch size 32","error_type":"Validation"}"#,
            "batch size 64 > maximum allowed batch size 32",
        ),
    ] {
        let (outcome, error, ..) = read(document);
        assert_eq!((outcome, error.as_deref()), (Outcome::ErrorInStream, Some(message)));
    }
}

#[test]
fn vectors_have_no_output_tokens() {
    let document = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,-2e-3]},{"object":"embedding","index":1,"embedding":[0.5]}],"model":"m","usage":{"prompt_tokens":8,"total_tokens":8}}"#;
    let (got, whole) = came(Protocol::OpenaiEmbeddings, JSON, document);
    assert_eq!((got.outcome, got.tokens), (Outcome::Ok, [Some(8), None, None, None]));
    assert_eq!((whole.chunks.len(), whole.token_source), (0, TokenSource::None));
    let counted = document.replace(r#""total_tokens":8"#, r#""total_tokens":8,"completion_tokens":0"#);
    assert_eq!(came(Protocol::OpenaiEmbeddings, JSON, &counted).0.tokens, got.tokens);

    let of_prompts = |prompts, document: &str| {
        let mut answer =
            Answer::new(&Dialect::of(Protocol::OpenaiEmbeddings, None), 200, Some(JSON)).to_prompts(prompts);
        answer.read_at(document.as_bytes(), 10);
        let got = answer.end(1000, Ending::EndOfStream);
        (got.outcome, got.error, got.input_tokens)
    };
    assert_eq!(of_prompts(2, document), (Outcome::Ok, None, Some(8)));
    let error = "the answer ended without index 2 of 3 prompts".to_owned();
    assert_eq!(of_prompts(3, document).1, Some(error));
    let empty = r#"{"object":"list","data":[{"index":0,"embedding":[]}]}"#;
    assert_eq!(of_prompts(1, empty).0, Outcome::Empty);
    assert_eq!(of_prompts(1, r#"{"error":{"message":"no"}}"#).0, Outcome::ErrorInStream);
}
