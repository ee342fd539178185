//! The clock of a run.

use std::time::{Duration, Instant, SystemTime};

/// The monotonic clock of a run, with the wall-clock time of its start.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
    wall_ns: i128,
}

impl Clock {
    /// A clock that reads 0 now.
    pub fn start() -> Self {
        let wall_ns = match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => since.as_nanos() as i128,
            Err(before) => -(before.duration().as_nanos() as i128),
        };
        Self { origin: Instant::now(), wall_ns }
    }

    /// Nanoseconds since the start.
    pub fn now_ns(self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }

    /// The start on the wall clock, in nanoseconds since the Unix epoch.
    pub fn wall_ns(self) -> i128 {
        self.wall_ns
    }

    /// The moment `at_ns` nanoseconds after the start, for timers.
    pub fn instant(self, at_ns: u64) -> Instant {
        self.origin + Duration::from_nanos(at_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_from_its_start() {
        let clock = Clock::start();
        let (first, second) = (clock.now_ns(), clock.now_ns());
        assert!(first <= second);
        assert_eq!(clock.instant(5_000) - clock.instant(0), Duration::from_micros(5));
        assert!(clock.instant(second) <= Instant::now());
        // 2020 is over
        assert!(clock.wall_ns() > 1_577_836_800_000_000_000);
    }
}
