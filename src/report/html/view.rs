//! What the template shows, in words.

use serde_json::{Value, json};

use super::super::{
    Report, alerts, energy,
    ladders::{FIGURES, Row, tables},
    observed, pressure, searches, services, spikes, words,
};
use crate::{
    catalog::{Metric, Statistic},
    config::{Address, Layer, Severity},
    metrics::Scope,
    plan::{PlannedEndpoint, describe},
    units,
    verdict::{Conclusion, Judged, Level, Mark},
};

/// The percentiles that the table of results shows, with whether a narrow page has room for them.
const RESULTS: [(&str, Metric, Statistic, bool); 5] = [
    ("TTFT p50", Metric::Ttft, Statistic::P50, true),
    ("TTFT p95", Metric::Ttft, Statistic::P95, true),
    ("TPOT p50", Metric::Tpot, Statistic::P50, false),
    ("e2e p50", Metric::E2e, Statistic::P50, false),
    ("e2e p95", Metric::E2e, Statistic::P95, true),
];

/// The percentiles that the table of all of them shows, by the heading of their group.
const GROUPS: [(&str, Metric, &[Statistic]); 4] = [
    ("TTFT", Metric::Ttft, &[Statistic::P50, Statistic::P90, Statistic::P95, Statistic::P99]),
    ("TPOT", Metric::Tpot, &[Statistic::P50, Statistic::P95, Statistic::P99]),
    ("ITL", Metric::Itl, &[Statistic::P50, Statistic::P99]),
    ("e2e", Metric::E2e, &[Statistic::P50, Statistic::P90, Statistic::P95, Statistic::P99]),
];

/// Rows of the table of results beyond which endpoints below the levels of a ladder are left to the other one.
const MANY_ROWS: usize = 24;

/// How metrics are defined, for the foot of the page.
const GLOSSARY: [(&str, &str); 15] = [
    ("TTFT", "first event with output − due; connecting is left out"),
    ("e2e", "last event with output − due; for answers without a stream, end − due"),
    ("due", "the scheduled time of an open loop; in a closed loop, the moment the user was ready to send"),
    ("TPOT", "(last token − first token) ÷ (output tokens − 1)"),
    ("ITL", "gaps between consecutive chunks, pooled over all requests"),
    ("tok/s", "output tokens that arrived inside the window ÷ its length, all requests together"),
    ("req/s", "requests completed inside the window ÷ its length"),
    ("errors", "share of the requests due in the window that failed in any way"),
    ("goodput", "requests completed inside the window that met every objective ÷ its length"),
    ("met", "share of the requests due in the window that met every objective; a failed one did not"),
    ("cost/M", "what a million tokens cost at the price of the scenario, input and output together"),
    (
        "percentiles",
        "nearest rank, with failed requests as infinite (∞); JSON also has those of the successes alone",
    ),
    (
        "speed-up, efficiency",
        "of a level: throughput ÷ that of the smallest level, and that ÷ how many times its load the level has",
    ),
    (
        "knee, optimum",
        "where throughput bends by Kneedle (Satopää et al. 2011); the smallest level within 5 % of the highest \
         throughput, of those with errors under 5 % and latency within the targets",
    ),
    (
        "90 % interval",
        "a 95 % bound on each side; PASS and FAIL need the bound, not only the value, to decide",
    ),
];

/// Everything in the template but charts and their data.
pub(super) fn page(report: &Report) -> Value {
    let Report { plan, system, summary, verdict, .. } = report;
    let failing = verdict.validity.iter().filter(|check| !check.ok).count();
    let mut page = json!({
        "title": format!("{} · {}", plan.title(), words::verdict(report)),
        "name": plan.title(),
        "description": plan.description,
        "notice": words::simulated_notice(report),
        "insecure": words::insecure_notice(report),
        "uncounted": words::uncounted(report),
        "hardware": words::hardware(report),
        "platform": plan.platform.name,
        "rerun_of": plan.rerun_of,
        "started": words::started(report),
        "elapsed": units::show_seconds(report.elapsed_s),
        "run": report.run(),
        "verdict": {
            "word": words::verdict(report),
            "judged": words::has_verdict(report),
            "sign": sign_of(verdict.conclusion),
            "class": class_of(verdict.conclusion),
            "grade": words::grade(verdict.grade),
            "targets": words::targets_met(verdict.targets_met, verdict.total_targets),
            "reason": verdict.reason,
        },
        "targets": targets(report),
        "skipped": words::skipped(report).iter().map(|(names, why)| json!({ "names": names, "why": why })).collect::<Value>(),
        "validity": validity(report),
        "validity_line": match failing {
            0 => format!("All {} checks hold.", verdict.validity.len()),
            n => format!("{} of {} checks hold.", verdict.validity.len() - n, verdict.validity.len()),
        },
        "validity_open": failing > 0,
        "calibrated": words::calibrated(report),
        "beyond": words::beyond(report),
        "results": results(report),
        "headings": RESULTS
            .iter()
            .map(|(name, _, _, narrow)| json!({ "name": name, "narrow": narrow }))
            .collect::<Value>(),
        "groups": GROUPS
            .iter()
            .map(|(name, _, statistics)| json!({ "name": name, "span": statistics.len() }))
            .collect::<Value>(),
        "columns": GROUPS
            .iter()
            .flat_map(|(_, _, statistics)| statistics.iter().enumerate())
            .map(|(i, statistic)| json!({ "name": statistic.name(), "first": i == 0 }))
            .collect::<Value>(),
        "scopes": words::outline(report).iter().map(|(depth, name, scope)| row(*depth, name, scope)).collect::<Value>(),
        "failures": failures(report),
        "analysis": verdict
            .analysis
            .iter()
            .map(|finding| json!({
                "word": words::level(finding.level),
                "class": class_of_level(finding.level),
                "text": finding.text,
            }))
            .collect::<Value>(),
        "notes": summary.notes,
        "warnings": plan.warnings,
        "objectives": words::objectives(report),
        "price": words::price(report),
        "cost": words::cost(report),
        "system": machine(report),
        "servers": servers(report),
        "plan": {
            "experiment": plan.experiment,
            "seed": plan.seed,
            "files": files(report),
            "platform_reason": plan.platform.reason,
            "extends": plan.platform.extends.join(" → "),
            "tool": system.tool_version,
        },
        "origins": origins(report),
        "glossary": GLOSSARY.iter().map(|(term, text)| json!({ "term": term, "text": text })).collect::<Value>(),
    });
    page["sends"] = json!(!plan.watches());
    let targets = [&page["targets"], &page["skipped"]];
    page["has_targets"] = json!(!plan.watches() || targets.into_iter().any(|of| of != &json!([])));
    let found = [&page["analysis"], &page["notes"], &page["warnings"], &page["failures"]];
    page["has_findings"] = json!(!plan.watches() || found.into_iter().any(|of| of != &json!([])));
    page["alerts"] = alerts_of(report);
    page["lost"] = services::lost(report).collect();
    page["services"] = services::services(report)
        .map(|known| {
            json!({
                "name": known.planned.name,
                "command": known.planned.command_line(),
                "ready": or_missing(known.readiness().unwrap_or_default()),
                "ended": or_missing(known.end().unwrap_or_default()),
            })
        })
        .collect();
    // apart, since the macro above goes no deeper
    page["ladders"] = ladders(report);
    page["searches"] = searches(report);
    page["spikes"] = spikes_of(report);
    page["pressures"] = pressures(report);
    page["recommendations"] = recommendations(report);
    page["energy"] = energy_in(report);
    page["observed"] = observed_in(report);
    page
}

/// Energy and what it was used for; null where none was read and nobody asked.
fn energy_in(report: &Report) -> Value {
    let (rows, notes) = (energy::rows(report), energy::notes(report));
    if rows.is_empty() && notes.is_empty() {
        return Value::Null;
    }
    let shown: Vec<usize> =
        (0..energy::FIGURES.len()).filter(|at| rows.iter().any(|row| !row.figures[*at].is_empty())).collect();
    let row = |row: &energy::Row<'_>| {
        json!({
            "name": row.name,
            "depth": row.depth,
            "figures": shown.iter().map(|at| &row.figures[*at]).collect::<Vec<_>>(),
            "class": row.class.name(),
        })
    };
    json!({
        "headings": shown.iter().map(|at| energy::FIGURES[*at]).collect::<Vec<_>>(),
        "rows": rows.iter().map(row).collect::<Value>(),
        "notes": notes,
    })
}

/// The alerts that fired; an empty list where none did.
fn alerts_of(report: &Report) -> Value {
    let row = |alert: alerts::Shown<'_>| {
        let class = if alert.severity == "fail" { "bad" } else { "open" };
        json!({
            "name": alert.name,
            "severity": alert.severity,
            "class": class,
            "condition": alert.condition,
            "first": alert.first,
            "lasted": alert.lasted,
            "worst": alert.worst,
            "times": alert.times,
            "place": alert.place,
        })
    };
    alerts::alerts(report).into_iter().map(row).collect()
}

/// What was read of the machine and of the servers; null where nothing was, and nothing is missing.
fn observed_in(report: &Report) -> Value {
    let (rows, missing) = (observed::rows(report), observed::missing(report));
    if rows.is_empty() && missing.is_empty() {
        return Value::Null;
    }
    let row = |row: observed::Row<'_>| {
        json!({
            "phase": row.phase,
            "subject": row.subject,
            "quantity": row.quantity,
            "class": row.class,
            "figures": row.figures,
        })
    };
    json!({
        "headings": observed::headings(report),
        "rows": rows.into_iter().map(row).collect::<Value>(),
        "missing": missing,
        "cost": observed::cost(report),
    })
}

/// What pressure did to answers, for each step that has a counterpart without.
fn pressures(report: &Report) -> Value {
    let row = |row: pressure::Row<'_>| json!({ "endpoint": row.endpoint, "metric": row.metric, "figures": row.figures, "suffers": row.suffers });
    let each = pressure::tables(report).into_iter().map(|table| {
        let rows: Value = table.rows.into_iter().map(row).collect();
        json!({ "title": table.title, "headings": pressure::FIGURES, "rows": rows })
    });
    each.collect()
}

/// What prompts came from and what counted them.
fn files(report: &Report) -> Value {
    let lines = [("prompts", words::datasets(report)), ("tokenizer", words::tokenizers(report))];
    let each = lines
        .into_iter()
        .flat_map(|(term, lines)| lines.into_iter().map(move |text| json!({ "term": term, "text": text })));
    each.collect()
}

fn sign_of(conclusion: Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Pass => words::sign(Mark::Pass),
        Conclusion::Inconclusive => words::sign(Mark::Inconclusive),
        Conclusion::Fail => words::sign(Mark::Fail),
        Conclusion::Invalid | Conclusion::Aborted => "!",
    }
}

fn class_of(conclusion: Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Pass => "good",
        Conclusion::Inconclusive => "open",
        Conclusion::Fail | Conclusion::Invalid | Conclusion::Aborted => "bad",
    }
}

fn class_of_row(target: &Judged) -> &'static str {
    match (target.severity, target.mark) {
        (Severity::Info, _) => "plain",
        (_, Mark::Pass) => "good",
        (Severity::Warn, _) | (_, Mark::Inconclusive) => "open",
        (Severity::Fail, Mark::Fail) => "bad",
    }
}

fn class_of_level(level: Level) -> &'static str {
    match level {
        Level::Pass => "good",
        Level::Warning => "open",
        Level::Fail => "bad",
        Level::Info => "plain",
    }
}

/// The targets in their groups; the first, which decides, has the heading of its section.
fn targets(report: &Report) -> Value {
    words::target_groups(report)
        .into_iter()
        .map(|group| {
            json!({
                "heading": group.heading,
                "judges": group.judges,
                "short": group.in_short(),
                "rows": group.rows.into_iter().map(target).collect::<Value>(),
            })
        })
        .collect()
}

fn target(target: &Judged) -> Value {
    let (sign, word) = words::row_mark(target);
    json!({
        "sign": sign,
        "word": word,
        "class": class_of_row(target),
        "name": words::target_name(target),
        "metric": target.metric.to_string(),
        "scope": target.scope.to_string(),
        "value": words::value(target.metric.metric, target.value),
        "bound": words::bound(target.metric, target.bound),
        "interval": or_missing(words::interval(target.metric, target.interval)),
        "samples": units::show_count_of(target.samples, target.metric.metric.noun()),
        "remark": words::remark(target),
    })
}

fn or_missing(text: String) -> String {
    if text.is_empty() { words::MISSING.to_owned() } else { text }
}

fn validity(report: &Report) -> Value {
    let checks = &report.verdict.validity;
    // failing ones first; the order within is that of the list
    let (ok, failing): (Vec<_>, Vec<_>) = checks.iter().partition(|check| check.ok);
    failing
        .into_iter()
        .chain(ok)
        .map(|check| {
            let (sign, word, class) = match (check.ok, check.void) {
                (true, _) => ("✓", "holds", "good"),
                (false, true) => ("✗", "void", "bad"),
                (false, false) => ("!", "caution", "open"),
            };
            json!({
                "sign": sign,
                "word": word,
                "class": class,
                "id": check.id,
                "name": check.name,
                "value": check.value,
                "limit": check.limit,
                "advice": if check.ok { "" } else { check.advice.as_str() },
            })
        })
        .collect()
}

/// The rows of the table of results: without what is below a warm-up, and of many without what is below a level.
fn results(report: &Report) -> Value {
    let outline = words::outline(report);
    let deepest = if outline.len() > MANY_ROWS { 1 } else { 2 };
    let shown =
        |(depth, _, scope): &&(usize, &str, &Scope)| *depth == 0 || (scope.measured && *depth <= deepest);
    let rows = outline.iter().filter(shown).map(|(depth, name, scope)| {
        let mut row = row(*depth, name, scope);
        let figure = |(_, metric, statistic, narrow): &(&str, Metric, Statistic, bool)| {
            json!({ "text": words::of_scope(scope, *metric, Some(*statistic)), "narrow": narrow })
        };
        row["latencies"] = RESULTS.iter().map(figure).collect();
        row
    });
    rows.collect()
}

fn row(depth: usize, name: &str, scope: &Scope) -> Value {
    let rate = |metric| scope.rates.get(&metric).map_or(words::MISSING.into(), |n| units::show_number(*n));
    let latencies: Vec<_> = GROUPS
        .iter()
        .flat_map(|(_, metric, statistics)| {
            statistics.iter().enumerate().map(|(i, statistic)| {
                json!({
                    "text": words::of_scope(scope, *metric, Some(*statistic)),
                    "first": i == 0,
                })
            })
        })
        .collect();
    json!({
        "depth": depth,
        "name": name,
        "load": words::load(scope),
        "warm_up": !scope.measured,
        "requests": units::show_count(scope.counts.due),
        "ok": units::show_count(scope.counts.ok()),
        "errors": words::of_scope(scope, Metric::ErrorRate, None),
        "some_errors": scope.counts.failed() > 0,
        "requests_per_second": rate(Metric::RequestsPerSecond),
        "tokens_per_second": rate(Metric::OutputTokensPerSecond),
        "goodput": rate(Metric::Goodput),
        "met": words::of_scope(scope, Metric::ObjectivesMetRate, None),
        "cost": words::of_scope(scope, Metric::CostPerMillionTokens, None),
        "latencies": latencies,
    })
}

fn ladders(report: &Report) -> Value {
    let row = |row: Row| {
        json!({
            "name": row.name,
            "marks": row.marks,
            "stable": row.stable,
            "throughput": row.throughput,
            "figures": cells(&row.figures),
        })
    };
    tables(report)
        .into_iter()
        .map(|table| {
            json!({
                "phase": table.ladder.phase,
                "unit": table.unit,
                "reason": table.optimum.filter(|_| !table.searched).map(|optimum| optimum.reason.as_str()),
                "headings": cells(&FIGURES),
                "rows": table.rows.into_iter().map(row).collect::<Value>(),
            })
        })
        .collect()
}

fn searches(report: &Report) -> Value {
    let row = |row: &searches::Row| {
        let [trial, lasted, word, by] = &row.cells;
        let class = match row.mark {
            Mark::Pass => "good",
            Mark::Inconclusive => "open",
            Mark::Fail => "bad",
        };
        json!({ "trial": trial, "lasted": lasted, "word": word, "by": by, "class": class })
    };
    let each = searches::tables(report).map(|(found, rows)| {
        let rows: Vec<Value> = rows.iter().map(row).collect();
        json!({ "phase": found.phase, "reason": found.reason, "rows": rows })
    });
    each.collect()
}

/// The spikes of each phase that has some, with whether a narrow page has room for a column.
fn spikes_of(report: &Report) -> Value {
    let groups = |latency: &str| {
        let of = |group: &'static str| spikes::FIGURES.iter().filter(move |(of, _)| *of == group).count();
        json!([
            { "name": "Requests", "span": of("requests") },
            { "name": format!("{latency} p50"), "span": of("p50"), "roomy": true },
            { "name": format!("{latency} p95"), "span": of("p95") },
            { "name": "After it", "span": of("") },
        ])
    };
    let cells = |texts: &[&str]| -> Value {
        let cell = |(text, (group, name)): (&&str, &(&str, &str))| json!({ "text": text, "narrow": *group != "p50", "strong": *name == "recovery" });
        texts.iter().zip(&spikes::FIGURES).map(cell).collect()
    };
    let row = |row: &spikes::Row| {
        let state = match row.recovered {
            Some(true) => "",
            Some(false) => "lasting",
            None => "untold",
        };
        let figures: Vec<&str> = row.figures.iter().map(String::as_str).collect();
        json!({ "start": row.start, "state": state, "figures": cells(&figures) })
    };
    spikes::tables(report)
        .iter()
        .map(|table| {
            json!({
                "phase": table.scope.key.to_string(),
                "sentence": table.sentence,
                "groups": groups(table.latency),
                "headings": cells(&spikes::FIGURES.map(|(_, name)| name)),
                "rows": table.rows.iter().map(row).collect::<Value>(),
            })
        })
        .collect()
}

/// The columns of a ladder, with whether a narrow page has room for them. What is not among them stands with the results.
const OF_LADDERS: [(usize, bool); 9] = [
    (0, true),
    (1, true),
    (2, false),
    (4, true),
    (5, false),
    (6, false),
    (7, false),
    (10, false),
    (11, false),
];

fn cells<T: AsRef<str>>(figures: &[T]) -> Value {
    let cell =
        |(figure, narrow): &(usize, bool)| json!({ "text": figures[*figure].as_ref(), "narrow": narrow });
    OF_LADDERS.iter().map(cell).collect()
}

fn recommendations(report: &Report) -> Value {
    let each = report.verdict.recommendations.iter().map(|found| {
        json!({
            "cause": words::cause(found.cause),
            "place": found.place,
            "evidence": found.evidence,
            "next": found.next,
        })
    });
    each.collect()
}

fn failures(report: &Report) -> Value {
    report
        .summary
        .failures
        .iter()
        .map(|failure| {
            json!({
                "count": units::show_count(failure.count),
                "outcome": failure.outcome.name(),
                "endpoint": failure.endpoint,
                "status": failure.status.map_or(words::MISSING.to_owned(), |status| status.to_string()),
                "first_error": failure.first_error,
            })
        })
        .collect()
}

fn machine(report: &Report) -> Value {
    let machine = &report.system.machine;
    let known = |text: &str| if text.is_empty() { words::MISSING.to_owned() } else { text.to_owned() };
    let bytes = |bytes: Option<u64>| bytes.map_or(words::MISSING.to_owned(), units::show_bytes);
    let gpus = machine
        .gpus
        .iter()
        .map(|gpu| format!("{}, {}, driver {}", gpu.name, bytes(gpu.memory_bytes), known(&gpu.driver)))
        .collect::<Vec<_>>();
    let gpus = if gpus.is_empty() { known(&machine.without_gpus()) } else { gpus.join("; ") };
    let cores = if machine.cores == 1 { "core" } else { "cores" };
    [
        ("GPU", gpus),
        ("CPU", format!("{}, {} {cores}, {}", known(&machine.cpu), machine.cores, known(&machine.arch))),
        ("memory", bytes(machine.memory_bytes)),
        ("system", known(&machine.os_version)),
        ("kernel", known(&machine.kernel)),
    ]
    .iter()
    .map(|(name, text)| json!({ "name": name, "text": text }))
    .collect()
}

fn servers(report: &Report) -> Value {
    report.plan.endpoints.iter().map(|endpoint| server(report, endpoint)).collect()
}

fn server(report: &Report, endpoint: &PlannedEndpoint) -> Value {
    let found = report.system.servers.iter().find(|server| server.endpoint == endpoint.name);
    let address = match &endpoint.address {
        Address::Url(url) => url.clone(),
        Address::Sim(name) => format!("sim:{name}"),
    };
    let asked = describe::model(&endpoint.model);
    json!({
        "name": endpoint.name,
        "address": address,
        "protocol": endpoint.protocol.name(),
        "model": found.map_or(asked, |server| server.model.clone()),
        "version": or_missing(found.map(|server| server.version.clone()).unwrap_or_default()),
        "workload": endpoint.workload_name,
        "simulated": words::is_simulated(report, endpoint),
    })
}

fn origins(report: &Report) -> Value {
    report
        .plan
        .origins
        .iter()
        .map(|origin| {
            let layer = match origin.layer {
                Layer::BuiltIn => "built-in",
                Layer::Preset => "preset",
                Layer::Include => "include",
                Layer::Scenario => "scenario",
                Layer::Platform => "platform",
                Layer::Matrix => "matrix",
                Layer::Set => "set",
            };
            let place = match origin.line {
                0 => origin.source.clone(),
                line => format!("{}:{line}", origin.source),
            };
            json!({ "path": origin.path, "value": origin.value, "layer": layer, "place": place })
        })
        .collect()
}
