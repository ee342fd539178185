//! How values, marks and places are put in words: the same in every format that people read.

mod objectives;

pub(super) use objectives::{met, objectives};
use time::macros::format_description;

use super::Report;
use crate::{
    catalog::{Metric, MetricName, Statistic},
    config::{Address, Bound, Severity},
    machine::Calibration,
    metrics::{Failure, Scope},
    plan::{self, PlannedEndpoint, ScopeKey, describe, estimate},
    units,
    verdict::{Cause, Conclusion, Grade, Judged, Level, Mark},
};

/// What stands for a missing value.
pub(super) const MISSING: &str = "–";

/// The hardware line that every chart and page carries.
pub(super) fn hardware(report: &Report) -> String {
    report.system.machine.line(&report.plan.label)
}

/// Whether the server behind an endpoint was a simulation: by the plan, or by what it said of itself.
pub(super) fn is_simulated(report: &Report, endpoint: &PlannedEndpoint) -> bool {
    let said = report.system.servers.iter().find(|server| server.endpoint == endpoint.name);
    endpoint.simulated() || said.is_some_and(|server| server.simulated)
}

/// The addresses of simulated endpoints, such as `sim:rtx_4090`, each once, in the order of the plan.
pub(super) fn simulated(report: &Report) -> Vec<String> {
    let mut names = Vec::new();
    for endpoint in report.plan.endpoints.iter().filter(|endpoint| is_simulated(report, endpoint)) {
        let name = match &endpoint.address {
            Address::Sim(name) => format!("sim:{name}"),
            Address::Url(url) => url.clone(),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// What every output of a run against simulated servers says; `None` where all servers were real.
pub(super) fn simulated_notice(report: &Report) -> Option<String> {
    let names = simulated(report);
    let all = report.plan.endpoints.iter().all(|endpoint| is_simulated(report, endpoint));
    let list = names.join(", ");
    match (names.len(), all) {
        (0, _) => None,
        (1, true) => Some(format!("the server was simulated ({list}): these numbers describe no hardware")),
        (_, true) => Some(format!("the servers were simulated ({list}): these numbers describe no hardware")),
        (_, false) => {
            Some(format!("some servers were simulated ({list}): their numbers describe no hardware"))
        }
    }
}

/// What every output of a run that accepted any certificate says; `None` where certificates were checked.
pub(super) fn insecure_notice(report: &Report) -> Option<String> {
    let insecure = report.plan.endpoints.iter().filter(|endpoint| endpoint.tls.insecure);
    let names: Vec<String> = insecure.map(|endpoint| format!("`{}`", endpoint.name)).collect();
    (!names.is_empty()).then(|| format!("insecure: any certificate of {} was accepted", names.join(", ")))
}

/// The files that prompts and times came from, a line each.
pub(super) fn datasets(report: &Report) -> Vec<String> {
    let lines = plan::datasets::lines(report.plan).into_iter().chain(plan::traces::lines(report.plan));
    lines.map(|(workload, line)| format!("{workload}: {line}")).collect()
}

/// The tokenizers that prompts were counted by, a line each.
pub(super) fn tokenizers(report: &Report) -> Vec<String> {
    let lines = plan::tokenizers::lines(report.plan).into_iter();
    lines.map(|(endpoint, line)| format!("{endpoint}: {line}")).collect()
}

/// `2026-11-21 14:03 UTC`.
pub(super) fn started(report: &Report) -> String {
    report
        .started
        .to_offset(time::UtcOffset::UTC)
        .format(format_description!("[year]-[month]-[day] [hour]:[minute] UTC"))
        .unwrap_or_default()
}

/// What the machine could do before the run: streams, requests, lateness and stamps in a line; `None` where nobody had
/// looked.
pub(super) fn calibrated(report: &Report) -> Option<String> {
    let calibration = report.system.calibration.as_ref()?;
    let day = calibration.measured_at.split('T').next().unwrap_or_default();
    let mut parts = vec![streams(calibration), requests(calibration)];
    if let Some(lag) = calibration.lag.last() {
        let rate = units::show_number(lag.rate);
        let late = units::show_seconds(lag.send_lag_p99_us / 1e6);
        let timer = units::show_seconds(lag.timer_p99_us / 1e6);
        parts.push(format!("sent {late} late at p99 of {rate} requests/s (a bare timer {timer})"));
    }
    if let Some(stamps) = &calibration.stamps {
        let [kernel, user] =
            [stamps.kernel_p99_us, stamps.user_p99_us].map(|us| units::show_seconds(us / 1e6));
        parts.push(format!("arrival times {kernel} off at p99, {user} by the time behind the read"));
    }
    Some(format!("{} ({} form, {day})", parts.join("; "), calibration.form.name()))
}

/// Where the plan asked for more than the machine was seen to do, without the help.
pub(super) fn beyond(report: &Report) -> Vec<String> {
    let Some(calibration) = &report.system.calibration else { return Vec::new() };
    let warnings = plan::beyond(report.plan, calibration);
    warnings.iter().filter_map(|warning| Some(warning.lines().next()?.to_owned())).collect()
}

/// Streams at once that a machine was seen to time.
pub(super) fn streams(calibration: &Calibration) -> String {
    let of = &calibration.streams;
    let per_second = units::show_number(1e3 / of.token_gap_ms);
    let show = |streams: u32| units::show_count(streams.into());
    match (of.most, of.failed) {
        (Some(most), Some(failed)) => {
            format!(
                "{} at once with {per_second} tokens/s each, {} were too many",
                units::show_count_of(most.into(), "stream"),
                show(failed)
            )
        }
        (Some(most), None) => {
            format!(
                "{} at once with {per_second} tokens/s each, more were not tried",
                units::show_count_of(most.into(), "stream")
            )
        }
        (None, Some(failed)) => format!("{} were too many", units::show_count_of(failed.into(), "stream")),
        (None, None) => "no streams were tried".to_owned(),
    }
}

/// Requests per second that a machine was seen to send in time.
pub(super) fn requests(calibration: &Calibration) -> String {
    let of = &calibration.requests;
    match (of.most, of.failed) {
        (Some(most), Some(failed)) => {
            format!(
                "{} requests/s in time, {} were too many",
                units::show_number(most),
                units::show_number(failed)
            )
        }
        (Some(most), None) => format!("{} requests/s in time, more were not tried", units::show_number(most)),
        (None, Some(failed)) => format!("{} requests/s were too many", units::show_number(failed)),
        (None, None) => "no rate was tried".to_owned(),
    }
}

/// A value of a metric with its unit, or [`MISSING`].
pub(super) fn value(metric: Metric, value: Option<f64>) -> String {
    match value {
        None => MISSING.to_owned(),
        Some(value) if value.is_nan() => MISSING.to_owned(),
        Some(value) if value.is_infinite() => "∞".to_owned(),
        Some(value) => metric.unit().show(value),
    }
}

/// A metric of a scope, as targets judge it.
pub(super) fn of_scope(scope: &Scope, metric: Metric, statistic: Option<Statistic>) -> String {
    value(metric, scope.value(metric, statistic))
}

/// `≤ 200 ms`, `≥ 30.0 tok/s`, `5.0 % – 15.0 %`.
pub(super) fn bound(metric: MetricName, bound: Bound) -> String {
    let show = |limit| value(metric.metric, Some(limit));
    match bound {
        Bound::AtLeast(limit) => format!("≥ {}", show(limit)),
        Bound::AtMost(limit) => format!("≤ {}", show(limit)),
        Bound::Between(from, to) => format!("{} – {}", show(from), show(to)),
    }
}

/// `388 – 440 ms`, `0.90 – 1.10 s`, `602 ms – ∞`, `≤ 51.0 ms` where nothing is known below; empty without an interval
/// and where nothing is known at either end.
pub(super) fn interval(metric: MetricName, interval: Option<(f64, f64)>) -> String {
    let Some((low, high)) = interval else { return String::new() };
    let show = |end| value(metric.metric, Some(end));
    let (from, to) = (show(low), show(high));
    if low == f64::NEG_INFINITY {
        return if high == f64::INFINITY { String::new() } else { format!("≤ {to}") };
    }
    match (from.split_once(' '), to.split_once(' ')) {
        _ if from == to => from,
        (Some((number, unit)), Some((_, same))) if unit == same => format!("{number} – {to}"),
        _ => format!("{from} – {to}"),
    }
}

/// Sign and word of a target's row. What does not decide does not look as if it did: a warning is no failure, and what
/// is shown for information is met or missed.
pub(super) fn row_mark(target: &Judged) -> (&'static str, &'static str) {
    match (target.severity, target.mark) {
        (Severity::Info, Mark::Fail) => ("·", "missed"),
        (Severity::Info, Mark::Inconclusive) => ("·", "undecided"),
        (Severity::Info, Mark::Pass) => ("·", "met"),
        (Severity::Warn, Mark::Fail) => ("!", "WARN"),
        (_, of) => (sign(of), mark(of)),
    }
}

/// Rows of targets that belong together.
pub(super) struct TargetGroup<'a> {
    /// What they have in common.
    pub(super) heading: String,
    /// Whether they judge or warn, rather than being shown for information.
    pub(super) judges: bool,
    /// Whether a preset asks for them rather than the scenario.
    pub(super) preset: bool,
    pub(super) rows: Vec<&'a Judged>,
}

/// The rows of the targets in their groups: what judges and warns, then what is shown for information, the preset's
/// apart from the scenario's own. Groups without rows are left out.
pub(super) fn target_groups<'a>(report: &Report<'a>) -> Vec<TargetGroup<'a>> {
    let (info, judging): (Vec<_>, Vec<_>) =
        report.verdict.targets.iter().partition(|target| target.severity == Severity::Info);
    let (preset, own): (Vec<_>, Vec<_>) = info.into_iter().partition(|target| target.from_preset);
    let by = format!("for information, by preset {}", report.plan.platform.name);
    let group = |heading: &str, judges, preset, rows| TargetGroup {
        heading: heading.to_owned(),
        judges,
        preset,
        rows,
    };
    let groups = [
        group("targets", true, false, judging),
        group("for information", false, false, own),
        group(&by, false, true, preset),
    ];
    groups.into_iter().filter(|group| !group.rows.is_empty()).collect()
}

impl TargetGroup<'_> {
    /// What a group that decides nothing comes to: `2 of 6 met; missed: ttft.p50 ≤ 5.00 ms in users, arrivals`.
    pub(super) fn in_short(&self) -> String {
        let of = |mark| self.rows.iter().copied().filter(move |row| row.mark == mark);
        let mut parts = vec![format!("{} of {} met", of(Mark::Pass).count(), self.rows.len())];
        for (mark, word) in [(Mark::Fail, "missed"), (Mark::Inconclusive, "undecided")] {
            // each limit once, with all the places
            let mut limits: Vec<(String, String)> = Vec::new();
            for row in of(mark) {
                let limit = format!("{} {}", row.metric, bound(row.metric, row.bound));
                match limits.iter_mut().find(|(known, _)| *known == limit) {
                    Some((_, places)) => places.extend([", ", &row.scope.to_string()]),
                    None => limits.push((limit, row.scope.to_string())),
                }
            }
            let limits: Vec<_> =
                limits.into_iter().map(|(limit, places)| format!("{limit} in {places}")).collect();
            parts.extend((!limits.is_empty()).then(|| format!("{word}: {}", limits.join("; "))));
        }
        parts.join("; ")
    }
}

/// What a row is about: `ttft.p50 in mixed · flash`.
pub(super) fn about(target: &Judged) -> String {
    format!("{} in {}", target.metric, target.scope)
}

/// The targets that are judged nowhere, by the reason.
pub(super) fn skipped<'a>(report: &Report<'a>) -> Vec<(String, &'a str)> {
    let mut groups: Vec<(String, &str)> = Vec::new();
    for (name, reason) in &report.verdict.skipped {
        match groups.iter_mut().find(|(_, known)| known == reason) {
            Some((names, _)) => *names = format!("{names}, {name}"),
            None => groups.push((name.clone(), reason)),
        }
    }
    groups
}

/// The sign of a mark, which needs no colour.
pub(super) fn sign(mark: Mark) -> &'static str {
    match mark {
        Mark::Fail => "✗",
        Mark::Inconclusive => "?",
        Mark::Pass => "✓",
    }
}

/// The word of a mark, as in JSON.
pub(super) fn mark(mark: Mark) -> &'static str {
    match mark {
        Mark::Fail => "FAIL",
        Mark::Inconclusive => "INCONCLUSIVE",
        Mark::Pass => "PASS",
    }
}

/// The word of a conclusion, as in JSON.
pub(super) fn conclusion(conclusion: Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Aborted => "ABORTED",
        Conclusion::Invalid => "INVALID",
        Conclusion::Fail => "FAIL",
        Conclusion::Inconclusive => "INCONCLUSIVE",
        Conclusion::Pass => "PASS",
    }
}

/// The word of a report: its conclusion, or where nothing was sent and nothing is judged, what was done instead.
pub(super) fn verdict(report: &Report) -> &'static str {
    if has_verdict(report) { conclusion(report.verdict.conclusion) } else { "MONITORED" }
}

/// Whether there is anything to conclude from: a load, a target, or an end before its time.
pub(super) fn has_verdict(report: &Report) -> bool {
    !report.plan.watches()
        || report.verdict.total_targets > 0
        || report.verdict.conclusion != Conclusion::Pass
}

/// The word of a grade, as in JSON.
pub(super) fn grade(grade: Grade) -> &'static str {
    match grade {
        Grade::Excellent => "EXCELLENT",
        Grade::Good => "GOOD",
        Grade::Acceptable => "ACCEPTABLE",
        Grade::Poor => "POOR",
        Grade::Ungraded => "UNGRADED",
    }
}

/// The word of a level of the analysis, as in JSON.
pub(super) fn level(level: Level) -> &'static str {
    match level {
        Level::Fail => "FAIL",
        Level::Warning => "WARNING",
        Level::Pass => "PASS",
        Level::Info => "INFO",
    }
}

/// The word of a cause, as in JSON.
pub(super) fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Queueing => "queueing",
        Cause::Decoding => "decoding",
        Cause::KvCache => "kv_cache",
        Cause::Client => "client",
        Cause::Network => "network",
        Cause::Starvation => "starvation",
    }
}

/// The word of a severity, as in TOML.
pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Fail => "fail",
        Severity::Warn => "warn",
        Severity::Info => "info",
    }
}

/// What goes beside a target: how it was judged, what is missing.
pub(super) fn remark(target: &Judged) -> String {
    let mut parts = Vec::new();
    if !target.note.is_empty() {
        parts.push(target.note.clone());
    }
    parts.extend(target.needs_in_words());
    parts.join("; ")
}

/// `2 of 5 targets met`; `no target was judged`.
pub(super) fn targets_met(met: u64, total: u64) -> String {
    match total {
        0 => "no target was judged".to_owned(),
        _ => format!("{met} of {} met", units::show_count_of(total, "target")),
    }
}

/// The name of a target, which says that a miss of it only warns.
pub(super) fn target_name(target: &Judged) -> String {
    match target.severity {
        Severity::Warn => format!("{} ({})", target.name, severity(target.severity)),
        Severity::Fail | Severity::Info => target.name.clone(),
    }
}

/// The load of a scope in words: `8 req/s`, `2 users × 4 prompts`; empty where the step's name says it or there is no
/// single one.
pub(super) fn load(scope: &Scope) -> String {
    if scope.key.step.is_some() || scope.key.endpoint.is_some() {
        return String::new();
    }
    let load = users_or_rate(scope);
    match scope.batch.filter(|batch| *batch > 1) {
        Some(batch) if !load.is_empty() => format!("{load} × {batch} prompts"),
        _ => load,
    }
}

fn users_or_rate(scope: &Scope) -> String {
    match (scope.users, scope.offered_rate) {
        (Some(1), _) => "1 user".to_owned(),
        (Some(users), _) => format!("{users} users"),
        (None, Some(rate)) => {
            let number = units::show_number(rate);
            let short = if number.contains('.') {
                number.trim_end_matches('0').trim_end_matches('.')
            } else {
                &number
            };
            format!("{short} req/s")
        }
        (None, None) => String::new(),
    }
}

/// The scopes to list, each with its depth and its own name: phases, steps below them, endpoints below both. An
/// endpoint that is the only one of its phase or step says nothing new and is left out.
pub(super) fn outline<'a>(report: &Report<'a>) -> Vec<(usize, &'a str, &'a Scope)> {
    // what was only read has numbers of another kind
    if report.plan.watches() {
        return Vec::new();
    }
    let scopes = &report.summary.scopes;
    let alone = |scope: &Scope| {
        let same = |other: &&Scope| {
            other.key.endpoint.is_some()
                && other.key.phase == scope.key.phase
                && other.key.step == scope.key.step
        };
        scopes.iter().filter(same).count() == 1
    };
    // a phase, then each of its steps, and under each the endpoints
    let place = |of: &dyn Fn(&Scope) -> bool| scopes.iter().position(of);
    let mut shown: Vec<&Scope> =
        scopes.iter().filter(|scope| scope.key.endpoint.is_none() || !alone(scope)).collect();
    shown.sort_by_key(|scope| {
        let phase = place(&|other| other.key.phase == scope.key.phase);
        let step = scope.key.step.as_ref().and_then(|_| {
            place(&|other| other.key.phase == scope.key.phase && other.key.step == scope.key.step)
        });
        (phase, step, scope.key.endpoint.is_some())
    });
    let mut rows = Vec::new();
    for scope in &shown {
        let (depth, name) = match (&scope.key.step, &scope.key.endpoint) {
            (None, None) => (0, &scope.key.phase),
            (Some(name), None) | (None, Some(name)) => (1, name),
            (Some(_), Some(name)) => (2, name),
        };
        rows.push((depth, name.as_str(), *scope));
        // under its endpoint, or where that has no row of its own under what it is all of
        let within = |key: &ScopeKey| {
            (&key.phase, &key.step) == (&scope.key.phase, &scope.key.step)
                && (key.endpoint == scope.key.endpoint
                    || scope.key.endpoint.is_none() && !shown.iter().any(|other| other.key == *key))
        };
        let models = report.summary.models.iter().filter(|model| within(&model.scope.key));
        rows.extend(models.map(|model| (depth + 1, model.model.as_str(), &model.scope)));
    }
    rows
}

/// The price that costs follow from.
pub(super) fn price(report: &Report) -> Option<String> {
    report.plan.price.map(describe::price)
}

/// What the run cost, beside what the plan expected: `0.0115, planned ≈ 0.0121`; `None` without a price.
pub(super) fn cost(report: &Report) -> Option<String> {
    let planned = estimate::cost(report.plan)?;
    let cost = report.summary.cost.map_or_else(|| MISSING.to_owned(), units::show_number);
    Some(format!("{cost}, planned {planned}"))
}

/// How many failures of a kind stand in no share: `2 of them outside the window`.
pub(super) fn outside(failure: &Failure) -> Option<String> {
    let outside = failure.count - failure.counted;
    match (outside, failure.counted) {
        (0, _) => None,
        (_, 0) => Some("not counted".to_owned()),
        _ => Some(format!("{} of them not counted", units::show_count(outside))),
    }
}

/// How many of the requests of each phase count, where some do not.
pub(super) fn uncounted(report: &Report) -> Option<String> {
    let parts: Vec<_> = report
        .summary
        .scopes
        .iter()
        .filter(|scope| scope.measured && scope.key.step.is_none() && scope.key.endpoint.is_none())
        .filter(|scope| scope.counts.issued > scope.counts.due)
        .map(|scope| {
            let counts = &scope.counts;
            format!(
                "{} of {} of `{}`",
                units::show_count(counts.due),
                units::show_count(counts.issued),
                scope.key.phase
            )
        })
        .collect();
    (!parts.is_empty()).then(|| format!("counted are requests due inside the window: {}", parts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_says_only_what_is_known() {
        let latency: MetricName = "e2e.p50".parse().expect("a metric");
        let (nothing, failed) = (f64::NEG_INFINITY, f64::INFINITY);
        for (ends, text) in [
            (None, ""),
            (Some((0.388, 0.44)), "388 – 440 ms"),
            (Some((0.602, failed)), "602 ms – ∞"),
            (Some((nothing, 0.051)), "≤ 51.0 ms"),
            (Some((nothing, failed)), ""),
            (Some((failed, failed)), "∞"),
        ] {
            assert_eq!(interval(latency, ends), text, "{ends:?}");
        }
    }
}
