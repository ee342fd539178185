//! What is spoken to one endpoint.

use std::{fmt, sync::Arc};

use http::{HeaderName, HeaderValue};
use serde_json::Value;

use super::{
    anthropic_messages::AnthropicMessages,
    api::{Api, Ask},
    http::Http,
    llamacpp::Llamacpp,
    ollama::Ollama,
    openai_chat::OpenaiChat,
    openai_completions::OpenaiCompletions,
    openai_embeddings::OpenaiEmbeddings,
    openai_responses::OpenaiResponses,
    rerank::Rerank,
    tgi::Tgi,
};
use crate::{catalog::Protocol, config::HttpApi};

/// A protocol as one endpoint has it.
#[derive(Clone)]
pub struct Dialect(Spoken);

#[derive(Clone)]
enum Spoken {
    /// An API that is the same everywhere.
    Known(&'static dyn Api),
    /// An API that the scenario describes.
    Own(Arc<Http>),
}

impl fmt::Debug for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Dialect").field(&self.path(true)).finish()
    }
}

impl Dialect {
    /// What a protocol is. `http` describes an API of one's own, which no other protocol than [`Protocol::Http`] has.
    pub fn of(protocol: Protocol, http: Option<&HttpApi>) -> Self {
        let known: &'static dyn Api = match protocol {
            Protocol::OpenaiChat => &OpenaiChat,
            Protocol::OpenaiCompletions => &OpenaiCompletions,
            Protocol::OpenaiResponses => &OpenaiResponses,
            Protocol::OpenaiEmbeddings => &OpenaiEmbeddings,
            Protocol::AnthropicMessages => &AnthropicMessages,
            Protocol::Llamacpp => &Llamacpp,
            Protocol::Ollama => &Ollama::Generate,
            Protocol::OllamaChat => &Ollama::Chat,
            Protocol::Tgi => &Tgi,
            Protocol::Rerank => &Rerank::Documents,
            Protocol::TeiRerank => &Rerank::Texts,
            Protocol::Http => {
                let nothing = HttpApi::default();
                return Self(Spoken::Own(Arc::new(Http::of(http.unwrap_or(&nothing)))));
            }
        };
        Self(Spoken::Known(known))
    }

    pub(super) fn api(&self) -> &dyn Api {
        match &self.0 {
            Spoken::Known(api) => *api,
            Spoken::Own(api) => api.as_ref(),
        }
    }

    /// The path of requests under the endpoint's base URL, with and without a stream.
    pub fn path(&self, stream: bool) -> &str {
        self.api().path(stream)
    }

    /// The body of a request, as JSON.
    pub fn body(&self, ask: &Ask<'_>) -> Vec<u8> {
        self.api().body(ask)
    }

    /// The content type that requests ask for.
    pub fn accept(&self, stream: bool) -> &'static str {
        self.api().accept(stream)
    }

    /// The header that carries a key, and what stands before the key in it.
    pub fn key(&self) -> (HeaderName, &'static str) {
        self.api().key()
    }

    /// What the protocol wants in the head of every request besides.
    pub fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        self.api().header()
    }

    /// Whether base URLs usually end with `/v1`.
    pub fn is_versioned(&self) -> bool {
        self.api().is_versioned()
    }

    /// The path under the endpoint's base URL at which a server tells what models it has; `None` where nothing is known of one.
    pub fn models_path(&self) -> Option<&'static str> {
        self.api().models().map(|models| models.path)
    }

    /// The names of the models in what it tells; `None` where it has no such list.
    pub fn model_names(&self, body: &Value) -> Option<Vec<String>> {
        self.api().models()?.names(body)
    }
}
