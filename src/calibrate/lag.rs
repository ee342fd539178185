//! How late requests go out, beside a thread that sleeps until a time and does nothing else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{CalibrateError, micros, null::Null, quantiles, requests};
use crate::{
    machine::calibration::{Form, Lag},
    wire::priority,
};

/// Between two wake-ups of the bare timer: rarely enough to sleep each time, often enough for a percentile.
const TICK: Duration = Duration::from_millis(2);

/// A rate at which nothing is short.
const LOW_RATE: f64 = 50.0;

/// The rate beside it where it is not known what the machine can do.
const SOME_RATE: f64 = 200.0;

/// The lateness at a low rate and at a middle one, half of what the machine can do; in the short form at the latter.
pub(super) fn beside_a_timer(null: &Null, form: Form, most: Option<f64>) -> Result<Vec<Lag>, CalibrateError> {
    let middle = most.map_or(SOME_RATE, |most| most / 2.0);
    let (rates, duration) = match form {
        Form::Full => (vec![LOW_RATE, middle], Duration::from_secs(3)),
        Form::Short => (vec![middle], Duration::from_millis(400)),
    };
    let at = |rate| {
        let timer = Timer::start();
        let driven = requests::at_rate(null, rate, duration);
        let late = timer.stop()?;
        let [send_lag_p50_us, send_lag_p99_us] = requests::send_lag(&driven?);
        let [timer_p50_us, timer_p99_us] = quantiles(late, [0.5, 0.99]).map(micros);
        Ok(Lag { rate, send_lag_p50_us, send_lag_p99_us, timer_p50_us, timer_p99_us })
    };
    rates.into_iter().map(at).collect()
}

/// A thread like the one that sends, which only looks how late it is woken.
struct Timer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<f64>>,
}

impl Timer {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            priority::raise();
            let mut late = Vec::new();
            let mut due = Instant::now() + TICK;
            while !stopped.load(Relaxed) {
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                late.push(due.elapsed().as_nanos() as f64);
                due += TICK;
            }
            late
        });
        Self { stop, thread }
    }

    /// How late it was each time, in nanoseconds.
    fn stop(self) -> Result<Vec<f64>, CalibrateError> {
        self.stop.store(true, Relaxed);
        self.thread.join().map_err(|_| CalibrateError::Died)
    }
}
