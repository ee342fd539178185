//! What `probe --format json` prints.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    catalog::Protocol,
    record::{Outcome, Record},
};

/// The version of the document.
const FORMAT: u32 = 1;

/// One request per endpoint, and everything that came back.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "Probe")]
pub(in crate::cli) struct Document {
    /// The version of this document's format.
    #[schemars(extend("const" = FORMAT))]
    format: u32,
    /// The version of the program.
    tool_version: &'static str,
    /// One per endpoint.
    probes: Vec<Probe>,
}

/// What became of an endpoint.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Probe {
    /// It was ready, and was sent a request.
    Sent(Box<Exchange>),
    /// It never was.
    Unready {
        /// The endpoint's name.
        endpoint: String,
        /// What kept it.
        error: String,
    },
}

/// A request and what came back. Times are counted from the moment at which it was sent.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Exchange {
    /// The endpoint's name.
    pub(super) endpoint: String,
    /// Its base URL.
    pub(super) url: String,
    /// Whether it is a simulation.
    pub(super) simulated: bool,
    /// What it speaks.
    pub(super) protocol: Protocol,
    /// The model that was asked for.
    pub(super) model: String,
    /// The models that the server lists; null where it lists none.
    pub(super) models: Option<Vec<String>>,
    /// What was sent.
    pub(super) request: Request,
    /// Headers of the answer that a load test has an interest in.
    pub(super) headers: IndexMap<String, String>,
    /// Everything that came, in order.
    pub(super) timeline: Vec<Moment>,
    /// Every read from the socket that brought a part of the body.
    pub(super) reads: Vec<Read>,
    /// How it ended.
    pub(super) outcome: Outcome,
    /// Time to first token, in seconds.
    pub(super) ttft_s: Option<f64>,
    /// Time per output token after the first, in seconds.
    pub(super) tpot_s: Option<f64>,
    /// Time to the whole answer, in seconds.
    pub(super) e2e_s: Option<f64>,
    /// Whether the connection can serve another request; null where the answer was not read to its end.
    pub(super) connection_still_open: Option<bool>,
    /// What a load test should know of this server.
    pub(super) warnings: Vec<String>,
    /// The record that a run would keep of the request.
    pub(super) record: Record,
}

/// What was sent.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Request {
    /// The path.
    pub(super) target: String,
    /// The length of the body.
    pub(super) bytes: usize,
    /// Prompt tokens by the tokenizer of the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) prompt_tokens: Option<u32>,
    /// Prompt tokens by an estimate, where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) estimated_prompt_tokens: Option<u32>,
    /// Output tokens asked for.
    pub(super) max_tokens: u32,
}

/// A line of the timeline.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Moment {
    /// When; null for what is a duration itself.
    pub(super) since_sent_ms: Option<f64>,
    /// The read that brought it, from 1.
    pub(super) read: Option<usize>,
    /// Its length.
    pub(super) bytes: Option<usize>,
    /// What it is, in fixed words.
    pub(super) is: Vec<&'static str>,
    /// What it is, for people.
    pub(super) text: String,
}

/// A read from the socket.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Read {
    /// When.
    pub(super) since_sent_ms: Option<f64>,
    /// How much it brought.
    pub(super) bytes: usize,
}

impl Document {
    pub(super) fn new(probes: Vec<Probe>) -> Self {
        Self { format: FORMAT, tool_version: env!("CARGO_PKG_VERSION"), probes }
    }
}
