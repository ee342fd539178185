//! `POST {url}/generate_stream`, or `/generate` without a stream: what Text Generation Inference speaks natively.

use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::{
    api::{Api, Ask, Models, json},
    json::{Carries, error_message, parse},
    said::{Said, Usage},
    seen::Contents,
};

/// The API.
pub(super) struct Tgi;

#[derive(Serialize)]
struct Body<'a> {
    inputs: &'a str,
    parameters: Parameters,
}

#[derive(Serialize)]
struct Parameters {
    max_new_tokens: u32,
    /// Asks for the token counts.
    details: bool,
}

/// An event of a stream with a token, the last of which has the whole text too; or a whole answer, which has no token.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Document {
    token: Option<Token>,
    generated_text: Option<Carries>,
    details: Option<Details>,
    error: Carries,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Token {
    text: Carries,
    /// An end of sequence, say, which is no part of the text.
    special: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    finish_reason: Option<String>,
    generated_tokens: Option<u64>,
    input_length: Option<u64>,
    /// The tokens of the prompt, where they were asked for.
    prefill: Vec<IgnoredAny>,
}

impl Api for Tgi {
    fn path(&self, stream: bool) -> &'static str {
        if stream { "/generate_stream" } else { "/generate" }
    }

    fn body(&self, ask: &Ask<'_>) -> Vec<u8> {
        let parameters = Parameters { max_new_tokens: ask.max_tokens, details: true };
        json(&Body { inputs: ask.prompt(), parameters }, ask)
    }

    fn models(&self) -> Option<Models> {
        Some(Models::OF_HUGGING_FACE)
    }

    fn is_versioned(&self) -> bool {
        false
    }

    fn read(&self, data: &[u8]) -> Result<Said, serde_json::Error> {
        let document: Document = parse(data)?;
        if document.error.any() {
            return Ok(Said::error(error_message(data)));
        }
        let text = match (&document.token, document.generated_text) {
            (Some(token), _) => token.text.any() && !token.special,
            (None, whole) => whole.is_some_and(Carries::any),
        };
        let contents = Contents { text, ..Contents::default() };
        if document.generated_text.is_none() {
            return Ok(Said { contents, ..Said::default() });
        }
        let details = document.details.unwrap_or_default();
        let listed = Some(details.prefill.len() as u64).filter(|tokens| *tokens > 0);
        Ok(Said {
            contents,
            finish_reason: details.finish_reason,
            usage: Some(Usage {
                input: details.input_length.or(listed),
                output: details.generated_tokens,
                ..Usage::default()
            }),
            ends: true,
            ..Said::default()
        })
    }

    fn text_key(&self) -> &'static str {
        "text"
    }

    fn texts(&self, data: &[u8], add: &mut dyn FnMut(u32, &str)) {
        #[derive(Deserialize)]
        struct Document {
            token: Option<Token>,
            generated_text: Option<String>,
        }
        #[derive(Deserialize)]
        struct Token {
            text: String,
            #[serde(default)]
            special: bool,
        }
        match serde_json::from_slice(data) {
            Ok(Document { token: Some(token), .. }) if !token.special => add(0, &token.text),
            Ok(Document { token: None, generated_text: Some(text) }) => add(0, &text),
            Ok(_) | Err(_) => {}
        }
    }

    fn end(&self) -> Option<&str> {
        Some("`generated_text`")
    }
}
