//! An alert that fired.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Value};

use super::figures::{describe, finite, put};
use crate::{
    catalog::{MetricName, Unit},
    config::Severity,
    metrics::Fired,
    plan::ScopeKey,
    record::Subject,
};

/// An alert that fired, over all the times that it did.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Alert<'a> {
    /// Its name.
    name: &'a str,
    /// What it means.
    severity: Severity,
    /// What it watched, in words.
    condition: &'a str,
    /// The metric; null where it was about none.
    metric: Option<MetricName>,
    #[serde(flatten)]
    figures: Figures,
    /// How many times it fired.
    times: u64,
    /// When first, in seconds since the start of the run.
    first_s: Option<f64>,
    /// For how long in all, wherever it did; null where what happened does not last.
    firing_s: Option<f64>,
    /// Whether it still fired when the run ended.
    firing_at_end: bool,
    /// Where it fired; empty for the run as a whole.
    scopes: &'a [ScopeKey],
    /// What was read the first time, where it was about readings.
    subject: Option<&'a Subject>,
    /// What happened each time, where no value says it.
    why: &'a [String],
}

/// The values, in the unit of the metric.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Figures(Map<String, Value>);

/// What there is of each alert on a metric.
const FIGURES: [(&str, &str); 2] = [
    ("threshold", "The limit, of two that which was passed first; `null` where there is none."),
    ("worst", "The worst value while it fired; `null` for no data."),
];

impl<'a> Alert<'a> {
    pub(super) fn of(fired: &'a Fired) -> Self {
        Self {
            name: &fired.name,
            severity: fired.severity,
            condition: &fired.condition,
            metric: fired.metric,
            figures: Figures::of(fired),
            times: fired.times,
            first_s: finite(fired.first_s),
            firing_s: fired.firing_s.and_then(finite),
            firing_at_end: fired.at_end,
            scopes: &fired.scopes,
            subject: fired.subject.as_ref(),
            why: &fired.whys,
        }
    }
}

impl Figures {
    fn of(fired: &Fired) -> Self {
        let mut object = Map::new();
        if let Some(metric) = fired.metric {
            for ((name, _), value) in FIGURES.iter().zip([fired.threshold, fired.worst]) {
                put(&mut object, name, metric.metric.unit(), value);
            }
        }
        Self(object)
    }
}

impl JsonSchema for Figures {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "AlertFigures".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut properties = Map::new();
        for unit in Unit::ALL {
            for (name, what) in FIGURES {
                describe(&mut properties, name, unit, what);
            }
        }
        json_schema!({ "type": "object", "properties": properties })
    }
}
