//! `POST {url}/responses`.

use serde::{Deserialize, Serialize};

use super::{
    api::{Api, Ask, json},
    json::{Carries, error_message, parse},
    openai_chat::ChatMessage,
    said::{Said, Usage},
    seen::Contents,
};

/// The API.
pub(super) struct OpenaiResponses;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: Input<'a>,
    max_output_tokens: u32,
    stream: bool,
}

/// A text, or all that was said.
#[derive(Serialize)]
#[serde(untagged)]
enum Input<'a> {
    Text(&'a str),
    Messages(Vec<ChatMessage<'a>>),
}

impl<'a> Input<'a> {
    fn of(ask: &Ask<'a>) -> Self {
        if ask.earlier.is_empty() {
            Self::Text(ask.prompt())
        } else {
            Self::Messages(ChatMessage::all_of(ask))
        }
    }
}

/// An event of a stream, which names its kind, or a whole answer, which does not.
#[derive(Deserialize)]
struct Document {
    #[serde(rename = "type")]
    kind: Option<String>,
    /// What the event adds.
    #[serde(default)]
    delta: Carries,
    /// The answer as it stands, in the events that begin and end it.
    #[serde(default)]
    response: Option<Response>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    output: Option<Vec<Item>>,
    #[serde(default)]
    usage: Option<Counts>,
    #[serde(default)]
    error: Carries,
    #[serde(default)]
    incomplete_details: Option<Incomplete>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Response {
    status: Option<String>,
    output: Option<Vec<Item>>,
    usage: Option<Counts>,
    error: Carries,
    incomplete_details: Option<Incomplete>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Incomplete {
    reason: Option<String>,
}

/// Something that the model has put out.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Item {
    #[serde(rename = "type")]
    kind: String,
    content: Option<Vec<Content>>,
    summary: Carries,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Content {
    text: Carries,
    refusal: Carries,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Counts {
    input_tokens: Option<u64>,
    input_tokens_details: Option<InputDetails>,
    output_tokens: Option<u64>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct InputDetails {
    cached_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    reasoning_tokens: Option<u64>,
}

impl From<Counts> for Usage {
    fn from(counts: Counts) -> Self {
        Self {
            input: counts.input_tokens,
            output: counts.output_tokens,
            reasoning: counts.output_tokens_details.and_then(|details| details.reasoning_tokens),
            cached: counts.input_tokens_details.and_then(|details| details.cached_tokens),
        }
    }
}

impl Item {
    fn contents(&self) -> Contents {
        let parts = || self.content.iter().flatten();
        let text = parts().any(|part| part.text.any());
        let none = Contents::default();
        match self.kind.as_str() {
            "message" => Contents { text, refusal: parts().any(|part| part.refusal.any()), ..none },
            "reasoning" => Contents { reasoning: text || self.summary.any(), ..none },
            kind => Contents { tool_call: kind.ends_with("_call"), ..none },
        }
    }
}

impl Response {
    /// What an answer says at its end.
    fn said(self, data: &[u8]) -> Said {
        if self.error.any() || matches!(self.status.as_deref(), Some("failed" | "cancelled")) {
            return Said::error(error_message(data));
        }
        let mut contents = Contents::default();
        for item in self.output.iter().flatten() {
            contents |= item.contents();
        }
        let incomplete = self.incomplete_details.and_then(|details| details.reason);
        Said {
            contents,
            finish_reason: incomplete.or(self.status),
            usage: self.usage.map(Into::into),
            ends: true,
            ..Said::default()
        }
    }
}

impl Api for OpenaiResponses {
    fn path(&self, _: bool) -> &'static str {
        "/responses"
    }

    fn body(&self, ask: &Ask<'_>) -> Vec<u8> {
        json(
            &Body {
                model: ask.model,
                input: Input::of(ask),
                max_output_tokens: ask.max_tokens,
                stream: ask.stream,
            },
            ask,
        )
    }

    fn read(&self, data: &[u8]) -> Result<Said, serde_json::Error> {
        let document: Document = parse(data)?;
        let Some(kind) = document.kind else {
            let Document { status, output, usage, error, incomplete_details, .. } = document;
            if status.is_none() && output.is_none() && !error.any() {
                return Ok(Said::default());
            }
            return Ok(Response { status, output, usage, error, incomplete_details }.said(data));
        };
        let delta = document.delta.any();
        let none = Contents::default();
        let contents = match kind.strip_prefix("response.").unwrap_or(&kind) {
            "error" | "failed" | "cancelled" => return Ok(Said::error(error_message(data))),
            "completed" | "incomplete" => {
                // its output is what the events before it have brought
                let response = document.response.unwrap_or_default();
                return Ok(Said { contents: none, ..response.said(data) });
            }
            "output_text.delta" => Contents { text: delta, ..none },
            "refusal.delta" => Contents { refusal: delta, ..none },
            "reasoning_text.delta" | "reasoning_summary_text.delta" => Contents { reasoning: delta, ..none },
            kind => {
                let call = ["_arguments.delta", "_input.delta", "_code.delta"];
                Contents { tool_call: delta && call.iter().any(|end| kind.ends_with(end)), ..none }
            }
        };
        Ok(Said { contents, ..Said::default() })
    }

    fn text_key(&self) -> &'static str {
        "delta"
    }

    fn texts(&self, data: &[u8], add: &mut dyn FnMut(u32, &str)) {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Document {
            Event {
                #[serde(rename = "type")]
                kind: String,
                delta: String,
            },
            Whole {
                output: Vec<Item>,
            },
        }
        #[derive(Deserialize)]
        struct Item {
            #[serde(default)]
            content: Option<Vec<Content>>,
        }
        #[derive(Deserialize)]
        #[serde(tag = "type", rename_all = "snake_case")]
        enum Content {
            OutputText {
                text: String,
            },
            #[serde(other)]
            Other,
        }
        match serde_json::from_slice(data) {
            Ok(Document::Event { kind, delta }) if kind == "response.output_text.delta" => add(0, &delta),
            Ok(Document::Whole { output }) => {
                for content in output.into_iter().filter_map(|item| item.content).flatten() {
                    if let Content::OutputText { text } = content {
                        add(0, &text);
                    }
                }
            }
            Ok(Document::Event { .. }) | Err(_) => {}
        }
    }

    fn end(&self) -> Option<&str> {
        Some("`response.completed`")
    }
}
