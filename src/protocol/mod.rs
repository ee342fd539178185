//! One file per API: request body out, timed output events in. No sockets, no clock.

mod answer;
mod envelope;
mod openai_chat;
mod openai_completions;
mod tally;

pub use answer::{Answer, Answered, Ending, Flow};

use crate::catalog::Protocol;

/// The path of a protocol's requests under the endpoint's base URL.
pub fn path(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::OpenaiChat => openai_chat::PATH,
        Protocol::OpenaiCompletions => openai_completions::PATH,
    }
}

/// The body of a request, as JSON.
pub fn body(protocol: Protocol, model: &str, stream: bool, prompt: &str, max_tokens: u32) -> Vec<u8> {
    match protocol {
        Protocol::OpenaiChat => openai_chat::body(model, stream, prompt, max_tokens),
        Protocol::OpenaiCompletions => openai_completions::body(model, stream, prompt, max_tokens),
    }
}
