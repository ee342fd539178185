//! The metrics and protocols that exist: names, units and directions.
//!
//! Everything that takes a metric's name (targets, reports, JSON) looks it up here, so a metric that is not in this
//! table cannot be asked for and one that is has the same name everywhere.

mod carrier;
mod protocol;
mod quantity;

pub use carrier::Carrier;
pub use protocol::Protocol;
pub use quantity::{Course, Quantity};

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use serde::{Deserialize, Serialize};

use crate::units;

/// What a metric's numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Tokens per second.
    TokensPerSecond,
    /// Requests per second.
    RequestsPerSecond,
    /// A share of something, `0.0..=1.0`.
    Share,
    /// A plain number.
    Number,
    /// An amount of money, in the currency in which the scenario gives its price.
    Money,
    /// Bytes.
    Bytes,
    /// Degrees Celsius.
    Celsius,
    /// Megahertz.
    Megahertz,
    /// Watts.
    Watts,
    /// Joules.
    Joules,
}

impl Unit {
    /// Every unit.
    pub const ALL: [Self; 11] = [
        Self::Seconds,
        Self::TokensPerSecond,
        Self::RequestsPerSecond,
        Self::Share,
        Self::Number,
        Self::Money,
        Self::Bytes,
        Self::Celsius,
        Self::Megahertz,
        Self::Watts,
        Self::Joules,
    ];

    /// A value of this unit for people: `51.2 ms`, `58.3 tok/s`, `4.2 %`.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Seconds => units::show_seconds(value),
            Self::TokensPerSecond => format!("{} tok/s", units::show_number(value)),
            Self::RequestsPerSecond => format!("{} req/s", units::show_number(value)),
            Self::Share => units::show_share(value),
            Self::Number | Self::Money => units::show_number(value),
            // no reading is below zero, or near 2⁶⁴
            Self::Bytes => units::show_bytes(value as u64),
            Self::Celsius => format!("{} °C", units::show_number(value)),
            Self::Megahertz => format!("{} MHz", units::show_number(value)),
            Self::Watts => format!("{} W", units::show_number(value)),
            Self::Joules => format!("{} J", units::show_number(value)),
        }
    }

    /// The ending that a number of this unit gets in JSON, and the factor from the base unit: latencies are written
    /// in milliseconds.
    pub fn json(self) -> (&'static str, f64) {
        match self {
            Self::Seconds => ("_ms", 1e3),
            Self::Bytes => ("_bytes", 1.0),
            Self::Celsius => ("_celsius", 1.0),
            Self::Megahertz => ("_mhz", 1.0),
            Self::Watts => ("_watts", 1.0),
            Self::Joules => ("_joules", 1.0),
            Self::TokensPerSecond | Self::RequestsPerSecond | Self::Number | Self::Share | Self::Money => {
                ("", 1.0)
            }
        }
    }
}

/// How a metric comes about, which decides the statistics it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One value per request, or pooled gaps: has statistics.
    Series,
    /// One number per scope, over its window.
    Rate,
    /// One share per scope, of requests.
    Share,
    /// What was read of the machine and of the servers: of a level a few statistics over time, of a count one number.
    Reading,
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Lower is better.
    Lower,
    /// Higher is better.
    Higher,
}

/// A metric, as `measurement` defines it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Time to first token from `due`.
    Ttft,
    /// Time to first output that is not reasoning, from `due`.
    Ttfc,
    /// `last_token − due`; without a stream `end − due`.
    E2e,
    /// `ttft` from `sent`.
    ServiceTtft,
    /// `e2e` from `sent`.
    ServiceE2e,
    /// The client's own lateness.
    SendLag,
    /// Waiting for a place under the plan's own `concurrency_limit`.
    QueueWait,
    /// Time per output token after the first; of a request with several prompts, as each of them sees it on average
    /// (the time from first to last token, summed over the prompts, ÷ their tokens after the first).
    Tpot,
    /// Gaps between consecutive chunks, pooled. Not of requests with several prompts, whose chunks are interleaved.
    Itl,
    /// Output tokens per chunk, per request.
    TokensPerChunk,
    /// `1 / tpot`, per request: what one user sees.
    DecodeTokensPerSecond,
    /// The system's speed: output tokens that arrived inside the window ÷ its length.
    OutputTokensPerSecond,
    /// Requests completed inside the window ÷ its length.
    RequestsPerSecond,
    /// Requests per second that met every objective: failures count against it.
    Goodput,
    /// Share of requests due in the window that failed.
    ErrorRate,
    /// Share of requests due in the window that timed out.
    TimeoutRate,
    /// Share of requests due in the window that timed out or got 429, 503 or 529.
    ContentionErrorRate,
    /// Share of requests due in the window that met every objective; failures did not.
    ObjectivesMetRate,
    /// `ttft` of the requests due in the spikes of a load.
    SpikeTtft,
    /// `e2e` of the requests due in the spikes of a load.
    SpikeE2e,
    /// From the end of each spike of a load until latency is back in the band of before.
    SpikeRecovery,
    /// Share of successes whose `e2e` lies beyond mean + 3 σ.
    SpikeRate,
    /// Share of successes whose `e2e` lies beyond median + 3 × 1.4826 × MAD.
    SpikeRateMad,
    /// What a million tokens, input and output together, cost at the scenario's price.
    CostPerMillionTokens,
    /// What was read of the machine or of a server.
    Reading(Quantity),
}

impl Metric {
    /// Every metric that follows from requests, in the order in which reports list them.
    pub const ALL: [Self; 24] = [
        Self::Ttft,
        Self::Ttfc,
        Self::Tpot,
        Self::Itl,
        Self::E2e,
        Self::ServiceTtft,
        Self::ServiceE2e,
        Self::SendLag,
        Self::QueueWait,
        Self::SpikeTtft,
        Self::SpikeE2e,
        Self::SpikeRecovery,
        Self::TokensPerChunk,
        Self::OutputTokensPerSecond,
        Self::DecodeTokensPerSecond,
        Self::RequestsPerSecond,
        Self::Goodput,
        Self::ErrorRate,
        Self::TimeoutRate,
        Self::ContentionErrorRate,
        Self::ObjectivesMetRate,
        Self::SpikeRate,
        Self::SpikeRateMad,
        Self::CostPerMillionTokens,
    ];

    /// Every metric there is: those of requests, then what is read.
    pub fn every() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().chain(Quantity::ALL.map(Self::Reading))
    }

    /// The quantity that is read, where it is one.
    pub fn quantity(self) -> Option<Quantity> {
        if let Self::Reading(quantity) = self { Some(quantity) } else { None }
    }

    /// The statistics that it has; none where it is one number.
    pub fn statistics(self) -> &'static [Statistic] {
        match self {
            Self::Reading(quantity) if quantity.course() == Course::Level => &Statistic::OVER_TIME,
            _ if self.kind() == Kind::Series => &Statistic::ALL,
            _ => &[],
        }
    }

    /// The name in TOML, JSON and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reading(quantity) => quantity.name(),
            Self::Ttft => "ttft",
            Self::Ttfc => "ttfc",
            Self::E2e => "e2e",
            Self::ServiceTtft => "service.ttft",
            Self::ServiceE2e => "service.e2e",
            Self::SendLag => "send_lag",
            Self::QueueWait => "queue_wait",
            Self::Tpot => "tpot",
            Self::Itl => "itl",
            Self::TokensPerChunk => "tokens_per_chunk",
            Self::DecodeTokensPerSecond => "decode_tokens_per_second",
            Self::OutputTokensPerSecond => "output_tokens_per_second",
            Self::RequestsPerSecond => "requests_per_second",
            Self::Goodput => "goodput",
            Self::ErrorRate => "error_rate",
            Self::TimeoutRate => "timeout_rate",
            Self::ContentionErrorRate => "contention_error_rate",
            Self::ObjectivesMetRate => "objectives_met_rate",
            Self::SpikeTtft => "spike.ttft",
            Self::SpikeE2e => "spike.e2e",
            Self::SpikeRecovery => "spike.recovery",
            Self::SpikeRate => "spike_rate",
            Self::SpikeRateMad => "spike_rate.mad",
            Self::CostPerMillionTokens => "cost_per_million_tokens",
        }
    }

    /// The unit of its values.
    pub fn unit(self) -> Unit {
        match self {
            Self::Ttft
            | Self::Ttfc
            | Self::E2e
            | Self::ServiceTtft
            | Self::ServiceE2e
            | Self::SendLag
            | Self::QueueWait
            | Self::Tpot
            | Self::Itl
            | Self::SpikeTtft
            | Self::SpikeE2e
            | Self::SpikeRecovery => Unit::Seconds,
            Self::TokensPerChunk => Unit::Number,
            Self::DecodeTokensPerSecond | Self::OutputTokensPerSecond => Unit::TokensPerSecond,
            Self::RequestsPerSecond | Self::Goodput => Unit::RequestsPerSecond,
            Self::ErrorRate
            | Self::TimeoutRate
            | Self::ContentionErrorRate
            | Self::ObjectivesMetRate
            | Self::SpikeRate
            | Self::SpikeRateMad => Unit::Share,
            Self::CostPerMillionTokens => Unit::Money,
            Self::Reading(quantity) => quantity.unit(),
        }
    }

    /// How it comes about.
    pub fn kind(self) -> Kind {
        match self {
            Self::OutputTokensPerSecond
            | Self::RequestsPerSecond
            | Self::Goodput
            | Self::CostPerMillionTokens => Kind::Rate,
            Self::ErrorRate
            | Self::TimeoutRate
            | Self::ContentionErrorRate
            | Self::ObjectivesMetRate
            | Self::SpikeRate
            | Self::SpikeRateMad => Kind::Share,
            Self::Reading(_) => Kind::Reading,
            _ => Kind::Series,
        }
    }

    /// Whether only answers that are streamed have it.
    pub fn needs_stream(self) -> bool {
        matches!(
            self,
            Self::Ttft
                | Self::Ttfc
                | Self::Tpot
                | Self::Itl
                | Self::ServiceTtft
                | Self::SpikeTtft
                | Self::TokensPerChunk
                | Self::DecodeTokensPerSecond
        )
    }

    /// Whether it says how many requests met the objectives, and so is nothing without any.
    pub fn needs_objectives(self) -> bool {
        matches!(self, Self::Goodput | Self::ObjectivesMetRate)
    }

    /// Whether it is about the spikes of a load, and so is nothing without them.
    pub fn needs_spikes(self) -> bool {
        matches!(self, Self::SpikeTtft | Self::SpikeE2e | Self::SpikeRecovery)
    }

    /// Whether it is a latency of each request: a time that the server takes. The client's own lateness is none.
    pub fn is_latency(self) -> bool {
        let lateness = matches!(self, Self::SendLag | Self::SpikeRecovery);
        self.unit() == Unit::Seconds && !lateness
    }

    /// What its values are of, one of them: most have one per request.
    pub fn noun(self) -> &'static str {
        match self {
            Self::SpikeRecovery => "spike",
            Self::Reading(_) => "reading",
            _ => "request",
        }
    }

    /// Whether it is a share of the requests due, each of which counts or does not.
    pub fn is_share_of_due(self) -> bool {
        matches!(
            self,
            Self::ErrorRate | Self::TimeoutRate | Self::ContentionErrorRate | Self::ObjectivesMetRate
        )
    }

    /// Which way is better.
    pub fn direction(self) -> Direction {
        match self {
            Self::DecodeTokensPerSecond
            | Self::OutputTokensPerSecond
            | Self::RequestsPerSecond
            | Self::Goodput
            | Self::ObjectivesMetRate
            | Self::TokensPerChunk => Direction::Higher,
            Self::Reading(quantity) => quantity.direction(),
            _ => Direction::Lower,
        }
    }

    /// What a failed request counts as where requests are ranked: infinity, or 0 where higher is better.
    pub fn worst(self) -> f64 {
        match self.direction() {
            Direction::Lower => f64::INFINITY,
            Direction::Higher => 0.0,
        }
    }

    /// The statistic that the bare name stands for; `None` for rates and shares, which have none. Spikes are few, so of them it is
    /// the worst.
    pub fn default_statistic(self) -> Option<Statistic> {
        if let Self::Reading(quantity) = self {
            return quantity.default_statistic();
        }
        (self.kind() == Kind::Series).then_some(match self.unit() {
            _ if self == Self::SpikeRecovery => Statistic::Max,
            Unit::Seconds => Statistic::P95,
            _ => Statistic::P50,
        })
    }
}

impl Serialize for Metric {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let unknown = || serde::de::Error::custom(format!("unknown metric `{name}`"));
        Self::every().find(|metric| metric.name() == name).ok_or_else(unknown)
    }
}

impl JsonSchema for Metric {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Metric".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": Self::every().map(Self::name).collect::<Vec<_>>() })
    }
}

/// A statistic of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Statistic {
    /// Arithmetic mean.
    Mean,
    /// Median.
    P50,
    /// 90th percentile.
    P90,
    /// 95th percentile.
    P95,
    /// 99th percentile.
    P99,
    /// 99.9th percentile.
    P999,
    /// Smallest.
    Min,
    /// Largest.
    Max,
    /// Sample standard deviation.
    Stddev,
}

impl Statistic {
    /// Every statistic.
    pub const ALL: [Self; 9] = [
        Self::Mean,
        Self::P50,
        Self::P90,
        Self::P95,
        Self::P99,
        Self::P999,
        Self::Min,
        Self::Max,
        Self::Stddev,
    ];

    /// Those of what is read again and again.
    pub const OVER_TIME: [Self; 3] = [Self::Mean, Self::Min, Self::Max];

    /// The name behind the dot.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::P999 => "p999",
            Self::Min => "min",
            Self::Max => "max",
            Self::Stddev => "stddev",
        }
    }

    /// The quantile it is, for percentiles.
    pub fn quantile(self) -> Option<f64> {
        match self {
            Self::P50 => Some(0.5),
            Self::P90 => Some(0.9),
            Self::P95 => Some(0.95),
            Self::P99 => Some(0.99),
            Self::P999 => Some(0.999),
            _ => None,
        }
    }
}

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
