//! `[endpoints.NAME.http]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An API that the scenario itself describes: what is sent to it, and where in the documents of its answers things stand.
///
/// Where is a JSON pointer by RFC 6901, such as `/choices/0/text`; empty for the document itself. A document is the data of an event
/// or a line of a stream, or a whole answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HttpApi {
    /// The path of requests under the base URL, with a query if it has one.
    pub path: String,
    /// The template of the body, which is JSON once it is filled in.
    pub body: String,
    /// Where text of the answer stands. A value that is no text counts as output, too.
    pub text: String,
    /// Where reasoning stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// Where it stands why the model stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<String>,
    /// Where the prompt's tokens stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<String>,
    /// Where the tokens of output stand, those so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<String>,
    /// Where the output tokens that were spent on reasoning stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<String>,
    /// Where the prompt's tokens that were found in a cache stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<String>,
    /// Where the server's own timings stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timings: Option<String>,
    /// Where it stands that something went wrong.
    pub error: String,
    /// What the last document of a stream has; without it a stream ends with the answer's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<EndMark>,
}

/// What sets the last document of a stream apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EndMark {
    /// Where it stands.
    pub at: String,
    /// What stands there; without it anything but `null`, `false`, `""`, `[]` and `{}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is: Option<Value>,
}
