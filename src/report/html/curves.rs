//! The data of the charts of what was read over the run.

use serde_json::{Map, Value, json};

use super::{super::Report, data::short};
use crate::{
    catalog::{Quantity, Unit},
    metrics::Curve,
};

/// Curves of one chart at most: more cannot be told apart.
const MANY_CURVES: usize = 12;

/// A chart: curves of one unit.
pub(super) struct Group<'a> {
    /// Its name in the script.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    /// Its axis, with the unit.
    label: &'static str,
    /// From the base unit to that of the axis.
    factor: f64,
    curves: Vec<&'a Curve>,
}

/// What may be drawn, by the unit of its chart.
const CHARTS: [(&str, &str, &str, &str, Unit, f64); 4] = [
    (
        "shares",
        "Machine and servers over the run",
        "means over slices, in per cent",
        "per cent",
        Unit::Share,
        100.0,
    ),
    (
        "memory",
        "Memory over the run",
        "means over slices, in GiB",
        "GiB",
        Unit::Bytes,
        1.0 / (1u64 << 30) as f64,
    ),
    ("power", "Power over the run", "means over slices, in watts", "W", Unit::Watts, 1.0),
    (
        "celsius",
        "Temperature over the run",
        "means over slices, in degrees Celsius",
        "°C",
        Unit::Celsius,
        1.0,
    ),
];

/// The charts that there is anything for.
pub(super) fn groups<'a>(report: &Report<'a>) -> Vec<Group<'a>> {
    let all = &report.summary.observed.curves;
    let charts = CHARTS.into_iter().map(|(name, title, about, label, unit, factor)| {
        let curves = all.iter().filter(|curve| is_drawn(curve.quantity) && curve.quantity.unit() == unit);
        Group { name, title, about, label, factor, curves: curves.take(MANY_CURVES).collect() }
    });
    charts.filter(|group| !group.curves.is_empty()).collect()
}

/// What says of a run how busy and how full things were. Of some the others say the same.
fn is_drawn(quantity: Quantity) -> bool {
    !matches!(
        quantity,
        Quantity::SystemMemoryUsed
            | Quantity::SystemSwapUsed
            | Quantity::ServerMemoryPeak
            | Quantity::GpuMemoryReserved
            | Quantity::GpuMemoryServer
            | Quantity::GpuThrottled
    )
}

/// Their numbers, by name.
pub(super) fn data(report: &Report) -> Value {
    let groups = groups(report).into_iter().map(|group| {
        let slices = group.curves.first().map_or(0, |curve| curve.means.len());
        let slice_s = group.curves.first().map_or(0.0, |curve| curve.slice_s);
        let values = |curve: &&Curve| -> Value {
            let each =
                curve.means.iter().map(|mean| mean.map_or(Value::Null, |mean| short(mean * group.factor)));
            each.collect()
        };
        let name = |curve: &&Curve| format!("{} {}", curve.subject, curve.quantity.name()).replace('`', "");
        let value = json!({
            "label": group.label,
            "time": (0..slices).map(|slice| short((slice as f64 + 0.5) * slice_s)).collect::<Value>(),
            "names": group.curves.iter().map(name).collect::<Vec<_>>(),
            "values": group.curves.iter().map(values).collect::<Value>(),
        });
        (group.name.to_owned(), value)
    });
    Value::Object(groups.collect::<Map<_, _>>())
}
