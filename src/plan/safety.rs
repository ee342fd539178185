//! What a plan must not do: load public hosts that nobody named, or exceed its ceiling.

use std::time::Duration;

use super::{
    LoadStep, Pattern, Plan, Step,
    graph::most_at_once,
    schedule::{highest, peak_rate},
    totals,
};
use crate::{
    config::{Address, Ceiling, Finding, Ready},
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
    let named = plan.endpoints.iter().flat_map(|endpoint| {
        let own = if let Address::Url(url) = &endpoint.address { Some(url) } else { None };
        let pages = endpoint.metrics.urls().iter().map(|url| ("metrics", url));
        let all = own.map(|url| ("url", url)).into_iter().chain(pages);
        all.filter_map(|(key, url)| Some((format!("endpoints.{}.{key}", endpoint.name), hosts::of_url(url)?)))
    });
    let mut refused: Vec<(String, String)> =
        named.filter(|(_, host)| !hosts::is_allowed(host, &plan.limits.allow_hosts)).collect();
    for service in &plan.services {
        let (key, hosts): (_, Vec<String>) = match &service.ready {
            Ready::Http(url) => ("ready.http", hosts::of_url(url).into_iter().collect()),
            Ready::Tcp(places) => {
                let host = |place: &String| hosts::of_url(&format!("http://{place}"));
                ("ready.tcp", places.iter().filter_map(host).collect())
            }
            Ready::Output(_) => continue,
        };
        for host in hosts {
            // the ports that are waited for may be those of endpoints, of which it was said already
            let told = refused.iter().any(|(_, other)| *other == host);
            if !told && !hosts::is_allowed(&host, &plan.limits.allow_hosts) {
                refused.push((format!("services.{}.{key}", service.name), host));
            }
        }
    }
    let refused = refused.into_iter().map(|(path, host)| Finding {
        message: format!("`{path}` leads to the public host `{host}`, which nobody allowed"),
        labels: vec![(path, "a public host".to_owned())],
        help: format!(
            "if its owner agrees, add `run.allow_hosts = [\"{host}\"]` or `--allow-host {host}`; local servers need \
             neither"
        ),
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

    /// Requests as far as the file alone says how many; where the server decides, the engine holds the ceiling.
    fn requests(&self) -> f64 {
        let expected = &self.step.expected;
        let by_count =
            self.load.requests.filter(|_| self.load.duration.is_none() && self.load.until.is_none());
        let known = if expected.assumed { by_count.map(|count| count as f64) } else { expected.requests };
        known.unwrap_or(0.0) * self.share
    }

    /// The most requests per second at any time; `None` for a closed loop.
    fn rate(&self) -> Option<f64> {
        Some(peak_rate(&self.load.pattern)? * self.share)
    }

    /// The key of the phase's load that decides its rate.
    fn rate_key(&self) -> &'static str {
        match &self.load.pattern {
            _ if self.load.trial.is_some() => "search.rate",
            Pattern::Open { spikes: Some(spikes), .. } if spikes.rate >= highest(&spikes.base) => {
                "open.spikes.rate"
            }
            Pattern::Open { stages, spikes, .. } => {
                match spikes.as_ref().map_or(stages, |spikes| &spikes.base).as_slice() {
                    [only] if only.from == only.to => "open.rate",
                    _ => "open.stages",
                }
            }
            Pattern::Trace { .. } => "trace.speed",
            Pattern::Closed { .. } => "",
        }
    }
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
    let requests = requests.ceil() as u64;
    // where no count is written, the whole phase makes it
    let path = format!("phases.{phase}{}", if most.load.requests.is_some() { ".requests" } else { "" });
    Some(exceeds(
        format!(
            "the plan sends {}, and the ceiling is {}",
            show_count_of(requests, "request"),
            show_count(ceiling)
        ),
        (path, format!("{} in `{phase}`", show_count_of(here.ceil() as u64, "request"))),
        ("requests", ceiling != Ceiling::default().requests),
        &requests.to_string(),
    ))
}

/// What runs that follow each other come to together, each plan as often as it is repeated, where no run alone is too
/// much. The highest of their ceilings is for all of them, since each is for its own.
pub fn together<'a>(plans: impl IntoIterator<Item = &'a Plan>) -> Vec<Finding> {
    let runs: Vec<Runs<'_>> = plans.into_iter().filter_map(Runs::of).collect();
    if runs.iter().any(|runs| runs.plan.repeats > 1) || runs.len() > 1 {
        too_many_together(&runs).into_iter().chain(too_long_together(&runs)).collect()
    } else {
        Vec::new()
    }
}

/// The runs of a plan that sends anything to servers that are not simulated.
struct Runs<'a> {
    plan: &'a Plan,
    /// Of one run, as far as the file alone says how many.
    requests: f64,
    /// Likewise.
    seconds: f64,
}

impl<'a> Runs<'a> {
    fn of(plan: &'a Plan) -> Option<Self> {
        let mut real = plan.loads().filter_map(|(step, load)| Real::of(plan, step, load)).peekable();
        real.peek()?;
        let seconds = known_total_seconds(plan).unwrap_or(0.0);
        Some(Self { plan, requests: real.map(|real| real.requests()).sum(), seconds })
    }

    /// The key that makes several runs of it; of one run the phase with the most requests.
    fn at_fault(&self) -> String {
        if self.plan.repeats > 1 {
            return "run.repeats".to_owned();
        }
        let largest = self.plan.loads().max_by_key(|(_, load)| load.requests);
        largest.map_or_else(String::new, |(step, _)| format!("phases.{}", step.phase))
    }
}

/// How many runs there are, and the first whose file says that there are several.
fn count<'a>(runs: &'a [Runs<'a>]) -> Option<(u64, &'a Runs<'a>)> {
    let several = runs.iter().find(|runs| runs.plan.repeats > 1).or(runs.first())?;
    Some((runs.iter().map(|runs| u64::from(runs.plan.repeats)).sum(), several))
}

fn too_many_together(runs: &[Runs<'_>]) -> Option<Finding> {
    let all: f64 = runs.iter().map(|runs| runs.requests * f64::from(runs.plan.repeats)).sum();
    let ceiling = runs.iter().map(|runs| runs.plan.limits.ceiling.requests).max()?;
    let alone = runs.iter().any(|runs| runs.requests > runs.plan.limits.ceiling.requests as f64);
    if alone || all <= ceiling as f64 {
        return None;
    }
    let (number, several) = count(runs)?;
    let all = all.ceil() as u64;
    Some(exceeds(
        format!(
            "{} together send {}, and the ceiling is {}",
            show_count_of(number, "run"),
            show_count_of(all, "request"),
            show_count(ceiling)
        ),
        (several.at_fault(), format!("run {} times in all", show_count(number))),
        ("requests", ceiling != Ceiling::default().requests),
        &all.to_string(),
    ))
}

fn too_long_together(runs: &[Runs<'_>]) -> Option<Finding> {
    let all: f64 = runs.iter().map(|runs| runs.seconds * f64::from(runs.plan.repeats)).sum();
    let ceiling = runs.iter().map(|runs| runs.plan.limits.ceiling.duration).max()?;
    let alone = runs.iter().any(|runs| runs.seconds > runs.plan.limits.ceiling.duration.as_secs_f64());
    if alone || all <= ceiling.as_secs_f64() {
        return None;
    }
    let (number, several) = count(runs)?;
    Some(exceeds(
        format!(
            "{} together take {}, and the ceiling is {}",
            show_count_of(number, "run"),
            show_seconds(all),
            show_seconds(ceiling.as_secs_f64())
        ),
        (several.at_fault(), format!("run {} times in all", show_count(number))),
        ("duration", ceiling != Ceiling::default().duration),
        &write_duration(Duration::from_secs(all.ceil() as u64)),
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
        (format!("phases.{phase}.load.{}", fastest.rate_key()), format!("{} requests/s", show_number(alone))),
        ("rate", ceiling != Ceiling::default().rate),
        &format!("{rate}/s"),
    ))
}

/// Seconds of a step as far as the file alone says how many.
fn known_seconds(step: &Step) -> f64 {
    // how long users take to give as many answers as a search needs, only they can tell
    if let Some(load) = step.load().filter(|load| load.trial.is_some() && !load.pattern.is_open()) {
        return load.duration.unwrap_or_default().as_secs_f64();
    }
    let by_time = step
        .load()
        .is_some_and(|load| load.duration.is_some() && load.requests.is_none() && load.until.is_none());
    step.expected.duration_s.filter(|_| by_time || !step.expected.assumed).unwrap_or(0.0)
}

/// Seconds of all steps, those side by side counted once.
fn known_total_seconds(plan: &Plan) -> Option<f64> {
    let mut known = plan.clone();
    for step in &mut known.steps {
        step.expected.duration_s = Some(known_seconds(step));
    }
    totals(&known).duration_s
}

fn too_long(plan: &Plan, real: &[Real<'_>]) -> Option<Finding> {
    let ceiling = plan.limits.ceiling.duration.as_secs_f64();
    let seconds = known_total_seconds(plan).filter(|seconds| !real.is_empty() && *seconds > ceiling)?;
    let of = known_seconds;
    let longest = plan.steps.iter().max_by(|one, other| of(one).total_cmp(&of(other)))?;
    let phase = &longest.phase;
    let here: f64 = plan.steps.iter().filter(|step| step.phase == *phase).map(of).sum();
    let key = match longest.load() {
        // a phase that only presses says its length as one with a load does
        None if plan.origins.iter().any(|origin| origin.path == format!("phases.{phase}.duration")) => {
            ".duration"
        }
        None => ".pause",
        Some(load) if load.trial.is_some() => ".load.search",
        Some(load) if load.duration.is_none() => "",
        Some(_) => ".duration",
    };
    Some(exceeds(
        format!("the plan takes {}, and the ceiling is {}", show_seconds(seconds), show_seconds(ceiling)),
        (format!("phases.{phase}{key}"), format!("{} in `{phase}`", show_seconds(here))),
        ("duration", plan.limits.ceiling.duration != Ceiling::default().duration),
        &write_duration(Duration::from_secs(seconds.ceil() as u64)),
    ))
}
