//! What was read of the machine and of the servers, as tables and sentences, whoever shows them.

use super::{Report, words};
use crate::{
    catalog::{Course, Quantity, Unit},
    metrics::{Cost, Observation, Scope},
    units::{show_count, show_count_of, show_seconds, show_share},
};

/// What was read of a subject in a phase, as a row.
pub(super) struct Row<'a> {
    pub(super) phase: &'a str,
    pub(super) subject: String,
    pub(super) quantity: &'static str,
    pub(super) class: &'static str,
    /// Under [`headings`].
    pub(super) figures: Vec<String>,
    /// The peak, by which the phases of one quantity are compared.
    peak: f64,
    essential: bool,
}

/// The headings of [`Row::figures`]. Where nothing is sent there is neither a before nor an after, but a lowest value that says
/// something.
pub(super) fn headings(report: &Report) -> &'static [&'static str] {
    if report.plan.watches() {
        &["lowest", "mean", "peak", "in all"]
    } else {
        &["before", "mean", "peak", "after", "in all"]
    }
}

/// Headings of the figures that a narrow screen can spare, those first that it can spare most.
pub(super) const EXPENDABLE: [&str; 3] = ["after", "before", "lowest"];

/// What a screen has room for.
const ESSENTIAL: [Quantity; 11] = [
    Quantity::CpuUtilization,
    Quantity::SystemMemory,
    Quantity::ServerCpu,
    Quantity::ServerMemory,
    Quantity::GpuUtilization,
    Quantity::GpuMemory,
    Quantity::GpuTemperature,
    Quantity::Power,
    Quantity::Energy,
    Quantity::ServerKvCacheUsage,
    Quantity::ServerQueueLength,
];

/// Rows of a screen beyond which each quantity of a subject has only that of the phase with its highest peak.
const MANY_ROWS: usize = 12;

/// Every row of the measured phases, each as a whole, in the order of the plan.
pub(super) fn rows<'a>(report: &Report<'a>) -> Vec<Row<'a>> {
    let whole = |scope: &&Scope| scope.measured && scope.key.step.is_none() && scope.key.endpoint.is_none();
    let scopes = report.summary.scopes.iter().filter(whole);
    let each = scopes.flat_map(|scope| scope.observations.iter().map(move |read| (scope, read)));
    let headings = headings(report);
    let told = each.filter(|(_, read)| read.was_read());
    told.map(|(scope, read)| row(&scope.key.phase, read, headings)).collect()
}

/// The rows that a screen has room for.
pub(super) fn essential<'a>(report: &Report<'a>) -> Vec<Row<'a>> {
    let mut rows = rows(report);
    rows.retain(|row| row.essential);
    if rows.len() <= MANY_ROWS {
        return rows;
    }
    let mut highest: Vec<Row<'_>> = Vec::new();
    for row in rows {
        let same = |other: &&mut Row<'_>| {
            (&other.subject, other.quantity, other.class) == (&row.subject, row.quantity, row.class)
        };
        match highest.iter_mut().find(same) {
            Some(other) if other.peak < row.peak => *other = row,
            Some(_) => {}
            None => highest.push(row),
        }
    }
    highest
}

fn row<'a>(phase: &'a str, read: &Observation, headings: &[&str]) -> Row<'a> {
    let unit = read.quantity.unit();
    let show =
        |value: Option<f64>| value.map_or_else(|| words::MISSING.to_owned(), |value| shown(unit, value));
    let figure = |heading: &&str| match (read.quantity.course(), *heading) {
        (Course::Count, "in all") => show(read.growth),
        (Course::Count, _) | (Course::Level, "in all") => String::new(),
        (Course::Level, "before") => show(read.before),
        (Course::Level, "lowest") => show(read.min),
        (Course::Level, "mean") => show(read.mean),
        (Course::Level, "peak") => show(read.max),
        (Course::Level, _) => show(read.after),
    };
    Row {
        phase,
        subject: read.subject.to_string(),
        quantity: read.quantity.name(),
        class: read.class.name(),
        figures: headings.iter().map(figure).collect(),
        peak: read.max.or(read.growth).unwrap_or(0.0),
        essential: ESSENTIAL.contains(&read.quantity),
    }
}

/// A value; a whole number without decimals, as most of them are counts.
fn shown(unit: Unit, value: f64) -> String {
    if unit == Unit::Number && value.fract() == 0.0 { show_count(value as u64) } else { unit.show(value) }
}

/// What was not read, one line each.
pub(super) fn missing(report: &Report) -> Vec<String> {
    let each = report.summary.observed.missing.iter().map(|unread| {
        let from = (unread.from_s >= 1.0).then(|| show_seconds(unread.from_s));
        let when = match (from, unread.to_s.map(show_seconds)) {
            (None, None) => String::new(),
            (Some(from), None) => format!(" from {from} on"),
            (None, Some(to)) => format!(" until {to}"),
            (Some(from), Some(to)) => format!(" from {from} to {to}"),
        };
        format!("{} by `{}`{when}: {}", unread.subject, unread.sensor.name(), unread.why)
    });
    each.collect()
}

/// What reading cost; `None` where nothing was read.
pub(super) fn cost(report: &Report) -> Option<String> {
    let Cost { cpu_share, cpu_s, skipped, left_out } = report.summary.observed.cost?;
    let mut parts = Vec::new();
    if let (Some(share), Some(seconds)) = (cpu_share, cpu_s) {
        parts.push(format!(
            "Reading took {} of one processor, {} in all",
            show_share(share),
            show_seconds(seconds)
        ));
    }
    if skipped > 0 {
        parts.push(format!("{} skipped, since reading took too long", show_count_of(skipped, "moment")));
    }
    if left_out > 0 {
        parts.push(format!("{} left out, since writing was behind", show_count_of(left_out, "sample")));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}
