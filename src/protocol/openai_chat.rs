//! `POST {url}/chat/completions`.

use serde::{Deserialize, Serialize};

use super::{
    api::{Api, Ask, json},
    json::Carries,
    openai::{self, Choice},
    said::Said,
    seen::Contents,
};

/// The API.
pub(super) struct OpenaiChat;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<ChatMessage<'a>>,
    max_tokens: u32,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

/// What somebody says.
#[derive(Serialize)]
pub(super) struct ChatMessage<'a> {
    role: &'static str,
    content: &'a str,
}

impl<'a> ChatMessage<'a> {
    /// All that was said, up to what the user says now.
    pub(super) fn all_of(ask: &Ask<'a>) -> Vec<Self> {
        let mut messages = Vec::with_capacity(2 * ask.earlier.len() + 1);
        for turn in ask.earlier {
            messages.push(Self { role: "user", content: &turn.user });
            messages.push(Self { role: "assistant", content: &turn.answer });
        }
        messages.push(Self { role: "user", content: ask.prompt() });
        messages
    }
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

impl Api for OpenaiChat {
    fn path(&self, _: bool) -> &'static str {
        "/chat/completions"
    }

    fn body(&self, ask: &Ask<'_>) -> Vec<u8> {
        json(
            &Body {
                model: ask.model,
                messages: ChatMessage::all_of(ask),
                max_tokens: ask.max_tokens,
                stream: ask.stream,
                stream_options: StreamOptions::of(ask.stream),
            },
            ask,
        )
    }

    fn read(&self, data: &[u8]) -> Result<Said, serde_json::Error> {
        openai::read::<ChatChoice>(data)
    }

    fn text_key(&self) -> &'static str {
        "content"
    }

    fn texts(&self, data: &[u8], add: &mut dyn FnMut(u32, &str)) {
        #[derive(Deserialize)]
        struct Document {
            choices: Option<Vec<Choice>>,
        }
        #[derive(Deserialize)]
        struct Choice {
            delta: Option<Message>,
            message: Option<Message>,
        }
        #[derive(Deserialize)]
        struct Message {
            content: Option<String>,
        }
        let document: Option<Document> = serde_json::from_slice(data).ok();
        for choice in document.and_then(|document| document.choices).into_iter().flatten() {
            for message in [choice.delta, choice.message].into_iter().flatten() {
                add(0, message.content.as_deref().unwrap_or_default());
            }
        }
    }

    fn end(&self) -> Option<&str> {
        Some(openai::END)
    }
}

/// A choice: `delta` in a stream, `message` in a whole answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ChatChoice {
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
                ..Contents::default()
            };
        }
        contents
    }

    fn finish_reason(self) -> Option<String> {
        self.finish_reason
    }
}
