//! The text of answers, for plans that want it: a second look at each document, which all others are spared.

use super::{Dialect, json::mended};
use crate::record::Text;

/// Appends what a document adds to the answers. Anything but text, such as reasoning or a tool call, is left out, and
/// so is a document of another shape.
pub(super) fn take(dialect: &Dialect, data: &[u8], answers: &mut [Text]) {
    let mended = mended(data);
    let data = mended.as_deref().map_or(data, str::as_bytes);
    dialect.api().texts(data, &mut |index, more| {
        if let Some(text) = answers.get_mut(index as usize) {
            text.append(more);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::Protocol,
        config::LONGEST_TEXT,
        protocol::{Answer, Ending},
    };

    fn kept(protocol: Protocol, prompts: u32, content_type: &str, body: &str) -> Vec<Text> {
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
        assert_eq!(kept(Protocol::OpenaiChat, 1, "text/event-stream", chat), [Text::of("Héllo")]);
        let whole = r#"{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}]}"#;
        assert_eq!(kept(Protocol::OpenaiChat, 1, "application/json", whole), [Text::of("Hello")]);
        let several = "data: {\"choices\":[{\"index\":1,\"text\":\"b\"}]}\n\n\
            data: {\"choices\":[{\"index\":0,\"text\":\"a\"},{\"index\":1,\"text\":\"B\"}]}\n\ndata: [DONE]\n\n";
        let texts = kept(Protocol::OpenaiCompletions, 2, "text/event-stream", several);
        assert_eq!(texts, [Text::of("a"), Text::of("bB")]);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = "é".repeat(LONGEST_TEXT);
        let whole = format!(r#"{{"choices":[{{"text":"a{long}","finish_reason":"stop"}}]}}"#);
        let texts = kept(Protocol::OpenaiCompletions, 1, "application/json", &whole);
        assert_eq!((texts[0].text.len(), texts[0].cut), (LONGEST_TEXT - 1, true));
    }
    #[test]
    fn what_was_cut_does_not_grow_behind_the_cut() {
        let mut text = Text::of(&"x".repeat(LONGEST_TEXT - 1));
        assert!(!text.cut);
        text.append("é");
        text.append("y");
        assert_eq!((text.text.len(), text.cut), (LONGEST_TEXT - 1, true));
    }
}
