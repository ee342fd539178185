//! The usual chunk of a stream: text, and around it the same JSON as in the chunk before.
//!
//! Nearly every event of an answer differs from the one before it in its text alone. So a chunk is read in full once, and
//! as long as those behind it have the same bytes around a text that needs no decoding, they mean the same.

use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;

/// A chunk with text and nothing else of note, without its text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Usual {
    before: Part,
    after: Part,
}

/// Bytes, known by how many they are and by their hash: others of that length are taken for them once in 2⁶⁴ times.
///
/// The bytes themselves would have to be fetched for every chunk, for thousands of streams from beyond the caches, where
/// those of the chunk were just written.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    bytes: usize,
    hash: u64,
}

impl Part {
    fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len(), hash: FixedState::with_seed(0).hash_one(bytes) }
    }
}

/// What is known of the usual chunk of an answer.
#[derive(Debug, Default)]
pub(super) struct Habit {
    usual: Option<Usual>,
    /// Chunks in a row that were like it.
    kept: u32,
    /// How often it was learnt in vain: hardly a chunk was like it.
    vain: u32,
}

/// Learning costs as much as reading twice: it has paid off after so many chunks.
const WORTH: u32 = 4;

/// An answer whose chunks all differ elsewhere than in their text is not learnt for ever.
const MOST_VAIN: u32 = 4;

impl Habit {
    /// Whether a chunk is one with text and nothing else of note.
    pub(super) fn knows(&mut self, chunk: &[u8]) -> bool {
        let known = self.usual.as_ref().is_some_and(|usual| usual.is(chunk));
        self.kept = if known { self.kept.saturating_add(1) } else { self.kept };
        known
    }

    /// Learns from a chunk that carries text under this key, and nothing else of note. `carries_nothing` reads another one
    /// in full and says whether it carries nothing of note, not even text.
    pub(super) fn learn(&mut self, chunk: &[u8], key: &str, carries_nothing: impl FnOnce(&[u8]) -> bool) {
        if self.vain >= MOST_VAIN {
            return;
        }
        let usual = Usual::of(chunk, key, carries_nothing);
        if usual.is_some() && usual == self.usual {
            // it was the text that had to be read in full
            return;
        }
        let in_vain = usual.is_none() || self.usual.is_some() && self.kept < WORTH;
        self.vain += u32::from(in_vain);
        (self.usual, self.kept) = (usual, 0);
    }
}

impl Usual {
    /// The text is that whose absence takes the meaning away: wherever else in the chunk the key may stand, the rest of it
    /// does not carry anything.
    fn of(chunk: &[u8], key: &str, carries_nothing: impl FnOnce(&[u8]) -> bool) -> Option<Self> {
        let quoted = format!("\"{key}\"");
        let mut places = memchr::memmem::find_iter(chunk, &quoted).map(|place| place + quoted.len());
        let (start, end) = places.find_map(|behind| text_of(chunk, behind))?;
        let mut empty = chunk[..start].to_vec();
        empty.extend_from_slice(&chunk[end..]);
        carries_nothing(&empty)
            .then(|| Self { before: Part::of(&chunk[..start]), after: Part::of(&chunk[end..]) })
    }

    fn is(&self, chunk: &[u8]) -> bool {
        let Self { before, after } = self;
        let end = chunk.len().wrapping_sub(after.bytes);
        // with a text in between
        if before.bytes >= end || end > chunk.len() {
            return false;
        }
        let text = &chunk[before.bytes..end];
        is_plain(text) && Part::of(&chunk[..before.bytes]) == *before && Part::of(&chunk[end..]) == *after
    }
}

/// Where the text behind a key begins and ends, without its quotes; `None` where what is behind is none.
fn text_of(chunk: &[u8], behind: usize) -> Option<(usize, usize)> {
    let colon = behind + space(&chunk[behind..]);
    if chunk.get(colon) != Some(&b':') {
        return None;
    }
    let quote = colon + 1 + space(&chunk[colon + 1..]);
    if chunk.get(quote) != Some(&b'"') {
        return None;
    }
    let start = quote + 1;
    Some((start, start + end_of_text(&chunk[start..])?))
}

/// White space of JSON at the start.
fn space(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
}

/// Where a text ends: its closing quote, which no backslash is before.
fn end_of_text(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// Whether these bytes between two quotes are a text of JSON, of those that can be told without decoding: what has a
/// number for a character is left to the full reading, as is what is no UTF-8.
fn is_plain(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(special) = rest.iter().position(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\')) {
        match &rest[special..] {
            [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', behind @ ..] => rest = behind,
            _ => return false,
        }
    }
    std::str::from_utf8(text).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHUNK: &str = r#"{"id":"c-1","model":"content","choices":[{"index":0,"delta":{"content":"Hé \"you\""},"finish_reason":null}]}"#;

    fn with(text: &str) -> String {
        CHUNK.replace(r#"Hé \"you\""#, text)
    }

    fn habit() -> Habit {
        let mut habit = Habit::default();
        habit.learn(CHUNK.as_bytes(), "content", |empty| empty == with("").as_bytes());
        habit
    }

    #[test]
    fn chunks_that_differ_in_their_text_alone_are_known() {
        let mut habit = habit();
        for (chunk, known) in [
            (CHUNK.to_owned(), true),
            (with(" world"), true),
            (with(r"\n\t\\ \/"), true),
            (with("日本"), true),
            (with(""), false),
            (with(r#"a","x":"b"#), false),
            (with(r"\u0041"), false),
            (with(r"\x"), false),
            (with("\\"), false),
            (with("a\nb"), false),
            (with("a").replace("null", "\"stop\""), false),
            (with("a").replace("c-1", "c-2"), false),
            (with("a") + " ", false),
            (with("a").replace('}', ""), false),
            (String::new(), false),
            // the end of what stands before and the start of what stands behind are not the same bytes twice
            (with("").replacen("\"\"", "\"", 1), false),
        ] {
            assert_eq!(habit.knows(chunk.as_bytes()), known, "{chunk}");
        }
        assert!(!habit.knows(&with("a").replace('a', "\u{1}").into_bytes()));
        let half = with("X").into_bytes().into_iter().map(|byte| if byte == b'X' { 0xc3 } else { byte });
        assert!(!habit.knows(&half.collect::<Vec<_>>()));
    }

    #[test]
    fn the_text_is_found_where_its_absence_takes_the_meaning_away() {
        for (chunk, empty) in [
            (r#"{"content" : "a"}"#, Some(r#"{"content" : ""}"#)),
            (r#"{"content":"a\\"}"#, Some(r#"{"content":""}"#)),
            (r#"{"content":"a\"}"#, None),
            (r#"{"content":1}"#, None),
            (r#"{"content""#, None),
            (r#"{"content":"#, None),
            (r#"{"text":"a"}"#, None),
        ] {
            let mut asked = None;
            let usual = Usual::of(chunk.as_bytes(), "content", |empty| {
                asked = Some(String::from_utf8(empty.to_vec()).expect("text"));
                true
            });
            assert_eq!((asked.as_deref(), usual.is_some()), (empty, empty.is_some()), "{chunk}");
            assert_eq!(Usual::of(chunk.as_bytes(), "content", |_| false), None);
        }
    }

    #[test]
    fn an_answer_without_a_habit_is_not_learnt_for_ever() {
        let mut habit = Habit::default();
        let mut asked = 0;
        for n in 0..100 {
            let chunk = CHUNK.replace("c-1", &format!("c-{n}"));
            assert!(!habit.knows(chunk.as_bytes()));
            habit.learn(chunk.as_bytes(), "content", |_| {
                asked += 1;
                true
            });
        }
        assert_eq!(asked, 5);
        // a text that has to be decoded is no other habit
        let mut habit = self::habit();
        for _ in 0..100 {
            let chunk = with(r"\u00e9");
            assert!(!habit.knows(chunk.as_bytes()));
            habit.learn(chunk.as_bytes(), "content", |_| true);
        }
        assert!(habit.knows(CHUNK.as_bytes()));
        // one that changes now and then is learnt each time
        let mut habit = Habit::default();
        for n in 0..100 {
            let chunk = CHUNK.replace("c-1", &format!("c-{n}"));
            habit.learn(chunk.as_bytes(), "content", |_| true);
            assert!((0..10).all(|_| habit.knows(chunk.as_bytes())), "{n}");
        }
    }

    proptest! {
        #[test]
        fn what_is_plain_is_a_text_of_json(text in r#"[a-z"\\nu0é/\x01-\x1f]{0,12}"#) {
            let read = serde_json::from_str::<String>(&format!("\"{text}\""));
            prop_assert!(!is_plain(text.as_bytes()) || read.is_ok(), "{text:?}");
            // and nearly all of those are
            let decoded = text.contains("\\u");
            prop_assert!(is_plain(text.as_bytes()) || read.is_err() || decoded, "{text:?}");
        }
    }
}
