//! A thread that uses a share of a processor's time.

use std::{
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use nix::time::{ClockId, clock_gettime};

/// In each of these it computes, and then rests.
const PERIOD: Duration = Duration::from_millis(10);

/// The most processor time that a thread which got too little of it makes up for; what it misses beyond is gone, since
/// a long burst is another pressure than a steady one.
const CATCH_UP: Duration = Duration::from_millis(100);

/// Rounds of computing between two looks at the clock: some microseconds.
const ROUNDS: u32 = 4096;

/// How much processor time a thread is to have used by when.
struct Pace {
    duty: f64,
    /// Processor time that was missed for good.
    missed: Duration,
}

impl Pace {
    fn new(duty: f64) -> Self {
        Self { duty, missed: Duration::ZERO }
    }

    /// The processor time to have used at the end of a period that begins so long after the start, by a thread that has
    /// used so much until then.
    fn target(&mut self, begins: Duration, used: Duration) -> Duration {
        let due = begins.mul_f64(self.duty).saturating_sub(self.missed);
        self.missed += due.saturating_sub(used).saturating_sub(CATCH_UP);
        (begins + PERIOD).mul_f64(self.duty).saturating_sub(self.missed)
    }
}

/// Computes for this share of the time until the process ends, and keeps the processor time used in `used_ns`.
pub(super) fn press(duty: f64, used_ns: &AtomicU64) {
    let (start, mut pace) = (Instant::now(), Pace::new(duty));
    let mut number = 1;
    loop {
        let begins = start.elapsed();
        let mut used = thread_time();
        let target = pace.target(begins, used);
        while used < target && start.elapsed() < begins + PERIOD {
            number = compute(number);
            used = thread_time();
        }
        used_ns.store(used.as_nanos() as u64, Relaxed);
        let rest = (begins + PERIOD).saturating_sub(start.elapsed());
        if !rest.is_zero() {
            thread::sleep(rest);
        }
    }
}

/// Work that no compiler can leave out.
fn compute(mut number: u64) -> u64 {
    for _ in 0..ROUNDS {
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
    }
    black_box(number)
}

/// Processor time that this thread has used. A system without such a clock is taken to give all the time that it is asked for.
fn thread_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::MAX, Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Processor time used after so many periods, each of which gives the thread at most so much.
    fn used_after(periods: u32, duty: f64, gives: impl Fn(u32) -> Duration) -> Duration {
        let (mut pace, mut used) = (Pace::new(duty), Duration::ZERO);
        for period in 0..periods {
            let target = pace.target(PERIOD * period, used);
            used += target.saturating_sub(used).min(gives(period));
        }
        used
    }

    #[test]
    fn a_thread_that_gets_what_it_asks_for_uses_its_share() {
        for (duty, expected) in [(0.5, 500 * MS), (0.01, 10 * MS), (1.0, 1000 * MS)] {
            assert_eq!(used_after(100, duty, |_| PERIOD), expected, "{duty}");
        }
    }

    #[test]
    fn what_was_missed_is_made_up_for() {
        // for 10 periods it is kept from 50 ms, which it has 40 periods of 10 ms to catch up on
        let kept = |period| if period < 10 { Duration::ZERO } else { PERIOD };
        assert_eq!(used_after(50, 0.5, kept), 250 * MS);
    }

    #[test]
    fn what_was_missed_for_long_is_gone() {
        // 500 ms were due, and 100 ms of them are made up for
        let kept = |period| if period < 100 { Duration::ZERO } else { PERIOD };
        assert_eq!(used_after(200, 0.5, kept), 600 * MS);
    }

    #[test]
    fn time_of_a_thread_goes_on_while_it_computes() {
        let before = thread_time();
        let computed = (0..1_000_000)
            .take_while(|_| {
                compute(1);
                thread_time() <= before
            })
            .count();
        assert!(computed < 1_000_000);
    }
}
