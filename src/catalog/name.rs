//! The names of metrics with their statistics, such as `ttft.p95`.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{Metric, Statistic};

/// What a target names: a metric, and for a series the statistic of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetricName {
    /// The metric.
    pub metric: Metric,
    /// Present exactly when the metric is a series.
    pub statistic: Option<Statistic>,
}

impl MetricName {
    /// Every name that can be asked for, each metric before its statistics.
    pub fn all() -> impl Iterator<Item = String> {
        Metric::every().flat_map(|metric| {
            let statistics = metric
                .statistics()
                .iter()
                .map(move |statistic| format!("{}.{}", metric.name(), statistic.name()));
            std::iter::once(metric.name().to_owned()).chain(statistics)
        })
    }

    /// Whether it is a mean over requests or over time, whose error the means of batches tell.
    pub fn is_mean(self) -> bool {
        match self.statistic {
            Some(statistic) => {
                let of_requests = self.metric != Metric::Itl && self.metric.quantity().is_none();
                statistic == Statistic::Mean && of_requests
            }
            None => matches!(
                self.metric,
                Metric::OutputTokensPerSecond | Metric::RequestsPerSecond | Metric::Goodput
            ),
        }
    }

    /// Whether it is judged by counting requests: each lies beyond a limit or does not, as for shares of the requests
    /// due and percentiles of a series with one value per request. Such evidence only grows with every request.
    pub fn counts_requests(self) -> bool {
        self.counts() && !self.metric.needs_spikes()
    }

    /// Whether it is judged by counting what the plan has a number of: requests, those due in spikes, or spikes.
    pub fn counts(self) -> bool {
        let percentile = self.statistic.and_then(Statistic::quantile).is_some();
        self.metric.is_share_of_due() || (percentile && self.metric != Metric::Itl)
    }
}

impl fmt::Display for MetricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.statistic {
            Some(statistic) => write!(f, "{}.{}", self.metric.name(), statistic.name()),
            None => f.write_str(self.metric.name()),
        }
    }
}

/// Why a text names no metric, and the nearest that does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct UnknownMetric {
    /// What is wrong, lower case.
    pub message: String,
    /// Names that would do.
    pub known: Vec<String>,
}

impl FromStr for MetricName {
    type Err = UnknownMetric;

    fn from_str(text: &str) -> Result<Self, UnknownMetric> {
        // the whole text first: `service.ttft` and `spike_rate.mad` have a dot of their own
        if let Some(metric) = Metric::every().find(|m| m.name() == text) {
            return Ok(Self { metric, statistic: metric.default_statistic() });
        }
        let known_metric = text
            .rsplit_once('.')
            .and_then(|(base, last)| Some((Metric::every().find(|m| m.name() == base)?, last)));
        let Some((metric, last)) = known_metric else {
            return Err(UnknownMetric {
                message: format!("unknown metric `{text}`"),
                known: Metric::every().map(|m| m.name().to_owned()).collect(),
            });
        };
        let statistics = metric.statistics();
        if statistics.is_empty() {
            return Err(UnknownMetric {
                message: format!("`{}` is one number and has no `.{last}`", metric.name()),
                known: vec![metric.name().to_owned()],
            });
        }
        let Some(statistic) = statistics.iter().copied().find(|s| s.name() == last) else {
            return Err(UnknownMetric {
                message: format!("unknown statistic `.{last}` of `{}`", metric.name()),
                known: statistics.iter().map(|s| format!("{}.{}", metric.name(), s.name())).collect(),
            });
        };
        Ok(Self { metric, statistic: Some(statistic) })
    }
}

impl Serialize for MetricName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MetricName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for MetricName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "MetricName".into()
    }

    /// Every name with its statistic, as it is written; the bare name of a series reads as well.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": Self::all().collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for metric in Metric::every() {
            let name: MetricName = metric.name().parse().expect("a metric's own name");
            assert_eq!(name.metric, metric);
            assert_eq!(name.to_string().parse(), Ok(name));
        }
        let p99: MetricName = "service.ttft.p99".parse().expect("a statistic");
        assert_eq!((p99.metric, p99.statistic), (Metric::ServiceTtft, Some(Statistic::P99)));
    }

    #[test]
    fn a_wrong_name_says_what_would_do() {
        assert!("tfft.p95".parse::<MetricName>().is_err());
        let error = "ttft.p96".parse::<MetricName>().expect_err("no such statistic");
        assert!(error.known.contains(&"ttft.p95".to_owned()));
        let error = "system.memory.p95".parse::<MetricName>().expect_err("levels have no percentiles");
        assert_eq!(error.known, ["system.memory.mean", "system.memory.min", "system.memory.max"]);
        let error = "disk.read.max".parse::<MetricName>().expect_err("a count is one number");
        assert_eq!(error.known, ["disk.read"]);
        let error = "error_rate.p95".parse::<MetricName>().expect_err("a share has no percentiles");
        assert_eq!(error.known, ["error_rate"]);
    }
}
