//! The scenario: a file as it was meant, after layers and checks. Plain values, base units, names still unresolved.

mod alert;
mod check;
mod connection;
mod dataset;
mod endpoint;
mod http_api;
mod objective;
mod metrics;
mod monitoring;
mod phase;
mod pressure;
mod run;
mod search;
mod secret;
mod service;
mod sim;
mod target;
mod tokenizer;
mod trace;
mod workload;

use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    alert::{Alert, Alerting, Beyond, Condition, Webhook, is_live},
    check::{AnswerCheck, AnswerSchema, LONGEST_TEXT},
    connection::{ClientCertificate, HttpVersion, Tls},
    dataset::{Content, DataFile, DataFormat, Dataset, OnBadRow, RowOrder},
    endpoint::{Address, Endpoint, Model, ModelMix},
    http_api::{EndMark, HttpApi},
    metrics::MetricsPages,
    monitoring::{Monitoring, PowerEstimate},
    objective::Objective,
    phase::*,
    pressure::{CpuPressure, MemoryAmount, MemoryPressure, PressingThreads, Pressure},
    run::{Ceiling, Chunks, Format, OnBottleneck, OnInconclusive, Output, Permitted, Run, Threads},
    search::{BROKEN, GROWTH, Search, Sought, Until},
    secret::{HeaderText, Secret},
    service::{Ready, Service, StopSignal, THIS_PROGRAM},
    sim::{Faults, KV_CACHE_BLOCK_TOKENS, Sim},
    target::{Bound, OPTIMUM, Severity, Target},
    tokenizer::{Counted, Encoding, Tokenizer, Vocabulary},
    trace::{Follow, Trace, TraceContent, TraceFile, TraceFormat, TracePart, TracePrompts, TraceWindow},
    workload::{Bin, Conversation, Language, Lengths, Mix, PromptLength, Snippets, Synthetic, Workload},
};
use super::Places;

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
    /// What is told while it runs.
    pub alerts: IndexMap<String, Alert>,
    /// Whom alerts are told, and whether there are any that nobody wrote.
    pub alerting: Alerting,
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
