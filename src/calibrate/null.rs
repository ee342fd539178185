//! The null server, and what the engine sees of it.

use std::{collections::HashMap, io::ErrorKind, time::SystemTime};

use tokio::{runtime::Runtime, sync::mpsc};

use super::CalibrateError;
use crate::{
    config::{self, Input},
    engine::{self, Binding, Timed, Workers},
    machine::Machine,
    plan::{self, Plan},
    record::{ChunkTimes, Diary, Event, Record},
    wire::Clock,
    workload::Datasets,
};

/// A null server that listens, with the threads of an engine that drives it.
pub struct Null {
    /// `http://127.0.0.1:PORT`.
    base: String,
    /// What is measured has threads of its own.
    workers: Workers,
    beside: Runtime,
}

/// What came of one load.
pub struct Driven {
    /// The clock of its times.
    pub clock: Clock,
    /// Every request, in the order of their ends.
    pub finished: Vec<(Record, ChunkTimes)>,
    /// What the engine told besides.
    pub diary: Vec<Diary>,
}

/// When the server received each request and wrote each chunk of its answer, on the clock of a run.
pub struct Truth(HashMap<String, Vec<f64>>);

impl Null {
    /// Drives the null server at this base URL (`http://127.0.0.1:PORT/v1`) by so many threads.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub fn new(base_url: &str, threads: u32) -> Result<Self, CalibrateError> {
        Ok(Self {
            base: base_url.trim_end_matches("/v1").to_owned(),
            workers: Workers::start(threads)?,
            beside: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
        })
    }

    /// The plan of a load: a scenario like any other. Its answers have so many tokens with so many microseconds between them,
    /// and `phase` says what is sent, in the language of scenario files.
    ///
    /// # Errors
    /// Where that is no phase.
    pub fn plan(&self, gap_us: u64, tokens: u32, phase: &str) -> Result<Plan, CalibrateError> {
        let text = format!(
            "version = 1\nname = \"calibration\"\nendpoints.null.url = \"{base}/{gap_us}/v1\"\nendpoints.null.timeout = \
             \"30s\"\nrun.drain = \"10s\"\n[workloads.short.synthetic]\nprompt_tokens = 16\noutput_tokens = {tokens}\n\
             [phases.load]\n{phase}\n",
            base = self.base,
        );
        // what bounds loads on other people's servers is not about this one, and only a flag lifts it
        let sets = ["run.ceiling.rate=1000000".to_owned(), "run.ceiling.requests=100000000".to_owned()];
        let input = Input { name: "the calibration", text: &text, platform: Some("cpu_only"), sets: &sets };
        let nothing = |_: &std::path::Path| Err(ErrorKind::NotFound.into());
        let checked = config::check(&input, &Machine::default(), &|_| None, &nothing);
        let mut plans =
            plan::admit(checked).map_err(|problems| CalibrateError::Plan(problems.render(false)))?;
        Ok(plans.remove(0))
    }

    fn bind(&self, plan: &Plan) -> Result<Vec<Binding>, CalibrateError> {
        let no_secret = |_: &config::Secret| Err("there is none".to_owned());
        let mut datasets = Datasets::default();
        let sources = plan
            .endpoints
            .iter()
            .map(|planned| datasets.open(&planned.workload_name, &planned.workload, None));
        let sources = sources.collect::<Result<Vec<_>, _>>()?;
        Ok(self.beside.block_on(engine::ready(plan, &[], &sources, &no_secret))?)
    }

    /// Runs a plan with the engine, and gathers what it tells.
    ///
    /// # Errors
    /// Where the server does not answer, or the engine does not work.
    pub fn drive(&self, plan: Plan) -> Result<Driven, CalibrateError> {
        let bindings = self.bind(&plan)?;
        let clock = Clock::start();
        let (events, mut told) = mpsc::channel(engine::EVENT_QUEUE);
        // nobody stops it: its phases end by themselves
        let (_commands, commands) = mpsc::channel(1);
        let run = engine::start(&self.workers, plan, bindings, None, clock, Vec::new(), events, commands);
        self.beside.block_on(async {
            let mut driven = Driven { clock, finished: Vec::new(), diary: Vec::new() };
            while let Some(event) = told.recv().await {
                match event {
                    Event::Diary(line) => driven.diary.push(line),
                    Event::Finished { record, chunks, .. } => driven.finished.push((*record, chunks)),
                    Event::Pending { .. } | Event::Telemetry(_) => {}
                }
            }
            run.await.map_err(|_| CalibrateError::Died)??;
            Ok(driven)
        })
    }

    /// Reads streams of the plan's endpoint, evenly begun over `ramp_up`, with the time of every read.
    ///
    /// # Errors
    /// Those of [`drive`](Self::drive).
    pub fn time(
        &self,
        plan: &Plan,
        streams: u32,
        ramp_up: std::time::Duration,
    ) -> Result<(Clock, Vec<Timed>), CalibrateError> {
        let binding = self.bind(plan)?.remove(0);
        let clock = Clock::start();
        let planned = &plan.endpoints[0];
        let timed = engine::timed(&self.workers, planned, plan.seed, binding, clock, streams, ramp_up);
        let timed = self.beside.block_on(timed)?;
        Ok((clock, timed))
    }

    /// What the server wrote since it was last asked.
    ///
    /// # Errors
    /// Where it does not say.
    pub fn truth(&self, clock: Clock) -> Result<Truth, CalibrateError> {
        let url = format!("{}/stamps", self.base);
        // a client of its own each time: a pooled connection would be one that the server has to look after
        let text = self.beside.block_on(async {
            reqwest::Client::builder().no_proxy().build()?.get(url).send().await?.text().await
        })?;
        Ok(Truth::read(&text, clock, wall_now_ns(), clock.now_ns()))
    }
}

impl Truth {
    /// Reads lines of `REQUEST_ID WALL_NS WALL_NS …`, of which the first is when the request was received. The wall clock may run a little fast or slow beside the clock of the
    /// run: how much is known from both, read at the start and now.
    pub(super) fn read(text: &str, clock: Clock, wall_ns: i128, now_ns: u64) -> Self {
        let drift = (wall_ns - clock.wall_ns() - i128::from(now_ns)) as f64 / (now_ns as f64).max(1.0);
        let on_clock = |wall: &str| {
            let apart = (wall.parse::<i128>().ok()? - clock.wall_ns()) as f64;
            Some(apart - apart * drift)
        };
        let lines = text.lines().filter_map(|line| {
            let (id, stamps) = line.split_once(' ')?;
            Some((id.to_owned(), stamps.split(' ').filter_map(on_clock).collect()))
        });
        Self(lines.collect())
    }

    /// When the chunks of a request were written, in nanoseconds of the run; `None` where the server does not know it, or
    /// wrote another number of them.
    pub fn of(&self, request_id: &str, chunks: usize) -> Option<&[f64]> {
        self.0.get(request_id)?.get(1..).filter(|written| written.len() == chunks)
    }

    /// When the kernel of the server received a request, in nanoseconds of the run; `None` where the server does not know it.
    pub fn received(&self, request_id: &str) -> Option<f64> {
        self.0.get(request_id)?.first().copied()
    }
}

fn wall_now_ns() -> i128 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos() as i128
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_truth_is_put_on_the_clock_of_the_run() {
        let clock = Clock::start();
        let at = |ms: i128| clock.wall_ns() + ms * 1_000_000;
        let text = format!("a {} {} {}\nb {} {}\n", at(5), at(10), at(20), at(400), at(500));
        // both clocks agree
        let truth = Truth::read(&text, clock, at(1000), 1_000_000_000);
        assert_eq!(truth.of("a", 2), Some(&[10e6, 20e6][..]));
        assert_eq!((truth.received("a"), truth.received("c")), (Some(5e6), None));
        assert_eq!((truth.of("a", 1), truth.of("a", 3), truth.of("c", 1)), (None, None, None));
        // the wall clock ran 1 % fast, so that what it calls half a second was less
        let truth = Truth::read(&text, clock, at(1010), 1_000_000_000);
        assert_eq!(truth.of("b", 1), Some(&[495e6][..]));
    }
}
