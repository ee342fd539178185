//! What the user should know before the run: lines in lower case, the fix behind `help:`.

use super::{
    LoadStep, Pattern, Plan, PlannedEndpoint, PlannedTarget, ScopeKey, Step, Work,
    graph::most_at_once,
    provable::{most_values, requests_until},
    rounding,
    schedule::offered_rate,
    spikes::OfSpikes,
    targets::share_that_carries,
};
use crate::{
    catalog::{Metric, Statistic},
    config::{self, Bound, OPTIMUM, Objective, Scenario, Severity},
    stats::{BATCHES, STEADY_FLOOR, sample_floor, share_settles_at},
    units::{
        seconds_to_duration, show_count, show_count_of, show_number, show_seconds, show_share, write_duration,
    },
};

/// Requests that each user of a closed loop should have, so that its window is more than edges.
const REQUESTS_PER_USER: u64 = 10;

/// The confidence of a one-sided bound of a target.
pub(super) const CONFIDENCE: f64 = 0.95;

/// Everything worth a warning, in the order of the plan.
pub(super) fn collect(plan: &Plan) -> Vec<String> {
    if plan.watches() {
        return insecure(plan);
    }
    let idle = idle_endpoints(plan);
    let empty = plan.loads().filter_map(|(step, load)| no_arrivals(plan, step, load));
    let steps: Vec<_> = plan.loads().collect();
    let few = steps.chunk_by(|(one, _), (next, _)| one.phase == next.phase).filter_map(few_per_user);
    let uneven = steps.chunk_by(|(one, _), (next, _)| one.phase == next.phase);
    let uneven = uneven.filter_map(|steps| not_its_share(plan, steps));
    let unsteady = steps.chunk_by(|(one, _), (next, _)| one.phase == next.phase).filter_map(|steps| {
        let short: Vec<_> = steps.iter().filter(|(step, load)| too_short_to_be_steady(step, load)).collect();
        let (step, load) = short.first()?;
        Some(never_steady(plan, step, load, short.len() - 1))
    });
    let judging = plan.targets.iter().filter(|target| target.severity != Severity::Info);
    let short = judging.flat_map(|target| {
        let phases = target.scopes.chunk_by(|one, next| one.phase == next.phase);
        phases.filter_map(|scopes| below_floor(plan, target, scopes))
    });
    let lax = beyond_timeout(plan);
    let warnings = nothing_measured(plan)
        .into_iter()
        .chain(insecure(plan))
        .chain(idle)
        .chain(crowded(plan))
        .chain(empty)
        .chain(few);
    warnings.chain(uneven).chain(unsteady).chain(short).chain(lax).collect()
}

/// More endpoints on this machine at once than a limit says that nobody asked for: one that was asked for makes the
/// scenario wrong.
pub(super) fn crowd(scenario: &Scenario) -> Option<String> {
    let phases: Vec<_> = scenario.phases.iter().map(|(name, phase)| (name.as_str(), phase)).collect();
    let endpoints: Vec<_> =
        scenario.endpoints.iter().map(|(name, endpoint)| (name.as_str(), endpoint)).collect();
    let limit = scenario.defaults.max_endpoints;
    let crowd = config::crowd(&phases, &endpoints, limit)?;
    let quoted =
        |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let (noun, load) = if crowd.phases.len() == 1 { ("phase", "loads") } else { ("phases", "load") };
    let many = crowd.endpoints.len();
    Some(format!(
        "{noun} {phases} {load} {many} endpoints on this machine at once ({endpoints}), which may slow each other down: the \
         preset `{preset}` expects at most {limit}\n\
         help: load them one after another, or set `defaults.max_endpoints` to {many} if the machine is made for that",
        phases = quoted(&crowd.phases),
        endpoints = quoted(&crowd.endpoints),
        preset = scenario.platform.name,
    ))
}

fn nothing_measured(plan: &Plan) -> Option<String> {
    let measured = plan.loads().any(|(_, load)| load.measure);
    (!measured).then(|| {
        "every phase has `measure = false`, so there will be no numbers\n\
         help: take it out of the phase that counts"
            .to_owned()
    })
}

/// Users are not held back by the safety cap, but what is sent beside them is.
fn crowded(plan: &Plan) -> Option<String> {
    let users = most_at_once(plan, |step| match step.load().map(|load| &load.pattern) {
        Some(Pattern::Closed { users, .. }) => u64::from(*users),
        _ => 0,
    });
    let cap = u64::from(plan.limits.max_in_flight);
    (users >= cap).then(|| {
        format!(
            "{} at once reach `run.max_in_flight` = {}, so open phases beside them could send nothing\n\
             help: set `run.max_in_flight` above {users}, or lower the users",
            show_count_of(users, "user"),
            show_count(cap),
        )
    })
}

/// Limits on latency that no answer can miss, since the endpoint's time-out comes first: most lack their unit.
fn beyond_timeout(plan: &Plan) -> Vec<String> {
    let longest = |counts: &dyn Fn(&PlannedEndpoint) -> bool| {
        let counted = plan.endpoints.iter().filter(|endpoint| counts(endpoint));
        counted.map(|endpoint| endpoint.timeout.as_secs_f64()).reduce(f64::max)
    };
    let told = |path: String, limit: f64, timeout: Option<f64>| {
        let timeout = timeout.filter(|timeout| limit > *timeout)?;
        Some(format!(
            "`{path}` allows more than the time-out of {}, so no answer can miss it\n\
             help: write `\"{limit}ms\"` if milliseconds are meant",
            show_seconds(timeout)
        ))
    };
    let objectives = plan.objectives.iter().filter_map(|objective| {
        let path = format!("objectives.{}", objective.metric.name());
        let asked = |endpoint: &PlannedEndpoint| endpoint.objectives.contains(objective);
        told(path, objective.at_most.as_secs_f64(), longest(&asked))
    });
    let own = plan.endpoints.iter().flat_map(|endpoint| {
        let own = endpoint.objectives.iter().filter(|objective| !plan.objectives.contains(objective));
        own.filter_map(|objective| {
            let path = format!("endpoints.{}.objectives.{}", endpoint.name, objective.metric.name());
            told(path, objective.at_most.as_secs_f64(), Some(endpoint.timeout.as_secs_f64()))
        })
    });
    let targets = plan.targets.iter().filter_map(|target| {
        let limit = match target.bound {
            Bound::AtMost(limit) | Bound::Between(_, limit) => limit,
            Bound::AtLeast(_) => return None,
        };
        let here = |endpoint: &PlannedEndpoint| {
            target.scopes.iter().any(|scope| scope.endpoint.as_ref().is_none_or(|own| *own == endpoint.name))
        };
        let latency = Objective::METRICS.contains(&target.metric.metric);
        told(format!("targets.{}", target.name), limit, longest(&here).filter(|_| latency))
    });
    objectives.chain(own).chain(targets).collect()
}

/// Whoever accepts any certificate talks to anybody.
fn insecure(plan: &Plan) -> Vec<String> {
    let insecure = plan.endpoints.iter().filter(|endpoint| endpoint.tls.insecure);
    insecure
        .map(|PlannedEndpoint { name, .. }| {
            format!(
                "`endpoints.{name}.tls.insecure` accepts any certificate: whoever sits between can read and change \
                 everything, keys included\n\
                 help: name the authority that signed it: `endpoints.{name}.tls.ca = \"FILE\"`"
            )
        })
        .collect()
}

fn idle_endpoints(plan: &Plan) -> Vec<String> {
    let used = |index: usize| {
        plan.steps
            .iter()
            .any(|step| matches!(&step.work, Work::Ready { endpoints } if endpoints.contains(&index)))
    };
    let idle = plan.endpoints.iter().enumerate().filter(|(index, _)| !used(*index));
    idle.map(|(_, endpoint)| {
        let name = &endpoint.name;
        format!(
            "endpoint `{name}` gets no requests\nhelp: give it a `weight`, or name it in a phase's `endpoints`"
        )
    })
    .collect()
}

/// A short open phase at a low rate may have nothing in it, which the seed tells beforehand.
fn no_arrivals(plan: &Plan, step: &Step, load: &LoadStep) -> Option<String> {
    (load.pattern.is_open() && step.expected.requests == Some(0.0)).then(|| {
        format!(
            "{}: nothing arrives in it\nhelp: let `{}` last longer, or raise its rate",
            place(step, load),
            lasting(plan, step, load)
        )
    })
}

/// One warning per phase, by the first of its steps that is short; enough is what the step with most users needs.
fn few_per_user(steps: &[(&Step, &LoadStep)]) -> Option<String> {
    let short: Vec<(&Step, &LoadStep, u64, u64)> = steps
        .iter()
        .filter_map(|(step, load)| {
            let (Pattern::Closed { users, .. }, Some(requests)) = (&load.pattern, load.requests) else {
                return None;
            };
            let users = u64::from(*users);
            (load.measure && requests < REQUESTS_PER_USER * users).then_some((*step, *load, users, requests))
        })
        .collect();
    let (step, load, users, requests) = *short.first()?;
    let enough = short.iter().map(|(_, _, users, _)| users * REQUESTS_PER_USER).max()?;
    Some(format!(
        "{place}{others}: {requests} for {users}, fewer than {REQUESTS_PER_USER} each; what is measured \
         lies between the start of the last user and the first one without work\n\
         help: set `phases.{phase}.requests` to {enough} or more",
        place = place(step, load),
        others = and_more(short.len() - 1),
        requests = show_count_of(requests, "request"),
        users = show_count_of(users, "user"),
        phase = step.phase,
    ))
}

/// A share of another phase's load that is none, since users are whole. One warning per phase, by the first of its steps.
fn not_its_share(plan: &Plan, steps: &[(&Step, &LoadStep)]) -> Option<String> {
    let uneven: Vec<_> =
        steps.iter().filter_map(|(step, load)| Some((*step, *load, rounding(plan, load)?))).collect();
    let (step, load, rounded) = uneven.first()?;
    let (whole, phase, noun) = (rounded.whole, &rounded.phase, rounded.noun());
    Some(format!(
        "{place}{others}: {share} of the {noun} of `{phase}`, of which there are {whole}, would be {fair}, and it has \
         {number}; the two cannot be compared\n\
         help: give `{phase}` {next} {noun}, of which that share is near a whole number",
        place = place(step, load),
        others = and_more(uneven.len() - 1),
        share = show_share(rounded.share),
        fair = show_number(rounded.fair()),
        number = rounded.number,
        next = rounded.next_fair(),
    ))
}

/// Whether a step that has to be steady is expected to have too few answers to show it.
fn too_short_to_be_steady(step: &Step, load: &LoadStep) -> bool {
    load.require_steady && step.expected.requests.is_some_and(|requests| requests < STEADY_FLOOR as f64)
}

fn never_steady(plan: &Plan, step: &Step, load: &LoadStep, others: usize) -> String {
    let requests = step.expected.requests.unwrap_or_default();
    let supply = Supply { step, load, endpoint: None, per_request: 1.0, values: requests, spikes: None };
    format!(
        "{place}{others}: has to be steady, which takes {STEADY_FLOOR} answers to show, and {about}{requests} are expected; \
         the run would be INVALID\nhelp: {fix}",
        place = place(step, load),
        others = and_more(others),
        about = if step.expected.assumed { "about " } else { "" },
        requests = show_count(requests as u64),
        fix = fix(plan, &supply, STEADY_FLOOR),
    )
}

fn and_more(steps: usize) -> String {
    if steps == 0 { String::new() } else { format!(" and {}", show_count_of(steps as u64, "more step")) }
}

/// A percentile cannot be proved with fewer values than its floor, whatever they are. One warning per phase, by the
/// first of its steps that is short.
fn below_floor(plan: &Plan, target: &PlannedTarget, scopes: &[ScopeKey]) -> Option<String> {
    let (floor, comfortable) = floor(target)?;
    // the seed may send an endpoint fewer than its share
    let values = |supply: &Supply| {
        let most = most_values(plan, supply, floor).filter(|_| target.metric.counts());
        most.map_or(supply.values, |most| supply.values.min(most as f64))
    };
    let short: Vec<(&ScopeKey, Supply, f64)> = scopes
        .iter()
        .filter_map(|scope| Some((scope, supply(plan, target.metric.metric, scope)?)))
        .map(|(scope, supply)| (scope, supply, values(&supply)))
        .filter(|(_, _, values)| *values < floor as f64)
        .collect();
    let (scope, supply, values) = short.first()?;
    let others = and_more(short.len() - 1);
    let about =
        if supply.step.expected.assumed && !ends_by_count(supply.step, supply.load) { "about " } else { "" };
    let comfort = comfortable.map_or_else(String::new, |n| {
        format!(
            "; with {}, a server with half the allowed share beyond the limit passes 9 times in 10",
            show_count(n)
        )
    });
    Some(format!(
        "target `{name}`: `{metric}` in `{scope}`{others} needs {floor} values to be proved, the plan has \
         {about}{has}{comfort}\nhelp: {fix}",
        name = target.name,
        metric = target.metric,
        has = show_count(*values as u64),
        fix = fix(plan, supply, floor),
    ))
}

/// What a plan gives a target in one scope.
#[derive(Clone, Copy)]
pub(super) struct Supply<'a> {
    pub(super) step: &'a Step,
    pub(super) load: &'a LoadStep,
    /// The endpoint whose requests are its values, where they are those of one.
    pub(super) endpoint: Option<&'a str>,
    /// Values of the metric that a request adds, on average; above 0.
    per_request: f64,
    /// Values in all.
    values: f64,
    /// What spikes give it, where its values come of them alone.
    pub(super) spikes: Option<OfSpikes>,
}

/// `None` where the requests have no such values at all. Of an optimum, which any level may be, that of the level with
/// most requests.
pub(super) fn supply<'a>(plan: &'a Plan, metric: Metric, scope: &'a ScopeKey) -> Option<Supply<'a>> {
    let (step, load) = plan
        .loads()
        .filter(|(step, load)| {
            let named = |name: &String| *name == step.name || (load.explores && name == OPTIMUM);
            step.phase == scope.phase && scope.step.as_ref().is_none_or(named)
        })
        .reduce(|most, next| {
            let more = next.0.expected.requests > most.0.expected.requests;
            if more && scope.step.is_some() { next } else { most }
        })?;
    let endpoint = scope.endpoint.as_deref();
    if metric.needs_spikes() {
        let spikes = OfSpikes::of(plan, step, load, metric, endpoint)?;
        let values = spikes.values;
        return Some(Supply { step, load, endpoint, per_request: 1.0, values, spikes: Some(spikes) });
    }
    let per_request = values_per_request(plan, metric, endpoint, load);
    let values = (step.expected.requests? - outside(step, load)).max(0.0) * per_request;
    // answers of one token have no gaps, and no number of them would
    (per_request > 0.0).then_some(Supply {
        step,
        load,
        endpoint: endpoint.filter(|_| metric != Metric::Itl),
        per_request,
        values,
        spikes: None,
    })
}

/// How to get enough requests into a step. Numbers are written as a scenario takes them.
pub(super) fn fix(plan: &Plan, supply: &Supply, floor: u64) -> String {
    let Supply { step, load, endpoint, per_request, .. } = supply;
    let phase = &step.phase;
    if let Some(spikes) = supply.spikes {
        return spikes.fix(phase, floor);
    }
    let about = (floor as f64 / per_request).ceil();
    // as many as the share of an endpoint says, or as the seed really sends there
    let exact = endpoint.and_then(|name| requests_until(plan, load, name, floor, about as u64));
    let needed = exact.map_or(about, |exact| about.max(exact as f64)) + outside(step, load);
    if matches!(load.pattern, Pattern::Trace { .. }) && !ends_by_count(step, load) {
        return format!("let `{phase}` have {needed} requests of its trace or more");
    }
    let time = request_rate(step, load)
        .and_then(|rate| seconds_to_duration((needed / rate).ceil()))
        .map(write_duration);
    match (ends_by_count(step, load), time) {
        (true, Some(time)) => {
            format!("set `phases.{phase}.requests` to {needed} or more, which takes {time}")
        }
        (true, None) => format!("set `phases.{phase}.requests` to {needed} or more"),
        (false, Some(time)) => {
            let phase = lasting(plan, step, load);
            let staged = phase == step.phase && changes(load);
            let what = if staged { "the stages of " } else { "" };
            format!("let {what}`{phase}` last {time} or longer, for {needed} requests")
        }
        (false, None) => {
            let phase = lasting(plan, step, load);
            format!("let `{phase}` last longer, for {needed} requests")
        }
    }
}

/// Whether the rate of an open loop changes by stages: their lengths are that of the step, and its `duration` only cuts them
/// short.
fn changes(load: &LoadStep) -> bool {
    let Pattern::Open { stages, spikes, .. } = &load.pattern else { return false };
    spikes.is_none() && (stages.len() > 1 || stages.iter().any(|stage| stage.from != stage.to))
}

/// The phase that must last longer so that a step does: its own, or the one that it runs during.
fn lasting<'a>(plan: &'a Plan, step: &'a Step, load: &LoadStep) -> &'a str {
    let own = load.duration.is_some_and(|duration| {
        step.expected.duration_s.is_some_and(|expected| expected >= duration.as_secs_f64())
    });
    match load.until {
        Some(host) if !own => &plan.steps[host].phase,
        _ => &step.phase,
    }
}

/// Requests of a closed loop by count that are due before its last user has started, and so outside its window.
fn outside(step: &Step, load: &LoadStep) -> f64 {
    match load.pattern {
        Pattern::Closed { users, ramp_up, .. } if !ramp_up.is_zero() && ends_by_count(step, load) => {
            f64::from(users.saturating_sub(1))
        }
        _ => 0.0,
    }
}

/// Whether the number of requests ends a step, rather than its duration.
fn ends_by_count(step: &Step, load: &LoadStep) -> bool {
    step.expected.requests == load.requests.map(|requests| requests as f64)
}

/// Requests per second that a step has by the plan; `None` where the server decides, or where there are none.
fn request_rate(step: &Step, load: &LoadStep) -> Option<f64> {
    let (requests, seconds) = match &load.pattern {
        open @ (Pattern::Open { .. } | Pattern::Trace { .. }) => {
            return offered_rate(open).filter(|rate| *rate > 0.0);
        }
        Pattern::Closed { .. } if ends_by_count(step, load) => return None,
        Pattern::Closed { .. } => (step.expected.requests?, step.expected.duration_s?),
    };
    (requests > 0.0 && seconds > 0.0).then_some(requests / seconds)
}

/// Values of a series that a request of the step adds to a scope, on average.
fn values_per_request(plan: &Plan, metric: Metric, endpoint: Option<&str>, load: &LoadStep) -> f64 {
    if metric != Metric::Itl {
        return share_that_carries(metric, endpoint, load, plan);
    }
    let gaps = load.traffic.iter().map(|traffic| {
        let of = &plan.endpoints[traffic.endpoint];
        let carries = metric.is_carried_by(plan.carrier(of, load));
        let here = carries && endpoint.is_none_or(|name| name == of.name);
        if here { traffic.share * (of.mean_tokens().output - 1.0).max(0.0) } else { 0.0 }
    });
    gaps.sum()
}

/// The fewest values that can prove a target, all of them good, and the number that proves it comfortably where that
/// is known; `None` where the target is judged on its value alone.
pub(super) fn floor(target: &PlannedTarget) -> Option<(u64, Option<u64>)> {
    if let Some(quantile) = target.metric.statistic.and_then(Statistic::quantile) {
        let good = share_on_good_side(target.bound, quantile);
        return Some((sample_floor(good, CONFIDENCE), comfortable(good)));
    }
    if target.metric.is_mean() {
        return Some((BATCHES as u64, None));
    }
    if !target.metric.metric.is_share_of_due() {
        return None;
    }
    // a share of 0 or 1 is no limit that a number of requests could prove
    let spotless = |allowed: f64| share_settles_at(0, 0, allowed, CONFIDENCE);
    let floor = match target.bound {
        Bound::AtMost(limit) => spotless(limit),
        Bound::AtLeast(limit) => spotless(1.0 - limit),
        Bound::Between(low, high) => spotless(1.0 - low).max(spotless(high)),
    };
    floor.map(|floor| (floor, None))
}

/// The share of values that a percentile's limit wants on the good side.
fn share_on_good_side(bound: Bound, quantile: f64) -> f64 {
    match bound {
        Bound::AtMost(_) => quantile,
        Bound::AtLeast(_) => 1.0 - quantile,
        Bound::Between(..) => quantile.max(1.0 - quantile),
    }
}

/// The smallest sample that proves such a share nine times in ten when half of what may be is on the bad side: the
/// smallest n with P(B(n, (1 − share)/2) ≤ c) ≥ 0.9, where c is the largest with P(B(n, 1 − share) ≤ c) ≤ 0.05.
fn comfortable(good: f64) -> Option<u64> {
    const SAMPLES: [(f64, u64); 5] = [(0.5, 33), (0.9, 239), (0.95, 506), (0.99, 2_546), (0.999, 25_495)];
    SAMPLES.into_iter().find(|(share, _)| (share - good).abs() < 1e-9).map(|(_, n)| n)
}

fn place(step: &Step, load: &LoadStep) -> String {
    if load.explores {
        format!("phase `{}`, step `{}`", step.phase, step.name)
    } else {
        format!("phase `{}`", step.phase)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::cumulative;

    #[test]
    fn the_good_side_follows_the_bound() {
        for (bound, good) in
            [(Bound::AtMost(1.0), 0.95), (Bound::AtLeast(1.0), 0.05), (Bound::Between(0.0, 1.0), 0.95)]
        {
            assert!((share_on_good_side(bound, 0.95) - good).abs() < 1e-12, "{bound:?}");
        }
    }

    #[test]
    fn comfortable_samples_pass_nine_times_in_ten() {
        let power = |n: u64, bad: f64| {
            let limit = (0..n).take_while(|k| cumulative(n, *k, bad) <= 1.0 - CONFIDENCE).last();
            limit.map_or(0.0, |limit| cumulative(n, limit, bad / 2.0))
        };
        for good in [0.5, 0.9, 0.95, 0.99, 0.999] {
            let n = comfortable(good).expect("a percentile of the catalog");
            assert!(power(n, 1.0 - good) >= 0.9, "{good}");
            assert!(power(n - 1, 1.0 - good) < 0.9, "{good}");
        }
        assert_eq!(comfortable(0.05), None);
    }
}
