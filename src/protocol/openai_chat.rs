//! `POST {url}/chat/completions`.

use serde::{Deserialize, Serialize};

use super::{
    envelope::{Carries, Choice},
    seen::Contents,
};

pub(super) const PATH: &str = "/chat/completions";

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Turn<'a>>,
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

/// Several prompts are turns of one conversation, which no plan has.
pub(super) fn body(model: &str, stream: bool, prompts: &[&str], max_tokens: u32) -> Vec<u8> {
    let body = Body {
        model,
        messages: prompts.iter().map(|content| Turn { role: "user", content }).collect(),
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
    role: Carries,
    content: Carries,
    reasoning_content: Carries,
    reasoning: Carries,
    refusal: Carries,
    tool_calls: Carries,
    function_call: Carries,
}

impl Choice for ChatChoice {
    const TEXT: &'static str = "content";

    fn contents(&self) -> Contents {
        let mut contents = Contents::default();
        for message in [&self.delta, &self.message].into_iter().flatten() {
            contents |= Contents {
                role: message.role.any(),
                null_content: message.content == Carries::Null,
                text: message.content.any(),
                reasoning: message.reasoning_content.any() || message.reasoning.any(),
                tool_call: message.tool_calls.any() || message.function_call.any(),
                refusal: message.refusal.any(),
            };
        }
        contents
    }

    fn finish_reason(self) -> Option<String> {
        self.finish_reason
    }
}
