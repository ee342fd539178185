//! What a plan comes to before it runs: requests, tokens and time of every step, and their totals.

use std::{collections::HashMap, time::Duration};

use sha2::{Digest, Sha256};

use super::{
    Expected, LoadStep, Pattern, Plan, PlannedEndpoint, Step, Stretch, Work, paid_seconds, schedule,
    trial_length,
};
use crate::{
    config::{Price, Sought, Stage, TracePart},
    units::seconds_to_duration,
    workload::MeanTokens,
};

/// Seconds to the first token that a real server is assumed to take.
const ASSUMED_TTFT_S: f64 = 0.2;

/// Tokens per second and user that a real server is assumed to decode.
const ASSUMED_TOKENS_PER_SECOND: f64 = 30.0;

/// Arrivals of a plan that are counted one by one, a few hundredths of a second's work; schedules beyond them are given
/// by their means.
const COUNTED_ARRIVALS: f64 = 2e6;

/// Arrivals of a schedule that are counted again sooner than looked up.
const FEW: f64 = 1e3;

/// Schedules that were counted: many cases of a matrix have the same.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// The number of arrivals and the time of the last, by the hash of what a schedule depends on.
    known: HashMap<[u8; 32], (u64, u64)>,
}

impl Counts {
    /// The number of arrivals of an open step, about `expected`, and the time of the last in nanoseconds.
    fn of(&mut self, step: &Step, stages: &[Stage], seed: u64, expected: f64) -> (u64, u64) {
        let count = || {
            let arrivals = schedule::of_step(step, seed).into_iter().flatten();
            arrivals.fold((0, 0), |(count, _), at| (count + 1, at))
        };
        let Some(load) = step.load().filter(|_| expected > FEW) else { return count() };
        let Pattern::Open { arrivals, .. } = &load.pattern else { return count() };
        let mut hash = Sha256::new();
        let key = schedule::step_key(&step.phase, &step.name);
        hash.update(format!("{seed} {key} {arrivals:?} {:?} {:?}", load.requests, load.duration));
        for stage in stages {
            hash.update(stage.from.to_bits().to_le_bytes());
            hash.update(stage.to.to_bits().to_le_bytes());
            hash.update(stage.over.as_nanos().to_le_bytes());
        }
        *self.known.entry(hash.finalize().into()).or_insert_with(count)
    }
}

/// Fills in the expectations of every step.
pub(super) fn fill(plan: &mut Plan, counts: &mut Counts) {
    let means: Vec<MeanTokens> = plan.endpoints.iter().map(PlannedEndpoint::mean_tokens).collect();
    let mut countable = COUNTED_ARRIVALS;
    let mut count = |step: &Step, stages: &[Stage], arrivals: f64| {
        countable -= arrivals;
        (countable >= 0.0).then(|| counts.of(step, stages, plan.seed, arrivals))
    };
    for index in 0..plan.steps.len() {
        let longest = longest(plan, index, &means);
        let step = longest.as_ref().map_or(&plan.steps[index], |(step, _)| step);
        let expected = expected(step, &plan.endpoints, &means, &mut count);
        let duration_s = longest.map_or(expected.duration_s, |(_, duration)| Some(duration.as_secs_f64()));
        plan.steps[index].expected = Expected { duration_s, ..expected };
    }
    for index in 0..plan.steps.len() {
        let Some(within) = plan.steps[index].load().and_then(|load| within(load, &plan.steps)) else {
            continue;
        };
        let step = Step { work: Work::Load(within), ..plan.steps[index].clone() };
        let expected = expected(&step, &plan.endpoints, &means, &mut count);
        plan.steps[index].expected = Expected { assumed: true, ..expected };
    }
    for (index, cost) in costs(plan).into_iter().enumerate() {
        plan.steps[index].expected.cost = cost;
    }
}

/// A trial of a search as the most it may send, and how long it may last: `None` of other steps.
///
/// It sends the most at the highest level that it may have, and lasts the longest at the lowest. What is undecided is tried again for
/// twice as long, which is every second trial at most: no sum over a search is larger than with all trials of an even number so. How fast
/// users are answered is estimated, and not known to the first trial either.
fn longest(plan: &Plan, index: usize, means: &[MeanTokens]) -> Option<(Step, Duration)> {
    let step = &plan.steps[index];
    let load = step.load()?;
    let (trial, highest) = (load.trial.as_ref()?, load.level()?);
    let before = plan.steps[..index].iter().filter(|other| other.phase == step.phase).count();
    let times = if before % 2 == 0 { 1 } else { 2 };
    let length = |level: f64| {
        let rate = match trial.search.over {
            Sought::Rate { .. } => Some(level),
            Sought::Users => {
                let turn = seconds_per_request(load, level as u32, &plan.endpoints, means);
                (before > 0).then_some(level / turn)
            }
        };
        trial_length(plan, load, rate, times)
    };
    let work = Work::Load(load.at(highest, length(highest)));
    Some((Step { work, ..step.clone() }, length(trial.search.from)))
}

/// Counts the arrivals of a step with these stages and so many of them on average; `None` where it would take too long.
type Count<'a> = &'a mut dyn FnMut(&Step, &[Stage], f64) -> Option<(u64, u64)>;

/// The load of a step that ends with another one, as if it ended by the time that the other's phase is expected to
/// take. `None` where a step ends by itself.
fn within(load: &LoadStep, steps: &[Step]) -> Option<LoadStep> {
    let host = &steps.get(load.until?)?.phase;
    let seconds =
        steps.iter().filter(|step| step.phase == *host).filter_map(|step| step.expected.duration_s).sum();
    let span = seconds_to_duration(seconds)?;
    let mut load = LoadStep { until: None, ..load.clone() };
    if let (Pattern::Open { stages, .. }, None) = (&mut load.pattern, load.duration)
        && let [rate] = stages.as_mut_slice()
    {
        rate.over = span;
    }
    load.duration = Some(load.duration.map_or(span, |duration| duration.min(span)));
    Some(load)
}

/// What each step but the readiness check costs at the price of the plan: for its part of the hours, without the drain,
/// or for its tokens.
fn costs(plan: &Plan) -> Vec<Option<f64>> {
    let stretch = |(step, (from_s, to_s)): (&Step, (f64, f64))| {
        let Expected { input_tokens, output_tokens, .. } = step.expected;
        let tokens = input_tokens.zip(output_tokens).map(|(input, output)| input + output);
        Stretch { from_s, to_s, tokens }
    };
    let stretches: Option<Vec<Stretch>> =
        spans(plan).map(|spans| plan.steps.iter().zip(spans).map(stretch).collect());
    let paid = stretches.map_or_else(|| vec![None; plan.steps.len()], |stretches| paid_seconds(&stretches));
    let paid = plan.steps.iter().zip(paid);
    paid.map(|(step, paid)| step.expected.duration_s.and(cost(&step.expected, paid, plan.price))).collect()
}

/// What so many seconds of the platform, or the tokens expected in them, cost.
fn cost(expected: &Expected, seconds: Option<f64>, price: Option<Price>) -> Option<f64> {
    Some(price?.cost(seconds?, expected.input_tokens?, expected.output_tokens?))
}

/// All steps together: the sums, and the longest way through the graph. A figure is known when that of every step but
/// the readiness check is.
pub fn totals(plan: &Plan) -> Expected {
    let sum = |figure: fn(&Expected) -> Option<f64>| {
        let steps = plan.steps.iter().filter(|step| !matches!(step.work, Work::Ready { .. }));
        steps.map(|step| figure(&step.expected)).sum::<Option<f64>>()
    };
    let whole = Expected {
        requests: sum(|expected| expected.requests),
        input_tokens: sum(|expected| expected.input_tokens),
        output_tokens: sum(|expected| expected.output_tokens),
        duration_s: spans(plan).map(|spans| spans.into_iter().map(|(_, to_s)| to_s).fold(0.0, f64::max)),
        cost: None,
        assumed: plan.steps.iter().any(|step| step.expected.assumed),
    };
    Expected { cost: cost(&whole, whole.duration_s, plan.price), ..whole }
}

/// From and to of every step, in seconds, when each begins as soon as it may: there is no moment without any.
fn spans(plan: &Plan) -> Option<Vec<(f64, f64)>> {
    let mut spans: Vec<(f64, f64)> = Vec::with_capacity(plan.steps.len());
    for step in &plan.steps {
        let begin = step.after.iter().map(|before| spans[*before].1).fold(0.0, f64::max);
        let length = match step.work {
            Work::Ready { .. } | Work::Spared => 0.0,
            Work::Load(_) | Work::Pause { .. } | Work::Watch { .. } => step.expected.duration_s?,
        };
        spans.push((begin, begin + length));
    }
    Some(spans)
}

/// Requests and seconds of a step.
struct Extent {
    requests: f64,
    duration_s: f64,
    assumed: bool,
}

fn expected(step: &Step, endpoints: &[PlannedEndpoint], means: &[MeanTokens], count: Count<'_>) -> Expected {
    let Some(load) = step.load() else {
        let nothing = Some(0.0);
        return Expected {
            requests: nothing,
            input_tokens: nothing,
            output_tokens: nothing,
            duration_s: match &step.work {
                Work::Pause { duration } => Some(duration.as_secs_f64()),
                Work::Watch { duration } => duration.map(|duration| duration.as_secs_f64()),
                // how long a server takes to start is not for the plan to know
                _ => None,
            },
            cost: None,
            assumed: false,
        };
    };
    if load.until.is_some() {
        // known once the steps that it ends with are
        return Expected::default();
    }
    let extent = match &load.pattern {
        Pattern::Trace { part, .. } => {
            return part.map_or_else(Expected::default, |part| trace(load, part, endpoints));
        }
        Pattern::Open { stages, .. } => open(step, load, stages, count),
        Pattern::Closed { users, ramp_up, think_time } => {
            let turn = seconds_per_request(load, *users, endpoints, means) + think_time.as_secs_f64();
            closed(load, *users, ramp_up.as_secs_f64(), turn)
        }
    };
    let per_request = |tokens: fn(&MeanTokens) -> f64| -> f64 {
        let per_prompt: f64 =
            load.traffic.iter().map(|traffic| traffic.share * tokens(&means[traffic.endpoint])).sum();
        per_prompt * f64::from(load.batch)
    };
    Expected {
        requests: Some(extent.requests),
        input_tokens: Some(extent.requests * per_request(|tokens| tokens.input)),
        output_tokens: Some(extent.requests * per_request(|tokens| tokens.output)),
        duration_s: Some(extent.duration_s),
        cost: None,
        assumed: extent.assumed,
    }
}

/// An open loop is known exactly, since its schedule follows from the seed.
fn open(step: &Step, load: &LoadStep, stages: &[Stage], count: Count<'_>) -> Extent {
    let arrivals = schedule::expected_arrivals(load).unwrap_or_default();
    let Some((count, last_ns)) = count(step, stages, arrivals) else {
        let rate = schedule::mean_rate(stages).unwrap_or_default();
        let whole = load.duration.map_or(f64::INFINITY, |duration| duration.as_secs_f64());
        return Extent { requests: arrivals, duration_s: (arrivals / rate).min(whole), assumed: true };
    };
    // the step ends with its last arrival where that is its last request
    let duration = load.duration.filter(|_| load.requests != Some(count));
    let duration_s = duration.map_or(last_ns as f64 / 1e9, |duration| duration.as_secs_f64());
    Extent { requests: count as f64, duration_s, assumed: false }
}

/// A trace is known row by row. Where another step ends it before, as much of it as that one's length is of its own.
fn trace(load: &LoadStep, part: TracePart, endpoints: &[PlannedEndpoint]) -> Expected {
    let whole_s = part.last_ns as f64 / 1e9;
    let duration_s = load.duration.map(|duration| duration.as_secs_f64());
    let share =
        duration_s.filter(|duration_s| *duration_s < whole_s).map_or(1.0, |duration_s| duration_s / whole_s);
    let answering = load.traffic.iter().filter(|traffic| endpoints[traffic.endpoint].protocol.generates());
    let answered: f64 = answering.map(|traffic| traffic.share).sum();
    // its last request ends it where that is the last by count
    let by_time = duration_s.filter(|_| load.requests != Some(part.requests));
    Expected {
        requests: Some((part.requests as f64 * share).floor()),
        input_tokens: Some(part.input_tokens as f64 * share),
        output_tokens: Some(part.output_tokens as f64 * share * answered),
        duration_s: Some(by_time.unwrap_or(whole_s)),
        cost: None,
        assumed: false,
    }
}

/// A closed loop goes as fast as it is answered: `turn` seconds per request and user. Users start evenly over
/// `ramp_up`, which costs half of it.
fn closed(load: &LoadStep, users: u32, ramp_up: f64, turn: f64) -> Extent {
    let users = f64::from(users);
    let in_time = |duration_s: f64| users * (duration_s - ramp_up.min(duration_s) / 2.0) / turn;
    let time_for = |requests: f64| ramp_up / 2.0 + (requests / users).max(1.0) * turn;
    let duration_s = load.duration.map(|duration| duration.as_secs_f64());
    match (load.requests.map(|requests| requests as f64), duration_s) {
        (Some(requests), Some(duration_s)) if in_time(duration_s) < requests => {
            Extent { requests: in_time(duration_s).floor(), duration_s, assumed: true }
        }
        (Some(requests), _) => Extent { requests, duration_s: time_for(requests), assumed: true },
        (None, duration_s) => {
            let duration_s = duration_s.unwrap_or(0.0);
            Extent { requests: in_time(duration_s).floor(), duration_s, assumed: true }
        }
    }
}

/// The mean time that a server holds a user's request, with the users spread over the endpoints by their shares.
fn seconds_per_request(
    load: &LoadStep,
    users: u32,
    endpoints: &[PlannedEndpoint],
    means: &[MeanTokens],
) -> f64 {
    let seconds = load.traffic.iter().map(|traffic| {
        let users_here = f64::from(users) * traffic.share;
        let endpoint = &endpoints[traffic.endpoint];
        traffic.share * service_seconds(endpoint, means[traffic.endpoint], users_here, f64::from(load.batch))
    });
    seconds.sum()
}

/// A simulated server by its settings: overhead, prefill, then output × (base + per sequence × sequences), and what
/// exceeds its batch, or its memory with answers half done, waits for a place. Every prompt of a request is a sequence. A real server by the speed assumed
/// above.
pub(super) fn service_seconds(endpoint: &PlannedEndpoint, mean: MeanTokens, users: f64, prompts: f64) -> f64 {
    let Some(sim) = &endpoint.sim else {
        return ASSUMED_TTFT_S + mean.output / ASSUMED_TOKENS_PER_SECOND;
    };
    let room = sim.kv_cache_tokens.map_or(f64::INFINITY, f64::from) / (mean.input + mean.output / 2.0);
    let places = f64::from(sim.max_batch).min(room).max(1.0);
    let sequences = users.max(1.0) * prompts;
    let decode_step = sim.step_base_s + sim.step_per_sequence_s * sequences.min(places);
    let prefill = prompts * mean.input / sim.prefill_tokens_per_second;
    (sim.overhead_s + prefill + mean.output * decode_step) * (sequences / places).max(1.0)
}
