//! How many streams at once this machine can time, and how wrong their arrival times are.

use std::time::Duration;

use super::{
    CalibrateError,
    climb::Climb,
    failed, line, micros, millis,
    null::{Driven, Null, Truth},
    quantiles, show_micros,
};
use crate::{
    machine::calibration::{Form, Stamps, Streams, TriedStreams},
    record::{ClockSource, Diary},
    units::{show_count_of, show_share},
};

/// Between two tokens of a stream, in microseconds: 100 tokens per second, a fast server.
const GAP_US: u32 = 10_000;

/// Error of arrival times that is small beside anything a server does, in microseconds.
const ERROR_LIMIT_US: f64 = 100.0;

/// Share of events that may be read together with later ones: beyond it the client reads too late.
const BOUNDED_LIMIT: f64 = 0.05;

/// How much longer than asked for the server may take before it is itself what is too slow.
const STRETCH: f64 = 1.1;

/// How streams are laid out.
struct Load {
    climb: Climb,
    /// They begin evenly over this time, as their tokens are to come.
    ramp_up: Duration,
    tokens: u32,
}

impl Load {
    fn of(form: Form) -> Self {
        match form {
            Form::Full => Self {
                climb: Climb { levels: &[25, 100, 400, 1600, 6400], between: 3, tries: 2 },
                ramp_up: Duration::from_secs(1),
                tokens: 150,
            },
            Form::Short => Self {
                climb: Climb { levels: &[50, 200, 800], between: 0, tries: 1 },
                ramp_up: Duration::from_millis(200),
                tokens: 30,
            },
        }
    }

    /// What a try takes, with what is around it.
    fn takes(&self) -> Duration {
        self.ramp_up
            + Duration::from_micros(u64::from(GAP_US) * u64::from(self.tokens))
            + Duration::from_millis(100)
    }
}

/// The most streams at once whose arrival times keep their error.
pub(super) fn most(
    null: &Null,
    form: Form,
    connections: u32,
    time_left: &dyn Fn(Duration) -> bool,
    tell: &mut dyn FnMut(&str),
) -> Result<Streams, CalibrateError> {
    let load = Load::of(form);
    let mut tried = Vec::new();
    let reached = load.climb.run(
        connections,
        || time_left(load.takes()),
        |streams| {
            let seen = try_streams(null, &load, streams)?;
            tell(&line(&show_count_of(streams.into(), "stream"), &seen.fault));
            let held = seen.held;
            tried.push(seen);
            Ok::<_, CalibrateError>(held)
        },
    )?;
    Ok(Streams {
        token_gap_ms: f64::from(GAP_US) / 1e3,
        error_limit_us: ERROR_LIMIT_US,
        bounded_limit: BOUNDED_LIMIT,
        most: reached.most,
        failed: reached.failed,
        tried,
    })
}

fn try_streams(null: &Null, load: &Load, streams: u32) -> Result<TriedStreams, CalibrateError> {
    let phase = format!(
        "requests = {streams}\nload.closed = {{ users = {streams}, ramp_up = {} }}",
        millis(load.ramp_up)
    );
    let driven = null.drive(null.plan(GAP_US.into(), load.tokens, &phase)?)?;
    let truth = null.truth(driven.clock)?;
    Ok(judge(streams, &driven, &truth))
}

/// What the arrivals of some streams come to beside the truth.
fn judge(streams: u32, driven: &Driven, truth: &Truth) -> TriedStreams {
    let (mut errors_ns, mut bounded, mut stamped, mut stretch) = (Vec::new(), 0, 0, Vec::new());
    for (record, chunks) in driven.finished.iter().filter(|(record, _)| !record.outcome.failed()) {
        let Some(written) = truth.of(&record.request_id, chunks.len()) else { continue };
        errors_ns.extend(errors(&chunks.at_ns, written));
        if record.clock == ClockSource::Kernel {
            stamped += chunks.len();
            bounded += chunks.width_ns.iter().filter(|width_ns| **width_ns > 0).count();
        }
        if let [first, .., last] = written {
            stretch.push((last - first) / (f64::from(GAP_US) * 1e3 * (written.len() - 1) as f64));
        }
    }
    let known = !errors_ns.is_empty();
    let events = errors_ns.len();
    let [p50, p99] = quantiles(errors_ns, [0.5, 0.99]).map(micros);
    let bounded_share = if stamped == 0 { 0.0 } else { bounded as f64 / stamped as f64 };
    let [stretch] = quantiles(stretch, [0.5]);
    let failures: Vec<_> = driven
        .finished
        .iter()
        .filter(|(record, _)| record.outcome.failed())
        .map(|(record, _)| record.error.as_deref())
        .collect();
    let mut faults = Vec::new();
    faults.extend(failed(driven.finished.len(), failures.into_iter()));
    if !known {
        faults.push("no stream came through".to_owned());
    }
    if stretch > STRETCH {
        faults.push(format!("the server beside it took {stretch:.1} times as long as asked"));
    }
    if p99 > ERROR_LIMIT_US {
        faults.push(format!("arrival times are {} off at p99", show_micros(p99)));
    }
    if bounded_share > BOUNDED_LIMIT {
        faults.push(format!("{} of arrivals are only bounded", show_share(bounded_share)));
    }
    TriedStreams {
        streams,
        error_p50_us: p50,
        error_p99_us: p99,
        bounded_share,
        cpu_per_token_us: cpu_ns(&driven.diary).filter(|_| known).map(|ns| micros(ns / events as f64)),
        held: faults.is_empty(),
        fault: faults.join("; "),
    }
}

/// How far times are from the truth, in nanoseconds.
fn errors<'a>(at_ns: &'a [u64], written: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
    at_ns.iter().zip(written).map(|(at_ns, written)| (*at_ns as f64 - written).abs())
}

/// Processor time of the tool from the first look of a run to the last.
fn cpu_ns(diary: &[Diary]) -> Option<f64> {
    let mut looks = diary
        .iter()
        .filter_map(|line| if let Diary::Generator(look) = line { Some(look.cpu_ns) } else { None });
    let first = looks.next()??;
    Some(looks.next_back()??.saturating_sub(first) as f64)
}

/// The error of the kernel's stamps and of the time behind each read, of the same events of so many streams; `None` where
/// none came through.
pub(super) fn stamps(null: &Null, form: Form, streams: u32) -> Result<Option<Stamps>, CalibrateError> {
    let load = Load::of(form);
    // what the phase says is not played, the endpoint is
    let plan = null.plan(GAP_US.into(), load.tokens, "requests = 1\nload.closed.users = 1")?;
    let (clock, timed) = null.time(&plan, streams, load.ramp_up)?;
    let truth = null.truth(clock)?;
    let (mut kernel_ns, mut user_ns) = (Vec::new(), Vec::new());
    for stream in timed.iter().filter(|stream| !stream.record.outcome.failed()) {
        if let Some(written) = truth.of(&stream.record.request_id, stream.chunks.len()) {
            kernel_ns.extend(errors(&stream.chunks.at_ns, written));
            user_ns.extend(errors(&stream.reads_ns, written));
        }
    }
    if kernel_ns.is_empty() {
        return Ok(None);
    }
    let [kernel_p50_us, kernel_p99_us] = quantiles(kernel_ns, [0.5, 0.99]).map(micros);
    let [user_p50_us, user_p99_us] = quantiles(user_ns, [0.5, 0.99]).map(micros);
    Ok(Some(Stamps { streams, kernel_p50_us, kernel_p99_us, user_p50_us, user_p99_us }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        calibrate::null::Truth,
        metrics::fixture::{MS, answer},
        record::{ChunkTimes, Generator, Outcome, Record},
        wire::Clock,
    };

    /// Streams of 100 tokens, each as much behind what the server wrote, with bounds that wide; and how long the server took.
    fn judged(
        streams: u32,
        late_ns: u64,
        width_ns: u32,
        stretch: u64,
        change: impl Fn(&mut Record),
    ) -> TriedStreams {
        let clock = Clock::start();
        let mut text = String::new();
        let mut finished = Vec::new();
        for stream in 0..streams {
            let written: Vec<u64> = (1..=100).map(|i| i * 10 * MS * stretch).collect();
            let stamps = std::iter::once(&0)
                .chain(&written)
                .map(|ns| format!(" {}", clock.wall_ns() + i128::from(*ns)));
            text.extend([stream.to_string(), stamps.collect(), "\n".to_owned()]);
            let at_ns = written.iter().map(|ns| ns + late_ns).collect();
            let mut record = answer(0, MS, &[]).0;
            record.request_id = stream.to_string();
            change(&mut record);
            finished.push((record, ChunkTimes { at_ns, width_ns: vec![width_ns; 100] }));
        }
        let now_ns = 1000 * MS;
        let truth = Truth::read(&text, clock, clock.wall_ns() + i128::from(now_ns), now_ns);
        let look = |at_ns, cpu_ns| {
            Diary::Generator(Generator {
                at_ns,
                cpu_ns: Some(cpu_ns),
                cores: 2,
                nice: None,
                swapped_bytes: None,
                refused: 0,
                wall_steps: 0,
            })
        };
        let tokens = u64::from(streams) * 100;
        let diary = vec![look(0, 1_000), look(MS, 2_000), look(now_ns, 1_000 + tokens * 4_000)];
        judge(streams, &Driven { clock, finished, diary }, &truth)
    }

    #[test]
    fn streams_are_held_while_their_times_are_right() {
        let same = |_: &mut Record| {};
        let healthy = judged(3, 50_000, 0, 1, same);
        assert_eq!(
            healthy,
            TriedStreams {
                streams: 3,
                error_p50_us: 50.0,
                error_p99_us: 50.0,
                bounded_share: 0.0,
                cpu_per_token_us: Some(4.0),
                held: true,
                fault: String::new(),
            }
        );
        let user = |record: &mut Record| record.clock = ClockSource::User;
        let broken = |record: &mut Record| {
            if record.request_id == "1" {
                record.outcome = Outcome::Timeout;
                record.error = Some("timed out".to_owned());
            }
        };
        for (tried, fault) in [
            (judged(3, 150_000, 0, 1, same), "arrival times are 150 µs off at p99"),
            (judged(3, 0, 20_000, 1, same), "100.0 % of arrivals are only bounded"),
            // without the kernel's stamps all of them are, and only the error says something
            (judged(3, 0, 20_000, 1, user), ""),
            (judged(3, 0, 0, 2, same), "the server beside it took 2.0 times as long as asked"),
            (judged(3, 0, 0, 1, broken), "1 of 3 requests failed: timed out"),
        ] {
            assert_eq!((tried.fault.as_str(), tried.held), (fault, fault.is_empty()));
        }
    }

    #[test]
    fn without_a_stream_nothing_is_held() {
        let gone = |record: &mut Record| record.outcome = Outcome::ConnectFailed;
        let tried = judged(1, 0, 0, 1, gone);
        assert_eq!(tried.fault, "1 of 1 request failed: no word on why; no stream came through");
        assert_eq!((tried.held, tried.cpu_per_token_us), (false, None));
    }
}
