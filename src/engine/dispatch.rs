//! The graph in motion: what may start is started, and everybody hears of commands.

use std::{collections::BTreeSet, sync::Arc};

use tokio::{
    sync::mpsc,
    task::{Id, JoinSet},
};

use super::{Shared, step::Arrivals, supervise};
use crate::{
    plan::Work,
    record::{Command, Diary, StopCause},
};

/// Runs the steps of the plan, each as soon as those have ended that it waits for, until all have ended. A command is for
/// all of them: those under way obey it, and no other one starts any more.
pub(super) async fn run(
    shared: &Arc<Shared>,
    commands: &mut mpsc::Receiver<Command>,
    recorder_full: &mut mpsc::Receiver<()>,
) {
    let mut dispatch = Dispatch::new(shared);
    dispatch.start_what_may();
    while let Some(news) = dispatch.news(commands, recorder_full).await {
        match news {
            News::Ended(step) => {
                // also where it died: what runs beside it ends with it
                shared.arrivals[step].advance(Arrivals::Over);
                dispatch.ended.insert(step);
                dispatch.start_what_may();
            }
            News::Stop(arrivals, cause) => dispatch.stop(arrivals, cause).await,
        }
    }
}

/// What the dispatcher hears.
enum News {
    /// Nothing of this step is in flight any more.
    Ended(usize),
    /// The run is to stop.
    Stop(Arrivals, StopCause),
}

struct Dispatch<'a> {
    shared: &'a Arc<Shared>,
    /// Steps that have not started.
    waiting: Vec<usize>,
    ended: BTreeSet<usize>,
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
            under_way: JoinSet::new(),
            steps: Vec::new(),
        }
    }

    /// Starts every step that waits for nothing any more.
    fn start_what_may(&mut self) {
        let plan = &self.shared.plan;
        let (start, waiting): (Vec<usize>, Vec<usize>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|step| plan.steps[*step].after.iter().all(|before| self.ended.contains(before)));
        self.waiting = waiting;
        for step in start {
            let shared = Arc::clone(self.shared);
            let task = match &plan.steps[step].work {
                Work::Ready { .. } => continue,
                Work::Load(load) => self.under_way.spawn(supervise::load(shared, step, load.clone())),
                Work::Pause { duration } => self.under_way.spawn(supervise::pause(shared, step, *duration)),
            };
            self.steps.push((task.id(), step));
        }
    }

    /// Waits for what happens next; `None` when nothing is under way any more.
    async fn news(
        &mut self,
        commands: &mut mpsc::Receiver<Command>,
        recorder_full: &mut mpsc::Receiver<()>,
    ) -> Option<News> {
        tokio::select! {
            // first: what could still start must not, once somebody stopped the run
            biased;
            Some(command) = commands.recv(), if !self.under_way.is_empty() => Some(match command {
                Command::Drain(cause) => News::Stop(Arrivals::Stopped, cause),
                Command::Cancel(cause) => News::Stop(Arrivals::Cancelled, cause),
            }),
            Some(()) = recorder_full.recv(), if !self.under_way.is_empty() => {
                Some(News::Stop(Arrivals::Stopped, StopCause::Recorder))
            }
            ended = self.under_way.join_next_with_id() => {
                // a task that died has ended, too
                let task = ended?.map_or_else(|died| died.id(), |(task, ())| task);
                let place = self.steps.iter().position(|(id, _)| *id == task)?;
                Some(News::Ended(self.steps.swap_remove(place).1))
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
