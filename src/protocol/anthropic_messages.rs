//! `POST {url}/messages`.

use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use super::{
    api::{Api, Ask, json},
    json::{Carries, error_message, parse},
    openai_chat::ChatMessage,
    said::{Said, Usage},
    seen::Contents,
};

/// The API.
pub(super) struct AnthropicMessages;

/// The version of the API that requests are written in.
const VERSION: &str = "2023-06-01";

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u32,
    messages: Vec<ChatMessage<'a>>,
    stream: bool,
}

/// An event of a stream, or a whole answer; each names its kind.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Document {
    MessageStart {
        message: Message,
    },
    ContentBlockStart {
        content_block: Block,
    },
    ContentBlockDelta {
        delta: Block,
    },
    MessageDelta {
        delta: Stop,
        #[serde(default)]
        usage: Option<Counts>,
    },
    MessageStop,
    Message(Message),
    Error,
    #[serde(other)]
    Other,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    content: Vec<Block>,
    stop_reason: Option<String>,
    usage: Option<Counts>,
}

/// A block of content, or what is added to one.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Block {
    #[serde(rename = "type")]
    kind: String,
    text: Carries,
    thinking: Carries,
    partial_json: Carries,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Stop {
    stop_reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "as the API has them")]
struct Counts {
    input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

impl From<Counts> for Usage {
    /// `input_tokens` has neither those that were read from the cache nor those that were written to it.
    fn from(counts: Counts) -> Self {
        let cached = counts.cache_read_input_tokens;
        let beside = cached.unwrap_or(0).saturating_add(counts.cache_creation_input_tokens.unwrap_or(0));
        Self {
            input: counts.input_tokens.map(|tokens| tokens.saturating_add(beside)),
            output: counts.output_tokens,
            reasoning: None,
            cached,
        }
    }
}

impl Block {
    fn contents(&self) -> Contents {
        Contents {
            text: self.text.any(),
            reasoning: self.thinking.any(),
            // the name of the tool comes with the start of its block
            tool_call: self.kind.ends_with("tool_use") || self.partial_json.any(),
            ..Contents::default()
        }
    }
}

impl Api for AnthropicMessages {
    fn path(&self, _: bool) -> &'static str {
        "/messages"
    }

    fn body(&self, ask: &Ask<'_>) -> Vec<u8> {
        json(
            &Body {
                model: ask.model,
                max_tokens: ask.max_tokens,
                messages: ChatMessage::all_of(ask),
                stream: ask.stream,
            },
            ask,
        )
    }

    fn key(&self) -> (HeaderName, &'static str) {
        (HeaderName::from_static("x-api-key"), "")
    }

    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        Some((HeaderName::from_static("anthropic-version"), HeaderValue::from_static(VERSION)))
    }

    fn read(&self, data: &[u8]) -> Result<Said, serde_json::Error> {
        let none = Said::default();
        Ok(match parse(data)? {
            Document::MessageStart { message } => {
                // what it says of the output is written before there is any
                let counts = message.usage.map(|counts| Counts { output_tokens: None, ..counts });
                Said { usage: counts.map(Into::into), ..none }
            }
            Document::ContentBlockStart { content_block: block }
            | Document::ContentBlockDelta { delta: block } => Said { contents: block.contents(), ..none },
            Document::MessageDelta { delta, usage } => {
                Said { finish_reason: delta.stop_reason, usage: usage.map(Into::into), ..none }
            }
            Document::MessageStop => Said { ends: true, ..none },
            Document::Message(message) => {
                let mut contents = Contents::default();
                for block in &message.content {
                    contents |= block.contents();
                }
                Said {
                    contents,
                    finish_reason: message.stop_reason,
                    usage: message.usage.map(Into::into),
                    ends: true,
                    ..none
                }
            }
            Document::Error => Said::error(error_message(data)),
            Document::Other => none,
        })
    }

    fn text_key(&self) -> &'static str {
        "text"
    }

    fn texts(&self, data: &[u8], add: &mut dyn FnMut(u32, &str)) {
        #[derive(Deserialize)]
        #[serde(tag = "type", rename_all = "snake_case")]
        enum Document {
            ContentBlockStart {
                content_block: Block,
            },
            ContentBlockDelta {
                delta: Block,
            },
            Message {
                content: Vec<Block>,
            },
            #[serde(other)]
            Other,
        }
        #[derive(Deserialize)]
        struct Block {
            text: Option<String>,
        }
        let blocks = match serde_json::from_slice(data) {
            Ok(
                Document::ContentBlockStart { content_block: block }
                | Document::ContentBlockDelta { delta: block },
            ) => {
                vec![block]
            }
            Ok(Document::Message { content }) => content,
            Ok(Document::Other) | Err(_) => Vec::new(),
        };
        for text in blocks.into_iter().filter_map(|block| block.text) {
            add(0, &text);
        }
    }

    fn end(&self) -> Option<&str> {
        Some("`message_stop`")
    }
}
