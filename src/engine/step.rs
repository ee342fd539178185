//! One load step while it runs: its counters, and how far its arrivals have come.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

use tokio::sync::watch;

use super::{Shared, pending::Registry};
use crate::{
    plan::{LoadStep, Step},
    record::Diary,
};

/// How far the arrivals of a step have come. Only ever moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Arrivals {
    /// Requests go out.
    Running,
    /// The plan has no more, or the step that this one runs beside has no more; what waits in the step's own queue still
    /// goes out.
    Over,
    /// Somebody stopped the run: nothing new goes out, what was sent may end.
    Stopped,
    /// What was sent is cut off.
    Cancelled,
}

/// How far the arrivals of a step have come, for everybody to see.
pub(super) struct Course(watch::Sender<Arrivals>);

impl Default for Course {
    fn default() -> Self {
        Self(watch::Sender::new(Arrivals::Running))
    }
}

impl Course {
    pub(super) fn now(&self) -> Arrivals {
        *self.0.borrow()
    }

    /// Moves the arrivals forward; a step back is ignored.
    pub(super) fn advance(&self, to: Arrivals) {
        self.0.send_if_modified(|now| {
            let forward = to > *now;
            if forward {
                *now = to;
            }
            forward
        });
    }

    /// Waits until the arrivals have come at least so far.
    pub(super) async fn reached(&self, at_least: Arrivals) {
        // the sender lives in self, so the channel cannot close under the wait
        let _ = self.0.subscribe().wait_for(|now| *now >= at_least).await;
    }
}

/// A load step in progress.
pub(super) struct StepRun {
    pub(super) shared: Arc<Shared>,
    pub(super) step_id: usize,
    /// The step, of a search as the trial that it is.
    pub(super) step: Step,
    pub(super) load: LoadStep,
    /// What has not ended; `None` where no target may end the run by it.
    pub(super) pending: Option<Registry>,
    started_ns: OnceLock<u64>,
    issued: AtomicU64,
    conversations: AtomicU64,
    in_flight: AtomicU64,
    users: AtomicU32,
}

impl StepRun {
    pub(super) fn new(shared: Arc<Shared>, step: Step, load: LoadStep) -> Arc<Self> {
        let watched = load.measure && shared.plan.targets.iter().any(|target| target.abort.is_some());
        Arc::new(Self {
            pending: watched.then(Registry::default),
            shared,
            step_id: step.id,
            step,
            load,
            started_ns: OnceLock::new(),
            issued: AtomicU64::new(0),
            conversations: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            users: AtomicU32::new(0),
        })
    }

    /// Time 0 of the step's schedule, in nanoseconds of the run: fixed at the first call.
    pub(super) fn start(&self) -> u64 {
        *self.started_ns.get_or_init(|| self.shared.clock.now_ns())
    }

    /// Takes the next request of a closed loop, or `None` when the step has no more.
    pub(super) fn take_next(&self) -> Option<u64> {
        let most = self.load.requests.unwrap_or(u64::MAX);
        self.issued.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < most).then_some(n + 1)).ok()
    }

    /// Takes the next conversation of a closed loop, which has so many turns: the number of its first request, which may be one
    /// that the step does not have any more.
    pub(super) fn take_conversation(&self, turns: u32) -> u64 {
        self.conversations.fetch_add(1, Ordering::Relaxed).saturating_mul(u64::from(turns))
    }

    /// Whether every request of the step's count has been taken.
    pub(super) fn is_used_up(&self) -> bool {
        self.load.requests.is_some_and(|most| self.issued() >= most)
    }

    /// Counts the next request of an open loop, or of a conversation, as issued.
    pub(super) fn count_issued(&self) {
        self.issued.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn issued(&self) -> u64 {
        self.issued.load(Ordering::Relaxed)
    }

    /// Counts a request as in flight until the guard is dropped.
    pub(super) fn enter(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.shared.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    /// The same, unless so many are in flight already over all steps of the run.
    pub(super) fn enter_below(self: &Arc<Self>, cap: u64) -> Option<InFlight> {
        let below = |n: u64| (n < cap).then_some(n + 1);
        self.shared.in_flight.fetch_update(Ordering::Relaxed, Ordering::Relaxed, below).ok()?;
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Some(InFlight(Arc::clone(self)))
    }

    /// Counts a user as at work until the guard is dropped.
    pub(super) fn enter_user(self: &Arc<Self>) -> AtWork {
        self.users.fetch_add(1, Ordering::Relaxed);
        AtWork(Arc::clone(self))
    }

    /// What [`Self::issued_line`] tells.
    pub(super) fn counts(&self) -> (u64, u64, u32) {
        (self.issued(), self.in_flight.load(Ordering::Relaxed), self.users.load(Ordering::Relaxed))
    }

    pub(super) fn issued_line(&self) -> Diary {
        let (issued, in_flight, users) = self.counts();
        Diary::Issued { step: self.step_id, at_ns: self.shared.clock.now_ns(), issued, in_flight, users }
    }

    fn course(&self) -> &Course {
        &self.shared.arrivals[self.step_id]
    }

    pub(super) fn arrivals(&self) -> Arrivals {
        self.course().now()
    }

    /// See [`Course::advance`].
    pub(super) fn advance(&self, to: Arrivals) {
        self.course().advance(to);
    }

    /// See [`Course::reached`].
    pub(super) async fn reached(&self, at_least: Arrivals) {
        self.course().reached(at_least).await;
    }

    /// Waits until nothing new arrives, for whatever reason.
    pub(super) async fn arrivals_over(&self) {
        self.reached(Arrivals::Over).await;
    }
}

/// See [`StepRun::enter`].
pub(super) struct InFlight(Arc<StepRun>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.0.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// See [`StepRun::enter_user`].
pub(super) struct AtWork(Arc<StepRun>);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.users.fetch_sub(1, Ordering::Relaxed);
    }
}
