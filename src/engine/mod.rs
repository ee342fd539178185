//! Plan + Bindings → Events: readiness, pacer, executors. Obeys commands, never judges.
//!
//! Steps run in the order of the graph. Within a step an open loop is paced by a thread of its own that sleeps
//! until each due time (`open`), a closed loop is a task per user (`closed`); both hand prepared requests to
//! `exchange`, which turns one request into one record. Everything that happens leaves through one channel.

mod closed;
mod exchange;
mod open;
mod probe;
mod ready;
mod recorder;
mod step;

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;

pub use self::{
    probe::{Ask, Probed, Read, probe},
    ready::{Binding, NotReady, ready},
};
use self::{
    recorder::Recorder,
    step::{Arrivals, StepRun},
};
use crate::{
    plan::{LoadStep, Pattern, Plan, Work},
    record::{Command, Diary, Event, FORMAT, StopCause},
    wire::{
        Clock, Pool, WireError,
        tls::{self, TlsConfigError},
    },
};

/// Events that may wait for the recorder before the run is stopped, so that recording never blocks measuring.
pub const EVENT_QUEUE: usize = 1 << 16;

/// Time between two notes in the diary of how many requests were issued.
const NOTE_EVERY: Duration = Duration::from_millis(100);

/// Longest that a step waits for connections to be opened ahead of it. A server whose accept queue is full lets
/// them hang for minutes.
const OPENING: Duration = Duration::from_secs(5);

/// Why a run could not begin.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The system has no certificates to trust.
    #[error(transparent)]
    Tls(#[from] TlsConfigError),
    /// An endpoint is no place that can be connected to.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// An endpoint that requests can be sent to.
struct Endpoint {
    binding: Binding,
    pool: Pool,
}

impl Endpoint {
    fn new(binding: Binding, clock: Clock) -> Result<Self, EngineError> {
        let tls = if binding.origin.tls { Some(tls::config()?) } else { None };
        let pool = Pool::new(binding.origin.clone(), clock, tls)?;
        Ok(Self { binding, pool })
    }
}

/// What every step of a run shares.
struct Shared {
    plan: Plan,
    endpoints: Vec<Endpoint>,
    clock: Clock,
    recorder: Recorder,
    /// Makes request ids differ between runs.
    run_id: String,
}

/// Runs the load steps of a plan on the current tokio runtime and returns when the last one has ended.
///
/// Events go out in one order; the first is `run_started` and, unless the process is killed, the last `run_ended`.
/// When the channel of events is full, arrivals stop and what is in flight drains: nothing is dropped.
///
/// # Errors
/// Where an endpoint needs TLS and it cannot be set up.
pub async fn run(
    plan: Plan,
    bindings: Vec<Binding>,
    clock: Clock,
    events: mpsc::Sender<Event>,
    mut commands: mpsc::Receiver<Command>,
) -> Result<(), EngineError> {
    let (full, mut recorder_full) = mpsc::channel(1);
    let mut endpoints = Vec::with_capacity(bindings.len());
    for binding in bindings {
        endpoints.push(Endpoint::new(binding, clock)?);
    }
    let shared = Arc::new(Shared {
        plan,
        endpoints,
        clock,
        recorder: Recorder::new(events, full),
        run_id: format!("{:x}", clock.wall_ns() / 1_000_000),
    });
    let recorder = &shared.recorder;
    recorder.diary(Diary::RunStarted { format: FORMAT, wall_ns: clock.wall_ns() as i64 }).await;
    for step in &shared.plan.steps {
        let stopped = match &step.work {
            Work::Ready { .. } => continue,
            Work::Load(load) => {
                let run = StepRun::new(Arc::clone(&shared), step.id, load.clone());
                supervise(&run, &mut commands, &mut recorder_full).await
            }
            Work::Pause { duration } => {
                pause(&shared, step.id, *duration, &mut commands, &mut recorder_full).await
            }
        };
        if stopped {
            break;
        }
    }
    recorder.diary(Diary::RunEnded { at_ns: clock.now_ns() }).await;
    Ok(())
}

/// Runs one step to its end; obeys commands and the drain limit meanwhile. Returns whether the run is to stop.
async fn supervise(
    run: &Arc<StepRun>,
    commands: &mut mpsc::Receiver<Command>,
    recorder_full: &mut mpsc::Receiver<()>,
) -> bool {
    let recorder = &run.shared.recorder;
    let clock = run.shared.clock;
    let mut stopped = false;
    let mut deadline = None;
    let mut noted = run.counts();
    let mut ticks = tokio::time::interval(NOTE_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut work = tokio::spawn(perform(Arc::clone(run)));
    let due = loop {
        tokio::select! {
            due = &mut work => break due,
            Some(command) = commands.recv() => {
                stopped = true;
                let (arrivals, cause) = match command {
                    Command::Drain(cause) => (Arrivals::Stopped, cause),
                    Command::Cancel(cause) => (Arrivals::Cancelled, cause),
                };
                // the moment comes first: what is cut off for it ends after it
                let at_ns = clock.now_ns();
                run.advance(arrivals);
                recorder.diary(Diary::Stopping { at_ns, cause }).await;
            }
            Some(()) = recorder_full.recv() => {
                stopped = true;
                run.advance(Arrivals::Stopped);
                let cause = StopCause::Recorder;
                recorder.diary(Diary::Stopping { at_ns: clock.now_ns(), cause }).await;
            }
            () = run.reached(Arrivals::Over), if deadline.is_none() => {
                deadline = Some(tokio::time::Instant::now() + run.shared.plan.limits.drain);
            }
            () = passed(deadline), if run.arrivals() < Arrivals::Cancelled => {
                run.advance(Arrivals::Cancelled);
            }
            _ = ticks.tick() => {
                if run.counts() != noted {
                    noted = run.counts();
                    recorder.diary(run.issued_line()).await;
                }
            }
        }
    };
    let issued = run.issued();
    // a step whose own task died is cut short, and the accounts will say so
    let due = due.unwrap_or(issued);
    recorder.diary(Diary::StepEnded { step: run.step_id, at_ns: clock.now_ns(), issued, due }).await;
    stopped
}

/// Sends nothing for a while. Any command ends it, since there is nothing to drain. Returns whether the run is to stop.
async fn pause(
    shared: &Shared,
    step: usize,
    duration: Duration,
    commands: &mut mpsc::Receiver<Command>,
    recorder_full: &mut mpsc::Receiver<()>,
) -> bool {
    let Shared { recorder, clock, .. } = shared;
    recorder.diary(Diary::StepStarted { step, at_ns: clock.now_ns() }).await;
    let cause = tokio::select! {
        () = tokio::time::sleep(duration) => None,
        Some(Command::Drain(cause) | Command::Cancel(cause)) = commands.recv() => Some(cause),
        Some(()) = recorder_full.recv() => Some(StopCause::Recorder),
    };
    if let Some(cause) = cause {
        recorder.diary(Diary::Stopping { at_ns: clock.now_ns(), cause }).await;
    }
    recorder.diary(Diary::StepEnded { step, at_ns: clock.now_ns(), issued: 0, due: 0 }).await;
    cause.is_some()
}

/// Waits for a moment, for ever where there is none.
async fn passed(moment: Option<tokio::time::Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Opens connections, sends what the step has to send and waits for the answers. Returns how many requests its plan
/// had due.
async fn perform(run: Arc<StepRun>) -> u64 {
    match run.load.pattern.clone() {
        Pattern::Closed { users, ramp_up, think_time } => {
            open_connections(&run).await;
            start(&run).await;
            closed::perform(&run, users, ramp_up, think_time).await
        }
        Pattern::Open { concurrency_limit, .. } => {
            let mut ahead = open::prepare_ahead(&run);
            tokio::join!(open_connections(&run), ahead.ready(&run));
            start(&run).await;
            open::perform(&run, ahead, concurrency_limit).await
        }
    }
}

/// Fixes time 0 of the step and notes it.
async fn start(run: &StepRun) {
    let started = Diary::StepStarted { step: run.step_id, at_ns: run.start() };
    run.shared.recorder.diary(started).await;
}

/// Opens connections ahead of the measured window. Failures are left to the requests themselves, which record them.
async fn open_connections(run: &StepRun) {
    let all = async {
        for traffic in &run.load.traffic {
            let wanted = (expected_concurrency(&run.load) * traffic.share).ceil() as usize;
            let _ = run.shared.endpoints[traffic.endpoint].pool.open_ahead(wanted).await;
        }
    };
    tokio::select! {
        () = all => {}
        () = tokio::time::sleep(OPENING) => {}
        () = run.arrivals_over() => {}
    }
}

/// How many requests of a step may be in flight soon after its start.
fn expected_concurrency(load: &LoadStep) -> f64 {
    /// Seconds of arrivals for which an open loop gets connections beforehand; the rest open when they are needed.
    const AHEAD_S: f64 = 1.0;
    /// More connections than this are not opened on a guess.
    const MOST: f64 = 256.0;
    let requests = load.requests.map_or(f64::INFINITY, |requests| requests as f64);
    match &load.pattern {
        Pattern::Closed { users, .. } => f64::from(*users).min(requests),
        Pattern::Open { stages, concurrency_limit, .. } => {
            let rate = stages.iter().map(|stage| stage.from.max(stage.to)).fold(0.0, f64::max);
            let limit = concurrency_limit.map_or(MOST, f64::from);
            (rate * AHEAD_S).min(limit).min(requests).min(MOST)
        }
    }
}
