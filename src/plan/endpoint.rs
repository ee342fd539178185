//! Where requests go.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[cfg(doc)]
use super::Plan;
use crate::{
    catalog::Protocol,
    config::{
        Address, AnswerCheck, HeaderText, HttpApi, HttpVersion, MetricsPages, Model, Objective, Secret, Sim,
        Tls, Tokenizer, Workload,
    },
    units::Seconds,
    workload::{MeanTokens, mean_tokens},
};

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
