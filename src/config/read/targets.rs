//! `[targets.NAME]`.

use std::time::Duration;

use super::{
    super::{Bound, Layer, Severity, Target, tree::Node},
    fields::Fields,
    leaf::{self, Wrong, wrong},
    metric::metric,
};
use crate::catalog::{MetricName, Unit};

const BOUND_HELP: &str = "add `at_most = …`, `at_least = …` or `between = [low, high]`";

/// Reads a target.
pub(super) fn target(fields: &mut Fields<'_>) -> Option<Target> {
    let metric = fields.require("metric", "metric = \"ttft.p95\"", metric);
    let bound = bound(fields, metric);
    let selectors = ["phase", "step", "endpoint"].map(|key| {
        let given = fields.node(key).is_some();
        (given, fields.get(key, leaf::text))
    });
    let severity = severity(fields);
    let abort = abort(fields);
    if selectors.iter().any(|(given, value)| *given && value.is_none()) {
        return None;
    }
    let [(_, phase), (_, step), (_, endpoint)] = selectors;
    Some(Target {
        metric: metric?,
        bound: bound?,
        phase,
        step,
        endpoint,
        severity: severity?,
        abort,
        from_preset: from_preset(fields.node),
    })
}

/// What it means.
pub(super) fn severity(fields: &mut Fields<'_>) -> Option<Severity> {
    let severities = [("fail", Severity::Fail), ("warn", Severity::Warn), ("info", Severity::Info)];
    fields.get("severity", leaf::word(&severities))
}

/// How long the target has to have failed before it ends the run; what is wrong with it is reported.
fn abort(fields: &mut Fields<'_>) -> Option<Duration> {
    let mut table = fields.table_or("abort", "write `abort = { after = \"10s\" }`")?;
    let after = table.require("after", "after = \"10s\"", leaf::duration);
    table.finish();
    after
}

/// Whether no layer above the presets has a hand in it.
fn from_preset(node: &Node) -> bool {
    let mut below = true;
    node.leaves("", &mut |_, leaf| below &= leaf.place.source.layer <= Layer::Preset);
    below
}

fn bound(fields: &mut Fields<'_>, metric: Option<MetricName>) -> Option<Bound> {
    let kind = fields.variant(
        &["at_least", "at_most", "between"],
        BOUND_HELP,
        "keep one; for a lower and an upper limit write `between = [low, high]`",
    )?;
    // without a metric the unit is not known, and what is wrong is the metric
    let unit = metric?.metric.unit();
    let limit = |node: &Node| match unit {
        Unit::Seconds => leaf::duration(node).map(|duration| duration.as_secs_f64()),
        Unit::Share => leaf::share(node),
        Unit::TokensPerSecond | Unit::RequestsPerSecond => leaf::rate(node),
        // no size that is written is near 2⁵³
        Unit::Bytes => leaf::bytes(node).map(|bytes| bytes as f64),
        Unit::Number | Unit::Money | Unit::Celsius | Unit::Megahertz | Unit::Watts | Unit::Joules => {
            leaf::not_negative(node)
        }
    };
    match kind {
        "at_least" => fields.get(kind, limit).map(Bound::AtLeast),
        "at_most" if unit == Unit::Share => fields.get(kind, leaf::share_below_one).map(Bound::AtMost),
        "at_most" => fields.get(kind, limit).map(Bound::AtMost),
        _ => fields.get(kind, |node| {
            let ends = leaf::list(node, limit)?;
            let [low, high] = ends[..] else {
                return wrong(
                    node,
                    format!("must have two limits, found {}", ends.len()),
                    "not a pair",
                    "write `between = [low, high]`",
                );
            };
            if low > high {
                return Err(vec![Wrong {
                    place: node.place.clone(),
                    what: "has its limits in the wrong order".to_owned(),
                    label: "the first is above the second".to_owned(),
                    help: "write the lower limit first".to_owned(),
                    other: None,
                }]);
            }
            Ok(Bound::Between(low, high))
        }),
    }
}
