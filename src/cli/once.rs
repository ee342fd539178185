//! One run of one plan: simulated servers, services, readiness, load, records, report.

use std::path::Path;

use anyhow::Context as _;
use time::OffsetDateTime;
use tokio::sync::mpsc;

use super::{
    Output,
    exit::Exit,
    limits,
    rebuild::{Rebuilt, rebuild},
    recording::{self, Progress},
    run::this_program,
    secrets::read_secret,
    services::{self, Services},
    signals::Signals,
    simulated::Simulated,
    terminal::{self, Terminal},
    webhook::{Outbox, Webhook},
};
use crate::{
    answers::Checks,
    control::Control,
    engine::{self, Binding, Budget, Workers},
    machine::{self, Calibration, Machine, SystemInfo},
    plan::Plan,
    record::{Command, Diary, Event, StopCause},
    store::{self, Writer},
    telemetry,
    wire::Clock,
    workload::Source,
};

/// Where it runs.
pub(super) struct Place<'a> {
    pub(super) machine: &'a Machine,
    /// What that was seen to do, where that is known.
    pub(super) calibration: Option<Calibration>,
}

/// What became of one scenario.
pub(super) struct Ran {
    pub(super) exit: Exit,
    /// `None` where it never began: no endpoint answered, or it was interrupted before the first request.
    pub(super) rebuilt: Option<Rebuilt>,
}

/// Runs one plan once: simulated servers, readiness, load, records, report.
pub(super) async fn run_one(
    plan: &Plan,
    sources: &[Source],
    budgets: Vec<Budget>,
    place: &Place<'_>,
    output: &Output,
    signals: &mut Signals,
    terminal: Terminal,
) -> anyhow::Result<Ran> {
    limits::check(plan)?;
    // before anything is started: its secrets may be missing
    let webhook = Webhook::of(plan)?;
    let interrupted = Ran { exit: Exit::Interrupted, rebuilt: None };
    let starting = {
        let plan = plan.clone();
        tokio::task::spawn_blocking(move || Simulated::start(&plan))
    };
    // lives until the end of this function: dropping it stops the servers
    let simulated = tokio::select! {
        simulated = starting => simulated.context("starting the simulated servers died")??,
        _ = signals.next() => {
            terminal::say("stopped before the simulated servers were up; nothing was sent");
            return Ok(interrupted);
        }
    };
    let mut services = Services::new(plan, &output.results)?;
    let beside = (&simulated, &mut services, webhook);
    let ran = run_served(plan, sources, budgets, place, output, beside, signals, terminal).await;
    // those that it could not stop any more
    services.stop(signals, || 0).await;
    ran
}

/// Runs one plan once, with its simulated servers, and with services of which some may still run behind it.
#[expect(clippy::too_many_arguments, reason = "everything that a run is made of comes together here")]
async fn run_served(
    plan: &Plan,
    sources: &[Source],
    budgets: Vec<Budget>,
    place: &Place<'_>,
    output: &Output,
    (simulated, services, webhook): (&Simulated, &mut Services, Option<Webhook>),
    signals: &mut Signals,
    terminal: Terminal,
) -> anyhow::Result<Ran> {
    let interrupted = Ran { exit: Exit::Interrupted, rebuilt: None };
    tokio::select! {
        started = services.start(plan) => started?,
        _ = signals.next() => {
            services.discard(signals).await;
            terminal::say("stopped before the services were ready; nothing was sent");
            return Ok(interrupted);
        }
    }
    let bindings = tokio::select! {
        bindings = engine::ready(plan, &simulated.urls, sources, &read_secret) => {
            bindings.inspect_err(|_| services.say_where())?
        }
        lost = services.lost() => return Err(lost),
        _ = signals.next() => {
            services.discard(signals).await;
            terminal::say("stopped before the endpoints were ready; nothing was sent");
            return Ok(interrupted);
        }
    };
    let system = SystemInfo {
        format: machine::FORMAT,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        machine: place.machine.clone(),
        servers: bindings.iter().map(|binding| binding.server.clone()).collect(),
        services: services.started(),
        client_threads: Some(client_threads(plan)),
        calibration: place.calibration.clone(),
    };
    let clock = Clock::start();
    let started = OffsetDateTime::from_unix_timestamp_nanos(clock.wall_ns())
        .context("the system clock is out of range")?;
    let writer = Writer::create(&output.results, plan, &system, started)?;
    let folder = writer.folder().to_owned();
    services.settle(&folder)?;
    if !output.quiet {
        terminal::say(&begins(plan, &folder));
    }
    let progress = Progress::new(plan, output.quiet, terminal);
    let run = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let (outbox, sending) =
        webhook.map(|webhook| webhook.start(plan, run, started, progress.voice())).unzip();
    let servers = simulated.servers(plan, &bindings, &system.services);
    let (mut writer, mut recorded) = measure(
        plan,
        budgets,
        bindings,
        &servers,
        clock,
        (writer, services.watch()),
        progress,
        outbox,
        signals,
    )
    .await?;
    if let Some(sending) = sending {
        sending.finish().await;
    }
    let ended = services.stop(signals, || clock.now_ns()).await;
    let ended = ended.into_iter().map(Diary::ServiceEnded).map(Event::Diary);
    if let Err(error) = writer.append(&ended.collect::<Vec<_>>()) {
        recorded = recorded.and(Err(error));
    }
    let Some(rebuilt) = finish(&folder, signals).await else {
        let folder = folder.display();
        terminal::say(&format!("left without a report: `scenario report {folder}` makes it"));
        return Ok(interrupted);
    };
    let (rebuilt, written) = rebuilt?;
    let mut exit = rebuilt.exit();
    if let Err(error) = &written {
        terminal::error(error);
    }
    if recorded.is_err() || written.is_err() {
        exit = Exit::Environment;
    }
    Ok(Ran { exit, rebuilt: Some(rebuilt) })
}

/// That a run begins, and where it leaves what it finds.
fn begins(plan: &Plan, folder: &Path) -> String {
    let folder = folder.display();
    if plan.is_open_ended() {
        format!("monitoring {} until Ctrl-C → {folder}", plan.name)
    } else if plan.watches() {
        format!("monitoring {} → {folder}", plan.name)
    } else {
        format!("running {} → {folder}", plan.title())
    }
}

/// Judges and reports the run in a folder, on a thread of its own: a long one takes a while. `None` where a second
/// signal came before it was done.
async fn finish(
    folder: &Path,
    signals: &mut Signals,
) -> Option<anyhow::Result<(Rebuilt, anyhow::Result<()>)>> {
    let folder = folder.to_owned();
    let mut rebuilding = tokio::task::spawn_blocking(move || rebuild(&folder));
    let mut asked = false;
    loop {
        tokio::select! {
            rebuilt = &mut rebuilding => return Some(rebuilt.context("the report died").and_then(|rebuilt| rebuilt)),
            _ = signals.next() => {
                if asked {
                    return None;
                }
                asked = true;
                terminal::say("writing the report (again to leave without it)");
            }
        }
    }
}

/// Sends the load and writes the records, obeying signals. The outer error is the engine's, the inner the disk's.
#[expect(clippy::too_many_arguments, reason = "everything that a run is made of comes together here")]
async fn measure(
    plan: &Plan,
    budgets: Vec<Budget>,
    bindings: Vec<Binding>,
    servers: &[telemetry::Server],
    clock: Clock,
    written: (Writer, services::Watch),
    progress: Progress,
    outbox: Option<Outbox>,
    signals: &mut Signals,
) -> anyhow::Result<(Writer, Result<(), store::StoreError>)> {
    let (events, events_out) = mpsc::channel(engine::EVENT_QUEUE);
    let (commands, commands_out) = mpsc::channel(8);
    let voice = progress.voice();
    let (checks, control) = (Checks::of(plan)?, Control::new(plan));
    // before the first step, so that what was before the load is known
    let sources = telemetry::sources(plan, servers, &machine::Places::default());
    let sampling = plan.monitoring.enabled.then(|| {
        telemetry::Sampling::start(sources, plan.monitoring, clock, events.clone())
            .context("cannot start the thread that reads the machine")
    });
    let sampling = sampling.transpose()?;
    let commands_to = commands.clone();
    let recording =
        recording::start(written, events_out, commands_to, clock, progress, checks, (control, outbox));
    let workers = Workers::start(client_threads(plan)).context("cannot start the threads that measure")?;
    let program = this_program()?;
    let (watches, plan, commands_in) = (plan.watches(), plan.clone(), commands_out);
    let mut running =
        engine::start(&workers, plan, bindings, Some(program), clock, budgets, events, commands_in);
    let mut asked = 0;
    let ended = loop {
        tokio::select! {
            ended = &mut running => break ended,
            cause = signals.next() => {
                asked += 1;
                let command = if asked == 1 && watches {
                    voice.say("ending");
                    Command::Drain(cause)
                } else if asked == 1 {
                    voice.say("stopping: no new requests, waiting for answers (again to cut them off)");
                    Command::Drain(cause)
                } else {
                    voice.say("stopping: cutting off what is in flight");
                    Command::Cancel(StopCause::Cancel)
                };
                // the engine takes commands out of the channel at once; nobody listens any more when the run is over
                let _ = commands.send(command).await;
            }
        }
    };
    drop(workers);
    // after the last drain; the recorder waits for whoever may still have something to say
    drop(sampling);
    let recorded =
        recording.join().map_err(|_| anyhow::anyhow!("the recorder died; the records so far are on disk"))?;
    ended.context("the engine died; the records so far are on disk")??;
    Ok(recorded)
}

/// Threads that send the requests of a plan and read the answers.
fn client_threads(plan: &Plan) -> u32 {
    if plan.watches() {
        return 1;
    }
    let beside_server =
        plan.endpoints.iter().any(|endpoint| endpoint.simulated() || endpoint.address.is_loopback());
    engine::threads(plan.limits.threads, beside_server)
}
