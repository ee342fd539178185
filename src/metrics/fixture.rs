//! Small plans and runs with known truth, for the tests of this module and of those after it.

use std::{collections::BTreeMap, io, time::Duration};

use crate::{
    catalog::{Protocol, Quantity},
    config::{
        Address, Arrivals, Bound, Ceiling, Faults, HttpVersion, Lengths, MetricsPages, Model, Monitoring,
        Objective, OnBottleneck, OnInconclusive, Output, Platform, PromptLength, Severity, Sim, Spikes,
        Stage, Synthetic, Threads, Tls, Workload,
    },
    metrics::{Source, Summary, summarize},
    plan::{
        Expected, Limits, LoadStep, Pattern, Plan, PlannedEndpoint, PlannedSpikes, PlannedTarget, ScopeKey,
        Step, Traffic, Work, lay_over, schedule,
    },
    record::{
        ChunkTimes, Class, ClockSource, Diary, Outcome, Record, Sample, SensorKind, StopCause, Subject,
        Telemetry, TokenSource,
    },
    sim::{Arrival, Request, Seen, simulate},
};

/// A millisecond in nanoseconds.
pub(crate) const MS: u64 = 1_000_000;

/// A second in nanoseconds.
pub(crate) const SEC: u64 = 1_000_000_000;

/// A streaming endpoint.
pub(crate) fn endpoint(name: &str) -> PlannedEndpoint {
    PlannedEndpoint {
        name: name.to_owned(),
        address: Address::Url("http://127.0.0.1:1/v1".to_owned()),
        protocol: Protocol::OpenaiChat,
        model: Model::Auto,
        stream: true,
        timeout: Duration::from_secs(120),
        api_key: None,
        headers: BTreeMap::new(),
        body: serde_json::Map::new(),
        check: None,
        http: None,
        http_version: HttpVersion::One,
        tls: Tls::default(),
        metrics: MetricsPages::Auto,
        service: None,
        pid: None,
        tokenizer: None,
        objectives: Vec::new(),
        workload_name: "words".to_owned(),
        workload: Workload::Synthetic(Synthetic {
            prompt: PromptLength::Tokens(Lengths::Constant(10)),
            output_tokens: Lengths::Constant(10),
            prefix: String::new(),
            shared_prefix_tokens: 0,
            shared_prefix_share: None,
            shared_prefix_groups: 1,
        }),
        sim: None,
    }
}

/// A server with steps of 20 ms plus 0.5 ms per sequence, with 10 % of jitter.
pub(crate) fn server(max_batch: u32) -> Sim {
    Sim {
        prefill_tokens_per_second: 10_000.0,
        step_base_s: 0.020,
        step_per_sequence_s: 0.000_5,
        max_batch,
        kv_cache_tokens: None,
        jitter: 0.1,
        overhead_s: 0.001,
        faults: Faults::default(),
    }
}

/// Lets a plan ask the same of every request.
pub(crate) fn ask(plan: &mut Plan, objectives: &[Objective]) {
    objectives.clone_into(&mut plan.objectives);
    for endpoint in &mut plan.endpoints {
        objectives.clone_into(&mut endpoint.objectives);
    }
}

/// A measured step of its own phase, over all endpoints of the plan.
fn step(phase: &str, pattern: Pattern, requests: Option<u64>, duration: Option<Duration>) -> Step {
    Step {
        id: 0,
        name: phase.to_owned(),
        phase: phase.to_owned(),
        after: Vec::new(),
        pressure: None,
        work: Work::Load(LoadStep {
            measure: true,
            explores: false,
            first_seq: 0,
            traffic: Vec::new(),
            pattern,
            require_steady: false,
            trial: None,
            settle: Duration::ZERO,
            same_as: None,
            until: None,
            batch: 1,
            requests,
            duration,
        }),
        expected: Expected::default(),
    }
}

/// A closed loop by count.
pub(crate) fn closed(phase: &str, users: u32, requests: u64) -> Step {
    let pattern = Pattern::Closed { users, ramp_up: Duration::ZERO, think_time: Duration::ZERO };
    step(phase, pattern, Some(requests), None)
}

/// A closed loop by time.
pub(crate) fn closed_for(phase: &str, users: u32, seconds: u64) -> Step {
    let pattern = Pattern::Closed { users, ramp_up: Duration::ZERO, think_time: Duration::ZERO };
    step(phase, pattern, None, Some(Duration::from_secs(seconds)))
}

/// An open loop at a constant rate.
pub(crate) fn open(phase: &str, rate: f64, seconds: u64) -> Step {
    let over = Duration::from_secs(seconds);
    let pattern = Pattern::Open {
        arrivals: Arrivals::Poisson,
        stages: vec![Stage { from: rate, to: rate, over }],
        spikes: None,
        concurrency_limit: None,
    };
    step(phase, pattern, None, Some(over))
}

/// Spikes of a length, in seconds, at each multiple of a period.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spiky {
    pub(crate) arrivals: Arrivals,
    pub(crate) rate: f64,
    pub(crate) every: f64,
    pub(crate) lasting: f64,
    pub(crate) spike_rate: f64,
    /// How many there are.
    pub(crate) spikes: u32,
}

/// An open loop with spikes, the last with a period after it.
pub(crate) fn spiky(phase: &str, of: Spiky) -> Step {
    let (every, lasting) = (Duration::from_secs_f64(of.every), Duration::from_secs_f64(of.lasting));
    let over = every * (of.spikes + 1);
    let base = vec![Stage { from: of.rate, to: of.rate, over }];
    let stages = lay_over(&base, &Spikes { every, lasting, rate: of.spike_rate }, over);
    let spikes = Some(PlannedSpikes { every, lasting, rate: of.spike_rate, base });
    let pattern = Pattern::Open { arrivals: of.arrivals, stages, spikes, concurrency_limit: None };
    step(phase, pattern, None, Some(over))
}

/// The same open loop with at most so many requests in flight.
pub(crate) fn limited(mut step: Step, limit: u32) -> Step {
    if let Pattern::Open { concurrency_limit, .. } = &mut load(&mut step).pattern {
        *concurrency_limit = Some(limit);
    }
    step
}

/// The same step as one level of a ladder.
pub(crate) fn level(mut step: Step, name: &str) -> Step {
    name.clone_into(&mut step.name);
    load(&mut step).explores = true;
    step
}

/// The load of a load step.
pub(crate) fn load(step: &mut Step) -> &mut LoadStep {
    match &mut step.work {
        Work::Load(load) => load,
        Work::Ready { .. } | Work::Pause { .. } | Work::Watch { .. } | Work::Spared => panic!("a load step"),
    }
}

/// A plan; indices, sequence numbers and equal shares are filled in.
pub(crate) fn plan(endpoints: &[&str], steps: Vec<Step>) -> Plan {
    let mut all = vec![Step {
        id: 0,
        name: "ready".to_owned(),
        phase: "ready".to_owned(),
        after: Vec::new(),
        pressure: None,
        work: Work::Ready { endpoints: (0..endpoints.len()).collect() },
        expected: Expected::default(),
    }];
    for mut step in steps {
        step.id = all.len();
        step.after = vec![step.id - 1];
        let first_seq = step.id as u64 * 100_000;
        let load = load(&mut step);
        load.first_seq = first_seq;
        if load.traffic.is_empty() {
            let share = 1.0 / endpoints.len() as f64;
            load.traffic = (0..endpoints.len()).map(|endpoint| Traffic { endpoint, share }).collect();
        }
        all.push(step);
    }
    Plan {
        format: crate::plan::FORMAT,
        tool_version: "0".to_owned(),
        name: "test".to_owned(),
        case: Vec::new(),
        group: None,
        repeat: None,
        description: String::new(),
        experiment: "0".repeat(64),
        rerun_of: None,
        seed: 1,
        platform: Platform {
            name: "none".to_owned(),
            extends: Vec::new(),
            reason: String::new(),
            named: false,
        },
        label: String::new(),
        limits: Limits {
            max_in_flight: 2000,
            drain: Duration::from_secs(30),
            ready_timeout: Duration::from_secs(60),
            threads: Threads::Auto,
            allow_hosts: Vec::new(),
            ceiling: Ceiling::default(),
            without_flags: None,
        },
        repeats: 1,
        output: Output::default(),
        monitoring: Monitoring::default(),
        endpoints: endpoints.iter().map(|name| endpoint(name)).collect(),
        steps: all,
        targets: Vec::new(),
        alerts: Vec::new(),
        webhook: None,
        objectives: Vec::new(),
        price: None,
        on_inconclusive: OnInconclusive::Fail,
        on_bottleneck: OnBottleneck::Invalid,
        calibrate: false,
        services: Vec::new(),
        warnings: Vec::new(),
        origins: Vec::new(),
    }
}

/// The key of a phase.
pub(crate) fn phase(name: &str) -> ScopeKey {
    ScopeKey { phase: name.to_owned(), step: None, endpoint: None }
}

/// A target of severity `fail` in one phase.
pub(crate) fn target(name: &str, metric: &str, bound: Bound, in_phase: &str) -> PlannedTarget {
    PlannedTarget {
        name: name.to_owned(),
        metric: metric.parse().expect("a metric"),
        bound,
        severity: Severity::Fail,
        abort: None,
        from_preset: false,
        scopes: vec![phase(in_phase)],
        bounds: Vec::new(),
    }
}

/// A good answer: its first chunk `ttft_ns` after it was due, the others after these gaps, one token a chunk.
pub(crate) fn answer(due_ns: u64, ttft_ns: u64, gaps: &[u64]) -> (Record, Vec<u64>) {
    let mut chunks = vec![due_ns + ttft_ns];
    for gap in gaps {
        chunks.push(chunks[chunks.len() - 1] + gap);
    }
    let last = chunks[chunks.len() - 1];
    let record = Record {
        seq: 0,
        request_id: String::new(),
        phase: String::new(),
        step: String::new(),
        step_id: 0,
        endpoint: String::new(),
        model: String::new(),
        measured: true,
        user: None,
        conversation: None,
        turn: None,
        batch: 1,
        due_ns,
        queue_wait_ns: 0,
        sent_ns: Some(due_ns),
        connect_ns: None,
        tls_ns: None,
        connection_reused: true,
        attempts: 1,
        http_version: Some("1.1".to_owned()),
        first_byte_ns: Some(chunks[0]),
        first_token_ns: Some(chunks[0]),
        first_content_ns: Some(chunks[0]),
        last_token_ns: Some(last),
        decode_ns: None,
        end_ns: last,
        chunks: chunks.len() as u32,
        reads: chunks.len() as u32,
        stamps_exact: chunks.len() as u32,
        stamps_late: 0,
        clock: ClockSource::Kernel,
        input_tokens: Some(10),
        output_tokens: Some(chunks.len() as u64),
        reasoning_tokens: None,
        cached_tokens: None,
        requested_output_tokens: chunks.len() as u32,
        token_source: TokenSource::Usage,
        finish_reason: Some("stop".to_owned()),
        status: Some(200),
        outcome: Outcome::Ok,
        error: None,
        unchecked: None,
        server_timings: None,
    };
    (record, chunks)
}

/// A request that failed after `took_ns` without a byte of output.
pub(crate) fn failure(due_ns: u64, took_ns: u64, outcome: Outcome) -> (Record, Vec<u64>) {
    let (mut record, _) = answer(due_ns, took_ns, &[]);
    record.first_token_ns = None;
    record.first_content_ns = None;
    record.last_token_ns = None;
    record.chunks = 0;
    record.output_tokens = None;
    record.token_source = TokenSource::None;
    record.finish_reason = None;
    record.outcome = outcome;
    record.error = Some(format!("it was {}", outcome.name()));
    record.status = match outcome {
        Outcome::RateLimited => Some(429),
        Outcome::Overloaded => Some(503),
        Outcome::HttpError => Some(500),
        _ => None,
    };
    record.first_byte_ns = record.status.map(|_| due_ns + took_ns);
    if matches!(outcome, Outcome::NotSent | Outcome::ConnectFailed | Outcome::TlsFailed) {
        record.sent_ns = None;
    }
    (record, Vec::new())
}

/// What a request of a simulated server comes to, whose clock began at a moment.
pub(crate) fn seen(seen: &Seen, from_ns: u64) -> (Record, Vec<u64>) {
    let due_ns = from_ns + seen.arrived_ns;
    let Some((first, rest)) = seen.tokens_ns.split_first().filter(|_| seen.fault.is_none()) else {
        let end_ns = seen.end_ns.expect("nothing stalls");
        return failure(due_ns, end_ns - seen.arrived_ns, Outcome::HttpError);
    };
    let mut before = *first;
    let gaps = rest.iter().map(|at_ns| at_ns - std::mem::replace(&mut before, *at_ns));
    answer(due_ns, first - seen.arrived_ns, &gaps.collect::<Vec<_>>())
}

/// A run in memory.
pub(crate) struct Run {
    pub(crate) plan: Plan,
    pub(crate) diary: Vec<Diary>,
    pub(crate) records: Vec<(Record, ChunkTimes)>,
    pub(crate) telemetry: Vec<Telemetry>,
    /// Requests so far, by step.
    pushed: BTreeMap<usize, u64>,
}

impl Run {
    pub(crate) fn new(plan: Plan) -> Self {
        let diary = vec![Diary::RunStarted { format: crate::record::FORMAT, wall_ns: 0 }];
        Self { plan, diary, records: Vec::new(), telemetry: Vec::new(), pushed: BTreeMap::new() }
    }

    /// Begins a step.
    pub(crate) fn start(&mut self, step: usize, at_ns: u64) {
        self.diary.push(Diary::StepStarted { step, at_ns });
    }

    /// Adds readings of a part of the machine, which has this value at each of these seconds.
    pub(crate) fn read(
        &mut self,
        (sensor, class, subject, quantity): (SensorKind, Class, &Subject, Quantity),
        seconds: impl IntoIterator<Item = f64>,
        value: impl Fn(f64) -> f64,
    ) {
        let samples = seconds.into_iter().map(|second| {
            Telemetry::Sample(Sample {
                at_ns: (second * 1e9) as u64,
                sensor,
                class,
                subject: subject.clone(),
                readings: BTreeMap::from([(quantity, value(second))]),
                cores: Vec::new(),
                raw: BTreeMap::new(),
            })
        });
        self.telemetry.extend(samples);
    }

    /// Adds a request of a step to its first endpoint and returns it for changes.
    pub(crate) fn push(&mut self, step: usize, (record, chunks): (Record, Vec<u64>)) -> &mut Record {
        self.push_to(step, 0, None, (record, chunks))
    }

    /// Adds a request of a user.
    pub(crate) fn push_user(
        &mut self,
        step: usize,
        user: u32,
        (record, chunks): (Record, Vec<u64>),
    ) -> &mut Record {
        self.push_to(step, 0, Some(user), (record, chunks))
    }

    /// Adds a request to one of the step's endpoints.
    pub(crate) fn push_to(
        &mut self,
        step: usize,
        endpoint: usize,
        user: Option<u32>,
        (mut record, chunks): (Record, Vec<u64>),
    ) -> &mut Record {
        let pushed = self.pushed.entry(step).or_default();
        let before = std::mem::replace(pushed, *pushed + 1);
        let planned = &self.plan.steps[step];
        let Work::Load(load) = &planned.work else { panic!("a load step") };
        record.seq = load.first_seq + before;
        record.request_id = format!("r-{}", record.seq);
        record.phase.clone_from(&planned.phase);
        record.step.clone_from(&planned.name);
        record.step_id = step;
        record.endpoint.clone_from(&self.plan.endpoints[load.traffic[endpoint].endpoint].name);
        record.measured = load.measure;
        record.user = user;
        self.records.push((record, chunks.into()));
        &mut self.records.last_mut().expect("just pushed").0
    }

    /// Plays an open step against a simulated server in virtual time; gives what was seen.
    pub(crate) fn play(&mut self, step: usize, from_ns: u64, server: &Sim, request: Request) -> Vec<Seen> {
        let seed = self.plan.seed;
        let due = schedule::of_step(&self.plan.steps[step], seed).expect("an open step");
        let arrivals: Vec<Arrival> = due.map(|at_ns| Arrival { at_ns, request }).collect();
        let all = simulate(server, seed, &arrivals);
        self.start(step, from_ns);
        for one in &all {
            self.push(step, seen(one, from_ns));
        }
        all
    }

    /// Ends a step, with what was pushed as what was due.
    pub(crate) fn finish(&mut self, step: usize, at_ns: u64) {
        let issued = self.records.iter().filter(|(record, _)| record.step_id == step).count() as u64;
        self.diary.push(Diary::StepEnded { step, at_ns, issued, due: issued });
    }

    /// Ends the run in good order, after all steps that were started and not ended.
    pub(crate) fn end(mut self) -> Self {
        let at_ns = self.records.iter().map(|(record, _)| record.end_ns).max().unwrap_or(0);
        let open: Vec<usize> = self
            .diary
            .iter()
            .filter_map(|line| match line {
                Diary::StepStarted { step, .. } => Some(*step),
                _ => None,
            })
            .filter(|step| {
                !self.diary.iter().any(|line| matches!(line, Diary::StepEnded { step: s, .. } if s == step))
            })
            .collect();
        for step in open {
            self.finish(step, at_ns);
        }
        self.diary.push(Diary::RunEnded { at_ns });
        self
    }

    /// Ends the run because somebody asked for it.
    pub(crate) fn interrupted(mut self) -> Self {
        self.diary.push(Diary::Stopping { at_ns: 0, cause: StopCause::Interrupt });
        self.end()
    }

    pub(crate) fn summary(&self) -> Summary {
        summarize(&self.plan, self).expect("records in memory cannot fail to be read")
    }
}

impl Source for Run {
    fn diary(&self) -> &[Diary] {
        &self.diary
    }

    fn scan(&self, visit: &mut dyn FnMut(&Record, &ChunkTimes)) -> io::Result<()> {
        for (record, chunks) in &self.records {
            visit(record, chunks);
        }
        Ok(())
    }

    fn telemetry(&self, visit: &mut dyn FnMut(&Telemetry)) -> io::Result<()> {
        self.telemetry.iter().for_each(visit);
        Ok(())
    }
}
