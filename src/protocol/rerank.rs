//! `POST {url}/rerank`: how well documents answer a query. As Cohere, Jina, vLLM and llama.cpp have it, and as Text Embeddings
//! Inference does.

use serde::{Deserialize, Serialize};

use super::{
    api::{Api, Ask, Models, json},
    json::{Carries, error_message, parse},
    said::{Part, Said, Usage},
};

/// The API, in one of its two shapes.
pub(super) enum Rerank {
    /// `documents` in, `results` out.
    Documents,
    /// Text Embeddings Inference: `texts` in, a list out.
    Texts,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    query: String,
    documents: &'a [&'a str],
}

#[derive(Serialize)]
struct TeiBody<'a> {
    query: String,
    texts: &'a [&'a str],
    /// Prompts that are too long are cut rather than refused.
    truncate: bool,
}

/// Words of a query.
const WORDS: usize = 12;

/// The query of a request, whose prompts are the documents: it begins as the first of them does, so that it is another one for
/// each request, and one of the documents answers it.
fn query(ask: &Ask<'_>) -> String {
    let words: Vec<&str> = ask.prompt().split_whitespace().take(WORDS).collect();
    words.join(" ")
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    /// Text Embeddings Inference.
    Scores(Vec<Score>),
    Document(Document),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Document {
    results: Option<Vec<Score>>,
    usage: Option<Counts>,
    error: Carries,
    /// What Cohere says in place of `error`.
    message: Carries,
}

#[derive(Deserialize)]
struct Score {
    index: u32,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Counts {
    prompt_tokens: Option<u64>,
    total_tokens: Option<u64>,
}

impl Api for Rerank {
    fn path(&self, _: bool) -> &'static str {
        "/rerank"
    }

    fn body(&self, ask: &Ask<'_>) -> Vec<u8> {
        let query = query(ask);
        match self {
            Self::Documents => json(&Body { model: ask.model, query, documents: ask.prompts }, ask),
            Self::Texts => json(&TeiBody { query, texts: ask.prompts, truncate: true }, ask),
        }
    }

    fn models(&self) -> Option<Models> {
        Some(match self {
            Self::Documents => Models::OPENAI,
            Self::Texts => Models::OF_HUGGING_FACE,
        })
    }

    fn is_versioned(&self) -> bool {
        matches!(self, Self::Documents)
    }

    fn read(&self, data: &[u8]) -> Result<Said, serde_json::Error> {
        let (scores, counts) = match parse(data)? {
            Answer::Scores(scores) => (scores, Counts::default()),
            Answer::Document(Document { results, error, message, .. })
                if error.any() || (message.any() && results.is_none()) =>
            {
                return Ok(Said::error(error_message(data)));
            }
            Answer::Document(Document { results, usage, .. }) => {
                (results.unwrap_or_default(), usage.unwrap_or_default())
            }
        };
        // nothing is written, so that all tokens are those that were read
        let input = counts.prompt_tokens.or(counts.total_tokens);
        let usage = input.map(|input| Usage { input: Some(input), ..Usage::default() });
        let mut said = Said { usage, ends: true, ..Said::default() };
        said.contents.result = !scores.is_empty();
        for Score { index } in scores {
            said.parts.push(Part { index, output: true, finished: true });
        }
        Ok(said)
    }
}
