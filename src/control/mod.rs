//! What steers a run while it goes on: reads events, judges with `metrics` and `verdict`, and says what is to be done.
//!
//! It knows no clock and sends nothing itself: whoever records the events shows them here, names the time, and hands
//! on what is decided. So the engine never judges, and judging never holds up a request.

mod search;
mod watch;

use search::Searches;
use watch::Watch;

use crate::{
    plan::Plan,
    record::{Command, Diary, Event, StopCause},
};

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What belongs into the diary, before the engine hears of it.
    pub note: Option<Diary>,
    /// What the engine is to be told.
    pub command: Command,
}

/// All that steers a run.
#[derive(Debug)]
pub struct Control {
    watch: Option<Watch>,
    searches: Option<Searches>,
}

impl Control {
    /// What steers the run of a plan: targets that may end it, and searches.
    pub fn new(plan: &Plan) -> Self {
        Self { watch: Watch::new(plan), searches: Searches::new(plan) }
    }

    /// Takes an event; they must come in their order.
    pub fn observe(&mut self, event: Event) {
        if let Some(watch) = &mut self.watch {
            watch.observe(&event);
        }
        if let Some(searches) = &mut self.searches {
            searches.observe(event);
        }
    }

    /// What is to be done at this moment of the run, in its order.
    pub fn look(&mut self, now_ns: u64) -> Vec<Decision> {
        let abort = self.watch.as_mut().and_then(|watch| watch.look(now_ns));
        let abort = abort.map(|abort| Decision {
            note: Some(Diary::Aborted(abort)),
            command: Command::Cancel(StopCause::Abort),
        });
        let searched = self.searches.as_mut().map(|searches| searches.look(now_ns));
        abort.into_iter().chain(searched.into_iter().flatten()).collect()
    }
}
