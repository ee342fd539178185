//! What a client asks for: the bodies of `/v1/chat/completions` and `/v1/completions`, as far as a simulation cares.

use serde::Deserialize;

/// Tokens of an answer where the request names no limit, as in `OpenAI`'s completions.
const DEFAULT_OUTPUT_TOKENS: u32 = 16;

/// Prompts that one request may have.
const MOST_PROMPTS: usize = 1024;

/// Tokens that one answer may have; beyond that a request is a mistake rather than a load.
const MOST_OUTPUT_TOKENS: u32 = 1 << 20;

/// The two protocols, which differ in names only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    /// `/v1/chat/completions`.
    Chat,
    /// `/v1/completions`.
    Completions,
}

/// A request as it was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// The model, where one is named.
    pub(super) model: Option<String>,
    /// The length of each prompt by [`estimate_tokens`]; one at least.
    pub(super) prompt_tokens: Vec<u32>,
    /// Tokens to generate for each.
    pub(super) output_tokens: u32,
    /// Whether the answer is streamed.
    pub(super) stream: bool,
    /// Whether a stream ends with its usage.
    pub(super) include_usage: bool,
}

/// Why a request cannot be served: the message, and the parameter at fault where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misfit {
    /// What is wrong.
    pub(super) message: String,
    /// The parameter.
    pub(super) param: Option<&'static str>,
}

impl Misfit {
    fn of(param: &'static str, message: impl Into<String>) -> Self {
        Self { message: message.into(), param: Some(param) }
    }
}

#[derive(Deserialize)]
struct Body {
    model: Option<String>,
    messages: Option<Vec<Message>>,
    prompt: Option<Prompt>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    n: Option<u32>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<Content>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

/// Parts without text, such as images, have no length here.
#[derive(Deserialize)]
struct Part {
    text: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Prompt {
    Text(String),
    Texts(Vec<String>),
    Tokens(Vec<u32>),
}

/// Tokens of a text by estimate: a token for every four characters, rounded up, which is what English comes to
/// with the tokenizers in use.
fn estimate_tokens(characters: usize) -> u32 {
    u32::try_from(characters.div_ceil(4)).unwrap_or(u32::MAX)
}

/// Reads the body of a request.
pub(super) fn parse(api: Api, body: &[u8]) -> Result<Asked, Misfit> {
    let body: Body = serde_json::from_slice(body)
        .map_err(|error| Misfit { message: format!("the body is not a request: {error}"), param: None })?;
    if body.n.is_some_and(|n| n != 1) {
        return Err(Misfit::of("n", "`n` must be 1"));
    }
    let prompt_tokens = match api {
        Api::Chat => vec![chat_tokens(&body.messages.unwrap_or_default())?],
        Api::Completions => prompt_tokens(body.prompt.as_ref())?,
    };
    let output_tokens = body.max_completion_tokens.or(body.max_tokens).unwrap_or(DEFAULT_OUTPUT_TOKENS);
    if !(1..=MOST_OUTPUT_TOKENS).contains(&output_tokens) {
        let message =
            format!("`max_tokens` must be within 1 and {MOST_OUTPUT_TOKENS}, but is {output_tokens}");
        return Err(Misfit::of("max_tokens", message));
    }
    Ok(Asked {
        model: body.model,
        prompt_tokens,
        output_tokens,
        stream: body.stream.unwrap_or(false),
        include_usage: body.stream_options.and_then(|options| options.include_usage).unwrap_or(false),
    })
}

/// The length of all messages together; a chat template adds nothing here.
fn chat_tokens(messages: &[Message]) -> Result<u32, Misfit> {
    if messages.is_empty() {
        return Err(Misfit::of("messages", "`messages` must have at least one message"));
    }
    let characters =
        messages.iter().filter_map(|message| message.content.as_ref()).map(|content| match content {
            Content::Text(text) => text.chars().count(),
            Content::Parts(parts) => {
                parts.iter().filter_map(|part| part.text.as_ref()).map(|text| text.chars().count()).sum()
            }
        });
    Ok(estimate_tokens(characters.sum()))
}

/// The length of each prompt.
fn prompt_tokens(prompt: Option<&Prompt>) -> Result<Vec<u32>, Misfit> {
    match prompt {
        None => Err(Misfit::of("prompt", "`prompt` is missing")),
        Some(Prompt::Text(text)) => Ok(vec![estimate_tokens(text.chars().count())]),
        Some(Prompt::Texts(texts)) if (1..=MOST_PROMPTS).contains(&texts.len()) => {
            Ok(texts.iter().map(|text| estimate_tokens(text.chars().count())).collect())
        }
        Some(Prompt::Texts(texts)) => {
            let message = format!("`prompt` must have 1 to {MOST_PROMPTS} prompts, but has {}", texts.len());
            Err(Misfit::of("prompt", message))
        }
        Some(Prompt::Tokens(tokens)) => Ok(vec![u32::try_from(tokens.len()).unwrap_or(u32::MAX)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(prompt_tokens: u32, output_tokens: u32) -> Asked {
        Asked {
            model: None,
            prompt_tokens: vec![prompt_tokens],
            output_tokens,
            stream: false,
            include_usage: false,
        }
    }

    #[test]
    fn requests_as_clients_write_them() {
        let chat = |body: &str| parse(Api::Chat, body.as_bytes());
        assert_eq!(chat(r#"{"messages":[{"role":"user","content":"12345678"}]}"#), Ok(asked(2, 16)));
        assert_eq!(
            chat(
                r#"{"model":"m","messages":[{"role":"system","content":"123"},{"role":"user","content":[{"type":"text","text":"äöü"},{"type":"image_url"}]}],
                "max_tokens":5,"stream":true,"stream_options":{"include_usage":true},"temperature":0}"#
            ),
            Ok(Asked {
                model: Some("m".to_owned()),
                prompt_tokens: vec![2],
                output_tokens: 5,
                stream: true,
                include_usage: true
            })
        );
        assert_eq!(
            chat(
                r#"{"messages":[{"role":"assistant","content":null}],"max_tokens":5,"max_completion_tokens":7}"#
            ),
            Ok(asked(0, 7))
        );
        let completions = |body: &str| parse(Api::Completions, body.as_bytes());
        assert_eq!(completions(r#"{"prompt":"12345"}"#), Ok(asked(2, 16)));
        assert_eq!(completions(r#"{"prompt":["12345"],"max_tokens":null}"#), Ok(asked(2, 16)));
        assert_eq!(completions(r#"{"prompt":[1,2,3],"max_tokens":1}"#), Ok(asked(3, 1)));
        let two = Asked { prompt_tokens: vec![2, 1], ..asked(0, 16) };
        assert_eq!(completions(r#"{"prompt":["12345","1"]}"#), Ok(two));
    }

    #[test]
    fn requests_that_cannot_be_served() {
        for (api, body, param, message) in [
            (
                Api::Chat,
                "{",
                None,
                "the body is not a request: EOF while parsing an object at line 1 column 1",
            ),
            (Api::Chat, "{}", Some("messages"), "`messages` must have at least one message"),
            (Api::Completions, "{}", Some("prompt"), "`prompt` is missing"),
            (
                Api::Completions,
                r#"{"prompt":[]}"#,
                Some("prompt"),
                "`prompt` must have 1 to 1024 prompts, but has 0",
            ),
            (Api::Completions, r#"{"prompt":"a","n":2}"#, Some("n"), "`n` must be 1"),
            (
                Api::Completions,
                r#"{"prompt":"a","max_tokens":0}"#,
                Some("max_tokens"),
                "`max_tokens` must be within 1 and 1048576, but is 0",
            ),
        ] {
            let misfit = Misfit { message: message.to_owned(), param };
            assert_eq!(parse(api, body.as_bytes()), Err(misfit), "{body}");
        }
    }
}
