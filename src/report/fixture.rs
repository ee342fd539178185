//! Runs made up by hand, so that every renderer can be tested and looked at without sending anything.

use std::{collections::BTreeMap, time::Duration};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, LogNormal};
use time::macros::datetime;

use super::Report;
use crate::{
    catalog::{Metric, MetricName, Protocol},
    compare::{Comparison, MARGIN, RunFigures, Side, compare},
    config::{
        Address, Arrivals, Bound, Ceiling, Faults, HttpVersion, Layer, Lengths, Model, Monitoring, Objective,
        OnBottleneck, OnInconclusive, Origin, Output, Platform, Price, PromptLength, Severity, Sim, Stage,
        Synthetic, Threads, Tls, Workload,
    },
    machine::{Gpu, Machine, Server, SystemInfo},
    metrics::{
        Counts, Dependence, Distribution, Ending, Failure, Instrument, Met, Observed, Point, Recovery, Scope,
        Slice, Spike, Stretch, Summary, Timeline, Tokens, Transit, Values, Window,
    },
    plan::{
        Expected, Limits, LoadStep, Pattern, Plan, PlannedEndpoint, PlannedTarget, ScopeKey, Step, Traffic,
        Work,
    },
    record::{ClockSource, Outcome, Record, TokenSource},
    verdict::{
        Beside, Cause, Check, Conclusion, Contention, ContentionErrors, Factor, Finding, Grade, Inflation,
        Judged, Level, Mark, NotCompared, Recommendation, Share, Verdict, optima,
    },
};

/// Everything that a [`Report`] borrows.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) plan: Plan,
    pub(crate) system: SystemInfo,
    pub(crate) summary: Summary,
    pub(crate) verdict: Verdict,
}

impl Run {
    pub(crate) fn report(&self) -> Report<'_> {
        Report {
            plan: &self.plan,
            system: &self.system,
            summary: &self.summary,
            verdict: &self.verdict,
            started: datetime!(2026-11-21 14:03:22 UTC),
            elapsed_s: 184.2,
            folder: "results/runs/2026-11-21T14-03-22Z_mixed-traffic_rtx_4090",
        }
    }
}

/// A made-up request.
struct Request {
    phase: &'static str,
    step: String,
    endpoint: &'static str,
    due: f64,
    ttft: f64,
    tpot: f64,
    tokens: u64,
    outcome: Outcome,
}

impl Request {
    fn e2e(&self) -> f64 {
        self.ttft + self.tpot * (self.tokens - 1) as f64
    }
}

/// One step to make requests for.
struct Load {
    phase: &'static str,
    step: String,
    from: f64,
    length: f64,
    requests: u64,
    /// Slows everything down.
    crowd: f64,
    /// Share of requests to `flash` that fail.
    failing: f64,
}

const LADDER: [u32; 5] = [1, 2, 4, 8, 16];

fn loads() -> Vec<Load> {
    let mut loads = vec![
        Load {
            phase: "warmup",
            step: "warmup".into(),
            from: 0.0,
            length: 10.0,
            requests: 20,
            crowd: 1.3,
            failing: 0.0,
        },
        Load {
            phase: "mixed",
            step: "mixed".into(),
            from: 12.0,
            length: 60.0,
            requests: 480,
            crowd: 1.0,
            failing: 0.02,
        },
    ];
    for (i, users) in LADDER.into_iter().enumerate() {
        let crowd = 0.7 + (f64::from(users) / 5.0).powf(1.35);
        loads.push(Load {
            phase: "ladder",
            step: format!("users={users}"),
            from: 76.0 + 20.0 * i as f64,
            length: 20.0,
            requests: (f64::from(users) * 20.0 / (1.15 * crowd)) as u64,
            crowd,
            failing: if users == 16 { 0.12 } else { 0.0 },
        });
    }
    loads
}

fn requests() -> Vec<Request> {
    let mut rng = ChaCha8Rng::seed_from_u64(42);
    let mut requests = Vec::new();
    for load in loads() {
        for i in 0..load.requests {
            let thinker = rng.random::<f64>() < 0.3;
            let (endpoint, ttft, tpot, tokens) =
                if thinker { ("thinker", 0.30, 0.021, 128) } else { ("flash", 0.085, 0.0065, 32) };
            let noise = LogNormal::new(0.0, 0.38).expect("a finite deviation");
            let tokens = if thinker { tokens } else { tokens + rng.random_range(0..224) };
            let fails = !thinker && rng.random::<f64>() < load.failing;
            requests.push(Request {
                phase: load.phase,
                step: load.step.clone(),
                endpoint,
                due: load.from + load.length * (i as f64 + rng.random::<f64>()) / load.requests as f64,
                ttft: ttft * load.crowd * noise.sample(&mut rng),
                tpot: tpot * load.crowd.sqrt() * (0.9 + 0.2 * rng.random::<f64>()),
                tokens,
                outcome: match (fails, i % 3) {
                    (false, _) => Outcome::Ok,
                    (true, 0) => Outcome::Timeout,
                    (true, _) => Outcome::Overloaded,
                },
            });
        }
    }
    requests
}

fn distribution(mut values: Vec<f64>, failed: u64, higher: bool) -> Distribution {
    values.sort_by(f64::total_cmp);
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
    Distribution {
        failed,
        worst: if higher { 0.0 } else { f64::INFINITY },
        whole: false,
        mean,
        stddev: if n < 2.0 { 0.0 } else { (squares / (n - 1.0)).sqrt() },
        values: Values::Sorted(values),
        dependence: Dependence::default(),
        in_order: Vec::new(),
    }
}

fn scope(key: ScopeKey, load: &Load, requests: &[&Request]) -> Scope {
    let ok: Vec<_> = requests.iter().filter(|r| r.outcome == Outcome::Ok).collect();
    let failed = (requests.len() - ok.len()) as u64;
    let series = |value: &dyn Fn(&Request) -> f64| ok.iter().map(|r| value(r)).collect::<Vec<_>>();
    let tokens: u64 = ok.iter().map(|r| r.tokens).sum();
    let mut outcomes = BTreeMap::new();
    for request in requests {
        *outcomes.entry(request.outcome).or_insert(0) += 1;
    }
    let users = load.step.strip_prefix("users=").and_then(|users| users.parse().ok());
    let mut gaps = hdrhistogram::Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("the bounds of gaps");
    for request in &ok {
        gaps.record_n((request.tpot * 1e6) as u64, request.tokens - 1).expect("below an hour");
    }
    let mut distributions = BTreeMap::new();
    if !ok.is_empty() {
        distributions.insert(Metric::Ttft, distribution(series(&|r| r.ttft), failed, false));
        distributions.insert(Metric::ServiceTtft, distribution(series(&|r| r.ttft - 1e-4), failed, false));
        distributions.insert(Metric::SendLag, distribution(series(&|r| r.tpot / 200.0), failed, false));
        distributions.insert(Metric::E2e, distribution(series(&Request::e2e), failed, false));
        distributions.insert(Metric::Tpot, distribution(series(&|r| r.tpot), failed, false));
        distributions
            .insert(Metric::DecodeTokensPerSecond, distribution(series(&|r| 1.0 / r.tpot), failed, true));
        let pooled =
            Distribution { values: Values::Histogram(Box::new(gaps)), ..distribution(vec![0.01], 0, false) };
        distributions.insert(Metric::Itl, pooled);
    }
    let share = |n: u64| n as f64 / requests.len() as f64;
    let rates = BTreeMap::from([
        (Metric::OutputTokensPerSecond, tokens as f64 / load.length),
        (Metric::RequestsPerSecond, ok.len() as f64 / load.length),
        (Metric::ErrorRate, share(failed)),
        (Metric::TimeoutRate, share(outcomes.get(&Outcome::Timeout).copied().unwrap_or(0))),
        (Metric::ContentionErrorRate, share(failed)),
        (Metric::SpikeRate, 0.012),
        (Metric::SpikeRateMad, 0.064),
    ]);
    Scope {
        estimates: BTreeMap::new(),
        observations: Vec::new(),
        measured: load.phase != "warmup",
        explores: load.phase == "ladder",
        users,
        batch: (key.step.is_some() || load.phase != "ladder").then_some(1),
        offered_rate: (load.phase == "mixed").then_some(match key.endpoint.as_deref() {
            Some("thinker") => 2.4,
            Some(_) => 5.6,
            None => 8.0,
        }),
        window: Some(Window {
            from_s: load.from,
            to_s: load.from + load.length,
            length_s: if key.step.is_none() && load.phase == "ladder" { 100.0 } else { load.length },
        }),
        counts: Counts {
            issued: requests.len() as u64,
            due: requests.len() as u64,
            cut_off: 0,
            outcomes,
            completed_in_window: ok.len() as u64,
            replaced_connections: 0,
            unchecked: 0,
            met: None,
        },
        tokens: Tokens {
            input: ok.len() as u64 * 400,
            output: tokens,
            requested: tokens,
            reasoning: 0,
            cached: 0,
            from_chunks: 0,
        },
        transit: Transit::default(),
        spikes: Vec::new(),
        series: distributions,
        rates,
        key,
    }
}

fn scopes(requests: &[Request]) -> Vec<Scope> {
    let mut scopes = Vec::new();
    let mut ladder_done = false;
    for load in loads() {
        let of_ladder = load.phase == "ladder";
        let mut keys = Vec::new();
        if !of_ladder || !ladder_done {
            keys.push((None, None));
            keys.extend(["thinker", "flash"].map(|endpoint| (None, Some(endpoint.to_owned()))));
        }
        if of_ladder {
            keys.push((Some(load.step.clone()), None));
            keys.extend(
                ["thinker", "flash"].map(|endpoint| (Some(load.step.clone()), Some(endpoint.to_owned()))),
            );
            ladder_done = true;
        }
        for (step, endpoint) in keys {
            let chosen: Vec<_> = requests
                .iter()
                .filter(|r| r.phase == load.phase)
                .filter(|r| step.as_ref().is_none_or(|step| *step == r.step))
                .filter(|r| endpoint.as_ref().is_none_or(|endpoint| endpoint == r.endpoint))
                .collect();
            let whole = step.is_none() && of_ladder;
            let key = ScopeKey { phase: load.phase.to_owned(), step, endpoint };
            let load = if whole {
                Load { step: "ladder".into(), length: 100.0, ..loads().remove(2) }
            } else {
                Load { step: load.step.clone(), ..load }
            };
            scopes.push(scope(key, &load, &chosen));
        }
    }
    scopes
}

fn timeline(requests: &[Request]) -> Timeline {
    let mut slices = vec![Slice::default(); 184];
    for load in loads() {
        for slice in &mut slices[load.from as usize..(load.from + load.length) as usize] {
            slice.phases = vec![load.phase.to_owned()];
        }
    }
    for slice in &mut slices {
        slice.output_tokens = BTreeMap::from([("flash".to_owned(), 0.0), ("thinker".to_owned(), 0.0)]);
    }
    for request in requests {
        let last = slices.len() - 1;
        slices[(request.due as usize).min(last)].due += 1;
        let end = request.due + request.e2e();
        if request.outcome == Outcome::Ok {
            slices[(end as usize).min(last)].completed += 1;
            for token in 0..request.tokens {
                let at = request.due + request.ttft + request.tpot * token as f64;
                *slices[(at as usize).min(last)]
                    .output_tokens
                    .get_mut(request.endpoint)
                    .expect("both endpoints are there") += 1.0;
            }
        } else {
            slices[(end as usize).min(last)].failed += 1;
        }
        for (second, slice) in slices.iter_mut().enumerate() {
            let from = request.due.max(second as f64);
            slice.in_flight += (end.min((second + 1) as f64) - from).max(0.0);
        }
    }
    Timeline { slice_s: 1.0, slices }
}

fn sim() -> Sim {
    Sim {
        prefill_tokens_per_second: 8000.0,
        step_base_s: 0.006,
        step_per_sequence_s: 0.0004,
        max_batch: 16,
        kv_cache_tokens: None,
        jitter: 0.1,
        overhead_s: 0.0005,
        faults: Faults::default(),
    }
}

fn endpoint(name: &str, sim_name: Option<&str>) -> PlannedEndpoint {
    PlannedEndpoint {
        name: name.to_owned(),
        address: match sim_name {
            Some(sim) => Address::Sim(sim.to_owned()),
            None => Address::Url("http://127.0.0.1:8080/v1".to_owned()),
        },
        protocol: Protocol::OpenaiChat,
        model: Model::Named(format!("{name}-model")),
        stream: true,
        timeout: Duration::from_secs(120),
        api_key: None,
        headers: BTreeMap::new(),
        body: serde_json::Map::new(),
        check: None,
        http: None,
        http_version: HttpVersion::One,
        tls: Tls::default(),
        pid: None,
        tokenizer: None,
        workload_name: "summaries".to_owned(),
        workload: Workload::Synthetic(Synthetic {
            prompt: PromptLength::Tokens(Lengths::Constant(400)),
            output_tokens: Lengths::Constant(128),
            prefix: String::new(),
            shared_prefix_tokens: 0,
            shared_prefix_share: None,
            shared_prefix_groups: 1,
        }),
        sim: sim_name.map(|_| sim()),
    }
}

fn steps() -> Vec<Step> {
    let traffic = vec![Traffic { endpoint: 0, share: 0.3 }, Traffic { endpoint: 1, share: 0.7 }];
    let mut steps = vec![Step {
        id: 0,
        name: "ready".into(),
        phase: "ready".into(),
        after: vec![],
        work: Work::Ready { endpoints: vec![0, 1] },
        expected: Expected::default(),
    }];
    let mut first_seq = 0;
    for load in loads() {
        let users = match load.phase {
            "warmup" => Some(2),
            _ => load.step.strip_prefix("users=").and_then(|users| users.parse().ok()),
        };
        let length = Duration::from_secs_f64(load.length);
        let pattern = match users {
            Some(users) => Pattern::Closed { users, ramp_up: Duration::ZERO, think_time: Duration::ZERO },
            None => Pattern::Open {
                arrivals: Arrivals::Poisson,
                stages: vec![Stage { from: 8.0, to: 8.0, over: length }],
                spikes: None,
                concurrency_limit: None,
            },
        };
        steps.push(Step {
            id: steps.len(),
            name: load.step.clone(),
            phase: load.phase.to_owned(),
            after: vec![steps.len() - 1],
            work: Work::Load(LoadStep {
                measure: load.phase != "warmup",
                explores: load.phase == "ladder",
                first_seq,
                traffic: traffic.clone(),
                pattern,
                require_steady: false,
                trial: None,
                settle: Duration::ZERO,
                same_as: None,
                until: None,
                batch: 1,
                requests: (load.phase == "warmup").then_some(20),
                duration: (load.phase != "warmup").then_some(length),
            }),
            expected: Expected { duration_s: Some(load.length), ..Expected::default() },
        });
        first_seq += load.requests;
    }
    steps
}

fn metric(name: &str) -> MetricName {
    name.parse().expect("a name of the catalog")
}

fn at(phase: &str, step: Option<&str>, endpoint: Option<&str>) -> ScopeKey {
    ScopeKey { phase: phase.to_owned(), step: step.map(str::to_owned), endpoint: endpoint.map(str::to_owned) }
}

fn plan() -> Plan {
    let target = |name: &str, metric_name: &str, bound, severity, scope| PlannedTarget {
        name: name.to_owned(),
        metric: metric(metric_name),
        bound,
        severity,
        abort: None,
        from_preset: false,
        scopes: vec![scope],
        bounds: Vec::new(),
    };
    Plan {
        format: crate::plan::FORMAT,
        tool_version: "0.1.0".to_owned(),
        name: "mixed-traffic".to_owned(),
        case: Vec::new(),
        group: None,
        repeat: None,
        description: "A 70B thinker and a 7B flash model share one GPU".to_owned(),
        experiment: "9f2c4b7a1d8e53066b1f0c9ad4472e8b5d3a9c61e07f48b2a6c5d1908e37f4ab".to_owned(),
        rerun_of: None,
        seed: 42,
        platform: Platform {
            name: "rtx_4090".to_owned(),
            extends: vec!["cuda".to_owned()],
            reason: "`sim:rtx_4090` simulates it".to_owned(),
            named: false,
        },
        label: "Vast.ai".to_owned(),
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
        endpoints: vec![endpoint("thinker", Some("rtx_4090")), endpoint("flash", Some("small"))],
        steps: steps(),
        targets: vec![
            target(
                "speed",
                "output_tokens_per_second",
                Bound::AtLeast(30.0),
                Severity::Fail,
                at("mixed", None, None),
            ),
            target(
                "first_token",
                "ttft.p95",
                Bound::AtMost(0.12),
                Severity::Fail,
                at("mixed", None, Some("flash")),
            ),
        ],
        objectives: Vec::new(),
        price: None,
        on_inconclusive: OnInconclusive::Fail,
        on_bottleneck: OnBottleneck::Invalid,
        calibrate: false,
        warnings: vec!["target `tail` needs 299 requests and gets about 144".to_owned()],
        origins: vec![
            Origin {
                path: "seed".to_owned(),
                value: "42".to_owned(),
                layer: Layer::Scenario,
                source: "scenarios/mixed.toml".to_owned(),
                line: 4,
            },
            Origin {
                path: "run.drain".to_owned(),
                value: "\"30s\"".to_owned(),
                layer: Layer::BuiltIn,
                source: "built-in".to_owned(),
                line: 0,
            },
        ],
    }
}

fn system() -> SystemInfo {
    let server = |endpoint: &str, port: u16| Server {
        endpoint: endpoint.to_owned(),
        url: format!("http://127.0.0.1:{port}/v1"),
        model: format!("{endpoint}-model"),
        version: String::new(),
        simulated: true,
    };
    SystemInfo {
        format: crate::machine::FORMAT,
        tool_version: "0.1.0".to_owned(),
        machine: Machine {
            os: "linux".to_owned(),
            os_version: "Ubuntu 22.04".to_owned(),
            kernel: "6.8.0".to_owned(),
            arch: "x86_64".to_owned(),
            cpu: "AMD EPYC 7763".to_owned(),
            cores: 16,
            memory_bytes: Some(64 << 30),
            gpus: vec![Gpu {
                name: "NVIDIA GeForce RTX 4090".to_owned(),
                memory_bytes: Some(24 << 30),
                driver: "550.54".to_owned(),
                ..Gpu::default()
            }],
            ..Machine::default()
        },
        servers: vec![server("thinker", 41_001), server("flash", 41_002)],
        client_threads: Some(16),
        calibration: None,
    }
}

fn summary() -> Summary {
    let requests = requests();
    let points = requests
        .iter()
        .enumerate()
        .filter(|(_, r)| r.phase != "warmup")
        .map(|(place, r)| {
            let ok = r.outcome == Outcome::Ok;
            Point {
                place: place as u64,
                phase: r.phase.to_owned(),
                step: r.step.clone(),
                endpoint: r.endpoint.to_owned(),
                due_s: r.due,
                ttft_s: ok.then_some(r.ttft),
                e2e_s: ok.then(|| r.e2e()),
                output_tokens: ok.then_some(r.tokens),
                outcome: r.outcome,
            }
        })
        .collect();
    let count = |outcome| requests.iter().filter(|r| r.outcome == outcome).count() as u64;
    Summary {
        scopes: scopes(&requests),
        models: Vec::new(),
        timeline: timeline(&requests),
        points,
        failures: vec![
            Failure {
                outcome: Outcome::Overloaded,
                count: count(Outcome::Overloaded),
                counted: count(Outcome::Overloaded),
                endpoint: "flash".to_owned(),
                status: Some(503),
                first_error: "server busy: 9 requests waiting".to_owned(),
            },
            Failure {
                outcome: Outcome::Timeout,
                count: count(Outcome::Timeout),
                counted: count(Outcome::Timeout),
                endpoint: "flash".to_owned(),
                status: None,
                first_error: "no end within 120 s".to_owned(),
            },
        ],
        notes: vec!["`flash`: 3 of 331 answers had fewer tokens than were asked for".to_owned()],
        ending: Ending::Completed,
        abort: None,
        saturated: Vec::new(),
        accounts: Vec::new(),
        instrument: Instrument::default(),
        observed: Observed::default(),
        cost: None,
    }
}

fn judged(name: &str, metric_name: &str, scope: ScopeKey, bound: Bound, mark: Mark) -> Judged {
    Judged {
        name: name.to_owned(),
        metric: metric(metric_name),
        scope,
        bound,
        severity: Severity::Fail,
        from_preset: false,
        value: None,
        interval: None,
        samples: 0,
        mark,
        needs: None,
        note: String::new(),
    }
}

fn checks() -> Vec<Check> {
    let check = |id, name, void, value: &str, limit: &str| Check {
        id,
        name,
        void,
        ok: true,
        value: value.to_owned(),
        limit: limit.to_owned(),
        advice: String::new(),
    };
    vec![
        check("1", "accounts balance", true, "due 886 = sent 886 + not sent 0", "no difference"),
        check("2a", "nothing was left unsent", true, "0", "0"),
        Check {
            ok: false,
            advice: "give the client a machine of its own, or lower the rate".to_owned(),
            ..check("2b", "send lag", false, "p99 1.31 ms", "1.20 ms")
        },
        check("3", "the generator was not the limit", true, "23.0 % of 2 cores", "80.0 %"),
        check("4", "the offered load was the planned load", true, "480 of 480", "± 88"),
        check("5", "Little's law", false, "1.2 %", "5.0 %"),
    ]
}

fn contention() -> Contention {
    let factor = |value, low, high| Factor { value, low: Some(low), high };
    let flash = Beside {
        endpoint: "flash".to_owned(),
        alone: "flash_alone".to_owned(),
        suffers: true,
        ttft: Some(Inflation { alone_s: 0.05, together_s: 0.085, times: factor(1.7, 1.5, Some(1.9)) }),
        // too few requests to bound it from above
        e2e: Some(Inflation { alone_s: 1.2, together_s: 1.5, times: factor(1.25, 1.1, None) }),
        errors: ContentionErrors {
            alone: Share { requests: 0, due: 70 },
            together: Share { requests: 3, due: 140 },
            difference: Some(factor(0.0214, -0.0166, Some(0.0513))),
        },
    };
    let reason = "its share of the users there would be 2.40, and it had 3".to_owned();
    Contention {
        phase: "mixed".to_owned(),
        found: true,
        endpoints: vec![flash],
        throughput: None,
        fairness: None,
        not_compared: vec![NotCompared { phase: "thinker_alone".to_owned(), reason }],
    }
}

fn verdict() -> Verdict {
    Verdict {
        conclusion: Conclusion::Fail,
        reason: "`first_token` missed its limit in mixed · flash".to_owned(),
        grade: Grade::Poor,
        targets_met: 2,
        total_targets: 5,
        targets: vec![
            Judged {
                value: Some(f64::INFINITY),
                samples: 135,
                note: "more than 5 % of its requests failed".to_owned(),
                ..judged(
                    "whole_answer",
                    "e2e.p95",
                    at("ladder", Some("users=16"), Some("flash")),
                    Bound::AtMost(3.0),
                    Mark::Fail,
                )
            },
            Judged {
                value: Some(0.1632),
                interval: Some((0.1551, 0.1760)),
                samples: 331,
                ..judged(
                    "first_token",
                    "ttft.p95",
                    at("mixed", None, Some("flash")),
                    Bound::AtMost(0.12),
                    Mark::Fail,
                )
            },
            Judged {
                value: Some(0.741),
                interval: Some((0.602, f64::INFINITY)),
                samples: 149,
                needs: Some(1100),
                ..judged(
                    "tail",
                    "ttft.p99",
                    at("mixed", None, Some("thinker")),
                    Bound::AtMost(0.8),
                    Mark::Inconclusive,
                )
            },
            Judged {
                value: Some(738.0),
                interval: Some((712.0, 764.0)),
                samples: 480,
                ..judged(
                    "speed",
                    "output_tokens_per_second",
                    at("mixed", None, None),
                    Bound::AtLeast(30.0),
                    Mark::Pass,
                )
            },
            Judged {
                value: Some(0.0125),
                interval: Some((0.006, 0.025)),
                samples: 480,
                ..judged("errors", "error_rate", at("mixed", None, None), Bound::AtMost(0.05), Mark::Pass)
            },
            Judged {
                severity: Severity::Warn,
                value: Some(0.016),
                interval: Some((0.008, 0.031)),
                samples: 474,
                ..judged(
                    "spikes",
                    "spike_rate.mad",
                    at("mixed", None, None),
                    Bound::Between(0.05, 0.15),
                    Mark::Fail,
                )
            },
            Judged {
                severity: Severity::Warn,
                note: "no request carries it".to_owned(),
                ..judged(
                    "reasoning",
                    "ttfc.p95",
                    at("mixed", None, None),
                    Bound::AtMost(1.0),
                    Mark::Inconclusive,
                )
            },
            Judged {
                severity: Severity::Info,
                from_preset: true,
                value: Some(0.1132),
                interval: Some((0.1088, 0.1201)),
                samples: 480,
                note: "exact order statistics of 480 requests".to_owned(),
                ..judged("ttft", "ttft.p50", at("mixed", None, None), Bound::AtMost(0.005), Mark::Fail)
            },
            Judged {
                severity: Severity::Info,
                from_preset: true,
                value: Some(738.0),
                samples: 480,
                ..judged(
                    "output_tokens_per_second",
                    "output_tokens_per_second",
                    at("mixed", None, None),
                    Bound::AtLeast(30.0),
                    Mark::Pass,
                )
            },
        ],
        skipped: vec![("retrieval".to_owned(), "the plan has no retrieval requests".to_owned())],
        validity: checks(),
        analysis: vec![
            Finding {
                level: Level::Warning,
                text: "p90 of e2e is 2.71 s in mixed · thinker: over 2 s, user experience is degraded"
                    .to_owned(),
            },
            Finding { level: Level::Pass, text: "error rate 1.3 % in mixed: within 5 %".to_owned() },
            Finding {
                level: Level::Info,
                text: "first tokens come fast in mixed · flash: ttft.p50 85 ms".to_owned(),
            },
        ],
        contention: vec![contention()],
        optima: Vec::new(),
        searches: Vec::new(),
        recommendations: vec![Recommendation {
            cause: Cause::Queueing,
            place: "ladder".to_owned(),
            evidence: "from 4 users to 16 users `ttft.p50` grows from 161 ms to 550 ms".to_owned(),
            next: "let the server run more sequences at once".to_owned(),
        }],
    }
}

/// Two simulated endpoints, a warm-up, an open phase, a ladder of five levels; failures, an infinite percentile and
/// missing values.
pub(crate) fn mixed() -> Run {
    let (plan, summary) = (plan(), summary());
    let verdict = Verdict { optima: optima(&plan, &summary, &[]), ..verdict() };
    Run { plan, system: system(), summary, verdict }
}

/// The same with three spikes in the open phase: one that was recovered from, one that was not and lost requests, and one of which too few
/// requests tell.
pub(crate) fn spiky() -> Run {
    let mut run = mixed();
    let stretch = |due: u64, lost: u64, p50: f64, p95: f64| Stretch {
        due,
        lost,
        latencies: [(Metric::Ttft, (p50, p95)), (Metric::E2e, (p50 + 0.5, p95 + 1.0))].into(),
    };
    let spike = |from_s: f64, during: Stretch, recovery: Option<Recovery>| Spike {
        from_s,
        to_s: from_s + 3.0,
        watched_s: 12.0,
        before: stretch(40, 0, 0.08, 0.12),
        during,
        after: stretch(48, 0, 0.3, 1.9),
        latency: Metric::Ttft,
        recovery,
    };
    let back = Recovery { least_s: 4.25, most_s: 4.5 };
    let lasting = Recovery { least_s: 12.0, most_s: f64::INFINITY };
    let spikes = vec![
        spike(17.0, stretch(120, 0, 1.1, 2.4), Some(back)),
        Spike {
            before: Stretch::default(),
            ..spike(32.0, stretch(118, 9, 1.6, f64::INFINITY), Some(lasting))
        },
        Spike {
            after: Stretch { due: 1, ..Stretch::default() },
            ..spike(47.0, stretch(121, 0, 1.2, 2.6), None)
        },
    ];
    let open = run.summary.scopes.iter_mut().find(|scope| scope.key == at("mixed", None, None));
    open.expect("the open phase").spikes = spikes;
    run
}

/// One real endpoint, one phase, no ladder, everything well; no GPU and no label.
pub(crate) fn quiet() -> Run {
    let mut run = mixed();
    run.plan.name = "quick".to_owned();
    run.plan.label.clear();
    run.plan.warnings.clear();
    run.plan.endpoints = vec![endpoint("flash", None)];
    run.plan.steps.retain(|step| step.phase == "mixed" || step.phase == "ready");
    for (id, step) in run.plan.steps.iter_mut().enumerate() {
        step.id = id;
        step.after = (0..id).collect();
    }
    run.system.machine.gpus.clear();
    run.system.servers.retain(|server| server.endpoint == "flash");
    run.system.servers[0].simulated = false;
    "llama-server b4321".clone_into(&mut run.system.servers[0].version);
    run.summary.points.retain(|point| point.endpoint == "flash" && point.phase == "mixed");
    run.summary.scopes.retain(|scope| {
        scope.key.phase == "mixed"
            && scope.key.endpoint.as_deref().is_some_and(|endpoint| endpoint == "flash")
    });
    run.summary.scopes.insert(0, Scope { key: at("mixed", None, None), ..run.summary.scopes[0].clone() });
    for slice in &mut run.summary.timeline.slices {
        slice.output_tokens.remove("thinker");
    }
    run.summary.timeline.slices.truncate(75);
    run.summary.failures.clear();
    run.summary.notes.clear();
    run.verdict.targets.retain(|target| target.mark == Mark::Pass && target.severity == Severity::Fail);
    run.verdict.skipped.clear();
    run.verdict.validity.retain(|check| check.ok);
    run.verdict.analysis.remove(0);
    run.verdict.optima.clear();
    run.verdict.recommendations.clear();
    run.verdict.conclusion = Conclusion::Pass;
    "every judged target passed".clone_into(&mut run.verdict.reason);
    run.verdict.grade = Grade::Excellent;
    run.verdict.targets_met = 2;
    run.verdict.total_targets = 2;
    run
}

/// The quiet run with an objective that nine in ten requests met, and a price.
pub(crate) fn with_objectives() -> Run {
    let mut run = quiet();
    run.plan.objectives = vec![Objective { metric: Metric::Ttft, at_most: Duration::from_millis(500) }];
    run.plan.price = Some(Price::PerHour(0.69));
    run.summary.cost = Some(0.0115);
    for step in &mut run.plan.steps {
        step.expected = Expected {
            requests: Some(120.0),
            input_tokens: Some(48_000.0),
            output_tokens: Some(7_680.0),
            duration_s: Some(58.0),
            cost: None,
            assumed: true,
        };
    }
    for scope in &mut run.summary.scopes {
        let met = scope.counts.due * 9 / 10;
        scope.counts.met = Some(Met { due: met, completed_in_window: met });
        scope.rates.insert(Metric::Goodput, met as f64 / 60.0);
        scope.rates.insert(Metric::ObjectivesMetRate, 0.9);
        scope.rates.insert(Metric::CostPerMillionTokens, 0.137);
    }
    run
}

/// A run in which nothing was answered: no series, no rates, no points.
pub(crate) fn dead() -> Run {
    let mut run = quiet();
    for scope in &mut run.summary.scopes {
        scope.series.clear();
        scope.rates = BTreeMap::from([(Metric::ErrorRate, 1.0)]);
        scope.counts.outcomes = BTreeMap::from([(Outcome::ConnectFailed, scope.counts.due)]);
        scope.counts.completed_in_window = 0;
        scope.tokens = Tokens::default();
    }
    run.summary.timeline = Timeline::default();
    for point in &mut run.summary.points {
        (point.ttft_s, point.e2e_s, point.output_tokens) = (None, None, None);
        point.outcome = Outcome::ConnectFailed;
    }
    run.summary.failures = vec![Failure {
        outcome: Outcome::ConnectFailed,
        count: run.summary.points.len() as u64,
        counted: run.summary.points.len() as u64,
        endpoint: "flash".to_owned(),
        status: None,
        first_error: "connection refused".to_owned(),
    }];
    run.verdict.targets.clear();
    run.verdict.analysis.clear();
    run.verdict.conclusion = Conclusion::Fail;
    "every measured request failed".clone_into(&mut run.verdict.reason);
    run.verdict.grade = Grade::Ungraded;
    (run.verdict.targets_met, run.verdict.total_targets) = (0, 0);
    run
}

/// A request that went well.
pub(crate) fn record() -> Record {
    Record {
        seq: 7,
        request_id: "a1-7".to_owned(),
        phase: "mixed".to_owned(),
        step: "mixed".to_owned(),
        step_id: 2,
        endpoint: "flash".to_owned(),
        model: "flash-model".to_owned(),
        measured: true,
        user: None,
        conversation: None,
        turn: None,
        batch: 1,
        due_ns: 12_000_000_000,
        queue_wait_ns: 0,
        sent_ns: Some(12_000_050_000),
        connect_ns: None,
        tls_ns: None,
        connection_reused: true,
        attempts: 1,
        http_version: Some("1.1".to_owned()),
        first_byte_ns: Some(12_080_000_000),
        first_token_ns: Some(12_085_000_000),
        first_content_ns: Some(12_085_000_000),
        last_token_ns: Some(12_500_000_000),
        decode_ns: None,
        end_ns: 12_500_100_000,
        chunks: 64,
        reads: 60,
        stamps_exact: 61,
        stamps_late: 0,
        clock: ClockSource::Kernel,
        input_tokens: Some(400),
        output_tokens: Some(64),
        reasoning_tokens: None,
        cached_tokens: None,
        requested_output_tokens: 64,
        token_source: TokenSource::Usage,
        finish_reason: Some("stop".to_owned()),
        status: Some(200),
        outcome: Outcome::Ok,
        error: None,
        unchecked: None,
        server_timings: None,
    }
}

/// Five runs of the fixture's main phase, each with its noise; times to first token by a factor.
pub(crate) fn runs(factor: f64) -> Vec<RunFigures> {
    let run = mixed();
    let noises = [1.0, 1.01, 0.99, 1.004, 0.996].into_iter().enumerate();
    let each = noises.map(|(i, noise)| {
        let mut figures = RunFigures::of(&format!("run-{i}"), &run.summary, &run.verdict);
        figures.scopes.retain(|scope| scope.scope.phase == "mixed");
        for scope in &mut figures.scopes {
            for (name, value) in &mut scope.values {
                let by = if name.starts_with("ttft") { noise * factor } else { noise };
                *value = value.map(|value| value * by);
            }
        }
        figures
    });
    each.collect()
}

/// Five runs against five on other hardware and of another experiment, whose times to first token differ by a factor.
pub(crate) fn compared(factor: f64) -> Comparison {
    let (before, mut after) = (mixed(), mixed());
    after.plan.experiment = "f".repeat(64);
    after.system.machine.cores += 4;
    let (old, new) = (runs(1.0), runs(factor));
    compare(
        &Side { name: "main", plan: &before.plan, system: &before.system, runs: &old },
        &Side { name: "candidate", plan: &after.plan, system: &after.system, runs: &new },
        MARGIN,
        true,
    )
}
