//! What a client gets: the JSON of answers, streamed and whole, with words made from the seed.

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

/// The answer to one request, whose tokens are written one after the other.
#[derive(Debug)]
pub(super) struct Answer {
    api: Api,
    id: String,
    created: u64,
    model: String,
    prompt_tokens: u32,
    output_tokens: u32,
    include_usage: bool,
    words: ChaCha8Rng,
    written: u32,
    /// The beginning that all events of a stream share, up to the list of choices.
    head: String,
    /// Frames are split off this buffer, so that many share one allocation.
    buffer: BytesMut,
}

impl Answer {
    /// The answer to request `id`; `created` is in seconds since the Unix epoch.
    pub(super) fn new(
        api: Api,
        asked: &Asked,
        default_model: &str,
        seed: u64,
        id: RequestId,
        created: u64,
    ) -> Self {
        let RequestId(number) = id;
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
            prompt_tokens: asked.prompt_tokens,
            output_tokens: asked.output_tokens,
            include_usage: asked.include_usage,
            words: stream(seed, Purpose::Words, number),
            written: 0,
            buffer: BytesMut::new(),
        }
    }

    /// What a stream begins with: in a chat the event that has a role and no content.
    pub(super) fn opening(&mut self) -> Option<Bytes> {
        (self.api == Api::Chat).then(|| {
            self.event(&[r#""delta":{"role":"assistant","content":""},"finish_reason":null"#]);
            self.buffer.split().freeze()
        })
    }

    /// The event of the next token.
    pub(super) fn token(&mut self) -> Bytes {
        self.write_token();
        self.buffer.split().freeze()
    }

    fn write_token(&mut self) {
        let (space, word) = self.word();
        match self.api {
            Api::Chat => self.event(&[r#""delta":{"content":""#, space, word, r#""},"finish_reason":null"#]),
            Api::Completions => {
                self.event(&[r#""text":""#, space, word, r#"","logprobs":null,"finish_reason":null"#]);
            }
        }
    }

    /// The last token and all that follows it: the finish reason, the usage where it was asked for, `[DONE]`.
    pub(super) fn last_token(&mut self) -> Bytes {
        self.write_token();
        self.event(match self.api {
            Api::Chat => &[r#""delta":{},"finish_reason":"length""#],
            Api::Completions => &[r#""text":"","logprobs":null,"finish_reason":"length""#],
        });
        if self.include_usage {
            let usage = format!("{}],\"usage\":{}}}\n\n", self.head, self.usage());
            self.buffer.extend_from_slice(usage.as_bytes());
        }
        self.buffer.extend_from_slice(DONE);
        self.buffer.split().freeze()
    }

    /// The whole answer as one object, once all its tokens came out.
    pub(super) fn into_whole(mut self) -> Value {
        let mut text = String::new();
        for _ in 0..self.output_tokens {
            let (space, word) = self.word();
            text += space;
            text += word;
        }
        let (object, choice) = match self.api {
            Api::Chat => (
                "chat.completion",
                json!({
                    "index": 0,
                    "message": { "role": "assistant", "content": text },
                    "finish_reason": "length",
                }),
            ),
            Api::Completions => (
                "text_completion",
                json!({ "index": 0, "text": text, "logprobs": null, "finish_reason": "length" }),
            ),
        };
        json!({
            "id": self.id,
            "object": object,
            "created": self.created,
            "model": self.model,
            "choices": [choice],
            "usage": self.usage(),
        })
    }

    fn usage(&self) -> Value {
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.output_tokens,
            "total_tokens": u64::from(self.prompt_tokens) + u64::from(self.output_tokens),
        })
    }

    /// The next word with the space before it.
    fn word(&mut self) -> (&'static str, &'static str) {
        let space = if self.written == 0 { "" } else { " " };
        self.written += 1;
        (space, WORDS[self.words.random_range(0..WORDS.len())])
    }

    /// Appends an event whose only choice has these pieces.
    fn event(&mut self, choice: &[&str]) {
        const OPEN: &str = r#"{"index":0,"#;
        const CLOSE: &str = "}]}\n\n";
        let length =
            choice.iter().fold(self.head.len() + OPEN.len() + CLOSE.len(), |sum, piece| sum + piece.len());
        if self.buffer.capacity() < length {
            self.buffer.reserve(length * FRAMES);
        }
        for piece in [self.head.as_str(), OPEN].iter().chain(choice).chain(&[CLOSE]) {
            self.buffer.extend_from_slice(piece.as_bytes());
        }
    }
}
