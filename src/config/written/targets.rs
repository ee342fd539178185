//! `[targets.NAME]`.

use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde_json::json;

use super::{
    several::{AnyOf, Pair, Word},
    shape::{alone, demand, exclusive, partial},
    values::{Bytes, Duration, MetricWord, Name, NotNegative, Positive, PositiveDuration, Rate, Share, Text},
};
use crate::{
    catalog::{Metric, Statistic, Unit},
    config::Severity,
};

/// `[targets.NAME]`: what must hold.
#[derive(JsonSchema)]
#[schemars(
    deny_unknown_fields,
    transform = partial,
    transform = exclusive(&["at_least", "at_most", "between"]),
    transform = limits_in_units
)]
pub(super) struct Target {
    /// What is judged. Metrics of each request take a statistic behind a dot; a latency without one means `.p95`.
    #[schemars(extend("examples" = ["ttft.p95", "error_rate"]))]
    metric: MetricWord,
    /// The value must not be below it, in the metric's unit.
    #[schemars(extend("examples" = [30, "30 tok/s"]))]
    at_least: Limit,
    /// The value must not be above it, in the metric's unit.
    #[schemars(extend("examples" = ["500ms", "5%"]))]
    at_most: Limit,
    /// The value must lie from the first to the second, in the metric's unit.
    #[schemars(extend("examples" = [["5%", "15%"]]))]
    between: Pair<Limit>,
    /// Only in this phase; in every measured one that has the metric otherwise.
    #[schemars(extend("examples" = ["ramp"]))]
    phase: Name,
    /// Only in this step of the phase; `optimum` is the best level of a phase of several, as the run shows it.
    #[schemars(extend("examples" = ["users=4", "optimum"]))]
    step: Text,
    /// Only for this endpoint.
    #[schemars(extend("examples" = ["flash"]))]
    endpoint: Name,
    /// What a miss means.
    severity: Word<Severity>,
    /// Ends the run early when it is hopeless; for shares of requests and percentiles of their times.
    #[schemars(extend("examples" = [{ "after": "10s" }]))]
    abort: Abort,
}

/// `targets.NAME.abort`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct Abort {
    /// The target must have failed for so long.
    #[schemars(extend("examples" = ["10s"]))]
    after: Duration,
}

/// `[objectives]` and `[endpoints.NAME.objectives]`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
pub(super) struct Objectives {
    /// Longest time to first token.
    #[schemars(extend("examples" = ["500ms"]))]
    ttft: PositiveDuration,
    /// Longest time to first output that is not reasoning.
    #[schemars(extend("examples" = ["2s"]))]
    ttfc: PositiveDuration,
    /// Longest time per output token after the first.
    #[schemars(extend("examples" = ["50ms"]))]
    tpot: PositiveDuration,
    /// Longest gap between two chunks.
    #[schemars(extend("examples" = ["500ms"]))]
    itl: PositiveDuration,
    /// Longest time to the whole answer.
    #[schemars(extend("examples" = ["10s"]))]
    e2e: PositiveDuration,
}

/// `[price]`.
#[derive(JsonSchema)]
#[schemars(
    deny_unknown_fields,
    transform = partial,
    transform = alone("per_hour", &["per_million_input_tokens", "per_million_output_tokens"])
)]
#[expect(clippy::struct_field_names, reason = "these are the keys")]
pub(super) struct Price {
    /// What the platform costs while it is there.
    #[schemars(extend("examples" = [0.69]))]
    per_hour: Positive,
    /// What a million prompt tokens cost; nothing where only output has a price.
    #[schemars(extend("examples" = [0.15]))]
    per_million_input_tokens: NotNegative,
    /// What a million output tokens cost; nothing where only prompts have a price.
    #[schemars(extend("examples" = [0.6]))]
    per_million_output_tokens: NotNegative,
}

/// A limit in the unit of any metric.
type Limit = AnyOf<AnyOf<NotNegative, Duration>, AnyOf<AnyOf<Rate, Share>, Bytes>>;

/// Where the metric is known, so is the unit of its limits.
fn limits_in_units(schema: &mut Schema) {
    // what it would define is defined by the fields
    let generator = &mut SchemaSettings::draft07().into_generator();
    for unit in Unit::ALL {
        let metrics: Vec<String> = Metric::every()
            .filter(|metric| metric.unit() == unit)
            .map(|metric| metric.name().replace('.', r"\."))
            .collect();
        let limit = match unit {
            Unit::Seconds => Duration::json_schema(generator),
            Unit::Share => Share::json_schema(generator),
            Unit::TokensPerSecond | Unit::RequestsPerSecond => Rate::json_schema(generator),
            Unit::Bytes => Bytes::json_schema(generator),
            Unit::Number | Unit::Money | Unit::Celsius | Unit::Megahertz | Unit::Watts | Unit::Joules => {
                NotNegative::json_schema(generator)
            }
        };
        let pattern = format!(r"^(?:{})(?:\.(?:{}))?$", metrics.join("|"), statistics().join("|"));
        demand(
            schema,
            json!({
                "if": { "required": ["metric"], "properties": { "metric": { "pattern": pattern } } },
                "then": {
                    "properties": { "at_least": limit, "at_most": limit, "between": { "items": limit } }
                },
            }),
        );
    }
}

fn statistics() -> Vec<&'static str> {
    Statistic::ALL.map(Statistic::name).to_vec()
}
