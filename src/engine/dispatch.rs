//! The graph in motion: what may start is started, and everybody hears of commands.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tokio::{
    sync::mpsc,
    task::{Id, JoinSet},
};

use super::{Shared, pressure::under, step::Arrivals, supervise};
use crate::{
    plan::{Step, Tried, Work, tried},
    record::{Command, Diary, StopCause},
};

/// Runs the steps of the plan, each as soon as those have ended that it waits for, until all have ended. A command is for
/// all of them: those under way obey it, and no other one starts any more.
pub(super) async fn run(
    shared: &Arc<Shared>,
    commands: &mut mpsc::UnboundedReceiver<Command>,
    recorder_full: &mut mpsc::Receiver<()>,
) {
    let mut dispatch = Dispatch::new(shared);
    dispatch.start_what_may().await;
    while let Some(news) = dispatch.news(commands, recorder_full).await {
        match news {
            News::Ended(step, died) => {
                if died {
                    dispatch.give_up(step);
                }
                // also where it died: what runs beside it ends with it
                shared.arrivals[step].advance(Arrivals::Over);
                dispatch.ended.insert(step);
                dispatch.start_what_may().await;
            }
            News::Told(step, told) => {
                dispatch.told.insert(step, told);
                dispatch.start_what_may().await;
            }
            News::Enough(step) => {
                if let Some(arrivals) = shared.arrivals.get(step) {
                    arrivals.advance(Arrivals::Over);
                }
            }
            News::Stop(arrivals, cause) => dispatch.stop(arrivals, cause).await,
        }
    }
}

/// What the dispatcher hears.
enum News {
    /// Nothing of this step is in flight any more; whether it died.
    Ended(usize, bool),
    /// What is to become of a step of a search.
    Told(usize, Told),
    /// This step has shown enough.
    Enough(usize),
    /// The run is to stop.
    Stop(Arrivals, StopCause),
}

/// What becomes of a step whose level nobody knew before the run.
enum Told {
    Try(Tried),
    Spare,
}

struct Dispatch<'a> {
    shared: &'a Arc<Shared>,
    /// Steps that have not started.
    waiting: Vec<usize>,
    ended: BTreeSet<usize>,
    /// What was told of steps of a search that have not started.
    told: BTreeMap<usize, Told>,
    /// Trials so far, whose names those behind them avoid.
    tried: Vec<Tried>,
    under_way: JoinSet<()>,
    /// The step of each task under way.
    steps: Vec<(Id, usize)>,
}

impl<'a> Dispatch<'a> {
    fn new(shared: &'a Arc<Shared>) -> Self {
        let is_ready = |step: &usize| matches!(shared.plan.steps[*step].work, Work::Ready { .. });
        let all = 0..shared.plan.steps.len();
        Self {
            shared,
            waiting: all.clone().filter(|step| !is_ready(step)).collect(),
            // whoever runs a plan has waited for its servers
            ended: all.filter(is_ready).collect(),
            told: BTreeMap::new(),
            tried: Vec::new(),
            under_way: JoinSet::new(),
            steps: Vec::new(),
        }
    }

    /// Starts every step that waits for nothing any more, and of a search once it was told what that is.
    async fn start_what_may(&mut self) {
        while let Some(place) = self.waiting.iter().position(|step| self.may_start(*step)) {
            let step = self.waiting.remove(place);
            let planned = self.shared.plan.steps[step].clone();
            match self.told.remove(&step) {
                Some(Told::Try(trial)) => self.start_trial(&planned, trial).await,
                Some(Told::Spare) => self.spare(step).await,
                None => self.start(planned),
            }
        }
    }

    fn may_start(&self, step: usize) -> bool {
        self.is_next(step) && (!self.is_trial(step) || self.told.contains_key(&step))
    }

    /// Whether everything has ended that a step waits for.
    fn is_next(&self, step: usize) -> bool {
        self.shared.plan.steps[step].after.iter().all(|before| self.ended.contains(before))
    }

    fn is_trial(&self, step: usize) -> bool {
        self.shared.plan.steps[step].load().is_some_and(|load| load.trial.is_some())
    }

    fn start(&mut self, step: Step) {
        let shared = Arc::clone(self.shared);
        let id = step.id;
        let (pressed, pressure) = (Arc::clone(self.shared), step.pressure);
        let task = match step.work.clone() {
            Work::Ready { .. } | Work::Spared => return,
            Work::Load(load) => {
                self.under_way.spawn(under(pressed, id, pressure, supervise::load(shared, step, load)))
            }
            Work::Pause { duration } => {
                let pause = supervise::pause(shared, id, Some(duration));
                self.under_way.spawn(under(pressed, id, pressure, pause))
            }
            Work::Watch { duration } => self.under_way.spawn(supervise::pause(shared, id, duration)),
        };
        self.steps.push((task.id(), id));
    }

    async fn start_trial(&mut self, planned: &Step, trial: Tried) {
        let Shared { plan, recorder, clock, .. } = self.shared.as_ref();
        let Some(step) = tried(plan, &self.tried, trial) else { return };
        self.tried.push(trial);
        let Tried { level, duration, .. } = trial;
        let duration_ns = duration.as_nanos() as u64;
        recorder.diary(Diary::Trial { step: planned.id, at_ns: clock.now_ns(), level, duration_ns }).await;
        self.start(step);
    }

    /// Takes a step for one that has ended.
    async fn spare(&mut self, step: usize) {
        let Shared { recorder, clock, arrivals, .. } = self.shared.as_ref();
        recorder.diary(Diary::Spared { step, at_ns: clock.now_ns() }).await;
        arrivals[step].advance(Arrivals::Over);
        self.ended.insert(step);
    }

    /// Spares the trials behind one that died: the diary never says that it ended, so nobody would tell them what they are.
    fn give_up(&mut self, died: usize) {
        let steps = &self.shared.plan.steps;
        let of_search = |step: &usize| self.is_trial(*step) && steps[*step].phase == steps[died].phase;
        let behind: Vec<usize> = self.waiting.iter().copied().filter(of_search).collect();
        self.told.extend(behind.into_iter().map(|step| (step, Told::Spare)));
    }

    /// Whether anything goes on: a step under way, or one that is to be told what it is.
    fn goes_on(&self) -> bool {
        !self.under_way.is_empty() || self.waiting.iter().any(|step| self.is_next(*step))
    }

    /// Waits for what happens next; `None` when nothing is under way any more.
    async fn news(
        &mut self,
        commands: &mut mpsc::UnboundedReceiver<Command>,
        recorder_full: &mut mpsc::Receiver<()>,
    ) -> Option<News> {
        tokio::select! {
            // first: what could still start must not, once somebody stopped the run
            biased;
            Some(command) = commands.recv(), if self.goes_on() => Some(match command {
                Command::Drain(cause) => News::Stop(Arrivals::Stopped, cause),
                Command::Cancel(cause) => News::Stop(Arrivals::Cancelled, cause),
                Command::Try(trial) => News::Told(trial.step, Told::Try(trial)),
                Command::Spare(step) => News::Told(step, Told::Spare),
                Command::Enough(step) => News::Enough(step),
            }),
            Some(()) = recorder_full.recv(), if self.goes_on() => {
                Some(News::Stop(Arrivals::Stopped, StopCause::Recorder))
            }
            ended = self.under_way.join_next_with_id(), if !(self.under_way.is_empty() && self.goes_on()) => {
                // a task that died has ended, too
                let ended = ended?;
                let died = ended.is_err();
                let task = ended.map_or_else(|died| died.id(), |(task, ())| task);
                let place = self.steps.iter().position(|(id, _)| *id == task)?;
                Some(News::Ended(self.steps.swap_remove(place).1, died))
            }
        }
    }

    /// Lets nothing new start, and hands the command to everything under way.
    async fn stop(&mut self, arrivals: Arrivals, cause: StopCause) {
        let Shared { recorder, clock, .. } = self.shared.as_ref();
        self.waiting.clear();
        let at_ns = clock.now_ns();
        for (_, step) in &self.steps {
            self.shared.arrivals[*step].advance(arrivals);
        }
        recorder.diary(Diary::Stopping { at_ns, cause }).await;
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, time::Duration};

    use super::*;
    use crate::{
        config::{Input, load},
        engine::{EVENT_QUEUE, Workers, start},
        machine::Machine,
        plan::compile,
        record::Event,
        wire::Clock,
    };

    #[test]
    fn a_trial_that_dies_does_not_keep_the_run_waiting() {
        let text = "version = 1\nname = \"test\"\nendpoints.main.url = \"sim:cpu_only\"\n\
                    phases.limit.load.search = { users = { from = 1, to = 8 }, step = \"1s\", until = \"broken\" }\n\
                    phases.rest.pause = \"1ms\"\n";
        let input = Input { name: "test.toml", text, platform: None, sets: &[] };
        let nothing = |_: &Path| Err(std::io::Error::other("nothing to read"));
        let loaded = load(&input, &Machine::default(), &|_| None, &nothing).expect("a scenario");
        let mut plan = compile(&loaded[0]);
        // no scenario compiles to this: it runs beside a step that there is not, at which its task dies
        if let Work::Load(load) = &mut plan.steps[1].work {
            load.until = Some(usize::MAX);
        }
        let (trials, steps) = (plan.loads().count(), plan.steps.len());
        let workers = Workers::start(1).expect("a thread");
        let (events, mut told) = mpsc::channel(EVENT_QUEUE);
        let (commands, commands_out) = mpsc::channel(8);
        let run = start(&workers, plan, Vec::new(), None, Clock::start(), Vec::new(), events, commands_out);
        let trial = Tried { step: 1, level: 1.0, duration: Duration::from_secs(1) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let lines = runtime.block_on(async {
            commands.send(Command::Try(trial)).await.expect("a listener");
            tokio::time::timeout(Duration::from_secs(60), run)
                .await
                .expect("an end")
                .expect("no panic")
                .expect("no error");
            let mut lines = Vec::new();
            while let Some(event) = told.recv().await {
                if let Event::Diary(line) = event {
                    lines.push(line);
                }
            }
            lines
        });
        let spared = lines.iter().filter(|line| matches!(line, Diary::Spared { .. })).count();
        assert_eq!(spared, trials - 1);
        // what is behind the search goes on
        let ended = |line: &&Diary| matches!(line, Diary::StepEnded { step, .. } if *step == steps - 1);
        assert!(lines.iter().any(|line| ended(&line)), "{lines:?}");
    }
}
