//! The thread between the engine and the disk: writes events as they come, and shows progress.

use std::{collections::VecDeque, thread::JoinHandle, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget};
use tokio::{
    runtime::Handle,
    sync::mpsc::{Receiver, Sender, error::TrySendError},
};

use super::{
    services::Watch,
    terminal::{self, Terminal},
    webhook::Outbox,
};
use crate::{
    answers::Checks,
    control::{Control, Decision},
    live,
    plan::Plan,
    record::{Abort, Command, Diary, Event, StopCause, Telemetry},
    store::{StoreError, Writer},
    units,
    wire::Clock,
};

/// Time between two plain lines of progress.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// How long events are gathered before they are written. While this thread sleeps nobody has to wake it, which would
/// cost the threads that measure more than all the rest of handing a record over.
const GATHER: Duration = Duration::from_millis(2);

/// How progress is shown.
pub(super) enum Progress {
    /// Not at all.
    Silent,
    /// A line now and then.
    Plain(Box<live::Plain>),
    /// A bar on a terminal.
    Bar(Box<live::terminal::Bar>),
}

impl Progress {
    pub(super) fn new(plan: &Plan, quiet: bool, terminal: Terminal) -> Self {
        if quiet {
            Self::Silent
        } else if terminal.live {
            Self::Bar(Box::new(live::terminal::Bar::new(plan, ProgressDrawTarget::stderr())))
        } else {
            Self::Plain(Box::new(live::Plain::new(plan, LINE_EVERY)))
        }
    }

    fn observe(&mut self, event: &Event) {
        match self {
            Self::Silent => {}
            Self::Plain(plain) => plain.observe(event),
            Self::Bar(bar) => bar.observe(event),
        }
    }

    /// Whether readings are all that there is to tell of.
    fn watches(&self) -> bool {
        match self {
            Self::Silent => false,
            Self::Plain(plain) => plain.watches(),
            Self::Bar(bar) => bar.watches(),
        }
    }

    fn tick(&mut self, now_ns: u64) {
        match self {
            Self::Silent => {}
            Self::Plain(plain) => {
                if let Some(line) = plain.tick(now_ns) {
                    terminal::say(&line);
                }
            }
            Self::Bar(bar) => bar.tick(now_ns),
        }
    }

    /// Whether anything is shown at all.
    fn is_silent(&self) -> bool {
        matches!(self, Self::Silent)
    }

    /// What speaks beside it.
    pub(super) fn voice(&self) -> Voice {
        match self {
            Self::Bar(bar) => Voice(Some(bar.handle())),
            Self::Silent | Self::Plain(_) => Voice(None),
        }
    }

    fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish();
        }
    }
}

/// Says something on the way without tearing the bar.
#[derive(Debug, Clone)]
pub(super) struct Voice(Option<ProgressBar>);

impl Voice {
    pub(super) fn say(&self, line: &str) {
        match &self.0 {
            Some(bar) => bar.suspend(|| terminal::say(line)),
            None => terminal::say(line),
        }
    }
}

/// That something is not there to be read, or is again.
fn unread(event: &Event) -> Option<String> {
    let Event::Telemetry(line) = event else { return None };
    match line {
        Telemetry::Missing { sensor, subject, why, .. } => {
            Some(format!("not read: {subject} by `{}`: {why}", sensor.name()))
        }
        Telemetry::Found { sensor, subject, .. } => {
            Some(format!("read again: {subject} by `{}`", sensor.name()))
        }
        Telemetry::Started { .. } | Telemetry::Sample(_) | Telemetry::Cost { .. } => None,
    }
}

/// That the run stopped itself, where it did: nobody else says so on the way.
fn stopping(cause: StopCause) -> Option<&'static str> {
    match cause {
        StopCause::RequestCeiling => Some("stopping at the ceiling on requests"),
        StopCause::DurationCeiling => Some("stopping at the ceiling on duration"),
        StopCause::Dataset => Some("stopping: prompts cannot be read any more"),
        StopCause::Interrupt
        | StopCause::Terminate
        | StopCause::Cancel
        | StopCause::Recorder
        | StopCause::Abort => None,
    }
}

/// Starts the thread. It ends when everybody who tells has dropped their end of `events`, and gives the writer back with the first error of
/// the disk. A service that ends on the way is noted. Answers are checked here, before anybody sees how their requests ended. A target without
/// hope ends the run from here, by the same evidence that is written, and alerts are told. On an error it asks the engine to stop and goes on trying, so that
/// nothing measured is lost where the disk recovers.
pub(super) fn start(
    (mut writer, mut services): (Writer, Watch),
    mut events: Receiver<Event>,
    commands: Sender<Command>,
    clock: Clock,
    mut progress: Progress,
    checks: Option<Checks>,
    (mut control, mut outbox): (Control, Option<Outbox>),
) -> JoinHandle<(Writer, Result<(), StoreError>)> {
    let runtime = Handle::current();
    let voice = progress.voice();
    let watches = progress.watches();
    std::thread::spawn(move || {
        let mut first_error = None;
        let mut begun = false;
        let mut batch = Vec::new();
        let mut untold: VecDeque<Command> = VecDeque::new();
        runtime.block_on(async {
            let mut frames = tokio::time::interval(live::terminal::Bar::INTERVAL);
            frames.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                std::thread::sleep(GATHER);
                tokio::select! {
                    count = events.recv_many(&mut batch, 4096) => {
                        if count == 0 {
                            break;
                        }
                        if let Some(checks) = &checks {
                            for event in &mut batch {
                                checks.look_at(event);
                            }
                        }
                        if let Err(error) = writer.append(&batch)
                            && first_error.is_none()
                        {
                            voice.say(&format!("error: {error}; stopping"));
                            first_error = Some(error);
                            // once: the engine notes what it is told, and that note could not be written either
                            untold.push_front(Command::Drain(StopCause::Recorder));
                        }
                        for event in batch.drain(..) {
                            begun |= matches!(event, Event::Diary(_));
                            if let Event::Diary(Diary::Stopping { cause, .. }) = &event
                                && let Some(why) = stopping(*cause)
                            {
                                voice.say(&format!("{why}, waiting for answers"));
                            }
                            if let Some(line) = watches.then(|| unread(&event)).flatten() {
                                voice.say(&line);
                            }
                            progress.observe(&event);
                            control.observe(event);
                        }
                    }
                    _ = frames.tick() => progress.tick(clock.now_ns()),
                }
                // the first line of the diary is the engine's
                let lost = if begun { services.ended(clock.now_ns()) } else { Vec::new() };
                for ended in lost {
                    voice.say(&format!(
                        "service `{}` {}; the run goes on without it",
                        ended.service,
                        ended.how()
                    ));
                    let event = Event::Diary(Diary::ServiceEnded(ended));
                    // what a disk refuses goes out with the next batch, which then says so
                    let _ = writer.append(std::slice::from_ref(&event));
                    control.observe(event);
                }
                for Decision { note, command } in control.look(clock.now_ns()) {
                    if let Some(note) = note {
                        match &note {
                            Diary::Aborted(abort) => voice.say(&said(abort)),
                            Diary::Alert(alert) => {
                                if !progress.is_silent() {
                                    voice.say(&alert.line());
                                }
                                if let Some(outbox) = &mut outbox {
                                    outbox.tell(alert);
                                }
                            }
                            _ => {}
                        }
                        let event = Event::Diary(note);
                        progress.observe(&event);
                        // what a disk refuses goes out with the next batch, which then says so
                        let _ = writer.append(&[event]);
                    }
                    untold.extend(command);
                }
                // those that find no room are told with the next batch
                while let Some(command) = untold.pop_front() {
                    if let Err(TrySendError::Full(command)) = commands.try_send(command) {
                        untold.push_front(command);
                        break;
                    }
                }
            }
        });
        progress.finish();
        (writer, first_error.map_or(Ok(()), Err))
    })
}

/// That a target ends the run.
fn said(abort: &Abort) -> String {
    let Abort { target, scope, requests, beyond, .. } = abort;
    format!(
        "stopping: `{target}` has failed in `{scope}`, by {} of {}, and ends the run",
        units::show_count(*beyond),
        units::show_count_of(*requests, "request"),
    )
}
