//! `POST {url}/completion`: what llama.cpp's server speaks natively.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    api::{Api, Ask, json},
    json::{Carries, error_message, parse},
    said::{Said, Usage},
    seen::Contents,
};

/// The API.
pub(super) struct Llamacpp;

/// The model is for servers that have several.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    prompt: &'a str,
    n_predict: u32,
    stream: bool,
}

/// A chunk of a stream; the last one, and a whole answer, is one that stops.
#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    content: Carries,
    #[serde(default)]
    stop: bool,
    #[serde(default)]
    stop_type: Option<String>,
    #[serde(default)]
    tokens_evaluated: Option<u64>,
    #[serde(default)]
    tokens_predicted: Option<u64>,
    #[serde(default)]
    timings: Option<Value>,
    #[serde(default)]
    error: Carries,
}

impl Api for Llamacpp {
    fn path(&self, _: bool) -> &'static str {
        "/completion"
    }

    fn body(&self, ask: &Ask<'_>) -> Vec<u8> {
        json(
            &Body { model: ask.model, prompt: ask.prompt(), n_predict: ask.max_tokens, stream: ask.stream },
            ask,
        )
    }

    fn is_versioned(&self) -> bool {
        false
    }

    fn read(&self, data: &[u8]) -> Result<Said, serde_json::Error> {
        let document: Document = parse(data)?;
        if document.error.any() {
            return Ok(Said::error(error_message(data)));
        }
        let contents = Contents { text: document.content.any(), ..Contents::default() };
        if !document.stop {
            // every chunk counts what there is so far
            return Ok(Said { contents, ..Said::default() });
        }
        let timed = |key: &str| document.timings.as_ref()?.get(key)?.as_u64();
        let usage = Usage {
            input: document.tokens_evaluated,
            output: document.tokens_predicted,
            reasoning: None,
            cached: timed("cache_n"),
        };
        Ok(Said {
            contents,
            // older servers say that it stopped, and why in other words
            finish_reason: Some(document.stop_type.unwrap_or_else(|| "stop".to_owned())),
            usage: Some(usage),
            timings: document.timings,
            ends: true,
            ..Said::default()
        })
    }

    fn text_key(&self) -> &'static str {
        "content"
    }

    fn texts(&self, data: &[u8], add: &mut dyn FnMut(u32, &str)) {
        #[derive(Deserialize)]
        struct Document {
            content: String,
        }
        if let Ok(Document { content }) = serde_json::from_slice(data) {
            add(0, &content);
        }
    }

    fn end(&self) -> Option<&str> {
        Some("`\"stop\": true`")
    }
}
