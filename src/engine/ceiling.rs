//! The ceiling of a run while it runs: where the server decides how many requests there are and how long they take,
//! the plan cannot know it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::{
    sync::{mpsc::Sender, watch},
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::{
    plan::Plan,
    record::{Command, StopCause},
};

/// Counts what goes to servers that are not simulated, and stops the run where it comes to too much.
pub(super) struct Ceiling {
    requests: u64,
    sent: AtomicU64,
    commands: Sender<Command>,
    /// Steps whose arrivals are running.
    arriving: watch::Sender<usize>,
    /// `None` where everything is simulated.
    timer: Option<JoinHandle<()>>,
}

impl Ceiling {
    /// The ceiling of a plan, from now on; `commands` leads to the run.
    pub(super) fn new(plan: &Plan, commands: Sender<Command>) -> Self {
        let arriving = watch::Sender::new(0);
        let timer = any_real(plan).then(|| {
            let (commands, arriving) = (commands.clone(), arriving.subscribe());
            let longest = plan.limits.ceiling.duration;
            tokio::spawn(async move {
                spent(longest, arriving).await;
                stop(&commands, StopCause::DurationCeiling);
            })
        });
        Self { requests: plan.limits.ceiling.requests, sent: AtomicU64::new(0), commands, arriving, timer }
    }

    /// Counts the time until the guard is dropped as time in which a step, or a pause between two, keeps the run going.
    pub(super) fn arriving(&self) -> Arriving {
        self.arriving.send_modify(|steps| *steps += 1);
        Arriving(self.arriving.clone())
    }

    /// Counts one more request; `false` where it is one too many and must not be sent.
    pub(super) fn admits(&self) -> bool {
        let admitted = self.sent.fetch_add(1, Ordering::Relaxed) < self.requests;
        if !admitted {
            stop(&self.commands, StopCause::RequestCeiling);
        }
        admitted
    }
}

impl Drop for Ceiling {
    fn drop(&mut self) {
        if let Some(timer) = &self.timer {
            timer.abort();
        }
    }
}

/// See [`Ceiling::arriving`].
pub(super) struct Arriving(watch::Sender<usize>);

impl Drop for Arriving {
    fn drop(&mut self) {
        self.0.send_modify(|steps| *steps -= 1);
    }
}

/// Whether anything goes to a server that is not simulated.
fn any_real(plan: &Plan) -> bool {
    let real = |endpoint: usize| !plan.endpoints[endpoint].simulated();
    plan.loads().any(|(_, load)| load.traffic.iter().any(|traffic| real(traffic.endpoint)))
}

/// Waits until arrivals have been running for so long. The ceiling is about them: time in which all steps under way
/// only drain is not counted.
async fn spent(mut left: Duration, mut arriving: watch::Receiver<usize>) {
    loop {
        // the sender lives as long as the ceiling, whose end aborts this task
        let _ = arriving.wait_for(|steps| *steps > 0).await;
        let begin = Instant::now();
        tokio::select! {
            () = sleep(left) => return,
            _ = arriving.wait_for(|steps| *steps == 0) => left = left.saturating_sub(begin.elapsed()),
        }
    }
}

fn stop(commands: &Sender<Command>, cause: StopCause) {
    // a full channel means that stopping is already under way
    let _ = commands.try_send(Command::Drain(cause));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Input, load},
        machine::Machine,
        plan::compile,
    };

    fn plan(url: &str, run: &str) -> Plan {
        let text = format!(
            "version = 1\nname = \"test\"\nendpoints.main.url = \"{url}\"\n\
             phases.load = {{ duration = \"1m\", load.closed.users = 1 }}\n[run]\n{run}\n"
        );
        let input = Input { name: "test.toml", text: &text, platform: None, sets: &[] };
        let nothing = |_: &std::path::Path| Err(std::io::Error::other("nothing to read"));
        compile(&load(&input, &Machine::default(), &|_| None, &nothing).expect("a scenario")[0])
    }

    const REAL: &str = "http://127.0.0.1:1/v1";

    #[tokio::test]
    async fn one_request_too_many_stops_the_run() {
        let (commands, mut told) = tokio::sync::mpsc::channel(8);
        let ceiling = Ceiling::new(&plan(REAL, "ceiling.requests = 2"), commands);
        assert!(ceiling.admits() && ceiling.admits() && told.try_recv().is_err());
        assert!(!ceiling.admits());
        assert_eq!(told.try_recv(), Ok(Command::Drain(StopCause::RequestCeiling)));
    }

    #[tokio::test]
    async fn too_long_a_time_stops_the_run() {
        let (commands, mut told) = tokio::sync::mpsc::channel(8);
        // what may drain does not lift it
        let limits = "drain = \"1h\"\nceiling.duration = \"10ms\"";
        let ceiling = Ceiling::new(&plan(REAL, limits), commands);
        let _arriving = ceiling.arriving();
        assert_eq!(told.recv().await, Some(Command::Drain(StopCause::DurationCeiling)));
    }

    #[tokio::test]
    async fn only_arrivals_take_time() {
        let (commands, mut told) = tokio::sync::mpsc::channel(8);
        let ceiling = Ceiling::new(&plan(REAL, "ceiling.duration = \"1ms\""), commands);
        sleep(Duration::from_millis(20)).await;
        assert!(told.try_recv().is_err(), "nothing arrives");
        // two side by side, of which one goes on
        drop([ceiling.arriving(), ceiling.arriving()].into_iter().next());
        let _one = ceiling.arriving();
        assert_eq!(told.recv().await, Some(Command::Drain(StopCause::DurationCeiling)));
    }

    #[test]
    fn what_is_simulated_takes_its_time() {
        assert!(any_real(&plan(REAL, "")));
        assert!(!any_real(&plan("sim:cpu_only", "")));
    }
}
