//! `[endpoints.NAME]`: where requests go and what they name.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AnswerCheck, HeaderText, HttpApi, HttpVersion, MetricsPages, Objective, Secret, Tls, Tokenizer};
use crate::{catalog::Protocol, hosts};

/// `[endpoints.NAME]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Where it is.
    pub url: Address,
    /// What it speaks.
    pub protocol: Protocol,
    /// The model asked for.
    pub model: Model,
    /// What counts the tokens of its prompts; `None` for an estimate.
    pub tokenizer: Option<Tokenizer>,
    /// Share of mixed traffic; see *Weights* in the language.
    pub weight: Option<f64>,
    /// The name of its workload.
    pub workload: String,
    /// Whether answers are streamed.
    pub stream: bool,
    /// Longest that one request may take, from `sent`.
    pub timeout: Duration,
    /// Sent as the protocol has it, such as `authorization: Bearer …`.
    pub api_key: Option<Secret>,
    /// Sent besides what the protocol sets, by name in lower case.
    pub headers: BTreeMap<String, HeaderText>,
    /// Fields of every request's body besides those that the protocol sets.
    pub body: serde_json::Map<String, serde_json::Value>,
    /// What the text of its answers must be.
    pub check: Option<AnswerCheck>,
    /// The API, where the protocol leaves that to the scenario.
    pub http: Option<HttpApi>,
    /// What is spoken with it.
    pub http_version: HttpVersion,
    /// Whom its connections trust.
    pub tls: Tls,
    /// What its requests should meet besides what every request should, or in its place.
    pub objectives: Vec<Objective>,
    /// Where its server tells of itself.
    pub metrics: MetricsPages,
    /// The name of the service that serves it; `None` for a server that somebody else runs.
    pub service: Option<String>,
    /// The process of its server, where that is on this machine and cannot be found by its port.
    pub pid: Option<u32>,
}

/// Where an endpoint is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Address {
    /// A base URL such as `http://127.0.0.1:8080/v1`, without a slash at the end.
    Url(String),
    /// `sim:NAME`: an embedded simulated server, started for the run.
    Sim(String),
}

impl Address {
    /// Whether it is the URL of a server on this machine, by its name or number.
    pub fn is_loopback(&self) -> bool {
        let Self::Url(url) = self else { return false };
        hosts::of_url(url).is_some_and(|host| hosts::is_this_machine(&host))
    }
}

/// The model that requests name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// `"auto"`: the first model that the server lists.
    Auto,
    /// This one.
    Named(String),
    /// One of several, drawn for each request.
    Mix(ModelMix),
}

impl Model {
    /// The names among which requests choose; none where all name the same.
    pub fn several(&self) -> impl Iterator<Item = &str> {
        let mix = if let Self::Mix(mix) = self { Some(mix.shares()) } else { None };
        mix.into_iter().flatten().map(|(name, _)| name)
    }
}

/// Two models or more, with the share of the requests that name each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("minProperties" = 2))]
pub struct ModelMix(BTreeMap<String, f64>);

impl ModelMix {
    /// That of some weights, all of them above 0, which the shares are in proportion to.
    pub fn of(weights: BTreeMap<String, f64>) -> Self {
        let total: f64 = weights.values().sum();
        Self(weights.into_iter().map(|(name, weight)| (name, weight / total)).collect())
    }

    /// Each name with its share, in the order of the names, so that that of the file means nothing; they sum to 1.
    pub fn shares(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, share)| (name.as_str(), *share))
    }
}
