//! Searches: whether a level holds, which one is tried next, and what was found.
//!
//! The same code decides while the run goes on (`control`) and judges it afterwards.

use schemars::JsonSchema;
use serde::Serialize;

use super::targets::judge_targets;
use crate::{
    catalog::{Metric, MetricName},
    config::{BROKEN, Bound, GROWTH, Search, Severity, Sought, Until},
    metrics::{Account, Scope, Summary, scope_key},
    plan::{Plan, PlannedTarget, ScopeKey, Step, Trial},
    record::{Outcome, Saturated},
    units::{show_count_of, show_share},
    verdict::{Judged, Mark},
};

/// Trials of a level that hold before it is the limit: one that finds it and one that confirms.
const CONFIRMED: usize = 2;

/// Throughput under this share of what a lower level had is a collapse: more load, and half of the work done.
const COLLAPSE: f64 = 0.5;

/// A trial of a search.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Attempt {
    /// The name of its step.
    pub step: String,
    /// Requests per second, or users.
    pub level: f64,
    /// How long requests were due in it, in seconds.
    pub duration_s: f64,
    /// Whether the level held.
    pub mark: Mark,
    /// What decided, in a few words.
    pub reason: String,
    /// In the unit of the run's throughput; `None` where nothing was answered.
    pub throughput: Option<f64>,
    /// Requests that were answered a second.
    #[serde(skip)]
    pub answered: Option<f64>,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// The phase.
    pub phase: String,
    /// What it varied: `rate` or `users`.
    pub over: &'static str,
    /// The highest level that holds, below every one that does not; `None` where none does.
    pub limit: Option<f64>,
    /// The step that showed it.
    pub step: Option<String>,
    /// Whether the level held a second time, as it has to.
    pub confirmed: bool,
    /// The lowest level that does not hold, if one was tried.
    pub broken: Option<f64>,
    /// What was found, in one sentence.
    pub reason: String,
    /// Its trials, in the order in which they were run.
    pub attempts: Vec<Attempt>,
}

impl Found {
    /// Whether a step was a trial of it and is not the limit that was found. The only step of a phase may go without its name.
    pub(super) fn only_tried(&self, phase: &str, step: Option<&str>) -> bool {
        self.phase == phase && (self.step.is_none() || self.step.as_deref() != step)
    }

    /// The names of the levels that hold.
    pub fn holding(&self) -> Vec<String> {
        let mut levels: Vec<&Attempt> = self.attempts.iter().collect();
        levels.retain(|of| held(&self.attempts, of.level) > 0 && !fails(&self.attempts, of.level));
        let mut names: Vec<String> = levels.iter().map(|of| level_of(&of.step).to_owned()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// What a search does next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Next {
    /// Try a level, for so many times the length of a step.
    Try(f64, u32),
    /// It has found, or cannot.
    End,
}

/// The level that is tried after these trials: four times as high as long as every one holds, then between the highest that holds and
/// the lowest that does not, halfway as ratios go, until they lie within the precision; then the highest that holds once more. A level
/// that is undecided is tried once more for twice as long, and then counts as one that does not hold. So does one whose second trial
/// does not; the limit is then looked for right below it.
pub fn next(search: &Search, attempts: &[Attempt]) -> Next {
    let left = (search.trials() as usize).saturating_sub(attempts.len());
    if left == 0 {
        return Next::End;
    }
    if let Some(last) = attempts.last().filter(|last| last.mark == Mark::Inconclusive)
        && !fails(attempts, last.level)
    {
        return Next::Try(last.level, 2);
    }
    let confirm =
        |level: f64| if held(attempts, level) < CONFIRMED { Next::Try(level, 1) } else { Next::End };
    match ends(attempts) {
        (None, None) => Next::Try(search.from, 1),
        // nothing below it may be tried
        (None, Some(_)) => Next::End,
        (Some(holds), None) if holds >= search.to => confirm(holds),
        (Some(holds), None) => Next::Try(search.rounded(holds * GROWTH).min(search.to), 1),
        (Some(holds), Some(broken)) => {
            let halfway = (holds * broken).sqrt();
            // what held once and then did not lies near the limit, however far the next lower level was
            let near_broken = broken / (1.0 + search.precision).powi(2);
            let between = if held(attempts, broken) > 0 { halfway.max(near_broken) } else { halfway };
            let between = search.rounded(between);
            let near = match search.over {
                Sought::Users => broken - holds <= (holds * search.precision).max(1.0),
                Sought::Rate { .. } => broken <= holds * (1.0 + search.precision),
            };
            // the last trial is for the level that will be told
            let last = left == 1 && held(attempts, holds) < CONFIRMED;
            let nothing_between = between <= holds || between >= broken;
            if near || last || nothing_between { confirm(holds) } else { Next::Try(between, 1) }
        }
    }
}

fn at(attempts: &[Attempt], level: f64) -> impl Iterator<Item = &Attempt> {
    attempts.iter().filter(move |attempt| attempt.level.total_cmp(&level).is_eq())
}

fn held(attempts: &[Attempt], level: f64) -> usize {
    at(attempts, level).filter(|attempt| attempt.mark == Mark::Pass).count()
}

/// Whether a level does not hold: one trial of it failed, or was undecided as the longer one behind it was.
fn fails(attempts: &[Attempt], level: f64) -> bool {
    let mut undecided = false;
    at(attempts, level).any(|attempt| match attempt.mark {
        Mark::Fail => true,
        Mark::Inconclusive => std::mem::replace(&mut undecided, true),
        Mark::Pass => {
            undecided = false;
            false
        }
    })
}

/// The highest level that holds, below the lowest that does not.
fn ends(attempts: &[Attempt]) -> (Option<f64>, Option<f64>) {
    let levels = || attempts.iter().map(|attempt| attempt.level);
    let broken = levels().filter(|level| fails(attempts, *level)).reduce(f64::min);
    let below = levels().filter(|level| broken.is_none_or(|broken| *level < broken));
    let holds = below.filter(|level| held(attempts, *level) > 0).reduce(f64::max);
    (holds, broken)
}

/// What a trial comes to. The plan is as it was run; `earlier` are the trials of the same search before it.
pub fn attempt(plan: &Plan, summary: &Summary, step: &Step, earlier: &[Attempt]) -> Option<Attempt> {
    let load = step.load()?;
    let trial = load.trial.as_ref()?;
    let key = ScopeKey { phase: step.phase.clone(), step: Some(step.name.clone()), endpoint: None };
    let scope = summary.scope(&scope_key(plan, &key)).filter(|scope| scope.window.is_some());
    let throughput = scope.and_then(throughput);
    let answered = scope.and_then(|scope| scope.value(Metric::RequestsPerSecond, None));
    let (mark, reason) = decided(plan, summary, step, trial, scope, earlier);
    let duration_s = load.duration.unwrap_or_default().as_secs_f64();
    Some(Attempt {
        step: step.name.clone(),
        level: load.level()?,
        duration_s,
        mark,
        reason,
        throughput,
        answered,
    })
}

/// Output tokens per second, or requests per second where nothing has tokens.
fn throughput(scope: &Scope) -> Option<f64> {
    let of = |metric| scope.value(metric, None).filter(|value| *value > 0.0);
    of(Metric::OutputTokensPerSecond).or_else(|| of(Metric::RequestsPerSecond))
}

fn decided(
    plan: &Plan,
    summary: &Summary,
    step: &Step,
    trial: &Trial,
    scope: Option<&Scope>,
    earlier: &[Attempt],
) -> (Mark, String) {
    if let Some(saturated) = summary.saturated.iter().find(|saturated| saturated.step == step.id) {
        return (Mark::Fail, falls_behind(saturated));
    }
    let account = summary.accounts.iter().find(|account| account.step == step.id);
    if let Some(unsent) = account.map(|account| account.not_sent).filter(|unsent| *unsent > 0) {
        let unsent = show_count_of(unsent, "request");
        return (Mark::Fail, format!("{unsent} left unsent at `run.max_in_flight`"));
    }
    let Some(scope) = scope else { return (Mark::Inconclusive, "nothing of it counts".to_owned()) };
    if let Some(reason) = collapses(scope, step, earlier).filter(|_| trial.search.until == Until::Broken) {
        return (Mark::Fail, reason);
    }
    let judged = judge_targets(&going_by(plan, step, trial), summary);
    let first = |mark: Mark| judged.iter().find(|row| row.mark == mark);
    match (first(Mark::Fail), first(Mark::Inconclusive)) {
        (Some(row), _) => {
            let kinds = most_by(account.filter(|_| row.metric.metric.is_share_of_due()));
            (Mark::Fail, wants(row) + &kinds)
        }
        _ if account.is_some_and(|account| account.ok() == 0 && account.failed() > 0) => {
            (Mark::Fail, format!("no request ended well{}", most_by(account)))
        }
        (None, Some(row)) => (Mark::Inconclusive, wants(row)),
        (None, None) => (Mark::Pass, judged.first().map_or_else(String::new, wants)),
    }
}

/// The plan with nothing to judge but what decides a trial.
fn going_by(plan: &Plan, step: &Step, trial: &Trial) -> Plan {
    let place = |endpoint: Option<String>| ScopeKey {
        phase: step.phase.clone(),
        step: Some(step.name.clone()),
        endpoint,
    };
    let mut targets: Vec<PlannedTarget> = trial
        .criteria
        .iter()
        .filter_map(|criterion| {
            Some(PlannedTarget {
                severity: Severity::Fail,
                scopes: vec![place(criterion.endpoint.clone())],
                bounds: Vec::new(),
                ..plan.targets.get(criterion.target)?.clone()
            })
        })
        .collect();
    if trial.search.until == Until::Broken {
        targets.push(PlannedTarget {
            name: "errors".to_owned(),
            metric: MetricName { metric: Metric::ErrorRate, statistic: None },
            bound: Bound::AtMost(BROKEN),
            severity: Severity::Fail,
            abort: None,
            from_preset: false,
            scopes: vec![place(None)],
            bounds: Vec::new(),
        });
    }
    Plan { targets, ..plan.clone() }
}

/// A row in a few words: `first_token`: `ttft.p95` is 612 ms, asked at most 500 ms.
fn wants(row: &Judged) -> String {
    let unit = row.metric.metric.unit();
    let mut value = row.value.map_or_else(|| "unknown".to_owned(), |value| unit.show(value));
    let undecided = row.mark == Mark::Inconclusive;
    if let Some((low, high)) = row.interval.filter(|(low, _)| undecided && low.is_finite()) {
        value = format!("{value} ({} to {})", unit.show(low), unit.show(high));
    }
    format!("`{}` is {value}, asked {}", row.metric, row.asked())
}

fn falls_behind(saturated: &Saturated) -> String {
    let Saturated { in_flight_rise, latency_rise, .. } = saturated;
    format!(
        "the server falls behind: requests in flight rose by {}, latency by {}",
        show_share(*in_flight_rise),
        show_share(*latency_rise),
    )
}

fn collapses(scope: &Scope, step: &Step, earlier: &[Attempt]) -> Option<String> {
    let level = step.load()?.level()?;
    let lower = earlier.iter().filter(|attempt| attempt.level < level);
    let best = lower.max_by(|a, b| a.throughput.unwrap_or(0.0).total_cmp(&b.throughput.unwrap_or(0.0)))?;
    let (before, now) = (best.throughput?, throughput(scope).unwrap_or(0.0));
    (now < COLLAPSE * before)
        .then(|| format!("throughput collapsed to {} of that at `{}`", show_share(now / before), best.step))
}

/// The way in which most requests of a step failed, in words behind others.
fn most_by(account: Option<&Account>) -> String {
    let failed = account.iter().flat_map(|account| &account.outcomes).filter(|(outcome, _)| outcome.failed());
    let most = failed.max_by_key(|(_, count)| **count);
    most.map_or_else(String::new, |(outcome, _): (&Outcome, _)| format!(", most by `{}`", outcome.name()))
}

/// The name of a level, whichever of its trials it is that a step is.
pub fn level_of(step: &str) -> &str {
    step.split(" #").next().unwrap_or(step)
}

/// What every search of a run found, in the order of the plan, which is as it was run.
pub fn found(plan: &Plan, summary: &Summary) -> Vec<Found> {
    let trials = || plan.loads().filter_map(|(step, load)| Some((step, load.trial.as_ref()?)));
    let mut searches: Vec<(&str, &Trial)> =
        trials().map(|(step, trial)| (step.phase.as_str(), trial)).collect();
    searches.dedup_by_key(|(phase, _)| *phase);
    let found = searches.into_iter().map(|(phase, trial)| {
        let mut attempts = Vec::new();
        for (step, _) in trials().filter(|(step, _)| step.phase == phase) {
            // one that was cut short with the run shows nothing
            let ended = |account: &Account| {
                account.step == step.id && account.scheduled.is_some() && !account.cut_short
            };
            if summary.accounts.iter().any(ended) {
                attempts.extend(attempt(plan, summary, step, &attempts));
            }
        }
        conclude(plan, summary, phase, trial, attempts)
    });
    found.collect()
}

fn conclude(plan: &Plan, summary: &Summary, phase: &str, trial: &Trial, attempts: Vec<Attempt>) -> Found {
    let (limit, broken) = ends(&attempts);
    let unit = |level: f64| shown(&trial.search, level);
    let confirmed = limit.is_some_and(|limit| held(&attempts, limit) >= CONFIRMED);
    let last_of =
        |level: f64, mark: &[Mark]| at(&attempts, level).filter(|of| mark.contains(&of.mark)).last();
    let why = broken.and_then(|broken| last_of(broken, &[Mark::Fail, Mark::Inconclusive]));
    let why = why.map(|attempt| match attempt.mark {
        Mark::Fail => attempt.reason.clone(),
        _ => format!("undecided twice, {}", attempt.reason),
    });
    let why = why.unwrap_or_default();
    let mut reason = match (limit, broken) {
        (None, None) => "no level was tried to its end".to_owned(),
        (None, Some(broken)) => format!("not even the lowest level holds: at {} {why}", unit(broken)),
        (Some(limit), None) if limit >= trial.search.to => {
            format!("at {}, the highest level that was to be tried, it holds: more may", unit(limit))
        }
        (Some(limit), None) => format!("at {} it holds, and the search did not come to its end", unit(limit)),
        (Some(limit), Some(broken)) => {
            format!("at {} it holds, at {} it does not: {why}", unit(limit), unit(broken))
        }
    };
    if limit.is_some() && !confirmed {
        reason += "; it was not confirmed by a second trial";
    }
    if let (Until::Broken, Some(broken)) = (&trial.search.until, broken) {
        reason += &missed_before(plan, summary, phase, broken, &unit);
    }
    Found {
        phase: phase.to_owned(),
        over: trial.search.over.name(),
        limit,
        step: limit.and_then(|limit| last_of(limit, &[Mark::Pass])).map(|attempt| attempt.step.clone()),
        confirmed,
        broken,
        reason,
        attempts,
    }
}

/// The targets that were missed at lower levels than the one at which the server broke, each with the lowest level of those.
fn missed_before(
    plan: &Plan,
    summary: &Summary,
    phase: &str,
    broken: f64,
    unit: &dyn Fn(f64) -> String,
) -> String {
    let mut levels: Vec<(f64, &Step)> = plan
        .loads()
        .filter(|(step, _)| step.phase == phase)
        .filter_map(|(step, load)| Some((load.level()?, step)))
        .filter(|(level, _)| *level <= broken)
        .collect();
    levels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut missed: Vec<(f64, String)> = Vec::new();
    for target in &plan.targets {
        let first = levels.iter().find_map(|(level, step)| {
            let here = |key: &&ScopeKey| key.phase == phase && key.step.as_ref() == Some(&step.name);
            let key = target.scopes.iter().chain(&target.bounds).find(here)?;
            let judged = judge_targets(
                &Plan {
                    targets: vec![PlannedTarget { scopes: vec![key.clone()], ..target.clone() }],
                    ..plan.clone()
                },
                summary,
            );
            judged.iter().any(|row| row.mark == Mark::Fail).then_some(*level)
        });
        missed.extend(first.map(|level| (level, target.name.clone())));
    }
    missed.sort_by(|a, b| a.0.total_cmp(&b.0));
    if missed.is_empty() {
        return String::new();
    }
    let missed: Vec<String> =
        missed.iter().map(|(level, name)| format!("`{name}` at {}", unit(*level))).collect();
    format!("; missed on the way: {}", missed.join(", "))
}

/// A level with its unit: `37.2 req/s`, `8 users`.
fn shown(search: &Search, level: f64) -> String {
    match search.over {
        // of three digits already
        Sought::Rate { .. } => format!("{level} req/s"),
        Sought::Users => show_count_of(level as u64, "user"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Arrivals;

    fn search(over: Sought, from: f64, to: f64) -> Search {
        let step = Duration::from_secs(30);
        Search { over, from, to, step, precision: 0.05, until: Until::Targets }
    }

    fn rates() -> Search {
        search(Sought::Rate { arrivals: Arrivals::Poisson }, 1.0, 200.0)
    }

    /// The trials of a search on a server that says of each what it comes to.
    fn trials(search: &Search, mut server: impl FnMut(f64, u32) -> Mark) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        while let Next::Try(level, times) = next(search, &attempts) {
            attempts.push(Attempt {
                step: String::new(),
                level,
                duration_s: 30.0 * f64::from(times),
                mark: server(level, times),
                reason: String::new(),
                throughput: None,
                answered: None,
            });
        }
        attempts
    }

    fn sharp(limit: f64) -> impl FnMut(f64, u32) -> Mark {
        move |level, _| if level <= limit { Mark::Pass } else { Mark::Fail }
    }

    #[test]
    fn the_limit_is_found_within_the_precision_and_confirmed() {
        let search = rates();
        for limit in [1.0, 1.03, 3.9, 4.0, 17.3, 63.9, 64.1, 120.0, 199.0] {
            let attempts = trials(&search, sharp(limit));
            let (holds, broken) = ends(&attempts);
            let (holds, broken) = (holds.expect("some level holds"), broken.expect("some does not"));
            assert!(holds <= limit && limit < broken, "{limit}: {holds} to {broken}");
            assert!(broken <= holds * 1.051, "{limit}: {holds} to {broken}");
            assert_eq!(held(&attempts, holds), CONFIRMED, "{limit}");
            assert!(attempts.len() <= 11, "{limit}: {}", attempts.len());
        }
    }

    #[test]
    fn users_are_found_to_the_user() {
        let search = search(Sought::Users, 1.0, 64.0);
        for limit in [1, 2, 3, 7, 15, 16, 17, 40, 63] {
            let (holds, broken) = ends(&trials(&search, sharp(f64::from(limit))));
            let (holds, broken) = (holds.expect("some hold"), broken.expect("some do not"));
            let limit = f64::from(limit);
            assert!(holds <= limit && limit < broken, "{limit}: {holds} to {broken}");
            assert!(broken - holds <= (0.05 * limit).max(1.0), "{limit}: {holds} to {broken}");
        }
    }

    #[test]
    fn searches_end_where_all_or_nothing_holds() {
        let all = trials(&rates(), |_, _| Mark::Pass);
        assert_eq!(all.iter().map(|of| of.level).collect::<Vec<_>>(), [1.0, 4.0, 16.0, 64.0, 200.0, 200.0]);
        assert_eq!(ends(&all), (Some(200.0), None));
        let nothing = trials(&rates(), |_, _| Mark::Fail);
        assert_eq!((nothing.len(), ends(&nothing)), (1, (None, Some(1.0))));
    }

    #[test]
    fn what_is_undecided_is_tried_twice_as_long_and_then_does_not_hold() {
        let foggy = |level: f64, _: u32| match level {
            l if l <= 10.0 => Mark::Pass,
            l if l <= 14.0 => Mark::Inconclusive,
            _ => Mark::Fail,
        };
        let attempts = trials(&rates(), foggy);
        let twice: Vec<_> = attempts.windows(2).filter(|pair| pair[0].mark == Mark::Inconclusive).collect();
        assert!(!twice.is_empty());
        let (holds, _) = ends(&attempts);
        assert!(holds.is_some_and(|holds| holds <= 10.0 && holds > 8.0), "{holds:?}");
        // time decides what was open
        let slow = |level: f64, times: u32| match level {
            l if l > 12.0 => Mark::Fail,
            _ if times == 1 => Mark::Inconclusive,
            _ => Mark::Pass,
        };
        assert!(ends(&trials(&rates(), slow)).0.is_some_and(|holds| holds >= 4.0));
    }

    #[test]
    fn a_level_that_does_not_hold_again_is_not_the_limit() {
        let mut lucky = true;
        let attempts = trials(&rates(), |level, _| {
            let luck = level > 20.0 && level < 21.0 && std::mem::take(&mut lucky);
            if level <= 18.0 || luck { Mark::Pass } else { Mark::Fail }
        });
        let (holds, broken) = ends(&attempts);
        assert!(holds.is_some_and(|holds| holds <= 18.0), "{holds:?} {broken:?}");
    }
}
