//! What steers a run while it goes on: reads events, judges with `metrics` and `verdict`, and says what is to be done.
//!
//! It knows no clock and sends nothing itself: whoever records the events shows them here, names the time, and hands
//! on what is decided. So the engine never judges, and judging never holds up a request.

mod alerts;
mod search;
mod watch;

use alerts::Alerts;
use search::Searches;
use watch::Watch;

use crate::{
    plan::Plan,
    record::{Command, Diary, Event, StopCause},
};

/// What is to be done: something is written down, or the engine is told something, or both.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What belongs into the diary, before the engine hears of it.
    pub note: Option<Diary>,
    /// What the engine is to be told.
    pub command: Option<Command>,
}

impl Decision {
    /// Something is written down.
    fn note(line: Diary) -> Self {
        Self { note: Some(line), command: None }
    }

    /// The engine is told something.
    fn command(command: Command) -> Self {
        Self { note: None, command: Some(command) }
    }

    /// It is written down why the engine is told something.
    fn because(line: Diary, command: Command) -> Self {
        Self { note: Some(line), command: Some(command) }
    }
}

/// All that steers a run, and tells of it.
#[derive(Debug)]
pub struct Control {
    watch: Option<Watch>,
    searches: Option<Searches>,
    alerts: Option<Alerts>,
}

impl Control {
    /// What steers the run of a plan: targets that may end it, and searches; and its alerts, which only tell.
    pub fn new(plan: &Plan) -> Self {
        Self { watch: Watch::new(plan), searches: Searches::new(plan), alerts: Alerts::new(plan) }
    }

    /// Takes an event; they must come in their order.
    pub fn observe(&mut self, event: Event) {
        if let Some(watch) = &mut self.watch {
            watch.observe(&event);
        }
        if let Some(alerts) = &mut self.alerts {
            alerts.observe(&event);
        }
        if let Some(searches) = &mut self.searches {
            searches.observe(event);
        }
    }

    /// What is to be done at this moment of the run, in its order.
    pub fn look(&mut self, now_ns: u64) -> Vec<Decision> {
        let abort = self.watch.as_mut().and_then(|watch| watch.look(now_ns));
        let abort =
            abort.map(|abort| Decision::because(Diary::Aborted(abort), Command::Cancel(StopCause::Abort)));
        let searched = self.searches.as_mut().map(|searches| searches.look(now_ns));
        let alerts = self.alerts.as_mut().map(|alerts| alerts.look(now_ns)).unwrap_or_default();
        let alerts = alerts.into_iter().map(|alert| Decision::note(Diary::Alert(alert)));
        abort.into_iter().chain(searched.into_iter().flatten()).chain(alerts).collect()
    }
}
