//! The data of the interactive charts.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{super::Report, curves};
use crate::{
    catalog::{Metric, Statistic},
    metrics::{self, Point, Scope, Slice, Window},
    plan::Work,
};

/// Slices kept at most; more are merged.
const MANY_SLICES: usize = 600;
/// The smallest part of the run that a stretch of it can be seen at.
const SEEN: f64 = 0.005;
/// Requests kept at most; more are thinned evenly.
const MANY_POINTS: usize = 1500;

/// The interactive charts that there is data for: their names in the script and their headings.
pub(super) fn plots(report: &Report) -> Value {
    let mut plots = Vec::new();
    let spikes = report.summary.scopes.iter().any(|scope| !scope.spikes.is_empty());
    let mut plot = |name: &str, title: String, about: &str| {
        // what goes over time has them behind it
        let shaded = spikes && matches!(name, "tokens" | "requests" | "ttft");
        let about = if shaded {
            format!("{about}; spikes are shaded, and fainter for how long they were felt")
        } else {
            about.to_owned()
        };
        plots.push(json!({ "name": name, "title": title, "about": about }));
    };
    let slices = &report.summary.timeline.slices;
    // vectors and scores have none
    if slices.iter().any(|slice| slice.output_tokens.values().any(|tokens| *tokens > 0.0)) {
        plot(
            "tokens",
            "Output tokens per second over the run".to_owned(),
            "tokens that arrived, per endpoint",
        );
    }
    if !slices.is_empty() {
        plot(
            "requests",
            "Requests over the run".to_owned(),
            "due, completed and failed per second; in flight on the right",
        );
    }
    for group in curves::groups(report) {
        plot(group.name, group.title.to_owned(), group.about);
    }
    for (i, (phase, _)) in ladders(report).iter().enumerate() {
        plot(
            &format!("ladder-{i}"),
            format!("Throughput and latency over the levels of {phase}"),
            "a level without a latency has its 95th percentile among failed requests",
        );
    }
    if report.summary.points.iter().any(|point| point.ttft_s.is_some()) {
        plot("ttft", "Time to first token of each request".to_owned(), "by the moment at which it was due");
    }
    if report.summary.points.iter().any(|point| speed(point).is_some()) {
        plot(
            "sequence",
            "Tokens per second over the sequence of requests".to_owned(),
            "output tokens ÷ e2e of each request",
        );
    }
    Value::Array(plots)
}

/// The numbers behind them.
pub(super) fn data(report: &Report) -> Value {
    let endpoints: Vec<_> = report.plan.endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
    json!({
        "endpoints": endpoints,
        "timeline": timeline(report, &endpoints),
        "phases": phases(report),
        "spikes": spikes(report),
        "ladders": ladders(report).iter().map(|(_, steps)| ladder(steps)).collect::<Value>(),
        "points": points(report, &endpoints),
        "curves": curves::data(report),
    })
}

/// A number with six significant digits, `null` where it is none: the page needs no more.
pub(super) fn short(value: f64) -> Value {
    if !value.is_finite() {
        return Value::Null;
    }
    if value == 0.0 {
        return json!(0);
    }
    let scale = 10f64.powi(5 - value.abs().log10().floor() as i32);
    json!((value * scale).round() / scale)
}

fn timeline(report: &Report, endpoints: &[&str]) -> Value {
    let timeline = &report.summary.timeline;
    let merged = timeline.slices.len().div_ceil(MANY_SLICES).max(1);
    let groups: Vec<&[Slice]> = timeline.slices.chunks(merged).collect();
    let seconds = |slices: &[Slice]| timeline.slice_s * slices.len() as f64;
    let per_second = |of: &dyn Fn(&Slice) -> f64| -> Vec<Value> {
        groups.iter().map(|slices| short(slices.iter().map(of).sum::<f64>() / seconds(slices))).collect()
    };
    let middle = |(i, slices): (usize, &&[Slice])| {
        short(timeline.slice_s * (i * merged) as f64 + seconds(slices) / 2.0)
    };
    json!({
        "time": groups.iter().enumerate().map(middle).collect::<Value>(),
        "tokens": endpoints
            .iter()
            .map(|name| per_second(&|slice| slice.output_tokens.get(*name).copied().unwrap_or(0.0)))
            .collect::<Vec<_>>(),
        "due": per_second(&|slice| slice.due as f64),
        "completed": per_second(&|slice| slice.completed as f64),
        "failed": per_second(&|slice| slice.failed as f64),
        "in_flight": groups
            .iter()
            .map(|slices| short(slices.iter().map(|slice| slice.in_flight).sum::<f64>() / slices.len() as f64))
            .collect::<Value>(),
    })
}

/// The run in stretches of one phase, or of the same ones side by side: from and to in seconds, and whether they count.
fn phases(report: &Report) -> Value {
    let whole = |scope: &&Scope| scope.key.step.is_none() && scope.key.endpoint.is_none();
    let windows: Vec<(&str, Window)> = report
        .summary
        .scopes
        .iter()
        .filter(whole)
        .filter_map(|scope| Some((scope.key.phase.as_str(), scope.window?)))
        .collect();
    // one stretch that is all of it says nothing
    if report.plan.watches() {
        return json!([]);
    }
    let counts = |phase: &str| {
        report
            .plan
            .steps
            .iter()
            .any(|step| step.phase == phase && matches!(&step.work, Work::Load(load) if load.measure))
    };
    stretches(&windows)
        .into_iter()
        .map(|Stretch { phases, from, to }| {
            let measured = phases.iter().any(|phase| counts(phase));
            json!({ "name": phases.join(" + "), "from": short(from), "to": short(to), "measured": measured })
        })
        .collect()
}

/// The spikes of the whole run: from, to, and when latency was back or nobody looked any more, in seconds.
fn spikes(report: &Report) -> Value {
    let whole =
        report.summary.scopes.iter().filter(|scope| scope.key.step.is_none() && scope.key.endpoint.is_none());
    let spikes = whole.flat_map(|scope| &scope.spikes).map(|spike| {
        let felt_s = spike.recovery.map_or(0.0, |recovery| recovery.least_s);
        json!({ "from": short(spike.from_s), "to": short(spike.to_s), "felt": short(spike.to_s + felt_s) })
    });
    spikes.collect()
}

/// A stretch of the run in which the same phases were measured.
#[derive(Debug, PartialEq)]
struct Stretch<'a> {
    phases: Vec<&'a str>,
    from: f64,
    to: f64,
}

/// Cuts the run where a window begins or ends. Phases side by side begin and end a little apart: what is too short to be
/// seen is left out.
fn stretches<'a>(windows: &[(&'a str, Window)]) -> Vec<Stretch<'a>> {
    let mut cuts: Vec<f64> = windows.iter().flat_map(|(_, window)| [window.from_s, window.to_s]).collect();
    cuts.sort_by(f64::total_cmp);
    let whole = cuts.last().copied().unwrap_or_default() - cuts.first().copied().unwrap_or_default();
    let mut stretches: Vec<Stretch<'_>> = Vec::new();
    for pair in cuts.windows(2) {
        let &[from, to] = pair else { continue };
        let over = |window: &Window| window.from_s <= from && to <= window.to_s;
        let phases: Vec<&str> =
            windows.iter().filter(|(_, window)| over(window)).map(|(name, _)| *name).collect();
        let alone =
            phases.len() == 1 && windows.iter().any(|(_, window)| (window.from_s, window.to_s) == (from, to));
        if phases.is_empty() || (to - from < whole * SEEN && !alone) {
            continue;
        }
        match stretches.last_mut() {
            Some(last) if last.phases == phases && last.to == from => last.to = to,
            _ => stretches.push(Stretch { phases, from, to }),
        }
    }
    stretches
}

/// Phases of several levels, each with its steps.
fn ladders<'a>(report: &Report<'a>) -> Vec<(&'a str, Vec<&'a Scope>)> {
    let mut ladders: Vec<(&str, Vec<&Scope>)> = Vec::new();
    for scope in &report.summary.scopes {
        if scope.key.step.is_none() || scope.key.endpoint.is_some() || !scope.measured {
            continue;
        }
        match ladders.iter_mut().find(|(phase, _)| *phase == scope.key.phase) {
            Some((_, steps)) => steps.push(scope),
            None => ladders.push((&scope.key.phase, vec![scope])),
        }
    }
    // levels that were found come by their load, each once
    for (phase, steps) in &mut ladders {
        if report.verdict.searches.iter().any(|found| found.phase == *phase) {
            let of = metrics::ladders(report.summary).into_iter().find(|ladder| ladder.phase == *phase);
            *steps = of.map_or(Vec::new(), |ladder| ladder.levels.iter().map(|level| level.scope).collect());
        }
    }
    ladders.retain(|(_, steps)| steps.len() > 1);
    ladders
}

fn ladder(steps: &[&Scope]) -> Value {
    let column = |metric, statistic, factor: f64| -> Vec<Value> {
        steps
            .iter()
            .map(|scope| scope.value(metric, statistic).map_or(Value::Null, |value| short(value * factor)))
            .collect()
    };
    json!({
        "steps": steps.iter().map(|scope| scope.key.step.as_deref().unwrap_or_default()).collect::<Vec<_>>(),
        "tokens": column(Metric::OutputTokensPerSecond, None, 1.0),
        "ttft_p95_ms": column(Metric::Ttft, Some(Statistic::P95), 1e3),
        "e2e_p95_ms": column(Metric::E2e, Some(Statistic::P95), 1e3),
    })
}

/// Output tokens per second of a request.
fn speed(point: &Point) -> Option<f64> {
    let seconds = point.e2e_s.filter(|seconds| *seconds > 0.0)?;
    Some(point.output_tokens? as f64 / seconds)
}

/// Requests in the order of `due`, thinned evenly: a column per property, endpoints by number.
fn points(report: &Report, endpoints: &[&str]) -> Value {
    let all = &report.summary.points;
    let mut kept: Vec<_> = all.iter().step_by(all.len().div_ceil(MANY_POINTS).max(1)).collect();
    kept.sort_by(|a, b| a.due_s.total_cmp(&b.due_s).then(a.place.cmp(&b.place)));
    let index: BTreeMap<_, _> = endpoints.iter().enumerate().map(|(i, name)| (*name, i)).collect();
    let column = |of: &dyn Fn(&Point) -> Option<f64>| -> Vec<Value> {
        kept.iter().map(|point| of(point).map_or(Value::Null, short)).collect()
    };
    json!({
        "place": kept.iter().map(|point| point.place).collect::<Vec<_>>(),
        "endpoint": kept.iter().map(|point| index.get(point.endpoint.as_str()).copied()).collect::<Vec<_>>(),
        "outcome": kept.iter().map(|point| point.outcome.name()).collect::<Vec<_>>(),
        "due_s": column(&|point| Some(point.due_s)),
        "ttft_ms": column(&|point| point.ttft_s.map(|seconds| seconds * 1e3)),
        "tokens_per_second": column(&speed),
        "thinned_from": all.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn tokens_have_a_chart_where_any_came() {
        let run = fixture::quiet();
        let mut report = run.report();
        let names = |report: &Report| -> Vec<String> {
            let plots = plots(report);
            let plots = plots.as_array().into_iter().flatten();
            plots.filter_map(|plot| Some(plot["name"].as_str()?.to_owned())).collect()
        };
        assert!(names(&report).starts_with(&["tokens".to_owned(), "requests".to_owned()]));
        let mut vectors = report.summary.clone();
        for slice in &mut vectors.timeline.slices {
            slice.output_tokens.clear();
        }
        report.summary = &vectors;
        assert_eq!(names(&report).first().map(String::as_str), Some("requests"));
    }

    #[test]
    fn phases_side_by_side_share_a_stretch() {
        let window = |from_s, to_s| Window { from_s, to_s, length_s: to_s - from_s };
        let cut = |windows: &[(&'static str, Window)]| -> Vec<(String, f64, f64)> {
            stretches(windows).into_iter().map(|s| (s.phases.join("+"), s.from, s.to)).collect()
        };
        assert_eq!(cut(&[]), []);
        // a short phase of its own stays
        assert_eq!(
            cut(&[("a", window(0.0, 0.01)), ("b", window(1.0, 100.0))]),
            [("a".to_owned(), 0.0, 0.01), ("b".to_owned(), 1.0, 100.0)]
        );
        // begun and ended a little apart
        assert_eq!(
            cut(&[("a", window(0.0, 100.0)), ("b", window(0.1, 99.9)), ("c", window(120.0, 130.0))]),
            [("a+b".to_owned(), 0.1, 99.9), ("c".to_owned(), 120.0, 130.0)]
        );
        assert_eq!(
            cut(&[("a", window(0.0, 60.0)), ("b", window(0.0, 100.0))]),
            [("a+b".to_owned(), 0.0, 60.0), ("b".to_owned(), 60.0, 100.0)]
        );
    }
}
