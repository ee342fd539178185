//! One request: made ready, sent, its answer read, one record left.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, header};

use super::step::{Arrivals, StepRun};
use crate::{
    plan::endpoint_of,
    protocol::{self, Answer, Answered, Ending, Flow},
    record::{Outcome, Record, TokenSource},
    wire::{Limits, Request, Timing, WireError},
    workload,
};

/// A request that only has to be sent.
pub(super) struct Prepared {
    seq: u64,
    request_id: String,
    endpoint: usize,
    requested_output_tokens: u32,
    request: Request,
}

impl Prepared {
    /// Makes request number `index` of a step. What is in it follows from the seed and its number alone.
    pub(super) fn new(run: &StepRun, index: u64) -> Self {
        let shared = &run.shared;
        let seed = shared.plan.seed;
        let seq = run.load.first_seq + index;
        let endpoint = endpoint_of(&run.load, seed, seq);
        let planned = &shared.plan.endpoints[endpoint];
        let binding = &shared.endpoints[endpoint].binding;
        let prompt = workload::prompt(&planned.workload, &planned.workload_name, seed, seq);
        let request_id = format!("{}-{seq}", shared.run_id);
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let accept = if planned.stream { "text/event-stream" } else { "application/json" };
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            headers.insert("x-request-id", id);
        }
        if let Some(authorization) = &binding.authorization {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        let body = protocol::body(
            planned.protocol,
            &binding.model,
            planned.stream,
            &prompt.text,
            prompt.output_tokens,
        );
        Self {
            seq,
            request_id,
            endpoint,
            requested_output_tokens: prompt.output_tokens,
            request: Request {
                method: Method::POST,
                target: binding.target.clone(),
                headers,
                body: body.into(),
            },
        }
    }

    /// A record of this request in which nothing has happened yet.
    fn record(&self, run: &StepRun, user: Option<u32>, due_ns: u64, queue_wait_ns: u64) -> Record {
        let step = &run.shared.plan.steps[run.step_id];
        Record {
            seq: self.seq,
            request_id: self.request_id.clone(),
            phase: step.phase.clone(),
            step: step.name.clone(),
            step_id: step.id,
            endpoint: run.shared.plan.endpoints[self.endpoint].name.clone(),
            measured: run.load.measure,
            user,
            due_ns,
            queue_wait_ns,
            sent_ns: None,
            connect_ns: None,
            tls_ns: None,
            connection_reused: false,
            attempts: 0,
            http_version: None,
            first_byte_ns: None,
            first_token_ns: None,
            first_content_ns: None,
            last_token_ns: None,
            end_ns: due_ns + queue_wait_ns,
            chunks: 0,
            reads: 0,
            stamps_exact: 0,
            clock: Timing::default().clock,
            input_tokens: None,
            output_tokens: None,
            reasoning_tokens: None,
            cached_tokens: None,
            requested_output_tokens: self.requested_output_tokens,
            token_source: TokenSource::None,
            finish_reason: None,
            status: None,
            outcome: Outcome::NotSent,
            error: None,
            server_timings: None,
        }
    }
}

/// Leaves the record of a request that was due and never sent.
pub(super) async fn not_sent(
    run: &StepRun,
    prepared: Prepared,
    due_ns: u64,
    queue_wait_ns: u64,
    reason: String,
) {
    let mut record = prepared.record(run, None, due_ns, queue_wait_ns);
    record.error = Some(reason);
    run.shared.recorder.finished(record, Vec::new()).await;
}

/// What has come of an exchange so far. It lives outside the future that fills it, so that a time-out or an
/// interruption leaves what had arrived by then.
#[derive(Default)]
struct Progress {
    timing: Timing,
    status: Option<u16>,
    http_version: Option<&'static str>,
    reads: u32,
    answer: Option<Answer>,
}

/// Why an exchange is over.
enum Stop {
    /// The answer has been read as far as it is needed.
    Ended,
    /// The wire failed.
    Failed(WireError),
    /// The endpoint's time-out.
    Timeout,
    /// The run is cut short.
    Cancelled,
}

impl Stop {
    /// What it means for an answer that had begun.
    fn ending(self) -> Ending {
        match self {
            Self::Ended => Ending::EndOfStream,
            Self::Failed(error) => error.into(),
            Self::Timeout => Ending::Timeout,
            Self::Cancelled => Ending::Cancelled,
        }
    }

    /// What it means for a request whose answer never began.
    fn without_answer(self) -> (Outcome, String) {
        match self {
            Self::Ended => (Outcome::Empty, "the answer has no output".to_owned()),
            Self::Failed(error) => (error.outcome(), error.to_string()),
            Self::Timeout => (Outcome::Timeout, "timed out before the answer began".to_owned()),
            Self::Cancelled => (Outcome::Cancelled, "cancelled before the answer began".to_owned()),
        }
    }
}

/// Sends a request and reads its answer to the end, the time-out or the interruption. Leaves one record.
pub(super) async fn exchange(
    run: &Arc<StepRun>,
    prepared: Prepared,
    user: Option<u32>,
    due_ns: u64,
    queue_wait_ns: u64,
) -> Outcome {
    let timeout = run.shared.plan.endpoints[prepared.endpoint].timeout;
    let mut progress = Progress::default();
    let stop = tokio::select! {
        biased;
        stop = send_and_read(run, &prepared, &mut progress) => stop,
        () = tokio::time::sleep(timeout) => Stop::Timeout,
        () = run.reached(Arrivals::Cancelled) => Stop::Cancelled,
    };
    let now_ns = run.shared.clock.now_ns();
    let Progress { timing, status, http_version, reads, answer } = progress;
    let mut record = Record {
        sent_ns: timing.sent_ns,
        connect_ns: timing.connect_ns,
        tls_ns: timing.tls_ns,
        connection_reused: timing.reused,
        attempts: timing.attempts,
        http_version: http_version.map(str::to_owned),
        first_byte_ns: timing.first_byte_ns,
        end_ns: now_ns,
        reads,
        clock: timing.clock,
        status,
        ..prepared.record(run, user, due_ns, queue_wait_ns)
    };
    let chunks = if let Some(answer) = answer {
        take(&mut record, answer.end(now_ns, stop.ending()))
    } else {
        let (outcome, error) = stop.without_answer();
        (record.outcome, record.error) = (outcome, Some(error));
        Vec::new()
    };
    let outcome = record.outcome;
    run.shared.recorder.finished(record, chunks).await;
    outcome
}

/// Puts what became of an answer into its record; gives the arrivals of its output events back.
fn take(record: &mut Record, answered: Answered) -> Vec<u64> {
    record.first_token_ns = answered.first_token_ns;
    record.first_content_ns = answered.first_content_ns;
    record.last_token_ns = answered.last_token_ns;
    record.end_ns = answered.end_ns;
    record.chunks = answered.chunks.len() as u32;
    record.stamps_exact = answered.stamps_exact;
    record.input_tokens = answered.input_tokens;
    record.output_tokens = answered.output_tokens;
    record.reasoning_tokens = answered.reasoning_tokens;
    record.cached_tokens = answered.cached_tokens;
    record.token_source = answered.token_source;
    record.finish_reason = answered.finish_reason;
    record.outcome = answered.outcome;
    record.error = answered.error;
    record.server_timings = answered.server_timings;
    answered.chunks
}

/// Sends a request and reads its answer as far as it is needed.
async fn send_and_read(run: &StepRun, prepared: &Prepared, progress: &mut Progress) -> Stop {
    let endpoint = &run.shared.endpoints[prepared.endpoint];
    let sent = endpoint.pool.send(&prepared.request, Limits::default(), &mut progress.timing).await;
    let mut response = match sent {
        Ok(response) => response,
        Err(error) => return Stop::Failed(error),
    };
    progress.status = Some(response.status.as_u16());
    progress.http_version = Some(response.http_version());
    let protocol = run.shared.plan.endpoints[prepared.endpoint].protocol;
    let answer =
        progress.answer.insert(Answer::new(protocol, response.status.as_u16(), response.content_type()));
    loop {
        let read = response.next().await;
        progress.reads = response.reads();
        match read {
            Ok(Some((bytes, arrival_ns))) => {
                if answer.read(&bytes, arrival_ns) == Flow::Done {
                    break;
                }
            }
            Ok(None) => break,
            Err(error) => return Stop::Failed(error),
        }
    }
    response.finish();
    Stop::Ended
}
