//! The ceiling of a run while it runs: where the server decides how many requests there are and how long they take,
//! the plan cannot know it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::{sync::mpsc::Sender, task::JoinHandle, time::sleep};

use crate::{
    plan::Plan,
    record::{Command, StopCause},
};

/// Counts what goes to servers that are not simulated, and stops the run where it comes to too much.
pub(super) struct Ceiling {
    requests: u64,
    sent: AtomicU64,
    commands: Sender<Command>,
    /// `None` where everything is simulated.
    timer: Option<JoinHandle<()>>,
}

impl Ceiling {
    /// The ceiling of a plan, from now on; `commands` leads to the run.
    pub(super) fn new(plan: &Plan, commands: Sender<Command>) -> Self {
        let timer = longest(plan).map(|longest| {
            let commands = commands.clone();
            tokio::spawn(async move {
                sleep(longest).await;
                stop(&commands, StopCause::DurationCeiling);
            })
        });
        Self { requests: plan.limits.ceiling.requests, sent: AtomicU64::new(0), commands, timer }
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

/// The ceiling is about arrivals, so what each step may drain for is not counted.
fn longest(plan: &Plan) -> Option<Duration> {
    let real = |endpoint: usize| !plan.endpoints[endpoint].simulated();
    let any = plan.loads().any(|(_, load)| load.traffic.iter().any(|traffic| real(traffic.endpoint)));
    let drains = plan.limits.drain.saturating_mul(u32::try_from(plan.steps.len()).unwrap_or(u32::MAX));
    any.then(|| plan.limits.ceiling.duration.saturating_add(drains))
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
        let limits = "drain = 0\nceiling.duration = \"10ms\"";
        let _ceiling = Ceiling::new(&plan(REAL, limits), commands);
        assert_eq!(told.recv().await, Some(Command::Drain(StopCause::DurationCeiling)));
    }

    #[test]
    fn drains_come_on_top_and_what_is_simulated_takes_its_time() {
        let limits = "drain = \"10s\"\nceiling.duration = \"1h\"";
        // a step that waits for the server, and the load
        assert_eq!(longest(&plan(REAL, limits)), Some(Duration::from_secs(3600 + 2 * 10)));
        assert_eq!(longest(&plan("sim:cpu_only", limits)), None);
    }
}
