//! Consumers of events while a run goes on; they write to a sink that `cli` gives them.
//!
//! [`Progress`] is a pure view of the events so far: what it says at a moment follows from them and from the time
//! that the caller names. [`Plain`] says it every few seconds, for logs; [`terminal::Bar`] keeps one line up to
//! date, for people.

mod progress;
mod readings;
pub mod terminal;
mod window;

use crate::{plan::Plan, record::Event};

pub use progress::Progress;

/// Progress as lines of text, one every interval.
#[derive(Debug)]
pub struct Plain {
    progress: Progress,
    interval_ns: u64,
    next_ns: u64,
}

impl Plain {
    /// Lines every so many nanoseconds; the usual interval is [`Plain::INTERVAL`].
    pub fn new(plan: &Plan, interval: std::time::Duration) -> Self {
        let interval_ns = interval.as_nanos() as u64;
        Self { progress: Progress::new(plan), interval_ns, next_ns: interval_ns }
    }

    /// How often a plain terminal or a log gets a line.
    pub const INTERVAL: std::time::Duration = std::time::Duration::from_secs(10);

    /// Takes an event.
    pub fn observe(&mut self, event: &Event) {
        self.progress.observe(event);
    }

    /// Whether nothing is sent, and readings are all that it tells of.
    pub fn watches(&self) -> bool {
        self.progress.watches()
    }

    /// The next line, when one is due at this moment of the run. After a pause there is one line, not one for every
    /// interval that was missed.
    pub fn tick(&mut self, now_ns: u64) -> Option<String> {
        if self.interval_ns == 0 || now_ns < self.next_ns {
            return None;
        }
        self.next_ns = (now_ns / self.interval_ns + 1) * self.interval_ns;
        Some(self.progress.line(now_ns))
    }
}

#[cfg(test)]
mod tests;
