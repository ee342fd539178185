//! `summary.json`: all numbers and what they come to, for scripts.
//!
//! Names carry their unit (`ttft_p95_ms`). A missing value is `null`; an infinite one, which JSON cannot write, is
//! `null` beside `"<name>_infinite": true`. Percentiles are as targets judge them; `ttft_ok_p95_ms` is of the
//! successes alone.

use serde_json::{Map, Value, json};

use super::{Report, words};
use crate::{
    catalog::{Kind, Metric, MetricName, Statistic},
    config::{Bound, Objective, case_name},
    metrics::{Counts, Distribution, Ending, Failure, Scope, Tokens, Values, Window},
    plan::ScopeKey,
    verdict::{Check, Conclusion, Judged},
};

/// The version of `summary.json`.
pub const FORMAT: u32 = 1;

/// The whole of `summary.json`.
pub fn json(report: &Report) -> Value {
    let Report { plan, system, summary, verdict, .. } = report;
    let ending = match summary.ending {
        Ending::Completed => "completed",
        _ if summary.abort.is_some() && verdict.conclusion != Conclusion::Aborted => "ended_by_target",
        _ => "aborted",
    };
    json!({
        "format": FORMAT,
        "tool_version": system.tool_version,
        "name": plan.name,
        "case": (!plan.case.is_empty()).then(|| case_name(&plan.case)),
        "group": plan.group,
        "repeat": plan.repeat,
        "repeats": plan.repeats,
        "description": plan.description,
        "experiment": plan.experiment,
        "rerun_of": plan.rerun_of,
        "seed": plan.seed,
        "platform": plan.platform.name,
        "label": plan.label,
        "objectives": objectives(&plan.objectives),
        "price": plan.price,
        "hardware": words::hardware(report),
        "simulated": !words::simulated(report).is_empty(),
        "simulated_servers": words::simulated(report),
        "started": report
            .started
            .format(&time::format_description::well_known::Rfc3339)
            .ok(),
        "elapsed_s": number(report.elapsed_s),
        "ending": ending,
        "run": report.run(),
        "client_threads": system.client_threads,
        "verdict": words::conclusion(verdict.conclusion),
        "reason": verdict.reason,
        "performance_grade": words::grade(verdict.grade),
        "targets_met": verdict.targets_met,
        "total_targets": verdict.total_targets,
        // what only a search, a ladder's judgement and advice can fill
        "optimal_concurrency": null,
        "max_sustainable_load": null,
        "stable_concurrency_levels": null,
        "recommendations": null,
        "targets": verdict.targets.iter().map(target).collect::<Vec<_>>(),
        "skipped_targets": verdict
            .skipped
            .iter()
            .map(|(name, reason)| json!({ "name": name, "reason": reason }))
            .collect::<Vec<_>>(),
        "validity": verdict.validity.iter().map(check).collect::<Vec<_>>(),
        "analysis": verdict
            .analysis
            .iter()
            .map(|finding| json!({ "level": words::level(finding.level), "text": finding.text }))
            .collect::<Vec<_>>(),
        "failures": summary.failures.iter().map(failure).collect::<Vec<_>>(),
        "notes": summary.notes,
        "warnings": plan.warnings,
        "scopes": summary.scopes.iter().map(scope).collect::<Vec<_>>(),
    })
}

/// The longest that each part of a request should take.
fn objectives(objectives: &[Objective]) -> Value {
    let mut object = Map::new();
    for objective in objectives {
        let limit = objective.at_most.as_secs_f64();
        put(&mut object, objective.metric.name(), objective.metric, Some(limit));
    }
    Value::Object(object)
}

/// A finite number, or `null`: JSON has no other.
fn number(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// Puts a value in, with its unit in the name; infinity beside it.
fn put(object: &mut Map<String, Value>, name: &str, metric: Metric, value: Option<f64>) {
    let (suffix, factor) = metric.unit().json();
    let key = format!("{name}{suffix}");
    object.insert(key.clone(), value.map_or(Value::Null, |value| number(round(value * factor))));
    // a bound of an interval that nothing is known about is minus infinity, and missing
    if value == Some(f64::INFINITY) {
        object.insert(format!("{key}_infinite"), Value::Bool(true));
    }
}

/// Nine significant digits: more than any clock here gives, and free of the noise of conversions.
fn round(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10f64.powi(8 - value.abs().log10().floor() as i32);
    let rounded = (value * scale).round() / scale;
    if rounded.is_finite() { rounded } else { value }
}

/// The name of a metric in a key: `service.ttft` → `service_ttft`.
fn key_of(metric: Metric) -> String {
    metric.name().replace('.', "_")
}

fn scope(scope: &Scope) -> Value {
    let ScopeKey { phase, step, endpoint } = &scope.key;
    json!({
        "phase": phase,
        "step": step,
        "endpoint": endpoint,
        "measured": scope.measured,
        "explores": scope.explores,
        "users": scope.users,
        "batch": scope.batch,
        "offered_rate": scope.offered_rate.map(number),
        "window": scope.window.map(window),
        "counts": counts(&scope.counts),
        "tokens": tokens(&scope.tokens),
        "metrics": metrics(scope),
        "histograms": histograms(scope),
    })
}

fn window(window: Window) -> Value {
    let Window { from_s, to_s, length_s } = window;
    json!({ "from_s": number(from_s), "to_s": number(to_s), "length_s": number(length_s) })
}

fn counts(counts: &Counts) -> Value {
    let outcomes: Map<String, Value> =
        counts.outcomes.iter().map(|(outcome, n)| (outcome.name().to_owned(), json!(n))).collect();
    json!({
        "issued": counts.issued,
        "due": counts.due,
        "cut_off": counts.cut_off,
        "ok": counts.ok(),
        "failed": counts.failed(),
        "outcomes": outcomes,
        "completed_in_window": counts.completed_in_window,
        "replaced_connections": counts.replaced_connections,
        "objectives_met": counts.met.map(|met| met.due),
    })
}

fn tokens(tokens: &Tokens) -> Value {
    let Tokens { input, output, requested, reasoning, cached, from_chunks } = tokens;
    json!({
        "input": input,
        "output": output,
        "requested_output": requested,
        "reasoning": reasoning,
        "cached": cached,
        "requests_counted_by_chunks": from_chunks,
    })
}

/// Every metric of the catalog, flat; `null` where the scope has no data.
fn metrics(scope: &Scope) -> Value {
    let mut object = Map::new();
    for metric in Metric::ALL {
        let name = key_of(metric);
        if metric.kind() != Kind::Series {
            put(&mut object, &name, metric, scope.value(metric, None));
            continue;
        }
        let series = scope.series.get(&metric);
        object.insert(format!("{name}_count"), json!(series.map(Distribution::count)));
        object.insert(format!("{name}_failed"), json!(series.map(|series| series.failed)));
        for statistic in Statistic::ALL {
            let judged = series.and_then(|series| series.judged(statistic));
            put(&mut object, &format!("{name}_{}", statistic.name()), metric, judged);
            if statistic.quantile().is_some() {
                let ok = series.and_then(|series| series.of_successes(statistic));
                put(&mut object, &format!("{name}_ok_{}", statistic.name()), metric, ok);
            }
        }
    }
    Value::Object(object)
}

/// Pooled series as `[value in microseconds, count]`, ascending: what merging and redrawing need.
fn histograms(scope: &Scope) -> Value {
    let mut object = Map::new();
    for (metric, series) in &scope.series {
        if let Values::Histogram(histogram) = &series.values {
            let buckets: Vec<_> = histogram
                .iter_recorded()
                .map(|bucket| json!([bucket.value_iterated_to(), bucket.count_at_value()]))
                .collect();
            object.insert(format!("{}_us", key_of(*metric)), Value::Array(buckets));
        }
    }
    Value::Object(object)
}

fn target(target: &Judged) -> Value {
    let MetricName { metric, .. } = target.metric;
    let mut object = Map::new();
    object.insert("name".to_owned(), json!(target.name));
    object.insert("metric".to_owned(), json!(target.metric.to_string()));
    object.insert("phase".to_owned(), json!(target.scope.phase));
    object.insert("step".to_owned(), json!(target.scope.step));
    object.insert("endpoint".to_owned(), json!(target.scope.endpoint));
    object.insert("severity".to_owned(), json!(words::severity(target.severity)));
    object.insert("from_preset".to_owned(), json!(target.from_preset));
    object.insert("mark".to_owned(), json!(words::mark(target.mark)));
    put(&mut object, "value", metric, target.value);
    let (at_least, at_most) = match target.bound {
        Bound::AtLeast(limit) => (Some(limit), None),
        Bound::AtMost(limit) => (None, Some(limit)),
        Bound::Between(from, to) => (Some(from), Some(to)),
    };
    put(&mut object, "at_least", metric, at_least);
    put(&mut object, "at_most", metric, at_most);
    put(&mut object, "interval_low", metric, target.interval.map(|(low, _)| low));
    put(&mut object, "interval_high", metric, target.interval.map(|(_, high)| high));
    object.insert("samples".to_owned(), json!(target.samples));
    object.insert("needs".to_owned(), json!(target.needs));
    object.insert("note".to_owned(), json!(target.note));
    Value::Object(object)
}

fn check(check: &Check) -> Value {
    let Check { id, name, void, ok, value, limit, advice } = check;
    json!({ "id": id, "name": name, "void": void, "ok": ok, "value": value, "limit": limit, "advice": advice })
}

fn failure(failure: &Failure) -> Value {
    let Failure { outcome, count, counted, endpoint, status, first_error } = failure;
    json!({
        "outcome": outcome.name(),
        "count": count,
        "counted": counted,
        "first_endpoint": endpoint,
        "first_http_status": status,
        "first_error": first_error,
    })
}

#[cfg(test)]
mod tests {
    use super::{super::fixture, *};

    /// Walks every number, key and text.
    fn visit(value: &Value, seen: &mut impl FnMut(&str, &Value)) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| visit(item, seen)),
            Value::Object(object) => {
                for (key, item) in object {
                    seen(key, item);
                    visit(item, seen);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn the_head_and_the_targets() {
        let run = fixture::mixed();
        let mut value = json(&run.report());
        value["scopes"].take();
        insta::assert_snapshot!(format!("{value:#}"));
    }

    #[test]
    fn a_scope_with_failures() {
        let run = fixture::mixed();
        let mut value = json(&run.report());
        let scopes = value["scopes"].as_array_mut().expect("a list");
        let mut last = scopes.pop().expect("the crowded step");
        let buckets = last["histograms"]["itl_us"].take();
        assert!(
            buckets.as_array().expect("a list").iter().all(|pair| pair.as_array().map(Vec::len) == Some(2))
        );
        insta::assert_snapshot!(format!("{last:#}"));
    }

    #[test]
    fn what_is_infinite_says_so_and_the_successes_stay_visible() {
        let run = fixture::mixed();
        let value = json(&run.report());
        let last = value["scopes"].as_array().and_then(|scopes| scopes.last()).expect("scopes");
        assert_eq!(last["metrics"]["e2e_p95_ms"], Value::Null);
        assert_eq!(last["metrics"]["e2e_p95_ms_infinite"], Value::Bool(true));
        assert!(last["metrics"]["e2e_ok_p95_ms"].as_f64().is_some_and(|ms| ms > 100.0));
    }

    #[test]
    fn an_end_of_an_interval_that_nothing_is_known_about_is_missing_and_not_infinite() {
        let mut run = fixture::mixed();
        run.verdict.targets[0].interval = Some((f64::NEG_INFINITY, f64::INFINITY));
        let value = json(&run.report());
        let target = &value["targets"][0];
        assert_eq!(
            (&target["interval_low_ms"], &target["interval_low_ms_infinite"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(target["interval_high_ms_infinite"], Value::Bool(true));
    }

    #[test]
    fn all_scopes_have_the_same_names_and_missing_is_null() {
        let run = fixture::dead();
        let value = json(&run.report());
        let metrics = value["scopes"][0]["metrics"].as_object().expect("metrics");
        assert_eq!(metrics["ttft_p95_ms"], Value::Null);
        assert_eq!(metrics["error_rate"], json!(1.0));
        let full = json(&fixture::quiet().report());
        let full = full["scopes"][0]["metrics"].as_object().expect("metrics");
        let names = |object: &Map<String, Value>| {
            object.keys().filter(|key| !key.ends_with("_infinite")).cloned().collect::<Vec<_>>()
        };
        assert_eq!(names(metrics), names(full));
    }

    #[test]
    fn no_name_of_a_series_lacks_its_unit() {
        let run = fixture::mixed();
        visit(&json(&run.report()), &mut |key, value| {
            if value.is_number() && (key.contains("ttft") || key.contains("e2e")) {
                assert!(
                    key.ends_with("_ms") || key.ends_with("_count") || key.ends_with("_failed"),
                    "{key} has no unit"
                );
            }
        });
    }
}
