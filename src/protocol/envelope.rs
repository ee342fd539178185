//! The JSON around every OpenAI-style answer, read without building a tree: of a chunk only what it means is kept,
//! never its text.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

use super::seen::Contents;

/// One choice of an answer, whole or a delta of it.
pub(super) trait Choice: DeserializeOwned {
    /// The key that its text stands under.
    const TEXT: &'static str;
    /// Which prompt of the request it answers, from 0.
    fn index(&self) -> u32 {
        0
    }
    /// What it carries.
    fn contents(&self) -> Contents;
    /// Why the model stopped, on the choice's last chunk.
    fn finish_reason(self) -> Option<String>;
}

/// What one JSON document of an answer says: a chunk of a stream, or the whole.
#[derive(Debug, Deserialize)]
#[serde(bound = "C: Choice")]
pub(super) struct Document<C> {
    /// All choices together.
    #[serde(default)]
    pub(super) choices: Choices<C>,
    /// Token counts so far, or at the end.
    #[serde(default)]
    pub(super) usage: Option<Usage>,
    /// llama.cpp's own timings, on its last chunk.
    #[serde(default)]
    pub(super) timings: Option<Value>,
    #[serde(default)]
    error: Carries,
    #[serde(default)]
    object: ErrorObject,
}

impl<C> Document<C> {
    /// Whether choices carry nothing but this, and the document nothing besides.
    pub(super) fn is_just(&self, contents: Contents) -> bool {
        // the role of the turn goes for nothing
        Contents { role: false, ..self.choices.contents } == contents
            && self.choices.finish_reason.is_none()
            && self.usage.is_none()
            && self.timings.is_none()
            && !self.is_error()
    }

    /// Whether it is an error: `{"error": …}`, or `{"object": "error", …}` as older servers have it.
    pub(super) fn is_error(&self) -> bool {
        self.error.any() || self.object.0
    }
}

/// Reads a document.
///
/// # Errors
///
/// When it is not JSON, or not of this shape.
pub(super) fn parse<C: Choice>(data: &[u8]) -> Result<Document<C>, serde_json::Error> {
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

/// What a choice brings to the answer of one prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// Which prompt it answers, from 0.
    pub(super) index: u32,
    /// Whether it has output.
    pub(super) output: bool,
    /// Whether the model stopped.
    pub(super) finished: bool,
}

/// The choices of a document, folded into what they mean together.
#[derive(Debug)]
pub(super) struct Choices<C> {
    /// The first of them, which in nearly all documents is the only one.
    first: Option<Part>,
    others: Vec<Part>,
    /// What any of them carries.
    pub(super) contents: Contents,
    /// The last finish reason among them.
    pub(super) finish_reason: Option<String>,
    of: PhantomData<C>,
}

impl<C> Choices<C> {
    /// What each of them brings.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Part> {
        self.first.iter().chain(&self.others)
    }
}

impl<C> Default for Choices<C> {
    fn default() -> Self {
        Self {
            first: None,
            others: Vec::new(),
            contents: Contents::default(),
            finish_reason: None,
            of: PhantomData,
        }
    }
}

impl<'de, C: Choice> Deserialize<'de> for Choices<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fold<C>(PhantomData<C>);

        impl<'de, C: Choice> Visitor<'de> for Fold<C> {
            type Value = Choices<C>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of choices or null")
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Choices::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut choices = Choices::default();
                while let Some(choice) = list.next_element::<C>()? {
                    let (index, contents) = (choice.index(), choice.contents());
                    choices.contents |= contents;
                    // an empty reason is how some servers write "not yet"
                    let reason = choice.finish_reason().filter(|reason| !reason.is_empty());
                    let part = Part { index, output: contents.output(), finished: reason.is_some() };
                    if choices.first.is_none() {
                        choices.first = Some(part);
                    } else {
                        choices.others.push(part);
                    }
                    if reason.is_some() {
                        choices.finish_reason = reason;
                    }
                }
                Ok(choices)
            }
        }

        deserializer.deserialize_any(Fold(PhantomData))
    }
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

/// Whether `object` is `"error"`.
#[derive(Debug, Clone, Copy, Default)]
struct ErrorObject(bool);

impl<'de> Deserialize<'de> for ErrorObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Look;

        impl Visitor<'_> for Look {
            type Value = ErrorObject;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of an object type or null")
            }

            fn visit_unit<E: Error>(self) -> Result<ErrorObject, E> {
                Ok(ErrorObject(false))
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<ErrorObject, E> {
                Ok(ErrorObject(value == "error"))
            }
        }

        deserializer.deserialize_any(Look)
    }
}

/// Token counts as the server has them.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Usage {
    /// Tokens of the prompt.
    pub(super) prompt_tokens: Option<u64>,
    /// Tokens of output, reasoning included.
    pub(super) completion_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct PromptDetails {
    cached_tokens: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
}

impl Usage {
    /// The counts of two prompts together. A count that either lacks is unknown.
    pub(super) fn plus(&self, other: &Self) -> Self {
        let both = |one: Option<u64>, other: Option<u64>| Some(one? + other?);
        Self {
            prompt_tokens: both(self.prompt_tokens, other.prompt_tokens),
            completion_tokens: both(self.completion_tokens, other.completion_tokens),
            prompt_tokens_details: Some(PromptDetails {
                cached_tokens: both(self.cached_tokens(), other.cached_tokens()),
            }),
            completion_tokens_details: Some(CompletionDetails {
                reasoning_tokens: both(self.reasoning_tokens(), other.reasoning_tokens()),
            }),
        }
    }

    /// Prompt tokens found in the server's cache.
    pub(super) fn cached_tokens(&self) -> Option<u64> {
        self.prompt_tokens_details?.cached_tokens
    }

    /// Output tokens spent on reasoning.
    pub(super) fn reasoning_tokens(&self) -> Option<u64> {
        self.completion_tokens_details?.reasoning_tokens
    }
}

/// Characters of a server's message that are kept.
const MESSAGE: usize = 300;

/// What a server says went wrong, from `{"error": {"message": …}}`, `{"error": …}`, `{"detail": …}`,
/// `{"message": …}`, or else the text as it is. At most 300 characters, on one line; empty for nothing.
pub(super) fn error_message(body: &[u8]) -> String {
    // a refusal may come as an event stream
    let body = body.strip_prefix(b"data:").unwrap_or(body);
    let told = serde_json::from_slice(body).ok().and_then(|body: Value| {
        let told = match body.get("error").filter(|error| !error.is_null()) {
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
