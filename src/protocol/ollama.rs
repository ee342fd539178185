//! `POST {url}/api/generate` and `POST {url}/api/chat`: a document per line, the last of which has the server's counts and
//! durations.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    api::{Api, Ask, Models, json},
    json::{Carries, error_message, parse},
    openai_chat::ChatMessage,
    said::{Said, Usage},
    seen::Contents,
};

/// The API, by one of its two paths.
pub(super) enum Ollama {
    /// `/api/generate`.
    Generate,
    /// `/api/chat`.
    Chat,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(flatten)]
    asked: Asked<'a>,
    stream: bool,
    options: Options,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Asked<'a> {
    Prompt(&'a str),
    Messages(Vec<ChatMessage<'a>>),
}

#[derive(Serialize)]
struct Options {
    num_predict: u32,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Document {
    response: Carries,
    thinking: Carries,
    message: Message,
    done: bool,
    done_reason: Option<String>,
    prompt_eval_count: Option<u64>,
    eval_count: Option<u64>,
    error: Carries,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    content: Carries,
    thinking: Carries,
    tool_calls: Carries,
}

/// What the last line says of the time that the server took, in nanoseconds.
const TIMINGS: [&str; 4] = ["total_duration", "load_duration", "prompt_eval_duration", "eval_duration"];

impl Api for Ollama {
    fn path(&self, _: bool) -> &'static str {
        match self {
            Self::Generate => "/api/generate",
            Self::Chat => "/api/chat",
        }
    }

    fn body(&self, ask: &Ask<'_>) -> Vec<u8> {
        let asked = match self {
            Self::Generate => Asked::Prompt(ask.prompt()),
            Self::Chat => Asked::Messages(ChatMessage::all_of(ask)),
        };
        let options = Options { num_predict: ask.max_tokens };
        json(&Body { model: ask.model, asked, stream: ask.stream, options }, ask)
    }

    fn accept(&self, stream: bool) -> &'static str {
        if stream { "application/x-ndjson" } else { "application/json" }
    }

    fn models(&self) -> Option<Models> {
        Some(Models { path: "/api/tags", list: "/models", name: "name" })
    }

    fn is_versioned(&self) -> bool {
        false
    }

    fn read(&self, data: &[u8]) -> Result<Said, serde_json::Error> {
        let document: Document = parse(data)?;
        if document.error.any() {
            return Ok(Said::error(error_message(data)));
        }
        let message = &document.message;
        let contents = Contents {
            text: document.response.any() || message.content.any(),
            reasoning: document.thinking.any() || message.thinking.any(),
            tool_call: message.tool_calls.any(),
            ..Contents::default()
        };
        if !document.done {
            return Ok(Said { contents, ..Said::default() });
        }
        let mut all: Map<String, Value> = parse(data)?;
        let timings: Map<_, _> = TIMINGS.into_iter().filter_map(|name| all.remove_entry(name)).collect();
        Ok(Said {
            contents,
            finish_reason: Some(document.done_reason.unwrap_or_else(|| "stop".to_owned())),
            usage: Some(Usage {
                input: document.prompt_eval_count,
                output: document.eval_count,
                ..Usage::default()
            }),
            timings: (!timings.is_empty()).then_some(Value::Object(timings)),
            ends: true,
            ..Said::default()
        })
    }

    fn text_key(&self) -> &'static str {
        match self {
            Self::Generate => "response",
            Self::Chat => "content",
        }
    }

    fn texts(&self, data: &[u8], add: &mut dyn FnMut(u32, &str)) {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Document {
            response: String,
            message: Message,
        }
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Message {
            content: String,
        }
        let document: Document = serde_json::from_slice(data).unwrap_or_default();
        add(0, &document.response);
        add(0, &document.message.content);
    }

    fn end(&self) -> Option<&str> {
        Some("`\"done\": true`")
    }
}
