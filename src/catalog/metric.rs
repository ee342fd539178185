//! What can be measured: every metric with its unit, its direction and what it is a number of.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{Course, Quantity, Statistic, Unit};

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
    /// Energy of the machines in the window ÷ requests that ended well inside it.
    EnergyPerRequest,
    /// Energy of the machines in the window ÷ output tokens that arrived inside it.
    EnergyPerToken,
    /// What was read of the machine or of a server.
    Reading(Quantity),
}

impl Metric {
    /// Every metric that follows from requests, in the order in which reports list them.
    pub const ALL: [Self; 26] = [
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
        Self::EnergyPerRequest,
        Self::EnergyPerToken,
    ];

    /// Every metric there is: those of requests, then what is read.
    pub fn every() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().chain(Quantity::ALL.map(Self::Reading))
    }

    /// The quantity that is read, where it is one.
    pub fn quantity(self) -> Option<Quantity> {
        if let Self::Reading(quantity) = self { Some(quantity) } else { None }
    }

    /// Whether it is read of the server of one endpoint.
    pub fn is_of_server(self) -> bool {
        self.quantity().is_some_and(Quantity::is_of_server)
    }

    /// Whether it is what machines used of energy, or follows from that.
    pub fn is_energy(self) -> bool {
        matches!(self, Self::EnergyPerRequest | Self::EnergyPerToken | Self::Reading(Quantity::Energy))
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
            Self::EnergyPerRequest => "energy_per_request",
            Self::EnergyPerToken => "energy_per_token",
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
            Self::EnergyPerRequest | Self::EnergyPerToken => Unit::Joules,
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
            Self::EnergyPerRequest | Self::EnergyPerToken | Self::Reading(_) => Kind::Reading,
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
            _ if self.kind() == Kind::Reading => "reading",
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
