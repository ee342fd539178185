//! Values by name, each with its unit in the name.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Number, Value, json};

use crate::{
    catalog::{Kind, Metric, Statistic, Unit},
    metrics::{Distribution, Scope},
};

/// A finite number; JSON has no other.
pub(super) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// Puts a value in, with its unit in the name; infinity beside it.
pub(super) fn put(object: &mut Map<String, Value>, name: &str, unit: Unit, value: Option<f64>) {
    let (suffix, factor) = unit.json();
    let key = format!("{name}{suffix}");
    let number = value.and_then(|value| Number::from_f64(round(value * factor)));
    object.insert(key.clone(), number.map_or(Value::Null, Value::Number));
    // a bound of an interval that nothing is known about is minus infinity, and missing
    if value == Some(f64::INFINITY) {
        object.insert(format!("{key}_infinite"), Value::Bool(true));
    }
}

/// The schema of what [`put`] puts in, into the properties of an object.
pub(super) fn describe(properties: &mut Map<String, Value>, name: &str, unit: Unit, what: &str) {
    let (suffix, _) = unit.json();
    let key = format!("{name}{suffix}");
    let infinite = format!("That `{key}` is infinite: so many requests failed; absent otherwise.");
    properties.insert(key.clone(), json!({ "description": what, "type": ["number", "null"] }));
    properties.insert(format!("{key}_infinite"), json!({ "description": infinite, "const": true }));
}

/// Nine significant digits: more than any clock here gives, and free of the noise of conversions.
fn round(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10f64.powi(8 - value.abs().log10().floor() as i32);
    let rounded = (value * scale).round() / scale;
    if rounded.is_finite() { rounded } else { value }
}

/// The name of a metric in a key: `service.ttft` → `service_ttft`.
pub(super) fn key_of(metric: Metric) -> String {
    metric.name().replace('.', "_")
}

/// Every metric of the catalog, flat; `null` where the scope has no data.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Metrics(Map<String, Value>);

/// A number about a metric.
#[derive(Debug, Clone, Copy)]
enum Figure {
    /// Its only one.
    Value,
    /// Requests that have it.
    Count,
    /// Requests that failed.
    Failed,
    /// A statistic as targets judge it.
    Judged(Statistic),
    /// A percentile of the successes alone.
    OfSuccesses(Statistic),
}

impl Figure {
    /// Those of a metric, in order.
    fn all(metric: Metric) -> Vec<Self> {
        if metric.kind() != Kind::Series {
            return vec![Self::Value];
        }
        let statistics = Statistic::ALL.into_iter().flat_map(|statistic| {
            let of_successes = statistic.quantile().map(|_| Self::OfSuccesses(statistic));
            std::iter::once(Self::Judged(statistic)).chain(of_successes)
        });
        [Self::Count, Self::Failed].into_iter().chain(statistics).collect()
    }

    fn name(self, metric: Metric) -> String {
        let metric = key_of(metric);
        match self {
            Self::Value => metric,
            Self::Count => format!("{metric}_count"),
            Self::Failed => format!("{metric}_failed"),
            Self::Judged(statistic) => format!("{metric}_{}", statistic.name()),
            Self::OfSuccesses(statistic) => format!("{metric}_ok_{}", statistic.name()),
        }
    }
}

impl Metrics {
    pub(super) fn of(scope: &Scope) -> Self {
        let mut object = Map::new();
        for metric in Metric::ALL {
            let series = scope.series.get(&metric);
            for figure in Figure::all(metric) {
                let name = figure.name(metric);
                let value = match figure {
                    Figure::Count | Figure::Failed => {
                        let count = match figure {
                            Figure::Count => series.map(Distribution::count),
                            _ => series.map(|series| series.failed),
                        };
                        object.insert(name, json!(count));
                        continue;
                    }
                    Figure::Value => scope.value(metric, None),
                    Figure::Judged(statistic) => series.and_then(|series| series.judged(statistic)),
                    Figure::OfSuccesses(statistic) => {
                        series.and_then(|series| series.of_successes(statistic))
                    }
                };
                put(&mut object, &name, metric.unit(), value);
            }
        }
        Self(object)
    }
}

impl JsonSchema for Metrics {
    fn schema_name() -> Cow<'static, str> {
        "Metrics".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut properties = Map::new();
        for metric in Metric::ALL {
            for figure in Figure::all(metric) {
                let (name, shown) = (figure.name(metric), metric.name());
                let what = match figure {
                    Figure::Count | Figure::Failed => {
                        let who = if matches!(figure, Figure::Count) { "have" } else { "failed and have no" };
                        let what = format!("How many {who} `{shown}`.");
                        properties.insert(name, json!({ "description": what, "type": ["integer", "null"] }));
                        continue;
                    }
                    Figure::Value => format!("`{shown}`."),
                    Figure::Judged(statistic) => {
                        format!("`{shown}.{}` as targets judge it.", statistic.name())
                    }
                    Figure::OfSuccesses(statistic) => {
                        format!("`{shown}.{}` of the successes alone.", statistic.name())
                    }
                };
                describe(&mut properties, &name, metric.unit(), &what);
            }
        }
        let required: Vec<_> = properties.keys().filter(|key| !key.ends_with("_infinite")).cloned().collect();
        json_schema!({
            "description": "Every metric, flat; `null` where there is no data.",
            "type": "object",
            "properties": properties,
            "required": required,
        })
    }
}
