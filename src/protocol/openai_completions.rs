//! `POST {url}/completions`.

use serde::{Deserialize, Serialize};

use super::{
    api::{Api, Ask, json},
    json::Carries,
    openai::{self, Choice},
    openai_chat::StreamOptions,
    said::Said,
    seen::Contents,
};

/// The API.
pub(super) struct OpenaiCompletions;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    prompt: Prompts<'a>,
    max_tokens: u32,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

/// One text, or a list of several; not all servers take a list of one.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Prompts<'a> {
    One(&'a str),
    Several(&'a [&'a str]),
}

impl<'a> Prompts<'a> {
    /// Those of a request.
    pub(super) fn of(ask: &Ask<'a>) -> Self {
        match ask.prompts {
            [one] => Self::One(one),
            several => Self::Several(several),
        }
    }
}

impl Api for OpenaiCompletions {
    fn path(&self, _: bool) -> &'static str {
        "/completions"
    }

    fn body(&self, ask: &Ask<'_>) -> Vec<u8> {
        json(
            &Body {
                model: ask.model,
                prompt: Prompts::of(ask),
                max_tokens: ask.max_tokens,
                stream: ask.stream,
                stream_options: StreamOptions::of(ask.stream),
            },
            ask,
        )
    }

    fn read(&self, data: &[u8]) -> Result<Said, serde_json::Error> {
        openai::read::<TextChoice>(data)
    }

    fn text_key(&self) -> &'static str {
        "text"
    }

    fn texts(&self, data: &[u8], add: &mut dyn FnMut(u32, &str)) {
        #[derive(Deserialize)]
        struct Document {
            choices: Option<Vec<Choice>>,
        }
        #[derive(Deserialize)]
        struct Choice {
            index: Option<u32>,
            text: Option<String>,
        }
        let document: Option<Document> = serde_json::from_slice(data).ok();
        for choice in document.and_then(|document| document.choices).into_iter().flatten() {
            add(choice.index.unwrap_or(0), choice.text.as_deref().unwrap_or_default());
        }
    }

    fn end(&self) -> Option<&str> {
        Some(openai::END)
    }
}

/// A choice: `text` in streams and whole answers alike.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TextChoice {
    index: Option<u32>,
    text: Carries,
    reasoning_content: Carries,
    reasoning: Carries,
    finish_reason: Option<String>,
}

impl Choice for TextChoice {
    fn index(&self) -> u32 {
        self.index.unwrap_or(0)
    }

    fn contents(&self) -> Contents {
        Contents {
            null_content: self.text == Carries::Null,
            text: self.text.any(),
            reasoning: self.reasoning_content.any() || self.reasoning.any(),
            ..Contents::default()
        }
    }

    fn finish_reason(self) -> Option<String> {
        self.finish_reason
    }
}
