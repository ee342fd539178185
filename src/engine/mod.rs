//! Plan + Bindings → Events: readiness, pacer, executors. Obeys commands, never judges.
//!
//! `dispatch` starts each step when those before it in the graph have ended, several at once where the graph says so,
//! and hands commands to all of them; `supervise` sees one step through to its end. Within a step an open loop is paced
//! by a thread of its own that sleeps until each due time (`open`), a closed loop is a task per user (`closed`); both hand
//! prepared requests to `exchange`, which turns one request into one record. Everything that happens leaves through one
//! channel. Besides runs, `probe` and `timed` send requests by the same path and keep more of what is seen.

mod agenda;
mod ceiling;
mod closed;
mod dispatch;
mod exchange;
mod generator;
mod open;
mod pending;
mod pressure;
mod probe;
mod ready;
mod recorder;
mod step;
mod stock;
mod supervise;
mod timed;
mod tokenize;
mod trust;
mod unless;
mod workers;

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
};

use tokio::{sync::mpsc, task::JoinHandle};

pub(crate) use self::ready::root_cause;
pub use self::{
    ceiling::Budget,
    probe::{Ask, Probed, Read, probe},
    ready::{Binding, NotReady, ready},
    timed::{Timed, timed},
    workers::{Workers, threads},
};
use self::{ceiling::Ceiling, generator::Refusals, recorder::Recorder, step::Course, workers::Lanes};
use crate::{
    plan::Plan,
    record::{Command, Diary, Event, FORMAT},
    wire::{Clock, Pool, WireError},
    workload::DatasetError,
};

/// Events that may wait for the recorder before the run is stopped, so that recording never blocks measuring.
pub const EVENT_QUEUE: usize = 1 << 16;

/// Why a run could not begin.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// An endpoint is no place that can be connected to.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// What is to be sent cannot be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
}

/// An endpoint that requests can be sent to.
struct Endpoint {
    binding: Binding,
    /// The connections of each thread that measures.
    pools: Vec<Pool>,
}

impl Endpoint {
    fn new(binding: Binding, clock: Clock, lanes: usize) -> Result<Self, EngineError> {
        let pool = |_| {
            let pool = Pool::new(binding.origin.clone(), clock, binding.tls.clone())?;
            Ok::<_, WireError>(pool.speaking(binding.http))
        };
        let pools = (0..lanes).map(pool).collect::<Result<_, _>>()?;
        Ok(Self { binding, pools })
    }
}

/// What every step of a run shares.
struct Shared {
    plan: Plan,
    endpoints: Vec<Endpoint>,
    lanes: Lanes,
    clock: Clock,
    recorder: Recorder,
    ceiling: Ceiling,
    refusals: Refusals,
    /// Requests in flight over all steps, which the safety cap is about.
    in_flight: AtomicU64,
    /// By the index of a step, how far its arrivals have come.
    arrivals: Vec<Course>,
    /// Makes request ids differ between runs.
    run_id: String,
    /// This program, as which the process of a step under pressure is started.
    program: Option<PathBuf>,
}

/// Starts to run the steps of a plan on these threads, and ends when the last one has ended.
///
/// Events go out in one order; the first is `run_started` and, unless the process is killed, the last `run_ended`.
/// It ends before its time where it comes to the end of one of the budgets, which may be those of several runs.
/// What puts a step under pressure is `program`, which is this one; without it no step of the plan may have any.
/// When the channel of events is full, arrivals stop and what is in flight drains: nothing is dropped.
///
/// # Errors
/// Where an endpoint is no place that can be connected to.
#[expect(clippy::too_many_arguments, reason = "all that only a run knows, each of its own kind")]
pub fn start(
    workers: &Workers,
    plan: Plan,
    bindings: Vec<Binding>,
    program: Option<PathBuf>,
    clock: Clock,
    budgets: Vec<Budget>,
    events: mpsc::Sender<Event>,
    commands: mpsc::Receiver<Command>,
) -> JoinHandle<Result<(), EngineError>> {
    let lanes = workers.lanes();
    let first = lanes.handle(0).clone();
    first.spawn(run(lanes, plan, bindings, program, clock, budgets, events, commands))
}

#[expect(clippy::too_many_arguments, reason = "those of `start`")]
async fn run(
    lanes: Lanes,
    plan: Plan,
    bindings: Vec<Binding>,
    program: Option<PathBuf>,
    clock: Clock,
    budgets: Vec<Budget>,
    events: mpsc::Sender<Event>,
    mut commands_in: mpsc::Receiver<Command>,
) -> Result<(), EngineError> {
    // the run has commands of its own besides those from outside
    // not one of them may be lost, and there are few: the plan bounds those of searches, and the run stops itself once
    let (own_commands, mut commands) = mpsc::unbounded_channel();
    let ceiling = Ceiling::new(&plan, budgets, own_commands.clone());
    let forward = tokio::spawn(async move {
        while let Some(command) = commands_in.recv().await {
            // nobody listens any more once the run is over
            let _ = own_commands.send(command);
        }
    });
    let (full, mut recorder_full) = mpsc::channel(1);
    let mut endpoints = Vec::with_capacity(bindings.len());
    for binding in bindings {
        endpoints.push(Endpoint::new(binding, clock, lanes.count())?);
    }
    let arrivals = plan.steps.iter().map(|_| Course::default()).collect();
    let shared = Arc::new(Shared {
        plan,
        endpoints,
        lanes,
        clock,
        recorder: Recorder::new(events, full),
        ceiling,
        refusals: Refusals::default(),
        in_flight: AtomicU64::new(0),
        arrivals,
        run_id: format!("{:x}", clock.wall_ns() / 1_000_000),
        program,
    });
    let recorder = &shared.recorder;
    recorder.diary(Diary::RunStarted { format: FORMAT, wall_ns: clock.wall_ns() as i64 }).await;
    let watching = generator::watch(&shared);
    dispatch::run(&shared, &mut commands, &mut recorder_full).await;
    forward.abort();
    watching.abort();
    // a line that is half sent would come behind the last one
    let _ = watching.await;
    generator::look(&shared).await;
    recorder.diary(Diary::RunEnded { at_ns: clock.now_ns() }).await;
    Ok(())
}

/// Waits for a moment, for ever where there is none.
async fn passed(moment: Option<tokio::time::Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
