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
mod endpoint;
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
mod step;
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
pub use endpoint::PlannedEndpoint;
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
pub use step::{Expected, LoadStep, Pattern, PlannedSpikes, Step, Traffic, Work};
pub use targets::explored_only;
pub use watch::watching;

use std::{sync::LazyLock, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    catalog::{Carrier, MetricName},
    config::{
        Axis, Bound, Ceiling, Chunks, Monitoring, Objective, OnBottleneck, OnInconclusive, Origin, Output,
        Permitted, Platform, Price, Severity, Threads, Webhook, case_name,
    },
    schema::{Expectation, Mismatches},
    units::Seconds,
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
