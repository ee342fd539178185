//! Scenarios for tests, made by hand.

use std::{collections::BTreeMap, time::Duration};

use indexmap::IndexMap;

use crate::{
    catalog::Protocol,
    config::{
        Address, Alerting, Arrivals, Bound, Ceiling, Closed, Defaults, Endpoint, Faults, HttpVersion,
        Lengths, Load, MetricsPages, Mix, Model, Monitoring, OnBottleneck, OnInconclusive, Open, Order,
        Output, Phase, Places, Platform, PromptLength, Run, Scenario, Secret, Severity, Shape, Sim, Snippets,
        Stage, Synthetic, Target, Threads, Tls, Workload,
    },
};

pub(super) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn endpoint(weight: Option<f64>) -> Endpoint {
    Endpoint {
        url: Address::Sim("small".to_owned()),
        protocol: Protocol::OpenaiChat,
        model: Model::Auto,
        weight,
        workload: "prose".to_owned(),
        stream: true,
        timeout: seconds(120),
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
    }
}

pub(super) fn closed(users: &[u32]) -> Load {
    Load::Closed(Closed { users: users.to_vec(), ramp_up: seconds(0), think_time: seconds(0) })
}

pub(super) fn open(shape: Shape) -> Load {
    Load::Open(Open { arrivals: Arrivals::Poisson, shape, spikes: None, concurrency_limit: None })
}

pub(super) fn phase(requests: Option<u64>, duration: Option<u64>, load: Load) -> Phase {
    Phase {
        measure: true,
        requests,
        duration: duration.map(seconds),
        settle: None,
        endpoints: None,
        load,
        require_steady: false,
        same_as: None,
        order: Order::InTurn,
        batch_sizes: Vec::new(),
        pressure: None,
    }
}

pub(super) fn pause(length: u64) -> Phase {
    Phase { measure: false, ..phase(None, None, Load::Pause(seconds(length))) }
}

pub(super) fn target(metric: &str, bound: Bound) -> Target {
    Target {
        metric: metric.parse().expect("a metric's name"),
        bound,
        phase: None,
        step: None,
        endpoint: None,
        severity: Severity::Fail,
        abort: None,
        from_preset: false,
    }
}

pub(super) fn named<T>(entries: impl IntoIterator<Item = (&'static str, T)>) -> IndexMap<String, T> {
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// One simulated endpoint, and no phase yet.
pub(super) fn bare() -> Scenario {
    Scenario {
        name: "bare".to_owned(),
        case: Vec::new(),
        description: String::new(),
        seed: 42,
        platform: Platform {
            name: "cpu_only".to_owned(),
            extends: Vec::new(),
            reason: "no GPU was found".to_owned(),
            named: false,
        },
        run: Run {
            label: String::new(),
            max_in_flight: 2000,
            drain: seconds(30),
            ready_timeout: seconds(60),
            on_inconclusive: OnInconclusive::Fail,
            on_bottleneck: OnBottleneck::Invalid,
            calibrate: false,
            repeats: 1,
            threads: Threads::Auto,
            allow_hosts: Vec::new(),
            ceiling: Ceiling::default(),
            without_flags: None,
        },
        output: Output::default(),
        monitoring: Monitoring::default(),
        defaults: Defaults {
            timeout: seconds(120),
            concurrency: vec![1, 2],
            requests: 50,
            batch_sizes: vec![1, 4],
            max_endpoints: 5,
        },
        endpoints: named([("flash", endpoint(None))]),
        services: IndexMap::new(),
        workloads: named([(
            "prose",
            Workload::Synthetic(Synthetic {
                prompt: PromptLength::Tokens(Lengths::Constant(100)),
                output_tokens: Lengths::Constant(50),
                prefix: String::new(),
                shared_prefix_tokens: 0,
                shared_prefix_share: None,
                shared_prefix_groups: 1,
            }),
        )]),
        phases: IndexMap::new(),
        objectives: Vec::new(),
        price: None,
        targets: IndexMap::new(),
        alerts: IndexMap::new(),
        alerting: Alerting { defaults: false, webhook: None },
        sims: named([(
            "small",
            Sim {
                prefill_tokens_per_second: 1000.0,
                step_base_s: 0.01,
                step_per_sequence_s: 0.001,
                max_batch: 8,
                kv_cache_tokens: None,
                jitter: 0.0,
                overhead_s: 0.01,
                faults: Faults::default(),
            },
        )]),
        origins: Vec::new(),
        places: Places::default(),
    }
}

/// Code in Python and React, which has this weight where Python has 1.
pub(super) fn code(react: f64) -> Workload {
    Workload::Snippets(Snippets {
        prompt_tokens: Lengths::Constant(200),
        output_tokens: Lengths::Constant(50),
        prefix: String::new(),
        mix: Mix { javascript: 0.0, typescript: 0.0, python: 1.0, react },
    })
}

/// A bit of everything: two endpoints with weights, a warm-up, an open phase, a ramp, a ladder and targets.
pub(super) fn mixed() -> Scenario {
    let mut scenario = bare();
    "mixed-traffic".clone_into(&mut scenario.name);
    "a thinker and a flash model share one GPU".clone_into(&mut scenario.description);
    scenario.endpoints = named([
        (
            "thinker",
            Endpoint {
                url: Address::Url("http://127.0.0.1:8080/v1".to_owned()),
                model: Model::Named("llama-2-70b-chat".to_owned()),
                workload: "summaries".to_owned(),
                stream: false,
                api_key: Some(Secret::Env("THINKER_KEY".to_owned())),
                ..endpoint(Some(0.3))
            },
        ),
        ("flash", endpoint(Some(0.7))),
    ]);
    scenario.workloads.insert(
        "summaries".to_owned(),
        Workload::Synthetic(Synthetic {
            prompt: PromptLength::Tokens(Lengths::Lognormal {
                mean: 400.0,
                std_dev: 150.0,
                min: 50,
                max: 2000,
            }),
            output_tokens: Lengths::Constant(128),
            prefix: "Please summarize the following text: ".to_owned(),
            shared_prefix_tokens: 0,
            shared_prefix_share: None,
            shared_prefix_groups: 1,
        }),
    );
    let stages = vec![
        Stage { from: 1.0, to: 20.0, over: seconds(60) },
        Stage { from: 20.0, to: 20.0, over: seconds(30) },
    ];
    scenario.phases = named([
        ("warmup", Phase { measure: false, ..phase(Some(20), None, closed(&[2])) }),
        (
            "thinker_alone",
            Phase { endpoints: Some(vec!["thinker".to_owned()]), ..phase(None, Some(60), closed(&[4])) },
        ),
        ("mixed", phase(None, Some(120), open(Shape::Rates(vec![8.0])))),
        ("ramp", phase(None, None, open(Shape::Stages(stages)))),
        ("ladder", phase(Some(100), None, closed(&[1, 4, 16]))),
    ]);
    scenario.targets = named([
        (
            "speed",
            Target {
                phase: Some("ramp".to_owned()),
                ..target("output_tokens_per_second", Bound::AtLeast(30.0))
            },
        ),
        (
            "first_token",
            Target { endpoint: Some("flash".to_owned()), ..target("ttft.p95", Bound::AtMost(0.2)) },
        ),
        ("tail", Target { phase: Some("ladder".to_owned()), ..target("e2e.p99", Bound::AtMost(5.0)) }),
        ("spikes", Target { severity: Severity::Warn, ..target("spike_rate", Bound::Between(0.05, 0.15)) }),
        ("preset_errors", Target { from_preset: true, ..target("error_rate", Bound::AtMost(0.05)) }),
        (
            "thinker_token",
            Target { endpoint: Some("thinker".to_owned()), ..target("ttft", Bound::AtMost(1.0)) },
        ),
    ]);
    scenario
}
