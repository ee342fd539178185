//! What a run produces: [`Record`] (one request), [`Diary`] lines, [`Sample`]s of the machine and its servers, the [`Event`]s that
//! carry them, and the [`Command`]s that steer a run.
//!
//! Times are nanoseconds since the start of the run on the monotonic clock.

mod alert;
mod diary;
mod event;
mod sample;

pub(crate) use self::sample::is_told_by_another;
pub use self::{
    alert::{Alert, AlertState},
    diary::{Abort, Diary, Generator, Pressed, Saturated, ServiceEnded, StopCause, trials},
    event::{Command, Event, Pending},
    sample::{Class, Sample, SensorKind, Subject, Telemetry},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::LONGEST_TEXT;

/// The version of `requests.jsonl`, `events.jsonl` and `telemetry.jsonl`.
pub const FORMAT: u32 = 1;

/// When the output events of one answer arrived, in nanoseconds since the start of the run. Each arrived in
/// (`at_ns − width_ns`, `at_ns`]; a width of 0 says that the time is exact.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChunkTimes {
    /// Not later than these, ascending.
    pub at_ns: Vec<u64>,
    /// How much earlier at most, one for each. What is over 4 s is kept as 4 s.
    pub width_ns: Vec<u32>,
}

impl ChunkTimes {
    /// Adds an event that arrived within so many nanoseconds before `at_ns`.
    pub fn push(&mut self, at_ns: u64, width_ns: u32) {
        self.at_ns.push(at_ns);
        self.width_ns.push(width_ns);
    }

    /// Notes that the last event arrived at its very time.
    pub fn last_is_exact(&mut self) {
        if let Some(width_ns) = self.width_ns.last_mut() {
            *width_ns = 0;
        }
    }

    /// How many arrivals are exact.
    pub fn exact(&self) -> u32 {
        self.width_ns.iter().filter(|width_ns| **width_ns == 0).count() as u32
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.at_ns.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.at_ns.is_empty()
    }

    /// Forgets all of them and keeps the room.
    pub fn clear(&mut self) {
        self.at_ns.clear();
        self.width_ns.clear();
    }
}

impl From<Vec<u64>> for ChunkTimes {
    /// Arrivals that are all exact.
    fn from(at_ns: Vec<u64>) -> Self {
        let width_ns = vec![0; at_ns.len()];
        Self { at_ns, width_ns }
    }
}

/// How a request ended. A closed set: everything but `Ok` is a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A whole answer with output.
    Ok,
    /// No connection could be made, or it died before the first byte of an answer.
    ConnectFailed,
    /// The TLS handshake failed.
    TlsFailed,
    /// No end within the endpoint's `timeout`.
    Timeout,
    /// Status 429.
    RateLimited,
    /// Status 503, or 529 as Anthropic has it.
    Overloaded,
    /// Any other status that is not 2xx.
    HttpError,
    /// `{"error": …}` inside a 200 answer.
    ErrorInStream,
    /// The stream ended without a terminal event or finish reason.
    Truncated,
    /// Not what the protocol says: an HTML page, broken JSON, over the size limits.
    Malformed,
    /// A whole answer without any output.
    Empty,
    /// A whole answer that is not what the plan asks for.
    WrongAnswer,
    /// Cut off by the tool: interrupted, or not done when the drain ended.
    Cancelled,
    /// Due, and never sent: a safety cap, or still queued when the run ended.
    NotSent,
    /// In flight when the tool was killed.
    Unknown,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 15] = [
        Self::Ok,
        Self::ConnectFailed,
        Self::TlsFailed,
        Self::Timeout,
        Self::RateLimited,
        Self::Overloaded,
        Self::HttpError,
        Self::ErrorInStream,
        Self::Truncated,
        Self::Malformed,
        Self::Empty,
        Self::WrongAnswer,
        Self::Cancelled,
        Self::NotSent,
        Self::Unknown,
    ];

    /// The name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ConnectFailed => "connect_failed",
            Self::TlsFailed => "tls_failed",
            Self::Timeout => "timeout",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::HttpError => "http_error",
            Self::ErrorInStream => "error_in_stream",
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::Empty => "empty",
            Self::WrongAnswer => "wrong_answer",
            Self::Cancelled => "cancelled",
            Self::NotSent => "not_sent",
            Self::Unknown => "unknown",
        }
    }

    /// Whether the request went wrong.
    pub fn failed(self) -> bool {
        self != Self::Ok
    }

    /// Whether the cause is load: timed out, 429, 503 or 529.
    pub fn contention(self) -> bool {
        matches!(self, Self::Timeout | Self::RateLimited | Self::Overloaded)
    }
}

/// Where arrival times come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClockSource {
    /// The kernel's receive time.
    Kernel,
    /// The time just after the read returned.
    User,
}

/// Where token counts come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenSource {
    /// The server's `usage`.
    Usage,
    /// The number of chunks: the server sent no `usage`.
    Chunks,
    /// No answer to count.
    None,
}

/// One request, as it is kept for ever. `None` is "did not happen" or "the server did not say".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// Its number in the run; decides its content and, in an open loop, its due time.
    pub seq: u64,
    /// Sent as `x-request-id`.
    pub request_id: String,
    /// The phase.
    pub phase: String,
    /// The step within the phase.
    pub step: String,
    /// Index of the step in the plan.
    pub step_id: usize,
    /// The endpoint.
    pub endpoint: String,
    /// The model that it named; empty where an earlier version wrote the record.
    #[serde(default)]
    pub model: String,
    /// Whether it counts; warm-up does not.
    pub measured: bool,
    /// The user of a closed loop, from 0.
    pub user: Option<u32>,
    /// The conversation that it is a turn of, by the `seq` of its first turn; `None` where it is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<u64>,
    /// Which turn of it, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<u32>,
    /// Prompts in the request. All that follows is about all of them together: the first token is that of whichever
    /// prompt came first, tokens are sums.
    #[serde(default = "one")]
    pub batch: u32,
    /// Scheduled (open loop), or when the user was ready (closed loop).
    pub due_ns: u64,
    /// Waited for a place under the plan's `concurrency_limit`.
    pub queue_wait_ns: u64,
    /// Just before the first byte of the request was written.
    pub sent_ns: Option<u64>,
    /// DNS and TCP connect, where this request opened a connection.
    pub connect_ns: Option<u64>,
    /// TLS handshake, likewise.
    pub tls_ns: Option<u64>,
    /// Whether the connection had served a request before.
    pub connection_reused: bool,
    /// 1, or 2 where a pooled connection died before the first byte and was replaced.
    pub attempts: u32,
    /// `1.1`.
    pub http_version: Option<String>,
    /// Arrival of the first byte of the response.
    pub first_byte_ns: Option<u64>,
    /// Arrival of the first event with output.
    pub first_token_ns: Option<u64>,
    /// Arrival of the first output that is not reasoning.
    pub first_content_ns: Option<u64>,
    /// Arrival of the last event with output.
    pub last_token_ns: Option<u64>,
    /// Of a stream that answers several prompts: the time from the first to the last output of each, summed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decode_ns: Option<u64>,
    /// Terminal event, end of stream, or the moment of failure.
    pub end_ns: u64,
    /// Events that carried output; their times are in `chunks.bin`.
    pub chunks: u32,
    /// Reads that brought response bytes.
    pub reads: u32,
    /// Output events whose arrival is exact; that of the others is known to lie within bounds, which are in
    /// `chunks.bin`.
    pub stamps_exact: u32,
    /// Output events with wide bounds (over 1 ms) in reads that came late (over 0.5 ms behind their last byte): their bounds
    /// are wide because the client was slow.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stamps_late: u32,
    /// Where arrival times come from.
    pub clock: ClockSource,
    /// Prompt tokens.
    pub input_tokens: Option<u64>,
    /// Output tokens, reasoning included.
    pub output_tokens: Option<u64>,
    /// Output tokens spent on reasoning.
    pub reasoning_tokens: Option<u64>,
    /// Prompt tokens found in the server's cache.
    pub cached_tokens: Option<u64>,
    /// Output tokens asked for.
    pub requested_output_tokens: u32,
    /// Where `output_tokens` comes from.
    pub token_source: TokenSource,
    /// As the server said.
    pub finish_reason: Option<String>,
    /// HTTP status.
    pub status: Option<u16>,
    /// How it ended.
    pub outcome: Outcome,
    /// What went wrong, in words.
    pub error: Option<String>,
    /// Why nobody knows whether the answer is what the plan asks for, where it was to be checked; it counts as a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unchecked: Option<String>,
    /// Timings that the server reported, as it sent them.
    pub server_timings: Option<serde_json::Value>,
}

/// The prompts of a request of which nothing else is said.
fn one() -> u32 {
    1
}

impl Record {
    /// Connecting and TLS inside this request, in nanoseconds: kept out of every latency.
    fn setup_ns(&self) -> u64 {
        self.connect_ns.unwrap_or(0) + self.tls_ns.unwrap_or(0)
    }

    /// Seconds from `due` to a later stamp, without connection set-up.
    fn since_due(&self, stamp: u64) -> f64 {
        stamp.saturating_sub(self.due_ns + self.setup_ns()) as f64 / 1e9
    }

    /// Seconds from `sent` to a later stamp; connections are opened before `sent`.
    fn since_sent(&self, stamp: u64) -> Option<f64> {
        self.sent_ns.map(|sent| stamp.saturating_sub(sent) as f64 / 1e9)
    }

    /// `first_token − due`, in seconds; only streams have one.
    pub fn ttft(&self) -> Option<f64> {
        self.first_token_ns.map(|at| self.since_due(at))
    }

    /// `first_content − due`, in seconds.
    pub fn ttfc(&self) -> Option<f64> {
        self.first_content_ns.map(|at| self.since_due(at))
    }

    /// `last_token − due`; without a stream `end − due`. In seconds, for successes.
    pub fn e2e(&self) -> Option<f64> {
        (!self.outcome.failed()).then(|| self.since_due(self.last_token_ns.unwrap_or(self.end_ns)))
    }

    /// [`Self::ttft`] from `sent`.
    pub fn service_ttft(&self) -> Option<f64> {
        self.first_token_ns.and_then(|at| self.since_sent(at))
    }

    /// [`Self::e2e`] from `sent`.
    pub fn service_e2e(&self) -> Option<f64> {
        if self.outcome.failed() {
            return None;
        }
        self.since_sent(self.last_token_ns.unwrap_or(self.end_ns))
    }

    /// The client's own lateness, in seconds: what of `sent − due` is neither queue nor connection set-up.
    pub fn send_lag(&self) -> Option<f64> {
        self.sent_ns
            .map(|sent| sent.saturating_sub(self.due_ns + self.queue_wait_ns + self.setup_ns()) as f64 / 1e9)
    }

    /// Seconds per output token after the first; `None` below 2 tokens. Of several prompts Σ (last − first) ÷
    /// Σ (tokens − 1), which is what each of them sees on average, however unlike their lengths and beginnings are.
    pub fn tpot(&self) -> Option<f64> {
        let gaps = self.output_tokens?.checked_sub(u64::from(self.batch)).filter(|gaps| *gaps > 0)?;
        let span = match self.batch {
            1 => self.last_token_ns?.saturating_sub(self.first_token_ns?),
            _ => self.decode_ns?,
        };
        Some(span as f64 / 1e9 / gaps as f64)
    }
}

/// What did not happen is not written.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// What a request asked and what came back, as far as anybody wants it: the plan to keep it, or a check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Texts {
    /// The prompts; none where nobody wants them.
    pub prompts: Vec<Text>,
    /// The text of the answer to each prompt, without its reasoning; none where nobody wants them.
    pub answers: Vec<Text>,
}

/// A text, of which not more than [`LONGEST_TEXT`] bytes are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text {
    /// Its beginning.
    pub text: String,
    /// Whether it was longer.
    pub cut: bool,
}

impl Text {
    /// As much of it as is kept.
    pub fn of(text: &str) -> Self {
        let mut kept = Self::default();
        kept.append(text);
        kept
    }

    /// Adds to its end, as far as it may grow.
    pub fn append(&mut self, more: &str) {
        if self.cut {
            return;
        }
        let mut end = LONGEST_TEXT.saturating_sub(self.text.len()).min(more.len());
        while !more.is_char_boundary(end) {
            end -= 1;
        }
        self.text.push_str(&more[..end]);
        self.cut = end < more.len();
    }
}
