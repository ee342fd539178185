//! What one request adds to a series: the one place that says so, for summaries and for whoever looks while it runs.

use crate::{
    catalog::{Carrier, Metric},
    record::{Outcome, Record, TokenSource},
};

/// What a request adds to a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reading {
    /// A value, in the metric's base unit.
    Value(f64),
    /// No value for its failure; it counts as the worst.
    Failed,
}

/// What a request adds to a series with one value per request; `None` where it has no part in it. Of `itl`, which
/// pools the gaps of all, it is the failure alone.
pub fn reading(metric: Metric, record: &Record, of: Carrier) -> Option<Reading> {
    // the client's own times do not depend on how the server answered; only what was never sent has none
    let of_client = |value: Option<f64>| match record.outcome {
        Outcome::NotSent => Some(Reading::Failed),
        _ => value.map(Reading::Value),
    };
    if !metric.is_carried_by(of) {
        return None;
    }
    match metric {
        Metric::SendLag => return of_client(record.send_lag()),
        Metric::QueueWait => return of_client(Some(record.queue_wait_ns as f64 / 1e9)),
        _ => {}
    }
    if record.outcome.failed() {
        let whole = matches!(metric, Metric::E2e | Metric::ServiceE2e | Metric::SpikeE2e);
        return (whole || metric.needs_stream()).then_some(Reading::Failed);
    }
    let value = match metric {
        Metric::E2e | Metric::SpikeE2e => record.e2e(),
        Metric::ServiceE2e => record.service_e2e(),
        Metric::Ttft | Metric::SpikeTtft => record.ttft(),
        Metric::Ttfc => record.ttfc(),
        Metric::ServiceTtft => record.service_ttft(),
        Metric::Tpot => record.tpot(),
        // all tokens at one moment have no speed
        Metric::DecodeTokensPerSecond => record.tpot().filter(|tpot| *tpot > 0.0).map(f64::recip),
        Metric::TokensPerChunk => tokens_per_chunk(record),
        _ => None,
    };
    value.map(Reading::Value)
}

fn tokens_per_chunk(record: &Record) -> Option<f64> {
    let told = record.token_source == TokenSource::Usage;
    let streamed = record.first_token_ns.is_some() && record.chunks > 0;
    record.output_tokens.filter(|_| told && streamed).map(|tokens| tokens as f64 / f64::from(record.chunks))
}
