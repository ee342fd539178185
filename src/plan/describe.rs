//! Parts of a plan in a few words each, for tables, graphs and warnings.

use std::time::Duration;

use super::{LoadStep, Pattern, Plan, PlannedEndpoint, PlannedSpikes, PlannedTarget, Step, Work};
use crate::{
    config::{
        AnswerCheck, Arrivals, Bound, Ceiling, Conversation, CpuPressure, Language, MemoryAmount, Model,
        Monitoring, Objective, PowerEstimate, PressingThreads, Pressure, Price, Search, Snippets, Sought,
        Stage, Until, Workload,
    },
    units::{show_bytes, show_count, show_count_of, show_share, write_duration},
};

/// A step's name with its phase: `ladder · users=4`; a single step is called like its phase.
pub fn step_name(step: &Step) -> String {
    if step.name == step.phase { step.phase.clone() } else { format!("{} · {}", step.phase, step.name) }
}

/// A text as a word of a command line.
pub fn in_shell(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/\\._-+~:=,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// What a step does: its load, how long it pauses, or the endpoints that it waits for.
pub(super) fn work(plan: &Plan, step: &Step) -> String {
    let what = match &step.work {
        Work::Ready { endpoints } => {
            let names: Vec<&str> =
                endpoints.iter().map(|endpoint| plan.endpoints[*endpoint].name.as_str()).collect();
            names.join(", ")
        }
        Work::Load(step) => load(plan, step),
        Work::Spared => "not needed".to_owned(),
        Work::Pause { duration } => format!("pause {}", write_duration(*duration)),
        Work::Watch { duration: Some(duration) } => format!("monitor {}", write_duration(*duration)),
        Work::Watch { duration: None } => "monitor until it is ended".to_owned(),
    };
    match &step.pressure {
        Some(of) => format!("{what}, {}", pressure(of)),
        None => what,
    }
}

/// What loads this machine while a step goes on: `under pressure of 2 threads at 50.0 % and 1 GiB`.
pub fn pressure(of: &Pressure) -> String {
    let cpu = of.cpu.map(|CpuPressure { threads, duty }| {
        let threads = match threads {
            PressingThreads::All => "a thread per processor".to_owned(),
            PressingThreads::Number(threads) => show_count_of(u64::from(threads), "thread"),
        };
        format!("{threads} at {}", show_share(duty))
    });
    let memory = of.memory.map(|memory| match memory.amount {
        MemoryAmount::Bytes(bytes) => show_bytes(bytes),
        MemoryAmount::Share(share) => format!("{} of the memory", show_share(share)),
    });
    let both: Vec<String> = cpu.into_iter().chain(memory).collect();
    format!("under pressure of {}", both.join(" and "))
}

/// The phases that a step waits for; nothing where it is the step before it in the plan.
pub(super) fn after(plan: &Plan, step: &Step) -> String {
    if step.after.iter().copied().eq(step.id.checked_sub(1)) {
        return String::new();
    }
    let phases: Vec<&str> = step.after.iter().map(|before| plan.steps[*before].phase.as_str()).collect();
    phases.join(", ")
}

/// What requests name as their model: `auto`, `llama-8b`, `llama-8b 80.0 %, my-lora 20.0 %`.
pub fn model(model: &Model) -> String {
    match model {
        Model::Auto => "auto".to_owned(),
        Model::Named(name) => name.clone(),
        Model::Mix(mix) => {
            let each = mix.shares().map(|(name, share)| format!("{name} {}", show_share(share)));
            each.collect::<Vec<_>>().join(", ")
        }
    }
}

/// What answers are checked for: `matches ^[0-9]+$, JSON as answer.json says, 20 characters or more`.
pub fn check(check: &AnswerCheck) -> String {
    let AnswerCheck { regex, json_schema, min_length } = check;
    let schema = json_schema.as_ref().map(|schema| match &schema.file {
        Some(file) => format!("JSON as {file} says"),
        None => "JSON as its schema says".to_owned(),
    });
    let parts = [
        regex.as_ref().map(|regex| format!("matches {regex}")),
        schema,
        min_length.map(|least| format!("{} or more", show_count_of(u64::from(least), "character"))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What an endpoint is sent: `summaries`, `code (60.0 % python, 40.0 % react)`.
pub(super) fn workload(endpoint: &PlannedEndpoint) -> String {
    let name = &endpoint.workload_name;
    match &endpoint.workload {
        Workload::Synthetic(_) | Workload::Dataset(_) | Workload::Trace(_) => name.clone(),
        Workload::Conversation(Conversation { turns, .. }) => {
            format!("{name} ({})", show_count_of(u64::from(*turns), "turn"))
        }
        Workload::Snippets(Snippets { mix, .. }) => {
            let weights = Language::ALL.map(|language| (language.name(), mix.weight(language)));
            let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
            let drawn = weights.into_iter().filter(|(_, weight)| *weight > 0.0);
            let parts: Vec<_> = drawn
                .map(|(language, weight)| format!("{} {language}", show_share(weight / total)))
                .collect();
            format!("{name} ({})", parts.join(", "))
        }
    }
}

/// A load in a line: `poisson 8/s, 120s`, `4 users, 100 requests`.
pub(super) fn load(plan: &Plan, load: &LoadStep) -> String {
    let mut parts = Vec::new();
    match &load.pattern {
        Pattern::Closed { users, ramp_up, think_time } => {
            parts.push(if *users == 1 { "1 user".to_owned() } else { format!("{users} users") });
            if !ramp_up.is_zero() {
                parts.push(format!("ramp-up {}", write_duration(*ramp_up)));
            }
            if !think_time.is_zero() {
                parts.push(format!("think time {}", write_duration(*think_time)));
            }
        }
        Pattern::Open { arrivals, stages, spikes, concurrency_limit } => {
            let stages = spikes.as_ref().map_or(stages, |spikes| &spikes.base);
            let process = process(*arrivals);
            let rates = if is_constant(stages) {
                format!("{}/s", stages[0].from)
            } else {
                stages.iter().map(stage).collect::<Vec<_>>().join(", ")
            };
            parts.push(format!("{process} {rates}"));
            parts.extend(spikes.as_ref().map(self::spikes));
            parts.extend(concurrency_limit.map(|limit| format!("at most {limit} in flight")));
        }
        Pattern::Trace { speed, concurrency_limit, .. } => {
            parts.push(match speed {
                1.0 => "trace".to_owned(),
                speed => format!("trace at {speed} times its speed"),
            });
            parts.extend(concurrency_limit.map(|limit| format!("at most {limit} in flight")));
        }
    }
    parts.extend((load.batch > 1).then(|| format!("{} prompts a request", load.batch)));
    parts.extend(load.requests.map(|requests| format!("{} requests", show_count(requests))));
    parts.extend(load.duration.filter(|duration| !in_stages(&load.pattern, *duration)).map(write_duration));
    parts.extend(load.until.map(|until| format!("until {} ends", plan.steps[until].phase)));
    parts.extend(load.same_as.as_ref().map(|same| format!("{} of {}", show_share(same.share), same.phase)));
    parts.extend(
        (!load.settle.is_zero()).then(|| format!("the first {} settle", write_duration(load.settle))),
    );
    if !load.measure {
        parts.push("not measured".to_owned());
    }
    if load.require_steady {
        parts.push("has to be steady".to_owned());
    }
    parts.join(", ")
}

/// What a search does, in a line: `search rate 1 to 200, poisson, 30s or more each, at most 14 trials, until targets`.
pub(super) fn search(search: &Search) -> String {
    let Search { over, from, to, step, until, .. } = search;
    let process = match over {
        Sought::Rate { arrivals } => Some(process(*arrivals)),
        Sought::Users => None,
    };
    let until = match until {
        Until::Targets => "targets".to_owned(),
        Until::Broken => "broken".to_owned(),
        Until::Named(names) => names.join(", "),
    };
    let first = format!("search {} {from} to {to}", over.name());
    let rest = [
        format!("{} or more each", write_duration(*step)),
        format!("at most {} trials", search.trials()),
        format!("until {until}"),
    ];
    std::iter::once(first).chain(process).chain(rest).collect::<Vec<_>>().join(", ")
}

fn process(arrivals: Arrivals) -> String {
    match arrivals {
        Arrivals::Constant => "constant".to_owned(),
        Arrivals::Poisson => "poisson".to_owned(),
        Arrivals::Gamma { cv } => format!("gamma (cv {cv})"),
    }
}

/// Whether the stages of a pattern say already how long it takes.
fn in_stages(pattern: &Pattern, duration: Duration) -> bool {
    let Pattern::Open { stages, spikes, .. } = pattern else { return false };
    let stages = spikes.as_ref().map_or(stages, |spikes| &spikes.base);
    !is_constant(stages) && stages.iter().map(|stage| stage.over).sum::<Duration>() == duration
}

fn is_constant(stages: &[Stage]) -> bool {
    matches!(stages, [only] if only.from == only.to)
}

fn stage(stage: &Stage) -> String {
    let over = write_duration(stage.over);
    if stage.from == stage.to {
        format!("{}/s for {over}", stage.from)
    } else {
        format!("{} to {}/s over {over}", stage.from, stage.to)
    }
}

fn spikes(spikes: &PlannedSpikes) -> String {
    let [lasting, every] = [spikes.lasting, spikes.every].map(write_duration);
    format!("spikes {}/s for {lasting} every {every}", spikes.rate)
}

/// What a run comes to at most: `1,000 requests, 5/s, 2h`.
pub(super) fn ceiling(ceiling: Ceiling) -> String {
    let Ceiling { requests, rate, duration } = ceiling;
    format!("{}, {rate}/s, {}", show_count_of(requests, "request"), write_duration(duration))
}

/// What requests should meet: `ttft ≤ 500 ms, tpot ≤ 50.0 ms`; `any answer` where nothing is asked.
pub fn objectives(objectives: &[Objective]) -> String {
    if objectives.is_empty() {
        return "any answer".to_owned();
    }
    let each = objectives.iter().map(|objective| {
        let limit = objective.metric.unit().show(objective.at_most.as_secs_f64());
        format!("{} ≤ {limit}", objective.metric.name())
    });
    each.collect::<Vec<_>>().join(", ")
}

/// What is read while a run goes on: `every 100ms, energy every 1s, power at rest subtracted`.
pub fn monitoring(monitoring: Monitoring) -> String {
    let Monitoring { enabled, interval, energy_interval, subtract_idle, estimate } = monitoring;
    if !enabled {
        return "nothing is read".to_owned();
    }
    let idle = if subtract_idle { ", power at rest subtracted" } else { "" };
    let estimate = estimate.map_or_else(String::new, |PowerEstimate { idle_watts, busy_watts }| {
        format!("; where nothing tells it, {idle_watts} to {busy_watts} W by the processors")
    });
    let (interval, energy_interval) = (write_duration(interval), write_duration(energy_interval));
    format!("every {interval}, energy every {energy_interval}{idle}{estimate}")
}

/// A price: `0.69 an hour`.
pub fn price(price: Price) -> String {
    match price {
        Price::PerHour(price) => format!("{price} an hour"),
        Price::PerMillionTokens { input, output } => {
            format!("{input} for a million input tokens, {output} for a million output tokens")
        }
    }
}

/// A target's limit: `ttft.p95 ≤ 200 ms`.
pub(super) fn limit(target: &PlannedTarget) -> String {
    let unit = target.metric.metric.unit();
    let metric = target.metric;
    match target.bound {
        Bound::AtLeast(limit) => format!("{metric} ≥ {}", unit.show(limit)),
        Bound::AtMost(limit) => format!("{metric} ≤ {}", unit.show(limit)),
        Bound::Between(low, high) => format!("{} ≤ {metric} ≤ {}", unit.show(low), unit.show(high)),
    }
}
