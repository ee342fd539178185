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
    prompt: Prompt<'a>,
    max_tokens: u32,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

/// One text, or a list of several; not all servers take a list of one.
#[derive(Serialize)]
#[serde(untagged)]
enum Prompt<'a> {
    One(&'a str),
    Several(&'a [&'a str]),
}

pub(super) fn body(model: &str, stream: bool, prompts: &[&str], max_tokens: u32) -> Vec<u8> {
    let prompt = match prompts {
        [one] => Prompt::One(one),
        several => Prompt::Several(several),
    };
    let body = Body { model, prompt, max_tokens, stream, stream_options: StreamOptions::of(stream) };
    serde_json::to_vec(&body).expect("texts and numbers can always be written as JSON")
}

/// A choice: `text` in streams and whole answers alike.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TextChoice {
    index: Option<u32>,
    text: Carries,
    reasoning_content: Carries,
    reasoning: Carries,
    finish_reason: Option<String>,
}

impl Choice for TextChoice {
    const TEXT: &'static str = "text";

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
