//! `POST {url}/embeddings`: vectors, whole and at once.

use serde::{Deserialize, Serialize};

use super::{
    api::{Api, Ask, json},
    json::{Carries, error_message, parse},
    openai::Counts,
    openai_completions::Prompts,
    said::{Part, Said},
};

/// The API.
pub(super) struct OpenaiEmbeddings;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: Prompts<'a>,
    encoding_format: &'a str,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    data: Vec<Vector>,
    #[serde(default)]
    usage: Option<Counts>,
    #[serde(default)]
    error: Carries,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Vector {
    index: u32,
    embedding: Carries,
}

impl Api for OpenaiEmbeddings {
    fn path(&self, _: bool) -> &'static str {
        "/embeddings"
    }

    fn body(&self, ask: &Ask<'_>) -> Vec<u8> {
        json(&Body { model: ask.model, input: Prompts::of(ask), encoding_format: "float" }, ask)
    }

    fn read(&self, data: &[u8]) -> Result<Said, serde_json::Error> {
        let document: Document = parse(data)?;
        if document.error.any() {
            return Ok(Said::error(error_message(data)));
        }
        let mut said = Said { usage: document.usage.map(Into::into), ends: true, ..Said::default() };
        for Vector { index, embedding } in document.data {
            said.contents.result |= embedding.any();
            said.parts.push(Part { index, output: embedding.any(), finished: true });
        }
        Ok(said)
    }
}
