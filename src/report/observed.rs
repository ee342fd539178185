//! What was read of the machine and of the servers, as tables and sentences, whoever shows them.

use super::{Report, words};
use crate::{
    catalog::{Course, Quantity},
    metrics::{Cost, Observation, Scope},
    units::{show_count_of, show_seconds, show_share},
};

/// What was read of a subject in a phase, as a row.
pub(super) struct Row<'a> {
    pub(super) phase: &'a str,
    pub(super) subject: String,
    pub(super) quantity: &'static str,
    pub(super) class: &'static str,
    /// The last value before, the mean, the peak, the first value after, and what a count came to.
    pub(super) figures: [String; 5],
    /// The peak, by which the phases of one quantity are compared.
    peak: f64,
    essential: bool,
}

/// The headings of [`Row::figures`].
pub(super) const FIGURES: [&str; 5] = ["before", "mean", "peak", "after", "in all"];

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
    let shown = each.filter(|(_, read)| read.growth != Some(0.0));
    shown.map(|(scope, read)| row(&scope.key.phase, read)).collect()
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

fn row<'a>(phase: &'a str, read: &Observation) -> Row<'a> {
    let unit = read.quantity.unit();
    let show = |value: Option<f64>| value.map_or_else(|| words::MISSING.to_owned(), |value| unit.show(value));
    let of_level = |value: Option<f64>| match read.quantity.course() {
        Course::Level => show(value),
        Course::Count => String::new(),
    };
    let of_count = match read.quantity.course() {
        Course::Level => String::new(),
        Course::Count => show(read.growth),
    };
    Row {
        phase,
        subject: read.subject.to_string(),
        quantity: read.quantity.name(),
        class: read.class.name(),
        figures: [
            of_level(read.before),
            of_level(read.mean),
            of_level(read.max),
            of_level(read.after),
            of_count,
        ],
        peak: read.max.or(read.growth).unwrap_or(0.0),
        essential: ESSENTIAL.contains(&read.quantity),
    }
}

/// What was not read, one line each.
pub(super) fn missing(report: &Report) -> Vec<String> {
    let each = report.summary.observed.missing.iter().map(|unread| {
        let from = if unread.from_s < 1.0 {
            String::new()
        } else {
            format!(" from {} on", show_seconds(unread.from_s))
        };
        format!("{} by `{}`{from}: {}", unread.subject, unread.sensor.name(), unread.why)
    });
    each.collect()
}

/// What reading cost; `None` where nothing was read.
pub(super) fn cost(report: &Report) -> Option<String> {
    let Cost { cpu_share, cpu_s, skipped, left_out } = report.summary.observed.cost?;
    let mut parts = Vec::new();
    if let (Some(share), Some(seconds)) = (cpu_share, cpu_s) {
        parts.push(format!(
            "reading took {} of one processor, {} in all",
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
