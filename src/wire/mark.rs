//! A moment that others may look at.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What has not happened: 584 years into the run.
const NEVER: u64 = u64::MAX;

/// When something happened, in nanoseconds since the start of the run, for whoever looks at it from another thread.
#[derive(Debug)]
pub struct Mark(AtomicU64);

impl Default for Mark {
    fn default() -> Self {
        Self(AtomicU64::new(NEVER))
    }
}

impl Mark {
    /// Says when it happened, or that it has not.
    pub fn set(&self, at_ns: Option<u64>) {
        self.0.store(at_ns.unwrap_or(NEVER), Relaxed);
    }

    /// When it happened; `None` before it has.
    pub fn get(&self) -> Option<u64> {
        Some(self.0.load(Relaxed)).filter(|at_ns| *at_ns != NEVER)
    }
}
