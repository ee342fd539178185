//! The thread that reads.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use super::{
    Missing, Pace, Sensor, Sources,
    cost::{Aside, cpu_ns},
};
use crate::{
    config::Monitoring,
    record::{Event, Sample, SensorKind, Subject, Telemetry},
    wire::Clock,
};

/// How long the start waits for the first readings, so that what was before the load is known; a slow sensor's come later.
const FIRST: Duration = Duration::from_secs(1);

/// How long the end waits for the last readings.
const LAST: Duration = Duration::from_secs(2);

/// The part of that which what is fetched may take.
const LAST_FETCHED: Duration = Duration::from_millis(1500);

/// Time between two accounts of what reading costs, in nanoseconds.
const ACCOUNT_NS: u64 = 1_000_000_000;

/// Readings so close to each other are of one moment, in nanoseconds.
const MOMENT_NS: u64 = 1_000_000;

/// Sensors that are being read. Dropping it ends that; neither the measuring nor the end of a run ever waits for a sensor for
/// long.
#[derive(Debug)]
pub struct Sampling {
    outlet: Arc<Outlet>,
    clock: Clock,
    /// Its end tells the thread to end.
    stop: Option<Sender<()>>,
    /// Ends with the thread.
    ended: Receiver<()>,
}

impl Sampling {
    /// Starts to read on a thread named `telemetry`, of ordinary priority. Samples go to `events`, after a line for
    /// each thing that is missing from the start. Blocks until everything was read once, a second at most.
    ///
    /// # Errors
    ///
    /// That there is no thread to be had.
    pub fn start(
        Sources { sensors, missing, aside }: Sources,
        monitoring: Monitoring,
        clock: Clock,
        events: mpsc::Sender<Event>,
    ) -> io::Result<Self> {
        let outlet = Arc::new(Outlet::new(events));
        for Missing { sensor, subject, why } in missing {
            outlet.tell(Telemetry::Missing { at_ns: clock.now_ns(), sensor, subject, why });
        }
        let (stop, stopped) = channel();
        let (first_done, first) = channel();
        let (end, ended) = channel();
        let reader = Reader {
            outlet: Arc::clone(&outlet),
            clock,
            rounds: [
                Round::new(Pace::Usual, monitoring.interval),
                Round::new(Pace::Energy, monitoring.energy_interval),
            ],
            sensors,
            aside,
        };
        thread::Builder::new().name("telemetry".to_owned()).spawn(move || {
            // its end is what `ended` waits for
            let _end = end;
            reader.run(&stopped, Some(first_done));
        })?;
        // a sensor that takes longer is no reason to wait
        let _ = first.recv_timeout(FIRST);
        Ok(Self { outlet, clock, stop: Some(stop), ended })
    }
}

impl Drop for Sampling {
    fn drop(&mut self) {
        self.stop = None;
        if self.ended.recv_timeout(LAST) == Err(RecvTimeoutError::Timeout) {
            self.outlet.abandon(self.clock.now_ns());
        }
    }
}

/// The way to the recorder, which may be closed while a sensor is still busy.
#[derive(Debug)]
struct Outlet(Mutex<State>);

#[derive(Debug)]
struct State {
    /// `None` once nothing more is to come.
    events: Option<mpsc::Sender<Event>>,
    account: Account,
    /// What is being read.
    busy: Option<(SensorKind, Subject)>,
}

/// What reading has cost by now.
#[derive(Debug, Default, Clone, Copy)]
struct Account {
    cpu_ns: Option<u64>,
    skipped: u64,
    left_out: u64,
}

impl Account {
    fn line(self, at_ns: u64) -> Telemetry {
        let Self { cpu_ns, skipped, left_out } = self;
        Telemetry::Cost { at_ns, cpu_ns, skipped, left_out }
    }
}

impl Outlet {
    fn new(events: mpsc::Sender<Event>) -> Self {
        Self(Mutex::new(State { events: Some(events), account: Account::default(), busy: None }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands on a line, and counts it where there is no room.
    fn tell(&self, line: Telemetry) {
        self.state().tell(line);
    }

    /// Hands on samples, unless the queue is an eighth full: records go first.
    fn offer(&self, samples: Vec<Sample>) {
        let mut state = self.state();
        let behind = state
            .events
            .as_ref()
            .is_some_and(|events| events.max_capacity() - events.capacity() > events.max_capacity() / 8);
        for sample in samples {
            if behind {
                state.account.left_out += 1;
            } else {
                state.tell(Telemetry::Sample(sample));
            }
        }
    }

    /// Closes the way, with a word on what is still being read.
    fn abandon(&self, at_ns: u64) {
        let mut state = self.state();
        if let Some((sensor, subject)) = state.busy.take() {
            let why = "it was still being read when the run ended".to_owned();
            state.tell(Telemetry::Missing { at_ns, sensor, subject, why });
        }
        let cost = state.account.line(at_ns);
        state.tell(cost);
        state.events = None;
    }
}

impl State {
    fn tell(&mut self, line: Telemetry) {
        let told = self.events.as_ref().map(|events| events.try_send(Event::Telemetry(line)).is_ok());
        self.account.left_out += u64::from(told == Some(false));
    }
}

/// What runs on the thread.
struct Reader {
    outlet: Arc<Outlet>,
    clock: Clock,
    rounds: [Round; 2],
    sensors: Vec<Box<dyn Sensor>>,
    aside: Aside,
}

/// The moments at which sensors of one pace are read.
struct Round {
    pace: Pace,
    interval_ns: u64,
    due_ns: u64,
}

impl Round {
    fn new(pace: Pace, interval: Duration) -> Self {
        Self { pace, interval_ns: (interval.as_nanos() as u64).max(1), due_ns: 0 }
    }

    /// Sets the next moment, and says how many have passed unused: moments lie a whole number of intervals from the first.
    fn advance(&mut self, now_ns: u64) -> u64 {
        let passed = now_ns.saturating_sub(self.due_ns) / self.interval_ns;
        self.due_ns += (passed + 1) * self.interval_ns;
        passed
    }
}

impl Reader {
    fn run(mut self, stopped: &Receiver<()>, mut first_done: Option<Sender<()>>) {
        let begun_ns = self.clock.now_ns();
        self.rounds.iter_mut().for_each(|round| round.due_ns = begun_ns);
        let mut account_ns = begun_ns + ACCOUNT_NS;
        loop {
            let now_ns = self.clock.now_ns();
            let due: Vec<Pace> =
                self.rounds.iter().filter(|round| round.due_ns <= now_ns).map(|round| round.pace).collect();
            self.read(&due, None);
            // its end is what the start waits for
            drop(first_done.take());
            let now_ns = self.clock.now_ns();
            // what falls due while others are read comes next
            for round in self.rounds.iter_mut().filter(|round| due.contains(&round.pace)) {
                let passed = round.advance(now_ns);
                // of a pace without sensors nothing is missed
                if self.sensors.iter().any(|sensor| sensor.pace() == round.pace) {
                    self.outlet.state().account.skipped += passed;
                }
            }
            if now_ns >= account_ns {
                self.account();
                account_ns = now_ns + ACCOUNT_NS;
            }
            let next_ns = self.rounds.iter().map(|round| round.due_ns).min().unwrap_or(account_ns);
            let rest = Duration::from_nanos(next_ns.saturating_sub(self.clock.now_ns()));
            if stopped.recv_timeout(rest) == Err(RecvTimeoutError::Disconnected) {
                break;
            }
        }
        self.read(&[Pace::Usual, Pace::Energy], Some(Instant::now() + LAST_FETCHED));
        self.account();
    }

    /// Reads the sensors of these paces, for the last time where that may take until a moment. One that errs is read no more.
    fn read(&mut self, due: &[Pace], last: Option<Instant>) {
        let mut samples: Vec<Sample> = Vec::new();
        let mut at_ns = self.clock.now_ns();
        let (outlet, clock) = (&self.outlet, self.clock);
        self.sensors.retain_mut(|sensor| {
            if !due.contains(&sensor.pace()) {
                return true;
            }
            let now_ns = clock.now_ns();
            if now_ns > at_ns + MOMENT_NS {
                at_ns = now_ns;
            }
            outlet.state().busy = Some((sensor.kind(), sensor.subject().clone()));
            let read = match last {
                None => sensor.read(at_ns),
                Some(until) => sensor.read_last(at_ns, until),
            };
            outlet.state().busy = None;
            for why in sensor.missing() {
                let (sensor, subject) = (sensor.kind(), sensor.subject().clone());
                outlet.tell(Telemetry::Missing { at_ns, sensor, subject, why });
            }
            if sensor.found() {
                let (sensor, subject) = (sensor.kind(), sensor.subject().clone());
                outlet.tell(Telemetry::Found { at_ns, sensor, subject });
            }
            match read {
                Ok(read) => {
                    for sample in read {
                        put(&mut samples, sample);
                    }
                    true
                }
                Err(why) => {
                    let (sensor, subject) = (sensor.kind(), sensor.subject().clone());
                    outlet.tell(Telemetry::Missing { at_ns, sensor, subject, why });
                    false
                }
            }
        });
        self.outlet.offer(samples);
    }

    fn account(&self) {
        let cpu_ns = cpu_ns().map(|ns| ns + self.aside.ns());
        let mut state = self.outlet.state();
        state.account.cpu_ns = cpu_ns;
        let line = state.account.line(self.clock.now_ns());
        state.tell(line);
    }
}

/// Adds a sample; what is of the same moment, sensor, class and subject makes one.
fn put(samples: &mut Vec<Sample>, sample: Sample) {
    let same = |other: &&mut Sample| {
        (other.at_ns, other.sensor, other.class, &other.subject)
            == (sample.at_ns, sample.sensor, sample.class, &sample.subject)
    };
    match samples.iter_mut().find(same) {
        Some(other) => {
            other.readings.extend(sample.readings);
            other.raw.extend(sample.raw);
            if other.cores.is_empty() {
                other.cores = sample.cores;
            }
        }
        None => samples.push(sample),
    }
}
