//! `summary.json`: all numbers and what they come to, for scripts.
//!
//! Names carry their unit (`ttft_p95_ms`). A missing value is `null`; an infinite one, which JSON cannot write, is
//! `null` beside `"<name>_infinite": true`. Percentiles are as targets judge them; `ttft_ok_p95_ms` is of the
//! successes alone.

mod alerts;
mod energy;
mod figures;
mod instrument;
mod ladder;
mod search;
mod objectives;
mod observed;
mod scope;
mod server_counts;
mod services;
mod spikes;
mod target;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use self::{
    alerts::Alert,
    instrument::Instrument,
    ladder::Ladder,
    objectives::Objectives,
    observed::Observed,
    scope::{Numbers, OfModel},
    search::Search,
    server_counts::ServerCounts,
    services::Service,
    target::Row,
};
use super::{Report, ladders::tables, services::services, words};
use crate::{
    config::{Price, case_name},
    machine::Calibration,
    metrics,
    plan::totals,
    record::Outcome,
    verdict::{Check, Conclusion, Contention, Finding, Grade, Optimum, Recommendation, UnderPressure},
};

/// The version of `summary.json`.
pub const FORMAT: u32 = 1;

/// The whole of `summary.json`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "Summary")]
pub struct Document<'a> {
    /// The version of this file's format.
    #[schemars(extend("const" = FORMAT))]
    format: u32,
    /// The version of the program that ran.
    tool_version: &'a str,
    /// The scenario's name.
    name: &'a str,
    /// The case of the scenario's matrix; null where there is no matrix.
    case: Option<String>,
    /// What the runs of one command over one scenario have in common; null where there was one.
    group: Option<&'a str>,
    /// Which of its repeats this run is, from 1; null where it is run once.
    repeat: Option<u32>,
    /// How many times it is run.
    repeats: u32,
    /// The scenario's description.
    description: &'a str,
    /// SHA-256, in hex, over what makes two runs the same experiment.
    experiment: &'a str,
    /// The run whose plan this was once more; null for the plan of a scenario.
    rerun_of: Option<&'a str>,
    /// Every random choice followed from this.
    seed: u64,
    /// The platform preset.
    platform: &'a str,
    /// The label beside the hardware; may be empty.
    label: &'a str,
    /// The longest that each part of a request should take, where its endpoint asks for nothing else.
    objectives: Objectives,
    /// The same of the requests to each endpoint, by its name; absent where `objectives` holds for all.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    endpoint_objectives: IndexMap<&'a str, Objectives>,
    /// What the platform or its tokens cost.
    price: Option<Price>,
    /// What the run cost from its first step to its last answer, with warm-up, pauses and drains; null without a price, or
    /// where tokens that have one are not known.
    cost: Option<f64>,
    /// What the plan expected it to cost, without drains; null without a price.
    planned_cost: Option<f64>,
    /// What it was measured on, in one line.
    hardware: String,
    /// Whether a server was simulated: such numbers describe no hardware.
    simulated: bool,
    /// The simulated servers.
    simulated_servers: Vec<String>,
    /// The programs that the run started, in the order in which it did.
    services: Vec<Service<'a>>,
    /// Wall clock at the start, in UTC.
    started: Option<String>,
    /// Seconds from the start of the run to its end.
    elapsed_s: Option<f64>,
    /// How it ended.
    ending: Ending,
    /// The name of the run folder.
    run: &'a str,
    /// Threads that sent requests and read answers; null where that was not written down.
    client_threads: Option<u32>,
    /// What the run comes to.
    verdict: Conclusion,
    /// Why, in one sentence.
    reason: &'a str,
    /// Share of judged targets met, in words.
    performance_grade: Grade,
    /// Judged targets that passed.
    targets_met: u64,
    /// Judged targets.
    total_targets: u64,
    /// The best concurrency of the first ladder of users; null where there is none.
    optimal_concurrency: Option<u32>,
    /// The limit that the first search found, in requests per second or users; null where there is none.
    max_sustainable_load: Option<f64>,
    /// Levels of that ladder at which errors and latency stay within their limits; null where there is none.
    stable_concurrency_levels: Option<Vec<u32>>,
    /// Causes that the numbers support, each with its evidence and what to try next.
    recommendations: &'a [Recommendation],
    /// One row per target and scope, the worst first.
    targets: Vec<Row<'a>>,
    /// Targets whose metric the plan measures nowhere.
    skipped_targets: Vec<Skipped<'a>>,
    /// Is it a measurement at all.
    validity: &'a [Check],
    /// How good the measuring itself was.
    instrument: Instrument,
    /// What the machine could do before the run; null where nobody had looked.
    calibration: Option<&'a Calibration>,
    /// What endpoints do to each other, per phase that has them together and of which others have the shares alone.
    contention: &'a [Contention],
    /// What loaded this machine beside each step that was put under pressure, and what that did to the answers.
    pressure: &'a [UnderPressure],
    /// The alerts that fired while it ran: what means most first, and of that what fired first. They judge nothing, but for those of severity
    /// `fail`.
    alerts: Vec<Alert<'a>>,
    /// Plain-word lines that need no target.
    analysis: &'a [Finding],
    /// Failures of measured requests by kind, most frequent first.
    failures: Vec<Failure<'a>>,
    /// What the reader of the records noticed.
    notes: &'a [String],
    /// What the planner warned about before the run.
    warnings: &'a [String],
    /// The levels of each ladder beside each other.
    ladders: Vec<Ladder<'a>>,
    /// What each search found, and its trials.
    searches: Vec<Search<'a>>,
    /// What was read of the machine and of the servers beside the windows, what was not, and what reading cost.
    telemetry: Observed<'a>,
    /// What servers counted by their own pages, beside what the records say; empty where no server counts.
    server_counts: Vec<ServerCounts<'a>>,
    /// The numbers, per phase, step and endpoint; the whole before its parts.
    scopes: Vec<Numbers<'a>>,
    /// The same for each model of every endpoint that has several; empty where all requests to an endpoint name the same.
    models: Vec<OfModel<'a>>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Ending {
    /// By itself.
    Completed,
    /// It was cut short; what was measured is graded.
    Aborted,
    /// By a target that it could no longer meet.
    EndedByTarget,
}

/// A target that was not judged.
#[derive(Debug, Serialize, JsonSchema)]
struct Skipped<'a> {
    /// Its name.
    name: &'a str,
    /// Why it was not.
    reason: &'a str,
}

/// Failures of one kind.
#[derive(Debug, Serialize, JsonSchema)]
struct Failure<'a> {
    /// The kind.
    outcome: Outcome,
    /// How often, among measured requests.
    count: u64,
    /// How many of them count: due inside the window of their step, and not cut off by the tool itself.
    counted: u64,
    /// The endpoint of the first.
    first_endpoint: &'a str,
    /// The HTTP status of the first.
    first_http_status: Option<u16>,
    /// What the first said.
    first_error: &'a str,
}

/// The whole of `summary.json`.
pub fn json(report: &Report) -> Value {
    serde_json::to_value(document(report)).expect("its maps have keys that are text")
}

fn document<'a>(report: &Report<'a>) -> Document<'a> {
    let Report { plan, system, summary, verdict, .. } = report;
    let simulated_servers = words::simulated(report);
    let users = verdict.optima.iter().find_map(|optimum| users(summary, optimum));
    Document {
        format: FORMAT,
        tool_version: &system.tool_version,
        name: &plan.name,
        case: (!plan.case.is_empty()).then(|| case_name(&plan.case)),
        group: plan.group.as_deref(),
        repeat: plan.repeat,
        repeats: plan.repeats,
        description: &plan.description,
        experiment: &plan.experiment,
        rerun_of: plan.rerun_of.as_deref(),
        seed: plan.seed,
        platform: &plan.platform.name,
        label: &plan.label,
        objectives: Objectives::of(&plan.objectives),
        endpoint_objectives: objectives::by_endpoint(plan),
        price: plan.price,
        cost: summary.cost.and_then(figures::finite),
        planned_cost: totals(plan).cost.and_then(figures::finite),
        hardware: words::hardware(report),
        simulated: !simulated_servers.is_empty(),
        simulated_servers,
        services: services(report).map(Service::of).collect(),
        started: report.started.format(&time::format_description::well_known::Rfc3339).ok(),
        elapsed_s: figures::finite(report.elapsed_s),
        ending: match summary.ending {
            metrics::Ending::Completed => Ending::Completed,
            _ if summary.abort.is_some() && verdict.conclusion != Conclusion::Aborted => {
                Ending::EndedByTarget
            }
            _ => Ending::Aborted,
        },
        run: report.run(),
        client_threads: system.client_threads,
        verdict: verdict.conclusion,
        reason: &verdict.reason,
        performance_grade: verdict.grade,
        targets_met: verdict.targets_met,
        total_targets: verdict.total_targets,
        optimal_concurrency: users.as_ref().and_then(|(best, _)| *best),
        // what only a search can fill
        max_sustainable_load: verdict.searches.first().and_then(|found| found.limit),
        stable_concurrency_levels: users.map(|(_, stable)| stable),
        recommendations: &verdict.recommendations,
        targets: verdict.targets.iter().map(Row::of).collect(),
        skipped_targets: verdict.skipped.iter().map(|(name, reason)| Skipped { name, reason }).collect(),
        validity: &verdict.validity,
        instrument: Instrument::of(&summary.instrument),
        calibration: system.calibration.as_ref(),
        contention: &verdict.contention,
        pressure: &verdict.pressure,
        alerts: summary.alerts.iter().map(Alert::of).collect(),
        analysis: &verdict.analysis,
        failures: summary.failures.iter().map(Failure::of).collect(),
        notes: &summary.notes,
        warnings: &plan.warnings,
        ladders: tables(report).into_iter().map(Ladder::of).collect(),
        searches: verdict.searches.iter().map(Search::of).collect(),
        telemetry: Observed::of(&summary.observed),
        server_counts: summary.server_counts.iter().map(ServerCounts::of).collect(),
        scopes: summary.scopes.iter().map(Numbers::of).collect(),
        models: summary.models.iter().map(OfModel::of).collect(),
    }
}

/// The users of an optimum, and those of all levels within limits; `None` where the levels are not of users alone.
fn users(summary: &metrics::Summary, optimum: &Optimum) -> Option<(Option<u32>, Vec<u32>)> {
    let ladders = metrics::ladders(summary);
    let levels = &ladders.iter().find(|ladder| ladder.phase == optimum.phase)?.levels;
    let alone = |level: &&metrics::Level| level.step == format!("users={}", level.load);
    let all: Vec<_> = levels.iter().filter(alone).map(|level| (level.step, level.load as u32)).collect();
    let within =
        |(step, users): &(&str, u32)| optimum.stable.iter().any(|stable| stable == step).then_some(*users);
    let best = all.iter().find(|(step, _)| optimum.step.as_deref() == Some(*step)).map(|(_, users)| *users);
    (all.len() == levels.len()).then(|| (best, all.iter().filter_map(within).collect()))
}

impl<'a> Failure<'a> {
    fn of(failure: &'a metrics::Failure) -> Self {
        let metrics::Failure { outcome, count, counted, endpoint, status, first_error } = failure;
        Self {
            outcome: *outcome,
            count: *count,
            counted: *counted,
            first_endpoint: endpoint,
            first_http_status: *status,
            first_error,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

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
    fn objectives_of_endpoints_stand_beside_those_of_all() {
        let common = json(&fixture::with_objectives().report());
        assert_eq!(common["objectives"], serde_json::json!({ "ttft_ms": 500.0 }));
        assert_eq!(common.get("endpoint_objectives"), None);
        let own = json(&fixture::with_objectives_of_an_endpoint().report());
        assert_eq!(own["objectives"], common["objectives"]);
        let of = |endpoint: &str| &own["endpoint_objectives"][endpoint];
        assert_eq!(*of("flash"), serde_json::json!({ "ttft_ms": 200.0, "e2e_ms": 5000.0 }));
        assert_eq!(*of("thinker"), serde_json::json!({ "ttft_ms": 500.0 }));
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
        assert_eq!(metrics["error_rate"], Value::from(1.0));
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
