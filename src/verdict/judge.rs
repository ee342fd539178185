//! Summary → [`Verdict`].

use crate::{
    config::{OnInconclusive, Severity},
    metrics::{Account, Ending, Failure, Observation, Scope, Summary},
    plan::{Plan, Trial, explored_only},
    record::{Abort, StopCause},
    units::{show_count, show_count_of, show_seconds},
    verdict::{
        Check, Conclusion, Grade, Judged, Mark, Verdict,
        analysis::findings,
        contention::contentions,
        grade::judged,
        optimum::{named, optima, unnamed},
        pressure::under_pressure,
        recommend::recommendations,
        search::found,
        targets::judge_targets,
        validity::checks,
    },
};

/// Judges a run: is it a measurement at all, what does the evidence say of each target, what grade follows. Pure.
pub fn judge(plan: &Plan, summary: &Summary) -> Verdict {
    let searches = found(plan, summary);
    let optima = optima(plan, summary, &searches);
    let contention = contentions(plan, summary);
    let pressure = under_pressure(plan, summary);
    let with_levels = named(plan, &optima);
    let mut targets = judge_targets(&with_levels, summary);
    let validity = checks(&with_levels, summary, &targets, &searches);
    unnamed(plan, &optima, &mut targets);
    let skipped = plan
        .targets
        .iter()
        .enumerate()
        .filter(|(_, target)| target.scopes.is_empty())
        .map(|(index, target)| (target.name.clone(), why_skipped(plan, index)))
        .collect();
    let marks = judged(&targets);
    let count = |mark: Mark| marks.values().filter(|of| **of == mark).count() as u64;
    let (targets_met, total_targets) = (count(Mark::Pass), marks.len() as u64);
    let tally = Tally { met: targets_met, failed: count(Mark::Fail), total: total_targets };
    let (conclusion, reason) = conclude(plan, summary, &validity, &targets, tally);
    Verdict {
        conclusion,
        reason,
        grade: match conclusion {
            // what was not measured is neither good nor poor
            Conclusion::Aborted | Conclusion::Invalid if nothing_measured(plan, summary) => Grade::Ungraded,
            _ => Grade::of(targets_met, total_targets),
        },
        targets_met,
        total_targets,
        targets,
        skipped,
        analysis: findings(plan, summary, &contention, &pressure),
        recommendations: recommendations(summary, &validity, &optima, &contention),
        contention,
        pressure,
        validity,
        optima,
        searches,
    }
}

/// Why a target is judged nowhere.
fn why_skipped(plan: &Plan, target: usize) -> String {
    if plan.watches() {
        return plan.why_unwatched(&plan.targets[target]);
    }
    let metric = plan.targets[target].metric;
    let decides = |trial: &Trial| trial.criteria.iter().any(|criterion| criterion.target == target);
    let searched = plan.loads().find(|(_, load)| load.trial.as_ref().is_some_and(decides));
    if let Some((step, _)) = searched {
        format!("it decided each trial of the search `{}`, and nothing else measures it", step.phase)
    } else if explored_only(plan, metric.metric) {
        "measured only in levels of a ladder or a search, which are judged where a target names their phase or step"
            .to_owned()
    } else {
        format!("the plan measures `{metric}` nowhere")
    }
}

/// Whether requests were sent and not one of them, warm-up or measured, got even the first byte of an answer.
pub fn nothing_answered(summary: &Summary) -> bool {
    let sum = |of: fn(&Account) -> u64| summary.accounts.iter().map(of).sum::<u64>();
    sum(|account| account.sent) > 0 && sum(|account| account.answered) == 0
}

/// Whether no request counts that a target could be judged by, and where none was to be sent, no reading.
fn nothing_measured(plan: &Plan, summary: &Summary) -> bool {
    let read = |scope: &Scope| plan.watches() && scope.observations.iter().any(Observation::was_read);
    let counts = |scope: &Scope| scope.counts.due > 0 || read(scope);
    summary.scopes.iter().all(|scope| !scope.measured || !counts(scope))
}

/// Judged targets by their marks.
#[derive(Clone, Copy)]
struct Tally {
    met: u64,
    failed: u64,
    total: u64,
}

fn conclude(
    plan: &Plan,
    summary: &Summary,
    validity: &[Check],
    targets: &[Judged],
    tally: Tally,
) -> (Conclusion, String) {
    if let Some(reason) = cut_short(summary.ending) {
        let rest = match nothing_measured(plan, summary) {
            true => "nothing was measured",
            false if plan.watches() => "what was read until then stands",
            false => "what was measured is graded",
        };
        return (Conclusion::Aborted, format!("{reason}; {rest}"));
    }
    let broken: Vec<String> = validity
        .iter()
        .filter(|check| check.void && !check.ok)
        .map(|check| format!("check {} ({}): {}", check.id, check.name, check.value))
        .collect();
    if !broken.is_empty() {
        return (Conclusion::Invalid, broken.join("; "));
    }
    if let Some(abort) = &summary.abort {
        let reasons = std::iter::once(ended_by(abort, targets)).chain(all_failed(summary));
        return (Conclusion::Fail, reasons.collect::<Vec<_>>().join("; "));
    }
    if let Some(reason) = all_failed(summary) {
        return (Conclusion::Fail, reason);
    }
    let first = |mark: Mark| {
        let row = targets.iter().find(|row| row.severity == Severity::Fail && row.mark == mark);
        row.map(describe).unwrap_or_default()
    };
    let Tally { met, failed, total } = tally;
    let judged = show_count_of(total, "judged target");
    if failed > 0 {
        return (Conclusion::Fail, format!("{failed} of {judged} failed: {}", first(Mark::Fail)));
    }
    if let Some(fired) = summary.alerts.iter().find(|fired| fired.severity == Severity::Fail) {
        let reason =
            format!("the alert `{}` fired, which is to fail the run: {}", fired.name, fired.condition);
        return (Conclusion::Fail, reason);
    }
    if met < total {
        let open = total - met;
        let which = first(Mark::Inconclusive);
        let only_warns = match plan.on_inconclusive {
            OnInconclusive::Fail => "",
            OnInconclusive::Warn => "; `run.on_inconclusive` lets that only warn",
        };
        let reason = format!("{open} of {judged} could not be decided: {which}{only_warns}");
        return (Conclusion::Inconclusive, reason);
    }
    let reason = match total {
        0 if plan.watches() => "nothing was sent, and no target is judged".to_owned(),
        0 if !summary.accounts.iter().any(|account| account.measured) => {
            "nothing was to be measured: no phase counts".to_owned()
        }
        0 => "no target is judged, and the measurement is valid".to_owned(),
        1 => "the judged target passed".to_owned(),
        _ => format!("all {total} judged targets passed"),
    };
    (Conclusion::Pass, reason)
}

fn cut_short(ending: Ending) -> Option<&'static str> {
    match ending {
        // a target that ended the run has failed, which is a verdict, and of a run at its ceiling check 2a says that it is
        // no measurement of what was planned
        Ending::Completed
        | Ending::Stopped(StopCause::Abort | StopCause::RequestCeiling | StopCause::DurationCeiling) => None,
        Ending::Killed => Some("the tool was killed while it ran"),
        Ending::Stopped(StopCause::Interrupt | StopCause::Cancel) => Some("the run was interrupted"),
        Ending::Stopped(StopCause::Terminate) => Some("the run was told to end"),
        Ending::Stopped(StopCause::Dataset) => Some("the prompts could not be read any more"),
        Ending::Stopped(StopCause::Recorder) => {
            Some("the results could not be written fast enough, or at all")
        }
    }
}

/// That a target ended the run, and what it saw.
fn ended_by(abort: &Abort, targets: &[Judged]) -> String {
    let row = targets.iter().find(|row| row.name == abort.target && row.scope == abort.scope);
    let seconds = |ns: u64| show_seconds(ns as f64 / 1e9);
    format!(
        "{}; with {} of {} beyond that it ended the run after {}, having failed for {}",
        row.map(describe).unwrap_or_default(),
        show_count(abort.beyond),
        show_count_of(abort.requests, "issued request"),
        seconds(abort.at_ns),
        seconds(abort.at_ns.saturating_sub(abort.since_ns)),
    )
}

/// That every measured request failed, with the first error of the most frequent kind.
fn all_failed(summary: &Summary) -> Option<String> {
    let measured = || summary.accounts.iter().filter(|account| account.measured);
    let issued: u64 = measured().map(|account| account.issued).sum();
    if issued == 0 || measured().any(|account| account.ok() > 0) {
        return None;
    }
    let first = summary.failures.first().map_or(String::new(), |failure| {
        let Failure { outcome, count, endpoint, first_error, .. } = failure;
        let colon = if first_error.is_empty() { "" } else { ": " };
        format!(": {} `{}`, first at `{endpoint}`{colon}{first_error}", show_count(*count), outcome.name())
    });
    Some(format!("every measured request failed, {} in all{first}", show_count(issued)))
}

/// A row in one line.
fn describe(row: &Judged) -> String {
    let unit = row.metric.metric.unit();
    let value = row.value.map_or_else(|| row.note.clone(), |value| unit.show(value));
    let needs = row.needs_in_words().map_or(String::new(), |needs| format!("; {needs}"));
    format!("`{}` in `{}`: {} is {value}, asked {}{needs}", row.name, row.scope, row.metric, row.asked())
}
