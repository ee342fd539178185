//! One file per API: request body out, timed output events in. No sockets, no clock.

mod answer;
mod anthropic_messages;
mod api;
mod arrivals;
mod dialect;
mod http;
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
pub use api::{Ask, Turn};
pub use dialect::Dialect;
pub use seen::{Carried, Contents, Meaning, Seen};

#[cfg(test)]
mod tests;
