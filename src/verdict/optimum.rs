//! The best level of each ladder, and targets that are judged there.

use super::analysis::ERROR_RATE_LIMIT;
use crate::{
    catalog::{Metric, Statistic},
    config::OPTIMUM,
    metrics::{Ladder, Level, Summary, ladders, scope_key},
    plan::{Plan, ScopeKey},
    units::{show_number, show_share},
    verdict::{Found, Judged, Optimum},
};

/// A level whose throughput lies within this share of the highest is as good: more load only makes each request wait
/// longer.
const ENOUGH: f64 = 0.05;

/// The optimum of every ladder in the order of the plan, and then the limit of every search: among the levels with errors under 5 % and latency within
/// the at-most targets, the smallest whose throughput lies within 5 % of the best of them. That of a search is the limit that it
/// found.
pub fn optima(plan: &Plan, summary: &Summary, searches: &[Found]) -> Vec<Optimum> {
    let ladders = ladders(summary);
    let searched = |phase: &str| searches.iter().any(|found| found.phase == phase);
    let of_ladders = ladders.iter().filter(|ladder| !searched(ladder.phase));
    let limits = searches.iter().map(|found| Optimum {
        phase: found.phase.clone(),
        step: found.step.clone(),
        reason: found.reason.clone(),
        stable: found.holding(),
    });
    of_ladders.map(|ladder| optimum(plan, summary, ladder)).chain(limits).collect()
}

fn optimum(plan: &Plan, summary: &Summary, ladder: &Ladder<'_>) -> Optimum {
    let (mut stable, mut out) = (Vec::new(), Vec::new());
    for level in &ladder.levels {
        match why_not(plan, summary, ladder, level) {
            Some(why) => out.push((level, why)),
            None => stable.push(level),
        }
    }
    let throughput = |level: &Level| level.throughput.unwrap_or(0.0);
    let best = stable.iter().copied().reduce(|a, b| if throughput(b) > throughput(a) { b } else { a });
    let enough = best.map_or(0.0, |best| throughput(best) * (1.0 - ENOUGH));
    let chosen = stable.iter().copied().find(|level| throughput(level) >= enough);
    let reason = if let Some((chosen, best)) = chosen.zip(best) {
        let more = out.iter().find(|(level, _)| throughput(level) * (1.0 - ENOUGH) > throughput(chosen));
        let parts = std::iter::once(describe(ladder, chosen, best))
            .chain(gain(ladder, chosen))
            .chain(more.map(|(level, why)| format!("{} would bring more, but {why}", level.name)));
        parts.collect::<Vec<_>>().join("; ")
    } else {
        let why = out.first().map_or(String::new(), |(level, why)| format!(": at {} {why}", level.name));
        let limit = show_share(ERROR_RATE_LIMIT);
        format!("no level has errors under {limit} and latency within the targets{why}")
    };
    Optimum {
        phase: ladder.phase.to_owned(),
        step: chosen.map(|level| level.step.to_owned()),
        reason,
        stable: stable.iter().map(|level| level.step.to_owned()).collect(),
    }
}

/// What speaks against a level as the optimum.
fn why_not(plan: &Plan, summary: &Summary, ladder: &Ladder<'_>, level: &Level<'_>) -> Option<String> {
    let errors = level.scope.value(Metric::ErrorRate, None).unwrap_or(0.0);
    if errors >= ERROR_RATE_LIMIT {
        return Some(format!("{} of its requests failed", show_share(errors)));
    }
    if level.throughput.is_none() {
        return Some("nothing was answered".to_owned());
    }
    let here = |key: &&ScopeKey| key.phase == ladder.phase && key.step.as_deref() == Some(level.step);
    plan.targets.iter().find_map(|target| {
        let limit = target.latency_limit()?;
        let missed = target.scopes.iter().chain(&target.bounds).filter(here).find_map(|key| {
            let scope = summary.scope(&scope_key(plan, key));
            let value = scope.and_then(|scope| scope.value(target.metric.metric, target.metric.statistic));
            // what nothing is known of is not within a limit
            (!value.is_some_and(|value| value <= limit)).then_some(value)
        })?;
        let unit = target.metric.metric.unit();
        let of = target.metric;
        Some(match missed {
            Some(value) if value.is_finite() => {
                format!("`{of}` is {}, over {} (`{}`)", unit.show(value), unit.show(limit), target.name)
            }
            Some(_) => format!("the requests at `{of}` failed (`{}`)", target.name),
            None => format!("nothing is known of its `{of}` (`{}`)", target.name),
        })
    })
}

/// A level and what it has of the highest throughput.
fn describe(ladder: &Ladder<'_>, chosen: &Level<'_>, best: &Level<'_>) -> String {
    let name = &chosen.name;
    let value = ladder.throughput.unit().show(chosen.throughput.unwrap_or(0.0));
    let is_last = ladder.levels.last().is_some_and(|last| last.step == chosen.step);
    if is_last {
        return format!("{name}: the highest throughput, {value}, at the highest level: more may bring more");
    }
    if chosen.step == best.step {
        return format!("{name}: the highest throughput, {value}, which no smaller level comes near");
    }
    let share = chosen.throughput.zip(best.throughput).map_or(1.0, |(chosen, best)| chosen / best);
    let p95 = |level: &Level| {
        let p95 = level.scope.value(Metric::E2e, Some(Statistic::P95));
        p95.filter(|p95| p95.is_finite() && *p95 > 0.0)
    };
    let wait = p95(chosen)
        .zip(p95(best))
        .map_or(String::new(), |(here, there)| format!(" at {} of its `e2e.p95`", show_share(here / there)));
    format!("{name}: {} of the highest throughput ({}){wait}", show_share(share), best.name)
}

/// What a level has over the smallest.
fn gain(ladder: &Ladder<'_>, chosen: &Level<'_>) -> Option<String> {
    let smallest = ladder.levels.first().filter(|first| first.step != chosen.step)?;
    Some(format!("{} times the throughput of {}", show_number(chosen.speedup?), smallest.name))
}

/// The plan with the level that is the optimum in place of `step = "optimum"`, for whatever looks a scope up by its
/// step. Where a ladder has no optimum the word stays, and no scope has that name.
pub(super) fn named(plan: &Plan, optima: &[Optimum]) -> Plan {
    let mut plan = plan.clone();
    for key in plan.targets.iter_mut().flat_map(|target| &mut target.scopes) {
        if let Some(found) = of_key(optima, key).and_then(|optimum| optimum.step.as_ref()) {
            key.step = Some(found.clone());
        }
    }
    plan
}

/// Gives rows that were judged at an optimum the name under which the plan knows them, and says which level it was.
pub(super) fn unnamed(plan: &Plan, optima: &[Optimum], rows: &mut [Judged]) {
    for target in &plan.targets {
        for key in &target.scopes {
            let Some(optimum) = of_key(optima, key) else { continue };
            let judged_at = ScopeKey { step: optimum.step.clone().or(key.step.clone()), ..key.clone() };
            for row in rows.iter_mut().filter(|row| row.name == target.name && row.scope == judged_at) {
                row.scope = key.clone();
                row.note = match &optimum.step {
                    Some(step) => format!("the optimum is `{step}`; {}", row.note),
                    None => optimum.reason.clone(),
                };
            }
        }
    }
}

/// The optimum that a key asks for.
fn of_key<'a>(optima: &'a [Optimum], key: &ScopeKey) -> Option<&'a Optimum> {
    let asked = key.step.as_deref() == Some(OPTIMUM);
    optima.iter().find(|optimum| asked && optimum.phase == key.phase)
}
