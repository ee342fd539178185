//! What servers counted beside what the records say.

use schemars::JsonSchema;
use serde::Serialize;

use super::figures::finite;
use crate::{catalog::Quantity, metrics};

/// What a server counted by its own page over the run, or over a step that it had alone.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ServerCounts<'a> {
    /// Its endpoints.
    endpoints: &'a [String],
    /// The phase; null for the whole run.
    phase: Option<&'a str>,
    /// The step within the phase, where that has several; null for the whole run.
    step: Option<&'a str>,
    /// Why nothing can be compared; null where it can.
    not_compared: Option<&'a str>,
    /// Each count that both have.
    counts: Vec<Counted>,
}

/// One count by both.
#[derive(Debug, Serialize, JsonSchema)]
struct Counted {
    /// What is counted.
    quantity: Quantity,
    /// By the server.
    server: u64,
    /// The fewest that the records of all its endpoints allow, warm-up included.
    low: u64,
    /// The most that they allow.
    high: u64,
    /// How far the server's count lies beyond that, as a share of the nearer bound: above 0 where it counted more, 0 within the bounds, null
    /// where the records allow none and it counted some.
    gap: Option<f64>,
    /// Requests without a whole answer, and those that were sent twice.
    open_requests: u64,
    /// Answers whose output tokens were counted by chunks, for want of `usage`.
    from_chunks: u64,
}

impl<'a> ServerCounts<'a> {
    pub(super) fn of(of: &'a metrics::ServerCounts) -> Self {
        let counts = of.counts.iter().map(|count| Counted {
            quantity: count.quantity,
            server: count.server,
            low: count.low,
            high: count.high,
            gap: finite(count.gap()),
            open_requests: count.open,
            from_chunks: count.from_chunks,
        });
        Self {
            endpoints: &of.endpoints,
            phase: of.key.as_ref().map(|key| key.phase.as_str()),
            step: of.key.as_ref().and_then(|key| key.step.as_deref()),
            not_compared: of.why_not.as_deref(),
            counts: counts.collect(),
        }
    }
}
