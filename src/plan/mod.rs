//! [`Scenario`](crate::config::Scenario) → [`Plan`]: the execution graph and the schedule of arrivals. Pure.
//!
//! A plan has nothing left to look up: names are indices, defaults are filled in, every step knows its endpoints,
//! its load and when it ends. What is known only at run time (addresses of simulated servers, `model = "auto"`,
//! secrets) is resolved at readiness and is not part of it.

mod admit;
mod alerts;
mod beyond;
pub mod cases;
mod compile;
pub mod datasets;
pub mod describe;
pub mod diff;
pub mod estimate;
mod expect;
mod experiment;
pub mod graph;
mod hour;
mod objectives;
pub mod origins;
mod provable;
pub mod render;
mod rounding;
mod route;
mod safety;
pub mod schedule;
mod search;
mod services;
mod spikes;
mod targets;
pub mod tokenizers;
pub mod traces;
mod traffic;
mod warnings;
mod watch;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub use admit::{admit, admit_watching};
pub use alerts::{AlertSource, PlannedAlert, Trigger, changes_by_plan, floor as alert_floor};
pub use beyond::beyond;
pub use compile::{compile, compile_all};
pub use expect::totals;
pub use experiment::{differing as experiments_differ_in, hash as experiment_of};
pub use hour::{Stretch, paid_seconds};
pub use rounding::{Rounding, rounding};
pub use route::{
    Place, arrivals_of, chosen_by, conversation_of, endpoint_of, model_of, place_of, request_of,
};
pub use safety::{findings as unsafe_in, together as unsafe_together};
pub use search::{Criterion, Trial, Tried, as_run, trial_length, tried};
pub use services::PlannedService;
#[cfg(test)]
pub(crate) use spikes::lay_over;
pub use targets::explored_only;
pub use watch::watching;

use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    catalog::{Carrier, MetricName, Protocol},
    config::{
        Address, AnswerCheck, Arrivals, Axis, Bound, Ceiling, Chunks, HeaderText, HttpApi, HttpVersion,
        MetricsPages, Model, Monitoring, Objective, OnBottleneck, OnInconclusive, Origin, Output, Permitted,
        Platform, Pressure, Price, SameAs, Secret, Severity, Sim, Stage, Threads, Tls, Tokenizer, TracePart,
        Webhook, Workload, case_name,
    },
    schema::{Expectation, Mismatches},
    units::Seconds,
    workload::{MeanTokens, mean_tokens},
};

/// The version of `plan.json`.
pub const FORMAT: u32 = 1;

/// A compiled scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The version of this file's format.
    #[schemars(extend("const" = FORMAT))]
    pub format: u32,
    /// The version of the program that compiled it.
    pub tool_version: String,
    /// The scenario's name.
    pub name: String,
    /// Which case of the scenario's matrix this is; empty where there is no matrix.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub case: Vec<Axis>,
    /// What the runs of one command over one scenario have in common, where they are several; the planner leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Which of its repeats this run is, from 1; the planner leaves it out, as there is none where it is run once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<u32>,
    /// The scenario's description.
    pub description: String,
    /// SHA-256, in hex, over what makes two runs the same experiment: workloads, load, protocol, model, seed.
    pub experiment: String,
    /// The name of the run folder whose plan this is once more; `None` for a plan that comes from a scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun_of: Option<String>,
    /// Every random choice follows from this.
    pub seed: u64,
    /// The platform and why.
    pub platform: Platform,
    /// Goes on charts beside the hardware; may be empty.
    pub label: String,
    /// Limits of the run as a whole.
    pub limits: Limits,
    /// How many times it is run, each time with the same requests.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub repeats: u32,
    /// What a run leaves behind.
    #[serde(default, skip_serializing_if = "is_default")]
    pub output: Output,
    /// The programs that a run starts before its endpoints are asked, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<PlannedService>,
    /// What is read of the machine and of the servers meanwhile; not in the file where it is what holds anyway.
    #[serde(default, skip_serializing_if = "is_default")]
    pub monitoring: Monitoring,
    /// The servers under test; steps refer to them by index.
    pub endpoints: Vec<PlannedEndpoint>,
    /// The nodes of the graph, in an order in which they can run; `Step::id` is the index.
    pub steps: Vec<Step>,
    /// What every request should meet where its endpoint says nothing else. Judged is what stands at each endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objectives: Vec<Objective>,
    /// What the platform or its tokens cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// What must hold, with the scopes in which it is judged.
    pub targets: Vec<PlannedTarget>,
    /// What is watched while it runs, and told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<PlannedAlert>,
    /// Where alerts are sent, beside the diary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// What a run comes to in which a judged target could not be decided.
    #[serde(default, skip_serializing_if = "OnInconclusive::is_default")]
    pub on_inconclusive: OnInconclusive,
    /// What a run comes to in which the tool itself was the bottleneck.
    #[serde(default, skip_serializing_if = "OnBottleneck::is_default")]
    pub on_bottleneck: OnBottleneck,
    /// Whether it is looked what the machine can do before anything is sent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub calibrate: bool,
    /// What the planner thinks the user should know before the run.
    pub warnings: Vec<String>,
    /// Where every leaf of the scenario came from.
    pub origins: Vec<Origin>,
}

/// Why a `plan.json` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// It is no JSON.
    #[error("it is no JSON: {0}")]
    Syntax(serde_json::Error),
    /// Its values are not those of a plan.
    #[error("{0}")]
    Content(Mismatches),
    /// A value has the right kind and does not fit, such as a duration of thousands of years.
    #[error("it is no plan: {0}")]
    Value(serde_json::Error),
    /// Another version of the program wrote it.
    #[error("it has format {0}, and this version of `scenario` reads format {FORMAT}")]
    Format(u64),
    /// Its steps are no graph that could run.
    #[error(transparent)]
    Graph(#[from] graph::GraphError),
}

impl Plan {
    /// The text of `plan.json`.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a plan has no maps with keys that are not text")
    }

    /// Reads `plan.json` back, and checks what the rest of the program relies on: the format's version, every value by
    /// the schema, the order of the steps and every index in them.
    pub fn from_json(text: &str) -> Result<Self, PlanError> {
        static EXPECTED: LazyLock<Expectation> = LazyLock::new(Expectation::of::<Plan>);
        let document: Value = serde_json::from_str(text).map_err(PlanError::Syntax)?;
        // first, so that a plan of another format is told by its version and not by its first odd field
        if let Some(format) = document.get("format").and_then(Value::as_u64)
            && format != u64::from(FORMAT)
        {
            return Err(PlanError::Format(format));
        }
        EXPECTED.check(&document).map_err(PlanError::Content)?;
        let mut plan: Self = serde_json::from_value(document).map_err(PlanError::Value)?;
        // an endpoint that lacks what all are asked is one of a version that wrote it once
        for endpoint in &mut plan.endpoints {
            endpoint.objectives = Objective::laid_over(&plan.objectives, &endpoint.objectives);
        }
        graph::check(&plan)?;
        Ok(plan)
    }

    /// What the requests of a step to one of its endpoints have.
    pub fn carrier(&self, endpoint: &PlannedEndpoint, load: &LoadStep) -> Carrier {
        Carrier {
            streams: endpoint.stream,
            gaps: self.output.chunks == Chunks::Full && load.batch == 1,
            queues: load.pattern.concurrency_limit().is_some(),
            spikes: load.spikes().next().is_some(),
        }
    }

    /// The name, with the case of a matrix: `mixed-traffic · users=2,model=b`; `Monitoring of …` where nothing is sent.
    pub fn title(&self) -> String {
        let name = if self.case.is_empty() {
            self.name.clone()
        } else {
            format!("{} · {}", self.name, case_name(&self.case))
        };
        if self.watches() { format!("Monitoring of {name}") } else { name }
    }

    /// The step with its load, of every step that sends requests, in order.
    pub fn loads(&self) -> impl Iterator<Item = (&Step, &LoadStep)> {
        self.steps.iter().filter_map(|step| Some((step, step.load()?)))
    }
}

/// Limits of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Limits {
    /// Safety cap on requests in flight.
    pub max_in_flight: u32,
    /// How long what is in flight may take after arrivals stop.
    #[serde(rename = "drain_s", with = "crate::units::seconds")]
    #[schemars(with = "Seconds")]
    pub drain: Duration,
    /// How long an endpoint may take to become ready.
    #[serde(rename = "ready_timeout_s", with = "crate::units::seconds")]
    #[schemars(with = "Seconds")]
    pub ready_timeout: Duration,
    /// Threads that send requests and read answers.
    #[serde(default, skip_serializing_if = "is_default")]
    pub threads: Threads,
    /// Public hosts that load may go to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_hosts: Vec<String>,
    /// What the run may come to at most; not in the file where it is the built-in one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ceiling: Ceiling,
    /// What both are without the flags of the command, which permit for one run; only where flags say anything of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_flags: Option<Permitted>,
}

/// An endpoint with its workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedEndpoint {
    /// Its name in the file.
    pub name: String,
    /// Where it is.
    pub address: Address,
    /// What it speaks.
    pub protocol: Protocol,
    /// The model asked for.
    pub model: Model,
    /// What counts the tokens of its prompts; `None` for an estimate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<Tokenizer>,
    /// Whether answers are streamed.
    pub stream: bool,
    /// Longest that one request may take, from `sent`.
    #[serde(rename = "timeout_s", with = "crate::units::seconds")]
    #[schemars(with = "Seconds")]
    pub timeout: Duration,
    /// The reference to its key; never the key.
    pub api_key: Option<Secret>,
    /// What else goes with every request, by name in lower case; secrets by reference.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, HeaderText>,
    /// Fields of every request's body besides those that the protocol sets.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub body: serde_json::Map<String, Value>,
    /// What the text of its answers must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<AnswerCheck>,
    /// The API, where the protocol leaves that to the scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpApi>,
    /// What is spoken with it.
    #[serde(default, skip_serializing_if = "HttpVersion::is_default")]
    pub http_version: HttpVersion,
    /// Whom its connections trust.
    #[serde(default, skip_serializing_if = "Tls::is_default")]
    pub tls: Tls,
    /// Where its server tells of itself.
    #[serde(default, skip_serializing_if = "MetricsPages::is_auto")]
    pub metrics: MetricsPages,
    /// Index into [`Plan::services`] of the one that serves it; `None` where somebody else runs the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<usize>,
    /// The process of its server, where somebody named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The name of its workload.
    pub workload_name: String,
    /// What is sent.
    pub workload: Workload,
    /// The simulated server behind it, where it is one.
    pub sim: Option<Sim>,
    /// What its requests should meet: what all should, with its own laid over it. Plans of earlier versions lack it, and mean
    /// what all should.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objectives: Vec<Objective>,
}

impl PlannedEndpoint {
    /// Whether the server is a simulation; every output of such a run says so.
    pub fn simulated(&self) -> bool {
        self.sim.is_some()
    }

    /// How many tokens of output are asked for in each answer: none where no model writes any.
    pub fn output_tokens(&self, drawn: u32) -> u32 {
        if self.protocol.generates() { drawn } else { 0 }
    }

    /// Tokens that a request to it has on average: of output none where no model writes any.
    pub fn mean_tokens(&self) -> MeanTokens {
        let mut means = mean_tokens(&self.workload);
        if let Some(counted) = self.tokenizer.as_ref().and_then(|tokenizer| tokenizer.counted.as_ref()) {
            means = MeanTokens { input: counted.mean_prompt_tokens, output: counted.mean_output_tokens };
        }
        MeanTokens { output: if self.protocol.generates() { means.output } else { 0.0 }, ..means }
    }
}

/// A node of the graph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Its index in [`Plan::steps`].
    pub id: usize,
    /// Its name within the phase: the phase's own for a single step, `users=4` or `rate=8` for a level.
    pub name: String,
    /// The phase that it belongs to; `ready` for the readiness check.
    pub phase: String,
    /// The steps that must end first.
    pub after: Vec<usize>,
    /// What it does.
    pub work: Work,
    /// What loads this machine meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pressure: Option<Pressure>,
    /// What the planner expects of it.
    pub expected: Expected,
}

impl Step {
    /// Its load, where it sends requests.
    pub fn load(&self) -> Option<&LoadStep> {
        match &self.work {
            Work::Load(load) => Some(load),
            Work::Ready { .. } | Work::Pause { .. } | Work::Watch { .. } | Work::Spared => None,
        }
    }
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "a plan has few steps, and nearly all of them are loads")]
pub enum Work {
    /// Wait until these endpoints answer.
    Ready {
        /// Indices into [`Plan::endpoints`].
        endpoints: Vec<usize>,
    },
    /// Send requests.
    Load(LoadStep),
    /// Send nothing.
    Pause {
        /// For so long.
        #[serde(rename = "duration_s", with = "crate::units::seconds")]
        #[schemars(with = "Seconds")]
        duration: Duration,
    },
    /// Send nothing, and take what is read meanwhile for what the run is about. Only `scenario monitor` plans it.
    Watch {
        /// For so long; `None` until somebody ends it.
        #[serde(rename = "duration_s", with = "crate::units::seconds::option")]
        #[schemars(with = "Option<Seconds>")]
        duration: Option<Duration>,
    },
    /// Nothing: a trial that its search did not need. Only a plan as it was run has any.
    Spared,
}

/// A step that sends requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadStep {
    /// Whether its requests count; `false` is warm-up.
    pub measure: bool,
    /// Whether the run is no measurement where it did not settle, or drifts.
    #[serde(default, skip_serializing_if = "is_default")]
    pub require_steady: bool,
    /// Whether it is one level of several, which explore and are judged only when named.
    pub explores: bool,
    /// The sequence number of its first request; request `i` of the step has `first_seq + i`.
    pub first_seq: u64,
    /// Where its requests go; shares sum to 1.
    pub traffic: Vec<Traffic>,
    /// How they arrive.
    pub pattern: Pattern,
    /// That its level is told while the run goes on, as one of the trials of a search; until then its pattern is the most that it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
    /// What is due in the first so long of it does not count.
    #[serde(
        default,
        rename = "settle_s",
        with = "crate::units::seconds",
        skip_serializing_if = "Duration::is_zero"
    )]
    #[schemars(with = "Seconds")]
    pub settle: Duration,
    /// The phase whose load this is a part of, where it was said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<SameAs>,
    /// The step beside which it runs: the end of its arrivals ends the arrivals of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<usize>,
    /// Prompts in each of its requests.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub batch: u32,
    /// Ends the step after so many requests.
    pub requests: Option<u64>,
    /// Ends the arrivals of the step after so long.
    #[serde(rename = "duration_s", with = "crate::units::seconds::option")]
    #[schemars(with = "Option<Seconds>")]
    pub duration: Option<Duration>,
}

/// What a count is where nobody wrote it.
fn one() -> u32 {
    1
}

/// What nobody set is not written.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Counts of one are not written, so that what does not use them reads and hashes as it did without them.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_one(count: &u32) -> bool {
    *count == 1
}

/// An endpoint's part of a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Traffic {
    /// Index into [`Plan::endpoints`].
    pub endpoint: usize,
    /// Share of the step's requests, `0..=1`.
    #[schemars(range(min = 0, max = 1))]
    pub share: f64,
}

/// How the requests of a step arrive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// So many users, each with one request at a time.
    Closed {
        /// How many.
        users: u32,
        /// They start spread over this time.
        #[serde(rename = "ramp_up_s", with = "crate::units::seconds")]
        #[schemars(with = "Seconds")]
        ramp_up: Duration,
        /// Pause of a user between an answer and the next request.
        #[serde(rename = "think_time_s", with = "crate::units::seconds")]
        #[schemars(with = "Seconds")]
        think_time: Duration,
    },
    /// On a schedule that never looks at answers.
    Open {
        /// The process.
        arrivals: Arrivals,
        /// The rate over time; a constant rate is one stage, whose length is the step's duration, or as long as
        /// it takes where the step ends by count. Spikes are stages like others.
        stages: Vec<Stage>,
        /// What was said of spikes, where there are any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        spikes: Option<PlannedSpikes>,
        /// At most so many in flight; more wait in a queue.
        concurrency_limit: Option<u32>,
    },
    /// Like an open loop, at the times of the trace that is the workload of all its endpoints: request `i` of the step is row
    /// `i` of it.
    Trace {
        /// How many times as fast.
        speed: f64,
        /// At most so many in flight; more wait in a queue.
        concurrency_limit: Option<u32>,
        /// What the step takes of the trace; `None` before anybody has looked into it, which no plan that is run was made without.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        part: Option<TracePart>,
    },
}

impl Pattern {
    /// Whether requests come on a schedule that never looks at answers.
    pub fn is_open(&self) -> bool {
        match self {
            Self::Open { .. } | Self::Trace { .. } => true,
            Self::Closed { .. } => false,
        }
    }

    /// The most requests in flight by the plan itself, so that more wait in a queue.
    pub fn concurrency_limit(&self) -> Option<u32> {
        match self {
            Self::Open { concurrency_limit, .. } | Self::Trace { concurrency_limit, .. } => {
                *concurrency_limit
            }
            Self::Closed { .. } => None,
        }
    }
}

/// The spikes among the stages of an open loop, as they were written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedSpikes {
    /// One starts at every whole multiple of it.
    #[serde(rename = "every_s", with = "crate::units::seconds")]
    #[schemars(with = "Seconds")]
    pub every: Duration,
    /// The length of each.
    #[serde(rename = "lasting_s", with = "crate::units::seconds")]
    #[schemars(with = "Seconds")]
    pub lasting: Duration,
    /// Requests per second in them.
    pub rate: f64,
    /// The stages without them.
    pub base: Vec<Stage>,
}

/// What the planner expects of a step. `None` is "cannot be known before the run".
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Expected {
    /// Requests.
    pub requests: Option<f64>,
    /// Prompt tokens over all requests.
    pub input_tokens: Option<f64>,
    /// Output tokens over all requests.
    pub output_tokens: Option<f64>,
    /// Seconds without the drain.
    pub duration_s: Option<f64>,
    /// What it costs; `None` also without a price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// Whether the figures rest on an assumed speed of the server rather than on the file alone.
    pub assumed: bool,
}

/// What numbers are about. `None` means all of them together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ScopeKey {
    /// The phase.
    pub phase: String,
    /// One step of it.
    pub step: Option<String>,
    /// One endpoint.
    pub endpoint: Option<String>,
}

impl std::fmt::Display for ScopeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.phase)?;
        if let Some(step) = &self.step {
            write!(f, " · {step}")?;
        }
        if let Some(endpoint) = &self.endpoint {
            write!(f, " · {endpoint}")?;
        }
        Ok(())
    }
}

/// A target with the places where it is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedTarget {
    /// Its name in the file.
    pub name: String,
    /// What is judged.
    pub metric: MetricName,
    /// Against what, in the metric's base unit.
    pub bound: Bound,
    /// What a miss means; a preset's targets are `info` unless the preset was named.
    pub severity: Severity,
    /// Ends the run once the target has failed for so long; only where a miss means failure.
    #[serde(
        default,
        rename = "abort_after_s",
        with = "crate::units::seconds::option",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<Seconds>")]
    pub abort: Option<Duration>,
    /// Whether a platform preset set it rather than the scenario.
    pub from_preset: bool,
    /// One row each; empty when the plan measures the metric nowhere, which the report lists as skipped. The step
    /// `optimum` of a phase of several levels is the one that the run shows to be the best.
    pub scopes: Vec<ScopeKey>,
    /// Levels that explore, in which a limit on latency that names neither phase nor step is not judged: one beyond it is
    /// no optimum.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bounds: Vec<ScopeKey>,
}

impl PlannedTarget {
    /// The most that it allows of a latency; `None` where it is about something else. What is shown for information limits
    /// nothing, and neither the client's own lateness nor the time to recover is a latency of the server.
    pub fn latency_limit(&self) -> Option<f64> {
        match self.bound {
            Bound::AtMost(limit) | Bound::Between(_, limit) => {
                (self.metric.metric.is_latency() && self.severity != Severity::Info).then_some(limit)
            }
            Bound::AtLeast(_) => None,
        }
    }
}
