//! `POST {url}/chat/completions`.

use serde::{Deserialize, Serialize};

use super::envelope::{Carries, Choice};

pub(super) const PATH: &str = "/chat/completions";

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: [Turn<'a>; 1],
    max_tokens: u32,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

#[derive(Serialize)]
struct Turn<'a> {
    role: &'a str,
    content: &'a str,
}

/// `stream_options`: asks for the token counts that a stream has only on request.
#[derive(Serialize)]
pub(super) struct StreamOptions {
    include_usage: bool,
}

impl StreamOptions {
    /// The options of a streamed request.
    pub(super) fn of(stream: bool) -> Option<Self> {
        stream.then_some(Self { include_usage: true })
    }
}

pub(super) fn body(model: &str, stream: bool, prompt: &str, max_tokens: u32) -> Vec<u8> {
    let body = Body {
        model,
        messages: [Turn { role: "user", content: prompt }],
        max_tokens,
        stream,
        stream_options: StreamOptions::of(stream),
    };
    serde_json::to_vec(&body).expect("texts and numbers can always be written as JSON")
}

/// A choice: `delta` in a stream, `message` in a whole answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ChatChoice {
    delta: Option<Message>,
    message: Option<Message>,
    finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message {
    content: Carries,
    reasoning_content: Carries,
    reasoning: Carries,
    refusal: Carries,
    tool_calls: Carries,
    function_call: Carries,
}

impl Choice for ChatChoice {
    fn reasoning(&self) -> bool {
        [&self.delta, &self.message].into_iter().flatten().any(|m| m.reasoning_content.0 || m.reasoning.0)
    }

    fn content(&self) -> bool {
        [&self.delta, &self.message]
            .into_iter()
            .flatten()
            .any(|m| m.content.0 || m.refusal.0 || m.tool_calls.0 || m.function_call.0)
    }

    fn finish_reason(self) -> Option<String> {
        self.finish_reason
    }
}
