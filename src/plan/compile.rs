//! The compiler: one pass after the other, each a function of what the passes before it made.

use std::{collections::BTreeSet, time::Duration};

use super::{
    Expected, FORMAT, Limits, LoadStep, Pattern, Plan, PlannedEndpoint, PlannedSpikes, Step, Work, expect,
    experiment, graph, spikes, targets, traffic, warnings,
};
use crate::{
    config::{Address, Closed, Load, Open, Phase, Scenario, Shape, Spikes, Stage},
    units::seconds_to_duration,
};

/// Sequence numbers set aside for a step whose requests cannot be counted before the run.
const UNCOUNTED_BLOCK: u64 = 1_000_000_000;

/// Compiles a checked scenario: one in which every workload, endpoint and simulated server that is named exists, and
/// every phase says when it ends.
pub fn compile(scenario: &Scenario) -> Plan {
    let mut plan = Plan {
        format: FORMAT,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        name: scenario.name.clone(),
        case: scenario.case.clone(),
        group: None,
        description: scenario.description.clone(),
        experiment: String::new(),
        seed: scenario.seed,
        platform: scenario.platform.clone(),
        label: scenario.run.label.clone(),
        limits: Limits {
            max_in_flight: scenario.run.max_in_flight,
            drain: scenario.run.drain,
            ready_timeout: scenario.run.ready_timeout,
        },
        endpoints: endpoints(scenario),
        steps: steps(scenario),
        objectives: scenario.objectives.clone(),
        price: scenario.price,
        targets: Vec::new(),
        on_inconclusive: scenario.run.on_inconclusive,
        warnings: Vec::new(),
        origins: scenario.origins.clone(),
    };
    expect::fill(&mut plan);
    number(&mut plan.steps);
    plan.targets = targets::place(scenario, &plan);
    plan.warnings = warnings::collect(&plan);
    plan.experiment = experiment::hash(&plan);
    debug_assert!(graph::check(&plan).is_ok(), "steps follow each other");
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
        workload_name: endpoint.workload.clone(),
        workload: scenario.workloads[&endpoint.workload].clone(),
        sim: match &endpoint.url {
            Address::Sim(sim) => Some(scenario.sims[sim].clone()),
            Address::Url(_) => None,
        },
    });
    planned.collect()
}

/// `ready`, then one step per level of each phase, each after the one before it.
fn steps(scenario: &Scenario) -> Vec<Step> {
    let mut steps = vec![ready()];
    let mut used = BTreeSet::new();
    for (phase_name, phase) in &scenario.phases {
        if let Load::Pause(duration) = phase.load {
            steps.push(pause(steps.len(), phase_name, duration));
            continue;
        }
        let traffic = traffic::shares(scenario, phase);
        used.extend(traffic.iter().map(|traffic| traffic.endpoint));
        let levels = levels(phase);
        let explores = levels.len() > 1;
        for (level, (pattern, duration)) in phase.load.levels().into_iter().zip(levels) {
            let id = steps.len();
            steps.push(Step {
                id,
                name: if explores { level } else { phase_name.clone() },
                phase: phase_name.clone(),
                after: vec![id - 1],
                work: Work::Load(LoadStep {
                    measure: phase.measure,
                    explores,
                    first_seq: 0,
                    traffic: traffic.clone(),
                    pattern,
                    requests: phase.requests,
                    duration,
                }),
                expected: Expected::default(),
            });
        }
    }
    steps[0].work = Work::Ready { endpoints: used.into_iter().collect() };
    steps
}

fn ready() -> Step {
    Step {
        id: 0,
        name: "ready".to_owned(),
        phase: "ready".to_owned(),
        after: Vec::new(),
        work: Work::Ready { endpoints: Vec::new() },
        expected: Expected::default(),
    }
}

fn pause(id: usize, phase: &str, duration: Duration) -> Step {
    Step {
        id,
        name: phase.to_owned(),
        phase: phase.to_owned(),
        after: vec![id - 1],
        work: Work::Pause { duration },
        expected: Expected::default(),
    }
}

/// The load of each level of a phase, and when it ends by time.
fn levels(phase: &Phase) -> Vec<(Pattern, Option<Duration>)> {
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
    let mut next = 0;
    for step in steps {
        let Work::Load(load) = &mut step.work else { continue };
        load.first_seq = next;
        let scheduled = step.expected.requests.unwrap_or(0.0) as u64;
        next += match (&load.pattern, load.requests) {
            (Pattern::Closed { .. }, requests) => requests.unwrap_or(UNCOUNTED_BLOCK),
            // a mean, and what a Poisson count may have above it
            (Pattern::Open { .. }, _) if step.expected.assumed => UNCOUNTED_BLOCK.max(2 * scheduled),
            (Pattern::Open { .. }, _) => scheduled,
        };
    }
}
