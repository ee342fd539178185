//! The ceiling of a run while it runs: where the server decides how many requests there are and how long they take,
//! the plan cannot know it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc::UnboundedSender, watch},
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::{
    config,
    plan::Plan,
    record::{Command, StopCause},
};

/// A ceiling over runs that follow each other: all its clones together are one.
#[derive(Debug, Clone)]
pub struct Budget {
    ceiling: config::Ceiling,
    spent: Arc<Spent>,
}

/// What runs have sent to servers that are not simulated, and the time in which they did.
#[derive(Debug, Default)]
struct Spent {
    requests: AtomicU64,
    arriving_ns: AtomicU64,
}

impl Budget {
    /// A budget of which nothing is spent.
    pub fn new(ceiling: config::Ceiling) -> Self {
        Self { ceiling, spent: Arc::default() }
    }

    /// Counts one more request; `false` where it is one too many.
    fn admits(&self) -> bool {
        self.spent.requests.fetch_add(1, Ordering::Relaxed) < self.ceiling.requests
    }

    fn time_left(&self) -> Duration {
        let spent = Duration::from_nanos(self.spent.arriving_ns.load(Ordering::Relaxed));
        self.ceiling.duration.saturating_sub(spent)
    }
}

/// Counts what goes to servers that are not simulated, and stops the run where it comes to too much.
pub(super) struct Ceiling {
    budgets: Arc<[Budget]>,
    commands: UnboundedSender<Command>,
    /// Whether it has stopped the run: one command is enough, whoever finds out beside or after.
    stopped: AtomicBool,
    arriving: watch::Sender<Steps>,
    /// `None` where everything is simulated.
    timer: Option<JoinHandle<()>>,
}

/// Steps whose arrivals are running.
#[derive(Debug, Default)]
struct Steps {
    count: usize,
    /// Since when there have been any.
    since: Option<Instant>,
}

impl Ceiling {
    /// The ceilings that a plan is run under, from now on; `commands` leads to the run.
    pub(super) fn new(plan: &Plan, budgets: Vec<Budget>, commands: UnboundedSender<Command>) -> Self {
        let arriving = watch::Sender::new(Steps::default());
        let real = any_real(plan);
        // what is simulated spends nothing
        let budgets: Arc<[Budget]> = if real { budgets.into() } else { Arc::default() };
        let timer = budgets.iter().map(Budget::time_left).min().map(|left| {
            let (commands, arriving) = (commands.clone(), arriving.subscribe());
            tokio::spawn(async move {
                spent(left, arriving).await;
                // nobody listens any more once the run is over
                let _ = commands.send(Command::Drain(StopCause::DurationCeiling));
            })
        });
        Self { budgets, commands, stopped: AtomicBool::new(false), arriving, timer }
    }

    /// Counts the time until the guard is dropped as time in which a step, or a pause between two, keeps the run going.
    pub(super) fn arriving(&self) -> Arriving {
        self.arriving.send_modify(|steps| {
            steps.count += 1;
            steps.since.get_or_insert_with(Instant::now);
        });
        Arriving { steps: self.arriving.clone(), budgets: Arc::clone(&self.budgets) }
    }

    /// Counts one more request; `false` where it is one too many and must not be sent.
    pub(super) fn admits(&self) -> bool {
        // each of them counts it
        let admitted = self.budgets.iter().map(Budget::admits).fold(true, |all, one| all & one);
        if !admitted {
            self.stop(StopCause::RequestCeiling);
        }
        admitted
    }

    /// Stops the run: what it was to send cannot be sent.
    pub(super) fn stop(&self, cause: StopCause) {
        if !self.stopped.swap(true, Ordering::Relaxed) {
            let _ = self.commands.send(Command::Drain(cause));
        }
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
pub(super) struct Arriving {
    steps: watch::Sender<Steps>,
    budgets: Arc<[Budget]>,
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.steps.send_modify(|steps| {
            steps.count -= 1;
            if let Some(since) = steps.since.filter(|_| steps.count == 0) {
                let spent = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
                for budget in &*self.budgets {
                    budget.spent.arriving_ns.fetch_add(spent, Ordering::Relaxed);
                }
                steps.since = None;
            }
        });
    }
}

/// Whether anything goes to a server that is not simulated.
fn any_real(plan: &Plan) -> bool {
    let real = |endpoint: usize| !plan.endpoints[endpoint].simulated();
    plan.loads().any(|(_, load)| load.traffic.iter().any(|traffic| real(traffic.endpoint)))
}

/// Waits until arrivals have been running for so long. The ceiling is about them: time in which all steps under way
/// only drain is not counted.
async fn spent(mut left: Duration, mut arriving: watch::Receiver<Steps>) {
    loop {
        // the sender lives as long as the ceiling, whose end aborts this task
        let _ = arriving.wait_for(|steps| steps.count > 0).await;
        let begin = Instant::now();
        tokio::select! {
            () = sleep(left) => return,
            _ = arriving.wait_for(|steps| steps.count == 0) => left = left.saturating_sub(begin.elapsed()),
        }
    }
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

    fn alone(plan: &Plan, commands: UnboundedSender<Command>) -> Ceiling {
        Ceiling::new(plan, vec![Budget::new(plan.limits.ceiling)], commands)
    }

    const REAL: &str = "http://127.0.0.1:1/v1";

    #[tokio::test]
    async fn one_request_too_many_stops_the_run() {
        let (commands, mut told) = tokio::sync::mpsc::unbounded_channel();
        let ceiling = alone(&plan(REAL, "ceiling.requests = 2"), commands);
        assert!(ceiling.admits() && ceiling.admits() && told.try_recv().is_err());
        assert!(!ceiling.admits() && !ceiling.admits());
        assert_eq!(told.try_recv(), Ok(Command::Drain(StopCause::RequestCeiling)));
        assert!(told.try_recv().is_err(), "once");
    }

    #[tokio::test]
    async fn a_stop_is_heard_behind_however_many_commands() {
        let (commands, mut told) = tokio::sync::mpsc::unbounded_channel();
        let ceiling = alone(&plan(REAL, "ceiling = { requests = 1, duration = \"5ms\" }"), commands.clone());
        // a search that has found what it looked for
        let spared = || (0..100).map(Command::Spare);
        spared().for_each(|command| commands.send(command).expect("a listener"));
        let _arriving = ceiling.arriving();
        assert!(ceiling.admits() && !ceiling.admits());
        let mut heard = Vec::new();
        while heard.len() < 102 {
            heard.extend(told.recv().await);
        }
        let stops = [StopCause::RequestCeiling, StopCause::DurationCeiling].map(Command::Drain);
        assert_eq!(heard, spared().chain(stops).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn too_long_a_time_stops_the_run() {
        let (commands, mut told) = tokio::sync::mpsc::unbounded_channel();
        // what may drain does not lift it
        let limits = "drain = \"1h\"\nceiling.duration = \"10ms\"";
        let ceiling = alone(&plan(REAL, limits), commands);
        let _arriving = ceiling.arriving();
        assert_eq!(told.recv().await, Some(Command::Drain(StopCause::DurationCeiling)));
    }

    #[tokio::test]
    async fn only_arrivals_take_time() {
        let (commands, mut told) = tokio::sync::mpsc::unbounded_channel();
        let ceiling = alone(&plan(REAL, "ceiling.duration = \"1ms\""), commands);
        sleep(Duration::from_millis(20)).await;
        assert!(told.try_recv().is_err(), "nothing arrives");
        // two side by side, of which one goes on
        drop([ceiling.arriving(), ceiling.arriving()].into_iter().next());
        let _one = ceiling.arriving();
        assert_eq!(told.recv().await, Some(Command::Drain(StopCause::DurationCeiling)));
    }

    #[tokio::test]
    async fn runs_share_a_budget() {
        let (commands, mut told) = tokio::sync::mpsc::unbounded_channel();
        let plan = plan(REAL, "ceiling = { requests = 3, duration = \"1h\" }");
        let whole = Budget::new(plan.limits.ceiling);
        let run = || {
            let own = config::Ceiling { requests: 2, ..plan.limits.ceiling };
            Ceiling::new(&plan, vec![Budget::new(own), whole.clone()], commands.clone())
        };
        let first = run();
        let arriving = [first.arriving(), first.arriving()];
        assert!(first.admits() && first.admits());
        drop(arriving);
        drop(first);
        let left = whole.time_left();
        assert!(left < plan.limits.ceiling.duration, "time with arrivals is spent");
        let second = run();
        assert!(second.admits() && told.try_recv().is_err());
        assert!(!second.admits());
        assert_eq!(told.try_recv(), Ok(Command::Drain(StopCause::RequestCeiling)));
        assert_eq!(whole.time_left(), left, "nothing arrived");
    }

    #[tokio::test]
    async fn a_spent_budget_stops_a_run_at_once() {
        let (commands, mut told) = tokio::sync::mpsc::unbounded_channel();
        let plan = plan(REAL, "ceiling.duration = \"5ms\"");
        let budget = Budget::new(plan.limits.ceiling);
        let first = Ceiling::new(&plan, vec![budget.clone()], commands.clone());
        let arriving = first.arriving();
        assert_eq!(told.recv().await, Some(Command::Drain(StopCause::DurationCeiling)));
        drop((arriving, first));
        assert_eq!(budget.time_left(), Duration::ZERO);
        let second = Ceiling::new(&plan, vec![budget], commands);
        let _arriving = second.arriving();
        assert_eq!(told.recv().await, Some(Command::Drain(StopCause::DurationCeiling)));
    }

    #[tokio::test]
    async fn what_is_simulated_spends_nothing() {
        let (commands, _told) = tokio::sync::mpsc::unbounded_channel();
        let plan = plan("sim:cpu_only", "ceiling.duration = \"1h\"");
        let budget = Budget::new(plan.limits.ceiling);
        let ceiling = Ceiling::new(&plan, vec![budget.clone()], commands);
        drop(ceiling.arriving());
        assert!(ceiling.timer.is_none());
        assert_eq!(budget.time_left(), plan.limits.ceiling.duration);
    }
}
