//! The nodes of the graph, and what each sends.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[cfg(doc)]
use super::Plan;
use super::{Trial, is_default, is_one, one};
use crate::{
    config::{Arrivals, Pressure, SameAs, Stage, TracePart},
    units::Seconds,
};

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
