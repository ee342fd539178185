//! Streams of which every arrival is known twice: by the kernel's stamp, and by when the read returned.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::task::JoinSet;

use super::{
    Binding, Endpoint, EngineError, Workers,
    exchange::{Progress, Stop, request, send_and_read, untouched},
    unless::unless,
};
use crate::{
    plan::{PlannedEndpoint, model_of},
    protocol::Ask,
    record::{ChunkTimes, Record},
    wire::Clock,
};

/// A stream with both.
#[derive(Debug, Clone)]
pub struct Timed {
    /// What a run would have kept.
    pub record: Record,
    /// When its output events arrived, as a run would have it.
    pub chunks: ChunkTimes,
    /// When they were read, in nanoseconds of the clock, one for each: what a client without the
    /// kernel's stamps would take for their arrival.
    pub reads_ns: Vec<u64>,
}

/// Reads so many streams at once by the path of measured requests, on connections opened before. They begin evenly spread
/// over `ramp_up`; stream `i` asks what request `i` of a run would.
///
/// # Errors
/// Where the endpoint needs TLS and it cannot be set up, or a prompt cannot be read.
pub async fn timed(
    workers: &Workers,
    planned: &PlannedEndpoint,
    seed: u64,
    binding: Binding,
    clock: Clock,
    streams: u32,
    ramp_up: Duration,
) -> Result<Vec<Timed>, EngineError> {
    let lanes = workers.lanes();
    let shared = Arc::new((Endpoint::new(binding, clock, lanes.count())?, planned.clone()));
    for lane in 0..lanes.count() {
        let shared = Arc::clone(&shared);
        let wanted = lanes.part(streams as usize, lane, 0);
        // those that fail open their own later, or leave a record of why they cannot
        let open = async move { drop(shared.0.pools[lane].open_ahead(wanted).await) };
        let _ = lanes.handle(lane).spawn(open).await;
    }
    let start = tokio::time::Instant::now();
    let mut tasks = JoinSet::new();
    for stream in 0..streams {
        let shared = Arc::clone(&shared);
        let begin = start + ramp_up.mul_f64(f64::from(stream) / f64::from(streams));
        let lane = lanes.of(stream.into());
        let prompt = shared.0.binding.source.prompt(seed, stream.into())?;
        let read = async move {
            tokio::time::sleep_until(begin).await;
            let (Endpoint { binding, pools }, planned) = shared.as_ref();
            let pool = &pools[lane];
            let request_id = format!("{:x}-timed-{stream}", clock.wall_ns() / 1_000_000);
            let prompts = [prompt.text.as_str()];
            let model = model_of(&binding.model, seed, stream.into());
            let ask = Ask::of(planned, model, &prompts, prompt.output_tokens);
            let request = request(binding, &request_id, &ask);
            let message = pool.message(&request);
            let mut progress = Progress::timed();
            let due_ns = clock.now_ns();
            let stop = {
                let work = pin!(send_and_read(pool, &binding.dialect, 1, &message, None, &mut progress));
                let timeout = pin!(tokio::time::sleep(planned.timeout));
                unless(timeout, work).await.unwrap_or(Stop::Timeout)
            };
            let mut record = Record {
                seq: stream.into(),
                request_id,
                endpoint: planned.name.clone(),
                model: model.to_owned(),
                requested_output_tokens: prompt.output_tokens,
                ..untouched(due_ns)
            };
            let chunks = progress.record(stop, clock.now_ns(), &mut record);
            Timed { record, chunks, reads_ns: progress.onlookers.reads_ns.take().unwrap_or_default() }
        };
        tasks.spawn_on(read, lanes.handle(lane));
    }
    Ok(tasks.join_all().await)
}
