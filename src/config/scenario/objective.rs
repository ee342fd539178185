//! What every request should meet.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{catalog::Metric, units::Seconds};

/// A key of `[objectives]` or `[endpoints.NAME.objectives]`: the longest that a part of each request should take.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Objective {
    /// What of a request: one of [`Objective::METRICS`].
    pub metric: Metric,
    /// The limit; exactly this long is met.
    #[serde(rename = "at_most_s", with = "crate::units::seconds")]
    #[schemars(with = "Seconds")]
    pub at_most: Duration,
}

impl Objective {
    /// What an objective can be about. Of `itl` it is the largest gap of a request.
    pub const METRICS: [Metric; 5] = [Metric::Ttft, Metric::Ttfc, Metric::Tpot, Metric::Itl, Metric::E2e];

    /// Some objectives with others laid over them metric by metric, in the order of [`Objective::METRICS`].
    pub fn laid_over(below: &[Self], above: &[Self]) -> Vec<Self> {
        let of = |metric| {
            let is_meant = |objective: &&Self| objective.metric == metric;
            above.iter().find(is_meant).or_else(|| below.iter().find(is_meant)).copied()
        };
        Self::METRICS.into_iter().filter_map(of).collect()
    }
}
