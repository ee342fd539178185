//! The text of answers, for plans that keep it: a second look at each document, which all others are spared.

use super::{Dialect, json::mended};
use crate::record::Texts;

/// Appends what a document adds to the answers. Anything but text, such as reasoning or a tool call, is left out, and
/// so is a document of another shape.
pub(super) fn take(dialect: &Dialect, data: &[u8], texts: &mut Texts) {
    let mended = mended(data);
    let data = mended.as_deref().map_or(data, str::as_bytes);
    dialect.api().texts(data, &mut |index, more| append(texts, index, more));
}

fn append(texts: &mut Texts, index: u32, more: &str) {
    if let Some(text) = texts.answers.get_mut(index as usize) {
        Texts::append(text, more, &mut texts.cut);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::Protocol,
        protocol::{Answer, Ending},
        record::LONGEST_TEXT,
    };

    fn kept(protocol: Protocol, prompts: u32, content_type: &str, body: &str) -> Texts {
        let dialect = Dialect::of(protocol, None);
        let mut answer = Answer::new(&dialect, 200, Some(content_type)).to_prompts(prompts).keeping_texts();
        answer.read_at(body.as_bytes(), 10);
        answer.end(20, Ending::EndOfStream).texts.expect("texts are kept")
    }

    #[test]
    fn texts_are_those_of_the_answers() {
        let chat = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null}}]}\n\n\
            data: {\"choices\":[{\"delta\":{\"reasoning\":\"hm\"}}]}\n\n\
            data: {\"choices\":[{\"delta\":{\"content\":\"Hé\"}}]}\n\n\
            data: {\"choices\":[{\"delta\":{\"content\":\"llo\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
        assert_eq!(kept(Protocol::OpenaiChat, 1, "text/event-stream", chat).answers, ["Héllo"]);
        let whole = r#"{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}]}"#;
        assert_eq!(kept(Protocol::OpenaiChat, 1, "application/json", whole).answers, ["Hello"]);
        let several = "data: {\"choices\":[{\"index\":1,\"text\":\"b\"}]}\n\n\
            data: {\"choices\":[{\"index\":0,\"text\":\"a\"},{\"index\":1,\"text\":\"B\"}]}\n\ndata: [DONE]\n\n";
        let texts = kept(Protocol::OpenaiCompletions, 2, "text/event-stream", several);
        assert_eq!((texts.answers, texts.cut), (vec!["a".to_owned(), "bB".to_owned()], false));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = "é".repeat(LONGEST_TEXT);
        let whole = format!(r#"{{"choices":[{{"text":"a{long}","finish_reason":"stop"}}]}}"#);
        let texts = kept(Protocol::OpenaiCompletions, 1, "application/json", &whole);
        assert_eq!((texts.answers[0].len(), texts.cut), (LONGEST_TEXT - 1, true));
    }
}
