//! One request on its own, by the path of measured requests, with everything that is seen of it on the wire.

use std::time::Duration;

use http::HeaderMap;
use tokio::task::coop::unconstrained;

use super::{
    Binding, Endpoint, EngineError,
    exchange::{Progress, Sight, Stop, request, send_and_read, untouched},
};
use crate::{
    plan::{PlannedEndpoint, model_of},
    protocol::{self, Seen},
    record::{Record, Text},
    wire::Clock,
    workload,
};

/// What is asked; `None` is what the first request of a run would ask.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// The prompt.
    pub prompt: Option<String>,
    /// The most tokens of output.
    pub max_tokens: Option<u32>,
}

/// Bytes of the body that one read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    /// Arrival, in nanoseconds since the start of the run.
    pub arrival_ns: u64,
    /// Bytes of the body, without HTTP's own framing; 0 where a read brought the head alone.
    pub bytes: usize,
}

/// A request with everything that was seen of it.
#[derive(Debug, Clone)]
pub struct Probed {
    /// What a run would have kept, but for what a check of the answer adds.
    pub record: Record,
    /// Path and query that the request went to.
    pub target: String,
    /// Bytes of the request's body.
    pub request_bytes: usize,
    /// The prompt's length by estimate, in tokens.
    pub estimated_prompt_tokens: u32,
    /// The headers of the answer, where it had any.
    pub headers: Option<HeaderMap>,
    /// The reads that brought something of the answer, the first byte's first.
    pub reads: Vec<Read>,
    /// What every event was, in order.
    pub seen: Vec<Seen>,
    /// The text of the answer, where the endpoint has a check of it; empty where there is none.
    pub answers: Vec<Text>,
    /// Whether the connection can serve another request; `None` where the answer was not read to its end.
    pub still_open: Option<bool>,
}

/// How long a server gets to close a connection that it does not mean to keep.
const SECOND_THOUGHTS: Duration = Duration::from_millis(250);

/// Sends one request to an endpoint and reads its answer to the end or the endpoint's time-out.
///
/// # Errors
/// Where the endpoint is no place that can be connected to, or the prompt cannot be read.
pub async fn probe(
    planned: &PlannedEndpoint,
    seed: u64,
    binding: Binding,
    ask: &Ask,
) -> Result<Probed, EngineError> {
    let clock = Clock::start();
    let Endpoint { binding, pools } = Endpoint::new(binding, clock, 1)?;
    let pool = &pools[0];
    let first = binding.source.prompt(seed, 0)?;
    let prompt = ask.prompt.as_ref().unwrap_or(&first.text);
    let max_tokens = ask.max_tokens.unwrap_or(first.output_tokens);
    let request_id = format!("{:x}-probe", clock.wall_ns() / 1_000_000);
    let prompts = [prompt.as_str()];
    let model = model_of(&binding.model, seed, 0);
    let ask = protocol::Ask::of(planned, model, &prompts, max_tokens);
    let request = request(&binding, &request_id, &ask);

    let message = pool.message(&request);

    let mut progress = Progress::watched(planned.check.is_some());
    let due_ns = clock.now_ns();
    let stop = tokio::select! {
        biased;
        stop = send_and_read(pool, &binding.dialect, 1, &message, None, &mut progress) => stop,
        () = unconstrained(tokio::time::sleep(planned.timeout)) => Stop::Timeout,
    };
    let now_ns = clock.now_ns();
    let still_open = if matches!(stop, Stop::Ended) {
        tokio::time::sleep(SECOND_THOUGHTS).await;
        Some(pool.has_open())
    } else {
        None
    };
    let mut record = Record {
        request_id,
        endpoint: planned.name.clone(),
        model: model.to_owned(),
        requested_output_tokens: planned.output_tokens(max_tokens),
        ..untouched(due_ns)
    };
    progress.record(stop, now_ns, &mut record);
    let Sight { head, pieces, seen } = progress.onlookers.sight.unwrap_or_default();
    Ok(Probed {
        target: request.target.to_string(),
        request_bytes: request.body.len(),
        estimated_prompt_tokens: workload::estimate_tokens(prompt),
        headers: head,
        reads: reads(record.first_byte_ns, &pieces),
        seen,
        answers: progress.answers.take().unwrap_or_default(),
        still_open,
        record,
    })
}

/// The pieces of a body by the read that brought them: those of one read have one arrival.
fn reads(first_byte_ns: Option<u64>, pieces: &[(u64, usize)]) -> Vec<Read> {
    let mut reads: Vec<Read> =
        first_byte_ns.into_iter().map(|arrival_ns| Read { arrival_ns, bytes: 0 }).collect();
    for (arrival_ns, bytes) in pieces {
        match reads.last_mut() {
            Some(last) if last.arrival_ns == *arrival_ns => last.bytes += bytes,
            _ => reads.push(Read { arrival_ns: *arrival_ns, bytes: *bytes }),
        }
    }
    reads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_with_one_arrival_came_with_one_read() {
        let read = |arrival_ns, bytes| Read { arrival_ns, bytes };
        for (first, pieces, expected) in [
            (None, &[][..], vec![]),
            (Some(5), &[], vec![read(5, 0)]),
            (Some(5), &[(5, 10), (5, 3), (8, 1)], vec![read(5, 13), read(8, 1)]),
            (Some(5), &[(6, 10), (8, 1), (8, 1)], vec![read(5, 0), read(6, 10), read(8, 2)]),
        ] {
            assert_eq!(reads(first, pieces), expected, "{first:?} {pieces:?}");
        }
    }
}
