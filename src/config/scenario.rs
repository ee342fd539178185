//! The scenario: a file as it was meant, after layers and checks. Plain values, base units, names still unresolved.

mod check;
mod connection;
mod dataset;
mod http_api;
mod objective;
mod metrics;
mod monitoring;
mod phase;
mod pressure;
mod run;
mod search;
mod service;
mod tokenizer;
mod trace;

use std::{collections::BTreeMap, time::Duration};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    check::{AnswerCheck, AnswerSchema, LONGEST_TEXT},
    connection::{ClientCertificate, HttpVersion, Tls},
    dataset::{Content, DataFile, DataFormat, Dataset, OnBadRow, RowOrder},
    http_api::{EndMark, HttpApi},
    metrics::MetricsPages,
    monitoring::Monitoring,
    objective::Objective,
    phase::*,
    pressure::{CpuPressure, MemoryAmount, MemoryPressure, PressingThreads, Pressure},
    run::{Ceiling, Chunks, Format, OnBottleneck, OnInconclusive, Output, Permitted, Run, Threads},
    search::{BROKEN, GROWTH, Search, Sought, Until},
    service::{Ready, Service, StopSignal, THIS_PROGRAM},
    tokenizer::{Counted, Encoding, Tokenizer, Vocabulary},
    trace::{Follow, Trace, TraceContent, TraceFile, TraceFormat, TracePart, TracePrompts, TraceWindow},
};
use super::Places;
use crate::{
    catalog::{MetricName, Protocol},
    hosts,
    units::Seconds,
};

/// A checked scenario: every reference in it exists, every number is in range.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// The name of the experiment; also names the run folder.
    pub name: String,
    /// What sets this case of a matrix apart, one value per axis; empty where there is no matrix.
    pub case: Vec<Axis>,
    /// What it answers; may be empty.
    pub description: String,
    /// Every random choice of the run follows from this.
    pub seed: u64,
    /// The platform that the presets and overrides were chosen for.
    pub platform: Platform,
    /// Limits and labels of the run as a whole.
    pub run: Run,
    /// What a run leaves behind.
    pub output: Output,
    /// What is read of the machine and of the servers meanwhile.
    pub monitoring: Monitoring,
    /// What phases and endpoints use when they say nothing.
    pub defaults: Defaults,
    /// The servers under test, by name, in the order of the file.
    pub endpoints: IndexMap<String, Endpoint>,
    /// The programs that a run starts, by name, in the order of the file.
    pub services: IndexMap<String, Service>,
    /// What is sent, by name.
    pub workloads: IndexMap<String, Workload>,
    /// The load, in the order in which it runs.
    pub phases: IndexMap<String, Phase>,
    /// What every request should meet where its endpoint says nothing else; empty without `[objectives]`.
    pub objectives: Vec<Objective>,
    /// What the platform or its tokens cost.
    pub price: Option<Price>,
    /// What must hold.
    pub targets: IndexMap<String, Target>,
    /// Settings of simulated servers, by the name behind `sim:`; built-in profiles need none here.
    pub sims: IndexMap<String, Sim>,
    /// Where every leaf came from, in the order of its path.
    pub origins: Vec<Origin>,
    /// Where its values stand, for problems that show only once it is compiled.
    pub places: Places,
}

/// The value that one axis of a `[matrix]` has in a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Axis {
    /// The address that it varies, such as `phases.main.load.closed.users`.
    pub path: String,
    /// The shortest end of the address that no other axis of the matrix ends with, such as `users`.
    pub name: String,
    /// The value in letters, digits, `.`, `_`, `-`, `+` and `~`, unlike that of any other case on this axis.
    pub value: String,
}

/// The name of a case: `users=2,model=b`; empty where there is no matrix. It can be a part of a file's name.
pub fn case_name(case: &[Axis]) -> String {
    let parts: Vec<String> = case.iter().map(|axis| format!("{}={}", axis.name, axis.value)).collect();
    parts.join(",")
}

/// The platform under test, as far as presets are concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Platform {
    /// The preset's name, such as `rtx_4090`; of one from a file the file's name without `.toml`.
    pub name: String,
    /// The presets that it extends, nearest first.
    pub extends: Vec<String>,
    /// Why this one: `"named by --platform"`, `"GPU 0 is NVIDIA GeForce RTX 4090"`.
    pub reason: String,
    /// Whether somebody named it; only then do the preset's targets judge.
    pub named: bool,
}

/// `[defaults]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defaults {
    /// Longest that one request may take, from `sent`.
    pub timeout: Duration,
    /// The ladder that `load.closed = {}` takes.
    pub concurrency: Vec<u32>,
    /// Requests per step where a phase says neither `requests`, `duration`, `stages`, `during` nor `same_as`.
    pub requests: u64,
    /// Most endpoints on this machine that may be loaded at once; simulated and remote ones are free.
    pub max_endpoints: u32,
    /// What `batch_sizes = "default"` of a phase stands for.
    pub batch_sizes: Vec<u32>,
}

/// `[endpoints.NAME]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Where it is.
    pub url: Address,
    /// What it speaks.
    pub protocol: Protocol,
    /// The model asked for.
    pub model: Model,
    /// What counts the tokens of its prompts; `None` for an estimate.
    pub tokenizer: Option<Tokenizer>,
    /// Share of mixed traffic; see *Weights* in the language.
    pub weight: Option<f64>,
    /// The name of its workload.
    pub workload: String,
    /// Whether answers are streamed.
    pub stream: bool,
    /// Longest that one request may take, from `sent`.
    pub timeout: Duration,
    /// Sent as the protocol has it, such as `authorization: Bearer …`.
    pub api_key: Option<Secret>,
    /// Sent besides what the protocol sets, by name in lower case.
    pub headers: BTreeMap<String, HeaderText>,
    /// Fields of every request's body besides those that the protocol sets.
    pub body: serde_json::Map<String, serde_json::Value>,
    /// What the text of its answers must be.
    pub check: Option<AnswerCheck>,
    /// The API, where the protocol leaves that to the scenario.
    pub http: Option<HttpApi>,
    /// What is spoken with it.
    pub http_version: HttpVersion,
    /// Whom its connections trust.
    pub tls: Tls,
    /// What its requests should meet besides what every request should, or in its place.
    pub objectives: Vec<Objective>,
    /// Where its server tells of itself.
    pub metrics: MetricsPages,
    /// The name of the service that serves it; `None` for a server that somebody else runs.
    pub service: Option<String>,
    /// The process of its server, where that is on this machine and cannot be found by its port.
    pub pid: Option<u32>,
}

/// Where an endpoint is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Address {
    /// A base URL such as `http://127.0.0.1:8080/v1`, without a slash at the end.
    Url(String),
    /// `sim:NAME`: an embedded simulated server, started for the run.
    Sim(String),
}

impl Address {
    /// Whether it is the URL of a server on this machine, by its name or number.
    pub fn is_loopback(&self) -> bool {
        let Self::Url(url) = self else { return false };
        hosts::of_url(url).is_some_and(|host| hosts::is_this_machine(&host))
    }
}

/// The model that requests name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// `"auto"`: the first model that the server lists.
    Auto,
    /// This one.
    Named(String),
    /// One of several, drawn for each request.
    Mix(ModelMix),
}

impl Model {
    /// The names among which requests choose; none where all name the same.
    pub fn several(&self) -> impl Iterator<Item = &str> {
        let mix = if let Self::Mix(mix) = self { Some(mix.shares()) } else { None };
        mix.into_iter().flatten().map(|(name, _)| name)
    }
}

/// Two models or more, with the share of the requests that name each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("minProperties" = 2))]
pub struct ModelMix(BTreeMap<String, f64>);

impl ModelMix {
    /// That of some weights, all of them above 0, which the shares are in proportion to.
    pub fn of(weights: BTreeMap<String, f64>) -> Self {
        let total: f64 = weights.values().sum();
        Self(weights.into_iter().map(|(name, weight)| (name, weight / total)).collect())
    }

    /// Each name with its share, in the order of the names, so that that of the file means nothing; they sum to 1.
    pub fn shares(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, share)| (name.as_str(), *share))
    }
}

/// A secret by reference: the value itself is read at readiness and written nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Secret {
    /// An environment variable.
    Env(String),
    /// A file; white space around its content is dropped.
    File(String),
}

/// The value of a header, of a variable of the environment, or of an argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum HeaderText {
    /// As it is written.
    Text(String),
    /// By reference.
    Secret(Secret),
}

impl HeaderText {
    /// The reference, where it is one.
    pub fn secret(&self) -> Option<&Secret> {
        if let Self::Secret(secret) = self { Some(secret) } else { None }
    }

    /// The path of the file that it refers to, to be changed.
    pub fn file_mut(&mut self) -> Option<&mut String> {
        if let Self::Secret(secret) = self { secret.file_mut() } else { None }
    }
}

impl Secret {
    /// The path of the file that it refers to, to be changed.
    pub fn file_mut(&mut self) -> Option<&mut String> {
        if let Self::File(path) = self { Some(path) } else { None }
    }
}

/// `[workloads.NAME]`: one of the kinds of content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Workload {
    /// Made-up text of a drawn length.
    Synthetic(Synthetic),
    /// Made-up code of a drawn length.
    Snippets(Snippets),
    /// Rows of a file.
    Dataset(Dataset),
    /// Requests as they once came.
    Trace(Trace),
    /// Requests that follow each other, each with all that was said before.
    Conversation(Conversation),
}

/// `[workloads.NAME.synthetic]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Synthetic {
    /// How long prompts are.
    pub prompt: PromptLength,
    /// How many tokens of output are asked for.
    pub output_tokens: Lengths,
    /// Put before every prompt; may be empty.
    pub prefix: String,
    /// Tokens of made-up text that every prompt of the workload shares, to exercise prefix caches on purpose.
    pub shared_prefix_tokens: u32,
    /// In place of that number, the share of all prompt tokens that it and the prefix are to come to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_prefix_share: Option<f64>,
    /// How many such texts there are, of which each prompt has one.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub shared_prefix_groups: u32,
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_one(groups: &u32) -> bool {
    *groups == 1
}

/// `[workloads.NAME.conversation]`: a user asks, reads the answer, and asks again, each time with all that was said before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Conversation {
    /// Requests of each conversation.
    pub turns: u32,
    /// What the user says in each of them. The prefix and what all conversations share stand before the first alone.
    pub said: Synthetic,
    /// Pause between an answer and what is said next.
    #[serde(rename = "think_time_s", with = "crate::units::seconds")]
    #[schemars(with = "Seconds")]
    pub think_time: Duration,
}

/// `[workloads.NAME.snippets]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Snippets {
    /// How long the code is, in tokens: by an estimate where no tokenizer is given.
    pub prompt_tokens: Lengths,
    /// How many tokens of output are asked for.
    pub output_tokens: Lengths,
    /// Put before every snippet; may be empty.
    pub prefix: String,
    /// How often each language is drawn.
    pub mix: Mix,
}

/// The weights of languages, not negative and not all 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Mix {
    /// Of JavaScript.
    pub javascript: f64,
    /// Of TypeScript.
    pub typescript: f64,
    /// Of Python.
    pub python: f64,
    /// Of React components: JSX and TSX in equal parts.
    pub react: f64,
}

impl Mix {
    /// The weight of a language.
    pub fn weight(&self, language: Language) -> f64 {
        match language {
            Language::Javascript => self.javascript,
            Language::Typescript => self.typescript,
            Language::Python => self.python,
            Language::React => self.react,
        }
    }
}

/// A language that snippets are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// JavaScript.
    Javascript,
    /// TypeScript.
    Typescript,
    /// Python.
    Python,
    /// Components and hooks of React, with types or without.
    React,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Javascript, Self::Typescript, Self::Python, Self::React];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Javascript => "javascript",
            Self::Typescript => "typescript",
            Self::Python => "python",
            Self::React => "react",
        }
    }
}

/// How the length of a prompt is drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PromptLength {
    /// `prompt_tokens`: tokens, by an estimate where no tokenizer is given.
    Tokens(Lengths),
    /// `prompt_words`: words.
    Words(Lengths),
}

/// A distribution of whole lengths, each at least 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lengths {
    /// Always this.
    Constant(u32),
    /// Every whole number of `min..=max` equally often.
    Uniform {
        /// Smallest.
        min: u32,
        /// Largest.
        max: u32,
    },
    /// Normal, rounded and clipped.
    Normal {
        /// Mean before clipping.
        mean: f64,
        /// Standard deviation before clipping.
        std_dev: f64,
        /// Smallest.
        min: u32,
        /// Largest.
        max: u32,
    },
    /// Log-normal with this mean and deviation of the *values* (not of their logarithms), rounded and clipped.
    Lognormal {
        /// Mean before clipping.
        mean: f64,
        /// Standard deviation before clipping.
        std_dev: f64,
        /// Smallest.
        min: u32,
        /// Largest.
        max: u32,
    },
    /// Poisson, clipped.
    Poisson {
        /// Mean before clipping.
        mean: f64,
        /// Smallest.
        min: u32,
        /// Largest.
        max: u32,
    },
    /// A bin by the weights, then every whole number in it equally often. There is one at least, and a weight above 0.
    Histogram(Vec<Bin>),
}

/// A bin of a histogram of lengths.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bin {
    /// Smallest.
    pub min: u32,
    /// Largest.
    pub max: u32,
    /// How often it is drawn, relative to the others; not negative.
    pub weight: f64,
}

/// `[price]`, in whatever currency it is written.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Price {
    /// What the platform costs while it is there.
    PerHour(f64),
    /// What tokens cost.
    PerMillionTokens {
        /// A million prompt tokens.
        input: f64,
        /// A million output tokens.
        output: f64,
    },
}

impl Price {
    /// What so many seconds of the platform and so many tokens cost.
    pub fn cost(self, seconds: f64, input_tokens: f64, output_tokens: f64) -> f64 {
        match self {
            Self::PerHour(price) => price * seconds / 3600.0,
            Self::PerMillionTokens { input, output } => (input * input_tokens + output * output_tokens) / 1e6,
        }
    }
}

/// What a target calls the best level of a ladder, which only a run can tell.
pub const OPTIMUM: &str = "optimum";

/// `[targets.NAME]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// What is judged.
    pub metric: MetricName,
    /// Against what, in the metric's base unit.
    pub bound: Bound,
    /// Only in this phase.
    pub phase: Option<String>,
    /// Only in this step of it, such as `users=4`; of a phase of several levels [`OPTIMUM`] is the best of them.
    pub step: Option<String>,
    /// Only this endpoint.
    pub endpoint: Option<String>,
    /// What a miss means.
    pub severity: Severity,
    /// Ends the run once the target has failed for so long.
    pub abort: Option<Duration>,
    /// Whether it comes from the preset rather than from the file.
    pub from_preset: bool,
}

impl Target {
    /// Whether it may be about the levels of a phase that looks for one.
    pub fn may_hold_in(&self, phase: &str) -> bool {
        self.phase.as_ref().is_none_or(|own| own == phase)
            && self.step.as_ref().is_none_or(|step| step == OPTIMUM)
    }

    /// Whether a search goes by it where it goes by all targets: an at-most limit on latency or on a share of requests, or an at-least
    /// one on a share. A throughput is none, since the lowest level would fail it. `named` is whether somebody chose the
    /// platform; a preset that nobody named limits nothing.
    pub fn is_criterion(&self, phase: &str, named: bool) -> bool {
        let metric = self.metric.metric;
        let limit = match self.bound {
            Bound::AtMost(_) => metric.is_latency() || metric.is_share_of_due(),
            Bound::AtLeast(_) => metric.is_share_of_due(),
            Bound::Between(..) => false,
        };
        limit && self.severity != Severity::Info && (named || !self.from_preset) && self.may_hold_in(phase)
    }
}

/// The limit of a target.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// `≥`.
    AtLeast(f64),
    /// `≤`.
    AtMost(f64),
    /// Both, inclusive.
    Between(f64, f64),
}

/// What missing a target means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The run fails; counts for the grade.
    Fail,
    /// Printed as a warning.
    Warn,
    /// Printed.
    Info,
}

/// Tokens that share a block of the key-value cache of a simulated server: the default `block_size` of vLLM.
pub const KV_CACHE_BLOCK_TOKENS: u32 = 16;

/// `[sims.NAME]`: a simulated server. Times are seconds, rates tokens per second, shares `0..=1`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sim {
    /// Prompt tokens that it prefills per second.
    pub prefill_tokens_per_second: f64,
    /// Time of one decoding step with an empty batch, in seconds.
    pub step_base_s: f64,
    /// Time that each running sequence adds to a step, in seconds.
    pub step_per_sequence_s: f64,
    /// Sequences that run at once; more wait.
    pub max_batch: u32,
    /// Tokens of running sequences, prompts and answers, that it has memory for, of which whole blocks of
    /// [`KV_CACHE_BLOCK_TOKENS`] count; `None`: without limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kv_cache_tokens: Option<u32>,
    /// Relative standard deviation of a step's time, which is gamma-distributed: 1 is exponential.
    pub jitter: f64,
    /// Fixed time before anything happens, in seconds (network and HTTP).
    pub overhead_s: f64,
    /// Faults on demand.
    pub faults: Faults,
}

/// Faults of a simulated server; shares are drawn per request from the seed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Faults {
    /// Share of requests answered with status 500.
    pub error_rate: f64,
    /// 503 when more than so many requests wait.
    pub overload_queue: Option<u32>,
    /// Share of streams that carry an error object in the middle.
    pub mid_stream_error_rate: f64,
    /// Share of streams that are cut in the middle.
    pub cut_rate: f64,
    /// Share of streams that stop sending and stay open.
    pub stall_rate: f64,
}

/// Where one leaf of the scenario came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Origin {
    /// Its address, such as `phases.ramp.load.open.rate`.
    pub path: String,
    /// Its value as TOML.
    pub value: String,
    /// The layer that set it.
    pub layer: Layer,
    /// The file, preset or flag.
    pub source: String,
    /// The line in it, from 1; 0 where there are no lines.
    pub line: u32,
}

/// The layers, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Part of the program.
    BuiltIn,
    /// A platform preset.
    Preset,
    /// The files that a scenario includes.
    Include,
    /// The scenario file.
    Scenario,
    /// A `[platforms.NAME]`, right above the file that it stands in: the scenario, or one that it includes.
    Platform,
    /// The case of its `[matrix]`.
    Matrix,
    /// `--set`.
    Set,
}
