//! How many short requests per second this machine can send without being late.

use std::time::Duration;

use super::{
    CalibrateError,
    climb::Climb,
    failed, line, micros, millis,
    null::{Driven, Null},
    quantiles, show_micros,
};
use crate::{
    machine::calibration::{Form, Requests, TriedRate},
    units::show_count,
    verdict::ALLOWED_LAG_S,
};

/// Tokens of an answer, which come at once.
pub(super) const TOKENS: u32 = 16;

/// How rates are tried.
struct Load {
    climb: Climb,
    duration: Duration,
}

impl Load {
    fn of(form: Form) -> Self {
        match form {
            Form::Full => Self {
                climb: Climb { levels: &[50, 500, 2000, 8000, 32_000], between: 3, tries: 2 },
                duration: Duration::from_millis(1500),
            },
            Form::Short => Self {
                climb: Climb { levels: &[250, 1000, 4000, 16_000], between: 0, tries: 2 },
                duration: Duration::from_millis(300),
            },
        }
    }
}

/// The highest rate at which `send_lag.p99` stays within what check 2b always allows.
pub(super) fn most(
    null: &Null,
    form: Form,
    time_left: &dyn Fn(Duration) -> bool,
    tell: &mut dyn FnMut(&str),
) -> Result<Requests, CalibrateError> {
    let load = Load::of(form);
    let mut tried = Vec::new();
    let takes = load.duration + Duration::from_millis(100);
    let reached = load.climb.run(
        u32::MAX,
        || time_left(takes),
        |rate| {
            let seen = judge(rate.into(), &at_rate(null, rate.into(), load.duration)?);
            tell(&line(&format!("{} requests/s", show_count(rate.into())), &seen.fault));
            let held = seen.held;
            tried.push(seen);
            Ok::<_, CalibrateError>(held)
        },
    )?;
    Ok(Requests {
        tokens: TOKENS,
        lag_limit_us: ALLOWED_LAG_S * 1e6,
        most: reached.most.map(f64::from),
        failed: reached.failed.map(f64::from),
        tried,
    })
}

/// Sends short requests at random times for so long.
pub(super) fn at_rate(null: &Null, rate: f64, duration: Duration) -> Result<Driven, CalibrateError> {
    let phase = format!("duration = {}\nload.open.rate = {rate}", millis(duration));
    null.drive(null.plan(0, TOKENS, &phase)?)
}

/// Median and p99 of how late requests went out, in microseconds.
pub(super) fn send_lag(driven: &Driven) -> [f64; 2] {
    let lags = driven.finished.iter().filter_map(|(record, _)| Some(record.send_lag()? * 1e9));
    quantiles(lags.collect(), [0.5, 0.99]).map(micros)
}

fn judge(rate: f64, driven: &Driven) -> TriedRate {
    let [p50, p99] = send_lag(driven);
    let failures: Vec<_> = driven
        .finished
        .iter()
        .filter(|(record, _)| record.outcome.failed())
        .map(|(record, _)| record.error.as_deref())
        .collect();
    let mut faults = Vec::new();
    faults.extend(failed(driven.finished.len(), failures.into_iter()));
    if p99 > ALLOWED_LAG_S * 1e6 {
        faults.push(format!("`send_lag.p99` is {}", show_micros(p99)));
    }
    TriedRate {
        rate,
        send_lag_p50_us: p50,
        send_lag_p99_us: p99,
        held: faults.is_empty(),
        fault: faults.join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        metrics::fixture::{MS, answer, failure},
        record::{ChunkTimes, Outcome},
        wire::Clock,
    };

    #[test]
    fn a_rate_is_held_while_requests_go_out_in_time() {
        let driven = |lags_us: &[u64], failures: usize| {
            let sent = lags_us.iter().map(|lag_us| {
                let mut record = answer(MS, MS, &[]).0;
                record.sent_ns = Some(record.due_ns + lag_us * 1000);
                (record, ChunkTimes::default())
            });
            let failed =
                (0..failures).map(|_| (failure(MS, MS, Outcome::ConnectFailed).0, ChunkTimes::default()));
            Driven { clock: Clock::start(), finished: sent.chain(failed).collect(), diary: Vec::new() }
        };
        for (lags_us, failures, p50, p99, fault) in [
            (&[50, 60, 70][..], 0, 60.0, 70.0, ""),
            (&[50, 60, 1000], 0, 60.0, 1000.0, ""),
            (&[50, 60, 1001], 0, 60.0, 1001.0, "`send_lag.p99` is 1.00 ms"),
            (&[50], 1, 50.0, 50.0, "1 of 2 requests failed: "),
        ] {
            let tried = judge(10.0, &driven(lags_us, failures));
            assert!(tried.fault.starts_with(fault) && tried.held == fault.is_empty(), "{tried:?}");
            assert_eq!((tried.send_lag_p50_us, tried.send_lag_p99_us), (p50, p99));
        }
    }
}
