//! JSON of answers, read without building a tree: of a document only what it means is kept, never its text.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

/// Reads a document.
///
/// # Errors
///
/// When it is not JSON, or not of this shape.
pub(super) fn parse<T: DeserializeOwned>(data: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(data).or_else(|error| match mended(data) {
        Some(text) => serde_json::from_str(&text),
        None => Err(error),
    })
}

/// Text with replacements for half characters; `None` where it has none. Servers do cut characters in two between
/// tokens: in UTF-8, as an event stream is decoded, and between the escapes of a surrogate pair, which JSON allows
/// (RFC 8259, section 8.2).
pub(super) fn mended(data: &[u8]) -> Option<String> {
    const ESCAPE: usize = r"\u0000".len();
    let text = String::from_utf8_lossy(data);
    let unit = |at: usize| {
        let digits = text.get(at..at + ESCAPE)?.strip_prefix(r"\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let is = |at: usize, half: std::ops::Range<u16>| unit(at).is_some_and(|unit| half.contains(&unit));
    let (high, low) = (0xd800..0xdc00, 0xdc00..0xe000);
    let mut mended = String::new();
    let mut kept = 0;
    let mut at = 0;
    while let Some(escape) = memchr::memchr(b'\\', &text.as_bytes()[at..]) {
        let start = at + escape;
        at = if is(start, high.clone()) && is(start + ESCAPE, low.clone()) {
            start + 2 * ESCAPE
        } else if is(start, high.start..low.end) {
            mended.push_str(&text[kept..start]);
            mended.push('\u{fffd}');
            kept = start + ESCAPE;
            kept
        } else {
            // the escaped character may itself be a backslash
            text.len().min(start + 2)
        };
    }
    mended.push_str(&text[kept..]);
    (mended.as_bytes() != data).then_some(mended)
}

/// Whether a value holds anything: `null`, `""`, `[]`, `{}` and `false` do not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Carries {
    /// Absent, or empty.
    #[default]
    Nothing,
    /// `null`.
    Null,
    /// Anything else.
    Something,
}

impl Carries {
    /// Whether it holds anything.
    pub(super) fn any(self) -> bool {
        self == Self::Something
    }
}

impl From<bool> for Carries {
    fn from(any: bool) -> Self {
        if any { Self::Something } else { Self::Nothing }
    }
}

impl<'de> Deserialize<'de> for Carries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Look;

        impl<'de> Visitor<'de> for Look {
            type Value = Carries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_unit<E: Error>(self) -> Result<Carries, E> {
                Ok(Carries::Null)
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Carries, E> {
                Ok(value.into())
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Carries, E> {
                Ok(Carries::Something)
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Carries, E> {
                Ok(Carries::Something)
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Carries, E> {
                Ok(Carries::Something)
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Carries, E> {
                Ok((!value.is_empty()).into())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Carries, A::Error> {
                let mut any = false;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    any = true;
                }
                Ok(any.into())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Carries, A::Error> {
                let mut any = false;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    any = true;
                }
                Ok(any.into())
            }
        }

        deserializer.deserialize_any(Look)
    }
}

/// Characters of a server's message that are kept.
const MESSAGE: usize = 300;

/// What a server says went wrong, from `{"error": {"message": …}}`, there or under `response`, `{"error": …}`, `{"detail": …}`,
/// `{"message": …}`, or else the text as it is. At most 300 characters, on one line; empty for nothing.
pub(super) fn error_message(body: &[u8]) -> String {
    // a refusal may come as an event stream
    let body = body.strip_prefix(b"data:").unwrap_or(body);
    let told = serde_json::from_slice(body).ok().and_then(|body: Value| {
        let error = body.get("error").or_else(|| body.pointer("/response/error"));
        let told = match error.filter(|error| !error.is_null()) {
            Some(error) => error.get("message").unwrap_or(error),
            None => body.get("detail").or_else(|| body.get("message"))?,
        };
        Some(told.as_str().map_or_else(|| told.to_string(), str::to_owned))
    });
    let text = told.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    match line.char_indices().nth(MESSAGE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
