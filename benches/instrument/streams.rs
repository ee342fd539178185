//! Parts `stamps`, `cpu` and `fast`: streams that are read.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeVal,
};

use crate::{Figures, bare, quantile, server::Server};

#[derive(Clone, Copy)]
struct Load {
    streams: u32,
    gap_us: u64,
    tokens: u32,
    /// Streams start spread over it, so that their chunks are.
    ramp_up: Duration,
}

impl Load {
    /// Streams with a gap of 10 ms, for 5 s.
    fn usual(streams: u32) -> Self {
        Self { streams, gap_us: 10_000, tokens: 500, ramp_up: Duration::from_secs(1) }
    }

    fn tokens(self) -> f64 {
        f64::from(self.streams) * f64::from(self.tokens)
    }
}

/// A thread that keeps a core busy.
struct Busy(Arc<AtomicBool>);

impl Busy {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        std::thread::spawn(move || {
            while !seen.load(Relaxed) {
                std::hint::spin_loop();
            }
        });
        Self(stop)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// How far the arrival of every output event is from when the server wrote it.
pub(crate) fn stamps(tell: &mut dyn FnMut(Figures)) {
    let server = Server::start();
    for (streams, busy) in [(100, false), (500, false), (1000, false), (1500, false), (500, true)] {
        let _busy = busy.then(Busy::start);
        let name = format!("stamps {streams}{}", if busy { " + busy loop" } else { "" });
        tell((name, errors(&server, Load::usual(streams))));
    }
}

fn errors(server: &Server, load: Load) -> Vec<(&'static str, f64, &'static str)> {
    let plan = server.null.plan(load.gap_us, load.tokens, "requests = 1\nload.closed.users = 1").unwrap();
    let (clock, timed) = server.null.time(&plan, load.streams, load.ramp_up).unwrap();
    let truth = server.null.truth(clock).unwrap();
    let (mut kernel, mut user, mut widths) = (Vec::new(), Vec::new(), Vec::new());
    let (mut bounded, mut outside) = (0, 0);
    for stream in &timed {
        let written = truth.of(&stream.record.request_id, stream.chunks.len()).unwrap();
        assert_eq!(written.len(), load.tokens as usize, "{:?}", stream.record.error);
        let times = stream.chunks.at_ns.iter().zip(&stream.chunks.width_ns).zip(&stream.reads_ns);
        for (written, ((at_ns, width_ns), read_ns)) in written.iter().zip(times) {
            let at = *at_ns as f64;
            kernel.push((at - written).abs() / 1e3);
            user.push((*read_ns as f64 - written).abs() / 1e3);
            widths.push(f64::from(*width_ns) / 1e3);
            if *width_ns > 0 {
                bounded += 1;
                // a write takes a few microseconds from its stamp to the other side
                let after = at - f64::from(*width_ns) - 20e3;
                outside += u32::from(*written < after || *written > at + 1e3);
            }
        }
    }
    let events = kernel.len() as f64;
    vec![
        ("p50", quantile(&mut kernel, 0.5), "us"),
        ("p99", quantile(&mut kernel, 0.99), "us"),
        ("p999", quantile(&mut kernel, 0.999), "us"),
        ("user_p50", quantile(&mut user, 0.5), "us"),
        ("user_p99", quantile(&mut user, 0.99), "us"),
        ("bounded", f64::from(bounded) / events * 100.0, "%"),
        ("width_p99", quantile(&mut widths, 0.99), "us"),
        ("within", (1.0 - f64::from(outside) / events) * 100.0, "%"),
    ]
}

/// Processor time of a token against the bare loop, with the server on another processor for both, while all streams are
/// open: what a request costs besides is told by another part.
pub(crate) fn cpu(tell: &mut dyn FnMut(Figures)) {
    let server = Server::start_apart();
    for streams in [100, 500] {
        let load = Load { tokens: 700, ..Load::usual(streams) };
        let floor = |server: &Server, load| while_all_are_open(load, || read_bare(server, load));
        let ours = |server: &Server, load| while_all_are_open(load, || read(server, load));
        // what else runs on the machine changes both: pairs, and the one in the middle
        let mut pairs: Vec<_> = (0..5).map(|_| (floor(&server, load), ours(&server, load))).collect();
        let ratio = |(floor, ours): &(f64, f64)| ours / floor;
        pairs.sort_by(|one, other| ratio(one).total_cmp(&ratio(other)));
        let (floor, ours) = pairs[pairs.len() / 2];
        tell((
            format!("cpu per token, {streams}"),
            vec![
                ("floor", floor, "us"),
                ("ours", ours, "us"),
                ("ratio", ours / floor, "x"),
                ("least", ratio(&pairs[0]), "x"),
                ("most", ratio(&pairs[4]), "x"),
            ],
        ));
    }
}

/// Events of a server that sends as fast as it can.
pub(crate) fn fast(tell: &mut dyn FnMut(Figures)) {
    let server = Server::start();
    let load = Load { streams: 8, gap_us: 0, tokens: 200_000, ramp_up: Duration::ZERO };
    let cpu_of = |work: &dyn Fn()| {
        let before = cpu_seconds();
        work();
        (cpu_seconds() - before) * 1e6 / load.tokens()
    };
    let (floor, ours) = (cpu_of(&|| read_bare(&server, load)), cpu_of(&|| read(&server, load)));
    tell((
        "events per core second".to_owned(),
        vec![("floor", 1e6 / floor, "1/s"), ("ours", 1e6 / ours, "1/s"), ("ratio", ours / floor, "x")],
    ));
}

/// Microseconds of CPU per token from when the last stream has begun until the first one ends.
fn while_all_are_open(load: Load, work: impl FnOnce()) -> f64 {
    const FROM: Duration = Duration::from_secs(2);
    const LENGTH: Duration = Duration::from_secs(4);
    let looking = std::thread::spawn(|| {
        std::thread::sleep(FROM);
        let (begun, before) = (Instant::now(), cpu_seconds());
        std::thread::sleep(LENGTH);
        (cpu_seconds() - before, begun.elapsed())
    });
    work();
    let (used, length) = looking.join().unwrap();
    let tokens = length.as_secs_f64() * f64::from(load.streams) * 1e6 / load.gap_us as f64;
    used * 1e6 / tokens
}

/// Reads streams by a run of the product as far as its records.
fn read(server: &Server, load: Load) {
    let phase = format!(
        "requests = {streams}\n[phases.load.load.closed]\nusers = {streams}\nramp_up = \"{}ms\"",
        load.ramp_up.as_millis(),
        streams = load.streams,
    );
    let driven = server.null.drive(server.null.plan(load.gap_us, load.tokens, &phase).unwrap()).unwrap();
    let read: usize = driven.finished.iter().map(|(_, chunks)| chunks.len()).sum();
    let error = driven.finished.iter().find_map(|(record, _)| record.error.as_ref());
    assert_eq!(read as f64, load.tokens(), "{error:?}");
    server.forget();
}

/// Reads them by a loop that does nothing else.
fn read_bare(server: &Server, load: Load) {
    bare::read(server.address, load.streams, load.gap_us, load.tokens, load.ramp_up);
    server.forget();
}

fn cpu_seconds() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    seconds(usage.user_time()) + seconds(usage.system_time())
}

pub(crate) fn seconds(time: TimeVal) -> f64 {
    time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6
}
