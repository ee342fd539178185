//! `[objectives]` and `[endpoints.NAME.objectives]`.

use super::{
    super::{Objective, tree::Table},
    fields::Fields,
    leaf,
};

/// Reads what every request should meet, in the order of [`Objective::METRICS`].
pub(super) fn objectives(mut fields: Fields<'_>) -> Vec<Objective> {
    if fields.node.as_table().is_some_and(Table::is_empty) {
        fields.refuse("holds no objective", "nothing in it", "add one, such as `ttft = \"500ms\"`");
    }
    let objectives = Objective::METRICS.into_iter().filter_map(|metric| {
        let at_most = fields.get(metric.name(), leaf::positive_duration)?;
        Some(Objective { metric, at_most })
    });
    let objectives = objectives.collect();
    fields.finish();
    objectives
}
