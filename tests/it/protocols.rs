//! Every protocol against a server that speaks it, written from the public texts of the APIs: the requests are understood,
//! every answer is read to its end, and the counts are those that the server sent.

use crate::{
    kit::Bench,
    server::{After, Out, Request, Server},
};
use serde_json::{Value, json};

/// A server's answer to a prompt of so many tokens of output.
type Speak = fn(&Request, &mut Out<'_>) -> After;

struct Spoken {
    protocol: &'static str,
    stream: bool,
    path: &'static str,
    speak: Speak,
    /// The prompt in a request.
    prompt: &'static str,
    /// The limit of output in a request, where the protocol has one.
    limit: Option<&'static str>,
    /// Events with output, and tokens: output, cached, reasoning.
    chunks: u64,
    tokens: [Option<u64>; 3],
    finish: Option<&'static str>,
    /// `[endpoints.main.http]`, where the scenario describes the API.
    described: &'static str,
}

const OUTPUT: u64 = 3;
const INPUT: u64 = 42;

fn named(out: &mut Out<'_>, document: &Value) {
    let kind = document["type"].as_str().unwrap();
    out.chunk(&format!("event: {kind}\ndata: {document}\n\n"));
}

fn responses(_: &Request, out: &mut Out<'_>) -> After {
    out.stream_head();
    named(out, &json!({"type": "response.created", "response": {"status": "in_progress", "output": []}}));
    for (sequence, text) in ["a", "b", "c"].iter().enumerate() {
        named(
            out,
            &json!({"type": "response.output_text.delta", "sequence_number": sequence, "delta": text}),
        );
    }
    named(
        out,
        &json!({"type": "response.incomplete", "response": {
            "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}, "output": [],
            "usage": {"input_tokens": INPUT, "input_tokens_details": {"cached_tokens": 8},
                "output_tokens": OUTPUT, "output_tokens_details": {"reasoning_tokens": 0}},
        }}),
    );
    out.end_chunks();
    After::KeepOpen
}

fn messages(request: &Request, out: &mut Out<'_>) -> After {
    let header =
        |name: &str| request.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
    if header("anthropic-version").as_deref() != Some("2023-06-01")
        || header("x-api-key").as_deref() != Some("sk-1")
    {
        out.answer(
            "401 Unauthorized",
            "application/json",
            r#"{"type":"error","error":{"message":"who are you"}}"#,
        );
        return After::KeepOpen;
    }
    out.stream_head();
    named(
        out,
        &json!({"type": "message_start", "message": {"type": "message", "content": [],
            "usage": {"input_tokens": INPUT - 30, "cache_read_input_tokens": 30, "output_tokens": 1}}}),
    );
    named(
        out,
        &json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
    );
    for text in ["a", "b", "c"] {
        named(
            out,
            &json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
        );
    }
    named(out, &json!({"type": "content_block_stop", "index": 0}));
    named(
        out,
        &json!({"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {"output_tokens": OUTPUT}}),
    );
    named(out, &json!({"type": "message_stop"}));
    // stays open: the end is what the message says
    After::KeepOpen
}

fn completion(_: &Request, out: &mut Out<'_>) -> After {
    out.stream_head();
    for (count, text) in ["a", "b", "c"].iter().enumerate() {
        out.event(
            &json!({"index": 0, "content": text, "stop": false, "tokens_predicted": count + 1, "tokens_evaluated": INPUT})
                .to_string(),
        );
    }
    let last = json!({"index": 0, "content": "", "stop": true, "stop_type": "limit", "tokens_predicted": OUTPUT,
        "tokens_evaluated": INPUT, "timings": {"cache_n": 5, "prompt_n": 37, "predicted_ms": 4.5}});
    out.event(&last.to_string());
    out.end_chunks();
    After::KeepOpen
}

fn lines(out: &mut Out<'_>, content: impl Fn(&str) -> Value) {
    out.write("HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n");
    for text in ["a", "b", "c", ""] {
        let mut line = content(text);
        line["created_at"] = "2026-01-01T00:00:00Z".into();
        line["done"] = text.is_empty().into();
        if text.is_empty() {
            for (key, value) in [("prompt_eval_count", INPUT), ("eval_count", OUTPUT), ("eval_duration", 7)] {
                line[key] = value.into();
            }
            line["done_reason"] = "length".into();
        }
        out.chunk(&format!("{line}\n"));
    }
    out.end_chunks();
}

fn generate(_: &Request, out: &mut Out<'_>) -> After {
    lines(out, |text| json!({"response": text}));
    After::KeepOpen
}

fn chat(_: &Request, out: &mut Out<'_>) -> After {
    lines(out, |text| json!({"message": {"role": "assistant", "content": text}}));
    After::KeepOpen
}

fn generate_stream(_: &Request, out: &mut Out<'_>) -> After {
    out.stream_head();
    for (index, text) in ["a", "b", "c"].iter().enumerate() {
        let last = index == 2;
        let details = json!({"finish_reason": "length", "generated_tokens": OUTPUT, "input_length": INPUT});
        out.event(
            &json!({"index": index + 1, "token": {"id": index, "text": text, "special": false},
                "generated_text": last.then_some("abc"), "details": last.then_some(details)})
            .to_string(),
        );
    }
    out.end_chunks();
    After::KeepOpen
}

fn generate_whole(_: &Request, out: &mut Out<'_>) -> After {
    let document = json!({"generated_text": "abc", "details": {"finish_reason": "length",
        "generated_tokens": OUTPUT, "input_length": INPUT}});
    out.answer("200 OK", "application/json", &document.to_string());
    After::KeepOpen
}

fn embeddings(_: &Request, out: &mut Out<'_>) -> After {
    let document = json!({"object": "list", "data": [{"index": 0, "embedding": [0.1, 0.2]}],
        "usage": {"prompt_tokens": INPUT, "total_tokens": INPUT}});
    out.answer("200 OK", "application/json", &document.to_string());
    After::KeepOpen
}

fn rerank(_: &Request, out: &mut Out<'_>) -> After {
    let document =
        json!({"results": [{"index": 0, "relevance_score": 0.9}], "usage": {"total_tokens": INPUT}});
    out.answer("200 OK", "application/json", &document.to_string());
    After::KeepOpen
}

/// An API of nobody's, whose events say what they are.
fn pieces(_: &Request, out: &mut Out<'_>) -> After {
    out.stream_head();
    out.event(&json!({"type": "begin"}).to_string());
    out.event(&json!({"type": "thought", "thought": "hm"}).to_string());
    for text in ["a", "b", "c"] {
        out.event(&json!({"type": "piece", "piece": {"text": text}, "counts": [INPUT, 1]}).to_string());
    }
    let end = json!({"type": "end", "why": "length", "counts": [INPUT, OUTPUT, 1, 7]});
    out.event(&end.to_string());
    // stays open: the end is what the event says
    After::KeepOpen
}

const PIECES: &str = r#"
    path = "/pieces?of=text"
    body = '{ "input": { "text": "{{prompt}}", "model": "{{model}}" }, "most": {{output_tokens}}, "live": {{stream}} }'
    text = "/piece/text"
    reasoning = "thought"
    finish_reason = "why"
    input_tokens = "/counts/0"
    output_tokens = "/counts/1"
    reasoning_tokens = "/counts/2"
    cached_tokens = "/counts/3"
    end = { at = "type", is = "end" }
"#;

fn label(_: &Request, out: &mut Out<'_>) -> After {
    let document = json!({"labels": [{"name": "spam", "score": 0.9}], "used": "42"});
    out.answer("200 OK", "application/json", &document.to_string());
    After::KeepOpen
}

const LABEL: &str = r#"
    path = "/classify"
    body = '{ "input": { "text": {{json prompt}} } }'
    text = "labels"
    input_tokens = "used"
"#;

fn spoken() -> Vec<Spoken> {
    let usual = Spoken {
        protocol: "",
        stream: true,
        path: "",
        speak: generate,
        prompt: "/prompt",
        limit: None,
        chunks: 3,
        tokens: [Some(OUTPUT), None, None],
        finish: Some("length"),
        described: "",
    };
    vec![
        Spoken {
            protocol: "openai_responses",
            path: "/responses",
            speak: responses,
            prompt: "/input",
            limit: Some("/max_output_tokens"),
            tokens: [Some(OUTPUT), Some(8), Some(0)],
            finish: Some("max_output_tokens"),
            ..usual
        },
        Spoken {
            protocol: "anthropic_messages",
            path: "/messages",
            speak: messages,
            prompt: "/messages/0/content",
            limit: Some("/max_tokens"),
            tokens: [Some(OUTPUT), Some(30), None],
            finish: Some("max_tokens"),
            ..usual
        },
        Spoken {
            protocol: "llamacpp",
            path: "/completion",
            speak: completion,
            limit: Some("/n_predict"),
            tokens: [Some(OUTPUT), Some(5), None],
            finish: Some("limit"),
            ..usual
        },
        Spoken { protocol: "ollama", path: "/api/generate", limit: Some("/options/num_predict"), ..usual },
        Spoken {
            protocol: "ollama_chat",
            path: "/api/chat",
            speak: chat,
            prompt: "/messages/0/content",
            limit: Some("/options/num_predict"),
            ..usual
        },
        Spoken {
            protocol: "tgi",
            path: "/generate_stream",
            speak: generate_stream,
            prompt: "/inputs",
            limit: Some("/parameters/max_new_tokens"),
            ..usual
        },
        Spoken {
            protocol: "tgi",
            stream: false,
            path: "/generate",
            speak: generate_whole,
            prompt: "/inputs",
            limit: Some("/parameters/max_new_tokens"),
            chunks: 0,
            ..usual
        },
        Spoken {
            protocol: "openai_embeddings",
            stream: false,
            path: "/embeddings",
            speak: embeddings,
            prompt: "/input",
            chunks: 0,
            tokens: [None, None, None],
            finish: None,
            ..usual
        },
        Spoken {
            protocol: "rerank",
            stream: false,
            path: "/rerank",
            speak: rerank,
            prompt: "/documents/0",
            chunks: 0,
            tokens: [None, None, None],
            finish: None,
            ..usual
        },
        Spoken {
            protocol: "http",
            path: "/pieces?of=text",
            speak: pieces,
            prompt: "/input/text",
            limit: Some("/most"),
            chunks: 4,
            tokens: [Some(OUTPUT), Some(7), Some(1)],
            described: PIECES,
            ..usual
        },
        Spoken {
            protocol: "http",
            stream: false,
            path: "/classify",
            speak: label,
            prompt: "/input/text",
            chunks: 0,
            tokens: [None, None, None],
            finish: None,
            described: LABEL,
            ..usual
        },
    ]
}

#[test]
fn every_protocol_is_spoken_as_its_servers_do() {
    for spoken in spoken() {
        let models = |out: &mut Out<'_>| {
            let document = json!({"data": [{"id": "m"}], "models": [{"name": "m"}], "model_id": "m"});
            out.answer("200 OK", "application/json", &document.to_string());
        };
        let server = Server::with_models("127.0.0.1:0", models, spoken.speak);
        let bench = Bench::new();
        // streams are the default where there are any
        let stream = if spoken.stream { "" } else { "stream = false" };
        let stream = if spoken.tokens[0].is_none() && spoken.described.is_empty() { "" } else { stream };
        let described = match spoken.described {
            "" => String::new(),
            keys => format!("[endpoints.main.http]\n{keys}"),
        };
        let key = bench.file("key", "sk-1\n");
        let file = bench.file(
            "protocol.toml",
            &format!(
                r#"
                version = 1
                name = "protocol"
                [endpoints.main]
                url = "{}"
                protocol = "{}"
                model = "{}"
                api_key.file = "{key}"
                body = {{ seed = 7, options.temperature = 0.5 }}
                {stream}
                {described}
                [workloads.text.synthetic]
                prompt_tokens = 10
                output_tokens = 16
                [phases.load]
                requests = 6
                load.closed = {{ users = 2 }}
                "#,
                server.url(),
                spoken.protocol,
                if described.is_empty() { "auto" } else { "m" },
            ),
        );
        let what = format!("{} {}", spoken.protocol, spoken.path);
        bench.run(&["run", &file]).expect_code(0);
        let records = bench.only_run().records();
        assert_eq!(records.len(), 6, "{what}");
        for record in records {
            assert_eq!(record["outcome"], "ok", "{what}: {record}");
            assert_eq!(record["chunks"], spoken.chunks, "{what}");
            assert_eq!(record["input_tokens"], INPUT, "{what}");
            let kinds = ["output_tokens", "cached_tokens", "reasoning_tokens"];
            for (kind, tokens) in kinds.into_iter().zip(spoken.tokens) {
                assert_eq!(record[kind].as_u64(), tokens, "{what}: {kind}");
            }
            assert_eq!(record["finish_reason"].as_str(), spoken.finish, "{what}");
        }
        for served in server.served() {
            let request = served.request;
            assert_eq!(request.path, format!("/v1{}", spoken.path), "{what}");
            let prompt = request.body.pointer(spoken.prompt).and_then(Value::as_str).unwrap_or_default();
            assert!(prompt.contains(' '), "{what}: {}", request.body);
            assert_eq!(request.body["seed"], 7, "{what}");
            assert_eq!(request.body["options"]["temperature"], 0.5, "{what}");
            if let Some(limit) = spoken.limit {
                assert_eq!(request.body.pointer(limit), Some(&json!(16)), "{what}");
            }
        }
    }
}
