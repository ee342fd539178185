//! `[targets.NAME]`: what is asked of a metric.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalog::MetricName;

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
