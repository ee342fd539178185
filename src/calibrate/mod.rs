//! What this machine can do as a load generator, found out by the real engine on a server that costs nothing.
//!
//! Every part plays scenarios of our own language, by the engine and the wire of a run, against the null server in a
//! process of its own on the same machine: what is found is what is left beside it, and so a lower bound. The server knows
//! when it wrote every chunk, so how wrong arrival times are is known, too.

mod climb;
mod lag;
mod null;
mod requests;
mod streams;

use std::{
    io,
    time::{Duration, Instant},
};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

pub use self::null::{Driven, Null, Truth};
use crate::{
    engine::{EngineError, NotReady},
    machine::{
        Machine,
        calibration::{Calibration, FORMAT, Form, Identity},
    },
    stats::nearest_rank,
    units::{show_count, show_count_of, show_seconds},
    wire::priority,
    workload::OpenError,
};

/// Why a calibration could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CalibrateError {
    /// The system gives no threads.
    #[error("the engine cannot be started")]
    Threads(#[from] io::Error),
    /// The server does not answer.
    #[error(transparent)]
    NotReady(#[from] NotReady),
    /// Its prompts cannot be made.
    #[error(transparent)]
    Prompts(#[from] OpenError),
    /// The engine refuses.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The engine ended without a word.
    #[error("the engine died")]
    Died,
    /// The server does not say what it wrote.
    #[error("the null server does not say when it wrote")]
    Truth(#[from] reqwest::Error),
    /// What it plays is no scenario.
    #[error("what the calibration plays cannot be planned: {0}")]
    Plan(String),
}

/// Where and how it is calibrated.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// The base URL of a null server, such as that of [`Child::start_null`](crate::sim::Child::start_null).
    pub null_server: &'a str,
    /// How closely to look.
    pub form: Form,
    /// This machine.
    pub machine: &'a Machine,
    /// Connections that the process may hold.
    pub connections: u32,
    /// Threads that send requests and read answers.
    pub threads: u32,
}

/// When each part has to be done, after the start.
struct Until {
    streams: Duration,
    requests: Duration,
}

/// Looks how many streams at once this machine can time, how many requests per second it can send without being late, how
/// late it is at some rates beside a bare timer, and how wrong arrival times are. Takes under a minute, or 5 s in its short
/// form; more where the machine is so slow that one try of each takes longer. `tell` hears of every try in a line.
///
/// # Errors
/// Where the engine or the server do not work at all; loads that are too much for the machine are what is looked for.
pub fn calibrate(setting: &Setting<'_>, tell: &mut dyn FnMut(&str)) -> Result<Calibration, CalibrateError> {
    let Setting { null_server, form, machine, connections, threads } = *setting;
    let began = Instant::now();
    let measured_at = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let until = match form {
        Form::Full => Until { streams: Duration::from_secs(30), requests: Duration::from_secs(48) },
        Form::Short => Until { streams: Duration::from_millis(2300), requests: Duration::from_millis(4300) },
    };
    let time_left = |until: Duration| move |needed: Duration| began.elapsed() + needed < until;
    let null = Null::new(null_server, threads)?;
    let streams = streams::most(&null, form, connections, &time_left(until.streams), tell)?;
    let level = streams.most.or_else(|| streams.tried.first().map(|tried| tried.streams));
    let stamps = match level {
        Some(level) => streams::stamps(&null, form, level)?,
        None => None,
    };
    let requests = requests::most(&null, form, &time_left(until.requests), tell)?;
    let lag = lag::beside_a_timer(&null, form, requests.most)?;
    Ok(Calibration {
        format: FORMAT,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        machine: Identity::of(machine),
        // a year of four digits can be written
        measured_at: measured_at.format(&Rfc3339).unwrap_or_default(),
        form,
        took_s: (began.elapsed().as_secs_f64() * 10.0).round() / 10.0,
        nice: priority::of_raised(),
        streams,
        requests,
        lag,
        stamps,
    })
}

/// A duration as the language writes it.
fn millis(duration: Duration) -> String {
    format!("\"{}ms\"", duration.as_millis())
}

/// Microseconds, to a tenth: more digits would be noise.
fn micros(ns: f64) -> f64 {
    (ns / 100.0).round() / 10.0
}

/// Microseconds in words.
fn show_micros(us: f64) -> String {
    show_seconds(us / 1e6)
}

/// The nearest-rank percentiles of some values; 0 where there are none.
fn quantiles<const N: usize>(mut values: Vec<f64>, wanted: [f64; N]) -> [f64; N] {
    values.sort_unstable_by(f64::total_cmp);
    wanted.map(|quantile| {
        let rank = nearest_rank(quantile, values.len() as u64);
        values.get(rank as usize - 1).copied().unwrap_or(0.0)
    })
}

/// What went wrong with requests, where any did.
fn failed<'a>(all: usize, failures: impl ExactSizeIterator<Item = Option<&'a str>>) -> Option<String> {
    let count = failures.len();
    let first = failures.flatten().next().unwrap_or("no word on why");
    (count > 0).then(|| {
        format!("{} of {} failed: {first}", show_count(count as u64), show_count_of(all as u64, "request"))
    })
}

/// A line on a try.
fn line(what: &str, fault: &str) -> String {
    if fault.is_empty() { format!("{what}: held") } else { format!("{what}: {fault}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_nearest_rank() {
        let values = |count: u32| (1..=count).rev().map(f64::from).collect::<Vec<_>>();
        for (count, expected) in [(0, [0.0, 0.0]), (1, [1.0, 1.0]), (4, [2.0, 4.0]), (200, [100.0, 198.0])] {
            assert_eq!(quantiles(values(count), [0.5, 0.99]), expected, "{count}");
        }
    }

    #[test]
    fn failures_are_told_with_the_first_reason() {
        let told = |failures: &[Option<&'static str>]| failed(1000, failures.iter().copied());
        assert_eq!(told(&[]), None);
        assert_eq!(told(&[None, Some("no port")]).as_deref(), Some("2 of 1,000 requests failed: no port"));
        assert_eq!(told(&[None]).as_deref(), Some("1 of 1,000 requests failed: no word on why"));
    }
}
