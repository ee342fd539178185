//! The clock of a run, and what it has to do with the wall clock.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime},
};

/// The monotonic clock of a run, with the wall-clock time of its start. Small: every connection has a copy, which each read
/// touches.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// The start on the monotonic clock of the program.
    origin_ns: i64,
    /// The start on the wall clock.
    wall_ns: i64,
}

impl Clock {
    /// A clock that reads 0 now.
    pub fn start() -> Self {
        WALL.sample();
        Self { origin_ns: monotonic_now_ns(), wall_ns: wall_now_ns() }
    }

    /// Nanoseconds since the start.
    pub fn now_ns(self) -> u64 {
        (monotonic_now_ns() - self.origin_ns) as u64
    }

    /// The start on the wall clock, in nanoseconds since the Unix epoch.
    pub fn wall_ns(self) -> i128 {
        self.wall_ns.into()
    }

    /// The moment `at_ns` nanoseconds after the start, for timers.
    pub fn instant(self, at_ns: u64) -> Instant {
        epoch() + Duration::from_nanos(self.origin_ns as u64 + at_ns)
    }

    /// Nanoseconds from the start to a moment of the wall clock that is a few seconds old at most; negative where it
    /// lies before the start. `now_ns` is now on this clock.
    pub(super) fn of_wall(self, wall_ns: i64, now_ns: u64) -> i64 {
        wall_ns - WALL.offset_at(self.origin_ns + now_ns as i64) - self.origin_ns
    }

    /// How often the wall clock has been seen to jump since this program started: stamps of the kernel around such a
    /// moment are wrong by as much.
    pub fn wall_steps() -> u32 {
        WALL.steps.load(Relaxed)
    }
}

/// The offset of the wall clock to the monotonic one, a fact of the system and not of a run.
static WALL: Wall =
    Wall { offset_ns: AtomicI64::new(0), sampled_ns: AtomicU64::new(0), steps: AtomicU32::new(0) };

/// How old a sample of the offset may be. A clock that is slewed runs 500 ppm fast or slow at most, which makes 10 µs.
const FRESH_NS: u64 = 20_000_000;

/// A change of the offset beyond what slewing explains.
const STEP_NS: u64 = 1_000_000;

struct Wall {
    /// Wall clock minus monotonic clock.
    offset_ns: AtomicI64,
    /// When it was sampled, on the monotonic clock; 0 for never.
    sampled_ns: AtomicU64,
    steps: AtomicU32,
}

impl Wall {
    /// The offset now, sampled again where the last sample is old.
    fn offset_at(&self, monotonic_ns: i64) -> i64 {
        let sampled = self.sampled_ns.load(Relaxed);
        if sampled == 0 || (monotonic_ns as u64).saturating_sub(sampled) > FRESH_NS {
            self.sample();
        }
        self.offset_ns.load(Relaxed)
    }

    /// Reads the wall clock between two readings of the monotonic one, and keeps the narrowest of a few: a thread
    /// that loses its core in between would be wrong by as long.
    fn sample(&self) {
        const TRIES: u32 = 5;
        const NARROW_NS: i64 = 500;
        let mut best: Option<(i64, i64, i64)> = None;
        for _ in 0..TRIES {
            let before = monotonic_now_ns();
            let wall = wall_now_ns();
            let after = monotonic_now_ns();
            let width = after - before;
            if best.is_none_or(|(least, ..)| width < least) {
                best = Some((width, wall - (before + width / 2), after));
            }
            if width < NARROW_NS {
                break;
            }
        }
        let Some((_, offset, at)) = best else { return };
        let before = self.offset_ns.swap(offset, Relaxed);
        let sampled = self.sampled_ns.swap(at.max(1) as u64, Relaxed);
        if sampled != 0 && stepped(before, offset, (at as u64).saturating_sub(sampled)) {
            self.steps.fetch_add(1, Relaxed);
        }
    }
}

/// Whether the wall clock jumped between two samples of its offset that lie so far apart.
fn stepped(before_ns: i64, after_ns: i64, apart_ns: u64) -> bool {
    // the kernel slews by 500 ppm; twice that leaves room for both clocks' own reading
    before_ns.abs_diff(after_ns) > STEP_NS + apart_ns / 1000
}

/// The moment that monotonic times of the whole program count from.
fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

fn monotonic_now_ns() -> i64 {
    Instant::now().saturating_duration_since(epoch()).as_nanos() as i64
}

fn wall_now_ns() -> i64 {
    match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => since.as_nanos() as i64,
        Err(before) => -(before.duration().as_nanos() as i64),
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

    #[test]
    fn moments_of_the_wall_clock_lie_between_those_around_them() {
        let clock = Clock::start();
        // a thread may lose its core between two readings, so one of a few has to be narrow
        let narrow = (0..1000).any(|_| {
            let before = clock.now_ns();
            let wall = wall_now_ns();
            let after = clock.now_ns();
            let told = clock.of_wall(wall, after);
            let slack = 20_000;
            after - before < 10_000 && (before as i64 - slack..=after as i64 + slack).contains(&told)
        });
        assert!(narrow);
    }

    #[test]
    fn slewing_is_no_step() {
        for (change_ns, apart_ns, step) in [
            (0, 20_000_000, false),
            (10_000, 20_000_000, false),
            (-900_000, 20_000_000, false),
            (500_000_000 / 1000, 1_000_000_000, false),
            (2_000_000, 20_000_000, true),
            (-3_600_000_000_000, 20_000_000, true),
            // an hour without a sample
            (1_800_000_000, 3_600_000_000_000, false),
        ] {
            assert_eq!(stepped(5, 5 + change_ns, apart_ns), step, "{change_ns} after {apart_ns}");
        }
    }
}
