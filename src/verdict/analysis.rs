//! Plain-word lines that need no target.

use crate::{
    catalog::{Metric, Statistic},
    metrics::{Account, Ending, Failure, Scope, Summary},
    plan::Plan,
    record::Outcome,
    units::{show_count, show_count_of, show_seconds, show_share},
    verdict::{Contention, Finding, Level, UnderPressure, contention, pressure, stability, validity::title},
};

/// More failures than this share of the due requests are a FAIL line.
pub(super) const ERROR_RATE_LIMIT: f64 = 0.05;

/// An `e2e` over so many seconds, for more than a tenth of the requests, degrades the user's experience.
const SLOW_E2E_P90_S: f64 = 2.0;

/// A median first token under so many seconds is excellent.
const EXCELLENT_TTFT_P50_S: f64 = 0.2;

/// Answers with less than this share of the output tokens asked for are worth a line: they make a server look fast.
const ACHIEVED_TOKENS_LIMIT: f64 = 0.9;

/// The lines of every measured phase, in the order of the plan, and what is true of the run as a whole.
pub(super) fn findings(
    plan: &Plan,
    summary: &Summary,
    between: &[Contention],
    pressed: &[UnderPressure],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for scope in &summary.scopes {
        if scope.measured && scope.key.step.is_none() && scope.key.endpoint.is_none() {
            let phase = &scope.key.phase;
            let levels: Vec<&Scope> = summary.scopes.iter().filter(|level| is_level(level, phase)).collect();
            let lines = if levels.is_empty() {
                [errors(scope), contention(scope), slow(scope), fast(scope), short(scope), spikes(scope)]
            } else {
                // latencies of different loads do not mix
                [errors(scope), contention(scope), slow_from(&levels), fast_to(&levels), short(scope), None]
            };
            findings.extend(
                lines
                    .into_iter()
                    .chain([unchecked(scope)])
                    .flatten()
                    .map(|(level, text)| Finding { level, text: format!("`{phase}`: {text}") }),
            );
        }
    }
    findings.extend(contention::findings(between));
    findings.extend(pressure::findings(pressed));
    findings.extend(stability::findings(summary));
    findings.extend(not_run(summary).map(|text| Finding { level: Level::Info, text }));
    findings.extend(wrong_path(summary).map(|text| Finding { level: Level::Warning, text }));
    findings.extend(simulated(plan).map(|text| Finding { level: Level::Info, text }));
    findings
}

/// The steps that were never begun, where the run ended before its time.
fn not_run(summary: &Summary) -> Option<String> {
    /// More names than this say no more.
    const NAMED: usize = 4;
    let never = |account: &&Account| account.scheduled.is_none() && account.issued == 0;
    let steps: Vec<String> = summary.accounts.iter().filter(never).map(title).collect();
    if summary.ending == Ending::Completed || steps.is_empty() {
        return None;
    }
    let named = steps.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = steps.len().saturating_sub(NAMED);
    let rest =
        if more == 0 { String::new() } else { format!(" and {}", show_count_of(more as u64, "more step")) };
    Some(format!("not run, since the run ended before: {named}{rest}"))
}

type Line = Option<(Level, String)>;

fn errors(scope: &Scope) -> Line {
    let rate = *scope.rates.get(&Metric::ErrorRate)?;
    let (shown, due) = (show_share(rate), show_count_of(scope.counts.due, "request"));
    let limit = show_share(ERROR_RATE_LIMIT);
    Some(if rate > ERROR_RATE_LIMIT {
        (Level::Fail, format!("{shown} of {due} failed, more than {limit}"))
    } else if rate > 0.0 {
        (Level::Pass, format!("{shown} of {due} failed, not more than {limit}"))
    } else {
        (Level::Pass, format!("none of {due} failed"))
    })
}

fn contention(scope: &Scope) -> Line {
    let kinds: Vec<(Outcome, u64)> = scope
        .counts
        .outcomes
        .iter()
        .filter(|(outcome, _)| outcome.contention())
        .map(|(outcome, count)| (*outcome, *count))
        .collect();
    let total: u64 = kinds.iter().map(|(_, count)| count).sum();
    let list: Vec<String> =
        kinds.iter().map(|(outcome, count)| format!("{} `{}`", show_count(*count), outcome.name())).collect();
    (total > 0).then(|| {
        let due = show_count_of(scope.counts.due, "request");
        (
            Level::Warning,
            format!("{} of {due} failed under contention: {}", show_count(total), list.join(", ")),
        )
    })
}

/// Answers that nobody knows to be right.
fn unchecked(scope: &Scope) -> Line {
    let count = scope.counts.unchecked;
    (count > 0).then(|| {
        let (count, answers) = (show_count(count), show_count_of(scope.counts.ok(), "answer"));
        let why = "`unchecked` in `requests.jsonl` says why";
        (Level::Warning, format!("{count} of {answers} could not be checked, and count as right: {why}"))
    })
}

/// Whether a scope is one level of a phase of several.
fn is_level(scope: &Scope, phase: &str) -> bool {
    scope.key.phase == phase && scope.key.step.is_some() && scope.key.endpoint.is_none()
}

fn name(level: &Scope) -> &str {
    level.key.step.as_deref().unwrap_or_default()
}

/// The first level that is slow.
fn slow_from(levels: &[&Scope]) -> Line {
    let first = levels.iter().find(|level| slow(level).is_some())?;
    let limit = show_seconds(SLOW_E2E_P90_S);
    Some((
        Level::Warning,
        format!("from `{}` on `e2e.p90` is over {limit}: user experience degraded", name(first)),
    ))
}

/// The last level before the first that is not fast.
fn fast_to(levels: &[&Scope]) -> Line {
    let last = levels.iter().take_while(|level| fast(level).is_some()).last()?;
    let limit = show_seconds(EXCELLENT_TTFT_P50_S);
    Some((Level::Pass, format!("up to `{}` `ttft.p50` is under {limit}: excellent", name(last))))
}

fn slow(scope: &Scope) -> Line {
    let p90 = scope.value(Metric::E2e, Some(Statistic::P90)).filter(|p90| *p90 > SLOW_E2E_P90_S)?;
    let limit = show_seconds(SLOW_E2E_P90_S);
    let what = if p90.is_finite() {
        format!("`e2e.p90` is {}, over {limit}", show_seconds(p90))
    } else {
        "more than a tenth of the requests never got a whole answer".to_owned()
    };
    Some((Level::Warning, format!("{what}: user experience degraded")))
}

fn fast(scope: &Scope) -> Line {
    // a server that fails is not excellent, however fast
    let healthy = scope.rates.get(&Metric::ErrorRate).is_none_or(|rate| *rate <= ERROR_RATE_LIMIT);
    let p50 = scope
        .value(Metric::Ttft, Some(Statistic::P50))
        .filter(|p50| healthy && *p50 < EXCELLENT_TTFT_P50_S)?;
    let limit = show_seconds(EXCELLENT_TTFT_P50_S);
    Some((Level::Pass, format!("`ttft.p50` is {}, under {limit}: excellent", show_seconds(p50))))
}

fn short(scope: &Scope) -> Line {
    let tokens = scope.tokens;
    if tokens.requested == 0 {
        return None;
    }
    let achieved = tokens.output as f64 / tokens.requested as f64;
    (achieved < ACHIEVED_TOKENS_LIMIT).then(|| {
        let (output, requested) = (show_count(tokens.output), show_count(tokens.requested));
        let share = show_share(achieved);
        (Level::Info, format!("answers brought {output} of {requested} output tokens asked for, {share}"))
    })
}

fn spikes(scope: &Scope) -> Line {
    let sigma = *scope.rates.get(&Metric::SpikeRate)?;
    let mad = scope.rates.get(&Metric::SpikeRateMad);
    if sigma == 0.0 && mad.is_none_or(|mad| *mad == 0.0) {
        return None;
    }
    let robust =
        mad.map_or(String::new(), |mad| format!(" ({} beyond median + 3 scaled MADs)", show_share(*mad)));
    Some((Level::Info, format!("{} of answers lie beyond mean + 3 σ{robust}", show_share(sigma))))
}

/// A server that does not know the path is there, and the URL is not that of its API.
fn wrong_path(summary: &Summary) -> Option<String> {
    let unknown = |failure: &&Failure| failure.outcome == Outcome::HttpError && failure.status == Some(404);
    let endpoint = &summary.failures.iter().find(unknown)?.endpoint;
    Some(format!(
        "`{endpoint}` answered 404: does `endpoints.{endpoint}.url` end where its API begins, such as in `/v1`?"
    ))
}

fn simulated(plan: &Plan) -> Option<String> {
    let names: Vec<String> = plan
        .endpoints
        .iter()
        .filter(|endpoint| endpoint.simulated())
        .map(|endpoint| format!("`{}`", endpoint.name))
        .collect();
    let (servers, were) = match names.len() {
        0 => return None,
        1 => ("server", "was"),
        _ => ("servers", "were"),
    };
    Some(format!(
        "the {servers} behind {} {were} simulated: the numbers say nothing of real hardware",
        names.join(", ")
    ))
}
