//! What alerts say while a run goes on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Subject;
use crate::{catalog::MetricName, config::Severity, plan::ScopeKey, units::show_seconds};

/// That an alert fires, or does no longer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Alert {
    /// Its name in the plan.
    pub alert: String,
    /// What happened to it.
    pub state: AlertState,
    /// When.
    pub at_ns: u64,
    /// Since when: of one that fires what it says has been so, of one that does no longer it had fired.
    pub since_ns: u64,
    /// What it means.
    pub severity: Severity,
    /// What it is about; `None` where that is no metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<MetricName>,
    /// The value in its window, in the metric's base unit; `None` where it is none: too many requests failed to have one, or nothing is
    /// known of it any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The limit that the value was held against, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Of one that fires no longer, the worst value meanwhile, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst: Option<f64>,
    /// Where; `None` for the run as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeKey>,
    /// What was read, where it is about readings: of several the worst.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// What happened, in words, where no value says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Alert {
    /// What happened, in a line: `alert `slow` fires in `main`: ttft.p95 is 930 ms, and the limit 800 ms`.
    pub fn line(&self) -> String {
        let unit = self.metric.map(|metric| metric.metric.unit());
        let show = |value: f64| unit.map_or_else(String::new, |unit| unit.show(value));
        let place = self.scope.as_ref().map_or_else(String::new, |scope| format!(" in `{scope}`"));
        let name = &self.alert;
        match self.state {
            AlertState::Firing => {
                let whose = self.subject.as_ref().map_or_else(String::new, |of| format!(" of the {of}"));
                let what = match (self.metric, self.value, &self.why) {
                    (_, _, Some(why)) => why.clone(),
                    (Some(metric), Some(value), None) => format!("{metric}{whose} is {}", show(value)),
                    (Some(metric), None, None) => format!("{metric} is that of requests that failed"),
                    (None, _, None) => String::new(),
                };
                let limit =
                    self.threshold.map_or_else(String::new, |at| format!(", and the limit {}", show(at)));
                format!("alert `{name}` fires{place}: {what}{limit}")
            }
            AlertState::Cleared | AlertState::Ended => {
                let lasted = show_seconds(self.at_ns.saturating_sub(self.since_ns) as f64 / 1e9);
                let now = self.value.map_or_else(String::new, |value| format!(", now {}", show(value)));
                let worst = match (self.worst, self.metric) {
                    (Some(worst), _) => format!(", at worst {}", show(worst)),
                    (None, Some(_)) => ", at worst that of requests that failed".to_owned(),
                    (None, None) => String::new(),
                };
                let how =
                    if self.state == AlertState::Ended { "ends with what it is about" } else { "is over" };
                format!("alert `{name}`{place} {how} after {lasted}{worst}{now}")
            }
        }
    }
}

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// What it says has been so for long enough.
    Firing,
    /// It is so no longer.
    Cleared,
    /// What it is about ended while it fired: the phase, the step, or the run.
    Ended,
}

impl AlertState {
    /// The name in files and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Cleared => "cleared",
            Self::Ended => "ended",
        }
    }
}
