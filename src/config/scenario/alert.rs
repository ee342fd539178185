//! `[alerts.NAME]` and `[alerting]`: what is told while a run goes on, and whom.

use std::{collections::BTreeMap, fmt, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HeaderText, Severity};
use crate::catalog::{Metric, MetricName, Unit};

/// `[alerts.NAME]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// What has to be so.
    pub when: Condition,
    /// For how long, before it is told.
    pub hold: Duration,
    /// The sliding window over which the metric is taken.
    pub window: Duration,
    /// The shortest time from one firing to the next.
    pub cooldown: Duration,
    /// What it means.
    pub severity: Severity,
    /// Only in this phase; `None` for every measured one, and of readings for the whole run.
    pub phase: Option<String>,
    /// Only for this endpoint.
    pub endpoint: Option<String>,
}

impl Alert {
    /// The shortest window: below it a window holds hardly anything.
    pub const SHORTEST: Duration = Duration::from_secs(1);

    /// The longest window and the longest cooldown.
    pub const LONGEST: Duration = Duration::from_secs(24 * 3600);
}

/// A metric beyond a limit: `ttft.p95 > 800ms`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Condition {
    /// The metric.
    pub metric: MetricName,
    /// The limit, in the metric's base unit.
    pub is: Beyond,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.metric, self.is.in_words(self.metric.metric.unit()))
    }
}

/// On which side of which limit a value is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Beyond {
    /// `>`.
    Above(f64),
    /// `>=`.
    AtLeast(f64),
    /// `<`.
    Below(f64),
    /// `<=`.
    AtMost(f64),
    /// Not from the first to the second: what misses a target with two limits.
    Outside(f64, f64),
}

impl Beyond {
    /// Whether a value is there.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::Above(limit) => value > limit,
            Self::AtLeast(limit) => value >= limit,
            Self::Below(limit) => value < limit,
            Self::AtMost(limit) => value <= limit,
            Self::Outside(low, high) => value < low || value > high,
        }
    }

    /// Whether high values are there.
    pub fn is_upward(self) -> bool {
        matches!(self, Self::Above(_) | Self::AtLeast(_) | Self::Outside(..))
    }

    /// The limit that a value is held against: of two the nearer one.
    pub fn limit(self, value: f64) -> f64 {
        match self {
            Self::Above(limit) | Self::AtLeast(limit) | Self::Below(limit) | Self::AtMost(limit) => limit,
            Self::Outside(low, high) => {
                if value < f64::midpoint(low, high) {
                    low
                } else {
                    high
                }
            }
        }
    }

    /// The worse of two values.
    pub fn worse(self, one: f64, other: f64) -> f64 {
        match self {
            Self::Above(_) | Self::AtLeast(_) => one.max(other),
            Self::Below(_) | Self::AtMost(_) => one.min(other),
            Self::Outside(low, high) => {
                let middle = f64::midpoint(low, high);
                if (one - middle).abs() >= (other - middle).abs() { one } else { other }
            }
        }
    }

    /// For people: `> 800 ms`.
    pub fn in_words(self, unit: Unit) -> String {
        match self {
            Self::Above(limit) => format!("> {}", unit.show(limit)),
            Self::AtLeast(limit) => format!(">= {}", unit.show(limit)),
            Self::Below(limit) => format!("< {}", unit.show(limit)),
            Self::AtMost(limit) => format!("<= {}", unit.show(limit)),
            Self::Outside(low, high) => format!("outside {} to {}", unit.show(low), unit.show(high)),
        }
    }
}

/// Whether a metric can be told of a sliding window while the run goes on. Those of spikes and costs follow from the whole.
pub fn is_live(metric: Metric) -> bool {
    matches!(
        metric,
        Metric::Ttft
            | Metric::Ttfc
            | Metric::E2e
            | Metric::ServiceTtft
            | Metric::ServiceE2e
            | Metric::SendLag
            | Metric::QueueWait
            | Metric::Tpot
            | Metric::Itl
            | Metric::TokensPerChunk
            | Metric::DecodeTokensPerSecond
            | Metric::OutputTokensPerSecond
            | Metric::RequestsPerSecond
            | Metric::Goodput
            | Metric::ErrorRate
            | Metric::TimeoutRate
            | Metric::ContentionErrorRate
            | Metric::ObjectivesMetRate
            | Metric::SpikeRate
            | Metric::SpikeRateMad
            | Metric::Reading(_)
    )
}

/// `[alerting]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alerting {
    /// Whether there are alerts that nobody wrote.
    pub defaults: bool,
    /// Whom alerts are told beside the terminal and the diary.
    pub webhook: Option<Webhook>,
}

/// `[alerting.webhook]`: where each alert is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Webhook {
    /// The URL, or where it is kept, since many are secrets.
    pub url: HeaderText,
    /// What goes with each message, by name in lower case.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, HeaderText>,
}

impl Webhook {
    /// The secrets that it takes, by their addresses.
    pub fn secrets(&self) -> impl Iterator<Item = (String, &super::Secret)> {
        let url = self.url.secret().map(|secret| ("alerting.webhook.url".to_owned(), secret));
        let headers = self
            .headers
            .iter()
            .filter_map(|(name, text)| Some((format!("alerting.webhook.headers.{name}"), text.secret()?)));
        url.into_iter().chain(headers)
    }

    /// Every text that may be kept elsewhere.
    pub fn texts_mut(&mut self) -> impl Iterator<Item = &mut HeaderText> {
        std::iter::once(&mut self.url).chain(self.headers.values_mut())
    }

    /// Where it goes, for people: a URL, or where that is kept.
    pub fn place(&self) -> String {
        match &self.url {
            HeaderText::Text(url) => url.clone(),
            HeaderText::Secret(super::Secret::Env(name)) => format!("the URL in ${name}"),
            HeaderText::Secret(super::Secret::File(path)) => format!("the URL in `{path}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_beyond_a_limit_or_not() {
        for (is, beyond, within) in [
            (Beyond::Above(2.0), 2.5, 2.0),
            (Beyond::AtLeast(2.0), 2.0, 1.5),
            (Beyond::Below(2.0), 1.5, 2.0),
            (Beyond::AtMost(2.0), 2.0, 2.5),
            (Beyond::Outside(1.0, 2.0), 2.5, 1.0),
            (Beyond::Outside(1.0, 2.0), 0.5, 2.0),
        ] {
            assert!(is.holds(beyond) && !is.holds(within), "{is:?}");
        }
        assert!(Beyond::Above(2.0).holds(f64::INFINITY));
        assert_eq!(Beyond::Outside(1.0, 2.0).limit(0.5), 1.0);
        assert_eq!(Beyond::Outside(1.0, 2.0).worse(0.0, 2.5), 0.0);
    }

    #[test]
    fn what_follows_from_the_whole_run_is_not_live() {
        let not: Vec<&str> = Metric::every().filter(|metric| !is_live(*metric)).map(Metric::name).collect();
        for name in ["spike.ttft", "spike.e2e", "spike.recovery", "cost_per_million_tokens"] {
            assert!(not.contains(&name), "{name}");
        }
    }
}
