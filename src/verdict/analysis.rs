//! Plain-word lines that need no target.

use crate::{
    catalog::{Metric, Statistic},
    metrics::{Scope, Summary},
    plan::Plan,
    record::Outcome,
    units::{show_count, show_count_of, show_seconds, show_share},
    verdict::{Finding, Level},
};

/// More failures than this share of the due requests are a FAIL line.
const ERROR_RATE_LIMIT: f64 = 0.05;

/// An `e2e` over so many seconds, for more than a tenth of the requests, degrades the user's experience.
const SLOW_E2E_P90_S: f64 = 2.0;

/// A median first token under so many seconds is excellent.
const EXCELLENT_TTFT_P50_S: f64 = 0.2;

/// Answers with less than this share of the output tokens asked for are worth a line: they make a server look fast.
const ACHIEVED_TOKENS_LIMIT: f64 = 0.9;

/// The lines of every measured phase, in the order of the plan, and what is true of the run as a whole.
pub(super) fn findings(plan: &Plan, summary: &Summary) -> Vec<Finding> {
    let mut findings = Vec::new();
    for scope in &summary.scopes {
        if scope.measured && scope.key.step.is_none() && scope.key.endpoint.is_none() {
            let phase = &scope.key.phase;
            let lines =
                [errors(scope), contention(scope), slow(scope), fast(scope), short(scope), spikes(scope)];
            findings.extend(
                lines
                    .into_iter()
                    .flatten()
                    .map(|(level, text)| Finding { level, text: format!("`{phase}`: {text}") }),
            );
        }
    }
    findings.extend(simulated(plan).map(|text| Finding { level: Level::Info, text }));
    findings
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
    let p50 = scope.value(Metric::Ttft, Some(Statistic::P50)).filter(|p50| *p50 < EXCELLENT_TTFT_P50_S)?;
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
    let robust =
        mad.map_or(String::new(), |mad| format!(", {} beyond median + 3 × 1.4826 × MAD", show_share(*mad)));
    Some((Level::Info, format!("{} of the good answers spiked beyond mean + 3 σ{robust}", show_share(sigma))))
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
