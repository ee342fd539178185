//! The JSON around answers of the `OpenAI` API with choices.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, SeqAccess, Visitor},
};
use serde_json::Value;

use super::{
    json::{Carries, error_message, parse},
    said::{Part, Parts, Said, Usage},
    seen::Contents,
};

/// What ends a stream, in words.
pub(super) const END: &str = "`[DONE]` or a finish reason";

/// One choice of an answer, whole or a delta of it.
pub(super) trait Choice: DeserializeOwned {
    /// Which prompt of the request it answers, from 0.
    fn index(&self) -> u32 {
        0
    }

    /// What it carries.
    fn contents(&self) -> Contents;

    /// Why the model stopped, on the choice's last chunk.
    fn finish_reason(self) -> Option<String>;
}

/// One JSON document of an answer.
#[derive(Debug, Deserialize)]
#[serde(bound = "C: Choice")]
struct Document<C> {
    /// All choices together.
    #[serde(default)]
    choices: Choices<C>,
    /// Token counts so far, or at the end.
    #[serde(default)]
    usage: Option<Counts>,
    /// llama.cpp's own timings, on its last chunk.
    #[serde(default)]
    timings: Option<Value>,
    #[serde(default)]
    error: Carries,
    #[serde(default)]
    object: ErrorObject,
}

/// Reads a document whose choices are of this shape. It is an error where it says `{"error": …}`, or
/// `{"object": "error", …}` as older servers have it.
///
/// # Errors
///
/// When it is not JSON, or not of this shape.
pub(super) fn read<C: Choice>(data: &[u8]) -> Result<Said, serde_json::Error> {
    let document: Document<C> = parse(data)?;
    if document.error.any() || document.object.0 {
        return Ok(Said::error(error_message(data)));
    }
    let Choices { parts, contents, finish_reason, .. } = document.choices;
    Ok(Said {
        contents,
        parts,
        finish_reason,
        usage: document.usage.map(Into::into),
        timings: document.timings,
        ..Said::default()
    })
}

/// The choices of a document, folded into what they mean together.
#[derive(Debug)]
struct Choices<C> {
    parts: Parts,
    /// What any of them carries.
    contents: Contents,
    /// The last finish reason among them.
    finish_reason: Option<String>,
    of: PhantomData<C>,
}

impl<C> Default for Choices<C> {
    fn default() -> Self {
        Self { parts: Parts::default(), contents: Contents::default(), finish_reason: None, of: PhantomData }
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
                    choices.parts.push(part);
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

/// Token counts as this API writes them.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Counts {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
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

impl From<Counts> for Usage {
    fn from(counts: Counts) -> Self {
        Self {
            input: counts.prompt_tokens,
            output: counts.completion_tokens,
            reasoning: counts.completion_tokens_details.and_then(|details| details.reasoning_tokens),
            cached: counts.prompt_tokens_details.and_then(|details| details.cached_tokens),
        }
    }
}
