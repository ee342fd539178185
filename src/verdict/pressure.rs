//! What pressure on the machine does to a load: a phase under pressure against the one that offers the same without it.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Finding, Inflation, Level,
    contention::{FALSE_ALARMS, MARGIN, Pair, times},
};
use crate::{
    catalog::Metric,
    config::Pressure,
    metrics::{PressureUse, Summary, scope_key},
    plan::{LoadStep, Plan, ScopeKey, Step, describe},
    units::show_bytes,
};

/// A share of the processor time asked for that is as good as all of it.
const NEARLY: f64 = 0.9;

/// A step under pressure.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct UnderPressure {
    /// Its phase.
    pub phase: String,
    /// Its name, where the phase has several steps.
    pub step: Option<String>,
    /// Threads that computed.
    pub threads: u32,
    /// Processors that these were to use: their number times the share that each was to have; null without any.
    pub cpus_asked: Option<f64>,
    /// Processors that they used on average; null without any, and where they computed for too short to tell.
    pub cpus: Option<f64>,
    /// Memory that was to be held, in bytes; null where none was.
    pub memory_asked_bytes: Option<u64>,
    /// Least memory that was held once as much was as there could be, in bytes; likewise.
    pub memory_least_bytes: Option<u64>,
    /// Most memory that was held, in bytes; likewise.
    pub memory_most_bytes: Option<u64>,
    /// Why nothing pressed any more, before its time; null where it did to the end.
    pub failed: Option<String>,
    /// The phase that offers the same load without pressure; null where there is none.
    pub calm: Option<String>,
    /// What became of each endpoint's answers against that phase.
    pub endpoints: Vec<Pressed>,
}

/// An endpoint's answers under pressure and without.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Pressed {
    /// The endpoint.
    pub endpoint: String,
    /// Whether its answers surely take longer under pressure, and so much that it matters.
    pub slower: bool,
    /// Of the median `ttft`: `alone` is without pressure and `together` with it; null of answers without a stream, and where more
    /// than half of the requests failed.
    pub ttft: Option<Inflation>,
    /// Of the median `e2e`, likewise; null where more than half of the requests failed.
    pub e2e: Option<Inflation>,
}

/// Every step that was put under pressure, in the order of the plan.
pub(super) fn under_pressure(plan: &Plan, summary: &Summary) -> Vec<UnderPressure> {
    let each = summary.pressures.iter().filter_map(|used| {
        let step = plan.steps.get(used.step)?;
        Some(of_step(plan, summary, step, used, step.pressure?))
    });
    each.collect()
}

fn of_step(
    plan: &Plan,
    summary: &Summary,
    step: &Step,
    used: &PressureUse,
    asked: Pressure,
) -> UnderPressure {
    let memory = |bytes: u64| asked.memory.map(|_| bytes);
    let calm = step.load().and_then(|load| counterpart(plan, step, load));
    let endpoints = calm.map(|calm| endpoints(plan, summary, step, calm)).unwrap_or_default();
    UnderPressure {
        phase: step.phase.clone(),
        step: (step.name != step.phase).then(|| step.name.clone()),
        threads: used.threads,
        cpus_asked: asked.cpu.map(|cpu| f64::from(used.threads) * cpu.duty),
        cpus: used.cpus.filter(|_| asked.cpu.is_some()),
        memory_asked_bytes: memory(used.wanted_bytes),
        memory_least_bytes: memory(used.least_bytes),
        memory_most_bytes: memory(used.most_bytes),
        failed: used.failed.clone(),
        calm: calm.map(|calm| calm.phase.clone()),
        endpoints,
    }
}

/// The measured step without pressure that offers the same load: the one that the load was taken from, or that took it, before
/// one that merely says the same.
fn counterpart<'a>(plan: &'a Plan, step: &Step, load: &LoadStep) -> Option<&'a Step> {
    if !load.measure || load.trial.is_some() {
        return None;
    }
    let origin = |load: &LoadStep| load.same_as.as_ref().map(|same| same.phase.clone());
    let related = |other: &Step, calm: &LoadStep| {
        let (here, there) = (origin(load), origin(calm));
        here.as_ref() == Some(&other.phase)
            || there.as_ref() == Some(&step.phase)
            || (here.is_some() && here == there)
    };
    let same = |other: &&(&Step, &LoadStep)| {
        let (other, calm) = **other;
        let single = |step: &Step| step.name == step.phase;
        let level = (single(step) && single(other)) || step.name == other.name;
        let alike = calm.pattern == load.pattern || (level && related(other, calm));
        other.pressure.is_none()
            && calm.measure
            && calm.trial.is_none()
            && calm.traffic == load.traffic
            && calm.batch == load.batch
            && alike
    };
    let all: Vec<(&Step, &LoadStep)> = plan.loads().collect();
    let calm: Vec<&(&Step, &LoadStep)> = all.iter().filter(same).collect();
    let first = calm.iter().find(|(other, calm)| related(other, calm)).or(calm.first());
    first.map(|(other, _)| *other)
}

fn endpoints(plan: &Plan, summary: &Summary, step: &Step, calm: &Step) -> Vec<Pressed> {
    let traffic = step.load().map(|load| load.traffic.as_slice()).unwrap_or_default();
    let scope = |of: &Step, endpoint: &str| {
        let (phase, step) = (of.phase.clone(), Some(of.name.clone()));
        summary.scope(&scope_key(plan, &ScopeKey { phase, step, endpoint: Some(endpoint.to_owned()) }))
    };
    let pairs = traffic.iter().filter_map(|traffic| {
        let endpoint = plan.endpoints[traffic.endpoint].name.as_str();
        let (alone, together) = scope(calm, endpoint).zip(scope(step, endpoint))?;
        Some(Pair { endpoint, phase: &calm.phase, alone, together })
    });
    let pairs: Vec<Pair<'_>> = pairs.collect();
    // two medians each
    let sure = 1.0 - FALSE_ALARMS / (2 * pairs.len()).max(1) as f64;
    let medians = [Metric::Ttft, Metric::E2e];
    let of = |pair: Pair<'_>| {
        let [ttft, e2e] = medians.map(|metric| pair.inflation(metric));
        let slower = medians
            .iter()
            .any(|metric| pair.times(*metric, sure).is_some_and(|times| times.low > 1.0 + MARGIN));
        Pressed { endpoint: pair.endpoint.to_owned(), slower, ttft, e2e }
    };
    pairs.into_iter().map(of).collect()
}

/// What pressed, and what it did, for each step.
pub(super) fn findings(plan: &Plan, all: &[UnderPressure]) -> Vec<Finding> {
    all.iter().flat_map(|of| [Some(what_pressed(plan, of)), effect(of)]).flatten().collect()
}

fn name(of: &UnderPressure) -> String {
    match &of.step {
        Some(step) => format!("`{} · {step}`", of.phase),
        None => format!("`{}`", of.phase),
    }
}

fn asked(plan: &Plan, of: &UnderPressure) -> Option<Pressure> {
    let named =
        |step: &&Step| step.phase == of.phase && of.step.as_ref().is_none_or(|name| *name == step.name);
    plan.steps.iter().find(named)?.pressure
}

/// What was used and held, and why that is less than asked for, if it is.
fn what_pressed(plan: &Plan, of: &UnderPressure) -> Finding {
    let pressure = asked(plan, of);
    let mut parts = Vec::new();
    let mut short = Vec::new();
    if let (Some(asked), Some(used)) = (of.cpus_asked, of.cpus) {
        let threads = if of.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", of.threads) };
        parts.push(format!("{threads} used {used:.2} of {asked:.2} processors"));
        if used < NEARLY * asked {
            short.push("others took the processors".to_owned());
        }
    }
    if let (Some(asked), Some(least), Some(most)) =
        (of.memory_asked_bytes, of.memory_least_bytes, of.memory_most_bytes)
    {
        let held = if least == most {
            show_bytes(most)
        } else {
            format!("{} to {}", show_bytes(least), show_bytes(most))
        };
        parts.push(if least < asked {
            format!("{held} of {} held", show_bytes(asked))
        } else {
            format!("{held} held")
        });
        if least < asked {
            let floor =
                pressure.and_then(|pressure| pressure.memory).map_or(0, |memory| memory.keep_free_bytes);
            short.push(format!("more would have left less than {} free", show_bytes(floor)));
        }
    }
    if let Some(why) = &of.failed {
        short = vec![format!("the pressure did not last: {why}")];
    }
    let head = pressure.as_ref().map_or_else(|| "under pressure".to_owned(), describe::pressure);
    let body = [parts.join(", "), short.join("; ")].into_iter().filter(|part| !part.is_empty());
    let text = [format!("{}: {head}", name(of))].into_iter().chain(body).collect::<Vec<_>>().join(": ");
    Finding { level: if short.is_empty() { Level::Info } else { Level::Warning }, text }
}

/// How much longer answers take than without pressure; `None` where nothing is comparable.
fn effect(of: &UnderPressure) -> Option<Finding> {
    let calm = of.calm.as_ref()?;
    let numbers: Vec<String> = of
        .endpoints
        .iter()
        .filter_map(|endpoint| times(&endpoint.endpoint, calm, endpoint.ttft, endpoint.e2e))
        .collect();
    if numbers.is_empty() {
        return None;
    }
    let below = |inflation: Inflation| inflation.times.high.is_some_and(|high| high < 1.0 + MARGIN);
    let free = |endpoint: &Pressed| endpoint.e2e.is_some_and(below) && endpoint.ttft.is_none_or(below);
    let (level, head) = if of.endpoints.iter().any(|endpoint| endpoint.slower) {
        (Level::Warning, "answers take longer under pressure")
    } else if of.endpoints.iter().all(free) {
        (Level::Pass, "answers take no longer under pressure")
    } else {
        (Level::Info, "no effect of the pressure is shown")
    };
    Some(Finding { level, text: format!("{}: {head}: {}", name(of), numbers.join("; ")) })
}
