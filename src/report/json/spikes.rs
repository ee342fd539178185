//! Each spike of a scope, before, in and after it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Value};

use super::figures::{describe, put};
use crate::{
    catalog::{Metric, Statistic, Unit},
    metrics::{self, Recovery},
};

/// The latencies that a stretch has.
const LATENCIES: [Metric; 2] = [Metric::Ttft, Metric::E2e];

/// Their percentiles.
const STATISTICS: [Statistic; 2] = [Statistic::P50, Statistic::P95];

/// A spike of a load.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Spike {
    /// Its start, in seconds since the start of the run.
    from_s: f64,
    /// Its end, likewise.
    to_s: f64,
    /// For how many seconds from its end on it was watched: to the next one, or to the last request of the step.
    watched_s: f64,
    /// What was due since the recovery from the one before it.
    before: Stretch,
    /// What was due in it.
    during: Stretch,
    /// What was due from its end on, as long as it was watched.
    after: Stretch,
    /// The metric by which recovery is told.
    recovered_by: &'static str,
    /// Whether latency came back to the band of before; null where there were too few requests to tell.
    recovered: Option<bool>,
    /// From its end to the last request that still felt it; null where latency did not come back, or nothing tells.
    recovery_ms: Option<f64>,
    /// From its end to the first request that did not feel it any more; likewise.
    recovery_most_ms: Option<f64>,
}

/// Requests due in a stretch of time.
#[derive(Debug, Serialize, JsonSchema)]
struct Stretch {
    /// How many, without those that the tool itself cut off.
    due: u64,
    /// How many of them failed, whether they were sent or not.
    lost: u64,
    #[serde(flatten)]
    latencies: Latencies,
}

/// Percentiles of latencies, with lost requests as infinite.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Latencies(Map<String, Value>);

impl Spike {
    pub(super) fn of(spike: &metrics::Spike) -> Self {
        let back = spike.recovery.filter(|recovery| recovery.happened());
        let [before, during, after] = [&spike.before, &spike.during, &spike.after].map(Stretch::of);
        Self {
            from_s: spike.from_s,
            to_s: spike.to_s,
            watched_s: spike.watched_s,
            before,
            during,
            after,
            recovered_by: spike.latency.name(),
            recovered: spike.recovery.map(Recovery::happened),
            recovery_ms: back.map(|recovery| recovery.least_s * 1e3),
            recovery_most_ms: back.map(|recovery| recovery.most_s * 1e3),
        }
    }
}

impl Stretch {
    fn of(stretch: &metrics::Stretch) -> Self {
        let mut latencies = Map::new();
        for metric in LATENCIES {
            for statistic in STATISTICS {
                let name = format!("{}_{}", metric.name(), statistic.name());
                put(&mut latencies, &name, metric.unit(), stretch.latency(metric, statistic));
            }
        }
        Self { due: stretch.due, lost: stretch.lost, latencies: Latencies(latencies) }
    }
}

impl JsonSchema for Latencies {
    fn schema_name() -> Cow<'static, str> {
        "Latencies".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut properties = Map::new();
        for metric in LATENCIES {
            for statistic in STATISTICS {
                let name = format!("{}_{}", metric.name(), statistic.name());
                let what = format!("`{}.{}`; `null` for no data.", metric.name(), statistic.name());
                describe(&mut properties, &name, Unit::Seconds, &what);
            }
        }
        let required: Vec<_> = properties.keys().filter(|key| !key.ends_with("_infinite")).cloned().collect();
        json_schema!({ "type": "object", "properties": properties, "required": required })
    }
}
