//! The data of the charts of what was read over the run.

use serde_json::{Map, Value, json};

use super::{super::Report, data::short};
use crate::{
    catalog::{Course, Quantity, Unit},
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

/// A chart that may be drawn.
struct Chart {
    name: &'static str,
    title: &'static str,
    about: &'static str,
    label: &'static str,
    factor: f64,
    draws: fn(Quantity) -> bool,
}

const CHARTS: [Chart; 7] = [
    Chart {
        name: "shares",
        title: "Machine and servers over the run",
        about: "means over slices, in per cent",
        label: "per cent",
        factor: 100.0,
        draws: |quantity| is_level(quantity, Unit::Share),
    },
    Chart {
        name: "queues",
        title: "Requests in the servers over the run",
        about: "means over slices, by the servers' own pages",
        label: "requests",
        factor: 1.0,
        draws: |quantity| matches!(quantity, Quantity::ServerRunning | Quantity::ServerQueueLength),
    },
    Chart {
        name: "server-tokens",
        title: "Tokens per second in the servers over the run",
        about: "means over slices, by the servers' own counts",
        label: "tokens per second",
        factor: 1.0,
        draws: |quantity| {
            matches!(
                quantity,
                Quantity::ServerPromptTokens
                    | Quantity::ServerPromptTokensComputed
                    | Quantity::ServerGenerationTokens
            )
        },
    },
    Chart {
        name: "memory",
        title: "Memory over the run",
        about: "means over slices, in GiB",
        label: "GiB",
        factor: 1.0 / (1u64 << 30) as f64,
        draws: |quantity| is_level(quantity, Unit::Bytes),
    },
    Chart {
        name: "power",
        title: "Power over the run",
        about: "means over slices, in watts",
        label: "W",
        factor: 1.0,
        draws: |quantity| is_level(quantity, Unit::Watts),
    },
    Chart {
        name: "celsius",
        title: "Temperature over the run",
        about: "means over slices, in degrees Celsius",
        label: "°C",
        factor: 1.0,
        draws: |quantity| is_level(quantity, Unit::Celsius),
    },
    Chart {
        name: "traffic",
        title: "Network and disks over the run",
        about: "means over slices, in MiB per second",
        label: "MiB per second",
        factor: 1.0 / (1u64 << 20) as f64,
        draws: |quantity| quantity.course() == Course::Count && quantity.unit() == Unit::Bytes,
    },
];

/// The charts that there is anything for.
pub(super) fn groups<'a>(report: &Report<'a>) -> Vec<Group<'a>> {
    let all = &report.summary.observed.curves;
    let charts = CHARTS.into_iter().map(|chart| {
        let Chart { name, title, about, label, factor, draws } = chart;
        let curves: Vec<&Curve> =
            all.iter().filter(|curve| draws(curve.quantity) && is_news(report, curve)).collect();
        Group { name, title, about, label, factor, curves: as_many_as_can_be_told_apart(&curves) }
    });
    charts.filter(|group| !group.curves.is_empty()).collect()
}

/// Those that a chart has room for: one of each quantity first, so that many GPUs leave room for what the server says.
fn as_many_as_can_be_told_apart<'a>(curves: &[&'a Curve]) -> Vec<&'a Curve> {
    let nth = |at: usize| curves[..at].iter().filter(|other| other.quantity == curves[at].quantity).count();
    let mut order: Vec<usize> = (0..curves.len()).collect();
    order.sort_by_key(|at| nth(*at));
    order.truncate(MANY_CURVES);
    order.sort_unstable();
    order.into_iter().map(|at| curves[at]).collect()
}

/// What says of a run how busy and how full things were. Of some the others say the same.
fn is_level(quantity: Quantity, unit: Unit) -> bool {
    let said = matches!(
        quantity,
        Quantity::SystemMemoryUsed
            | Quantity::SystemSwapUsed
            | Quantity::ServerMemoryPeak
            | Quantity::GpuMemoryReserved
            | Quantity::GpuMemoryServer
            | Quantity::GpuThrottled
    );
    !said && quantity.course() == Course::Level && quantity.unit() == unit
}

/// Whether a curve shows what no other does: a run that sends has charts of its own requests and tokens, and the traffic of the machine
/// is what it makes itself.
fn is_news(report: &Report, curve: &Curve) -> bool {
    report.plan.watches() || curve.quantity.course() == Course::Level
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
