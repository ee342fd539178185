//! One file per API: request body out, timed output events in. No sockets, no clock.

mod answer;
mod anthropic_messages;
mod api;
mod arrivals;
mod json;
mod llamacpp;
mod ollama;
mod openai;
mod openai_chat;
mod openai_completions;
mod openai_embeddings;
mod openai_responses;
mod rerank;
mod said;
mod seen;
mod several;
mod tally;
mod texts;
mod tgi;
mod usual;

pub use answer::{Answer, Answered, Ending, Flow};
pub use api::Ask;
pub use seen::{Carried, Contents, Meaning, Seen};

use http::{HeaderName, HeaderValue};

use self::api::Api;
use crate::catalog::Protocol;

fn api(protocol: Protocol) -> &'static dyn Api {
    match protocol {
        Protocol::OpenaiChat => &openai_chat::OpenaiChat,
        Protocol::OpenaiCompletions => &openai_completions::OpenaiCompletions,
        Protocol::OpenaiResponses => &openai_responses::OpenaiResponses,
        Protocol::OpenaiEmbeddings => &openai_embeddings::OpenaiEmbeddings,
        Protocol::AnthropicMessages => &anthropic_messages::AnthropicMessages,
        Protocol::Llamacpp => &llamacpp::Llamacpp,
        Protocol::Ollama => &ollama::Ollama::Generate,
        Protocol::OllamaChat => &ollama::Ollama::Chat,
        Protocol::Tgi => &tgi::Tgi,
        Protocol::Rerank => &rerank::Rerank::Documents,
        Protocol::TeiRerank => &rerank::Rerank::Texts,
    }
}

/// The path of a protocol's requests under the endpoint's base URL, with and without a stream.
pub fn path(protocol: Protocol, stream: bool) -> &'static str {
    api(protocol).path(stream)
}

/// The body of a request, as JSON.
pub fn body(protocol: Protocol, ask: &Ask<'_>) -> Vec<u8> {
    api(protocol).body(ask)
}

/// The content type that requests ask for.
pub fn accept(protocol: Protocol, stream: bool) -> &'static str {
    api(protocol).accept(stream)
}

/// The header that carries a key, and what stands before the key in it.
pub fn key(protocol: Protocol) -> (HeaderName, &'static str) {
    api(protocol).key()
}

/// What the protocol wants in the head of every request besides.
pub fn header(protocol: Protocol) -> Option<(HeaderName, HeaderValue)> {
    api(protocol).header()
}

/// Whether base URLs usually end with `/v1`.
pub fn is_versioned(protocol: Protocol) -> bool {
    api(protocol).is_versioned()
}

/// The path under the endpoint's base URL at which a server tells what models it has.
pub fn models_path(protocol: Protocol) -> &'static str {
    api(protocol).models().path
}

/// The names of the models in what it tells; `None` where it has no such list.
pub fn model_names(protocol: Protocol, body: &serde_json::Value) -> Option<Vec<String>> {
    api(protocol).models().names(body)
}

#[cfg(test)]
mod tests;
