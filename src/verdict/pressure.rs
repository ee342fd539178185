//! What pressure on the machine does to loads: a phase under pressure against the one that offers the same without it.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Beside, Finding, Level,
    contention::{FALSE_ALARMS, Pair, failures, times},
};
use crate::{
    catalog::Metric,
    config::Pressure,
    metrics::{PressureUse, Summary, scope_key},
    plan::{LoadStep, Plan, ScopeKey, Step, describe, graph},
    units::show_bytes,
};

/// A share of the processor time asked for that is as good as all of it.
const NEARLY: f64 = 0.9;

/// A step that loads the machine.
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
    /// Least memory that was held once as much was as there could be, in bytes; likewise, and where it never was so much.
    pub memory_least_bytes: Option<u64>,
    /// Most memory that was held, in bytes; likewise.
    pub memory_most_bytes: Option<u64>,
    /// Why nothing pressed any more, before its time; null where it did to the end.
    pub failed: Option<String>,
    /// The measured loads that ran meanwhile: its own, and those of phases beside it.
    pub loads: Vec<PressedLoad>,
    #[serde(skip)]
    asked: Pressure,
}

/// A load under pressure against the same without it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PressedLoad {
    /// Its phase.
    pub phase: String,
    /// The name of its step, where the phase has several.
    pub step: Option<String>,
    /// The phase that offers the same load without pressure; null where there is none.
    pub calm: Option<String>,
    /// What became of each endpoint's requests against that phase.
    pub endpoints: Vec<Beside>,
}

/// Every step that was to load the machine, in the order of the plan.
pub(super) fn under_pressure(plan: &Plan, summary: &Summary) -> Vec<UnderPressure> {
    let run = Run { plan, summary };
    let each = summary.pressures.iter().filter_map(|used| {
        let step = plan.steps.get(used.step)?;
        Some(run.of_step(step, used, step.pressure?))
    });
    each.collect()
}

struct Run<'a> {
    plan: &'a Plan,
    summary: &'a Summary,
}

impl Run<'_> {
    fn of_step(&self, step: &Step, used: &PressureUse, asked: Pressure) -> UnderPressure {
        // a process that never began has told nothing
        let began = used.threads > 0 || used.wanted_bytes > 0;
        let computes = asked.cpu.filter(|_| began);
        let memory = |bytes: u64| asked.memory.filter(|_| began).map(|_| bytes);
        let mut here: Vec<usize> = graph::beside(self.plan, step.id);
        here.push(step.id);
        here.sort_unstable();
        UnderPressure {
            phase: step.phase.clone(),
            step: name_of(step),
            threads: used.threads,
            cpus_asked: computes.map(|cpu| f64::from(used.threads) * cpu.duty),
            cpus: computes.and(used.cpus),
            memory_asked_bytes: memory(used.wanted_bytes),
            memory_least_bytes: used.least_bytes.and_then(memory),
            memory_most_bytes: memory(used.most_bytes),
            failed: used.failed.clone(),
            loads: here.into_iter().filter_map(|id| self.load(&self.plan.steps[id])).collect(),
            asked,
        }
    }

    fn load(&self, step: &Step) -> Option<PressedLoad> {
        let load = step.load().filter(|load| load.measure && load.trial.is_none())?;
        let calm = self.counterpart(step, load);
        Some(PressedLoad {
            phase: step.phase.clone(),
            step: name_of(step),
            calm: calm.map(|calm| calm.phase.clone()),
            endpoints: calm.map(|calm| self.endpoints(step, load, calm)).unwrap_or_default(),
        })
    }

    /// The measured step without pressure that offers the same load: the one that the load was taken from, or that took it, before
    /// one that merely says the same.
    fn counterpart(&self, step: &Step, load: &LoadStep) -> Option<&Step> {
        let origin = |load: &LoadStep| load.same_as.as_ref().map(|same| same.phase.clone());
        let related = |other: &Step, calm: &LoadStep| {
            let (here, there) = (origin(load), origin(calm));
            here.as_ref() == Some(&other.phase)
                || there.as_ref() == Some(&step.phase)
                || (here.is_some() && here == there)
        };
        // what other loads do to it is no effect of pressure
        let loads_beside = |id: usize| -> Vec<usize> {
            let beside = graph::beside(self.plan, id).into_iter();
            beside.filter(|other| self.plan.steps[*other].load().is_some()).collect()
        };
        let here = loads_beside(step.id);
        let same = |other: &&(&Step, &LoadStep)| {
            let (other, calm) = **other;
            let single = |step: &Step| step.name == step.phase;
            let level = (single(step) && single(other)) || step.name == other.name;
            let alike = calm.pattern == load.pattern || (level && related(other, calm));
            graph::pressures(self.plan, other.id).is_empty()
                && loads_beside(other.id) == here
                && calm.measure
                && calm.trial.is_none()
                && calm.traffic == load.traffic
                && calm.batch == load.batch
                && alike
        };
        let all: Vec<(&Step, &LoadStep)> = self.plan.loads().collect();
        let calm: Vec<&(&Step, &LoadStep)> = all.iter().filter(same).collect();
        let first = calm.iter().find(|(other, calm)| related(other, calm)).or(calm.first());
        first.map(|(other, _)| *other)
    }

    fn endpoints(&self, step: &Step, load: &LoadStep, calm: &Step) -> Vec<Beside> {
        let scope = |of: &Step, endpoint: &str| {
            let (phase, step) = (of.phase.clone(), Some(of.name.clone()));
            let key = ScopeKey { phase, step, endpoint: Some(endpoint.to_owned()) };
            self.summary.scope(&scope_key(self.plan, &key))
        };
        let pairs = load.traffic.iter().filter_map(|traffic| {
            let endpoint = self.plan.endpoints[traffic.endpoint].name.as_str();
            let (without, with) = scope(calm, endpoint).zip(scope(step, endpoint))?;
            Some(Pair { endpoint, phase: &calm.phase, without, with, failing: Metric::ErrorRate })
        });
        let pairs: Vec<Pair<'_>> = pairs.collect();
        let sure = 1.0 - FALSE_ALARMS / (Pair::LOOKED_AT * pairs.len()).max(1) as f64;
        pairs.into_iter().map(|pair| pair.beside(sure)).collect()
    }
}

fn name_of(step: &Step) -> Option<String> {
    (step.name != step.phase).then(|| step.name.clone())
}

/// What pressed, and what it did, for each step.
pub(super) fn findings(all: &[UnderPressure]) -> Vec<Finding> {
    let of_step = |of: &UnderPressure| {
        let short = of.short();
        let effects = of.loads.iter().filter_map(|load| effect(load, short.is_empty())).collect::<Vec<_>>();
        [what_pressed(of, &short)].into_iter().chain(effects)
    };
    all.iter().flat_map(of_step).collect()
}

fn title(phase: &str, step: Option<&str>) -> String {
    step.map_or_else(|| format!("`{phase}`"), |step| format!("`{phase} · {step}`"))
}

impl UnderPressure {
    /// Why there was less pressure than was asked for, where there was.
    fn short(&self) -> Vec<String> {
        if let Some(why) = &self.failed {
            return vec![format!("the pressure did not last: {why}")];
        }
        let mut short = Vec::new();
        if let (Some(asked), Some(used)) = (self.cpus_asked, self.cpus)
            && used < NEARLY * asked
        {
            short.push("the threads were given no more of the processors".to_owned());
        }
        let Some(asked) = self.memory_asked_bytes else { return short };
        match self.memory_least_bytes {
            None => short.push("the rest was not filled in time".to_owned()),
            Some(least) if least < asked => {
                let floor = self.asked.memory.map_or(0, |memory| memory.keep_free_bytes);
                short.push(format!("no more could be had with {} left free", show_bytes(floor)));
            }
            Some(_) => {}
        }
        short
    }
}

/// What was used and held, and why that is less than asked for, if it is.
fn what_pressed(of: &UnderPressure, short: &[String]) -> Finding {
    let mut parts = Vec::new();
    if let (Some(asked), Some(used)) = (of.cpus_asked, of.cpus) {
        let threads = if of.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", of.threads) };
        parts.push(format!("{threads} used {used:.2} of {asked:.2} processors"));
    }
    if let (Some(asked), Some(most)) = (of.memory_asked_bytes, of.memory_most_bytes) {
        let held = match of.memory_least_bytes {
            Some(least) if least < most => format!("{} to {}", show_bytes(least), show_bytes(most)),
            Some(_) => show_bytes(most),
            None => format!("at most {}", show_bytes(most)),
        };
        let whole = of.memory_least_bytes.is_some_and(|least| least >= asked);
        parts.push(if whole {
            format!("{held} held")
        } else {
            format!("{held} of {} held", show_bytes(asked))
        });
    }
    let body = [parts.join(", "), short.join("; ")].into_iter().filter(|part| !part.is_empty());
    let head = format!("{}: {}", title(&of.phase, of.step.as_deref()), describe::pressure(&of.asked));
    let text = [head].into_iter().chain(body).collect::<Vec<_>>().join(": ");
    Finding { level: if short.is_empty() { Level::Info } else { Level::Warning }, text }
}

/// How much longer answers take than without pressure, and how many more fail; `None` where nothing is comparable. What did not press in
/// full shows no lack of an effect.
fn effect(of: &PressedLoad, in_full: bool) -> Option<Finding> {
    let calm = format!("in `{}`", of.calm.as_ref()?);
    let slower = of.endpoints.iter().filter_map(times);
    let failed = of.endpoints.iter().filter_map(|beside| failures(beside, "failed", &calm));
    let numbers: Vec<String> = slower.chain(failed).collect();
    if numbers.is_empty() {
        return None;
    }
    let (level, head) = if of.endpoints.iter().any(|endpoint| endpoint.suffers) {
        (Level::Warning, "answers suffer under pressure")
    } else if in_full && of.endpoints.iter().all(Beside::is_unharmed) {
        (Level::Pass, "answers take no longer under pressure")
    } else {
        (Level::Info, "no effect of the pressure is shown")
    };
    let title = title(&of.phase, of.step.as_deref());
    Some(Finding { level, text: format!("{title}: {head}: {}", numbers.join("; ")) })
}
