//! The thread that reads, with sensors that err, are slow or hang.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
        mpsc::{Receiver, channel},
    },
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use super::*;
use crate::{
    catalog::Quantity,
    config::Monitoring,
    record::{Class, Event, Telemetry},
    wire::Clock,
};

/// A sensor that does what it is told.
struct Fake<F> {
    subject: Subject,
    pace: Pace,
    read: F,
}

impl<F: FnMut(u64) -> Result<f64, String> + Send> Sensor for Fake<F> {
    fn kind(&self) -> SensorKind {
        SensorKind::System
    }

    fn subject(&self) -> &Subject {
        &self.subject
    }

    fn pace(&self) -> Pace {
        self.pace
    }

    fn read(&mut self, at_ns: u64) -> Result<Vec<Sample>, String> {
        let value = (self.read)(at_ns)?;
        Ok(vec![Sample {
            at_ns,
            sensor: SensorKind::System,
            class: Class::Sampled,
            subject: self.subject.clone(),
            readings: BTreeMap::from([(Quantity::Power, value)]),
            cores: Vec::new(),
            raw: BTreeMap::new(),
        }])
    }
}

fn fake(name: &str, read: impl FnMut(u64) -> Result<f64, String> + Send + 'static) -> Box<dyn Sensor> {
    Box::new(Fake { subject: Subject::Package(name.to_owned()), pace: Pace::Usual, read })
}

fn every(interval: u64) -> Monitoring {
    let interval = Duration::from_millis(interval);
    Monitoring { interval, energy_interval: Duration::from_secs(3600), ..Monitoring::default() }
}

/// The lines that came out, the channel being closed.
fn lines(mut events: mpsc::Receiver<Event>) -> Vec<Telemetry> {
    let mut lines = Vec::new();
    while let Some(event) = events.blocking_recv() {
        if let Event::Telemetry(line) = event {
            lines.push(line);
        }
    }
    lines
}

/// The values that were read of a subject.
fn values(lines: &[Telemetry], name: &str) -> Vec<f64> {
    let of = |line: &Telemetry| match line {
        Telemetry::Sample(sample) if sample.subject == Subject::Package(name.to_owned()) => {
            sample.readings.get(&Quantity::Power).copied()
        }
        _ => None,
    };
    lines.iter().filter_map(of).collect()
}

fn start(
    sensors: Vec<Box<dyn Sensor>>,
    missing: Vec<Missing>,
    monitoring: Monitoring,
    room: usize,
) -> (Sampling, mpsc::Receiver<Event>) {
    let (events, out) = mpsc::channel(room);
    let sources = Sources { sensors, missing, ..Sources::default() };
    let sampling = Sampling::start(sources, monitoring, Clock::start(), events);
    (sampling.expect("a thread"), out)
}

/// Waits for something, a minute at most.
fn wait_for(what: impl Fn() -> bool) {
    let begun = Instant::now();
    while !what() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it never came");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_sensor_that_errs_is_told_once_and_the_others_go_on() {
    let reads = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&reads);
    let good = fake("good", move |_| Ok(f64::from(counted.fetch_add(1, Relaxed))));
    let mut left = 2;
    let bad = fake("bad", move |_| {
        left -= 1;
        if left > 0 { Ok(7.0) } else { Err("its library is gone".to_owned()) }
    });
    let known = Missing { sensor: SensorKind::Nvml, subject: Subject::Machine, why: "no library".to_owned() };
    let (sampling, out) = start(vec![bad, good], vec![known], every(10), 1 << 16);
    assert!(reads.load(Relaxed) > 0, "everything is read once before the start is over");
    wait_for(|| reads.load(Relaxed) >= 5);
    drop(sampling);
    let lines = lines(out);
    let missing: Vec<_> = lines
        .iter()
        .filter_map(|line| match line {
            Telemetry::Missing { sensor, why, .. } => Some((*sensor, why.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(missing, [(SensorKind::Nvml, "no library"), (SensorKind::System, "its library is gone")]);
    assert_eq!(values(&lines, "bad"), [7.0]);
    let good = values(&lines, "good");
    assert_eq!(good.len(), reads.load(Relaxed) as usize);
    assert!(good.is_sorted());
    // the last line says what it cost, which is more than nothing
    let Some(Telemetry::Cost { cpu_ns, left_out: 0, .. }) = lines.last() else {
        panic!("{:?}", lines.last())
    };
    assert!(!cfg!(unix) || cpu_ns.is_some_and(|ns| ns > 0));
}

#[test]
fn moments_that_a_slow_sensor_takes_up_are_counted() {
    let reads = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&reads);
    let slow = fake("slow", move |_| {
        std::thread::sleep(Duration::from_millis(55));
        Ok(f64::from(counted.fetch_add(1, Relaxed)))
    });
    let (sampling, out) = start(vec![slow], Vec::new(), every(10), 1 << 16);
    wait_for(|| reads.load(Relaxed) >= 4);
    drop(sampling);
    let lines = lines(out);
    let Some(Telemetry::Cost { skipped, .. }) = lines.last() else { panic!("{:?}", lines.last()) };
    // five moments pass in each of them but the last
    assert!(*skipped >= 15, "{skipped}");
    assert!(!lines.iter().any(|line| matches!(line, Telemetry::Missing { .. })));
}

#[test]
fn what_falls_due_while_others_are_read_comes_next() {
    let [usual, energy] = [(); 2].map(|()| Arc::new(AtomicU32::new(0)));
    let (of_usual, of_energy) = (Arc::clone(&usual), Arc::clone(&energy));
    let slow = fake("slow", move |_| {
        std::thread::sleep(Duration::from_millis(60));
        Ok(f64::from(of_usual.fetch_add(1, Relaxed)))
    });
    let read = move |_| Ok(f64::from(of_energy.fetch_add(1, Relaxed)));
    let fast = Box::new(Fake { subject: Subject::Package("e".to_owned()), pace: Pace::Energy, read });
    let monitoring = Monitoring { energy_interval: Duration::from_millis(130), ..every(50) };
    let (sampling, _out) = start(vec![slow, fast], Vec::new(), monitoring, 1 << 16);
    wait_for(|| usual.load(Relaxed) >= 20);
    drop(sampling);
    // one begins every 100 ms, or later where the machine is slow
    let (usual, energy) = (usual.load(Relaxed), energy.load(Relaxed));
    assert!(energy * 2 > usual, "{energy} of energy beside {usual}");
}

#[test]
fn nobody_waits_for_a_sensor_that_hangs() {
    let (release, held): (_, Receiver<()>) = channel();
    let hangs = fake("hangs", move |_| {
        let _ = held.recv();
        Ok(1.0)
    });
    let begun = Instant::now();
    let (sampling, out) = start(vec![hangs], Vec::new(), every(10), 1 << 16);
    drop(sampling);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    // the channel is closed, although the sensor still hangs
    let lines = lines(out);
    let why = lines.iter().find_map(|line| match line {
        Telemetry::Missing { why, .. } => Some(why.as_str()),
        _ => None,
    });
    assert_eq!(why, Some("it was still being read when the run ended"));
    assert!(matches!(lines.last(), Some(Telemetry::Cost { .. })));
    drop(release);
}

#[test]
fn samples_give_way_to_records_and_what_is_left_out_is_counted() {
    let reads = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&reads);
    let sensor = fake("main", move |_| Ok(f64::from(counted.fetch_add(1, Relaxed))));
    let (events, mut out) = mpsc::channel(16);
    for _ in 0..4 {
        let line = crate::record::Diary::RunEnded { at_ns: 0 };
        events.try_send(Event::Diary(line)).expect("room");
    }
    let sources = Sources { sensors: vec![sensor], ..Sources::default() };
    let sampling = Sampling::start(sources, every(10), Clock::start(), events).expect("a thread");
    wait_for(|| reads.load(Relaxed) >= 5);
    assert!(values(&[], "main").is_empty());
    for _ in 0..4 {
        assert!(matches!(out.try_recv(), Ok(Event::Diary(_))));
    }
    let before = reads.load(Relaxed);
    wait_for(|| reads.load(Relaxed) > before + 1);
    drop(sampling);
    let lines = lines(out);
    let kept = values(&lines, "main").len();
    let Some(Telemetry::Cost { left_out, .. }) = lines.last() else { panic!("{:?}", lines.last()) };
    assert!(*left_out >= 5 && kept >= 1, "{left_out} left out, {kept} kept");
    assert_eq!(kept as u64 + left_out, u64::from(reads.load(Relaxed)));
}

#[test]
fn energy_has_a_pace_of_its_own_and_what_is_of_one_moment_is_one_line() {
    let energy =
        Box::new(Fake { subject: Subject::Package("a".to_owned()), pace: Pace::Energy, read: |_| Ok(1.0) });
    let reads = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&reads);
    let usual = fake("a", move |_| Ok(f64::from(10 + counted.fetch_add(1, Relaxed))));
    let (sampling, out) = start(vec![energy, usual], Vec::new(), every(10), 1 << 16);
    wait_for(|| reads.load(Relaxed) >= 5);
    drop(sampling);
    let lines = lines(out);
    let at: Vec<u64> = lines
        .iter()
        .filter_map(|line| match line {
            Telemetry::Sample(sample) => Some(sample.at_ns),
            _ => None,
        })
        .collect();
    // first and last, all are read; of those of one moment the later value stands
    assert!(at.len() >= reads.load(Relaxed) as usize && at.is_sorted());
    let ones = values(&lines, "a").into_iter().filter(|value| *value == 1.0).count();
    assert!(ones <= 2, "energy was read {ones} times beside the others");
}
