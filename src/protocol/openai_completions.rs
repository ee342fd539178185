//! `POST {url}/completions`.

use serde::{Deserialize, Serialize};

use super::{
    envelope::{Carries, Choice},
    openai_chat::StreamOptions,
    seen::Contents,
};

pub(super) const PATH: &str = "/completions";

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    prompt: &'a str,
    max_tokens: u32,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

pub(super) fn body(model: &str, stream: bool, prompt: &str, max_tokens: u32) -> Vec<u8> {
    let body = Body { model, prompt, max_tokens, stream, stream_options: StreamOptions::of(stream) };
    serde_json::to_vec(&body).expect("texts and numbers can always be written as JSON")
}

/// A choice: `text` in streams and whole answers alike.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TextChoice {
    text: Carries,
    reasoning_content: Carries,
    reasoning: Carries,
    finish_reason: Option<String>,
}

impl Choice for TextChoice {
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
