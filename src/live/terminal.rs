//! Progress as one line that keeps itself up to date, for people at a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Progress;
use crate::{plan::Plan, record::Event};

/// Steps of the bar: finer than any terminal shows.
const LENGTH: u64 = 1000;

/// A bar where the plan knows how long it takes, a spinner where it does not.
#[derive(Debug)]
pub struct Bar {
    progress: Progress,
    bar: ProgressBar,
}

impl Bar {
    /// A bar that draws where the caller says, such as [`ProgressDrawTarget::stderr`].
    pub fn new(plan: &Plan, target: ProgressDrawTarget) -> Self {
        let bar = ProgressBar::with_draw_target(Some(LENGTH), target);
        bar.set_style(spinner());
        Self { progress: Progress::new(plan), bar }
    }

    /// Takes an event.
    pub fn observe(&mut self, event: &Event) {
        self.progress.observe(event);
    }

    /// Whether nothing is sent, and readings are all that it tells of.
    pub fn watches(&self) -> bool {
        self.progress.watches()
    }

    /// Draws the state at this moment of the run; a few times a second is often enough.
    pub fn tick(&mut self, now_ns: u64) {
        match self.progress.done(now_ns) {
            Some(done) => {
                self.bar.set_style(bar());
                self.bar.set_position((done * LENGTH as f64) as u64);
            }
            None => self.bar.set_style(spinner()),
        }
        self.bar.set_message(self.progress.line(now_ns));
        self.bar.tick();
    }

    /// How often the caller is to [`Self::tick`].
    pub const INTERVAL: Duration = Duration::from_millis(200);

    /// The bar itself, for whoever writes to the same terminal beside it.
    pub fn handle(&self) -> ProgressBar {
        self.bar.clone()
    }

    /// Takes the bar off the screen.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn bar() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {bar:16} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─")
}
