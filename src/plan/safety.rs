//! What a plan must not do: load public hosts that nobody named, or exceed its ceiling.

use std::time::Duration;

use super::{LoadStep, Pattern, Plan, Step, compile, render, totals};
use crate::{
    config::{Address, Problems, Refusal, Scenario, Stage, locate},
    hosts,
    units::{show_count, show_count_of, show_number, show_seconds, write_duration},
};

/// Compiles the cases of a scenario as [`compile`] does, unless one of the plans must not be run.
///
/// # Errors
///
/// Every reason for which it must not, at the values at fault.
pub fn admit(cases: &[Scenario]) -> Result<Vec<Plan>, Problems> {
    let plans: Vec<Plan> = cases.iter().map(compile).collect();
    let refused: Vec<_> = cases.iter().zip(plans.iter().map(refusals)).collect();
    if refused.iter().all(|(_, refusals)| refusals.is_empty()) { Ok(plans) } else { Err(locate(&refused)) }
}

/// Everything for which a plan must not be run, with the values at fault. What is simulated may do anything.
pub fn refusals(plan: &Plan) -> Vec<Refusal> {
    let mut refusals = public_hosts(plan);
    let real: Vec<Real<'_>> = plan.loads().filter_map(|(step, load)| Real::of(plan, step, load)).collect();
    refusals.extend(too_many_requests(plan, &real));
    refusals.extend(too_fast(plan, &real));
    refusals.extend(too_long(plan, &real));
    refusals
}

fn public_hosts(plan: &Plan) -> Vec<Refusal> {
    let refused = plan.endpoints.iter().filter_map(|endpoint| {
        let Address::Url(url) = &endpoint.address else { return None };
        let host = hosts::of_url(url).filter(|host| !hosts::is_allowed(host, &plan.limits.allow_hosts))?;
        let path = format!("endpoints.{}.url", endpoint.name);
        Some(Refusal {
            message: format!("`{path}` leads to the public host `{host}`, which nobody allowed"),
            path,
            label: "a public host".to_owned(),
            help: format!(
                "if its owner agrees, add `run.allow_hosts = [\"{host}\"]` or `--allow-host {host}`; local servers \
                 need neither"
            ),
            other: None,
        })
    });
    refused.collect()
}

/// A step that sends requests to servers that are not simulated.
struct Real<'a> {
    step: &'a Step,
    load: &'a LoadStep,
    /// The share of its requests that goes there, above 0.
    share: f64,
}

impl<'a> Real<'a> {
    fn of(plan: &Plan, step: &'a Step, load: &'a LoadStep) -> Option<Self> {
        let real = load.traffic.iter().filter(|traffic| !plan.endpoints[traffic.endpoint].simulated());
        let share = real.map(|traffic| traffic.share).sum::<f64>();
        (share > 0.0).then_some(Self { step, load, share })
    }

    /// Requests; none where they cannot be known, and then the engine holds the ceiling.
    fn requests(&self) -> f64 {
        self.step.expected.requests.unwrap_or(0.0) * self.share
    }

    /// The most requests per second at any time; `None` for a closed loop.
    fn rate(&self) -> Option<f64> {
        let Pattern::Open { stages, .. } = &self.load.pattern else { return None };
        Some(highest(stages) * self.share)
    }

    /// The key of the phase that decides its rate.
    fn rate_key(&self) -> &'static str {
        match &self.load.pattern {
            Pattern::Open { spikes: Some(spikes), .. } if spikes.rate >= highest(&spikes.base) => {
                "spikes.rate"
            }
            Pattern::Open { stages, spikes, .. } => {
                match spikes.as_ref().map_or(stages, |spikes| &spikes.base).as_slice() {
                    [only] if only.from == only.to => "rate",
                    _ => "stages",
                }
            }
            Pattern::Closed { .. } => "",
        }
    }
}

fn highest(stages: &[Stage]) -> f64 {
    stages.iter().map(|stage| stage.from.max(stage.to)).fold(0.0, f64::max)
}

fn about(estimated: bool) -> &'static str {
    if estimated { "about " } else { "" }
}

/// What exceeds a ceiling: the ceiling by its key, and how a flag lifts it.
fn refuse(message: String, path: String, label: String, key: &str, lift: &str) -> Refusal {
    Refusal {
        message,
        path,
        label,
        help: format!("plan less, or lift the ceiling for this run: `--ceiling {key}={lift}`"),
        other: Some((format!("run.ceiling.{key}"), "the ceiling".to_owned())),
    }
}

fn too_many_requests(plan: &Plan, real: &[Real<'_>]) -> Option<Refusal> {
    let ceiling = plan.limits.ceiling.requests;
    let requests: f64 = real.iter().map(Real::requests).sum();
    if requests <= ceiling as f64 {
        return None;
    }
    let most = real.iter().max_by(|one, other| one.requests().total_cmp(&other.requests()))?;
    let phase = &most.step.phase;
    let here: f64 = real.iter().filter(|real| real.step.phase == *phase).map(Real::requests).sum();
    let about = about(real.iter().any(|real| render::requests_estimated(real.step, real.load)));
    let requests = requests.ceil() as u64;
    // where no count is written, the whole phase makes it
    let path = format!("phases.{phase}{}", if most.load.requests.is_some() { ".requests" } else { "" });
    Some(refuse(
        format!(
            "the plan sends {about}{}, and the ceiling is {}",
            show_count_of(requests, "request"),
            show_count(ceiling)
        ),
        path,
        format!("{} in `{phase}`", show_count_of(here.ceil() as u64, "request")),
        "requests",
        &requests.to_string(),
    ))
}

fn too_fast(plan: &Plan, real: &[Real<'_>]) -> Option<Refusal> {
    let ceiling = plan.limits.ceiling.rate;
    let rated = real.iter().filter_map(|real| Some((real, real.rate()?)));
    let (fastest, rate) = rated.max_by(|(_, one), (_, other)| one.total_cmp(other))?;
    if rate <= ceiling {
        return None;
    }
    let phase = &fastest.step.phase;
    Some(refuse(
        format!(
            "phase `{phase}` sends up to {} requests/s, and the ceiling is {}/s",
            show_number(rate),
            show_number(ceiling)
        ),
        format!("phases.{phase}.load.open.{}", fastest.rate_key()),
        format!("{} requests/s", show_number(rate)),
        "rate",
        &format!("{rate}/s"),
    ))
}

fn too_long(plan: &Plan, real: &[Real<'_>]) -> Option<Refusal> {
    let ceiling = plan.limits.ceiling.duration.as_secs_f64();
    let seconds = totals(plan).duration_s.filter(|seconds| !real.is_empty() && *seconds > ceiling)?;
    let of = |step: &Step| step.expected.duration_s.unwrap_or(0.0);
    let longest = plan.steps.iter().max_by(|one, other| of(one).total_cmp(&of(other)))?;
    let phase = &longest.phase;
    let here: f64 = plan.steps.iter().filter(|step| step.phase == *phase).map(of).sum();
    let key = match longest.load() {
        None => ".pause",
        Some(load) if load.duration.is_none() => "",
        Some(_) => ".duration",
    };
    let about = about(real.iter().any(|real| render::duration_estimated(real.step, real.load)));
    Some(refuse(
        format!(
            "the plan takes {about}{}, and the ceiling is {}",
            show_seconds(seconds),
            show_seconds(ceiling)
        ),
        format!("phases.{phase}{key}"),
        format!("{} in `{phase}`", show_seconds(here)),
        "duration",
        &write_duration(Duration::from_secs(seconds.ceil() as u64)),
    ))
}
