//! A plan as text for people.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::{
    AlertSource, Expected, LoadStep, Plan, PlannedEndpoint, PlannedTarget, ScopeKey, Step, Work, datasets,
    describe, estimate, explored_only, graph::runs_side_by_side, services, tokenizers, totals, traces,
};
use crate::{
    config::{
        Address, Ceiling, Chunks, HttpVersion, MetricsPages, Monitoring, OnBottleneck, OnInconclusive,
        Output, Price, Severity, Threads, Tls,
    },
    units::{show_count, show_number, show_seconds, show_share, write_duration},
};

/// The plan as aligned tables: endpoints, steps with what is expected of them, targets with their scopes, warnings.
pub fn text(plan: &Plan) -> String {
    let mut sections = vec![head(plan), endpoints(plan), steps(plan)];
    if !plan.targets.is_empty() {
        sections.push(targets(plan));
    }
    if !plan.warnings.is_empty() {
        sections.push(warnings(&plan.warnings));
    }
    sections.join("\n")
}

fn head(plan: &Plan) -> String {
    let mut table = table();
    let platform = format!("{} ({})", plan.platform.name, plan.platform.reason);
    table.add_row(["platform", &platform]);
    table.add_row(["seed", &plan.seed.to_string()]);
    table.add_row(["experiment", &plan.experiment]);
    let objectives = plan.objectives_in_words();
    for (endpoint, asked) in &objectives {
        let whose = endpoint.or((objectives.len() > 1).then_some("others"));
        let asked = whose.map_or_else(|| asked.clone(), |whose| format!("{whose}: {asked}"));
        table.add_row(["objectives", &asked]);
    }
    if let Some(price) = plan.price {
        table.add_row(["price", &describe::price(price)]);
    }
    for (workload, line) in datasets::lines(plan) {
        table.add_row(["dataset", &format!("{workload}: {line}")]);
    }
    for (endpoint, line) in tokenizers::lines(plan) {
        table.add_row(["tokenizer", &format!("{endpoint}: {line}")]);
    }
    for (workload, line) in traces::lines(plan) {
        table.add_row(["trace", &format!("{workload}: {line}")]);
    }
    for line in services::lines(plan) {
        table.add_row(["service", &line]);
    }
    if plan.on_inconclusive == OnInconclusive::Warn {
        table.add_row(["inconclusive", "only warns"]);
    }
    if plan.on_bottleneck == OnBottleneck::Warn {
        table.add_row(["bottleneck", "only warns where it is the tool itself"]);
    }
    if plan.calibrate {
        table.add_row(["calibration", "5 s before anything is sent"]);
    }
    if plan.repeats > 1 {
        table.add_row(["repeats", &format!("{}, with the same requests each time", plan.repeats)]);
    }
    match plan.limits.threads {
        Threads::Auto => {}
        Threads::All => {
            table.add_row(["threads", "one for each processor"]);
        }
        Threads::Number(threads) => {
            table.add_row(["threads", &show_count(u64::from(threads))]);
        }
    }
    if plan.output != Output::default() {
        table.add_row(["output", &output(&plan.output)]);
    }
    if plan.monitoring != Monitoring::default() {
        table.add_row(["monitoring", &describe::monitoring(plan.monitoring)]);
    }
    for alert in plan.alerts.iter().filter(|alert| alert.source == AlertSource::Scenario) {
        table.add_row(["alert", &format!("{}: {}", alert.name, alert.in_words())]);
    }
    if let Some(webhook) = &plan.webhook {
        table.add_row(["webhook", &format!("alerts go to {}", webhook.place())]);
    }
    if let Some(run) = &plan.rerun_of {
        table.add_row(["rerun of", run]);
    }
    if !plan.limits.allow_hosts.is_empty() {
        table.add_row(["allowed hosts", &plan.limits.allow_hosts.join(", ")]);
    }
    if plan.limits.ceiling != Ceiling::default() {
        table.add_row(["ceiling", &describe::ceiling(plan.limits.ceiling)]);
    }
    format!("{}\n{}", title(&plan.title(), &plan.description), lines(&table))
}

/// A name with what it answers, where that is said.
pub(super) fn title(name: &str, description: &str) -> String {
    if description.is_empty() { name.to_owned() } else { format!("{name}: {description}") }
}

/// What a run leaves behind, in words.
fn output(output: &Output) -> String {
    let mut parts = vec!["summary.json".to_owned()];
    parts.extend(output.formats.iter().map(|format| format.name().to_owned()));
    let kept = [(output.prompts, "prompts"), (output.answers, "answers")];
    parts.extend(kept.into_iter().filter(|(kept, _)| *kept).map(|(_, what)| what.to_owned()));
    if output.chunks == Chunks::None {
        parts.push("no arrivals of chunks".to_owned());
    }
    parts.join(", ")
}

/// Fields with their values: `temperature=0.0, ignore_eos=true`.
fn body(fields: &serde_json::Map<String, serde_json::Value>) -> String {
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    fields.join(", ")
}

fn endpoints(plan: &Plan) -> String {
    let mut table = table();
    let mut header = vec!["endpoint", "address", "protocol", "model", "answers", "workload"];
    let any_headers = plan.endpoints.iter().any(|endpoint| !endpoint.headers.is_empty());
    header.extend(any_headers.then_some("headers"));
    let any_body = plan.endpoints.iter().any(|endpoint| !endpoint.body.is_empty());
    header.extend(any_body.then_some("body"));
    let any_check = plan.endpoints.iter().any(|endpoint| endpoint.check.is_some());
    header.extend(any_check.then_some("answers must be"));
    let any_connection = plan.endpoints.iter().any(|endpoint| !connection(endpoint).is_empty());
    header.extend(any_connection.then_some("connection"));
    let any_metrics = plan.endpoints.iter().any(|endpoint| !endpoint.metrics.is_auto());
    header.extend(any_metrics.then_some("metrics"));
    table.set_header(header);
    for endpoint in &plan.endpoints {
        let names: Vec<&str> = endpoint.headers.keys().map(String::as_str).collect();
        let mut row = vec![
            endpoint.name.clone(),
            address(endpoint),
            endpoint.protocol.name().to_owned(),
            describe::model(&endpoint.model),
            if endpoint.stream { "streamed" } else { "whole" }.to_owned(),
            describe::workload(endpoint),
        ];
        row.extend(any_headers.then(|| names.join(", ")));
        row.extend(any_body.then(|| body(&endpoint.body)));
        row.extend(any_check.then(|| endpoint.check.as_ref().map(describe::check).unwrap_or_default()));
        row.extend(any_connection.then(|| connection(endpoint)));
        row.extend(any_metrics.then(|| metrics(endpoint)));
        table.add_row(row);
    }
    lines(&table)
}

/// How an endpoint is connected to, where that is said.
fn connection(endpoint: &PlannedEndpoint) -> String {
    let Tls { ca, client, insecure } = &endpoint.tls;
    let version = match endpoint.http_version {
        HttpVersion::One => None,
        HttpVersion::Two => Some("http/2"),
        HttpVersion::Auto => Some("http/2 or 1.1"),
    };
    let parts = [
        version,
        ca.as_ref().map(|_| "own authority"),
        client.as_ref().map(|_| "client certificate"),
        insecure.then_some("insecure: accepts any certificate"),
    ];
    let process = endpoint.pid.map(|pid| format!("process {pid}"));
    parts.into_iter().flatten().map(str::to_owned).chain(process).collect::<Vec<_>>().join(", ")
}

/// Where an endpoint's server tells of itself.
fn metrics(endpoint: &PlannedEndpoint) -> String {
    match &endpoint.metrics {
        MetricsPages::Auto => "where found".to_owned(),
        MetricsPages::Off => "off".to_owned(),
        MetricsPages::At(urls) => urls.join(", "),
    }
}

fn address(endpoint: &PlannedEndpoint) -> String {
    match &endpoint.address {
        Address::Url(url) => url.clone(),
        Address::Sim(name) => format!("sim:{name} (simulated)"),
    }
}

fn steps(plan: &Plan) -> String {
    let mut table = table();
    let priced = plan.price.is_some();
    // a plan that is a chain says its order by the order of the rows
    let graph = runs_side_by_side(plan);
    let mut row = |cells: [String; 8], after: String| {
        let [.., endpoints] = &cells;
        let shown = if priced { &cells[..7] } else { &cells[..6] };
        table.add_row(shown.iter().chain([endpoints]).chain(graph.then_some(&after)));
    };
    let header = ["step", "load", "requests", "tokens in", "tokens out", "duration", "cost", "endpoints"];
    row(header.map(str::to_owned), "after".to_owned());
    let of_search = |step: &Step| step.load().is_some_and(|load| load.trial.is_some());
    for step in &plan.steps {
        // a search is one row, whatever it may take
        if of_search(step) && step.after.iter().any(|before| plan.steps[*before].phase == step.phase) {
            continue;
        }
        row(step_row(plan, step), after(plan, step));
    }
    let [requests, input, output, duration, cost] = estimate::sum_shown([plan]);
    let blank = String::new;
    row(
        [
            "total".to_owned() + &estimate::times(plan),
            blank(),
            requests,
            input,
            output,
            duration,
            cost,
            blank(),
        ],
        blank(),
    );
    for column in 2..if priced { 7 } else { 6 } {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("{}{}", lines(&table), note([plan]))
}

/// What stands below the figures of plans: what those rest on that are estimates.
pub(super) fn note<'a>(plans: impl IntoIterator<Item = &'a Plan>) -> String {
    let (mut assumed, mut prompts, mut counted) = (false, false, false);
    for plan in plans {
        assumed |= totals(plan).assumed;
        for endpoint in plan.loads().flat_map(|(_, load)| real_servers(plan, load)) {
            prompts |= endpoint.tokenizer.is_none();
            counted |= endpoint.tokenizer.is_some();
        }
    }
    let lines = [(assumed, ESTIMATES), (prompts, PROMPTS), (counted, COUNTED)];
    lines.into_iter().filter(|(said, _)| *said).map(|(_, line)| line).collect()
}

/// What a step waits for, in words: other phases; nothing for a level behind another of the same phase.
fn after(plan: &Plan, step: &Step) -> String {
    let others = step.after.iter().map(|before| plan.steps[*before].phase.as_str());
    others.filter(|phase| *phase != step.phase).collect::<Vec<_>>().join(", ")
}

/// What `≈` rests on.
const ESTIMATES: &str = "  ≈ by the settings of simulated servers, and 0.2 s to the first token and 30 tokens/s a user of real ones\n";

/// What the tokens of prompts to real servers leave out.
const PROMPTS: &str = "  ≈ tokens in by a rule for the text of prompts; a real server counts by its own tokenizer, with its chat template around each\n";

/// What the tokens of prompts that were counted leave out.
const COUNTED: &str = "  tokens in by the tokenizer of an endpoint, where it has one; the chat template of its server comes on top\n";

fn step_row(plan: &Plan, step: &Step) -> [String; 8] {
    let blank = String::new;
    let (name, what) = (describe::step_name(step), describe::work(plan, step));
    let load = match &step.work {
        Work::Load(load) => load,
        Work::Spared => return [name, what, blank(), blank(), blank(), blank(), blank(), blank()],
        Work::Ready { .. } => return [name, blank(), blank(), blank(), blank(), blank(), blank(), what],
        Work::Pause { .. } | Work::Watch { .. } => {
            let duration = step.expected.duration_s.map(show_seconds).unwrap_or_default();
            let cost = step.expected.cost.map(show_number).unwrap_or_default();
            return [name, what, blank(), blank(), blank(), duration, cost, blank()];
        }
    };
    if let Some(trial) = &load.trial {
        let mut what = describe::search(&trial.search);
        if let Some(pressure) = &step.pressure {
            what = format!("{what}, {}", describe::pressure(pressure));
        }
        let [requests, input, output, duration, cost] = search_shown(plan, step, load);
        return [step.phase.clone(), what, requests, input, output, duration, cost, shares(plan, load)];
    }
    let [requests, input, output, duration, cost] = step_shown(plan, step, load);
    [name, what, requests, input, output, duration, cost, shares(plan, load)]
}

/// What is expected of a step: requests, tokens in and out, duration, cost.
pub(super) fn step_shown(plan: &Plan, step: &Step, load: &LoadStep) -> [String; 5] {
    figures(&step.expected, Estimated::of(plan, step, load))
}

/// What a search comes to at most: all its trials together. How long users take nobody knows before, so theirs are estimates.
fn search_shown(plan: &Plan, first: &Step, load: &LoadStep) -> [String; 5] {
    let sum = |figure: fn(&Expected) -> Option<f64>| {
        let trials = plan.steps.iter().filter(|step| step.phase == first.phase);
        trials.map(|step| figure(&step.expected)).sum::<Option<f64>>()
    };
    let whole = Expected {
        requests: sum(|expected| expected.requests),
        input_tokens: sum(|expected| expected.input_tokens),
        output_tokens: sum(|expected| expected.output_tokens),
        duration_s: sum(|expected| expected.duration_s),
        cost: sum(|expected| expected.cost),
        assumed: true,
    };
    let trials = plan.loads().filter(|(step, _)| step.phase == first.phase);
    let all = trials.map(|(step, load)| Estimated::of(plan, step, load));
    let shown = figures(&whole, all.fold(Estimated::default(), Estimated::or));
    let known = load.pattern.is_open();
    shown.map(|figure| if figure.is_empty() || !known { figure } else { format!("≤ {figure}") })
}

/// What is expected of all steps together.
pub(super) fn totals_shown(plan: &Plan) -> [String; 5] {
    figures(&totals(plan), totals_estimated(plan))
}

/// Which figures of all steps together are estimates.
pub(super) fn totals_estimated(plan: &Plan) -> Estimated {
    plan.loads().map(|(step, load)| Estimated::of(plan, step, load)).fold(Estimated::default(), Estimated::or)
}

/// Which figures are estimates: requests, tokens in and out, duration, cost.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Estimated([bool; 5]);

impl Estimated {
    fn of(plan: &Plan, step: &Step, load: &LoadStep) -> Self {
        let Expected { requests, duration_s, assumed, .. } = step.expected;
        let requests = assumed && requests != load.requests.map(|requests| requests as f64);
        let duration = assumed && duration_s != load.duration.map(|duration| duration.as_secs_f64());
        let input = requests || real_servers(plan, load).any(|endpoint| !tokenizers::exact(endpoint));
        let cost = match plan.price {
            Some(Price::PerMillionTokens { .. }) => input,
            _ => requests || duration,
        };
        // output tokens are those asked for, and as good as the number of requests
        Self([requests, input, requests, duration, cost])
    }

    pub(super) fn or(self, other: Self) -> Self {
        let mut either = self;
        for (this, that) in either.0.iter_mut().zip(other.0) {
            *this |= that;
        }
        either
    }
}

/// The endpoints of a step whose servers count tokens by a tokenizer and a template of their own.
fn real_servers<'a>(plan: &'a Plan, load: &'a LoadStep) -> impl Iterator<Item = &'a PlannedEndpoint> {
    let endpoints = load.traffic.iter().map(|traffic| &plan.endpoints[traffic.endpoint]);
    endpoints.filter(|endpoint| !endpoint.simulated())
}

/// Requests, tokens in and out, duration, cost.
pub(super) fn figures(expected: &Expected, estimated: Estimated) -> [String; 5] {
    let shown = [
        expected.requests.map(|n| show_count(n as u64)),
        expected.input_tokens.map(show_tokens),
        expected.output_tokens.map(show_tokens),
        expected.duration_s.map(show_seconds),
        expected.cost.map(show_number),
    ];
    let mut estimated = estimated.0.into_iter();
    shown.map(|shown| figure(shown, estimated.next().unwrap_or_default()))
}

/// Means of many tokens, with three digits.
fn show_tokens(tokens: f64) -> String {
    match tokens {
        t if t >= 1e9 => format!("{} G", show_number(t / 1e9)),
        t if t >= 1e6 => format!("{} M", show_number(t / 1e6)),
        t if t >= 1e4 => format!("{} k", show_number(t / 1e3)),
        t => show_count(t.round() as u64),
    }
}

fn figure(shown: Option<String>, estimated: bool) -> String {
    match shown {
        Some(shown) if estimated => format!("≈ {shown}"),
        Some(shown) => shown,
        None => "unknown".to_owned(),
    }
}

pub(super) fn shares(plan: &Plan, load: &LoadStep) -> String {
    let name = |endpoint: usize| plan.endpoints[endpoint].name.as_str();
    if let [only] = load.traffic.as_slice() {
        return name(only.endpoint).to_owned();
    }
    let parts: Vec<String> = load
        .traffic
        .iter()
        .map(|traffic| format!("{} {}", name(traffic.endpoint), show_share(traffic.share)))
        .collect();
    parts.join(", ")
}

fn targets(plan: &Plan) -> String {
    let mut table = table();
    table.set_header(["target", "limit", "severity", "judged in"]);
    for target in &plan.targets {
        table.add_row([target.name.clone(), describe::limit(target), severity(target), places(plan, target)]);
    }
    lines(&table)
}

fn severity(target: &PlannedTarget) -> String {
    let word = match target.severity {
        Severity::Fail => "fail",
        Severity::Warn => "warn",
        Severity::Info => "info",
    };
    let word = if target.from_preset { format!("{word} (preset)") } else { word.to_owned() };
    match target.abort {
        Some(after) => format!("{word}, ends the run after {}", write_duration(after)),
        None => word,
    }
}

/// Where a target is judged; all steps of a phase in a word.
fn places(plan: &Plan, target: &PlannedTarget) -> String {
    let mut bounded: Vec<&str> = target.bounds.iter().map(|key| key.phase.as_str()).collect();
    bounded.dedup();
    let bounds = if bounded.is_empty() {
        String::new()
    } else {
        format!("; bounds the optimum of {}", bounded.join(", "))
    };
    if target.scopes.is_empty() {
        let why = if explored_only(plan, target.metric.metric) { ", levels only explore" } else { "" };
        return format!("nowhere{why}: skipped{bounds}");
    }
    let phases = target.scopes.chunk_by(|one, next| one.phase == next.phase);
    let places: Vec<String> = phases
        .map(|scopes| {
            let steps = plan.loads().filter(|(step, _)| step.phase == scopes[0].phase).count();
            if scopes.len() > 1 && scopes.len() == steps {
                let whole = ScopeKey { step: None, ..scopes[0].clone() };
                format!("{whole}, each of its {steps} steps")
            } else {
                scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            }
        })
        .collect();
    places.join(", ") + &bounds
}

pub(super) fn warnings(warnings: &[String]) -> String {
    let mut text = String::new();
    for warning in warnings {
        text += "warning: ";
        text += &warning.replace('\n', "\n  ");
        text += "\n";
    }
    text
}

pub(super) fn table() -> Table {
    let mut table = Table::new();
    // without a terminal's width: the text is the same wherever it is made
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// A table's lines without the white space behind them.
pub(super) fn lines(table: &Table) -> String {
    table.lines().fold(String::new(), |text, line| text + " " + line.trim_end() + "\n")
}
