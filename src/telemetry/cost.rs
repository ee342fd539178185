//! What reading costs.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// Processor time of a thread beside the one that reads, in nanoseconds; 0 where the system does not tell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Aside(Arc<AtomicU64>);

impl Aside {
    /// Takes down what the thread that calls has used by now.
    pub(super) fn take_down(&self) {
        self.0.store(cpu_ns().unwrap_or(0), Relaxed);
    }

    /// What was taken down last.
    pub(super) fn ns(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Processor time of this thread, in nanoseconds.
#[cfg(unix)]
pub(super) fn cpu_ns() -> Option<u64> {
    use nix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).ok()?;
    Some(time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
}

#[cfg(not(unix))]
pub(super) fn cpu_ns() -> Option<u64> {
    None
}
