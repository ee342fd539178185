//! What a client gets: the JSON of answers, streamed and whole, with words made from the seed.

use std::fmt::Write as _;

use bytes::{Bytes, BytesMut};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::{
    draw::{Purpose, stream},
    model::RequestId,
    request::{Api, Asked},
};

/// A token each; none needs an escape in JSON.
const WORDS: [&str; 48] = [
    "the", "a", "of", "and", "to", "in", "is", "that", "for", "it", "as", "with", "on", "by", "at", "from",
    "model", "server", "token", "batch", "queue", "step", "load", "time", "rate", "first", "last", "next",
    "every", "other", "slow", "fast", "long", "short", "small", "large", "waits", "runs", "ends", "starts",
    "grows", "holds", "moves", "keeps", "then", "while", "until", "again",
];

/// Events that one allocation has room for.
const FRAMES: usize = 16;

/// The terminal event of every stream that ends well.
const DONE: &[u8] = b"data: [DONE]\n\n";

/// The answer to one request, whose tokens are written one after the other, each for one of its prompts.
#[derive(Debug)]
pub(super) struct Answer {
    api: Api,
    id: String,
    created: u64,
    model: String,
    /// Of all prompts together.
    prompt_tokens: u64,
    /// For each prompt.
    output_tokens: u32,
    include_usage: bool,
    /// The text of each prompt's answer.
    texts: Vec<Text>,
    /// The beginning that all events of a stream share, up to the list of choices.
    head: String,
    /// Frames are split off this buffer, so that many share one allocation.
    buffer: BytesMut,
}

/// Words out of the seed.
#[derive(Debug)]
struct Text {
    words: ChaCha8Rng,
    written: u32,
}

impl Text {
    /// The next word with the space before it.
    fn word(&mut self) -> (&'static str, &'static str) {
        let space = if self.written == 0 { "" } else { " " };
        self.written += 1;
        (space, WORDS[self.words.random_range(0..WORDS.len())])
    }
}

impl Answer {
    /// The answer to a request, with the number of each of its prompts; `created` is in seconds since the Unix epoch.
    pub(super) fn new(
        api: Api,
        asked: &Asked,
        default_model: &str,
        seed: u64,
        ids: impl Iterator<Item = RequestId>,
        created: u64,
    ) -> Self {
        let numbers: Vec<u64> = ids.map(|RequestId(number)| number).collect();
        let number = numbers.first().copied().unwrap_or_default();
        let (prefix, object) = match api {
            Api::Chat => ("chatcmpl", "chat.completion.chunk"),
            Api::Completions => ("cmpl", "text_completion"),
        };
        let id = format!("{prefix}-sim-{seed:x}-{number}");
        let model = asked.model.clone().unwrap_or_else(|| default_model.to_owned());
        let common = json!({ "id": id, "object": object, "created": created, "model": model }).to_string();
        Self {
            head: format!(r#"data: {},"choices":["#, common.strip_suffix('}').unwrap_or(&common)),
            api,
            id,
            created,
            model,
            prompt_tokens: asked.prompt_tokens.iter().map(|tokens| u64::from(*tokens)).sum(),
            output_tokens: asked.output_tokens,
            include_usage: asked.include_usage,
            texts: numbers
                .into_iter()
                .map(|number| Text { words: stream(seed, Purpose::Words, number), written: 0 })
                .collect(),
            buffer: BytesMut::new(),
        }
    }

    /// What a stream begins with: in a chat the event that has a role and no content.
    pub(super) fn opening(&mut self) -> Option<Bytes> {
        (self.api == Api::Chat).then(|| {
            self.event(0, &[r#""delta":{"role":"assistant","content":""},"finish_reason":null"#]);
            self.buffer.split().freeze()
        })
    }

    /// The event of the next token of a prompt's answer.
    pub(super) fn token(&mut self, index: usize) -> Bytes {
        self.write_token(index);
        self.buffer.split().freeze()
    }

    fn write_token(&mut self, index: usize) {
        let (space, word) = self.texts[index].word();
        match self.api {
            Api::Chat => {
                self.event(index, &[r#""delta":{"content":""#, space, word, r#""},"finish_reason":null"#]);
            }
            Api::Completions => {
                self.event(index, &[r#""text":""#, space, word, r#"","logprobs":null,"finish_reason":null"#]);
            }
        }
    }

    /// The last token of a prompt's answer and its finish reason.
    pub(super) fn last_token(&mut self, index: usize) -> Bytes {
        self.write_last(index);
        self.buffer.split().freeze()
    }

    /// The same for the prompt that ends last, with all that follows: the usage where it was asked for, `[DONE]`.
    pub(super) fn end(&mut self, index: usize) -> Bytes {
        self.write_last(index);
        if self.include_usage {
            let usage = format!("{}],\"usage\":{}}}\n\n", self.head, self.usage());
            self.buffer.extend_from_slice(usage.as_bytes());
        }
        self.buffer.extend_from_slice(DONE);
        self.buffer.split().freeze()
    }

    fn write_last(&mut self, index: usize) {
        self.write_token(index);
        let last = match self.api {
            Api::Chat => r#""delta":{},"finish_reason":"length""#,
            Api::Completions => r#""text":"","logprobs":null,"finish_reason":"length""#,
        };
        self.event(index, &[last]);
    }

    /// The whole answer as one object, once all its tokens came out.
    pub(super) fn into_whole(mut self) -> Value {
        let mut choices = Vec::new();
        for (index, text) in self.texts.iter_mut().enumerate() {
            let mut words = String::new();
            for _ in 0..self.output_tokens {
                let (space, word) = text.word();
                words += space;
                words += word;
            }
            choices.push(match self.api {
                Api::Chat => json!({
                    "index": index,
                    "message": { "role": "assistant", "content": words },
                    "finish_reason": "length",
                }),
                Api::Completions => {
                    json!({ "index": index, "text": words, "logprobs": null, "finish_reason": "length" })
                }
            });
        }
        let object = match self.api {
            Api::Chat => "chat.completion",
            Api::Completions => "text_completion",
        };
        json!({
            "id": self.id,
            "object": object,
            "created": self.created,
            "model": self.model,
            "choices": choices,
            "usage": self.usage(),
        })
    }

    fn usage(&self) -> Value {
        let output = u64::from(self.output_tokens) * self.texts.len() as u64;
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": output,
            "total_tokens": self.prompt_tokens + output,
        })
    }

    /// Appends an event whose only choice has this index and these pieces.
    fn event(&mut self, index: usize, choice: &[&str]) {
        const CLOSE: &str = "}]}\n\n";
        /// Room for the index of a choice and what is around it.
        const OPEN: usize = 24;
        let length = choice.iter().fold(self.head.len() + OPEN + CLOSE.len(), |sum, piece| sum + piece.len());
        if self.buffer.capacity() < length {
            self.buffer.reserve(length * FRAMES);
        }
        self.buffer.extend_from_slice(self.head.as_bytes());
        // a buffer grows as far as it has to
        let _ = write!(self.buffer, r#"{{"index":{index},"#);
        for piece in choice.iter().chain(&[CLOSE]) {
            self.buffer.extend_from_slice(piece.as_bytes());
        }
    }
}
