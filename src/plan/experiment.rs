//! What makes two runs the same experiment.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    time::Duration,
};

use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{LoadStep, Pattern, Plan, PlannedService, Step, Work, describe, schedule::step_key, tokenizers};
use crate::{
    catalog::Protocol,
    config::{
        AnswerCheck, AnswerSchema, DataFormat, Dataset, HeaderText, HttpApi, Lengths, Model, Pressure,
        RowOrder, Search, Trace, TraceContent, TraceFile, TraceFormat, TraceWindow, Workload,
    },
    workload,
};

/// The version of the list below.
const FORMAT: u32 = 1;

/// Everything that the hash covers, and this is the one place that says so. Not in it: where the servers are and how
/// they are reached (URL, version of HTTP, TLS, key, time-out, the settings of a simulated one), what is made of the results (targets,
/// label, description, output), and the limits of the client.
#[derive(Serialize)]
struct Experiment<'a> {
    format: u32,
    /// The version of the made-up content: the same seed must mean the same text.
    content: u32,
    seed: u64,
    /// The programs that the run starts, by name: with another setting the server under test is another one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    services: BTreeMap<&'a str, Service<'a>>,
    /// The endpoints that get traffic, by name: the order of tables in a file means nothing.
    endpoints: BTreeMap<&'a str, Endpoint<'a>>,
    /// In the order in which they run.
    steps: Vec<Part<'a>>,
}

/// A step; the readiness check is none of the experiment's.
#[derive(Serialize)]
#[serde(untagged)]
enum Part<'a> {
    Load(Box<Load<'a>>),
    /// A server is another after a rest.
    Pause {
        #[serde(skip_serializing_if = "Option::is_none")]
        after: Option<Vec<String>>,
        phase: &'a str,
        #[serde(rename = "pause_s", with = "crate::units::seconds")]
        pause: Duration,
        #[serde(skip_serializing_if = "Option::is_none")]
        pressure: Option<&'a Pressure>,
    },
    /// What is read of a server depends on how long.
    Watch {
        phase: &'a str,
        #[serde(rename = "watch_s", with = "crate::units::seconds::option")]
        watch: Option<Duration>,
    },
}

#[derive(Serialize)]
struct Endpoint<'a> {
    protocol: Protocol,
    model: Named<'a>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
    /// Where prompts are cut by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    tokenizer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<Check<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<&'a HttpApi>,
    /// The name is part of what the text is drawn from.
    workload_name: &'a str,
    workload: Sent<'a>,
}

/// What runs; where it lies and how it is waited for means nothing. Secrets are the names of their references.
#[derive(Serialize)]
struct Service<'a> {
    command: &'a str,
    args: &'a [HeaderText],
    environment: &'a BTreeMap<String, HeaderText>,
}

/// What answers are checked for; a schema by its content.
#[derive(Serialize)]
struct Check<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    regex: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    json_schema: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_length: Option<u32>,
}

impl<'a> Check<'a> {
    fn of(check: &'a AnswerCheck) -> Self {
        let AnswerCheck { regex, json_schema, min_length } = check;
        Self {
            regex: regex.as_deref(),
            json_schema: json_schema.as_ref().map(canonical),
            min_length: *min_length,
        }
    }
}

/// What a schema says, whatever the order of its keys.
fn canonical(given: &AnswerSchema) -> Value {
    let mut schema = given.schema.clone();
    schema.sort_all_objects();
    schema
}

/// SHA-256, in hex, over what a schema says.
pub(super) fn hash_of_schema(given: &AnswerSchema) -> String {
    sha256(&canonical(given))
}

/// The model that is named.
#[derive(Serialize)]
#[serde(untagged)]
enum Named<'a> {
    /// What is written of it says all.
    Written(&'a Model),
    /// Shares to nine digits, as those of traffic.
    Mix { mix: BTreeMap<&'a str, String> },
}

impl<'a> Named<'a> {
    fn of(model: &'a Model) -> Self {
        let Model::Mix(mix) = model else { return Self::Written(model) };
        Self::Mix { mix: mix.shares().map(|(name, share)| (name, nine_digits(share))).collect() }
    }
}

/// What a workload sends.
#[derive(Serialize)]
#[serde(untagged)]
enum Sent<'a> {
    /// What is written of it says all.
    Written(&'a Workload),
    /// A file by its content: where it lies means nothing, nor how many rows of it were left out, which follows.
    Dataset { dataset: Rows<'a> },
    /// Likewise; what a phase takes of it follows, too.
    Trace { trace: Requests<'a> },
}

#[derive(Serialize)]
struct Rows<'a> {
    sha256: Option<&'a str>,
    format: DataFormat,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    output_tokens: Option<&'a Lengths>,
    prefix: &'a str,
    order: RowOrder,
}

#[derive(Serialize)]
struct Requests<'a> {
    sha256: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    beside_sha256: Option<&'a BTreeMap<String, String>>,
    format: Option<TraceFormat>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<&'a str>,
    window: TraceWindow,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
}

impl<'a> Requests<'a> {
    fn of(Trace { file, content }: &'a Trace) -> Self {
        let TraceFile { format, phase, window, limit, .. } = file;
        let content = content.as_ref();
        let beside =
            |content: &'a TraceContent| Some(&content.beside_sha256).filter(|files| !files.is_empty());
        Self {
            sha256: content.map(|content| content.sha256.as_str()),
            beside_sha256: content.and_then(beside),
            // found or written, it is the same
            format: content.map(|content| content.format).or(*format),
            phase: phase.as_deref(),
            window: *window,
            limit: *limit,
        }
    }
}

impl<'a> Sent<'a> {
    fn of(workload: &'a Workload) -> Self {
        let Dataset { file, prefix, output_tokens, order, content, .. } = match workload {
            Workload::Dataset(dataset) => dataset,
            Workload::Trace(trace) => return Self::Trace { trace: Requests::of(trace) },
            Workload::Synthetic(_) | Workload::Snippets(_) | Workload::Conversation(_) => {
                return Self::Written(workload);
            }
        };
        Self::Dataset {
            dataset: Rows {
                sha256: content.as_ref().map(|content| content.sha256.as_str()),
                format: file.format,
                field: file.field.as_deref(),
                template: file.template.as_deref(),
                output_tokens_field: file.output_tokens_field.as_deref(),
                limit: file.limit,
                output_tokens: output_tokens.as_ref(),
                prefix,
                order: *order,
            },
        }
    }
}

#[derive(Serialize)]
struct Load<'a> {
    /// What it waits for, where that is not the step before it alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Vec<String>>,
    /// The step that it ends with.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    phase: &'a str,
    step: &'a str,
    measure: bool,
    pattern: Cow<'a, Pattern>,
    #[serde(skip_serializing_if = "Option::is_none")]
    search: Option<&'a Search>,
    #[serde(with = "crate::units::seconds", skip_serializing_if = "Duration::is_zero")]
    settle: Duration,
    #[serde(skip_serializing_if = "super::is_one")]
    batch: u32,
    requests: Option<u64>,
    #[serde(with = "crate::units::seconds::option")]
    duration: Option<Duration>,
    /// Shares to nine digits, so that weights of 1 and 2 are those of 0.1 and 0.2.
    traffic: BTreeMap<&'a str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pressure: Option<&'a Pressure>,
}

/// SHA-256, in hex, over the canonical JSON of the experiment: no white space, fields in the order of the types,
/// maps in the order of their keys.
pub fn hash(plan: &Plan) -> String {
    sha256(&experiment(plan))
}

/// What two plans differ in as experiments: each value that the hash covers, by where it stands, as JSON on either side;
/// `None` on a side that has no such value. Empty for plans of the same experiment.
pub fn differing(before: &Plan, after: &Plan) -> Vec<(String, [Option<String>; 2])> {
    let [mut old, mut new] = [before, after].map(leaves);
    let names: BTreeSet<String> = old.keys().chain(new.keys()).cloned().collect();
    let sides = names.into_iter().map(|name| {
        let sides = [old.remove(&name), new.remove(&name)];
        (name, sides)
    });
    sides.filter(|(_, [before, after])| before != after).collect()
}

/// Every value of the experiment of a plan, by where it stands; those of a step under its name.
fn leaves(plan: &Plan) -> BTreeMap<String, String> {
    let mut document = serde_json::to_value(experiment(plan)).expect("keys of maps are text");
    let steps = document.as_object_mut().and_then(|object| object.remove("steps")).unwrap_or_default();
    let mut leaves = BTreeMap::new();
    gather(String::new(), &document, &mut leaves);
    let sent = plan.steps.iter().filter(|step| is_part(plan, step));
    let name = |step| if searched(plan, step) { step.phase.clone() } else { describe::step_name(step) };
    let names: Vec<String> = sent.map(name).collect();
    for (name, step) in names.iter().zip(steps.as_array().into_iter().flatten()) {
        gather(format!("phases.{name}"), step, &mut leaves);
    }
    leaves.insert("order of phases".to_owned(), names.join(", "));
    leaves
}

fn gather(at: String, value: &Value, leaves: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                gather(at, value, leaves);
            }
        }
        Value::String(text) => _ = leaves.insert(at, text.clone()),
        Value::Null => {}
        value => _ = leaves.insert(at, value.to_string()),
    }
}

/// SHA-256, in hex, over a value as JSON.
fn sha256(value: &impl Serialize) -> String {
    let json = serde_json::to_vec(value).expect("keys of maps are text");
    Sha256::digest(json).iter().fold(String::new(), |mut hex, byte| {
        // writing to a string does not fail
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Fields in the order of their names, as all maps here; `None` where there are none.
fn in_order(fields: &Map<String, Value>) -> Option<Value> {
    let mut fields = (!fields.is_empty()).then(|| Value::Object(fields.clone()))?;
    fields.sort_all_objects();
    Some(fields)
}

/// Whether a step is a part of the experiment of its own. The levels of a search are found by a run: its first step stands for all.
fn is_part(plan: &Plan, step: &Step) -> bool {
    let first = || plan.steps.iter().find(|other| other.phase == step.phase).map(|step| step.id);
    !matches!(step.work, Work::Ready { .. }) && (!searched(plan, step) || first() == Some(step.id))
}

fn experiment(plan: &Plan) -> Experiment<'_> {
    let used = plan.loads().flat_map(|(_, load)| &load.traffic).map(|traffic| {
        let endpoint = &plan.endpoints[traffic.endpoint];
        let part = Endpoint {
            protocol: endpoint.protocol,
            model: Named::of(&endpoint.model),
            stream: endpoint.stream,
            body: in_order(&endpoint.body),
            tokenizer: endpoint
                .tokenizer
                .as_ref()
                .filter(|_| tokenizers::cuts(&endpoint.workload))
                .and_then(tokenizers::identity),
            check: endpoint.check.as_ref().map(Check::of),
            http: endpoint.http.as_ref(),
            workload_name: &endpoint.workload_name,
            workload: Sent::of(&endpoint.workload),
        };
        (endpoint.name.as_str(), part)
    });
    let steps = plan.steps.iter().filter(|step| is_part(plan, step)).filter_map(|step| match &step.work {
        Work::Ready { .. } | Work::Spared => None,
        Work::Pause { duration } => Some(Part::Pause {
            after: after(plan, step),
            phase: &step.phase,
            pause: *duration,
            pressure: step.pressure.as_ref(),
        }),
        Work::Watch { duration } => Some(Part::Watch { phase: &step.phase, watch: *duration }),
        Work::Load(load) => Some(Part::Load(Box::new(Load {
            after: after(plan, step),
            until: load.until.map(|until| key(plan, &plan.steps[until])),
            phase: &step.phase,
            step: if load.trial.is_some() { SEARCH } else { &step.name },
            measure: load.measure,
            pattern: written(load),
            search: load.trial.as_ref().map(|trial| &trial.search),
            settle: load.settle,
            batch: load.batch,
            requests: load.requests,
            // how long a trial lasts goes by its targets, which are no part of the experiment
            duration: load.duration.filter(|_| load.trial.is_none()),
            traffic: traffic(plan, load),
            pressure: step.pressure.as_ref(),
        }))),
    });
    let services = plan.services.iter().map(|service| {
        let PlannedService { name, command, args, environment, .. } = service;
        (name.as_str(), Service { command, args, environment })
    });
    Experiment {
        format: FORMAT,
        content: workload::CONTENT,
        seed: plan.seed,
        services: services.collect(),
        endpoints: used.collect(),
        steps: steps.collect(),
    }
}

/// The pattern of a step without what follows from a file, or from targets.
fn written(load: &LoadStep) -> Cow<'_, Pattern> {
    if let Some(trial) = &load.trial {
        return Cow::Owned(load.at(trial.search.from, trial.search.step).pattern);
    }
    match &load.pattern {
        Pattern::Trace { speed, concurrency_limit, .. } => {
            Cow::Owned(Pattern::Trace { speed: *speed, concurrency_limit: *concurrency_limit, part: None })
        }
        Pattern::Open { .. } | Pattern::Closed { .. } => Cow::Borrowed(&load.pattern),
    }
}

/// What a step waits for, unless that is the step before it: most plans are a chain, and their order says so already.
fn after(plan: &Plan, step: &Step) -> Option<Vec<String>> {
    let chained = step.after.iter().copied().eq(step.id.checked_sub(1));
    (!chained).then(|| step.after.iter().map(|before| key(plan, &plan.steps[*before])).collect())
}

fn key(plan: &Plan, step: &Step) -> String {
    step_key(&step.phase, if searched(plan, step) { SEARCH } else { &step.name })
}

/// Stands for the steps of a search.
const SEARCH: &str = "search";

/// Whether a step is one of a search, needed or not.
fn searched(plan: &Plan, step: &Step) -> bool {
    plan.loads().any(|(other, load)| other.phase == step.phase && load.trial.is_some())
}

fn traffic<'a>(plan: &'a Plan, load: &LoadStep) -> BTreeMap<&'a str, String> {
    load.traffic
        .iter()
        .map(|traffic| (plan.endpoints[traffic.endpoint].name.as_str(), nine_digits(traffic.share)))
        .collect()
}

fn nine_digits(share: f64) -> String {
    format!("{share:.9}")
}
