//! What a plan must not do: load public hosts that nobody named, or exceed its ceiling.

use std::time::Duration;

use super::{LoadStep, Pattern, Plan, Step, graph::most_at_once, render, totals};
use crate::{
    config::{Address, Ceiling, Finding, Stage},
    hosts,
    units::{show_count, show_count_of, show_number, show_seconds, write_duration},
};

/// Everything for which a plan must not be run, with the values at fault. What is simulated may do anything.
pub fn findings(plan: &Plan) -> Vec<Finding> {
    let mut findings = public_hosts(plan);
    let real: Vec<Real<'_>> = plan.loads().filter_map(|(step, load)| Real::of(plan, step, load)).collect();
    findings.extend(too_many_requests(plan, &real));
    findings.extend(too_fast(plan, &real));
    findings.extend(too_long(plan, &real));
    findings
}

fn public_hosts(plan: &Plan) -> Vec<Finding> {
    let refused = plan.endpoints.iter().filter_map(|endpoint| {
        let Address::Url(url) = &endpoint.address else { return None };
        let host = hosts::of_url(url).filter(|host| !hosts::is_allowed(host, &plan.limits.allow_hosts))?;
        let path = format!("endpoints.{}.url", endpoint.name);
        Some(Finding {
            message: format!("`{path}` leads to the public host `{host}`, which nobody allowed"),
            labels: vec![(path, "a public host".to_owned())],
            help: format!(
                "if its owner agrees, add `run.allow_hosts = [\"{host}\"]` or `--allow-host {host}`; local servers \
                 need neither"
            ),
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

/// What exceeds a ceiling, shown beside it where it is not the built-in one.
fn exceeds(message: String, at_fault: (String, String), (key, own): (&str, bool), lift: &str) -> Finding {
    let ceiling = own.then(|| (format!("run.ceiling.{key}"), "the ceiling".to_owned()));
    Finding {
        message,
        labels: std::iter::once(at_fault).chain(ceiling).collect(),
        help: format!("plan less, or lift the ceiling for this run: `--ceiling {key}={lift}`"),
    }
}

fn too_many_requests(plan: &Plan, real: &[Real<'_>]) -> Option<Finding> {
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
    Some(exceeds(
        format!(
            "the plan sends {about}{}, and the ceiling is {}",
            show_count_of(requests, "request"),
            show_count(ceiling)
        ),
        (path, format!("{} in `{phase}`", show_count_of(here.ceil() as u64, "request"))),
        ("requests", ceiling != Ceiling::default().requests),
        &requests.to_string(),
    ))
}

fn too_fast(plan: &Plan, real: &[Real<'_>]) -> Option<Finding> {
    let ceiling = plan.limits.ceiling.rate;
    let rated = real.iter().filter_map(|real| Some((real, real.rate()?)));
    let (fastest, alone) = rated.max_by(|(_, one), (_, other)| one.total_cmp(other))?;
    let phase = &fastest.step.phase;
    let thousandths = |step: &Step| {
        let rate = step.load().and_then(|load| Real::of(plan, step, load)?.rate());
        // no ceiling is as high, and the sum over all steps still fits
        (rate.unwrap_or(0.0) * 1000.0).min(1e15) as u64
    };
    let together = most_at_once(plan, thousandths) as f64 / 1000.0;
    let (who, rate) = if together > alone {
        ("phases side by side send".to_owned(), together)
    } else {
        (format!("phase `{phase}` sends"), alone)
    };
    if rate <= ceiling {
        return None;
    }
    Some(exceeds(
        format!(
            "{who} up to {} requests/s, and the ceiling is {}/s",
            show_number(rate),
            show_number(ceiling)
        ),
        (
            format!("phases.{phase}.load.open.{}", fastest.rate_key()),
            format!("{} requests/s", show_number(alone)),
        ),
        ("rate", ceiling != Ceiling::default().rate),
        &format!("{rate}/s"),
    ))
}

fn too_long(plan: &Plan, real: &[Real<'_>]) -> Option<Finding> {
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
    Some(exceeds(
        format!(
            "the plan takes {about}{}, and the ceiling is {}",
            show_seconds(seconds),
            show_seconds(ceiling)
        ),
        (format!("phases.{phase}{key}"), format!("{} in `{phase}`", show_seconds(here))),
        ("duration", plan.limits.ceiling.duration != Ceiling::default().duration),
        &write_duration(Duration::from_secs(seconds.ceil() as u64)),
    ))
}
