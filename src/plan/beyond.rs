//! What a plan asks of the machine that it runs on beyond what that was seen to do.

use super::{
    LoadStep, Pattern, Plan, PlannedEndpoint, Step, describe, expect::service_seconds, graph::most_at_once,
    schedule,
};
use crate::{
    machine::{Calibration, calibration::Form},
    units::{show_count, show_count_of, show_number},
    workload::MeanTokens,
};

/// Rounds after which what answers take and how many there are have found each other, or never will.
const ROUNDS: usize = 100;

/// What loads the client, of one step.
struct Demand<'a> {
    step: &'a Step,
    load: &'a LoadStep,
    streams: f64,
    rate: f64,
}

/// What the steps of a plan ask for beyond a calibration, worst first of each phase: lines like other warnings, the fix behind
/// `help:`. Of open loops the streams at once are an estimate, rate × time of an answer.
pub fn beyond(plan: &Plan, calibration: &Calibration) -> Vec<String> {
    let means: Vec<MeanTokens> = plan.endpoints.iter().map(PlannedEndpoint::mean_tokens).collect();
    let demands: Vec<Demand> = plan
        .loads()
        .map(|(step, load)| Demand {
            step,
            load,
            streams: streams(plan, load, &means),
            rate: peak_rate(load),
        })
        .collect();
    let mut warnings = Vec::new();
    let streams = Limit::streams(calibration);
    let rates = Limit::rates(calibration);
    let (mut too_many, mut too_fast) = (false, false);
    for phase in demands.chunk_by(|one, next| one.step.phase == next.step.phase) {
        let most = |of: fn(&Demand) -> f64| phase.iter().max_by(|one, other| of(one).total_cmp(&of(other)));
        if let Some(demand) =
            most(|demand| demand.streams).filter(|demand| streams.is_exceeded(demand.streams))
        {
            too_many = true;
            warnings.push(told(demand, &kept_open(demand), &streams));
        }
        if let Some(demand) = most(|demand| demand.rate).filter(|demand| rates.is_exceeded(demand.rate)) {
            too_fast = true;
            let what = format!("`{}` sends {} requests/s", key(demand.load), show_number(demand.rate));
            warnings.push(told(demand, &what, &rates));
        }
    }
    let together = |of: fn(&Demand) -> f64| {
        most_at_once(plan, |step| {
            let demand = demands.iter().find(|demand| demand.step.id == step.id);
            demand.map_or(0, |demand| of(demand).ceil() as u64)
        })
    };
    let side_by_side = |what: String, limit: &Limit| {
        format!(
            "phases side by side come to {what}; {limit}\nhelp: {}",
            help("let the phases run one after another")
        )
    };
    let (all_streams, all_rates) = (together(|demand| demand.streams), together(|demand| demand.rate));
    if !too_many && streams.is_exceeded(all_streams as f64) {
        let what = format!("about {} at once", show_count_of(all_streams, "stream"));
        warnings.push(side_by_side(what, &streams));
    }
    if !too_fast && rates.is_exceeded(all_rates as f64) {
        let what = format!("{} requests/s", show_count(all_rates));
        warnings.push(side_by_side(what, &rates));
    }
    warnings
}

/// What a machine was seen to hold.
struct Limit<'a> {
    calibration: &'a Calibration,
    most: Option<f64>,
    failed: Option<f64>,
    /// What it does with so many, by `times` and `time`.
    verbs: [&'static str; 2],
    show: fn(f64) -> String,
}

impl<'a> Limit<'a> {
    fn streams(calibration: &'a Calibration) -> Self {
        let of = &calibration.streams;
        Self {
            calibration,
            most: of.most.map(f64::from),
            failed: of.failed.map(f64::from),
            verbs: ["times", "time"],
            show: |streams| format!("{} at once", show_count_of(streams as u64, "stream")),
        }
    }

    fn rates(calibration: &'a Calibration) -> Self {
        let of = &calibration.requests;
        Self {
            calibration,
            most: of.most,
            failed: of.failed,
            verbs: ["sends", "send"],
            show: |rate| format!("{} requests/s in time", show_number(rate)),
        }
    }

    /// Whether it is more than was held; of nothing that was, whether it is as much as was tried.
    fn is_exceeded(&self, asked: f64) -> bool {
        match (self.most, self.failed) {
            // as it is told: nobody understands that 200 are more than 200
            (Some(most), _) => asked.round() > most,
            (None, Some(failed)) => asked.round() >= failed,
            (None, None) => false,
        }
    }
}

impl std::fmt::Display for Limit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [does, to_do] = self.verbs;
        match (self.most, self.failed) {
            (Some(most), failed) => {
                write!(f, "this machine {does} {}", (self.show)(most))?;
                if failed.is_none() {
                    write!(f, ", and more was not tried")?;
                }
            }
            (None, Some(failed)) => write!(f, "this machine does not even {to_do} {}", (self.show)(failed))?,
            (None, None) => write!(f, "of this machine nothing is known")?,
        }
        let Calibration { measured_at, form, .. } = self.calibration;
        let day = measured_at.split('T').next().unwrap_or_default();
        match form {
            Form::Full => write!(f, " (calibrated on {day})"),
            Form::Short => {
                write!(f, " (calibrated on {day} in the short form; `scenario calibrate` looks closer)")
            }
        }
    }
}

fn told(demand: &Demand, what: &str, limit: &Limit) -> String {
    let less = match &demand.load.pattern {
        Pattern::Closed { .. } => "lower the users",
        Pattern::Open { .. } => "lower the rate",
        Pattern::Trace { .. } => "lower the speed",
    };
    format!("{}: {what}; {limit}\nhelp: {}", place(demand), help(less))
}

fn help(first: &str) -> String {
    format!("{first}, split the load over several machines, or leave this one's processors to the tool")
}

fn place(demand: &Demand) -> String {
    let name = describe::step_name(demand.step);
    if demand.load.explores { format!("step `{name}`") } else { format!("phase `{name}`") }
}

/// What keeps so many streams open.
fn kept_open(demand: &Demand) -> String {
    let (key, streams) = (key(demand.load), show_count_of(demand.streams.round() as u64, "stream"));
    match &demand.load.pattern {
        Pattern::Closed { .. } => format!("`{key}` keeps {streams} open at once"),
        Pattern::Open { .. } | Pattern::Trace { .. } => {
            format!("`{key}` keeps about {streams} open at once, at {} requests/s", show_number(demand.rate))
        }
    }
}

/// The key that says how much it is.
fn key(load: &LoadStep) -> &'static str {
    match &load.pattern {
        _ if load.same_as.is_some() => "load.same_as",
        Pattern::Closed { .. } => "load.closed.users",
        Pattern::Open { spikes: Some(spikes), .. } if spikes.rate >= peak_rate(load) => {
            "load.open.spikes.rate"
        }
        Pattern::Open { spikes: Some(spikes), .. } if spikes.base.len() > 1 => "load.open.stages",
        Pattern::Open { spikes: None, stages, .. }
            if stages.len() > 1 || stages.iter().any(|stage| stage.from.to_bits() != stage.to.to_bits()) =>
        {
            "load.open.stages"
        }
        Pattern::Open { .. } => "load.open.rate",
        Pattern::Trace { .. } => "load.trace.speed",
    }
}

/// The highest rate of an open loop; 0 of a closed one, whose rate the server sets.
fn peak_rate(load: &LoadStep) -> f64 {
    schedule::peak_rate(&load.pattern).unwrap_or(0.0)
}

/// Streams that a step is expected to have open at once, at its peak: answers that come whole are none.
fn streams(plan: &Plan, load: &LoadStep, means: &[MeanTokens]) -> f64 {
    let streamed = || load.traffic.iter().filter(|traffic| plan.endpoints[traffic.endpoint].stream);
    let share: f64 = streamed().map(|traffic| traffic.share).sum();
    let (limit, rate) = match &load.pattern {
        Pattern::Closed { users, .. } => {
            let users = f64::from(*users);
            return load.requests.map_or(users, |requests| users.min(requests as f64)) * share;
        }
        Pattern::Open { concurrency_limit, .. } | Pattern::Trace { concurrency_limit, .. } => {
            (*concurrency_limit, peak_rate(load))
        }
    };
    let most =
        f64::from(limit.map_or(plan.limits.max_in_flight, |limit| limit.min(plan.limits.max_in_flight)));
    let most = load.requests.map_or(most, |requests| most.min(requests as f64));
    // Little's law; how long an answer takes may follow from how many there are, so both are approached from below
    let mut streams = 0.0;
    for _ in 0..ROUNDS {
        let next: f64 = streamed()
            .map(|traffic| {
                let (endpoint, mean) = (&plan.endpoints[traffic.endpoint], means[traffic.endpoint]);
                let here = streams * traffic.share / share;
                rate * traffic.share * service_seconds(endpoint, mean, here, f64::from(load.batch))
            })
            .sum();
        let next = next.min(most);
        if (next - streams).abs() < 0.5 {
            return next;
        }
        streams = next;
    }
    streams
}
