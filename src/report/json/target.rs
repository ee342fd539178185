//! A target in one scope.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Value};

use super::figures::{describe, put};
use crate::{
    catalog::{MetricName, Unit},
    config::{Bound, Severity},
    verdict::{Judged, Mark},
};

/// A target in one scope.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Row<'a> {
    /// The target's name.
    name: &'a str,
    /// What was judged.
    metric: MetricName,
    /// The phase.
    phase: &'a str,
    /// One step of it; null for all together.
    step: Option<&'a str>,
    /// One endpoint; null for all together.
    endpoint: Option<&'a str>,
    /// What a miss means.
    severity: Severity,
    /// Whether a platform preset set it rather than the scenario.
    from_preset: bool,
    /// What the evidence says.
    mark: Mark,
    #[serde(flatten)]
    figures: Figures,
    /// Requests behind it, or spikes where it is about those.
    samples: u64,
    /// How many more of them would settle it, where that is known.
    needs: Option<u64>,
    /// The mark in words: how it was judged, what is missing.
    note: &'a str,
}

/// The value, its limits and its interval, in the unit of the metric.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Figures(Map<String, Value>);

/// What there is of each target.
const FIGURES: [(&str, &str); 5] = [
    ("value", "The measured value; `null` for no data."),
    ("at_least", "The lower limit; `null` for none."),
    ("at_most", "The upper limit; `null` for none."),
    (
        "interval_low",
        "One-sided 95 % bound below the value; `null` where the metric has none or nothing is known.",
    ),
    ("interval_high", "One-sided 95 % bound above the value; `null` where the metric has none."),
];

impl<'a> Row<'a> {
    pub(super) fn of(target: &'a Judged) -> Self {
        Self {
            name: &target.name,
            metric: target.metric,
            phase: &target.scope.phase,
            step: target.scope.step.as_deref(),
            endpoint: target.scope.endpoint.as_deref(),
            severity: target.severity,
            from_preset: target.from_preset,
            mark: target.mark,
            figures: Figures::of(target),
            samples: target.samples,
            needs: target.needs,
            note: &target.note,
        }
    }
}

impl Figures {
    fn of(target: &Judged) -> Self {
        let (at_least, at_most) = match target.bound {
            Bound::AtLeast(limit) => (Some(limit), None),
            Bound::AtMost(limit) => (None, Some(limit)),
            Bound::Between(from, to) => (Some(from), Some(to)),
        };
        let (low, high) = target.interval.unzip();
        let mut object = Map::new();
        for ((name, _), value) in FIGURES.iter().zip([target.value, at_least, at_most, low, high]) {
            put(&mut object, name, target.metric.metric.unit(), value);
        }
        Self(object)
    }
}

impl JsonSchema for Figures {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Figures".into()
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
