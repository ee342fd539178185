//! What the rest has to know of an API.

use http::{HeaderName, HeaderValue, header};
use serde::Serialize;
use serde_json::{Map, Value};

use super::said::Said;
use crate::plan::PlannedEndpoint;

/// What a request asks.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The model.
    pub model: &'a str,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// One prompt, or several where the protocol [takes them](crate::catalog::Protocol::batches).
    pub prompts: &'a [&'a str],
    /// Tokens of output at most, for each of them; of no meaning where the protocol
    /// [generates](crate::catalog::Protocol::generates) none.
    pub max_tokens: u32,
    /// Fields of the body besides those that the protocol sets.
    pub body: &'a Map<String, Value>,
    /// What was said before; none but where the protocol [converses](crate::catalog::Protocol::converses).
    pub earlier: &'a [Turn],
}

/// A turn of a conversation that has been answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// What the user said.
    pub user: String,
    /// What the server answered.
    pub answer: String,
}

impl<'a> Ask<'a> {
    /// What an endpoint is asked.
    pub fn of(planned: &'a PlannedEndpoint, model: &'a str, prompts: &'a [&'a str], max_tokens: u32) -> Self {
        Self { model, stream: planned.stream, prompts, max_tokens, body: &planned.body, earlier: &[] }
    }

    /// The prompt of a request that has one.
    pub(super) fn prompt(&self) -> &'a str {
        self.prompts.first().copied().unwrap_or_default()
    }
}

/// Where a server tells what models it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Models {
    /// The path under the endpoint's base URL.
    pub(super) path: &'static str,
    /// The JSON pointer of the list; empty where the document itself is the only entry.
    pub(super) list: &'static str,
    /// The key of a name in an entry.
    pub(super) name: &'static str,
}

/// An API: what its requests look like, and what the documents of its answers say.
pub(super) trait Api: Send + Sync {
    /// The path of requests under the endpoint's base URL.
    fn path(&self, stream: bool) -> &str;

    /// The body of a request, as JSON.
    fn body(&self, ask: &Ask<'_>) -> Vec<u8>;

    /// The content type that is asked for.
    fn accept(&self, stream: bool) -> &'static str {
        if stream { "text/event-stream" } else { "application/json" }
    }

    /// The header that carries a key, and what stands before the key in it.
    fn key(&self) -> (HeaderName, &'static str) {
        (header::AUTHORIZATION, "Bearer ")
    }

    /// What has to stand in the head of every request besides.
    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        None
    }

    /// Where the server tells what models it has; `None` where nothing is known of such a place.
    fn models(&self) -> Option<Models> {
        Some(Models::OPENAI)
    }

    /// Whether base URLs usually end with `/v1`.
    fn is_versioned(&self) -> bool {
        true
    }

    /// What a document of an answer says: the data of an event, or the whole.
    ///
    /// # Errors
    ///
    /// When it is not JSON, or not as the API has it.
    fn read(&self, data: &[u8]) -> Result<Said, serde_json::Error>;

    /// The key that the text of an answer stands under in the usual chunk of a stream, where it has any.
    #[expect(clippy::unnecessary_literal_bound, reason = "an API of one's own says what its scenario says")]
    fn text_key(&self) -> &str {
        "text"
    }

    /// Hands over the text of a document with the index of the prompt that it answers. Anything else, such as reasoning, is
    /// left out, and so is a document of another shape.
    fn texts(&self, _data: &[u8], _add: &mut dyn FnMut(u32, &str)) {}

    /// What ends a stream, in words; `None` where the end of the body does.
    fn end(&self) -> Option<&str> {
        None
    }
}

impl Models {
    /// As most servers do.
    pub(super) const OPENAI: Self = Self { path: "/models", list: "/data", name: "id" };
    /// As the servers of Hugging Face do, which have one model each.
    pub(super) const OF_HUGGING_FACE: Self = Self { path: "/info", list: "", name: "model_id" };

    /// The names in an answer; `None` where it has no such list.
    pub(super) fn names(&self, body: &Value) -> Option<Vec<String>> {
        let name = |entry: &Value| Some(entry.get(self.name)?.as_str()?.to_owned());
        if self.list.is_empty() {
            return name(body).map(|name| vec![name]);
        }
        Some(body.pointer(self.list)?.as_array()?.iter().filter_map(name).collect())
    }
}

/// A body as JSON, with the fields that a request asks for besides.
pub(super) fn json(body: &impl Serialize, ask: &Ask<'_>) -> Vec<u8> {
    const WRITABLE: &str = "texts and numbers can always be written as JSON";
    if ask.body.is_empty() {
        return serde_json::to_vec(body).expect(WRITABLE);
    }
    let mut body = serde_json::to_value(body).expect(WRITABLE);
    if let Value::Object(fields) = &mut body {
        add(fields, ask.body);
    }
    serde_json::to_vec(&body).expect(WRITABLE)
}

/// Adds fields, also within those that are there.
fn add(fields: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (name, value) in more {
        match (fields.get_mut(name), value) {
            (Some(Value::Object(there)), Value::Object(more)) => add(there, more),
            _ => {
                fields.insert(name.clone(), value.clone());
            }
        }
    }
}
