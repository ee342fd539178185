//! The protocols that exist.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An API that an endpoint speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// `POST {url}/chat/completions`.
    OpenaiChat,
    /// `POST {url}/completions`.
    OpenaiCompletions,
    /// `POST {url}/responses`.
    OpenaiResponses,
    /// `POST {url}/embeddings`: whole answers, with vectors and no output tokens.
    OpenaiEmbeddings,
    /// `POST {url}/messages`.
    AnthropicMessages,
    /// `POST {url}/completion`, llama.cpp's own.
    Llamacpp,
    /// `POST {url}/api/generate`, Ollama's own.
    Ollama,
    /// `POST {url}/api/chat`, Ollama's own.
    OllamaChat,
    /// `POST {url}/generate_stream`, or `/generate` without a stream: Text Generation Inference's own.
    Tgi,
    /// `POST {url}/rerank` with `documents`: whole answers, with scores and no output tokens.
    Rerank,
    /// `POST {url}/rerank` with `texts`, Text Embeddings Inference's own.
    TeiRerank,
    /// Any API of JSON, as `[endpoints.NAME.http]` describes it.
    Http,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 12] = [
        Self::OpenaiChat,
        Self::OpenaiCompletions,
        Self::OpenaiResponses,
        Self::OpenaiEmbeddings,
        Self::AnthropicMessages,
        Self::Llamacpp,
        Self::Ollama,
        Self::OllamaChat,
        Self::Tgi,
        Self::Rerank,
        Self::TeiRerank,
        Self::Http,
    ];

    /// The name in TOML and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenaiChat => "openai_chat",
            Self::OpenaiCompletions => "openai_completions",
            Self::OpenaiResponses => "openai_responses",
            Self::OpenaiEmbeddings => "openai_embeddings",
            Self::AnthropicMessages => "anthropic_messages",
            Self::Llamacpp => "llamacpp",
            Self::Ollama => "ollama",
            Self::OllamaChat => "ollama_chat",
            Self::Tgi => "tgi",
            Self::Rerank => "rerank",
            Self::TeiRerank => "tei_rerank",
            Self::Http => "http",
        }
    }

    /// Whether one request can carry several prompts.
    pub fn batches(self) -> bool {
        self == Self::OpenaiCompletions || !self.generates()
    }

    /// Whether a model writes its answers, token by token. Others come whole, and have no output tokens.
    pub fn generates(self) -> bool {
        !matches!(self, Self::OpenaiEmbeddings | Self::Rerank | Self::TeiRerank)
    }

    /// Whether a request can carry what was said before.
    pub fn converses(self) -> bool {
        matches!(self, Self::OpenaiChat | Self::OpenaiResponses | Self::AnthropicMessages | Self::OllamaChat)
    }

    /// The fields of a request's body that it sets itself, with dots between the names of fields within fields.
    pub fn own_fields(self) -> &'static [&'static str] {
        match self {
            Self::OpenaiChat => {
                &["model", "messages", "max_tokens", "stream", "stream_options.include_usage"]
            }
            Self::OpenaiCompletions => {
                &["model", "prompt", "max_tokens", "stream", "stream_options.include_usage"]
            }
            Self::OpenaiResponses => &["model", "input", "max_output_tokens", "stream"],
            Self::OpenaiEmbeddings => &["model", "input", "encoding_format"],
            Self::AnthropicMessages => &["model", "max_tokens", "messages", "stream"],
            Self::Llamacpp => &["model", "prompt", "n_predict", "stream"],
            Self::Ollama => &["model", "prompt", "stream", "options.num_predict"],
            Self::OllamaChat => &["model", "messages", "stream", "options.num_predict"],
            Self::Rerank => &["model", "query", "documents"],
            Self::TeiRerank => &["query", "texts", "truncate"],
            Self::Http => &[],
            Self::Tgi => &["inputs", "parameters.max_new_tokens", "parameters.details"],
        }
    }

    /// Whether the scenario has to describe it, since it has no shape of its own.
    pub fn is_described(self) -> bool {
        self == Self::Http
    }

    /// Whether simulated servers speak it.
    pub fn is_simulated(self) -> bool {
        matches!(self, Self::OpenaiChat | Self::OpenaiCompletions)
    }
}
