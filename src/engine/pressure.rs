//! Steps under pressure: the process that loads the machine lives as long as the arrivals of its step.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    sync::oneshot,
    task::{JoinSet, spawn_blocking},
    time::timeout,
};

use super::{Shared, step::Arrivals};
use crate::{
    config::Pressure,
    pressure::{Child, Told},
    record::{Diary, Pressed},
};

/// Longest that a step waits for the memory to be held which it is to run beside.
const FILLING: Duration = Duration::from_secs(60);

/// Longest that the process may take for its last words before it is ended.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Does the work of a step, under its pressure where it has one: that begins before the work, and ends with the arrivals
/// of the step, with the work, and with this.
pub(super) async fn under(
    shared: Arc<Shared>,
    step: usize,
    pressure: Option<Pressure>,
    work: impl Future<Output = ()>,
) {
    let Some(pressure) = pressure else { return work.await };
    let (ready, is_ready) = oneshot::channel();
    let (ended, has_ended) = oneshot::channel::<()>();
    // a set of one: dropped with this task, it takes the process along
    let mut pressing = JoinSet::new();
    pressing.spawn(press(shared, step, pressure, ready, has_ended));
    // an error is that it could not begin, which the diary says
    let _ = is_ready.await;
    work.await;
    drop(ended);
    pressing.join_next().await;
}

/// Presses, and notes what comes of it.
async fn press(
    shared: Arc<Shared>,
    step: usize,
    pressure: Pressure,
    ready: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
) {
    let mut notes = Notes { shared: &shared, line: Pressed { step, ..Pressed::default() } };
    let program = shared.program.clone();
    let mut child = match spawn_blocking(move || start(program, &pressure)).await {
        Ok(Ok(child)) => child,
        Ok(Err(why)) => return notes.failed(why).await,
        Err(died) => return notes.failed(died.to_string()).await,
    };
    let mut ready = Some(ready);
    let over = async {
        tokio::select! {
            () = shared.arrivals[step].reached(Arrivals::Over) => {}
            _ = ended => {}
        }
    };
    let filled = tokio::time::sleep(FILLING);
    tokio::pin!(over, filled);
    loop {
        tokio::select! {
            told = child.told() => {
                let Some(told) = told else {
                    notes.failed("it ended before its time".to_owned()).await;
                    break;
                };
                if notes.take(told).await {
                    ready.take().map(|ready| ready.send(()));
                }
            }
            () = &mut filled, if ready.is_some() => {
                ready.take().map(|ready| ready.send(()));
            }
            () = &mut over => break,
        }
    }
    // nobody waits for it any more
    drop(ready);
    child.end();
    let last = async {
        while let Some(told) = child.told().await {
            notes.take(told).await;
        }
    };
    // whatever it has not said by then is not worth more pressure
    let _ = timeout(LAST_WORDS, last).await;
    let _ = spawn_blocking(move || drop(child)).await;
}

fn start(program: Option<PathBuf>, pressure: &Pressure) -> Result<Child, String> {
    let program = program.ok_or("there is no program that presses")?;
    Child::start(&program, pressure).map_err(|error| error.to_string())
}

/// What the diary is told.
struct Notes<'a> {
    shared: &'a Shared,
    line: Pressed,
}

impl Notes<'_> {
    /// Notes a line of the process; whether it presses as much as it can.
    async fn take(&mut self, told: Told) -> bool {
        match told {
            Told::Held(held) => {
                self.line = Pressed {
                    threads: held.threads,
                    cpu_ns: held.cpu_ns,
                    memory_bytes: held.memory_bytes,
                    wanted_bytes: held.wanted_bytes,
                    ready: held.ready,
                    ..self.line.clone()
                };
                self.note().await;
                held.ready
            }
            Told::Failed(why) => {
                self.failed(why).await;
                false
            }
        }
    }

    /// Notes that nothing presses any more. Of several reasons the first counts.
    async fn failed(&mut self, why: String) {
        if self.line.failed.is_none() {
            (self.line.memory_bytes, self.line.failed) = (0, Some(why));
            self.note().await;
        }
    }

    async fn note(&mut self) {
        self.line.at_ns = self.shared.clock.now_ns();
        self.shared.recorder.diary(Diary::Pressed(self.line.clone())).await;
    }
}
