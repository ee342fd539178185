//! Pages on which servers tell of themselves: `endpoints.NAME.metrics`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the pages of an endpoint are, in the text format of Prometheus.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricsPages {
    /// `"auto"`: `/metrics` of its server is looked at once, and followed where it is the page of a known server.
    #[default]
    Auto,
    /// `"off"`: none are looked at.
    Off,
    /// At these URLs.
    At(Vec<String>),
}

impl MetricsPages {
    /// Whether nothing is said of them, which plans leave out.
    pub fn is_auto(&self) -> bool {
        *self == Self::Auto
    }

    /// The URLs that are written down.
    pub fn urls(&self) -> &[String] {
        if let Self::At(urls) = self { urls } else { &[] }
    }
}
