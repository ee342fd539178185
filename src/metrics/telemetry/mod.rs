//! What was read of the machine and of the servers, by the windows of the steps: before, while and after.

mod bins;
mod collect;
mod stretch;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub(super) use collect::Collecting;

use crate::{
    catalog::{Course, Metric, Quantity, Statistic},
    plan::ScopeKey,
    record::{Class, SensorKind, Subject},
    stats::Drift,
};

/// What was read of one quantity over a stretch of the run. What a sensor did not read is not there.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// What.
    pub quantity: Quantity,
    /// Of what.
    pub subject: Subject,
    /// By what.
    pub sensor: SensorKind,
    /// How sure it is.
    pub class: Class,
    /// Readings that fall into the stretch.
    pub readings: u64,
    /// The share of the stretch between two readings.
    pub covered: f64,
    /// The last value before the stretch; only of a level, as what follows.
    pub before: Option<f64>,
    /// The mean over time: between two readings a sampled value is taken to change evenly, and one that is a mean since the
    /// reading before is what it says.
    pub mean: Option<f64>,
    /// The lowest reading, or what it is taken to be at the edges of the stretch.
    pub min: Option<f64>,
    /// The highest, likewise.
    pub max: Option<f64>,
    /// The first value after the stretch.
    pub after: Option<f64>,
    /// By how much a count grew in the stretch, interpolated at its ends. A count that fell began anew.
    pub growth: Option<f64>,
}

/// The least share of a window that has to lie between readings for a target to be judged on them.
pub const COVERED: f64 = 0.9;

impl Observation {
    /// A statistic of a level, or what a count came to.
    fn value(&self, statistic: Option<Statistic>) -> Option<f64> {
        match statistic {
            None => self.growth,
            Some(Statistic::Mean) => self.mean,
            Some(Statistic::Min) => self.min,
            Some(Statistic::Max) => self.max,
            Some(_) => None,
        }
    }
}

/// What a target on a quantity is judged by.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedOn<'a> {
    /// The value.
    pub value: f64,
    /// The subject that it is of; of sums the first.
    pub of: &'a Observation,
    /// Subjects that were read.
    pub subjects: usize,
}

/// The value of a quantity by readings of a scope, as targets see it, with the reading that it is of: of a level the worst of all
/// subjects, of a count, of power and of energy the sum over the subjects, which is of one class, the largest. Readings that leave
/// out more than a tenth of the window are none.
pub fn observed(
    readings: &[Observation],
    quantity: Quantity,
    statistic: Option<Statistic>,
    at_least: bool,
) -> Option<JudgedOn<'_>> {
    let all = readings.iter().filter(|reading| reading.quantity == quantity && reading.covered >= COVERED);
    let told: Vec<(&Observation, f64)> =
        all.filter_map(|reading| Some((reading, reading.value(statistic)?))).collect();
    let subjects = told.len();
    let come_to = |(of, value)| JudgedOn { value, of, subjects };
    let worse = |one: f64, other: f64| if at_least { other.total_cmp(&one) } else { one.total_cmp(&other) };
    if !adds_up(quantity) {
        return told.into_iter().max_by(|one, other| worse(one.1, other.1)).map(come_to);
    }
    let mut sums: BTreeMap<Class, (&Observation, f64)> = BTreeMap::new();
    for (reading, value) in told {
        sums.entry(reading.class).or_insert((reading, 0.0)).1 += value;
    }
    sums.into_values().max_by(|one, other| one.1.total_cmp(&other.1)).map(come_to)
}

/// Whether several subjects together have the sum of a quantity.
pub fn adds_up(quantity: Quantity) -> bool {
    quantity.course() == Course::Count || quantity == Quantity::Power
}

/// What a run tells of what was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// What could not be read, in the order in which that was found out.
    pub missing: Vec<Unread>,
    /// What reading cost; `None` where nothing was read.
    pub cost: Option<Cost>,
    /// What was read before the first step began.
    pub before: Vec<Observation>,
    /// What was read after the last request had ended.
    pub after: Vec<Observation>,
    /// Everything over the run, for charts.
    pub curves: Vec<Curve>,
    /// How the memory of servers went in long steps.
    pub memory: Vec<Trend>,
}

impl Observed {
    /// Why a quantity was not read, in words; empty where nobody said.
    pub fn why_unread(&self, metric: Metric) -> String {
        let quantity = if metric.is_energy() { Some(Quantity::Energy) } else { metric.quantity() };
        let Some(quantity) = quantity else { return String::new() };
        let whys = self.missing.iter().filter(|unread| unread.sensor.may_read(quantity));
        let whys: Vec<String> = whys.map(|unread| format!("{}: {}", unread.subject, unread.why)).collect();
        whys.join("; ")
    }
}

/// Something that was not read.
#[derive(Debug, Clone, PartialEq)]
pub struct Unread {
    /// From when on, in seconds since the start of the run.
    pub from_s: f64,
    /// Until when, where it was there again.
    pub to_s: Option<f64>,
    /// What would have read it.
    pub sensor: SensorKind,
    /// What it is about.
    pub subject: Subject,
    /// Why, in words.
    pub why: String,
}

/// What reading cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Processor time in seconds; `None` where the system does not tell.
    pub cpu_s: Option<f64>,
    /// The same as a share of one processor over the run.
    pub cpu_share: Option<f64>,
    /// Moments at which nothing was read, since the reading before took too long.
    pub skipped: u64,
    /// Lines that were left out, since what writes them was behind.
    pub left_out: u64,
}

/// A level over the run, or what a count grew by each second, as means over slices of equal length from its start.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// What.
    pub quantity: Quantity,
    /// Of what.
    pub subject: Subject,
    /// By what.
    pub sensor: SensorKind,
    /// The length of a slice, in seconds.
    pub slice_s: f64,
    /// The mean in each slice; `None` where nothing was read.
    pub means: Vec<Option<f64>>,
}

/// How the memory of a server went in a long step.
#[derive(Debug, Clone, PartialEq)]
pub struct Trend {
    /// The step.
    pub key: ScopeKey,
    /// The server.
    pub subject: Subject,
    /// The drift over the window.
    pub drift: Drift,
    /// Theil and Sen's slope, in bytes an hour.
    pub bytes_per_hour: f64,
    /// The length of the window, in seconds.
    pub length_s: f64,
}
