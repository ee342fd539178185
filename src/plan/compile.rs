//! The compiler: one pass after the other, each a function of what the passes before it made.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    Expected, FORMAT, Limits, LoadStep, Pattern, Plan, PlannedEndpoint, PlannedSpikes, Step, Trial, Work,
    alerts, datasets, expect, expect::Counts, experiment, graph, objectives, search, services, spikes,
    targets, traces, traffic, warnings,
};
use crate::{
    config::{
        Address, Closed, Follow, Load, Open, Order, Phase, Scenario, Shape, Spikes, Stage, predecessors,
    },
    units::seconds_to_duration,
    workload::UNCOUNTED_BLOCK,
};

/// Compiles a checked scenario: one in which every workload, endpoint and simulated server that is named exists, and
/// every phase says when it ends.
pub fn compile(scenario: &Scenario) -> Plan {
    compile_case(scenario, &mut Counts::default())
}

/// Compiles every case of a scenario, likewise.
pub fn compile_all(cases: &[Scenario]) -> Vec<Plan> {
    let mut counts = Counts::default();
    cases.iter().map(|case| compile_case(case, &mut counts)).collect()
}

fn compile_case(scenario: &Scenario, counts: &mut Counts) -> Plan {
    compile_with(scenario, counts, steps(scenario))
}

/// Compiles all but the steps, which are given.
pub(super) fn compile_with(scenario: &Scenario, counts: &mut Counts, steps: Vec<Step>) -> Plan {
    let mut plan = Plan {
        format: FORMAT,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        name: scenario.name.clone(),
        case: scenario.case.clone(),
        group: None,
        repeat: None,
        description: scenario.description.clone(),
        experiment: String::new(),
        rerun_of: None,
        seed: scenario.seed,
        platform: scenario.platform.clone(),
        label: scenario.run.label.clone(),
        limits: Limits {
            max_in_flight: scenario.run.max_in_flight,
            drain: scenario.run.drain,
            ready_timeout: scenario.run.ready_timeout,
            threads: scenario.run.threads,
            allow_hosts: scenario.run.allow_hosts.clone(),
            ceiling: scenario.run.ceiling,
            without_flags: scenario.run.without_flags.clone(),
        },
        repeats: scenario.run.repeats,
        output: scenario.output.clone(),
        services: services::of(scenario),
        monitoring: scenario.monitoring,
        endpoints: endpoints(scenario),
        steps,
        objectives: scenario.objectives.clone(),
        price: scenario.price,
        targets: Vec::new(),
        alerts: Vec::new(),
        webhook: scenario.alerting.webhook.clone(),
        on_inconclusive: scenario.run.on_inconclusive,
        on_bottleneck: scenario.run.on_bottleneck,
        calibrate: scenario.run.calibrate,
        warnings: Vec::new(),
        origins: scenario.origins.clone(),
    };
    plan.targets = targets::place(scenario, &plan);
    plan.alerts = alerts::place(scenario, &plan);
    search::aim(scenario, &mut plan);
    expect::fill(&mut plan, counts);
    number(&mut plan.steps);
    plan.warnings = warnings::collect(&plan);
    plan.warnings.extend(spikes::warnings(&plan));
    plan.warnings.extend(warnings::crowd(scenario));
    plan.warnings.extend(datasets::warnings(&plan));
    plan.warnings.extend(traces::warnings(&plan));
    plan.warnings.extend(alerts::warnings(&plan));
    plan.experiment = experiment::hash(&plan);
    debug_assert!(graph::check(&plan).is_ok(), "steps wait for earlier ones only");
    plan
}

/// Endpoints with the workload and the simulated server that their names stand for, in the order of the file.
fn endpoints(scenario: &Scenario) -> Vec<PlannedEndpoint> {
    let planned = scenario.endpoints.iter().map(|(name, endpoint)| PlannedEndpoint {
        name: name.clone(),
        address: endpoint.url.clone(),
        protocol: endpoint.protocol,
        model: endpoint.model.clone(),
        stream: endpoint.stream,
        timeout: endpoint.timeout,
        api_key: endpoint.api_key.clone(),
        headers: endpoint.headers.clone(),
        body: endpoint.body.clone(),
        check: endpoint.check.clone(),
        http: endpoint.http.clone(),
        http_version: endpoint.http_version,
        tls: endpoint.tls.clone(),
        metrics: endpoint.metrics.clone(),
        service: endpoint.service.as_ref().and_then(|name| scenario.services.get_index_of(name)),
        pid: endpoint.pid,
        tokenizer: endpoint.tokenizer.clone(),
        workload_name: endpoint.workload.clone(),
        workload: scenario.workloads[&endpoint.workload].clone(),
        sim: match &endpoint.url {
            Address::Sim(sim) => Some(scenario.sims[sim].clone()),
            Address::Url(_) => None,
        },
        objectives: objectives::of_endpoint(scenario, name),
    });
    planned.collect()
}

/// `ready`, then one step per level of each phase: the first level after the phases that the phase waits for, each
/// other one after the level before it.
fn steps(scenario: &Scenario) -> Vec<Step> {
    let before = predecessors(scenario.phases.iter().map(|(name, phase)| (name.as_str(), phase)));
    let mut steps = vec![ready()];
    let mut used = BTreeSet::new();
    // the last step of every phase that has its steps
    let mut last: BTreeMap<usize, usize> = BTreeMap::new();
    for index in in_order(&before) {
        let (name, phase) = (&scenario.phases.keys()[index], &scenario.phases[index]);
        let mut after: Vec<usize> = before[index].iter().map(|phase| last[phase]).collect();
        after.sort_unstable();
        if after.is_empty() {
            after.push(0);
        }
        let first = steps.len();
        if let Load::Pause(duration) = phase.load {
            steps.push(step(first, name, name.clone(), after, Work::Pause { duration }));
        } else {
            let traffic = traffic::shares(scenario, phase);
            used.extend(traffic.iter().map(|traffic| traffic.endpoint));
            let levels = levels(phase);
            let explores = levels.len() > 1;
            let trial = match &phase.load {
                Load::Search(search) => Some(Trial { search: search.clone(), criteria: Vec::new() }),
                _ => None,
            };
            for (level, (pattern, duration, batch)) in phase.levels().into_iter().zip(levels) {
                let load = LoadStep {
                    measure: phase.measure,
                    require_steady: phase.require_steady,
                    explores,
                    first_seq: 0,
                    traffic: traffic.clone(),
                    pattern,
                    trial: trial.clone(),
                    settle: phase.settle.unwrap_or_else(|| match &trial {
                        Some(trial) => trial.search.step.mul_f64(search::SETTLES),
                        None => Duration::ZERO,
                    }),
                    same_as: phase.same_as.clone(),
                    until: None,
                    batch,
                    requests: phase.requests,
                    duration,
                };
                let id = steps.len();
                let after = if id == first { std::mem::take(&mut after) } else { vec![id - 1] };
                let level = if explores { level } else { name.clone() };
                steps.push(step(id, name, level, after, Work::Load(load)));
            }
        }
        for step in &mut steps[first..] {
            step.pressure = phase.pressure;
        }
        last.insert(index, steps.len() - 1);
    }
    for (index, (_, phase)) in scenario.phases.iter().enumerate() {
        let Order::During(host) = &phase.order else { continue };
        let host = scenario.phases.get_index_of(host).map(|host| last[&host]);
        if let Work::Load(load) = &mut steps[last[&index]].work {
            load.until = host;
        }
    }
    steps[0].work = Work::Ready { endpoints: used.into_iter().collect() };
    steps
}

/// Phases in an order in which they can run: each as early as it stands in the file, but behind what it waits for.
fn in_order(before: &[Vec<usize>]) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::with_capacity(before.len());
    let mut placed = vec![false; before.len()];
    while order.len() < before.len() {
        let next = (0..before.len())
            .find(|phase| !placed[*phase] && before[*phase].iter().all(|earlier| placed[*earlier]))
            .expect("a checked scenario: phases wait for each other in no circle");
        placed[next] = true;
        order.push(next);
    }
    order
}

pub(super) fn ready() -> Step {
    step(0, "ready", "ready".to_owned(), Vec::new(), Work::Ready { endpoints: Vec::new() })
}

pub(super) fn step(id: usize, phase: &str, name: String, after: Vec<usize>, work: Work) -> Step {
    Step { id, name, phase: phase.to_owned(), after, work, pressure: None, expected: Expected::default() }
}

/// The load of each step of a phase, when it ends by time, and the prompts of its requests.
fn levels(phase: &Phase) -> Vec<(Pattern, Option<Duration>, u32)> {
    let batches = phase.batches();
    let each = |(pattern, duration): (Pattern, Option<Duration>)| {
        batches.iter().map(move |batch| (pattern.clone(), duration, *batch))
    };
    loads(phase).into_iter().flat_map(each).collect()
}

/// The load of each level, and when it ends by time.
fn loads(phase: &Phase) -> Vec<(Pattern, Option<Duration>)> {
    match &phase.load {
        Load::Closed(Closed { users, ramp_up, think_time }) => users
            .iter()
            .map(|&users| {
                (Pattern::Closed { users, ramp_up: *ramp_up, think_time: *think_time }, phase.duration)
            })
            .collect(),
        Load::Open(open) => match &open.shape {
            Shape::Rates(rates) => rates
                .iter()
                .map(|&rate| (stages(open, vec![constant(rate, phase)], phase), phase.length()))
                .collect(),
            Shape::Stages(list) => vec![(stages(open, list.clone(), phase), phase.length())],
        },
        Load::Trace(Follow { speed, concurrency_limit, part }) => {
            let pattern =
                Pattern::Trace { speed: *speed, concurrency_limit: *concurrency_limit, part: *part };
            vec![(pattern, phase.duration)]
        }
        Load::Search(search) => search::loads(search),
        Load::Pause(_) => Vec::new(),
    }
}

fn stages(open: &Open, base: Vec<Stage>, phase: &Phase) -> Pattern {
    let (arrivals, concurrency_limit) = (open.arrivals, open.concurrency_limit);
    let Some((written, length)) = open.spikes.as_ref().zip(phase.length()) else {
        return Pattern::Open { arrivals, stages: base, spikes: None, concurrency_limit };
    };
    let stages = spikes::lay_over(&base, written, length);
    let Spikes { every, lasting, rate } = *written;
    let spikes = Some(PlannedSpikes { every, lasting, rate, base });
    Pattern::Open { arrivals, stages, spikes, concurrency_limit }
}

/// A constant rate as a stage: as long as the phase, or as its requests take on average.
fn constant(rate: f64, phase: &Phase) -> Stage {
    let by_count = || phase.requests.and_then(|requests| seconds_to_duration(requests as f64 / rate));
    Stage { from: rate, to: rate, over: phase.duration.or_else(by_count).unwrap_or_default() }
}

/// Gives every step its block of sequence numbers: as many as it has requests where that is known.
fn number(steps: &mut [Step]) {
    let mut next: u64 = 0;
    for step in steps {
        let Work::Load(load) = &mut step.work else { continue };
        load.first_seq = next;
        let scheduled = step.expected.requests.unwrap_or(0.0) as u64;
        let block = match (&load.pattern, load.requests) {
            (Pattern::Closed { .. }, requests) => requests.unwrap_or(UNCOUNTED_BLOCK),
            // it has no more than these, whatever ends it before
            (Pattern::Trace { part, .. }, _) => part.map_or(UNCOUNTED_BLOCK, |part| part.requests),
            // how long it goes on is not the plan's to know
            (Pattern::Open { .. }, Some(requests)) if load.until.is_some() => requests,
            // its level and length are told on the way, and its arrivals drawn under that name: tried again for twice as long it
            // has twice as many, and what a Poisson count may have above them
            (Pattern::Open { .. }, _) if load.trial.is_some() => {
                UNCOUNTED_BLOCK.max(scheduled.saturating_mul(4))
            }
            // a mean, and what a Poisson count may have above it
            (Pattern::Open { .. }, _) if step.expected.assumed => {
                UNCOUNTED_BLOCK.max(scheduled.saturating_mul(2))
            }
            (Pattern::Open { .. }, _) => scheduled,
        };
        // no run gets to the end of all numbers, whatever was written
        next = next.saturating_add(block);
    }
}
