//! One file per API: request body out, timed output events in. No sockets, no clock.

mod answer;
mod arrivals;
mod envelope;
mod openai_chat;
mod openai_completions;
mod seen;
mod several;
mod tally;
mod texts;
mod usual;

pub use answer::{Answer, Answered, Ending, Flow};
pub use seen::{Carried, Contents, Meaning, Seen};

use crate::catalog::Protocol;

/// The path of a protocol's requests under the endpoint's base URL.
pub fn path(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::OpenaiChat => openai_chat::PATH,
        Protocol::OpenaiCompletions => openai_completions::PATH,
    }
}

/// The body of a request, as JSON. `prompts` are one, or several where the protocol [takes
/// them](Protocol::batches); `max_tokens` is for each.
pub fn body(protocol: Protocol, model: &str, stream: bool, prompts: &[&str], max_tokens: u32) -> Vec<u8> {
    match protocol {
        Protocol::OpenaiChat => openai_chat::body(model, stream, prompts, max_tokens),
        Protocol::OpenaiCompletions => openai_completions::body(model, stream, prompts, max_tokens),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_these_bytes() {
        for (protocol, stream, expected) in [
            (
                Protocol::OpenaiChat,
                true,
                r#"{"model":"m","messages":[{"role":"user","content":"say \"hé\""}],"max_tokens":16,"stream":true,"stream_options":{"include_usage":true}}"#,
            ),
            (
                Protocol::OpenaiChat,
                false,
                r#"{"model":"m","messages":[{"role":"user","content":"say \"hé\""}],"max_tokens":16,"stream":false}"#,
            ),
            (
                Protocol::OpenaiCompletions,
                true,
                r#"{"model":"m","prompt":"say \"hé\"","max_tokens":16,"stream":true,"stream_options":{"include_usage":true}}"#,
            ),
            (
                Protocol::OpenaiCompletions,
                false,
                r#"{"model":"m","prompt":"say \"hé\"","max_tokens":16,"stream":false}"#,
            ),
        ] {
            let body = body(protocol, "m", stream, &["say \"hé\""], 16);
            assert_eq!(String::from_utf8_lossy(&body), expected);
        }
        let body = body(Protocol::OpenaiCompletions, "m", true, &["one", "\"two\""], 16);
        assert_eq!(
            String::from_utf8_lossy(&body),
            r#"{"model":"m","prompt":["one","\"two\""],"max_tokens":16,"stream":true,"stream_options":{"include_usage":true}}"#
        );
        assert_eq!(path(Protocol::OpenaiChat), "/chat/completions");
        assert_eq!(path(Protocol::OpenaiCompletions), "/completions");
    }
}
